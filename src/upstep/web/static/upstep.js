/*! Upstep: <upstep-offer> shows what waits for the person who looks: notices, offers, meters. Apache-2.0.
    No dependency, no inline style, no eval, no storage but which prompt was closed in this tab. See docs/widget.md. */
(() => {
  "use strict";
  if (customElements.get("upstep-offer")) return;

  const SCRIPT = document.currentScript;
  const TEXTS = {
    region: "About your plan",
    dismiss: "Dismiss",
    see: "See what changes",
    what: "What",
    today: "Today",
    after: "After",
    plan: "Plan",
    price: "Price",
    feature: "Also included",
    unlimited: "unlimited",
    none: "none",
    price_day: "{amount} a day",
    price_week: "{amount} a week",
    price_month: "{amount} a month",
    price_quarter: "{amount} a quarter",
    price_year: "{amount} a year",
    price_day_n: "{amount} every {n} days",
    price_week_n: "{amount} every {n} weeks",
    price_month_n: "{amount} every {n} months",
    price_quarter_n: "{amount} every {n} quarters",
    price_year_n: "{amount} every {n} years",
    pay: "To pay today",
    lines: "How it is made up",
    credit: "Your credit",
    next: "Next invoice, {date}",
    until: "This price holds until {date}.",
    changed: "The price has changed since. This is today's.",
    accept: "Change to {plan}",
    accept_any: "Make the change",
    not_now: "Not now",
    no: "No, thank you",
    confirm_title: "Change to {plan}?",
    confirm_any: "Make this change?",
    confirm_text: "{amount} is charged today.",
    confirm_free: "Nothing is charged today.",
    confirm: "Confirm and pay {amount}",
    confirm_only: "Confirm",
    back: "Back",
    busy: "One moment…",
    done_title: "Done. You are on {plan}.",
    done_any: "Done.",
    done_text: "{amount} paid. Invoice {invoice}.",
    done_free: "There was nothing to pay.",
    done: "Continue",
    declined_title: "The payment did not go through",
    declined_text: "Nothing was changed. Check your card and try again.",
    again: "Try again",
    silent_title: "No answer yet",
    silent_text: "Nothing is lost and nothing is charged twice. Please try again in a moment.",
    bank_title: "Please confirm the payment",
    bank_text: "{amount} waits for your word on the payment page. Nothing is changed until then.",
    bank: "Go to the payment page",
    held_title: "Not possible right now",
    held_text: "Nothing was changed. Please try again later.",
    ask_title: "{meter}: {used} of {limit} used",
    ask_any: "Your team is near a limit",
    ask_text: "{names} can change the plan.",
    ask_admin: "Ask your admin to change the plan.",
    meter: "{used} of {limit}",
    meter_open: "{used}",
    full: "{used} of {limit}: the limit is reached",
    resets: "Starts again on {date}",
  };

  const CSS = `
:host{--_accent:var(--upstep-accent,light-dark(#1d4ed8,#9db8ff));--_on:var(--upstep-on-accent,light-dark(#fff,#0b1220));
--_surface:var(--upstep-surface,light-dark(#fff,#1c2028));--_text:var(--upstep-text,light-dark(#16181d,#f1f3f7));
--_quiet:var(--upstep-quiet,light-dark(#50566a,#b9c0cf));--_line:var(--upstep-line,light-dark(#d5d9e2,#3a4150));
--_warn:var(--upstep-warn,light-dark(#b45309,#fbbf24));--_full:var(--upstep-full,light-dark(#b91c1c,#fca5a5));
--_radius:var(--upstep-radius,.75rem);color-scheme:light dark;display:contents;color:var(--_text);
font:var(--upstep-font,400 .9375rem/1.5 system-ui,sans-serif)}
:host([theme=light]){color-scheme:light}:host([theme=dark]){color-scheme:dark}:host([hidden]){display:none}
:host([form=meter]){display:block;min-block-size:var(--upstep-meter-space,4.25rem)}
*{box-sizing:border-box}h2,p,dl,dd,ul{margin:0;padding:0}h2{font-size:1.0625rem;line-height:1.35}ul{list-style:none}
button,a.button{font:inherit;font-weight:600;min-block-size:2.75rem;padding:.5rem 1rem;border-radius:calc(var(--_radius)*.66);
border:1px solid var(--_line);background:none;color:inherit;cursor:pointer;text-decoration:none;display:inline-block;text-align:center}
.primary{background:var(--_accent);border-color:var(--_accent);color:var(--_on)}
.plain{border-color:transparent;text-decoration:underline;font-weight:400}
:focus-visible{outline:3px solid var(--_accent);outline-offset:2px}h2:focus{outline:none}
.primary:focus-visible{outline-color:var(--_text)}
.corner{position:fixed;inset-block-end:1rem;inset-inline-end:1rem;inline-size:min(24rem,100vw - 2rem);
z-index:var(--upstep-z,2147483000);display:grid;gap:.75rem;pointer-events:none}
.card{pointer-events:auto;background:var(--_surface);border:1px solid var(--_line);border-radius:var(--_radius);
box-shadow:0 8px 30px #0003;padding:1rem;display:grid;gap:.5rem;animation:up .25s ease-out}
.corner.wide{inset-inline:0;inset-block-end:0;inline-size:auto}
.banner{border-width:1px 0 0;border-radius:0;grid-template-columns:1fr auto;align-items:center;padding-inline:max(1rem,5vw)}
.actions{display:flex;flex-wrap:wrap;gap:.5rem;margin-block-start:.25rem}
dialog{color:inherit;font:inherit;background:var(--_surface);border:1px solid var(--_line);border-radius:var(--_radius);
padding:1.5rem;inline-size:min(30rem,100vw - 2rem);max-block-size:calc(100dvh - 2rem);overflow:auto;box-shadow:0 20px 60px #0006}
dialog::backdrop{background:#0f172a99}dialog[open]{animation:up .2s ease-out}dialog>div{display:grid;gap:1rem}
dialog h2{font-size:1.25rem}
table{inline-size:100%;border-collapse:collapse}th,td{text-align:start;padding:.5rem .5rem .5rem 0;
border-block-end:1px solid var(--_line);vertical-align:top;font-weight:400;overflow-wrap:anywhere}thead th,tbody th{color:var(--_quiet)}
td:last-child{font-weight:600;padding-inline-end:0}
dl{display:grid;grid-template-columns:1fr auto;gap:.25rem 1rem}dd{text-align:end;font-variant-numeric:tabular-nums}
.total{font-weight:700;font-size:1.125rem}.quiet{color:var(--_quiet);font-size:.875rem}
summary{cursor:pointer;min-block-size:1.75rem}details dl{margin-block-start:.25rem}
.meter{display:grid;gap:.375rem;margin-block-end:.75rem}.label{display:flex;flex-wrap:wrap;justify-content:space-between;gap:0 1rem}
.track{block-size:.625rem;border-radius:1rem;background:var(--_line);overflow:hidden}
.bar{block-size:100%;inline-size:0;border-radius:inherit;background:var(--_accent);transition:inline-size .4s ease-out}
.warn .bar{background:var(--_warn)}.full .bar{background:var(--_full)}.full .count{color:var(--_full);font-weight:600}
.party{position:absolute;inset:0;overflow:hidden;pointer-events:none}
.party i{position:absolute;inset-block-start:-1rem;inline-size:.5rem;block-size:.75rem;background:var(--_accent);animation:fall 1.6s ease-in forwards}
.party i:nth-child(3n){background:var(--_warn)}.party i:nth-child(3n+1){background:var(--_full)}
@keyframes up{from{opacity:0;translate:0 .5rem}}@keyframes fall{to{translate:0 36rem;rotate:720deg;opacity:0}}
@media (prefers-reduced-motion:reduce){*{animation:none!important;transition:none!important}.party{display:none}}
@media (forced-colors:active){.track{border:1px solid}.bar{background:Highlight!important;forced-color-adjust:none}}
@media (max-width:30rem){.banner{grid-template-columns:1fr}dialog .actions>*{flex:1 1 100%}}`;

  const sheet = new CSSStyleSheet();
  sheet.replaceSync(CSS);

  const fill = (text, values) => text.replace(/\{(\w+)\}/g, (all, name) => values[name] ?? all);
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));

  // Nothing is ever parsed as HTML: what a server says becomes text.
  const el = (tag, props, ...kids) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(props || {})) {
      if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
      else if (value !== false && value != null) node.setAttribute(name, value);
    }
    node.append(...kids.flat().filter((kid) => kid != null && kid !== false));
    return node;
  };

  const stored = {
    get: (key) => { try { return sessionStorage.getItem("upstep:" + key); } catch { return null; } },
    set: (key, value) => { try { sessionStorage.setItem("upstep:" + key, value); } catch { /* not allowed here */ } },
    drop: (key) => { try { sessionStorage.removeItem("upstep:" + key); } catch { /* not allowed here */ } },
  };

  // Calls back once, when the node was really visible for a second.
  const whenSeen = (node, seen) => {
    let timer, inView = false;
    const look = () => {
      clearTimeout(timer);
      if (inView && document.visibilityState === "visible") timer = setTimeout(() => { stop(); seen(); }, 1000);
    };
    const observer = new IntersectionObserver((all) => {
      inView = all[all.length - 1].intersectionRatio >= 0.5;
      look();
    }, { threshold: [0, 0.5] });
    const stop = () => {
      clearTimeout(timer);
      observer.disconnect();
      document.removeEventListener("visibilitychange", look);
    };
    observer.observe(node);
    document.addEventListener("visibilitychange", look);
    return stop;
  };

  // One connection for all elements of a page that ask the same server with the same token.
  class Feed {
    constructor(server, giveToken) {
      Object.assign(this, { server, giveToken, listeners: new Set(), data: null, etag: null, token: null, runs: false });
      document.addEventListener("visibilitychange", () => document.hidden && this.stopper?.abort());
    }

    add(listener) {
      this.listeners.add(listener);
      if (this.data) listener(this.data);
      if (!this.runs) this.run();
    }

    async run() {
      this.runs = true;
      let failures = 0;
      while (this.listeners.size) {
        if (document.hidden) {
          await new Promise((done) => document.addEventListener("visibilitychange", done, { once: true }));
          continue;
        }
        this.stopper = new AbortController();
        const headers = this.etag ? { "if-none-match": this.etag } : {};
        const answer = await this.ask("/items" + (this.etag ? "?wait=25" : ""), { headers, signal: this.stopper.signal });
        if (answer?.status === 200) {
          this.data = await answer.json().catch(() => this.data);
          this.etag = answer.headers.get("etag");
          if (this.data) this.listeners.forEach((listen) => listen(this.data));
        }
        const isWell = answer?.status === 200 || answer?.status === 304 || this.stopper.signal.aborted;
        failures = isWell ? 0 : failures + 1;
        const later = isWell ? Number(answer?.headers.get("retry-after") || 0.1) : Math.min(300, 2 ** failures);
        await pause(later * (isWell ? 1000 : 800 + Math.random() * 400));
      }
      this.runs = false;
    }

    // Never throws: a server that is down answers null.
    async ask(path, options = {}, isAgain = false) {
      try {
        if (!this.token || this.endsSoon()) this.token = await this.giveToken();
        const headers = { ...options.headers, authorization: "Bearer " + this.token };
        const answer = await fetch(this.server + path, {
          ...options, headers, cache: "no-store", credentials: "omit", referrerPolicy: "no-referrer",
        });
        if (answer.status !== 401 || isAgain) return answer;
        this.token = null;
        return await this.ask(path, options, true);
      } catch {
        return null;
      }
    }

    post(path, body) {
      const sent = body ? { body: JSON.stringify(body), headers: { "content-type": "application/json" } } : {};
      return this.ask(path, { method: "POST", keepalive: true, ...sent });
    }

    endsSoon() {
      try {
        const claims = JSON.parse(atob(this.token.split(".")[1].replace(/-/g, "+").replace(/_/g, "/")));
        return claims.exp * 1000 < Date.now() + 30000;
      } catch {
        return false;
      }
    }
  }

  const feeds = new Map();

  class UpstepOffer extends HTMLElement {
    connectedCallback() {
      if (!this.root) {
        this.root = this.attachShadow({ mode: "open" });
        this.root.adoptedStyleSheets = [sheet];
        this.seen = new Set();
        this.gone = new Set();
        this.cards = new Map();
        this.bars = new Map();
        this.texts = { ...TEXTS, ...this.ownTexts() };
      }
      const server = (this.getAttribute("server") || (SCRIPT ? new URL(".", SCRIPT.src).href : "")).replace(/\/$/, "");
      const key = server + "\n" + (this.getAttribute("token-url") || this.getAttribute("token") || "");
      if (!feeds.has(key)) feeds.set(key, new Feed(server, () => this.giveToken()));
      this.feed = feeds.get(key);
      this.listen = (data) => this.show(data);
      // After this turn, so that a page may set `getToken` on what it has just made.
      queueMicrotask(() => this.isConnected && this.feed.add(this.listen));
    }

    disconnectedCallback() {
      this.feed?.listeners.delete(this.listen);
      this.stopSeen?.();
    }

    ownTexts() {
      const child = this.querySelector('script[type="application/json"]');
      try {
        return JSON.parse(this.getAttribute("texts") || child?.textContent || "{}");
      } catch {
        return {};
      }
    }

    async giveToken() {
      if (this.getToken) return this.getToken();
      if (this.hasAttribute("token")) return this.getAttribute("token");
      const answer = await fetch(this.getAttribute("token-url"), { headers: { accept: "application/json" } });
      if (!answer.ok) throw new Error("no token");
      return (await answer.json()).token;
    }

    // Words, numbers, money and dates, as the page's language has them.
    get lang() {
      return this.closest("[lang]")?.getAttribute("lang") || navigator.language;
    }

    text(name, values = {}) {
      return fill(this.texts[name] ?? name, values);
    }

    number(value) {
      return new Intl.NumberFormat(this.lang).format(value);
    }

    date(value) {
      return new Intl.DateTimeFormat(this.lang, { dateStyle: "long" }).format(new Date(value));
    }

    money(minor, { currency, digits = 2 }) {
      const both = { minimumFractionDigits: digits, maximumFractionDigits: digits };
      return new Intl.NumberFormat(this.lang, { style: "currency", currency, ...both }).format(minor / 10 ** digits);
    }

    tell(name, detail) {
      this.dispatchEvent(new CustomEvent("upstep:" + name, { detail, bubbles: true, composed: true }));
    }

    show(data) {
      this.data = data;
      if (this.getAttribute("form") === "meter") this.showMeters(data.meters);
      else this.showItems(data.items.filter((item) => !this.gone.has(this.keyOf(item))));
    }

    keyOf(item) {
      return item.kind === "offer" || item.kind === "confirm" ? item.offer.id : item.kind + item.id;
    }

    // Meters ----------------------------------------------------------------------------------------------------------
    showMeters(meters) {
      const wanted = (this.getAttribute("meter") || "").split(/\s+/).filter(Boolean);
      const shown = meters.filter((meter) => meter.used != null && (!wanted.length || wanted.includes(meter.id)));
      for (const meter of shown) {
        if (!this.bars.has(meter.id)) this.bars.set(meter.id, this.newMeter(meter));
        this.setMeter(this.bars.get(meter.id), meter);
      }
      const nodes = shown.map((meter) => this.bars.get(meter.id).box);
      if (nodes.length !== this.root.children.length || nodes.some((node, at) => this.root.children[at] !== node)) {
        this.root.replaceChildren(...nodes);
      }
    }

    newMeter(meter) {
      const count = el("span", { class: "count", part: "meter-count" });
      const bar = el("div", { class: "bar", part: "bar" });
      const track = el("div", { class: "track", part: "track", "aria-label": meter.name }, bar);
      const note = el("div", { class: "quiet", part: "meter-note" });
      const label = el("div", { class: "label" }, el("span", { part: "meter-name" }, meter.name), count);
      return { count, bar, track, note, box: el("div", { class: "meter", part: "meter" }, label, track, note) };
    }

    setMeter({ count, bar, track, note, box }, { used, limit, resets_at }) {
      const isFull = limit != null && used >= limit;
      const words = { used: this.number(used), limit: limit == null ? "" : this.number(limit) };
      count.textContent = this.text(limit == null ? "meter_open" : isFull ? "full" : "meter", words);
      note.textContent = resets_at ? this.text("resets", { date: this.date(resets_at) }) : "";
      box.className = "meter" + (isFull ? " full" : limit && used >= limit * 0.8 ? " warn" : "");
      track.hidden = limit == null;
      if (limit == null) return;
      bar.style.inlineSize = Math.min(100, limit ? (used * 100) / limit : 100) + "%";
      const values = { role: "meter", "aria-valuemin": 0, "aria-valuemax": limit, "aria-valuenow": Math.min(used, limit) };
      for (const [name, value] of Object.entries(values)) track.setAttribute(name, value);
      track.setAttribute("aria-valuetext", count.textContent);
    }

    // Notices and banners ---------------------------------------------------------------------------------------------
    showItems(items) {
      const offer = items.find((item) => item.offer);
      this.keepDialog(offer);
      this.finishPayment(offer);
      const isOpen = this.dialog?.open;
      if (!this.corner) {
        // It is there before it has anything to say, so that a screen reader hears of what comes.
        this.corner = el("section", { class: "corner", part: "corner", "aria-label": this.text("region"), "aria-live": "polite" });
        this.root.append(this.corner);
      }
      const asCards = items.filter((item) => !item.offer || (!isOpen && (item.style !== "modal" || this.isFolded(item))));
      const keys = new Set(asCards.map((item) => this.keyOf(item)));
      for (const [key, card] of this.cards) if (!keys.has(key)) this.dropCard(key, card);
      for (const item of asCards) this.putCard(item);
      this.corner.classList.toggle("wide", !!this.corner.querySelector(".banner"));
      if (offer && offer.style === "modal" && !isOpen && !this.isFolded(offer)) this.openWhenCalm(offer);
    }

    isFolded(item) {
      return stored.get("closed:" + this.keyOf(item)) !== null;
    }

    dropCard(key, card) {
      card.stop?.();
      card.node.remove();
      this.cards.delete(key);
    }

    putCard(item) {
      const key = this.keyOf(item);
      const told = JSON.stringify(item);
      const known = this.cards.get(key);
      if (known?.told === told) return;
      if (known) this.dropCard(key, known);
      const node = item.offer ? this.offerCard(item) : this.noticeCard(item);
      this.corner.append(node);
      this.cards.set(key, { node, told, stop: item.kind === "ask" ? null : this.watch(node, item) });
    }

    watch(node, item) {
      if (!item.id || this.seen.has(item.id)) return null;
      return whenSeen(node, () => {
        this.seen.add(item.id);
        this.feed.post(`/items/${item.id}/exposure`);
        this.tell("shown", { kind: item.kind, offer_id: item.offer?.id });
      });
    }

    noticeCard(item) {
      const isAsk = item.kind === "ask";
      const { meter_name: meter, used, limit } = item.facts || {};
      const known = isAsk && used != null && limit != null;
      const counts = known && { meter, used: this.number(used), limit: this.number(limit) };
      const title = isAsk ? this.text(known ? "ask_title" : "ask_any", counts || {}) : item.title;
      const names = this.data.ask?.length && new Intl.ListFormat(this.lang, { type: "disjunction" }).format(this.data.ask);
      const body = isAsk ? [names ? this.text("ask_text", { names }) : this.text("ask_admin")] : item.text;
      const away = () => {
        this.gone.add(this.keyOf(item));
        this.feed.post(`/items/${item.id}/dismiss`);
        this.show(this.data);
      };
      return this.card(item, title, body, el("button", { type: "button", part: "button", onclick: away }, this.text("dismiss")));
    }

    offerCard(item) {
      const open = () => this.open(item, "offer", true);
      const see = el("button", { type: "button", class: "primary", part: "button primary", onclick: open }, this.text("see"));
      const wait = item.kind === "confirm";
      const title = wait ? this.text("bank_title") : item.title;
      return this.card(item, title, wait ? [] : item.text, see, !wait && this.noButton(item, "not_now"), !wait && this.noButton(item, "no"));
    }

    card(item, title, body, ...buttons) {
      const isBanner = item.style === "banner";
      return el("article", { class: isBanner ? "card banner" : "card", part: isBanner ? "card banner" : "card notice" },
        el("div", {}, el("h2", { part: "title" }, title), body.map((text) => el("p", { part: "text" }, text))),
        el("div", { class: "actions", part: "actions" }, buttons));
    }

    noButton(item, answer) {
      const say = () => {
        this.gone.add(this.keyOf(item));
        this.close();
        this.feed.post(`/offers/${item.offer.id}/decline`, { answer });
        this.tell("declined", { offer_id: item.offer.id, answer });
        this.show(this.data);
      };
      return el("button", { type: "button", class: answer === "no" ? "plain" : "", part: "button", onclick: say }, this.text(answer));
    }

    // The dialog ------------------------------------------------------------------------------------------------------
    // Nobody who is typing is interrupted: it waits until they are done.
    openWhenCalm(item) {
      const at = document.activeElement;
      const types = at && (at.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(at.tagName)) && !/^(range|button|checkbox|radio|submit)$/.test(at.type);
      if (!types && !document.querySelector("dialog[open]")) return this.open(item, item.kind === "confirm" ? "bank" : "offer");
      if (!this.waits) {
        this.waits = true;
        setTimeout(() => { this.waits = false; if (this.isConnected && this.data) this.show(this.data); }, 1500);
      }
      return undefined;
    }

    open(item, step, isAsked = false) {
      if (!this.dialog) {
        this.dialog = el("dialog", { part: "dialog", "aria-labelledby": "title" });
        this.dialog.addEventListener("cancel", (event) => { event.preventDefault(); this.fold(); });
        this.dialog.addEventListener("click", (event) => event.target === this.dialog && this.fold());
        this.dialog.addEventListener("keydown", (event) => this.keepFocus(event));
        this.root.append(this.dialog);
      }
      this.item = item;
      if (isAsked) this.feed.post(`/offers/${item.offer.id}/click`);
      this.step(item.kind === "confirm" && step === "offer" ? "bank" : step);
      if (!this.dialog.open) this.dialog.showModal();
      this.focusTitle();
      this.stopSeen = this.watch(this.dialog, item);
      this.cards.forEach((card, key) => key === this.keyOf(item) && this.dropCard(key, card));
    }

    close() {
      this.stopSeen?.();
      if (this.dialog?.open) this.dialog.close();
      this.item = null;
    }

    // Escape is no answer: the prompt becomes a small card, and does not open by itself again in this tab.
    fold() {
      if (this.at === "busy") return;
      if (this.item && this.at !== "done") stored.set("closed:" + this.keyOf(this.item), "1");
      else if (this.item) this.gone.add(this.keyOf(this.item));
      this.close();
      this.show(this.data);
    }

    keepFocus(event) {
      if (event.key !== "Tab") return;
      const all = [...this.dialog.querySelectorAll("button,a[href],summary")].filter((node) => node.getClientRects().length);
      const [first, last] = [all[0], all[all.length - 1]];
      const at = this.root.activeElement;
      if (event.shiftKey ? at === first || at?.id === "title" : at === last) {
        event.preventDefault();
        (event.shiftKey ? last : first)?.focus();
      }
    }

    focusTitle() {
      this.dialog.querySelector("#title")?.focus();
    }

    // What is shown in the dialog follows the server while it is being read, and never while it is being answered.
    keepDialog(offer) {
      if (!this.dialog?.open || !["offer", "confirm"].includes(this.at)) return;
      if (!offer || this.keyOf(offer) !== this.keyOf(this.item)) this.close();
      else if (offer.offer.quote?.id !== this.item.offer.quote?.id) {
        this.item = offer;
        this.step("offer", this.text("changed"));
      }
    }

    step(name, note) {
      this.at = name;
      this.dialog.replaceChildren(el("div", {}, this["on_" + name](this.item, note)));
      if (this.dialog.open) this.focusTitle();
    }

    title(text) {
      return el("h2", { id: "title", part: "title", tabindex: -1 }, text);
    }

    buttons(...all) {
      return el("div", { class: "actions", part: "actions" }, all);
    }

    button(text, act, isPrimary = true) {
      const style = isPrimary ? { class: "primary", part: "button primary" } : { part: "button" };
      return el("button", { type: "button", ...style, onclick: act }, text);
    }

    planOf(item) {
      return item.offer.rows.find((row) => row.kind === "plan")?.after;
    }

    named(item, name, other) {
      const plan = this.planOf(item);
      return plan ? this.text(name, { plan }) : this.text(other);
    }

    on_offer(item, note) {
      const { quote } = item.offer;
      const start = () => { this.feed.post(`/offers/${item.offer.id}/click`); this.step("confirm"); };
      return [
        this.title(item.title),
        note && el("p", { role: "status", part: "text" }, note),
        item.text.map((text) => el("p", { part: "text" }, text)),
        this.table(item.offer),
        quote && this.sums(quote),
        this.buttons(this.button(this.named(item, "accept", "accept_any"), start), this.noButton(item, "not_now"), this.noButton(item, "no")),
      ];
    }

    table({ rows, quote }) {
      const cell = (row, value, every) => {
        if (row.kind === "price") return value == null ? this.text("none") : this.perPeriod(value, every, quote);
        if (row.kind === "limit") return value == null ? this.text("unlimited") : this.number(value);
        return value ?? this.text("none");
      };
      const lines = rows.filter((row) => row.kind !== "feature").map((row) => el("tr", {},
        el("th", { scope: "row" }, row.kind === "limit" ? row.label : this.text(row.kind)),
        el("td", {}, cell(row, row.before, row.every[0])),
        el("td", {}, cell(row, row.after, row.every[1]))));
      const more = rows.filter((row) => row.kind === "feature").map((row) => el("p", { class: "quiet", part: "text" }, `${this.text("feature")}: ${row.after}`));
      const heads = ["what", "today", "after"].map((name) => el("th", { scope: "col" }, this.text(name)));
      return lines.length && [el("table", { part: "table" }, el("thead", {}, el("tr", {}, heads)), el("tbody", {}, lines)), more];
    }

    perPeriod(minor, [unit, n], quote) {
      return this.text(`price_${unit}${n === 1 ? "" : "_n"}`, { amount: this.money(minor, quote), n });
    }

    sums(quote) {
      const line = (text, minor, style) => [el("dt", style, text), el("dd", style, this.money(minor, quote))];
      const parts = quote.lines.map((each) => line(each.text, each.amount_minor));
      if (quote.credit_used_minor) parts.push(line(this.text("credit"), -quote.credit_used_minor));
      return [
        el("dl", { part: "price" }, line(this.text("pay"), quote.due_now_minor, { class: "total" }),
          line(this.text("next", { date: this.date(quote.next_invoice_at) }), quote.next_invoice_minor)),
        parts.length > 0 && el("details", { class: "quiet", part: "lines" }, el("summary", {}, this.text("lines")), el("dl", {}, parts)),
        el("p", { class: "quiet", part: "text" }, this.text("until", { date: this.date(quote.expires_at) })),
      ];
    }

    on_confirm(item) {
      const { quote } = item.offer;
      const amount = quote && this.money(quote.due_now_minor, quote);
      const pays = quote?.due_now_minor > 0;
      return [
        this.title(this.named(item, "confirm_title", "confirm_any")),
        el("p", { part: "text" }, this.text(pays ? "confirm_text" : "confirm_free", { amount })),
        quote && el("p", { class: "quiet", part: "text" }, `${this.text("next", { date: this.date(quote.next_invoice_at) })}: ${this.money(quote.next_invoice_minor, quote)}`),
        this.buttons(this.button(this.text(pays ? "confirm" : "confirm_only", { amount }), () => this.accept()),
          this.button(this.text("back"), () => this.step("offer"), false)),
      ];
    }

    on_busy() {
      return [this.title(this.text("busy"))];
    }

    on_done(item) {
      const party = el("div", { class: "party", "aria-hidden": "true" });
      for (let at = 0; at < 24; at += 1) {
        const piece = el("i");
        piece.style.insetInlineStart = (at * 37) % 100 + "%";
        piece.style.animationDelay = (at % 8) * 60 + "ms";
        party.append(piece);
      }
      const { amount_minor: minor, invoice_id: invoice, currency } = this.result;
      const money = item.offer.quote || { currency };
      const paid = minor > 0 ? this.text("done_text", { amount: this.money(minor, money), invoice: invoice ?? "" }) : this.text("done_free");
      return [party, this.title(this.named(item, "done_title", "done_any")), el("p", { part: "text" }, paid),
        this.buttons(this.button(this.text("done"), () => this.fold()))];
    }

    on_declined() {
      return this.oops("declined", this.button(this.text("again"), () => this.accept()));
    }

    on_silent() {
      return this.oops("silent", this.button(this.text("again"), () => this.accept()));
    }

    on_held() {
      return this.oops("held");
    }

    oops(name, ...buttons) {
      return [this.title(this.text(name + "_title")), el("p", { part: "text" }, this.text(name + "_text")),
        this.buttons(buttons, this.button(this.text("dismiss"), () => this.fold(), false))];
    }

    on_bank(item) {
      const { offer } = item;
      const url = this.result?.url || offer.url;
      const isWeb = /^https?:\/\//.test(url || "");
      const leave = () => stored.set("paying", JSON.stringify({ offer: offer.id, quote: offer.quote?.id }));
      const amount = offer.quote ? this.money(offer.quote.due_now_minor, offer.quote) : "";
      return [this.title(this.text("bank_title")), el("p", { part: "text" }, this.text("bank_text", { amount })),
        this.buttons(isWeb && el("a", { class: "button primary", part: "button primary", href: url, onclick: leave }, this.text("bank")),
          this.button(this.text("dismiss"), () => this.fold(), false))];
    }

    async accept() {
      const { item } = this;
      this.step("busy");
      const answer = await this.feed.post(`/offers/${item.offer.id}/accept`, { quote_id: item.offer.quote?.id });
      this.result = (await answer?.json().catch(() => null)) || {};
      const { state } = this.result;
      if (this.item !== item || !this.dialog.open) return;
      if (state === "applied") {
        stored.drop("closed:" + this.keyOf(item));
        this.gone.add(this.keyOf(item));
        this.step("done");
        this.tell("accepted", { offer_id: item.offer.id, amount_minor: this.result.amount_minor, currency: this.result.currency });
      } else if (state === "confirm") this.step("bank");
      else if (state === "declined") this.step("declined");
      else if (state === "requoted") await this.requote(item);
      else if (state) this.step("held");
      else this.step("silent");
    }

    async requote(item) {
      const answer = await this.feed.post(`/offers/${item.offer.id}/quote`);
      const told = answer?.ok ? await answer.json() : null;
      const fresh = told?.items.find((each) => each.offer?.id === item.offer.id);
      if (!fresh) return this.step("held");
      this.item = fresh;
      return this.step("offer", this.text("changed"));
    }

    // Back from the payment page: ask once what has become of it.
    async finishPayment(offer) {
      const kept = stored.get("paying");
      if (!kept || this.asks) return;
      this.asks = true;
      stored.drop("paying");
      const { offer: id, quote } = JSON.parse(kept);
      const answer = await this.feed.post(`/offers/${id}/accept`, { quote_id: quote });
      this.result = (await answer?.json().catch(() => null)) || {};
      this.asks = false;
      if (this.result.state === "applied") {
        this.gone.add(id);
        this.open(offer?.offer.id === id ? offer : { id: 0, kind: "offer", title: "", text: [], offer: { id, rows: [], quote: null } }, "done");
        this.tell("accepted", { offer_id: id, amount_minor: this.result.amount_minor, currency: this.result.currency });
      }
    }
  }

  customElements.define("upstep-offer", UpstepOffer);

  // <script src="…/upstep.js" data-token-url="/upstep-token" defer></script> is enough.
  const mount = () => {
    const { tokenUrl, theme, texts } = SCRIPT.dataset;
    if (document.querySelector("upstep-offer:not([form=meter])")) return;
    const node = el("upstep-offer", { "token-url": tokenUrl, theme, texts });
    document.body.append(node);
  };
  if (SCRIPT?.dataset.tokenUrl) {
    if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", mount);
    else mount();
  }
})();
