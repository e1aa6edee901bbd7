"""upstep messages: what a play would say, to whom, before anybody reads it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from upstep.cli.options import HERE, AsJson, ProjectFolder
from upstep.cli.terminal import grid, heading, next_command, print_json, progress, show
from upstep.errors import Fault, PlayError, did_you_mean

if TYPE_CHECKING:
    from upstep.engine.offering.previewing import Preview
    from upstep.engine.project import Project

app = typer.Typer(help="What plays say, as it would be read.", no_args_is_help=True, rich_markup_mode=None)


@app.command("show")
def show_message(
    play: Annotated[str, typer.Argument(metavar="PLAY", help="The play, such as limit_approaching.")],
    *,
    account: Annotated[
        str | None, typer.Option(metavar="ACCOUNT", help="For whom. Default: the best that the play would ask.")
    ] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the e-mail as a page, to look at.")] = None,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Show a play's message for one account, its own words before those shipped, each number with its records."""
    from upstep.engine.offering.previewing import preview
    from upstep.engine.project import Project

    opened = Project(project)
    _ = opened.settings
    _check_play(opened, play)
    from upstep.clock import now

    with progress(quiet=as_json) as tell:
        tell("writing the message", 0.3)
        found = preview(opened, play, account=_account(opened, account), now=now())
    if html is not None:
        html.write_text(found.html, encoding="utf-8")
    if as_json:
        print_json(_shape(found))
        return
    _show(found)
    if html is not None:
        show(f"The e-mail as a page: {html}")
    next_command("explain", found.account_id, project=project, why="says why it is asked, or held")


def _check_play(project: Project, play: str) -> None:
    known = [one.id for one in project.playbook.plays]
    if play not in known:
        raise PlayError(Fault("PLAY", f"'{play}' is not known.", did_you_mean(play, known)))


def _account(project: Project, name: str | None) -> str | None:
    if name is None:
        return None
    from upstep.engine.deciding.explain import find_account

    return find_account(project, name)


def _show(found: Preview) -> None:
    show(heading("MESSAGE", f"{found.play} for {found.account_id}: {found.place}"))
    show(grid([("Subject", found.subject), ("In the app", found.title), ("", found.line)]), "")
    show(found.text.rstrip(), "")
    rows = [(name, ", ".join(records)) for name, records in found.records.items()]
    if rows:
        show(heading("NUMBERS", "each with the records that it comes from"))
        show(grid(rows))


def _shape(found: Preview) -> dict[str, Any]:
    from upstep.cli.shapes import plain

    shape: dict[str, Any] = plain(
        {
            "play": found.play,
            "account_id": found.account_id,
            "place": found.place,
            "subject": found.subject,
            "title": found.title,
            "line": found.line,
            "text": found.text,
            "facts": dict(found.facts),
            "records": {name: list(records) for name, records in found.records.items()},
        }
    )
    return shape
