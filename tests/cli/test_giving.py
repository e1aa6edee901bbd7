"""upstep incentives, upstep follow-up."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Upstep
from tests.cli.schemas import faults


def test_budgets_are_listed_and_their_json_is_as_its_schema_says(upstep: Upstep, project: Path) -> None:
    settings = project / "upstep.yaml"
    given = "incentives: {annual_commit: {kind: percent, percent: 10, budget: 500000}}"
    settings.write_text(f"{settings.read_text()}\n{given}\n")
    told = json.loads(upstep("incentives", "--json", "--project", project).out)
    words = upstep("incentives", "--project", project).out
    assert faults(told, "incentives") == []
    assert told["incentives"][0]["left_minor"] == 500_000
    assert "annual_commit" in words
    assert "$5,000.00" in words


def test_where_nothing_is_given_the_page_says_how(upstep: Upstep, loaded: Path) -> None:
    assert "incentives: {" in upstep("incentives", "--project", loaded).out


def test_follow_up_says_when_nothing_was_bought(upstep: Upstep, loaded: Path) -> None:
    told = json.loads(upstep("follow-up", "--json", "--project", loaded).out)
    assert faults(told, "follow-up") == []
    assert told["looks"] == []
    assert "Nothing that an offer sold" in upstep("follow-up", "--project", loaded).out
