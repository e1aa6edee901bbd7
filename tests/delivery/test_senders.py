"""Two senders at once: a cap holds over both, for the claim of one counts before the other's check."""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from tests.contracts.test_channels import MESSAGE
from upstep.config.contact import Cap, ContactPolicy
from upstep.delivery.channel import Message, SendResult
from upstep.delivery.outbox import queue
from upstep.delivery.sender import Run, send_waiting
from upstep.engine.clearance import Clearance
from upstep.state import tables
from upstep.state.session import open_state, writing

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


def test_the_cap_of_a_person_holds_over_several_senders(tmp_path: Path) -> None:
    for is_idempotent in (True, False):
        engine = open_state(tmp_path / f"{is_idempotent}.db")
        told(engine, [f"m{n}" for n in range(12)])
        channel = Slow(is_idempotent=is_idempotent)
        policy = ContactPolicy(0, caps=(Cap("person", 2, 7),), quiet_hours=None, consent_sales="assumed")
        ways = {"email": channel}
        check = Clearance(policy, "UTC", ways, timedelta(days=3), NOW)
        with ThreadPoolExecutor(SENDERS) as pool:
            list(pool.map(lambda _: send_waiting(Run(engine, ways, check, NOW)), range(SENDERS)))  # noqa: B023 - used at once
        assert len(channel.sent) == len(set(channel.sent)) == 2
