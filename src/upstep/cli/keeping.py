"""upstep backup, restore, upgrade and retention: what keeps a project well over the years."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from upstep.cli.options import HERE, AsJson, DryRun, ProjectFolder
from upstep.cli.terminal import counted, grid, next_command, print_json, progress, show

if TYPE_CHECKING:
    from upstep.engine.keeping.backup import Contents


def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The tar to write; it must not be there yet.")],
    *,
    project: ProjectFolder = HERE,
    data: Annotated[bool, typer.Option("--data", help="Also data/, the files that facts are loaded from.")] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Write everything that belongs together into one tar, with digests. The project may be in use meanwhile."""
    from upstep.clock import now
    from upstep.engine.keeping.backup import back_up
    from upstep.engine.project import Project

    opened = Project(project)
    server = opened.settings.state
    is_new = not file.absolute().parent.exists()
    with progress(quiet=as_json) as tell:
        tell("copying", 0.3)
        contents = back_up(opened, file, now=now(), with_data=data, dry_run=dry_run)
    if as_json:
        print_json(_shape(file, contents, is_written=not dry_run))
        return
    _tell(file, contents, did="would be written (--dry-run)" if dry_run else "written")
    if is_new:
        show(f"The folder {file.parent} was not there{' and would be made' if dry_run else ', so it was made'}.")
    if not data and (project / "data").is_dir():
        show("data/ is not in it: it holds what facts were loaded from, not what upstep keeps (--data adds it).")
    if server is not None:
        show(
            "The state is on Postgres and NOT in it. Dump it first, then take this backup:",
            f'  pg_dump --format=custom --file state.dump "${server}"',
        )
    if not dry_run:
        next_command("restore", str(file), "--to", "DIR", "--dry-run", project=Path(), why="verifies every digest")


def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A tar that 'upstep backup' wrote.")],
    *,
    to: Annotated[Path, typer.Option(metavar="DIR", help="A folder that is not there yet; nothing is overwritten.")],
    live: Annotated[bool, typer.Option("--live", help="Leave it live if it was. Default: in shadow.")] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Make a project folder of a backup. It starts in shadow, so that a copy beside the original writes to nobody."""
    from upstep.engine.keeping.backup import restore as restore_backup

    with progress(quiet=as_json) as tell:
        tell("verifying", 0.3)
        contents = restore_backup(file, to, is_live=live, dry_run=dry_run)
    if as_json:
        print_json(_shape(file, contents, is_written=not dry_run))
        return
    _tell(file, contents, did="verified; nothing was written (--dry-run)" if dry_run else f"restored to {to}")
    if contents.state == "postgres":
        show("Its state is on Postgres: restore that dump into a database of its own and name it before you start.")
    if dry_run:
        return
    if contents.live and not live:
        show("It was live and is in shadow now. Messages that left after the backup do not know of it: look first.")
    next_command("doctor", project=to)


def _tell(file: Path, contents: Contents, *, did: str) -> None:
    show(f"{file}: {counted(len(contents.files), 'file')}, {contents.bytes:,} bytes, of {contents.made_at}, {did}.")


def _shape(file: Path, contents: Contents, *, is_written: bool) -> dict[str, object]:
    return {
        "file": str(file),
        "made_at": contents.made_at,
        "upstep": contents.upstep,
        "state": contents.state,
        "live": contents.live,
        "files": len(contents.files),
        "bytes": contents.bytes,
        "written": is_written,
    }


def upgrade(*, project: ProjectFolder = HERE, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Bring a project folder to the form that this version writes. Take a backup first."""
    import getpass

    from upstep.clock import now
    from upstep.engine.keeping.upgrading import upgrade_project
    from upstep.engine.project import Project

    parts = upgrade_project(Project(project), by=getpass.getuser(), now=now(), dry_run=dry_run)
    if as_json:
        print_json({"written": not dry_run, "parts": [{"part": p.part, "was": p.was, "now": p.now} for p in parts]})
        return
    for part in parts:
        if part.is_changed:
            show(f"{part.part}: from {part.was} to {part.now}" + (" (--dry-run: not yet)" if dry_run else ""))
        else:
            show(f"{part.part}: {part.was}, which is the newest")
    next_command("doctor", project=project)


def retention(*, project: ProjectFolder = HERE, dry_run: DryRun = False, as_json: AsJson = False) -> None:
    """Remove what is older than the settings under `retention` keep: loaded events, message texts, rows kept aside."""
    import getpass

    from upstep.clock import now
    from upstep.engine.keeping.retention import apply_retention
    from upstep.engine.project import Project

    found = apply_retention(Project(project), now=now(), by=getpass.getuser(), dry_run=dry_run)
    if as_json:
        gone = [{"what": one.what, "days": one.days, "count": one.count} for one in found]
        print_json({"written": not dry_run, "removed": gone})
        return
    kept = [(one.what, "for ever" if one.days is None else counted(one.days, "day"), f"{one.count:,}") for one in found]
    show(grid(kept, header=("what", "kept", "would go" if dry_run else "gone"), right=(2,)))
    next_command("doctor", project=project)
