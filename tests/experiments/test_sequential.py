"""Intervals for daily looks: A/A trials raise at most 5 false alarms in 100, and a planted difference is found."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt

import numpy as np
import pytest

from upstep.experiments.sequential import (
    ALPHA,
    EACH_MIN,
    SPREAD_MIN,
    Arm,
    difference,
    half_width,
    multiplier,
    observed,
    p_value,
    variance_between,
    variances_between,
)

Draw = Callable[[np.random.Generator, tuple[int, int]], np.ndarray]


def share(of: float) -> Draw:
    return lambda rng, size: (rng.random(size) < of).astype(float)


def money(grows: float, shrinks: float) -> Draw:
    """Most accounts do nothing, some grow by amounts with a long tail, some fall."""

    def draw(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
        up = (rng.random(size) < grows) * rng.lognormal(4.0, 1.2, size)
        return up - (rng.random(size) < shrinks) * rng.lognormal(4.5, 1.0, size)

    return draw


MEASURES = {"conversion 5%": share(0.05), "conversion 20%": share(0.2), "money": money(0.08, 0.0)}
MEASURES["net money"] = money(0.08, 0.04)


def daily(draw: Draw, *, trials: int, days: int, held: float, seed: int, planted: float = 0.0) -> tuple[float, float]:
    """Share of trials that ever alarm when looked at daily: by our interval, and by the one of a book."""
    rng = np.random.default_rng(seed)
    per_day = 20
    values = draw(rng, (trials, days * per_day))
    base = rng.random(values.shape) < held
    values = values + planted * ~base

    def until(part: np.ndarray) -> np.ndarray:
        return np.cumsum(part, axis=1)[:, per_day - 1 :: per_day].astype(float)

    told = []
    for arm in (~base, base):
        count, total, square = until(arm), until(values * arm), until(values**2 * arm)
        differing = until(arm & (values != (planted if arm is not base else 0.0)))
        with np.errstate(all="ignore"):
            told.append((count, total / count, (square - total**2 / count) / (count - 1), differing))
    (count, mean, variance, differing), (base_count, base_mean, base_variance, base_differing) = told
    enough = (np.minimum(count, base_count) >= EACH_MIN) & (np.minimum(differing, base_differing) >= SPREAD_MIN)
    with np.errstate(all="ignore"):
        gap = np.abs(mean - base_mean)
        error = np.sqrt(variances_between(count, variance, base_count, base_variance))
        book = 1.96 * np.sqrt(variance / count + base_variance / base_count)
        ours = enough & (gap > error * multiplier(count + base_count))
    return float(ours.any(axis=1).mean()), float((enough & (gap > book)).any(axis=1).mean())


@pytest.mark.parametrize("held", [0.1, 0.5])
@pytest.mark.parametrize("measure", MEASURES)
def test_no_difference_raises_at_most_five_false_alarms_in_a_hundred_however_often_it_is_looked_at(
    measure: str, held: float
) -> None:
    false, _ = daily(MEASURES[measure], trials=150, days=60, held=held, seed=3)
    assert false <= ALPHA


def test_a_books_interval_looked_at_daily_raises_far_more() -> None:
    _, book = daily(MEASURES["conversion 20%"], trials=150, days=60, held=0.5, seed=3)
    assert book > 0.15


@pytest.mark.slow
@pytest.mark.parametrize("held", [0.05, 0.1, 0.5])
@pytest.mark.parametrize("measure", MEASURES)
def test_no_difference_raises_few_false_alarms_in_a_year_of_daily_looks(measure: str, held: float) -> None:
    alarms = [daily(MEASURES[measure], trials=200, days=365, held=held, seed=seed)[0] for seed in range(5)]
    assert np.mean(alarms) <= ALPHA


def test_a_planted_difference_is_found() -> None:
    found, _ = daily(MEASURES["conversion 5%"], trials=50, days=100, held=0.5, seed=5, planted=0.2)
    assert found > 0.95


def test_the_interval_holds_the_truth_and_leaves_zero_out_when_it_is_clear() -> None:
    rng = np.random.default_rng(1)
    arm, baseline = observed(rng.normal(3.0, 4.0, 4_000)), observed(rng.normal(2.0, 4.0, 4_000))
    found = difference(arm, baseline)
    assert found.low is not None
    assert found.high is not None
    assert found.low < 1.0 < found.high
    assert found.is_clear
    assert p_value(found.estimate, variance_between(arm, baseline), 8_000) < ALPHA


def test_the_chance_is_alpha_where_the_interval_just_touches_zero() -> None:
    assert p_value(half_width(2_500, 0.3), 0.3, 2_500) == pytest.approx(ALPHA)
    assert p_value(0.0, 0.0, 10) == 1.0
    assert p_value(1.0, 0.0, 10) == 0.0


def test_too_few_accounts_or_too_few_that_differ_have_no_interval() -> None:
    many, few = Arm(5_000, 0.5, 0.25, 2_000), Arm(EACH_MIN - 1, 0.2, 0.16, 6)
    still = Arm(5_000, 0.0, 0.0, SPREAD_MIN - 1)
    assert difference(few, many).low is None
    assert difference(many, still).high is None
    assert not difference(few, still).is_clear


def test_an_arm_without_accounts_is_told_as_such() -> None:
    assert observed(np.array([])) == Arm(0, 0.0, 0.0, 0)
    assert observed(np.array([2.0])).count == 1


def test_an_arm_that_varies_less_than_both_together_counts_as_both() -> None:
    small, large = Arm(100, 1.0, 1.0, 50), Arm(900, 1.0, 9.0, 500)
    assert variance_between(small, large) > small.variance / 100 + large.variance / 900
    assert sqrt(variance_between(small, large)) < 3 * sqrt(1 / 100 + 1 / 900)
