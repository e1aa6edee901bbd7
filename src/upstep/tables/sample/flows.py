"""How use of one meter runs over the billing windows: planned shares of a limit, or a random path of demand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from math import log, pi, sin

from numpy.random import Generator

from upstep.tables.sample.book import Book
from upstep.tables.sample.subscriptions import Subscription
from upstep.tables.sample.usage import OFFICE, Manner
from upstep.tables.sample.windows import DAY

_WORKING_DAYS = Manner(OFFICE)


def write_flow(
    book: Book,
    subscription: Subscription,
    meter_id: str,
    totals: Sequence[int],
    *,
    manner: Manner = _WORKING_DAYS,
    by_people: bool = True,
) -> None:
    """Write use of a flow: one total per window of the subscription, the last one up to as-of.

    Without ``by_people`` machines alone use it, so that it says nothing of who is active.
    """
    customer, until = subscription.customer, subscription.terms.ended_at or book.as_of
    keys, users = (customer.index, book.meter(meter_id)), customer.users if by_people else (-1, 0)
    pace = 0.0
    for window, total in zip(subscription.windows, totals, strict=True):
        end = min(window.end, until)
        if end <= window.begin:
            continue
        rate = total / ((end - window.begin) / DAY)
        # From one window to the next the pace changes within the window, not in a jump at its start.
        growth = max(-0.02, min(0.02, log(rate / pace) / 30)) if pace > 0 and rate > 0 else 0.0
        pace = rate
        book.usage.flow(keys, window.begin, end, total=total, manner=replace(manner, growth=growth), users=users)


def write_stock(book: Book, subscription: Subscription, meter_id: str, *, levels: tuple[int, int]) -> None:
    """Write the level of a stock, once a week, from the first to the last of ``levels``."""
    customer, until = subscription.customer, subscription.terms.ended_at or book.as_of
    begin = max(subscription.stages[0].from_at, subscription.windows[0].begin)
    keys = (customer.index, book.meter(meter_id))
    book.usage.stock(keys, begin, until, levels=levels, manner=Manner(step_days=7), users=customer.users)


def planned_totals(count: int, limit: int, *, periods: Sequence[float], now: int) -> list[int]:
    """Totals of ``count`` windows: ``periods`` are shares of the limit in the last complete, ``now`` is used so far.

    Windows before those lead up to the first planned share evenly, from four fifths of it.
    """
    planned = [round(limit * share) for share in periods][-(count - 1) :] if count > 1 else []
    lead = count - 1 - len(planned)
    first = planned[0] if planned else now
    return [round(first * (0.8 + 0.2 * step / max(1, lead))) for step in range(lead)] + planned + [now]


SHAPES = ("steady",) * 9 + ("growing",) * 5 + ("falling",) * 2 + ("seasonal",) * 3 + ("bursty",)


def random_demand(
    rng: Generator, shape: str, *, level: float, subscription: Subscription, as_of: datetime
) -> list[int]:
    """What the account would use in each window, were there no limit; the newest window up to as-of only."""
    count = len(subscription.windows)
    monthly = {"growing": float(rng.uniform(0.03, 0.11)), "falling": float(rng.uniform(-0.10, -0.03))}.get(shape, 0.0)
    swing, phase = (0.3 if shape == "seasonal" else 0.0), float(rng.uniform(0, 2 * pi))
    sigma = 0.3 if shape == "bursty" else 0.05
    noise = rng.normal(0.0, sigma, count)
    totals = []
    for index, window in enumerate(subscription.windows):
        ago = count - 1 - index
        season = (1 + swing * sin(phase + ago * pi / 6)) / (1 + swing * sin(phase))
        whole = level * (1 + monthly) ** -ago * season * (1 + float(noise[index].clip(-0.6, 0.9)))
        totals.append(max(1, round(whole * window.elapsed_share(as_of))))
    return totals


def capped(book: Book, subscription: Subscription, meter_id: str, demand: Sequence[int]) -> list[int]:
    """What was used of the demand: a hard limit stops it, in the plan that held when the window ended."""
    totals = []
    for window, wanted in zip(subscription.windows, demand, strict=True):
        plan = book.plans[subscription.stage_at(min(window.end, book.as_of)).plan_id]
        limit = plan.limits.get(meter_id)
        totals.append(wanted if limit is None or meter_id in plan.overages else min(wanted, limit))
    return totals


def overage_by_bill(
    book: Book, subscription: Subscription, meter_id: str, totals: Sequence[int]
) -> dict[datetime, int]:
    """What each complete window's overage costs, by the instant of the bill that carries it."""
    bills = {}
    for window, used in zip(subscription.windows[:-1], totals, strict=False):
        plan = book.plans[subscription.stage_at(window.begin).plan_id]
        bills[window.end] = plan.overage_minor(meter_id, used, subscription.customer.currency)
    return bills
