"""upstep confirm."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Upstep
from tests.cli.schemas import faults

ANSWER = ("confirm", "lumenbrook", "open_issue", "clear", "--because", "asked their admin")


def test_an_answer_is_kept_once_and_listed(upstep: Upstep, project: Path) -> None:
    first = upstep(*ANSWER, "--project", project)
    again = upstep(*ANSWER, "--project", project)
    listed = upstep("confirm", "--list", "--project", project).out

    assert (first.code, again.code) == (0, 0)
    assert "That was the answer already." not in first.out
    assert "That was the answer already." in again.out
    assert "Next: upstep decide --account lumenbrook-software" in first.out
    assert listed.count("asked their admin") == 1


def test_answers_in_json_are_as_their_schemas_say(upstep: Upstep, project: Path) -> None:
    told = json.loads(upstep(*ANSWER, "--until", "2999-01-01", "--json", "--project", project).out)
    listed = json.loads(upstep("confirm", "--list", "--json", "--project", project).out)

    assert (faults(told, "confirm"), faults(listed, "confirm-list")) == ([], [])
    assert listed["answers"] == [told["answer"]]
    assert told["answer"]["until"] == "2999-01-01T00:00:00Z"


def test_a_dry_run_keeps_nothing(upstep: Upstep, project: Path) -> None:
    assert "Nothing was written" in upstep(*ANSWER, "--dry-run", "--project", project).out
    assert "Nothing was answered yet." in upstep("confirm", "--list", "--project", project).out


def test_all_that_is_wrong_with_an_answer_is_told_at_once(upstep: Upstep, project: Path) -> None:
    ran = upstep("confirm", "lumenbrook", "open_isue", "perhaps", "--project", project)

    assert ran.code == 2
    assert "Did you mean 'open_issue'?" in ran.err
    assert "'perhaps' is neither clear nor holds" in ran.err
    assert "--because: is missing" in ran.err


def test_an_account_that_is_unknown_is_told_with_the_nearest(upstep: Upstep, project: Path) -> None:
    ran = upstep("confirm", "lumenbrok-software", *ANSWER[2:], "--project", project)
    assert (ran.code, "lumenbrook-software" in ran.err) == (2, True)
