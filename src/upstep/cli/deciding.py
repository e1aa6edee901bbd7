"""upstep decide: every step as of an instant, ranked lane by lane, kept in the ledger."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from upstep.cli import sections
from upstep.cli.options import HERE, AsJson, AsOf, DryRun, ProjectFolder, instant
from upstep.cli.terminal import next_command, print_json, progress, show

if TYPE_CHECKING:
    from datetime import datetime

    from upstep.cli.digest import Digest
    from upstep.engine.deciding.decide import Run
    from upstep.engine.project import Project


def decide(
    *,
    project: ProjectFolder = HERE,
    as_of: AsOf = None,
    account: Annotated[list[str] | None, typer.Option(metavar="A", help="Only this account; may be repeated.")] = None,
    limit: Annotated[int, typer.Option(min=1, metavar="N", help="Steps shown a lane.")] = 10,
    html: Annotated[bool, typer.Option("--html", help="Also write a page into the project folder.")] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Decide each account's next steps: who is asked, who waits and why."""
    from upstep.engine.project import Project

    opened = Project(project)
    run = run_decide(opened, as_of=instant(as_of, "--as-of"), names=account, dry_run=dry_run, quiet=as_json)
    page = _page(run, opened) if html and not dry_run else None
    if as_json:
        from upstep.cli import shapes

        print_json(shapes.run(run, _held_out(run, opened)))
        return
    _show(run, opened, limit=limit, is_whole=not account)
    if dry_run:
        show("Nothing was written (--dry-run).")
    if page:
        show(f"Page: {page.resolve().as_uri()}")


def _held_out(run: Run, project: Project) -> dict[str, list[str]]:
    """The holdouts of the accounts that were decided."""
    from upstep.engine.offering.experimenting import held_out
    from upstep.engine.project import open_project_state

    state = open_project_state(project) if project.has_state else None
    try:
        return held_out(project, state, run.decisions["account_id"].to_pylist(), now=run.as_of)
    finally:
        if state is not None:
            state.dispose()


def run_decide(project: Project, *, as_of: datetime | None, names: list[str] | None, dry_run: bool, quiet: bool) -> Run:
    """Decide, told what people answered and what was asked, and keep the decisions unless it is a dry run."""
    from upstep.clock import now
    from upstep.engine.deciding import decide as engine
    from upstep.engine.deciding.explain import find_account
    from upstep.engine.deciding.inputs import gather
    from upstep.engine.deciding.ledger import keep

    _ = project.settings, project.catalog  # their faults come before any work
    accounts = sorted({find_account(project, name) for name in names}) if names else None
    # What was answered or asked since counts today; a run for a past day is told only what was known by then.
    inputs = gather(project, at=as_of or now())
    with progress(quiet=quiet) as tell:
        run = engine.decide(project, as_of=as_of, accounts=accounts, inputs=inputs, progress=tell)
        if not dry_run:
            keep(project, run, accounts=accounts, now=now())
    return run


def _page(run: Run, project: Project) -> Path:
    from upstep.web.page import write_page

    return write_page(project, run, project.folder / "page.html")


def _show(run: Run, project: Project, *, limit: int, is_whole: bool) -> None:
    from upstep.cli.digest import LANES, digest

    found = digest(run, most=dict.fromkeys(LANES, limit), is_whole=is_whole)
    catalog = project.catalog
    current = ", by what is known now" if run.coverage["as_of_precision"] == "current" else ""
    show(f"{project.settings.company}, as of {run.as_of:%Y-%m-%d %H:%M} UTC{current}. Run {run.run_id}.")
    for lane in found.lanes:
        if lane.rows or run.coverage["steps"] == 0:
            sections.show_lane(lane, catalog)
    if found.held:
        sections.show_held(found.held, steps=run.coverage["held"])
    sections.show_unconfirmed(found.unconfirmed, steps=run.coverage["unconfirmed"], project=project.folder)
    sections.show_left_alone(found, catalog)
    show("", sections.coverage_line(run.coverage) + ".")
    _next(found, project.folder)


def _next(found: Digest, folder: Path) -> None:
    rows: list[Any] = [row for lane in found.lanes for row in lane.rows] or [*found.unconfirmed, *found.left_alone]
    if rows:
        next_command("explain", rows[0]["account_id"], project=folder)
    else:
        next_command("check", project=folder)
