"""upstep plan: an account manager's next 90 days, what is left alone on purpose, and what would have to change."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from upstep.cli.options import HERE, AsJson, AsOf, DryRun, ProjectFolder, instant
from upstep.cli.terminal import counted, heading, indented, next_command, print_json, show

if TYPE_CHECKING:
    from upstep.engine.planning.quarter import Asking

Told = Mapping[str, Any]
"""A plan as ``engine.planning.planned`` gives it."""

_ALONE = 6
"""Accounts of one kind that fit a screen; the page, the CSV and ``--json`` have all."""


def plan(  # noqa: PLR0913 - a command's parameters are its options
    *,
    owner: Annotated[str, typer.Option(metavar="OWNER", help="Whose quarter: an owner's id, or a part of the name.")],
    hours: Annotated[
        int | None, typer.Option(metavar="N", help="Hours for these accounts. Default: those of the owner table.")
    ] = None,
    quarter: Annotated[str | None, typer.Option(metavar="2027-Q1", help="Default: the next 90 days.")] = None,
    first: Annotated[str | None, typer.Option("--from", metavar="DATE", help="The first day.")] = None,
    last: Annotated[str | None, typer.Option("--to", metavar="DATE", help="The day after the last.")] = None,
    as_of: AsOf = None,
    csv: Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Also write it as CSV.")] = None,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Also write it as a page.")] = None,
    project: ProjectFolder = HERE,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Plan an account manager's quarter: what fits the hours, by signal density and then value; the rest left alone."""
    import getpass

    from upstep.clock import now
    from upstep.engine.planning import quarter as engine
    from upstep.engine.planning.planned import as_csv, statement
    from upstep.engine.project import Project

    opened = Project(project)
    _ = opened.settings, opened.catalog  # their faults come before any work
    asking = _asking(owner, hours, quarter, first=first, last=last)
    made = engine.make_plan(opened, asking, as_of=instant(as_of, "--as-of"), now=now())
    if not dry_run:
        engine.keep(opened, made, who=getpass.getuser(), now=now())
    told = statement(made, opened.settings)
    written = _write(csv, as_csv(told)) if csv else []
    written += _write(html, _page(told)) if html else []
    if as_json:
        print_json(told)
        return
    _show(told)
    if dry_run:
        show("The plan was not kept (--dry-run).")
    for path in written:
        show(f"Written: {path.resolve().as_uri()}")
    _next(told, project)


def _asking(owner: str, hours: int | None, quarter: str | None, *, first: str | None, last: str | None) -> Asking:
    """What the options ask for.

    Raises:
        ConfigError: With every option that is wrong.
    """
    from upstep.engine.planning.quarter import Asking, quarter_days
    from upstep.errors import ConfigError, Fault

    if quarter and (first or last):
        raise ConfigError(Fault("--quarter", "names the days, and so do --from and --to.", "Give one or the other."))
    if quarter:
        return Asking(owner, hours, *quarter_days(quarter))
    begins, ends = (_day(text, option) for text, option in ((first, "--from"), (last, "--to")))
    return Asking(owner, hours, begins, ends)


def _day(text: str | None, option: str) -> date | None:
    found = instant(text, option)
    return found.date() if found else None


def _write(path: Path, text: str) -> list[Path]:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="")
    return [path]


def _page(told: Told) -> str:
    from upstep.web.plan_page import render_plan

    return render_plan(told)


# What is printed


def _show(told: Told) -> None:
    show(
        f"{told['owner']}, {told['begins_on']} to {told['ends_on']}: {told['planned_hours']:,} of"
        f" {told['hours']:,} hours planned, {counted(told['accounts'], 'account')}."
    )
    show("", heading("THE PLAN", "by how many kinds of signal agree, then by value; estimates are in no total"))
    if not told["steps"]:
        show("  Nothing fits: see below what each account waits for.")
    for step in told["steps"]:
        _show_step(step, told["currency"])
    _show_alone(told)
    if told["look_after"]:
        show("", heading("PRIORITIES TO LOOK AFTER"))
        for one in told["look_after"]:
            show(indented(f"{one['account_id']}: “{one['priority']}”. {one['told']}", 2))
    show("", _sum_line(told))


def _sum_line(told: Told) -> str:
    from upstep.money import format_minor

    full = "Nothing more fits." if told["full"] else f"{told['hours'] - told['planned_hours']:,} hours are free."
    value, longer = (format_minor(told[name], told["currency"]) for name in ("value_minor", "committed_minor"))
    committed = f" and {longer} committed for longer" if told["committed_minor"] else ""
    return f"{counted(len(told['steps']), 'step')}: {value} a year{committed}, without estimates and tasks. {full}"


def _show_step(step: Told, currency: str) -> None:
    from upstep.engine.planning.planned import ACTIVITY_WORDS

    words = ACTIVITY_WORDS[step["activity"]]
    line = f"{step['rank']:>4}  {step['name']}: {step['step']}"
    show(line)
    signals = counted(step["signal_density"], "kind of signal", "kinds of signal")
    show(indented(f"{words}, {step['hours']} h from {step['begins_on']}; {signals}, {value_words(step, currency)}", 6))
    show(indented(f"{step['why']}.", 6), indented(f"First: {step['first']}", 6))


def value_words(step: Told, currency: str) -> str:
    """What a step is worth a year, in words."""
    from upstep.money import format_minor

    if step["value_minor"] is None:
        return "of unknown value"
    about = "about " if step["estimated"] else ""
    end = " at stake" if step["motion"] in ("adopt", "right_size") else ""
    return f"{about}{format_minor(step['value_minor'], currency)} a year{end}"


def _show_alone(told: Told) -> None:
    from upstep.engine.planning.planned import KIND_WORDS, accounts_alone

    rest = accounts_alone(told)
    reasons = f"{counted(len(told['left_alone']), 'reason')}, each of an account or of one step"
    show("", heading("LEFT ALONE", f"{rest:,} of {counted(told['accounts'], 'account')} on purpose; {reasons}"))
    for kind, words in KIND_WORDS.items():
        mine = [one for one in told["left_alone"] if one["kind"] == kind]
        if not mine:
            continue
        show(f"  {words}: {len(mine)}")
        for one in mine[:_ALONE]:
            step = f", {one['step']}" if one["step"] else ""
            show(indented(f"{one['name']}{step}: {one['why']}. Would change it: {one['change']}.", 4))
        if len(mine) > _ALONE:
            show(indented(f"and {len(mine) - _ALONE} more: --json, --csv or --html has all.", 4))


def _next(told: Told, project: Path) -> None:
    step = next((one for one in told["steps"] if one["activity"] == one["motion"]), None)
    if step is None:
        next_command("goals", "list", project=project)
    else:
        next_command("explain", step["account_id"], project=project, why="why, record by record")
