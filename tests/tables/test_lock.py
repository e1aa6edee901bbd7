"""One writer at a time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.tables.project import NOW, Project
from upstep.errors import BusyError
from upstep.tables.lock import writer_lock

_HOLDER = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from upstep.tables.lock import writer_lock
with writer_lock(Path(sys.argv[1]), command="upstep load", now=datetime(2026, 2, 10, tzinfo=UTC)):
    print("held", flush=True)
    time.sleep(60)
"""


def _hold(folder: Path) -> subprocess.Popen[str]:
    holder = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(_HOLDER), str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def test_a_second_load_is_refused_at_once_and_names_the_first_and_a_dead_holder_frees_the_lock(
    project: Project,
) -> None:
    project.write_all()
    holder = _hold(project.folder)
    try:
        with pytest.raises(BusyError, match="is writing") as caught:
            project.load()
        assert f"process {holder.pid}" in caught.value.holder
        assert "'upstep load'" in caught.value.holder
        assert caught.value.exit_code == 3
    finally:
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
        assert holder.stdout is not None
        holder.stdout.close()
    assert project.load().wrote


def test_the_lock_is_free_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), writer_lock(tmp_path, command="one", now=NOW):
        raise ZeroDivisionError
    with writer_lock(tmp_path, command="two", now=NOW):
        pass
