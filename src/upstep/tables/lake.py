"""Where facts are stored: Delta Lake tables, and one file that says which versions of them belong together.

A load commits several tables. ``current.json`` is replaced by one rename after the last commit, and readers open
the versions it names: a load that dies before the rename never happened, and the next one clears its remains.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from upstep.errors import DamagedError
from upstep.tables.query import core_schema
from upstep.tables.schema import TABLES, Nature
from upstep.tables.versions import committed, files_of, newest

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa
    from deltalake.transaction import AddAction, RemoveAction

FORMAT = 1
BUCKETS = 64
KEEP_HOURS = 24  # A reader that pinned an older version may still be running.

# Level 1 takes less time than level 3, and the files come out no larger.
_PARQUET = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1"

# One account's rows are read by the piece: small pieces make that ten times faster and whole scans hardly slower.
# The roll-ups are scanned whole above all, and have few columns; events lie in the order they came in.
_PIECE = ", ROW_GROUP_SIZE 8192"
_IN_LARGE_PIECES = {"usage", "usage_day", "usage_contact"}

_EVERY_DAY = 10**6  # Facts of before that was noted may have usage of the company's own source on any day.

# Each load is a commit; live events make thousands a day, and no reader pins a version for so long.
_LOG = {"delta.logRetentionDuration": "interval 2 days"}

DUCK_TYPES = {"string": "VARCHAR", "int64": "BIGINT", "int32": "INTEGER", "float64": "DOUBLE", "boolean": "BOOLEAN"}
"""DuckDB's name of each type of the core."""

_USAGE_DAY = {
    "account_key": "INTEGER",
    "meter_key": "INTEGER",
    "day": "INTEGER",
    "quantity": "BIGINT",
    "events": "BIGINT",
    "quantity_max": "BIGINT",
    "quantity_latest": "BIGINT",
    "latest_at": "BIGINT",
}
_USAGE_CONTACT = {
    "account_key": "INTEGER",
    "meter_key": "INTEGER",
    "contact_key": "INTEGER",
    "month": "INTEGER",
    "day_mask": "BIGINT",
}
_OWN_TABLES: dict[str, dict[str, str]] = {
    "account_key": {"account_id": "VARCHAR", "account_key": "INTEGER", "bucket": "INTEGER"},
    "meter_key": {"meter_id": "VARCHAR", "meter_key": "INTEGER"},
    "contact_key": {"contact_id": "VARCHAR", "contact_key": "INTEGER"},
    "usage": {
        "event_id": "VARCHAR",
        "account_key": "INTEGER",
        "meter_key": "INTEGER",
        "contact_key": "INTEGER",
        "occurred_at": "BIGINT",
        "quantity": "BIGINT",
        "properties": "VARCHAR",
        "day": "INTEGER",
    },
    "usage_day": {**_USAGE_DAY, "bucket": "INTEGER"},
    "usage_day_recent": _USAGE_DAY,
    "usage_contact": {**_USAGE_CONTACT, "bucket": "INTEGER"},
    "usage_contact_recent": _USAGE_CONTACT,
    "quarantine": {
        "table_name": "VARCHAR",
        "place": "VARCHAR",
        "kind": "VARCHAR",
        "column_name": "VARCHAR",
        "found": "VARCHAR",
        "advice": "VARCHAR",
        "row_json": "VARCHAR",
        "load_id": "VARCHAR",
        "loaded_at": "BIGINT",
    },
}
PARTITIONS = {"usage": "day", "usage_day": "bucket", "usage_contact": "bucket"}
"""The column by whose value a table's files are kept apart."""


def stored_schema(table: str) -> dict[str, str]:
    """DuckDB types of a stored table: the core's columns, and for a state table when each version was seen."""
    if table in _OWN_TABLES:
        return dict(_OWN_TABLES[table])
    columns = {name: DUCK_TYPES[kind] for name, kind in core_schema(table).items()}
    if TABLES[table].nature is Nature.STATE:
        columns |= {"seen_from": "BIGINT", "seen_to": "BIGINT", "is_first": "BOOLEAN"}
    return columns


@dataclass(frozen=True)
class Connected:
    """What is known of one canonical table's loads.

    Args:
        complete_through: Seconds; every row dated up to here is in.
        load_ids: Hashes of the contents that changed what is stored, sorted.
        sources: Digest of each source that was read, and what it was read with.
        faults: How many faults its last load met, by kind.
        rows_aside: How many rows they are of: a row may have several. None where the load did not count them.
    """

    complete_through: int
    load_ids: tuple[str, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)
    faults: Mapping[str, int] = field(default_factory=dict)
    repeated: int = 0
    rows_aside: int | None = None


@dataclass(frozen=True)
class Stored:
    """The pinned version of one Delta table and its number of rows."""

    version: int
    rows: int


@dataclass(frozen=True)
class Manifest:
    """What belongs together.

    Args:
        first_loaded_at: Seconds up to which the first load was complete: what was true before is not known.
        loaded_at: Seconds of the last load's start.
        orphans: How many account keys the account table lacks.
        last_event_at: Seconds of the latest usage event.
        live_through: Seconds up to which events have come in live; None: they never did.
        live_number: The inbox's number of the last event that is in; written in one step with the event.
        own_day: The latest day of which the company's own source brought usage; None: it never did.
    """

    tables: Mapping[str, Stored] = field(default_factory=dict)
    connected: Mapping[str, Connected] = field(default_factory=dict)
    first_loaded_at: int | None = None
    loaded_at: int | None = None
    orphans: int = 0
    last_event_at: int | None = None
    live_through: int | None = None
    live_number: int | None = None
    own_day: int | None = None


def facts_folder(project: Path) -> Path:
    """Where a project keeps its facts."""
    return project / ".upstep" / "facts"


def read_manifest(project: Path) -> Manifest:
    """The manifest; an empty one before the first load.

    Raises:
        DamagedError: The file is not what was written.
    """
    path = facts_folder(project) / "current.json"
    try:
        words = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Manifest()
    except (ValueError, OSError) as error:
        raise DamagedError(f"{path}: cannot be read ({error}). Restore the folder from a backup.") from None
    if words.get("format") != FORMAT:
        raise DamagedError(f"{path}: format {words.get('format')} is not {FORMAT}. Run 'upstep upgrade'.")
    return Manifest(
        tables={name: Stored(**stored) for name, stored in words["tables"].items()},
        connected={
            name: Connected(**{**table, "load_ids": tuple(table["load_ids"])})
            for name, table in words["connected"].items()
        },
        **{name: words[name] for name in ("first_loaded_at", "loaded_at", "orphans", "last_event_at")},
        live_through=words.get("live_through"),
        live_number=words.get("live_number"),
        own_day=words.get("own_day", _EVERY_DAY if "usage" in words["tables"] else None),
    )


def write_manifest(project: Path, manifest: Manifest) -> None:
    """Replace the manifest in one step; from here on readers see the new versions."""
    folder = facts_folder(project)
    folder.mkdir(parents=True, exist_ok=True)
    fresh = folder / "current.json.new"
    with fresh.open("w", encoding="utf-8") as file:
        json.dump({"format": FORMAT, **asdict(manifest)}, file, indent=1, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(folder / "current.json")
    _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    """Make a rename last through a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@dataclass(frozen=True)
class Snapshot:
    """One set of table versions that belong together, pinned when it was opened."""

    folder: Path
    manifest: Manifest
    _files: dict[str, list[tuple[str, int | None]]] = field(default_factory=dict, repr=False, compare=False)

    def files(self, table: str, *, partitions: Iterable[int] | None = None) -> list[str]:
        """Parquet files of a table; with ``partitions``, of those days or buckets only. None stored: empty.

        Raises:
            DamagedError: The table cannot be opened, or a file is gone.
        """
        if table not in self._files:
            self._files[table] = self._open(table)
        if partitions is None:
            return [path for path, _ in self._files[table]]
        wanted = set(partitions)
        return [path for path, value in self._files[table] if value in wanted]

    def days(self, table: str) -> list[int | None]:
        """The partition of each file of a table."""
        self.files(table)
        return [value for _, value in self._files[table]]

    def select(self, table: str, *, partitions: Iterable[int] | None = None) -> str:
        """SQL that reads a table's columns as ``stored_schema`` names them; no rows when nothing is stored."""
        return read_files(table, self.files(table, partitions=partitions))

    def _open(self, table: str) -> list[tuple[str, int | None]]:
        from deltalake.exceptions import DeltaError

        stored = self.manifest.tables.get(table)
        if stored is None:
            return []
        folder = self.folder / table
        try:
            uris = files_of(folder, stored.version)
        except (DeltaError, OSError, ValueError) as error:
            raise DamagedError(f"{folder}: version {stored.version} cannot be opened ({error}).") from None
        missing = [uri for uri in uris if not Path(uri).exists()]
        if missing:
            raise DamagedError(
                f"{missing[0]}: the file is gone ({len(missing)} of {len(uris)}). Restore the folder from a backup."
            )
        return [(uri, _partition(uri)) for uri in uris]


def open_snapshot(project: Path) -> Snapshot:
    """Pin what is stored now. Files are found when first asked for, at the pinned versions."""
    return Snapshot(facts_folder(project), read_manifest(project))


def read_files(table: str, files: list[str]) -> str:
    """SQL that reads Parquet files as the stored columns of a table."""
    columns = stored_schema(table)
    if not files:
        nothing = ", ".join(f'NULL::{kind} AS "{name}"' for name, kind in columns.items())
        return f"SELECT {nothing} WHERE false"
    partition = PARTITIONS.get(table)
    hive = f", hive_partitioning = true, hive_types = {{'{partition}': INTEGER}}" if partition else ""
    names = ", ".join(f'"{name}"' for name in columns)
    listed = ", ".join(quoted(path) for path in files)
    return f"SELECT {names} FROM read_parquet([{listed}]{hive if partition else ', hive_partitioning = false'})"


def quoted(text: str) -> str:
    """A SQL literal.

    >>> quoted("it's")
    "'it''s'"
    """
    return "'" + text.replace("'", "''") + "'"


def _partition(path: str) -> int | None:
    """The partition value in a file's path (``…/day=20400/x.parquet``), or None."""
    name = path.rsplit("/", 2)[-2] if "/" in path else ""
    return int(name.partition("=")[2]) if "=" in name else None


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
        partition, value = PARTITIONS.get(table), _partition(path)
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
        value = _partition(str(path))
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


@cache
def arrow_schema(table: str) -> pa.Schema:
    """Arrow's types of a stored table, as ``stored_schema`` has DuckDB's."""
    import pyarrow as pa

    types = {
        "VARCHAR": pa.string(),
        "BIGINT": pa.int64(),
        "INTEGER": pa.int32(),
        "DOUBLE": pa.float64(),
        "BOOLEAN": pa.bool_(),
    }
    return pa.schema([(name, types[kind]) for name, kind in stored_schema(table).items()])


def _delta_statistics(columns: Mapping[str, str], *, rows: int, statistics: Mapping[str, Any]) -> dict[str, Any]:
    """Row count and the bounds of whole-number columns, by which other readers skip files."""
    bounds: dict[str, dict[str, int]] = {"minValues": {}, "maxValues": {}}
    for quoted_name, figures in statistics.items():
        name = quoted_name.strip('"')
        if columns.get(name) in ("INTEGER", "BIGINT") and "min" in figures and "max" in figures:
            bounds["minValues"][name] = int(figures["min"])
            bounds["maxValues"][name] = int(figures["max"])
    return {"numRecords": rows, **bounds}
