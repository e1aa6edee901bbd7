"""upstep experiments: holdouts and tests, who is in them, and what they found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from upstep.cli.groups import listing_group
from upstep.cli.options import HERE, AsJson, DryRun, ProjectFolder
from upstep.cli.terminal import grid, heading, indented, next_command, print_json, show
from upstep.wording import percentage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import sqlalchemy as sa

    from upstep.engine.project import Project


def list_experiments(*, project: ProjectFolder = HERE, as_json: AsJson = False) -> None:
    """List every experiment with what may be concluded by now."""
    from upstep.clock import now
    from upstep.engine.measuring.findings import result_shape
    from upstep.engine.measuring.lifting import results

    opened = _open(project)
    told = [result_shape(found) for found in results(opened, _state(opened), now=now())]
    if as_json:
        print_json({"experiments": told})
        return
    if not told:
        show("Nothing is held out and nothing is tested.")
        show(indented("A holdout: experiments: {holdout_percent: 10} in upstep.yaml. A test: the next command.", 2))
        next_command("experiments", "add", "--help", project=project)
        return
    rows = [
        (one["experiment_id"], one["varies"] or one["kind"], one["scope"] or "all", _when(one), _counts(one))
        for one in told
    ]
    show(grid(rows, header=("experiment", "of", "scope", "runs", "exposed accounts")))
    for one in told:
        show("", indented(f"{one['experiment_id']}: {one['verdict']}", 2))
    show("")
    next_command("experiments", "show", told[-1]["experiment_id"], project=project)


app = listing_group("Holdouts and tests of arms: who is in them, and what they found.", list_experiments)


@app.command("show")
def show_experiment(
    experiment: Annotated[str, typer.Argument(metavar="EXPERIMENT", help="Its id, or its name.")],
    *,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Show one experiment: its arms, who was exposed, each measure with its interval."""
    from upstep.clock import now
    from upstep.engine.measuring.findings import result_shape
    from upstep.engine.measuring.lifting import results
    from upstep.engine.offering.experimenting import listed
    from upstep.errors import Fault, InputError, did_you_mean

    opened = _open(project)
    state = _state(opened)
    known = listed(opened, state, now=now())
    found = [one for one in known if experiment in (one.experiment_id, one.name)]
    if not found:
        advice = did_you_mean(experiment, [one.experiment_id for one in known]) if known else "None was begun."
        raise InputError(Fault(f"experiment '{experiment}'", "is not known.", advice))
    (result,) = results(opened, state, now=now(), only=found[-1].experiment_id)
    told = result_shape(result)
    if as_json:
        print_json(told)
        return
    _show(told)
    next_command("report", project=project)


def _show(told: Mapping[str, Any]) -> None:
    from upstep.engine.measuring.findings import DAYS, WORDS

    show(
        f"{told['experiment_id']}: {told['varies'] or told['kind']} of {told['scope'] or 'all offers'}, {_when(told)}."
    )
    show(f"{told['verdict']}")
    arms: list[Sequence[str]] = [
        (
            arm["name"],
            percentage(100 * arm["share"]),
            arm["value"] or "–",
            f"{told['exposed'][arm['name']]:,}",
        )
        for arm in told["arms"]
    ]
    show("", heading("ARMS"), grid(arms, header=("arm", "share", "value", "exposed"), right=(1, 3)))
    for measure in told["measures"]:
        name = measure["measure"]
        show("", heading(WORDS[name].upper(), f"an account, within {DAYS[name]} days of its exposure"))
        rows = [_arm_row(arm, name, told["currency"]) for arm in measure["arms"]]
        header = ("arm", "counted", "waiting", "mean", "difference", "interval", "in all")
        show(grid(rows, header=header, right=(1, 2, 3, 4, 5, 6)))
    show("")


def _arm_row(arm: Mapping[str, Any], name: str, currency: str) -> Sequence[str]:
    from upstep.engine.measuring.lifting import MRR
    from upstep.money import format_minor

    def value(amount: float | None) -> str:
        if amount is None:
            return "–"
        return format_minor(int(amount), currency) if name == MRR else percentage(amount * 100, 1)

    interval = f"{value(arm['low'])} to {value(arm['high'])}" if arm["low"] is not None else "–"
    counts = (f"{arm['counted']:,}", f"{arm['waiting']:,}")
    in_all = value(arm["total"]) if name == MRR else "–"
    return (arm["arm"], *counts, value(arm["mean"]), value(arm["difference"]), interval, in_all)


@app.command("add")
def add_experiment(  # noqa: PLR0913 - a command's parameters are its options
    name: Annotated[str, typer.Argument(metavar="NAME", help="A word for it: small letters, digits, - and _.")],
    *,
    varies: Annotated[str, typer.Option(help="What the arms differ in: message, channel, incentive.")],
    arm: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME[=VALUE]", help="An arm; the first is compared with. At least two."),
    ] = None,
    play: Annotated[str | None, typer.Option(metavar="PLAY", help="Only offers of this play.")] = None,
    motion: Annotated[str | None, typer.Option(metavar="MOTION", help="Only offers of this motion.")] = None,
    project: ProjectFolder = HERE,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Begin a test of two or more arms. It runs as it is begun until it is ended; nothing of it can be changed."""
    import getpass

    from upstep.clock import now
    from upstep.engine.measuring.findings import experiment_shape
    from upstep.engine.offering.testing import Wanted, add_test, refuse
    from upstep.engine.project import open_project_state

    opened = _open(project)
    wanted = Wanted(name, varies, tuple(arm or ()), play=play, motion=motion)
    if dry_run:
        refuse(opened, wanted)
        told = None
    else:
        made = add_test(opened, open_project_state(opened), wanted, who=getpass.getuser(), now=now())
        told = experiment_shape(made)
    if as_json:
        print_json({"begun": told})
        return
    if told is None:
        show(f"'{name}' could be begun. Nothing was written (--dry-run).")
        return
    show(f"{told['experiment_id']} runs: {len(told['arms'])} arms of {varies}, drawn by account.")
    next_command("experiments", "show", told["experiment_id"], project=project)


@app.command("end")
def end_experiment(
    experiment: Annotated[str, typer.Argument(metavar="EXPERIMENT", help="Its id, or its name.")],
    *,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """End a test. What it found stays; a holdout is ended in upstep.yaml."""
    import getpass

    from upstep.clock import now
    from upstep.engine.measuring.findings import experiment_shape
    from upstep.engine.offering.testing import end_test
    from upstep.engine.project import open_project_state

    opened = _open(project)
    ended, was_live = end_test(open_project_state(opened), experiment, who=getpass.getuser(), now=now())
    if as_json:
        print_json({"ended": experiment_shape(ended), "ran": was_live})
        return
    show(f"{ended.experiment_id} has ended." if was_live else f"{ended.experiment_id} had ended before.")
    next_command("experiments", "show", ended.experiment_id, project=project)


@app.command("member")
def member(
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="Its id, or a part of its name.")],
    *,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Say whether an account is held out, and by what; and in which arm of which test it is."""
    from upstep.clock import now
    from upstep.engine.deciding.explain import find_account
    from upstep.engine.deciding.shapes import is_held_out
    from upstep.engine.measuring.findings import member_shape
    from upstep.engine.offering.experimenting import membership

    opened = _open(project)
    account_id = find_account(opened, account)
    told = [member_shape(one) for one in membership(opened, _state(opened), account_id, now=now())]
    if as_json:
        print_json({"account_id": account_id, "is_held_out": is_held_out(told), "experiments": told})
        return
    if not told:
        show(f"{account_id} is in no experiment.")
    for one in told:
        since = f"since {one['since'][:10]}" if one["since"] else "not come to the point yet"
        show(f"{one['experiment_id']}: {one['arm']} ({since}).", indented(f"{one['why']}.", 2))
    next_command("explain", account_id, project=project)


def _open(folder: Path) -> Project:
    from upstep.engine.project import Project

    opened = Project(folder)
    _ = opened.settings, opened.catalog  # their faults come before any work
    return opened


def _state(project: Project) -> sa.Engine | None:
    """State, where there is any."""
    from upstep.engine.project import open_project_state

    return open_project_state(project) if project.has_state else None


def _when(told: Mapping[str, Any]) -> str:
    ends = f"to {told['ends_at'][:10]}" if told["ends_at"] else "until it is ended"
    return f"from {told['begins_at'][:10]} {ends}"


def _counts(told: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in told["exposed"].items())
