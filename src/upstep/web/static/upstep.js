/*! Upstep, Apache-2.0. <upstep-offer>: the notices, offers and meters of the person who looks. See docs/widget.md. */
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
    price_each: "{amount} / {period}",
    feature: "Also included: {names}",
    unlimited: "unlimited",
    none: "none",
    pay: "To pay today",
    next: "Next invoice, {date}",
    lines: "How it is made up",
    credit: "Your credit",
    until: "This price holds until {date}.",
    changed: "The price has changed since. This is today's.",
    accept: "Change to {plan}",
    not_now: "Not now",
    no: "No, thank you",
    sure: "Change to {plan}?",
    sure_text: "{amount} is charged today.",
    confirm: "Confirm and pay {amount}",
    back: "Back",
    busy: "One moment…",
    done: "Done. You are on {plan}.",
    paid: "{amount} paid. Invoice {invoice}.",
    paid_none: "There was nothing to pay.",
    go_on: "Continue",
    again: "Try again",
    declined: "The payment did not go through",
    declined_text: "Nothing was changed. Check your card and try again.",
    silent: "No answer yet",
    silent_text: "Nothing is lost, and nothing is charged twice. Please try again in a moment.",
    held: "Not possible right now",
    held_text: "Nothing was changed. Please try again later.",
    bank: "Please confirm the payment",
    bank_text: "It waits for your word on the payment page. Nothing is changed until then.",
    bank_go: "Go to the payment page",
    ask: "Your team is near a limit",
    ask_count: "{meter}: {used} of {limit}.",
    ask_text: "{names} can change the plan.",
    ask_admin: "Ask your admin to change the plan.",
    meter: "{used} of {limit}",
    full: "{used} of {limit}: the limit is reached",
    resets: "Starts again on {date}",
  };

  const CSS = `
:host{--a:var(--upstep-accent,light-dark(#1d4ed8,#9db8ff));--s:var(--upstep-surface,light-dark(#fff,#1c2028));
--q:var(--upstep-quiet,light-dark(#50566a,#b9c0cf));--l:var(--upstep-line,light-dark(#d5d9e2,#3a4150));
--w:var(--upstep-warn,light-dark(#b45309,#fbbf24));--f:var(--upstep-full,light-dark(#b91c1c,#fca5a5));
--r:var(--upstep-radius,.75rem);color-scheme:light dark;display:contents;
color:var(--upstep-text,light-dark(#16181d,#f1f3f7));font:var(--upstep-font,400 .9375rem/1.5 system-ui,sans-serif)}
:host([theme=light]){color-scheme:light}:host([theme=dark]){color-scheme:dark}
:host([form=meter]){display:block;min-block-size:4.25rem}
*{box-sizing:border-box}h2,p,dl,dd{margin:0}h2{font-size:1.0625rem;line-height:1.35;text-wrap:balance}
.button{font:inherit;font-weight:600;padding:.625rem 1rem;border-radius:calc(var(--r)*.66);border:1px solid var(--l);
background:0 0;color:inherit;cursor:pointer;text-decoration:none;text-align:center}
.primary{background:var(--a);border-color:var(--a);color:var(--upstep-on-accent,light-dark(#fff,#0b1220))}
.no{border-color:transparent;text-decoration:underline;font-weight:400}
:focus-visible{outline:3px solid var(--a);outline-offset:2px}h2:focus{outline:0}
.corner{position:fixed;inset-block-end:1rem;inset-inline-end:1rem;inline-size:min(24rem,100vw - 2rem);
z-index:var(--upstep-z,2147483000);display:grid;gap:.75rem;pointer-events:none}
.card,dialog{background:var(--s);color:inherit;border:1px solid var(--l);border-radius:var(--r);box-shadow:0 8px 40px #0004;
animation:up .25s ease-out}.card{pointer-events:auto;padding:1rem}
.corner:has(.banner){inset-inline:0;inset-block-end:0;inline-size:auto}
.banner{border-radius:0;padding-inline:max(1rem,8vw)}
.actions{display:flex;flex-wrap:wrap;gap:.5rem;margin-block-start:.75rem}
dialog{padding:1.5rem;inline-size:min(30rem,100vw - 2rem);max-block-size:calc(100dvh - 2rem);overflow:auto}
dialog::backdrop{background:#0f172a99}dialog[open]{display:grid;gap:1rem}dialog h2{font-size:1.25rem}
table{border-collapse:collapse}th,td{text-align:start;padding:.5rem .5rem .5rem 0;border-block-end:1px solid var(--l);
font-weight:400;overflow-wrap:anywhere}th,.quiet{color:var(--q)}td:last-child,.total{font-weight:700}
dl{display:grid;grid-template-columns:1fr auto;gap:.25rem 1rem}dd{text-align:end}.quiet{font-size:.875rem}
summary{cursor:pointer;padding-block:.25rem}
.meter{display:grid;gap:.375rem;margin-block-end:.75rem}.label{display:flex;flex-wrap:wrap;justify-content:space-between}
.track{block-size:.625rem;border-radius:1rem;background:var(--l);overflow:hidden}
.bar{block-size:100%;background:var(--a);transition:inline-size .4s}
.warn .bar{background:var(--w)}.full .bar{background:var(--f)}.full .count{color:var(--f);font-weight:600}
.party{position:absolute;inset:0;overflow:hidden;pointer-events:none}
.party i{position:absolute;inset-block-start:-1rem;inline-size:.5rem;block-size:.75rem;background:var(--a);animation:fall 1.6s ease-in forwards}
.party i:nth-child(2n){background:var(--w)}
@keyframes up{from{opacity:0;translate:0 .5rem}}@keyframes fall{to{translate:0 36rem;rotate:2turn;opacity:0}}
@media (prefers-reduced-motion:reduce){*{animation:none!important;transition:none!important}.party{display:none}}
@media (forced-colors:active){.track{border:1px solid}.bar{background:Highlight;forced-color-adjust:none}}
@media (max-width:30rem){dialog{padding:1rem}dialog[open]{gap:.625rem}dialog .button{flex:1}dialog .primary{flex-basis:100%}}`;

  const sheet = new CSSStyleSheet();
  sheet.replaceSync(CSS);

  const pause = (seconds) => new Promise((done) => setTimeout(done, seconds * 1000));
  const onLook = (act, options) => document.addEventListener("visibilitychange", act, options);

  // Nothing is ever parsed as HTML: what a server says becomes text. A class is a ::part as well.
  const el = (tag, names, kids = [], props = {}) => {
    const node = document.createElement(tag);
    const all = names ? { class: names, part: names, ...props } : props;
    for (const name in all) {
      if (name === "onclick") node.addEventListener("click", all[name]);
      else node.setAttribute(name, all[name]);
    }
    // Words from the left stay readable on a page from the right, and "-$5.00" keeps its sign in front.
    const apart = /^(td|dd|p|h2)$/.test(tag);
    const held = (kid) => (apart && typeof kid === "string" ? el("bdi", "", kid) : kid);
    node.append(...[kids].flat(3).filter((kid) => kid || kid === 0).map(held));
    return node;
  };

  // What was closed in this tab. Some pages may keep nothing; then it comes back with the next page.
  const kept = (key, value) => {
    try {
      if (value != null) sessionStorage.setItem("upstep:" + key, value);
      return sessionStorage.getItem("upstep:" + key);
    } catch {
      return "";
    }
  };

  // Calls back once, when the node was really visible for a second.
  const whenSeen = (node, seen) => {
    let timer, isIn;
    const stop = () => {
      clearTimeout(timer);
      observer.disconnect();
      document.removeEventListener("visibilitychange", look);
    };
    const look = () => {
      clearTimeout(timer);
      if (isIn && !document.hidden) timer = setTimeout(() => { stop(); seen(); }, 1000);
    };
    const observer = new IntersectionObserver((all) => {
      isIn = all.pop().intersectionRatio >= 0.5;
      look();
    }, { threshold: [0, 0.5] });
    observer.observe(node);
    onLook(look);
    return stop;
  };

  // One connection for all elements of a page that ask the same server with the same token.
  class Feed {
    constructor(server, giveToken) {
      this.server = server;
      this.giveToken = giveToken;
      this.listeners = new Set();
      this.tokenAt = 0;
      onLook(() => document.hidden && this.stopper?.abort());
    }

    add(listener) {
      this.listeners.add(listener);
      if (this.data) listener(this.data);
      if (this.listeners.size === 1) this.run();
    }

    // A page in the background asks nothing, and a server that is down is asked less and less often.
    async run() {
      let failures = 0;
      while (this.listeners.size) {
        if (document.hidden) await new Promise((done) => onLook(done, { once: true }));
        const { signal } = (this.stopper = new AbortController());
        const known = this.etag && { "if-none-match": this.etag };
        const answer = await this.ask("/items" + (known ? "?wait=25" : ""), { signal, headers: known });
        if (answer?.ok) {
          this.data = await answer.json().catch(() => this.data);
          this.etag = answer.headers.get("etag");
          if (this.data) this.listeners.forEach((listen) => listen(this.data));
        }
        const isWell = answer?.ok || answer?.status === 304 || signal.aborted;
        failures = isWell ? 0 : failures + 1;
        await pause(isWell ? answer?.headers.get("retry-after") || 0.1 : Math.min(300, 2 ** failures) * (0.8 + Math.random() / 3));
      }
    }

    // Never throws: a server that is down answers undefined.
    async ask(path, options, isAgain) {
      try {
        if (Date.now() - this.tokenAt > 240000) {
          this.token = await this.giveToken();
          this.tokenAt = Date.now();
        }
        const headers = { ...options.headers, authorization: "Bearer " + this.token };
        const answer = await fetch(this.server + path, { ...options, headers, cache: "no-store", credentials: "omit" });
        if (answer.status !== 401 || isAgain) return answer;
        this.tokenAt = 0;
        return await this.ask(path, options, true);
      } catch {
        return undefined;
      }
    }

    async post(path, body) {
      const headers = { "content-type": "application/json" };
      const answer = await this.ask(path, { method: "POST", keepalive: true, headers, body: JSON.stringify(body || {}) });
      return (await answer?.json().catch(() => 0)) || {};
    }
  }

  const feeds = {};

  class UpstepOffer extends HTMLElement {
    connectedCallback() {
      if (!this.root) {
        this.root = this.attachShadow({ mode: "open" });
        this.root.adoptedStyleSheets = [sheet];
        this.seen = new Set();
        this.gone = new Set();
        this.cards = new Map();
        this.bars = new Map();
        this.texts = { ...TEXTS, ...JSON.parse(this.getAttribute("texts") || "{}") };
        this.listen = (data) => this.show(data);
      }
      const server = this.getAttribute("server") || new URL(".", SCRIPT.src).href;
      const key = server + this.getAttribute("token-url") + this.getAttribute("token");
      this.feed = feeds[key] ||= new Feed(server.replace(/\/$/, ""), () => this.giveToken());
      // After this turn, so that a page may set `getToken` on what it has just made.
      queueMicrotask(() => this.isConnected && this.feed.add(this.listen));
    }

    disconnectedCallback() {
      this.feed.listeners.delete(this.listen);
    }

    async giveToken() {
      if (this.getToken) return this.getToken();
      const url = this.getAttribute("token-url");
      return url ? (await (await fetch(url)).json()).token : this.getAttribute("token");
    }

    // Words, numbers, money and dates, as the page's language has them.
    get lang() {
      return this.closest("[lang]")?.lang || navigator.language;
    }

    text(name, values = {}) {
      return this.texts[name].replace(/\{(\w+)\}/g, (all, word) => values[word] ?? "");
    }

    number(value, options) {
      return new Intl.NumberFormat(this.lang, options).format(value);
    }

    date(value) {
      return new Date(value).toLocaleDateString(this.lang, { dateStyle: "long" });
    }

    money(minor, { currency, digits }) {
      const style = { style: "currency", currency, minimumFractionDigits: digits, maximumFractionDigits: digits };
      return this.number(minor / 10 ** digits, style);
    }

    each(minor, [unit, n], quote) {
      const [of, count] = unit === "quarter" ? ["month", n * 3] : [unit, n];
      const format = new Intl.NumberFormat(this.lang, { style: "unit", unit: of, unitDisplay: "long" });
      const parts = format.formatToParts(count).filter((part) => count > 1 || part.type === "unit");
      return this.text("price_each", { amount: this.money(minor, quote), period: parts.map((part) => part.value).join("") });
    }

    tell(name, detail) {
      this.dispatchEvent(new CustomEvent("upstep:" + name, { detail, bubbles: true }));
    }

    button(name, onclick, style = "", values = {}) {
      return el("button", "button " + style, this.text(name, values), { type: "button", onclick });
    }

    p(text, style = "") {
      return el("p", "text " + style, text);
    }

    show(data) {
      this.data = data;
      if (this.getAttribute("form") === "meter") this.showMeters(data.meters);
      else this.showItems(data.items.filter((item) => !this.gone.has(item.key)));
    }

    // Meters ----------------------------------------------------------------------------------------------------------
    showMeters(meters) {
      const wanted = this.getAttribute("meter")?.split(" ");
      for (const meter of meters) {
        if (meter.used == null || meter.limit == null || (wanted && !wanted.includes(meter.id))) continue;
        if (!this.bars.has(meter.id)) {
          const [count, bar, note] = [el("bdi", "count"), el("div", "bar"), el("div", "note quiet")];
          const track = el("div", "track", bar, { role: "meter", "aria-label": meter.name, "aria-valuemin": 0 });
          const box = el("div", "meter", [el("div", "label", [el("span", "name", meter.name), count]), track, note]);
          this.bars.set(meter.id, { count, bar, note, track, box });
          this.root.append(box);
        }
        this.setMeter(this.bars.get(meter.id), meter);
      }
    }

    setMeter({ count, bar, note, track, box }, { used, limit, resets_at: resets }) {
      const isFull = used >= limit;
      count.textContent = this.text(isFull ? "full" : "meter", { used: this.number(used), limit: this.number(limit) });
      note.textContent = resets ? this.text("resets", { date: this.date(resets) }) : "";
      box.className = "meter" + (isFull ? " full" : used >= limit * 0.8 ? " warn" : "");
      bar.style.inlineSize = (isFull ? 100 : (used * 100) / limit) + "%";
      track.setAttribute("aria-valuemax", limit);
      track.setAttribute("aria-valuenow", Math.min(used, limit));
      track.setAttribute("aria-valuetext", count.textContent);
    }

    // Notices and banners ---------------------------------------------------------------------------------------------
    showItems(items) {
      if (!this.corner) {
        // It is there before it has anything to say, so that a screen reader hears of what comes.
        this.corner = el("section", "corner", [], { "aria-label": this.text("region"), "aria-live": "polite" });
        this.dialog = el("dialog", "dialog", [], { "aria-labelledby": "title" });
        this.dialog.addEventListener("cancel", (event) => { event.preventDefault(); this.fold(); });
        this.root.append(this.corner, this.dialog);
        this.finishPayment();
      }
      const offer = items.find((item) => item.offer);
      this.keepDialog(offer);
      const isModal = (item) => item.style === "modal" && !kept(item.key);
      const cards = items.filter((item) => !item.offer || !(this.dialog.open || isModal(item)));
      for (const [key, card] of this.cards) if (!cards.some((item) => item.key === key)) this.dropCard(key, card);
      cards.forEach((item) => this.putCard(item));
      if (offer && isModal(offer)) this.openWhenCalm(offer);
    }

    dropCard(key, card) {
      card.stop();
      card.node.remove();
      this.cards.delete(key);
    }

    putCard(item) {
      const told = JSON.stringify(item);
      const known = this.cards.get(item.key);
      if (known?.told === told) return;
      if (known) this.dropCard(item.key, known);
      const node = this.card(item);
      this.corner.append(node);
      this.cards.set(item.key, { node, told, stop: this.watch(node, item) });
    }

    watch(node, { id, kind }) {
      if (!id || kind === "ask" || this.seen.has(id)) return () => {};
      return whenSeen(node, () => {
        this.seen.add(id);
        this.feed.post(`/items/${id}/exposure`);
      });
    }

    card(item) {
      const { kind, style, title, text, facts } = item;
      const body = (head, lines, ...buttons) => el("article", "card " + style, [
        el("h2", "title", head), lines.map((line) => this.p(line)), el("div", "actions", buttons)]);
      const away = this.button("dismiss", () => {
        this.feed.post(`/items/${item.id}/dismiss`);
        this.forget(item);
      });
      const see = this.button("see", () => this.open(item, true), "primary");
      if (kind === "confirm") return body(this.text("bank"), [], see);
      if (kind === "offer") return body(title, text, see, this.noButton(item, "not_now"), this.noButton(item, "no"));
      if (kind === "notice") return body(title, text, away);
      const { meter_name: meter, used, limit } = facts;
      const names = new Intl.ListFormat(this.lang, { type: "disjunction" }).format(this.data.ask);
      const counts = limit ? [this.text("ask_count", { meter, used: this.number(used), limit: this.number(limit) })] : [];
      return body(this.text("ask"), [...counts, this.text(names ? "ask_text" : "ask_admin", { names })], away);
    }

    // From this instant on, whatever the server still says of it.
    forget({ key }) {
      this.gone.add(key);
      this.close();
      this.show(this.data);
    }

    noButton(item, answer) {
      return this.button(answer, () => {
        this.feed.post(`/offers/${item.offer.id}/decline`, { answer });
        this.tell("declined", { offer_id: item.offer.id, answer });
        this.forget(item);
      }, answer);
    }

    // The dialog ------------------------------------------------------------------------------------------------------
    // Nobody who is typing is interrupted: it waits until they are done.
    openWhenCalm(item) {
      const types = document.activeElement?.matches("textarea,select,[contenteditable],input:not([type=range],[type=button])");
      if (!this.dialog.open && !types && !document.querySelector("dialog[open]")) return this.open(item);
      clearTimeout(this.calm);
      this.calm = setTimeout(() => !this.dialog.open && this.isConnected && this.show(this.data), 1500);
      return 0;
    }

    open(item, asked) {
      this.item = item;
      this.asked = asked;
      if (asked) this.feed.post(`/offers/${item.offer.id}/click`);
      this.step(item.kind === "confirm" ? "bank" : "offer");
      this.dialog.showModal();
      this.dialog.firstChild.focus();
      this.stopSeen = this.watch(this.dialog, item);
      const card = this.cards.get(item.key);
      if (card) this.dropCard(item.key, card);
    }

    close() {
      this.stopSeen?.();
      this.dialog.close();
    }

    // Escape is no answer: the prompt becomes a card, and does not open by itself again in this tab.
    fold() {
      if (this.at === "busy") return;
      if (this.at === "done") this.gone.add(this.item.key);
      kept(this.item.key, 1);
      this.close();
      this.show(this.data);
      // Whoever came from the card finds themselves there again.
      if (this.asked) this.cards.get(this.item.key)?.node.querySelector("button").focus();
    }

    // What is read follows the server; what is being answered does not.
    keepDialog(offer) {
      if (!this.dialog.open || !["offer", "bank"].includes(this.at)) return;
      if (offer?.key !== this.item.key) this.close();
      else if (offer.offer.quote?.id !== this.item.offer.quote?.id) this.reprice(offer);
    }

    reprice(item) {
      this.item = item;
      this.step("offer", this.text("changed"));
    }

    step(name, note) {
      this.at = name;
      const [title, ...body] = this["on_" + name](this.item, note);
      const head = el("h2", "title", title, { id: "title", tabindex: -1 });
      this.dialog.replaceChildren(head, ...body.flat(3).filter((node) => node));
      head.focus();
    }

    actions(...buttons) {
      return el("div", "actions", buttons);
    }

    on_offer(item, note) {
      const { offer } = item;
      const go = () => {
        this.feed.post(`/offers/${offer.id}/click`);
        this.step("confirm");
      };
      return [item.title, note && this.p(note), item.text.map((text) => this.p(text)), offer.quote && this.priced(offer),
        this.actions(this.button("accept", go, "primary", offer), this.noButton(item, "not_now"), this.noButton(item, "no"))];
    }

    priced({ rows, quote }) {
      const cell = ({ kind }, value, every) => {
        if (kind === "limit") return value == null ? this.text("unlimited") : this.number(value);
        return value == null ? this.text("none") : kind === "price" ? this.each(value, every, quote) : value;
      };
      const row = (cells, tag, scope) => el("tr", "", cells.map((text, at) => el(at ? tag : "th", "", text, at && tag === "td" ? {} : { scope })));
      const lines = rows.filter(({ kind }) => kind !== "feature").map((each) => row([each.label || this.text(each.kind),
        cell(each, each.before, each.every[0]), cell(each, each.after, each.every[1])], "td", "row"));
      const more = rows.filter(({ kind }) => kind === "feature").map(({ after: names }) => this.p(this.text("feature", { names })));
      return [
        el("table", "table", [el("thead", "", row(["what", "today", "after"].map((name) => this.text(name)), "th", "col")), el("tbody", "", lines)]),
        more,
        el("dl", "price", [this.sum(quote, this.text("pay"), quote.due_now_minor, "total"),
          this.sum(quote, this.nextOn(quote), quote.next_invoice_minor), this.lines(quote, quote.next_lines)]),
        quote.trial && this.p(quote.trial),
        this.madeUp(quote),
        this.p(this.text("until", { date: this.date(quote.expires_at) }), "quiet"),
      ];
    }

    sum(quote, text, minor, style) {
      return [el("dt", style, text), el("dd", style, this.money(minor, quote))];
    }

    lines(quote, all) {
      return all.map((line) => this.sum(quote, line.text, line.amount_minor, "quiet"));
    }

    // The lines of the invoice, before it is made and after.
    madeUp(quote, props = {}) {
      const credit = quote.credit_used_minor ? [{ text: this.text("credit"), amount_minor: -quote.credit_used_minor }] : [];
      const parts = this.lines(quote, [...quote.lines, ...credit]);
      return parts[0] && el("details", "lines quiet", [el("summary", "", this.text("lines")), el("dl", "", parts)], props);
    }

    nextOn(quote) {
      return this.text("next", { date: this.date(quote.next_invoice_at) });
    }

    on_confirm({ offer }) {
      const { quote } = offer;
      const amount = this.money(quote.due_now_minor, quote);
      return [this.text("sure", offer), this.p(this.text("sure_text", { amount })),
        this.p(quote.trial || `${this.nextOn(quote)}: ${this.money(quote.next_invoice_minor, quote)}`, "quiet"),
        this.actions(this.button("confirm", () => this.accept(), "primary", { amount }), this.button("back", () => this.step("offer")))];
    }

    on_busy() {
      return [this.text("busy")];
    }

    on_done({ offer }) {
      const { amount_minor: minor, invoice_id: invoice } = this.result;
      const party = el("div", "party", Array.from({ length: 24 }, () => el("i")), { "aria-hidden": true });
      [...party.children].forEach(({ style }, at) => {
        style.insetInlineStart = (at * 37) % 100 + "%";
        style.animationDelay = at % 8 / 16 + "s";
      });
      const words = minor ? this.text("paid", { amount: this.money(minor, this.result), invoice }) : this.text("paid_none");
      const lines = minor && offer.quote ? this.madeUp(offer.quote, { open: "" }) : "";
      return [this.text("done", offer), this.p(words), lines, party, this.actions(this.button("go_on", () => this.fold(), "primary"))];
    }

    // declined, held, silent: what went wrong, and that nothing was changed.
    on_oops(item, name) {
      return [this.text(name), this.p(this.text(name + "_text")), this.actions(
        name !== "held" && this.button("again", () => this.accept(), "primary"), this.button("dismiss", () => this.fold()))];
    }

    on_bank({ offer }) {
      const href = this.result?.url || offer.url;
      const onclick = () => kept("paying", `${offer.id} ${offer.quote.id}`);
      const link = /^https?:/.test(href) && el("a", "button primary", this.text("bank_go"), { href, onclick });
      return [this.text("bank"), this.p(this.text("bank_text")), this.actions(link, this.button("dismiss", () => this.fold()))];
    }

    async accept() {
      const { item } = this;
      const { id, quote } = item.offer;
      this.step("busy");
      this.result = await this.feed.post(`/offers/${id}/accept`, { quote_id: quote.id });
      const { state = "silent" } = this.result;
      if (state === "applied") this.celebrate();
      else if (state === "confirm") this.step("bank");
      else if (state === "requoted") {
        const { items = [] } = await this.feed.post(`/offers/${id}/quote`);
        const fresh = items.find(({ key }) => key === item.key);
        if (fresh) this.reprice(fresh);
        else this.step("oops", "held");
      } else this.step("oops", this.texts[state] && state !== "ask" ? state : "held");
    }

    celebrate() {
      this.gone.add(this.item.key);
      this.step("done");
      this.tell("accepted", this.result);
    }

    // Back from the payment page: ask once what has become of it.
    async finishPayment() {
      const [id, quote] = kept("paying")?.split(" ") || [];
      if (!id) return;
      kept("paying", "");
      this.result = await this.feed.post(`/offers/${id}/accept`, { quote_id: quote });
      if (this.result.state !== "applied") return;
      this.item = { key: id, offer: { plan: this.result.plan } };
      if (!this.dialog.open) this.dialog.showModal();
      this.celebrate();
    }
  }

  customElements.define("upstep-offer", UpstepOffer);

  // <script src="…/upstep.js" data-token-url="/upstep-token" defer></script> is enough.
  const mount = () => {
    const { tokenUrl, theme = "", texts = "" } = SCRIPT.dataset;
    if (document.querySelector("upstep-offer:not([form=meter])")) return;
    document.body.append(el("upstep-offer", "", [], { "token-url": tokenUrl, theme, texts }));
  };
  if (SCRIPT?.dataset.tokenUrl) {
    if (document.body) mount();
    else document.addEventListener("DOMContentLoaded", mount);
  }
})();
