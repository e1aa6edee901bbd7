"""Tests of arms that a person begins and ends: message, channel or incentive. A running test is never changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from upstep.config.contact import CHANNEL_NAMES
from upstep.errors import ConfigError, Fault, PlayError, did_you_mean
from upstep.experiments.experiment import VARIES, Arm, Experiment, begin, end, equal_arms, experiments, find
from upstep.offers.incentive import parse_incentive
from upstep.offers.message import load_message
from upstep.plays.rank import SALES
from upstep.state.audit import note
from upstep.state.session import hold, writing

if TYPE_CHECKING:
    import sqlalchemy as sa

    from upstep.engine.project import Project


@dataclass(frozen=True)
class Wanted:
    """A test as it was asked for: arms as NAME or NAME=VALUE, the first being what the others are compared with."""

    name: str
    varies: str
    arms: tuple[str, ...]
    play: str | None = None
    motion: str | None = None


def add_test(project: Project, state: sa.Engine, wanted: Wanted, *, who: str, now: datetime) -> Experiment:
    """Begin a test.

    Raises:
        ConfigError: It cannot run as it is written, or another that varies the same for the same offers runs; all
            faults at once.
    """
    arms = refuse(project, wanted)
    scope = f"play:{wanted.play}" if wanted.play else f"motion:{wanted.motion}" if wanted.motion else ""
    with writing(state) as connection:
        hold(connection, "experiment")
        running = [one for one in experiments(connection, kind="test") if one.is_live(now)]
        rival = next((one for one in running if one.varies == wanted.varies and _meet(project, one.scope, scope)), None)
        if rival is not None:
            found = (
                f"varies the {wanted.varies} of offers whose {wanted.varies} '{rival.experiment_id}' varies already."
            )
            advice = f"End that first: upstep experiments end {rival.experiment_id}. Tests of other things may overlap."
            raise ConfigError(Fault(f"test '{wanted.name}'", found, advice))
        number = 1 + sum(one.name == wanted.name for one in experiments(connection))
        named = wanted.name if number == 1 else f"{wanted.name}-{number}"
        salt = f"{project.settings.experiments.salt}:{named}:{now:%Y%m%d%H%M%S}"
        made = Experiment(named, wanted.name, "test", scope, arms, salt, now, who, wanted.varies)
        begin(connection, made)
        note(connection, "experiment begun", subject=named, who=who, at=now, details={"scope": scope})
    return made


def refuse(project: Project, wanted: Wanted) -> tuple[Arm, ...]:
    """The arms of a test that can run as it is written.

    Raises:
        ConfigError: It cannot; all faults at once.
    """
    arms = _arms(wanted)
    faults = _faults(project, wanted, arms)
    if faults:
        raise ConfigError(faults)
    return arms


def end_test(state: sa.Engine, named: str, *, who: str, now: datetime) -> tuple[Experiment, bool]:
    """End a test; returns it, and whether it ran. Messages that are written from then on are as they would be without.

    Raises:
        ConfigError: It is a holdout, which settings end.
        InputError: It is not known.
    """
    with writing(state) as connection:
        one = find(connection, named)
        if one.kind == "holdout":
            place = f"experiment '{one.experiment_id}'"
            raise ConfigError(Fault(place, "is a holdout.", "Set experiments.holdout_percent in upstep.yaml to 0."))
        was_live = end(connection, one.experiment_id, at=now)
        if was_live:
            note(connection, "experiment ended", subject=one.experiment_id, who=who, at=now)
        return find(connection, one.experiment_id), was_live


def _arms(wanted: Wanted) -> tuple[Arm, ...]:
    parts = [text.partition("=") for text in wanted.arms]
    named = [(name.strip(), value.strip() or None) for name, _, value in parts]
    return equal_arms(named) if named else ()


def _faults(project: Project, wanted: Wanted, arms: Sequence[Arm]) -> list[Fault]:
    place, found = f"test '{wanted.name}'", []
    if wanted.varies not in VARIES:
        found.append(Fault(place, f"cannot vary '{wanted.varies}'.", f"Known: {', '.join(VARIES)}."))
    if len(arms) < 2:
        found.append(Fault(place, f"has {len(arms)} arms.", "Name two or more: --arm control --arm NAME=VALUE."))
    names = [arm.name for arm in arms]
    found += [Fault(place, f"has arm '{name}' twice.") for name in sorted({n for n in names if names.count(n) > 1})]
    if len(arms) >= 2 and len({arm.value for arm in arms}) == 1:
        found.append(Fault(place, "has arms that do not differ.", "Give one a value: --arm NAME=VALUE."))
    plays = [play.id for play in project.playbook.plays]
    if wanted.play and wanted.play not in plays:
        found.append(Fault(place, f"play '{wanted.play}' is not known.", did_you_mean(wanted.play, plays)))
    if wanted.motion and wanted.motion not in SALES:
        found.append(Fault(place, f"motion '{wanted.motion}' does not sell.", f"Known: {', '.join(SALES)}."))
    if wanted.play and wanted.motion:
        found.append(Fault(place, "names a play and a motion.", "Name one of them."))
    if not _is_word(wanted.name) or wanted.name.startswith("holdout"):
        advice = "Write small letters, digits, - and _; names that begin with holdout are taken."
        found.append(Fault(place, "is no name.", advice))
    for arm in arms:
        if arm.value is not None:
            found += _value_faults(project, wanted, arm, place)
    return found


def _is_word(name: str) -> bool:
    return bool(name) and name.isascii() and name == name.lower() and name.replace("-", "").replace("_", "").isalnum()


def _value_faults(project: Project, wanted: Wanted, arm: Arm, place: str) -> list[Fault]:
    value = arm.value or ""
    where = f"{place}, arm '{arm.name}'"
    if wanted.varies == "message":
        try:
            load_message(value, project.folder / "messages")
        except PlayError as error:
            return [Fault(where, str(fault)) for fault in error.faults]
    if wanted.varies == "channel" and value not in (*CHANNEL_NAMES, "in_app"):
        return [Fault(where, f"channel '{value}' is not known.", did_you_mean(value, [*CHANNEL_NAMES, "in_app"]))]
    if wanted.varies == "incentive":
        given = {one.play for one in project.settings.incentives}
        if wanted.play not in given:
            advice = f"Write incentives: {{{wanted.play or 'PLAY'}: …}} in upstep.yaml and name the play with --play."
            return [Fault(where, "has no incentive to vary: budget and guard are the play's.", advice)]
        try:
            parse_incentive(value, next(one for one in project.settings.incentives if one.play == wanted.play))
        except ValueError as error:
            return [Fault(where, f"{error}.", "Write none, percent:10, amount:500, first_period_off or trial:14.")]
    return []


def _meet(project: Project, one: str, other: str) -> bool:
    """Whether two scopes may hold the same offer. A play's motion may come from its proposal: then it may be any."""
    if not one or not other or one == other:
        return True
    if one.partition(":")[0] == other.partition(":")[0]:
        return False
    play, motion = (one, other) if one.startswith("play:") else (other, one)
    found = project.playbook.play(play.removeprefix("play:"))
    return found is None or found.motion in ("from_proposal", motion.removeprefix("motion:"))
