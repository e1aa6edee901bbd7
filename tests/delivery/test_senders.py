"""Two senders at once: a cap holds over both, for the claim of one counts before the other's check."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.contracts.test_channels import MESSAGE
from upstep.config.contact import Cap, ContactPolicy, QuietHours
from upstep.delivery.channel import Message, SendResult
from upstep.delivery.outbox import queue
from upstep.delivery.sender import Run, send_waiting
from upstep.engine.contacting.clearance import Clearance
from upstep.errors import MaybeSentError, OutsideError
from upstep.state import tables
from upstep.state.consents import record_consent
from upstep.state.forget import forget_contact
from upstep.state.holds import record_reply
from upstep.state.mentions import mentions
from upstep.state.session import open_state, reading, writing

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SENDERS = 4


class Slow:
    """A channel in which every sender stands until all of them are there, or a second has passed."""

    name = "email"

    def __init__(self, *, is_idempotent: bool) -> None:
        self.is_idempotent = is_idempotent
        self.sent: list[str] = []
        self.together = threading.Barrier(SENDERS)

    def send(self, message: Message) -> SendResult:
        self.sent.append(message.idempotency_key)
        with contextlib.suppress(threading.BrokenBarrierError):
            self.together.wait(0.3)
        return SendResult(is_sent=True, reference="ok")


def told(engine: sa.Engine, keys: list[str]) -> None:
    """A published account, somebody who may buy there, and messages to them."""
    with writing(engine) as connection:
        connection.execute(sa.insert(tables.watermark).values(account_id="", as_of=NOW, published_at=NOW))
        connection.execute(
            sa.insert(tables.contact_fact).values(contact_id="ann", account_id="acme", may_buy=True, as_of=NOW)
        )
        for key in keys:
            queue(connection, replace(MESSAGE, idempotency_key=key, contact_id="ann"), now=NOW)


def test_what_is_said_and_what_begins_during_a_run_counts_for_the_rest_of_it(tmp_path: Path) -> None:
    def unsubscribe(engine: sa.Engine, now: datetime) -> None:
        with writing(engine) as connection:
            record_consent(connection, "ann", purpose="sales", is_given=False, source="link", now=now)

    def reply(engine: sa.Engine, now: datetime) -> None:
        with writing(engine) as connection:
            record_reply(connection, "acme", why="call me", by="ann", now=now)

    def nothing(_engine: sa.Engine, _now: datetime) -> None:
        """Only time passes."""

    cases = [(unsubscribe, 1, "no_consent"), (reply, 1, "contact_hold"), (nothing, 9, "quiet_hours")]
    for n, (happens, hours, why) in enumerate(cases):
        engine = open_state(tmp_path / f"{n}.db")
        told(engine, ["m1", "m2"])
        clock = [NOW]
        channel = Meanwhile(partial(_later, clock, hours, partial(happens, engine)))
        policy = ContactPolicy(0, caps=(), quiet_hours=QuietHours(), consent_sales="assumed")
        now = partial(clock.__getitem__, 0)
        check = Clearance(policy, "UTC", {"email": channel}, timedelta(days=3), now)
        first, second = send_waiting(Run(engine, {"email": channel}, check, now))
        assert (first.result, second.result, second.detail.split(":")[0]) == ("sent", "withheld", why)
        engine.dispose()


def _later(clock: list[datetime], hours: int, happens: Callable[[datetime], None]) -> None:
    clock[0] += timedelta(hours=hours)
    happens(clock[0])


@dataclass
class Meanwhile:
    """A channel in which something happens while a message is on its way, or that gives no answer."""

    happens: Callable[[], None]
    is_idempotent: bool = False
    name: str = "email"

    def send(self, message: Message) -> SendResult:
        self.happens()
        return SendResult(is_sent=True, reference=message.idempotency_key)


def test_what_may_have_left_counts_against_others_and_not_against_itself(tmp_path: Path) -> None:
    def no_answer() -> None:
        raise MaybeSentError("no answer")

    engine = open_state(tmp_path / "state.db")
    told(engine, ["m1", "m2"])
    policy = ContactPolicy(0, caps=(Cap("person", 1, 7),), quiet_hours=None, consent_sales="assumed")

    def sent(happens: Callable[[], None], now: datetime) -> list[tuple[str, str]]:
        ways = {"email": Meanwhile(happens, is_idempotent=True)}
        check = Clearance(policy, "UTC", ways, timedelta(days=3), lambda: now)
        found = send_waiting(Run(engine, ways, check, lambda: now))
        return sorted((one.message.idempotency_key, one.result.value) for one in found)

    assert sent(no_answer, NOW) == [("m1", "failed"), ("m2", "withheld")]
    assert sent(lambda: None, NOW + timedelta(seconds=5)) == [("m2", "withheld")]
    assert sent(lambda: None, NOW + timedelta(minutes=1)) == [("m1", "sent"), ("m2", "withheld")]
    engine.dispose()


def test_the_cap_of_a_person_holds_over_several_senders(tmp_path: Path) -> None:
    for is_idempotent in (True, False):
        engine = open_state(tmp_path / f"{is_idempotent}.db")
        told(engine, [f"m{n}" for n in range(12)])
        channel = Slow(is_idempotent=is_idempotent)
        policy = ContactPolicy(0, caps=(Cap("person", 2, 7),), quiet_hours=None, consent_sales="assumed")
        ways = {"email": channel}
        check = Clearance(policy, "UTC", ways, timedelta(days=3), lambda: NOW)
        with ThreadPoolExecutor(SENDERS) as pool:
            list(pool.map(lambda _: send_waiting(Run(engine, ways, check, lambda: NOW)), range(SENDERS)))  # noqa: B023 - used at once
        assert len(channel.sent) == len(set(channel.sent)) == 2


@pytest.mark.parametrize(
    ("told_back", "status"),
    [
        (SendResult(is_sent=True, reference="to ann@acme.example"), "sent"),
        (SendResult(is_sent=False, reason="550 ann@acme.example is unknown", is_bounce=True), "failed"),
        (OutsideError("421 ann@acme.example: try again later"), "failed"),
        (MaybeSentError("no answer about ann@acme.example"), "failed"),
    ],
    ids=["sent", "bounced", "later", "perhaps"],
)
def test_nothing_is_written_down_of_whoever_is_forgotten_while_their_message_is_on_its_way(
    tmp_path: Path, told_back: SendResult | OutsideError, status: str
) -> None:
    engine = open_state(tmp_path / "state.db")
    told(engine, ["m1"])

    def forget() -> SendResult:
        with writing(engine) as connection:
            forget_contact(connection, "ann", mentions(["ann"], ["ann@acme.example", MESSAGE.recipient]))
        if isinstance(told_back, OutsideError):
            raise told_back
        return told_back

    channel = Answering(forget)
    send_waiting(Run(engine, {"email": channel}, lambda _connection, _waiting: {}, lambda: NOW))
    again = send_waiting(
        Run(engine, {"email": channel}, lambda _connection, _waiting: {}, lambda: NOW + timedelta(days=2))
    )

    with reading(engine) as connection:
        stored = {
            table.name: str(connection.execute(sa.select(table)).all()) for table in tables.METADATA.sorted_tables
        }
        found = connection.execute(sa.select(tables.message.c.status)).scalars().all()
    assert (found, again) == ([status], [])
    assert [name for name, text in stored.items() if "ann" in text] == []


@dataclass
class Answering:
    """A channel that answers what it is told to."""

    answer: Callable[[], SendResult]
    is_idempotent: bool = True
    name: str = "email"

    def send(self, message: Message) -> SendResult:  # noqa: ARG002 - whatever it is
        return self.answer()
