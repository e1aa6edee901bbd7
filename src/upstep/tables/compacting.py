"""Many small files of events become few: what is stored stays the same, so no decision changes by it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from upstep.tables.lake import KEEP_HOURS, PARTITIONS, Stored, open_snapshot, write_manifest
from upstep.tables.versions import committed, newest

FILES_MOST = 96
"""So many files of one day are read as quickly as one; more are made few."""

_FILE_BYTES = 64 << 20


def compact_usage(project: Path, *, files_most: int = FILES_MOST) -> int:
    """Pack the files of days that have more than so many. The caller holds the write lock.

    A process that dies on the way leaves the files as they were pinned; the next load goes on from either.

    Returns:
        How many days were packed.
    """
    from deltalake import WriterProperties

    snapshot = open_snapshot(project)
    stored = snapshot.manifest.tables.get("usage")
    if stored is None:
        return 0
    counts: dict[int | None, int] = {}
    for day in snapshot.days("usage"):
        counts[day] = counts.get(day, 0) + 1
    days = sorted(day for day, files in counts.items() if day is not None and files > files_most)
    if not days:
        return 0
    folder = snapshot.folder / "usage"
    table = newest(folder)
    table.optimize.compact(
        partition_filters=[(PARTITIONS["usage"], "in", [str(day) for day in days])],
        target_size=_FILE_BYTES,
        max_concurrent_tasks=1,
        writer_properties=WriterProperties(compression="ZSTD", compression_level=1),
    )
    version = committed(folder, table)
    tables = {**snapshot.manifest.tables, "usage": Stored(version, stored.rows)}
    write_manifest(project, replace(snapshot.manifest, tables=tables))
    table.vacuum(KEEP_HOURS, dry_run=False, enforce_retention_duration=False)
    return len(days)
