"""The engine on Postgres: the same programs through one ADBC connection, in temporary tables that vanish with it.

It suits small companies and proves that the queries are portable; the default engine is an embedded DuckDB.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

from upstep.errors import ConfigError, Fault, OutsideError
from upstep.tables.query import Program, Statements, arrow_types

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

_SETTINGS = (
    "SET TimeZone = 'UTC'",
    # Only our own temporary tables are read, never one of the same name that stands in the database.
    "SET search_path = pg_temp",
    # Machine code for these wide queries takes longer to make than they take to run.
    "SET jit = off",
    "SET client_min_messages = warning",
)

_TYPES = {"int32": "int", "int64": "bigint", "float64": "double precision", "boolean": "boolean"}
# Every text sorts by its bytes, as in the other engines: the database's own order may follow a language.
_TEXT = 'text COLLATE "C"'


class PostgresEngine:
    """Runs programs on a Postgres server. See ``tables.query.Engine``.

    Args:
        uri: ``postgresql://user:password@host:port/database``; temporary tables must be allowed there.

    Raises:
        ConfigError: The ``postgres`` extra is not installed.
        OutsideError: The server does not answer.
    """

    dialect = "postgres"

    def __init__(self, uri: str) -> None:
        try:
            from adbc_driver_postgresql import dbapi
        except ModuleNotFoundError as error:
            advice = "Run: pip install 'upstep[postgres]'."
            raise ConfigError(
                Fault("postgres", "the driver adbc-driver-postgresql is not installed.", advice)
            ) from error
        try:
            self._connection: Any = dbapi.connect(uri, autocommit=True)
        except dbapi.Error as error:
            message = f"Postgres does not answer: {str(error).splitlines()[0]} Check the address and that it runs."
            raise OutsideError(message) from error
        self._execute(*_SETTINGS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the connection; its tables vanish."""
        self._connection.close()

    def _execute(self, *statements: str) -> None:
        with self._connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def run(self, program: Program | Statements, *, keep: Sequence[str] = ()) -> None:
        """See ``Engine.run``."""
        last = program.last_reader
        for name, sql in program.sql(self.dialect).items():
            self.drop(name)
            # Nothing gathers statistics of temporary tables by itself, and joins are planned by them.
            self._execute(f'CREATE TEMPORARY TABLE "{name}" AS {sql}', f'ANALYZE "{name}"')
            self.drop(*(table for table, reader in last.items() if reader == name and table not in keep))

    def load(self, name: str, rows: pa.Table) -> ir.Table:
        """See ``Engine.load``."""
        import ibis

        types = arrow_types(rows.schema)
        columns = ", ".join(f'"{column}" {_TYPES.get(kind, _TEXT)}' for column, kind in types.items())
        self.drop(name)
        self._execute(f'CREATE TEMPORARY TABLE "{name}" ({columns})')
        with self._connection.cursor() as cursor:
            cursor.adbc_ingest(name, _plain(rows), mode="append", temporary=True)
        self._execute(f'ANALYZE "{name}"')
        return ibis.table(types, name=name)

    def read(self, name: str) -> pa.Table:
        """See ``Engine.read``."""
        with self._connection.cursor() as cursor:
            cursor.execute(f'SELECT * FROM "{name}"')
            found = cursor.fetch_arrow_table()
        return _plain(found)

    def drop(self, *names: str) -> None:
        """See ``Engine.drop``."""
        self._execute(*(f'DROP TABLE IF EXISTS "{name}"' for name in names))


def _plain(rows: pa.Table) -> pa.Table:
    """The rows in the core's few Arrow types, without what the driver notes beside them."""
    import pyarrow as pa

    kinds = {"string": pa.string(), "float64": pa.float64(), "boolean": pa.bool_(), "int32": pa.int32()}
    fields = [pa.field(name, kinds.get(kind, pa.int64())) for name, kind in arrow_types(rows.schema).items()]
    return rows.cast(pa.schema(fields))
