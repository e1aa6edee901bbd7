"""Prices and limits of a sample catalog, read from the same YAML that the project folder gets.

Only what the sample needs to write believable rows; ``catalog`` reads and checks the whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any


@dataclass(frozen=True)
class SamplePrice:
    """One price: the amount is per interval, and per unit when ``per_unit``."""

    price_id: str
    amount_minor: int
    per_unit: bool


@dataclass(frozen=True)
class SamplePlan:
    """One plan or add-on: its prices by (interval, currency), its limits by meter (None is unlimited)."""

    plan_id: str
    product_id: str
    is_add_on: bool
    prices: dict[tuple[str, str], SamplePrice]
    limits: dict[str, int | None]
    overages: dict[str, tuple[int, dict[str, int]]]

    def overage_minor(self, meter_id: str, used: int, currency: str) -> int:
        """What use beyond the limit costs: every started package is billed."""
        limit, priced = self.limits.get(meter_id), self.overages.get(meter_id)
        if limit is None or priced is None or used <= limit:
            return 0
        per, amounts = priced
        return -(-(used - limit) // per) * amounts[currency]


def catalog_text(company: str) -> str:
    """The sample company's catalog.yaml."""
    return (files(__package__) / f"{company}.catalog.yaml").read_text(encoding="utf-8")


@cache
def plans(company: str) -> dict[str, SamplePlan]:
    """Every plan of the sample company by its id, lowest first within a product; add-ons are under their own ids."""
    from ruamel.yaml import YAML

    catalog = YAML(typ="safe", pure=True).load(catalog_text(company))
    return {
        entry["id"]: _plan(entry, product["id"], catalog["currency"], is_add_on=kind == "add_ons")
        for product in catalog["products"]
        for kind in ("plans", "add_ons")
        for entry in product.get(kind, [])
    }


def _plan(entry: dict[str, Any], product_id: str, currency: str, *, is_add_on: bool) -> SamplePlan:
    prices = {
        (price["interval"], price.get("currency", currency)): SamplePrice(
            price["id"], price["estimate"] if price["amount"] == "quote" else price["amount"], "per" in price
        )
        for price in entry["prices"]
        if price.get("interval_count", 1) == 1  # Samples bill by the month and the year.
    }
    limits = {meter: _limit(value) for meter, value in entry.get("limits", {}).items()}
    overages = {meter: (value["per"], value["amounts"]) for meter, value in entry.get("overage", {}).items()}
    return SamplePlan(entry["id"], product_id, is_add_on, prices, limits, overages)


def _limit(value: int | str) -> int | None:
    return value if isinstance(value, int) else None
