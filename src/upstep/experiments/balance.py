"""Is an experiment drawn as it was meant to be? Counts far from the shares mean that something drops accounts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import erfc, exp, pi, sqrt

ALPHA = 0.001
"""So small because it is looked at daily, and because what it finds makes a result worthless.

Source: Fabijan and others (2019), "Diagnosing sample ratio mismatch in online controlled experiments", KDD.
"""

EXPECTED_MIN = 5.0
"""Fewer expected in an arm than this, and the chi-square law does not hold: nothing is said."""


@dataclass(frozen=True)
class Balance:
    """Counts beside what the shares promise; ``chance`` of so large a gap, None where there are too few accounts."""

    counts: tuple[int, ...]
    expected: tuple[float, ...]
    chance: float | None

    @property
    def is_off(self) -> bool:
        """Whether the result must not be believed."""
        return self.chance is not None and self.chance < ALPHA


def balance(counts: Sequence[int], shares: Sequence[int]) -> Balance:
    """The chi-square test of counts against shares.

    >>> balance([5_000, 5_000], [1, 1]).is_off, balance([5_300, 4_700], [1, 1]).is_off
    (False, True)
    """
    total, whole = sum(counts), sum(shares)
    expected = tuple(total * share / whole for share in shares)
    drawn = [index for index, share in enumerate(shares) if share]
    if len(drawn) < 2 or min(expected[index] for index in drawn) < EXPECTED_MIN:
        return Balance(tuple(counts), expected, None)
    statistic = sum((counts[index] - expected[index]) ** 2 / expected[index] for index in drawn)
    return Balance(tuple(counts), expected, upper_chi_square(statistic, len(drawn) - 1))


def upper_chi_square(value: float, degrees: int) -> float:
    """The share of a chi-square law above a value; by the recurrence from one or two degrees upwards.

    >>> round(upper_chi_square(3.841, 1), 3), round(upper_chi_square(5.991, 2), 3), round(upper_chi_square(7.815, 3), 3)
    (0.05, 0.05, 0.05)
    """
    half = value / 2
    found, term, step = (erfc(sqrt(half)), 0.0, 1) if degrees % 2 else (exp(-half), exp(-half), 2)
    if step == 1 and degrees > 1:
        term = 2 * sqrt(half / pi) * exp(-half)
        found, step = found + term, 3
    while step < degrees:
        term *= half / (step / 2)
        found, step = found + term, step + 2
    return found
