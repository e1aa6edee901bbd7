"""A decision's facts, read and named: plans, products, meters, shares and days as people read them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import floor
from typing import TYPE_CHECKING, Any

from upstep.wording import percentage

if TYPE_CHECKING:
    from upstep.catalog.model import Catalog

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Fact:
    """One fact of a decision: its label and value in words, and the records it came from."""

    name: str
    label: str
    text: str
    value: Any
    records: tuple[str, ...]


def facts(row: Row, catalog: Catalog) -> tuple[Fact, ...]:
    """The facts that the decision stands on, each with the records it came from; those not known are left out."""
    return tuple(
        Fact(name, _LABELS.get(name, readable(name)), _fact_text(name, told, catalog), told["value"], _refs(told))
        for name, told in read_column(row, "facts", {}).items()
        if told["value"] is not None
    )


_LABELS = {
    "used": "used now",
    "limit_quantity": "limit",
    "used_1": "last complete period",
    "used_2": "the period before",
    "used_3": "three periods ago",
    "forecast_use": "forecast",
    "days_to_limit": "limit reached in",
    "days_to_limit_low": "at the earliest",
    "days_to_limit_high": "at the latest",
    "days_left": "period ends in",
    "periods_at_90_3": "of the last 3 periods, at 90% or more",
    "overage_periods_3": "of the last 3 periods, over the limit",
    "need_share": "highest need, of the limit",
    "peak_share": "peak of 3 periods, of the limit",
    "adoption": "used of what is paid for",
    "enforcement": "at the limit",
    "interval": "billed each",
    "paid_days": "paying for",
    "partner_product_id": "owns",
    "partner_first_value_reached": "first value reached there",
}


def _fact_text(name: str, told: Mapping[str, Any], catalog: Catalog) -> str:
    value, unit = told["value"], told.get("unit")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return product_name(value, catalog) if name.endswith("product_id") else value
    if unit == "share":
        return percent_words(value)
    number = f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"
    if unit == "days":
        return f"{number} days"
    return number if unit in {None, "count", "number"} else f"{number} {unit}"


def _refs(told: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(told.get("records") or ())


def fact_value(row: Row, name: str) -> Any:
    """One fact's value, or None."""
    told = read_column(row, "facts", {}).get(name)
    return told["value"] if told else None


def read_column(row: Row, name: str, empty: Any = ()) -> Any:
    """A JSON column, read; a column that was read before is left as it is."""
    value = row.get(name)
    return (json.loads(value) if isinstance(value, str) else value) or empty


# Names and numbers


def percent_words(share: float) -> str:
    """A share in whole percent, rounded down.

    >>> percent_words(0.29), percent_words(0.9999)
    ('29%', '99%')
    """
    return percentage(percent(share))


def days_words(days: float) -> str:
    """Days as people say them, to the nearest: ``3 days``, ``1 day``, ``less than a day``."""
    whole = floor(days + 0.5)
    if whole == 0:
        return "less than a day"
    return f"{whole:,} day{'' if whole == 1 else 's'}"


def percent(share: float) -> int:
    """A share in whole percent, rounded down."""
    # The share was rounded to 6 digits on its way here: 0.29 x 100 is 28.99… and means 29.
    return floor(share * 100 + 1e-6)


def is_flow(row: Row, catalog: Catalog) -> bool:
    """Whether the decision speaks of a meter that starts again each period."""
    meter = catalog.meters.get(row.get("meter_id") or "")
    return meter is not None and meter.kind == "flow"


def meter_of(row: Row, catalog: Catalog) -> str:
    """The name of the meter that the decision speaks of."""
    return meter_name(row.get("meter_id"), catalog)


def meter_name(meter_id: str | None, catalog: Catalog) -> str:
    """A meter by name; by its readable id when the catalog lacks it."""
    meter = catalog.meters.get(meter_id or "")
    return meter.name if meter else readable(meter_id or "")


def plan_name(plan_id: str | None, catalog: Catalog) -> str:
    """A plan by name; by its readable id when the catalog lacks it."""
    plan = catalog.plan(plan_id or "")
    return plan.name if plan else readable(plan_id or "")


def product_name(product_id: str | None, catalog: Catalog) -> str:
    """A product by name; by its readable id when the catalog lacks it."""
    product = catalog.products.get(product_id or "")
    return product.name if product else readable(product_id or "")


def add_on_name(add_on_id: str | None, catalog: Catalog) -> str:
    """An add-on by name; by its readable id when the catalog lacks it."""
    add_on = next((add_on for add_on in catalog.add_ons() if add_on.id == add_on_id), None)
    return add_on.name if add_on else readable(add_on_id or "")


def readable(name: str) -> str:
    """An id with spaces."""
    return name.replace("_", " ")


def capital(text: str) -> str:
    """The text with a capital, the rest as it is."""
    return text[:1].upper() + text[1:]
