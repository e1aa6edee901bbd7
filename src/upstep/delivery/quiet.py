"""Quiet hours: when no message leaves, by the clock on the person's own wall, also when it is put forward or back.

Local times are never added up. The instants at which a quiet hour may end are found first, in UTC, then asked one by
one whether the wall clock says quiet.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from upstep.config.contact import QuietHours

_SATURDAY = 5
_DAYS_AHEAD = 4
"""A quiet weekend that a quiet night follows is over by then."""


def is_quiet(quiet: QuietHours, zone: str, at: datetime) -> bool:
    """Whether the wall clock of that zone stands within the quiet hours.

    ``begins`` counts, ``ends`` does not; where both are the same, no hour of a day is quiet.
    """
    local = at.astimezone(ZoneInfo(zone))
    if quiet.weekends and local.weekday() >= _SATURDAY:
        return True
    clock = local.time()
    if quiet.begins <= quiet.ends:
        return quiet.begins <= clock < quiet.ends
    return clock >= quiet.begins or clock < quiet.ends


def next_allowed(quiet: QuietHours | None, zone: str, at: datetime) -> datetime:
    """The first instant from ``at`` on that is not quiet: ``at`` itself when it is not.

    >>> from upstep.config.contact import QuietHours
    >>> next_allowed(QuietHours(), "Europe/Berlin", datetime(2026, 11, 20, 21, 0, tzinfo=UTC)).isoformat()
    '2026-11-21T07:00:00+00:00'
    """
    if quiet is None or not is_quiet(quiet, zone, at):
        return at
    return next(end for end in _ends(quiet, zone, at) if end > at and not is_quiet(quiet, zone, end))


def _ends(quiet: QuietHours, zone: str, at: datetime) -> list[datetime]:
    """The instants at which a quiet hour may end, in order.

    A local time that the clock shows twice counts twice. One that it skips comes by the clock before the jump, so that
    nobody is written to too early.
    """
    where = ZoneInfo(zone)
    today = at.astimezone(where).date()
    days = [today + timedelta(days=ahead) for ahead in range(_DAYS_AHEAD + 1)]
    local = [datetime.combine(day, clock, tzinfo=where) for day in days for clock in (quiet.ends, time(0))]
    return sorted({one.replace(fold=fold).astimezone(UTC) for one in local for fold in (0, 1)})
