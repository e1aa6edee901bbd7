"""A decision as it is told, and the catalog that names what it speaks of; the tests of this folder share them."""

from __future__ import annotations

import json
from typing import Any

from upstep.catalog.model import (
    Catalog,
    Enforcement,
    Limit,
    Meter,
    Partner,
    Plan,
    Price,
    PriceModel,
    Product,
)


def _price(plan: str, amount: int, interval: str = "month", per: str | None = None) -> Price:
    model = PriceModel.PER_UNIT if per else PriceModel.FLAT
    return Price(f"{plan}_{interval}", model, "usd", interval, amount_minor=amount, per=per)


def _plan(plan: str, position: int, *prices: Price, limit: int = 50_000) -> Plan:
    limits = (Limit("emails", limit, Enforcement.HARD),)
    return Plan(plan, "sending", plan.capitalize(), position, prices, limits)


QUOTED = Price("ent", PriceModel.QUOTE, "usd", "year", estimate_minor=1_200_000)
CATALOG = Catalog(
    "saas",
    "usd",
    {
        "emails": Meter("emails", "e-mails sent", "sum", "flow", "billing_month"),
        "contacts": Meter("contacts", "contacts stored", "latest", "stock", "lifetime"),
        "seats": Meter("seats", "seats", "seats", "stock", "lifetime"),
    },
    {
        "sending": Product(
            "sending",
            "Transactional e-mail",
            (
                _plan("pro", 0, _price("pro", 3500), _price("pro", 35_000, "year")),
                _plan("scale", 1, _price("scale", 9000), limit=100_000),
                _plan("team", 2, _price("team", 1900, per="seats")),
                _plan("enterprise", 3, QUOTED),
            ),
        ),
        "marketing": Product("marketing", "Marketing campaigns"),
    },
    (Partner("sending", "marketing", "one list and one sender reputation"),),
)
NEARLY_FULL = {
    "used": 46_000,
    "limit_quantity": 50_000,
    "forecast_use": 66_877,
    "days_to_limit": 3.1,
    "days_to_limit_low": 2.2,
    "days_to_limit_high": 4.6,
    "days_left": 8.6,
}


def told_row(facts: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A decision's row with these facts; ``more`` replaces its columns."""
    told = {name: {"value": value, "unit": None, "records": [f"usage?{name}"]} for name, value in (facts or {}).items()}
    return {
        "account_id": "acme",
        "play": "limit_approaching",
        "outcome": "eligible",
        "target": "plan:scale",
        "product_id": "sending",
        "step_product_id": "sending",
        "meter_id": "emails",
        "plan_id": "pro",
        "currency": "usd",
        "facts": json.dumps(told),
        "holds": "[]",
        "unknown": "[]",
    } | more
