"""What chance alone would do: intervals of shares and of their ratio, and how many findings may be believed at once."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Z_95 = NormalDist().inv_cdf(0.975)


@dataclass(frozen=True)
class Share:
    """A counted share with its 95% interval."""

    count: int
    of: int

    @property
    def value(self) -> float | None:
        """None where nobody was counted."""
        return self.count / self.of if self.of else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson's score interval, which holds for small counts and never leaves 0 to 1.

        Source: Wilson (1927), Journal of the American Statistical Association 22; Brown, Cai and DasGupta (2001)
        recommend it.
        """
        if not self.of:
            return None
        share, square = self.count / self.of, Z_95 * Z_95 / self.of
        middle = (share + square / 2) / (1 + square)
        half = Z_95 / (1 + square) * (share * (1 - share) / self.of + square / (4 * self.of)) ** 0.5
        # Bounded by the share itself, which rounding could overstep where all or none were counted.
        return max(0.0, min(middle - half, share)), min(1.0, max(middle + half, share))


def ratio_interval(hits: Floats, of: Floats, base_hits: Floats, base_of: Floats) -> tuple[Floats, Floats, Floats]:
    """The ratio of two shares, with its 95% interval, element by element; NaN where a side is empty.

    Half a case is added to each count, so that a side without any case has a finite answer.

    Source: Katz and others (1978), Biometrics 34: the logarithm of a ratio of shares is nearly normal.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        a, b, c, d = hits + 0.5, of + 0.5, base_hits + 0.5, base_of + 0.5
        ratio = (a / b) / (c / d)
        spread = Z_95 * np.sqrt(np.maximum(1 / a - 1 / b + 1 / c - 1 / d, 0.0))
        low, high = ratio * np.exp(-spread), ratio * np.exp(spread)
    empty = (of <= 0) | (base_of <= 0)
    return tuple(np.where(empty, np.nan, part) for part in (ratio, low, high))  # type: ignore[return-value]


def excess_chance(hits: Floats, of: Floats, base_hits: Floats, base_of: Floats) -> Floats:
    """How often chance alone would put the first share so far above the second, element by element; 1 where unknown.

    The one-sided test of two shares with a pooled variance, with Yates's correction by half a case, so that small
    counts are not believed too easily.
    """
    whole = of + base_of
    with np.errstate(divide="ignore", invalid="ignore"):
        pooled = (hits + base_hits) / whole
        expected = of * pooled
        variance = expected * (1 - pooled) * base_of / whole
        z = np.where(variance > 0, (hits - expected - 0.5) / np.sqrt(variance), -np.inf)
    return upper_tail(np.where(np.isfinite(z), z, -40.0))


def upper_tail(z: Floats) -> Floats:
    """The share of a normal distribution above z, element by element."""
    from math import erfc, sqrt

    return np.array([0.5 * erfc(value / sqrt(2)) for value in np.ravel(z)], np.float64).reshape(np.shape(z))


def believable(chances: Floats, *, false_share: float) -> NDArray[np.bool_]:
    """Which of many findings to keep, so that at most this share of those kept is expected to be chance.

    Source: Benjamini and Hochberg (1995), Journal of the Royal Statistical Society B 57. It also holds when tests rise
    together, as thresholds of one figure do (Benjamini and Yekutieli, 2001).
    """
    count = len(chances)
    if not count:
        return np.zeros(0, np.bool_)
    order = np.argsort(chances, kind="stable")
    passes = chances[order] <= false_share * np.arange(1, count + 1) / count
    last = int(np.flatnonzero(passes)[-1]) + 1 if passes.any() else 0
    kept = np.zeros(count, np.bool_)
    kept[order[:last]] = True
    return kept
