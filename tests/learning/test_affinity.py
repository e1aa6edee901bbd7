"""Affinities in made-up pasts: every planted pair is found, with its threshold, and where there is none, none."""

from __future__ import annotations

import pytest

from tests.learning.past import past
from upstep.learning.affinity import Affinity, Compared, Guards, find_affinities
from upstep.learning.chance import Share

PLANTED = {(0, 1): 30, (3, 0): 20, (5, 4): 45, (7, 2): 25}


@pytest.mark.parametrize("seed", range(3))
def test_every_planted_pair_is_found_and_nothing_else(seed: int) -> None:
    found = find_affinities(past(PLANTED, seed=seed)).found
    assert {(one.feature, one.product) for one in found} == set(PLANTED)


def test_thresholds_are_near_the_planted_ones() -> None:
    found = find_affinities(past(PLANTED, seed=1)).found
    off = {(one.feature, one.product): one.threshold - PLANTED[one.feature, one.product] for one in found}
    assert all(abs(by) <= 5 for by in off.values()), off


@pytest.mark.parametrize("seed", range(20))
def test_where_nothing_is_planted_nothing_is_found(seed: int) -> None:
    assert find_affinities(past({}, seed=seed)).found == ()


def test_the_confirmed_lift_covers_what_was_planted() -> None:
    for one in find_affinities(past(PLANTED, seed=2)).found:
        _, low, high = one.confirmed.lift
        # Those below hold a few above the planted threshold, so the lift is a little under the planted five.
        assert low < 5
        assert high > 3.5


def test_the_strongest_comes_first() -> None:
    found = find_affinities(past(PLANTED, seed=0)).found
    lows = [one.confirmed.lift[1] for one in found]
    assert lows == sorted(lows, reverse=True)


def test_a_products_own_meter_is_not_asked() -> None:
    found = find_affinities(past(PLANTED, seed=0), own={(0, 1)}).found
    assert {(one.feature, one.product) for one in found} == set(PLANTED) - {(0, 1)}


def test_owners_are_not_at_risk() -> None:
    connection = past(PLANTED, seed=0)
    everybody = find_affinities(connection).found[0]
    connection.execute(f"DELETE FROM owned WHERE product = {everybody.product}")
    at_risk = next(one for one in find_affinities(connection).found if one.product == everybody.product)

    assert everybody.confirmed.above.of + everybody.confirmed.below.of < 9_000
    assert at_risk.confirmed.above.of + at_risk.confirmed.below.of == 9_000


def test_what_only_the_earlier_part_shows_is_a_candidate_and_no_finding() -> None:
    connection = past(PLANTED, seed=0)
    connection.execute("UPDATE bought SET product = (product + 1) % 5 WHERE part = 1")
    search = find_affinities(connection)

    assert search.found == ()
    assert search.candidates >= len(PLANTED)


def test_too_few_accounts_say_nothing() -> None:
    assert find_affinities(past(PLANTED, seed=0), guards=Guards(users_least=5_000)).found == ()
    assert find_affinities(past(PLANTED, seed=0), guards=Guards(buyers_least=1_000)).found == ()


def test_without_use_or_purchases_there_is_nothing_to_look_at() -> None:
    for table in ("used", "bought"):
        connection = past(PLANTED, seed=0)
        connection.execute(f"DELETE FROM {table}")
        assert find_affinities(connection).tested == 0


def test_a_finding_tells_its_figures() -> None:
    one = Affinity(0, 0, 30, Compared(Share(9, 90), Share(1, 90)), Compared(Share(50, 500), Share(20, 1000)))
    lift, low, high = one.confirmed.lift

    assert lift == pytest.approx(5, rel=0.03)
    assert low < 5 < high
    assert one.confirmed.chance < 1e-6
