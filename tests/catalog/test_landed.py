"""A catalog from landed products and prices: it loads, ids stay theirs, and it guesses nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from upstep.catalog.landed import LandedSales, Row, starting_catalog
from upstep.catalog.load import load_catalog
from upstep.catalog.model import Catalog, PriceModel


def price(price_id: str = "p1", **cells: str | None) -> Row:
    usual = {"product_id": "pro", "currency": "usd", "unit_amount": "2000", "type": "recurring", "active": "TRUE"}
    month = {"recurring_interval": "month", "recurring_interval_count": "1", "created": "2026-01-01"}
    return {"id": price_id, **usual, **month, **cells}


def text_of(*prices: Row, **rest: list[Row] | list[str]) -> str:
    landed = LandedSales(prices=prices, **{"products": [{"id": "pro", "name": "Pro"}], **rest})  # type: ignore[arg-type]
    return starting_catalog(landed, currency="usd") or ""


def loaded(folder: Path, *prices: Row, **rest: list[Row] | list[str]) -> Catalog:
    (folder / "catalog.yaml").write_text(text_of(*prices, **rest), encoding="utf-8")
    return load_catalog(folder / "catalog.yaml")


def test_a_products_prices_are_those_of_one_plan_with_its_id(tmp_path: Path) -> None:
    yearly = price("p2", recurring_interval="year", unit_amount="20000", currency="EUR")
    plan = loaded(tmp_path, price(), yearly).products["pro"].plans[0]

    assert (plan.id, plan.name) == ("pro", "Pro")
    assert {(one.id, one.interval, one.amount_minor, one.currency) for one in plan.prices} == {
        ("p1", "month", 2000, "usd"),
        ("p2", "year", 20000, "eur"),
    }


def test_of_several_prices_for_one_term_the_newest_is_sold_and_it_asks(tmp_path: Path) -> None:
    older, newer = price("p1"), price("p2", created="2026-02-01", unit_amount="2500")
    prices = loaded(tmp_path, newer, older).products["pro"].plans[0].prices

    assert {one.id: one.sold for one in prices} == {"p1": False, "p2": True}
    assert "# Several are sold for this term." in text_of(newer, older)


def test_what_is_no_longer_sold_says_so(tmp_path: Path) -> None:
    ended = [{"id": "pro", "name": "Pro", "active": "false"}]
    catalog = loaded(tmp_path, price(active="FALSE"), price("p2", is_deleted="TRUE"), products=ended)

    assert not catalog.products["pro"].plans[0].sold
    assert not any(one.sold for one in catalog.products["pro"].plans[0].prices)


@pytest.mark.parametrize(
    ("cells", "asks"),
    [
        ({"recurring_usage_type": "metered"}, "billed by use (2000 a unit)"),
        ({"billing_scheme": "tiered", "unit_amount": None}, "tiered (see there)"),
        ({"transform_quantity_divide_by": "1000"}, "sold in packages of 1000"),
        ({"unit_amount_decimal": "0.5"}, "costs 0.5 a unit"),
        ({"unit_amount": None}, "has no amount of its own"),
    ],
)
def test_a_price_that_one_number_cannot_say_is_left_to_a_person(
    tmp_path: Path, cells: dict[str, str | None], asks: str
) -> None:
    assert loaded(tmp_path, price(**cells)).products["pro"].plans[0].prices[0].model is PriceModel.QUOTE
    assert asks in text_of(price(**cells))


def test_what_somebody_has_several_of_is_sold_by_seats(tmp_path: Path) -> None:
    yearly = price("p2", recurring_interval="year")
    catalog = loaded(tmp_path, price(), yearly, items=[{"plan_id": "p1", "quantity": "3"}])
    plan = catalog.products["pro"].plans[0]

    assert {one.per for one in plan.prices} == {"seats"}
    assert [(limit.meter_id, limit.follows_quantity) for limit in plan.limits] == [("seats", True)]


def test_what_is_paid_once_is_a_product_of_its_own_or_a_note(tmp_path: Path) -> None:
    once = price("p1", type="one_time", recurring_interval=None, product_id="course")
    fee = price("p3", type="one_time", recurring_interval=None, unit_amount="900")
    catalog = loaded(tmp_path, once, price("p2"), fee)

    assert catalog.products["course"].one_off
    assert [one.id for one in catalog.products["pro"].plans[0].prices] == ["p2"]
    assert "# Paid once beside it: p3, 900 usd." in text_of(once, price("p2"), fee)


def test_older_plans_are_prices_and_count_once(tmp_path: Path) -> None:
    plans: list[Row] = [
        {"id": "p1", "product_id": "pro", "amount": "1", "currency": "usd", "interval": "month"},
        {
            "id": "5e3",
            "product_id": "old",
            "amount": "700",
            "currency": "usd",
            "interval": "week",
            "interval_count": "2",
        },
    ]
    catalog = loaded(tmp_path, price(), plans=plans)
    week = catalog.products["old"].plans[0].prices[0]

    assert catalog.products["pro"].plans[0].prices[0].amount_minor == 2000
    assert (week.id, week.interval, week.interval_count) == ("5e3", "week", 2)


def test_amounts_are_minor_units_of_iso(tmp_path: Path) -> None:
    prices = [price("p1", currency="isk", unit_amount="500000"), price("p2", currency="mga", unit_amount="12")]

    found = loaded(tmp_path, *prices).products["pro"].plans[0].prices
    assert {one.currency: one.amount_minor for one in found} == {"isk": 5000, "mga": 1200}


def test_events_are_meters_and_those_that_cannot_be_are_told(tmp_path: Path) -> None:
    catalog = loaded(tmp_path, price(), events=["report opened", "$page:view"])

    assert list(catalog.meters) == ["report opened"]
    assert "# $page:view: no id of ours" in text_of(price(), events=["report opened", "$page:view"])


def test_it_asks_for_what_nobody_has_landed() -> None:
    text = text_of(price(), products=[{"id": "pro", "name": "Pro"}, {"id": "idle", "name": "Idle\nthing"}])

    assert "# limits: " in text
    assert "# features: " in text
    assert "# first_value: " in text
    assert "# idle (Idle thing) has no price that can be read" in text


def test_without_a_price_there_is_no_catalog() -> None:
    assert starting_catalog(LandedSales(products=[{"id": "pro", "name": "Pro"}]), currency="usd") is None
    assert text_of(price(currency="xyz"), price("p2", recurring_interval="fortnight")) == ""


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(product_id=st.text(min_size=1), price_id=st.text(min_size=1), name=st.text(min_size=1))
def test_whatever_they_are_called_the_file_loads_and_says_so(
    tmp_path: Path, product_id: str, price_id: str, name: str
) -> None:
    odd = price(price_id, product_id=product_id)
    catalog = loaded(tmp_path, odd, price("p1", product_id="sure"), products=[{"id": product_id, "name": name}])

    found = catalog.products.get(product_id)
    assert found is None or (found.name, found.plans[0].prices[0].id) == (name.strip() or product_id, price_id)
    assert "sure" in catalog.products
