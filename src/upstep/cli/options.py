"""Options that many commands share, and the reading of their values."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from upstep.clock import parse_instant
from upstep.errors import ConfigError, Fault

ProjectFolder = Annotated[Path, typer.Option("--project", metavar="DIR", help="The project folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON; its schema is in docs/schemas.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be written, and write nothing.")]
AsOf = Annotated[
    str | None, typer.Option("--as-of", metavar="T", help="An ISO date or instant, UTC. Default: what is complete.")
]

HERE = Path()


def instant(text: str | None, option: str) -> datetime | None:
    """The instant that an option names; None when it was not given.

    Raises:
        ConfigError: It is no ISO date or instant.
    """
    if text is None:
        return None
    try:
        return parse_instant(text)
    except ValueError:
        advice = "Write 2026-11-20 or 2026-11-20T09:30:00Z."
        raise ConfigError(Fault(option, f"'{text}' is no ISO date or instant.", advice)) from None
