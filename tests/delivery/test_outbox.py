"""The outbox: queued once, claimed by one, asked about in the instant of sending, sent once."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.contracts.test_channels import MESSAGE
from upstep.delivery.channel import Message, SendResult
from upstep.delivery.outbox import (
    ATTEMPTS_MAX,
    Delivered,
    Delivery,
    MaySend,
    Wait,
    Waiting,
    next_try,
    parked,
    queue,
    retry,
    withdraw,
)
from upstep.delivery.sender import CLAIM_LASTS, DOWN_AFTER, Run, send_waiting
from upstep.errors import MaybeSentError, OutsideError
from upstep.state import tables
from upstep.state.holds import holds_of
from upstep.state.session import open_state, reading, writing

NOW = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)


@dataclass
class Recorder:
    """A channel that remembers; it may refuse, or give no answer."""

    name: str = "email"
    sent: list[str] = field(default_factory=list)
    refuses: str = ""
    bounces: bool = False
    fails: type[OutsideError] | None = None
    is_idempotent: bool = True

    def send(self, message: Message) -> SendResult:
        if self.fails:
            raise self.fails("no route to host")
        if self.refuses:
            return SendResult(is_sent=False, reason=self.refuses, is_bounce=self.bounces)
        self.sent.append(message.idempotency_key)
        return SendResult(is_sent=True, reference=f"ref {message.idempotency_key}")


@pytest.fixture
def engine(tmp_path: Path) -> sa.Engine:
    return open_state(tmp_path / "state.db")


def put(engine: sa.Engine, *keys: str) -> list[bool]:
    with writing(engine) as connection:
        return [queue(connection, replace(MESSAGE, idempotency_key=key), now=NOW) for key in keys]


def clear(_: object, __: object) -> dict[int, Wait]:
    return {}


def holding(wait: Wait) -> MaySend:
    return lambda _, waiting: {one.message_id: wait for one in waiting}


def run(
    engine: sa.Engine, channel: Recorder, now: datetime = NOW, may_send: MaySend = clear, **more: Any
) -> list[Delivery]:
    return send_waiting(Run(engine, {"email": channel}, may_send, lambda: now, **more))


def kept(engine: sa.Engine, *columns: str) -> list[tuple[object, ...]]:
    with reading(engine) as connection:
        table = tables.message
        return [tuple(row) for row in connection.execute(sa.select(*[table.c[name] for name in columns]))]


def attempts(engine: sa.Engine) -> list[str]:
    with reading(engine) as connection:
        return list(connection.execute(sa.select(tables.attempt.c.result)).scalars())


def test_queueing_twice_keeps_the_first(engine: sa.Engine) -> None:
    assert put(engine, "a", "a", "b") == [True, False, True]


class Tripping(Recorder):
    """A channel that trips over one message, as only a mistake in it would."""

    def send(self, message: Message) -> SendResult:
        if message.idempotency_key == "b":
            raise ZeroDivisionError("by nought")
        return super().send(message)


def test_a_message_over_which_a_channel_trips_is_parked_and_the_others_leave(engine: sa.Engine) -> None:
    put(engine, "a", "b", "c")
    channel = Tripping()
    run(engine, channel)
    assert channel.sent == ["a", "c"]
    (one,) = parked(engine)
    assert (one.message.idempotency_key, one.is_ambiguous) == ("b", True)
    assert "ZeroDivisionError: by nought" in one.why
    assert run(engine, channel, NOW + timedelta(days=1)) == []


def test_a_message_comes_out_of_the_outbox_as_it_went_in(engine: sa.Engine) -> None:
    whole = replace(MESSAGE, facts={"used": 46_000}, html="<p>Hello</p>")
    with writing(engine) as connection:
        queue(connection, whole, now=NOW)
    (delivery,) = run(engine, Recorder())
    assert delivery.message == whole


def test_what_waits_is_sent_once_oldest_first(engine: sa.Engine) -> None:
    put(engine, "a", "b")
    channel = Recorder()
    assert [delivery.detail for delivery in run(engine, channel)] == ["ref a", "ref b"]
    assert run(engine, channel, NOW + timedelta(days=1)) == []
    assert channel.sent == ["a", "b"]
    assert kept(engine, "status", "sent_at", "attempts") == [("sent", NOW, 1)] * 2


def test_a_held_message_stays_with_its_reason_and_leaves_when_the_hold_lifts(engine: sa.Engine) -> None:
    put(engine, "a")
    channel = Recorder()
    for minute in range(3):
        held = holding(Wait("open_issue: since Monday"))
        (delivery,) = run(engine, channel, NOW + timedelta(minutes=minute), held)
        assert delivery.result is Delivered.WITHHELD
    assert channel.sent == []
    assert kept(engine, "status", "reason", "attempts") == [("held", "open_issue: since Monday", 0)]
    assert attempts(engine) == ["withheld"]
    run(engine, channel, NOW + timedelta(minutes=3))
    assert channel.sent == ["a"]
    assert attempts(engine) == ["withheld", "sent"]


def test_what_waits_for_an_instant_is_not_asked_about_before(engine: sa.Engine) -> None:
    put(engine, "a")
    morning = NOW + timedelta(hours=8)
    run(engine, Recorder(), may_send=holding(Wait("quiet_hours", until=morning)))
    assert run(engine, Recorder(), morning - timedelta(seconds=1)) == []
    assert [one.result for one in run(engine, Recorder(), morning)] == [Delivered.SENT]


def test_what_never_may_leave_is_taken_back(engine: sa.Engine) -> None:
    put(engine, "a")
    (delivery,) = run(engine, Recorder(), may_send=holding(Wait("the offer is accepted", ends=True)))
    assert (delivery.result, delivery.is_final) == (Delivered.WITHHELD, True)
    assert kept(engine, "status", "reason") == [("withdrawn", "the offer is accepted")]


def test_those_who_ask_often_ask_about_held_messages_less_often(engine: sa.Engine) -> None:
    put(engine, "a")
    held, minute = holding(Wait("open_issue")), timedelta(minutes=1)
    asked = []
    for second in range(0, 130, 10):
        now = NOW + timedelta(seconds=second)
        asked += [second] * len(run(engine, Recorder(), now, held, recheck_after=minute))
    assert asked == [0, 60, 120]


def test_the_check_is_part_of_the_claim_and_asked_again_for_the_next_one(engine: sa.Engine) -> None:
    put(engine, "a", "b")
    channel = Recorder(is_idempotent=False)

    def replied_meanwhile(_: sa.Connection, waiting: Sequence[Waiting]) -> dict[int, Wait]:
        return {one.message_id: Wait("a reply came in") for one in waiting if channel.sent}

    run(engine, channel, may_send=replied_meanwhile)
    assert channel.sent == ["a"]


def test_a_channel_without_an_answer_is_tried_ever_later_and_then_parked(engine: sa.Engine) -> None:
    put(engine, "a")
    now, waits = NOW, []
    for _ in range(ATTEMPTS_MAX):
        assert kept(engine, "status") == [("queued",)]
        (delivery,) = run(engine, Recorder(fails=OutsideError), now)
        waits.append((delivery.until or now) - now)
        assert run(engine, Recorder(), now + waits[-1] - timedelta(seconds=1)) == []
        now += waits[-1]
    assert kept(engine, "status", "reason") == [("parked", f"tried {ATTEMPTS_MAX} times: no route to host")]
    assert waits[:-1] == sorted(waits[:-1])
    assert timedelta(hours=6) < sum(waits, timedelta()) < timedelta(hours=24)
    assert run(engine, Recorder(), now + timedelta(days=1)) == []


def test_the_wait_is_spread_by_key_and_the_same_wherever_it_is_worked_out() -> None:
    waits = [next_try(f"message {n}", 3, NOW) - NOW for n in range(1000)]
    assert waits == [next_try(f"message {n}", 3, NOW) - NOW for n in range(1000)]
    assert timedelta(seconds=160) <= min(waits) < timedelta(seconds=165)
    assert timedelta(seconds=315) < max(waits) <= timedelta(seconds=320)
    assert len(set(waits)) > 100


def test_a_channel_that_is_down_keeps_no_run_waiting_for_every_message(engine: sa.Engine) -> None:
    put(engine, *(f"m{n}" for n in range(10)))
    channel = Recorder(fails=OutsideError, is_idempotent=False)
    assert len(run(engine, channel)) == DOWN_AFTER
    channel.fails = None
    assert len(run(engine, channel)) == 10 - DOWN_AFTER


def test_what_may_have_left_is_parked_where_the_channel_cannot_tell_by_the_key(engine: sa.Engine) -> None:
    put(engine, "a")
    run(engine, Recorder(fails=MaybeSentError, is_idempotent=False))
    (one,) = parked(engine)
    assert (one.is_ambiguous, one.attempts, "may have left" in one.why) == (True, 1, True)
    assert kept(engine, "status", "sent_at") == [("parked", NOW)], "it counts against caps"


def test_what_may_have_left_is_sent_again_where_the_channel_knows_its_keys(engine: sa.Engine) -> None:
    put(engine, "a")
    run(engine, Recorder(fails=MaybeSentError))
    assert (kept(engine, "status", "sent_at"), parked(engine)) == ([("queued", NOW)], []), "it counts against caps"
    later = NOW + timedelta(minutes=1)
    run(engine, Recorder(fails=OutsideError), later)
    assert kept(engine, "status", "sent_at") == [("queued", NOW)], "the first try may have left all the same"
    channel = Recorder()
    run(engine, channel, later + timedelta(hours=1))
    assert (channel.sent, kept(engine, "status")) == (["a"], [("sent",)])


def test_what_may_have_left_is_taken_back_before_its_next_try(engine: sa.Engine) -> None:
    with writing(engine) as connection:
        offer = {"offer_id": "of_1", "account_id": "acme", "step_id": "s", "run_id": "r", "play": "p"}
        offer |= {"motion": "upsell", "path": "self_serve", "lane": "self_serve", "target": "plan:x", "status": "open"}
        connection.execute(sa.insert(tables.offer).values(**offer, facts={}, opened_at=NOW))
        queue(connection, replace(MESSAGE, idempotency_key="a", offer_id="of_1"), now=NOW)
    run(engine, Recorder(fails=MaybeSentError))
    with writing(engine) as connection:
        assert withdraw(connection, "of_1", why="declined") == 1
    assert kept(engine, "status", "sent_at") == [("withdrawn", NOW)]


class Takes(Recorder):
    """Each message takes so long."""

    def __init__(self, clock: list[datetime], takes: timedelta) -> None:
        super().__init__(is_idempotent=False)
        self.clock, self.takes = clock, takes

    def send(self, message: Message) -> SendResult:
        self.clock[0] += self.takes
        return super().send(message)


def test_a_claim_of_a_long_run_is_as_old_as_it_is_and_not_as_the_run(engine: sa.Engine) -> None:
    put(engine, "a", "b", "c")
    clock = [NOW]
    send_waiting(Run(engine, {"email": Takes(clock, CLAIM_LASTS)}, clear, lambda: clock[0]))
    assert kept(engine, "claimed_at", "sent_at") == [
        (NOW + n * CLAIM_LASTS, NOW + (n + 1) * CLAIM_LASTS) for n in range(3)
    ]


def test_a_channel_sends_no_longer_than_it_may_but_at_least_one_claim(engine: sa.Engine) -> None:
    put(engine, "a", "b")
    assert [len(run(engine, Recorder(is_idempotent=False), seconds_max=1e-9)) for _ in range(3)] == [1, 1, 0]


def test_a_person_may_have_a_parked_message_tried_again(engine: sa.Engine) -> None:
    put(engine, "a")
    run(engine, Recorder(fails=MaybeSentError, is_idempotent=False))
    (one,) = parked(engine)
    assert retry(engine, one.message_id, by="ana", now=NOW)
    assert not retry(engine, one.message_id, by="ana", now=NOW)
    channel = Recorder(is_idempotent=False)
    run(engine, channel)
    assert channel.sent == ["a"]
    assert attempts(engine) == ["parked", "sent"]


def test_an_address_that_bounced_holds_that_person(engine: sa.Engine) -> None:
    with writing(engine) as connection:
        queue(connection, replace(MESSAGE, contact_id="ann"), now=NOW)
    run(engine, Recorder(refuses="no such mailbox", bounces=True))
    with reading(engine) as connection:
        (held,) = holds_of(connection, ["acme"], now=NOW)
    assert (held.contact_id, held.kind, held.why) == ("ann", "bounce", "email: no such mailbox")


def test_a_message_that_waits_is_written_anew_and_one_that_left_stands(engine: sa.Engine) -> None:
    put(engine, "a")
    run(engine, Recorder(), may_send=holding(Wait("open_issue")))
    newer = replace(MESSAGE, idempotency_key="a", text="other words", facts={"used": 47_000})
    with writing(engine) as connection:
        assert not queue(connection, newer, now=NOW)
    assert kept(engine, "status", "text", "facts") == [("queued", "other words", {"used": 47_000})]
    (delivery,) = run(engine, Recorder())
    assert delivery.message.text == "other words"
    put(engine, "a")
    assert kept(engine, "status", "text") == [("sent", "other words")]


def test_what_a_channel_refuses_for_good_is_not_tried_again(engine: sa.Engine) -> None:
    put(engine, "a")
    run(engine, Recorder(refuses="no such mailbox"))
    assert kept(engine, "status", "reason") == [("failed", "no such mailbox")]


def test_a_channel_that_is_not_connected_holds_its_messages(engine: sa.Engine) -> None:
    put(engine, "a")
    (delivery,) = send_waiting(Run(engine, {}, clear, lambda: NOW))
    assert delivery.detail == "channel 'email' is not connected"


class Dies(Recorder):
    def send(self, message: Message) -> SendResult:
        super().send(message)
        raise KeyboardInterrupt


@pytest.mark.parametrize("is_idempotent", [True, False])
def test_a_claim_that_a_dead_sender_left_behind_is_taken_over_or_parked(
    engine: sa.Engine,
    is_idempotent: bool,  # noqa: FBT001 - both kinds of channel
) -> None:
    put(engine, "a", "b")
    with pytest.raises(KeyboardInterrupt):
        run(engine, Dies(is_idempotent=is_idempotent))
    channel = Recorder(is_idempotent=is_idempotent)
    first = run(engine, channel, NOW + CLAIM_LASTS)
    assert [one.message.idempotency_key for one in first] == ([] if is_idempotent else ["b"])
    if is_idempotent:
        run(engine, Recorder(), NOW + CLAIM_LASTS + timedelta(seconds=1), holding(Wait("open_issue")))
        assert kept(engine, "status", "sent_at") == [("held", NOW)] * 2, "they may have left, and count"
    later = run(engine, channel, NOW + CLAIM_LASTS + timedelta(seconds=2))
    if is_idempotent:
        assert channel.sent == ["a", "b"]
    else:
        assert [(one.result, one.is_ambiguous) for one in later] == [(Delivered.PARKED, True)]
        assert channel.sent == ["b"]


def test_many_senders_at_once_send_each_message_once(engine: sa.Engine) -> None:
    keys = [f"m{n}" for n in range(12)]
    put(engine, *keys)
    channel = Recorder()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: run(engine, channel), range(4)))
    assert sorted(channel.sent) == sorted(keys)


def test_withdrawing_takes_back_what_has_not_left(engine: sa.Engine) -> None:
    offer = {"offer_id": "of_1", "account_id": "acme", "step_id": "s", "run_id": "r", "play": "p", "motion": "upsell"}
    offer |= {"path": "self_serve", "lane": "self_serve", "target": "plan:x", "status": "open"}
    with writing(engine) as connection:
        connection.execute(sa.insert(tables.offer).values(**offer, facts={}, opened_at=NOW))
        for key in ("a", "b"):
            queue(connection, replace(MESSAGE, idempotency_key=key, offer_id="of_1"), now=NOW)
    run(engine, Recorder(refuses="no such mailbox"))
    put(engine, "of another offer")
    with writing(engine) as connection:
        queue(connection, replace(MESSAGE, idempotency_key="c", offer_id="of_1"), now=NOW)
        assert withdraw(connection, "of_1", why="declined") == 1
    assert kept(engine, "status") == [("failed",), ("failed",), ("queued",), ("withdrawn",)]
