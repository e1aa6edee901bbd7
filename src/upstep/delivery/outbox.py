"""The outbox: messages queued with what they belong to, claimed by one sender, checked in that claim, and sent once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from upstep.delivery.channel import Message, Purpose
from upstep.state import audit
from upstep.state.bulk import Ready, ready_rows, write_rows
from upstep.state.session import reading, writing
from upstep.state.tables import attempt, message

ATTEMPTS_MAX = 8
"""With the waits below, a receiver may be down for most of a day before a message is parked."""

_FIRST_WAIT = timedelta(seconds=20)
_LONGEST_WAIT = timedelta(hours=8)
_WAIT_GROWS = 4


class MessageStatus(StrEnum):
    """Where a message is."""

    QUEUED = "queued"
    CLAIMED = "claimed"  # by one sender, who is at it
    HELD = "held"  # something says wait; asked again by the next run
    SENT = "sent"
    PARKED = "parked"  # tried too often, or nobody can tell whether it left: a person looks at it
    FAILED = "failed"  # refused by the channel for good
    WITHDRAWN = "withdrawn"  # what it belonged to ended before it left


WAITING = (MessageStatus.QUEUED, MessageStatus.HELD)


class Delivered(StrEnum):
    """What became of a message in one run."""

    SENT = "sent"
    WITHHELD = "withheld"
    FAILED = "failed"
    PARKED = "parked"


@dataclass(frozen=True)
class Delivery:
    """One message in one run: what became of it, and the channel's reference or the reason.

    Args:
        is_final: It is not tried again by itself: the channel refused it, or it ended.
        is_bounce: The address itself was refused.
        is_ambiguous: It may have left: the channel gave no answer after it had the message.
        until: Nobody looks at it before.
    """

    message: Message
    result: Delivered
    detail: str
    is_final: bool = False
    is_bounce: bool = False
    is_ambiguous: bool = False
    until: datetime | None = None


@dataclass(frozen=True)
class Waiting:
    """A message that waits, how often it was tried, and when it may have left by such a try."""

    message_id: int
    message: Message
    attempts: int
    maybe_sent_at: datetime | None = None


@dataclass(frozen=True)
class Wait:
    """Why a message may not leave now.

    Args:
        until: Nobody looks at it before; None: the next run asks again.
        ends: It never may, so it is taken back.
    """

    why: str
    until: datetime | None = None
    ends: bool = False


MaySend = Callable[[sa.Connection, Sequence[Waiting]], Mapping[int, Wait]]
"""The check in the transaction that claims: which of these messages must wait, by id; all others leave."""


def queue(connection: sa.Connection, queued: Message, *, now: datetime) -> bool:
    """Put a message into the outbox, in the caller's transaction.

    One of the same key that still waits is written anew where its words or facts differ, so that what leaves says what
    is so; one that has left stands.

    Returns:
        Whether it is new.
    """
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    values = _row(queued)
    added = connection.execute(
        insert(message)
        .values(**values, status=MessageStatus.QUEUED, queued_at=now)
        .on_conflict_do_nothing(index_elements=[message.c.idempotency_key])
        .returning(message.c.message_id)
    )
    if added.first() is not None:
        return True
    _rewrite(connection, queued)
    return False


def queue_many(connection: sa.Connection, queued: Sequence[Message], *, now: datetime) -> int:
    """The same for many messages, each of its own key, in a handful of statements; returns how many are new."""
    known: dict[str, Mapping[str, object]] = {}
    keys = [one.idempotency_key for one in queued]
    columns = [message.c[name] for name in ("idempotency_key", "status", "facts", *_WORDS)]
    for begin in range(0, len(keys), _AT_ONCE):
        some = message.c.idempotency_key.in_(keys[begin : begin + _AT_ONCE])
        found = connection.execute(sa.select(*columns).where(some)).mappings()
        known |= {str(row["idempotency_key"]): dict(row) for row in found}
    fresh = [one for one in queued if one.idempotency_key not in known]
    queue_ready(connection, ready_many(connection.dialect, fresh, now=now))
    for one in queued:
        row = known.get(one.idempotency_key)
        if row is not None and row["status"] in WAITING and _differs(row, one):
            _rewrite(connection, one)
    return len(fresh)


_AT_ONCE = 500


def ready_many(dialect: sa.Dialect, queued: Sequence[Message], *, now: datetime) -> Ready:
    """Messages to be queued, as the database takes them."""
    fresh = {"status": MessageStatus.QUEUED, "queued_at": now}
    return ready_rows(dialect, message, [_row(one) | fresh for one in queued])


def queue_ready(connection: sa.Connection, ready: Ready) -> None:
    """Put messages that nobody has queued before into the outbox, in the caller's transaction."""
    write_rows(connection, message, ready, unless="idempotency_key")


def _row(queued: Message) -> dict[str, object]:
    facts = queued.facts if isinstance(queued.facts, dict) else dict(queued.facts)
    return vars(queued) | {"facts": facts}


def _differs(row: Mapping[str, object], queued: Message) -> bool:
    facts = json.loads(json.dumps(dict(queued.facts)))
    return any(row[name] != getattr(queued, name) for name in _WORDS) or row["facts"] != facts


_WORDS = ("subject", "text", "html", "style")


def _rewrite(connection: sa.Connection, queued: Message) -> None:
    same = message.c.idempotency_key == queued.idempotency_key
    waiting = same & message.c.status.in_(WAITING)
    columns = (message.c.facts, *(message.c[name] for name in _WORDS))
    found = connection.execute(sa.select(*columns).where(waiting).with_for_update()).mappings().first()
    if found is None or not _differs(dict(found), queued):
        return
    values = {name: getattr(queued, name) for name in (*_WORDS, "records")}
    fresh = {"facts": dict(queued.facts), "status": MessageStatus.QUEUED, "checked_at": None}
    connection.execute(sa.update(message).where(waiting).values(**values, **fresh))


def withdraw(connection: sa.Connection, offer_id: str, *, why: str) -> int:
    """Take back the messages of an offer that have not left, in the caller's transaction; returns how many."""
    # One that may have left stays parked: a person still has to know of it.
    unsent = message.c.status.in_(WAITING) | ((message.c.status == MessageStatus.PARKED) & message.c.sent_at.is_(None))
    taken = connection.execute(
        sa.update(message)
        .where(message.c.offer_id == offer_id, unsent)
        .values(status=MessageStatus.WITHDRAWN, reason=why)
    )
    return taken.rowcount


def next_try(key: str, tries: int, now: datetime) -> datetime:
    """When a message is tried again after so many tries: ever later, and not all at once.

    The wait grows fourfold up to eight hours. Of it the second half is spread by the key, so it is the same wherever
    it is worked out.
    """
    longest = min(_FIRST_WAIT * _WAIT_GROWS ** (tries - 1), _LONGEST_WAIT)
    drawn = int.from_bytes(hashlib.sha256(f"{key}\n{tries}".encode()).digest()[:8]) / 2**64
    return now + timedelta(seconds=round(longest.total_seconds() * (0.5 + drawn / 2)))


@dataclass(frozen=True)
class Parked:
    """A message that a person must look at."""

    message_id: int
    message: Message
    why: str
    attempts: int
    is_ambiguous: bool


def parked(engine: sa.Engine) -> list[Parked]:
    """The messages that were tried too often, or of which nobody can tell whether they left, oldest first."""
    ambiguous = sa.exists().where(attempt.c.message_id == message.c.message_id, attempt.c.is_ambiguous)
    found = (
        sa.select(message, ambiguous.label("is_ambiguous"))
        .where(message.c.status == MessageStatus.PARKED)
        .order_by(message.c.message_id)
    )
    with reading(engine) as connection:
        return [
            Parked(row["message_id"], read(row), row["reason"] or "", row["attempts"], bool(row["is_ambiguous"]))
            for row in connection.execute(found).mappings()
        ]


def retry(engine: sa.Engine, message_id: int, *, by: str, now: datetime) -> bool:
    """Queue a parked message again, with all its tries; everything is checked as for a new one.

    Returns:
        Whether it was parked; otherwise nothing changed.
    """
    this = (message.c.message_id == message_id, message.c.status == MessageStatus.PARKED)
    fresh = {"status": MessageStatus.QUEUED, "attempts": 0}
    none: dict[str, None] = dict.fromkeys(("reason", "not_before", "checked_at", "sent_at", "claimed_at", "claimed_by"))
    with writing(engine) as connection:
        changed = connection.execute(sa.update(message).where(*this).values(**fresh, **none)).rowcount
        if changed:
            audit.note(connection, "retry", subject=f"message {message_id}", who=by, at=now)
    return bool(changed)


def read(row: sa.RowMapping) -> Message:
    """A message as it was queued."""
    values = {name: row[name] for name in Message.__annotations__}
    return Message(**values | {"purpose": Purpose(values["purpose"])})
