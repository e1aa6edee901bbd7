"""Where a connector's tables lie: in a folder, a DuckDB file or a Postgres database, and which of them are there."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from upstep.errors import Fault, SourceError
from upstep.tables.mapping import Source, file_format

_QUOTED = re.compile(r"[^\w./${}-]")


@dataclass(frozen=True)
class Landing:
    """The landed tables of one connector.

    Args:
        sources: Landed table -> where it lies.
        is_seen: Whether somebody looked; otherwise these are the tables that such a connector usually lands.
        project: Paths are relative to it.
    """

    sources: Mapping[str, Source]
    is_seen: bool
    project: Path
    _columns: dict[str, frozenset[str]] = field(default_factory=dict, compare=False, repr=False)

    def has(self, word: str) -> bool:
        """Whether a ``table`` is there, or a ``table.column``; what nobody looked at is taken to be there."""
        table, _, column = word.partition(".")
        if table not in self.sources:
            return False
        return not column or not self.is_seen or column.lower() in self._columns_of(table)

    def written(self, table: str) -> str:
        """The keys of ``from`` in mapping.yaml that name a landed table."""
        source = self.sources[table]
        if source.kind == "files":
            return f"file: {_plain(source.patterns[0])}"
        return f"{source.kind}: {_plain(source.url)}, table: {source.table}"

    def _columns_of(self, table: str) -> frozenset[str]:
        if table not in self._columns:
            from upstep.tables.source import source_columns

            columns = source_columns(self.sources[table], project=self.project)
            self._columns[table] = frozenset(column.lower() for column in columns)
        return self._columns[table]


def _plain(text: str) -> str:
    """Text as a YAML value, in quotes where it needs them."""
    return f"'{text.replace(chr(39), chr(39) * 2)}'" if _QUOTED.search(text) or "$" in text else text


def usual_landing(url: str | None, *, short: str, tables: tuple[str, ...], project: Path) -> Landing:
    """Where nobody looked: files in ``data/`` or a Postgres schema, under the connector's short name."""
    sources = {
        table: Source("files", "", (f"data/{short}/{table}.csv",))
        if url is None
        else Source("postgres", "--data", url=url, table=f"{short}.{table}")
        for table in tables
    }
    return Landing(sources, is_seen=False, project=project)


def find_landing(at: str, *, short: str, prefixes: tuple[str, ...], tables: tuple[str, ...], project: Path) -> Landing:
    """Look where ``--data`` points: a folder (or its subfolder named as the connector), or a DuckDB file.

    Raises:
        SourceError: There is no such place, or none of the tables is there.
    """
    path = Path(at)
    if path.is_file():
        sources = _in_duckdb(path, short=short, tables=tables, project=project)
    elif path.is_dir():
        folder = next((path / name for name in (short, f"{short}_connector") if (path / name).is_dir()), path)
        sources = _in_folder(folder, prefixes=(*prefixes, f"{short}_"), tables=tables, project=project)
    else:
        advice = "Name a folder, a DuckDB file, or ${NAME} of an environment variable with a Postgres address."
        raise SourceError(Fault("--data", f"there is no '{at}'.", advice))
    if not sources:
        advice = f"Looked for {', '.join(tables[:6])}, …: as files such as {tables[0]}.csv, or as tables in DuckDB."
        raise SourceError(Fault("--data", f"'{at}' holds no table that a connector lands for {short}.", advice))
    return Landing(sources, is_seen=True, project=project)


def _in_folder(folder: Path, *, prefixes: tuple[str, ...], tables: tuple[str, ...], project: Path) -> dict[str, Source]:
    """Files named as the tables; a prefix such as ``stripe_`` and the ending ``_data`` may be there."""
    files = {
        path.name.partition(".")[0].lower(): path
        for path in sorted(folder.iterdir())
        if path.is_file() and file_format(path) is not None
    }
    sources = {}
    for table in tables:
        names = [f"{prefix}{table}{ending}" for ending in ("", "_data") for prefix in ("", *prefixes)]
        found = next((files[name] for name in names if name in files), None)
        if found is not None:
            sources[table] = Source("files", "", (_relative(found, project),))
    return sources


def _relative(path: Path, project: Path) -> str:
    """As seen from the project where it lies inside, else whole."""
    whole, home = path.resolve(), project.resolve()
    return whole.relative_to(home).as_posix() if whole.is_relative_to(home) else whole.as_posix()


def _in_duckdb(path: Path, *, short: str, tables: tuple[str, ...], project: Path) -> dict[str, Source]:
    """Tables of the schema that begins with the connector's name, else of any schema."""
    import duckdb

    try:
        with duckdb.connect(str(path), read_only=True) as connection:
            rows = connection.execute(
                "SELECT table_schema, table_name FROM information_schema.tables"
                " ORDER BY NOT starts_with(lower(table_schema), $1), table_schema, table_name",
                [short],
            ).fetchall()
    except duckdb.Error:
        advice = "Name a folder with the files in it, or a DuckDB file."
        raise SourceError(Fault("--data", f"'{path}' is no DuckDB database.", advice)) from None
    home = _relative(path, project)
    sources: dict[str, Source] = {}
    for schema, name in rows:
        if name.lower() in tables:
            sources.setdefault(name.lower(), Source("duckdb", "--data", url=home, table=f"{schema}.{name}"))
    return sources
