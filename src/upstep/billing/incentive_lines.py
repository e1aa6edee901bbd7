"""What an incentive takes off each of the invoices that it lowers, line by line, before anybody says yes."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from upstep.billing.change import Change, Incentive
from upstep.billing.proration import LineKind, period_at
from upstep.billing.quote import QuoteLine
from upstep.clock import written_day
from upstep.errors import Fault, QuoteError
from upstep.money import format_minor
from upstep.wording import percentage

MOST_LINES = 36
"""Three years of months: more is no incentive, it is another price."""


def incentive_lines(
    change: Change, off_minor: int, *, first_at: datetime, every: Iterable[tuple[str, int]]
) -> tuple[QuoteLine, ...]:
    """The lines of a change's incentive; none where the change has none.

    Args:
        off_minor: What it takes off the first invoice; the later ones are alike.
        first_at: When that is.
        every: How often the items on these invoices are billed: all alike, or the invoices would differ.

    Raises:
        QuoteError: It lowers several invoices that differ, or for ever.
    """
    incentive = change.incentive
    if incentive is None:
        return ()
    place = f"incentive {incentive.incentive_id}"
    periods = incentive.periods
    if periods is None or periods > MOST_LINES:
        raise QuoteError(Fault(place, "has no end that can be shown line by line.", f"At most {MOST_LINES} periods."))
    terms = set(every)
    if periods > 1 and len(terms) > 1:
        raise QuoteError(Fault(place, "lowers several invoices of items that are billed at different intervals."))
    interval, count = next(iter(terms), ("month", 1))
    instants, at = [], first_at
    for _ in range(periods):
        instants.append(at)
        at = period_at(first_at, at, interval=interval, interval_count=count).end
    words = told(incentive)
    return tuple(
        QuoteLine(f"{words} the invoice of {written_day(when)}", -off_minor, LineKind.CREDIT) for when in instants
    )


def told(incentive: Incentive) -> str:
    """What it gives, in words that the day of the invoice follows."""
    if incentive.percent == 100:  # all of it
        return "Nothing to pay of"
    if incentive.percent is not None:
        return f"{percentage(incentive.percent)} off"
    return f"{format_minor(incentive.amount_minor or 0, incentive.currency or '')} off"
