"""How long things are kept: events that are facts, texts of messages that have ended, rows kept aside, HTTP answers.

The settings are under ``retention``; doing it twice removes nothing more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from upstep.clock import to_seconds
from upstep.engine.project import Project, open_project_inbox, open_project_state
from upstep.state import audit, tables
from upstep.state.inbox_tables import inbox_cursor, inbox_event
from upstep.state.session import connect, reading, writing
from upstep.tables.quarantine import remove_older

ENDED = ("sent", "failed", "parked", "withdrawn")
REMOVED_TEXT = ""
REQUEST_DAYS = 7
"""A client's key names one write for so long; the clients' own retries end within hours."""


@dataclass(frozen=True)
class Removed:
    """What went, or would go: rows or files of one kind, and the days that were kept; None: for ever."""

    what: str
    days: int | None
    count: int


def apply_retention(project: Project, *, now: datetime, by: str, dry_run: bool = False) -> list[Removed]:
    """Remove what is older than the settings keep.

    Args:
        project: Whose.
        now: When.
        by: Who or what asked for it.
        dry_run: Count, and remove nothing.

    Raises:
        BusyError: Another process writes.
    """
    kept = project.settings.retention

    def before(days: int | None) -> datetime | None:
        return None if days is None else now - timedelta(days=days)

    found = [
        Removed("events", kept.inbox_days, _events(project, before(kept.inbox_days), dry_run=dry_run)),
        Removed("message texts", kept.messages_days, _texts(project, before(kept.messages_days), dry_run=dry_run)),
        Removed("message files", kept.messages_days, _files(project, before(kept.messages_days), dry_run=dry_run)),
        Removed(
            "rows kept aside", kept.quarantine_days, _aside(project, kept.quarantine_days, now=now, dry_run=dry_run)
        ),
        Removed("HTTP answers", REQUEST_DAYS, _answers(project, before(REQUEST_DAYS), dry_run=dry_run)),
    ]
    gone = {one.what: one.count for one in found if one.count}
    if gone and not dry_run:
        state = open_project_state(project)
        with writing(state) as connection:
            audit.note(connection, "retention", subject="project", who=by, at=now, details=gone)
        state.dispose()
    return found


def _events(project: Project, before: datetime | None, *, dry_run: bool) -> int:
    """Events that are facts; those that wait are never removed."""
    address = project.inbox_address
    if before is None or (isinstance(address, Path) and not address.exists()):
        return 0
    inbox = open_project_inbox(project)
    try:
        if not dry_run:
            gone = 0
            while more := inbox.remove_done(before=to_seconds(before)):
                gone += more
            return gone
    finally:
        inbox.close()
    engine = connect(address)
    done = sa.select(sa.func.coalesce(sa.func.max(inbox_cursor.c.seq), 0)).scalar_subquery()
    old = sa.select(sa.func.count()).where(inbox_event.c.seq <= done, inbox_event.c.received_at < to_seconds(before))
    with reading(engine) as connection:
        count = int(connection.execute(old).scalar_one())
    engine.dispose()
    return count


def _texts(project: Project, before: datetime | None, *, dry_run: bool) -> int:
    """What messages said; that they were sent, to whom, when and by which play stays."""
    if before is None or not project.has_state:
        return 0
    table = tables.message
    old = (table.c.status.in_(ENDED), table.c.queued_at < before, table.c.text != REMOVED_TEXT)
    blank: dict[str, Any] = {"subject": REMOVED_TEXT, "text": REMOVED_TEXT, "html": None, "facts": {}}
    blank |= {name: {} for name in ("records",) if name in table.c}
    return _changed(project, table, old, sa.update(table).where(*old).values(**blank), dry_run=dry_run)


def _answers(project: Project, before: datetime | None, *, dry_run: bool) -> int:
    if before is None or not project.has_state:
        return 0
    table = tables.request_key
    old = (table.c.begun_at < before,)
    return _changed(project, table, old, sa.delete(table).where(*old), dry_run=dry_run)


def _changed(
    project: Project,
    table: sa.Table,
    old: tuple[sa.ColumnElement[bool], ...],
    statement: sa.Update | sa.Delete,
    *,
    dry_run: bool,
) -> int:
    state = open_project_state(project)
    try:
        if dry_run:
            with reading(state) as connection:
                return int(connection.execute(sa.select(sa.func.count()).select_from(table).where(*old)).scalar_one())
        with writing(state) as connection:
            return int(connection.execute(statement).rowcount)
    finally:
        state.dispose()


def _files(project: Project, before: datetime | None, *, dry_run: bool) -> int:
    folder = project.folder / ".upstep" / "messages"
    if before is None:
        return 0
    old = [path for path in folder.rglob("*.md") if path.stat().st_mtime < to_seconds(before)]
    for path in old if not dry_run else ():
        path.unlink(missing_ok=True)
    return len(old)


def _aside(project: Project, days: int | None, *, now: datetime, dry_run: bool) -> int:
    if days is None:
        return 0
    return remove_older(project.folder, before=now - timedelta(days=days), now=now, dry_run=dry_run)
