"""What invoice lines say: the catalog's names, units in words, days that are really meant."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from tests.company import project
from upstep.billing.change import Item, item_from_row
from upstep.billing.naming import BY_ID, days
from upstep.clock import parse_instant
from upstep.engine.quoting.naming import names_of

FROM, UNTIL = parse_instant("2026-03-12"), parse_instant("2026-04-01")
NAMES = names_of(project().catalog)


def item(**values: object) -> Item:
    row = {
        "item_id": "si_1",
        "subscription_id": "sub_1",
        "account_id": "acme",
        "product_id": "teams",
        "quantity": 1,
        "amount_minor": 1900,
        "currency": "usd",
        "interval": "month",
        "status": "active",
        "valid_from": FROM,
    }
    return item_from_row({**row, **values})


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"plan_id": "team", "interval": "year", "quantity": 10}, "team, yearly: 10 seats, March 12 to 31, 2026"),
        ({"plan_id": "team"}, "team, monthly: 1 seat, March 12 to 31, 2026"),
        ({"plan_id": "pro", "product_id": "sending"}, "pro, monthly: March 12 to 31, 2026"),
        ({"plan_id": "pro", "interval_count": 2}, "pro, every 2 months: March 12 to 31, 2026"),
        ({"add_on_id": "own_ip", "quantity": 2}, "2 x own ip, monthly: March 12 to 31, 2026"),
        ({"plan_id": "old_plan"}, "old_plan, monthly: March 12 to 31, 2026"),
        ({}, "Teams, monthly: March 12 to 31, 2026"),
    ],
)
def test_a_line_calls_what_is_sold_by_its_name_and_what_has_none_by_its_id(
    values: dict[str, object], said: str
) -> None:
    assert NAMES.line(item(**values), FROM, UNTIL) == said


def test_the_price_says_what_a_quantity_counts_before_the_plan_does() -> None:
    seats = item(plan_id="team", quantity=3, price_id="team_month")
    flat = replace(seats, price_id="pro_month")
    assert NAMES.line(seats, FROM, UNTIL).startswith("team, monthly: 3 seats,")
    assert NAMES.line(flat, FROM, UNTIL).startswith("3 x team, monthly: March")


def test_without_a_catalog_ids_are_shown() -> None:
    assert BY_ID.line(item(plan_id="team", quantity=3), FROM, UNTIL, "unused time") == (
        "3 x team, monthly: March 12 to 31, 2026 (unused time)"
    )


def test_a_name_that_two_products_use_is_told_with_its_product() -> None:
    known = project().catalog
    teams = known.products["teams"]
    same = replace(teams, plans=(replace(teams.plans[0], name="pro"),))
    names = names_of(replace(known, products={**known.products, "teams": same}))
    assert names.name(item(plan_id="team")) == "Teams pro"
    assert names.name(item(plan_id="pro")) == "Sending pro"


@pytest.mark.parametrize(
    ("since", "until", "said"),
    [
        ("2026-03-12T09:30:00", "2026-04-12T09:30:00", "March 12 to April 12, 2026"),
        ("2026-03-12", "2027-03-12", "March 12, 2026 to March 11, 2027"),
        ("2026-03-31T10:00:00", "2026-04-01", "March 31, 2026"),
        ("2026-04-01", "2026-04-01", "April 1, 2026"),
    ],
)
def test_both_days_of_a_span_are_days_that_it_holds(since: str, until: str, said: str) -> None:
    assert days(instant(since), instant(until)) == said


def instant(text: str) -> datetime:
    return parse_instant(text)
