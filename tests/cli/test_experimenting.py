"""upstep experiments."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Upstep
from tests.cli.schemas import faults


@pytest.fixture
def held(project: Path) -> Path:
    """A company that holds half of its accounts out."""
    settings = project / "upstep.yaml"
    settings.write_text(settings.read_text() + "\nexperiments: {holdout_percent: 50}\n")
    return project


def test_a_test_is_begun_listed_shown_and_ended_and_its_json_is_as_the_schemas_say(upstep: Upstep, held: Path) -> None:
    words = ("experiments", "add", "in-app", "--varies", "channel", "--arm", "control", "--arm", "app=in_app")
    dry = json.loads(upstep(*words, "--dry-run", "--json", "--project", held).out)
    begun = json.loads(upstep(*words, "--json", "--project", held).out)
    listed = json.loads(upstep("experiments", "list", "--json", "--project", held).out)
    shown = json.loads(upstep("experiments", "show", "in-app", "--json", "--project", held).out)
    ended = json.loads(upstep("experiments", "end", "in-app", "--json", "--project", held).out)
    again = json.loads(upstep("experiments", "end", "in-app", "--json", "--project", held).out)

    assert dry == {"begun": None}
    assert [faults(begun, "experiments-add"), faults(dry, "experiments-add")] == [[], []]
    assert faults(listed, "experiments-list") == []
    assert faults(shown, "experiments-show") == []
    assert [faults(one, "experiments-end") for one in (ended, again)] == [[], []]
    assert {one["experiment_id"] for one in listed["experiments"]} == {"holdout-all-1", "in-app"}
    assert shown["verdict"].startswith("Not enough data")
    assert (ended["ran"], again["ran"]) == (True, False)


def test_experiments_alone_lists_them(upstep: Upstep, held: Path) -> None:
    bare, listed = upstep("experiments", "--project", held), upstep("experiments", "list", "--project", held)
    assert (bare.code, bare.out) == (0, listed.out)


def test_whether_an_account_is_held_out_is_told_with_the_reason(upstep: Upstep, held: Path) -> None:
    told = json.loads(upstep("experiments", "member", "lumenbrook", "--json", "--project", held).out)
    words = upstep("experiments", "member", "lumenbrook", "--project", held).out

    assert faults(told, "experiments-member") == []
    assert told["account_id"] == "lumenbrook-software"
    (one,) = told["experiments"]
    assert one["is_held_out"] is told["is_held_out"]
    assert "of 10,000" in one["why"]
    assert f"holdout-all-1: {one['arm']}" in words


def test_decide_and_explain_say_whether_an_account_is_held_out_and_by_what(upstep: Upstep, held: Path) -> None:
    place = ("--project", held)
    decided = json.loads(upstep("decide", "--dry-run", "--json", *place).out)
    out = {one["account_id"]: one["experiments"] for one in decided["held_out"]}
    asked = {one["account_id"]: one["outcome"] == "held_out" for one in decided["decisions"]}
    kept = next(account for account in out if asked[account])
    other = next(account for account in asked if account not in out)
    told, free = (json.loads(upstep("explain", one, "--json", *place).out) for one in (kept, other))

    assert [faults(decided, "decide"), faults(told, "explain"), faults(free, "explain")] == [[], [], []]
    assert set(map(tuple, out.values())) == {("holdout-all-1",)}
    assert {one["account_id"] for one in decided["decisions"] if one["outcome"] == "held_out"} <= out.keys()
    assert (told["is_held_out"], free["is_held_out"]) == (True, False)
    assert [one["experiment_id"] for one in told["experiments"] if one["is_held_out"]] == ["holdout-all-1"]
    assert (
        "Held out of holdout-all-1 (path:self_serve): such steps are not asked" in upstep("explain", kept, *place).out
    )
    assert "Held out of" not in upstep("explain", other, *place).out


def test_terminal_pages_say_what_to_do_next(upstep: Upstep, held: Path) -> None:
    upstep("experiments", "add", "ch", "--varies", "channel", "--arm", "a", "--arm", "b=email", "--project", held)
    listed = upstep("experiments", "list", "--project", held).out
    shown = upstep("experiments", "show", "holdout-all-1", "--project", held).out
    assert "Not enough data" in listed
    assert "Next:" in listed
    assert "ARMS" in shown
    assert "EXPANSION MRR" in shown


def test_what_is_wrong_is_said_with_all_faults(upstep: Upstep, loaded: Path) -> None:
    bad = upstep("experiments", "add", "x", "--varies", "price", "--arm", "a", "--project", loaded)
    unknown = upstep("experiments", "show", "nothing", "--project", loaded)
    empty = upstep("experiments", "list", "--project", loaded)
    assert bad.code == 2
    assert "cannot vary 'price'" in bad.err
    assert "has 1 arms" in bad.err
    assert (unknown.code, empty.code) == (2, 0)
    assert "holdout_percent" in empty.out
