"""Billing windows of the sample: months counted from an anchor, with short months ending on their last day."""

from __future__ import annotations

from calendar import monthrange
from dataclasses import dataclass
from datetime import datetime, timedelta

DAY = timedelta(days=1)


@dataclass(frozen=True)
class Window:
    """One window: ``begin`` is in it, ``end`` is not."""

    begin: datetime
    end: datetime

    def elapsed_share(self, as_of: datetime) -> float:
        """How much of the window has passed, 0 to 1."""
        return min(1.0, max(0.0, (as_of - self.begin) / (self.end - self.begin)))


def months_after(anchor: datetime, months: int) -> datetime:
    """The anchor's day and time that many months later; the last day where the month is shorter.

    >>> months_after(datetime(2026, 1, 31, 9, 30), 1).isoformat()
    '2026-02-28T09:30:00'
    """
    year, month = divmod(anchor.year * 12 + anchor.month - 1 + months, 12)
    return anchor.replace(year=year, month=month + 1, day=min(anchor.day, monthrange(year, month + 1)[1]))


def start_of_tenure(anchor: datetime, months: int) -> datetime:
    """About ``months`` before ``anchor``, on the same day of the month: a shorter month is passed over.

    So a subscription that renews on the 31st also began on a 31st.
    """
    while months_after(anchor, -months).day != anchor.day:
        months += 1
    return months_after(anchor, -months)


def windows(start: datetime, *, as_of: datetime, history_days: int) -> list[Window]:
    """Monthly windows from ``start`` to the one that holds ``as_of``, without those that begin before the history."""
    oldest = as_of - history_days * DAY
    behind = (oldest.year - start.year) * 12 + oldest.month - start.month
    index = max(0, behind - 1)
    found: list[Window] = []
    begin = months_after(start, index)
    while begin <= as_of:
        index += 1
        end = months_after(start, index)
        if begin >= oldest:
            found.append(Window(begin, end))
        begin = end
    return found


def term(start: datetime, *, months: int, as_of: datetime) -> Window:
    """The term of ``months`` from ``start`` that holds ``as_of``."""
    passed = (as_of.year - start.year) * 12 + as_of.month - start.month
    count = max(0, passed // months)
    while months_after(start, count * months) > as_of:
        count -= 1
    while months_after(start, (count + 1) * months) <= as_of:
        count += 1
    return Window(months_after(start, count * months), months_after(start, (count + 1) * months))
