"""upstep serve as a process: it takes in, answers, works, and ends without losing what it acknowledged."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from upstep.cli import main
from upstep.engine.project import Project, open_project_inbox, open_project_state
from upstep.state import keys
from upstep.state.inbox_tables import inbox_event
from upstep.state.session import reading, writing
from upstep.tables.sample import AS_OF

ACCOUNT = "lumenbrook-software"


@contextlib.contextmanager
def serving(folder: Path, *words: str) -> Iterator[tuple[subprocess.Popen[bytes], str, Path]]:
    """A service in a process of its own: the process, its address, its log."""
    log = folder / "serve.log"
    command = [str(Path(sys.executable).with_name("upstep")), "serve", "--listen", "127.0.0.1:0"]
    with (
        log.open("w") as stream,
        subprocess.Popen([*command, "--project", str(folder), *words], stdout=stream, stderr=stream) as process,
    ):
        try:
            yield process, f"http://127.0.0.1:{port_of(log, process)}", log
        finally:
            process.kill()


def port_of(log: Path, process: subprocess.Popen[bytes]) -> int:
    for _ in range(900):
        if found := re.search(r'"port":(\d+)', log.read_text()):
            return int(found[1])
        assert process.poll() is None, log.read_text()
        time.sleep(0.1)
    raise AssertionError("it never served")


def key(folder: Path, *scopes: str) -> str:
    state = open_project_state(Project(folder))
    with writing(state) as connection:
        _, secret = keys.make_key(connection, "test", scopes, by="test", now=AS_OF)
    state.dispose()
    return secret


class Sender(threading.Thread):
    """Sends batches until it is refused, and remembers what was acknowledged."""

    def __init__(self, address: str, secret: str, name: str) -> None:
        super().__init__(daemon=True)
        self.address, self.secret, self.word = address, secret, name
        self.acknowledged: list[str] = []

    def run(self) -> None:
        with httpx.Client(base_url=self.address, auth=(self.secret, ""), timeout=60) as client:
            for number in range(100_000):
                ids = [f"{self.word}-{number}-{place}" for place in range(5)]
                batch = [event(one) for one in ids]
                try:
                    answer = client.post("/v1/batch", json={"batch": batch})
                except httpx.TransportError:
                    return
                if answer.status_code != 200:
                    return
                self.acknowledged += ids


class Slow(threading.Thread):
    """A request whose second half is sent when ``go`` is set."""

    def __init__(self, address: str, secret: str) -> None:
        super().__init__(daemon=True)
        host, port = address.removeprefix("http://").split(":")
        body = json.dumps({"batch": [event("slow")], "writeKey": secret}).encode()
        head = f"POST /v1/batch HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n".encode()
        self.parts = head + body[:40], body[40:]
        self.socket = socket.create_connection((host, int(port)), timeout=60)
        self.socket.sendall(self.parts[0])
        self.go = threading.Event()
        self.answer = b""

    def run(self) -> None:
        self.go.wait(60)
        time.sleep(0.5)
        with self.socket:
            self.socket.sendall(self.parts[1])
            self.answer = self.socket.recv(4096)


def event(message_id: str) -> dict[str, str]:
    told = {"type": "track", "messageId": message_id, "event": "Seen", "userId": "u"}
    return {**told, "timestamp": "2026-11-20T00:00:00Z"}


@pytest.mark.slow
def test_a_signal_ends_it_gently_and_nothing_acknowledged_is_lost(loaded: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(loaded, tmp_path / "project"))
    secret = key(folder, "ingest")
    with serving(folder, "--no-worker") as (process, address, log):
        senders = [Sender(address, secret, name) for name in ("a", "b", "c")]
        slow = Slow(address, secret)
        for one in (*senders, slow):
            one.start()
        time.sleep(2)
        slow.go.set()
        process.send_signal(signal.SIGTERM)
        code = process.wait(60)
        for one in (*senders, slow):
            one.join(60)
        told = log.read_text()

    acknowledged = {one for sender in senders for one in sender.acknowledged} | {"slow"}
    inbox = open_project_inbox(Project(folder))
    with reading(inbox._engine) as connection:
        kept = set(connection.execute(sa.select(inbox_event.c.message_id)).scalars())
    inbox.close()
    assert code == 0, told[-2000:]
    assert slow.answer.startswith(b"HTTP/1.1 200"), told[-2000:]
    assert len(acknowledged) >= 15
    assert acknowledged <= kept
    assert json.loads(told.splitlines()[-1])["event"] == "ended"
    assert secret not in told


@pytest.mark.slow
def test_the_worker_works_beside_it_and_ends_its_step(loaded: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(loaded, tmp_path / "project"))
    secret = key(folder, "read")
    with serving(folder) as (process, address, log):
        with httpx.Client(base_url=address, headers={"authorization": f"Bearer {secret}"}, timeout=60) as client:
            for _ in range(600):
                answer = client.get(f"/v1/accounts/{ACCOUNT}/decisions")
                if answer.status_code == 200:
                    break
                time.sleep(0.1)
            ready = client.get("/readyz").json()
        process.send_signal(signal.SIGTERM)
        code = process.wait(90)
        told = log.read_text()

    assert answer.status_code == 200, told[-2000:]
    assert answer.json()["decisions"]
    assert ready["checks"]["worker"] == "ok"
    assert code == 0
    assert '"event":"ended"' in told


def test_a_port_that_is_taken_is_told(loaded: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        code = main(["serve", "--no-worker", "--listen", address, "--project", str(loaded)])

    assert code == 2
    assert f"listen {address}: cannot be listened at" in capsys.readouterr().err
