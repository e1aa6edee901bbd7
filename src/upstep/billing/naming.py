"""What an invoice line says: the catalog's name of what is sold, how often it is billed, how many, for which days."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache

from upstep.billing.change import Item
from upstep.clock import written_day

_EVERY = {"day": "daily", "week": "weekly", "month": "monthly", "quarter": "quarterly", "year": "yearly"}


@dataclass(frozen=True, eq=False)
class Names:
    """What is sold, in words; the id stands where a name is missing.

    Args:
        sold: Names by plan, add-on or product id.
        units: What a quantity counts, such as seats, by the id of what is sold and its interval.
        price_units: The same by price id; empty for a price that is no price by the unit.
    """

    sold: Mapping[str, str] = field(default_factory=dict)
    units: Mapping[tuple[str, str], str] = field(default_factory=dict)
    price_units: Mapping[str, str] = field(default_factory=dict)

    def name(self, item: Item) -> str:
        """What people know the item as."""
        return self.sold.get(item.name, item.name)

    def line(self, item: Item, since: datetime, until: datetime, note: str = "") -> str:
        """The words of a line for an item, from ``since`` on and before ``until``; ``note`` ends it in brackets."""
        return f"{self._what(item)}{days(since, until)}{f' ({note})' if note else ''}"

    def _what(self, item: Item) -> str:
        unit = self.price_units.get(item.price_id or "")
        if unit is None:
            unit = self.units.get((item.name, item.interval), "")
        return _what(self.name(item), item.quantity, unit, *item.every)


BY_ID = Names()
"""Nothing has a name: ids are shown."""


@lru_cache(maxsize=4096)
def _what(name: str, quantity: int, unit: str, interval: str, interval_count: int) -> str:
    every = _EVERY.get(interval, interval) if interval_count == 1 else f"every {interval_count} {interval}s"
    if unit:
        return f"{name}, {every}: {counted(quantity, unit)}, "
    return f"{f'{quantity:,} x ' if quantity > 1 else ''}{name}, {every}: "


def counted(quantity: int, unit: str) -> str:
    """So many of a unit that is named in the plural.

    >>> counted(10, "seats"), counted(1, "seats"), counted(1, "entries kept"), counted(1, "boxes")
    ('10 seats', '1 seat', '1 entry kept', '1 box')
    """
    if quantity != 1:
        return f"{quantity:,} {unit}"
    first, space, rest = unit.partition(" ")
    for plural, singular in (("ies", "y"), ("xes", "x"), ("sses", "ss"), ("ches", "ch"), ("shes", "sh"), ("s", "")):
        if first.endswith(plural) and not first.endswith("ss"):
            first = first.removesuffix(plural) + singular
            break
    return f"1 {first}{space}{rest}"


@lru_cache(maxsize=4096)
def days(since: datetime, until: datetime) -> str:
    """The days of a span, both named, in UTC; an end at midnight is the end of the day before.

    >>> from upstep.clock import parse_instant
    >>> days(parse_instant("2026-03-12T09:30:00"), parse_instant("2026-04-01"))
    'March 12 to 31, 2026'
    >>> days(parse_instant("2026-03-12"), parse_instant("2027-03-12"))
    'March 12, 2026 to March 11, 2027'
    """
    last = max(until - timedelta(seconds=1), since)
    if last.date() == since.date():
        return written_day(since)
    if last.year != since.year:
        return f"{written_day(since)} to {written_day(last)}"
    begin = f"{since:%B} {since.day} to "
    return begin + (f"{last.day}, {last.year}" if last.month == since.month else written_day(last))
