"""upstep goals: what executives said matters to them, by whom, when and where; and who sponsors it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from upstep.cli.options import HERE, AsJson, DryRun, ProjectFolder
from upstep.cli.terminal import counted, grid, indented, next_command, print_json, show
from upstep.errors import ConfigError, Fault

if TYPE_CHECKING:
    from upstep.engine.planning.goals import Register
    from upstep.engine.project import Project
    from upstep.planning.goals import Goal

app = typer.Typer(help="The register of executives' priorities.", no_args_is_help=True)


@app.command("list")
def list_goals(
    *,
    account: Annotated[str | None, typer.Option(metavar="A", help="Only this account.")] = None,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """List the priorities that stand, and what should be known of each: a review that is due, a contact that left."""
    from upstep.clock import now
    from upstep.engine.deciding.explain import find_account
    from upstep.engine.planning.goals import read_register

    opened = _open(project)
    accounts = None if account is None else [find_account(opened, account)]
    found = read_register(opened, now=now(), accounts=accounts)
    if as_json:
        from upstep.engine.planning.shapes import standing_goal

        print_json({"goals": [standing_goal(one) for one in found.goals]})
        return
    if not found.goals:
        show("No priority is on record.")
        next_command("goals", "add", "--help", project=project)
        return
    _show(found)
    next_command("decide", project=project)


def _show(found: Register) -> None:
    def name(contact_id: str | None) -> str:
        person = found.people.get(contact_id or "")
        return person.name if person else contact_id or "–"

    rows = []
    for one in found.goals:
        goal = one.goal
        who = f"{name(goal.contact_id)}, {goal.stated_at:%Y-%m-%d}"
        sponsor = name(goal.sponsor_contact_id)
        rows.append((goal.account_id, goal.priority, who, sponsor, ", ".join(goal.advances) or "–", one.goal_id))
    show(grid(rows, header=("account", "priority", "said by, on", "sponsor", "advanced by", "id")))
    told = [(one, line) for one in found.goals for line in one.told]
    if told:
        show("", "To look after")
        for one, line in told:
            show(indented(f"{one.goal.account_id}: “{one.goal.priority}”. {line}", 2))
        show("")


@app.command("add")
def add_goal(  # noqa: PLR0913 - a command's parameters are its options
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="Its id, or a part of its name.")],
    *,
    priority: Annotated[str, typer.Option(metavar="TEXT", help="What matters, in their words.")] = "",
    contact: Annotated[str, typer.Option(metavar="CONTACT", help="Whose priority it is: a contact's id.")] = "",
    source: Annotated[str, typer.Option(metavar="TEXT", help="Where it was said.")] = "",
    stated_on: Annotated[str, typer.Option(metavar="DATE", help="When it was said.")] = "",
    metric: Annotated[str, typer.Option(metavar="TEXT", help="The number they will judge it by.")] = "",
    advances: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="A product or plan that advances it; may be repeated.")
    ] = None,
    sponsor: Annotated[str, typer.Option(metavar="CONTACT", help="Who stands behind it there.")] = "",
    review_by: Annotated[str, typer.Option(metavar="DATE", help="When to ask again.")] = "",
    project: ProjectFolder = HERE,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Record an executive's priority."""
    from upstep.engine.deciding.explain import find_account
    from upstep.planning.goals import Asked

    opened = _open(project)
    asked = Asked(
        "goals add",
        find_account(opened, account),
        contact=contact,
        priority=priority,
        source=source,
        stated_on=stated_on,
        metric=metric,
        advances=tuple(advances or ()),
        sponsor=sponsor,
        review_by=review_by,
    )
    _add(opened, [asked], dry_run=dry_run, as_json=as_json)


@app.command("import")
def import_goals(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file; its columns are in docs/planning.md.")],
    *,
    project: ProjectFolder = HERE,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Record the priorities of a CSV file: all of them, or none and every fault with its line."""
    from upstep.engine.planning.goals import asked_of

    opened = _open(project)
    _add(opened, asked_of(opened, file), dry_run=dry_run, as_json=as_json)


def _add(project: Project, asked: Sequence[Any], *, dry_run: bool, as_json: bool) -> None:
    import getpass

    from upstep.clock import now
    from upstep.engine.planning import goals as engine

    fresh = engine.add(project, asked, who=getpass.getuser(), now=now(), dry_run=dry_run)
    if as_json:
        from upstep.engine.planning.shapes import goal

        print_json({"recorded": [] if dry_run else [goal(one) for one in fresh], "read": len(asked)})
        return
    _say(fresh, asked=len(asked), dry_run=dry_run)
    next_command("goals", "list", project=project.folder)


def _say(fresh: Iterable[Goal], *, asked: int, dry_run: bool) -> None:
    goals = list(fresh)
    for goal in goals:
        show(f"{goal.account_id}: “{goal.priority}”, said by {goal.contact_id}. {goal.goal_id}")
    if dry_run:
        show("Nothing was written (--dry-run).")
    elif len(goals) < asked:
        show(f"{counted(asked - len(goals), 'priority', 'priorities')} stood there already.")


@app.command("remove")
def remove_goal(
    goal_id: Annotated[str, typer.Argument(metavar="ID", help="The goal's id, as 'goals list' names it.")],
    *,
    because: Annotated[str, typer.Option(metavar="TEXT", help="Why it counts no more.")] = "",
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Take out a priority that was typed, with the reason."""
    import getpass

    from upstep.clock import now
    from upstep.engine.planning.goals import remove

    if not because.strip():
        raise ConfigError(Fault("--because", "is missing.", "Say why the priority counts no more; it is kept."))
    remove(_open(project), goal_id, who=getpass.getuser(), because=because.strip(), now=now())
    if as_json:
        print_json({"removed": goal_id})
        return
    show(f"{goal_id} is taken out, because {because.strip()}.")
    next_command("goals", "list", project=project)


def _open(folder: Path) -> Project:
    from upstep.engine.project import Project

    opened = Project(folder)
    _ = opened.settings, opened.catalog  # their faults come before any work
    return opened
