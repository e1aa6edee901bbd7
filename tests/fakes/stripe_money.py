"""How Stripe prorates, as its documentation and the golden cases of our docs/money.md say. Pure, and no code of ours.

A second reading of the rules on purpose: what is tested here must not agree with us because it is us.
Money is whole minor units, instants are seconds since 1970.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

Thing = dict[str, Any]


def half_up(amount: Fraction) -> int:
    """The nearest whole number, a half away from zero."""
    magnitude = int(abs(amount) + Fraction(1, 2))
    return magnitude if amount >= 0 else -magnitude


def after(anchor: int, interval: str, count: int) -> int:
    """The instant that many intervals after the anchor; the 31st is the last day of a shorter month."""
    if interval in ("day", "week"):
        return anchor + count * (86_400 if interval == "day" else 7 * 86_400)
    start = datetime.fromtimestamp(anchor, UTC)
    months = start.year * 12 + start.month - 1 + count * (12 if interval == "year" else 1)
    year, month = divmod(months, 12)
    day = min(start.day, monthrange(year, month + 1)[1])
    return int(start.replace(year=year, month=month + 1, day=day).timestamp())


def period(anchor: int, at: int, recurring: Thing) -> tuple[int, int]:
    """The billing period that holds ``at``."""
    interval, every = recurring["interval"], recurring["interval_count"]
    number = 0
    while after(anchor, interval, (number + 1) * every) <= at:
        number += 1
    while after(anchor, interval, number * every) > at:
        number -= 1
    return after(anchor, interval, number * every), after(anchor, interval, (number + 1) * every)


def price_amount(price: Thing, quantity: int) -> int:
    """What a price costs for one period, before discounts: flat, graduated or volume."""
    if price["billing_scheme"] == "per_unit":
        return int(price["unit_amount"] or 0) * quantity
    total, below = 0, 0
    for tier in price["_tiers"]:
        top = tier["up_to"] if tier["up_to"] not in (None, "inf") else quantity
        if price["tiers_mode"] == "volume":
            if quantity <= top:
                return (tier["unit_amount"] or 0) * quantity + (tier["flat_amount"] or 0)
        elif quantity > below:
            total += (tier["unit_amount"] or 0) * (min(quantity, top) - below) + (tier["flat_amount"] or 0)
            below = top
    return total


def is_metered(item: Thing) -> bool:
    return bool(item["price"]["recurring"]["usage_type"] == "metered")


def gross(item: Thing) -> int:
    return 0 if is_metered(item) else price_amount(item["price"], item["quantity"])


def discounted(amounts: list[int], coupons: list[Thing]) -> list[list[int]]:
    """What each coupon takes off each amount. An amount off is split over them, the last takes what rounding leaves.

    500 off 1000 + 2000 is 166 + 334.
    """
    left, taken = list(amounts), []
    for coupon in coupons:
        if coupon["percent_off"] is not None:
            off = [half_up(amount * Fraction(str(coupon["percent_off"])) / 100) for amount in left]
        else:
            total = sum(left)
            whole = min(coupon["amount_off"], total)
            off = [whole * amount // total if total else 0 for amount in left]
            if off:
                off[-1] += whole - sum(off)
        left = [amount - part for amount, part in zip(left, off, strict=True)]
        taken.append(off)
    return taken


def net(amount: int, coupons: list[Thing]) -> int:
    """One amount after all coupons, each in full. This is how classic billing discounts a proration line."""
    return amount - sum(off[0] for off in discounted([amount], coupons))


def shares(items: list[Thing], coupons: list[Thing]) -> dict[str, int]:
    """Each item's amount after the coupons were split over all of them."""
    amounts = [gross(item) for item in items]
    off = discounted(amounts, coupons)
    return {item["id"]: amount - sum(part[n] for part in off) for n, (item, amount) in enumerate(zip(items, amounts))}  # noqa: B905


def credited(item: Thing, at: int, *, mode: str, coupons: list[Thing]) -> list[tuple[int, Thing | None]]:
    """What is given back for the rest of the period: (negative amount, the debit it is for).

    Classic credits today's price, flexible what was debited, one credit for each debit.
    """
    if is_metered(item):
        return []
    start, end = item["current_period_start"], item["current_period_end"]
    if mode == "classic":
        amount = net(gross(item), [*coupons, *item["_coupons"]])
        return [(-half_up(amount * Fraction(end - at, end - start)), None)] if amount else []
    found = []
    for debit in item["_debits"]:
        left = Fraction(debit["end"] - at, debit["end"] - debit["start"])
        if debit["amount"] and left > 0:
            found.append((-half_up(debit["amount"] * left), debit))
    return found


def debit(item: Thing, at: int, *, mode: str, coupons: list[Thing], items: list[Thing]) -> int:
    """What is charged for the rest of the period."""
    start, end = item["current_period_start"], item["current_period_end"]
    own = item["_coupons"]
    whole = net(gross(item), [*coupons, *own]) if mode == "classic" else net(shares(items, coupons)[item["id"]], own)
    return half_up(whole * Fraction(end - at, end - start))
