"""Applying a quote exactly once: what is intended is written first, then the provider is asked, then its answer kept.

No call to the provider is made inside a database transaction. Whoever is cut off in between has left an intent without
an outcome; asking again finishes it, whether or not the provider had done it. Before the call, a fresh preview is held
against the locked quote line by line: what would be charged otherwise than it was shown is not applied.

The steps, each of which a test may kill (``faults.point``): apply.intent_written, apply.compared, apply.made,
apply.answered, apply.outcome_written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from upstep import faults
from upstep.billing import quote as quotes
from upstep.billing.change import Starts
from upstep.billing.provider import Answer, Applied, Declined, NeedsConfirmation, Provider
from upstep.billing.quote import Quote, changed_since, differences
from upstep.errors import Fault, OutsideError, QuoteError
from upstep.state import tables
from upstep.state.audit import note
from upstep.state.session import hold, reading, writing


@dataclass(frozen=True)
class Finished:
    """What became of an intent that had been cut off: the provider's answer, or None with the reason it refused."""

    quote_id: str
    answer: Answer | None
    refused: str | None

    @property
    def applied(self) -> Applied | None:
        """What was done, if it was."""
        return self.answer if isinstance(self.answer, Applied) else None


@dataclass(frozen=True)
class _Asked:
    """Who wants it applied, when, and whether a declined payment is tried again."""

    by: str
    now: datetime
    tries_again: bool


@dataclass(frozen=True)
class _Try:
    """One time that the provider is asked. ``is_first`` when nobody can have asked with this key before."""

    intent_id: int
    number: int
    idempotency_key: str
    is_first: bool


def apply_quote(
    engine: sa.Engine, provider: Provider, *, quote_id: str, by: str, now: datetime, tries_again: bool = True
) -> Answer:
    """Apply a locked quote, once: when it is applied, a further call returns the first one's answer.

    A quote whose payment was declined is tried again under a new key, as long as it has not expired; one that awaits a
    confirmation is asked about. A change at renewal is scheduled.

    Args:
        engine: State.
        provider: The one that made the quote.
        quote_id: Which quote.
        by: Who accepted it.
        now: The instant of the acceptance.
        tries_again: False: what was declined stays declined; a machine does not charge a card twice by itself.

    Raises:
        QuoteError: It is not known, has expired, or would be charged otherwise than it was shown; nothing was changed.
        OutsideError: The provider gave no answer. The intent stands; call again.
    """
    with writing(engine) as connection:
        hold(connection, quote_id)
        quote = quotes.read(connection, quote_id)
        asked = _Asked(by, now, tries_again)
        intent_id, is_new = _intent(connection, quote, asked)
        known = _outcome(connection, intent_id)
        attempt = known or _attempt(connection, quote, intent_id, asked, is_new=is_new)
    faults.point("apply.intent_written")
    return _ask(engine, provider, quote, attempt=attempt, now=now) if isinstance(attempt, _Try) else attempt


def finish_cut_off(engine: sa.Engine, provider: Provider, *, now: datetime) -> list[Finished]:
    """Ask again for every intent of this provider that was cut off or awaits a confirmation; never for a declined one.

    Raises:
        OutsideError: The provider gave no answer to some; all others are finished.
    """
    intent, outcome = tables.billing_intent, tables.billing_outcome
    open_intents = (
        sa.select(intent.c.quote_id, intent.c.requested_by)
        .join(tables.quote, tables.quote.c.quote_id == intent.c.quote_id)
        .outerjoin(outcome, outcome.c.intent_id == intent.c.intent_id)
        .where(outcome.c.intent_id.is_(None), tables.quote.c.provider == provider.name)
        .where(tables.quote.c.status != "declined")
        .order_by(intent.c.intent_id)
    )
    with reading(engine) as connection:
        found = list(connection.execute(open_intents))
    finished, unanswered = [], list[OutsideError]()
    for row in found:
        try:
            answer = apply_quote(
                engine, provider, quote_id=row.quote_id, by=row.requested_by, now=now, tries_again=False
            )
            finished.append(Finished(row.quote_id, answer, None))
        except QuoteError as error:
            finished.append(Finished(row.quote_id, None, str(error)))
        except OutsideError as error:
            unanswered.append(error)
    raise_unanswered(unanswered)
    return finished


def raise_unanswered(errors: Sequence[OutsideError]) -> None:
    """Tell at the end of a round what the provider did not answer in it; one word for what is said again.

    Raises:
        OutsideError: There is any.
    """
    if len(errors) == 1:
        raise errors[0]
    if errors:
        raise OutsideError(" ".join(dict.fromkeys(str(error) for error in errors))) from errors[0]


def _intent(connection: sa.Connection, quote: Quote, asked: _Asked) -> tuple[int, bool]:
    """The quote's intent and whether it is new, written now: only then the quote must not have expired."""
    table = tables.billing_intent
    found = connection.execute(sa.select(table.c.intent_id).where(table.c.quote_id == quote.quote_id)).scalar()
    if found is not None:
        return int(found), False
    _refuse_expired(quote, asked.now)
    row = {"idempotency_key": _key(quote, 1), "requested_by": asked.by, "requested_at": asked.now}
    created = connection.execute(sa.insert(table).values(quote_id=quote.quote_id, **row).returning(table.c.intent_id))
    return int(created.scalar_one()), True


def _refuse_expired(quote: Quote, now: datetime) -> None:
    if now >= quote.expires_at:
        found = f"expired at {quote.expires_at:%Y-%m-%d %H:%M:%S} UTC."
        raise QuoteError(Fault(f"quote {quote.quote_id}", found, "Nothing was changed. Ask for a new quote."))


def _key(quote: Quote, number: int) -> str:
    return f"apply:{quote.quote_id}" if number == 1 else f"apply:{quote.quote_id}:{number}"


def _outcome(connection: sa.Connection, intent_id: int) -> Applied | None:
    table = tables.billing_outcome
    row = connection.execute(sa.select(table).where(table.c.intent_id == intent_id)).first()
    if row is None:
        return None
    if row.result == "refused":
        raise QuoteError(Fault("billing", f"this was refused before: {row.detail}"))
    return Applied(row.reference, row.amount_minor, row.effective_at, row.invoice_id)


def _attempt(
    connection: sa.Connection, quote: Quote, intent_id: int, asked: _Asked, *, is_new: bool
) -> _Try | Declined:
    """The try that is still open, else a new one; or the last answer, when that was no and is not to be tried again."""
    table = tables.billing_attempt
    mine = sa.select(table).where(table.c.intent_id == intent_id).order_by(table.c.number.desc())
    last = connection.execute(mine).first()
    if last is not None and last.result in {None, "needs_confirmation"}:
        return _Try(intent_id, last.number, last.idempotency_key, is_first=False)
    if last is not None:
        assert last.result == "declined", "what is settled has an outcome"
        if not asked.tries_again:
            return Declined(last.reference, last.detail, last.amount_minor)
        _refuse_expired(quote, asked.now)
    number = 1 if last is None else last.number + 1
    row = {"intent_id": intent_id, "number": number, "idempotency_key": _key(quote, number)}
    connection.execute(sa.insert(table).values(**row, asked_by=asked.by, asked_at=asked.now))
    _set_status(connection, quote, "locked")  # also after a decline: cut off now, it is found and finished
    # An intent without an attempt is of a version that kept none: it may have asked.
    return _Try(intent_id, number, _key(quote, number), is_first=is_new or number > 1)


def _ask(engine: sa.Engine, provider: Provider, quote: Quote, *, attempt: _Try, now: datetime) -> Answer:
    try:
        answer = _answer(provider, quote, attempt, now)
    except QuoteError as error:
        _record(engine, quote, attempt, {"result": "refused", "detail": str(error)}, now=now)
        raise
    why_not = _refused_incentive(provider, quote, attempt, answer, now=max(now, quote.at))
    faults.point("apply.answered")
    detail = {"detail": f"{_WITHOUT}{why_not}"} if why_not else {}
    _record(engine, quote, attempt, {**_row(answer), **detail}, now=now)
    faults.point("apply.outcome_written")
    return answer


def _answer(provider: Provider, quote: Quote, attempt: _Try, now: datetime) -> Answer:
    """The provider's answer to this try. What it has answered before is asked for first: it must not be compared.

    Two machines' clocks differ by seconds: a change is never made before the instant that its quote is of.
    """
    now = max(now, quote.at)
    known = None if attempt.is_first else provider.find(quote, attempt.idempotency_key, at=now)
    if known is not None:
        return known
    try:
        _compare(provider, quote)
    except QuoteError:
        # Somebody else may have asked with the same key in this moment: then that is the change that was found.
        known = provider.find(quote, attempt.idempotency_key, at=now)
        if known is not None:
            return known
        raise
    faults.point("apply.compared")
    make = provider.schedule if quote.change.starts is Starts.AT_RENEWAL else provider.apply
    answer = make(quote, attempt.idempotency_key, at=now)
    faults.point("apply.made")
    return answer


def _refused_incentive(provider: Provider, quote: Quote, attempt: _Try, answer: Answer, *, now: datetime) -> str | None:
    """Give the change's incentive too, under a key of its own, so that a second call gives none; or why it is refused.

    The change is made by now and stands, so a refusal is kept beside it: to ask again would never end.

    Raises:
        OutsideError: No answer: nothing is kept of the change yet, so asking again goes on.
    """
    incentive = quote.change.incentive
    if incentive is None or incentive.trial_days is not None or not isinstance(answer, Applied):
        return None  # a trial is given with the change itself
    try:
        provider.apply_incentive(quote.subscription_id, incentive, f"{attempt.idempotency_key}:incentive", at=now)
    except QuoteError as error:
        return str(error)
    return None


_WITHOUT = "without its incentive: "


def refused_incentive(connection: sa.Connection, quote_id: str) -> str | None:
    """Why billing made the quote's change without its incentive; None: it gave it, or there is none to give."""
    intent, outcome = tables.billing_intent, tables.billing_outcome
    told = sa.select(outcome.c.detail).join(intent, intent.c.intent_id == outcome.c.intent_id)
    detail = connection.execute(told.where(intent.c.quote_id == quote_id, outcome.c.result == "applied")).scalar()
    return detail.removeprefix(_WITHOUT) if detail and detail.startswith(_WITHOUT) else None


def _compare(provider: Provider, quote: Quote) -> None:
    """Hold a fresh preview of the frozen instant against what was shown.

    Raises:
        QuoteError: It differs, or can no longer be quoted; it says how.
    """
    try:
        fresh = provider.preview(quote.change, quote.at)
    except QuoteError as error:
        raise changed_since(quote, [str(fault) for fault in error.faults]) from error
    why = differences(quote, fresh)
    if why:
        raise changed_since(quote, why)


def _row(answer: Answer) -> dict[str, Any]:
    """The answer as columns of an attempt and of an outcome."""
    if isinstance(answer, Declined):
        return {
            "result": "declined",
            "reference": answer.reason,
            "detail": answer.why,
            "amount_minor": answer.amount_minor,
        }
    if isinstance(answer, NeedsConfirmation):
        return {
            "result": "needs_confirmation",
            "reference": answer.reference,
            "detail": answer.reason,
            "amount_minor": answer.amount_minor,
            "url": answer.url,
            "expires_at": answer.expires_at,
        }
    return {
        "result": "applied",
        "reference": answer.reference,
        "amount_minor": answer.amount_minor,
        "effective_at": answer.effective_at,
        "invoice_id": answer.invoice_id,
    }


def _record(engine: sa.Engine, quote: Quote, attempt: _Try, row: Mapping[str, Any], *, now: datetime) -> None:
    """Keep the answer. Two that asked at once got the same one, so the second writes nothing new."""
    table, columns = tables.billing_attempt, set(tables.billing_attempt.columns.keys())
    answered = {name: value for name, value in row.items() if name in columns}
    mine = (table.c.intent_id == attempt.intent_id) & (table.c.number == attempt.number)
    is_open = table.c.result.is_(None) | (table.c.result == "needs_confirmation")
    with writing(engine) as connection:
        hold(connection, quote.quote_id)
        changed = connection.execute(sa.update(table).where(mine, is_open).values(**answered, answered_at=now))
        if row["result"] in {"applied", "refused"}:
            insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
            settled = {"intent_id": attempt.intent_id, "recorded_at": now, **row}
            connection.execute(insert(tables.billing_outcome).values(**settled).on_conflict_do_nothing())
        if changed.rowcount:
            _set_status(connection, quote, row["result"])
        if changed.rowcount and row["result"] == "applied" and row.get("detail"):
            details = {"account": quote.account_id, "why": row["detail"]}
            note(connection, "incentive refused", subject=quote.quote_id, who="upstep", at=now, details=details)


def _set_status(connection: sa.Connection, quote: Quote, status: str) -> None:
    table = tables.quote
    connection.execute(sa.update(table).where(table.c.quote_id == quote.quote_id).values(status=status))
