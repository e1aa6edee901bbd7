"""The life of an offer: opened with its message in one transaction, then moved, each move with who, when and why.

Every verb is safe to call twice. A move that is not allowed changes nothing and returns the offer as it is: that an
offer has expired or was declined is an answer, not an error.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import compress
from typing import Any

import sqlalchemy as sa

from upstep import faults
from upstep.billing import quote as quotes
from upstep.billing.apply import apply_quote, raise_unanswered, refused_incentive
from upstep.billing.change import trial_days_of
from upstep.billing.provider import Answer, Applied, Declined, Event, Provider
from upstep.delivery import outbox
from upstep.delivery.channel import Message
from upstep.errors import Fault, InputError, OutsideError, QuoteError
from upstep.offers import incentive
from upstep.offers.model import LIVE, MOVES, SEEN, NewOffer, Offer, OfferChange, OfferStatus
from upstep.state import tables
from upstep.state.audit import note
from upstep.state.bulk import Ready, ready_rows, write_rows
from upstep.state.session import hold, hold_many, reading, writing

_FIRST_AT = {
    OfferStatus.SHOWN: "shown_at",
    OfferStatus.CLICKED: "clicked_at",
    OfferStatus.ACCEPTED: "accepted_at",
    OfferStatus.CONVERTED: "converted_at",
    OfferStatus.DECLINED: "declined_at",
}
Unless = Callable[[sa.Connection], str | None]
"""Why a yes may not be taken, by what a transaction sees; None: it may."""

PROGRAM = "upstep"
"""Who moves an offer when no person does."""


@dataclass(frozen=True)
class Moved:
    """The offer after a verb, and whether that verb changed it."""

    offer: Offer
    is_changed: bool


@dataclass(frozen=True)
class Taken:
    """An accepted offer and what the provider answered; None when it was not accepted or has no quote."""

    offer: Offer
    answer: Answer | None

    @property
    def applied(self) -> Applied | None:
        """What the provider did, if it did it."""
        return self.answer if isinstance(self.answer, Applied) else None


def open_offer(
    engine: sa.Engine, new: NewOffer, *, messages: Sequence[Message], by: str, at: datetime, why: str
) -> Moved:
    """Open an offer, lock its quote and queue its messages, all or nothing.

    Opening the same (account, step, run) again, or a step of which an offer is still live, changes nothing and returns
    that offer. Each message must carry ``offer_id=new.offer_id``.
    """
    assert all(message.offer_id == new.offer_id for message in messages), "a message of another offer"
    with writing(engine) as connection:
        hold(connection, new.account_id)
        known = _live_or_same(connection, new)
        if known is not None:
            return Moved(known, is_changed=False)
        if new.quote is not None:
            quotes.lock(connection, new.quote, now=at)
        connection.execute(sa.insert(tables.offer).values(**_row(new), opened_at=at))
        _write_change(connection, new.offer_id, OfferChange(None, OfferStatus.OPEN, by, at, why))
        if new.grant is not None:
            incentive.reserve(connection, new.offer_id, new.grant, at=at)
        for message in messages:
            outbox.queue(connection, message, now=at)
        return Moved(_read(connection, new.offer_id), is_changed=True)


Opening = tuple[NewOffer, Sequence[Message], str]
"""What is about to be offered, its messages, and why."""


def open_many(engine: sa.Engine, opening: Sequence[Opening], *, by: str, at: datetime) -> list[Moved]:
    """The same for offers of different steps, each with its messages and why, in one transaction: all of them or none.

    None of them has a grant: what an incentive may cost is asked one by one, see ``open_offer``.
    """
    known = open_ready(engine, made_ready(engine.dialect, opening, by=by, at=at))
    return [
        Moved(known[new.step_key], is_changed=False)
        if new.step_key in known
        else Moved(_as_opened(_row(new) | {"opened_at": at}), is_changed=True)
        for new, _, _ in opening
    ]


@dataclass(frozen=True)
class ReadyOffers:
    """Offers with their quotes and messages as the database takes them.

    Args:
        steps: Whose they are, in order.
        quoted: Whether each has a quote.
        messages_each: How many messages each has.
    """

    steps: list[Step]
    quoted: list[bool]
    messages_each: list[int]
    quotes: Ready
    offers: Ready
    changes: Ready
    messages: Ready

    def without(self, known: Collection[tuple[str, str]]) -> ReadyOffers:
        """The same without those of some steps."""
        if not known:
            return self
        is_kept = [step.step_key not in known for step in self.steps]
        of_messages = (keeps for keeps, many in zip(is_kept, self.messages_each, strict=True) for _ in range(many))
        return ReadyOffers(
            list(compress(self.steps, is_kept)),
            list(compress(self.quoted, is_kept)),
            list(compress(self.messages_each, is_kept)),
            self.quotes.kept(compress(is_kept, self.quoted)),
            self.offers.kept(is_kept),
            self.changes.kept(is_kept),
            self.messages.kept(of_messages),
        )


def made_ready(dialect: sa.Dialect, opening: Sequence[Opening], *, by: str, at: datetime) -> ReadyOffers:
    """All that ``open_ready`` writes, worked out without the database; see ``open_many``."""
    assert all(new.grant is None for new, _, _ in opening), "what is given is reserved one by one"
    asked = [new.quote for new, _, _ in opening]
    change = {"from_status": None, "to_status": OfferStatus.OPEN, "who": by, "changed_at": at}
    changes = [{"offer_id": new.offer_id, "why": why, **change} for new, _, why in opening]
    return ReadyOffers(
        [Step(new.account_id, new.step_id, new.run_id) for new, _, _ in opening],
        [quote is not None for quote in asked],
        [len(messages) for _, messages, _ in opening],
        quotes.ready_many(dialect, filter(None, asked), now=at),
        ready_rows(dialect, tables.offer, [_row(new) | {"opened_at": at} for new, _, _ in opening]),
        ready_rows(dialect, tables.offer_change, changes),
        outbox.ready_many(dialect, [one for _, messages, _ in opening for one in messages], now=at),
    )


def open_ready(engine: sa.Engine, ready: ReadyOffers) -> dict[tuple[str, str], Offer]:
    """Open offers in one transaction, all or none; returns those that stand already, whose steps stay as they are."""
    with writing(engine) as connection:
        hold_many(connection, (step.account_id for step in ready.steps))
        known = standing_in(connection, ready.steps)
        fresh = ready.without(known)
        write_rows(connection, tables.quote, fresh.quotes, unless="quote_id")
        write_rows(connection, tables.offer, fresh.offers)
        write_rows(connection, tables.offer_change, fresh.changes)
        outbox.queue_ready(connection, fresh.messages)
        faults.point("offers.written")
    faults.point("offers.opened")
    return known


def standing_in(connection: sa.Connection, asked: Sequence[NewOffer | Step]) -> dict[tuple[str, str], Offer]:
    """Of steps, the offers that are live or were opened by the same run, by account and step."""
    table = tables.offer
    runs = {one.step_key: one.run_id for one in asked}
    found: dict[tuple[str, str], Offer] = {}
    accounts = sorted({account for account, _ in runs})
    for begin in range(0, len(accounts), _AT_ONCE):
        some = sa.select(table).where(table.c.account_id.in_(accounts[begin : begin + _AT_ONCE]))
        for row in connection.execute(some.order_by(table.c.opened_at)):
            key = (row.account_id, row.step_id)
            if key in runs and (row.status in LIVE or row.run_id == runs[key]):
                found.setdefault(key, _offer(row))
    return found


def steps_standing(connection: sa.Connection, asked: Sequence[Step]) -> set[tuple[str, str]]:
    """The same, but only of which steps there is one: by account and step."""
    offer, runs = tables.offer.c, {one.step_key: one.run_id for one in asked}
    found: set[tuple[str, str]] = set()
    accounts = sorted({account for account, _ in runs})
    for begin in range(0, len(accounts), _AT_ONCE):
        some = offer.account_id.in_(accounts[begin : begin + _AT_ONCE])
        rows = connection.execute(sa.select(offer.account_id, offer.step_id, offer.status, offer.run_id).where(some))
        found |= {
            (account, step)
            for account, step, status, run_id in rows
            if (account, step) in runs and (status in LIVE or run_id == runs[account, step])
        }
    return found


@dataclass(frozen=True)
class Step:
    """A step of a run that may be offered."""

    account_id: str
    step_id: str
    run_id: str

    @property
    def step_key(self) -> tuple[str, str]:
        """Account and step."""
        return self.account_id, self.step_id


_AT_ONCE = 500


def _as_opened(row: Mapping[str, Any]) -> Offer:
    values: dict[str, Any] = {**_NOT_YET, **row}
    return Offer(**values)


_NOT_YET = dict.fromkeys(Offer.__annotations__)


def add_many(engine: sa.Engine, more: Sequence[tuple[str, Sequence[Message]]], *, at: datetime) -> int:
    """``add_messages`` for several offers in one transaction."""
    asked = [offer_id for offer_id, _ in more]
    open_to = [status for status, targets in MOVES.items() if OfferStatus.ACCEPTED in targets]
    with writing(engine) as connection:
        found = sa.select(tables.offer.c.offer_id).where(
            tables.offer.c.offer_id.in_(asked), tables.offer.c.status.in_(open_to)
        )
        waiting = set(connection.execute(found).scalars())
        messages = [one for offer_id, several in more if offer_id in waiting for one in several]
        return outbox.queue_many(connection, messages, now=at)


def add_messages(engine: sa.Engine, offer_id: str, messages: Sequence[Message], *, at: datetime) -> int:
    """Queue further messages of an offer that still waits for an answer; the same ones again add nothing.

    Returns:
        How many were new.
    """
    with writing(engine) as connection:
        offer = _read(connection, offer_id)
        if OfferStatus.ACCEPTED not in MOVES[offer.status]:
            return 0
        return sum(outbox.queue(connection, message, now=at) for message in messages)


def message_key(offer_id: str, channel: str, recipient: str) -> str:
    """The idempotency key of an offer's message: one per channel and recipient."""
    return f"offer:{offer_id}:{channel}:{recipient}"


def show(engine: sa.Engine, offer_id: str, *, by: str, at: datetime, why: str = "seen") -> Moved:
    """Somebody has seen it."""
    return _move(engine, offer_id, OfferChange(None, OfferStatus.SHOWN, by, at, why))


def click(engine: sa.Engine, offer_id: str, *, by: str, at: datetime, why: str = "opened the offer") -> Moved:
    """Somebody looked closer."""
    return _move(engine, offer_id, OfferChange(None, OfferStatus.CLICKED, by, at, why))


def accept(
    engine: sa.Engine,
    offer_id: str,
    *,
    by: str,
    at: datetime,
    why: str = "said yes",
    quote_id: str | None = None,
    unless: Unless | None = None,
) -> Moved:
    """Somebody said yes. Past its end the offer expires instead; see the returned status.

    Args:
        unless: Asked in the transaction that accepts: why it may not be, by what has come meanwhile.

    Raises:
        QuoteError: The offer has another quote than ``quote_id``, where one is given, or ``unless`` says why.
    """
    offer = read_offer(engine, offer_id)
    if offer.expires_at is not None and at >= offer.expires_at and OfferStatus.EXPIRED in MOVES[offer.status]:
        return _move(engine, offer_id, OfferChange(None, OfferStatus.EXPIRED, by, at, "accepted after its end"))
    yes = OfferChange(None, OfferStatus.ACCEPTED, by, at, why)
    return _move(engine, offer_id, yes, quote_id=quote_id, unless=unless)


def decline(
    engine: sa.Engine, offer_id: str, *, by: str, at: datetime, why: str | None = None, is_not_now: bool = False
) -> Moved:
    """Somebody said no. What has not left yet of its messages never will.

    Args:
        is_not_now: They said "not now": the step may come back after ``not_now_days`` instead of ``declined_days``.
    """
    change = OfferChange(None, OfferStatus.DECLINED, by, at, why or ("said not now" if is_not_now else "said no"))
    return _move(engine, offer_id, change, not_now_at=at if is_not_now else None)


def withdraw(engine: sa.Engine, offer_id: str, *, by: str, at: datetime, why: str) -> Moved:
    """We take it back. What has not left yet of its messages never will."""
    return _move(engine, offer_id, OfferChange(None, OfferStatus.WITHDRAWN, by, at, why))


def convert(engine: sa.Engine, offer_id: str, *, by: str, at: datetime, why: str) -> Moved:
    """The provider told of the change: the money."""
    return _move(engine, offer_id, OfferChange(None, OfferStatus.CONVERTED, by, at, why))


def accept_and_apply(  # noqa: PLR0913 - a yes is said by somebody, to a price, while something may stop it
    engine: sa.Engine,
    provider: Provider,
    *,
    offer_id: str,
    by: str,
    at: datetime,
    tries_again: bool = True,
    quote_id: str | None = None,
    unless: Unless | None = None,
) -> Taken:
    """Accept an offer and have its quote applied, exactly once. ``convert_applied`` follows the provider's event.

    Cut off in between, a second call finishes it. Where the payment was declined or must be confirmed, the offer stays
    accepted: accepting it again tries again (unless ``tries_again`` is False), or says what has become of it. What its
    incentive costs returns to the play's budget when a payment was declined; ``take_again`` comes before another try.

    Raises:
        QuoteError: The quote has expired or the subscription has changed; the offer is withdrawn and says so. Or it is
            another quote than ``quote_id``, where one is given, or ``unless`` (as in ``accept``) says why; the offer
            stays as it is.
        OutsideError: The provider gave no answer; the offer stays accepted. Call again.
    """
    offer = accept(engine, offer_id, by=by, at=at, quote_id=quote_id, unless=unless).offer
    if offer.status not in {OfferStatus.ACCEPTED, OfferStatus.CONVERTED} or offer.quote_id is None:
        return Taken(offer, None)
    faults.point("offer.accepted")
    try:
        answer = apply_quote(engine, provider, quote_id=offer.quote_id, by=by, now=at, tries_again=tries_again)
    except QuoteError as error:
        withdraw(engine, offer_id, by=PROGRAM, at=at, why=str(error))
        raise
    _settle_answered(engine, offer, answer, at=at)
    return Taken(offer, answer)


def take_again(engine: sa.Engine, offer_id: str, *, budget_minor: int, at: datetime) -> None:
    """Take the incentive of an accepted offer, whose payment had failed, out of its budget again, before another try.

    Args:
        budget_minor: What the offer's play may give away in all.

    Raises:
        QuoteError: It cannot be given any more; the offer is withdrawn and says so.
    """
    try:
        with writing(engine) as connection:
            if _read(connection, offer_id, for_update=True).status is OfferStatus.ACCEPTED:
                incentive.take_again(connection, offer_id, budget_minor=budget_minor, at=at)
    except incentive.NotGrantedError as error:
        why = f"its payment failed, and by now its incentive cannot be given: {error.faults[0].found}"
        withdraw(engine, offer_id, by=PROGRAM, at=at, why=why)
        raise QuoteError(Fault(f"offer {offer_id}", why, "Nothing was changed. Ask for a new offer.")) from error


def _settle_answered(engine: sa.Engine, offer: Offer, answer: Answer, *, at: datetime) -> None:
    """What the answer means for the incentive: free again, or spent. A trial is given when it begins, kept or not."""
    if not isinstance(answer, Applied | Declined) or offer.quote_id is None:
        return
    with writing(engine) as connection:
        is_returned = isinstance(answer, Declined) or refused_incentive(connection, offer.quote_id) is not None
        if is_returned or trial_days_of(quotes.read(connection, offer.quote_id).change) is not None:
            incentive.settle(connection, offer.offer_id, is_used=not is_returned, at=at)


def finish_accepted(engine: sa.Engine, provider: Provider, *, now: datetime) -> list[Taken]:
    """Finish the accepted offers whose quotes have not been applied: somebody was cut off. Returns what became of them.

    One that the provider refuses is withdrawn with the reason, and one whose payment failed when its time is over.

    Raises:
        OutsideError: The provider gave no answer to some; all others are finished.
    """
    with reading(engine) as connection:
        offer_ids = list(connection.execute(_accepted_and_not_applied(provider.name)).scalars())
    taken, unanswered = [], list[OutsideError]()
    for offer_id in offer_ids:
        try:
            one = accept_and_apply(engine, provider, offer_id=offer_id, by=PROGRAM, at=now, tries_again=False)
            taken.append(_withdrawn_if_over(engine, one, now=now))
        except QuoteError:
            taken.append(Taken(read_offer(engine, offer_id), None))
        except OutsideError as error:
            unanswered.append(error)
    raise_unanswered(unanswered)
    return taken


def _withdrawn_if_over(engine: sa.Engine, taken: Taken, *, now: datetime) -> Taken:
    """An accepted offer whose payment failed waits for another try until its quote has expired."""
    ends_at = taken.offer.expires_at
    if not isinstance(taken.answer, Declined) or ends_at is None or now < ends_at:
        return taken
    why = f"its payment failed ({taken.answer.reason}) and its time is over"
    moved = withdraw(engine, taken.offer.offer_id, by=PROGRAM, at=now, why=why)
    return Taken(moved.offer, taken.answer)


def convert_applied(engine: sa.Engine, events: Iterable[Event]) -> list[Offer]:
    """Convert the offers whose quotes the provider's events confirm; returns those that changed.

    A quote that was applied without a click (by ``upstep apply``) counts as accepted by it.
    """
    converted = []
    for event in events:
        if event.quote_id is None:
            continue
        with reading(engine) as connection:
            found = sa.select(tables.offer.c.offer_id).where(tables.offer.c.quote_id == event.quote_id)
            offer_ids = list(connection.execute(found).scalars())
        for offer_id in offer_ids:
            why = f"billing event {event.event_id}"
            _move(engine, offer_id, OfferChange(None, OfferStatus.ACCEPTED, PROGRAM, event.occurred_at, why))
            moved = convert(engine, offer_id, by=PROGRAM, at=event.occurred_at, why=why)
            converted += [moved.offer] if moved.is_changed else []
    return converted


TRIAL_GRACE = timedelta(days=3)
"""So long after a trial's end a provider may still tell that it was charged."""


def end_unkept_trials(engine: sa.Engine, *, now: datetime) -> list[Offer]:
    """Withdraw the accepted offers whose trial is over and was never charged: they left it. Returns them."""
    offer, quote = tables.offer, tables.quote
    tried = (
        sa.select(offer.c.offer_id, quote.c.change)
        .join(quote, quote.c.quote_id == offer.c.quote_id)
        .where(offer.c.status == OfferStatus.ACCEPTED, quote.c.status == "applied")
        .where(quote.c.next_invoice_at <= now - TRIAL_GRACE)
        .order_by(offer.c.offer_id)
    )
    with reading(engine) as connection:
        rows = list(connection.execute(tried))
    ids = [row.offer_id for row in rows if (row.change.get("incentive") or {}).get("trial_days")]
    moves = [withdraw(engine, each, by=PROGRAM, at=now, why="its trial ended and was not kept") for each in ids]
    return [moved.offer for moved in moves if moved.is_changed]


def expire_due(engine: sa.Engine, *, now: datetime) -> list[Offer]:
    """End the offers whose time is over, and take back their messages; returns them."""
    table = tables.offer
    may_expire = [status for status, targets in MOVES.items() if OfferStatus.EXPIRED in targets]
    due = sa.select(table.c.offer_id).where(table.c.status.in_(may_expire), table.c.expires_at <= now)
    with reading(engine) as connection:
        offer_ids = list(connection.execute(due.order_by(table.c.offer_id)).scalars())
    change = OfferChange(None, OfferStatus.EXPIRED, PROGRAM, now, "its time was over")
    moves = [_move(engine, offer_id, change) for offer_id in offer_ids]
    return [moved.offer for moved in moves if moved.is_changed]


def read_offer(engine: sa.Engine, offer_id: str) -> Offer:
    """The offer as it stands.

    Raises:
        InputError: There is none of that id.
    """
    with reading(engine) as connection:
        return _read(connection, offer_id)


def offer_in(connection: sa.Connection, offer_id: str) -> Offer:
    """The same, within the caller's transaction."""
    return _read(connection, offer_id)


def requote(engine: sa.Engine, offer_id: str, quote: quotes.Quote, *, by: str, at: datetime) -> Moved:
    """Put another quote in the place of one that no longer stands, while nobody has said yes to it.

    An incentive ends when it was to end, whatever quote holds it: after that it counts in no budget.
    """
    with writing(engine) as connection:
        offer = _read(connection, offer_id, for_update=True)
        if OfferStatus.ACCEPTED not in MOVES[offer.status] or offer.quote_id == quote.quote_id:
            return Moved(offer, is_changed=False)
        quotes.lock(connection, quote, now=at)
        given_until = incentive.ends_at(connection, offer_id)
        incentive.recount(connection, offer_id, quote)
        expires_at = quote.expires_at if given_until is None else min(quote.expires_at, given_until)
        values = {"quote_id": quote.quote_id, "expires_at": expires_at}
        connection.execute(sa.update(tables.offer).where(tables.offer.c.offer_id == offer_id).values(**values))
        details = {"from": offer.quote_id, "to": quote.quote_id}
        note(connection, "requote", subject=offer_id, who=by, at=at, details=details)
        return Moved(_read(connection, offer_id), is_changed=True)


def changes(engine: sa.Engine, offer_id: str) -> list[OfferChange]:
    """Every change of the offer, oldest first."""
    table = tables.offer_change
    found = sa.select(table).where(table.c.offer_id == offer_id).order_by(table.c.change_id)
    with reading(engine) as connection:
        return [
            OfferChange(
                OfferStatus(row.from_status) if row.from_status else None,
                OfferStatus(row.to_status),
                row.who,
                row.changed_at,
                row.why,
            )
            for row in connection.execute(found)
        ]


def _move(
    engine: sa.Engine,
    offer_id: str,
    change: OfferChange,
    *,
    quote_id: str | None = None,
    unless: Unless | None = None,
    **more: datetime | None,
) -> Moved:
    """The only way a status changes: by the table of moves, in one transaction with its reason.

    Raises:
        QuoteError: The offer has another quote than ``quote_id``, where one is given, or ``unless`` says why.
    """
    with writing(engine) as connection:
        offer = _read(connection, offer_id, for_update=True)
        if quote_id not in (None, offer.quote_id):
            found = f"its price has changed: it was {quote_id}, and is {offer.quote_id} by now."
            raise QuoteError(Fault(f"offer {offer_id}", found, "Look again, then accept what is shown."))
        if change.to_status not in MOVES[offer.status]:
            return Moved(offer, is_changed=False)
        if unless and (why := unless(connection)):
            found = f"cannot be accepted now: {why}."
            raise QuoteError(Fault(f"offer {offer_id}", found, f"See 'upstep explain {offer.account_id}'."))
        values = _instants(offer, change) | more | {"status": change.to_status}
        connection.execute(sa.update(tables.offer).where(tables.offer.c.offer_id == offer_id).values(**values))
        _write_change(connection, offer_id, change, from_status=offer.status)
        if not MOVES[change.to_status]:
            is_used = change.to_status is OfferStatus.CONVERTED
            is_used = is_used and not (offer.quote_id and refused_incentive(connection, offer.quote_id))
            incentive.settle(connection, offer_id, is_used=is_used, at=change.changed_at)
            outbox.withdraw(connection, offer_id, why=f"offer {change.to_status}: {change.why}")
        return Moved(_read(connection, offer_id), is_changed=True)


def _instants(offer: Offer, change: OfferChange) -> dict[str, object]:
    """The instants that the change sets: its own, its end, and that it was seen, which cool-downs count from."""
    instants: dict[str, object] = {}
    if change.to_status in _FIRST_AT:
        instants[_FIRST_AT[change.to_status]] = change.changed_at
    if change.to_status in SEEN and offer.shown_at is None:
        instants["shown_at"] = change.changed_at
    if not MOVES[change.to_status]:
        instants["ended_at"] = change.changed_at
    return instants


def _accepted_and_not_applied(provider: str) -> sa.Select[str]:
    offer, quote = tables.offer, tables.quote
    return (
        sa.select(offer.c.offer_id)
        .join(quote, quote.c.quote_id == offer.c.quote_id)
        .where(offer.c.status == OfferStatus.ACCEPTED, quote.c.provider == provider, quote.c.status != "applied")
        .order_by(offer.c.accepted_at, offer.c.offer_id)
    )


def _live_or_same(connection: sa.Connection, new: NewOffer) -> Offer | None:
    table = tables.offer
    same_step = (table.c.account_id == new.account_id) & (table.c.step_id == new.step_id)
    either = (table.c.run_id == new.run_id) | table.c.status.in_(LIVE)
    row = connection.execute(sa.select(table).where(same_step & either).order_by(table.c.opened_at)).first()
    return _offer(row) if row else None


def _row(new: NewOffer) -> dict[str, object]:
    values = {name: getattr(new, name) for name in _OF_NEW}
    quote_id = new.quote.quote_id if new.quote else None
    expires_at = new.expires_at or (new.quote.expires_at if new.quote else None)
    extra = {"quote_id": quote_id, "expires_at": expires_at, "facts": dict(new.facts)}
    return {**values, **extra, "offer_id": new.offer_id, "status": OfferStatus.OPEN}


_OF_NEW = tuple(name for name in NewOffer.__annotations__ if name in tables.offer.columns)


def _read(connection: sa.Connection, offer_id: str, *, for_update: bool = False) -> Offer:
    found = sa.select(tables.offer).where(tables.offer.c.offer_id == offer_id)
    row = connection.execute(found.with_for_update() if for_update else found).first()
    if row is None:
        raise InputError(Fault(f"offer {offer_id}", "is not known here.", "`upstep offers` lists those that are."))
    return _offer(row)


def _offer(row: sa.Row[tuple[object, ...]]) -> Offer:
    values = {name: getattr(row, name) for name in Offer.__annotations__}
    return Offer(**values | {"status": OfferStatus(values["status"])})


def _write_change(
    connection: sa.Connection, offer_id: str, change: OfferChange, *, from_status: OfferStatus | None = None
) -> None:
    row = {"to_status": change.to_status, "who": change.who, "changed_at": change.changed_at, "why": change.why}
    connection.execute(sa.insert(tables.offer_change).values(offer_id=offer_id, from_status=from_status, **row))
