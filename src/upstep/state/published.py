"""Published decisions by key, as they were stored: the look-up that an application makes on every page."""

from __future__ import annotations

import threading
from contextlib import suppress
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from upstep.clock import from_seconds, iso, to_seconds
from upstep.state.session import reading
from upstep.state.tables import published_decision as table

_COLUMNS = (table.c.run_id, table.c.as_of, table.c.published_at, table.c.body)
_SQL = "SELECT run_id, as_of, published_at, body FROM published_decision WHERE account_id = ?"


class Published(NamedTuple):
    """One account's decisions. Instants are seconds; ``body`` is the JSON array of them."""

    run_id: str
    as_of: int
    published_at: int
    body: str


class PublishedReader:
    """Reads them one by one; on SQLite through one connection of its own, without a transaction around each."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._guard = threading.Lock()
        self._connection: Any = None

    @property
    def is_quick(self) -> bool:
        """Whether a look-up asks nobody over a network, so that an event loop may do it without a thread."""
        return self._engine.dialect.name == "sqlite"

    def read(self, account_id: str) -> Published | None:
        """What is published of an account; None when nothing is."""
        if not self.is_quick:
            with reading(self._engine) as connection:
                row = connection.execute(sa.select(*_COLUMNS).where(table.c.account_id == account_id)).first()
            return row and Published(row.run_id, to_seconds(row.as_of), to_seconds(row.published_at), row.body)
        with self._guard:
            if self._connection is None:
                self._connection = self._engine.raw_connection()
            # All rows are fetched, which ends the read: an open one would keep the log from being written back.
            rows = self._connection.driver_connection.execute(_SQL, (account_id,)).fetchall()
        return Published(*rows[0]) if rows else None

    def close(self) -> None:
        """Give the connection back."""
        with self._guard, suppress(sa.exc.SQLAlchemyError):
            if self._connection is not None:
                self._connection.close()
            self._connection = None


def told(account_id: str, found: Published) -> bytes:
    """The decisions as the HTTP API answers, put together as text: what is stored is not read."""
    return (
        f'{{"account_id":{msgspec.json.encode(account_id).decode()},"run_id":"{found.run_id}",'
        f'"as_of":"{_iso(found.as_of)}","published_at":"{_iso(found.published_at)}","decisions":{found.body}}}'
    ).encode()


@lru_cache(maxsize=1024)
def _iso(seconds: int) -> str:
    # A run publishes many accounts within few seconds.
    return iso(from_seconds(seconds))


def bodies_after(engine: sa.Engine, account_id: str, *, limit: int) -> list[tuple[str, str]]:
    """Accounts from that id on, itself included, with their bodies, in the order of their ids."""
    found = sa.select(table.c.account_id, table.c.body).where(table.c.account_id >= account_id)
    with reading(engine) as connection:
        rows = connection.execute(found.order_by(table.c.account_id).limit(limit))
        return [(row.account_id, row.body) for row in rows]
