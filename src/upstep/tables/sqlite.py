"""The engine for a few accounts: an SQLite in memory, whose prepared statements outlive a run.

For few rows an engine that plans for many spends its time in planning. SQLite plans in microseconds and keeps a
prepared statement until the schema changes; so tables are made once, and a run empties and fills them again.
"""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from upstep.tables.query import Program, Statements, arrow_types

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

_TYPES = {"int32": "INTEGER", "int64": "INTEGER", "float64": "REAL", "boolean": "INTEGER", "string": "TEXT"}
_STATEMENTS_MAX = 1000  # More than a program has: about 60 stages with three statements each, and what is loaded.

_INDEXED_FROM = 1000
"""A table with as many rows is looked up by its first column: else an index would be made in every query anew."""


class SqliteEngine:
    """Runs programs in memory, again and again, for few rows. See ``tables.query.Engine``.

    ``drop`` empties a table and keeps its form: a changed schema would make every statement be prepared again. A table
    that is loaded again as the very same Arrow table is left as it is.
    """

    dialect = "sqlite"

    def __init__(self) -> None:
        self.connection = sqlite3.connect(
            ":memory:", isolation_level=None, cached_statements=_STATEMENTS_MAX, check_same_thread=False
        )
        for name, function in {"floor": math.floor, "ceil": math.ceil, "sqrt": math.sqrt}.items():
            _add_missing(self.connection, name, function)
        for setting in ("journal_mode = off", "secure_delete = off", "temp_store = memory"):
            self.connection.execute(f"PRAGMA {setting}")
        self._columns: dict[str, dict[str, str]] = {}
        self._loaded: dict[str, pa.Table] = {}
        self._named: dict[str, ir.Table] = {}
        self.late: dict[str, Callable[[], pa.Table]] = {}
        """Tables that are loaded when a stage first reads them: which rows they need is known only then."""

    def run(self, program: Program | Statements, *, keep: Sequence[str] = ()) -> None:
        """See ``Engine.run``."""
        columns, last = program.columns, program.last_reader
        for name, sql in program.sql(self.dialect).items():
            for table in [table for table in self.late if f'"{table}"' in sql]:
                self.put(table, self.late.pop(table)())
            self.fill(name, columns[name], sql)
            self.drop(*(table for table, reader in last.items() if reader == name and table not in keep))

    def fill(self, name: str, columns: Mapping[str, str], select: str) -> None:
        """Put the rows of a SELECT in as table ``name`` with these columns and types (replacing it)."""
        self._prepare(name, columns)
        self.connection.execute(f'INSERT INTO "{name}" {select}')

    def load(self, name: str, rows: pa.Table) -> ir.Table:
        """See ``Engine.load``."""
        import ibis

        self.put(name, rows)
        if name not in self._named:
            self._named[name] = ibis.table(self._columns[name], name=name)
        return self._named[name]

    def put(self, name: str, rows: pa.Table) -> None:
        """Load without naming the table to Ibis, which takes longer than a few rows do."""
        if self._loaded.get(name) is rows:
            return
        types = _types_of(rows.schema)
        self._prepare(name, types)
        if rows.num_rows:
            marks = ", ".join("?" for _ in types)
            cells = zip(*(column.to_pylist() for column in rows.columns), strict=True)
            self.connection.execute("BEGIN")
            self.connection.executemany(f'INSERT INTO "{name}" VALUES ({marks})', cells)
            self.connection.execute("COMMIT")
        if rows.num_rows >= _INDEXED_FROM:
            self.connection.execute(f'CREATE INDEX IF NOT EXISTS "{name} by key" ON "{name}" ("{next(iter(types))}")')
        self._loaded[name] = rows

    def read(self, name: str) -> pa.Table:
        """See ``Engine.read``."""
        import pyarrow as pa

        types = self._columns[name]
        found = self.connection.execute(f'SELECT * FROM "{name}"').fetchall()
        columns = list(zip(*found, strict=True)) if found else [()] * len(types)
        arrays = [_array(cells, kind) for cells, kind in zip(columns, types.values(), strict=True)]
        return pa.Table.from_arrays(arrays, names=list(types))

    def drop(self, *names: str) -> None:
        """See ``Engine.drop``."""
        for name in names:
            if name in self._columns:
                self._prepare(name, self._columns[name])

    def _prepare(self, name: str, columns: Mapping[str, str]) -> None:
        """An empty table of this form."""
        self._loaded.pop(name, None)
        if self._columns.get(name) == columns:
            self.connection.execute(f'DELETE FROM "{name}"')
            return
        listed = ", ".join(f'"{column}" {_TYPES[kind]}' for column, kind in columns.items())
        self.connection.execute(f'DROP TABLE IF EXISTS "{name}"')
        self.connection.execute(f'CREATE TABLE "{name}" ({listed})')
        self._columns[name] = dict(columns)
        self._named.pop(name, None)


@cache
def _types_of(schema: pa.Schema) -> dict[str, str]:
    return arrow_types(schema)


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
