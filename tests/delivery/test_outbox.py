"""The outbox: queued once, claimed by one, asked about in the instant of sending, sent once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.contracts.test_channels import MESSAGE
from upstep.delivery.channel import Message, SendResult
from upstep.delivery.outbox import ATTEMPTS_MAX, CLAIM_LASTS, Delivered, Delivery, queue, send_waiting, withdraw
from upstep.errors import OutsideError
from upstep.state import tables
from upstep.state.session import open_state, reading, writing

NOW = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)


@dataclass
class Recorder:
    """A channel that remembers; it may refuse, or give no answer."""

    name: str = "email"
    sent: list[str] = field(default_factory=list)
    refuses: str = ""
    is_down: bool = False

    def send(self, message: Message) -> SendResult:
        if self.is_down:
            raise OutsideError("no route to host")
        if self.refuses:
            return SendResult(is_sent=False, reason=self.refuses)
        self.sent.append(message.idempotency_key)
        return SendResult(is_sent=True, reference=f"ref {message.idempotency_key}")


@pytest.fixture
def engine(tmp_path: Path) -> sa.Engine:
    return open_state(tmp_path / "state.db")


def put(engine: sa.Engine, *keys: str) -> list[bool]:
    with writing(engine) as connection:
        return [queue(connection, replace(MESSAGE, idempotency_key=key), now=NOW) for key in keys]


def run(engine: sa.Engine, channel: Recorder, now: datetime = NOW, reason: str | None = None) -> list[Delivery]:
    return send_waiting(engine, {"email": channel}, may_send=lambda _: reason, now=now)


def kept(engine: sa.Engine, *columns: str) -> list[tuple[object, ...]]:
    with reading(engine) as connection:
        table = tables.message
        return [tuple(row) for row in connection.execute(sa.select(*[table.c[name] for name in columns]))]


def attempts(engine: sa.Engine) -> list[str]:
    with reading(engine) as connection:
        return list(connection.execute(sa.select(tables.attempt.c.result)).scalars())


def test_queueing_twice_keeps_the_first(engine: sa.Engine) -> None:
    assert put(engine, "a", "a", "b") == [True, False, True]


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
        (delivery,) = run(engine, channel, NOW + timedelta(minutes=minute), reason="open_issue: since Monday")
        assert delivery.result is Delivered.WITHHELD
    assert channel.sent == []
    assert kept(engine, "status", "reason", "attempts") == [("held", "open_issue: since Monday", 0)]
    assert attempts(engine) == ["withheld"]
    run(engine, channel, NOW + timedelta(minutes=3))
    assert channel.sent == ["a"]
    assert attempts(engine) == ["withheld", "sent"]


def test_the_hold_is_asked_about_in_the_instant_of_sending(engine: sa.Engine) -> None:
    put(engine, "a", "b")
    channel = Recorder()

    def replied_meanwhile(_: Message) -> str | None:
        return "a reply came in" if channel.sent else None

    send_waiting(engine, {"email": channel}, may_send=replied_meanwhile, now=NOW)
    assert channel.sent == ["a"]


def test_a_channel_without_an_answer_is_tried_again_and_then_given_up(engine: sa.Engine) -> None:
    put(engine, "a")
    channel = Recorder(is_down=True)
    for hour in range(ATTEMPTS_MAX):
        assert kept(engine, "status") == [("queued",)]
        assert len(run(engine, channel, NOW + timedelta(hours=hour))) == 1
    assert kept(engine, "status", "reason") == [("failed", "no route to host")]
    assert run(engine, Recorder(), NOW + timedelta(days=1)) == []


def test_what_a_channel_refuses_for_good_is_not_tried_again(engine: sa.Engine) -> None:
    put(engine, "a")
    run(engine, Recorder(refuses="no such mailbox"))
    assert kept(engine, "status", "reason") == [("failed", "no such mailbox")]


def test_a_channel_that_is_not_connected_holds_its_messages(engine: sa.Engine) -> None:
    put(engine, "a")
    (delivery,) = send_waiting(engine, {}, may_send=lambda _: None, now=NOW)
    assert delivery.detail == "channel 'email' is not connected"


def test_a_claim_that_a_dead_sender_left_behind_is_taken_over(engine: sa.Engine) -> None:
    put(engine, "a")

    class Dies(Recorder):
        def send(self, message: Message) -> SendResult:
            super().send(message)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(engine, Dies())
    channel = Recorder()
    assert run(engine, channel, NOW + CLAIM_LASTS) == []
    run(engine, channel, NOW + CLAIM_LASTS + timedelta(seconds=1))
    assert channel.sent == ["a"]


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
