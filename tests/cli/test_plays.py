"""upstep plays and upstep doctor."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

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


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_play_is_tried_on_today(upstep: Upstep, loaded: Path) -> None:
    told = json.loads(upstep("plays", "test", "limit_approaching", "--json", "--project", loaded).out)

    assert faults(told, "plays-test") == []
    assert told["steps"] == sum(told["outcomes"].values()) == len(told["decided"])
    assert sum(told["outcomes"].values()) >= told["outcomes"]["held"] > 0
    held = [step for step in told["decided"] if step["outcome"] == "held"]
    assert set(told["holds"]) == {hold["gate"] for step in held for hold in step["holds"]}


def test_a_count_needs_no_prices_and_no_gates(upstep: Upstep, loaded: Path) -> None:
    told = json.loads(upstep("plays", "test", "limit_approaching", "--count", "--json", "--project", loaded).out)

    assert faults(told, "plays-test") == []
    assert told["accounts"] > 0
    assert told["decided"] is None


def test_who_is_held_is_told_with_the_reason(upstep: Upstep, loaded: Path) -> None:
    out = upstep("plays", "test", "limit_approaching", "--project", loaded).out

    assert "would be asked today" in out
    assert "until:" in out
    assert "Next: upstep plays replay limit_approaching" in out


@pytest.mark.slow
def test_a_play_is_replayed_over_weeks(upstep: Upstep, loaded: Path, tmp_path: Path) -> None:
    weeks = ("--from", "2026-08-07", "--to", "2026-08-21", "--csv", tmp_path / "weeks.csv")
    told = json.loads(upstep("plays", "replay", "limit_approaching", *weeks, "--json", "--project", loaded).out)

    assert faults(told, "plays-replay") == []
    assert [week["at"][:10] for week in told["weeks"]] == ["2026-08-07", "2026-08-14", "2026-08-21"]
    assert len((tmp_path / "weeks.csv").read_text().splitlines()) == 4


def test_dates_in_the_wrong_order_are_told(upstep: Upstep, loaded: Path) -> None:
    ran = upstep("plays", "replay", "complement", "--from", "2026-09-01", "--to", "2026-08-01", "--project", loaded)
    assert (ran.code, ran.err) == (2, "--from: 2026-09-01 comes after --to 2026-08-01. Swap the two dates.\n")
