"""The catalog's names for the lines of an invoice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from upstep.billing.naming import Names

if TYPE_CHECKING:
    from upstep.catalog.model import AddOn, Catalog, Plan


def names_of(catalog: Catalog) -> Names:
    """The catalog's names. A plan that shares its name with another product's bears its product's before it."""
    plans, add_ons, products = list(catalog.plans()), list(catalog.add_ons()), catalog.products
    shared = Counter(plan.name for plan in plans)
    names = {product.id: product.name for product in products.values()}
    names |= {add_on.id: add_on.name for add_on in add_ons}
    names |= {
        plan.id: f"{products[plan.product_id].name} {plan.name}" if shared[plan.name] > 1 else plan.name
        for plan in plans
    }
    return Names(names, *_units(catalog, [*plans, *add_ons]))


def _units(catalog: Catalog, sold: Iterable[Plan | AddOn]) -> tuple[dict[tuple[str, str], str], dict[str, str]]:
    by_term: dict[tuple[str, str], str] = {}
    by_price = {}
    for each in sold:
        for price in each.prices:
            meter = catalog.meters.get(price.per or "")
            unit = meter.name if meter else price.per or ""
            by_price[price.id] = unit
            if unit:
                by_term.setdefault((each.id, price.interval), unit)
    return by_term, by_price
