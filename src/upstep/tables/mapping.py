"""How a company's tables and columns become ours: ``mapping.yaml``, read and checked, nothing executed.

    version: 1
    time_zone: Europe/Berlin                # of instants without a zone; default UTC
    tables:
      account:
        from: data/accounts.csv             # a file, a list, or a pattern such as data/accounts_*.csv
        columns:
          account_id: id                    # ours: theirs
          name: account_name
          created_at: {column: signup_date, time_zone: America/New_York}
          segment: {column: tier, values: {Basic: small, Enterprise: large}}   # words not listed stay as they are
          currency: {value: usd}            # the same for every row
          employees: {sql: "cast(seats as integer) * 2"}   # an expression over their columns, DuckDB's dialect
        where: "is_trial = 'FALSE'"         # rows to keep, over their columns
        mode: snapshot                      # a row that is no longer there has ended; append: it stays as it was
      usage:
        from: data/feature_usage.csv
        join: [{from: data/subscriptions.csv, on: {subscription_id: subscription_id}, as: subscription}]
        columns: {account_id: subscription.account_id, ...}
      subscription_item:
        from: {postgres: "${DATABASE_URL}", table: billing.items}
      ticket:
        from: {duckdb: warehouse.duckdb, table: tickets}
      invoice:
        from: {file: data/invoices.csv, delimiter: ";"}   # only where the first line does not show it
        join:
          - from:                           # what has to be gathered from other sources first: one SELECT over them
              reads: {charge: data/charges.csv}
              select: select invoice_id, max(created) as failed_at from charge where status = 'failed' group by 1
            on: {id: invoice_id}
            as: failure
      contact:
        from: {file: data/people.csv, may_lack: [left_at]}   # columns that may not be there: they are then empty

All cells of CSV and JSON lines are text; a cast in ``sql`` that a cell does not fit gives nothing (NULL), so the cell
is told as missing. Without a mapping, ``data/<table>.csv|parquet|jsonl`` with our column names is read as it is.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping as Pairs
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

from upstep.errors import Fault, MappingError, did_you_mean
from upstep.tables.mapping_sql import check_expression, check_select
from upstep.tables.schema import TABLES, Nature
from upstep.yaml_file import Node, in_file_order, read_yaml

FORMATS = {".csv": "csv", ".tsv": "csv", ".txt": "csv", ".parquet": "parquet", ".jsonl": "jsonl", ".ndjson": "jsonl"}
"""File ending -> how it is read; ``.gz`` may follow that of a text file."""


@dataclass(frozen=True)
class Source:
    """Where rows come from: files, a table of a Postgres or DuckDB database, or a SELECT over other sources.

    Args:
        may_lack: Columns that are empty where the source does not have them.
        reads: With ``select``: what the SELECT may read, by the name it has there.
    """

    kind: str  # files, postgres, duckdb, select
    place: str
    patterns: tuple[str, ...] = ()
    url: str = ""  # as written, with ${NAME} unresolved
    table: str = ""
    delimiter: str = ""
    may_lack: tuple[str, ...] = ()
    select: str = ""
    reads: tuple[tuple[str, Source], ...] = ()


@dataclass(frozen=True)
class Join:
    """Columns of another source, found by equal keys (theirs of the first source -> theirs of this one)."""

    source: Source
    on: tuple[tuple[str, str], ...]
    name: str


@dataclass(frozen=True)
class ColumnMapping:
    """How one of our columns is made. Exactly one of ``column``, ``sql`` and ``value`` is set."""

    name: str
    place: str
    column: str | None = None
    sql: str | None = None
    value: str | None = None
    values: Pairs[str, str] = field(default_factory=dict)
    time_zone: str | None = None


@dataclass(frozen=True)
class TableMapping:
    """How one of our tables is made. ``columns`` None: theirs are named as ours."""

    table: str
    source: Source
    place: str
    columns: Pairs[str, ColumnMapping] | None = None
    joins: tuple[Join, ...] = ()
    where: str | None = None
    where_place: str = ""
    mode: str = "snapshot"
    time_zone: str = "UTC"

    @property
    def digest(self) -> str:
        """Changes when rows of the same files may come out otherwise; not for further files or a new layout."""
        unheard = ("place", "where_place", "patterns", "url")

        def bare(value: Any) -> Any:
            if isinstance(value, dict):
                return {key: bare(item) for key, item in value.items() if key not in unheard}
            return [bare(item) for item in value] if isinstance(value, list | tuple) else value

        words = json.dumps(bare(asdict(self)), sort_keys=True)
        return hashlib.sha256(words.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Mapping:
    """All table mappings of a project, by our table's name."""

    tables: Pairs[str, TableMapping]
    project: Path


def read_mapping(project: Path) -> Mapping:
    """The project's mapping: ``mapping.yaml``, or the files in ``data/`` that are named as our tables.

    A ``mapping.yaml`` of nothing but comments names no table; ``load`` then says what to do.

    Raises:
        MappingError: With every fault of the file.
    """
    path = project / "mapping.yaml"
    if not path.exists():
        return _from_names(project)
    if _says_nothing(path):
        return Mapping({}, project)
    faults: list[Fault] = []
    node = read_yaml(path, faults)
    tables: dict[str, TableMapping] = {}
    if node is not None:
        node.unknown_keys(("version", "time_zone", "tables"))
        if node.whole("version", minimum=1) != 1:
            node.fault(f"version {node.whole('version')} is not known.", "This program reads version 1.")
        zone = _zone(node, "UTC")
        # 'tables:' with every block commented out is a mapping that is still to be written, as is no block at all.
        for name, table in node.entries("tables"):
            if name not in TABLES:
                table.fault(f"table '{name}' is not known.", did_you_mean(name, TABLES))
            elif table.must_be_mapping():
                tables[name] = _table(name, table.called(f"table '{name}'"), zone=zone)
    if faults:
        raise MappingError(in_file_order(faults))
    return Mapping(tables, project)


def _says_nothing(path: Path) -> bool:
    """Whether there are only comments and empty lines; what cannot be read as text is told by who reads it whole."""
    lines = path.read_bytes().removeprefix(b"\xef\xbb\xbf").splitlines()
    return all(not line.strip() or line.lstrip().startswith(b"#") or line.strip() == b"---" for line in lines)


def _from_names(project: Path) -> Mapping:
    """Files of ``data/`` named as our tables; several endings of one name are all read."""
    tables: dict[str, TableMapping] = {}
    folder = project / "data"
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        name = path.name.partition(".")[0]
        if name in TABLES and file_format(path) is not None:
            before = tables[name].source.patterns if name in tables else ()
            source = Source("files", f"data/{path.name}", (*before, f"data/{path.name}"))
            tables[name] = TableMapping(name, source, f"data/{path.name}")
    return Mapping(tables, project)


def file_format(path: Path) -> str | None:
    """How a file is read, by its ending: csv, parquet, jsonl; None for another.

    >>> file_format(Path("a.csv.gz")), file_format(Path("a.zip"))
    ('csv', None)
    """
    name = path.name.lower().removesuffix(".gz")
    return FORMATS.get("." + name.rpartition(".")[2])


def _table(name: str, node: Node, *, zone: str) -> TableMapping:
    node.unknown_keys(("from", "columns", "where", "mode", "join", "time_zone"))
    source_node = node.child("from")
    if source_node is None:
        node.fault("'from' is missing.", f"Write the file to read, as 'from: data/{name}.csv'.")
        source = Source("files", node.place)
    else:
        source = _source(source_node)
    columns = None
    if "columns" in node:
        columns = {key: _column(name, key, child) for key, child in node.entries("columns")}
        _required(name, node, columns)
    where = node.text("where", None)
    where_node = node.child("where")
    if where and where_node is not None:
        check_expression(where, where_node)
    mode = node.text("mode", "snapshot", allowed=("snapshot", "append"))
    if "mode" in node and TABLES[name].nature is not Nature.STATE:
        node.fault(f"mode is for tables of today's state; {name} holds dated rows.", "Remove it.")
    joins = tuple(_join(join, number) for number, join in enumerate(node.items("join"), start=1))
    return TableMapping(
        name,
        source,
        node.place,
        columns,
        joins,
        where,
        where_node.place if where_node else "",
        mode,
        _zone(node, zone),
    )


def _required(name: str, node: Node, columns: Pairs[str, ColumnMapping]) -> None:
    missing = [column.name for column in TABLES[name].columns if column.required and column.name not in columns]
    if missing:
        child = node.child("columns") or node
        child.fault(
            f"required column{'s' if len(missing) > 1 else ''} {', '.join(missing)} not mapped.",
            "Name their column, or {sql: ...}, or {value: ...}.",
        )


def _source(node: Node) -> Source:
    if node.is_mapping:
        return _written_source(node)
    if node.is_list:
        patterns = node.as_words() or ()
        if not patterns:
            node.fault("no file is named.", "Write a file, a list of files or a pattern.")
        return Source("files", node.place, patterns)
    pattern = node.as_text()
    return Source("files", node.place, (pattern,) if pattern else ())


def _written_source(node: Node) -> Source:
    """A source that needs more than the name of a file."""
    node.unknown_keys(("postgres", "duckdb", "table", "file", "delimiter", "may_lack", "reads", "select"))
    if "select" in node or "reads" in node:
        return _select(node)
    may_lack = node.words("may_lack", ())
    if "file" in node:
        child = node.child("file")
        inner = _source(child) if child else Source("files", node.place)
        return Source(
            "files", node.place, inner.patterns, delimiter=node.text("delimiter", ""), may_lack=tuple(may_lack)
        )
    return replace(_database(node), may_lack=tuple(may_lack))


def _select(node: Node) -> Source:
    """A SELECT over other sources; it may read these and nothing else."""
    reads = tuple((name, _source(child)) for name, child in node.entries("reads", required=True))
    for name, read in node.entries("reads"):
        if not re.fullmatch(r"[A-Za-z_]\w*", name):
            read.fault(f"reads '{name}' is not a plain name.", "Use letters, digits and _.")
    select = node.text("select")
    child = node.child("select")
    if select and child is not None:
        check_select(select, child, reads=[name for name, _ in reads])
    for key in ("file", "postgres", "duckdb", "table", "delimiter", "may_lack"):
        if key in node:
            node.fault(f"'{key}' does not go with 'select'.", "Write it under 'reads', at the source that it is about.")
    return Source("select", node.place, select=select, reads=reads)


def _database(node: Node) -> Source:
    kind = "postgres" if "postgres" in node else "duckdb"
    url = node.text(kind)
    table = node.text("table")
    if table and not re.fullmatch(r"[A-Za-z_][\w$]*(\.[A-Za-z_][\w$]*){0,2}", table):
        node.fault(f"table '{table}' is not the name of a table.", "Write schema.table.")
    if kind == "postgres" and url and "${" not in url and re.search(r"://[^/@]*:[^/@]+@", url):
        node.fault("the address holds a password.", "Put it into the environment and write ${DATABASE_URL}.")
        url = ""
    return Source(kind, node.place, url=url, table=table)


def _join(node: Node, number: int) -> Join:
    node.must_be_mapping()
    node.unknown_keys(("from", "on", "as"))
    child = node.child("from")
    if child is None:
        node.fault("'from' is missing.", "Write the file to join.")
    keys: list[tuple[str, str]] = []
    for ours, theirs in node.entries("on", required=True):
        keys.append((ours, theirs.as_text() or ours))
    name = node.text("as", f"join{number}")
    if not re.fullmatch(r"[A-Za-z_]\w*", name):
        node.fault(f"as '{name}' is not a plain name.", "Use letters, digits and _.")
    return Join(_source(child) if child else Source("files", node.place), tuple(keys), name)


def _column(table: str, name: str, node: Node) -> ColumnMapping:
    known = TABLES[table].names
    if name not in known:
        node.fault(f"column '{name}' is not known.", did_you_mean(name, known))
    if not node.is_mapping:
        return ColumnMapping(name, node.place, column=node.as_text())
    node.unknown_keys(("column", "sql", "value", "values", "time_zone"))
    if sum(key in node for key in ("column", "sql", "value")) != 1:
        node.fault(f"{name} needs exactly one of column, sql and value.")
        return ColumnMapping(name, node.place)
    sql_node, value_node = node.child("sql"), node.child("value")
    sql = node.text("sql", None)
    if sql and sql_node is not None:
        check_expression(sql, sql_node)
    value = None if value_node is None else _constant(value_node)
    words = {key: child.letters for key, child in node.entries("values")}
    return ColumnMapping(
        name,
        node.place,
        node.text("column", None),
        sql,
        value,
        words,
        _zone(node, None) if "time_zone" in node else None,
    )


def _constant(node: Node) -> str:
    if node.scalar is None:
        node.is_not("one value")
    return "true" if node.scalar is True else "false" if node.scalar is False else node.letters


def _zone(node: Node, default: Any) -> Any:
    zone = node.text("time_zone", default)
    if zone and zone != default and zone not in available_timezones():
        node.fault(f"time zone '{zone}' is not known.", did_you_mean(zone, available_timezones()))
    return zone


def resolve_secret(text: str, place: str) -> str:
    """``${NAME}`` replaced from the environment; the value is never shown.

    Raises:
        MappingError: A name is not set.
    """
    missing = [name for name in re.findall(r"\$\{(\w+)\}", text) if name not in os.environ]
    if missing:
        raise MappingError(Fault(place, f"{', '.join(missing)} is not set in the environment.", f"Set {missing[0]}."))
    return re.sub(r"\$\{(\w+)\}", lambda match: os.environ[match.group(1)], text)
