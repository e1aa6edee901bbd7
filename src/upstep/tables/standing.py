"""Tables that stand from one run to the next, so that an engine may keep what it planned for them.

Planning sixty wide statements takes longer than answering them for some accounts. An engine keeps a plan as long as
no table changes its form; so tables are made once, and a run empties and fills them again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from upstep.tables.query import Program, Statements, arrow_types

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa


_COMPARED_MOST = 1_000


class StandingEngine(ABC):
    """Runs programs in memory, again and again. See ``tables.query.Engine``.

    ``drop`` empties a table and keeps its form: a changed form would make every statement be planned again. A table
    that is loaded again with the same few rows, or as the very same Arrow table, is left as it is.
    """

    dialect: str
    types: Mapping[str, str]
    """The engine's name of each type that Ibis declares."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
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
            self.stage(name, columns[name], sql)
            self.drop(*(table for table, reader in last.items() if reader == name and table not in keep))

    def stage(self, name: str, columns: Mapping[str, str], select: str) -> None:
        """Put the rows of a stage in; the same words come with each run."""
        self.fill(name, columns, select)

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
        if self._has(name, rows):
            return
        types = _types_of(rows.schema)
        self._prepare(name, types)
        if rows.num_rows:
            self._insert(name, types, rows)
        self._loaded[name] = rows

    def add(self, name: str, rows: pa.Table) -> None:
        """Put rows beside those that were filled in; columns that the table does not have are left out."""
        if rows.num_rows:
            self._insert(name, self._columns[name], rows.select(list(self._columns[name])))

    def _has(self, name: str, rows: pa.Table) -> bool:
        """Whether the table holds these rows. Most of what a run is told is what the one before was told."""
        known = self._loaded.get(name)
        return known is rows or (known is not None and rows.num_rows <= _COMPARED_MOST and known.equals(rows))

    @abstractmethod
    def _insert(self, name: str, types: Mapping[str, str], rows: pa.Table) -> None:
        """Put rows, of which there are some, into a table."""

    @abstractmethod
    def read(self, name: str) -> pa.Table:
        """See ``Engine.read``."""

    def drop(self, *names: str) -> None:
        """See ``Engine.drop``."""
        for name in names:
            if name in self._columns:
                self._prepare(name, self._columns[name])

    def _prepare(self, name: str, columns: Mapping[str, str]) -> None:
        """An empty table of this form."""
        self._loaded.pop(name, None)
        if self._columns.get(name) == columns:
            self._empty(name)
            return
        listed = ", ".join(f'"{column}" {self.types[kind]}' for column, kind in columns.items())
        self.connection.execute(f'DROP TABLE IF EXISTS "{name}"')
        self.connection.execute(f'CREATE TABLE "{name}" ({listed})')
        self._columns[name] = dict(columns)
        self._named.pop(name, None)

    def _empty(self, name: str) -> None:
        self.connection.execute(f'DELETE FROM "{name}"')


@cache
def _types_of(schema: pa.Schema) -> dict[str, str]:
    return arrow_types(schema)
