"""Forgetting a person or an account: everywhere, at once, for good, and told place by place.

The tombstone comes first, so that nothing brings them back meanwhile; the facts, which know by what words somebody is
found, come last, so that a run that was cut off is finished by running it again.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from upstep.engine.deciding import ledger
from upstep.engine.project import Project, open_project_state
from upstep.errors import BusyError
from upstep.state import audit, forget, tables
from upstep.state.inbox_tables import make_tables
from upstep.state.mentions import Mentions, mentions
from upstep.state.session import connect, reading, writing
from upstep.state.upsert import upsert
from upstep.tables import forget as facts
from upstep.tables.forgotten import KINDS, Forgotten, digest, read_forgotten, write_forgotten

if TYPE_CHECKING:
    from upstep.tables.forget import Known

REMOVED, BLANKED, KEPT = "removed", "blanked", "kept"


@dataclass(frozen=True)
class Place:
    """What was done in one place, to how many rows or files. ``kept`` has its reason in ``why``."""

    place: str
    what: str
    count: int
    why: str = ""


@dataclass(frozen=True)
class Forgetting:
    """One request. ``is_new``: there was no tombstone yet."""

    kind: str
    key: str
    is_new: bool
    places: tuple[Place, ...]

    @property
    def changed(self) -> int:
        """Rows and files that were removed or blanked."""
        return sum(place.count for place in self.places if place.what != KEPT)


def forget_somebody(
    project: Project, kind: str, key: str, *, by: str, now: datetime, dry_run: bool = False
) -> Forgetting:
    """Take a contact or an account out of the whole project. Twice changes nothing.

    Args:
        project: Whose.
        kind: contact or account.
        key: Its id.
        by: Who asked for it.
        now: When.
        dry_run: Count, and change nothing.

    Raises:
        BusyError: Another process writes; what was done stays done, and running it again does the rest.
    """
    who = _known(project, kind, key)
    keys = [(kind, key), *(("contact", contact) for contact in who.contacts)]
    is_new = not read_forgotten(project.folder).has(kind, key)
    if not dry_run:
        _bury(project, keys, by=by, now=now)
    places = [
        *_in_inbox(project, who, dry_run=dry_run),
        *_in_state(project, who, key, dry_run=dry_run),
        *_in_files(project, who, key, dry_run=dry_run),
        *_in_ledger(project, who, now=now, dry_run=dry_run),
        *_in_facts(project, who, now=now, dry_run=dry_run),
    ]
    if not dry_run and any(place.what != KEPT for place in places):
        _note(project, kind, digest(kind, key), places, by=by, now=now)
        _clean(project)
    return Forgetting(kind, key, is_new, (*places, *_kept(project, who, key)))


def _known(project: Project, kind: str, key: str) -> Known:
    """What facts, state and inbox know of somebody: by which words to look for them."""
    who = facts.find(project.folder, kind, key)
    ids = sorted(who.mentions.ids)
    names: set[str] = set(who.mentions.names)
    if project.has_state:
        with _state(project) as state, reading(state) as connection:
            if kind == "account":
                contact = tables.contact_fact
                of_account = sa.select(contact.c.contact_id).where(contact.c.account_id == key)
                ids = sorted({*ids, *connection.execute(of_account).scalars()})
            names |= set(forget.names_of(connection, ids))
    with _inbox(project) as inbox:
        if inbox is not None:
            with reading(inbox) as connection:
                names |= set(forget.told_names(connection, ids))
    contacts = tuple(one for one in ids if one != key)
    return replace(who, mentions=mentions(ids, names), contacts=contacts)


def _bury(project: Project, keys: list[tuple[str, str]], *, by: str, now: datetime) -> None:
    """Leave the tombstones in state, and beside the facts for whatever loads."""
    rows = [
        {"kind": kind, "digest": digest(kind, key), "forgotten_at": now, "forgotten_by": by}
        for kind, key in dict.fromkeys(keys)
    ]
    with _state(project) as state, writing(state) as connection:
        known = {
            tuple(row) for row in connection.execute(sa.select(tables.tombstone.c.kind, tables.tombstone.c.digest))
        }
        fresh = [row for row in rows if (row["kind"], row["digest"]) not in known]
        if fresh:
            upsert(connection, tables.tombstone, fresh)
    bury_beside_facts(project)


def bury_beside_facts(project: Project) -> bool:
    """Bring the file that loading reads up to what state knows; returns whether it said something else."""
    with _state(project) as state, reading(state) as connection:
        rows = connection.execute(sa.select(tables.tombstone.c.kind, tables.tombstone.c.digest)).all()
    known = Forgotten(*(frozenset(row.digest for row in rows if row.kind == kind) for kind in KINDS))
    if known == read_forgotten(project.folder):
        return False
    write_forgotten(project.folder, known)
    return True


@contextmanager
def _state(project: Project) -> Iterator[sa.Engine]:
    state = open_project_state(project)
    try:
        yield state
    finally:
        state.dispose()


@contextmanager
def _inbox(project: Project) -> Iterator[sa.Engine | None]:
    """The inbox's database where there is one."""
    address = project.inbox_address
    if isinstance(address, Path) and not address.exists():
        yield None
        return
    engine = connect(address)
    try:
        with writing(engine) as connection:
            make_tables(connection)
        yield engine
    finally:
        engine.dispose()


@contextmanager
def _transaction(engine: sa.Engine, *, dry_run: bool) -> Iterator[sa.Connection]:
    """One that is taken back where nothing is to change."""
    with writing(engine) as connection:
        yield connection
        if dry_run:
            connection.rollback()


def _in_inbox(project: Project, who: Known, *, dry_run: bool) -> list[Place]:
    with _inbox(project) as inbox:
        if inbox is None:
            return []
        with _transaction(inbox, dry_run=dry_run) as connection:
            return _places("inbox", forget.forget_in_inbox(connection, who.mentions))


def _in_state(project: Project, who: Known, key: str, *, dry_run: bool) -> list[Place]:
    if not project.has_state:
        return []
    with _state(project) as state, _transaction(state, dry_run=dry_run) as connection:
        take_out = forget.forget_contact if who.kind == "contact" else forget.forget_account
        return _places("state", take_out(connection, key, who.mentions))


def _places(store: str, changed: list[forget.Changed]) -> list[Place]:
    found = []
    for one in changed:
        found += [Place(f"{store}: {one.table}", REMOVED, one.removed)] if one.removed else []
        found += [Place(f"{store}: {one.table}", BLANKED, one.blanked)] if one.blanked else []
    return found


def _in_files(project: Project, who: Known, key: str, *, dry_run: bool) -> list[Place]:
    """Messages written as files, and what the biller told; a killed load may have left a file of events."""
    inside = project.folder / ".upstep"
    theirs = [
        path for path in sorted((inside / "messages").rglob("*")) if path.is_file() and _speaks_of(path, who, key)
    ]
    remains = [path for path in sorted((inside / "arriving").glob("*")) if path.is_file()]
    if not dry_run:
        for path in (*theirs, *remains):
            path.unlink(missing_ok=True)
    lines = 0
    for path in sorted((inside / "billing").glob("*.jsonl")) if who.kind == "account" else ():
        rows = path.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [row for row in rows if json.loads(row).get("account_id") != key]
        lines += len(rows) - len(kept)
        if not dry_run and len(kept) < len(rows):
            fresh = path.with_name(path.name + ".new")
            fresh.write_text("".join(kept), encoding="utf-8")
            fresh.replace(path)
    found = [("messages written as files", len(theirs)), ("remains of a load", len(remains)), ("billing lines", lines)]
    return [Place(f"files: {place}", REMOVED, count) for place, count in found if count]


def _speaks_of(path: Path, who: Known, key: str) -> bool:
    text = path.read_text(encoding="utf-8", errors="replace")
    if who.mentions.are_in(text):
        return True
    header = {"contact": "To", "account": "Account"}[who.kind]
    return re.search(rf"^{header}: {re.escape(key)}$", text, re.MULTILINE) is not None


def _in_ledger(project: Project, who: Known, *, now: datetime, dry_run: bool) -> list[Place]:
    removed, blanked = ledger.take_out(
        project,
        account_id=next(iter(who.mentions.ids - set(who.contacts))) if who.kind == "account" else None,
        ids=sorted(who.mentions.ids),
        pattern=who.mentions.pattern,
        now=now,
        dry_run=dry_run,
    )
    found = [Place("decision ledger", REMOVED, removed), Place("decision ledger", BLANKED, blanked)]
    return [place for place in found if place.count]


def _in_facts(project: Project, who: Known, *, now: datetime, dry_run: bool) -> list[Place]:
    places = []
    for one in facts.erase(project.folder, who, now=now, dry_run=dry_run):
        places += [Place(f"facts: {one.table}", REMOVED, one.removed)] if one.removed else []
        places += [Place(f"facts: {one.table}", BLANKED, one.blanked)] if one.blanked else []
    return places


def _note(project: Project, kind: str, key_digest: str, places: list[Place], *, by: str, now: datetime) -> None:
    """An audit line that says that it was done, and not of whom."""
    details = {f"{place.place} {place.what}": place.count for place in places}
    with _state(project) as state, writing(state) as connection:
        audit.note(connection, "forget", subject=f"{kind} {key_digest[:12]}", who=by, at=now, details=details)


def _clean(project: Project) -> None:
    """SQLite keeps what was deleted in pages that are free; write the files anew without them."""
    for path in sorted((project.folder / ".upstep").glob("*.db")):
        connection = sqlite3.connect(path, isolation_level=None, timeout=30)
        try:
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.OperationalError as error:
            told = f"{path}: what was deleted is still in free pages ({error}). Stop upstep and run the command again."
            raise BusyError(told, holder="another process") from error
        finally:
            connection.close()


def _kept(project: Project, who: Known, key: str) -> list[Place]:
    """What stays, and why."""
    found = []
    if project.has_state:
        ids = [key] if who.kind == "account" else sorted(who.mentions.ids)
        with _state(project) as state, reading(state) as connection:
            for name, count in _billed(connection, who.kind, ids):
                why = "billing records, which the law requires; ids only"
                found.append(Place(f"state: {name}", KEPT, count, why))
    if who.kind == "account" and project.sandbox_path.exists():
        found.append(Place("files: sandbox.db", KEPT, 1, "the sandbox biller's books; ids only"))
    if project.settings.state is not None:
        found.append(Place("Postgres", KEPT, 1, "deleted rows stay in its files until VACUUM; its own dumps are yours"))
    named = [
        path for path in sorted((project.folder / "data").rglob("*")) if path.is_file() and _is_in(path, who.mentions)
    ]
    if named:
        why = (
            f"your own sources ({', '.join(path.name for path in named[:5])}): take them out there; loading skips them"
        )
        found.append(Place("files: data/", KEPT, len(named), why))
    return found


def _billed(connection: sa.Connection, kind: str, ids: list[str]) -> Iterator[tuple[str, int]]:
    columns: dict[str, Any] = (
        {"quote": tables.quote.c.account_id}
        if kind == "account"
        else {
            "billing_intent": tables.billing_intent.c.requested_by,
            "billing_attempt": tables.billing_attempt.c.asked_by,
        }
    )
    for name, column in columns.items():
        count = connection.execute(sa.select(sa.func.count()).select_from(column.table).where(column.in_(ids))).scalar()
        if count:
            yield name, int(count)


def _is_in(path: Path, who: Mentions) -> bool:
    """Whether a source names somebody; text is looked through, other formats are not."""
    if path.suffix not in (".csv", ".jsonl", ".json", ".tsv", ".txt"):
        return False
    with path.open(encoding="utf-8", errors="replace") as lines:
        return any(who.are_in(line) for line in lines)
