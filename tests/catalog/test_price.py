"""Exact prices: every model against a naive count, unit by unit."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from upstep.catalog.model import AddOn, Overage, Plan, Price, PriceModel, Tier
from upstep.catalog.price import (
    add_on_amount,
    add_on_amounts,
    amount,
    amounts,
    is_estimated,
    overage_amount,
    overage_amounts,
    price_for,
    same_plan_amount,
    same_plan_amounts,
)

MOST = 2**63 - 1
quantities = st.integers(0, 60)
money = st.integers(0, 500)


def price(model: PriceModel, **fields: object) -> Price:
    return Price(**{"id": "p", "model": model, "currency": "usd", "interval": "month", **fields})  # type: ignore[arg-type]


@st.composite
def tiers(draw: st.DrawFn) -> tuple[Tier, ...]:
    bounds = sorted(draw(st.sets(st.integers(1, 50), max_size=4)))
    return tuple(Tier(bound, draw(money), draw(money)) for bound in [*bounds, None])


def tier_of(unit: int, all_tiers: tuple[Tier, ...]) -> Tier:
    """The tier that the unit of that number (from 1) falls in."""
    return next(tier for tier in all_tiers if tier.up_to is None or unit <= tier.up_to)


def naive_graduated(all_tiers: tuple[Tier, ...], quantity: int) -> int:
    total, reached = 0, set()
    for unit in range(1, quantity + 1):
        tier = tier_of(unit, all_tiers)
        total += tier.unit_amount_minor
        if tier not in reached:
            reached.add(tier)
            total += tier.flat_amount_minor
    return total


@given(tiers(), quantities)
def test_graduated_is_the_sum_over_units_of_the_price_of_each_ones_tier(all_tiers: tuple[Tier, ...], n: int) -> None:
    assert amount(price(PriceModel.GRADUATED, tiers=all_tiers, minimum_quantity=0), n) == naive_graduated(all_tiers, n)


@given(tiers(), quantities)
def test_graduated_never_falls_when_more_is_bought(all_tiers: tuple[Tier, ...], n: int) -> None:
    graduated = price(PriceModel.GRADUATED, tiers=all_tiers)
    assert amount(graduated, n + 1) >= amount(graduated, n)


@given(tiers(), st.integers(1, 60))
def test_volume_prices_all_units_at_the_tier_of_the_total(all_tiers: tuple[Tier, ...], n: int) -> None:
    tier = tier_of(n, all_tiers)
    expected = sum(tier.unit_amount_minor for _ in range(n)) + tier.flat_amount_minor
    assert amount(price(PriceModel.VOLUME, tiers=all_tiers), n) == expected


@given(st.integers(1, 20), money, quantities)
def test_package_charges_every_started_package(size: int, minor: int, n: int) -> None:
    started = len({unit // size for unit in range(n)})
    package = price(PriceModel.PACKAGE, amount_minor=minor, package_size=size, minimum_quantity=0)
    assert amount(package, n) == started * minor
    assert overage_amount(Overage("m", size, minor, "usd"), n) == started * minor


@given(st.sampled_from(list(PriceModel)), tiers(), st.integers(0, 9), st.lists(st.integers(0, 10**9), max_size=20))
@settings(max_examples=60)
def test_many_at_once_cost_what_each_costs_alone(
    model: PriceModel, all_tiers: tuple[Tier, ...], minimum: int, bought: list[int]
) -> None:
    one = price(model, amount_minor=7, estimate_minor=9, package_size=3, tiers=all_tiers, minimum_quantity=minimum)
    answer = amounts(one, np.array(bought, dtype=np.int64))
    assert answer.dtype == np.int64
    assert answer.tolist() == [amount(one, n) for n in bought]


@pytest.mark.parametrize(
    ("one", "quantity", "expected"),
    [
        (price(PriceModel.FLAT, amount_minor=2000), 7, 2000),
        (price(PriceModel.PER_UNIT, amount_minor=1500), 13, 19500),
        (price(PriceModel.PER_UNIT, amount_minor=1500, minimum_quantity=5), 3, 7500),
        (price(PriceModel.PER_UNIT, amount_minor=1500), 0, 1500),  # the default minimum is 1
        (price(PriceModel.PER_UNIT, amount_minor=1500, minimum_quantity=0), 0, 0),
        (price(PriceModel.PACKAGE, amount_minor=90, package_size=1000), 1000, 90),
        (price(PriceModel.PACKAGE, amount_minor=90, package_size=1000), 1001, 180),
        (price(PriceModel.QUOTE, estimate_minor=1200000), 40, 1200000),
        (price(PriceModel.GRADUATED, tiers=(Tier(100, 50), Tier(None, 40))), 100, 5000),
        (price(PriceModel.GRADUATED, tiers=(Tier(100, 50), Tier(None, 40, 300))), 101, 5340),
        (price(PriceModel.VOLUME, tiers=(Tier(100, 50), Tier(None, 40))), 100, 5000),
        (price(PriceModel.VOLUME, tiers=(Tier(100, 50), Tier(None, 40))), 101, 4040),
    ],
)
def test_known_amounts(one: Price, quantity: int, expected: int) -> None:
    assert amount(one, quantity) == expected


def test_only_a_quote_is_estimated_and_one_without_estimate_is_refused() -> None:
    assert is_estimated(price(PriceModel.QUOTE, estimate_minor=1))
    assert not is_estimated(price(PriceModel.FLAT, amount_minor=1))
    with pytest.raises(ValueError, match=r"price 'p' \(quote, usd\) has no estimate"):
        amount(price(PriceModel.QUOTE), 1)


@pytest.mark.parametrize(
    "one",
    [
        price(PriceModel.PER_UNIT, amount_minor=2),
        price(PriceModel.PACKAGE, amount_minor=3, package_size=1),
        price(PriceModel.GRADUATED, tiers=(Tier(10, 3, MOST - 20), Tier(None, 1))),
        price(PriceModel.VOLUME, tiers=(Tier(10, 3), Tier(None, 1, 100))),
    ],
)
def test_an_amount_past_64_bits_is_refused_not_wrapped(one: Price) -> None:
    with pytest.raises(OverflowError, match=r"\d+ [x+] \d+ minor units does not fit in 64 bits"):
        amounts(one, np.array([1, MOST], dtype=np.int64))


def test_the_largest_amount_that_fits_is_exact() -> None:
    assert amount(price(PriceModel.PER_UNIT, amount_minor=1), MOST) == MOST
    assert amount(price(PriceModel.PER_UNIT, amount_minor=MOST), 1) == MOST
    assert amount(price(PriceModel.PACKAGE, amount_minor=2, package_size=3), MOST) == -(-MOST // 3) * 2
    assert amount(price(PriceModel.GRADUATED, tiers=(Tier(5, 0), Tier(None, 1))), MOST) == MOST - 5
    assert overage_amounts(Overage("m", 1, 1, "usd"), np.array([MOST])).tolist() == [MOST]


def test_negative_and_fractional_quantities_are_refused() -> None:
    flat = price(PriceModel.FLAT, amount_minor=1)
    with pytest.raises(ValueError, match="quantity -1 is negative"):
        amounts(flat, np.array([3, -1]))
    with pytest.raises(ValueError, match="quantity -1 is negative"):
        amount(flat, -1)
    with pytest.raises(ValueError, match="-5"):
        overage_amounts(Overage("m", 1, 1, "usd"), np.array([-5]))
    with pytest.raises(TypeError, match="float64"):
        amounts(flat, np.array([1.5]))


def test_no_rows_cost_nothing_and_the_shape_is_kept() -> None:
    volume = price(PriceModel.VOLUME, tiers=(Tier(10, 3), Tier(None, 1)))
    assert amounts(volume, np.array([], dtype=np.int64)).tolist() == []
    assert amounts(volume, np.array([[1, 11]])).tolist() == [[3, 11]]


def plan(*prices: Price, **fields: object) -> Plan:
    return Plan(**{"id": "pro", "product_id": "x", "name": "Pro", "position": 0, "prices": prices, **fields})  # type: ignore[arg-type]


OLD = price(PriceModel.FLAT, amount_minor=10)
NEW = price(PriceModel.FLAT, id="q", amount_minor=12, effective_from=date(2026, 12, 1))
GONE = price(PriceModel.FLAT, id="g", amount_minor=9, effective_from=date(2026, 12, 15), sold=False)


@pytest.mark.parametrize(
    ("on", "expected"),
    [(date(2026, 11, 30), OLD), (date(2026, 12, 1), NEW), (date(2026, 12, 20), NEW), (None, NEW)],
)
def test_the_latest_sold_price_in_force_counts(on: date | None, expected: Price) -> None:
    assert price_for(plan(NEW, OLD, GONE), currency="USD", interval="month", on=on) == expected


@pytest.mark.parametrize(
    "wanted",
    [
        {"currency": "eur", "interval": "month"},
        {"currency": "usd", "interval": "year"},
        {"currency": "usd", "interval": "month", "interval_count": 3},
    ],
)
def test_another_currency_interval_or_count_has_no_price(wanted: dict[str, object]) -> None:
    assert price_for(plan(OLD), on=None, **wanted) is None  # type: ignore[arg-type]


def test_what_is_not_sold_or_not_yet_has_no_price() -> None:
    day = date(2026, 11, 22)
    assert price_for(plan(OLD, sold=False), currency="usd", interval="month", on=day) is None
    assert price_for(plan(OLD, effective_from=date(2026, 11, 23)), currency="usd", interval="month", on=day) is None
    assert price_for(plan(NEW), currency="usd", interval="month", on=day) is None
    add_on = AddOn("ip", "x", "IP", (OLD,), sold=False)
    assert price_for(add_on, currency="usd", interval="month", on=day) is None


def test_a_flat_add_on_costs_its_amount_each_time_it_is_bought() -> None:
    flat = price(PriceModel.FLAT, amount_minor=500)
    assert [add_on_amount(flat, n) for n in (0, 1, 3)] == [0, 500, 1500]
    assert amount(flat, 3) == 500


@given(quantities)
def test_an_add_on_that_is_not_flat_costs_what_its_price_says(n: int) -> None:
    per_unit = price(PriceModel.PER_UNIT, amount_minor=7, per="seats")
    package = price(PriceModel.PACKAGE, amount_minor=90, per="seats", package_size=5)
    assert add_on_amount(per_unit, n) == amount(per_unit, n)
    assert add_on_amount(package, n) == amount(package, n)


def test_add_ons_that_cost_more_than_fits_are_refused() -> None:
    with pytest.raises(OverflowError, match="does not fit in 64 bits"):
        add_on_amounts(price(PriceModel.FLAT, amount_minor=2), np.array([MOST]))


@given(money, st.integers(1, 60), quantities)
def test_more_of_the_same_plan_keeps_the_unit_price_that_is_paid(unit: int, before: int, after: int) -> None:
    assert same_plan_amount(unit * before, before, after) == unit * after


def test_a_price_without_a_whole_unit_price_is_not_kept() -> None:
    assert same_plan_amount(1000, 3, 4) is None
    assert same_plan_amount(1000, 3, 6) == 2000
    assert same_plan_amount(1000, 0, 4) is None
    told = same_plan_amounts(np.array([1000, 1000, 9000]), np.array([3, 0, 9]), np.array([4, 4, 10]))
    assert told.tolist() == [-1, -1, 10_000]
