"""Bringing new rows together with stored ones, for tables of today's state and of dated facts. What is equal stays.

A state row's versions are kept: ``seen_from`` and ``seen_to`` are the instants between which loads saw it so;
``is_first`` marks the first version of a key, which also stands for all time before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from upstep.tables.lake import stored_schema
from upstep.tables.schema import TABLES, Nature

if TYPE_CHECKING:
    import duckdb

_VERSION_COLUMNS = ("seen_from", "seen_to", "is_first")


@dataclass(frozen=True)
class Merged:
    """What a merge came to, in rows; ``select`` gives the whole table afterwards."""

    added: int
    changed: int
    ended: int
    select: str

    @property
    def is_same(self) -> bool:
        """Whether nothing has to be written."""
        return not (self.added or self.changed or self.ended)


def key_columns(table: str) -> tuple[str, ...]:
    """The key as it is stored: account_id only stands in the account table itself."""
    return TABLES[table].key


def value_columns(table: str) -> tuple[str, ...]:
    """Stored columns that are neither key nor version."""
    return tuple(
        name for name in stored_schema(table) if name not in key_columns(table) and name not in _VERSION_COLUMNS
    )


def merge(
    connection: duckdb.DuckDBPyConnection, table: str, *, fresh: str, stored: str, kept_keys: str, at: int, ends: bool
) -> Merged:
    """Compare what was read with what is stored.

    Args:
        connection: Where the relations are.
        table: The canonical table.
        fresh: Relation of the new rows, in the core's columns.
        stored: Relation of the stored rows.
        kept_keys: Relation of the keys of rows that are kept aside; their stored versions stay as they are.
        at: Seconds; from when the new versions are true.
        ends: Whether a row that is no longer there has ended (``mode: snapshot``).
    """
    if TABLES[table].nature is Nature.DATED:
        return _merge_dated(connection, table, fresh=fresh, stored=stored)
    keys, on = key_columns(table), _same_key(table, "now", "old")
    differs = " OR ".join(f'now."{name}" IS DISTINCT FROM old."{name}"' for name in value_columns(table)) or "false"
    listed = ", ".join(f'now."{name}"' for name in keys)
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE _compared AS SELECT {listed}, old.seen_from IS NOT NULL AS is_known,"
        f" ({differs}) AS differs FROM {fresh} now LEFT JOIN (SELECT * FROM {stored} WHERE seen_to IS NULL) old ON {on}"
    )
    gone = (
        f"SELECT {', '.join(f'old.{name}' for name in keys)} FROM {stored} old WHERE old.seen_to IS NULL"
        f" AND NOT EXISTS (SELECT 1 FROM _compared now WHERE {on})"
        f" AND NOT EXISTS (SELECT 1 FROM {kept_keys} now WHERE {on})"
    )
    connection.execute(f"CREATE OR REPLACE TEMP TABLE _gone AS {gone if ends else gone + ' AND false'}")
    counts: Any = connection.execute(
        "SELECT count(*) FILTER (NOT is_known), count(*) FILTER (is_known AND differs),"
        " (SELECT count(*) FROM _gone) FROM _compared"
    ).fetchone()
    return Merged(counts[0], counts[1], counts[2], _versions(table, fresh=fresh, stored=stored, at=at))


def _same_key(table: str, left: str, right: str) -> str:
    return " AND ".join(f'{left}."{name}" = {right}."{name}"' for name in key_columns(table))


def _versions(table: str, *, fresh: str, stored: str, at: int) -> str:
    """All versions after the merge: the old ones, some of them now ended, and the new ones."""
    columns = ", ".join(f'"{name}"' for name in stored_schema(table) if name not in _VERSION_COLUMNS)
    old_columns = ", ".join(f'old."{name}"' for name in stored_schema(table) if name not in _VERSION_COLUMNS)
    now_columns = old_columns.replace("old.", "now.")
    same = _same_key(table, "now", "old")
    compared = _same_key(table, "now", "new")
    return (
        f"SELECT {columns}, seen_from, seen_to, is_first FROM (SELECT {old_columns}, old.seen_from, CASE"
        f" WHEN old.seen_to IS NOT NULL THEN old.seen_to"
        f" WHEN EXISTS (SELECT 1 FROM _compared now WHERE now.is_known AND now.differs AND {same})"
        f" OR EXISTS (SELECT 1 FROM _gone now WHERE {same}) THEN {at} END AS seen_to, old.is_first FROM {stored} old"
        f" UNION ALL SELECT {now_columns}, {at}, NULL, NOT EXISTS (SELECT 1 FROM {stored} old WHERE {same})"
        f" FROM {fresh} now JOIN _compared new ON {compared} WHERE NOT new.is_known OR new.differs)"
    )


def _merge_dated(connection: duckdb.DuckDBPyConnection, table: str, *, fresh: str, stored: str) -> Merged:
    """A later row with the same key replaces the stored one."""
    same = _same_key(table, "now", "old")
    differs = " OR ".join(f'now."{name}" IS DISTINCT FROM old."{name}"' for name in value_columns(table)) or "false"
    first = f'old."{key_columns(table)[0]}"'
    counts: Any = connection.execute(
        f"SELECT count(*) FILTER ({first} IS NULL), count(*) FILTER ({first} IS NOT NULL AND ({differs}))"
        f" FROM {fresh} now LEFT JOIN {stored} old ON {same}"
    ).fetchone()
    columns = ", ".join(f'"{name}"' for name in stored_schema(table))
    select = (
        f"SELECT {columns} FROM {fresh} UNION ALL SELECT {columns} FROM {stored} old"
        f" WHERE NOT EXISTS (SELECT 1 FROM {fresh} now WHERE {same})"
    )
    return Merged(counts[0], counts[1], 0, select)
