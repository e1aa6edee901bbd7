"""A receiver that hangs, drips or fails: a claim ends in time, and what was not begun waits as if it had not been."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.contracts.receivers import http_server
from tests.delivery.test_webhook import MESSAGE, channel
from upstep.delivery import sender
from upstep.delivery.channel import Message, SendResult
from upstep.delivery.outbox import Delivered, Wait, Waiting, queue
from upstep.delivery.sender import DOWN_AFTER, Run, send_waiting
from upstep.delivery.webhook import WebhookChannel
from upstep.errors import MaybeSentError, OutsideError
from upstep.state import tables
from upstep.state.session import open_state, reading, writing

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
MANY = 40
TOGETHER = 4


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[sa.Engine]:
    made = open_state(tmp_path / "state.db")
    put(made, MANY)
    yield made
    made.dispose()


def put(engine: sa.Engine, many: int) -> None:
    with writing(engine) as connection:
        for number in range(many):
            queue(connection, replace(MESSAGE, idempotency_key=f"m{number}"), now=NOW)


def clear(_connection: sa.Connection, _waiting: list[Waiting]) -> dict[int, Wait]:
    return {}


def run(engine: sa.Engine, made: object, now: datetime = NOW) -> list[Delivered]:
    told = send_waiting(Run(engine, {"webhook": made}, clear, lambda: now, threads=TOGETHER))  # type: ignore[dict-item]
    return [one.result for one in told]


def standing(engine: sa.Engine) -> list[tuple[str, int, bool, bool]]:
    """Status, tries, whether somebody has it, and whether it may have left, of each message."""
    it = tables.message.c
    with reading(engine) as connection:
        found = connection.execute(sa.select(it.status, it.attempts, it.claimed_by, it.sent_at).order_by(it.message_id))
        return [(row[0], row[1], row[2] is not None, row[3] is not None) for row in found]


class Listener:
    """Takes connections and says one answer on each, byte by byte where there is a pause; on the first few nothing."""

    def __init__(self, answer: bytes = b"", pause: float = 0.0, silent: int = 0) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._answer, self._pause, self._silent = answer, pause, silent
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}/"
        self.open: list[socket.socket] = []
        self._over = threading.Event()
        threading.Thread(target=self._take, daemon=True).start()

    def close(self) -> None:
        self._over.set()
        for one in (self._listener, *self.open):
            one.close()

    def _take(self) -> None:
        while not self._over.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.open.append(connection)
            if len(self.open) > self._silent:
                threading.Thread(target=self._say, args=[connection], daemon=True).start()

    def _say(self, connection: socket.socket) -> None:
        step = 1 if self._pause else len(self._answer) or 1
        for place in range(0, len(self._answer), step):
            try:
                connection.sendall(self._answer[place : place + step])
            except OSError:
                return
            if self._over.wait(self._pause):
                return


@contextmanager
def hanging() -> Iterator[tuple[Listener, WebhookChannel]]:
    with closing(Listener()) as listener, closing(channel(listener.url, seconds_max=0.3)) as made:
        yield listener, made


def test_a_claim_over_a_receiver_that_hangs_ends_after_few_and_lets_go_of_the_rest(engine: sa.Engine) -> None:
    with hanging() as (listener, made):
        told = run(engine, made)
        asked = len(listener.open)

    tried = DOWN_AFTER + TOGETHER - 1
    assert told == [Delivered.FAILED] * tried
    assert asked == tried
    assert standing(engine)[:tried] == [("queued", 1, True, True)] * tried, (
        "each may have left, and counts as if it had"
    )
    assert standing(engine)[tried:] == [("queued", 0, False, False)] * (MANY - tried)


def test_what_was_let_go_of_leaves_with_the_next_run_and_once(engine: sa.Engine) -> None:
    with hanging() as (_, made):
        first = run(engine, made)
    with http_server(lambda _: (200, {})) as server, closing(channel(server.url)) as made:
        second = run(engine, made, NOW + timedelta(seconds=1))
        third = run(engine, made, NOW + timedelta(hours=1))
        ids = [one.headers["webhook-id"] for one in server.asked]

    assert (len(second), len(third)) == (MANY - len(first), len(first))
    assert len(ids) == len(set(ids)) == MANY
    assert {one[0] for one in standing(engine)} == {"sent"}


def test_an_answer_that_drips_for_ever_is_no_answer() -> None:
    answer = b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 5_000
    with (
        closing(Listener(answer, 0.02)) as listener,
        closing(channel(listener.url, seconds_max=0.5)) as made,
        pytest.raises(MaybeSentError, match="no answer"),
    ):
        made.send(MESSAGE)


def test_an_answer_that_came_while_another_was_waited_for_is_read() -> None:
    three = [replace(MESSAGE, idempotency_key=f"m{n}") for n in range(3)]
    with (
        closing(Listener(b"HTTP/1.1 204 No Content\r\n\r\n", silent=1)) as listener,
        closing(channel(listener.url, seconds_max=0.5)) as made,
    ):
        told = list(made.send_many(three, together=3))

    assert isinstance(told[0], MaybeSentError)
    assert [isinstance(one, SendResult) and one.is_sent for one in told[1:]] == [True, True]


def test_a_connection_that_was_hung_up_or_says_more_than_was_asked_is_not_asked_again() -> None:
    with (
        closing(Listener(b"HTTP/1.1 204 No Content\r\n\r\n{}")) as listener,
        closing(channel(listener.url)) as made,
    ):
        assert [made.send(MESSAGE).is_sent for _ in range(3)] == [True] * 3
        assert len(listener.open) == 3


class Slow:
    """A channel that takes a while for each message."""

    name = "webhook"
    is_idempotent = True

    def __init__(self) -> None:
        self.sent: list[str] = []

    def send(self, message: Message) -> SendResult:
        time.sleep(0.05)
        self.sent.append(message.idempotency_key)
        return SendResult(is_sent=True)


def test_a_claim_begins_nothing_more_when_its_time_is_over(engine: sa.Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "CLAIM_SENDS", timedelta(seconds=0.1))
    slow = Slow()
    told = run(engine, slow)

    assert 0 < len(told) == len(slow.sent) < MANY
    assert sorted(one[:3] for one in standing(engine)) == sorted(
        [("sent", 1, True)] * len(told) + [("queued", 0, False)] * (MANY - len(told))
    )


def test_after_a_fault_over_there_it_goes_again_under_its_id_and_counts_as_if_it_had_left(tmp_path: Path) -> None:
    engine = open_state(tmp_path / "one.db")
    put(engine, 1)
    acted: list[str] = []

    def acts_and_falls_over(asked: object) -> tuple[int, dict[str, str]]:
        name = asked.headers["webhook-id"]  # type: ignore[attr-defined]
        if name in acted:
            return 200, {}
        acted.append(name)
        return 500, {"why": "the answer was lost on the way"}

    with http_server(acts_and_falls_over) as server, closing(channel(server.url)) as made:
        run(engine, made)
        between = standing(engine)
        run(engine, made, NOW + timedelta(hours=1))
        asked = [one.headers["webhook-id"] for one in server.asked]

    assert between == [("queued", 1, True, True)]
    assert (asked, acted) == ([acted[0]] * 2, [acted[0]])
    assert standing(engine) == [("sent", 2, True, True)]


@pytest.mark.parametrize("status", [429, 503])
def test_who_says_later_has_not_got_it(status: int) -> None:
    with (
        http_server(lambda _: (status, {})) as server,
        closing(channel(server.url)) as made,
        pytest.raises(OutsideError) as told,
    ):
        made.send(MESSAGE)
    assert not isinstance(told.value, MaybeSentError)
