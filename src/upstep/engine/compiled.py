"""Compiled queries kept on disk: building and compiling them takes seconds, running them for one account a fraction.

A kept text is found by a digest of all that it is made from, the program's own source among it, so a stale one is never
read. Whoever deletes the folder loses nothing.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from upstep.garbage import rarely_collected
from upstep.tables.pruned import outside_reads
from upstep.tables.query import Program, Statements

_SOURCES = (
    *("signals/*.py", "plays/*.py", "engine/deciding/decide.py", "catalog/model.py"),
    *("tables/query.py", "tables/pruned.py", "tables/sqlite_dialect.py", "tables/schema.py"),
)
_LIBRARIES = ("ibis-framework", "sqlglot", "duckdb")
KEPT_MAX = 100
"""Older texts than this many are removed when a new one is kept."""


@cache
def source_digest(*more: str) -> str:
    """What the queries are made by: our source and the libraries that build and compile them.

    Args:
        more: Patterns of further files inside the package that a query is built by.
    """
    digest = hashlib.blake2b(digest_size=16)
    package = Path(__file__).parent.parent
    for pattern in (*_SOURCES, *more):
        for path in sorted(package.glob(pattern)):
            digest.update(path.name.encode() + path.read_bytes())
    for library in _LIBRARIES:
        digest.update(version(library).encode())
    return digest.hexdigest()


def kept_statements(
    folder: Path, name: str, parts: tuple[str, ...], build: Callable[[], Program], *, dialect: str = "duckdb"
) -> Statements:
    """A program's SQL in one dialect, from the folder or built and put there.

    Args:
        parts: What the program depends on beside our own source.
    """
    kept = _kept(folder, f"{name}-{dialect}", parts, lambda: _plain(build(), dialect))
    return Statements(dialect, kept["sql"], kept["last_reader"], kept["columns"], kept["reads"])


def kept_value(folder: Path, name: str, parts: tuple[str, ...], build: Callable[[], Any]) -> Any:
    """A value of JSON kinds, from the folder or made and put there."""
    return _kept(folder, name, parts, build)


def _plain(program: Program, dialect: str) -> dict[str, Any]:
    return {
        "sql": program.sql(dialect),
        "last_reader": program.last_reader,
        "columns": program.columns,
        "reads": outside_reads(program),
    }


def _kept(folder: Path, name: str, parts: tuple[str, ...], build: Callable[[], Any]) -> Any:
    key = hashlib.blake2b("\0".join((source_digest(), *parts)).encode(), digest_size=12).hexdigest()
    path = folder / f"{name}-{key}.json"
    with suppress(OSError, ValueError):
        return _read(path)
    with _alone(path.with_suffix(".lock")):
        with suppress(OSError, ValueError):
            return _read(path)  # Another process made it while this one waited.
        with rarely_collected():
            made = build()
        with suppress(OSError):  # A folder that cannot be written costs time, nothing else.
            _write(path, made)
    return made


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Processes that need one text wait for the first to make it; where no lock can be had, each makes its own."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError:
        yield
        return
    try:
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        with suppress(OSError):
            path.unlink()  # Who waits for it finds the text; who comes later needs no lock.
        os.close(descriptor)


def _write(path: Path, made: Any) -> None:
    fresh = path.with_suffix(f".{os.getpid()}.new")  # Several processes may share a folder.
    fresh.write_text(json.dumps(made), encoding="utf-8")
    fresh.replace(path)
    kept = sorted(path.parent.glob("*.json"), key=lambda found: found.stat().st_mtime, reverse=True)
    for old in kept[KEPT_MAX:]:
        old.unlink(missing_ok=True)
