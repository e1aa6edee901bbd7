"""Writing one load into the lake: files first, then one Delta commit per table, then the manifest that names them.

What a load that died has left is cleared by the next one; see ``tables.lake`` for what readers open.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from upstep.tables.lake import (
    KEEP_HOURS,
    PARTITIONS,
    Manifest,
    Stored,
    arrow_schema,
    facts_folder,
    open_snapshot,
    partition_of,
    quoted,
    stored_schema,
    write_manifest,
)
from upstep.tables.versions import committed, newest

if TYPE_CHECKING:
    import duckdb
    from deltalake.transaction import AddAction, RemoveAction

# Level 1 takes less time than level 3, and the files come out no larger.
_PARQUET = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1"

# One account's rows are read by the piece: small pieces make that ten times faster and whole scans hardly slower.
# The roll-ups are scanned whole above all, and have few columns; events lie in the order they came in.
_PIECE = ", ROW_GROUP_SIZE 8192"
_IN_LARGE_PIECES = {"usage", "usage_day", "usage_contact"}

# Each load is a commit; live events make thousands a day, and no reader pins a version for so long.
_LOG = {"delta.logRetentionDuration": "interval 2 days"}


class LakeWriter:
    """Writes one load: files first, then one Delta commit per table, then the manifest.

    DuckDB writes the files, so what is written never has to fit into memory.
    """

    def __init__(self, project: Path, connection: duckdb.DuckDBPyConnection) -> None:
        self.project = project
        # Delta names its files whole, wherever the command stands.
        self.folder = facts_folder(project).resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self._connection = connection
        self._marker = self.folder / "loading.json"
        self.snapshot = open_snapshot(project)
        self._adds: dict[str, list[AddAction]] = {}
        self._replaced: set[str] = set()
        self._removes: dict[str, list[RemoveAction]] = {}
        self._rows_removed: dict[str, int] = {}
        self._is_publishing = False
        self._clear_remains()
        self._marker.write_text("A load is writing, or died; the next one clears what it left.\n", encoding="utf-8")

    def add(self, table: str, select: str, *, order_by: str = "") -> int:
        """Write the rows of ``select`` as further files of a table; seen after ``publish``. Gives the row count."""
        folder = self.folder / table
        folder.mkdir(parents=True, exist_ok=True)
        columns = ", ".join(f'"{name}"::{kind} AS "{name}"' for name, kind in stored_schema(table).items())
        partition = PARTITIONS.get(table)
        ordered = f" ORDER BY {order_by}" if order_by else ""
        piece = "" if table in _IN_LARGE_PIECES else _PIECE
        target, options = folder / f"{_unique()}.parquet", f"{_PARQUET}{piece}, RETURN_STATS true"
        if partition:
            target = folder
            options += f", PARTITION_BY (\"{partition}\"), FILENAME_PATTERN '{_unique()}_{{uuid}}', APPEND true"
        written = self._connection.execute(
            f"COPY (SELECT {columns} FROM ({select}){ordered}) TO {quoted(str(target))} ({options})"
        ).fetchall()
        for path, rows, size, _, statistics, *_ in written:
            self._note(table, Path(path), rows=rows, size=size, statistics=statistics)
        return sum(int(row[1]) for row in written)

    def add_sorted_part(self, table: str, select: str, *, partition: int, order_by: str) -> int:
        """Write one partition's rows as one sorted file (partitioned writing by DuckDB keeps no order)."""
        name = PARTITIONS[table]
        folder = self.folder / table / f"{name}={partition}"
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"{_unique()}.parquet"
        columns = ", ".join(
            f'"{column}"::{kind} AS "{column}"' for column, kind in stored_schema(table).items() if column != name
        )
        written = self._connection.execute(
            f"COPY (SELECT {columns} FROM ({select}) ORDER BY {order_by}) TO {quoted(str(target))}"
            f" ({_PARQUET}, RETURN_STATS true)"
        ).fetchall()
        rows = sum(int(row[1]) for row in written)
        if not rows:
            target.unlink(missing_ok=True)
            return 0
        for path, count, size, _, statistics, *_ in written:
            self._note(table, Path(path), rows=count, size=size, statistics=statistics)
        return rows

    def replace(self, table: str) -> None:
        """What was added to this table in this load will stand instead of what was stored."""
        self._replaced.add(table)
        self._adds.setdefault(table, [])

    def replace_with_nothing(self, table: str) -> None:
        """The table will be empty; what this load has added to it goes too."""
        for add in self._adds.get(table, []):
            (self.folder / table / add.path).unlink(missing_ok=True)
        self._adds[table] = []
        if table in self.snapshot.manifest.tables:
            self._replaced.add(table)
        else:
            del self._adds[table]

    def write_anew(self, table: str, path: str, select: str, *, at: int) -> None:
        """One stored file's rows as ``select`` gives them, in their order, in place of that file.

        Args:
            table: Whose file it is.
            path: The file, as ``Snapshot.files`` names it.
            select: SQL of the rows that stand instead.
            at: Seconds; when.
        """
        import pyarrow.parquet as pq
        from deltalake.transaction import RemoveAction

        old = Path(path)
        partition, value = PARTITIONS.get(table), partition_of(path)
        values: dict[str, str | None] = {partition: str(value)} if partition else {}
        columns = ", ".join(
            f'"{name}"::{kind} AS "{name}"' for name, kind in stored_schema(table).items() if name != partition
        )
        target = old.with_name(f"{_unique()}.parquet")
        piece = "" if table in _IN_LARGE_PIECES else _PIECE
        written = self._connection.execute(
            f"COPY (SELECT {columns} FROM ({select})) TO {quoted(str(target))} ({_PARQUET}{piece}, RETURN_STATS true)"
        ).fetchall()
        if sum(int(row[1]) for row in written):
            for _, count, size, _, statistics, *_ in written:
                self._note(table, target, rows=count, size=size, statistics=statistics)
        else:
            target.unlink(missing_ok=True)
            self._adds.setdefault(table, [])
        name = str(old.relative_to(self.folder / table))
        removed = RemoveAction(name, data_change=True, deletion_timestamp=at * 1000, partition_values=values)
        self._removes.setdefault(table, []).append(removed)
        self._rows_removed[table] = self._rows_removed.get(table, 0) + pq.read_metadata(old).num_rows

    def remove_replaced_now(self, tables: Iterable[str]) -> None:
        """Remove at once the files that no longer belong to these tables, though a reader may have them open."""
        from deltalake import DeltaTable

        for table in tables:
            delta = DeltaTable(self.folder / table)
            if any((self.folder / table / old).exists() for old in delta.vacuum(0, enforce_retention_duration=False)):
                delta.vacuum(0, dry_run=False, enforce_retention_duration=False)

    def added_files(self, table: str) -> list[str]:
        """Files that this load has written for a table so far."""
        return [str(self.folder / table / add.path) for add in self._adds.get(table, [])]

    @property
    def has_written(self) -> bool:
        """Whether there is anything to publish beside the manifest."""
        return bool(self._adds)

    def publish(self, manifest: Manifest) -> Manifest:
        """Commit every table that has new files, then the manifest. Gives it with the new versions."""
        self._is_publishing = True
        tables = dict(manifest.tables)
        for table, adds in self._adds.items():
            rows = sum(json.loads(add.stats)["numRecords"] for add in adds)
            before = 0 if table in self._replaced or table not in tables else tables[table].rows
            before -= self._rows_removed.get(table, 0)
            tables[table] = Stored(self._commit(table, adds), before + rows)
        published = replace(manifest, tables=tables)
        write_manifest(self.project, published)
        self._marker.unlink(missing_ok=True)
        self._vacuum()
        return published

    def abandon(self) -> None:
        """Remove the files of a load that will not be published; nothing once publishing has begun.

        What is committed is left to the next load, which knows from the manifest what counts.
        """
        if self._is_publishing:
            return
        for table, adds in self._adds.items():
            for add in adds:
                (self.folder / table / add.path).unlink(missing_ok=True)
        self._marker.unlink(missing_ok=True)

    def _note(self, table: str, path: Path, *, rows: int, size: int, statistics: Mapping[str, Any]) -> None:
        from deltalake.transaction import AddAction

        partition = PARTITIONS.get(table)
        value = partition_of(str(path))
        self._adds.setdefault(table, []).append(
            AddAction(
                path=str(path.relative_to(self.folder / table)),
                size=size,
                partition_values={partition: str(value)} if partition else {},
                modification_time=path.stat().st_mtime_ns // 1_000_000,
                data_change=True,
                stats=json.dumps(_delta_statistics(stored_schema(table), rows=rows, statistics=statistics)),
            )
        )

    def _commit(self, table: str, adds: Sequence[AddAction]) -> int:
        from deltalake import Schema
        from deltalake.transaction import create_table_with_add_actions

        folder = self.folder / table
        partition = [PARTITIONS[table]] if table in PARTITIONS else []
        schema = Schema.from_arrow(arrow_schema(table))
        if table not in self.snapshot.manifest.tables:
            create_table_with_add_actions(
                str(folder), schema, list(adds), mode="overwrite", partition_by=partition, configuration=_LOG
            )
            return committed(folder, None)
        mode = "overwrite" if table in self._replaced else "append"
        delta = newest(folder)
        actions: list[AddAction | RemoveAction] = [*adds, *self._removes.get(table, [])]
        delta.create_write_transaction(actions, mode, schema, partition_by=partition)
        return committed(folder, delta)

    def _vacuum(self) -> None:
        """Remove files that were replaced more than a day ago."""
        from deltalake import DeltaTable

        for table in self._replaced:
            DeltaTable(self.folder / table).vacuum(KEEP_HOURS, dry_run=False, enforce_retention_duration=False)

    def _clear_remains(self) -> None:
        """Undo what a load that died has left: uncommitted files, and commits that the manifest does not name."""
        from deltalake import DeltaTable

        if not self._marker.exists():
            return
        started = self._marker.stat().st_mtime
        pinned = self.snapshot.manifest.tables
        for folder in [entry for entry in self.folder.iterdir() if entry.is_dir()]:
            if folder.name not in pinned:
                shutil.rmtree(folder)
                continue
            table = DeltaTable(folder)
            if table.version() != pinned[folder.name].version:
                table.restore(pinned[folder.name].version)
            kept = {os.path.realpath(path) for path in self.snapshot.files(folder.name)}
            for path in folder.rglob("*.parquet"):
                # Older files may serve a reader that pinned an older version; only the dead load's are removed.
                is_log = "_delta_log" in path.parts
                if not is_log and path.stat().st_mtime >= started - 1 and os.path.realpath(path) not in kept:
                    path.unlink()


def _unique() -> str:
    import uuid

    return uuid.uuid4().hex


def _delta_statistics(columns: Mapping[str, str], *, rows: int, statistics: Mapping[str, Any]) -> dict[str, Any]:
    """Row count and the bounds of whole-number columns, by which other readers skip files."""
    bounds: dict[str, dict[str, int]] = {"minValues": {}, "maxValues": {}}
    for quoted_name, figures in statistics.items():
        name = quoted_name.strip('"')
        if columns.get(name) in ("INTEGER", "BIGINT") and "min" in figures and "max" in figures:
            bounds["minValues"][name] = int(figures["min"])
            bounds["maxValues"][name] = int(figures["max"])
    return {"numRecords": rows, **bounds}
