"""What a random account did in the past: left, came back, tried a lower plan, had a discount, changed its term.

Each draws from a generator of its own, so that what an account is today does not depend on what it did. Changes end
three weeks before as-of: who bought in the last two weeks is planted by name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from numpy.random import Generator

from upstep.tables.sample.book import Book
from upstep.tables.sample.subscriptions import Stage, Terms
from upstep.tables.sample.windows import DAY, months_after

_QUIET = 21 * DAY
_SETTLED = 70 * DAY


def gap_of(book: Book, number: int, start: datetime) -> tuple[datetime, datetime] | None:
    """When a first life ended and the present one began, of every ninth account that is old enough."""
    rng = book.generator("gap", number)
    age = book.as_of - start
    if age < 200 * DAY or rng.random() > 0.16:
        return None
    ended = _whole(start + age * float(rng.uniform(0.2, 0.6)))
    back = ended + timedelta(seconds=int(rng.integers(35 * 86_400, 120 * 86_400)))
    return (ended, back) if back < book.as_of - 100 * DAY else None


def left_at(book: Book, number: int, start: datetime) -> datetime | None:
    """When an account left for good: one in nine of those that are old enough."""
    rng = book.generator("left", number)
    room = book.as_of - _QUIET - (start + _SETTLED)
    if room < 30 * DAY or rng.random() > 0.11:
        return None
    return _whole(start + _SETTLED + room * float(rng.uniform(0.05, 1.0)))


def with_past(
    book: Book, number: int, stages: Sequence[Stage], terms: Terms, *, lower: str | None
) -> tuple[tuple[Stage, ...], Terms]:
    """The stages of a subscription with a detour, a discount that ended or a shorter term at first, and its terms.

    Args:
        lower: The plan below, paid as well; None: no detour.
    """
    rng = book.generator("past", number)
    left = None if terms.ended_at or terms.cancel_at or terms.pending else left_at(book, number, stages[0].from_at)
    if left:
        kept = tuple(stage for stage in stages if stage.from_at < left)
        return kept, replace(terms, ended_at=left)
    first, last = stages[0], stages[-1]
    if book.as_of - last.from_at < 150 * DAY or terms.ended_at:
        return tuple(stages), terms
    kind = rng.random()
    if kind < 0.16 and lower:
        return (*stages, *_detour(book, rng, last, lower)), terms
    if kind < 0.28 and terms.discount_percent == 0 and len(stages) == 1:
        months = int(rng.integers(3, 7))
        cheaper = replace(first, discount_percent=20)
        return (cheaper, replace(first, from_at=months_after(first.from_at, months))), terms
    if kind < 0.75 and terms.interval == "year" and len(stages) == 1:
        return _monthly_first(book, rng, first), terms
    return tuple(stages), terms


def _detour(book: Book, rng: Generator, last: Stage, lower: str) -> tuple[Stage, ...]:
    """Down a plan for some months, and up again."""
    room = book.as_of - _QUIET - last.from_at
    down = last.from_at + room * float(rng.uniform(0.25, 0.6))
    up = down + (book.as_of - _QUIET - down) * float(rng.uniform(0.35, 0.95))
    return (replace(last, from_at=_whole(down), plan_id=lower), replace(last, from_at=_whole(up)))


def _monthly_first(book: Book, rng: Generator, first: Stage) -> tuple[Stage, ...]:
    """Paid by the month until it was sure."""
    passed = (book.as_of - _QUIET - first.from_at) // (31 * DAY)
    months = int(rng.integers(2, max(3, min(15, passed))))
    return (replace(first, interval="month"), replace(first, from_at=months_after(first.from_at, months)))


def _whole(instant: datetime) -> datetime:
    return instant.replace(microsecond=0)
