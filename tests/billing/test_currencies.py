"""The provider's minor units: ISO's but for a few, and never a rounded amount."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from upstep.billing.currencies import STRIPE_UNITS, from_provider, provider_unit, to_provider
from upstep.money import CURRENCIES


@pytest.mark.parametrize(
    ("amount_minor", "currency", "written"),
    [
        (1234, "usd", 1234),
        (5000, "jpy", 5000),
        (5000, "isk", 500_000),
        (5000, "ugx", 500_000),
        (500_000, "mga", 5000),
        (1230, "kwd", 1230),
        (-1230, "bhd", -1230),
        (1_000_000, "huf", 1_000_000),
        (99_900, "twd", 99_900),
        (0, "mga", 0),
    ],
)
def test_an_amount_is_written_as_the_provider_writes_it(amount_minor: int, currency: str, written: int) -> None:
    assert to_provider(amount_minor, currency) == written
    assert from_provider(written, currency) == amount_minor


@pytest.mark.parametrize(("amount_minor", "currency"), [(1234, "kwd"), (150, "mga"), (1, "tnd")])
def test_an_amount_between_the_providers_steps_is_refused_not_rounded(amount_minor: int, currency: str) -> None:
    with pytest.raises(ValueError, match=f"{amount_minor} in {currency}.*steps of"):
        to_provider(amount_minor, currency)


def test_what_the_provider_cannot_have_written_is_refused() -> None:
    with pytest.raises(ValueError, match="no whole number"):
        from_provider(150, "isk")
    with pytest.raises(ValueError, match="'USD'"):
        to_provider(1, "USD")


@given(st.sampled_from(sorted(CURRENCIES)), st.integers(-(10**12), 10**12))
def test_every_currency_goes_there_and_back(currency: str, steps: int) -> None:
    unit = provider_unit(currency)
    written = steps * unit.step
    assert to_provider(from_provider(written, currency), currency) == written


def test_only_the_named_currencies_differ_from_iso() -> None:
    assert set(STRIPE_UNITS) == {"mga", "isk", "ugx", "bhd", "jod", "kwd", "omr", "tnd"}
    for currency, exponent in CURRENCIES.items():
        if currency not in STRIPE_UNITS:
            assert (provider_unit(currency).exponent, provider_unit(currency).step) == (exponent, 1)
