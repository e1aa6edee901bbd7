"""Why a change cannot be quoted: all reasons at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from upstep.billing.change import BillingMode, Change, Item, ItemChange, Starts
from upstep.billing.periods import term_end
from upstep.errors import Fault
from upstep.money import CURRENCIES, monthly_units

CHANGEABLE = ("active", "past_due", "trialing")
"""Statuses of items that can be changed."""


def faults_of(change: Change, live: Sequence[Item], at: datetime, mode: BillingMode) -> list[Fault]:
    """What stands against a change of a subscription with these live items at that instant; empty: nothing."""
    faults = []
    place = f"subscription {change.subscription_id}"
    by_id = {item.item_id: item for item in live}
    if not change.items:
        faults.append(Fault(place, "the change names no item.", "Name what shall be different."))
    if any(item.account_id != change.account_id for item in live):
        faults.append(Fault(place, f"belongs to another account than {change.account_id}."))
    for item in live:
        if item.status not in CHANGEABLE:
            faults.append(
                Fault(place, f"item {item.item_id} is {item.status}.", "Settle that with the provider first.")
            )
        if item.valid_from > at:
            faults.append(
                Fault(place, f"item {item.item_id} changed at {item.valid_from:%Y-%m-%d %H:%M:%S}, after {at}.")
            )
    for wish in change.items:
        faults += [Fault(place, found) for found in _item_faults(wish, by_id)]
    if change.starts is Starts.AT_RENEWAL:
        faults += [Fault(place, found) for found in _never_renewing(change, live, at)]
    if not faults and mode is BillingMode.CLASSIC:
        faults += [Fault(place, found) for found in _mixing(change, live)]
    named = [wish.item_id for wish in change.items if wish.item_id]
    faults += [
        Fault(place, f"item {twice} is named twice.") for twice in sorted({n for n in named if named.count(n) > 1})
    ]
    return faults


def _never_renewing(change: Change, live: Sequence[Item], at: datetime) -> list[str]:
    """Why a change at renewal would never come."""
    if not live:
        return ["nothing of it renews, so nothing can be changed then."]
    named = {wish.item_id for wish in change.items}
    leaving = [
        item for item in live if item.item_id in named and item.cancel_at and item.cancel_at <= term_end(item, at)
    ]
    return [f"item {item.item_id} ends at {item.cancel_at:%Y-%m-%d %H:%M:%S} and does not renew." for item in leaving]


def _mixing(change: Change, live: Sequence[Item]) -> list[str]:
    """Classic billing has one interval in a subscription; one that has several already may go on with them."""
    removed_or_changed = {wish.item_id for wish in change.items}
    rest = {item.every for item in live if item.item_id not in removed_or_changed}
    before = {item.every for item in live}
    wanted = {(wish.interval, wish.interval_count) for wish in change.items if not wish.removes}
    mixed = wanted | rest
    if len(mixed) < 2 or len(before) > 1:
        return []
    listed = " and ".join(sorted(f"every {interval if n == 1 else f'{n} {interval}s'}" for interval, n in mixed))
    found = f"it would bill {listed}; classic billing has one interval in a subscription."
    return [f"{found} Change its items together, or start a subscription of its own."]


def _item_faults(wish: ItemChange, by_id: dict[str, Item]) -> list[str]:
    name = f"item {wish.item_id or wish.name or wish.plan_id or wish.add_on_id or wish.product_id}"
    before = by_id.get(wish.item_id) if wish.item_id else None
    found = []
    if wish.item_id and before is None:
        found.append(f"{name} is not live. Live: {', '.join(sorted(by_id)) or 'none'}.")
    if wish.removes:
        return found if wish.item_id else [*found, "an item without an id cannot be removed."]
    if wish.amount_minor < 0 or wish.quantity < 0:
        found.append(f"{name}: amount {wish.amount_minor} x {wish.quantity} must not be negative.")
    if wish.currency not in CURRENCIES:
        found.append(f"{name}: currency {wish.currency!r} is not a lower-case ISO 4217 code.")
    others = {item.currency for item in by_id.values()} - {wish.currency}
    if others:
        found.append(f"{name}: {wish.currency} beside {', '.join(sorted(others))}; one subscription has one currency.")
    try:
        monthly_units(wish.amount_minor, wish.interval, wish.interval_count)
    except ValueError as error:
        found.append(f"{name}: {error}.")
    return found
