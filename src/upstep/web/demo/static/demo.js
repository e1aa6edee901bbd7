"use strict";
// The demo's own page: moves the level, and shows what is behind the scenes. Nothing here is needed by the widget.
const who = document.body.dataset.who;
const limit = Number(document.body.dataset.limit);
const level = document.getElementById("level");
const share = document.getElementById("share");
const said = document.getElementById("said");
let used = Number(document.body.dataset.used);
let queue = Promise.resolve();
let isHeld = false;
let waiting = 0;

const make = (tag, text, style) => {
  const node = document.createElement(tag);
  if (text) node.textContent = text;
  if (style) node.className = style;
  return node;
};

const count = (many) => many.toLocaleString("en");
const reached = () => Math.floor((used * 100) / limit);
const moved = () => {
  const shown = Number(level.value);
  const many = shown === Math.min(reached(), Number(level.max)) ? used : Math.round((shown * limit) / 100);
  share.textContent = `${count(many)} e-mails, ${Math.floor((many * 100) / limit)}% of Starter's ${count(limit)}`;
  level.setAttribute("aria-valuetext", share.textContent);
};
// What was sent cannot be unsent: the level stands where the usage stands, or further.
const stand = () => {
  level.value = Math.max(Number(level.value), reached());
  moved();
};

const send = async (to) => {
  const more = Math.round((to * limit) / 100) - used;
  if (more <= 0) return;
  const body = JSON.stringify({ count: more });
  const answer = await fetch(`/send?who=${who}`, { method: "POST", body, headers: { "content-type": "application/json" } });
  if (!answer.ok) { said.textContent = "The service did not take the event. Is it still running?"; return; }
  used = (await answer.json()).used;
  said.textContent = `${count(more)} e-mails sent.`;
};

const reach = (to) => {
  if (to < reached()) said.textContent = `It is past ${to}% already, and what was sent cannot be unsent.`;
  level.value = to;
  stand();
  const wanted = Number(level.value);
  waiting += 1;
  queue = queue.then(() => send(wanted)).catch(() => {}).then(() => { waiting -= 1; });
};

level.addEventListener("pointerdown", () => { isHeld = true; });
for (const end of ["pointerup", "pointercancel", "blur"]) level.addEventListener(end, () => { isHeld = false; });
level.addEventListener("input", stand);
level.addEventListener("change", () => reach(Number(level.value)));
document.querySelectorAll("[data-share]").forEach((button) => {
  button.addEventListener("click", () => reach(Number(button.dataset.share)));
});
moved();

const time = (at) => new Date(at).toLocaleTimeString("en", { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });

const list = (id, rows, show) => {
  const node = document.getElementById(id);
  if (!rows.length || node.dataset.told === JSON.stringify(rows)) return;
  node.dataset.told = JSON.stringify(rows);
  node.replaceChildren(...rows.map(show));
};

const known = new Set();
let isFirst = true;
const happening = (each) => {
  const key = JSON.stringify(each);
  const item = make("li", "", known.has(key) || isFirst ? each.tone : `${each.tone} fresh`);
  known.add(key);
  const at = make("time", time(each.at));
  at.dateTime = each.at;
  const what = make("div");
  what.append(make("strong", each.title));
  if (each.more) what.append(make("small", each.more));
  item.append(at, what);
  return item;
};

const read = (mail) => {
  const frame = document.getElementById("mail");
  if (frame.dataset.id !== String(mail.id)) frame.src = `/mail/${mail.id}`;
  frame.dataset.id = mail.id;
  frame.hidden = false;
};

const mailButton = (mail) => {
  const item = make("li");
  const open = make("button", mail.subject);
  open.type = "button";
  open.addEventListener("click", () => read(mail));
  item.append(open, make("small", `${time(mail.at)} · to ${mail.to} · ${mail.status}`));
  return item;
};

const look = async () => {
  if (document.hidden) return;
  const answer = await fetch("/behind").catch(() => null);
  if (!answer?.ok) return;
  const told = await answer.json();
  list("mails", told.mails, mailButton);
  const fresh = told.mails.find((mail) => mail.status === "sent");
  if (fresh && document.getElementById("mail").hidden) read(fresh);
  list("invoices", told.invoices, (invoice) => {
    const item = make("li", `${invoice.id}: ${invoice.amount}, ${invoice.status}`, "paid");
    invoice.lines.forEach((line) => item.append(make("small", `${line.text}: ${line.amount}`)));
    return item;
  });
  list("happened", told.happened, happening);
  isFirst = false;
  document.getElementById("end").hidden = !told.happened.some((each) => each.tone === "money");
  // Another tab may have sent some.
  if (told.used > used && !isHeld && !waiting) { used = told.used; stand(); }
  document.getElementById("lines").textContent = told.lines.join("\n");
};

const keepLooking = async () => {
  await look().catch(() => {});
  setTimeout(keepLooking, 800);
};
keepLooking();
