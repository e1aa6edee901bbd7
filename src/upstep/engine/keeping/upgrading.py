"""Bringing a project folder to the form that this program writes, step by step, and refusing what a newer one wrote."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from upstep.engine.keeping.forgetting import bury_beside_facts
from upstep.engine.project import FORMAT, Project, folder_format, open_project_state
from upstep.errors import OutsideError
from upstep.state import audit
from upstep.state.inbox_tables import make_tables
from upstep.state.migrations import NEWEST
from upstep.state.session import connect, writing
from upstep.tables.lake import read_manifest
from upstep.tables.lock import writer_lock


@dataclass(frozen=True)
class Upgraded:
    """One part of a project: the form it had and the one it has now, or would have."""

    part: str
    was: str
    now: str

    @property
    def is_changed(self) -> bool:
        """Whether there was anything to do."""
        return self.was != self.now


def upgrade_project(project: Project, *, by: str, now: datetime, dry_run: bool = False) -> list[Upgraded]:
    """Bring the folder, the state and the inbox to the newest form. Twice changes nothing.

    Raises:
        OutsideError: A newer program wrote it.
        BusyError: Another process writes facts.
    """
    was, revision = folder_format(project.folder), _revision(project)
    if revision is not None and revision > NEWEST:
        raise OutsideError(f"{project.folder}: state was written by a newer upstep ({revision}). Install that version.")
    read_manifest(project.folder)
    parts = [Upgraded("project folder", str(was or "none"), str(FORMAT))]
    if project.has_state:
        parts.append(Upgraded("state", revision or "none", NEWEST))
    if dry_run or not any(part.is_changed for part in parts):
        return parts
    with writer_lock(project.folder, command="upstep upgrade", now=now):
        state = open_project_state(project)
        with writing(state) as connection:
            details = {part.part: [part.was, part.now] for part in parts if part.is_changed}
            audit.note(connection, "upgrade", subject="project", who=by, at=now, details=details)
        state.dispose()
        _inbox(project)
        bury_beside_facts(project)
        _write_format(project.folder)
    return parts


def _revision(project: Project) -> str | None:
    """The last migration of the state that was applied; None: there is no state yet."""
    address = project.state_address
    if isinstance(address, Path) and not address.exists():
        return None
    engine = connect(address)
    try:
        with engine.connect() as connection:
            if not sa.inspect(connection).has_table("alembic_version"):
                return None
            found: str | None = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
            return found
    finally:
        engine.dispose()


def _inbox(project: Project) -> None:
    address = project.inbox_address
    if not isinstance(address, Path) or address.exists():
        engine = connect(address)
        with writing(engine) as connection:
            make_tables(connection)
        engine.dispose()


def _write_format(folder: Path) -> None:
    fresh = folder / ".upstep" / "format.new"
    fresh.write_text(json.dumps(FORMAT) + "\n", encoding="utf-8")
    fresh.replace(folder / ".upstep" / "format")
