"""Reading a company's own tables: files, Postgres, DuckDB, and SELECTs over these, into DuckDB relations.

Text cells stay text until ``load`` casts them, so that every bad cell is found with its file and line. What cannot be
read as what it should be is a ``SourceError``, before anything is written.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from upstep.errors import Fault, OutsideError, SourceError, did_you_mean
from upstep.tables.files import LINE_BYTES_MAX, File, find_files, line_numbers, open_binary, open_text
from upstep.tables.lake import quoted
from upstep.tables.mapping import Join, Source, TableMapping, resolve_secret
from upstep.tables.mapping_sql import compile_select

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa


@dataclass(frozen=True)
class Rejected:
    """A line that is no row at all: its number, what is wrong with it, and its first letters."""

    file: str
    line: int
    found: str
    text: str


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
        connection: Where the relation will be.
        mapping: Names the source and its joins.
        project: Paths are relative to it.
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
    if source.kind == "select":
        return _open_select(opening, source, name=name)
    if source.kind == "postgres":
        opened = _open_postgres(opening.connection, source, name=name)
    elif source.kind == "duckdb":
        opened = _open_duckdb(opening.connection, source, project=opening.project, name=name)
    else:
        opened = _open_files(opening, source, name=name)
    return _with_lacking(opened, source.may_lack)


def _with_lacking(opened: Opened, may_lack: Sequence[str]) -> Opened:
    """The columns that are not there, as empty ones: connectors create many only once there is a first value."""
    lacking = {column: "VARCHAR" for column in may_lack if column.lower() not in opened.names}
    if not lacking:
        return opened
    cells = ", ".join(f'NULL::VARCHAR AS "{column}"' for column in lacking)
    return replace(
        opened,
        relation=f"(SELECT *, {cells} FROM {opened.relation})",
        columns={**opened.columns, **lacking},
        names={**opened.names, **_named(lacking)},
    )


def _open_select(opening: _Opening, source: Source, *, name: str) -> Opened:
    """The rows of a SELECT. They stand in no file, so a faulty one is told with its number among them."""
    import duckdb

    connection = opening.connection
    inner = replace(opening, is_done=lambda _file: False)
    reads = {
        read: _open(inner, other, name=f"{name}_read{number}")
        for number, (read, other) in enumerate(source.reads, start=1)
    }
    select = compile_select(source.select, {read: opened.relation for read, opened in reads.items()})
    try:
        # Ordered, so that a row has the same number in each load.
        connection.execute(f'CREATE OR REPLACE TEMP TABLE "{name}" AS SELECT * FROM ({select}) ORDER BY ALL')
    except duckdb.Error as error:
        advice = "Check the names of tables and columns in it."
        raise SourceError(Fault(source.place, f"DuckDB refuses this SELECT: {_first_line(error)}", advice)) from None
    shown = f"select at {Path(source.place).name}"
    every = _without_ours(connection, f'SELECT * FROM "{name}"')
    relation = f'(SELECT {every}, {quoted(shown)} AS _file, rowid AS _row FROM "{name}")'
    columns = _described(connection, relation)
    temporary = tuple(part for opened in reads.values() for part in opened.temporary)
    digests = {shown: hashlib.sha256(source.select.encode()).hexdigest()[:32]}
    for opened in reads.values():
        digests |= opened.digests
    return Opened(
        relation,
        columns,
        _named(columns),
        digests,
        tuple(file for opened in reads.values() for file in opened.files),
        tuple(line for opened in reads.values() for line in opened.rejected),
        temporary=(name, *temporary),
    )


def _open_files(opening: _Opening, source: Source, *, name: str) -> Opened:
    connection = opening.connection
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


def _is_ours(column: str) -> bool:
    """Whether a source's own column has the name of one of ours: some connectors land ``_file``. It is left out."""
    return column.lower() in ("_file", "_row")


def _without_ours(connection: duckdb.DuckDBPyConnection, select: str) -> str:
    """``*`` of a select, without columns that have the names of ours."""
    rows = connection.execute(f"DESCRIBE {select}").fetchall()
    ours = ", ".join(f'"{row[0]}"' for row in rows if _is_ours(row[0]))
    return f"* EXCLUDE ({ours})" if ours else "*"


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
    options = "filename = true, file_row_number = true, union_by_name = true, hive_partitioning = false"
    parquet = f"read_parquet([{listed}], {options})"
    try:
        every = _without_ours(connection, f"SELECT * EXCLUDE (filename, file_row_number) FROM {parquet}")
        every = f"{every[:-1]}, filename, file_row_number)" if every != "*" else "* EXCLUDE (filename, file_row_number)"
        relation = f"(SELECT {every}, filename AS _file, file_row_number AS _row FROM {parquet})"
        columns = _described(connection, relation)
    except duckdb.Error as error:
        raise SourceError(Fault(files[0].shown, f"the files do not fit together ({_first_line(error)}).")) from None
    digests = {file.shown: file.digest for file in files}
    return Opened(relation, columns, _named(columns), digests, tuple(files), is_typed=True)


def _first_line(error: Exception) -> str:
    return re.sub(r"\s+", " ", str(error).splitlines()[0])[:200]


def _header(file: File, delimiter: str) -> tuple[list[str], str]:
    """Column names and delimiter of a CSV file, from its first line."""
    with open_text(file.path) as text:
        # A quoted name may hold a line end; more than a few lines of header are none.
        sample = "".join(line for line, _ in zip(text, range(5), strict=False))
    first = sample.partition("\n")[0]
    used = delimiter or max(",;\t|", key=lambda mark: (first.count(mark), mark == ","))
    return [name.strip() for name in next(csv.reader(io.StringIO(sample), delimiter=used), [])], used


def _open_csv(connection: duckdb.DuckDBPyConnection, files: Sequence[File], *, name: str, delimiter: str) -> Opened:
    import duckdb

    headers = [_header(file, delimiter) for file in files]
    faults = [fault for file, (header, _) in zip(files, headers, strict=True) for fault in _header_faults(file, header)]
    if faults:
        raise SourceError(faults)
    columns = list(dict.fromkeys(column for header, _ in headers for column in header if not _is_ours(column)))
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
        f'SELECT line_byte_position, error_type::VARCHAR, error_message, csv_line FROM "{table}"'
        " ORDER BY 1 LIMIT 100000"
    ).fetchall()
    if not rows:
        return []
    found: list[Rejected] = []
    done, line = 0, 1
    with open_binary(file.path) as content:
        for position, kind, message, text in rows:
            while done < position - 1:  # DuckDB counts bytes from 1.
                chunk = content.read(min(1 << 20, position - 1 - done))
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
        if not _is_ours(row[0])
    ]
    cells = ", ".join(f'json ->> {quoted(_pointer(key))} AS "{key.replace(chr(34), "")}"' for key in keys)
    relation = f"(SELECT {cells + ', ' if cells else ''}_file, _row FROM {rows})"
    columns = dict.fromkeys(keys, "VARCHAR")
    digests = {file.shown: file.digest for file in files}
    parts = tuple(f"{name}_{number}" for number in range(len(files)))
    return Opened(relation, columns, _named(columns), digests, tuple(files), tuple(rejected), temporary=parts)


def _pointer(key: str) -> str:
    return "/" + key.replace("~", "~0").replace("/", "~1")


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
            _copy(connection, cursor.fetch_record_batch(), name=name)
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
            _copy(connection, other.sql(f"SELECT * FROM {listed}").to_arrow_reader(100_000), name=name)
    except duckdb.IOException as error:
        raise SourceError(Fault(source.url, f"cannot be opened ({_first_line(error)}).")) from None
    except duckdb.Error as error:
        raise SourceError(
            Fault(source.place, f"table '{source.table}' cannot be read ({_first_line(error)}).")
        ) from None
    return _from_database(connection, name, shown=f"{source.url} {source.table}")


def _copy(connection: duckdb.DuckDBPyConnection, batches: pa.RecordBatchReader, *, name: str) -> None:
    """Rows of another database as a temp table."""
    # DuckDB registers nothing while a result of before is not read to its end, as one of fetchone is not.
    connection.execute("SELECT 1").fetchall()
    connection.register("_batches", batches)
    connection.execute(f'CREATE OR REPLACE TEMP TABLE "{name}" AS SELECT * FROM _batches')
    connection.unregister("_batches")


def _from_database(connection: duckdb.DuckDBPyConnection, name: str, *, shown: str) -> Opened:
    every = _without_ours(connection, f'SELECT * FROM "{name}"')
    relation = f'(SELECT {every}, {quoted(shown)} AS _file, rowid AS _row FROM "{name}")'
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
        (*main.rejected, *other.rejected),
        main.is_typed and other.is_typed,
        (*main.temporary, *other.temporary),
    )


def source_columns(source: Source, *, project: Path) -> tuple[str, ...]:
    """The names of a source's columns.

    Raises:
        SourceError: It cannot be read.
    """
    import duckdb

    with duckdb.connect(":memory:") as connection:
        return tuple(_open(_Opening(connection, project, {}, lambda _file: False), source, name="only").columns)


def source_rows(source: Source, *, project: Path) -> list[dict[str, str | None]]:
    """All rows of a small source, every cell as text; empty cells are None.

    Raises:
        SourceError: It cannot be read.
    """
    import duckdb

    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        opened = _open(_Opening(connection, project, {}, lambda _file: False), source, name="only")
        cells = ", ".join(f"nullif(\"{column}\"::VARCHAR, '')" for column in opened.columns)
        rows = connection.execute(f"SELECT {cells} FROM {opened.relation} ORDER BY _file, _row").fetchall()
        return [dict(zip((column.lower() for column in opened.columns), row, strict=True)) for row in rows]
