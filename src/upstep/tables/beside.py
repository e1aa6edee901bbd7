"""What events told of accounts and contacts, beside the company's own table of them.

The own table's word goes first. Where it says nothing, what was told stands; and who was only told of stays, though no
row of the table names them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from upstep.clock import parse_instant, to_seconds
from upstep.tables.lake import arrow_schema
from upstep.tables.schema import TABLES, Kind

if TYPE_CHECKING:
    import duckdb

Told = Mapping[str, Mapping[str, Any]]
"""By key: the columns that were told."""


def put_beside(connection: duckdb.DuckDBPyConnection, table: str, told: Told) -> None:
    """Fill empty cells of the temp table ``fresh``, and add who was only told of to ``kept_keys``."""
    import pyarrow as pa

    if not told:
        return
    key = TABLES[table].key[0]
    schema = arrow_schema(table)
    named = {name for row in told.values() for name in row}
    columns = [name for name in schema.names if name in named and name != key]
    cells: dict[str, Any] = {key: pa.array(list(told), pa.string())}
    for name in columns:
        cells[name] = pa.array([_stored(table, name, row.get(name)) for row in told.values()], schema.field(name).type)
    connection.execute("SELECT 1").fetchall()
    connection.register("_told", pa.table(cells))
    for name in columns:
        connection.execute(
            f'UPDATE fresh SET "{name}" = _told."{name}" FROM _told'
            f' WHERE fresh."{key}" = _told."{key}" AND fresh."{name}" IS NULL AND _told."{name}" IS NOT NULL'
        )
    connection.execute(f'INSERT INTO kept_keys SELECT "{key}" FROM _told')
    connection.unregister("_told")


def _stored(table: str, name: str, value: Any) -> Any:
    """A cell as it is stored."""
    column = TABLES[table].column(name)
    if value is None or column is None:
        return None
    if column.kind is Kind.INSTANT:
        return to_seconds(parse_instant(value))
    return "\n".join(value) if column.kind is Kind.WORDS else value
