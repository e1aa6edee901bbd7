"""An account manager's quarter: what fits the hours, by signal density and then value; the rest left alone on purpose.

Hours are the only limit. Nothing here knows the vendor's calendar or anybody's quota: a plan covers the days that it is
asked for, and no date of the vendor's moves a step up or down.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from upstep.planning.kept import KeptStep

DAYS = 90
TASKS = ("find_priority", "develop_sponsor")


@dataclass(frozen=True)
class Candidate:
    """A step, or the task that comes before it, that would take hours.

    Args:
        activity: Its motion, or ``find_priority``, ``develop_sponsor``.
        step: What would change, in words.
        why: What is going on there, with its numbers.
        first: What to do first, and with whom.
        value_minor: A year's, in company currency; for care what is at stake; None where nobody knows.
        is_estimated: The value is a guess: it ranks, and stands in no total.
        is_ready: Nothing is in the way; False where a person must answer something first.
    """

    account_id: str
    name: str
    step_id: str
    play: str
    motion: str
    activity: str
    product_id: str
    target: str
    step: str
    why: str
    first: str
    signal_density: int
    value_minor: int | None
    is_estimated: bool
    hours: int
    days: int
    is_ready: bool = True


@dataclass(frozen=True)
class Taken:
    """A candidate that the plan takes: its rank from 1, and between which days."""

    rank: int
    candidate: Candidate
    begins_on: date
    expected_on: date


@dataclass(frozen=True)
class LeftAlone:
    """An account, or one step of it, that is left alone on purpose; and what would have to change."""

    account_id: str
    name: str
    step: str
    kind: str
    why: str
    change: str


@dataclass(frozen=True)
class Quarter:
    """A plan. ``least_hours``: the smallest activity; with less than that left, the owner is full."""

    owner_id: str
    begins_on: date
    ends_on: date
    hours: int
    taken: tuple[Taken, ...]
    left_alone: tuple[LeftAlone, ...]
    least_hours: int
    run_id: str

    @property
    def planned_hours(self) -> int:
        """What the steps taken need."""
        return sum(one.candidate.hours for one in self.taken)

    @property
    def is_full(self) -> bool:
        """Whether nothing more fits."""
        return self.hours - self.planned_hours < self.least_hours

    @property
    def plan_id(self) -> str:
        """Equal plans have equal ids."""
        steps = [
            f"{step.account_id}|{step.product_id}|{step.target}|{step.activity}|{step.hours}" for step in self.steps
        ]
        parts = [self.owner_id, self.begins_on.isoformat(), self.ends_on.isoformat(), str(self.hours), *steps]
        return hashlib.blake2b("\0".join(parts).encode(), digest_size=8).hexdigest()

    @property
    def steps(self) -> tuple[KeptStep, ...]:
        """The steps as state keeps them."""
        found = [one.candidate for one in self.taken]
        return tuple(KeptStep(one.account_id, one.product_id, one.target, one.activity, one.hours) for one in found)

    def total_minor(self, *, committed: bool = False) -> int:
        """A year's value of the sales taken, without estimates, tasks and care; or what is committed for longer."""
        found = [one.candidate for one in self.taken]
        sold = [one for one in found if one.activity == one.motion and one.motion not in ("adopt", "right_size")]
        kind = [one for one in sold if (one.motion == "commit") == committed]
        return sum(one.value_minor or 0 for one in kind if not one.is_estimated)


def order(candidates: Iterable[Candidate]) -> list[Candidate]:
    """Best first: what is ready, then by how many kinds of signal agree, then by value a year.

    Density before value: several signs that agree say more about the next 90 days than one large number does.
    """
    return sorted(
        candidates,
        key=lambda one: (
            not one.is_ready,
            -one.signal_density,
            -(one.value_minor if one.value_minor is not None else -1),
            one.account_id,
            one.target,
        ),
    )


def plan(
    candidates: Iterable[Candidate], *, hours: int, begins_on: date, ends_on: date
) -> tuple[list[Taken], list[LeftAlone]]:
    """Take what fits the hours, best first; say of each that does not what it lacks."""
    taken: list[Taken] = []
    left: list[LeftAlone] = []
    spent, span = 0, (ends_on - begins_on).days
    for one in order(candidates):
        free = hours - spent
        if one.hours > free:
            left.append(_no_hours(one, free=free, taken=taken))
            continue
        begins = begins_on + timedelta(days=spent * span // hours)
        taken.append(Taken(len(taken) + 1, one, begins, begins + timedelta(days=one.days)))
        spent += one.hours
    return taken, left


def _no_hours(one: Candidate, *, free: int, taken: Sequence[Taken]) -> LeftAlone:
    why = f"takes {one.hours} hours, and there are {free}"
    if taken:
        rest = "1 hour is" if free == 1 else f"{free or 'no'} hours are"
        before = "1 step comes" if len(taken) == 1 else f"{len(taken)} steps come"
        why = f"takes {one.hours} hours and {rest} left; {before} before it"
    change = "1 more hour" if one.hours - free == 1 else f"{one.hours - free} more hours"
    enough = next((other for other in reversed(taken) if other.candidate.hours + free >= one.hours), None)
    if enough is not None:
        change += f", or giving up {enough.candidate.name} (rank {enough.rank})"
    return LeftAlone(one.account_id, one.name, one.step, "no_hours", why, change)
