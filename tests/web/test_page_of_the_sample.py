"""The page of the sample company: every planted account stands where its right answer puts it."""

from __future__ import annotations

import html
import re

import pytest

from tests.samples import loaded_sample
from upstep.engine.deciding.decide import Run, decide
from upstep.engine.project import Project
from upstep.tables.sample import PLANTED
from upstep.web.page import render

Sample = tuple[Project, Run, str]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    project = Project(loaded_sample("postline", tmp_path_factory.mktemp("postline"), tmp_path_factory))
    run = decide(project)
    return project, run, render(project, run)


def _names(page: str, start: str) -> set[str]:
    """Names of accounts between the element of that id and the next section or lane."""
    part = page[page.index(f'id="{start}"') :]
    end = re.search(r'<section |<details class="gate"|</main>', part)
    told = part[: end.start()] if end else part
    return {html.unescape(name) for name in re.findall(r"<bdi>(.*?)</bdi>", told)}


def test_planted_accounts_stand_where_their_answer_puts_them(sample: Sample) -> None:
    _, run, page = sample
    rows = run.decisions.to_pylist()
    lanes = {lane: _names(page, f"lane-{lane}") for lane in ("self_serve", "assisted", "care")}
    held = set().union(*(_names('id="gate"' + part, "gate") for part in page.split('<details class="gate">')[1:]))
    asked = _names(page, "h-unconfirmed")
    found = 0
    for planted in PLANTED["postline"].values():
        outcome, name = planted.answer["outcome"], None
        for row in rows:
            if row["account_id"] == planted.account_id and row["outcome"] == outcome:
                name = row["name"]
                if outcome == "eligible" and row["is_winner"]:
                    assert name in lanes[row["lane"]], planted.name
                elif outcome == "unconfirmed" and row["is_winner"]:
                    assert name in asked, planted.name
                elif outcome == "held":
                    assert name in held, planted.name
        found += name is not None
    assert found >= 20


def test_the_page_of_the_sample_is_the_same_again_and_small(sample: Sample) -> None:
    project, run, page = sample
    assert render(project, run) == page
    assert len(page.encode()) < 1_000_000
    assert page.count('<details class="trace"') <= 40
