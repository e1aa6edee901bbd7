"""What a person answers in the app: seen, looked closer, not now, no, yes. Each is safe to repeat, and written down."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from upstep.billing.provider import Applied, Declined, NeedsConfirmation
from upstep.engine.contacting.channels import is_selling
from upstep.engine.contacting.showing import CHANNEL, Person, may_not_sell
from upstep.engine.quoting.accepting import take_offer
from upstep.errors import QuoteError
from upstep.offers import lifecycle
from upstep.offers.model import Offer, OfferStatus
from upstep.state import tables
from upstep.state.audit import note
from upstep.state.session import reading, writing

if TYPE_CHECKING:
    from upstep.billing.provider import Provider
    from upstep.engine.project import Project

_WAITING = (OfferStatus.OPEN, OfferStatus.SHOWN, OfferStatus.CLICKED)
_TAKEN = (OfferStatus.ACCEPTED, OfferStatus.CONVERTED)


@dataclass(frozen=True)
class Answered:
    """What became of a yes.

    Args:
        state: applied, confirm (go to ``url`` first), declined (the payment failed; it may be tried again), requoted
            (the price is another by now and must be shown first), held, ask (somebody else may buy) or ended.
        why: A sentence for whoever looks after it; never shown to a customer as it is.
    """

    state: str
    offer: Offer
    why: str = ""
    url: str | None = None
    amount_minor: int = 0
    invoice_id: str | None = None


def offer_of(state: sa.Engine, person: Person, offer_id: str) -> Offer | None:
    """The offer, if it is one of that person's account."""
    with reading(state) as connection:
        known = tables.offer.c.offer_id == offer_id
        if connection.execute(sa.select(tables.offer.c.account_id).where(known)).scalar() != person.account_id:
            return None
        return lifecycle.offer_in(connection, offer_id)


def seen(state: sa.Engine, person: Person, message_id: int, *, now: datetime) -> bool:
    """The message was really visible to that person. Returns whether it was the first time; unknown ones are not."""
    return _expose(state, person, message_id, now=now, is_dismissed=False)


def dismissed(state: sa.Engine, person: Person, message_id: int, *, now: datetime) -> bool:
    """That person has put the message away; it is not shown to them again."""
    return _expose(state, person, message_id, now=now, is_dismissed=True)


def clicked(state: sa.Engine, person: Person, offer: Offer, *, now: datetime) -> bool:
    """That person looked closer."""
    moved = lifecycle.click(state, offer.offer_id, by=person.contact_id, at=now, why="looked closer in the app")
    return moved.is_changed


def said_no(state: sa.Engine, person: Person, offer: Offer, *, is_later: bool, now: datetime) -> bool:
    """That person said "no, thank you"; ``is_later``: "not now". Nothing more is sent of it, from this instant on."""
    moved = lifecycle.decline(state, offer.offer_id, by=person.contact_id, at=now, is_not_now=is_later)
    if moved.is_changed:
        _note(state, person, "offer.not_now" if is_later else "offer.no", offer.offer_id, now=now)
    return moved.is_changed


def say_yes(
    project: Project,
    state: sa.Engine,
    person: Person,
    offer: Offer,
    *,
    quote_id: str | None,
    provider_for: Callable[[], Provider],
    now: datetime,
) -> Answered:
    """That person says yes to the price of ``quote_id``. Twice is once; after a confirmation it says what became of it.

    Asked in this order: may they buy, is it still the price that they saw, is anything sold (in shadow a real provider
    is asked for no new payment), does anything hold the account, and then the provider.

    Raises:
        OutsideError: The provider gave no answer. Nothing is lost: ask again.
    """
    sells = is_selling(project)
    if refusal := _refused(state, person, offer, quote_id=quote_id, sells=sells, now=now):
        return refusal
    is_first, by = offer.status in _WAITING, person.contact_id
    try:
        if sells:
            taken = take_offer(
                project, state, offer.offer_id, provider=provider_for(), by=by, now=now, quote_id=quote_id
            )
        else:
            # They said yes before: told what became of it, and not charged again.
            taken = lifecycle.accept_and_apply(
                state, provider_for(), offer_id=offer.offer_id, by=by, at=now, tries_again=False
            )
    except QuoteError as error:
        ended = offer_of(state, person, offer.offer_id) or offer
        word = "held" if ended.status in _WAITING else "ended"
        if word == "held" and ended.quote_id != quote_id:
            word = "requoted"
        _note(state, person, "offer.yes", offer.offer_id, now=now, result=word, why=str(error))
        return Answered(word, ended, str(error))
    found = _answered(taken)
    if is_first or found.state != "applied":
        _note(state, person, "offer.yes", offer.offer_id, now=now, result=found.state, why=found.why)
    return found


def requote(
    state: sa.Engine, person: Person, offer: Offer, *, provider_for: Callable[[], Provider], now: datetime
) -> Offer:
    """The offer at today's price, when the subscription is another than the one that was quoted; else as it is.

    Raises:
        QuoteError: The change can no longer be quoted.
        OutsideError: The provider could not be asked.
    """
    from upstep.billing import quote as quotes

    if offer.status not in _WAITING or offer.quote_id is None or not person.may_buy or _is_over(offer, now):
        return offer
    with reading(state) as connection:
        shown = quotes.read(connection, offer.quote_id)
    provider = provider_for()
    # Asked at the frozen instant, an unchanged subscription costs what was shown: that price stays.
    if not quotes.differences(shown, provider.preview(shown.change, shown.at)):
        return offer
    fresh = provider.preview(shown.change, now)
    return lifecycle.requote(state, offer.offer_id, fresh, by=person.contact_id, at=now).offer


def _refused(
    state: sa.Engine, person: Person, offer: Offer, *, quote_id: str | None, sells: bool, now: datetime
) -> Answered | None:
    """Why that person's yes cannot count now, as far as state knows it."""
    if not person.may_buy:
        return Answered("ask", offer, "this person may not buy")
    if quote_id != offer.quote_id:
        return Answered("requoted", offer, "another price was shown")
    if offer.status in _TAKEN:
        return None
    if offer.status not in _WAITING or _is_over(offer, now):
        return Answered("ended", offer, f"the offer is {offer.status.value}")
    if not sells:
        return Answered("held", offer, "the project is in shadow: see 'upstep live'")
    with reading(state) as connection:
        why = may_not_sell(connection, offer, person.contact_id, now=now, to_accept=True)
    return Answered("held", offer, why) if why else None


def _is_over(offer: Offer, now: datetime) -> bool:
    return offer.expires_at is not None and now >= offer.expires_at


def _answered(taken: lifecycle.Taken) -> Answered:
    answer = taken.answer
    if isinstance(answer, Applied):
        return Answered("applied", taken.offer, amount_minor=answer.amount_minor, invoice_id=answer.invoice_id)
    if isinstance(answer, NeedsConfirmation):
        return Answered("confirm", taken.offer, answer.reason, url=answer.url, amount_minor=answer.amount_minor)
    if isinstance(answer, Declined):
        return Answered("declined", taken.offer, f"{answer.reason}: {answer.why}", amount_minor=answer.amount_minor)
    return Answered("ended", taken.offer, f"the offer is {taken.offer.status.value}")


def _expose(state: sa.Engine, person: Person, message_id: int, *, now: datetime, is_dismissed: bool) -> bool:
    table = tables.exposure
    with writing(state) as connection:
        message = tables.message
        known = sa.select(message).where(message.c.message_id == message_id, message.c.channel == CHANNEL)
        row = connection.execute(known).first()
        if row is None or row.account_id != person.account_id or row.status != "sent":
            return False
        insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        values = {"message_id": message_id, "contact_id": person.contact_id, "account_id": person.account_id}
        # Whoever may not buy was shown whom to ask, and no offer.
        offer_id = row.offer_id if person.may_buy else None
        added = connection.execute(
            insert(table)
            .values(**values, offer_id=offer_id, channel=CHANNEL, seen_at=now)
            .on_conflict_do_nothing()
            .returning(table.c.message_id)
        )
        is_new = added.first() is not None
        if is_dismissed:
            theirs = (table.c.message_id == message_id, table.c.contact_id == person.contact_id)
            put = sa.update(table).where(*theirs, table.c.dismissed_at.is_(None)).values(dismissed_at=now)
            is_new = connection.execute(put.returning(table.c.message_id)).first() is not None
        if is_new:
            what = "message.dismissed" if is_dismissed else "message.seen"
            note(connection, what, subject=f"message {message_id}", who=person.contact_id, at=now)
    if is_new and row.offer_id and person.may_buy:
        lifecycle.show(state, row.offer_id, by=person.contact_id, at=now, why="seen in the app")
    return is_new


def _note(state: sa.Engine, person: Person, what: str, offer_id: str, *, now: datetime, **details: str) -> None:
    with writing(state) as connection:
        note(connection, what, subject=offer_id, who=person.contact_id, at=now, details=details)
