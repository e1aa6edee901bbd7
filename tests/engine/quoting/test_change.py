"""What a proposal asks of billing: the right item, the right quantity, the price that the customer pays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tests.billing.seeds import AT, item_row
from upstep.billing.change import Change, Item, ItemChange, item_from_row
from upstep.catalog.load import load_catalog
from upstep.engine.quoting.change import NoChange, change_of, item_of

PROJECT: Any = SimpleNamespace(catalog=load_catalog(Path(__file__).parents[2] / "company.yaml"))
ROW = {
    "account_id": "acme",
    "product_id": "sending",
    "step_product_id": "sending",
    "plan_id": "pro",
    "target": "plan:scale",
    "to_plan_id": "scale",
    "to_add_on_id": None,
    "to_interval": "month",
    "to_quantity": 1,
    "currency": "usd",
}
MORE_SEATS = ROW | {"product_id": "teams", "step_product_id": "teams", "plan_id": "team", "to_plan_id": "team"}


def item(**differing: object) -> Item:
    return item_from_row(item_row(**{"amount_minor": 2000, **differing}))


def seats(quantity: int, amount_minor: int, plan: str = "team", **differing: object) -> Item:
    columns = {"product_id": "teams", "plan_id": plan, "quantity": quantity, "amount_minor": amount_minor}
    return item(**columns, **differing)


def wish(live: list[Item], **differing: object) -> ItemChange:
    change = change_of(PROJECT, live, ROW | differing, on=AT)
    assert isinstance(change, Change), change
    return change.items[0]


def refusal(live: list[Item], **differing: object) -> str:
    change = change_of(PROJECT, live, ROW | differing, on=AT)
    assert isinstance(change, NoChange)
    return change.why


def test_the_item_of_the_decisions_plan_changes_not_the_one_with_the_largest_amount() -> None:
    monthly = item(item_id="si_month", plan_id="pro", amount_minor=2000)
    yearly = item(item_id="si_year", plan_id="free", amount_minor=20_000, interval="year")
    assert wish([yearly, monthly]).item_id == "si_month"


def test_without_a_plan_in_the_decision_the_costliest_a_month_is_meant() -> None:
    monthly = item(item_id="si_month", plan_id="pro", amount_minor=2000)
    yearly = item(item_id="si_year", plan_id="free", amount_minor=20_000, interval="year")
    assert item_of(PROJECT.catalog, [yearly, monthly], ROW | {"plan_id": None}) == monthly


def test_several_live_subscriptions_of_a_product_are_a_persons_job() -> None:
    two = [item(), item(item_id="si_2", subscription_id="sub_2")]
    assert "2 live subscriptions of sending (sub_1, sub_2)" in refusal(two)


def test_several_items_of_one_plan_are_a_persons_job() -> None:
    assert "2 items of plan pro (si_1, si_2)" in refusal([item(), item(item_id="si_2")])


def test_a_canceled_subscription_does_not_count() -> None:
    canceled = item(item_id="si_2", subscription_id="sub_2", status="canceled")
    assert wish([item(), canceled]).item_id == "si_1"


def test_the_items_own_number_of_intervals_is_kept() -> None:
    # The catalog sells nothing every three months, so the change that the decision means cannot be priced.
    assert "not sold in usd every 3 months" in refusal([item(interval_count=3)])


def test_a_longer_term_is_billed_every_one_of_its_intervals() -> None:
    assert wish([item(interval_count=3)], to_plan_id="pro", to_interval="year").interval_count == 1


def test_flat_add_ons_are_charged_as_often_as_they_are_bought() -> None:
    asked = wish([item()], to_plan_id="pro", to_add_on_id="more_storage", to_quantity=3)
    assert (asked.quantity, asked.amount_minor, asked.item_id) == (3, 1500, None)


def test_more_seats_keep_the_price_that_the_customer_pays_for_a_seat() -> None:
    assert wish([seats(10, 15_000)], **MORE_SEATS | {"to_quantity": 12}).amount_minor == 18_000


def test_a_price_for_the_whole_that_does_not_divide_becomes_the_list_price() -> None:
    asked = wish([seats(9, 10_000)], **MORE_SEATS | {"to_quantity": 10})
    assert asked.amount_minor == asked.list_amount_minor == 19_000


def test_who_pays_the_list_price_gets_the_tier_of_the_new_quantity() -> None:
    more = MORE_SEATS | {"plan_id": "volume_team", "to_plan_id": "volume_team", "to_quantity": 12}
    assert wish([seats(10, 18_000, "volume_team")], **more).amount_minor == 12 * 1500


def test_another_plan_or_interval_is_at_list_price() -> None:
    assert wish([seats(10, 15_000)], **MORE_SEATS | {"to_quantity": 10, "to_interval": "year"}).amount_minor == 190_000
    assert wish([item(amount_minor=1200)]).amount_minor == 9000


def test_a_product_that_is_not_owned_starts_a_subscription() -> None:
    change = change_of(PROJECT, [], ROW | {"plan_id": None, "to_plan_id": "pro"}, on=AT)
    assert isinstance(change, Change)
    assert (change.subscription_id, change.items[0].item_id) == ("acme:sending", None)


def test_what_a_person_prices_and_what_is_not_bought_is_told() -> None:
    assert "a person makes the price of enterprise" in refusal([item()], to_plan_id="enterprise", to_interval="year")
    assert "adopt:emails" in refusal([item()], to_plan_id=None, target="adopt:emails")
    assert "add-on own_ip has no plan" in refusal([], to_plan_id="pro", to_add_on_id="own_ip")


def test_a_paused_item_is_meant_so_that_billing_says_no() -> None:
    paused = replace(item(), status="paused")
    assert wish([paused]).item_id == "si_1"
