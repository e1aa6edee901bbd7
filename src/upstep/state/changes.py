"""Whether anything has been written since: one cheap word, for those who wait for news."""

from __future__ import annotations

import threading
from contextlib import suppress

import sqlalchemy as sa


class ChangeMark:
    """Asks the operational database for a word that differs after any write of another connection."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._lock = threading.Lock()
        self._kept: sa.PoolProxiedConnection | None = None

    def read(self) -> str:
        """The word now. It costs microseconds on SQLite and one round trip on Postgres."""
        with self._lock:
            if self._engine.dialect.name == "sqlite":
                return self._of_sqlite()
            with self._engine.connect() as connection:
                return str(connection.execute(sa.text("SELECT pg_current_snapshot()::text")).scalar())

    def close(self) -> None:
        """Give the connection back."""
        with self._lock, suppress(sa.exc.SQLAlchemyError):
            if self._kept is not None:
                self._kept.close()
                self._kept = None

    def _of_sqlite(self) -> str:
        # SQLite counts, for each connection, the commits of all others: so it is always the same one that asks.
        if self._kept is None:
            self._kept = self._engine.raw_connection()
            self._kept.detach()
        cursor = self._kept.cursor()
        try:
            return str(cursor.execute("PRAGMA data_version").fetchone()[0])
        finally:
            cursor.close()
