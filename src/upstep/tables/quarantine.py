"""Rows that were kept aside: which, where they stand, what is wrong with them, what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from upstep.clock import to_seconds
from upstep.errors import Fault
from upstep.tables.files import File, line_numbers
from upstep.tables.lake import Snapshot, open_snapshot, quoted, read_files
from upstep.tables.lake_writer import LakeWriter
from upstep.tables.lock import writer_lock
from upstep.tables.schema import Nature
from upstep.tables.stage import Staged

if TYPE_CHECKING:
    import duckdb

KEPT_MOST = 100_000  # Rows kept of one table; all are counted.
_FIRST = 50
_COLUMNS = "table_name, place, kind, column_name, found, advice, row_json"


@dataclass(frozen=True)
class KeptAside:
    """One fault of a row. ``place`` is ``file:line``; ``found`` names the column and what stands there."""

    table: str
    place: str
    kind: str
    column: str
    found: str
    advice: str


MEANINGS = {
    "null_key": "A row without its key belongs to nobody.",
    "missing_value": "A column that every row needs is empty.",
    "bad_value": "A cell is not of its column's type.",
    "fraction": "Usage and money are counted in whole units.",
    "negative": "A quantity cannot be less than nothing.",
    "too_small": "A number is below the least it can be.",
    "too_large": "Sums of such numbers do not fit.",
    "word_not_allowed": "The word has no meaning in this column.",
    "unknown_meter": "The catalog has no such meter, so nothing limits or prices it.",
    "unknown_product": "The catalog has no such product.",
    "unknown_plan": "The catalog has no such plan, so its limits and prices are not known.",
    "unknown_add_on": "The catalog has no such add-on.",
    "unknown_feature": "The catalog has no such feature.",
    "unknown_currency": "Amounts in it cannot be compared with others.",
    "ends_before_start": "It would have ended before it began.",
    "future": "It is dated after the instant up to which the load is complete; one wrong date must not move the clock.",
    "duplicate_key": "Two rows claim to be the same thing; only the first one was used.",
    "no_row": "The line cannot be read as a row.",
}
"""Kind of fault -> why such a row is not used."""


def kept_aside(
    connection: duckdb.DuckDBPyConnection, snapshot: Snapshot, *, table: str | None = None, of_each: int = 1000
) -> tuple[KeptAside, ...]:
    """What is kept aside now, at most ``of_each`` of a table and kind, in file order."""
    rows = connection.execute(
        "SELECT table_name, place, kind, column_name, found, advice FROM"
        f" (SELECT *, row_number() OVER () AS number FROM ({snapshot.select('quarantine')}))"
        " WHERE coalesce(table_name = $1, $1 IS NULL)"
        f" QUALIFY row_number() OVER (PARTITION BY table_name, kind ORDER BY number) <= {of_each:d}"
        " ORDER BY table_name, kind, number",
        [table],
    ).fetchall()
    return tuple(KeptAside(*row) for row in rows)


def shown(faults: Sequence[KeptAside]) -> tuple[str, ...]:
    """Faults as lines: ``file:line: found``."""
    return tuple(f"{fault.place}: {fault.found}" for fault in faults)


class Faults:
    """The faults of rows that one load meets, as a temp table; at its end they are placed and stored."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        connection.execute(
            "CREATE TEMP TABLE faults (table_name VARCHAR, _file VARCHAR, _row BIGINT, place VARCHAR, kind VARCHAR,"
            " column_name VARCHAR, found VARCHAR, advice VARCHAR, row_json VARCHAR)"
        )

    def note(self, table: str, select: str) -> None:
        """Keep faults of rows: ``select`` gives _file, _row, kind, column_name, found, advice, row_json."""
        self._connection.execute(
            f"INSERT INTO faults SELECT {quoted(table)}, _file, _row, NULL, kind, column_name, found, advice, row_json"
            f" FROM ({select})"
        )

    def note_rejected(self, staged: Staged) -> None:
        """Keep the lines that are no rows at all."""
        for rejected in staged.opened.rejected:
            place, advice = f"{rejected.file}:{rejected.line}", "Correct the line in the source."
            self._connection.execute(
                "INSERT INTO faults VALUES (?, ?, NULL, ?, 'no_row', '', ?, ?, ?)",
                [staged.table.name, rejected.file, place, rejected.found, advice, rejected.text],
            )

    def counts(self, table: str) -> dict[str, int]:
        """How many faults of each kind a table has."""
        rows = self._connection.execute(
            "SELECT kind, count(*) FROM faults WHERE table_name = ? GROUP BY kind ORDER BY kind", [table]
        ).fetchall()
        return dict(rows)

    def rows(self, table: str) -> int:
        """How many rows of a table have a fault; a row with several is one."""
        found: Any = self._connection.execute(
            "SELECT count(DISTINCT (_file, coalesce('row ' || _row, place))) FROM faults WHERE table_name = ?", [table]
        ).fetchone()
        return int(found[0])

    def total(self) -> int:
        """How many faults there are."""
        found: Any = self._connection.execute("SELECT count(*) FROM faults").fetchone()
        return int(found[0])

    def files(self, staged: Staged) -> set[str]:
        """Files with faults, as people wrote them; DuckDB names Parquet files by their whole path."""
        rows = self._connection.execute(
            "SELECT DISTINCT _file FROM faults WHERE table_name = ?", [staged.table.name]
        ).fetchall()
        shown_as = {str(file.path): file.shown for file in staged.opened.files}
        return {shown_as.get(row[0], row[0]) for row in rows}

    def place(self, tables: Sequence[Staged]) -> None:
        """Turn file and row into ``file:line``; one pass over each file that has faults."""
        for staged in tables:
            files = {str(file.path): file for file in staged.opened.files}
            files |= {file.shown: file for file in staged.opened.files}
            rows = self._connection.execute(
                "SELECT _file, list(DISTINCT _row ORDER BY _row) FROM faults"
                " WHERE table_name = ? AND place IS NULL GROUP BY _file",
                [staged.table.name],
            ).fetchall()
            for name, numbers in rows:
                if name in files:
                    self._place_file(staged, name, numbers[:KEPT_MOST], file=files[name])
        self._connection.execute("UPDATE faults SET place = concat(_file, ':row ', _row + 1) WHERE place IS NULL")

    def _place_file(self, staged: Staged, name: str, rows: list[int], *, file: File) -> None:
        import pyarrow as pa

        rejected = [line.line for line in staged.opened.rejected if line.file == file.shown]
        lines = line_numbers(file, rows, rejected=rejected)
        mark = ":row " if file.format == "parquet" else ":"
        places = pa.table({"_row": list(lines), "place": [f"{file.shown}{mark}{line}" for line in lines.values()]})
        self._connection.register("_places", places)
        self._connection.execute(
            "UPDATE faults SET place = _places.place FROM _places"
            " WHERE faults._row = _places._row AND table_name = ? AND _file = ?",
            [staged.table.name, name],
        )
        self._connection.unregister("_places")

    def examples(self, of_each: int) -> tuple[KeptAside, ...]:
        """The first faults of each table, kind and column."""
        rows = self._connection.execute(
            "SELECT table_name, place, kind, column_name, found, advice FROM faults QUALIFY row_number() OVER"
            f" (PARTITION BY table_name, kind, column_name ORDER BY _file, _row) <= {of_each:d}"
            " ORDER BY table_name, kind, column_name, _file, _row"
        ).fetchall()
        return tuple(KeptAside(*row) for row in rows)

    def first(self, place: str) -> list[Fault]:
        """The first faults as errors tell them, and how many more there are."""
        rows = self._connection.execute(
            f"SELECT place, found, advice FROM faults ORDER BY table_name, _file, _row LIMIT {_FIRST}"
        ).fetchall()
        faults = [Fault(*row) for row in rows]
        more = self.total() - len(faults)
        return faults + ([Fault(place, f"and {more} more faults in rows.")] if more > 0 else [])

    def write(
        self, writer: LakeWriter, tables: Sequence[Staged], *, load_id: str, now: int
    ) -> tuple[dict[str, int], int]:
        """Store the faults in place of those of the same sources; nothing is written when nothing changes.

        Returns:
            By kind, the faults of usage files that were not read again; and how many rows they are of.
        """
        stored = writer.snapshot.select("quarantine")
        self._connection.execute(
            f"CREATE TEMP TABLE kept AS SELECT * FROM ({stored}) WHERE NOT ({_read_again(tables)})"
        )
        fresh = (
            f"SELECT {_COLUMNS} FROM faults"
            f" QUALIFY row_number() OVER (PARTITION BY table_name ORDER BY _file, _row) <= {KEPT_MOST}"
        )
        now_kept, was_kept = f"SELECT {_COLUMNS} FROM kept UNION ALL {fresh}", f"SELECT {_COLUMNS} FROM ({stored})"
        differ: Any = self._connection.execute(
            f"SELECT (SELECT count(*) FROM (({was_kept}) EXCEPT ALL ({now_kept})))"
            f" + (SELECT count(*) FROM (({now_kept}) EXCEPT ALL ({was_kept})))"
        ).fetchone()
        if differ[0]:
            with_load = f"SELECT *, {quoted(load_id)} AS load_id, {now} AS loaded_at FROM ({fresh})"
            writer.replace("quarantine")
            writer.add("quarantine", f"SELECT * FROM kept UNION ALL {with_load}", order_by="table_name, place")
        rows = self._connection.execute(
            "SELECT kind, count(*) FROM kept WHERE table_name = 'usage' GROUP BY kind"
        ).fetchall()
        places = "SELECT count(DISTINCT place) FROM kept WHERE table_name = 'usage'"
        return dict(rows), _count(self._connection, places)


def _read_again(tables: Sequence[Staged]) -> str:
    """SQL: whether a stored fault is of a source that this load has read."""
    conditions = []
    for staged in tables:
        if staged.table.nature is not Nature.EVENT:
            conditions.append(f"table_name = {quoted(staged.table.name)}")
            continue
        conditions += [
            f"table_name = 'usage' AND starts_with(place, {quoted(shown_as + ':')})"
            for shown_as in staged.opened.digests
            if shown_as not in staged.opened.skipped
        ]
    return " OR ".join(f"({condition})" for condition in conditions) or "false"


def remove_older(project: Path, *, before: datetime, now: datetime, dry_run: bool = False) -> int:
    """Remove rows that were kept aside by loads before an instant. Gives their number.

    Raises:
        BusyError: Another process writes facts.
    """
    import duckdb

    snapshot = open_snapshot(project)
    if "quarantine" not in snapshot.manifest.tables:
        return 0
    is_old = f"loaded_at < {to_seconds(before)}"
    with duckdb.connect(":memory:") as connection:
        count = _count(connection, f"SELECT count(*) FROM ({snapshot.select('quarantine')}) WHERE {is_old}")
        if dry_run or not count:
            return count
        with writer_lock(project, command="upstep retention", now=now):
            writer = LakeWriter(project, connection)
            try:
                for path in writer.snapshot.files("quarantine"):
                    source = read_files("quarantine", [path])
                    if _count(connection, f"SELECT count(*) FROM ({source}) WHERE {is_old}"):
                        rest = f"SELECT * FROM ({source}) WHERE NOT ({is_old})"
                        writer.write_anew("quarantine", path, rest, at=to_seconds(now))
            except BaseException:
                writer.abandon()
                raise
            writer.publish(writer.snapshot.manifest)
            writer.remove_replaced_now(["quarantine"])
    return count


def _count(connection: duckdb.DuckDBPyConnection, select: str) -> int:
    return int(connection.execute(select).fetchall()[0][0])
