"""Exchange rates as exact fractions: what one minor unit of a currency is worth in minor units of the company's."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from upstep.clock import DAY_SECONDS
from upstep.money import CURRENCIES

if TYPE_CHECKING:
    import pyarrow as pa

    from upstep.revenue.months import Month


@dataclass(frozen=True)
class Rates:
    """Rates into one currency, by the last one known before an instant.

    Build with ``rates_of``. A month's end and the next one's start are one instant, so they have one rate.
    """

    currency: str
    _days: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    _rates: Mapping[str, tuple[Fraction, ...]] = field(default_factory=dict)

    def at(self, currency: str, instant: int) -> Fraction | None:
        """What one minor unit is worth at an instant; None when no rate of an earlier day is known.

        The rate of a day holds from its end on: at midnight it is yesterday's.
        """
        if currency == self.currency:
            return Fraction(1)
        place = bisect_right(self._days.get(currency, ()), (instant - 1) // DAY_SECONDS)
        return self._rates[currency][place - 1] if place else None


def rates_of(rows: Iterable[Mapping[str, Any]], currency: str) -> Rates:
    """Rates from the rows of core ``fx_rate``. Where only the opposite pair is known, its reciprocal is exact.

    Args:
        currency: The company's, lower case as in ``money.CURRENCIES``.
    """
    direct: dict[str, dict[int, Fraction]] = {}
    inverse: dict[str, dict[int, Fraction]] = {}
    for row in rows:
        source, target = row["from_currency"].lower(), row["to_currency"].lower()
        rate = Fraction(Decimal(row["rate"]))
        if rate <= 0 or source not in CURRENCIES or target not in CURRENCIES:
            continue
        if target == currency:
            direct.setdefault(source, {})[row["rate_on"]] = rate * _minor(source, target)
        elif source == currency:
            inverse.setdefault(target, {})[row["rate_on"]] = _minor(target, source) / rate
    known = {source: {**inverse.get(source, {}), **direct.get(source, {})} for source in direct.keys() | inverse.keys()}
    days = {source: tuple(sorted(found)) for source, found in known.items()}
    return Rates(currency, days, {source: tuple(known[source][day] for day in days[source]) for source in days})


def _minor(source: str, target: str) -> Fraction:
    """From a rate between whole currency units to one between their minor units: a yen has none."""
    return Fraction(10 ** CURRENCIES[target], 10 ** CURRENCIES[source])


def rate_table(rates: Rates, currencies: Iterable[str], months: Iterable[Month]) -> pa.Table:
    """Rates of months' starts as whole numbers, for queries: currency, month, rate_units / rate_scale.

    A rate keeps at least five digits and mostly nine: no product leaves 64 bits. They serve comparisons between an
    account's currencies only; what is added up in ``mrr`` is exact. Months without a rate have no row.
    """
    import pyarrow as pa

    found = [
        (currency, month.number, *_whole(rate))
        for currency in currencies
        for month in months
        if (rate := rates.at(currency, month.starts_at)) is not None
    ]
    columns = list(zip(*found, strict=True)) or [()] * 4
    kinds = {"currency": pa.string(), "month": pa.int32(), "rate_units": pa.int64(), "rate_scale": pa.int64()}
    return pa.table({name: pa.array(column, kind) for (name, kind), column in zip(kinds.items(), columns, strict=True)})


def _whole(rate: Fraction) -> tuple[int, int]:
    """A rate as whole units over a power of ten, as fine as there is room for."""
    power = max(power for power in range(13) if power == 0 or _fits(rate, power))
    return round(rate * 10**power), 10**power


def _fits(rate: Fraction, power: int) -> bool:
    """Multiples of 10**power are exact in floats below 2**(53 + power); no product may be larger."""
    scale: int = 10**power
    return round(rate * scale) * scale < 1 << (53 + min(power, 8))
