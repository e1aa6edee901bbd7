"""What a kill or a full disk may have left behind, and how it is put right. Everything here mends itself in time, too.

Looking changes nothing; mending is safe beside a running service and does nothing the second time.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import sqlalchemy as sa

from upstep.clock import from_seconds
from upstep.engine.deciding.ledger import ledger_folder
from upstep.engine.keeping.forgetting import bury_beside_facts
from upstep.engine.project import Project, open_project_state
from upstep.errors import BusyError
from upstep.state import audit, tables
from upstep.state.session import reading, writing
from upstep.tables.forgotten import KINDS, read_forgotten
from upstep.tables.lake import facts_folder, open_snapshot
from upstep.tables.lake_writer import LakeWriter
from upstep.tables.lock import writer_lock

LEFT_BEHIND = timedelta(minutes=10)
"""As the sender counts it: a claim or a new file that is older belongs to nobody who is still at it."""


@dataclass(frozen=True)
class Remains:
    """One thing that was left: what, how much of it, and what mends it."""

    what: str
    count: int
    mend: Callable[[], None]


def look(project: Project, *, now: datetime) -> list[Remains]:
    """What was left behind in a project."""
    return [one for one in _looks(project, now=now) if one.count]


def repair(project: Project, *, by: str, now: datetime) -> list[Remains]:
    """Mend what was left behind; what another process holds just now is left to it. Gives what was mended."""
    mended = []
    for one in look(project, now=now):
        try:
            one.mend()
        except BusyError:
            continue
        mended.append(one)
    if mended:
        state = open_project_state(project)
        with writing(state) as connection:
            details = {one.what: one.count for one in mended}
            audit.note(connection, "repair", subject="project", who=by, at=now, details=details)
        state.dispose()
    return mended


def _looks(project: Project, *, now: datetime) -> Iterator[Remains]:
    facts, ledger = facts_folder(project.folder), ledger_folder(project)
    marker = facts / "loading.json"
    yield Remains("a load that was cut off", int(marker.exists()), lambda: _clear_load(project, now=now))
    fresh = [path for path in _new_files(project.folder) if _is_old(path, now)]
    yield Remains("files of a write that was cut off", len(fresh), lambda: _remove(fresh))
    aside = ledger / "decision.old"
    yield Remains("a ledger half replaced", int(aside.exists()), lambda: _finish_ledger(ledger, now=now))
    if not project.has_state:
        return
    state = open_project_state(project)
    try:
        with reading(state) as connection:
            claims = connection.execute(
                sa.select(sa.func.count()).select_from(tables.message).where(*_left(now))
            ).scalar()
            digests = connection.execute(sa.select(tables.tombstone.c.kind, tables.tombstone.c.digest)).all()
            published = set(connection.execute(sa.select(tables.published_decision.c.account_id)).scalars())
    finally:
        state.dispose()
    strangers = _strangers(project, published)
    yield Remains("decisions published of unknown accounts", len(strangers), lambda: _unpublish(project, strangers))
    yield Remains("claims of senders that died", int(claims or 0), lambda: _free(project, now=now))
    known = read_forgotten(project.folder)
    missing = [row for row in digests if row.kind in KINDS and row.digest not in getattr(known, row.kind)]
    yield Remains("tombstones that loading does not know", len(missing), lambda: _bury(project))


def _left(now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return tables.message.c.status == "claimed", tables.message.c.claimed_at < now - LEFT_BEHIND


def _free(project: Project, *, now: datetime) -> None:
    """Look at once at messages whose sender died; the next sender knows what to make of such a claim."""
    state = open_project_state(project)
    with writing(state) as connection:
        # The claim itself stays: by it the sender sees that the message may have left.
        connection.execute(sa.update(tables.message).where(*_left(now)).values(not_before=None))
    state.dispose()


def _bury(project: Project) -> None:
    bury_beside_facts(project)


def _clear_load(project: Project, *, now: datetime) -> None:
    import duckdb

    with (
        writer_lock(project.folder, command="upstep doctor --repair", now=now),
        duckdb.connect(":memory:") as connection,
    ):
        LakeWriter(project.folder, connection).abandon()
        shutil.rmtree(project.folder / ".upstep" / "scratch", ignore_errors=True)


def _new_files(folder: Path) -> list[Path]:
    inside = folder / ".upstep"
    return [path for pattern in ("*.new", "*.part") for path in inside.rglob(pattern) if path.is_file()]


def _is_old(path: Path, now: datetime) -> bool:
    return from_seconds(int(path.stat().st_mtime)) < now - LEFT_BEHIND


def _remove(paths: list[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _finish_ledger(ledger: Path, *, now: datetime) -> None:
    """``forget`` was cut off between its renames: the new table stands, or the old one comes back."""
    with writer_lock(ledger, command="upstep doctor --repair", now=now):
        old, table, fresh = ledger / "decision.old", ledger / "decision", ledger / "decision.new"
        if not table.exists():
            (fresh if fresh.exists() else old).rename(table)
        shutil.rmtree(old, ignore_errors=True)


def _strangers(project: Project, published: set[str]) -> list[str]:
    """Accounts that something is published for and that the facts no longer know."""
    import duckdb

    snapshot = open_snapshot(project.folder)
    if not published or "account_key" not in snapshot.manifest.tables:
        return []
    with duckdb.connect(":memory:") as connection:
        known = connection.execute(f"SELECT account_id FROM ({snapshot.select('account_key')})").fetchall()
    return sorted(published - {row[0] for row in known})


def _unpublish(project: Project, accounts: list[str]) -> None:
    state = open_project_state(project)
    with writing(state) as connection:
        for table in (tables.published_decision, tables.fact_hold, tables.watermark, tables.contact_fact):
            for start in range(0, len(accounts), 500):
                part = accounts[start : start + 500]
                connection.execute(sa.delete(table).where(table.c.account_id.in_(part)))
    state.dispose()
