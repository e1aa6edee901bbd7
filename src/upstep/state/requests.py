"""Writes that a client of the HTTP API named: the same name gets the same answer, whatever became of the first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from upstep.state.session import hold, writing
from upstep.state.tables import request_key as table

KEPT = timedelta(days=2)
"""So long an answer is remembered."""

LOST = timedelta(minutes=10)
"""A request that has not ended by then was cut off with its process, and may be begun anew."""


@dataclass(frozen=True)
class Before:
    """An earlier request of the same name.

    Args:
        is_same: Whether it asked for the same thing.
        status: Its answer's HTTP status; None: it is not answered yet.
    """

    is_same: bool
    status: int | None
    body: str | None


def begin(engine: sa.Engine, key_id: str, name: str, digest: str, *, now: datetime) -> Before | None:
    """Claim a name for a request; None: it is claimed, and the caller goes on."""
    here = (table.c.key_id == key_id) & (table.c.idempotency_key == name)
    with writing(engine) as connection:
        hold(connection, f"request:{key_id}:{name}")
        row = connection.execute(sa.select(table).where(here)).first()
        if row is not None and not _is_over(row, now):
            return Before(row.request_digest == digest, row.status, row.body)
        if row is not None:
            connection.execute(sa.delete(table).where(here))
        values = {"key_id": key_id, "idempotency_key": name, "request_digest": digest, "begun_at": now}
        connection.execute(sa.insert(table).values(**values))
    return None


def _is_over(row: sa.Row[tuple[object, ...]], now: datetime) -> bool:
    begun: datetime = row.begun_at
    return now - begun > (LOST if row.status is None else KEPT)


def end(connection: sa.Connection, key_id: str, name: str, *, status: int, body: str, now: datetime) -> None:
    """Keep the answer, in the caller's transaction."""
    here = (table.c.key_id == key_id) & (table.c.idempotency_key == name)
    connection.execute(sa.update(table).where(here).values(status=status, body=body, ended_at=now))


def give_up(engine: sa.Engine, key_id: str, name: str) -> None:
    """Nothing was done, or it may be done again: the name is free."""
    here = (table.c.key_id == key_id) & (table.c.idempotency_key == name)
    with writing(engine) as connection:
        connection.execute(sa.delete(table).where(here, table.c.status.is_(None)))


def remove_old(engine: sa.Engine, *, now: datetime) -> int:
    """Forget answers that nobody will ask for again; returns how many."""
    with writing(engine) as connection:
        gone = sa.delete(table).where(table.c.begun_at < now - KEPT)
        return connection.execute(gone).rowcount
