"""upstep goals."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Upstep
from tests.cli.schemas import faults
from tests.samples import loaded_sample

SAID = ("--contact", "con_000100", "--priority", "Trust in the claims data", "--source", "board call")
DATED = ("--stated-on", "2026-11-18", "--advances", "data_quality")


@pytest.fixture(scope="module")
def databoard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = loaded_sample("databoard", tmp_path_factory.mktemp("databoard"), tmp_path_factory, accounts=20)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def project(databoard: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(databoard, tmp_path / "databoard"))


def outcome(upstep: Upstep, project: Path) -> tuple[str, list[str]]:
    told = json.loads(upstep("decide", "--account", "meridian", "--json", "--project", project).out)
    (step,) = [one for one in told["decisions"] if one["motion"] == "cross_sell"]
    return step["outcome"], [hold["gate"] for hold in step["holds"]]


def test_a_typed_priority_with_a_sponsor_opens_the_step_that_waited_for_it(upstep: Upstep, project: Path) -> None:
    before = outcome(upstep, project)
    added = upstep("goals", "add", "meridian", *SAID, *DATED, "--sponsor", "con_000101", "--project", project)
    after = outcome(upstep, project)

    assert added.code == 0, added.err
    assert before == ("held", ["no_sponsor"])
    assert after == ("outranked", [])


def test_goals_in_json_are_as_their_schemas_say(upstep: Upstep, project: Path) -> None:
    added = json.loads(upstep("goals", "add", "meridian", *SAID, *DATED, "--json", "--project", project).out)
    listed = json.loads(upstep("goals", "list", "--json", "--project", project).out)
    goal_id = added["recorded"][0]["goal_id"]
    removed = json.loads(upstep("goals", "remove", goal_id, "--because", "dropped", "--json", "--project", project).out)

    assert faults(added, "goals-add") == []
    assert faults(listed, "goals-list") == []
    assert faults(removed, "goals-remove") == []
    assert goal_id in {goal["goal_id"] for goal in listed["goals"]}


def test_a_file_is_imported_whole_or_not_at_all(upstep: Upstep, project: Path) -> None:
    head = "account,contact,priority,metric,advances,sponsor,source,stated_on,review_by\n"
    good = "meridian,con_000100,Trust,,data_quality,con_000101,call,2026-11-18,2027-02-01\n"
    file = project / "goals.csv"
    file.write_text(head + good + "nobody at all,x,y,,,,z,2026-01-01,\n", encoding="utf-8")
    wrong = upstep("goals", "import", file, "--project", project)
    file.write_text(head + good, encoding="utf-8")
    right = upstep("goals", "import", file, "--project", project)
    again = upstep("goals", "import", file, "--project", project)

    assert wrong.code == 2
    assert "goals.csv:3: account 'nobody at all': is not known." in wrong.err
    assert (right.code, again.code) == (0, 0)
    assert "1 priority stood there already." in again.out


def test_a_goal_of_the_table_is_not_removed_here(upstep: Upstep, project: Path) -> None:
    ran = upstep("goals", "remove", "goal_000001", "--because", "dropped", "--project", project)
    assert ran.code == 2
    assert "stands in your goal table" in ran.err
    assert upstep("goals", "remove", "goal_9", "--because", "x", "--project", project).code == 2
    assert "--because" in upstep("goals", "remove", "goal_000001", "--project", project).err


def test_what_is_due_is_told(upstep: Upstep, project: Path) -> None:
    upstep("goals", "add", "meridian", *SAID, *DATED, "--review-by", "2026-11-19", "--project", project)
    told = " ".join(upstep("goals", "list", "--account", "meridian", "--project", project).out.split())
    assert "Its review was due by 2026-11-19" in told
    assert "It has no sponsor yet" in told
