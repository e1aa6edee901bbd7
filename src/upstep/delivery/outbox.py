"""The outbox: messages queued with what they belong to, claimed by one sender, checked again, and sent once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from upstep.delivery.channel import Channel, Message, Purpose, SendResult
from upstep.errors import OutsideError
from upstep.state.session import writing
from upstep.state.tables import attempt, message

ATTEMPTS_MAX = 5
CLAIM_LASTS = timedelta(minutes=10)
"""A claim older than this was left by a sender that died; channels send once per key, so it is taken over."""

MaySend = Callable[[Message], str | None]
"""The re-check in the instant of sending: None, or why the message must wait."""


class MessageStatus(StrEnum):
    """Where a message is."""

    QUEUED = "queued"
    CLAIMED = "claimed"  # by one sender, who is at it
    HELD = "held"  # something says wait; asked again by the next run
    SENT = "sent"
    FAILED = "failed"  # refused by the channel, or tried too often
    WITHDRAWN = "withdrawn"  # what it belonged to ended before it left


class Delivered(StrEnum):
    """What became of a message in one run."""

    SENT = "sent"
    WITHHELD = "withheld"
    FAILED = "failed"


@dataclass(frozen=True)
class Delivery:
    """One message in one run: what became of it, and the channel's reference or the reason.

    ``is_final``: the channel refused it for good, so it is not tried again.
    """

    message: Message
    result: Delivered
    detail: str
    is_final: bool = False


def queue(connection: sa.Connection, queued: Message, *, now: datetime) -> bool:
    """Put a message into the outbox, in the caller's transaction.

    Returns:
        Whether it is new; the first message of a key stands.
    """
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    values = {name: getattr(queued, name) for name in Message.__annotations__} | {"facts": dict(queued.facts)}
    added = connection.execute(
        insert(message)
        .values(**values, status=MessageStatus.QUEUED, queued_at=now)
        .on_conflict_do_nothing(index_elements=[message.c.idempotency_key])
        .returning(message.c.message_id)
    )
    return added.first() is not None


def withdraw(connection: sa.Connection, offer_id: str, *, why: str) -> int:
    """Take back the messages of an offer that have not left, in the caller's transaction; returns how many."""
    waiting = (MessageStatus.QUEUED, MessageStatus.HELD)
    taken = connection.execute(
        sa.update(message)
        .where(message.c.offer_id == offer_id, message.c.status.in_(waiting))
        .values(status=MessageStatus.WITHDRAWN, reason=why)
    )
    return taken.rowcount


def send_waiting(
    engine: sa.Engine,
    channels: Mapping[str, Channel],
    *,
    may_send: MaySend,
    now: datetime,
    sender: str = "sender",
) -> list[Delivery]:
    """Send what waits, each message at most once in this run; several senders may run at once.

    A message that ``may_send`` holds stays, with the reason, and is asked about again by the next run. No channel is
    called inside a database transaction.

    Args:
        engine: State.
        channels: By name. A channel that is missing here holds its messages.
        may_send: Asked right before each message leaves.
        now: The time of this run.
        sender: Who claims; shown when a claim is left behind.
    """
    deliveries = []
    while claimed := _claim(engine, now=now, sender=sender):
        message_id, waiting = claimed
        delivery = _send(waiting, channels, may_send)
        _record(engine, message_id, delivery, now=now)
        deliveries.append(delivery)
    return deliveries


def _claim(engine: sa.Engine, *, now: datetime, sender: str) -> tuple[int, Message] | None:
    """The oldest message that nobody has looked at in this run, now claimed by this sender."""
    waiting = message.c.status.in_((MessageStatus.QUEUED, MessageStatus.HELD))
    left_behind = (message.c.status == MessageStatus.CLAIMED) & (message.c.claimed_at < now - CLAIM_LASTS)
    unseen = message.c.checked_at.is_(None) | (message.c.checked_at < now)
    with writing(engine) as connection:
        row = connection.execute(
            sa.select(message)
            .where((waiting & unseen) | left_behind)
            .order_by(message.c.message_id)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        found = row.mappings().first()
        if found is None:
            return None
        message_id = int(found["message_id"])
        connection.execute(
            sa.update(message)
            .where(message.c.message_id == message_id)
            .values(status=MessageStatus.CLAIMED, claimed_by=sender, claimed_at=now)
        )
        return message_id, _message(found)


def _message(row: sa.RowMapping) -> Message:
    values = {name: row[name] for name in Message.__annotations__}
    return Message(**values | {"purpose": Purpose(values["purpose"])})


def _send(waiting: Message, channels: Mapping[str, Channel], may_send: MaySend) -> Delivery:
    channel = channels.get(waiting.channel)
    if channel is None:
        return Delivery(waiting, Delivered.WITHHELD, f"channel {waiting.channel!r} is not connected")
    reason = may_send(waiting)
    if reason is not None:
        return Delivery(waiting, Delivered.WITHHELD, reason)
    try:
        result = channel.send(waiting)
    except OutsideError as error:
        return Delivery(waiting, Delivered.FAILED, str(error))
    return _delivery(waiting, result)


def _delivery(waiting: Message, result: SendResult) -> Delivery:
    if result.is_sent:
        return Delivery(waiting, Delivered.SENT, result.reference)
    return Delivery(waiting, Delivered.FAILED, result.reason, is_final=True)


def _record(engine: sa.Engine, message_id: int, delivery: Delivery, *, now: datetime) -> None:
    this = message.c.message_id == message_id
    with writing(engine) as connection:
        row = connection.execute(sa.select(message.c.attempts, message.c.reason).where(this)).one()
        tries = row.attempts + (delivery.result is not Delivered.WITHHELD)
        # A message may be held for weeks and asked about each minute: the same reason is written once.
        if delivery.result is not Delivered.WITHHELD or delivery.detail != row.reason:
            _record_attempt(connection, message_id, delivery, now=now)
        values = _status(delivery, tries, now)
        connection.execute(sa.update(message).where(this).values(**values, attempts=tries, checked_at=now))


def _record_attempt(connection: sa.Connection, message_id: int, delivery: Delivery, *, now: datetime) -> None:
    highest = sa.select(sa.func.max(attempt.c.number)).where(attempt.c.message_id == message_id)
    number = (connection.execute(highest).scalar() or 0) + 1
    row = {"attempted_at": now, "result": delivery.result, "detail": delivery.detail}
    connection.execute(sa.insert(attempt).values(message_id=message_id, number=number, **row))


def _status(delivery: Delivery, tries: int, now: datetime) -> dict[str, object]:
    if delivery.result is Delivered.SENT:
        return {"status": MessageStatus.SENT, "sent_at": now, "reason": None}
    if delivery.result is Delivered.WITHHELD:
        return {"status": MessageStatus.HELD, "reason": delivery.detail}
    is_last = delivery.is_final or tries >= ATTEMPTS_MAX
    return {"status": MessageStatus.FAILED if is_last else MessageStatus.QUEUED, "reason": delivery.detail}
