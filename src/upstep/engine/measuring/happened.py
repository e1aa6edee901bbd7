"""What happened to one account, as it was written down: messages, an offer's life, answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from upstep.state import tables
from upstep.state.session import reading

if TYPE_CHECKING:
    from collections.abc import Sequence


_ORDER = (
    "usage",
    "offer.open",
    "message.held",
    "message.failed",
    "message.sent",
    "message.seen",
    "message.dismissed",
    "offer.shown",
    "offer.clicked",
    "offer.yes",
    "offer.accepted",
    "offer.converted",
)
"""What comes first within one second: a cause before what it leads to. Whatever is not named comes last."""


@dataclass(frozen=True)
class Happened:
    """One thing that was written down.

    Args:
        at: To the second.
        what: Its kind: usage, consent, ``offer.`` and a status or an answer, ``message.`` and what became of it.
        who: Ids: who did it, or whom a message was for.
        said: The subject of a message, why an offer changed.
        of: What it was about: purpose and channel of a message; offer_id, target, quote_id and facts of an offer.
        number: Orders what is of one kind and second.
    """

    at: datetime
    what: str
    who: tuple[str, ...]
    said: str = ""
    of: Mapping[str, Any] = field(default_factory=dict)
    number: int = 0


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
    """What was written down about the account, newest first; what is of one second always in the same order."""
    with reading(state) as connection:
        found = [*_offers(connection, account_id), *_messages(connection, account_id)]
        return newest_first([*found, *_audited(connection, account_id)])[:most]


def newest_first(found: Iterable[Happened]) -> list[Happened]:
    """In order of time, within one second what led to it below what came of it."""

    def order(each: Happened) -> tuple[datetime, int, int]:
        rank = _ORDER.index(each.what) if each.what in _ORDER else len(_ORDER)
        return each.at.replace(microsecond=0), rank, each.number

    return sorted(found, key=order, reverse=True)


def _offers(connection: sa.Connection, account_id: str) -> Iterable[Happened]:
    offer, change = tables.offer, tables.offer_change
    moves = (
        sa.select(change, offer.c.target, offer.c.quote_id, offer.c.facts)
        .join(offer, offer.c.offer_id == change.c.offer_id)
        .where(offer.c.account_id == account_id)
    )
    for row in connection.execute(moves):
        of = {"offer_id": row.offer_id, "target": row.target, "quote_id": row.quote_id, "facts": row.facts}
        yield Happened(row.changed_at, f"offer.{row.to_status}", (row.who,), row.why, of, row.change_id)


def _messages(connection: sa.Connection, account_id: str) -> Iterable[Happened]:
    """Messages that left or could not; the same words to several people at once are one."""
    message = tables.message
    rows = sa.select(message).where(
        message.c.account_id == account_id,
        message.c.sent_at.is_not(None) | message.c.status.in_(("held", "failed")),
    )
    found: dict[tuple[Any, ...], Happened] = {}
    for row in connection.execute(rows.order_by(message.c.message_id)):
        what = "sent" if row.sent_at else row.status
        at, said = row.sent_at or row.checked_at or row.queued_at, row.subject
        key = (at, what, row.purpose, row.channel, said, row.reason)
        before = found[key].who if key in found else ()
        of = {"purpose": row.purpose, "channel": row.channel, "reason": row.reason}
        found[key] = Happened(
            at, f"message.{what}", (*before, row.contact_id or row.recipient), said, of, row.message_id
        )
    return found.values()


def _audited(connection: sa.Connection, account_id: str) -> Iterable[Happened]:
    """What people did, as the audit has it."""
    offer, message, audit = tables.offer, tables.message, tables.audit
    offers = {
        row.offer_id: {"offer_id": row.offer_id, "target": row.target, "quote_id": row.quote_id, "facts": row.facts}
        for row in connection.execute(sa.select(offer).where(offer.c.account_id == account_id))
    }
    messages = {
        f"message {row.message_id}": {"purpose": row.purpose, "channel": row.channel, "offer_id": row.offer_id}
        for row in connection.execute(sa.select(message).where(message.c.account_id == account_id))
    }
    people = sa.select(tables.contact_fact.c.contact_id).where(tables.contact_fact.c.account_id == account_id)
    of: dict[str, dict[str, Any]] = {key: {} for key in (account_id, *connection.execute(people).scalars())}
    of |= {**offers, **messages}
    lines = sa.select(audit).where(audit.c.subject.in_(of)).order_by(audit.c.audit_id)
    for row in connection.execute(lines):
        yield Happened(
            row.happened_at,
            row.what,
            (row.who,),
            "",
            {**of[row.subject], **row.details, "subject": row.subject},
            row.audit_id,
        )
