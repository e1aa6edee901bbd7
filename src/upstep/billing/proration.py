"""Proration: what a change in the middle of a paid period credits and charges, to the minor unit.

The rule is the provider's (https://docs.stripe.com/billing/subscriptions/prorations): by the second, each invoice line
rounded by itself, half up on its magnitude, and then summed. It is an estimate until the provider has answered.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from fractions import Fraction

from upstep.clock import to_seconds
from upstep.money import round_half_up

_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_DAYS = {"day": 1, "week": 7}


class LineKind(StrEnum):
    """Which way money goes."""

    CREDIT = "credit"  # for time that was paid and will not be used; negative
    DEBIT = "debit"  # for time that will be used; positive


@dataclass(frozen=True)
class Period:
    """A paid period, from ``start`` (included) to ``end`` (not included)."""

    start: datetime
    end: datetime

    def share_left(self, at: datetime) -> Fraction:
        """How much of the period is left at that instant, in whole seconds, exactly.

        Raises:
            ValueError: The instant is outside the period.
        """
        start, end, now = to_seconds(self.start), to_seconds(self.end), to_seconds(at)
        if not start <= now <= end or start == end:
            raise ValueError(
                f"{at.isoformat()} is outside the period {self.start.isoformat()} to {self.end.isoformat()}"
            )
        return Fraction(end - now, end - start)


@dataclass(frozen=True)
class Charge:
    """What one item costs for one whole period, charged in advance.

    In *flexible* billing an item may hold several charges: one for each amount that was really debited, each for a
    ``period`` of its own. Metered use is charged afterwards and never prorates.
    """

    item_id: str
    amount_minor: int
    metered: bool = False
    period: Period | None = None


@dataclass(frozen=True)
class ProrationLine:
    """One line of the invoice. ``amount_minor`` is signed; ``share`` is the part of ``period`` it is for, its end."""

    item_id: str
    kind: LineKind
    amount_minor: int
    share: Fraction
    period: Period


def prorate(
    held: Sequence[Charge],
    wanted: Sequence[Charge],
    *,
    period: Period,
    at: datetime,
    new_period: Period | None = None,
    changed: Collection[str] = (),
) -> tuple[ProrationLine, ...]:
    """The lines of a change: a credit for each charge that ends, a debit for each that begins.

    credit = -round(f x old), debit = +round(f x new), f = the share of the period left at ``at``. An item whose charges
    stay as they are has no line, so a change of metadata alone has none.

    Args:
        held: What is credited. *Classic* billing credits the current price, *flexible* what was really debited.
        wanted: What is charged from ``at`` on.
        period: The paid period that ``held`` was charged for, where a charge does not name its own.
        at: The frozen instant; the preview and the change use the same one.
        new_period: The period of ``wanted``, when the change starts a new one (another interval, or free to paid).
        changed: Items that are credited and charged though the amounts are equal: what is held need not be today's
            price.

    Raises:
        ValueError: ``at`` is outside one of the periods.
    """
    kept = _staying(held, wanted).difference(changed) if new_period is None else set()
    unused = (_line(charge, LineKind.CREDIT, period, at) for charge in held if _prorates(charge, kept))
    used = (_line(charge, LineKind.DEBIT, new_period or period, at) for charge in wanted if _prorates(charge, kept))
    return (*unused, *used)


def total_minor(lines: Sequence[ProrationLine]) -> int:
    """The sum of the rounded lines; never a rounding of the net."""
    return sum(line.amount_minor for line in lines)


def _staying(held: Sequence[Charge], wanted: Sequence[Charge]) -> set[str]:
    """The items whose charges are the same before and after."""
    named = {charge.item_id for charge in held}.intersection(charge.item_id for charge in wanted)
    return {item_id for item_id in named if _of(item_id, held) == _of(item_id, wanted)}


def _of(item_id: str, charges: Sequence[Charge]) -> list[int]:
    return sorted(charge.amount_minor for charge in charges if charge.item_id == item_id)


def _prorates(charge: Charge, kept: set[str]) -> bool:
    return not charge.metered and charge.amount_minor != 0 and charge.item_id not in kept


def _line(charge: Charge, kind: LineKind, period: Period, at: datetime) -> ProrationLine:
    period = charge.period or period
    share = period.share_left(at)
    part = round_half_up(share.numerator * charge.amount_minor, share.denominator)
    return ProrationLine(charge.item_id, kind, -part if kind is LineKind.CREDIT else part, share, period)


def anchored(anchor: datetime, months: int) -> datetime:
    """The billing instant that many months after the anchor; an anchor on the 31st bills on a shorter month's last day.

    Counted from the anchor each time, so January 31 gives February 28 and then March 31.
    """
    year, month = divmod(anchor.year * 12 + anchor.month - 1 + months, 12)
    day = anchor.day if anchor.day <= _SHORTEST else min(anchor.day, monthrange(year, month + 1)[1])
    return anchor.replace(year=year, month=month + 1, day=day)


_SHORTEST = 28
"""Every month has that many days."""


def period_at(anchor: datetime, at: datetime, *, interval: str, interval_count: int = 1) -> Period:
    """The billing period that holds ``at``, counted in whole intervals from the anchor (also before it).

    Raises:
        ValueError: The interval is not known or the count is below 1.
    """
    if interval_count < 1 or interval not in {**_MONTHS, **_DAYS}:
        raise ValueError(f"{interval_count} x {interval!r} is not a billing interval")
    if interval in _DAYS:
        length = timedelta(days=_DAYS[interval] * interval_count)
        start = anchor + (at - anchor) // length * length
        return Period(start, start + length)
    step = _MONTHS[interval] * interval_count
    passed = (at.year * 12 + at.month - anchor.year * 12 - anchor.month) // step
    boundary = anchored(anchor, passed * step)
    # The month may match while the day of the month has not come yet.
    if boundary > at:
        return Period(anchored(anchor, (passed - 1) * step), boundary)
    return Period(boundary, anchored(anchor, (passed + 1) * step))
