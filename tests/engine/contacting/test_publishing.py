"""Publishing: what a run says can be read by key, what no longer holds goes, and twice changes nothing."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pytest
import sqlalchemy as sa

from upstep.engine.contacting.people import publish_people
from upstep.engine.contacting.publishing import ENDED, EVERYBODY, publish
from upstep.engine.deciding.decide import Run
from upstep.engine.deciding.explain import parsed
from upstep.engine.deciding.shapes import decision
from upstep.engine.project import Project, open_project_state
from upstep.offers import lifecycle
from upstep.offers.model import NewOffer
from upstep.state import tables
from upstep.state.session import reading
from upstep.tables.sample import AS_OF

MORNING = AS_OF + timedelta(hours=9)
LATER = MORNING + timedelta(hours=1)
ACCOUNT = "lumenbrook-software"


@pytest.fixture
def project(postline: Project, tmp_path: Path) -> Project:
    shutil.copytree(postline.folder, tmp_path / "postline")
    return Project(tmp_path / "postline")


@pytest.fixture
def state(project: Project) -> sa.Engine:
    return open_project_state(project)


def rows(state: sa.Engine, table: sa.Table) -> list[Any]:
    with reading(state) as connection:
        return sorted(connection.execute(sa.select(table)).all(), key=repr)


def everything(state: sa.Engine) -> list[list[Any]]:
    named = (tables.published_decision, tables.fact_hold, tables.watermark, tables.contact_fact)
    return [rows(state, table) for table in named]


def of_account(run: Run, account: str) -> Run:
    return replace(run, decisions=run.decisions.filter(pc.equal(run.decisions["account_id"], account)))


def later(run: Run, **changes: Any) -> Run:
    return replace(run, as_of=run.as_of + timedelta(hours=1), run_id="later", **changes)


def test_published_decisions_are_those_of_the_command_line(
    project: Project, state: sa.Engine, postline_run: Run
) -> None:
    publish(project, state, postline_run, now=MORNING)

    (row,) = [row for row in rows(state, tables.published_decision) if row.account_id == ACCOUNT]
    told = of_account(postline_run, ACCOUNT).decisions.to_pylist()
    assert json.loads(row.body) == [decision(parsed(one)) for one in told]
    assert (row.run_id, row.as_of) == (postline_run.run_id, postline_run.as_of)


def test_publishing_twice_changes_nothing(project: Project, state: sa.Engine, postline_run: Run) -> None:
    publish(project, state, postline_run, now=MORNING)
    before = everything(state)

    again = publish(project, state, postline_run, now=MORNING)

    assert (again.accounts, again.holds) == (0, 0)
    assert everything(state) == before


def test_only_the_eligible_self_serve_winner_of_an_account_has_no_hold(
    project: Project, state: sa.Engine, postline_run: Run
) -> None:
    publish(project, state, postline_run, now=MORNING)

    held = {(row.account_id, row.step_id) for row in rows(state, tables.fact_hold)}
    for row in postline_run.decisions.to_pylist():
        if row["path"] != "notice":
            may_go = row["path"] == "self_serve" and row["outcome"] == "eligible" and row["is_winner"]
            assert ((row["account_id"], row["step_id"]) in held) is not may_go


def test_an_urgent_problem_holds_the_whole_account_until_a_run_says_otherwise(
    project: Project, state: sa.Engine, postline_run: Run
) -> None:
    publish(project, state, postline_run, now=MORNING)
    held = [row for row in rows(state, tables.fact_hold) if row.gate == "open_issue" and row.step_id == EVERYBODY]
    assert held

    account = held[0].account_id
    nothing = of_account(postline_run, "nobody")
    publish(project, state, later(nothing), now=LATER, accounts=[account])

    assert [row for row in rows(state, tables.fact_hold) if row.account_id == account] == []
    (row,) = [row for row in rows(state, tables.published_decision) if row.account_id == account]
    assert row.body == "[]"


def test_an_older_run_never_replaces_what_a_newer_one_said(
    project: Project, state: sa.Engine, postline_run: Run
) -> None:
    publish(project, state, later(of_account(postline_run, ACCOUNT)), now=LATER, accounts=[ACCOUNT])
    before = [row for row in rows(state, tables.published_decision) if row.account_id == ACCOUNT]

    publish(project, state, postline_run, now=LATER)

    assert [row for row in rows(state, tables.published_decision) if row.account_id == ACCOUNT] == before
    marks = {row.account_id: row.as_of for row in rows(state, tables.watermark)}
    assert marks == {EVERYBODY: postline_run.as_of, ACCOUNT: postline_run.as_of + timedelta(hours=1)}


def test_the_step_of_a_live_offer_that_fires_no_more_has_ended(
    project: Project, state: sa.Engine, postline_run: Run
) -> None:
    new = NewOffer(
        ACCOUNT, "a_step_of_old", "run", "limit_approaching", "upsell", "self_serve", "self_serve", "plan:scale"
    )
    lifecycle.open_offer(state, new, messages=[], by="ana", at=MORNING, why="test")

    publish(project, state, postline_run, now=MORNING)

    (row,) = [row for row in rows(state, tables.fact_hold) if row.step_id == "a_step_of_old"]
    assert (row.gate, row.why) == ("outcome", ENDED)


def test_people_are_there_by_key_with_their_zone_and_what_they_agreed_to(project: Project, state: sa.Engine) -> None:
    assert publish_people(project, state, as_of=AS_OF) > 10
    assert publish_people(project, state, as_of=AS_OF + timedelta(hours=1)) == 0

    people = [row for row in rows(state, tables.contact_fact) if row.account_id == ACCOUNT]
    assert people
    assert any(row.may_buy for row in people)
    assert all(row.time_zone for row in people)
    assert any("sales" in (row.consents or []) for row in people)


def test_a_whole_run_takes_away_accounts_of_which_nothing_is_decided_any_more(
    project: Project, state: sa.Engine, postline_run: Run
) -> None:
    publish(project, state, postline_run, now=MORNING)
    fewer = later(replace(postline_run, decisions=postline_run.decisions.slice(0, 0)))

    publish(project, state, fewer, now=LATER)

    assert rows(state, tables.published_decision) == rows(state, tables.fact_hold) == []
    assert [row.as_of for row in rows(state, tables.watermark)] == [fewer.as_of]
