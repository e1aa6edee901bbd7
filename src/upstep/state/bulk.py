"""Many rows of one table at once, made ready column by column: what several rows share is written down once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import compress
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

Writer = Callable[[Any], Any]
"""Makes of a value what the driver takes."""


@dataclass(frozen=True)
class Ready:
    """Rows of one table as the driver takes them, in the order of ``names``; ``write_rows`` writes them."""

    names: tuple[str, ...]
    lines: list[tuple[Any, ...]]

    def kept(self, is_kept: Iterable[bool]) -> Ready:
        """Without some lines."""
        return Ready(self.names, list(compress(self.lines, is_kept)))


def add_rows(
    connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]], *, unless: str | None = None
) -> None:
    """Insert rows in the caller's transaction, as ``connection.execute(insert(table), rows)`` does, in less time.

    Args:
        connection: The caller's transaction.
        table: Where to.
        rows: Each has the columns of the first.
        unless: A column with a key: a row whose key is there already is left out.
    """
    write_rows(connection, table, ready_rows(connection.dialect, table, rows), unless=unless)


def ready_rows(dialect: sa.Dialect, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> Ready:
    """Rows, each with the columns of the first, as a database's driver takes them."""
    if not rows:
        return Ready((), [])
    writers = _writers(dialect, table, tuple(rows[0]))
    columns = [_written([row[name] for row in rows], writer) for name, writer in writers]
    return Ready(tuple(name for name, _ in writers), list(zip(*columns, strict=True)))


def write_rows(connection: sa.Connection, table: sa.Table, ready: Ready, *, unless: str | None = None) -> None:
    """Insert what was made ready; see ``add_rows``."""
    if not ready.lines:
        return
    insert = _insert(connection.dialect, table, ready.names, unless)
    lines: list[Any] = ready.lines
    if not insert.is_positional:
        lines = [dict(zip(ready.names, line, strict=True)) for line in lines]
    connection.exec_driver_sql(insert.text, lines)


@dataclass(frozen=True)
class _Insert:
    """A statement as the driver takes it."""

    text: str
    is_positional: bool


@lru_cache(maxsize=64)
def _insert(dialect: sa.Dialect, table: sa.Table, names: tuple[str, ...], unless: str | None) -> _Insert:
    statement: Any = (postgresql.insert if dialect.name == "postgresql" else sqlite.insert)(table)
    if unless is not None:
        statement = statement.on_conflict_do_nothing(index_elements=[unless])
    compiled = statement.compile(dialect=dialect, column_keys=list(names))
    assert not compiled.positional or tuple(compiled.positiontup) == names, "values stand in the order of the table"
    return _Insert(str(compiled), bool(compiled.positional))


@lru_cache(maxsize=64)
def _writers(dialect: sa.Dialect, table: sa.Table, names: tuple[str, ...]) -> list[tuple[str, Writer | None]]:
    """The columns, in the order of the table, each with what makes its values ready."""
    assert not any(column.default for column in table.columns), "a default of Python's would be left out"
    return [(str(column.name), _writer(column.type, dialect)) for column in table.columns if column.name in names]


def _written(values: list[Any], writer: Writer | None) -> list[Any]:
    """Values as the driver takes them; one that is the very object before it is not written down again."""
    if writer is None:
        return values
    known: Any = values[0]
    ready = writer(known)
    written = []
    for value in values:
        if value is not known:
            known, ready = value, writer(value)
        written.append(ready)
    return written


def _writer(kind: sa.types.TypeEngine[Any], dialect: sa.Dialect) -> Writer | None:
    if not isinstance(kind, sa.JSON):
        return kind.dialect_impl(dialect).bind_processor(dialect)
    return _json_or_null if kind.none_as_null else _json


def _json(value: object) -> str:
    """The same JSON as the column writes, without spaces: dataclasses and enums need not be taken apart before."""
    return msgspec.json.encode(value).decode()


def _json_or_null(value: object) -> str | None:
    return None if value is None else _json(value)
