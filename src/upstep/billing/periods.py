"""Which paid period an item is in, and when its term ends."""

from __future__ import annotations

from datetime import datetime

from upstep.billing.change import Item
from upstep.billing.proration import Period, period_at


def current_period(item: Item, at: datetime) -> Period:
    """The item's paid period that holds ``at``, rolled on from the one it names when that has ended."""
    interval, count = item.every
    if item.period_start and item.period_end and item.period_start <= at < item.period_end:
        return Period(item.period_start, item.period_end)
    return period_at(anchor_of(item), at, interval=interval, interval_count=count)


def anchor_of(item: Item) -> datetime:
    """The instant that the item's periods are counted from."""
    # Of February 28 and March 31 the 31st is the anchor, so the boundary with the later day is counted from.
    known = [boundary for boundary in (item.period_start, item.period_end) if boundary]
    return max(known, key=lambda boundary: boundary.day) if known else item.valid_from


def term_end(item: Item, at: datetime) -> datetime:
    """When the item renews: the end of its period, or of a term that holds several."""
    period = current_period(item, at)
    while item.renews_at is not None and period.end < item.renews_at:
        period = current_period(item, period.end)
    return period.end
