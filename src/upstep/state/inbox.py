"""The inbox: events that were acknowledged and are not yet facts. What is acknowledged is on the disk.

Many requests share one commit: a single thread takes what has gathered while the last commit ran, writes it in one
transaction and answers all of them. An event counts once: its ``message_id`` is unique for as long as its row is kept.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite

from upstep.errors import UpstepError
from upstep.state import session
from upstep.state.inbox_tables import (
    inbox_cursor,
    inbox_event,
    inbox_parked,
    inbox_refused,
    inbox_told,
    inbox_unknown,
    make_tables,
)
from upstep.state.session import hold, reading, writing

_TOGETHER = 20_000  # Events of one commit: more would make the first of them wait.
_TAKE_BYTES = 64 << 20
_COUNTED = 10_000
_NAME = "upstep inbox"
_DONE = "done"
_AGAIN = "again"

_COLUMNS = ("message_id", "kind", "occurred_at", "received_at", "body", "is_public", "proven_account")
_INSERT = {
    "sqlite": f"INSERT INTO inbox_event ({', '.join(_COLUMNS)})"
    " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (message_id) DO NOTHING",
    "postgresql": f"INSERT INTO inbox_event ({', '.join(_COLUMNS)})"
    " SELECT * FROM unnest(%s::text[], %s::text[], %s::bigint[], %s::bigint[], %s::bytea[], %s::boolean[], %s::text[])"
    " ON CONFLICT (message_id) DO NOTHING",
}


class Received(NamedTuple):
    """One event as it came: its own id, what it is, when it happened and arrived (seconds), and its JSON.

    It is public where a key sent it that anybody can read; then ``proven_account`` is the one for which a token, good
    when it came, lets its person speak.
    """

    message_id: str
    kind: str
    occurred_at: int
    received_at: int
    body: bytes
    is_public: bool = False
    proven_account: str | None = None


class Added(NamedTuple):
    """How many events of a request are new, and how many had come before."""

    accepted: int
    repeated: int


class Waiting(NamedTuple):
    """One event that is to become a fact; ``seq`` tells the order of arrival."""

    seq: int
    message_id: str
    kind: str
    occurred_at: int
    received_at: int
    body: bytes
    is_public: bool = False
    proven_account: str | None = None


@dataclass(frozen=True)
class Parked:
    """An event put aside: the kind of ``reason`` and ``why`` in words. With a ``person`` it waits for their account."""

    event: Waiting
    reason: str
    why: str
    person: str | None = None


@dataclass(frozen=True)
class Unknown:
    """A name that no setting explains: how many came, when first and last (seconds), and one event as JSON."""

    name: str
    events: int
    first_at: int
    last_at: int
    example: str


@dataclass(frozen=True)
class Refused:
    """What a page may not say, such as "account.owner_id": how often it did, first and last (seconds), one event."""

    what: str
    events: int
    first_at: int
    last_at: int
    example: str


@dataclass(frozen=True)
class Outcome:
    """What became of events that were taken; written together with their being done.

    Args:
        parked: Put aside.
        released: Ids of parked events that are facts now.
        unknown: Counts to add.
        refused: Counts to add.
        told: (kind, key) and the columns that events said of it.
    """

    parked: Sequence[Parked] = ()
    released: Sequence[str] = ()
    unknown: Sequence[Unknown] = ()
    refused: Sequence[Refused] = ()
    told: Mapping[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)


class Inbox:
    """Open it with ``open_inbox``. Any number of threads may add; one at a time should take."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._queue: queue.SimpleQueue[tuple[Sequence[Received], Future[Added]] | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
        self._guard = threading.Lock()
        self._is_closed = False

    # What arrives

    def submit(self, events: Sequence[Received]) -> Future[Added]:
        """Have events written with the next commit; the future ends after it, or with the error that prevented it."""
        future: Future[Added] = Future()
        with self._guard:
            if self._is_closed:
                raise RuntimeError("the inbox is closed")
            if self._writer is None:
                self._writer = threading.Thread(target=self._write, name=_NAME, daemon=True)
                self._writer.start()
            self._queue.put((events, future))
        return future

    def add(self, events: Sequence[Received]) -> Added:
        """Write events and wait for the commit.

        Raises:
            OutsideError: It could not be written; nothing of it was.
        """
        return self.submit(events).result()

    def close(self) -> None:
        """Write what was handed in, then let go of the database."""
        with self._guard:
            self._is_closed = True
            writer = self._writer
            self._queue.put(None)
        if writer is not None:
            writer.join()
        self._engine.dispose()

    def _write(self) -> None:
        is_open = True
        while is_open:
            asked = [self._queue.get()]
            many = len(asked[0][0]) if asked[0] else 0
            while many < _TOGETHER and asked[-1] is not None:
                try:
                    asked.append(self._queue.get_nowait())
                except queue.Empty:
                    break
                many += len(asked[-1][0]) if asked[-1] else 0
            is_open = asked[-1] is not None
            self._commit([request for request in asked if request is not None])

    def _commit(self, requests: Sequence[tuple[Sequence[Received], Future[Added]]]) -> None:
        if not requests:
            return
        try:
            with writing(self._engine) as connection:
                # Numbers must be seen in their order: a lower one that is committed later would be passed over.
                hold(connection, _NAME)
                added = [_insert(connection, events) for events, _ in requests]
        except (UpstepError, sa.exc.SQLAlchemyError) as error:
            if len(requests) == 1:
                _settle(requests[0][1], error)
                return
            # One of them may be the cause: the others are not to suffer.
            for request in requests:
                self._commit([request])
            return
        for (_, future), one in zip(requests, added, strict=True):
            _settle(future, one)

    # What leaves

    def take(self, limit: int = 10_000) -> list[Waiting]:
        """Events that are not done, oldest first; fewer than ``limit`` where they are large."""
        columns = inbox_event.c
        listed = [columns[name] for name in Waiting._fields]
        select = sa.select(*listed).where(columns.seq > _cursor()).order_by(columns.seq).limit(limit)
        found: list[Waiting] = []
        size = 0
        with reading(self._engine) as connection:
            for row in connection.execute(select):
                found.append(Waiting(*row))
                size += len(row.body)
                if size > _TAKE_BYTES:
                    break
        return found

    def done(self, through: int, *, after: int, outcome: Outcome | None = None, now: int) -> bool:
        """Note that all events up to ``through`` are facts, and what else became of them, in one transaction.

        Args:
            through: The number of the last event that was taken; ``after`` when parked ones alone were looked at.
            after: What was done before they were taken; when it no longer is, somebody else has done them.
            outcome: What to keep beside.
            now: Seconds.

        Returns:
            Whether it was noted; else another one was quicker and nothing was changed.
        """
        with writing(self._engine) as connection:
            moved = connection.execute(
                sa.update(inbox_cursor)
                .where(inbox_cursor.c.name == _DONE, inbox_cursor.c.seq == after)
                .values(seq=through)
            )
            if moved.rowcount and outcome is not None:
                _keep(connection, outcome, now=now)
            return bool(moved.rowcount)

    def position(self) -> int:
        """The number of the last event that is done."""
        with reading(self._engine) as connection:
            return int(connection.execute(sa.select(_cursor())).scalar_one())

    def depth(self) -> int:
        """How many events wait; above ``_COUNTED`` at most so many, for numbers of repeated events are left out."""
        waiting = sa.select(inbox_event.c.seq).where(inbox_event.c.seq > _cursor()).limit(_COUNTED).subquery()
        newest = sa.select(sa.func.coalesce(sa.func.max(inbox_event.c.seq), 0) - _cursor())
        with reading(self._engine) as connection:
            many = int(connection.execute(sa.select(sa.func.count()).select_from(waiting)).scalar_one())
            return many if many < _COUNTED else int(connection.execute(newest).scalar_one())

    def oldest(self) -> int | None:
        """When the event arrived (seconds) that has waited longest; None: none waits."""
        columns = inbox_event.c
        select = sa.select(columns.received_at).where(columns.seq > _cursor()).order_by(columns.seq).limit(1)
        with reading(self._engine) as connection:
            return connection.execute(select).scalar_one_or_none()

    # What is kept beside

    def parked(self, *, persons: Sequence[str] | None = None, limit: int = 10_000) -> list[Parked]:
        """Events put aside, oldest first; with ``persons``, those that wait for the account of one of them."""
        columns = inbox_parked.c
        select = sa.select(inbox_parked).order_by(columns.received_at, columns.message_id).limit(limit)
        if persons is not None:
            select = select.where(columns.person.in_(persons))
        with reading(self._engine) as connection:
            return [
                Parked(Waiting(0, *(getattr(row, name) for name in Received._fields)), row.reason, row.why, row.person)
                for row in connection.execute(select)
            ]

    def parked_counts(self) -> dict[str, int]:
        """How many events are put aside, by reason."""
        select = (
            sa.select(inbox_parked.c.reason, sa.func.count()).group_by(inbox_parked.c.reason).order_by(sa.text("1"))
        )
        with reading(self._engine) as connection:
            return {reason: int(many) for reason, many in connection.execute(select)}

    def unknown(self) -> list[Unknown]:
        """Names that no setting explains, the most frequent first."""
        columns = inbox_unknown.c
        select = sa.select(inbox_unknown).order_by(columns.events.desc(), columns.name)
        with reading(self._engine) as connection:
            return [Unknown(*row) for row in connection.execute(select)]

    def refused(self) -> list[Refused]:
        """What pages said and may not say, the most frequent first."""
        columns = inbox_refused.c
        select = sa.select(inbox_refused).order_by(columns.events.desc(), columns.what)
        with reading(self._engine) as connection:
            return [Refused(*row) for row in connection.execute(select)]

    def told(self, kind: str, keys: Sequence[str] | None = None) -> dict[str, dict[str, Any]]:
        """What events said of accounts, contacts or anonymous ids, by key; all of them without ``keys``."""
        select = sa.select(inbox_told.c.key, inbox_told.c.row).where(inbox_told.c.kind == kind)
        found: dict[str, dict[str, Any]] = {}
        with reading(self._engine) as connection:
            if keys is None:
                return {row.key: row.row for row in connection.execute(select)}
            for start in range(0, len(keys), 500):
                part = select.where(inbox_told.c.key.in_(keys[start : start + 500]))
                found.update({row.key: row.row for row in connection.execute(part)})
        return found

    # Looking after it

    def remove_done(self, *, before: int, most: int = 50_000) -> int:
        """Remove events that are facts and arrived before an instant (seconds), at most so many. Gives their number."""
        old = (
            sa.select(inbox_event.c.seq)
            .where(inbox_event.c.seq <= _cursor(), inbox_event.c.received_at < before)
            .order_by(inbox_event.c.seq)
            .limit(most)
        )
        with writing(self._engine) as connection:
            gone = connection.execute(sa.delete(inbox_event).where(inbox_event.c.seq.in_(old)))
        return int(gone.rowcount)

    def again(self, is_wanted: Callable[[Waiting], bool]) -> int:
        """Make parked events, and those that are done and wanted, wait once more. Gives their number."""
        columns = inbox_event.c
        listed = [columns[name] for name in Waiting._fields]
        found = [one.event for one in self.parked(limit=1_000_000)]
        with reading(self._engine) as connection:
            for row in connection.execute(sa.select(*listed).where(columns.seq <= _cursor())).yield_per(10_000):
                waiting = Waiting(*row)
                if is_wanted(waiting):
                    found.append(waiting)
        unique = {one.message_id: Received(*one[1:]) for one in found}
        with writing(self._engine) as connection:
            hold(connection, _NAME)
            ids = list(unique)
            for start in range(0, len(ids), 500):
                part = ids[start : start + 500]
                connection.execute(sa.delete(inbox_event).where(columns.message_id.in_(part)))
                connection.execute(sa.delete(inbox_parked).where(inbox_parked.c.message_id.in_(part)))
            _insert(connection, list(unique.values()))
            newest = connection.execute(sa.select(sa.func.max(columns.seq))).scalar_one() or 0
            connection.execute(sa.update(inbox_cursor).where(inbox_cursor.c.name == _AGAIN).values(seq=newest))
        return len(unique)

    def again_through(self) -> int:
        """The number of the last event that was made to wait again: up to it, some may be facts already."""
        with reading(self._engine) as connection:
            again = sa.select(inbox_cursor.c.seq).where(inbox_cursor.c.name == _AGAIN)
            return int(connection.execute(again).scalar_one())

    def forget_unknown(self, names: Sequence[str]) -> None:
        """Forget the counts of names: a setting explains them now."""
        with writing(self._engine) as connection:
            for start in range(0, len(names), 500):
                part = names[start : start + 500]
                connection.execute(sa.delete(inbox_unknown).where(inbox_unknown.c.name.in_(part)))


def open_inbox(path_or_url: str | Path) -> Inbox:
    """The inbox, made when it is not there yet.

    Args:
        path_or_url: A file for SQLite, or a URL such as ``postgresql+psycopg://…``.
    """
    engine = session.connect(path_or_url)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _make_room)
    with writing(engine) as connection:
        hold(connection, _NAME)
        make_tables(connection)
        for name in (_DONE, _AGAIN):
            connection.execute(_insert_ignoring(connection, inbox_cursor).values(name=name, seq=0))
    return Inbox(engine)


def _make_room(connection: Any, _record: object) -> None:
    # Ids are random, so each insert touches another page of their index; and a checkpoint each 4 MB is too many.
    for pragma in ("cache_size=-65536", "wal_autocheckpoint=8000"):
        connection.execute(f"PRAGMA {pragma}")


def _cursor() -> sa.ScalarSelect[int]:
    return sa.select(inbox_cursor.c.seq).where(inbox_cursor.c.name == _DONE).scalar_subquery()


def _settle(future: Future[Added], told: Added | BaseException) -> None:
    """Answer whoever waits; somebody who has gone away meanwhile is told nothing."""
    if not future.set_running_or_notify_cancel():
        return
    if isinstance(told, BaseException):
        future.set_exception(told)
    else:
        future.set_result(told)


def _inserting(connection: sa.Connection) -> Any:
    return postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert


def _insert_ignoring(connection: sa.Connection, table: sa.Table) -> Any:
    return _inserting(connection)(table).on_conflict_do_nothing()


def _insert(connection: sa.Connection, events: Sequence[Received]) -> Added:
    """Insert the events that are new, and count them."""
    if not events:
        return Added(0, 0)
    dialect = connection.dialect.name
    rows: Any = list(events)
    if dialect == "postgresql":
        rows = tuple(list(column) for column in zip(*events, strict=True))
    many = connection.exec_driver_sql(_INSERT[dialect], rows).rowcount
    return Added(many, len(events) - many)


def _keep(connection: sa.Connection, outcome: Outcome, *, now: int) -> None:
    if outcome.released:
        for start in range(0, len(outcome.released), 500):
            part = outcome.released[start : start + 500]
            connection.execute(sa.delete(inbox_parked).where(inbox_parked.c.message_id.in_(part)))
    if outcome.parked:
        rows = [
            {
                **{name: value for name, value in one.event._asdict().items() if name != "seq"},
                "reason": one.reason,
                "why": one.why,
                "person": one.person,
                "parked_at": now,
            }
            for one in outcome.parked
        ]
        connection.execute(_insert_ignoring(connection, inbox_parked), rows)
    for one in outcome.unknown:
        _add_count(connection, inbox_unknown, vars(one))
    for refused in outcome.refused:
        _add_count(connection, inbox_refused, vars(refused))
    if outcome.told:
        tell = _inserting(connection)(inbox_told)
        tell = tell.on_conflict_do_update(
            index_elements=["kind", "key"], set_={"row": tell.excluded.row, "told_at": tell.excluded.told_at}
        )
        rows = [{"kind": of[0], "key": of[1], "row": dict(row), "told_at": now} for of, row in outcome.told.items()]
        connection.execute(tell, rows)


def _add_count(connection: sa.Connection, table: sa.Table, row: Mapping[str, Any]) -> None:
    """Add a count to the row of its key, which keeps its first example."""
    add = _inserting(connection)(table).values(**row)
    columns, new = table.c, add.excluded
    changes = {
        "events": columns.events + new.events,
        "first_at": sa.case((columns.first_at < new.first_at, columns.first_at), else_=new.first_at),
        "last_at": sa.case((columns.last_at > new.last_at, columns.last_at), else_=new.last_at),
    }
    connection.execute(add.on_conflict_do_update(index_elements=list(table.primary_key), set_=changes))
