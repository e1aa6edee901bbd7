"""What fits the hours, in which order, and what is said of the rest."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from upstep.planning.kept import KeptPlan, KeptStep, full_owners, keep_plan, planned_steps
from upstep.planning.quarter import Candidate, Quarter, order, plan
from upstep.state.session import open_state, reading, writing

FIRST, LAST = date(2026, 11, 20), date(2027, 2, 18)
NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)


def candidate(name: str, *, density: int = 1, value: int | None = 100, hours: int = 6, ready: bool = True) -> Candidate:
    return Candidate(
        account_id=name,
        name=name.title(),
        step_id=f"s_{name}",
        play="complement",
        motion="upsell",
        activity="upsell",
        product_id="sending",
        target="plan:pro",
        step="Pro → Scale",
        why="it is full",
        first="bring the numbers",
        signal_density=density,
        value_minor=value,
        is_estimated=False,
        hours=hours,
        days=30,
        is_ready=ready,
    )


def test_density_comes_before_value_and_what_must_be_asked_first_after_both() -> None:
    many, rich, poor = candidate("many", density=3), candidate("rich", value=9_000), candidate("poor", value=1)
    unknown, asks = candidate("unknown", value=None), candidate("asks", density=4, ready=False)

    assert [one.account_id for one in order([asks, unknown, poor, rich, many])] == [
        "many",
        "rich",
        "poor",
        "unknown",
        "asks",
    ]


def test_what_fits_is_taken_and_the_rest_says_what_it_lacks() -> None:
    big, small = candidate("big", density=3, hours=40), candidate("small", density=2, hours=6)
    later = candidate("later", density=1, hours=6)

    taken, left = plan([later, small, big], hours=47, begins_on=FIRST, ends_on=LAST)

    assert [one.candidate.account_id for one in taken] == ["big", "small"]
    assert [one.rank for one in taken] == [1, 2]
    (alone,) = left
    assert alone.why == "takes 6 hours and 1 hour is left; 2 steps come before it"
    assert alone.change == "5 more hours, or giving up Small (rank 2)"


def test_a_step_that_does_not_fit_does_not_stop_a_smaller_one() -> None:
    taken, left = plan(
        [candidate("big", density=3, hours=40), candidate("small", hours=6)], hours=10, begins_on=FIRST, ends_on=LAST
    )
    assert [one.candidate.account_id for one in taken] == ["small"]
    assert left[0].why == "takes 40 hours, and there are 10"


def test_steps_begin_one_after_the_other_within_the_days() -> None:
    taken, _ = plan([candidate(name, hours=30) for name in ("a", "b", "c")], hours=90, begins_on=FIRST, ends_on=LAST)
    assert [one.begins_on for one in taken] == [FIRST, FIRST + timedelta(days=30), FIRST + timedelta(days=60)]
    assert taken[0].expected_on == FIRST + timedelta(days=30)


@given(
    st.lists(st.tuples(st.integers(0, 4), st.none() | st.integers(0, 10**9), st.integers(1, 50)), max_size=20),
    st.integers(1, 200),
)
def test_no_plan_is_longer_than_its_hours_and_nobody_is_lost(
    told: list[tuple[int, int | None, int]], hours: int
) -> None:
    asked = [candidate(f"a{n}", density=d, value=v, hours=h) for n, (d, v, h) in enumerate(told)]
    taken, left = plan(asked, hours=hours, begins_on=FIRST, ends_on=LAST)

    assert sum(one.candidate.hours for one in taken) <= hours
    named = sorted([one.candidate.account_id for one in taken] + [one.account_id for one in left])
    assert named == sorted(one.account_id for one in asked)


def quarter(*candidates: Candidate, hours: int) -> Quarter:
    taken, left = plan(candidates, hours=hours, begins_on=FIRST, ends_on=LAST)
    return Quarter("ana", FIRST, LAST, hours, tuple(taken), tuple(left), least_hours=3, run_id="run")


def test_an_owner_is_full_when_not_even_the_smallest_activity_fits() -> None:
    assert quarter(candidate("a"), hours=8).is_full
    assert not quarter(candidate("a"), hours=9).is_full


def test_totals_hold_no_estimate_no_task_and_no_care() -> None:
    plain = candidate("plain", value=100)
    guess = replace(candidate("guess", value=1_000), is_estimated=True)
    task = replace(candidate("task", value=10_000), activity="find_priority")
    care = replace(candidate("care", value=100_000), motion="adopt", activity="adopt")
    longer = replace(candidate("longer", value=7), motion="commit", activity="commit")
    made = quarter(plain, guess, task, care, longer, hours=100)

    assert (made.total_minor(), made.total_minor(committed=True)) == (100, 7)


def kept(plan_id: str, *, is_full: bool, account: str = "acme") -> KeptPlan:
    steps = (KeptStep(account, "sending", "plan:pro", "upsell", 6),)
    return KeptPlan(plan_id, "ana", NOW, NOW + timedelta(days=90), 6, 6, is_full, "run", steps)


def test_the_plan_made_last_counts_while_its_days_last(tmp_path: Path) -> None:
    engine = open_state(tmp_path / "state.db")
    with writing(engine) as connection:
        assert keep_plan(connection, kept("p1", is_full=True), who="ana", at=NOW)
        assert not keep_plan(connection, kept("p1", is_full=True), who="ana", at=NOW)
    with reading(engine) as connection:
        assert full_owners(connection, at=NOW) == ["ana"]
        assert full_owners(connection, at=NOW - timedelta(days=1)) == []
        assert full_owners(connection, at=NOW + timedelta(days=90)) == []
        assert planned_steps(connection, at=NOW) == [("acme", "sending", "plan:pro")]
    later = NOW + timedelta(hours=1)
    with writing(engine) as connection:
        assert keep_plan(connection, kept("p2", is_full=False, account="globex"), who="ana", at=later)
        assert full_owners(connection, at=later) == []
        assert planned_steps(connection, at=later) == [("globex", "sending", "plan:pro")]
        assert keep_plan(connection, kept("p1", is_full=True), who="ana", at=later + timedelta(hours=1))
        assert full_owners(connection, at=later) == ["ana"]
