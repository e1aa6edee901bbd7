"""The sender: claims what waits, checks it in that transaction, sends it outside of any, and records what became of it.

Several senders may run at once. A channel that knows its keys gets many messages in one claim: what is cut off between
is sent again under the same key. One that does not gets them one by one, so that a sender that dies leaves at most one
message of which nobody can tell whether it left; that one is parked for a person.
"""

from __future__ import annotations

import itertools
import logging
import os
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from upstep import faults
from upstep.delivery.channel import Channel, SendResult, is_idempotent
from upstep.delivery.outbox import (
    ATTEMPTS_MAX,
    WAITING,
    Delivered,
    Delivery,
    MaySend,
    MessageStatus,
    Wait,
    Waiting,
    next_try,
    read,
)
from upstep.errors import MaybeSentError, OutsideError, UpstepError
from upstep.state.holds import HoldKind, record_hold
from upstep.state.listed import as_list, listed
from upstep.state.mentions import FORGOTTEN
from upstep.state.session import hold, writing
from upstep.state.tables import attempt, message

LOG = logging.getLogger("upstep.sender")

CLAIM_LASTS = timedelta(minutes=10)
"""A claim older than this was left by a sender that died."""

CLAIM_SENDS = timedelta(minutes=2)
"""So long messages of one claim are begun; with what is then on its way it ends well before it is taken over."""

BATCH = 250
"""Messages in one claim, where the channel knows its keys."""

DOWN_AFTER = 3
"""So many times in a row without an answer, and a channel gets nothing more in this run."""

_MAYBE = "it may have left: the sender was cut off, or the channel gave no answer after it had the message"


@dataclass(frozen=True)
class Run:
    """One run of one sender.

    Args:
        engine: State.
        channels: By name. A channel that is missing here holds its messages.
        may_send: Asked in the transaction that claims.
        clock: What time it is, read at each claim and each record: a run may take long.
        sender: Who claims; shown when a claim is left behind.
        recheck_after: A held message is asked about again no sooner than this after the last time.
        threads: How many messages of one claim are on their way at once: in threads, or as ``send_many`` of the channel
            does it.
        seconds_max: So long a channel may send in this run; what is left waits for the next. The claim at hand is
            finished, so each channel gets at least one. None: until nothing waits.
    """

    engine: sa.Engine
    channels: Mapping[str, Channel]
    may_send: MaySend
    clock: Callable[[], datetime]
    sender: str = "sender"
    recheck_after: timedelta = timedelta(0)
    threads: int = 1
    seconds_max: float | None = None


def send_waiting(run: Run) -> list[Delivery]:
    """Send what waits, each message at most once in this run.

    A message that is held stays, with the reason. No channel is called inside a database transaction.
    """
    return [delivery for batch in send_batches(run) for delivery in batch]


def send_batches(run: Run) -> Iterator[list[Delivery]]:
    """The same, claim by claim, for those who want to stop in between."""
    token = f"{run.sender} {os.getpid()} {secrets.token_hex(4)}"
    yield _recover(run)
    yield from _withhold_unconnected(run, token)
    with ThreadPoolExecutor(run.threads, thread_name_prefix="send") as pool:
        for name in sorted(run.channels):
            yield from _send_channel(run, name, token, pool)


def _send_channel(run: Run, name: str, token: str, pool: ThreadPoolExecutor) -> Iterator[list[Delivery]]:
    channel = run.channels[name]
    size = BATCH if is_idempotent(channel) else 1
    after, unanswered, spent = 0, 0, 0.0
    while unanswered < DOWN_AFTER and (run.seconds_max is None or spent < run.seconds_max):
        claim = _claim(run, message.c.channel == name, token, after=after, size=size)
        if claim is None:
            return
        after = claim.last
        # Only what is sent counts: it has left the queue, whereas who is held would be asked about first again.
        patience = _Patience(unanswered)
        sent = _sent(run, channel, claim.claimed, patience, pool)
        spent += time.monotonic() - patience.began
        unanswered = patience.unanswered
        tried = [(one, delivery) for one, delivery in sent if delivery is not None]
        _record(run, tried, [one for one, delivery in sent if delivery is None], token)
        yield [*claim.withheld, *(delivery for _, delivery in tried)]


class _Patience:
    """Whether a claim goes on: not over a channel that gives no answer, and never for so long that it may be lost."""

    def __init__(self, unanswered: int) -> None:
        self.began = time.monotonic()
        self.unanswered = unanswered

    @property
    def is_over(self) -> bool:
        """Nothing more of this claim is to begin."""
        return self.unanswered >= DOWN_AFTER or time.monotonic() - self.began > CLAIM_SENDS.total_seconds()

    def note(self, delivery: Delivery) -> Delivery:
        """See what became of one."""
        self.unanswered = self.unanswered + 1 if _is_unanswered(delivery) else 0
        return delivery


def _sent(
    run: Run, channel: Channel, claimed: Sequence[Waiting], patience: _Patience, pool: ThreadPoolExecutor
) -> list[tuple[Waiting, Delivery | None]]:
    """What became of each; None: it was not begun, since patience was over."""
    many = getattr(channel, "send_many", None)
    if many is not None:
        going = (one.message for one in itertools.takewhile(lambda _: not patience.is_over, claimed))
        answers = many(going, together=run.threads)
        sent = [patience.note(_delivered(one, told, channel, run.clock)) for one, told in zip(claimed, answers)]  # noqa: B905
        return list(itertools.zip_longest(claimed, sent))

    def send(one: Waiting) -> Delivery | None:
        return None if patience.is_over else patience.note(_delivered(one, _asked(one, channel), channel, run.clock))

    return list(zip(claimed, (map if run.threads == 1 else pool.map)(send, claimed), strict=True))


def _is_unanswered(delivery: Delivery) -> bool:
    return delivery.result in (Delivered.FAILED, Delivered.PARKED) and not delivery.is_final


@dataclass(frozen=True)
class _Claim:
    claimed: list[Waiting]
    withheld: list[Delivery]
    last: int


def _claim(run: Run, which: sa.ColumnElement[bool], token: str, *, after: int, size: int) -> _Claim | None:
    """The oldest messages that this run has not looked at: each is now claimed by this sender, or told to wait."""
    with writing(run.engine) as connection:
        # One claim at a time, so that two senders never count the same messages against a cap.
        hold(connection, "send")
        now = run.clock()
        due = _due(which, now=now, recheck_after=run.recheck_after, after=after, size=size)
        found = connection.execute(due).mappings().all()
        if not found:
            return None
        waiting = [Waiting(row["message_id"], read(row), row["attempts"], row["sent_at"]) for row in found]
        waits = run.may_send(connection, waiting)
        reasons = {row["message_id"]: row["reason"] for row in found}
        held = [(one, waits[one.message_id]) for one in waiting if one.message_id in waits]
        _withhold(connection, held, reasons, now=now)
        claimed = [one for one in waiting if one.message_id not in waits]
        _mark_claimed(connection, claimed, token, now=now)
    if claimed:
        faults.point("sending.claimed")
    return _Claim(claimed, [_withheld(one, wait) for one, wait in held], waiting[-1].message_id)


def _due(
    which: sa.ColumnElement[bool], *, now: datetime, recheck_after: timedelta, after: int, size: int
) -> sa.Select[Any]:
    asked_before = now - max(recheck_after, timedelta(seconds=1))
    at_once = now - timedelta(seconds=1)
    is_due = sa.or_(message.c.not_before.is_(None), message.c.not_before <= now)
    unseen = sa.or_(
        message.c.checked_at.is_(None),
        message.c.checked_at <= asked_before,
        (message.c.status == MessageStatus.QUEUED) & (message.c.checked_at <= at_once),
    )
    return (
        sa.select(message)
        .where(message.c.status.in_(WAITING), which, is_due, unseen, message.c.message_id > after)
        .order_by(message.c.message_id)
        .limit(size)
        .with_for_update(skip_locked=True)
    )


def _withheld(one: Waiting, wait: Wait) -> Delivery:
    return Delivery(one.message, Delivered.WITHHELD, wait.why, is_final=wait.ends, until=wait.until)


def _withhold(
    connection: sa.Connection, held: Sequence[tuple[Waiting, Wait]], reasons: Mapping[int, str | None], *, now: datetime
) -> None:
    if not held:
        return
    rows = [
        {
            "this": one.message_id,
            "status": MessageStatus.WITHDRAWN if wait.ends else MessageStatus.HELD,
            "reason": wait.why,
            "not_before": wait.until,
            "checked_at": now,
        }
        for one, wait in held
    ]
    names = ("status", "reason", "not_before", "checked_at")
    _update(connection, rows, names, message.c.message_id == sa.bindparam("this"))
    # A message may be held for weeks and asked about each minute: the same reason is written once.
    fresh = [(one.message_id, _withheld(one, wait)) for one, wait in held if wait.why != reasons[one.message_id]]
    _add_attempts(connection, fresh, now=now)


def _mark_claimed(connection: sa.Connection, claimed: Sequence[Waiting], token: str, *, now: datetime) -> None:
    if claimed:
        dialect = connection.dialect.name
        values = {"status": MessageStatus.CLAIMED, "claimed_by": token, "claimed_at": now, "not_before": None}
        statement = sa.update(message).where(listed(message.c.message_id, "ids", dialect)).values(**values)
        connection.execute(statement, {"ids": as_list([one.message_id for one in claimed], dialect)})


def _withhold_unconnected(run: Run, token: str) -> Iterator[list[Delivery]]:
    """Messages of channels that are not connected wait, and say so."""

    def wait(_: sa.Connection, waiting: Sequence[Waiting]) -> Mapping[int, Wait]:
        return {one.message_id: Wait(f"channel {one.message.channel!r} is not connected") for one in waiting}

    asked = Run(run.engine, {}, wait, run.clock, run.sender, run.recheck_after)
    after = 0
    while claim := _claim(asked, message.c.channel.not_in(sorted(run.channels)), token, after=after, size=BATCH):
        after = claim.last
        yield claim.withheld


def _asked(one: Waiting, channel: Channel) -> SendResult | Exception:
    try:
        return channel.send(one.message)
    except UpstepError as error:
        return error
    except Exception as error:
        # Whatever it is that a channel trips over in one message, all others go on.
        LOG.exception("%s failed over %s", channel.name, one.message.idempotency_key)
        return error


def _delivered(one: Waiting, told: SendResult | Exception, channel: Channel, clock: Callable[[], datetime]) -> Delivery:
    """What a channel answered, or raised, as a value."""
    tries = one.attempts + 1
    if isinstance(told, SendResult):
        faults.point("sending.sent")
        return _answered(one, told)
    if isinstance(told, MaybeSentError):
        if not is_idempotent(channel):
            return Delivery(one.message, Delivered.PARKED, f"{_MAYBE}: {told}", is_ambiguous=True)
        return replace(_again(one, str(told), tries, clock()), is_ambiguous=True)
    if isinstance(told, OutsideError):
        return _again(one, str(told), tries, clock())
    if isinstance(told, UpstepError):
        # Something a person must mend first, such as an address that is missing.
        return Delivery(one.message, Delivered.FAILED, str(told), is_final=True)
    why = f"the channel failed ({type(told).__name__}: {told}), so nobody knows whether it left"
    return Delivery(one.message, Delivered.PARKED, why, is_ambiguous=True)


def _again(one: Waiting, why: str, tries: int, now: datetime) -> Delivery:
    if tries >= ATTEMPTS_MAX:
        return Delivery(one.message, Delivered.PARKED, f"tried {tries} times: {why}")
    until = next_try(one.message.idempotency_key, tries, now)
    return Delivery(one.message, Delivered.FAILED, why, until=until)


def _answered(one: Waiting, result: SendResult) -> Delivery:
    if result.is_sent:
        return Delivery(one.message, Delivered.SENT, f"{result.reference}; {result.note}".removesuffix("; "))
    return Delivery(one.message, Delivered.FAILED, result.reason, is_final=True, is_bounce=result.is_bounce)


def _record(run: Run, sent: Sequence[tuple[Waiting, Delivery]], left: Sequence[Waiting], token: str) -> None:
    """What became of a claim, in one transaction. A claim that was taken over meanwhile is another's to record.

    Args:
        left: Messages that were not begun; they wait again as if they had never been claimed.
    """
    if not sent and not left:
        return
    now = run.clock()
    names = ("status", "reason", "attempts", "checked_at", "sent_at", "not_before")
    mine = (message.c.message_id == sa.bindparam("this")) & (message.c.claimed_by == token)
    with writing(run.engine) as connection:
        sent = _but_forgotten(connection, sent)
        gone = [(one, delivery) for one, delivery in sent if delivery.result is Delivered.SENT]
        rows = [
            {"this": one.message_id, **_outcome(one, delivery, now)}
            for one, delivery in sent
            if delivery.result is not Delivered.SENT
        ]
        for one, delivery in sent:
            if delivery.is_bounce and one.message.contact_id:
                _hold_bounced(connection, one, delivery, now=now)
        none = {"reason": None, "not_before": None}
        is_sent = {"status": MessageStatus.SENT, "attempts": message.c.attempts + 1, "checked_at": now, "sent_at": now}
        _set(connection, [one for one, _ in gone], is_sent | none, token=token)
        free = {"status": MessageStatus.QUEUED, "claimed_by": None, "claimed_at": None}
        _set(connection, left, free, token=token, which=message.c.status == MessageStatus.CLAIMED)
        if rows:
            _update(connection, rows, names, mine)
        _add_attempts(connection, [(one.message_id, delivery) for one, delivery in sent], now=now)
    faults.point("sending.recorded")


def _but_forgotten(
    connection: sa.Connection, sent: Sequence[tuple[Waiting, Delivery]]
) -> list[tuple[Waiting, Delivery]]:
    """The same, without a word of whoever was forgotten while it was on its way; what did not leave never will."""
    dialect = connection.dialect.name
    these = listed(message.c.message_id, "ids", dialect) & (message.c.recipient == FORGOTTEN)
    ids = as_list([one.message_id for one, _ in sent], dialect)
    found = connection.execute(sa.select(message.c.message_id).where(these).with_for_update(), {"ids": ids})
    forgotten = set(found.scalars())
    return [(one, _silent(delivery) if one.message_id in forgotten else delivery) for one, delivery in sent]


def _silent(delivery: Delivery) -> Delivery:
    if delivery.result is Delivered.SENT:
        return replace(delivery, detail="")
    return Delivery(delivery.message, Delivered.FAILED, "its reader was forgotten", is_final=True)


def _set(
    connection: sa.Connection,
    these: Sequence[Waiting],
    values: Mapping[str, Any],
    *,
    token: str,
    which: sa.ColumnElement[bool] | None = None,
) -> None:
    """The same for all of these that this sender still has claimed, or for those ``which`` says."""
    if these:
        mine = listed(message.c.message_id, "ids", connection.dialect.name) & (message.c.claimed_by == token)
        ids = as_list([one.message_id for one in these], connection.dialect.name)
        mine = mine if which is None else mine & which
        connection.execute(sa.update(message).where(mine).values(**values), {"ids": ids})


def _outcome(one: Waiting, delivery: Delivery, now: datetime) -> dict[str, object]:
    status = {
        Delivered.PARKED: MessageStatus.PARKED,
        Delivered.FAILED: MessageStatus.FAILED if delivery.is_final else MessageStatus.QUEUED,
    }[delivery.result]
    return {
        "status": status,
        "reason": delivery.detail,
        "attempts": one.attempts + 1,
        "checked_at": now,
        # What may have left counts as if it had, and goes on to: a cap rather says too much than too little.
        "sent_at": now if delivery.is_ambiguous else one.maybe_sent_at,
        "not_before": delivery.until,
    }


def _hold_bounced(connection: sa.Connection, one: Waiting, delivery: Delivery, *, now: datetime) -> None:
    record_hold(
        connection,
        one.message.account_id,
        contact_id=one.message.contact_id,
        kind=HoldKind.BOUNCE,
        why=f"{one.message.channel}: {delivery.detail}",
        by="upstep",
        now=now,
    )


def _update(
    connection: sa.Connection, rows: Sequence[Mapping[str, object]], names: Sequence[str], which: sa.ColumnElement[bool]
) -> None:
    """Set these columns of each row's message, all rows in one go."""
    statement = sa.update(message).where(which).values({name: sa.bindparam(f"new_{name}") for name in names})
    renamed = [{"this": row["this"], **{f"new_{name}": row[name] for name in names}} for row in rows]
    connection.execute(statement, renamed)


def _add_attempts(connection: sa.Connection, told: Sequence[tuple[int, Delivery]], *, now: datetime) -> None:
    if not told:
        return
    dialect = connection.dialect.name
    these = listed(attempt.c.message_id, "ids", dialect)
    highest = sa.select(attempt.c.message_id, sa.func.max(attempt.c.number)).where(these).group_by(attempt.c.message_id)
    ids = as_list([message_id for message_id, _ in told], dialect)
    numbers = {row[0]: row[1] for row in connection.execute(highest, {"ids": ids})}
    rows = [
        {
            "message_id": message_id,
            "number": numbers.get(message_id, 0) + 1,
            "attempted_at": now,
            "result": delivery.result,
            "detail": delivery.detail,
            "is_ambiguous": delivery.is_ambiguous,
        }
        for message_id, delivery in told
    ]
    connection.execute(sa.insert(attempt), rows)


def _recover(run: Run) -> list[Delivery]:
    """Claims that dead senders left behind: sent again where the channel knows its keys, else parked for a person."""
    now = run.clock()
    left = (message.c.status == MessageStatus.CLAIMED) & (message.c.claimed_at < now - CLAIM_LASTS)
    left &= message.c.channel.in_(sorted(run.channels))
    with writing(run.engine) as connection:
        found = connection.execute(sa.select(message).where(left).with_for_update(skip_locked=True)).mappings().all()
        unsure = [row for row in found if not is_idempotent(run.channels[row["channel"]])]
        again = [row["message_id"] for row in found if is_idempotent(run.channels[row["channel"]])]
        if again:
            maybe = {"sent_at": message.c.claimed_at}
            values = maybe | {"status": MessageStatus.QUEUED, "claimed_by": None, "checked_at": None}
            connection.execute(sa.update(message).where(message.c.message_id.in_(again)).values(**values))
        told = []
        for row in unsure:
            delivery = Delivery(read(row), Delivered.PARKED, _MAYBE, is_ambiguous=True)
            told.append((row["message_id"], delivery))
            sent_at = {"status": MessageStatus.PARKED, "reason": _MAYBE, "sent_at": row["claimed_at"]}
            this = message.c.message_id == row["message_id"]
            connection.execute(sa.update(message).where(this).values(**sent_at, attempts=row["attempts"] + 1))
        _add_attempts(connection, told, now=now)
    return [delivery for _, delivery in told]
