"""Proration: the golden cases of docs/money.md, and what holds for every change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upstep.billing.proration import Charge, Period, anchored, period_at, prorate, total_minor
from upstep.clock import from_seconds


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def amounts(old: int, new: int, period: Period, at: datetime, new_period: Period | None = None) -> list[int]:
    lines = prorate([Charge("item", old)], [Charge("item", new)], period=period, at=at, new_period=new_period)
    return [line.amount_minor for line in lines]


def test_golden_1_the_documented_preview() -> None:
    period = Period(from_seconds(1596749288), from_seconds(1599427688))
    lines = amounts(1000, 3252, period, from_seconds(1598982148))
    assert lines == [-166, 541]
    assert 3252 + sum(lines) == 3627


def test_golden_2_classic_credits_the_current_price() -> None:
    april = Period(day("2026-04-01"), day("2026-05-01"))
    assert amounts(2000, 1000, april, day("2026-04-21")) == [-667, 333]


def test_golden_3_flexible_credits_what_was_really_debited() -> None:
    # The change to 2000 on April 11 was not charged (`none`), so 1000 is what the customer paid for.
    april = Period(day("2026-04-01"), day("2026-05-01"))
    lines = prorate([Charge("debited April 1", 1000)], [Charge("item", 1000)], period=april, at=day("2026-04-21"))
    assert [line.amount_minor for line in lines] == [-333, 333]


def test_golden_5_half_way() -> None:
    period = Period(day("2026-04-01"), day("2026-05-01"))
    assert amounts(1000, 2000, period, day("2026-04-16")) == [-500, 1000]


def test_golden_6_three_seats_more() -> None:
    march = Period(day("2026-03-01"), day("2026-04-01"))
    assert amounts(10 * 1500, 13 * 1500, march, day("2026-03-12T09:30:00")) == [-9486, 12332]


@pytest.mark.parametrize(
    ("start", "end", "at", "expected"),
    [
        ("2026-03-01", "2026-04-01", "2026-03-15", [-5429, 13655]),
        ("2026-02-01", "2026-03-01", "2026-02-15", [-4950, 12450]),
    ],
)
def test_golden_7_day_fifteen_of_a_long_and_a_short_month(start: str, end: str, at: str, expected: list[int]) -> None:
    assert amounts(9900, 24900, Period(day(start), day(end)), day(at)) == expected


def test_golden_8_monthly_to_yearly_starts_a_new_period() -> None:
    june, at = Period(day("2026-06-01"), day("2026-07-01")), day("2026-06-11")
    assert amounts(9900, 99000, june, at, Period(at, anchored(at, 12))) == [-6600, 99000]


def test_golden_9_yearly_to_monthly_leaves_a_balance() -> None:
    year, at = Period(day("2026-01-01"), day("2027-01-01")), day("2026-04-01")
    lines = amounts(120000, 12000, year, at, Period(at, anchored(at, 1)))
    assert lines == [-90411, 12000]
    assert sum(lines) == -78411


def test_golden_10_a_change_that_leaves_the_price_has_no_line() -> None:
    period = Period(day("2026-04-01"), day("2026-05-01"))
    assert amounts(1000, 1000, period, day("2026-04-16")) == []


def test_golden_11_a_currency_without_minor_unit() -> None:
    june = Period(day("2026-06-01"), day("2026-07-01"))
    assert amounts(5000, 8000, june, day("2026-06-21")) == [-1667, 2667]


def test_golden_12_an_anchor_on_the_31st_bills_on_the_last_day_of_shorter_months() -> None:
    anchor = day("2026-01-31T08:00:00")
    assert [anchored(anchor, months).date().isoformat() for months in (1, 2, 3, 25)] == [
        "2026-02-28",
        "2026-03-31",
        "2026-04-30",
        "2028-02-29",
    ]
    assert anchored(anchor, -2).date().isoformat() == "2025-11-30"


def test_golden_13_a_metered_item_has_no_line() -> None:
    april = Period(day("2026-04-01"), day("2026-05-01"))
    old, new = Charge("item", 1000, metered=True), Charge("item", 3000, metered=True)
    assert prorate([old], [new], period=april, at=day("2026-04-16")) == ()


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
