"""Opening the operational database: SQLite in the project folder, or Postgres when several processes share it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy import event

from upstep.errors import BusyError, DamagedError, OutsideError
from upstep.state.migrations import migrate

BUSY_SECONDS = 30
_READS_ONLY = "upstep_reads_only"
_MAY_WRITE = "Look whether it is a file, and whether this user may write it and its folder."
_HAS_ROOM = "Look whether the disk has room and is whole, then run it again."
_ADVICE = {
    "unable to open": _MAY_WRITE,
    "readonly database": _MAY_WRITE,
    "disk I/O error": _HAS_ROOM,
    "is full": _HAS_ROOM,
}
"""What to do, by a word of SQLite's."""


def open_state(path_or_url: str | Path) -> sa.Engine:
    """The operational database, created if it is not there and brought to the newest form.

    Args:
        path_or_url: A file for SQLite, or a URL such as ``postgresql+psycopg://…``.

    Raises:
        BusyError: Another process has held it for longer than ``BUSY_SECONDS``.
        DamagedError: The file is not a database of ours.
        OutsideError: It cannot be reached, or a newer version of the program has written it.
    """
    engine = connect(path_or_url)
    try:
        migrate(engine)
    except sa.exc.OperationalError as error:
        raise _told(error, engine) from error
    except sa.exc.DatabaseError as error:
        raise DamagedError(
            f"{_place(engine)}: this is not a database that upstep wrote ({error.orig}). "
            "Move it away, or restore it with `upstep restore`."
        ) from error
    return engine


@contextmanager
def writing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One transaction that may write; on SQLite it takes the write lock at once, so it never fails half way.

    Raises:
        BusyError: Another process has held the lock for longer than ``BUSY_SECONDS``.
    """
    try:
        with engine.begin() as connection:
            yield connection
    except sa.exc.OperationalError as error:
        raise _told(error, engine) from error


@contextmanager
def reading(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One consistent view that never waits for a writer.

    Raises:
        OutsideError: The database cannot be reached.
    """
    options: dict[str, Any] = {_READS_ONLY: True}
    if engine.dialect.name == "postgresql":
        # Otherwise each statement would see what was committed by its own begin.
        options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    try:
        with engine.execution_options(**options).connect() as connection:
            yield connection
    except sa.exc.OperationalError as error:
        raise _told(error, engine) from error


def hold(connection: sa.Connection, name: str) -> None:
    """Until this transaction ends, whoever else holds that name waits: for "look, then write" by several processes.

    On SQLite a writer is alone anyway.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext(name))))


def hold_many(connection: sa.Connection, names: Iterable[str]) -> None:
    """``hold`` for several names in one statement, in order: two who want the same ones never block each other."""
    wanted = sorted(set(names))
    if wanted and connection.dialect.name == "postgresql":
        each = sa.func.unnest(sa.cast(wanted, sa.ARRAY(sa.Text))).table_valued("name")
        connection.execute(sa.select(sa.func.count(sa.func.pg_advisory_xact_lock(sa.func.hashtext(each.c.name)))))


def connect(path_or_url: str | Path) -> sa.Engine:
    """A database as ``reading`` and ``writing`` want it; nothing is opened or made yet."""
    if "://" in str(path_or_url):
        # Asked before use: a connection that a restart of the server has cut is opened anew.
        return sa.create_engine(str(path_or_url), pool_pre_ping=True, json_deserializer=_read_json)
    path = Path(path_or_url)
    path.parent.mkdir(parents=True, exist_ok=True)
    url = sa.URL.create("sqlite", database=str(path))
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_SECONDS}, json_deserializer=_read_json)
    event.listen(engine, "connect", _prepare_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _read_json(text: str) -> Any:
    """What a JSON column holds. The quicker reader takes no NaN, which the usual one writes."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return json.loads(text)


def _prepare_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions begin below, not where the driver guesses
    # FULL: an intent to charge must survive a power cut, or the charge would be made twice.
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", f"busy_timeout={BUSY_SECONDS * 1000}"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: sa.Connection) -> None:
    # A writer that begins as a reader may find at its first write that it has to start over.
    reads_only = connection.get_execution_options().get(_READS_ONLY, False)
    connection.exec_driver_sql("BEGIN" if reads_only else "BEGIN IMMEDIATE")


def _told(error: sa.exc.OperationalError, engine: sa.Engine) -> OutsideError:
    """The driver's error in our words."""
    said = str(error.orig)
    if "locked" in said or "busy" in said:
        return BusyError(
            f"{_place(engine)}: another process has been writing for over {BUSY_SECONDS} s. Try again when it is done.",
            holder="another process",
        )
    advice = next((told for word, told in _ADVICE.items() if word in said), "")
    return OutsideError(f"{_place(engine)}: {said}. {advice}" if advice else f"{_place(engine)}: {said}")


def _place(engine: sa.Engine) -> str:
    return (
        engine.url.database or ""
        if engine.dialect.name == "sqlite"
        else engine.url.render_as_string(hide_password=True)
    )
