"""upstep plan: the page of a quarter, what it closes, and what it refuses."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Upstep
from tests.cli.schemas import faults
from tests.samples import loaded_sample
from upstep.engine.project import Project
from upstep.wording import vendor_phrases

ASKED = ("--owner", "mina", "--from", "2026-11-20", "--to", "2999-01-01")


@pytest.fixture(scope="module")
def databoard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = loaded_sample("databoard", tmp_path_factory.mktemp("databoard"), tmp_path_factory)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def project(databoard: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(databoard, tmp_path / "databoard"))


def planned(upstep: Upstep, project: Path, hours: int, *more: str | Path) -> dict[str, Any]:
    ran = upstep("plan", *ASKED, "--hours", str(hours), *more, "--json", "--project", project)
    assert ran.code == 0, ran.err
    told: dict[str, Any] = json.loads(ran.out)
    return told


def test_a_plan_in_json_is_as_its_schema_says_and_within_its_hours(upstep: Upstep, databoard: Path) -> None:
    told = planned(upstep, databoard, 20, "--dry-run")

    assert faults(told, "plan") == []
    assert told["planned_hours"] == sum(step["hours"] for step in told["steps"]) <= 20
    densities = [step["signal_density"] for step in told["steps"]]
    assert densities == sorted(densities, reverse=True)
    assert told["steps"][0]["account_id"] == "meridian-insurance"
    assert told["steps"][0]["activity"] == "upsell"


def test_a_step_without_a_sponsor_comes_out_as_a_task_with_who_and_why(upstep: Upstep, databoard: Path) -> None:
    told = planned(upstep, databoard, 400, "--dry-run")
    tasks = {step["account_id"]: step for step in told["steps"] if step["activity"] == "develop_sponsor"}
    hygiene = [s for s in told["steps"] if s["account_id"] == "meridian-insurance" and s["activity"] == s["motion"]]

    assert re.search(
        r"sponsor of “data trust”: win Elena Okafor \(VP Engineering\)", tasks["meridian-insurance"]["first"]
    )
    assert any("Find the priority: ask" in s["first"] for s in told["steps"] if s["activity"] == "find_priority")
    assert [step["motion"] for step in hygiene] == ["upsell"]  # its own limit constrains work in use: nothing to find


def test_every_account_is_taken_or_left_alone_with_a_reason(upstep: Upstep, databoard: Path) -> None:
    told = planned(upstep, databoard, 20, "--dry-run")
    named = {one["account_id"] for part in ("steps", "left_alone") for one in told[part]}

    assert len(named) == told["accounts"]
    assert all(one["why"] and one["change"] for one in told["left_alone"])


@pytest.mark.slow
def test_a_full_quarter_holds_the_steps_that_are_not_in_it(upstep: Upstep, project: Path) -> None:
    told = planned(upstep, project, 8)
    decided = json.loads(upstep("decide", "--json", "--project", project).out)["decisions"]
    mine = [one for one in decided if one["recipients"] == ["owner:mina-farrow"] or one["motion"] == "adopt"]
    full = {one["step_id"] for one in mine if "at_capacity" in [hold["gate"] for hold in one["holds"]]}

    assert told["full"]
    assert full
    assert not full & {step["step_id"] for step in told["steps"]}
    # Whoever plans anew is not stopped by the plan that stands.
    assert planned(upstep, project, 400)["steps"][0]["step_id"] == told["steps"][0]["step_id"]
    again = json.loads(upstep("decide", "--json", "--project", project).out)["decisions"]
    assert not [one for one in again if "at_capacity" in [hold["gate"] for hold in one["holds"]]]


def test_the_csv_and_the_page_say_the_same(upstep: Upstep, databoard: Path, tmp_path: Path) -> None:
    sheet, page = tmp_path / "plan.csv", tmp_path / "plan.html"
    told = planned(upstep, databoard, 20, "--dry-run", "--csv", sheet, "--html", page)
    rows = list(csv.DictReader(sheet.read_text(encoding="utf-8").splitlines()))
    text = page.read_text(encoding="utf-8")

    assert len(rows) == len(told["steps"]) + len(told["left_alone"])
    assert all(one["name"] in text for one in told["left_alone"])
    assert "<script" not in text
    assert "http://" not in text.replace("http-equiv", "")
    assert not vendor_phrases(re.sub(r"<[^>]+>", "", text), "page")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--owner", "mina", "--hours", "0"), "--hours: 0 is no time to plan"),
        (("--owner", "mina", "--hours", "-3"), "--hours: -3 is no time to plan"),
        (("--owner", "mina-farow", "--hours", "9"), "Did you mean 'mina-farrow'?"),
        (("--owner", "a", "--hours", "9"), "owners: "),
        (("--owner", "mina", "--hours", "9", "--from", "2027-03-01", "--to", "2027-02-01"), "are they reversed?"),
        (("--owner", "mina", "--hours", "9", "--quarter", "2027-Q5"), "'2027-Q5' is no quarter"),
        (("--owner", "mina", "--hours", "9", "--quarter", "2020-Q1"), "ended on 2020-04-01"),
        (("--owner", "mina", "--hours", "9", "--quarter", "2027-Q1", "--to", "2027-02-01"), "one or the other"),
    ],
)
def test_what_cannot_be_planned_is_said_clearly(
    upstep: Upstep, databoard: Path, words: tuple[str, ...], told: str
) -> None:
    ran = upstep("plan", *words, "--project", databoard)
    assert ran.code == 2
    assert told in ran.err


def test_no_play_and_no_plan_can_see_the_vendors_calendar_or_quota(databoard: Path) -> None:
    project = Project(databoard)
    names = {name for columns in project.kinds.values() for name in columns}
    assert names
    assert not [name for name in names if re.search("quota|fiscal|quarter|target_minor", name)]
