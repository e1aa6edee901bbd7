"""Stripe's objects in our words: subscriptions as rows of ``subscription_item``, invoices as rows of ``invoice``.

Pure: objects are dicts as Stripe prints them. Periods stand on the subscription item since the API of 2025; amounts
pass through Stripe's own currency units here and nowhere else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from upstep.billing.change import BillingMode, Item
from upstep.billing.currencies import from_provider
from upstep.billing.stripe.prices import Sold
from upstep.clock import from_seconds
from upstep.money import round_half_up

Thing = Mapping[str, Any]

_STATUS = {"incomplete_expired": "canceled"}


def items_of(
    subscription: Thing,
    *,
    sold: Callable[[Thing], Sold],
    account_id: str,
    since: Mapping[str, datetime] | None = None,
) -> list[Item]:
    """The subscription's items, by id.

    Args:
        subscription: With its items, its discounts' coupons and, where there is one, its schedule expanded.
        sold: What a price sells.
        account_id: Whose it is.
        since: From when each item is as it is, where that is known; else the item's own creation is taken.
    """
    items = subscription["items"]["data"]
    amounts = _after_discounts([list_amount(item) for item in items], subscription)
    made = []
    for item, amount in zip(items, amounts, strict=True):
        what = sold(item["price"])
        known = (since or {}).get(item["id"]) or from_seconds(item["created"])
        made.append(_item(subscription, item, what, amount=amount, account_id=account_id, since=known))
    _name_pending(made, subscription, sold)
    return sorted(made, key=lambda item: item.item_id)


def _item(subscription: Thing, item: Thing, what: Sold, *, amount: int, account_id: str, since: datetime) -> Item:
    price, currency = item["price"], subscription["currency"]
    ends = subscription["cancel_at"]
    return Item(
        item_id=item["id"],
        subscription_id=subscription["id"],
        account_id=account_id,
        product_id=what.product_id,
        plan_id=what.plan_id,
        add_on_id=what.add_on_id,
        price_id=what.price_id,
        quantity=item.get("quantity") or 1,
        amount_minor=from_provider(amount, currency),
        list_amount_minor=from_provider(list_amount(item), currency),
        currency=currency,
        interval=price["recurring"]["interval"],
        interval_count=price["recurring"]["interval_count"],
        status=status_of(subscription),
        valid_from=since,
        valid_to=_instant(subscription.get("ended_at")),
        trial_ends_at=_instant(subscription.get("trial_end")),
        period_start=from_seconds(item["current_period_start"]),
        period_end=from_seconds(item["current_period_end"]),
        renews_at=None if ends else from_seconds(item["current_period_end"]),
        auto_renew=not ends,
        cancel_at=_instant(ends),
        collection="invoice" if subscription["collection_method"] == "send_invoice" else "automatic",
    )


def status_of(subscription: Thing) -> str:
    """Our word for the status. Stripe calls a subscription active although its collection is paused."""
    if subscription.get("pause_collection") and subscription["status"] in ("active", "past_due", "trialing"):
        return "paused"
    status = str(subscription["status"])
    return _STATUS.get(status, status)


def list_amount(item: Thing) -> int:
    """What an item costs for one period before discounts, in Stripe's unit. Metered use is charged later: 0."""
    price, quantity = item["price"], item.get("quantity") or 0
    recurring = price["recurring"]
    if recurring["usage_type"] == "metered":
        return 0
    divided = price.get("transform_quantity")
    if divided:
        whole, left = divmod(quantity, divided["divide_by"])
        quantity = whole + (1 if left and divided["round"] == "up" else 0)
    if price["billing_scheme"] == "tiered":
        return _tiered(price, quantity)
    return _times(price.get("unit_amount_decimal") or price.get("unit_amount") or 0, quantity)


def in_currency(price: Thing, currency: str) -> Thing | None:
    """The price as it is in that currency; None when it is not sold in it.

    A price has one currency and, beside it, options in others; on a subscription in another currency Stripe prints the
    price in its own all the same.
    """
    if price["currency"] == currency:
        return price
    option = (price.get("currency_options") or {}).get(currency)
    if option is None:
        return None
    amounts = {name: option.get(name) for name in ("unit_amount", "unit_amount_decimal", "tiers")}
    return {**price, "currency": currency, **amounts}


def _times(unit: object, quantity: int) -> int:
    amount = Fraction(Decimal(str(unit))) * quantity
    return round_half_up(amount.numerator, amount.denominator)


def _tiered(price: Thing, quantity: int) -> int:
    """Graduated: each unit at its own tier's price. Volume: all units at the price of the tier that the last is in."""
    total, below = Fraction(0), 0
    for tier in price.get("tiers") or ():
        top = quantity if tier["up_to"] is None else tier["up_to"]
        unit = Fraction(Decimal(str(tier.get("unit_amount_decimal") or tier.get("unit_amount") or 0)))
        flat = tier.get("flat_amount") or 0
        if price["tiers_mode"] == "volume":
            if quantity <= top:
                total = unit * quantity + flat
                break
        elif quantity > below:
            total += unit * (min(quantity, top) - below) + flat
            below = top
    return round_half_up(total.numerator, total.denominator)


def _after_discounts(amounts: Sequence[int], subscription: Thing) -> list[int]:
    """Amounts after the subscription's discounts that go on; a coupon for one invoice is no part of what recurs.

    An amount off is split by the amounts, the last takes what rounding leaves, as on Stripe's invoices.
    """
    left = list(amounts)
    for coupon in coupons_of(subscription):
        if coupon["duration"] == "once":
            continue
        if coupon.get("percent_off") is not None:
            share = Fraction(Decimal(str(coupon["percent_off"]))) / 100
            off = [round_half_up((a * share).numerator, (a * share).denominator) for a in left]
        else:
            total = sum(left)
            whole = min(coupon["amount_off"] or 0, total)
            off = [whole * amount // total if total else 0 for amount in left]
            if off:
                off[-1] += whole - sum(off)
        left = [amount - part for amount, part in zip(left, off, strict=True)]
    return left


def coupons_of(subscription: Thing) -> list[Thing]:
    """The coupons of the subscription's discounts, as far as they are expanded."""
    discounts = [d for d in subscription.get("discounts") or () if isinstance(d, Mapping)]
    coupons = [(discount.get("source") or {}).get("coupon") for discount in discounts]
    return [coupon for coupon in coupons if isinstance(coupon, Mapping)]


def next_phase(subscription: Thing) -> Thing | None:
    """The first phase of the subscription's schedule that has not begun; None without one."""
    schedule = subscription.get("schedule")
    if not isinstance(schedule, Mapping) or schedule.get("status") not in ("active", "not_started"):
        return None
    current = (schedule.get("current_phase") or {}).get("start_date") or 0
    later = [phase for phase in schedule["phases"] if phase["start_date"] > current]
    return min(later, key=lambda phase: int(phase["start_date"])) if later else None


def _name_pending(made: list[Item], subscription: Thing, sold: Callable[[Thing], Sold]) -> None:
    """Write into each item what a schedule will make of it: an item whose price is not in the next phase."""
    phase = next_phase(subscription)
    if phase is None:
        return
    prices = [_price_of(entry) for entry in phase["items"]]
    kept = {price["id"] for price in prices}
    coming = [sold(price) for price in prices]
    stays = {item["id"] for item in subscription["items"]["data"] if item["price"]["id"] in kept}
    for number, item in enumerate(made):
        if item.item_id in stays:
            continue
        plan = next((what.plan_id for what in coming if what.product_id == item.product_id), None)
        made[number] = replace(item, pending_plan_id=plan, pending_at=from_seconds(phase["start_date"]))


def _price_of(entry: Thing) -> Thing:
    """A phase's price, which is an id unless it was expanded."""
    return entry["price"] if isinstance(entry["price"], Mapping) else {"id": entry["price"]}


def billing_mode(subscription: Thing) -> BillingMode:
    """How it is credited."""
    return BillingMode((subscription.get("billing_mode") or {}).get("type", "classic"))


def digest(subscription: Thing) -> str:
    """What decides the cost of a change, in one word: another word, another subscription.

    Metadata and the latest invoice are left out: they change without changing what is sold.
    """
    items = [
        [i["id"], i["price"]["id"], i.get("quantity"), i["current_period_start"], i["current_period_end"]]
        for i in sorted(subscription["items"]["data"], key=lambda i: str(i["id"]))
    ]
    phase = next_phase(subscription)
    discounts = [d["id"] if isinstance(d, Mapping) else d for d in subscription.get("discounts") or ()]
    pending = phase and [phase["start_date"], [[_price_of(e)["id"], e.get("quantity")] for e in phase["items"]]]
    known = [subscription["id"], subscription["status"], subscription["cancel_at"], subscription["trial_end"]]
    known += [subscription["billing_cycle_anchor"], subscription["collection_method"], items, discounts, pending]
    known += [bool(subscription.get("pause_collection"))]
    return hashlib.sha256(json.dumps(known).encode()).hexdigest()[:20]


def line_amount(line: Thing) -> int:
    """A line's amount after its discounts, in Stripe's unit."""
    return int(line["amount"]) - sum(int(part["amount"]) for part in line.get("discount_amounts") or ())


def line_item_id(line: Thing) -> str | None:
    """The subscription item that a line is for."""
    details = (line.get("parent") or {}).get("subscription_item_details") or {}
    item_id = details.get("subscription_item")
    return str(item_id) if item_id else None


def is_proration(line: Thing) -> bool:
    """Whether a line is for a part of a period."""
    parent = line.get("parent") or {}
    kinds = ("subscription_item_details", "invoice_item_details")
    return any(bool((parent.get(kind) or {}).get("proration")) for kind in kinds)


def invoice_row(invoice: Thing, *, account_id: str, last_failure_at: datetime | None = None) -> dict[str, object]:
    """The invoice as a row of ``invoice``."""
    times = invoice.get("status_transitions") or {}
    issued = times.get("finalized_at") or invoice["created"]
    return {
        "invoice_id": invoice["id"],
        "account_id": account_id,
        "issued_at": from_seconds(issued),
        "due_at": _instant(invoice.get("due_date")) or from_seconds(issued),
        "paid_at": _instant(times.get("paid_at")),
        "amount_due_minor": from_provider(invoice["amount_due"], invoice["currency"]),
        "currency": invoice["currency"],
        "status": invoice["status"],
        "last_failure_at": last_failure_at,
    }


def _instant(seconds: object) -> datetime | None:
    return from_seconds(int(str(seconds))) if seconds else None
