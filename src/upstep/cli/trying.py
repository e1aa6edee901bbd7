"""upstep plays test and replay: a play meets the facts before it meets a customer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from upstep.cli.options import HERE, AsJson, AsOf, ProjectFolder, instant
from upstep.cli.terminal import counted, grid, heading, indented, next_command, print_json, progress, show
from upstep.wording import percentage

if TYPE_CHECKING:
    from upstep.engine.learning.replay import Replay, Week
    from upstep.engine.learning.trial import Counts, Trial
    from upstep.learning.chance import Share
    from upstep.plays.play import Play

PlayId = Annotated[str, typer.Argument(metavar="PLAY", help="The play's id, as 'plays list' names it.")]

NAMES = 5
"""So many accounts are named of each outcome."""


def try_out(
    play: PlayId,
    *,
    project: ProjectFolder = HERE,
    as_of: AsOf = None,
    account: Annotated[list[str] | None, typer.Option(metavar="A", help="Only this account; may be repeated.")] = None,
    count: Annotated[
        bool, typer.Option("--count", help="Only how many it fires for, and how many are just below.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Test a play: who would be asked today, who is held and by what. Nothing is written or sent."""
    from upstep.clock import now
    from upstep.engine.deciding.explain import find_account
    from upstep.engine.deciding.inputs import gather
    from upstep.engine.learning import trial
    from upstep.engine.project import Project

    opened = Project(project)
    found = opened_play(opened, play)
    at = instant(as_of, "--as-of")
    accounts = sorted({find_account(opened, name) for name in account}) if account else None
    with progress(quiet=as_json) as tell:
        tell("finding who it fires for", 0.1)
        if count:
            only, tried = trial.count(opened, found, as_of=at, accounts=accounts), None
        else:
            told = gather(opened, at=at or now())
            tried = trial.try_play(opened, found, as_of=at, accounts=accounts, inputs=told)
            only = tried.matched.counts
    if as_json:
        print_json(_shape(found, only, tried))
        return
    _show(found, only, tried, company=opened.settings.company)
    if tried is None:
        next_command("plays", "test", found.id, project=project, why="who would be asked, and who waits")
    else:
        next_command("plays", "replay", found.id, project=project, why="the same over past weeks")


def opened_play(project: Any, play: str) -> Play:
    """The play of that id; faults of settings and catalog come first.

    Raises:
        ConfigError: It is not known, or turned off.
    """
    from upstep.errors import ConfigError, Fault, did_you_mean

    settings, _ = project.settings, project.catalog
    found: Play | None = project.playbook.play(play)
    if found is not None:
        return found
    known = [each.id for each in project.playbook.plays]
    if play in settings.plays_off:
        raise ConfigError(Fault("PLAY", f"'{play}' is turned off.", "Take it out of plays.off in upstep.yaml first."))
    raise ConfigError(Fault("PLAY", f"'{play}' is not known.", did_you_mean(play, known)))


# A test


def _shape(play: Play, found: Counts, tried: Trial | None) -> dict[str, Any]:
    from upstep.clock import iso

    shape: dict[str, Any] = {
        "play": play.id,
        "as_of": iso(found.as_of),
        "condition": play.condition.text,
        "subjects": found.subjects,
        "accounts": found.accounts,
        "below": found.below if found.has_threshold else None,
        "steps": None,
        "notices": None,
        "outcomes": None,
        "holds": None,
        "questions": None,
        "decided": None,
    }
    if tried is not None:
        shape |= {
            "steps": len(tried.steps),
            "notices": tried.notices,
            "outcomes": tried.outcomes,
            "holds": tried.holds,
            "questions": tried.questions,
            "decided": [_step_shape(step, play) for step in tried.steps],
        }
    return shape


def _step_shape(step: dict[str, Any], play: Play) -> dict[str, Any]:
    """``is_leading``: the step is told under this play; else the play is evidence for another one's."""
    names = ("step_id", "account_id", "name", "motion", "path", "lane", "outcome", "holds", "unknown")
    return {**{name: step[name] for name in names}, "is_leading": step["play"] == play.id}


def _show(play: Play, found: Counts, tried: Trial | None, *, company: str) -> None:
    show(f"{play.id} at {company}, as of {found.as_of:%Y-%m-%d %H:%M} UTC.", "")
    show(indented(f"when {play.condition.text}", 2), "")
    what = {"account": ""}.get(play.each, f" ({counted(found.subjects, _SUBJECTS.get(play.each, play.each))})")
    below = f" Just below the threshold: {found.below:,}." if found.has_threshold else ""
    show(f"It fires for {counted(found.accounts, 'account')}{what}.{below}")
    if tried is None:
        return
    if tried.notices:
        show(f"Notices, which carry no price and are never held: {tried.notices:,}.")
    for outcome, said in _OUTCOMES:
        _show_outcome(tried, outcome, said)


_SUBJECTS = {"add_on": "add-on"}
_OUTCOMES = (
    ("eligible", "would be asked today"),
    ("unconfirmed", "wait for an answer that no table gives"),
    ("held", "are held"),
    ("unfit", "stay as they are: nothing that is sold would serve better"),
    ("outranked", "have a better step of another play or target"),
    ("held_out", "are in a holdout"),
)


def _show_outcome(tried: Trial, outcome: str, said: str) -> None:
    steps = tried.by_outcome(outcome)
    if not steps and outcome != "eligible":
        return
    show("", heading(f"{len(steps):,}", said))
    named = [(step["account_id"], step["name"] or "", _why(step)) for step in steps[:NAMES]]
    if named:
        show(grid(named))
    if len(steps) > NAMES:
        show(indented(f"and {len(steps) - NAMES:,} more", 2))
    gates = {"held": tried.holds, "unconfirmed": tried.questions}.get(outcome, {})
    if gates:
        show(indented("by " + ", ".join(f"{gate} {count:,}" for gate, count in gates.items()), 2))


def _why(step: dict[str, Any]) -> str:
    if step["outcome"] == "held":
        return "; ".join(f"{hold['why']}, until: {hold['lifts']}" for hold in step["holds"])
    if step["outcome"] == "unconfirmed":
        return " ".join(entry["question"] for entry in step["unknown"])
    return f"{step['motion']}, {step['path']}" if step["outcome"] == "eligible" else ""


# A replay


def replay(
    play: PlayId,
    *,
    first: Annotated[str | None, typer.Option("--from", metavar="T", help="Default: a quarter before --to.")] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="T", help="Default: what is complete.")] = None,
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Also write the weeks as CSV.")] = None,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Replay a play week by week: who would have been asked, and what they did anyway, beside those just below."""
    from upstep.engine.learning.replay import as_csv
    from upstep.engine.learning.replay import replay as replayed
    from upstep.engine.project import Project

    opened = Project(project)
    found = opened_play(opened, play)
    begin, end = instant(first, "--from"), instant(last, "--to")
    with progress(quiet=as_json) as tell:
        told = replayed(opened, found, first=begin, last=end, progress=tell)
    if csv is not None:
        csv.parent.mkdir(parents=True, exist_ok=True)
        csv.write_text(as_csv(told), encoding="utf-8", newline="")
    if as_json:
        print_json(_replay_shape(told))
        return
    _show_replay(told, company=opened.settings.company)
    if csv is not None:
        show(f"Written: {csv.resolve().as_uri()}")
    next_command("plays", "test", found.id, project=project, why="who would be asked today")


def _replay_shape(told: Replay) -> dict[str, Any]:
    from dataclasses import asdict

    from upstep.cli.shapes import plain
    from upstep.engine.learning.replay import FOLLOWED_DAYS

    weeks = [
        {**plain(asdict(week)), "accounts": list(accounts)}
        for week, accounts in zip(told.weeks, told.accounts, strict=True)
    ]
    totals = {name: share_shape(getattr(told, name)) for name in ("bought", "churned", "below_bought", "below_churned")}
    return {
        "play": told.play,
        "followed_days": FOLLOWED_DAYS,
        "weeks": weeks,
        "totals": totals,
        "notes": list(told.notes),
    }


def share_shape(share: Share) -> dict[str, Any]:
    """A counted share as JSON: its counts, the share, and its 95% interval."""
    low, high = share.interval or (None, None)
    return {"count": share.count, "of": share.of, "share": share.value, "low": low, "high": high}


def _show_replay(told: Replay, *, company: str) -> None:
    weeks = told.weeks
    show(f"{told.play} at {company}, {len(weeks)} weeks, {weeks[0].at:%Y-%m-%d} to {weeks[-1].at:%Y-%m-%d}.", "")
    show(grid([_line(week) for week in weeks], header=_HEADER, right=range(1, len(_HEADER))), "")
    for said, bought, churned in (
        ("asked", told.bought, told.churned),
        ("just below", told.below_bought, told.below_churned),
    ):
        if bought.of:
            show(f"Of {bought.of:,} {said}, {_share(bought)} bought within 60 days anyway, {_share(churned)} left.")
    show("", *(indented(note, 2) for note in told.notes))


_HEADER = (
    "as of",
    "fires",
    "asked",
    "new",
    "held",
    "unsure",
    "unfit",
    "outranked",
    "bought",
    "left",
    "below",
    "bought",
)


def _line(week: Week) -> Sequence[str]:
    today = (week.matched, week.asked, week.asked_new, week.held, week.unconfirmed, week.unfit, week.outranked)
    numbers = (*today, week.bought, week.churned, week.below_new, week.below_bought)
    return (f"{week.at:%Y-%m-%d}", *("open" if number is None else f"{number:,}" for number in numbers))


def _share(share: Share) -> str:
    low, high = share.interval or (0.0, 1.0)
    return f"{share.count:,} ({percentage(100 * (share.value or 0))}, {100 * low:.0f} to {100 * high:.0f})"
