"""Where facts are stored: Delta Lake tables, and one file that says which versions of them belong together.

A load commits several tables (see ``lake_writer``). ``current.json`` is replaced by one rename after the last commit,
and readers open the versions it names: a load that dies before the rename never happened.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from upstep.errors import DamagedError
from upstep.tables.query import core_schema
from upstep.tables.schema import TABLES, Nature
from upstep.tables.versions import files_of

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = 1
BUCKETS = 64
KEEP_HOURS = 24  # A reader that pinned an older version may still be running.

_EVERY_DAY = 10**6  # Facts of before that was noted may have usage of the company's own source on any day.

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
        return [(uri, partition_of(uri)) for uri in uris]


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


def partition_of(path: str) -> int | None:
    """The partition's value in a file's path (``…/day=20400/x.parquet``), or None."""
    name = path.rsplit("/", 2)[-2] if "/" in path else ""
    return int(name.partition("=")[2]) if "=" in name else None
