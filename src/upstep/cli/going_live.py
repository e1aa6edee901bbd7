"""upstep live: from files to people, or back."""

from __future__ import annotations

import getpass
from typing import TYPE_CHECKING, Annotated

import typer

from upstep.cli.options import HERE, AsJson, DryRun, ProjectFolder
from upstep.cli.terminal import counted, grid, heading, next_command, print_json, progress, show

if TYPE_CHECKING:
    from upstep.engine.live.going_live import Sendable, WentLive
    from upstep.engine.project import Project


def live(
    *,
    off: Annotated[bool, typer.Option("--off", help="Back to shadow: messages become files again.")] = False,
    project: ProjectFolder = HERE,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Let messages leave this machine by the channels of upstep.yaml; what was reached before counts as seen."""
    from upstep.engine.project import Project

    opened = Project(project)
    _ = opened.settings
    if off:
        _off(opened, dry_run=dry_run, as_json=as_json)
        return
    from upstep.engine.deciding.decide import decide
    from upstep.engine.deciding.inputs import gather
    from upstep.engine.live.going_live import WentLive, sendable

    with progress(quiet=as_json) as tell:
        from upstep.clock import now

        tell("deciding what would be sent", 0.3)
        run = decide(opened, inputs=gather(opened, at=now()))
        found = sendable(opened, run)
        went = WentLive(is_new=False) if dry_run else _live(opened, run)
    if as_json:
        print_json(_shape(opened, found, went))
        return
    _show(found)
    if dry_run:
        show("Nothing was written (--dry-run), and nothing leaves this machine.")
        next_command("live", project=project)
        return
    _show_went(opened, went)
    next_command("worker", project=project, why="decides and sends from now on")


def _live(project: Project, run: object) -> WentLive:
    from upstep.clock import now
    from upstep.engine.live.going_live import go_live
    from upstep.engine.project import open_project_state

    state = open_project_state(project)
    try:
        return go_live(project, state, run, by=getpass.getuser(), now=now())  # type: ignore[arg-type]
    finally:
        state.dispose()


def _off(project: Project, *, dry_run: bool, as_json: bool) -> None:
    from upstep.clock import now
    from upstep.engine.contacting.channels import is_live
    from upstep.engine.live.going_live import go_dark
    from upstep.engine.project import open_project_state

    was_live = is_live(project)
    if was_live and not dry_run:
        state = open_project_state(project)
        go_dark(project, state, by=getpass.getuser(), now=now())
        state.dispose()
    if as_json:
        print_json({"is_live": was_live and dry_run, "was_live": was_live})
        return
    if not was_live:
        show("The project was in shadow already: messages become files.")
    elif dry_run:
        show("Messages would become files again. Nothing was written (--dry-run).")
    else:
        show("In shadow: messages become files from now on. A message that is on its way arrives.")
    next_command("live", "--dry-run", project=project.folder, why="says what would leave")


def _show(found: Sendable) -> None:
    show(heading("WOULD LEAVE", "as of the newest facts; holds, caps and quiet hours are asked again for each"))
    show(f"Channels: {', '.join(found.channels)}.")
    rows = [(play, channel, f"{count:,}") for (play, channel), count in found.offers.items()]
    if rows:
        show(grid(rows, header=("play", "channel", "offers")))
    show(
        f"{counted(found.tasks, 'task')} for owners.",
        f"{counted(found.notices, 'limit')} reached already: counted as seen, so nobody is told old news.",
    )
    if found.unconnected:
        show(f"Not connected, so what goes there waits: {', '.join(found.unconnected)}. See channels in upstep.yaml.")


def _show_went(project: Project, went: WentLive) -> None:
    from upstep.engine.contacting.channels import live_since

    at, by = live_since(project) or ("", "")
    if not went.is_new:
        show("", f"Live since {at} by {by}.")
        return
    show(
        "",
        f"Live from {at}. Taken back, since only files had them: {counted(went.offers_withdrawn, 'offer')} and"
        f" {counted(went.messages_withdrawn, 'message')}. 'upstep live --off' ends it.",
    )


def _shape(project: Project, found: Sendable, went: WentLive) -> dict[str, object]:
    from upstep.engine.contacting.channels import is_live

    return {
        "is_live": is_live(project),
        "is_new": went.is_new,
        "channels": list(found.channels),
        "unconnected": list(found.unconnected),
        "offers": [
            {"play": play, "channel": channel, "count": count} for (play, channel), count in found.offers.items()
        ],
        "notices": found.notices,
        "tasks": found.tasks,
        "notices_seen": went.notices_seen,
        "offers_withdrawn": went.offers_withdrawn,
        "messages_withdrawn": went.messages_withdrawn,
    }
