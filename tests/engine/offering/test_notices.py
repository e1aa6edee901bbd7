"""Notices: given once, to those who use the meter, without a price, also to a customer who is held."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
import sqlalchemy as sa

from upstep.delivery.channel import Purpose
from upstep.engine.contacting import sending
from upstep.engine.deciding.decide import Run
from upstep.engine.offering.notices import once_key, queue_notices
from upstep.engine.project import Project, open_project_state
from upstep.state import tables
from upstep.state.session import reading
from upstep.tables.sample import AS_OF

MORNING = AS_OF + timedelta(hours=9)


@pytest.fixture
def project(postline: Project, tmp_path: Path) -> Project:
    shutil.copytree(postline.folder, tmp_path / "postline")
    return Project(tmp_path / "postline")


def notices(run: Run) -> list[dict[str, Any]]:
    return run.decisions.filter(pc.equal(run.decisions["path"], "notice")).to_pylist()


def queued(engine: sa.Engine) -> list[Any]:
    with reading(engine) as connection:
        return list(connection.execute(sa.select(tables.message).order_by(tables.message.c.message_id)))


def changed(run: Run, **columns: Any) -> Run:
    rows = run.decisions
    for name, value in columns.items():
        index = rows.column_names.index(name)
        rows = rows.set_column(index, name, pa.array([value] * rows.num_rows, rows.schema.field(name).type))
    return replace(run, decisions=rows)


def test_every_notice_is_given_once_however_often_it_is_decided(project: Project, postline_run: Run) -> None:
    engine = open_project_state(project)
    expected = len(notices(postline_run))

    assert queue_notices(project, engine, postline_run, now=MORNING) == expected > 5
    assert queue_notices(project, engine, postline_run, now=MORNING + timedelta(days=1)) == 0
    assert queue_notices(project, engine, changed(postline_run, decision_id="another run"), now=MORNING) == 0


def test_a_new_limit_or_a_new_period_is_spoken_of_again(project: Project, postline_run: Run) -> None:
    engine = open_project_state(project)
    one = notices(postline_run)[0]["account_id"]
    first = queue_notices(project, engine, postline_run, now=MORNING, accounts=[one])
    raised = changed(postline_run, basis="plan=another")

    assert queue_notices(project, engine, raised, now=MORNING, accounts=[one]) == first
    assert queue_notices(project, engine, changed(postline_run, period_start=1), now=MORNING, accounts=[one]) == first


def test_a_notice_says_how_much_is_used_and_neither_a_price_nor_an_offer(project: Project, postline_run: Run) -> None:
    engine = open_project_state(project)
    queue_notices(project, engine, postline_run, now=MORNING)

    for message in queued(engine):
        assert (message.purpose, message.channel, message.offer_id) == (Purpose.NOTICE, "in_app", None)
        assert re.search(r"\d+%", message.subject)
        assert not re.search(r"\$|€|accept|upstep:offers", message.text)
        assert message.facts["used"] * 100 >= message.facts["limit"] * 80


def test_a_notice_leaves_although_its_account_is_held(project: Project, postline_run: Run) -> None:
    engine = open_project_state(project)
    rows = postline_run.decisions.to_pylist()
    held = {row["account_id"] for row in rows if row["outcome"] == "held" and row["path"] == "self_serve"}
    mine = sorted(held & {row["account_id"] for row in notices(postline_run)})
    assert mine
    queue_notices(project, engine, postline_run, now=MORNING, accounts=mine)

    sent = sending.deliver(project, now=MORNING)

    assert {one.result.value for one in sent} == {"sent"}
    assert {one.message.account_id for one in sent} == set(mine)


def test_who_uses_the_meter_is_told_else_whoever_of_the_account_looks(project: Project, postline_run: Run) -> None:
    engine = open_project_state(project)
    row = next(row for row in notices(postline_run) if row["recipients"])
    queue_notices(project, engine, postline_run, now=MORNING, accounts=[row["account_id"]])
    assert {message.recipient for message in queued(engine)} >= set(row["recipients"])

    nobody = changed(postline_run, recipients=[], basis="again")
    queue_notices(project, engine, nobody, now=MORNING, accounts=[row["account_id"]])
    assert queued(engine)[-1].recipient == f"account:{row['account_id']}"


def test_the_key_is_made_of_limit_share_and_period(postline_run: Run) -> None:
    keys = {once_key(row) for row in notices(postline_run)}
    assert len(keys) == len(notices(postline_run))
    assert {key.threshold for key in keys} == {80}
    assert all(key.basis for key in keys)
