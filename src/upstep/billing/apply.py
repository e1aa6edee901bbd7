"""Applying a quote exactly once: what is intended is written first, then the provider is asked, then its answer kept.

No call to the provider is made inside a database transaction. Whoever is cut off in between has left an intent without
an outcome; asking again with the same key finishes it, whether or not the provider had done it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from upstep.billing import quote as quotes
from upstep.billing.provider import Applied, Provider
from upstep.billing.quote import Quote
from upstep.errors import Fault, QuoteError
from upstep.state import tables
from upstep.state.session import hold, reading, writing


@dataclass(frozen=True)
class Finished:
    """What became of an intent that had been cut off: applied, or refused with the reason."""

    quote_id: str
    applied: Applied | None
    refused: str | None


def apply_quote(engine: sa.Engine, provider: Provider, *, quote_id: str, by: str, now: datetime) -> Applied:
    """Apply a locked quote, once: the second call returns the first one's answer.

    Args:
        engine: State.
        provider: The one that made the quote.
        quote_id: Which quote.
        by: Who accepted it.
        now: The instant of the acceptance.

    Raises:
        QuoteError: It is not known, has expired, or the subscription has changed since; nothing was changed.
        OutsideError: The provider gave no answer. The intent stands; call again.
    """
    with writing(engine) as connection:
        hold(connection, quote_id)
        quote = quotes.read(connection, quote_id)
        intent_id = _intent(connection, quote, by=by, now=now)
        known = _outcome(connection, intent_id)
    return known or _ask(engine, provider, quote, intent_id=intent_id, now=now)


def finish_cut_off(engine: sa.Engine, provider: Provider, *, now: datetime) -> list[Finished]:
    """Ask again for every intent of this provider that has no outcome.

    Raises:
        OutsideError: The provider gave no answer; what was finished before stays finished.
    """
    intent, outcome = tables.billing_intent, tables.billing_outcome
    open_intents = (
        sa.select(intent.c.intent_id, intent.c.quote_id)
        .join(tables.quote, tables.quote.c.quote_id == intent.c.quote_id)
        .outerjoin(outcome, outcome.c.intent_id == intent.c.intent_id)
        .where(outcome.c.intent_id.is_(None), tables.quote.c.provider == provider.name)
        .order_by(intent.c.intent_id)
    )
    with reading(engine) as connection:
        found = [(row.intent_id, quotes.read(connection, row.quote_id)) for row in connection.execute(open_intents)]
    finished = []
    for intent_id, quote in found:
        try:
            applied = _ask(engine, provider, quote, intent_id=intent_id, now=now)
            finished.append(Finished(quote.quote_id, applied, None))
        except QuoteError as error:
            finished.append(Finished(quote.quote_id, None, str(error)))
    return finished


def _intent(connection: sa.Connection, quote: Quote, *, by: str, now: datetime) -> int:
    """The quote's intent, written now if there is none: only then the quote must not have expired."""
    table = tables.billing_intent
    found = connection.execute(sa.select(table.c.intent_id).where(table.c.quote_id == quote.quote_id)).scalar()
    if found is not None:
        return int(found)
    if now >= quote.expires_at:
        raise QuoteError(
            Fault(
                f"quote {quote.quote_id}",
                f"expired at {quote.expires_at:%Y-%m-%d %H:%M:%S} UTC.",
                "Nothing was changed. Ask for a new quote.",
            )
        )
    row = {"idempotency_key": f"apply:{quote.quote_id}", "requested_by": by, "requested_at": now}
    created = connection.execute(sa.insert(table).values(quote_id=quote.quote_id, **row).returning(table.c.intent_id))
    return int(created.scalar_one())


def _outcome(connection: sa.Connection, intent_id: int) -> Applied | None:
    table = tables.billing_outcome
    row = connection.execute(sa.select(table).where(table.c.intent_id == intent_id)).first()
    if row is None:
        return None
    if row.result == "refused":
        raise QuoteError(Fault("billing", f"this was refused before: {row.detail}"))
    return Applied(row.reference, row.amount_minor, row.effective_at)


def _ask(engine: sa.Engine, provider: Provider, quote: Quote, *, intent_id: int, now: datetime) -> Applied:
    try:
        applied = provider.apply(quote, f"apply:{quote.quote_id}", at=now)
    except QuoteError as error:
        _record(engine, quote, {"intent_id": intent_id, "result": "refused", "detail": str(error), "recorded_at": now})
        raise
    assert isinstance(applied, Applied), "the other answers follow"
    answer = {
        "reference": applied.reference,
        "amount_minor": applied.amount_minor,
        "effective_at": applied.effective_at,
    }
    _record(engine, quote, {"intent_id": intent_id, "result": "applied", "recorded_at": now, **answer})
    return applied


def _record(engine: sa.Engine, quote: Quote, row: dict[str, object]) -> None:
    """Keep the answer. Two that asked at once got the same one, so the second writes nothing."""
    with writing(engine) as connection:
        insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        connection.execute(insert(tables.billing_outcome).values(**row).on_conflict_do_nothing())
        connection.execute(
            sa.update(tables.quote).where(tables.quote.c.quote_id == quote.quote_id).values(status=row["result"])
        )
