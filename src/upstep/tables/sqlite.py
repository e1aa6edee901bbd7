"""The engine for a few accounts: an SQLite in memory, whose prepared statements outlive a run.

For few rows an engine that plans for many spends its time in planning. SQLite plans in microseconds and keeps a
prepared statement until the schema changes; so tables are made once, and a run empties and fills them again.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from upstep.tables.standing import StandingEngine

if TYPE_CHECKING:
    import pyarrow as pa

_TYPES = {"int32": "INTEGER", "int64": "INTEGER", "float64": "REAL", "boolean": "INTEGER", "string": "TEXT"}
_STATEMENTS_MAX = 1000  # More than a program has: about 60 stages with three statements each, and what is loaded.

_INDEXED_FROM = 1000
"""A table with as many rows is looked up by its first column: else an index would be made in every query anew."""


class SqliteEngine(StandingEngine):
    """Runs programs in memory, again and again, for few rows. See ``tables.standing``."""

    dialect = "sqlite"
    types = _TYPES

    def __init__(self) -> None:
        super().__init__(
            sqlite3.connect(
                ":memory:", isolation_level=None, cached_statements=_STATEMENTS_MAX, check_same_thread=False
            )
        )
        for name, function in {"floor": math.floor, "ceil": math.ceil, "sqrt": math.sqrt}.items():
            _add_missing(self.connection, name, function)
        self.connection.create_aggregate("bit_or", 1, _BitOr)
        for setting in ("journal_mode = off", "secure_delete = off", "temp_store = memory"):
            self.connection.execute(f"PRAGMA {setting}")

    def _insert(self, name: str, types: Mapping[str, str], rows: pa.Table) -> None:
        marks = ", ".join("?" for _ in types)
        cells = zip(*(column.to_pylist() for column in rows.columns), strict=True)
        self.connection.execute("BEGIN")
        self.connection.executemany(f'INSERT INTO "{name}" VALUES ({marks})', cells)
        self.connection.execute("COMMIT")
        if rows.num_rows >= _INDEXED_FROM:
            self.connection.execute(f'CREATE INDEX IF NOT EXISTS "{name} by key" ON "{name}" ("{next(iter(types))}")')

    def read(self, name: str) -> pa.Table:
        """See ``Engine.read``."""
        import pyarrow as pa

        types = self._columns[name]
        found = self.connection.execute(f'SELECT * FROM "{name}"').fetchall()
        columns = list(zip(*found, strict=True)) if found else [()] * len(types)
        arrays = [_array(cells, kind) for cells, kind in zip(columns, types.values(), strict=True)]
        return pa.Table.from_arrays(arrays, names=list(types))


def _array(cells: Sequence[Any], kind: str) -> pa.Array:
    import pyarrow as pa

    if kind == "boolean":
        return pa.array(cells, pa.int64()).cast(pa.bool_())
    types = {"int32": pa.int32(), "int64": pa.int64(), "float64": pa.float64(), "string": pa.string()}
    return pa.array(cells, types[kind])


def _add_missing(connection: sqlite3.Connection, name: str, function: Any) -> None:
    """SQLite can be built without its mathematical functions."""
    try:
        connection.execute(f"SELECT {name}(1.0)")
    except sqlite3.OperationalError:
        connection.create_function(
            name, 1, lambda value: None if value is None else float(function(value)), deterministic=True
        )


class _BitOr:
    """SQLite has no ``bit_or``."""

    def __init__(self) -> None:
        self._bits = 0

    def step(self, value: int) -> None:
        """One more row."""
        self._bits |= value

    def finalize(self) -> int:
        """All bits that were set."""
        return self._bits
