"""Reasons not to write to a person or an account that no table of facts knows: a reply, a bounce, a complaint."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa

from upstep.state import audit
from upstep.state.listed import as_list, listed
from upstep.state.session import hold
from upstep.state.tables import contact_hold as table


class HoldKind(StrEnum):
    """What happened."""

    REPLY = "reply"  # they wrote back: nothing more until the owner has acted
    BOUNCE = "bounce"  # the address does not take messages: no more e-mail to that person
    COMPLAINT = "complaint"  # they called it spam: no more sales or help to that person
    PERSON = "person"  # somebody here said: not to them


@dataclass(frozen=True)
class Hold:
    """One reason. ``contact_id`` None: everybody of the account. ``until`` None: until somebody lifts it."""

    hold_id: int
    account_id: str
    contact_id: str | None
    kind: HoldKind
    why: str
    recorded_at: datetime
    recorded_by: str
    until: datetime | None
    lifted_at: datetime | None = None
    lifted_by: str | None = None

    def stands(self, at: datetime) -> bool:
        """Whether it counts at that instant."""
        is_over = self.until is not None and self.until <= at
        return self.recorded_at <= at and not is_over and (self.lifted_at is None or self.lifted_at > at)


def record_hold(  # noqa: PLR0913 - a hold has as many parts, and a dataclass would repeat `Hold`
    connection: sa.Connection,
    account_id: str,
    *,
    kind: str,
    why: str,
    by: str,
    now: datetime,
    contact_id: str | None = None,
    until: datetime | None = None,
) -> bool:
    """Keep a hold, in the caller's transaction.

    Returns:
        Whether it is new: while one of the same kind stands for the same people, another changes nothing.
    """
    hold(connection, account_id)
    same = [one for one in holds_of(connection, [account_id], now=now) if one.contact_id == contact_id]
    if any(one.kind == kind for one in same):
        return False
    row = {"kind": HoldKind(kind), "why": why, "recorded_at": now, "recorded_by": by, "until": until}
    connection.execute(sa.insert(table).values(account_id=account_id, contact_id=contact_id, **row))
    audit.note(connection, "hold", subject=account_id, who=by, at=now, details={"kind": kind, "contact_id": contact_id})
    return True


def record_reply(
    connection: sa.Connection, account_id: str, *, why: str, by: str, now: datetime, contact_id: str | None = None
) -> bool:
    """Somebody of the account wrote back: everything to that account stops until the owner acts.

    Args:
        contact_id: Who wrote, as far as known; the whole account is held all the same.

    Returns:
        Whether it is new: while an earlier reply waits for the owner, another changes nothing.
    """
    told = f"{contact_id}: {why}" if contact_id else why
    return record_hold(connection, account_id, kind=HoldKind.REPLY, why=told, by=by, now=now)


def lift_hold(connection: sa.Connection, hold_id: int, *, by: str, now: datetime) -> Hold | None:
    """Lift a hold, in the caller's transaction; lifting it twice changes nothing.

    Returns:
        The hold as it was before, or None where there is none of that id.
    """
    row = connection.execute(sa.select(table).where(table.c.hold_id == hold_id)).first()
    if row is None:
        return None
    found = _hold(row)
    if found.stands(now):
        this = (table.c.hold_id == hold_id, table.c.lifted_at.is_(None))
        connection.execute(sa.update(table).where(*this).values(lifted_at=now, lifted_by=by))
        details = {"hold_id": hold_id, "kind": found.kind}
        audit.note(connection, "lift", subject=found.account_id, who=by, at=now, details=details)
    return found


def holds_of(connection: sa.Connection, accounts: Collection[str] | None, *, now: datetime) -> list[Hold]:
    """The holds that stand at that instant, oldest first; ``accounts`` None: everybody's."""
    found = sa.select(table).where(table.c.recorded_at <= now).order_by(table.c.hold_id)
    # Who asks about now reads only what was never lifted, of which there is little.
    found = found.where(sa.or_(table.c.lifted_at.is_(None), table.c.lifted_at > now))
    named, dialect = {}, connection.dialect.name
    if accounts is not None:
        named = {"accounts": as_list(accounts, dialect)}
        found = found.where(listed(table.c.account_id, "accounts", dialect))
    return [one for one in map(_hold, connection.execute(found, named)) if one.stands(now)]


def _hold(row: sa.Row[tuple[object, ...]]) -> Hold:
    values = {name: getattr(row, name) for name in Hold.__annotations__}
    return Hold(**values | {"kind": HoldKind(values["kind"])})
