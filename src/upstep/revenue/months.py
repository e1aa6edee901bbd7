"""Months of a report: calendar months in the company's zone, as instants, and the table that puts an instant in one."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from upstep.clock import DAY_SECONDS, to_seconds

if TYPE_CHECKING:
    import pyarrow as pa

FIRST, LAST = 1990 * 12, 2090 * 12
"""Months are numbered year x 12 + month - 1; the calendar reaches from January 1990 to December 2089."""


@dataclass(frozen=True, order=True)
class Month:
    """One calendar month: its number, and its instants in whole seconds since 1970, the end not in it."""

    number: int
    starts_at: int
    ends_at: int

    @property
    def name(self) -> str:
        """As people write it: 2026-10."""
        return month_name(self.number)


def month_name(number: int) -> str:
    """A month's number as people write it.

    >>> month_name(2026 * 12 + 9)
    '2026-10'
    """
    return f"{number // 12}-{number % 12 + 1:02}"


def month_number(name: str) -> int:
    """Year x 12 + month - 1 of a month as people write it.

    Raises:
        ValueError: It is none, or lies outside the calendar.
    """
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", name):
        message = f"'{name}' is no month; write year and month: 2026-10"
        raise ValueError(message)
    number = int(name[:4]) * 12 + int(name[5:]) - 1
    if not FIRST <= number < LAST:
        message = f"{name} lies outside the calendar, which reaches from 1990-01 to 2089-12"
        raise ValueError(message)
    return number


def months_between(first: str, last: str, zone: str = "UTC") -> list[Month]:
    """The months from ``first`` to ``last``, both in it.

    >>> [month.name for month in months_between("2025-12", "2026-02")]
    ['2025-12', '2026-01', '2026-02']
    """
    starts = _starts(zone)
    numbers = range(month_number(first), month_number(last) + 1)
    return [Month(number, starts[number - FIRST], starts[number - FIRST + 1]) for number in numbers]


@lru_cache(maxsize=8)
def _starts(zone: str) -> list[int]:
    place = ZoneInfo(zone)
    return [to_seconds(datetime(month // 12, month % 12 + 1, 1, tzinfo=place)) for month in range(FIRST, LAST + 1)]


@lru_cache(maxsize=8)
def month_days(zone: str = "UTC") -> pa.Table:
    """Which month a UTC day belongs to: day, month, month_at (when that month began), turns_at.

    An instant from ``turns_at`` on lies in the next month: where the zone's month begins within the UTC day.
    """
    import numpy as np
    import pyarrow as pa

    starts = np.array(_starts(zone), np.int64)
    days = np.arange(-(-starts[0] // DAY_SECONDS), starts[-1] // DAY_SECONDS, dtype=np.int64)
    place = np.searchsorted(starts, days * DAY_SECONDS, side="right") - 1
    return pa.table(
        {
            "day": days.astype(np.int32),
            "month": (FIRST + place).astype(np.int32),
            "month_at": starts[place],
            "turns_at": starts[np.minimum(place + 1, len(starts) - 1)],
        }
    )
