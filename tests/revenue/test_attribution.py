"""Credit: the last offer accepted within the window, once, for what it can bring about, net of replaced overage."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upstep.clock import DAY_SECONDS
from upstep.money import UNITS_PER_MINOR
from upstep.movements.words import CREDITABLE
from upstep.revenue.attribution import CAUSE_MOTIONS, MOTION_CAUSES, Asked, attribute, conversions

NOON = 1_760_000_000


def offer(offer_id: str = "o1", *, at: int | None = NOON, **more: Any) -> Asked:
    told = {"account_key": 1, "play": "limit_approaching", "motion": "upsell", "product_id": "mail"}
    return Asked(offer_id, **{**told, "opened_at": NOON - 100, "accepted_at": at, **more})


def moved(minor: int = 28_000, *, days: float = 0, **more: Any) -> dict[str, Any]:
    row = {"account_key": 1, "moved_at": NOON + round(days * DAY_SECONDS), "currency": "usd", "product_id": "mail"}
    return {**row, "cause": "upsell", "units": minor * UNITS_PER_MINOR, "committed_minor": 0, **more}


def credited(*rows: dict[str, Any], offers: list[Asked], **more: Any) -> list[tuple[str, int]]:
    found = attribute(rows, offers, **more)
    return [(credit.offer.offer_id, credit.credited_units // UNITS_PER_MINOR) for credit in found]


def test_20_a_month_and_380_of_overage_to_a_plan_of_300_is_credited_minus_100() -> None:
    assert credited(moved(28_000), offers=[offer(overage_replaced_minor=38_000)]) == [("o1", -10_000)]


@pytest.mark.parametrize(("days", "changes"), [(-0.04, 1), (-0.05, 0), (0, 1), (30, 1), (30.1, 0)])
def test_a_change_is_credited_from_an_hour_before_the_click_to_the_end_of_the_window(days: float, changes: int) -> None:
    assert len(credited(moved(days=days), offers=[offer()])) == changes


def test_the_window_is_a_setting() -> None:
    assert credited(moved(days=40), offers=[offer()], window_days=45) == [("o1", 28_000)]


def test_the_last_accepted_of_two_is_credited_and_the_other_is_not() -> None:
    offers = [offer("late", at=NOON + 50), offer("early")]
    assert credited(moved(days=1), offers=offers) == [("late", 28_000)]


def test_one_offer_is_credited_with_one_change_and_one_change_to_one_offer() -> None:
    assert credited(moved(100, days=1), moved(200, days=2), offers=[offer()]) == [("o1", 100)]
    twice = [offer("a"), offer("b", at=NOON + 1)]
    assert credited(moved(100, days=1), moved(200, days=2), offers=twice) == [("b", 100), ("a", 200)]


@pytest.mark.parametrize(
    "other",
    [
        {"account_key": 2},
        {"product_id": "team"},
        {"motion": "cross_sell"},
        {"motion": "adopt"},
        {"motion": "right_size"},
        {"is_withdrawn": True},
        {"accepted_at": None},
    ],
)
def test_an_offer_of_something_else_or_one_that_was_not_taken_is_not_credited(other: dict[str, Any]) -> None:
    assert credited(
        moved(), offers=[offer(**{"at": NOON, **other} if "accepted_at" not in other else {"at": None})]
    ) == ([])


def test_a_commit_is_credited_in_committed_value_alone() -> None:
    row = moved(-1_000, cause="commit", committed_minor=43_000)
    (credit,) = attribute([row], [offer(motion="commit")])
    assert (credit.credited_units, credit.committed_minor) == (0, 43_000)
    assert credit.units == -1_000 * UNITS_PER_MINOR


def test_every_creditable_cause_has_a_motion_that_can_bring_it_about() -> None:
    assert set(CAUSE_MOTIONS) == set(CREDITABLE)
    assert all(cause in MOTION_CAUSES[motion] for cause, motion in CAUSE_MOTIONS.items())
    assert {cause for causes in MOTION_CAUSES.values() for cause in causes} == set(CREDITABLE)


@given(
    st.lists(st.tuples(st.integers(1, 3), st.integers(0, 60), st.sampled_from(CREDITABLE)), max_size=12),
    st.lists(st.tuples(st.integers(1, 3), st.integers(0, 60), st.sampled_from(list(MOTION_CAUSES))), max_size=12),
)
def test_whatever_happens_nothing_is_credited_twice(rows: list[Any], offers: list[Any]) -> None:
    made = [offer(f"o{n}", at=NOON + d * DAY_SECONDS, account_key=a, motion=m) for n, (a, d, m) in enumerate(offers)]
    changes = [moved(days=d, account_key=a, cause=c, moved_id=n) for n, (a, d, c) in enumerate(rows)]
    found = attribute(changes, made)

    ids = [credit.offer.offer_id for credit in found]
    assert len(set(ids)) == len(ids)
    assert len(found) <= min(len(rows), len(offers))
    assert all(credit.cause in MOTION_CAUSES[credit.offer.motion] for credit in found)
    again = attribute(list(reversed(changes)), list(reversed(made)))
    assert sorted(credit.offer.offer_id for credit in again) == sorted(ids)


def test_each_step_of_an_offer_is_counted_in_the_period_in_which_it_happened() -> None:
    before = offer("a", opened_at=NOON - 9, shown_at=NOON - 5, converted_at=NOON + 5)
    inside = offer("b", opened_at=NOON, shown_at=NOON + 1, at=None, declined_at=NOON + 2)
    later = offer("c", opened_at=NOON + 99, at=None)
    (line,) = conversions([before, inside, later], NOON, NOON + 10)
    assert (line.opened, line.shown, line.accepted, line.converted, line.declined) == (1, 1, 1, 1, 1)
    assert line.won == 0


def test_of_those_shown_in_the_period_the_converted_are_counted_whenever_they_did() -> None:
    (line,) = conversions([offer(shown_at=NOON + 1, converted_at=NOON + 99)], NOON, NOON + 10)
    assert (line.converted, line.won) == (0, 1)


def test_plays_and_triggers_stand_apart() -> None:
    offers = [offer("a", trigger="limit reached"), offer("b", trigger="limit 90% used"), offer("c", play="complement")]
    assert len(conversions(offers, NOON - 200, NOON + 10)) == 3
