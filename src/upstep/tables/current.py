"""Rows of accounts and contacts as they are known now, by key: what a single fact is put beside."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from upstep.clock import from_seconds, iso
from upstep.tables.lake import open_snapshot
from upstep.tables.schema import TABLES, Kind


def current_rows(project: Path, table: str, keys: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The latest rows of a state table with one key column, by key; columns that are empty are left out."""
    if not keys:
        return {}
    import duckdb
    import pyarrow as pa

    snapshot = open_snapshot(project)
    if table not in snapshot.manifest.tables:
        return {}
    key = TABLES[table].key[0]
    with duckdb.connect(":memory:") as connection:
        connection.register("wanted", pa.table({"wanted_id": pa.array(keys, pa.string())}))
        beside = ""
        if key != "account_id":
            beside = f" LEFT JOIN ({snapshot.select('account_key')}) keys USING (account_key)"
        rows: Any = connection.sql(
            f"SELECT * FROM ({snapshot.select(table)}) stored{beside}"
            f' SEMI JOIN wanted ON stored."{key}" = wanted.wanted_id WHERE seen_to IS NULL'
        ).to_arrow_table()
    return {row[key]: _canonical(table, row) for row in rows.to_pylist()}


def _canonical(table: str, row: dict[str, Any]) -> dict[str, Any]:
    """A stored row in the words of its table."""
    found = {}
    for column in TABLES[table].columns:
        value = row.get(column.name)
        if value is not None:
            if column.kind is Kind.INSTANT:
                value = iso(from_seconds(value))
            found[column.name] = value.split("\n") if column.kind is Kind.WORDS else value
    return found
