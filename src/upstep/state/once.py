"""Exactly once: a threshold of a limit is spoken of once per period, however often it is reached or decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


def take_many(connection: sa.Connection, keys: Mapping[OnceKey, str | None], *, at: datetime) -> set[OnceKey]:
    """The same for many keys, each with what it is taken for, in a handful of statements; returns those still free."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    rows = [{**vars(key), "taken_at": at, "taken_for": taken_for} for key, taken_for in keys.items()]
    if not rows:
        return set()
    taken = insert(once_key).on_conflict_do_nothing().returning(*_KEY)
    return {OnceKey(*row) for row in connection.execute(taken, rows)}


def free(connection: sa.Connection, keys: Sequence[OnceKey]) -> list[OnceKey]:
    """Which of them nobody has taken yet: cheaper than taking, where nearly all are taken already."""
    taken: set[OnceKey] = set()
    for begin in range(0, len(keys), _AT_ONCE):
        some = keys[begin : begin + _AT_ONCE]
        near = [once_key.c[name].in_({getattr(key, name) for key in some}) for name in ("account_id", "period_start")]
        taken |= {OnceKey(*row) for row in connection.execute(sa.select(*_KEY).where(*near))}
    return [key for key in keys if key not in taken]


_AT_ONCE = 500
_KEY = tuple(once_key.c[name] for name in OnceKey.__annotations__)


def is_taken(connection: sa.Connection, key: OnceKey) -> bool:
    """Whether it has been spoken of."""
    same = [once_key.c[name] == value for name, value in asdict(key).items()]
    return connection.execute(sa.select(once_key.c.account_id).where(*same)).first() is not None
