"""Experiments around the cycle: which arms an account has, what they change, who came to the point, and who may know.

Holdouts are settings (``engine.deciding.holdouts``); when their percent, paths or salt change, the register ends one
and begins the next. Tests are begun by a person, and run as they were begun until somebody ends them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from upstep.engine.deciding.holdouts import holdouts
from upstep.experiments.assign import point, points
from upstep.experiments.experiment import HELD_OUT, Experiment, begin, end, experiments, holdout_arms
from upstep.experiments.exposure import Exposure, log, of_account
from upstep.plays.rank import SALES
from upstep.state.audit import note
from upstep.state.session import hold, reading, writing

if TYPE_CHECKING:
    import sqlalchemy as sa

    from upstep.engine.deciding.decide import Run
    from upstep.engine.project import Project

PROGRAM = "upstep.yaml"
"""Who begins and ends holdouts."""


@dataclass(frozen=True)
class Arms:
    """What tests say of one offer: the arm in each, and what differs from how it would be without them."""

    by_id: Mapping[str, str] = field(default_factory=dict)
    message: str | None = None
    channel: str | None = None
    incentive: str | None = None


NO_ARMS = Arms()


@dataclass(frozen=True)
class Membership:
    """One account in one experiment. ``since``: when it came to the point; None: it has not yet."""

    experiment: Experiment
    arm: str
    since: datetime | None
    why: str

    @property
    def is_held_out(self) -> bool:
        """Whether its steps are kept back."""
        return self.experiment.kind == "holdout" and self.arm == HELD_OUT


# Arms


def live_tests(state: sa.Engine, *, now: datetime) -> list[Experiment]:
    """The tests that run, oldest first."""
    with reading(state) as connection:
        return [one for one in experiments(connection, kind="test") if one.is_live(now)]


def drawn(tests: Sequence[Experiment], account_id: str, *, play: str, motion: str, path: str = "self_serve") -> Arms:
    """The arms of an account for an offer of a play."""
    if not tests:
        return NO_ARMS
    mine = {one: one.arm_of(account_id) for one in tests if one.covers(play=play, motion=motion, path=path)}
    differs = {one.varies: arm.value for one, arm in mine.items() if arm.value is not None}
    by_id = {one.experiment_id: arm.name for one, arm in mine.items()}
    return Arms(by_id, differs.get("message"), differs.get("channel"), differs.get("incentive"))


def arms_for(state: sa.Engine, account_id: str, play: str, *, motion: str, now: datetime) -> Mapping[str, str]:
    """Experiment to arm, of the tests that run for a play's offers."""
    return drawn(live_tests(state, now=now), account_id, play=play, motion=motion).by_id


# Who came to the point


def expose_tests(state: sa.Engine, queued: Iterable[tuple[str, str, Arms]], *, now: datetime) -> int:
    """Log that messages were queued: (account, step, arms), several at once. Returns how many exposures are new."""
    found = [
        Exposure(experiment_id, account_id, arm, step_id, now)
        for account_id, step_id, arms in queued
        for experiment_id, arm in arms.by_id.items()
    ]
    if not found:
        return 0
    with writing(state) as connection:
        return log(connection, found)


def expose_steps(
    project: Project,
    state: sa.Engine,
    run: Run,
    *,
    now: datetime,
    accounts: Iterable[str] | None = None,
    is_due: Callable[[Mapping[str, Any]], object] = lambda _row: True,
) -> int:
    """Log the accounts of which a step came to the point where a holdout matters, in both arms by the same rule.

    The point: the step is the eligible winner of a lane that is held out, and something would be said of it.

    Args:
        is_due: Whether something would be said of a row; see ``opening.channels_due``.

    Returns:
        How many exposures are new.
    """
    if not holdouts(project.settings.experiments) and not _any_holdout(state):
        return 0
    with writing(state) as connection:
        live = _keep_holdouts(connection, project, now=now)
        return log(connection, _at_the_point(live, _winners(run, accounts), is_due=is_due, now=now))


def _any_holdout(state: sa.Engine) -> bool:
    with reading(state) as connection:
        return any(one.ends_at is None for one in experiments(connection, kind="holdout"))


_READ = ("account_id", "step_id", "play", "motion", "path", "lane", "outcome", "is_winner", "rungs")


def _winners(run: Run, accounts: Iterable[str] | None) -> list[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.compute as pc

    rows = run.decisions.select(_READ)
    asked = pc.is_in(rows["outcome"], pa.array(["eligible", "held_out"]))
    rows = rows.filter(pc.and_(asked, rows["is_winner"]))
    if accounts is not None:
        rows = rows.filter(pc.is_in(rows["account_id"], pa.array(sorted(set(accounts)), pa.string())))
    return [row for row in rows.to_pylist() if row["motion"] in SALES]


def _at_the_point(
    live: Sequence[Experiment],
    rows: Sequence[Mapping[str, Any]],
    *,
    is_due: Callable[[Mapping[str, Any]], object],
    now: datetime,
) -> list[Exposure]:
    """Who is held out of everything takes no part in the holdout of a motion: its arm makes no difference there."""
    everything = [one for one in live if "motion:" not in one.scope]
    found = []
    for row in rows:
        of = {name: row[name] for name in ("play", "motion", "path")}
        mine = [one for one in live if one.covers(**of)]
        if not mine or not is_due(row):
            continue
        arms = {one: one.arm_of(row["account_id"]).name for one in mine}
        is_out = any(arms.get(one) == HELD_OUT for one in everything)
        found += [
            Exposure(one.experiment_id, row["account_id"], arm, row["step_id"], now)
            for one, arm in arms.items()
            if one in everything or not is_out
        ]
    return found


def _keep_holdouts(connection: sa.Connection, project: Project, *, now: datetime) -> list[Experiment]:
    """The register says what settings say: a holdout that differs is ended, and the next one begins."""
    hold(connection, "experiment")
    known = experiments(connection, kind="holdout")
    wanted = {one.name: one for one in holdouts(project.settings.experiments)}
    live = []
    for one in [one for one in known if one.ends_at is None]:
        now_said = wanted.get(one.name)
        terms = (one.scope, one.salt, one.arms)
        if now_said and terms == (now_said.scope, now_said.salt, holdout_arms(now_said.percent)):
            live.append(one)
            del wanted[one.name]
            continue
        end(connection, one.experiment_id, at=now)
        note(connection, "experiment ended", subject=one.experiment_id, who=PROGRAM, at=now)
    for asked in wanted.values():
        number = 1 + sum(one.name == asked.name for one in known)
        arms = holdout_arms(asked.percent)
        made = Experiment(f"{asked.name}-{number}", asked.name, "holdout", asked.scope, arms, asked.salt, now, PROGRAM)
        begin(connection, made)
        note(connection, "experiment begun", subject=made.experiment_id, who=PROGRAM, at=now)
        live.append(made)
    return live


# Who may know


def listed(project: Project, state: sa.Engine | None, *, now: datetime) -> list[Experiment]:
    """Every experiment, oldest first; holdouts of settings also before the first account came to their point."""
    known: list[Experiment] = []
    if state is not None:
        with reading(state) as connection:
            known = experiments(connection)
    running = {(one.name, one.scope, one.salt, one.arms): one for one in known if one.ends_at is None}
    fresh = []
    for asked in holdouts(project.settings.experiments):
        arms = holdout_arms(asked.percent)
        if (asked.name, asked.scope, asked.salt, arms) not in running:
            number = 1 + sum(one.name == asked.name for one in known)
            named = f"{asked.name}-{number}"
            fresh.append(Experiment(named, asked.name, "holdout", asked.scope, arms, asked.salt, now, PROGRAM))
    return [*known, *fresh]


def membership(project: Project, state: sa.Engine | None, account_id: str, *, now: datetime) -> list[Membership]:
    """Which experiments an account is in, in which arm, since when and why: those that run, and those it took part in.

    An account is drawn in every experiment that runs, whether or not it has come to the point yet.
    """
    seen: Mapping[str, Exposure] = {}
    if state is not None:
        with reading(state) as connection:
            seen = of_account(connection, account_id)
    told = []
    for one in listed(project, state, now=now):
        exposed = seen.get(one.experiment_id)
        if exposed is None and one.ends_at is not None:
            continue
        arm = exposed.arm if exposed else one.arm_of(account_id).name
        told.append(Membership(one, arm, exposed.exposed_at if exposed else None, why_drawn(one, account_id)))
    return told


def held_out(
    project: Project, state: sa.Engine | None, accounts: Iterable[str], *, now: datetime
) -> dict[str, list[str]]:
    """The running holdouts that these accounts are in; who is in none is left out."""
    found: dict[str, list[str]] = {}
    names = sorted(set(accounts))
    for one in listed(project, state, now=now):
        if one.kind != "holdout" or one.ends_at is not None or not names:
            continue
        drawn_at = points(one.salt, names)
        share = next(arm.share for arm in one.arms if arm.name == HELD_OUT)
        for name, place in zip(names, drawn_at.tolist(), strict=True):
            if place < share:
                found.setdefault(name, []).append(one.experiment_id)
    return dict(sorted(found.items()))


def why_drawn(experiment: Experiment, account_id: str) -> str:
    """Why an account has its arm, so that anybody can work it out again."""
    place, begins = point(experiment.salt, account_id), 0
    for arm in experiment.arms:
        if place < begins + arm.share:
            spans = f"{arm.name} takes {begins:,} to {begins + arm.share - 1:,}"
            return f"its hash with salt '{experiment.salt}' is {place:,} of 10,000, and {spans}"
        begins += arm.share
    raise AssertionError("arms take all points")
