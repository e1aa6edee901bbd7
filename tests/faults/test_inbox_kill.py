"""Events that were acknowledged outlive the process that took them in."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from upstep.state.inbox import open_inbox

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
