"""A trial as an incentive: the change is made now, costs nothing for n days, then what it costs by the quoted price.

Of a subscription that runs, the old price goes on being paid meanwhile: what is tried free is what is new.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from upstep.billing.change import Behaviour, Change, Item, Starts, trial_days_of
from upstep.billing.periods import current_period
from upstep.billing.proration import LineKind
from upstep.billing.quote import Quote, QuoteLine
from upstep.clock import written_day
from upstep.errors import Fault, QuoteError
from upstep.money import format_minor

YEAR_DAYS = 365


def trial_end(change: Change, at: datetime) -> datetime:
    """When a trial that begins at ``at`` ends and is charged."""
    days = trial_days_of(change)
    assert days is not None, "the change is no trial"
    return at + timedelta(days=days)


def refuse_trial(change: Change, live: Sequence[Item], *, at: datetime) -> None:
    """Refuse a trial whose charge could not be told to the unit today.

    Args:
        live: What the subscription has; empty for a new one.

    Raises:
        QuoteError: All reasons at once.
    """
    place, ends_at = f"subscription {change.subscription_id}", trial_end(change, at)
    found = []
    if change.starts is not Starts.NOW:
        found.append("a trial begins now, and the change waits for the renewal.")
    if change.behaviour is not Behaviour.ALWAYS_INVOICE:
        found.append("what a trial costs is charged when it ends; it cannot wait for a later invoice.")
    if any(item.status == "trialing" for item in live):
        found.append("is in trial already.")
    leaves = [item.cancel_at for item in live if item.cancel_at is not None and item.cancel_at <= ends_at]
    ends = [current_period(item, at).end for item in live]
    for word, instants in (("ends", leaves), ("renews", [] if leaves else ends)):
        if instants and min(instants) <= ends_at:
            days = f"before a trial of {trial_days_of(change)} days would be over"
            found.append(f"{word} on {min(instants):%Y-%m-%d}, {days}: what is charged then cannot be told today.")
    if found:
        raise QuoteError([Fault(place, why, "Offer it without a trial.") for why in found])


def tried(change: Change, today: Quote, *, charged_minor: int) -> Quote:
    """The quote of a trial: nothing today, and what is charged when it ends as the next invoice. Without its id.

    Args:
        change: With the trial.
        today: The same change without it.
        charged_minor: What it costs at the trial's end.
    """
    days, ends_at = trial_days_of(change), trial_end(change, today.at)
    text = f"Free for {days} days, until {written_day(ends_at)}"
    return replace(
        today,
        quote_id="",
        change=change,
        lines=(),
        proration_minor=0,
        due_now_minor=0,
        credit_used_minor=0,
        next_invoice_minor=charged_minor,
        next_invoice_at=ends_at,
        incentive_lines=(QuoteLine(text, -trial_cost_minor(change, today), LineKind.CREDIT),),
    )


def trial_cost_minor(change: Change, quote: Quote) -> int:
    """What a trial gives away: so many days of what recurs more, by a year of 365 days, rounded up to a whole unit.

    >>> -(-1200 * 14 // 365)
    47
    """
    days = trial_days_of(change) or 0
    return -(-max(quote.yearly_difference_minor, 0) * days // YEAR_DAYS)


def free_until(quote: Quote) -> datetime | None:
    """Until when nothing is charged for the change; None: it is no trial."""
    return quote.next_invoice_at if trial_days_of(quote.change) is not None else None


def told_trial(quote: Quote) -> str | None:
    """A trial in words for the customer: nothing today, from when it is charged, and how much. None: it is none."""
    ends_at = free_until(quote)
    if ends_at is None:
        return None
    first = format_minor(quote.next_invoice_minor, quote.currency)
    return (
        f"Free for {trial_days_of(quote.change)} days: nothing is charged for it today. "
        f"It is charged from {written_day(ends_at)} on, {first} on that day{_then(quote)}."
    )


def _then(quote: Quote) -> str:
    """What recurs after the first charge."""
    prices = [(i.amount_after_minor, i.every_after) for i in quote.items if i.amount_after_minor and i.every_after]
    said = []
    for amount, every in prices:
        assert amount is not None
        assert every is not None
        interval, count = every
        each = f"a {interval}" if count == 1 else f"every {count} {interval}s"
        said.append(f"{format_minor(amount, quote.currency)} {each}")
    return f", then {' and '.join(said)}" if said else ""
