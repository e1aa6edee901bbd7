"""Delta tables as this process saw them last: opening one anew costs more than all that a small load writes.

What is remembered is known by the log's own file of that version, so a folder that was restored or made anew is not
taken for what it was.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from deltalake import DeltaTable

_MOST = 64
_Stamp = tuple[int, int, int]

_files: OrderedDict[tuple[str, int], tuple[_Stamp, list[str]]] = OrderedDict()
_tables: OrderedDict[str, tuple[int, _Stamp, DeltaTable]] = OrderedDict()


def files_of(folder: Path, version: int) -> list[str]:
    """Paths of a version's files, sorted. Errors are those of deltalake."""
    from deltalake import DeltaTable

    stamp = _stamp(folder, version)
    known = _files.get((str(folder), version))
    if known is not None and known[0] == stamp:
        return list(known[1])
    return _remember(folder, DeltaTable(folder, version=version))


def newest(folder: Path) -> DeltaTable:
    """The table at its newest version."""
    from deltalake import DeltaTable

    # Taken out while it is used: two that commit at once must not share one.
    known = _tables.pop(str(folder), None)
    if known is None or known[1] != _stamp(folder, known[0]):
        return DeltaTable(folder)
    if _stamp(folder, known[0] + 1) is not None:
        known[2].update_incremental()
    return known[2]


def committed(folder: Path, table: DeltaTable | None) -> int:
    """The version after a commit was made through ``table`` (None: it was made anew), which is remembered."""
    from deltalake import DeltaTable

    if table is None:
        table = DeltaTable(folder)
    else:
        table.update_incremental()
    version = int(table.version())
    _remember(folder, table)
    stamp = _stamp(folder, version)
    if stamp is not None:
        _put(_tables, str(folder), (version, stamp, table))
    return version


def _remember(folder: Path, table: DeltaTable) -> list[str]:
    version, files = int(table.version()), sorted(table.file_uris())
    stamp = _stamp(folder, version)
    if stamp is not None:
        _put(_files, (str(folder), version), (stamp, files))
    return list(files)


def _put(kept: OrderedDict[Any, Any], key: Any, value: Any) -> None:
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > _MOST:
        kept.popitem(last=False)


def _stamp(folder: Path, version: int) -> _Stamp | None:
    """What tells one version's log from another's; None when it is no longer there."""
    try:
        found = (folder / "_delta_log" / f"{version:020}.json").stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size
