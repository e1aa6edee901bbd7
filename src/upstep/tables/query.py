"""Building and running queries. Ibis builds and compiles SELECTs; each engine runs the SQL through its own client.

Inside the core an account, meter or contact is an integer key, an instant is whole seconds since 1970 (UTC), a day
is whole days since 1970. So no date arithmetic, whose dialects differ, stands in any query.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, Protocol

import ibis
import sqlglot
from ibis.backends.sql import compilers
from ibis.config import Config
from ibis.expr.operations import UnboundTable
from sqlglot import exp

from upstep.tables.schema import TABLES, Kind

if TYPE_CHECKING:
    import duckdb
    import ibis.expr.types as ir
    import pyarrow as pa

_CORE_TYPES = {
    Kind.TEXT: "string",
    Kind.WHOLE: "int64",
    Kind.NUMBER: "float64",
    Kind.RATE: "string",
    Kind.FLAG: "boolean",
    Kind.INSTANT: "int64",
    Kind.DATE: "int32",
    Kind.WORDS: "string",
    Kind.JSON: "string",
}

_DERIVED: dict[str, dict[str, str]] = {
    "clock": {"as_of": "int64", "as_of_day": "int32"},
    "usage_day": {
        "account_key": "int32",
        "meter_key": "int32",
        "day": "int32",
        "quantity": "int64",
        "events": "int64",
        "quantity_max": "int64",
        "quantity_latest": "int64",
    },
    "usage_raw": {
        "account_key": "int32",
        "meter_key": "int32",
        "contact_key": "int32",
        "day": "int32",
        "occurred_at": "int64",
        "quantity": "int64",
    },
    "usage_contact": {
        "account_key": "int32",
        "meter_key": "int32",
        "contact_key": "int32",
        "month": "int32",
        "day_mask": "int64",
    },
    "contact_key": {"contact_id": "string", "contact_key": "int32"},
}

DIALECTS = {
    "duckdb": "DuckDBCompiler",
    "postgres": "PostgresCompiler",
    "sqlite": "SQLiteCompiler",
    "spark": "PySparkCompiler",
    "snowflake": "SnowflakeCompiler",
    "bigquery": "BigQueryCompiler",
}


def core_schema(table: str) -> dict[str, str]:
    """Ibis types of a core table, in column order: integer keys, integer time (see the module's first lines).

    Raises:
        KeyError: No such table.
    """
    if table in _DERIVED:
        return dict(_DERIVED[table])
    columns: dict[str, str] = {}
    for column in TABLES[table].columns:
        if column.name == "account_id":
            columns["account_key"] = "int32"
            if table == "account":
                columns["account_id"] = "string"
        else:
            columns[column.name] = _CORE_TYPES[column.kind]
    return columns


CORE_TABLES = (*(name for name in TABLES if name != "usage"), *_DERIVED)
"""Every table that signals and plays may read."""


def core_table(name: str) -> ir.Table:
    """The unbound Ibis table of a core table."""
    return ibis.table(core_schema(name), name=name)


class _SparkOptions(Config):  # type: ignore[misc]  # Ibis is not typed
    treat_nan_as_null: bool = False


@cache
def _compiler(dialect: str) -> Any:
    if dialect == "spark" and ibis.options.pyspark is None:
        # The option exists only once Ibis's Spark backend is imported, which needs Spark itself; compiling does not.
        ibis.options.pyspark = _SparkOptions()
    if dialect == "sqlite":
        from upstep.tables.sqlite_dialect import Compiler

        return Compiler()
    return getattr(compilers, DIALECTS[dialect])()


def compile_select(select: ir.Table, dialect: str) -> str:
    """The SQL of an expression in one dialect (a key of ``DIALECTS``)."""
    compiler = _compiler(dialect)
    tree = compiler.to_sqlglot(select)
    for star in tree.find_all(exp.Star):
        # Ibis keeps dropped columns in a set: unsorted, each process would write another text.
        if star.args.get("except_"):
            star.args["except_"].sort(key=lambda column: column.name)
    if dialect == "sqlite":
        from upstep.tables.sqlite_dialect import unnested

        tree = unnested(tree)
    # One copy: Ibis uses a part of the tree in several places, which writing the text may change.
    inside = tree.subquery("stage")
    columns = [_as_declared(name, dtype) for name, dtype in select.schema().items()]
    whole = sqlglot.select(*columns, copy=False).from_(inside, copy=False)
    sql: str = whole.sql(dialect=compiler.dialect, copy=False)
    return sql


def _as_declared(name: str, dtype: Any) -> exp.Expr:
    """A column in the type that Ibis declares. Engines widen sums of whole numbers, each in its own way."""
    column = exp.column(name, quoted=True)
    if not dtype.is_integer():
        return column
    kind = "BIGINT" if dtype.nbytes == 8 else "INT"
    return exp.alias_(exp.cast(column, kind, copy=False), name, quoted=True, copy=False)


class Program:
    """Named SELECTs in order, each built on the ones before it. Built once, compiled once a dialect, run many times."""

    def __init__(self) -> None:
        self.stages: dict[str, ir.Table] = {}
        self._sql: dict[str, dict[str, str]] = {}

    def stage(self, name: str, select: ir.Table) -> ir.Table:
        """Add a SELECT under a new name; returns the unbound table that later stages read.

        Raises:
            ValueError: The name is taken.
        """
        if name in self.stages:
            message = f"stage {name!r} exists"
            raise ValueError(message)
        self.stages[name] = select
        self._sql.clear()
        return ibis.table(select.schema(), name=name)

    def copy(self) -> Program:
        """The same stages, to be built on."""
        other = Program()
        other.stages = dict(self.stages)
        return other

    def sql(self, dialect: str) -> dict[str, str]:
        """Stage name to SQL, in order."""
        if dialect not in self._sql:
            self._sql[dialect] = {name: compile_select(select, dialect) for name, select in self.stages.items()}
        return self._sql[dialect]

    @cached_property
    def columns(self) -> dict[str, dict[str, str]]:
        """Stage name to its columns and their types (never with the mark of what is not NULL)."""
        return {
            name: {column: str(kind).removeprefix("!") for column, kind in select.schema().items()}
            for name, select in self.stages.items()
        }

    @cached_property
    def last_reader(self) -> dict[str, str]:
        """Stage name to the last stage that reads it; a stage that none reads is absent (it is an output)."""
        last: dict[str, str] = {}
        for reader, select in self.stages.items():
            for table in select.op().find(UnboundTable):
                if table.name in self.stages:
                    last[table.name] = reader
        return last


@dataclass(frozen=True)
class Statements:
    """A program's SQL in one dialect, as it was kept: it runs like the program and need not be built."""

    dialect: str
    by_stage: dict[str, str]
    last_reader: dict[str, str]
    columns: dict[str, dict[str, str]] = field(default_factory=dict)
    reads: dict[str, list[str]] = field(default_factory=dict)
    """Of each table that is no stage, the columns that are read."""

    def sql(self, dialect: str) -> dict[str, str]:
        """Stage name to SQL, in order.

        Raises:
            ValueError: It was kept in another dialect.
        """
        if dialect != self.dialect:
            message = f"these statements are for {self.dialect}, not {dialect}"
            raise ValueError(message)
        return self.by_stage


class Engine(Protocol):
    """Runs programs. One engine holds the tables of one command; they vanish with it."""

    dialect: str

    def run(self, program: Program | Statements, *, keep: Sequence[str] = ()) -> None:
        """Materialise every stage, dropping each after its last reader unless it is in ``keep``."""
        ...

    def load(self, name: str, rows: pa.Table) -> ir.Table:
        """Put Arrow rows in as table ``name`` (replacing it)."""
        ...

    def read(self, name: str) -> pa.Table:
        """All rows of a table."""
        ...

    def drop(self, *names: str) -> None:
        """Free tables."""
        ...


class DuckEngine:
    """The default engine: an in-memory DuckDB over Parquet files and Arrow tables."""

    dialect = "duckdb"

    def __init__(
        self, *, threads: int | None = None, memory_limit: str | None = None, spill: str | None = None
    ) -> None:
        import duckdb

        settings: dict[str, Any] = {"threads": threads or os.cpu_count() or 1, "preserve_insertion_order": False}
        if memory_limit:
            settings["memory_limit"] = memory_limit
        if spill:
            settings["temp_directory"] = spill
        self.connection: duckdb.DuckDBPyConnection = duckdb.connect(":memory:", config=settings)
        self.connection.execute("SET TimeZone = 'UTC'")

    def run(self, program: Program | Statements, *, keep: Sequence[str] = ()) -> None:
        """See ``Engine.run``."""
        last = program.last_reader
        for name, sql in program.sql(self.dialect).items():
            self.connection.execute(f'CREATE OR REPLACE TEMP TABLE "{name}" AS {sql}')
            self.drop(*(table for table, reader in last.items() if reader == name and table not in keep))

    def load(self, name: str, rows: pa.Table) -> ir.Table:
        """See ``Engine.load``."""
        self.connection.register("_incoming", rows)
        self.connection.execute(f'CREATE OR REPLACE TEMP TABLE "{name}" AS SELECT * FROM _incoming')
        self.connection.unregister("_incoming")
        return ibis.table(arrow_types(rows.schema), name=name)

    def read(self, name: str) -> pa.Table:
        """See ``Engine.read``."""
        return self.connection.sql(f'SELECT * FROM "{name}"').to_arrow_table()

    def drop(self, *names: str) -> None:
        """See ``Engine.drop``."""
        for name in names:
            self.connection.execute(f'DROP TABLE IF EXISTS "{name}"')


def arrow_types(schema: pa.Schema) -> dict[str, str]:
    """Ibis types of an Arrow schema made of the core's few types."""
    names = {"double": "float64", "bool": "boolean", "large_string": "string", "string_view": "string"}
    return {field.name: names.get(str(field.type), str(field.type)) for field in schema}


def union_all(selects: Sequence[ir.Table]) -> ir.Table:
    """One table of several with equal columns; the single one when there is one."""
    first, *rest = selects
    for other in rest:
        first = first.union(other, distinct=False)
    return first


def left(table: ir.Table, other: ir.Table, keys: Any) -> ir.Table:
    """Left join that leaves no second copy of the keys. ``keys`` as Ibis takes them."""
    return _clean(table.left_join(other, keys))


def inner(table: ir.Table, other: ir.Table, keys: Any) -> ir.Table:
    """Inner join that leaves no second copy of the keys."""
    return _clean(table.inner_join(other, keys))


def _clean(joined: Any) -> ir.Table:
    table: ir.Table = joined.select(*[name for name in joined.columns if not name.endswith("_right")])
    return table
