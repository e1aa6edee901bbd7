"""A sender is killed at each of its steps, with messages claimed, on their way and unrecorded: none is lost or doubled.

What is killed is a process of its own that sends through a channel into a file, one line a message.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.contracts.test_channels import MESSAGE
from upstep.clock import iso
from upstep.delivery.outbox import parked, queue
from upstep.delivery.sender import BATCH, CLAIM_LASTS
from upstep.faults import KILLED
from upstep.state import tables
from upstep.state.session import open_state, reading, writing

pytestmark = pytest.mark.faults

SENDING_POINTS = ("sending.claimed", "sending.sent", "sending.recorded")
NOW = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)
LATER = NOW + CLAIM_LASTS + timedelta(seconds=1)

PROGRAM = """
import os, sys, time
from datetime import datetime
from pathlib import Path
from upstep.delivery.channel import SendResult
from upstep.delivery.sender import Run, send_waiting
from upstep.state.session import open_state

class Lines:
    name = "email"
    def __init__(self, path, knows_keys, pause):
        self.path, self.is_idempotent, self.pause = path, knows_keys, pause
    def send(self, message):
        time.sleep(self.pause)
        with open(self.path, "a") as file:
            file.write(message.idempotency_key + "\\n")
        return SendResult(is_sent=True, reference=message.idempotency_key)

folder, now, knows_keys, pause, threads = sys.argv[1:]
channel = Lines(folder + "/sent", knows_keys == "yes", float(pause))
run = Run(open_state(folder + "/state.db"), {"email": channel}, lambda *_: {}, lambda: datetime.fromisoformat(now),
          threads=int(threads))
send_waiting(run)
"""


def queued(folder: Path, count: int) -> sa.Engine:
    engine = open_state(folder / "state.db")
    with writing(engine) as connection:
        for n in range(count):
            queue(connection, replace(MESSAGE, idempotency_key=f"m{n:04}"), now=NOW)
    return engine


def send(folder: Path, *, now: datetime = NOW, knows_keys: bool, point: str = "", pause: float = 0) -> int:
    process = start(folder, now=now, knows_keys=knows_keys, point=point, pause=pause)
    _, err = process.communicate(timeout=120)
    assert process.returncode in (0, KILLED), err.decode()
    return process.returncode


def start(
    folder: Path, *, now: datetime = NOW, knows_keys: bool, point: str = "", pause: float = 0
) -> subprocess.Popen[bytes]:
    words = [str(folder), iso(now), "yes" if knows_keys else "no", str(pause), "4" if knows_keys else "1"]
    program = [sys.executable, "-c", PROGRAM, *words]
    environment = {**os.environ, "UPSTEP_FAULT": point}
    return subprocess.Popen(program, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def left(folder: Path) -> Counter[str]:
    path = folder / "sent"
    return Counter(path.read_text(encoding="utf-8").split()) if path.exists() else Counter()


def statuses(engine: sa.Engine) -> Counter[str]:
    with reading(engine) as connection:
        return Counter(connection.execute(sa.select(tables.message.c.status)).scalars())


@pytest.mark.parametrize("point", SENDING_POINTS)
def test_where_the_channel_knows_its_keys_all_is_sent_in_the_end(tmp_path: Path, point: str) -> None:
    count = BATCH + 20
    engine = queued(tmp_path, count)
    assert send(tmp_path, knows_keys=True, point=point) == KILLED
    send(tmp_path, now=LATER, knows_keys=True)
    assert statuses(engine) == {"sent": count}
    # Under the same key, by which such a channel lets it leave once.
    assert len(left(tmp_path)) == count


@pytest.mark.parametrize("point", SENDING_POINTS)
def test_where_it_does_not_at_most_one_is_in_doubt_and_none_leaves_twice(tmp_path: Path, point: str) -> None:
    engine = queued(tmp_path, 5)
    assert send(tmp_path, knows_keys=False, point=point) == KILLED
    send(tmp_path, now=LATER, knows_keys=False)
    in_doubt = parked(engine)
    assert len(in_doubt) == (0 if point == "sending.recorded" else 1)
    assert all(one.is_ambiguous for one in in_doubt)
    assert statuses(engine) == Counter({"sent": 5 - len(in_doubt), "parked": len(in_doubt)}) + Counter()
    assert max(left(tmp_path).values()) == 1


def test_kills_at_any_moment_under_load_lose_and_double_nothing(tmp_path: Path) -> None:
    engine, count, now = queued(tmp_path, 60), 60, NOW
    for share in (0.3, 0.6, 0.9):
        process = start(tmp_path, now=now, knows_keys=False, pause=0.02)
        time.sleep(1 + share)
        process.kill()
        process.communicate(timeout=60)
        now += CLAIM_LASTS + timedelta(seconds=1)
    send(tmp_path, now=now, knows_keys=False)
    in_doubt = len(parked(engine))
    assert in_doubt <= 3
    assert statuses(engine)["sent"] + in_doubt == count
    assert max(left(tmp_path).values()) == 1


def test_two_senders_at_once_send_each_message_once(tmp_path: Path) -> None:
    engine = queued(tmp_path, 300)
    both = [start(tmp_path, knows_keys=True) for _ in range(2)]
    for process in both:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err.decode()
    assert statuses(engine) == {"sent": 300}
    assert set(left(tmp_path).values()) == {1}
