"""One writer at a time: an operating-system lock on ``.upstep/lock`` that says who holds it.

The lock dies with its process, so a killed load never blocks the next one; the words in the file are for people.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from upstep.clock import iso
from upstep.errors import BusyError


@contextmanager
def writer_lock(project: Path, *, command: str, now: datetime) -> Iterator[None]:
    """Hold the project's one write lock for as long as the block runs.

    Raises:
        BusyError: Another process holds it; raised at once, naming that process.
    """
    path = project / ".upstep" / "lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = _holder(descriptor)
            told = f"{path}: {holder} is writing. Wait until it ends, then run the command again."
            raise BusyError(told, holder) from None
        # The file stays when the lock is freed: removing it would let two writers lock two different files.
        words = json.dumps({"pid": os.getpid(), "command": command, "since": iso(now)}).encode()
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, words, 0)
        yield
    finally:
        os.close(descriptor)


def _holder(descriptor: int) -> str:
    """Who wrote the lock file, in words."""
    try:
        words = json.loads(os.pread(descriptor, 4096, 0))
        return f"'{words['command']}' (process {words['pid']}, since {words['since']})"
    except (ValueError, KeyError, TypeError):
        return "another process"
