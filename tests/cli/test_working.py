"""upstep worker --once: one cycle over what waits, told in words and as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Upstep
from tests.cli.schemas import faults
from upstep.clock import now
from upstep.tables.lock import writer_lock


@pytest.mark.slow
def test_one_cycle_decides_publishes_and_is_told_as_its_schema_says(upstep: Upstep, project: Path) -> None:
    first = json.loads(upstep("worker", "--once", "--json", "--project", project).out)
    again = upstep("worker", "--once", "--project", project)

    assert faults(first, "worker") == []
    assert (first["accounts"], first["decisions"] > 20) == (None, True)
    assert again.code == 0
    assert "0 offers opened, 0 notices queued" in again.out


def test_a_second_worker_is_told_who_works(upstep: Upstep, project: Path) -> None:
    with writer_lock(project / ".upstep" / "worker", command="upstep worker", now=now()):
        ran = upstep("worker", "--once", "--project", project)

    assert ran.code == 3
    assert "'upstep worker' (process" in ran.err
