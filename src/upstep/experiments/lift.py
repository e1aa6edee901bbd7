"""Lift: what would not have happened without us, an account and in all, with an interval that holds at all times."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from upstep.clock import DAY_SECONDS
from upstep.experiments.balance import Balance, balance
from upstep.experiments.sequential import ALPHA, Arm, Difference, difference, observed
from upstep.experiments.size import Wait, wait

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

WINDOW_DAYS = 90
"""What an account did within so many days after its exposure counts; who is still within them is not counted yet."""


@dataclass(frozen=True)
class Seen:
    """One exposed account: its arm, when it was exposed (seconds), and what it did; None: its time is not over."""

    account_id: str
    arm: str
    exposed_at: int
    value: float | None


@dataclass(frozen=True)
class ArmLift:
    """One arm beside the baseline.

    Args:
        arm: Its name.
        seen: What was counted in it.
        waiting: Exposed accounts whose time is not over.
        each: The difference an account; None for the baseline itself.
        total: The same over all counted accounts of the arm.
        wait: What is still needed to tell; None when it is clear.
    """

    arm: str
    seen: Arm
    waiting: int
    each: Difference | None
    total: Difference | None
    wait: Wait | None


@dataclass(frozen=True)
class Lift:
    """An experiment's result. ``arms`` in the experiment's order; the first is the baseline."""

    arms: tuple[ArmLift, ...]
    balance: Balance

    @property
    def is_believable(self) -> bool:
        """Whether the arms are drawn as they should be."""
        return not self.balance.is_off


def lift(seen: Iterable[Seen], *, shares: Mapping[str, int], at: int) -> Lift:
    """The result of what the accounts of each arm did.

    With more than two arms each comparison is told at a smaller error, so that all of them together keep 5 percent
    (Bonferroni).

    Args:
        seen: Every exposed account once.
        shares: Arm to its share, the baseline first.
        at: Now, in seconds; the pace of the last 90 days tells how long the rest will take.
    """
    rows = list(seen)
    counts = [sum(row.arm == arm for row in rows) for arm in shares]
    arms = {
        arm: observed(np.array([row.value for row in rows if row.arm == arm and row.value is not None], np.float64))
        for arm in shares
    }
    waiting = {arm: sum(row.arm == arm and row.value is None for row in rows) for arm in shares}
    baseline, *others = shares
    alpha = ALPHA / max(1, len(others))
    told = [ArmLift(baseline, arms[baseline], waiting[baseline], None, None, None)]
    for arm in others:
        each = difference(arms[arm], arms[baseline], alpha=alpha)
        pace = _per_week([row for row in rows if row.arm in {arm, baseline}], at)
        rest = None
        if not each.is_clear:
            rest = wait([arms[arm], arms[baseline]], per_week=pace, shares=[shares[arm], shares[baseline]])
        told.append(ArmLift(arm, arms[arm], waiting[arm], each, _total(each, arms[arm].count), rest))
    return Lift(tuple(told), balance(counts, list(shares.values())))


def _total(each: Difference, count: int) -> Difference:
    low, high = (None if bound is None else bound * count for bound in (each.low, each.high))
    return Difference(each.estimate * count, low, high)


def _per_week(rows: Sequence[Seen], at: int) -> float:
    """Accounts a week that came to the point, over the last 90 days or since the first one came."""
    since = at - WINDOW_DAYS * DAY_SECONDS
    recent = [row.exposed_at for row in rows if row.exposed_at > since]
    if not recent:
        return 0.0
    days = max(7.0, (at - max(since, min(row.exposed_at for row in rows))) / DAY_SECONDS)
    return len(recent) / (days / 7)
