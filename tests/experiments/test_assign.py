"""Drawing arms: the same for ever and everywhere, in proportion, and apart from other draws."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np
import pytest

from upstep.experiments.assign import POINTS, arm_at, arms_at, point, points
from upstep.experiments.balance import balance

VECTORS = [
    ("upstep", "acme", 4394),
    ("upstep", "globex", 4705),
    ("another", "acme", 6239),
    ("upstep", "", 5653),
    ("upstep", "Müller & Söhne", 6629),
    ("", "acme", 1308),
]
"""Published in docs/experiments.md: whoever draws elsewhere must get these."""

IDS = [f"account-{index}" for index in range(20_000)]


@pytest.mark.parametrize(("salt", "account_id", "expected"), VECTORS)
def test_an_account_stands_where_the_published_vectors_say(salt: str, account_id: str, expected: int) -> None:
    assert point(salt, account_id) == expected
    assert points(salt, [account_id]).tolist() == [expected]


def test_another_process_draws_the_same() -> None:
    code = "from upstep.experiments.assign import point; print(point('upstep', 'acme'))"
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert int(told) == VECTORS[0][2]


def test_many_at_once_are_drawn_as_one_by_one() -> None:
    assert points("s", IDS[:500]).tolist() == [point("s", name) for name in IDS[:500]]
    assert points("s", []).tolist() == []


def test_points_are_even_and_arms_get_their_shares() -> None:
    drawn = points("upstep", IDS)
    assert 0 <= drawn.min() <= drawn.max() < POINTS
    counts = np.bincount(drawn // 1000, minlength=10).tolist()
    assert not balance(counts, [1] * 10).is_off
    shares = [500, 4500, 5000]
    arms = arms_at(drawn, shares)
    assert not balance(np.bincount(arms, minlength=3).tolist(), shares).is_off
    assert arms.tolist()[:200] == [arm_at(int(place), shares) for place in drawn[:200]]


def test_a_holdout_that_grows_keeps_whom_it_had() -> None:
    drawn = points("upstep", IDS)
    small, large = arms_at(drawn, [500, 9500]) == 0, arms_at(drawn, [2000, 8000]) == 0
    assert (large | ~small).all()


def test_experiments_with_other_salts_are_independent() -> None:
    one, other = points("one", IDS) < 5000, points("other", IDS) < 5000
    counts = [
        int((one & other).sum()),
        int((one & ~other).sum()),
        int((~one & other).sum()),
        int((~one & ~other).sum()),
    ]
    assert not balance(counts, [1] * 4).is_off


@pytest.mark.slow
def test_a_million_accounts_are_drawn_in_two_seconds() -> None:
    ids = [f"account-{index}" for index in range(1_000_000)]
    began = time.process_time()
    points("upstep", ids)
    assert time.process_time() - began < 2
