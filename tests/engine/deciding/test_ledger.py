"""The ledger: a row when something changed, none when nothing did; and what explains it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from upstep.engine.deciding.decide import Inputs, Run
from upstep.engine.deciding.explain import explain, find_account
from upstep.engine.deciding.finishing import finish
from upstep.engine.deciding.inputs import gather
from upstep.engine.deciding.ledger import ENDED, changed, history, keep, ledger_folder
from upstep.engine.project import Project
from upstep.errors import BusyError, SourceError
from upstep.state.answers import Answer, Said, record_answer
from upstep.state.session import open_state, writing
from upstep.tables.lock import writer_lock
from upstep.tables.sample import AS_OF

LUMENBROOK = "lumenbrook-software"


@pytest.fixture
def project(postline: Project, tmp_path: Path) -> Project:
    """A folder of its own for the ledger; settings and catalog are Postline's."""
    for name in ("upstep.yaml", "catalog.yaml"):
        shutil.copy(postline.folder / name, tmp_path / name)
    return Project(tmp_path)


def later(run: Run, **columns: Mapping[str, Any]) -> Run:
    """The run a day on; ``columns`` maps a column to the values of account ids that have another one now."""
    rows = run.decisions.drop_columns(["rank", "step_id", "decision_id", "outranked_by", "run_id", "signature"])
    for name, values in columns.items():
        told = [
            values.get(account, value)
            for account, value in zip(rows["account_id"].to_pylist(), rows[name].to_pylist(), strict=True)
        ]
        rows = rows.set_column(rows.column_names.index(name), name, pa.array(told, rows[name].type))
    return replace(run, run_id="later", as_of=run.as_of + timedelta(days=1), decisions=finish(rows, run_id="later"))


def ledger(project: Project) -> list[dict[str, Any]]:
    from deltalake import DeltaTable

    return DeltaTable(ledger_folder(project) / "decision").to_pyarrow_table().to_pylist()  # type: ignore[no-any-return]


def written_later(project: Project, run: Run, **columns: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a run a day later adds to the ledger."""
    keep(project, run, now=AS_OF)
    keep(project, later(run, **columns), now=AS_OF)
    return [row for row in ledger(project) if row["run_id"] == "later"]


def steps_of(run: Run, account_id: str) -> int:
    return sum(account == account_id for account in run.decisions["account_id"].to_pylist())


def test_a_first_run_writes_every_step(project: Project, postline_run: Run) -> None:
    kept = keep(project, postline_run, now=AS_OF)
    assert kept.written == kept.steps == postline_run.decisions.num_rows == len(ledger(project))
    assert not kept.was_known


def test_the_same_run_twice_writes_nothing(project: Project, postline_run: Run) -> None:
    keep(project, postline_run, now=AS_OF)
    again = keep(project, postline_run, now=AS_OF + timedelta(hours=1))
    assert (again.written, again.was_known) == (0, True)
    assert len(ledger(project)) == postline_run.decisions.num_rows


def test_a_later_run_that_says_the_same_writes_nothing(project: Project, postline_run: Run) -> None:
    assert written_later(project, postline_run) == []


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("outcome", "unfit"),
        ("holds", '[{"gate":"leaving","why":"a cancellation is set","lifts":"when it is withdrawn"}]'),
        ("unknown", '[{"gate":"open_issue","question":"Is a problem open?"}]'),
        ("to_quantity", 77),
        ("recurring_change_minor", 123_456),
        ("bands", "limit_approaching|9"),
    ],
)
def test_what_changed_is_written(project: Project, postline_run: Run, column: str, value: object) -> None:
    rows = written_later(project, postline_run, **{column: {LUMENBROOK: value}})
    assert len(rows) == steps_of(postline_run, LUMENBROOK)
    assert {row["account_id"] for row in rows} == {LUMENBROOK}


@pytest.mark.parametrize("column", ["facts", "priority", "likelihood", "signal_density"])
def test_a_number_that_moved_inside_its_band_is_not_written(project: Project, postline_run: Run, column: str) -> None:
    value = '{"used": {"value": 46001}}' if column == "facts" else 1
    assert written_later(project, postline_run, **{column: {LUMENBROOK: value}}) == []


def test_a_hold_that_says_why_in_other_words_is_not_written(project: Project, postline_run: Run) -> None:
    held = postline_run.decisions.filter(pc.not_equal(postline_run.decisions["holds"], "[]"))
    account, holds = held["account_id"][0].as_py(), json.loads(held["holds"][0].as_py())
    other = json.dumps([{**hold, "why": hold["why"] + " now"} for hold in holds], separators=(",", ":"))
    mine = held.filter(pc.equal(held["account_id"], account))
    single = replace(postline_run, decisions=mine.slice(0, 1))
    assert written_later(project, single, holds={account: other}) == []


def test_a_run_that_was_said_before_is_written_again_when_another_came_between(
    project: Project, postline_run: Run
) -> None:
    keep(project, postline_run, now=AS_OF)
    between = later(postline_run, outcome={LUMENBROOK: "held"})
    keep(project, replace(between, as_of=postline_run.as_of), now=AS_OF)
    assert keep(project, postline_run, now=AS_OF).written == steps_of(postline_run, LUMENBROOK)
    assert keep(project, postline_run, now=AS_OF).written == 0


def test_a_step_that_no_play_fires_for_any_more_ends_once(project: Project, postline_run: Run) -> None:
    keep(project, postline_run, now=AS_OF)
    rest = postline_run.decisions.filter(pc.not_equal(postline_run.decisions["account_id"], LUMENBROOK))
    gone = later(replace(postline_run, decisions=rest))
    kept = keep(project, gone, now=AS_OF)
    assert kept.written == steps_of(postline_run, LUMENBROOK)
    assert {row["outcome"] for row in history(project, LUMENBROOK)[-kept.written :]} == {ENDED}
    assert (
        keep(project, replace(gone, run_id="later still", as_of=gone.as_of + timedelta(days=1)), now=AS_OF).written == 0
    )


def test_an_ended_step_that_comes_back_is_written_again(project: Project, postline_run: Run) -> None:
    keep(project, postline_run, now=AS_OF)
    rest = postline_run.decisions.filter(pc.not_equal(postline_run.decisions["account_id"], LUMENBROOK))
    keep(project, later(replace(postline_run, decisions=rest)), now=AS_OF)
    back = later(later(postline_run))
    assert keep(project, replace(back, run_id="back"), now=AS_OF).written == steps_of(postline_run, LUMENBROOK)


def test_when_nothing_fires_for_anybody_all_steps_end_on_the_runs_day(project: Project, postline_run: Run) -> None:
    keep(project, postline_run, now=AS_OF)
    none = later(replace(postline_run, decisions=postline_run.decisions.slice(0, 0)))
    keep(project, none, now=AS_OF)
    ended = [row for row in ledger(project) if row["outcome"] == ENDED]
    assert len(ended) == postline_run.decisions.num_rows
    assert {row["run_id"] for row in ended} == {"later"}
    assert {row["as_of"] for row in ended} == {int(none.as_of.timestamp())}


def test_a_run_of_some_accounts_ends_no_steps_of_others(project: Project, postline_run: Run) -> None:
    keep(project, postline_run, now=AS_OF)
    mine = postline_run.decisions.filter(pc.equal(postline_run.decisions["account_id"], LUMENBROOK))
    kept = keep(project, later(replace(postline_run, decisions=mine)), accounts=[LUMENBROOK], now=AS_OF)
    assert kept.written == 0
    assert all(row["outcome"] != ENDED for row in ledger(project))


def test_a_run_of_an_earlier_day_compares_with_what_was_known_then(project: Project, postline_run: Run) -> None:
    keep(project, later(postline_run), now=AS_OF)
    assert keep(project, postline_run, now=AS_OF).written == postline_run.decisions.num_rows


def test_a_second_writer_is_told_who_writes(project: Project, postline_run: Run) -> None:
    busy = pytest.raises(BusyError, match="upstep decide")
    with writer_lock(ledger_folder(project), command="upstep decide", now=AS_OF), busy as error:
        keep(project, postline_run, now=AS_OF)
    assert error.value.exit_code == 3
    assert keep(project, postline_run, now=AS_OF).written == postline_run.decisions.num_rows


def test_a_load_that_runs_does_not_stop_the_ledger(project: Project, postline_run: Run) -> None:
    with writer_lock(project.folder, command="upstep load", now=AS_OF):
        assert keep(project, postline_run, now=AS_OF).written == postline_run.decisions.num_rows


def test_changes_are_told_without_writing(project: Project, postline_run: Run) -> None:
    assert changed(postline_run, None, None).num_rows == postline_run.decisions.num_rows
    assert not ledger_folder(project).exists()


def test_the_history_of_an_account_is_oldest_first(project: Project, postline_run: Run) -> None:
    assert history(project, LUMENBROOK) == []
    written_later(project, postline_run, outcome={LUMENBROOK: "held"})
    rows = history(project, LUMENBROOK)
    assert [row["as_of"] for row in rows] == sorted(row["as_of"] for row in rows)  # type: ignore[type-var]
    assert rows[-1]["outcome"] == "held"


# Explaining


@pytest.mark.slow
def test_explain_recomputes_what_the_run_decided_and_why_other_plays_did_not_fire(
    postline: Project, postline_run: Run
) -> None:
    told = explain(postline, LUMENBROOK)
    mine = [row for row in postline_run.decisions.to_pylist() if row["account_id"] == LUMENBROOK]
    assert {row["step_id"]: row["outcome"] for row in told.decisions} == {
        row["step_id"]: row["outcome"] for row in mine
    }
    fired = {asked.play for asked in told.asked if asked.fired}
    assert fired == {play for row in mine for play in (row["play"], *row["evidence"])}
    silent = next(asked for asked in told.asked if asked.play == "overage_habit")
    assert not silent.fired
    assert any(clause.answer is not True for clause in silent.clauses)
    assert {limit["meter_id"]: limit["limit_quantity"] for limit in told.limits}["emails"] == 50_000


def test_an_account_is_found_by_its_id_and_by_a_part_of_its_name(postline: Project) -> None:
    assert find_account(postline, LUMENBROOK) == LUMENBROOK
    assert find_account(postline, "Lumenbrook") == LUMENBROOK
    with pytest.raises(SourceError, match="Did you mean lumenbrook-software"):
        find_account(postline, "Lumenbrok Software")


# What the state tells


def test_a_project_without_state_tells_nothing(project: Project) -> None:
    assert gather(project, at=AS_OF) == Inputs({})


def test_a_recorded_answer_reaches_the_plays_until_it_lapses(project: Project) -> None:
    engine = open_state(project.state_path)
    with writing(engine) as connection:
        until = AS_OF + timedelta(days=7)
        record_answer(connection, Answer(LUMENBROOK, "open_issue", Said.CLEAR, "asked them", until, AS_OF, "ana"))
    engine.dispose()
    said = gather(project, at=AS_OF).tables["confirmed"].to_pylist()
    assert said == [{"account_id": LUMENBROOK, "gate": "open_issue", "answer": "clear"}]
    assert gather(project, at=until).tables["confirmed"].num_rows == 0
    assert gather(project, at=AS_OF - timedelta(days=1)).tables["confirmed"].num_rows == 0


def test_a_ledger_of_a_version_that_told_less_is_written_on(project: Project, postline_run: Run) -> None:
    before = replace(postline_run, decisions=postline_run.decisions.drop_columns(["moments"]))
    keep(project, before, now=AS_OF)

    added = written_later(project, postline_run, outcome={LUMENBROOK: "held"})

    assert [row["account_id"] for row in added if row["outcome"] == "held"][:1] == [LUMENBROOK]
    assert all(row["moments"] is not None for row in added)
    assert {row["moments"] is None for row in ledger(project)} == {True, False}


def test_the_good_moments_of_a_step_are_told(postline_run: Run) -> None:
    rows = postline_run.decisions.to_pylist()
    reached = [row for row in rows if "limit_reached" in row["moments"]]
    assert reached
    for row in reached:
        facts = json.loads(row["facts"])
        assert facts["used"]["value"] >= facts["limit_quantity"]["value"]
