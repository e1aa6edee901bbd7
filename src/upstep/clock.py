"""Time inside the house: UTC, whole seconds since 1970 for instants, whole days since 1970 for dates.

Only the command line reads the wall clock (``now``); everything below is given its time.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

DAY_SECONDS = 86_400
_EPOCH = date(1970, 1, 1)
_BEGIN = datetime(1970, 1, 1, tzinfo=UTC)


def now() -> datetime:
    """The wall clock, UTC, whole seconds. Called by the command line alone."""
    return datetime.now(UTC).replace(microsecond=0)


def parse_instant(text: str) -> datetime:
    """An ISO 8601 instant or date; without a zone it is UTC, a date is its first second.

    Raises:
        ValueError: It is neither.

    >>> parse_instant("2026-11-01").isoformat()
    '2026-11-01T00:00:00+00:00'
    """
    instant = datetime.fromisoformat(text.strip())
    zoned = instant if instant.tzinfo else instant.replace(tzinfo=UTC)
    return zoned.astimezone(UTC).replace(microsecond=0)


def to_seconds(instant: datetime) -> int:
    """Seconds since 1970-01-01T00:00:00Z, fractions dropped."""
    since = instant - _BEGIN
    return since.days * DAY_SECONDS + since.seconds


def from_seconds(seconds: int) -> datetime:
    """The instant of a number of seconds since 1970."""
    return _BEGIN + timedelta(seconds=int(seconds))


def to_day(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - _EPOCH).days


def from_day(day: int) -> date:
    """The date of a number of days since 1970."""
    return _EPOCH + timedelta(days=int(day))


def iso(instant: datetime) -> str:
    """As JSON shows an instant.

    >>> iso(parse_instant("2026-11-01T09:30:00+01:00"))
    '2026-11-01T08:30:00Z'
    """
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def written_day(day: date) -> str:
    """A date, or the date of an instant in UTC, as customers read it in English.

    >>> written_day(date(2026, 11, 1))
    'November 1, 2026'
    """
    return f"{day:%B} {day.day}, {day.year}"
