"""The provider's minor units where they are not those of ISO 4217, and exact conversion between the two.

https://docs.stripe.com/currencies. Inside the house an amount is always in ISO minor units; only what is sent to the
provider, and what it answers, passes through here.
"""

from __future__ import annotations

from dataclasses import dataclass

from upstep.money import CURRENCIES


@dataclass(frozen=True)
class ProviderUnit:
    """How the provider writes amounts of a currency.

    Args:
        exponent: Digits of its minor unit.
        step: Every amount that is charged is a multiple of this many of its minor units.
    """

    exponent: int
    step: int = 1


STRIPE_UNITS: dict[str, ProviderUnit] = {
    # Ariary has five iraimbilanja; the provider bills whole ariary, ISO lists two digits.
    "mga": ProviderUnit(0),
    # No minor unit any more, but the provider still writes two digits, which must be zeros.
    "isk": ProviderUnit(2, step=100),
    "ugx": ProviderUnit(2, step=100),
    # Three digits are written, the last one must be zero.
    **dict.fromkeys(("bhd", "jod", "kwd", "omr", "tnd"), ProviderUnit(3, step=10)),
}
"""Currencies in which Stripe's unit or step differs from ISO 4217; all others are as in ``money.CURRENCIES``."""


def provider_unit(currency: str) -> ProviderUnit:
    """How the provider writes amounts of that currency.

    Raises:
        ValueError: It is not a currency with a minor unit.
    """
    if currency not in CURRENCIES:
        raise ValueError(f"currency {currency!r} is not a lower-case ISO 4217 code with a minor unit")
    return STRIPE_UNITS.get(currency) or ProviderUnit(CURRENCIES[currency])


def to_provider(amount_minor: int, currency: str) -> int:
    """An amount as the provider writes it.

    Raises:
        ValueError: The provider cannot charge that amount: it is not a whole number of its steps.

    >>> to_provider(5000, "isk"), to_provider(1200, "mga"), to_provider(1230, "kwd"), to_provider(5000, "jpy")
    (500000, 12, 1230, 5000)
    """
    unit = provider_unit(currency)
    ours, theirs = _scales(currency)
    amount, left = divmod(amount_minor * theirs, ours)
    if left or amount % unit.step:
        digits = CURRENCIES[currency]
        raise ValueError(
            f"{amount_minor} in {currency} ({digits} digits) is no amount that the provider can charge: "
            f"it bills in steps of {unit.step} at {unit.exponent} digits"
        )
    return amount


def from_provider(amount: int, currency: str) -> int:
    """An amount that the provider has written, in ISO minor units.

    Raises:
        ValueError: It has a fraction of an ISO minor unit.

    >>> from_provider(500000, "isk"), from_provider(12, "mga")
    (5000, 1200)
    """
    ours, theirs = _scales(currency)
    whole, left = divmod(amount * ours, theirs)
    if left:
        raise ValueError(f"the provider's {amount} in {currency} is no whole number of minor units")
    return whole


def _scales(currency: str) -> tuple[int, int]:
    """How many minor units one whole unit has: ours, the provider's."""
    return int(10 ** CURRENCIES[currency]), int(10 ** provider_unit(currency).exponent)
