"""Holdouts of upstep.yaml: whose eligible steps are kept back, drawn on the few rows that this concerns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from upstep.experiments.assign import points
from upstep.experiments.experiment import holdout_arms

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from upstep.config.measuring import Experiments

RULES = "holdout_rule"
"""The input table that tells deciding whom to hold out: one row per holdout."""


@dataclass(frozen=True)
class Holdout:
    """A holdout as settings have it. ``motion`` None: of every motion that sells."""

    name: str
    salt: str
    percent: int
    paths: tuple[str, ...]
    motion: str | None = None

    @property
    def scope(self) -> str:
        """Whose steps it holds out, as the register of experiments writes it."""
        paths = f"path:{'+'.join(self.paths)}"
        return f"motion:{self.motion} {paths}" if self.motion else paths


def holdouts(settings: Experiments) -> list[Holdout]:
    """Those that hold anybody out, the one of all motions first. Each has a salt of its own."""
    shares: list[tuple[str | None, int]] = [(None, settings.holdout_percent), *settings.motion_percent]
    return [
        Holdout(
            f"holdout-{motion or 'all'}", f"{settings.salt}:{motion or 'all'}", percent, settings.holdout_paths, motion
        )
        for motion, percent in shares
        if percent
    ]


def rules(settings: Experiments) -> pa.Table | None:
    """The holdouts as an input table; None when there are none."""
    found = holdouts(settings)
    if not found:
        return None
    return pa.table(
        {
            "experiment": [one.name for one in found],
            "salt": [one.salt for one in found],
            "share": [holdout_arms(one.percent)[0].share for one in found],
            "paths": [one.paths for one in found],
            "motion": pa.array([one.motion for one in found], pa.string()),
        }
    )


def hold_out(rows: pa.Table, inputs: Mapping[str, pa.Table]) -> pa.Table:
    """Replace the outcome of eligible winners of accounts that are held out; nothing moves up in their place.

    Care and notices are never held out: they sell nothing.

    Args:
        rows: Decisions as ``engine.deciding.assemble`` gives them.
        inputs: The input tables by name.
    """
    told = inputs.get(RULES)
    if told is None or not rows.num_rows:
        return rows
    winners = np.flatnonzero(_eligible_winners(rows))
    few = rows.select(["account_id", "lane", "motion"]).take(pa.array(winners))
    out = np.zeros(len(winners), np.bool_)
    for rule in told.to_pylist():
        covered = np.isin(few["lane"].to_numpy(), rule["paths"])
        if rule["motion"] is not None:
            covered &= few["motion"].to_numpy() == rule["motion"]
        drawn = points(rule["salt"], few["account_id"].to_pylist()) < rule["share"]
        out |= covered & drawn
    mask = np.zeros(rows.num_rows, np.bool_)
    mask[winners[out]] = True
    outcome = pc.if_else(pa.array(mask), pa.scalar("held_out", rows["outcome"].type), rows["outcome"])
    return rows.set_column(rows.column_names.index("outcome"), "outcome", outcome)


def _eligible_winners(rows: pa.Table) -> NDArray[np.bool_]:
    asked = pc.and_(rows["is_winner"], pc.equal(rows["outcome"], "eligible"))
    found: NDArray[np.bool_] = pc.fill_null(asked, fill_value=False).to_numpy()
    return found
