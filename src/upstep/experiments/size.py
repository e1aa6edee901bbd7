"""How long until something can be said: weeks that an experiment still needs, at the pace at which accounts come."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, sqrt
from typing import TYPE_CHECKING

import numpy as np

from upstep.experiments.sequential import EACH_MIN, SPREAD_MIN, Arm, multiplier

if TYPE_CHECKING:
    from collections.abc import Sequence

WEEKS_MAX = 104
"""Beyond two years no number is told: nothing will be as it is now."""


@dataclass(frozen=True)
class Wait:
    """What is still to be waited for. ``weeks`` None: longer than anyone should plan for, or nobody comes."""

    weeks: int | None
    why: str

    @property
    def told(self) -> str:
        """As a person reads it."""
        if self.weeks is None:
            return f"not enough data: {self.why}"
        return f"not enough data, about {self.weeks} more {'week' if self.weeks == 1 else 'weeks'}: {self.why}"


def wait(arms: Sequence[Arm], *, per_week: float, shares: Sequence[int]) -> Wait:
    """What a comparison of two arms that is not clear yet still needs.

    Until every arm has enough for an interval, the weeks until then; after that, the weeks until the interval of a
    difference as it stands now would leave zero out.

    Args:
        arms: The arm and the baseline.
        per_week: How many accounts a week come to the point, in both arms together.
        shares: Of the two arms.
    """
    if per_week <= 0:
        return Wait(None, "no account comes to the point at which its arm makes a difference")
    missing = max(_missing(arm, share * per_week / sum(shares)) for arm, share in zip(arms, shares, strict=True))
    if missing > 0:
        why = f"each arm needs {EACH_MIN} accounts, {SPREAD_MIN} of them unlike the others"
        return Wait(_bounded(missing), why)
    weeks = weeks_until_clear(arms, per_week=per_week, shares=shares)
    if weeks is None:
        return Wait(None, f"the difference as it stands is too small to be told apart within {WEEKS_MAX} weeks")
    return Wait(weeks, "if the difference stays what it is")


def weeks_until_clear(arms: Sequence[Arm], *, per_week: float, shares: Sequence[int]) -> int | None:
    """Whole weeks until the interval would leave zero out, if means and variances stay; None beyond ``WEEKS_MAX``."""
    gap = abs(arms[0].mean - arms[1].mean)
    weeks = np.arange(0, WEEKS_MAX + 1, dtype=np.float64)
    counts = [arm.count + weeks * per_week * share / sum(shares) for arm, share in zip(arms, shares, strict=True)]
    # Of each arm the larger variance: about what ``sequential.variance_between`` will find by then.
    each = max(arm.variance for arm in arms)
    variance = each / counts[0] + each / counts[1]
    clear = np.flatnonzero(np.sqrt(variance) * multiplier(counts[0] + counts[1]) < gap)
    return int(clear[0]) if len(clear) else None


def weeks_needed(least: float, *, deviation: float, per_week: float, shares: Sequence[int]) -> int | None:
    """Planning: whole weeks until a difference of ``least`` would be told apart.

    Args:
        least: The smallest difference worth knowing, in the measure's unit.
        deviation: The standard deviation between accounts; of a share p it is sqrt(p (1 - p)).
    """
    arms = [Arm(0, mean, deviation * deviation, SPREAD_MIN) for mean in (least, 0.0)]
    weeks = np.arange(1, WEEKS_MAX + 1, dtype=np.float64)
    counts = [weeks * per_week * share / sum(shares) for share in shares]
    half = sqrt(arms[0].variance) * np.sqrt(1 / counts[0] + 1 / counts[1]) * multiplier(counts[0] + counts[1])
    clear = np.flatnonzero((half < least) & (np.minimum(*counts) >= EACH_MIN))
    return int(clear[0]) + 1 if len(clear) else None


def _missing(arm: Arm, per_week: float) -> float:
    """Weeks until an arm has enough accounts, and enough that differ, at the share that differs now."""
    if per_week <= 0:
        return float("inf")
    accounts = max(0, EACH_MIN - arm.count)
    if arm.count and arm.differing < SPREAD_MIN:
        # Half a case more, so that an arm in which nobody differs yet has a finite answer.
        share = (arm.differing + 0.5) / (arm.count + 1)
        accounts = max(accounts, ceil((SPREAD_MIN - arm.differing) / share))
    elif not arm.count:
        accounts = EACH_MIN
    return accounts / per_week


def _bounded(weeks: float) -> int | None:
    return max(1, ceil(weeks)) if weeks <= WEEKS_MAX else None
