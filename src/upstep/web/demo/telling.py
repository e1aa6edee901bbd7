"""What happened, in the words of somebody who shows it to a colleague: one sentence, its time, and a line of detail."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from upstep.billing import quote as quotes
from upstep.billing.quote import Quote
from upstep.clock import iso
from upstep.engine.measuring.happened import Happened, newest_first
from upstep.engine.project import Project
from upstep.engine.quoting.comparing import plan_after
from upstep.money import format_minor
from upstep.state.session import reading
from upstep.web.demo.company import LIMIT
from upstep.wording import percentage

Line = tuple[str, str, str]
"""Whose it is (usage, upstep, person, money), the sentence, the detail."""

_NOT_YES = {
    "declined": ("The card was declined", "Nothing was changed. {who} may try again."),
    "confirm": ("The bank asks {who} to confirm", "Nothing is charged or changed before."),
    "requoted": ("The price was another by then", "So {who} is shown today's price first."),
    "held": ("A yes that does not count now", "Something holds the account: nothing was charged."),
    "ended": ("A yes that came too late", "The offer was over: nothing was charged."),
    "ask": ("{who} may not buy", "So nothing was charged."),
}
_FORMS = {
    ("notice", "in_app"): "Notice in the app",
    ("sales", "in_app"): "Prompt in the app",
    ("care", "in_app"): "Offer of help in the app",
    ("sales", "email"): "E-mail with the offer",
    ("care", "email"): "E-mail that offers help",
}


@dataclass
class Telling:
    """Puts into words what happened to one account.

    Args:
        name_of: What a person is called, by id.
    """

    project: Project
    state: sa.Engine
    name_of: Callable[[str], str]

    def lines(self, found: Iterable[Happened]) -> list[dict[str, str]]:
        """Newest first: ``at``, ``tone``, ``title`` and ``more``. What only repeats another line is left out."""
        ordered = newest_first(found)
        looked = [(each.who, each.of.get("offer_id"), each.at) for each in ordered if each.what == "offer.clicked"]
        told = []
        for each in ordered:
            # Who presses the button within a second has seen it before that counts.
            was_looked_at = any(
                who == each.who and offer == each.of.get("offer_id") and at <= each.at for who, offer, at in looked
            )
            line = None if each.what == "message.seen" and was_looked_at else self._line(each)
            if line is not None:
                tone, title, more = line
                told.append({"at": iso(each.at), "tone": tone, "title": title, "more": more})
        return told

    def _line(self, each: Happened) -> Line | None:
        kind, _, what = each.what.partition(".")
        if kind == "usage":
            return _usage(each)
        if kind == "message":
            return self._message(each, what)
        if kind == "offer":
            return self._offer(each, what)
        if each.what == "consent":
            given = "agreed to offers again" if each.of.get("is_given") else "unsubscribed"
            return "person", f"{self.name_of(each.of['subject'])} {given}", ""
        return None

    def _message(self, each: Happened, what: str) -> Line | None:
        form = _FORMS.get((each.of["purpose"], each.of["channel"]), "Message")
        who = _together([self.name_of(one) for one in each.who])
        thing = "prompt" if each.of["purpose"] == "sales" else "notice"
        lines: Mapping[str, Line] = {
            "sent": ("upstep", f"{form}: “{each.said}”", f"for {who}"),
            "held": ("upstep", f"{form} waits: “{each.said}”", f"for {who}: {each.of.get('reason')}"),
            "failed": ("upstep", f"{form} could not leave: “{each.said}”", f"for {who}: {each.of.get('reason')}"),
            "seen": ("person", f"{who} saw the {thing}", "It was really visible for a second; that counts once."),
            "dismissed": ("person", f"{who} closed the {thing}", "It does not open again by itself."),
        }
        return lines.get(what)

    def _offer(self, each: Happened, what: str) -> Line | None:
        quote = self._quote(each.of.get("quote_id"))
        plan = plan_after(self.project.catalog, quote) if quote else "a next step"
        due = format_minor(quote.due_now_minor, quote.currency) if quote else ""
        who, policy = _together([self.name_of(one) for one in each.who]), self.project.settings.contact
        if what == "yes":
            title, more = _NOT_YES.get(str(each.of.get("result")), ("", ""))
            return ("person", title.format(who=who), more.format(who=who)) if title else None
        if what == "declined" and "not now" in each.said:
            return "person", f"{who} said “not now”", f"This step waits for {policy.not_now_days} days."
        lines: Mapping[str, Line] = {
            "open": ("upstep", f"Upstep opened an offer: {plan}", _why(each.of.get("facts") or {}, due)),
            "clicked": ("person", f"{who} looked at {plan}", f"Before and after, and today's price: {due}."),
            "accepted": ("person", f"{who} said yes to {plan}", f"At {due}, the price that was shown."),
            "converted": ("money", f"{due} paid: {plan} works from now on", _recurs(quote) if quote else ""),
            "declined": ("person", f"{who} said “no, thank you”", f"This step waits for {policy.declined_days} days."),
            "withdrawn": ("upstep", "Upstep took the offer back", f"{each.said[:1].upper()}{each.said[1:]}."),
            "expired": ("upstep", "The offer is over", "Its price was locked for a time, and that has passed."),
        }
        return lines.get(what)

    def _quote(self, quote_id: str | None) -> Quote | None:
        if quote_id is None:
            return None
        with reading(self.state) as connection:
            return quotes.read(connection, quote_id)


def usage(at: Any, count: int, total: int, *, number: int, limit: int | None = LIMIT) -> Happened:
    """E-mails that the page sent; ``limit`` None: it is another by then."""
    return Happened(at, "usage", (), "", {"count": count, "total": total, "limit": limit}, number)


def _usage(each: Happened) -> Line:
    count, total, limit = each.of["count"], each.of["total"], each.of["limit"]
    title = f"{count:,} e-mails sent" if each.number else f"{total:,} e-mails were sent before you came"
    share = f", {percentage(total * 100 // limit)} of {limit:,}" if limit else ""
    return "usage", title, f"{total:,} this month{share}." + ("" if each.number else " Too early to say anything.")


def _why(facts: Mapping[str, Any], due: str) -> str:
    used, limit = (facts.get(name, {}).get("value") for name in ("used", "limit_quantity"))
    use = f"{used:,} of {limit:,} are used, " if isinstance(used, int) and isinstance(limit, int) else ""
    price = f" Billing priced it at {due} today, and holds that price." if due else ""
    return f"Why: {use}the next plan fits, and nothing holds the account.{price}"


def _recurs(quote: Quote) -> str:
    """What the change does to what recurs, where it is paid by the month."""
    before = sum(item.amount_before_minor or 0 for item in quote.items)
    after = sum(item.amount_after_minor or 0 for item in quote.items)
    every = {each for item in quote.items for each in (item.every_before, item.every_after) if each}
    if every != {("month", 1)}:
        return ""
    words = [format_minor(amount, quote.currency) for amount in (before, after, abs(after - before))]
    return f"MRR {words[0]} → {words[1]}: " + (f"+{words[2]} of expansion." if after >= before else f"{words[2]} less.")


def _together(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
