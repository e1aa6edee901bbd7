"""upstep plays and upstep doctor."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Upstep
from tests.cli.schemas import faults


def test_the_shipped_plays_are_listed(upstep: Upstep, loaded: Path) -> None:
    told = json.loads(upstep("plays", "list", "--json", "--project", loaded).out)

    assert faults(told, "plays-list") == []
    assert {"limit_approaching", "right_size"} <= {play["play"] for play in told["plays"]}


def test_a_play_is_shown_as_written(upstep: Upstep, loaded: Path) -> None:
    out = upstep("plays", "show", "limit_approaching", "--project", loaded).out

    assert out.startswith("play: limit_approaching\n")
    assert "reached(0.8)" in out


def test_the_sql_of_a_play_ends_in_who_fires(upstep: Upstep, loaded: Path) -> None:
    told = json.loads(upstep("plays", "sql", "limit_approaching", "--json", "--project", loaded).out)
    stages = {stage["name"]: stage["sql"] for stage in told["stages"]}

    assert faults(told, "plays-sql") == []
    assert list(stages)[-1] == "fired_limit"
    assert "\"enforcement\" <> 'auto'" in stages["fired_limit"]


def test_an_unknown_play_is_told_with_what_was_meant(upstep: Upstep, loaded: Path) -> None:
    ran = upstep("plays", "show", "limit_aproaching", "--project", loaded)
    assert (ran.code, "Did you mean 'limit_approaching'?" in ran.err) == (2, True)


def test_a_sound_project_is_well(upstep: Upstep, loaded: Path) -> None:
    ran = upstep("doctor", "--json", "--project", loaded)
    told = json.loads(ran.out)

    assert (ran.code, faults(told, "doctor")) == (0, [])
    assert {finding["subject"] for finding in told["findings"]} >= {"settings", "catalog", "plays", "facts", "writer"}


def test_a_folder_that_is_no_project_is_amiss(upstep: Upstep, tmp_path: Path) -> None:
    ran = upstep("doctor", "--project", tmp_path)

    assert ran.code == 1
    assert "AMISS" in ran.out
    assert "Next: upstep init" in ran.out


def test_who_writes_is_named(upstep: Upstep, loaded: Path) -> None:
    from upstep.tables.lock import writer_lock
    from upstep.tables.sample import AS_OF

    with writer_lock(loaded, command="upstep load", now=AS_OF):
        assert "'upstep load'" in upstep("doctor", "--project", loaded).out
