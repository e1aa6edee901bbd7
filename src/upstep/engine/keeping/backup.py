"""A backup: one tar of a project that belongs together, with a digest of each file in it, and the way back.

Nothing is locked. Stores are read in an order in which the later one may be ahead of the earlier one, never behind:
events that are taken in twice count once, and what the biller did beyond an older state is found by reconciling.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import IO, Any

from upstep import __version__
from upstep.clock import iso, to_seconds
from upstep.engine.project import Project
from upstep.errors import ConfigError, DamagedError, Fault, OutsideError
from upstep.state.migrations import NEWEST
from upstep.tables.lake import facts_folder, read_manifest

FORMAT = 1
MANIFEST = "backup.json"
LIVE = ".upstep/live"
_BEFORE_FACTS = ("inbox.db", "state.db")
_MADE_AGAIN = {"cache", "scratch", "facts", "decisions", "lock"}
_NOT_FILES = ("-wal", "-shm", "-journal", ".new", ".part", ".lock")
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Entry:
    """One file of a backup: its place in the project folder, its size and its SHA-256."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Contents:
    """What a backup says of itself; its last file, so that a torn one has none.

    Args:
        state: sqlite, or postgres, which is then not in it.
        live: Whether the project was live.
    """

    made_at: str
    upstep: str
    state: str
    state_revision: str
    live: bool
    files: tuple[Entry, ...]

    @property
    def bytes(self) -> int:
        """Of all its files together."""
        return sum(entry.bytes for entry in self.files)


def back_up(
    project: Project, target: Path, *, now: datetime, with_data: bool = False, dry_run: bool = False
) -> Contents:
    """Write a backup of a project, whole or not at all. It may be in use.

    Args:
        project: Whose.
        target: The tar, which must not be there yet.
        now: When.
        with_data: Also ``data/``, what facts are loaded from.
        dry_run: Read everything, write nothing.

    Raises:
        ConfigError: The target is there already.
        OutsideError: A file went while it was read, or there is no room.
    """
    if target.exists():
        raise ConfigError(Fault(str(target), "is there already.", "Name another file, or move it away."))
    try:
        if not dry_run:
            target.parent.mkdir(parents=True, exist_ok=True)
        # A dry run makes no folder, and is tried on the disk that the folder would be on.
        near = next(folder for folder in target.absolute().parents if folder.is_dir())
        with tempfile.TemporaryDirectory(dir=near, prefix=".backup-") as scratch:
            part = Path(scratch) / "backup.tar"
            contents = _write(project, part, Path(scratch), now=now, with_data=with_data)
            if not dry_run:
                os.link(part, target)
    except FileNotFoundError as error:
        told = f"{error.filename}: went while it was read; something is being replaced. Run the command again."
        raise OutsideError(told) from error
    except FileExistsError as error:
        raise ConfigError(Fault(str(target), "is there already.", "Name another file, or move it away.")) from error
    return contents


def _write(project: Project, part: Path, scratch: Path, *, now: datetime, with_data: bool) -> Contents:
    entries = []
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for name, path in _files(project, scratch, with_data=with_data):
                entries.append(_add(tar, name, path, now=now))
            contents = Contents(
                made_at=iso(now),
                upstep=__version__,
                state="postgres" if project.settings.state else "sqlite",
                state_revision=NEWEST,
                live=(project.folder / LIVE).exists(),
                files=tuple(entries),
            )
            text = json.dumps({"format": FORMAT, **asdict(contents)}, indent=1).encode()
            last = _member(MANIFEST, len(text), now)
            tar.addfile(last, io.BytesIO(text))
        out.flush()
        os.fsync(out.fileno())
    return contents


def _files(project: Project, scratch: Path, *, with_data: bool) -> Iterator[tuple[str, Path]]:
    """Every file of the backup in the order in which it must be read: its place, and where to read it."""
    inside = project.folder / ".upstep"
    databases = sorted(path.name for path in inside.glob("*.db"))
    for name in [name for name in _BEFORE_FACTS if name in databases]:
        yield f".upstep/{name}", _copied(inside / name, scratch / name)
    yield from _facts(project.folder, scratch)
    yield from _ledger(inside / "decisions" / "decision", project.folder)
    for name in [name for name in databases if name not in _BEFORE_FACTS]:
        yield f".upstep/{name}", _copied(inside / name, scratch / name)
    for path in sorted(project.folder.rglob("*")):
        place = path.relative_to(project.folder)
        if path.is_file() and not path.is_symlink() and _is_kept(place, with_data=with_data):
            yield place.as_posix(), path


def _is_kept(name: Path, *, with_data: bool) -> bool:
    """Whether a file that no rule above reads belongs into a backup."""
    if name.name.endswith(_NOT_FILES) or name.name.startswith(".backup-"):
        return False
    if name.parts[0] != ".upstep":
        mine = ("upstep.yaml", "catalog.yaml", "mapping.yaml")
        folders = ("plays", "messages", *(("data",) if with_data else ()))
        return str(name) in mine or (name.parts[0] in folders and len(name.parts) > 1)
    return (
        len(name.parts) > 1 and name.parts[1] not in _MADE_AGAIN and not (len(name.parts) == 2 and name.suffix == ".db")
    )


def _copied(path: Path, copy: Path) -> Path:
    """A SQLite file as of one instant, with all that its write-ahead log holds."""
    source, into = sqlite3.connect(path, timeout=30), sqlite3.connect(copy)
    try:
        source.backup(into)
        into.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        raise OutsideError(f"{path}: could not be copied ({error}). Run the command again.") from error
    finally:
        source.close()
        into.close()
    return copy


def _facts(folder: Path, scratch: Path) -> Iterator[tuple[str, Path]]:
    """The files of the table versions that ``current.json`` names at this instant."""
    facts = facts_folder(folder)
    if not (facts / "current.json").exists():
        return
    pinned = scratch / "current.json"
    pinned.write_bytes((facts / "current.json").read_bytes())
    yield (facts / "current.json").relative_to(folder).as_posix(), pinned
    for name, stored in sorted(read_manifest(folder).tables.items()):
        yield from _delta(facts / name, folder, version=stored.version)
    for extra in ("stamps.json", "forgotten.json"):
        if (facts / extra).exists():
            yield (facts / extra).relative_to(folder).as_posix(), facts / extra


def _ledger(table: Path, folder: Path) -> Iterator[tuple[str, Path]]:
    from deltalake import DeltaTable

    if DeltaTable.is_deltatable(str(table)):
        yield from _delta(table, folder, version=DeltaTable(table).version())


def _delta(table: Path, folder: Path, *, version: int) -> Iterator[tuple[str, Path]]:
    """A Delta table at a version: its log up to there, and the files that it names."""
    from urllib.parse import unquote, urlparse

    from deltalake import DeltaTable

    for path in sorted((table / "_delta_log").iterdir()):
        number = path.name.partition(".")[0]
        if number.isdigit() and int(number) <= version:
            yield path.relative_to(folder).as_posix(), path
    for uri in sorted(DeltaTable(table, version=version).file_uris()):
        path = Path(unquote(urlparse(uri).path)) if uri.startswith("file:") else Path(uri)
        yield path.relative_to(folder if path.is_relative_to(folder) else folder.resolve()).as_posix(), path


def _add(tar: tarfile.TarFile, name: str, path: Path, *, now: datetime) -> Entry:
    with path.open("rb") as source:
        size = os.fstat(source.fileno()).st_size
        read = _Digested(source)
        tar.addfile(_member(name, size, now), read)
    return Entry(name, size, read.digest.hexdigest())


def _member(name: str, size: int, now: datetime) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = size, 0o600, to_seconds(now)
    return member


class _Digested(io.RawIOBase):
    """A file whose digest is known when it has been read."""

    def __init__(self, source: IO[bytes]) -> None:
        super().__init__()
        self._source = source
        self.digest = hashlib.sha256()

    def readable(self) -> bool:
        """It is only read."""
        return True

    def read(self, size: int = -1) -> bytes:
        """The next bytes."""
        chunk = self._source.read(size)
        self.digest.update(chunk)
        return chunk


# The way back


def restore(archive: Path, target: Path, *, is_live: bool = False, dry_run: bool = False) -> Contents:
    """Make a project folder of a backup, whole or not at all; every digest is compared first.

    Args:
        archive: The tar.
        target: A folder that is not there yet, or is empty.
        is_live: Leave it live if it was. Otherwise it is in shadow, so that a copy writes to nobody.
        dry_run: Verify, write nothing that stays.

    Raises:
        ConfigError: The target is in use, or the file is not there.
        DamagedError: The file is no backup of ours, or is not what was written.
        OutsideError: A newer version of the program made it.
    """
    if not archive.is_file():
        raise ConfigError(Fault(str(archive), "is no file.", "Name the tar that 'upstep backup' wrote."))
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise ConfigError(
            Fault(str(target), "is in use.", "Name a folder that is not there yet; nothing is overwritten.")
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".restore-") as scratch:
        folder = Path(scratch) / "project"
        folder.mkdir()
        contents = _extract(archive, folder)
        if not is_live:
            (folder / LIVE).unlink(missing_ok=True)
        if not dry_run:
            if target.exists():
                target.rmdir()
            folder.rename(target)
    return contents


def _extract(archive: Path, folder: Path) -> Contents:
    """Write the files of a backup below a folder, and compare them with what it says of itself."""
    found: dict[str, Entry] = {}
    told: dict[str, Any] | None = None
    try:
        with tarfile.open(archive, mode="r:") as tar:
            for member in tar:
                source = _source(tar, member, archive, known=found, is_over=told is not None)
                if member.name == MANIFEST:
                    told = json.loads(source.read(member.size))
                else:
                    found[member.name] = _written(member, source, folder)
    except (tarfile.TarError, ValueError, EOFError) as error:
        raise DamagedError(f"{archive}: cannot be read as a backup ({error}). Take another one.") from error
    if told is None:
        raise DamagedError(
            f"{archive}: has no {MANIFEST} at its end: it is no backup, or is cut off. Take another one."
        )
    return _verified(archive, told, found)


def _source(
    tar: tarfile.TarFile, member: tarfile.TarInfo, archive: Path, *, known: dict[str, Entry], is_over: bool
) -> IO[bytes]:
    """A member's bytes, once its name and kind are such as we write: a plain file below the folder, named once."""
    name = PurePosixPath(member.name)
    is_below = not name.is_absolute() and ".." not in name.parts and "\\" not in member.name and "\0" not in member.name
    # The very spelling that we write: "a//b" and "./b" would be other names for the same file.
    is_plain = member.isreg() and str(name) == member.name and is_below
    source = tar.extractfile(member) if is_plain else None
    if source is None or member.name in known or is_over:
        raise DamagedError(f"{archive}: '{member.name}' is nothing that a backup of ours holds. Nothing was written.")
    return source


def _written(member: tarfile.TarInfo, source: IO[bytes], folder: Path) -> Entry:
    path = folder / member.name
    path.parent.mkdir(parents=True, exist_ok=True)
    digest, size = hashlib.sha256(), 0
    with path.open("xb") as out:
        while chunk := source.read(_CHUNK):
            digest.update(chunk)
            size += out.write(chunk)
    return Entry(member.name, size, digest.hexdigest())


def _verified(archive: Path, told: dict[str, Any], found: dict[str, Entry]) -> Contents:
    if told.get("format") != FORMAT or str(told.get("state_revision")) > NEWEST:
        by = told.get("upstep")
        raise OutsideError(f"{archive}: was made by upstep {by}, which is newer than this one. Install that version.")
    files = tuple(Entry(**entry) for entry in told["files"])
    wrong = sorted({*found.values()} ^ {*files}, key=lambda entry: entry.name)
    if wrong or len(files) != len(found):
        raise DamagedError(f"{archive}: '{wrong[0].name}' is not what was written. Take another backup.")
    names = ("made_at", "upstep", "state", "state_revision", "live")
    return Contents(**{name: told[name] for name in names}, files=files)
