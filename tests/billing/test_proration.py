"""Proration: what holds for every change. The golden cases are in test_golden.py."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upstep.billing.proration import Charge, Period, period_at, prorate, total_minor
from upstep.clock import from_seconds


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def amounts(old: int, new: int, period: Period, at: datetime, new_period: Period | None = None) -> list[int]:
    lines = prorate([Charge("item", old)], [Charge("item", new)], period=period, at=at, new_period=new_period)
    return [line.amount_minor for line in lines]


def test_an_added_item_is_only_debited_and_a_removed_one_only_credited() -> None:
    april, at = Period(day("2026-04-01"), day("2026-05-01")), day("2026-04-16")
    base, extra = Charge("base", 1000), Charge("extra", 500)
    assert [line.amount_minor for line in prorate([base], [base, extra], period=april, at=at)] == [250]
    assert [line.amount_minor for line in prorate([base, extra], [base], period=april, at=at)] == [-250]


def test_an_instant_outside_the_period_is_refused() -> None:
    april = Period(day("2026-04-01"), day("2026-05-01"))
    for outside in (day("2026-03-31T23:59:59"), day("2026-05-01T00:00:01")):
        with pytest.raises(ValueError, match="outside the period"):
            amounts(1000, 2000, april, outside)


charges = st.lists(st.integers(0, 10**9), max_size=5).map(
    lambda amounts: [Charge(f"item {i}", amount) for i, amount in enumerate(amounts)]
)


@st.composite
def instants_in_a_period(draw: st.DrawFn) -> tuple[Period, datetime]:
    start, length = draw(st.integers(0, 2**32)), draw(st.integers(1, 400 * 86400))
    return Period(from_seconds(start), from_seconds(start + length)), from_seconds(start + draw(st.integers(0, length)))


@given(charges, charges, instants_in_a_period())
def test_lines_sum_to_the_total_within_half_a_unit_a_line(
    old: list[Charge], new: list[Charge], when: tuple[Period, datetime]
) -> None:
    period, at = when
    lines = prorate(old, new, period=period, at=at)
    net = sum(charge.amount_minor for charge in new) - sum(charge.amount_minor for charge in old)
    assert total_minor(lines) == sum(line.amount_minor for line in lines)
    assert abs(total_minor(lines) - period.share_left(at) * net) * 2 <= len(lines)


@given(charges, charges, instants_in_a_period())
def test_a_change_and_its_reverse_at_one_instant_cancel(
    old: list[Charge], new: list[Charge], when: tuple[Period, datetime]
) -> None:
    period, at = when
    there, back = prorate(old, new, period=period, at=at), prorate(new, old, period=period, at=at)
    assert total_minor(there) + total_minor(back) == 0


@given(
    st.integers(10_957 * 86400, 21_915 * 86400).map(from_seconds),
    st.integers(10_592 * 86400, 25_568 * 86400).map(from_seconds),
    st.sampled_from(["day", "week", "month", "quarter", "year"]),
    st.integers(1, 14),
)
def test_every_instant_lies_in_one_period_and_the_next_begins_where_it_ends(
    anchor: datetime, at: datetime, interval: str, count: int
) -> None:
    period = period_at(anchor, at, interval=interval, interval_count=count)
    assert period.start <= at < period.end
    assert period_at(anchor, period.end, interval=interval, interval_count=count).start == period.end
    assert period_at(anchor, period.end - timedelta(seconds=1), interval=interval, interval_count=count) == period


def test_an_interval_that_is_not_one_is_refused() -> None:
    with pytest.raises(ValueError, match="fortnight"):
        period_at(day("2026-01-01"), day("2026-01-02"), interval="fortnight")
