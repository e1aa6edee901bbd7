"""upstep stage."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Upstep
from tests.cli.schemas import faults
from tests.samples import loaded_sample

BECAUSE = ("--because", "92% of the contract is used")


@pytest.fixture(scope="module")
def databoard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = loaded_sample("databoard", tmp_path_factory.mktemp("databoard"), tmp_path_factory, accounts=20)
    yield folder
    shutil.rmtree(folder)


def test_a_step_is_opened_moved_won_and_listed(upstep: Upstep, databoard: Path) -> None:
    there = ("--project", databoard)
    opened = upstep("stage", "open", "meridian", "limit_approaching", *BECAUSE, "--amount", "200000", "--json", *there)
    told = json.loads(opened.out)
    name = told["opportunity"]["opportunity_id"]
    moved = upstep("stage", "move", name, "price", "--because", "asked for it", *there)
    refused = upstep("stage", "move", name, "champion", "--because", "x", "--json", *there)
    won = upstep("stage", "close", name, "won", "--amount", "200,000.00", "--because", "signed", "--json", *there)
    listed = upstep("stage", "list", "--json", *there)

    assert opened.code == 0
    assert told["opportunity"]["expected_minor"] == 20_000_000
    assert "price: asked for it" in moved.out
    assert "stage move " + name + " agree" in moved.out
    assert refused.code == 1
    assert json.loads(won.out)["opportunity"]["won_minor"] == 20_000_000
    assert json.loads(listed.out)["won"] == [{"motion": "upsell", "currency": "usd", "won_minor": 20_000_000}]
    assert [faults(json.loads(one.out), "stage") for one in (opened, refused, won)] == [[], [], []]
    assert faults(json.loads(listed.out), "stage-list") == []
    assert "UPSELL  0 open ones" in upstep("stage", "list", *there).out
    assert "signed" in upstep("stage", "show", name, *there).out


def test_what_waits_is_not_opened_and_says_why(upstep: Upstep, databoard: Path) -> None:
    ran = upstep("stage", "open", "meridian", "complement", *BECAUSE, "--project", databoard)
    assert ran.code == 1
    assert "The priority has no sponsor yet (no_sponsor)" in ran.out


def test_a_bundle_is_refused(upstep: Upstep, databoard: Path) -> None:
    ran = upstep("stage", "open", "meridian", "limit_approaching", "complement", *BECAUSE, "--project", databoard)
    assert ran.code == 1
    assert "never bundled" in ran.out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("open", "meridian", "limit_approaching"), "--because: is missing"),
        (("open", "meridian", "limit_aproaching", *BECAUSE), "Did you mean 'limit_approaching'?"),
        (("open", "meridian", "right_size", *BECAUSE), "does not fire for meridian-insurance"),
        (("open", "meridian", "limit_approaching", *BECAUSE, "--amount", "lots"), "is no amount of USD"),
        (("open", "meridian", "limit_approaching", *BECAUSE, "--on", "2999-01-01"), "lies ahead"),
        (("move", "opp_none", "price", *BECAUSE), "opportunity 'opp_none': is not known"),
    ],
)
def test_what_cannot_be_done_is_said_clearly(
    upstep: Upstep, databoard: Path, words: tuple[str, ...], told: str
) -> None:
    ran = upstep("stage", *words, "--project", databoard)
    assert ran.code == 2
    assert told in ran.err
