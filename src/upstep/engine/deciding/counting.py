"""How many steps a lane has and how many accounts are left alone: page and terminal say the same figures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from upstep.engine.deciding.decide import Run

_BUSY = ("eligible", "unconfirmed", "held_out")


@dataclass(frozen=True)
class LaneCount:
    """The steps of one lane, one for each account in it.

    Args:
        eligible: On today's list.
        held_out: Kept back to measure.
        unconfirmed: Waiting for an answer that no table gives.
    """

    eligible: int
    held_out: int
    unconfirmed: int

    @property
    def total(self) -> int:
        """All of them."""
        return self.eligible + self.held_out + self.unconfirmed


@dataclass(frozen=True)
class Alone:
    """The accounts that nobody turns to today, by why; no account is in two.

    Args:
        served: Account ids, sorted: nothing serves them better than what they have.
        waiting: Account ids, sorted: at least one step waits and none can be taken.
        silent: How many gave no reason to speak at all.
    """

    served: Sequence[str]
    waiting: Sequence[str]
    silent: int

    @property
    def total(self) -> int:
        """All of them."""
        return len(self.served) + len(self.waiting) + self.silent


def lane_count(steps: pa.Table, lane: str) -> LaneCount:
    """The steps of a lane.

    Args:
        steps: Decisions; notices and steps that are not their account's best in the lane do not count.
    """
    mine = steps.filter(pc.and_(steps["is_winner"], pc.equal(pc.fill_null(steps["lane"], ""), lane)))
    counted = {row["values"]: row["counts"] for row in pc.value_counts(mine["outcome"]).to_pylist()}
    return LaneCount(*(counted.get(outcome, 0) for outcome in ("eligible", "held_out", "unconfirmed")))


def left_alone(steps: pa.Table, *, accounts: int) -> Alone:
    """The accounts without a step to take.

    Args:
        steps: Decisions without notices.
        accounts: How many were decided about; 0 where only some were asked for, and then none is called silent.
    """
    busy = pc.unique(steps.filter(pc.is_in(steps["outcome"], pa.array(_BUSY)))["account_id"])
    quiet = steps.filter(pc.invert(pc.is_in(steps["account_id"], busy)))
    waits = set(quiet.filter(pc.equal(quiet["outcome"], "held"))["account_id"].to_pylist())
    everyone = sorted(set(quiet["account_id"].to_pylist()))
    spoken = pc.count_distinct(steps["account_id"]).as_py()
    return Alone(
        [one for one in everyone if one not in waits],
        [one for one in everyone if one in waits],
        max(accounts - spoken, 0),
    )


def account_count(run: Run) -> int:
    """How many accounts there are in the facts that a run read."""
    stored = run.facts.snapshot.manifest.tables.get("account_key")
    return stored.rows if stored else 0
