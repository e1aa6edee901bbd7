"""The register of experiments: holdouts and tests of arms, each as it was begun. None is changed, only ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from upstep.errors import Fault, InputError, did_you_mean
from upstep.experiments.assign import POINTS, arm_at, point
from upstep.state import tables

if TYPE_CHECKING:
    from collections.abc import Sequence

HELD_OUT, OFFERED = "held_out", "offered"
"""The arms of a holdout."""

VARIES = ("message", "channel", "incentive")
"""What the arms of a test may differ in."""


@dataclass(frozen=True)
class Arm:
    """One arm. ``share`` is in points of 10,000; ``value`` is what differs, None: as it would be without the test."""

    name: str
    share: int
    value: str | None = None


@dataclass(frozen=True)
class Experiment:
    """A holdout, or a test of arms.

    Args:
        kind: holdout or test.
        scope: Whose steps: words such as path:self_serve+assisted, motion:upsell, play:limit_approaching, which must
            all hold; "" is all.
        varies: What the arms of a test differ in; None for a holdout.
    """

    experiment_id: str
    name: str
    kind: str
    scope: str
    arms: tuple[Arm, ...]
    salt: str
    begins_at: datetime
    made_by: str
    varies: str | None = None
    ends_at: datetime | None = None

    @property
    def shares(self) -> list[int]:
        """The arms' shares, in points."""
        return [arm.share for arm in self.arms]

    @property
    def baseline(self) -> Arm:
        """What the others are compared with: the first arm of a test, those held out of a holdout."""
        return self.arms[0]

    def arm_of(self, account_id: str) -> Arm:
        """The arm of an account."""
        return self.arms[arm_at(point(self.salt, account_id), self.shares)]

    def is_live(self, at: datetime) -> bool:
        """Whether it runs at an instant."""
        return self.begins_at <= at and (self.ends_at is None or at < self.ends_at)

    def covers(self, *, play: str, motion: str, path: str) -> bool:
        """Whether its scope holds such a step."""
        known = {"play": play, "motion": motion, "path": path}
        parts = [part.partition(":") for part in self.scope.split()]
        return all(known[word] in names.split("+") for word, _, names in parts)


def begin(connection: sa.Connection, experiment: Experiment) -> bool:
    """Keep an experiment, in the caller's transaction; returns whether its id was free."""
    assert sum(experiment.shares) == POINTS, "shares add up to all accounts"
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    arms = [{"name": arm.name, "share": arm.share, "value": arm.value} for arm in experiment.arms]
    names = ("experiment_id", "name", "kind", "scope", "varies", "salt", "begins_at", "ends_at", "made_by")
    row = insert(tables.experiment).values(**{name: getattr(experiment, name) for name in names}, arms=arms)
    kept = row.on_conflict_do_nothing().returning(tables.experiment.c.experiment_id)
    return connection.execute(kept).first() is not None


def end(connection: sa.Connection, experiment_id: str, *, at: datetime) -> bool:
    """End a running experiment, in the caller's transaction; returns whether it ran."""
    table = tables.experiment
    mine = (table.c.experiment_id == experiment_id) & table.c.ends_at.is_(None)
    return bool(connection.execute(sa.update(table).where(mine).values(ends_at=at)).rowcount)


def experiments(connection: sa.Connection, *, kind: str | None = None) -> list[Experiment]:
    """All that were ever begun, oldest first."""
    table = tables.experiment
    found = sa.select(table).order_by(table.c.begins_at, table.c.experiment_id)
    if kind is not None:
        found = found.where(table.c.kind == kind)
    return [_experiment(row) for row in connection.execute(found).mappings()]


def find(connection: sa.Connection, named: str) -> Experiment:
    """The experiment of that id, or the last begun of that name.

    Raises:
        InputError: There is none.
    """
    known = experiments(connection)
    found = [one for one in known if one.experiment_id == named] or [one for one in known if one.name == named]
    if found:
        return found[-1]
    advice = did_you_mean(named, [one.experiment_id for one in known]) if known else ""
    raise InputError(Fault(f"experiment {named!r}", "is not known.", advice or "'upstep experiments list' names them."))


def equal_arms(named: Sequence[tuple[str, str | None]]) -> tuple[Arm, ...]:
    """Arms of equal shares; what does not divide is the first one's.

    >>> [arm.share for arm in equal_arms([("a", None), ("b", None), ("c", None)])]
    [3334, 3333, 3333]
    """
    share, rest = divmod(POINTS, len(named))
    return tuple(Arm(name, share + (rest if index == 0 else 0), value) for index, (name, value) in enumerate(named))


def holdout_arms(percent: int) -> tuple[Arm, ...]:
    """Those held out, and those who are asked."""
    share = percent * POINTS // 100
    return (Arm(HELD_OUT, share), Arm(OFFERED, POINTS - share))


def _experiment(row: sa.RowMapping) -> Experiment:
    values: dict[str, Any] = {name: value for name, value in row.items() if name != "arms"}
    return Experiment(**values, arms=tuple(Arm(**arm) for arm in row["arms"]))
