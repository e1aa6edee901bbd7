"""upstep decide and upstep explain, on one run and one explanation made once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Upstep
from tests.cli.schemas import faults
from upstep.cli import deciding, explaining, shapes
from upstep.cli.digest import digest
from upstep.engine.deciding.decide import Run, decide
from upstep.engine.deciding.explain import Explanation
from upstep.engine.deciding.explain import explain as explain_account
from upstep.engine.project import Project
from upstep.web.sections import sections

ACCOUNT = "lumenbrook-software"


@pytest.fixture(scope="module")
def opened(loaded: Path) -> Project:
    return Project(loaded)


@pytest.fixture(scope="module")
def run(opened: Project) -> Run:
    return decide(opened)


@pytest.fixture(scope="module")
def told(opened: Project) -> Explanation:
    return explain_account(opened, ACCOUNT)


def test_a_run_in_json_is_as_its_schema_says(run: Run) -> None:
    shape = json.loads(json.dumps(shapes.run(run)))

    assert faults(shape, "decide") == []
    assert shape["decisions"]


def test_lanes_holds_and_coverage_are_printed(run: Run, opened: Project, capsys: pytest.CaptureFixture[str]) -> None:
    deciding._show(run, opened, limit=2, is_whole=True)
    out = capsys.readouterr().out

    assert "Postline, as of 2026-11-20 00:00 UTC." in out
    assert "SELF-SERVE  they can do it alone; the first 2 of " in out
    assert "\n     1  " not in out.partition("HELD")[2]
    assert f"\n{run.coverage['steps']} steps: {run.coverage['eligible']} eligible, " in out
    assert out.splitlines()[-1].startswith("Next: upstep explain ")


def test_no_line_but_a_command_is_wider_than_100(run: Run, opened: Project, capsys: pytest.CaptureFixture[str]) -> None:
    deciding._show(run, opened, limit=40, is_whole=True)
    lines = capsys.readouterr().out.splitlines()

    assert [line for line in lines if len(line) > 100 and "upstep " not in line] == []
    assert [line for line in lines if line != line.rstrip()] == []


def test_a_lane_is_cut_to_its_best_and_counts_the_rest(run: Run) -> None:
    cut = digest(run, most={"self_serve": 3, "assisted": 1, "care": 0})
    lane = cut.lanes[0]

    assert [row["rank"] for row in lane.rows] == [1, 2, 3]
    assert lane.count.total > 3
    assert (len(cut.lanes[1].rows), len(cut.lanes[2].rows)) == (1, 0)


def test_who_is_left_alone_has_no_other_step(run: Run) -> None:
    rows = run.decisions.to_pylist()
    busy = {row["account_id"] for row in rows if row["path"] != "notice" and row["outcome"] != "unfit"}
    cut = digest(run, most={}, left_alone=100)

    assert [row["account_id"] for row in cut.left_alone] != []
    assert {row["account_id"] for row in cut.left_alone} == set(cut.alone.served)
    assert busy.isdisjoint(row["account_id"] for row in cut.left_alone)


def test_page_and_terminal_count_alike(run: Run, opened: Project, capsys: pytest.CaptureFixture[str]) -> None:
    deciding._show(run, opened, limit=2, is_whole=True)
    out = capsys.readouterr().out
    page = sections(opened, run, {})
    alone = page.served_count + page.waiting_count + page.silent_count

    assert f"LEFT ALONE  {alone:,} accounts: {page.served_count:,} where what they have serves them best, " in out
    for lane, word in zip(page.lanes, ("SELF-SERVE", "ASSISTED", "CARE"), strict=True):
        (line,) = [line for line in out.splitlines() if line.startswith(f"{word}  ")]
        assert f"{lane.count:,} on today's list" in line or f"of {lane.count:,}" in line


def test_each_gate_that_holds_is_counted_with_its_accounts(run: Run) -> None:
    cut = digest(run, most={})
    gates = [
        hold["gate"]
        for row in run.decisions.to_pylist()
        if row["outcome"] == "held"
        for hold in json.loads(row["holds"])
    ]

    assert {held.gate: held.steps for held in cut.held} == {gate: gates.count(gate) for gate in gates}
    assert all(held.names and held.why and held.lifts for held in cut.held)


def test_an_explanation_has_its_six_headings_and_says_why_plays_did_not_fire(
    told: Explanation, opened: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    explaining._show(told, opened)
    out = capsys.readouterr().out
    headings = ("UNDERSTAND", "POSITION", "TIME", "PROPOSE", "DELIVER", "MEASURE", "DID NOT FIRE")

    assert [word for word in headings if f"\n{word}  " not in out] == []
    assert "46,000 of 50,000 e-mails sent (92%)" in out
    assert "Pro → Scale, +$55.00 a month" in out
    assert "adoption <= 0.4 (adoption is 0.84)" in out


def test_an_explanation_in_json_is_as_its_schema_says(told: Explanation) -> None:
    assert faults(json.loads(json.dumps(shapes.explanation(told))), "explain") == []


def test_deciding_one_account_keeps_its_decisions_once(upstep: Upstep, project: Path) -> None:
    ran = upstep("decide", "--account", "lumenbrook", "--json", "--project", project)
    shape = json.loads(ran.out)

    assert (ran.code, faults(shape, "decide")) == (0, [])
    assert {decision["account_id"] for decision in shape["decisions"]} == {ACCOUNT}
    assert (project / ".upstep" / "decisions").is_dir()


def test_an_account_that_nobody_knows_is_told(upstep: Upstep, loaded: Path) -> None:
    ran = upstep("explain", "Nobody Ltd", "--project", loaded)
    assert (ran.code, "account 'Nobody Ltd': is not known." in ran.err) == (2, True)
