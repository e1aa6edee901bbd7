"""A run: the same facts give the same decisions, in whatever parts they are decided."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.samples import loaded_sample
from upstep.config.contact import ContactPolicy
from upstep.engine.deciding import decide as deciding
from upstep.engine.deciding.decide import Inputs, Run, decide, identify
from upstep.engine.project import Project
from upstep.errors import SourceError
from upstep.tables.facts import open_facts
from upstep.tables.load import load
from upstep.tables.query import DuckEngine
from upstep.tables.sample import AS_OF

OVER_ALL = {"rank", "decision_id", "outranked_by", "run_id"}
"""What speaks of the whole run: ranks count over all accounts."""


def facts_of(rows: pa.Table, *, without: set[str]) -> dict[str, dict[str, Any]]:
    return {
        row["step_id"]: {name: value for name, value in row.items() if name not in without} for row in rows.to_pylist()
    }


def test_the_same_facts_give_the_same_run(postline: Project, postline_run: Run) -> None:
    again = decide(postline)
    assert again.run_id == postline_run.run_id
    assert again.decisions.to_pylist() == postline_run.decisions.to_pylist()


def test_one_account_alone_gets_what_it_gets_among_all(postline: Project, postline_run: Run) -> None:
    whole = facts_of(postline_run.decisions, without=OVER_ALL)
    chosen = sorted(set(postline_run.decisions["account_id"].to_pylist()))[::4]
    alone = decide(postline, accounts=chosen)
    assert set(alone.decisions["account_id"].to_pylist()) == set(chosen)
    expected = {step: row for step, row in whole.items() if row["account_id"] in chosen}
    assert facts_of(alone.decisions, without=OVER_ALL) == expected


def test_deciding_in_parts_gives_what_deciding_at_once_gives(
    postline: Project, postline_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deciding, "CHUNK_ACCOUNTS", 30)
    parts = decide(postline)
    assert parts.run_id == postline_run.run_id
    assert parts.decisions.to_pylist() == postline_run.decisions.to_pylist()
    assert parts.coverage == postline_run.coverage


def test_the_as_of_is_the_smaller_complete_through_of_subscriptions_and_usage(postline_run: Run) -> None:
    assert postline_run.as_of == AS_OF


def test_deciding_an_unknown_account_decides_nothing(postline: Project) -> None:
    assert decide(postline, accounts=["nobody"]).decisions.num_rows == 0


# The run's id


@pytest.fixture(scope="module")
def facts(postline: Project) -> Any:
    return open_facts(postline.folder, DuckEngine(threads=1))


def test_the_runs_id_changes_with_every_input(postline: Project, facts: Any) -> None:
    one = pa.table({"account_id": ["a"], "gate": ["leaving"], "answer": ["clear"]})
    ids = {
        identify(postline, facts, None),
        identify(postline, replace(facts, as_of=facts.as_of + timedelta(seconds=1)), None),
        identify(postline, replace(facts, load_ids={**facts.load_ids, "usage": "another"}), None),
        identify(postline, facts, Inputs({"confirmed": one})),
        identify(postline, facts, Inputs({"holdout": one})),
        identify(postline, facts, Inputs({"confirmed": one.slice(0, 0)})),
    }
    for name in ("settings", "catalog", "playbook"):
        other = Project(postline.folder)
        if name == "settings":
            other.settings = replace(other.settings, contact=ContactPolicy(cool_down_days=31))
        elif name == "catalog":
            other.catalog = replace(other.catalog, hash="another")
        else:
            other.playbook = replace(other.playbook, hash="another")
        ids.add(identify(other, facts, None))
    assert len(ids) == 9


def test_the_runs_id_does_not_change_with_the_order_of_an_inputs_rows() -> None:
    rows = pa.table({"account_id": ["a", "b"], "gate": ["leaving", "leaving"], "answer": ["clear", "holds"]})
    turned = rows.take(pa.array([1, 0]))
    assert Inputs({"confirmed": rows}).digest == Inputs({"confirmed": turned}).digest


def test_no_inputs_and_empty_inputs_are_one_run(postline: Project, facts: Any) -> None:
    assert identify(postline, facts, None) == identify(postline, facts, Inputs({}))


def test_loading_the_same_again_is_the_same_run(postline: Project, facts: Any, tmp_path: Path) -> None:
    shutil.copytree(postline.folder, tmp_path / "again")
    folder = tmp_path / "again"
    load(folder, now=AS_OF, through=AS_OF, known=Project(folder).known_ids)
    assert identify(Project(folder), open_facts(folder, DuckEngine(threads=1)), None) == identify(postline, facts, None)


# What is missing


@pytest.mark.slow
@pytest.mark.parametrize("missing", ["subscription_item", "usage", "account"])
def test_a_required_table_that_is_missing_ends_the_run_in_words(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, missing: str
) -> None:
    kept = {"account", "subscription_item", "usage"} - {missing}
    project = Project(loaded_sample("postline", tmp_path, tmp_path_factory, only=tuple(sorted(kept))))
    with pytest.raises(SourceError, match=f"table {missing} is not loaded") as error:
        decide(project)
    assert error.value.exit_code == 2
    assert f"data/{missing}.csv" in str(error.value)


def test_a_folder_where_nothing_was_loaded_says_what_to_run(postline: Project, tmp_path: Path) -> None:
    for name in ("upstep.yaml", "catalog.yaml"):
        shutil.copy(postline.folder / name, tmp_path / name)
    with pytest.raises(SourceError, match="Run 'upstep load' first"):
        decide(Project(tmp_path))
