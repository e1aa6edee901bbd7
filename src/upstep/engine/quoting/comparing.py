"""Before and after: what a quoted change alters, row by row, as a person compares it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from upstep.engine.deciding.naming import capital

if TYPE_CHECKING:
    from upstep.billing.quote import Quote
    from upstep.catalog.model import Catalog, Plan


@dataclass(frozen=True)
class Row:
    """One thing that is otherwise afterwards.

    Args:
        kind: plan (names), limit (counts; None is unlimited), price (minor units) or feature (names that come with it).
        label: The meter's name of a limit, with a capital: it begins a row.
        every: How often a price is paid, before and after: (interval, count).
    """

    kind: str
    label: str
    before: str | int | None
    after: str | int | None
    every: tuple[tuple[str, int] | None, tuple[str, int] | None] = (None, None)


def compare(catalog: Catalog, quote: Quote, plans: dict[str, str]) -> list[Row]:
    """What a quote's change alters.

    Args:
        plans: The account's plan of each product today.
    """
    rows: list[Row] = []
    for wish, item in zip(quote.change.items, quote.items, strict=False):
        before = catalog.plan(plans.get(wish.product_id, "")) if item.amount_before_minor is not None else None
        after = catalog.plan(wish.plan_id or "")
        if wish.add_on_id is None and after is not None and (before is None or before.id != after.id):
            rows += [Row("plan", "", before.name if before else None, after.name)]
        elif wish.add_on_id is not None:
            rows += [Row("plan", "", None, wish.name or wish.add_on_id)]
        if after is not None and before is not None:
            rows += _limits(catalog, before, after, (item.quantity_before or 1, item.quantity_after or 1))
        every = (item.every_before, item.every_after)
        rows.append(Row("price", "", item.amount_before_minor, item.amount_after_minor, every))
        if after is not None and before is not None:
            known = {feature.id for feature in before.features}
            new = [feature.name for feature in after.features if feature.id not in known]
            rows += [Row("feature", "", None, ", ".join(new))] if new else []
    return rows


def plan_after(catalog: Catalog, quote: Quote) -> str:
    """What the account has afterwards, in a name: a plan, or what comes on top of one."""
    names = [
        wish.name or (plan.name if (plan := catalog.plan(wish.plan_id or "")) else wish.product_id)
        for wish in quote.change.items
        if not wish.removes
    ]
    return ", ".join(names)


def _limits(catalog: Catalog, before: Plan, after: Plan, quantities: tuple[int, int]) -> list[Row]:
    rows = []
    for meter in catalog.meters.values():
        old, new = before.limit(meter.id), after.limit(meter.id)
        if old is None or new is None:
            continue
        counts = [
            quantity if limit.follows_quantity else limit.quantity
            for limit, quantity in zip((old, new), quantities, strict=True)
        ]
        if counts[0] != counts[1]:
            rows.append(Row("limit", capital(meter.name), counts[0], counts[1]))
    return rows
