"""Stripe's objects in our words, and which of its prices is which of the catalog's."""

from __future__ import annotations

from typing import Any

import pytest

from tests.billing.seeds import AT
from tests.company import CATALOG
from upstep.billing.stripe.marks import DONE, mark, marked_with, marks, new_quote
from upstep.billing.stripe.prices import PriceMap, Sold, price_map
from upstep.billing.stripe.reading import in_currency, invoice_row, line_amount, list_amount
from upstep.catalog.load import load_catalog

RECURRING = {"interval": "month", "interval_count": 1, "usage_type": "licensed"}
FLAT: dict[str, Any] = {"currency": "usd", "billing_scheme": "per_unit", "unit_amount": 1500, "recurring": RECURRING}
TIERS = [
    {"up_to": 5, "unit_amount": 500, "flat_amount": None, "unit_amount_decimal": "500"},
    {"up_to": None, "unit_amount": 300, "flat_amount": 100, "unit_amount_decimal": "300"},
]


@pytest.mark.parametrize(
    ("differing", "quantity", "amount"),
    [
        ({}, 3, 4500),
        ({"unit_amount": None, "unit_amount_decimal": "0.5"}, 3, 2),  # 1.5, half up
        ({"transform_quantity": {"divide_by": 10, "round": "up"}}, 11, 3000),
        ({"transform_quantity": {"divide_by": 10, "round": "down"}}, 19, 1500),
        ({"recurring": {**RECURRING, "usage_type": "metered"}}, 3, 0),
        ({"billing_scheme": "tiered", "tiers_mode": "graduated", "tiers": TIERS}, 8, 2500 + 900 + 100),
        ({"billing_scheme": "tiered", "tiers_mode": "graduated", "tiers": TIERS}, 5, 2500),
        ({"billing_scheme": "tiered", "tiers_mode": "volume", "tiers": TIERS}, 8, 2400 + 100),
        ({"billing_scheme": "tiered", "tiers_mode": "volume", "tiers": TIERS}, 5, 2500),
    ],
)
def test_an_item_costs_what_stripe_bills(differing: dict[str, Any], quantity: int, amount: int) -> None:
    assert list_amount({"price": {**FLAT, **differing}, "quantity": quantity}) == amount


def test_a_price_is_read_in_the_currency_that_is_paid() -> None:
    price = {**FLAT, "currency_options": {"eur": {"unit_amount": 1300, "unit_amount_decimal": "1300"}}}
    euro = in_currency(price, "eur")
    assert euro is not None
    assert (list_amount({"price": euro, "quantity": 2}), in_currency(price, "jpy")) == (2600, None)


def test_a_line_counts_after_its_discounts() -> None:
    assert line_amount({"amount": 1000, "discount_amounts": [{"amount": 166}, {"amount": 34}]}) == 800


def test_the_catalogs_prices_are_found_by_lookup_key_setting_or_metadata(tmp_path: Any) -> None:
    path = tmp_path / "catalog.yaml"
    path.write_text(CATALOG, encoding="utf-8")
    named = price_map(load_catalog(path), prices={"scale_month": "price_9"}, products={"scale": "prod_1"})
    assert named.of_price({"id": "x", "lookup_key": "pro_month"}) == Sold("sending", "pro", None, "pro_month")
    euro = {"id": "x", "lookup_key": "pro_month_eur", "currency": "eur"}
    assert named.of_price(euro) == Sold("sending", "pro", None, "pro_month")
    assert named.of_price({"id": "price_9", "lookup_key": None}) == Sold("sending", "scale", None, "scale_month")
    told = {"id": "p", "lookup_key": None, "metadata": {"upstep_product": "a", "upstep_add_on": "b"}}
    assert named.of_price(told) == Sold("a", None, "b", "p")
    assert named.of_price({"id": "p", "lookup_key": "other", "metadata": {}}) is None
    assert named.of_product({"id": "prod_1"}, "p") == Sold("sending", "scale", None, "p")
    assert PriceMap().of_product({"id": "prod_2", "metadata": {}}, "p") == Sold("prod_2", None, None, "p")


def test_an_invoice_is_a_row_with_whole_minor_units_of_iso_4217() -> None:
    second = int(AT.timestamp())
    invoice = {
        "id": "in_1",
        "created": second,
        "due_date": None,
        "currency": "isk",
        "amount_due": 50_000,
        "status": "open",
        "status_transitions": {"finalized_at": second, "paid_at": None},
    }
    row = invoice_row(invoice, account_id="acme")
    assert (row["amount_due_minor"], row["issued_at"], row["due_at"], row["paid_at"]) == (500, AT, AT, None)


def test_marks_are_kept_newest_last_and_fit_into_what_stripe_keeps() -> None:
    thing: dict[str, Any] = {"metadata": {}}
    called = [mark(f"key {n}", f"q_{n:020d}") for n in range(40)]
    for one in [*called, called[-1]]:
        thing = {"metadata": marked_with(thing, one)}
    assert marks(thing) == called[-len(marks(thing)) :]
    assert len(marks(thing)) >= 15
    assert len(thing["metadata"][DONE]) <= 500


def test_a_new_mark_names_its_quote_and_an_old_one_names_none() -> None:
    before = {"metadata": {DONE: "q_1/aaaa"}}
    after = {"metadata": {DONE: f"q_1/aaaa {mark('key', 'q_2')}"}}
    assert (new_quote(before, after), new_quote(after, after), new_quote(None, {"metadata": {}})) == ("q_2", None, None)
    assert new_quote(before, {"metadata": {DONE: f"q_1/aaaa {mark('a trial has no quote')}"}}) is None
