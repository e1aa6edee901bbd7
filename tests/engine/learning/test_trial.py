"""A play tried on a loaded sample: the same answers as decide, for everyone or for some, and none of it published."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.samples import loaded_sample
from upstep.engine.deciding.decide import decide
from upstep.engine.learning.trial import matched, try_play
from upstep.engine.project import Project
from upstep.errors import SourceError
from upstep.plays.expression import parse
from upstep.plays.play import Play
from upstep.tables.sample import write_sample


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(loaded_sample("postline", tmp_path_factory.mktemp("tried"), tmp_path_factory))


def play(project: Project, play_id: str) -> Play:
    found = project.playbook.play(play_id)
    assert found is not None
    return found


def steps(run_rows: list[dict[str, object]], play_id: str) -> dict[str, str]:
    """step_id to outcome of the steps for which a play speaks."""
    return {
        str(row["step_id"]): str(row["outcome"])
        for row in run_rows
        if row["path"] != "notice" and (row["play"] == play_id or play_id in row["evidence"])  # type: ignore[operator]
    }


@pytest.mark.slow
def test_a_trial_says_of_each_play_what_decide_says(project: Project) -> None:
    everything = decide(project).decisions.to_pylist()
    for each in ("limit_approaching", "complement"):
        tried = try_play(project, play(project, each))
        assert {step["step_id"]: step["outcome"] for step in tried.steps} == steps(everything, each) != {}


def test_the_next_count_reads_what_was_kept_and_says_the_same(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = matched(project, play(project, "limit_approaching"))
    monkeypatch.setattr("upstep.engine.learning.trial._wide", None)  # working it out again would fail
    assert matched(project, play(project, "limit_approaching")) == first


def test_another_threshold_needs_no_new_figures(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    written = play(project, "limit_approaching")
    found = matched(project, written)
    lower = replace(written, condition=parse("reached(0.5)", project.kinds["limit"]))
    kept = replace(lower, condition=replace(lower.condition, columns=written.condition.columns))
    monkeypatch.setattr("upstep.engine.learning.trial._wide", None)

    assert set(matched(project, kept).accounts) > set(found.accounts)


@pytest.mark.slow
def test_nobody_is_both_asked_and_just_below(project: Project) -> None:
    for each in ("limit_approaching", "annual_commit"):
        found = matched(project, play(project, each))
        assert not set(found.accounts) & set(found.below)


def test_one_account_is_tried_alone(project: Project) -> None:
    each = play(project, "limit_approaching")
    name = matched(project, each).accounts[0]
    alone = try_play(project, each, accounts=[name])

    assert alone.matched.accounts == (name,)
    assert {step["account_id"] for step in alone.steps} == {name}


def test_a_project_without_facts_is_told_what_to_load(tmp_path: Path) -> None:
    write_sample("postline", tmp_path, accounts=3)
    empty = Project(tmp_path)
    with pytest.raises(SourceError, match=r"subscription_item is not loaded.*upstep load"):
        matched(empty, play(empty, "limit_approaching"))
