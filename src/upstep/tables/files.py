"""Source files before they are read: found by pattern, looked through once, and their lines counted when asked."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from upstep.errors import Fault, SourceError, did_you_mean
from upstep.tables.mapping import Source, file_format

LINE_BYTES_MAX = 4_000_000
_CHUNK = 1 << 20


@dataclass(frozen=True)
class File:
    """One source file. ``shown`` is its path as people wrote it; ``digest`` the hash of its content."""

    path: Path
    shown: str
    format: str
    digest: str


def find_files(project: Path, source: Source, *, known: Mapping[str, str] | None = None) -> list[File]:
    """The files a mapping names, each looked through once: format, longest line, hash.

    Args:
        project: Paths are relative to it.
        source: Names the files.
        known: ``shown|size|mtime`` -> digest of files looked through before; they are not read again.

    Raises:
        SourceError: Missing, empty, another format than its ending says, an endless line; all files at once.
    """
    faults: list[Fault] = []
    files: list[File] = []
    for pattern in source.patterns:
        paths = _expand(project, pattern)
        if not paths:
            near = [path.name for path in (project / pattern).parent.glob("*")][:50]
            advice = (
                did_you_mean(Path(pattern).name, near) if near else "Check the path; it is relative to the project."
            )
            faults.append(Fault(source.place, f"no file '{pattern}'.", advice))
        for path in paths:
            shown = str(path.relative_to(project)) if path.is_relative_to(project) else str(path)
            fault_or_file = _inspect(path, shown, known or {})
            if isinstance(fault_or_file, Fault):
                faults.append(fault_or_file)
            else:
                files.append(fault_or_file)
    formats = {file.format for file in files}
    if len(formats) > 1:
        faults.append(
            Fault(source.place, f"files of several formats: {', '.join(sorted(formats))}.", "Name one format.")
        )
    if faults:
        raise SourceError(faults)
    return files


def file_stamp(file: File) -> str:
    """By which a file that has not changed is known again without reading it."""
    status = file.path.stat()
    return f"{file.shown}|{status.st_size}|{status.st_mtime_ns}"


def _expand(project: Path, pattern: str) -> list[Path]:
    path = Path(pattern)
    if not any(letter in pattern for letter in "*?["):
        full = path if path.is_absolute() else project / path
        return [full] if full.is_file() else []
    root = Path(path.anchor) if path.is_absolute() else project
    relative = str(path.relative_to(path.anchor)) if path.is_absolute() else pattern
    return sorted(found for found in root.glob(relative) if found.is_file())


def _inspect(path: Path, shown: str, known: Mapping[str, str]) -> File | Fault:
    """Look through a file in one pass without holding more than a chunk of it."""
    wanted = file_format(path)
    if wanted is None:
        return Fault(
            shown, "the ending is not known.", "Known: .csv, .tsv, .parquet, .jsonl, .ndjson, and .gz of text."
        )
    try:
        head = _head(path)
    except OSError as error:
        return Fault(shown, f"cannot be read ({error.strerror}).", "Check who may read it.")
    wrong = _wrong_content(head, wanted=wanted, shown=shown, is_packed=path.name.endswith(".gz"))
    if wrong:
        return wrong
    status = path.stat()
    stamp = f"{shown}|{status.st_size}|{status.st_mtime_ns}"
    if stamp in known:
        return File(path, shown, wanted, known[stamp])
    if wanted == "parquet":
        return File(path, shown, wanted, _digest(path))
    return _look_through_text(path, shown, wanted)


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(4096)


_MAGIC = {
    b"PK\x03\x04": "a zip archive (perhaps an Excel workbook)",
    b"PAR1": "Parquet",
    b"\x1f\x8b": "gzip",
    b"%PDF": "a PDF",
    b"SQLite format 3": "a SQLite database",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook",
    b"ORC": "ORC",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"Obj\x01": "Avro",
    b"\xff\xfe": "UTF-16 text",
    b"\xfe\xff": "UTF-16 text",
}


def _wrong_content(head: bytes, *, wanted: str, shown: str, is_packed: bool) -> Fault | None:
    """What stands in the file in place of what its ending says."""
    if not head:
        return Fault(shown, "the file is empty.", "Export it again, or remove it.")
    found = next((name for magic, name in _MAGIC.items() if head.startswith(magic)), None)
    if wanted == "parquet":
        if found == "Parquet":
            return None
        return Fault(shown, f"this is {found or 'no Parquet file'}, not Parquet.", "Export it again as Parquet.")
    if is_packed and found == "gzip":
        return None
    if found or b"\0" in head:
        what = found or "a binary file"
        advice = (
            "Unpack it and name the file inside." if "archive" in what or what == "gzip" else f"Export it as {wanted}."
        )
        return Fault(f"{shown}:1", f"this is {what}, not {wanted} text.", advice)
    return None


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()[:32]


def _look_through_text(path: Path, shown: str, wanted: str) -> File | Fault:
    """Hash a text file and refuse a line that would eat the memory, a zero byte, and bytes that are not UTF-8."""
    import codecs

    digest, decoder = hashlib.blake2b(), codecs.getincrementaldecoder("utf-8")()
    line, length = 1, 0
    try:
        with open_binary(path) as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
                first = chunk.find(b"\n")
                length += len(chunk) if first < 0 else first
                if length > LINE_BYTES_MAX:
                    told = f"the line is longer than {LINE_BYTES_MAX:,} bytes."
                    return Fault(
                        f"{shown}:{line}", told, "A quote may be left open, or a line end missing; export it again."
                    )
                if b"\0" in chunk:
                    number = line + chunk[: chunk.index(b"\0")].count(b"\n")
                    return Fault(f"{shown}:{number}", "a zero byte: this is no text.", f"Export it as {wanted}.")
                try:
                    decoder.decode(chunk)
                except UnicodeDecodeError as error:
                    number = line + chunk[: max(error.start, 0)].count(b"\n")
                    return Fault(f"{shown}:{number}", "the text is not UTF-8.", "Save the file as UTF-8.")
                if first >= 0:
                    line += chunk.count(b"\n")
                    length = len(chunk) - chunk.rfind(b"\n") - 1
    except (OSError, EOFError) as error:
        return Fault(shown, f"cannot be read ({error}).", "Export it again.")
    return File(path, shown, wanted, digest.hexdigest()[:32])


def open_binary(path: Path) -> IO[bytes]:
    """A file's bytes, unpacked."""
    return gzip.open(path, "rb") if path.name.endswith(".gz") else path.open("rb")  # type: ignore[return-value]


def open_text(path: Path) -> IO[str]:
    """A file's text, unpacked, without a byte order mark and with its line ends as they are."""
    if path.name.endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open("r", encoding="utf-8-sig", newline="")


def line_numbers(file: File, rows: Iterable[int], *, rejected: Iterable[int] = ()) -> dict[int, int]:
    """Line of each row (from 0) of a text file; Parquet rows are numbered from 1. One pass, only when asked.

    Args:
        file: The file.
        rows: Wanted rows.
        rejected: Lines of a CSV file that are no rows; JSON lines are all numbered.
    """
    wanted = sorted(set(rows))
    if not wanted:
        return {}
    if file.format == "parquet":
        return {row: row + 1 for row in wanted}
    lines: dict[int, int] = {}
    skipped, last = set(rejected) if file.format == "csv" else set(), wanted[-1]
    todo = set(wanted)
    with open_text(file.path) as text:
        starts = _csv_starts(text) if file.format == "csv" else _line_starts(text)
        number = 0
        for line in starts:
            if line in skipped:
                continue
            if number in todo:
                lines[number] = line
            if number >= last:
                break
            number += 1
    return {row: lines.get(row, row + 1) for row in wanted}


def _csv_starts(text: IO[str]) -> Iterator[int]:
    """First line of each record after the header; quoted cells may span lines, empty lines are none."""
    line, is_open, is_header = 1, False, True
    start, letters = 1, ""
    for physical in text:
        if not is_open:
            start, letters = line, ""
        letters = "x" if physical.strip("\r\n") else letters
        is_open ^= physical.count('"') % 2 == 1
        line += 1
        if not is_open and letters:
            if not is_header:
                yield start
            is_header = False


def _line_starts(text: IO[str]) -> Iterator[int]:
    for number, line in enumerate(text, start=1):
        if line.strip():
            yield number
