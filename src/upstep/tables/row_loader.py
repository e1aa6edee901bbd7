"""Loading rows of state or with a date: faulty and repeated ones are kept aside, the rest goes in beside the stored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from upstep.tables.beside import Told, put_beside
from upstep.tables.lake import quoted, stored_schema
from upstep.tables.lake_writer import LakeWriter
from upstep.tables.merge import key_columns, merge
from upstep.tables.stage import Staged, faulty_rows

if TYPE_CHECKING:
    from collections.abc import Collection

    import duckdb

    from upstep.tables.keys import Keys
    from upstep.tables.quarantine import Faults


@dataclass(frozen=True)
class RowCounts:
    """What became of the rows that were read."""

    read: int
    added: int
    changed: int
    ended: int


class RowLoader:
    """Takes one load's rows of one table in.

    Args:
        spoken_for: First-key values whose rows another source speaks for: they stay as that one told them.
        told: What events told of accounts and contacts; it stands where the company's own table says nothing.
    """

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        writer: LakeWriter,
        staged: Staged,
        *,
        keys: Keys,
        faults: Faults,
        spoken_for: Collection[str],
        told: Told,
    ) -> None:
        self._connection = connection
        self._writer = writer
        self._staged = staged
        self._keys = keys
        self._faults = faults
        self._spoken_for = spoken_for
        self._told = told
        self._table = staged.table.name
        self._key = ", ".join(f'"{key}"' for key in key_columns(self._table))

    def load(self, through: int) -> RowCounts:
        """Write the table where anything in it is new or changed; seen after the writer has published.

        Args:
            through: Seconds; the instant at which these rows are seen.
        """
        read = self._stage()
        self._note_duplicates()
        if "account_id" in self._staged.columns:
            self._keys.add("account_key", "SELECT account_id AS id FROM staged WHERE NOT is_faulty")
        if self._table == "contact":
            self._keys.add("contact_key", "SELECT contact_id AS id FROM staged WHERE NOT is_faulty")
        self._put("fresh", self._core_rows())
        self._put("kept_keys", f"SELECT DISTINCT {self._key} FROM staged WHERE is_faulty")
        self._put("stored", self._writer.snapshot.select(self._table))
        self._leave_spoken_for()
        put_beside(self._connection, self._table, self._told)
        merged = merge(
            self._connection,
            self._table,
            fresh="fresh",
            stored="stored",
            kept_keys="kept_keys",
            at=through,
            ends=self._staged.mapping.mode == "snapshot",
        )
        if not merged.is_same or self._table not in self._writer.snapshot.manifest.tables:
            order = "account_key" if "account_key" in stored_schema(self._table) else self._key
            self._writer.replace(self._table)
            self._writer.add(self._table, merged.select, order_by=order)
        return RowCounts(read, merged.added, merged.changed, merged.ended)

    def _stage(self) -> int:
        """Read the source once, note what is faulty, and count."""
        columns = ", ".join(f'"{column}"' for column in self._staged.columns)
        faulty = f"{self._staged.any_fault} AS is_faulty"
        self._put("staged", f"SELECT _file, _row, {columns}, {faulty} FROM ({self._staged.select})")
        total: Any = self._connection.execute("SELECT count(*), count(*) FILTER (is_faulty) FROM staged").fetchone()
        if total[1]:
            self._faults.note(self._table, faulty_rows(self._staged, self._staged.select))
        self._faults.note_rejected(self._staged)
        return int(total[0])

    def _put(self, name: str, select: str) -> None:
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {select}")

    def _note_duplicates(self) -> None:
        """Of several good rows with one key the first stays; the others are faults."""
        keys = self._key
        twice: Any = self._connection.execute(
            f"SELECT count(*) FROM (SELECT 1 FROM staged WHERE NOT is_faulty GROUP BY {keys} HAVING count(*) > 1)"
        ).fetchone()
        if not twice[0]:
            return
        self._put(
            "repeated",
            "SELECT _file, _row FROM staged WHERE NOT is_faulty"
            f" QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY _file, _row) > 1",
        )
        shown = ", ' ', ".join(f'"{key}"::VARCHAR' for key in key_columns(self._table))
        cells = ", ".join(f"'{name}': \"{name}\"" for name in self._staged.columns)
        self._faults.note(
            self._table,
            f"SELECT _file, _row, 'duplicate_key' AS kind, {quoted(keys.replace(chr(34), ''))} AS column_name,"
            f" concat('key ', {shown}, ' stands in an earlier row too') AS found,"
            f" 'Keep one row per key; the first one was used.' AS advice, to_json({{{cells}}})::VARCHAR AS row_json"
            " FROM staged SEMI JOIN repeated USING (_file, _row)",
        )
        self._connection.execute(
            "UPDATE staged SET is_faulty = true FROM repeated"
            " WHERE staged._file = repeated._file AND staged._row = repeated._row"
        )

    def _core_rows(self) -> str:
        """SQL: the good rows in the core's columns; what the source does not have is NULL."""
        cells = []
        for column, kind in stored_schema(self._table).items():
            if column == "account_key":
                cells.append("keys.account_key")
            elif column in self._staged.columns:
                cells.append(f'staged."{column}"')
            elif column not in ("seen_from", "seen_to", "is_first"):
                cells.append(f'NULL::{kind} AS "{column}"')
        join = " LEFT JOIN account_key keys USING (account_id)" if "account_id" in self._staged.columns else ""
        return f"SELECT {', '.join(cells)} FROM staged{join} WHERE NOT is_faulty"

    def _leave_spoken_for(self) -> None:
        """Rows that another source speaks for stay as that one told them, whatever this one says."""
        ids = sorted(self._spoken_for)
        if ids:
            among = f'"{key_columns(self._table)[0]}" IN (SELECT unnest(?))'
            self._connection.execute(f"DELETE FROM fresh WHERE {among}", [ids])
            self._connection.execute(
                f"INSERT INTO kept_keys SELECT DISTINCT {self._key} FROM stored WHERE {among}", [ids]
            )
