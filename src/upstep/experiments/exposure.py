"""Exposures: the first time that an account came to the point at which its arm made a difference.

Only these accounts are compared, in every arm by the same rule: all others would have been treated alike, so they add
noise and nothing else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from upstep.state.tables import arm_exposure

_ROWS = 2_000
"""Rows in one statement; both databases bound the number of its parameters."""


@dataclass(frozen=True)
class Exposure:
    """One account that came to the point: in which arm, with which step, and when."""

    experiment_id: str
    account_id: str
    arm: str
    step_id: str
    exposed_at: datetime


def log(connection: sa.Connection, exposures: Sequence[Exposure]) -> int:
    """Keep exposures, in the caller's transaction; the first one of an account stands. Returns how many were new."""
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    rows = [{name: getattr(one, name) for name in Exposure.__annotations__} for one in exposures]
    added = 0
    for start in range(0, len(rows), _ROWS):
        statement = insert(arm_exposure).values(rows[start : start + _ROWS]).on_conflict_do_nothing()
        added += len(connection.execute(statement.returning(arm_exposure.c.account_id)).all())
    return added


def exposures(connection: sa.Connection, *, until: datetime | None = None) -> dict[str, list[Exposure]]:
    """All that were logged, by experiment, oldest first."""
    table = arm_exposure
    found = sa.select(table).order_by(table.c.exposed_at, table.c.account_id)
    if until is not None:
        found = found.where(table.c.exposed_at < until)
    by_id: dict[str, list[Exposure]] = defaultdict(list)
    for row in connection.execute(found).mappings():
        by_id[row["experiment_id"]].append(Exposure(**row))
    return dict(by_id)


def of_account(connection: sa.Connection, account_id: str) -> Mapping[str, Exposure]:
    """An account's exposures, by experiment."""
    found = sa.select(arm_exposure).where(arm_exposure.c.account_id == account_id)
    rows: Iterable[Mapping[str, object]] = connection.execute(found).mappings()  # type: ignore[assignment]
    made = [Exposure(**row) for row in rows]  # type: ignore[arg-type]
    return {one.experiment_id: one for one in made}
