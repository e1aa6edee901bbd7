"use strict";
// The demo's own page: moves the level, and shows what is behind the scenes. Nothing here is needed by the widget.
const who = document.body.dataset.who;
const limit = Number(document.body.dataset.limit);
const level = document.getElementById("level");
const share = document.getElementById("share");
const said = document.getElementById("said");
let sent = Number(level.min);
let queue = Promise.resolve();

const make = (tag, text, style) => {
  const node = document.createElement(tag);
  if (text) node.textContent = text;
  if (style) node.className = style;
  return node;
};

const send = async (to) => {
  const count = Math.round(((to - sent) * limit) / 100);
  if (count <= 0) return;
  const body = JSON.stringify({ count });
  const answer = await fetch(`/send?who=${who}`, { method: "POST", body, headers: { "content-type": "application/json" } });
  if (!answer.ok) { said.textContent = "The service did not take the event. Is it still running?"; return; }
  sent = to;
  said.textContent = `${count.toLocaleString("en")} e-mails sent.`;
};

const moved = () => { share.textContent = `${level.value} %`; };
// What was sent cannot be unsent: the level only rises, and each rise is sent once.
const reach = (to) => {
  level.value = Math.max(to, sent);
  moved();
  queue = queue.then(() => send(Number(level.value)));
};

level.addEventListener("input", () => {
  level.value = Math.max(Number(level.value), sent);
  moved();
});
level.addEventListener("change", () => reach(Number(level.value)));
document.querySelectorAll("[data-share]").forEach((button) => {
  button.addEventListener("click", () => reach(Number(button.dataset.share)));
});

const time = (at) => new Date(at).toLocaleTimeString("en", { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });

const list = (id, rows, show) => {
  const node = document.getElementById(id);
  if (!rows.length || node.dataset.told === JSON.stringify(rows)) return;
  node.dataset.told = JSON.stringify(rows);
  node.replaceChildren(...rows.map(show));
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
  list("happened", told.happened, (each) => {
    const item = make("li", each.what);
    item.append(make("small", [time(each.at), each.who, each.why].filter(Boolean).join(" · ")));
    return item;
  });
  document.getElementById("lines").textContent = told.lines.join("\n");
};

const keepLooking = async () => {
  await look().catch(() => {});
  setTimeout(keepLooking, 800);
};
keepLooking();
