"""Integer keys of accounts, meters and contacts: given once, in the order of the ids of a load, and never again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from upstep.tables.lake import BUCKETS, quoted
from upstep.tables.lake_writer import LakeWriter

if TYPE_CHECKING:
    import duckdb

KEY_TABLES = ("account_key", "meter_key", "contact_key")


class Keys:
    """The three dictionaries as temp tables of one load; further ids are appended.

    Args:
        meters: Ids that the catalog names; they have keys before they have usage.
        is_small: Few ids will be asked for: of what is stored, those alone are brought in when they are.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        writer: LakeWriter,
        *,
        meters: Iterable[str] | None,
        is_small: bool = False,
    ) -> None:
        self._connection = connection
        self._writer = writer
        self._is_small = is_small
        nothing = " LIMIT 0" if is_small else ""
        for table in KEY_TABLES:
            connection.execute(f"CREATE TEMP TABLE {table} AS {writer.snapshot.select(table)}{nothing}")
        self._first_new = {table: self._stored_next(table) for table in KEY_TABLES}
        if meters:
            listed = ", ".join(f"({quoted(meter)})" for meter in sorted(meters))
            self.add("meter_key", f"SELECT id FROM (VALUES {listed}) known(id)")

    def add(self, table: str, ids: str) -> None:
        """Give keys to ids (SQL of one column, ``id``) that have none."""
        name = table.replace("_key", "_id")
        if self._is_small:
            self._bring(table, ids)
        # Stored, so that no engine computes it anew.
        bucket = f", (key % {BUCKETS})::INTEGER" if table == "account_key" else ""
        numbered = f"(row_number() OVER (ORDER BY id) - 1 + {self._next(table)})::INTEGER AS key"
        self._connection.execute(
            f"INSERT INTO {table} SELECT id, key{bucket} FROM (SELECT id, {numbered}"
            f" FROM (SELECT DISTINCT id FROM ({ids}) WHERE id IS NOT NULL) new"
            f" WHERE NOT EXISTS (SELECT 1 FROM {table} old WHERE old.{name} = new.id))"
        )

    def _bring(self, table: str, ids: str) -> None:
        """Take stored keys of ids in."""
        name = table.replace("_key", "_id")
        self._connection.execute(
            f"INSERT INTO {table} SELECT * FROM ({self._writer.snapshot.select(table)}) stored"
            f" WHERE {name} IN (SELECT id FROM ({ids}) WHERE id IS NOT NULL)"
            f" AND NOT EXISTS (SELECT 1 FROM {table} old WHERE old.{name} = stored.{name})"
        )

    def every(self, table: str) -> str:
        """SQL: all rows of a dictionary, those given now included."""
        if not self._is_small:
            return table
        return f"({self._writer.snapshot.select(table)} UNION SELECT * FROM {table})"

    def has_new(self, table: str) -> bool:
        """Whether this load gave keys."""
        return self._next(table) > self._first_new[table]

    def write(self) -> None:
        """Store the new keys."""
        for table, first in self._first_new.items():
            if self.has_new(table):
                self._writer.add(table, f"SELECT * FROM {table} WHERE {table} >= {first}", order_by=table)

    def _next(self, table: str) -> int:
        found: Any = self._connection.execute(f"SELECT coalesce(max({table}) + 1, 0) FROM {table}").fetchone()
        return max(int(found[0]), self._first_new[table])

    def _stored_next(self, table: str) -> int:
        stored = self._writer.snapshot.select(table) if self._is_small else f"SELECT * FROM {table}"
        found: Any = self._connection.execute(f"SELECT coalesce(max({table}) + 1, 0) FROM ({stored})").fetchone()
        return int(found[0])
