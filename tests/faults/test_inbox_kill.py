"""Events that were acknowledged outlive the process that took them in."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from tests.company import CATALOG
from upstep.clock import now
from upstep.engine.intake.ingesting import drain
from upstep.engine.project import Project, open_project_inbox
from upstep.state.inbox import Inbox, Waiting, open_inbox
from upstep.tables.lake import open_snapshot

pytestmark = pytest.mark.faults

_ADDER = """
import sys
from upstep.state.inbox import Received, open_inbox
inbox = open_inbox(sys.argv[1])
for n in range(100_000):
    keys = [f"{n}-{m}" for m in range(5)]
    inbox.add([Received(key, "track", 1, 1, b"{}") for key in keys])
    print(*keys, flush=True)
"""


@pytest.mark.parametrize("after", [0, 3, 50, 400])
def test_no_acknowledged_event_is_lost_when_the_process_is_killed(tmp_path: Path, after: int) -> None:
    path = tmp_path / "inbox.db"
    with subprocess.Popen([sys.executable, "-c", _ADDER, str(path)], stdout=subprocess.PIPE, text=True) as adder:
        assert adder.stdout is not None
        told = [adder.stdout.readline().split() for _ in range(after + 1)]
        os.kill(adder.pid, signal.SIGKILL)
        told += [line.split() for line in adder.stdout if line.endswith("\n")]
    inbox = open_inbox(path)
    kept = [one.message_id for one in inbox.take(1_000_000)]
    assert {key for keys in told for key in keys} <= set(kept)
    assert len(kept) == len(set(kept))
    # A request is kept whole or not at all.
    assert len(kept) % 5 == 0
    inbox.close()


_WORKER = """
import json, sys
from pathlib import Path
from upstep.clock import now
from upstep.engine.intake.arriving import read_event
from upstep.engine.intake.ingesting import drain
from upstep.engine.project import Project, open_project_inbox
project = Project(Path(sys.argv[1]))
inbox = open_project_inbox(project)
start = inbox.depth() + inbox.position()
for n in range(start, start + 100_000):
    keys = [f"{n}-{m}" for m in range(20)]
    events = [
        {"type": "track", "messageId": key, "event": "Sent", "context": {"groupId": f"a{len(key)}"}} for key in keys
    ]
    inbox.add([read_event(json.dumps(one).encode(), sent_at=None, received_at=now()) for one in events])
    print(*keys, flush=True)
    drain(project, inbox, now=now())
"""


def test_each_acknowledged_event_is_one_fact_however_often_the_worker_is_killed(tmp_path: Path) -> None:
    (tmp_path / "upstep.yaml").write_text(
        "version: 1\ncompany: Testco\ncurrency: usd\ningest: {track: {Sent: {meter: emails}}}\n"
    )
    (tmp_path / "catalog.yaml").write_text(CATALOG)
    told: list[str] = []
    for number in range(4):
        with subprocess.Popen(
            [sys.executable, "-c", _WORKER, str(tmp_path)], stdout=subprocess.PIPE, text=True
        ) as worker:
            assert worker.stdout is not None
            told += worker.stdout.readline().split()
            # Somewhere in its second drain.
            told += worker.stdout.readline().split()
            time.sleep(number * 0.09)
            os.kill(worker.pid, signal.SIGKILL)
            told += [key for line in worker.stdout if line.endswith("\n") for key in line.split()]
    project = Project(tmp_path)
    inbox = open_project_inbox(project)
    while drain(project, inbox, now=now()).events:
        pass
    assert inbox.depth() == 0
    kept = {one.message_id for one in _everything(inbox)}
    inbox.close()
    with duckdb.connect() as connection:
        usage = open_snapshot(tmp_path).select("usage")
        stored = [row[0] for row in connection.execute(f"SELECT event_id FROM ({usage})").fetchall()]
        days = open_snapshot(tmp_path).select("usage_day_recent")
        counted = connection.execute(f"SELECT sum(quantity)::BIGINT FROM ({days})").fetchone()
    assert len(stored) == len(set(stored))
    assert set(told) <= set(stored) == kept
    assert counted == (len(stored),)


def _everything(inbox: Inbox) -> list[Waiting]:
    inbox.again(lambda _event: True)
    return inbox.take(1_000_000)
