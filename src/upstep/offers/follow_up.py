"""Looks after what was bought: at 14 and at 30 days, is it used? Each look is due once and says what it found."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from upstep.clock import to_seconds
from upstep.offers.model import OfferStatus
from upstep.state import tables

if TYPE_CHECKING:
    from upstep.offers.model import Offer

DAYS = (14, 30)
USED_PERCENT = 40
"""At or under this share of the new limit nothing is sold (``plays.gates``), so at or under it nothing sold is used."""

MOTIONS = ("upsell", "volume", "add_on", "cross_sell")
"""A longer term brings nothing new to use."""


class Found(StrEnum):
    """What a look found."""

    USED = "used"
    UNUSED = "unused"
    UNKNOWN = "unknown"  # nothing measures it


@dataclass(frozen=True)
class Level:
    """How much of what was bought is used.

    Args:
        used: A stock's level, or what a flow comes to in a whole period at its pace since.
        limit: What is paid for now; None: unlimited, or nothing limits it.
        limit_before: What they had when they were asked; None: it is not known.
    """

    meter_id: str
    used: int
    limit: int | None
    limit_before: int | None


@dataclass(frozen=True)
class Look:
    """One look after an offer: when it is due and, once looked, what was found."""

    offer_id: str
    day: int
    account_id: str
    due_at: datetime
    looked_at: datetime | None = None
    found: Found | None = None
    facts: Mapping[str, Any] | None = None


def judge(level: Level | None) -> Found:
    """Whether what was bought is used: more than they had before, or more than 40% of what they have now.

    >>> judge(Level("emails", 45_000, 100_000, 50_000)), judge(Level("emails", 30_000, 100_000, 50_000))
    (<Found.USED: 'used'>, <Found.UNUSED: 'unused'>)
    """
    if level is None:
        return Found.UNKNOWN
    if level.limit_before is not None and level.used > level.limit_before:
        return Found.USED
    if not level.limit:
        return Found.UNKNOWN if level.limit_before is None else Found.UNUSED
    return Found.USED if level.used * 100 > level.limit * USED_PERCENT else Found.UNUSED


def schedule(connection: sa.Connection) -> int:
    """Make looks due for offers that have converted and have none yet, in the caller's transaction; says how many."""
    offer, table = tables.offer, tables.follow_up
    found = sa.select(offer.c.offer_id, offer.c.account_id, offer.c.converted_at).where(
        offer.c.status == OfferStatus.CONVERTED,
        offer.c.converted_at.is_not(None),
        offer.c.motion.in_(MOTIONS),
        offer.c.offer_id.not_in(sa.select(table.c.offer_id)),
    )
    rows = [
        {"offer_id": row.offer_id, "account_id": row.account_id, "day": day, "due_at": row.converted_at + _days(day)}
        for row in connection.execute(found)
        for day in DAYS
    ]
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    for row in rows:
        connection.execute(insert(table).values(**row).on_conflict_do_nothing())
    return len(rows)


def due(connection: sa.Connection, *, now: datetime) -> list[Look]:
    """The looks that are due and were not taken, oldest first."""
    table = tables.follow_up
    found = sa.select(table).where(table.c.looked_at.is_(None), table.c.due_at <= now)
    return _looks(connection, found.order_by(table.c.due_at, table.c.offer_id, table.c.day))


def looks(connection: sa.Connection, *, accounts: Sequence[str] | None = None) -> list[Look]:
    """Every look, of some accounts or of all, oldest first."""
    table = tables.follow_up
    found = sa.select(table).order_by(table.c.due_at, table.c.offer_id, table.c.day)
    return _looks(connection, found if accounts is None else found.where(table.c.account_id.in_(accounts)))


def unused(connection: sa.Connection, *, at: datetime, accounts: Collection[str] | None = None) -> list[dict[str, Any]]:
    """What was bought and is hardly used, by the last look until that instant.

    Returns:
        One row per account, product and meter: account_id, product_id, meter_id, day, looked_at (whole seconds since
        1970).
    """
    table, offer = tables.follow_up, tables.offer
    found = (
        sa.select(table.c.account_id, offer.c.product_id, table.c.day, table.c.looked_at, table.c.found, table.c.facts)
        .join(offer, offer.c.offer_id == table.c.offer_id)
        .where(table.c.looked_at <= at)
        .order_by(table.c.looked_at, table.c.day)
    )
    if accounts is not None:
        found = found.where(table.c.account_id.in_(sorted(accounts)))
    last = {
        (row.account_id, row.product_id, (row.facts or {}).get("meter_id")): row for row in connection.execute(found)
    }
    return [
        {
            "account_id": account_id,
            "product_id": product_id,
            "meter_id": meter_id,
            "day": row.day,
            "looked_at": to_seconds(row.looked_at),
        }
        for (account_id, product_id, meter_id), row in last.items()
        if row.found == Found.UNUSED and meter_id
    ]


def keep(connection: sa.Connection, look: Look, *, found: Found, facts: Mapping[str, Any], at: datetime) -> bool:
    """Keep what a look found, in the caller's transaction; returns whether it had not been taken."""
    table = tables.follow_up
    mine = (table.c.offer_id == look.offer_id) & (table.c.day == look.day) & table.c.looked_at.is_(None)
    values = {"looked_at": at, "found": found.value, "facts": dict(facts)}
    return bool(connection.execute(sa.update(table).where(mine).values(**values)).rowcount)


def meter_of(offer: Offer) -> str | None:
    """The meter that an offer was about, as the records of its facts name it."""
    for name in ("used", "limit_quantity", "adoption"):
        for record in (offer.facts.get(name) or {}).get("records") or ():
            _, found, rest = str(record).partition("meter_id=")
            if found:
                return rest.partition("&")[0]
    return None


def limit_before(offer: Offer) -> int | None:
    """The limit that the account had when it was asked."""
    value = (offer.facts.get("limit_quantity") or {}).get("value")
    return int(value) if value is not None else None


def _days(count: int) -> timedelta:
    return timedelta(days=count)


def _looks(connection: sa.Connection, found: sa.Select[Any]) -> list[Look]:
    return [
        Look(
            row.offer_id,
            row.day,
            row.account_id,
            row.due_at,
            row.looked_at,
            Found(row.found) if row.found else None,
            row.facts,
        )
        for row in connection.execute(found)
    ]
