"""Copies of stored files, sorted, uncompressed and mapped: the rows of a thousand keys are a thousand short reads.

A thousand accounts at random lie in every piece of a compressed file, so all of it would be unpacked again each second.
A copy has no name on disk: it is gone with the process, or as soon as its file is no longer part of the facts.
"""

from __future__ import annotations

import mmap
import tempfile
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

if TYPE_CHECKING:
    from numpy.typing import NDArray

SHELF_BYTES = 4 * 2**30
"""Copies take up at most so much of the disk; what does not fit is read from its file each time."""


@dataclass(frozen=True)
class _Copy:
    rows: pa.Table
    keys: NDArray[np.int32]


class Shelf:
    """Copies of files by their paths. A file is copied when it is asked for again: most new ones live shortly."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._copies: dict[str, _Copy] = {}
        self._asked: set[str] = set()
        self._bytes = 0

    def keep(self, paths: Collection[str]) -> None:
        """Let go of the copies of all other files."""
        for path in [path for path in self._copies if path not in paths]:
            self._bytes -= self._copies.pop(path).rows.nbytes
        self._asked.intersection_update(paths)

    def is_wanted(self, path: str) -> bool:
        """Whether a copy is worth its making. The first answer for a path is no."""
        was_asked = path in self._asked
        self._asked.add(path)
        return was_asked and self._bytes < SHELF_BYTES

    def has(self, path: str, columns: Sequence[str]) -> bool:
        """Whether there is a copy with these columns."""
        return path in self._copies and set(columns) <= set(self._copies[path].rows.column_names)

    def columns(self, path: str) -> list[str]:
        """The columns of a file's copy; none where there is no copy."""
        return list(self._copies[path].rows.column_names) if path in self._copies else []

    def put(self, path: str, rows: pa.Table, column: str) -> None:
        """Copy a file's rows, in the order of a column of whole numbers.

        Raises:
            OSError: The folder cannot be written.
        """
        keys = rows[column].to_numpy()
        if len(keys) and (keys[1:] < keys[:-1]).any():
            rows = rows.take(pa.array(np.argsort(keys, kind="stable")))
        rows = rows.combine_chunks()
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=self._folder) as file:
            with pa.ipc.new_file(file, rows.schema) as writer:
                writer.write_table(rows)
            file.flush()
            place = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        mapped = pa.ipc.open_file(pa.py_buffer(place)).read_all()
        if path in self._copies:
            self._bytes -= self._copies[path].rows.nbytes
        self._copies[path] = _Copy(mapped, mapped[column].combine_chunks().to_numpy())
        self._bytes += mapped.nbytes

    def rows(self, path: str, columns: Sequence[str], values: NDArray[np.int32]) -> pa.Table:
        """The rows of a copy whose key is one of the values, which are sorted."""
        copy = self._copies[path]
        begin, end = (np.searchsorted(copy.keys, values, side=side) for side in ("left", "right"))
        count = end - begin
        # Each run of rows counts on from its begin.
        places = np.arange(count.sum()) + np.repeat(begin - (np.cumsum(count) - count), count)
        return copy.rows.select(list(columns)).take(pa.array(places))
