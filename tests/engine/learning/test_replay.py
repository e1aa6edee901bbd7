"""A replay: each week as decide has it, and what followed."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.samples import loaded_sample
from upstep.clock import parse_instant, to_seconds
from upstep.engine.deciding.decide import decide
from upstep.engine.deciding.inputs import gather
from upstep.engine.learning.replay import WEEK, Followed, as_csv, replay, weeks_between
from upstep.engine.project import Project
from upstep.errors import ConfigError
from upstep.tables.sample import AS_OF


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(loaded_sample("postline", tmp_path_factory.mktemp("replayed"), tmp_path_factory, accounts=40))


@pytest.mark.slow
@settings(max_examples=3)
@given(days=st.integers(7, 150), play=st.sampled_from(["limit_approaching", "complement", "annual_commit"]))
def test_a_replay_is_decide_as_of_each_week(project: Project, days: int, play: str) -> None:
    first = AS_OF - timedelta(days=days)
    found = project.playbook.play(play)
    assert found is not None

    told = replay(project, found, first=first, last=first + WEEK)

    assert [week.at for week in told.weeks] == [first, first + WEEK]
    for week, accounts in zip(told.weeks, told.accounts, strict=True):
        run = decide(project, as_of=week.at, inputs=gather(project, at=week.at))
        mine = [
            row
            for row in run.decisions.to_pylist()
            if row["path"] != "notice" and (row["play"] == play or play in row["evidence"])
        ]
        asked = {row["account_id"] for row in mine if row["outcome"] == "eligible"}
        assert set(accounts) == asked
        for outcome in ("held", "unconfirmed", "unfit", "outranked"):
            assert getattr(week, outcome) == sum(row["outcome"] == outcome for row in mine)


def followed(*, bought: str | None = None, churned: str | None = None, until: str = "2026-06-01") -> Followed:
    dates = [{"a1": [to_seconds(parse_instant(at))]} if at else {} for at in (bought, churned)]
    return Followed(dates[0], dates[1], parse_instant(until))


def at(text: str) -> datetime:
    return parse_instant(text)


@pytest.mark.parametrize(
    ("bought", "counted"), [("2026-03-02", 1), ("2026-04-30", 1), ("2026-05-01", 0), ("2026-03-01", 0), (None, 0)]
)
def test_what_follows_is_what_happens_in_the_sixty_days_after(bought: str | None, counted: int) -> None:
    assert followed(bought=bought).of_accounts(["a1", "a2"], at=at("2026-03-01")) == (counted, 0)


def test_who_leaves_is_counted_apart() -> None:
    assert followed(churned="2026-03-20").of_accounts(["a1"], at=at("2026-03-01")) == (0, 1)


def test_days_that_are_not_over_are_not_told() -> None:
    assert followed(until="2026-04-29").of_accounts(["a1"], at=at("2026-03-01")) == (None, None)


def test_what_the_movements_say_is_found(project: Project) -> None:
    found = Followed.of(project, _accounts(project), until=AS_OF)
    assert found.bought
    assert all(min(dates) <= to_seconds(AS_OF) for dates in (*found.bought.values(), *found.churned.values()))


def _accounts(project: Project) -> list[str]:
    from upstep.tables.facts import open_facts
    from upstep.tables.query import DuckEngine

    engine = DuckEngine()
    open_facts(project.folder, engine)
    return [name for (name,) in engine.connection.execute("SELECT account_id FROM account_key").fetchall()]


def test_reversed_dates_are_told_with_what_to_do() -> None:
    with pytest.raises(ConfigError, match=r"--from: 2026-05-01 comes after --to 2026-04-01\. Swap"):
        weeks_between(at("2026-05-01"), at("2026-04-01"), until=at("2026-06-01"))


def test_a_week_that_is_not_known_yet_is_told() -> None:
    with pytest.raises(ConfigError, match=r"--to: 2026-07-01.*complete through 2026-06-01"):
        weeks_between(at("2026-05-01"), at("2026-07-01"), until=at("2026-06-01"))


def test_without_dates_the_last_quarter_is_replayed() -> None:
    weeks = weeks_between(None, None, until=at("2026-06-01"))
    assert (len(weeks), weeks[0], weeks[-1]) == (14, at("2026-03-02"), at("2026-06-01"))


@pytest.mark.slow
def test_the_csv_has_a_line_a_week_and_nothing_where_it_is_open(project: Project) -> None:
    found = project.playbook.play("seat_saturation")
    assert found is not None
    lines = as_csv(replay(project, found, first=AS_OF - WEEK, last=AS_OF)).splitlines()

    assert lines[0].startswith("at,matched,eligible")
    assert len(lines) == 3
    assert lines[1].split(",")[11:13] == ["", ""]
