"""Taking somebody out of the facts: files that hold their rows are written anew without them, and the old ones removed.

Usage stays counted: an event keeps its number of a person, which no longer leads to anybody.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from upstep.clock import to_seconds
from upstep.state.mentions import Mentions, mentions
from upstep.tables.lake import Snapshot, open_snapshot, quoted, read_files, stored_schema
from upstep.tables.lake_writer import LakeWriter
from upstep.tables.lock import writer_lock

if TYPE_CHECKING:
    import duckdb

_OF_A_PERSON = ("contact", "goal")  # Their rows are nothing without the person.
_TEXT = "VARCHAR"
_WORDS_OF_OURS = {"currency", "status", "interval", "kind", "severity", "role", "motion", "collection", "stage"}


@dataclass(frozen=True)
class Known:
    """What the facts know of somebody.

    Args:
        account_keys: Of the account, or of the accounts that the person stood in.
        contact_keys: The person's, or those of all people of the account.
        contacts: Ids of the account's people, who are forgotten with it.
    """

    kind: str
    mentions: Mentions
    account_keys: tuple[int, ...] = ()
    contact_keys: tuple[int, ...] = ()
    contacts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Erased:
    """What became of the rows of one table."""

    table: str
    removed: int
    blanked: int


def find(project: Path, kind: str, key: str) -> Known:
    """Who an account or a contact is, by all versions of their rows."""
    import duckdb

    snapshot = open_snapshot(project)
    with duckdb.connect(":memory:") as connection:
        rows = _rows(connection, snapshot, kind, key)
        by = "account_id" if kind == "account" else "contact_id"
        own = "account_key" if kind == "account" else "contact_key"
        keys = _column(connection, f"SELECT {own} FROM ({snapshot.select(own)}) WHERE {by} = ?", key)
        contacts = sorted({str(row["contact_id"]) for row in rows if row.get("contact_id")} - {key})
        names = [row.get(name) for row in rows for name in ("name", "email")]
        if kind == "contact":
            accounts = {int(row["account_key"]) for row in rows}
            if keys and snapshot.manifest.tables.get("usage_contact"):
                both = " UNION ALL ".join(
                    f"SELECT account_key, contact_key FROM ({snapshot.select(table)})"
                    for table in ("usage_contact", "usage_contact_recent")
                )
                accounts |= set(_column(connection, f"SELECT account_key FROM ({both}) WHERE contact_key = ?", keys[0]))
            return Known(kind, mentions([key], names), tuple(sorted(accounts)), tuple(keys))
        listed = _texts(frozenset(contacts))
        select = (
            f"SELECT contact_key FROM ({snapshot.select('contact_key')}) WHERE contact_id IN ({listed}) AND ? <> ''"
        )
        theirs = tuple(_column(connection, select, key))
        return Known(kind, mentions([key, *contacts], names), tuple(keys), theirs, tuple(contacts))


def _rows(connection: duckdb.DuckDBPyConnection, snapshot: Snapshot, kind: str, key: str) -> list[dict[str, Any]]:
    """The person's rows; for an account its own and those of its people."""
    if kind == "contact":
        return _as_rows(connection, f"SELECT * FROM ({snapshot.select('contact')}) WHERE contact_id = ?", key)
    rows: list[dict[str, Any]] = []
    for table in ("account", "contact"):
        keyed = f"SELECT account_key FROM ({snapshot.select('account_key')}) WHERE account_id = ?"
        rows += _as_rows(connection, f"SELECT * FROM ({snapshot.select(table)}) WHERE account_key IN ({keyed})", key)
    return rows


def _as_rows(connection: duckdb.DuckDBPyConnection, select: str, key: str) -> list[dict[str, Any]]:
    return list(connection.sql(select, params=[key]).to_arrow_table().to_pylist())


def _column(connection: duckdb.DuckDBPyConnection, select: str, value: object) -> list[int]:
    return [int(row[0]) for row in connection.execute(select, [value]).fetchall()]


def erase(project: Path, who: Known, *, now: datetime, dry_run: bool = False) -> list[Erased]:
    """Take somebody out of every table of facts. Twice changes nothing.

    Raises:
        BusyError: Another process writes facts.
    """
    import duckdb

    if not open_snapshot(project).manifest.tables:
        return []
    with writer_lock(project, command="upstep forget", now=now), duckdb.connect(":memory:") as connection:
        writer = LakeWriter(project, connection)
        try:
            tables = writer.snapshot.manifest.tables
            found = [one for table in tables for one in _erase(connection, writer, table, who, now)]
            if dry_run or not found:
                writer.abandon()
            else:
                writer.publish(writer.snapshot.manifest)
        except BaseException:
            writer.abandon()
            raise
        if not dry_run:
            # Of every table: what an earlier load replaced may still lie there, and may speak of them too.
            writer.remove_replaced_now(tables)
        return [one for one in found if one.removed or one.blanked]


def _erase(
    connection: duckdb.DuckDBPyConnection, writer: LakeWriter, table: str, who: Known, now: datetime
) -> Iterator[Erased]:
    """Write anew the files of a table that hold somebody, and tell what was in them."""
    change = _change(table, who)
    if change is None:
        return
    removed = blanked = 0
    for path in _holding(connection, writer.snapshot, table, change):
        source = read_files(table, [path])
        (counts,) = connection.execute(
            f"SELECT count(*) FILTER ({change.gone}), count(*) FILTER (({change.blank}) AND NOT ({change.gone}))"
            f" FROM ({source})"
        ).fetchall()
        removed, blanked = removed + counts[0], blanked + counts[1]
        cells = ", ".join(f'{change.cells.get(name, _named(name))} AS "{name}"' for name in stored_schema(table))
        writer.write_anew(table, path, f"SELECT {cells} FROM ({source}) WHERE NOT ({change.gone})", at=to_seconds(now))
    if removed or blanked:
        yield Erased(table, removed, blanked)


def _named(name: str) -> str:
    return f'"{name}"'


@dataclass(frozen=True)
class _Change:
    """Conditions for rows that go and rows that are blanked, and the cells that change."""

    gone: str
    blank: str
    cells: dict[str, str]


def _holding(connection: duckdb.DuckDBPyConnection, snapshot: Snapshot, table: str, change: _Change) -> list[str]:
    """The files with rows that go or change."""
    found = []
    for path in snapshot.files(table):
        hit = connection.execute(
            f"SELECT 1 FROM ({read_files(table, [path])}) WHERE ({change.gone}) OR ({change.blank}) LIMIT 1"
        ).fetchall()
        if hit:
            found.append(path)
    return found


def _change(table: str, who: Known) -> _Change | None:
    schema = stored_schema(table)
    gone, cells, blanks = _gone(table, schema, who), {}, []
    for name, kind in schema.items():
        condition = _blanked(table, name, kind, who)
        if condition is not None:
            blanks.append(condition[0])
            cells[name] = condition[1]
    if gone is None and not blanks:
        return None
    return _Change(gone or "false", " OR ".join(blanks) or "false", cells)


def _gone(table: str, schema: dict[str, str], who: Known) -> str | None:
    """SQL: whether a row goes altogether."""
    if table == "quarantine":
        text = "concat_ws(' ', found, row_json)"
        ids = " OR ".join(f"contains(row_json, {quoted(chr(34) + one + chr(34))})" for one in sorted(who.mentions.ids))
        return f"coalesce(regexp_matches({text}, {quoted(who.mentions.pattern)}) OR {ids or 'false'}, false)"
    if who.kind == "account":
        if "account_key" in schema:
            return _is_in("account_key", who.account_keys)
        return _is_in("contact_key", who.contact_keys) if table == "contact_key" else None
    if table in _OF_A_PERSON:
        return f"coalesce(contact_id IN ({_texts(who.mentions.ids)}), false)"
    return None


def _blanked(table: str, name: str, kind: str, who: Known) -> tuple[str, str] | None:
    """SQL of which cells of a column change, and of the cell afterwards; None: it stays as it is."""
    if table in ("contact_key", "usage"):
        return None if who.kind == "account" else _of_the_person(table, name, who)
    if kind != _TEXT or table.endswith("_key") or name in _WORDS_OF_OURS or table == "quarantine":
        return None
    if not name.endswith("_id"):
        pattern = quoted(who.mentions.pattern)
        condition = f'coalesce(regexp_matches("{name}", {pattern}), false)'
        return condition, f"regexp_replace(\"{name}\", {pattern}, '(forgotten)', 'g')"
    if name in ("account_id", "contact_id") and table in ("account", *_OF_A_PERSON):
        return None
    condition = f'coalesce("{name}" IN ({_texts(who.mentions.ids)}), false)'
    return condition, f'CASE WHEN {condition} THEN NULL ELSE "{name}" END'


def _of_the_person(table: str, name: str, who: Known) -> tuple[str, str] | None:
    """The same for what usage keeps of a person: the number stays, so that people are still counted."""
    if (table, name) == ("contact_key", "contact_id"):
        condition = f"coalesce(contact_id IN ({_texts(who.mentions.ids)}), false)"
        return condition, f"CASE WHEN {condition} THEN {quoted(f'forgotten-{uuid.uuid4().hex}')} ELSE contact_id END"
    if (table, name) == ("usage", "properties"):
        theirs = (
            f"{_is_in('contact_key', who.contact_keys)} OR regexp_matches(properties, {quoted(who.mentions.pattern)})"
        )
        known = _is_in("account_key", who.account_keys) if who.account_keys else "true"
        condition = f"coalesce(properties IS NOT NULL AND {known} AND ({theirs}), false)"
        return condition, f"CASE WHEN {condition} THEN NULL ELSE properties END"
    return None


def _is_in(column: str, keys: Sequence[int]) -> str:
    return f"coalesce({column} IN ({', '.join(map(str, keys))}), false)" if keys else "false"


def _texts(words: frozenset[str]) -> str:
    return ", ".join(quoted(word) for word in sorted(words)) or "NULL"
