"""upstep forget: a person or an account is taken out of everything, and what stays is named with its reason."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from upstep.cli.options import HERE, AsJson, DryRun, ProjectFolder
from upstep.cli.terminal import grid, next_command, print_json, progress, show
from upstep.errors import ConfigError, Fault

if TYPE_CHECKING:
    from upstep.engine.keeping.forgetting import Forgetting


def forget(
    kind: Annotated[str, typer.Argument(metavar="contact|account", help="A person, or an account with its people.")],
    key: Annotated[str, typer.Argument(metavar="ID", help="Its id, as your tables have it.")],
    *,
    by: Annotated[str | None, typer.Option(metavar="NAME", help="Who asked for it. Default: your user name.")] = None,
    project: ProjectFolder = HERE,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Take a person or an account out of facts, inbox, messages, decisions and state, and keep them out from now on."""
    import getpass

    from upstep.clock import now
    from upstep.engine.keeping.forgetting import forget_somebody
    from upstep.engine.project import Project

    if kind not in ("contact", "account"):
        raise ConfigError(Fault("KIND", f"'{kind}' is neither contact nor account.", "upstep forget contact ID"))
    opened = Project(project)
    _ = opened.settings
    with progress(quiet=as_json) as tell:
        tell("forgetting", 0.3)
        done = forget_somebody(opened, kind, key, by=by or getpass.getuser(), now=now(), dry_run=dry_run)
    if as_json:
        print_json(_shape(done, is_written=not dry_run))
        return
    _tell(done, dry_run=dry_run)
    next_command("doctor", project=project)


def _tell(done: Forgetting, *, dry_run: bool) -> None:
    if done.places:
        show(grid([(p.place, p.what, f"{p.count:,}", p.why) for p in done.places], right=(2,)))
    if not done.changed:
        show(f"Nothing here speaks of {done.kind} {done.key}" + (" any more." if not done.is_new else "."))
    if dry_run:
        show("Nothing was written (--dry-run).")
        return
    show(
        "A digest of the id stays, so that no load and no event brings them back. Backups made before still hold them."
    )


def _shape(done: Forgetting, *, is_written: bool) -> dict[str, object]:
    return {
        "kind": done.kind,
        "id": done.key,
        "is_new": done.is_new,
        "written": is_written,
        "places": [{"place": p.place, "what": p.what, "count": p.count, "why": p.why or None} for p in done.places],
    }
