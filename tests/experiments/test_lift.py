"""Lift, balance and waiting: planted differences, arms that were dropped, and what is still needed."""

from __future__ import annotations

import bz2
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from upstep.clock import DAY_SECONDS
from upstep.experiments.balance import balance, upper_chi_square
from upstep.experiments.lift import Lift, Seen, lift
from upstep.experiments.sequential import Arm, difference, observed
from upstep.experiments.size import WEEKS_MAX, wait, weeks_needed

AT = 1_800_000_000
SHARES = {"held_out": 1_000, "offered": 9_000}


def seen(arm: str, values: list[float | None], *, days_ago: int = 100) -> list[Seen]:
    return [Seen(f"{arm}{index}", arm, AT - days_ago * DAY_SECONDS, value) for index, value in enumerate(values)]


def planted(each: float, *, accounts: int = 4_000, seed: int = 2) -> Lift:
    rng = np.random.default_rng(seed)
    held = (rng.random(accounts // 10) < 0.1) * 500.0
    offered = (rng.random(accounts * 9 // 10) < 0.1) * 500.0 + rng.normal(each, 50.0, accounts * 9 // 10)
    return lift([*seen("held_out", list(held)), *seen("offered", list(offered), days_ago=10)], shares=SHARES, at=AT)


def test_a_planted_lift_is_found_an_account_and_in_all() -> None:
    held, offered = planted(100.0).arms
    assert held.each is None
    assert offered.each is not None
    assert offered.total is not None
    assert offered.each.is_clear
    assert offered.wait is None
    low, high = offered.each.low or 0, offered.each.high or 0
    assert low < 100.0 < high
    assert offered.total.estimate == pytest.approx(offered.each.estimate * 3_600)


def test_no_lift_is_not_clear_and_says_what_is_missing() -> None:
    _, offered = planted(0.0).arms
    assert offered.each is not None
    assert not offered.each.is_clear
    assert offered.wait is not None
    assert offered.wait.told.startswith("not enough data")


def test_accounts_within_their_ninety_days_wait_and_are_not_counted() -> None:
    result = lift([*seen("held_out", [1.0, None]), *seen("offered", [None, None])], shares=SHARES, at=AT)
    assert [(arm.seen.count, arm.waiting) for arm in result.arms] == [(1, 1), (0, 2)]


def test_a_dropped_tenth_of_one_arm_is_noticed() -> None:
    rows = [*seen("held_out", [0.0] * 600), *seen("offered", [0.0] * 9_000)]
    result = lift(rows, shares=SHARES, at=AT)
    assert not result.is_believable
    assert result.balance.chance is not None
    assert result.balance.chance < 0.001


def test_counts_by_chance_are_not_noticed_and_few_say_nothing() -> None:
    assert balance([104, 896], [1, 9]).chance == pytest.approx(0.673, abs=0.001)
    assert balance([1, 3], [1, 9]).chance is None
    assert balance([40], [1]).chance is None
    assert not balance([40, 0], [1, 0]).is_off


@pytest.mark.parametrize(
    ("value", "degrees", "chance"),
    [(10.828, 1, 0.001), (13.816, 2, 0.001), (16.266, 3, 0.001), (18.467, 4, 0.001), (20.515, 5, 0.001)],
)
def test_the_chi_square_law_is_that_of_the_tables(value: float, degrees: int, chance: float) -> None:
    assert upper_chi_square(value, degrees) == pytest.approx(chance, rel=1e-3)


def test_more_arms_are_each_told_at_a_smaller_error() -> None:
    rng = np.random.default_rng(4)
    rows = [row for arm in "abc" for row in seen(arm, list(rng.normal(0, 1, 500)))]
    three = lift(rows, shares={"a": 1, "b": 1, "c": 1}, at=AT).arms[1].each
    two = lift([row for row in rows if row.arm != "c"], shares={"a": 1, "b": 1}, at=AT).arms[1].each
    assert three is not None
    assert two is not None
    assert (three.high or 0) - (three.low or 0) > (two.high or 0) - (two.low or 0)


def test_how_long_it_still_takes_follows_the_pace() -> None:
    arms = [Arm(200, 0.12, 0.1056, 24), Arm(200, 0.08, 0.0736, 16)]
    fast, slow = (wait(arms, per_week=pace, shares=[1, 1]).weeks or 0 for pace in (400.0, 100.0))
    assert 0 < fast < slow
    assert "about 1 more week:" in wait([Arm(0, 0, 0, 0)] * 2, per_week=1_000.0, shares=[1, 1]).told
    assert wait(arms, per_week=0.0, shares=[1, 1]).weeks is None
    assert wait([Arm(200, 0.08, 0.07, 16)] * 2, per_week=10.0, shares=[1, 1]).weeks is None
    assert wait([Arm(3, 0.0, 0.0, 0), Arm(200, 0.1, 0.09, 20)], per_week=0.1, shares=[1, 9]).weeks is None


def test_planning_tells_the_weeks_that_a_least_difference_needs() -> None:
    few = weeks_needed(0.05, deviation=0.3, per_week=100, shares=[1, 1])
    more = weeks_needed(0.05, deviation=0.3, per_week=100, shares=[1, 9])
    assert few is not None
    assert more is not None
    assert few < more <= WEEKS_MAX
    assert weeks_needed(0.001, deviation=0.3, per_week=10, shares=[1, 1]) is None


@pytest.mark.slow
def test_a_letter_that_named_the_neighbours_brought_eight_more_in_a_hundred_to_the_polls(public_data: Path) -> None:
    """Gerber, Green and Larimer (2008), American Political Science Review 102: 29.7% without a letter, 37.8% with."""
    columns = _social(public_data / "gotv_social" / "social.rda")
    messages, voted = np.array(columns["messages"]), np.array(columns["primary2006"], np.float64)
    control, neighbours = observed(voted[messages == "Control"]), observed(voted[messages == "Neighbors"])
    found = difference(neighbours, control)
    assert (control.count, neighbours.count) == (191_243, 38_201)
    assert found.estimate == pytest.approx(0.081, abs=0.0005)
    assert found.is_clear
    assert found.low is not None
    assert found.high is not None
    # The published standard error is 0.0026 (households); an interval for all times is about twice a book's.
    assert 0.07 < found.low < 0.075
    assert 0.087 < found.high < 0.092


def _social(path: Path) -> dict[str, list[Any]]:
    """The columns of the one data frame in a file of R's own format, version 2, as far as this one goes."""
    raw = bz2.decompress(path.read_bytes())
    assert raw[:7] == b"RDX2\nX\n"
    return dict(_Reader(raw, 7 + 12).frame())


class _Reader:
    def __init__(self, raw: bytes, at: int) -> None:
        self.raw, self.at, self.symbols = raw, at, list[str]()

    def number(self) -> int:
        self.at += 4
        return int(struct.unpack(">i", self.raw[self.at - 4 : self.at])[0])

    def frame(self) -> Iterator[tuple[str, list[Any]]]:
        (_, values), *_ = self.pairs(self.number())
        columns, attributes = values
        return zip(attributes["names"], columns, strict=True)

    def pairs(self, flags: int) -> list[tuple[str, Any]]:
        found = []
        while flags & 255 == 2:
            name = self.item()
            found.append((name, self.item(keep_attributes=True)))
            flags = self.number()
        return found

    def item(self, *, keep_attributes: bool = False) -> Any:
        flags = self.number()
        kind, attributes = flags & 255, {}
        if kind == 255:  # a symbol that was named before
            return self.symbols[(flags >> 8) - 1]
        if kind == 1:
            self.symbols.append(self.item())
            return self.symbols[-1]
        if kind == 9:
            length = self.number()
            self.at += max(0, length)
            return self.raw[self.at - length : self.at].decode() if length >= 0 else None
        value = self.vector(kind, self.number())
        if flags & 512:
            attributes = dict(self.pairs(self.number()))
        if "levels" in attributes:
            value = [attributes["levels"][0][code - 1] for code in value]
        plain = {name: told[0] if isinstance(told, tuple) else told for name, told in attributes.items()}
        return (value, plain) if keep_attributes else value

    def vector(self, kind: int, length: int) -> list[Any]:
        if kind in (16, 19):
            return [self.item() for _ in range(length)]
        code, size = ("i", 4) if kind in (10, 13) else ("d", 8)
        self.at += size * length
        return list(struct.unpack(f">{length}{code}", self.raw[self.at - size * length : self.at]))
