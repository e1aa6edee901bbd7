"""What something costs, exactly: integer minor units per interval, for one quantity or for many at once.

Nothing here is a float, and nothing wraps around: an amount that does not fit in 64 bits is an ``OverflowError``.
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from upstep.catalog.model import AddOn, Bundle, Overage, Plan, Price, PriceModel, Product

Wholes = NDArray[np.int64]
_MOST = 2**63 - 1


def amounts(price: Price, quantity: Wholes) -> Wholes:
    """Minor units of ``price.currency`` per interval, for each bought quantity.

    A quantity below ``minimum_quantity`` is charged as that; ``maximum_quantity`` is not enforced here. FLAT and QUOTE
    cost the same whatever the quantity; QUOTE is the catalog's estimate (see ``is_estimated``). Quantities are int64,
    0 or more, of any shape, which the answer keeps.

    Raises:
        ValueError: A negative quantity, or a quote without an estimate.
        OverflowError: An amount does not fit in 64 bits; the values are in the text.
    """
    _refuse(quantity)
    charged = np.maximum(quantity, np.int64(price.minimum_quantity))
    match price.model:
        case PriceModel.FLAT | PriceModel.QUOTE:
            return np.full(quantity.shape, _fixed(price), dtype=np.int64)
        case PriceModel.PER_UNIT:
            return _times(charged, _fixed(price))
        case PriceModel.PACKAGE:
            return _times(_started(charged, price.package_size), _fixed(price))
        case PriceModel.VOLUME:
            return _volume(price, charged)
        case PriceModel.GRADUATED:
            return _graduated(price, charged)


@lru_cache(maxsize=8192)
def amount(price: Price, quantity: int) -> int:
    """``amounts`` for one quantity; the same few come again with every account."""
    return int(amounts(price, _one(quantity))[0])


def add_on_amounts(price: Price, quantity: Wholes) -> Wholes:
    """Minor units per interval for that many of an add-on: a flat one costs its amount each time it is bought.

    Every other price is as ``amounts`` says.

    Raises:
        ValueError: A negative quantity, or a quote without an estimate.
        OverflowError: An amount does not fit in 64 bits.
    """
    if price.model is not PriceModel.FLAT:
        return amounts(price, quantity)
    _refuse(quantity)
    return _times(quantity, _fixed(price))


def add_on_amount(price: Price, quantity: int) -> int:
    """``add_on_amounts`` for one quantity."""
    return int(add_on_amounts(price, _one(quantity))[0])


def same_plan_amounts(item_amount_minor: Wholes, item_quantity: Wholes, quantity: Wholes) -> Wholes:
    """What another quantity of the same plan costs a customer who keeps the unit price paid today.

    An older or negotiated price is theirs until the plan or the interval changes: more seats must not raise the price
    of the seats they have. Where today's price holds no whole unit price for the new quantity (tiers, a price agreed
    for the whole), nothing can be kept, and the caller charges the list price.

    Args:
        item_amount_minor: What the item costs today for its whole quantity, per interval.
        item_quantity: Its quantity today.
        quantity: The new quantity.

    Returns:
        item_amount_minor x quantity / item_quantity where it divides exactly; -1 where it does not, or where today's
        quantity is 0.

    Raises:
        ValueError: A negative number.
        OverflowError: A product does not fit in 64 bits.
    """
    for whole in (item_amount_minor, item_quantity, quantity):
        _refuse(whole)
    total = _times(item_amount_minor, quantity)
    some = np.maximum(item_quantity, 1)
    divides = (item_quantity > 0) & (total % some == 0)
    return np.where(divides, total // some, np.int64(-1))


def same_plan_amount(item_amount_minor: int, item_quantity: int, quantity: int) -> int | None:
    """``same_plan_amounts`` for one item; None where it does not divide."""
    found = int(same_plan_amounts(_one(item_amount_minor), _one(item_quantity), _one(quantity))[0])
    return None if found < 0 else found


def is_estimated(price: Price) -> bool:
    """Whether ``amounts`` gives an estimate: a person makes the real price."""
    return price.model is PriceModel.QUOTE


def overage_amounts(overage: Overage, beyond: Wholes) -> Wholes:
    """Minor units of ``overage.currency`` for units used beyond the limit in one period of the meter.

    Every started ``overage.per`` units cost ``overage.amount_minor``.

    Raises:
        ValueError: A negative number of units.
        OverflowError: An amount does not fit in 64 bits.
    """
    _refuse(beyond)
    return _times(_started(beyond, overage.per), overage.amount_minor)


def overage_amount(overage: Overage, beyond: int) -> int:
    """``overage_amounts`` for one number of units."""
    return int(overage_amounts(overage, _one(beyond))[0])


def price_for(
    sold: Plan | AddOn | Bundle | Product, *, currency: str, interval: str, interval_count: int = 1, on: date | None
) -> Price | None:
    """The price at which it is sold on a day, or None when it is not sold then, so, or in that currency.

    Of several prices in force the one with the latest ``effective_from`` counts; one without a date is the oldest.
    ``interval`` is as in the catalog, ``once`` for a one-off product. ``on`` None leaves dates aside, so a price not
    yet in force counts too.
    """
    if isinstance(sold, Plan | AddOn) and not (sold.sold and _in_force(sold.effective_from, on)):
        return None
    wanted = (currency.lower(), interval, interval_count)
    fitting = [
        price
        for price in sold.prices
        if price.sold
        and (price.currency, price.interval, price.interval_count) == wanted
        and _in_force(price.effective_from, on)
    ]
    return max(fitting, key=lambda price: price.effective_from or date.min, default=None)


def _in_force(effective_from: date | None, on: date | None) -> bool:
    return effective_from is None or on is None or effective_from <= on


def _fixed(price: Price) -> int:
    """The price's one amount."""
    found = price.estimate_minor if price.model is PriceModel.QUOTE else price.amount_minor
    if found is None:
        missing = "estimate" if price.model is PriceModel.QUOTE else "amount"
        raise ValueError(f"price '{price.id}' ({price.model}, {price.currency}) has no {missing}")
    return found


def _volume(price: Price, charged: Wholes) -> Wholes:
    """All units at the price of the tier that the total falls in, plus that tier's flat amount."""
    # up_to is inclusive, so a total equal to a bound belongs to the tier of that bound: side="left".
    bounds = np.array([tier.up_to for tier in price.tiers if tier.up_to is not None], dtype=np.int64)
    tier = np.searchsorted(bounds, charged, side="left")
    unit = np.array([tier.unit_amount_minor for tier in price.tiers], dtype=np.int64)[tier]
    flat = np.array([tier.flat_amount_minor for tier in price.tiers], dtype=np.int64)[tier]
    return _plus(_times(charged, unit), flat)


def _graduated(price: Price, charged: Wholes) -> Wholes:
    """Each unit at the price of its tier, plus the flat amount of every tier that is reached."""
    total = np.zeros(charged.shape, dtype=np.int64)
    floor = 0
    for tier in price.tiers:
        ceiling = _MOST if tier.up_to is None else tier.up_to
        inside = np.clip(charged, floor, ceiling) - floor
        flat = np.where(inside > 0, np.int64(tier.flat_amount_minor), np.int64(0))
        total = _plus(_plus(total, _times(inside, tier.unit_amount_minor)), flat)
        floor = ceiling
    return total


def _started(quantity: Wholes, size: int) -> Wholes:
    """How many packages of ``size`` are started; without adding first, which could overflow."""
    return quantity // size + (quantity % size > 0)


def _times(quantity: Wholes, unit: int | Wholes) -> Wholes:
    """Product of two arrays that are 0 or more, refusing to wrap around."""
    units = np.broadcast_to(np.asarray(unit, dtype=np.int64), quantity.shape)
    over = quantity > _MOST // np.maximum(units, 1)
    if over.any():
        told = f"{quantity[over].flat[0]} x {units[over].flat[0]} minor units"
        raise OverflowError(f"{told} does not fit in 64 bits; the most is {_MOST}")
    return quantity * units


def _plus(left: Wholes, right: Wholes) -> Wholes:
    """Sum of two arrays that are 0 or more, refusing to wrap around."""
    over = left > _MOST - right
    if over.any():
        told = f"{left[over].flat[0]} + {right[over].flat[0]} minor units"
        raise OverflowError(f"{told} does not fit in 64 bits; the most is {_MOST}")
    return left + right


def _refuse(quantity: Wholes) -> None:
    """Anything but int64 and 0 or more: a float would round silently."""
    if quantity.dtype != np.int64:
        raise TypeError(f"quantities are {quantity.dtype}, not int64")
    if quantity.size and quantity.min() < 0:
        raise ValueError(f"quantity {quantity.min()} is negative")


def _one(quantity: int) -> Wholes:
    if not 0 <= quantity <= _MOST:
        raise ValueError(f"quantity {quantity} is negative or does not fit in 64 bits")
    return np.array([quantity], dtype=np.int64)
