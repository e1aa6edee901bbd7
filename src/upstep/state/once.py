"""Exactly once: a threshold of a limit is spoken of once per period, however often it is reached or decided."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from upstep.state.tables import once_key


@dataclass(frozen=True)
class OnceKey:
    """What is spoken of once. A new limit is a new ``basis``; ``threshold`` is in percent.

    ``period_start`` of a stock is the day on which it was first reached.
    """

    account_id: str
    meter_id: str
    basis: str
    threshold: int
    period_start: datetime


def take(connection: sa.Connection, key: OnceKey, *, at: datetime, taken_for: str | None = None) -> bool:
    """Take the key, in the transaction that queues the message; returns whether it was still free."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    row = insert(once_key).values(**asdict(key), taken_at=at, taken_for=taken_for).on_conflict_do_nothing()
    # Postgres does not count the rows of an insert through SQLAlchemy; what it returns is counted everywhere.
    return connection.execute(row.returning(once_key.c.account_id)).first() is not None


def is_taken(connection: sa.Connection, key: OnceKey) -> bool:
    """Whether it has been spoken of."""
    same = [once_key.c[name] == value for name, value in asdict(key).items()]
    return connection.execute(sa.select(once_key.c.account_id).where(*same)).first() is not None
