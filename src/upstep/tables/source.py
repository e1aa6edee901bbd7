"""Reading a company's own tables: CSV, Parquet, JSON lines, Postgres and DuckDB, into DuckDB relations.

Text cells stay text until ``load`` casts them, so that every bad cell is found with its file and line. What cannot be
read as what it should be is a ``SourceError``, before anything is written.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from upstep.errors import Fault, OutsideError, SourceError, did_you_mean
from upstep.tables.lake import quoted
from upstep.tables.mapping import Join, Source, TableMapping, file_format, resolve_secret

if TYPE_CHECKING:
    import duckdb

LINE_BYTES_MAX = 4_000_000
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Rejected:
    """A line that is no row at all: its number, what is wrong with it, and its first letters."""

    file: str
    line: int
    found: str
    text: str


@dataclass(frozen=True)
class File:
    """One source file. ``shown`` is its path as people wrote it; ``digest`` the hash of its content."""

    path: Path
    shown: str
    format: str
    digest: str


@dataclass(frozen=True)
class Opened:
    """A source as a DuckDB relation.

    Args:
        relation: SQL to select from; with ``_file`` (text) and ``_row`` (from 0) beside the columns.
        columns: Their column's name -> DuckDB type.
        names: What a mapping may call a column, lower case -> its name in the relation.
        digests: What was read -> hash of its content.
        skipped: Files that need not be read again; their digests are among ``digests``.
        is_typed: Cells have types of their own (Parquet, a database), so whole files need no cast.
    """

    relation: str
    columns: Mapping[str, str]
    names: Mapping[str, str]
    digests: Mapping[str, str]
    files: tuple[File, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    is_typed: bool = False
    temporary: tuple[str, ...] = field(default=())
    skipped: tuple[str, ...] = ()


def find_files(project: Path, source: Source, *, known: Mapping[str, str] | None = None) -> list[File]:
    """The files a mapping names, each looked through once: format, longest line, hash.

    Args:
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
        with _binary(path) as file:
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


def _binary(path: Path) -> IO[bytes]:
    return gzip.open(path, "rb") if path.name.endswith(".gz") else path.open("rb")  # type: ignore[return-value]


def open_source(
    connection: duckdb.DuckDBPyConnection,
    mapping: TableMapping,
    *,
    project: Path,
    known: Mapping[str, str] | None = None,
    is_done: Callable[[File], bool] = lambda _file: False,
) -> Opened:
    """The relation of a table's source with its joins.

    Args:
        known: See ``find_files``.
        is_done: Whether a file need not be read; when none need be, all are open.

    Raises:
        SourceError: A file or table cannot be read, or a join's key is not there or not unique.
    """
    opening = _Opening(connection, project, known or {}, is_done)
    main = _open(opening, mapping.source, name=f"source_{mapping.table}")
    for number, join in enumerate(mapping.joins):
        other = _open(opening, join.source, name=f"source_{mapping.table}_join{number}")
        main = _joined(connection, main, other, join=join)
    return main


@dataclass(frozen=True)
class _Opening:
    """What is needed to open any source."""

    connection: duckdb.DuckDBPyConnection
    project: Path
    known: Mapping[str, str]
    is_done: Callable[[File], bool]


def _open(opening: _Opening, source: Source, *, name: str) -> Opened:
    connection = opening.connection
    if source.kind == "postgres":
        return _open_postgres(connection, source, name=name)
    if source.kind == "duckdb":
        return _open_duckdb(connection, source, project=opening.project, name=name)
    files = find_files(opening.project, source, known=opening.known)
    done = [file for file in files if opening.is_done(file)]
    todo = [file for file in files if file not in done] if len(done) < len(files) else files
    if files[0].format == "parquet":
        opened = _open_parquet(connection, todo)
    elif files[0].format == "csv":
        opened = _open_csv(connection, todo, name=name, delimiter=source.delimiter)
    else:
        opened = _open_jsonl(connection, todo, name=name)
    digests = {file.shown: file.digest for file in files}
    skipped = tuple(file.shown for file in files if file not in todo)
    return replace(opened, digests=digests, files=tuple(files), skipped=skipped)


def _described(connection: duckdb.DuckDBPyConnection, relation: str) -> dict[str, str]:
    rows = connection.execute(f"DESCRIBE SELECT * FROM {relation}").fetchall()
    return {row[0]: row[1] for row in rows if row[0] not in ("_file", "_row")}


def _named(columns: Iterable[str]) -> dict[str, str]:
    return {column.lower(): column for column in columns}


def _open_parquet(connection: duckdb.DuckDBPyConnection, files: Sequence[File]) -> Opened:
    import duckdb

    faults: list[Fault] = []
    for file in files:
        try:
            connection.execute(f"SELECT count(*) FROM parquet_file_metadata({quoted(str(file.path))})").fetchall()
        except duckdb.Error as error:
            faults.append(Fault(file.shown, f"damaged Parquet file ({_first_line(error)}).", "Export it again."))
    if faults:
        raise SourceError(faults)
    listed = ", ".join(quoted(str(file.path)) for file in files)
    relation = (
        "(SELECT * EXCLUDE (filename, file_row_number), filename AS _file, file_row_number AS _row"
        f" FROM read_parquet([{listed}], filename = true, file_row_number = true, union_by_name = true,"
        " hive_partitioning = false))"
    )
    try:
        columns = _described(connection, relation)
    except duckdb.Error as error:
        raise SourceError(Fault(files[0].shown, f"the files do not fit together ({_first_line(error)}).")) from None
    digests = {file.shown: file.digest for file in files}
    return Opened(relation, columns, _named(columns), digests, tuple(files), is_typed=True)


def _first_line(error: Exception) -> str:
    return re.sub(r"\s+", " ", str(error).splitlines()[0])[:200]


def _header(file: File, delimiter: str) -> tuple[list[str], str]:
    """Column names and delimiter of a CSV file, from its first line."""
    with _text(file.path) as text:
        # A quoted name may hold a line end; more than a few lines of header are none.
        sample = "".join(line for line, _ in zip(text, range(5), strict=False))
    first = sample.partition("\n")[0]
    used = delimiter or max(",;\t|", key=lambda mark: (first.count(mark), mark == ","))
    return [name.strip() for name in next(csv.reader(io.StringIO(sample), delimiter=used), [])], used


def _text(path: Path) -> IO[str]:
    if path.name.endswith(".gz"):
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")  # type: ignore[return-value]
    return path.open("r", encoding="utf-8-sig", newline="")


def _open_csv(connection: duckdb.DuckDBPyConnection, files: Sequence[File], *, name: str, delimiter: str) -> Opened:
    import duckdb

    headers = [_header(file, delimiter) for file in files]
    faults = [fault for file, (header, _) in zip(files, headers, strict=True) for fault in _header_faults(file, header)]
    if faults:
        raise SourceError(faults)
    columns = list(dict.fromkeys(column for header, _ in headers for column in header))
    rejected: list[Rejected] = []
    selects: list[str] = []
    for number, (file, (header, used)) in enumerate(zip(files, headers, strict=True)):
        types = ", ".join(f"{quoted(f'c{place}')}: 'VARCHAR'" for place in range(len(header)))
        part = f"{name}_{number}"
        try:
            connection.execute(
                f'CREATE OR REPLACE TEMP TABLE "{part}" AS SELECT * FROM read_csv({quoted(str(file.path))},'
                f" auto_detect = false, header = true, delim = {quoted(used)}, quote = '\"', escape = '\"',"
                f" columns = {{{types}}}, store_rejects = true, ignore_errors = true, nullstr = '', strict_mode = true,"
                f" max_line_size = {LINE_BYTES_MAX}, rejects_table = 'rejects_{part}', rejects_scan = 'scans_{part}')"
            )
        except duckdb.Error as error:
            raise SourceError(Fault(file.shown, f"cannot be read as CSV ({_first_line(error)}).")) from None
        rejected += _rejected(connection, file, f"rejects_{part}")
        present = {column: f'c{place} AS "{column}"' for place, column in enumerate(header)}
        cells = ", ".join(present.get(column, f'NULL::VARCHAR AS "{column}"') for column in columns)
        selects.append(f'SELECT {cells}, {quoted(file.shown)} AS _file, rowid AS _row FROM "{part}"')
    relation = f"({' UNION ALL '.join(selects)})"
    digests = {file.shown: file.digest for file in files}
    kinds = dict.fromkeys(columns, "VARCHAR")
    parts = tuple(f"{name}_{number}" for number in range(len(files)))
    return Opened(relation, kinds, _named(columns), digests, tuple(files), tuple(rejected), temporary=parts)


def _header_faults(file: File, header: Sequence[str]) -> Iterator[Fault]:
    lower = [column.lower() for column in header]
    twice = sorted({column for column in lower if lower.count(column) > 1})
    if not any(header):
        yield Fault(
            f"{file.shown}:1", "the first line names no columns.", "Write the column names into the first line."
        )
    elif "" in header:
        yield Fault(f"{file.shown}:1", f"column {header.index('') + 1} has no name.", "Name every column.")
    elif twice:
        yield Fault(f"{file.shown}:1", f"column '{twice[0]}' stands twice.", "Rename one of them.")


def _rejected(connection: duckdb.DuckDBPyConnection, file: File, table: str) -> list[Rejected]:
    """Lines that DuckDB could not take as rows. It counts records; the byte position gives the line."""
    rows = connection.execute(
        f'SELECT line_byte_position, error_type::VARCHAR, error_message, csv_line FROM "{table}" ORDER BY 1 LIMIT 100000'
    ).fetchall()
    if not rows:
        return []
    found: list[Rejected] = []
    done, line = 0, 1
    with _binary(file.path) as content:
        for position, kind, message, text in rows:
            while done < position - 1:  # DuckDB counts bytes from 1.
                chunk = content.read(min(_CHUNK, position - 1 - done))
                if not chunk:
                    break
                done += len(chunk)
                line += chunk.count(b"\n")
            blank = len(text or "") - len((text or "").lstrip("\r\n"))
            number = line + (text or "")[:blank].count("\n")
            told = str(message or kind).splitlines()[0]
            found.append(Rejected(file.shown, number, told, (text or "").strip()[:500]))
    return found


def _open_jsonl(connection: duckdb.DuckDBPyConnection, files: Sequence[File], *, name: str) -> Opened:
    import duckdb

    selects: list[str] = []
    rejected: list[Rejected] = []
    for number, file in enumerate(files):
        part = f"{name}_{number}"
        try:
            connection.execute(
                f'CREATE OR REPLACE TEMP TABLE "{part}" AS SELECT json, row_number() OVER () - 1 AS _row'
                f" FROM read_ndjson_objects({quoted(str(file.path))}, ignore_errors = true)"
            )
        except duckdb.Error as error:
            raise SourceError(Fault(file.shown, f"cannot be read as JSON lines ({_first_line(error)}).")) from None
        broken = [
            row[0]
            for row in connection.execute(
                f"SELECT _row FROM \"{part}\" WHERE json IS NULL OR json_type(json) <> 'OBJECT' ORDER BY 1"
            ).fetchall()
        ]
        lines = line_numbers(file, broken)
        rejected += [Rejected(file.shown, lines[row], "the line is not a JSON object.", "") for row in broken]
        selects.append(
            f"SELECT json, {quoted(file.shown)} AS _file, _row FROM \"{part}\" WHERE json_type(json) = 'OBJECT'"
        )
    rows = f"({' UNION ALL '.join(selects)})"
    keys = [
        row[0]
        for row in connection.execute(f"SELECT DISTINCT unnest(json_keys(json)) FROM {rows} ORDER BY 1").fetchall()
    ]
    cells = ", ".join(f'json ->> {quoted(_pointer(key))} AS "{key.replace(chr(34), "")}"' for key in keys)
    relation = f"(SELECT {cells + ', ' if cells else ''}_file, _row FROM {rows})"
    columns = dict.fromkeys(keys, "VARCHAR")
    digests = {file.shown: file.digest for file in files}
    parts = tuple(f"{name}_{number}" for number in range(len(files)))
    return Opened(relation, columns, _named(columns), digests, tuple(files), tuple(rejected), temporary=parts)


def _pointer(key: str) -> str:
    return "/" + key.replace("~", "~0").replace("/", "~1")


def line_numbers(file: File, rows: Iterable[int], *, rejected: Iterable[int] = ()) -> dict[int, int]:
    """Line of each row (from 0) of a text file; Parquet rows are numbered from 1. One pass, only when asked.

    Args:
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
    with _text(file.path) as text:
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


def _open_postgres(connection: duckdb.DuckDBPyConnection, source: Source, *, name: str) -> Opened:
    """Arrow batches from Postgres into DuckDB; nothing is written there."""
    try:
        from adbc_driver_postgresql import dbapi
    except ImportError:
        advice = "Install it: pip install 'upstep[postgres]'."
        raise SourceError(Fault(source.place, "reading Postgres needs the extra 'postgres'.", advice)) from None
    address = resolve_secret(source.url, source.place)
    listed = ".".join('"' + part + '"' for part in source.table.split("."))
    try:
        with dbapi.connect(address, autocommit=True) as client, client.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {listed}")
            batches = cursor.fetch_record_batch()
            connection.register("_batches", batches)
            connection.execute(f'CREATE OR REPLACE TEMP TABLE "{name}" AS SELECT * FROM _batches')
            connection.unregister("_batches")
    except dbapi.ProgrammingError as error:
        told = f"table '{source.table}' cannot be read ({_first_line(error)})."
        raise SourceError(Fault(source.place, told, "Check its name and who may read it.")) from None
    except dbapi.Error as error:
        raise OutsideError(f"{source.place}: the database does not answer ({_first_line(error)}).") from None
    return _from_database(connection, name, shown=f"postgres {source.table}")


def _open_duckdb(connection: duckdb.DuckDBPyConnection, source: Source, *, project: Path, name: str) -> Opened:
    import duckdb

    path = project / resolve_secret(source.url, source.place)
    if not path.is_file():
        raise SourceError(
            Fault(source.place, f"no file '{source.url}'.", "Check the path; it is relative to the project.")
        )
    listed = ".".join('"' + part + '"' for part in source.table.split("."))
    try:
        with duckdb.connect(str(path), read_only=True) as other:
            rows = other.sql(f"SELECT * FROM {listed}").to_arrow_reader(100_000)
            connection.register("_batches", rows)
            connection.execute(f'CREATE OR REPLACE TEMP TABLE "{name}" AS SELECT * FROM _batches')
            connection.unregister("_batches")
    except duckdb.IOException as error:
        raise SourceError(Fault(source.url, f"cannot be opened ({_first_line(error)}).")) from None
    except duckdb.Error as error:
        raise SourceError(
            Fault(source.place, f"table '{source.table}' cannot be read ({_first_line(error)}).")
        ) from None
    return _from_database(connection, name, shown=f"{source.url} {source.table}")


def _from_database(connection: duckdb.DuckDBPyConnection, name: str, *, shown: str) -> Opened:
    relation = f'(SELECT *, {quoted(shown)} AS _file, rowid AS _row FROM "{name}")'
    columns = _described(connection, relation)
    cells = ", ".join(f'"{column}"' for column in columns)
    content: Any = connection.execute(
        f'SELECT count(*), coalesce(sum(md5_number_lower(to_json(row({cells}))::VARCHAR)), 0) FROM "{name}"'
    ).fetchone()
    digest = hashlib.sha256(f"{sorted(columns)}{content}".encode()).hexdigest()[:32]
    return Opened(relation, columns, _named(columns), {shown: digest}, is_typed=True, temporary=(name,))


def _joined(connection: duckdb.DuckDBPyConnection, main: Opened, other: Opened, *, join: Join) -> Opened:
    """The main source with the columns of another beside it, named ``join.column``."""
    faults = [
        Fault(join.source.place, f"no column '{key}' to join on.", did_you_mean(key, opened.columns))
        for opened, key in [*((main, ours) for ours, _ in join.on), *((other, theirs) for _, theirs in join.on)]
        if key.lower() not in opened.names
    ]
    if faults:
        raise SourceError(faults)
    keys = ", ".join(f'"{other.names[theirs.lower()]}"' for _, theirs in join.on)
    twice: Any = connection.execute(
        f"SELECT count(*) FROM (SELECT {keys} FROM {other.relation} GROUP BY ALL HAVING count(*) > 1)"
    ).fetchone()
    if twice[0]:
        told = f"{twice[0]} values of {keys} stand in several rows, so a joined row would be counted twice."
        raise SourceError(Fault(join.source.place, told, "Join on a key that is unique there."))
    renamed = {f"{join.name}.{column}": column for column in other.columns}
    cells = ", ".join(f'other."{column}" AS "{name}"' for name, column in renamed.items())
    on = " AND ".join(
        f'main."{main.names[ours.lower()]}"::VARCHAR = other."{other.names[theirs.lower()]}"::VARCHAR'
        for ours, theirs in join.on
    )
    relation = f"(SELECT main.*, {cells} FROM {main.relation} main LEFT JOIN {other.relation} other ON {on})"
    names = dict(main.names)
    for name, column in renamed.items():
        names[name.lower()] = name
        names.setdefault(column.lower(), name)
    columns = {**main.columns, **{name: other.columns[column] for name, column in renamed.items()}}
    return Opened(
        relation,
        columns,
        names,
        {**main.digests, **other.digests},
        main.files,
        main.rejected,
        main.is_typed and other.is_typed,
        (*main.temporary, *other.temporary),
    )
