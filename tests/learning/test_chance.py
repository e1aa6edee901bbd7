"""Intervals and what chance alone would do, beside published figures and simple truths."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from upstep.learning.chance import Share, believable, excess_chance, ratio_interval, upper_tail


def test_wilsons_interval_is_the_published_one() -> None:
    # Newcombe (1998), Statistics in Medicine 17, table I: 81 of 263 and 1 of 29, method 3.
    assert Share(81, 263).interval == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert Share(1, 29).interval == pytest.approx((0.0061, 0.1718), abs=5e-5)


def test_of_nobody_nothing_is_said() -> None:
    assert (Share(0, 0).value, Share(0, 0).interval) == (None, None)


@given(st.integers(0, 500), st.integers(1, 500))
def test_an_interval_holds_its_share_and_stays_between_none_and_all(count: int, more: int) -> None:
    share = Share(count, count + more)
    low, high = share.interval or (None, None)
    assert low is not None
    assert high is not None
    assert 0 <= low <= (share.value or 0) <= high <= 1


def one(*values: float) -> list[np.ndarray]:
    return [np.array([value], float) for value in values]


def test_equal_shares_have_a_ratio_of_one_inside_its_interval() -> None:
    ratio, low, high = ratio_interval(*one(50, 1000, 50, 1000))
    assert ratio[0] == pytest.approx(1)
    assert low[0] < 1 < high[0]


def test_a_ratio_of_nobody_is_unknown() -> None:
    assert np.isnan(ratio_interval(*one(0, 0, 5, 10))).all()


def test_the_interval_of_a_ratio_covers_the_truth_as_often_as_it_says() -> None:
    random = np.random.default_rng(1)
    hits, base = random.binomial(400, 0.10, 20_000), random.binomial(2_000, 0.04, 20_000)
    of, base_of = np.full(20_000, 400.0), np.full(20_000, 2_000.0)
    _, low, high = ratio_interval(hits.astype(float), of, base.astype(float), base_of)
    assert np.mean((low <= 2.5) & (high >= 2.5)) == pytest.approx(0.95, abs=0.01)


def test_chance_is_not_believed_more_often_than_it_says() -> None:
    random = np.random.default_rng(2)
    hits, base = random.binomial(60, 0.05, 20_000), random.binomial(3_000, 0.05, 20_000)
    chances = excess_chance(hits.astype(float), np.full(20_000, 60.0), base.astype(float), np.full(20_000, 3_000.0))
    assert np.mean(chances < 0.01) < 0.015


def test_the_upper_tail_is_the_normal_one() -> None:
    assert upper_tail(np.array([0.0, 1.959964])) == pytest.approx([0.5, 0.025], abs=1e-6)


def test_benjamini_and_hochbergs_own_example_keeps_four() -> None:
    # Benjamini and Hochberg (1995), section 4: fifteen tests, of which four are kept at 0.05.
    chances = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459]
    chances += [0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0000]
    assert believable(np.array(chances[::-1]), false_share=0.05).tolist() == [False] * 11 + [True] * 4


def test_of_no_findings_none_are_kept() -> None:
    assert believable(np.array([]), false_share=0.05).tolist() == []
