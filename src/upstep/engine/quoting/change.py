"""What a proposal asks of billing: the item that changes, its new quantity and its new price."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from upstep.billing.change import Change, Item, ItemChange
from upstep.catalog.model import PriceModel
from upstep.catalog.price import add_on_amount, amount, price_for, same_plan_amount
from upstep.money import monthly_units
from upstep.signals.subscriptions import LIVE_STATUSES

if TYPE_CHECKING:
    from upstep.catalog.model import AddOn, Catalog, Plan, Price
    from upstep.engine.project import Project

# A paused one gives nothing today, but billing must be asked about it: it refuses, and says so.
_STANDING = (*LIVE_STATUSES, "paused")


@dataclass(frozen=True)
class NoChange:
    """Nothing that billing can be asked for by itself, and why: it is a person's job."""

    why: str


def change_of(project: Project, live: Sequence[Item], row: Mapping[str, Any], *, on: datetime) -> Change | NoChange:
    """What a proposal asks of billing, priced from the catalog; more of the same plan keeps the customer's unit price.

    ``live`` is what the provider says that the account has, ``row`` a decision, parsed, and ``on`` the instant whose
    prices count.
    """
    if row["target"].startswith("trial:"):
        return NoChange(
            f"a trial of {row['to_plan_id']} is begun by a person or by your own program; nothing is charged"
        )
    if row["to_plan_id"] is None:
        return NoChange(f"{row['target']} is nothing that a subscription bills")
    plan = project.catalog.plan(row["to_plan_id"])
    item = item_of(project.catalog, live, row)
    if plan is None or isinstance(item, NoChange):
        return item if isinstance(item, NoChange) else NoChange(f"plan {row['to_plan_id']} is not in the catalog")
    if row["to_add_on_id"]:
        return _add_on_change(project.catalog, row, item, on=on.date())
    price = _price(plan, row, item, on=on.date())
    if isinstance(price, NoChange):
        return price
    quantity = int(row["to_quantity"] or 1)
    wish = ItemChange(
        item_id=item.item_id if item else None,
        product_id=plan.product_id,
        quantity=quantity,
        amount_minor=own_or_list_amount(plan, price, item, quantity),
        currency=price.currency,
        interval=price.interval,
        interval_count=price.interval_count,
        plan_id=plan.id,
        price_id=price.id,
        list_amount_minor=amount(price, quantity),
        name=plan.name,
    )
    subscription = item.subscription_id if item else f"{row['account_id']}:{plan.product_id}"
    return Change(row["account_id"], subscription, (wish,))


def item_of(catalog: Catalog, live: Iterable[Item], row: Mapping[str, Any]) -> Item | NoChange | None:
    """The plan item that the decision is about: of its plan, else the costliest a month of its product.

    Returns:
        None when the account has no plan of the product; ``NoChange`` when a person must say which one is meant.
    """
    product = row["step_product_id"]
    items = [item for item in live if item.product_id == product and item.plan_id and item.status in _STANDING]
    subscriptions = sorted({item.subscription_id for item in items})
    if len(subscriptions) > 1:
        listed = ", ".join(subscriptions)
        return NoChange(f"{len(subscriptions)} live subscriptions of {product} ({listed}): a person says which changes")
    if not items:
        return None
    named = row["plan_id"] if any(item.plan_id == row["plan_id"] for item in items) else None
    plan_id = named or _costliest(catalog, items).plan_id
    meant = [item for item in items if item.plan_id == plan_id]
    if len(meant) > 1:
        listed = ", ".join(sorted(item.item_id for item in meant))
        return NoChange(f"{len(meant)} items of plan {plan_id} ({listed}): a person says which changes")
    return meant[0]


def _costliest(catalog: Catalog, items: Iterable[Item]) -> Item:
    """Ties as in ``signals.subscriptions.main_plans``: the higher plan, then the first item id."""
    positions = {plan.id: plan.position for plan in catalog.plans()}

    def order(item: Item) -> tuple[int, int, str]:
        return -monthly_units(item.amount_minor, *item.every), -positions.get(item.plan_id or "", -1), item.item_id

    return min(items, key=order)


def own_or_list_amount(plan: Plan, price: Price, item: Item | None, quantity: int) -> int:
    """The list price, or the customer's own unit price for more of the same plan at the same interval.

    Whoever pays the list price goes on paying it, also where tiers make more units cheaper. An own price that has no
    whole unit price for the new quantity cannot be kept: then the list price counts.
    """
    is_same = item is not None and item.plan_id == plan.id and item.every == (price.interval, price.interval_count)
    if item is None or not is_same or item.amount_minor == amount(price, item.quantity):
        return amount(price, quantity)
    kept = same_plan_amount(item.amount_minor, item.quantity, quantity)
    return amount(price, quantity) if kept is None else kept


def _add_on_change(catalog: Catalog, row: Mapping[str, Any], item: Item | None, *, on: date) -> Change | NoChange:
    add_on = next((found for found in catalog.add_ons() if found.id == row["to_add_on_id"]), None)
    if add_on is None or item is None:
        return NoChange(f"add-on {row['to_add_on_id']} has no plan to stand on")
    price = _price(add_on, row, item, on=on)
    if isinstance(price, NoChange):
        return price
    quantity = int(row["to_quantity"] or 1)
    wish = ItemChange(
        item_id=None,
        product_id=add_on.product_id,
        quantity=quantity,
        amount_minor=add_on_amount(price, quantity),
        currency=price.currency,
        interval=price.interval,
        interval_count=price.interval_count,
        add_on_id=add_on.id,
        price_id=price.id,
        name=add_on.name,
    )
    return Change(row["account_id"], item.subscription_id, (wish,))


def _price(sold: Plan | AddOn, row: Mapping[str, Any], item: Item | None, *, on: date) -> Price | NoChange:
    """A decision names the interval; how many of them a period has stays as billed today, but for a longer term."""
    interval = row["to_interval"] or "month"
    count = _count_named(row["target"]) or (item.every[1] if item and item.interval == interval else 1)
    price = price_for(sold, currency=row["currency"], interval=interval, interval_count=count, on=on)
    if price is None:
        every = interval if count == 1 else f"{count} {interval}s"
        return NoChange(f"{sold.id} is not sold in {row['currency']} every {every} on {on}")
    if price.model is PriceModel.QUOTE:
        return NoChange(f"a person makes the price of {sold.id}")
    return price


def _count_named(target: str) -> int | None:
    """How many intervals a longer term has: 2 of ``term:pro@2year``, 1 of ``term:pro@year``, else None."""
    found = re.fullmatch(r"term:.+@(\d*)[a-z]+", target)
    return int(found[1] or 1) if found else None
