"""Who has a stake in what is sold: was in the original purchase, has used the product in 90 days, or asked for it.

All of it is answered in one query over everybody. Nobody knows is an answer too: without the data that would tell, a
person is not said to have none.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from upstep.clock import DAY_SECONDS, from_day
from upstep.tables.facts import visible_condition
from upstep.tables.lake import BUCKETS
from upstep.tables.rollup import USAGE_CONTACT

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import duckdb

    from upstep.tables.lake import Snapshot

USER_DAYS = 90
"""Who has used the product within so many days is a user of it (``no_stake``)."""

ASKING = ("feature_gate_hit", "pricing_page_viewed", "invite_refused")
"""Moments in which a person reached for more: a locked feature, the prices, one more seat."""


def stakes(snapshot: Snapshot, connection: duckdb.DuckDBPyConnection, *, at: int, keys: Sequence[int] | None) -> str:
    """SQL: one row per contact that uses, holds or asked for something: contact_id, is_user, has_asked.

    Args:
        snapshot: Of the facts.
        connection: Where the SQL will run.
        at: Seconds.
        keys: Of the accounts that are wanted, few; None: all.
    """
    mine = "" if keys is None else f" AND account_key IN ({_listed(keys)})"
    users = _users(snapshot, connection, at=at, keys=keys)
    parts = [
        f"SELECT contact_id, true AS is_user, false AS has_asked FROM ({users})",
        f"SELECT contact_id, true, false FROM ({_seated(snapshot, at=at)}{mine})",
        f"SELECT contact_id, false, true FROM ({_requests(snapshot, at=at)}{mine})",
        f"SELECT contact_id, false, true FROM ({_moments(snapshot, at=at)}{mine})",
    ]
    union = " UNION ALL ".join(parts)
    return (
        "SELECT contact_id, bool_or(is_user) AS is_user, bool_or(has_asked) AS has_asked"
        f" FROM ({union}) WHERE contact_id IS NOT NULL GROUP BY contact_id"
    )


def stake_of(snapshot: Snapshot) -> str:
    """SQL: whether a contact joined with its stake has any; NULL where what would tell is not connected.

    It reads in_original_purchase, is_user and has_asked.
    """
    tells_use = _has_rows(snapshot, USAGE_CONTACT.table, USAGE_CONTACT.recent, "seat")
    tells_asking = any(name in snapshot.manifest.connected for name in ("ticket", "moment"))
    used = "coalesce(is_user, false)" if tells_use else "nullif(coalesce(is_user, false), false)"
    asked = "coalesce(has_asked, false)" if tells_asking else "nullif(coalesce(has_asked, false), false)"
    # SQL's own rule: true if any is; false if all are; else nobody knows.
    return f"(in_original_purchase OR {used} OR {asked})"


def _has_rows(snapshot: Snapshot, *names: str) -> bool:
    stored = (snapshot.manifest.tables.get(name) for name in names)
    return any(table is not None and table.rows > 0 for table in stored)


def _users(snapshot: Snapshot, connection: duckdb.DuckDBPyConnection, *, at: int, keys: Sequence[int] | None) -> str:
    """People whose use is recorded on one of the last days."""
    masks = ", ".join(f"({month}, {mask})" for month, mask in _masks(from_day(at // DAY_SECONDS)))
    buckets = None if keys is None else sorted({key % BUCKETS for key in keys})
    days = " UNION ALL ".join(
        f"SELECT account_key, contact_key, month, day_mask FROM ({stored})"
        for stored in (
            snapshot.select(USAGE_CONTACT.table, partitions=buckets),
            snapshot.select(USAGE_CONTACT.recent),
        )
    )
    mine = "" if keys is None else f" AND account_key IN ({_listed(keys)})"
    used = (
        f"SELECT DISTINCT contact_key FROM ({days}) JOIN (VALUES {masks}) AS last_days(month, mask) USING (month)"
        f" WHERE day_mask & mask <> 0{mine}"
    )
    named = snapshot.select("contact_key")
    if keys is None:
        return f"SELECT contact_id FROM ({named}) SEMI JOIN ({used}) USING (contact_key)"
    # Of few accounts the keys are few: as literals they tell which pieces of the file need not be read.
    found = [row[0] for row in connection.execute(used).fetchall()]
    return f"SELECT contact_id FROM ({named}) WHERE contact_key IN ({_listed(found)})"


def _listed(keys: Sequence[int]) -> str:
    return ", ".join(map(str, keys)) or "NULL"


def _masks(today: date) -> Iterable[tuple[int, int]]:
    """The last days as a mask per month, as the roll-up has them: bit 0 is the 1st."""
    masks: dict[int, int] = {}
    for back in range(USER_DAYS):
        day = today - timedelta(days=back)
        month = day.year * 12 + day.month - 1
        masks[month] = masks.get(month, 0) | 1 << (day.day - 1)
    return masks.items()


def _seated(snapshot: Snapshot, *, at: int) -> str:
    """People who hold a seat, or held one within these days."""
    since = at - USER_DAYS * DAY_SECONDS
    visible = visible_condition("seat", at=at)
    return (
        f"SELECT contact_id FROM ({snapshot.select('seat')}) WHERE {visible}"
        f" AND (removed_at IS NULL OR removed_at > {since})"
    )


def _requests(snapshot: Snapshot, *, at: int) -> str:
    visible = visible_condition("ticket", at=at)
    return f"SELECT contact_id FROM ({snapshot.select('ticket')}) WHERE {visible} AND kind = 'feature_request'"


def _moments(snapshot: Snapshot, *, at: int) -> str:
    kinds = ", ".join(f"'{kind}'" for kind in ASKING)
    visible = visible_condition("moment", at=at)
    return f"SELECT contact_id FROM ({snapshot.select('moment')}) WHERE {visible} AND kind IN ({kinds})"
