"""Groups of commands that list when nothing more is said: ``upstep holds`` is ``upstep holds list``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from upstep.cli.options import HERE, AsJson, ProjectFolder
from upstep.errors import ConfigError, Fault

if TYPE_CHECKING:
    from collections.abc import Callable


def listing_group(about: str, lists: Callable[..., None]) -> typer.Typer:
    """A group of commands that runs ``lists`` where no command of it is named.

    Args:
        about: What ``--help`` says of the group.
        lists: Takes ``project`` and ``as_json`` by name.
    """
    app = typer.Typer(help=about)

    @app.callback(invoke_without_command=True, help=about)
    def bare(context: typer.Context, *, project: ProjectFolder = HERE, as_json: AsJson = False) -> None:
        if context.invoked_subcommand is None:
            lists(project=project, as_json=as_json)
        elif project != HERE or as_json:
            option = "--json" if as_json else "--project"
            advice = (
                f"Write: upstep {context.info_name} {context.invoked_subcommand} … {option}{_value(project, as_json)}"
            )
            raise ConfigError(Fault(option, "stands before the command it is for.", advice))

    app.command("list")(lists)
    return app


def _value(project: Path, as_json: bool) -> str:  # noqa: FBT001 - the option that was given
    return "" if as_json else f" {project}"
