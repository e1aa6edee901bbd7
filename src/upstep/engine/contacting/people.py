"""Who may be written to, by key: people of the facts become rows of state for the sender and the widget."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from upstep.clock import from_seconds, to_seconds
from upstep.engine.contacting.stake import stake_of, stakes
from upstep.state import tables
from upstep.state.session import hold, reading, writing
from upstep.state.upsert import upsert
from upstep.tables.facts import visible_condition
from upstep.tables.lake import open_snapshot

if TYPE_CHECKING:
    from upstep.engine.project import Project

CHUNK_PEOPLE = 2_000
FEW_ACCOUNTS = 2_000
"""Of up to so many accounts the stored files are asked by key."""

_KEPT = (
    *("contact_id", "account_id", "name", "email", "time_zone", "may_buy", "role", "consents", "left_at"),
    "has_stake",
)


def publish_people(
    project: Project, state: sa.Engine, *, as_of: datetime, accounts: Collection[str] | None = None
) -> int:
    """Bring ``contact_fact`` up to what the facts say of people. Doing it twice changes nothing.

    A person's zone is their own, else the account's; NULL is the company's. Whether they have a stake is NULL where
    nothing is connected that would tell (``contacting.stake``).

    Args:
        accounts: Only their people; None: everybody's.

    Returns:
        How many rows came, changed or went.
    """
    found = people(project, as_of=as_of, accounts=accounts)
    before = _stored(state, accounts)
    gone = sorted(before.keys() - found.keys())
    rows = [{**row, "as_of": as_of} for key, row in found.items() if before.get(key) != row]
    for begin in range(0, len(rows), CHUNK_PEOPLE):
        with writing(state) as connection:
            hold(connection, "publish")
            upsert(connection, tables.contact_fact, rows[begin : begin + CHUNK_PEOPLE])
    for begin in range(0, len(gone), CHUNK_PEOPLE):
        with writing(state) as connection:
            fact = tables.contact_fact
            connection.execute(sa.delete(fact).where(fact.c.contact_id.in_(gone[begin : begin + CHUNK_PEOPLE])))
    return len(rows) + len(gone)


def people(
    project: Project, *, as_of: datetime, accounts: Collection[str] | None = None
) -> dict[str, Mapping[str, Any]]:
    """What facts say of people as of an instant, by contact id."""
    import duckdb
    import pyarrow as pa

    snapshot, at = open_snapshot(project.folder), to_seconds(as_of)
    connection = duckdb.connect(":memory:", config={"threads": 1})
    asked, keys = "", None
    if accounts is not None:
        connection.register("asked", pa.table({"account_id": pa.array(sorted(accounts), pa.string())}))
        asked = " SEMI JOIN asked USING (account_id)"
    wanted = f"SELECT account_key, account_id FROM ({snapshot.select('account_key')}){asked}"
    if accounts is not None and len(accounts) <= FEW_ACCOUNTS:
        keys = [row[0] for row in connection.execute(wanted).fetchall()]
    zones = f"SELECT account_key, time_zone AS zone FROM ({snapshot.select('account')})"
    zones += f" WHERE {visible_condition('account', at=at)}"
    contacts = f"SELECT * FROM ({snapshot.select('contact')}) WHERE {visible_condition('contact', at=at)}"
    rows = connection.execute(
        "SELECT contact_id, account_id, name, email, coalesce(time_zone, zone) AS time_zone, may_buy, role, consents,"
        f" left_at, {stake_of(snapshot)} AS has_stake FROM ({contacts})"
        f" JOIN ({wanted}) USING (account_key) LEFT JOIN ({zones}) USING (account_key)"
        f" LEFT JOIN ({stakes(snapshot, connection, at=at, keys=keys)}) USING (contact_id)"
    ).fetchall()
    connection.close()
    return {row[0]: _person(dict(zip(_KEPT, row, strict=True))) for row in rows}


def _person(row: dict[str, Any]) -> dict[str, Any]:
    words, left = row["consents"], row["left_at"]
    return row | {
        "consents": None if words is None else [word for word in words.split("\n") if word],
        "left_at": None if left is None else from_seconds(left),
    }


def _stored(state: sa.Engine, accounts: Collection[str] | None) -> dict[str, Mapping[str, Any]]:
    fact = tables.contact_fact
    asked = sa.select(*(fact.c[name] for name in _KEPT))
    found: dict[str, Mapping[str, Any]] = {}
    with reading(state) as connection:
        wanted = [None] if accounts is None else sorted(accounts)
        for begin in range(0, len(wanted), 500):
            some = asked if accounts is None else asked.where(fact.c.account_id.in_(wanted[begin : begin + 500]))
            found |= {row["contact_id"]: dict(row) for row in connection.execute(some).mappings()}
    return found
