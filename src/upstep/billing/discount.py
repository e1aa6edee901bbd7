"""What incentives take off recurring prices: whole minor units that add up to the discount, to the unit."""

from __future__ import annotations

from collections.abc import Sequence

from upstep.billing.change import Incentive
from upstep.money import round_half_up


def after(prices: Sequence[int], incentives: Sequence[Incentive]) -> list[int]:
    """Each price after the incentives, in their order.

    A percentage is rounded price by price, half up. An amount is split in proportion to the prices.

    >>> after([1000, 2000], [Incentive("welcome", amount_minor=500, currency="usd")])
    [834, 1666]
    """
    left = list(prices)
    for incentive in incentives:
        if incentive.percent is not None:
            left = [price - round_half_up(price * incentive.percent, 100) for price in left]
        else:
            shares = split(incentive.amount_minor or 0, left)
            left = [price - share for price, share in zip(left, shares, strict=True)]
    return left


def split(amount_minor: int, prices: Sequence[int]) -> list[int]:
    """An amount off a sum of prices, price by price; never more than the price.

    Each share is rounded down, and what that leaves is taken off the last prices: so a provider splits 500 over 1000
    and 2000 (design/money.md).

    >>> split(500, [1000, 2000]), split(500, [100, 200]), split(2, [1, 1, 1])
    ([166, 334], [100, 200], [0, 1, 1])
    """
    total = sum(prices)
    amount = min(amount_minor, total)
    shares = [amount * price // total if total else 0 for price in prices]
    left = amount - sum(shares)
    for index in reversed(range(len(prices))):
        more = min(left, prices[index] - shares[index])
        shares[index] += more
        left -= more
    return shares
