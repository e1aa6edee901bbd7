"""Money is exact: monthly amounts, rounding, bridges that add up, and how amounts are shown."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from babel.numbers import format_currency
from hypothesis import given, settings
from hypothesis import strategies as st
from iso4217 import Currency

from upstep.money import (
    CURRENCIES,
    UNITS_PER_MINOR,
    format_minor,
    largest_remainder,
    monthly_units,
    round_half_up,
    units_to_minor,
)

MONTHS = {"year": Fraction(12), "quarter": Fraction(3), "month": Fraction(1)}
MONTHS |= {"week": Fraction(12, 52), "day": Fraction(12, 365)}


def test_the_table_of_currencies_is_that_of_iso_4217() -> None:
    published = {currency.code.lower(): currency.exponent for currency in Currency if currency.exponent is not None}
    assert published == CURRENCIES


@pytest.mark.parametrize("interval", MONTHS)
@pytest.mark.parametrize("count", [*range(1, 13), 24, 36])
def test_a_monthly_amount_is_exact_for_up_to_twelve_intervals_and_for_long_terms(interval: str, count: int) -> None:
    amount = 0 if interval in {"week", "day"} and count > 12 else 1999  # 24 days have no exact month
    assert Fraction(monthly_units(amount, interval, count), UNITS_PER_MINOR) == amount / (MONTHS[interval] * count)


def test_rows_and_single_amounts_have_the_same_monthly_amount() -> None:
    amounts = np.array([1999, 30000, 5000, 0, -700], dtype=np.int64)
    intervals = np.array(["month", "year", "quarter", "week", "day"], dtype=object)
    counts = np.array([1, 2, 1, 3, 7], dtype=np.int64)
    expected = [monthly_units(int(a), i, int(c)) for a, i, c in zip(amounts, intervals, counts, strict=True)]
    assert monthly_units(amounts, intervals, counts).tolist() == expected
    assert monthly_units(amounts, "year").tolist() == [monthly_units(int(a), "year") for a in amounts]
    assert monthly_units(np.array([], dtype=np.int64), np.array([], dtype=object)).tolist() == []


def test_the_worked_total_of_the_design_is_12500() -> None:
    total = monthly_units(100 * 10_000, "month") + monthly_units(50 * 60_000, "year")
    assert units_to_minor(total) == 1_250_000


def test_an_amount_without_an_exact_month_is_refused() -> None:
    with pytest.raises(ValueError, match="1000 every 13 months"):
        monthly_units(1000, "month", 13)
    with pytest.raises(ValueError, match="1000 every 13 months"):
        monthly_units(np.array([1000]), "month", 13)
    assert monthly_units(1300, "month", 13) == monthly_units(100, "month")
    assert monthly_units(np.array([1300]), "month", 13).tolist() == [monthly_units(100, "month")]


def test_rows_past_64_bits_are_refused_and_those_at_the_edge_are_not() -> None:
    edge = np.iinfo(np.int64).max // UNITS_PER_MINOR
    assert monthly_units(np.array([edge, -edge]), "month").tolist() == [edge * UNITS_PER_MINOR, -edge * UNITS_PER_MINOR]
    for beyond in (edge + 1, -edge - 1, np.iinfo(np.int64).min):
        with pytest.raises(ValueError, match="64 bits"):
            monthly_units(np.array([beyond]), "month")


def test_floats_unknown_intervals_and_counts_below_one_are_refused() -> None:
    with pytest.raises(ValueError, match="whole numbers"):
        monthly_units(np.array([1.5]), "month")
    with pytest.raises(ValueError, match="'fortnight'"):
        monthly_units(np.array([1, 2]), np.array(["month", "fortnight"]))
    with pytest.raises(ValueError, match="'fortnight'"):
        monthly_units(1, "fortnight")
    for refused in (lambda: monthly_units(1, "month", 0), lambda: monthly_units(np.array([1]), "month", 0)):
        with pytest.raises(ValueError, match="starts at 1"):
            refused()


@given(st.integers(-(10**18), 10**18), st.integers(1, 10**12))
def test_rounding_is_to_the_nearest_and_a_half_goes_away_from_zero(numerator: int, denominator: int) -> None:
    rounded = round_half_up(numerator, denominator)
    exact = Fraction(numerator, denominator)
    assert abs(exact - rounded) <= Fraction(1, 2)
    assert rounded == -round_half_up(-numerator, denominator)
    if abs(exact - rounded) == Fraction(1, 2):
        assert abs(rounded) > abs(exact)


def test_a_denominator_must_be_positive() -> None:
    with pytest.raises(ValueError, match="positive"):
        round_half_up(1, 0)


def test_units_are_shown_half_up_alike_for_rows_and_single_amounts() -> None:
    halves = [UNITS_PER_MINOR // 2, UNITS_PER_MINOR // 2 - 1, -UNITS_PER_MINOR // 2, 3 * UNITS_PER_MINOR]
    assert [units_to_minor(units) for units in halves] == [1, 0, -1, 3]
    assert units_to_minor(np.array(halves)).tolist() == [1, 0, -1, 3]


@given(st.lists(st.integers(-(10**9), 10**9), max_size=12))
@settings(max_examples=60)
def test_a_printed_bridge_adds_up_and_no_part_is_off_by_a_minor_unit(units: list[int]) -> None:
    printed = largest_remainder(units)
    assert sum(printed) == units_to_minor(sum(units))
    for shown, exact in zip(printed, units, strict=True):
        assert abs(shown - Fraction(exact, UNITS_PER_MINOR)) < 1


@given(st.integers(0, 10**9), st.lists(st.integers(-(10**8), 10**8), min_size=1, max_size=6))
@settings(max_examples=60)
def test_printed_movements_lead_from_the_printed_start_to_the_printed_end(start: int, moves: list[int]) -> None:
    end = start + sum(moves)
    if end < 0:
        moves, end = [*moves, -end], 0
    printed = largest_remainder(moves, units_to_minor(end) - units_to_minor(start))
    assert units_to_minor(start) + sum(printed) == units_to_minor(end)


def test_a_total_that_no_rounding_reaches_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot be rounded"):
        largest_remainder([UNITS_PER_MINOR, UNITS_PER_MINOR], 3)


@pytest.mark.parametrize(
    ("amount_minor", "currency", "locale", "shown"),
    [
        (123450, "usd", "en_US", "$1,234.50"),
        (5000, "jpy", "en_US", "¥5,000"),
        (-5, "EUR", "en_US", "-€0.05"),
        (1234567, "kwd", "en_US", "KWD1,234.567"),
        (123450, "chf", "en_US", "CHF1,234.50"),
        (123450, "eur", "de_DE", "1.234,50\xa0€"),
        (5000, "jpy", "ja_JP", "￥5,000"),
        (123450, "irr", "en_US", "IRR1,234.50"),
        (99999, "clf", "en_US", "CLF9.9999"),
    ],
)
def test_an_amount_is_shown_as_people_write_it(amount_minor: int, currency: str, locale: str, shown: str) -> None:
    assert format_minor(amount_minor, currency, locale) == shown


@given(st.integers(-(10**15), 10**15), st.sampled_from(["usd", "eur", "gbp"]))
@settings(max_examples=50)
def test_the_fast_way_shows_what_babel_shows(amount_minor: int, currency: str) -> None:
    from decimal import Decimal

    assert format_minor(amount_minor, currency) == format_currency(
        Decimal(amount_minor).scaleb(-2), currency.upper(), locale="en_US"
    )


def test_an_unknown_currency_is_refused() -> None:
    with pytest.raises(ValueError, match="'zzz'"):
        format_minor(1, "zzz")
