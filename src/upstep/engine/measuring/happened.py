"""What happened to one account, as it was written down: messages, an offer's life, answers, invoices."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from upstep.state import tables
from upstep.state.session import reading

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True)
class Happened:
    """One thing that was written down: when, what, by whom, and a word more."""

    at: datetime
    what: str
    who: str
    why: str


def messages_of(state: sa.Engine, account_id: str, *, most: int = 50) -> Sequence[sa.RowMapping]:
    """The account's messages, newest first."""
    message = tables.message
    found = sa.select(message).where(message.c.account_id == account_id)
    with reading(state) as connection:
        return connection.execute(found.order_by(message.c.message_id.desc()).limit(most)).mappings().all()


def message_of(state: sa.Engine, account_id: str, message_id: int) -> sa.RowMapping | None:
    """One of its messages."""
    message = tables.message
    found = sa.select(message).where(message.c.account_id == account_id, message.c.message_id == message_id)
    with reading(state) as connection:
        return connection.execute(found).mappings().first()


def happened(state: sa.Engine, account_id: str, *, most: int = 50) -> list[Happened]:
    """What was written down about the account, newest first."""
    offer, change, message = tables.offer, tables.offer_change, tables.message
    moves = (
        sa.select(change, offer.c.target)
        .join(offer, offer.c.offer_id == change.c.offer_id)
        .where(offer.c.account_id == account_id)
    )
    left = sa.select(message).where(message.c.account_id == account_id, message.c.sent_at.is_not(None))
    tried = sa.select(message).where(message.c.account_id == account_id, message.c.status.in_(("held", "failed")))
    with reading(state) as connection:
        found = [
            Happened(row.changed_at, f"offer {row.target}: {row.to_status}", row.who, row.why)
            for row in connection.execute(moves)
        ]
        found += [
            Happened(row.sent_at, f"{row.purpose} by {row.channel}", "upstep", row.subject)
            for row in connection.execute(left)
        ]
        found += [
            Happened(row.checked_at or row.queued_at, f"{row.purpose} by {row.channel} waits", "upstep", row.reason)
            for row in connection.execute(tried)
        ]
        found += [_audited(row) for row in connection.execute(_audit_of(account_id, found_in=connection))]
    return sorted(found, key=lambda each: each.at, reverse=True)[:most]


def _audit_of(account_id: str, *, found_in: sa.Connection) -> sa.Select[Any]:
    offer, message = tables.offer, tables.message
    offers = found_in.execute(sa.select(offer.c.offer_id).where(offer.c.account_id == account_id)).scalars()
    sent = found_in.execute(sa.select(message.c.message_id).where(message.c.account_id == account_id)).scalars()
    subjects = [account_id, *offers, *(f"message {message_id}" for message_id in sent)]
    return sa.select(tables.audit).where(tables.audit.c.subject.in_(subjects))


def _audited(row: sa.Row[Any]) -> Happened:
    details = ", ".join(f"{name} {value}" for name, value in row.details.items() if value)
    return Happened(row.happened_at, row.what, row.who, details)
