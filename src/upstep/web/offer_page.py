"""The page behind an offer's link in a message: before and after, today's price, yes, not now, no. It needs no script.

The link is signed for one person and one offer. Looking changes nothing; what is answered goes the way of the widget:
may they buy, is it the price they saw, does anything hold the account, and then the provider.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from starlette.responses import Response

from upstep.billing import quote as quotes
from upstep.billing.trial import told_trial
from upstep.clock import written_day
from upstep.engine.contacting import responding
from upstep.engine.contacting.channels import is_selling
from upstep.engine.contacting.links import OFFER, read_link
from upstep.engine.contacting.showing import Person, may_not_sell, who_is
from upstep.engine.offering.helping import ask_for_help
from upstep.engine.quoting.biller import open_biller
from upstep.engine.quoting.comparing import Row, compare, plan_after
from upstep.engine.quoting.meters import MeterReader
from upstep.errors import OutsideError
from upstep.money import format_minor
from upstep.offers import lifecycle
from upstep.offers.model import Offer, OfferStatus
from upstep.state import tables
from upstep.state.session import reading
from upstep.web.answer_page import form, page
from upstep.web.context import Context, context_of

if TYPE_CHECKING:
    import sqlalchemy as sa

    from upstep.billing.quote import Quote

router = APIRouter(prefix="/o", include_in_schema=False)

_WAITING = (OfferStatus.OPEN, OfferStatus.SHOWN, OfferStatus.CLICKED)


@dataclass(frozen=True)
class Visit:
    """Somebody with a link: who, which offer, at what price."""

    context: Context
    person: Person
    offer: Offer
    quote: Quote | None
    now: datetime


@router.get("/{token}")
def look(request: Request, token: str, answer: str = "") -> Response:
    """The offer as it stands; ``?answer=no`` asks for the no first. Nothing is changed by looking."""
    context = context_of(request)
    visit = _visit(context, token)
    return _shown(visit, wants_no=answer == "no") if visit else _unknown(context)


@router.post("/{token}")
async def answer(request: Request, token: str) -> Response:
    """``answer`` is yes (with the ``quote_id`` that was shown), later or no. Each may be repeated."""
    return await run_in_threadpool(_answer, context_of(request), token, dict(await form(request)))


def _answer(context: Context, token: str, said: dict[str, str]) -> Response:
    visit = _visit(context, token)
    if visit is None:
        return _unknown(context)
    word = said.get("answer")
    if word in {"no", "later"}:
        responding.said_no(context.state, visit.person, visit.offer, is_later=word == "later", now=visit.now)
        return _shown(_visit(context, token) or visit)
    if word == "yes" and visit.offer.lane == "care":
        if visit.offer.status in _WAITING and _is_held(visit):
            return _held(visit)
        owner = _owner(context, visit.offer)
        ask_for_help(context.project, context.state, visit.person, visit.offer, owner=owner, now=visit.now)
        return _shown(_visit(context, token) or visit)
    if word == "yes":
        return _yes(visit, said.get("quote_id"))
    return _shown(visit)


def _yes(visit: Visit, quote_id: str | None) -> Response:
    context = visit.context
    try:
        found = responding.say_yes(
            context.project,
            context.state,
            visit.person,
            visit.offer,
            quote_id=quote_id,
            provider_for=lambda: open_biller(context.project, as_of=visit.now, accounts=[visit.offer.account_id]),
            now=visit.now,
        )
    except OutsideError:
        text = "Billing did not answer. Nothing is lost: try again in a minute."
        return _said(visit, "One moment", text, buttons=[("yes", "Try again", True)], hidden=_hidden(visit), status=503)
    return _became(visit, found)


def _became(visit: Visit, found: responding.Answered) -> Response:
    """What a yes came to."""
    again: dict[str, Any] = {"buttons": [("yes", "Try again", True)], "hidden": _hidden(visit)}
    if found.state == "applied":
        return _done(visit, found.amount_minor)
    if found.state == "confirm":
        text = "Your bank wants to hear it from you. Nothing is changed before."
        return _said(visit, "One more step", text, link=(found.url, "Confirm the payment"))
    if found.state == "declined":
        text = "The payment was declined, and nothing was changed. See to the card, then try again."
        return _said(visit, "The card was not charged", text, **again)
    if found.state == "held":
        return _held(visit)
    notice = "The price is another by now. This is today's." if found.state == "requoted" else ""
    return _shown(_again(visit, found.offer), notice=notice)


def _again(visit: Visit, offer: Offer) -> Visit:
    quote = _quote(visit.context.state, offer)
    return Visit(visit.context, visit.person, offer, quote, visit.now)


def _visit(context: Context, token: str) -> Visit | None:
    """Who looks at what; None when the link is not ours, or the person is not of that account any more."""
    now = context.clock()
    said = read_link(context.state, OFFER, token, now=now)
    if said is None:
        return None
    offer_id, contact_id = said
    with reading(context.state) as connection:
        account = connection.execute(_account(offer_id)).scalar()
        if account is None:
            return None
        person = who_is(connection, account, contact_id)
        offer = lifecycle.offer_in(connection, offer_id)
    return Visit(context, person, offer, _quote(context.state, offer), now) if person else None


def _owner(context: Context, offer: Offer) -> str | None:
    """Who looks after the account, by the decisions that were published of it."""
    from upstep.engine.contacting.mailboxes import owner_of_account

    return owner_of_account(context.project, offer.account_id)


def _account(offer_id: str) -> sa.Select[Any]:
    import sqlalchemy as sa

    return sa.select(tables.offer.c.account_id).where(tables.offer.c.offer_id == offer_id)


def _quote(state: sa.Engine, offer: Offer) -> Quote | None:
    if offer.quote_id is None:
        return None
    with reading(state) as connection:
        return quotes.read(connection, offer.quote_id)


# Pages


def _shown(visit: Visit, *, wants_no: bool = False, notice: str = "") -> Response:
    offer = visit.offer
    is_over = offer.expires_at is not None and visit.now >= offer.expires_at
    if offer.status in _WAITING and not is_over:
        return _asked(visit, wants_no=wants_no, notice=notice)
    if offer.status is OfferStatus.CONVERTED:
        return _done(visit, None)
    if offer.status is OfferStatus.ACCEPTED:
        return _said(visit, *_accepted(visit))
    return _said(visit, *_ENDED.get(offer.status, _OVER))


def _accepted(visit: Visit) -> tuple[str, str]:
    if visit.offer.lane == "care":
        return "Thank you", "We will get in touch and show you where to start."
    tried = told_trial(visit.quote) if visit.quote else None
    return "Your yes is noted", tried or "It is being put into effect. You need do nothing."


_OVER = ("This offer is over", "It was for a price on a day, and that has passed. Nothing was changed.")
_ENDED = {
    OfferStatus.DECLINED: ("All right", "Nothing changes. Thank you for saying so; we will not ask again soon."),
    OfferStatus.WITHDRAWN: (
        "We have taken this offer back",
        "It no longer fits what you have, so there is nothing to decide. Nothing was changed.",
    ),
}
"""Title and text of an offer that waits for nothing any more, by its status."""


def _asked(visit: Visit, *, wants_no: bool, notice: str) -> Response:
    """The question as it stands. Whoever ended our messages may still look at what they were sent."""
    if _is_held(visit):
        return _held(visit)
    quote, project = visit.quote, visit.context.project
    no = [("later", "Not now", False), ("no", "No, thank you", wants_no)]
    if visit.offer.lane == "care":
        text = "There is nothing to buy: you have it already, and we show you where to start."
        yes = ("yes", "Yes, show us", not wants_no)
        return _said(visit, "Help to get more from what you have", text, buttons=[yes, no[1]])
    if not visit.person.may_buy:
        names = " or ".join(visit.person.buyers) or "whoever pays at your company"
        return _said(visit, "Somebody else decides this", f"You may not buy for your company. Ask {names}.", buttons=no)
    if quote is None:
        return _said(visit, "Shall we?", notice, buttons=[("yes", "Yes", not wants_no), *no])
    name = plan_after(project.catalog, quote)
    tried = told_trial(quote)
    buys = f"Change to {name} for {_money(quote, quote.due_now_minor)} today"
    yes = ("yes", f"Try {name} free" if tried else buys, not wants_no)
    return page(
        f"No to {name}?" if wants_no else f"Change to {name}",
        company=project.settings.company,
        paragraphs=[notice] if notice else [],
        rows=[_row(quote, row) for row in compare(project.catalog, quote, _plans(visit))],
        price={
            "lines": [(line.description, _money(quote, line.amount_minor)) for line in quote.lines],
            "due": _money(quote, quote.due_now_minor),
            "later": f"{tried or _later(quote)} This price holds until {written_day(quote.expires_at)}.",
        },
        buttons=[*no[::-1], yes] if wants_no else [yes, *no],
        hidden=_hidden(visit),
        small="Nothing you have stored is lost by the change. Questions? Reply to the message.",
    )


def _later(quote: Quote) -> str:
    """The next invoice, and what an incentive takes off those that come."""
    off = "".join(f" {line.description}: {_money(quote, line.amount_minor)}." for line in quote.incentive_lines)
    return f"Next invoice: {_money(quote, quote.next_invoice_minor)} on {written_day(quote.next_invoice_at)}.{off}"


def _is_held(visit: Visit) -> bool:
    """Whether a yes would not count now: then there is no price and no button. As the yes itself is asked."""
    if visit.offer.lane != "care" and not is_selling(visit.context.project):
        return True
    with reading(visit.context.state) as connection:
        why = may_not_sell(connection, visit.offer, visit.person.contact_id, now=visit.now, to_accept=True)
    return why is not None


_READERS: dict[Path, MeterReader] = {}


def _plans(visit: Visit) -> dict[str, str]:
    """The account's plan of each product today, by a reader that stays warm."""
    project = visit.context.project
    meters = _READERS.setdefault(project.folder, MeterReader(project)).read(visit.offer.account_id)
    return meters.plans if meters else {}


def _row(quote: Quote, row: Row) -> tuple[str, str, str]:
    label = {"plan": "Plan", "price": "Price", "feature": "New with it"}.get(row.kind, row.label)
    return label, _value(quote, row, row.before, row.every[0]), _value(quote, row, row.after, row.every[1])


def _value(quote: Quote, row: Row, value: Any, every: tuple[str, int] | None) -> str:
    if value is None:
        return "unlimited" if row.kind == "limit" else "–"
    if row.kind == "price":
        interval, count = every or ("", 1)
        each = f" a {interval}" if count == 1 else f" every {count} {interval}s"
        return _money(quote, int(value)) + (each if interval else "")
    return f"{value:,}" if isinstance(value, int) else str(value)


def _done(visit: Visit, amount_minor: int | None) -> Response:
    quote = visit.quote
    name = plan_after(visit.context.project.catalog, quote) if quote else "it"
    paid = f" {_money(quote, amount_minor)} was charged." if quote and amount_minor else ""
    tried = told_trial(quote) if quote and amount_minor is not None else None
    if tried:
        return _said(visit, f"Done: you can try {name}", f"It works from this moment on. {tried}")
    return _said(visit, f"Done: you have {name}", f"It works from this moment on.{paid} The invoice comes as always.")


def _held(visit: Visit) -> Response:
    what = "This has to wait" if visit.offer.lane == "care" else "This cannot be bought right now"
    text = f"{what}. Nothing was changed; reply to the message and a person looks at it."
    return _said(visit, "Not at this moment", text, status=409)


def _said(visit: Visit, title: str, text: str, **more: Any) -> Response:
    return page(title, company=visit.context.project.settings.company, paragraphs=[text] if text else [], **more)


def _hidden(visit: Visit) -> list[tuple[str, str]]:
    return [("quote_id", visit.offer.quote_id)] if visit.offer.quote_id else []


def _money(quote: Quote, amount_minor: int) -> str:
    return format_minor(amount_minor, quote.currency)


def _unknown(context: Context) -> Response:
    return page(
        "This link is not complete",
        company=context.project.settings.company,
        paragraphs=["Part of the address is missing or was changed. Open it again from the message, or reply to it."],
        status=404,
    )
