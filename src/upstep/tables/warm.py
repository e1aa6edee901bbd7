"""The engine for some thousand accounts: a DuckDB whose tables stand and whose plans are kept.

DuckDB plans a prepared statement anew at every run when its optimizer has looked at tables, since what it did may hang
on their contents. Without the optimizer the plan is kept. Our statements lose nothing by it: they join on equal
keys in an order that was chosen, and read tables that have only the columns and rows that are needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from upstep.tables.lake import DUCK_TYPES
from upstep.tables.standing import StandingEngine

if TYPE_CHECKING:
    import pyarrow as pa


class WarmEngine(StandingEngine):
    """Runs programs again and again for some thousand accounts, on one thread. See ``tables.standing``."""

    dialect = "duckdb"
    types = DUCK_TYPES

    def __init__(self) -> None:
        import duckdb

        super().__init__(duckdb.connect(":memory:", config={"threads": 1, "preserve_insertion_order": False}))
        self.connection.execute("SET TimeZone = 'UTC'")
        self.connection.execute("PRAGMA disable_optimizer")
        self._forms = 0
        self._filled: set[str] = set()
        self._planned: dict[tuple[str, str], tuple[str, int]] = {}

    def stage(self, name: str, columns: Mapping[str, str], select: str) -> None:
        """Put the rows of a stage in, by the plan that was kept unless a table has changed its form since."""
        self._prepare(name, columns)
        place, forms = self._planned.get((name, select), (f"stage {len(self._planned)}", -1))
        if forms != self._forms:
            self.connection.execute(f'PREPARE "{place}" AS INSERT INTO "{name}" {select}')
            self._planned[name, select] = place, self._forms
        self.connection.execute(f'EXECUTE "{place}"')
        self._filled.add(name)

    def fill(self, name: str, columns: Mapping[str, str], select: str) -> None:
        """See ``StandingEngine.fill``."""
        super().fill(name, columns, select)
        self._filled.add(name)

    def read(self, name: str) -> pa.Table:
        """See ``Engine.read``."""
        return self.connection.sql(f'SELECT * FROM "{name}"').to_arrow_table()

    def _insert(self, name: str, types: Mapping[str, str], rows: pa.Table) -> None:
        listed = ", ".join(f'"{column}"' for column in types)
        self.connection.register("_incoming", rows)
        self.connection.execute(f'INSERT INTO "{name}" SELECT {listed} FROM _incoming')
        self.connection.unregister("_incoming")
        self._filled.add(name)

    def _prepare(self, name: str, columns: Mapping[str, str]) -> None:
        if self._columns.get(name) != columns:
            self._forms += 1
        super()._prepare(name, columns)

    def _empty(self, name: str) -> None:
        if name in self._filled:
            self.connection.execute(f'TRUNCATE "{name}"')
            self._filled.discard(name)
