"""upstep ingest: what has arrived from client libraries and is no fact yet, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from upstep.cli.options import HERE, AsJson, ProjectFolder
from upstep.cli.terminal import counted, grid, heading, next_command, print_json, show

if TYPE_CHECKING:
    from upstep.engine.intake.arrived import Arrived
    from upstep.engine.project import Project
    from upstep.state.inbox import Refused, Unknown

_NAMES_SHOWN = 20


def ingest(
    *,
    again: Annotated[
        bool,
        typer.Option("--again", help="Let the worker take parked events, and those that a setting explains now, anew."),
    ] = False,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Show events that wait, that no setting explains, and that were put aside."""
    from upstep.engine.intake.arrived import arrived, once_more
    from upstep.engine.project import Project, open_project_inbox

    opened = Project(project)
    _ = opened.settings
    inbox = open_project_inbox(opened)
    try:
        many = once_more(opened, inbox) if again else 0
        found = arrived(inbox)
    finally:
        inbox.close()
    if as_json:
        print_json({**_shape(found), "again": many})
        return
    _show(found, opened, many=many)
    if again and many:
        next_command("worker", "--once", project=project)
    elif found.unknown or found.parked:
        next_command("ingest", "--again", project=project, why="after upstep.yaml says what they are")
    else:
        next_command("worker", "--once", project=project)


def _shape(found: Arrived) -> dict[str, Any]:
    from upstep.clock import from_seconds, iso

    def at(seconds: int | None) -> str | None:
        return iso(from_seconds(seconds)) if seconds is not None else None

    def counts(one: Unknown | Refused) -> dict[str, Any]:
        return {"events": one.events, "first_at": at(one.first_at), "last_at": at(one.last_at), "example": one.example}

    return {
        "waiting": found.waiting,
        "oldest_at": at(found.oldest_at),
        "unknown": [{"name": one.name, **counts(one)} for one in found.unknown],
        "refused": [{"what": one.what, **counts(one)} for one in found.refused],
        "parked": [{"reason": reason, "events": many} for reason, many in found.parked.items()],
        "examples": [
            {"message_id": one.event.message_id, "reason": one.reason, "why": one.why} for one in found.examples
        ],
    }


def _show(found: Arrived, project: Project, *, many: int) -> None:
    if many:
        show(f"{counted(many, 'event')} will be taken anew.")
    show(f"{counted(found.waiting, 'event')} {'waits' if found.waiting == 1 else 'wait'} for the worker.")
    if found.unknown:
        show("", heading("NAMES THAT NO SETTING EXPLAINS", "counted, and kept as long as retention.inbox_days says"))
        rows = [(one.name, f"{one.events:,}", _day(one.last_at)) for one in found.unknown[:_NAMES_SHOWN]]
        show(grid(rows, header=("event", "came", "last")))
        name = next((one.name for one in found.unknown if not one.name.startswith("(")), "Email Sent")
        meter = next(iter(project.catalog.meters), "emails")
        show("", "To count one, write into upstep.yaml:", f"  ingest: {{track: {{{name}: {{meter: {meter}}}}}}}")
    if found.parked:
        show("", heading("PUT ASIDE", "they are no facts until what is wrong was mended"))
        why = {one.reason: one.why for one in found.examples}
        show(grid([(reason, f"{events:,}", why.get(reason, "")) for reason, events in found.parked.items()]))
    if found.refused:
        show("", heading("WHAT A PAGE MAY NOT SAY", "refused; the rest of those events counts"))
        refused = [(one.what, f"{one.events:,}", _day(one.last_at)) for one in found.refused]
        show(grid(refused, header=("column", "came", "last")))
        show("", "Where it is right, send it from your server, with a key of scope ingest.")


def _day(seconds: int) -> str:
    from upstep.clock import from_seconds

    return f"{from_seconds(seconds):%Y-%m-%d %H:%M}"
