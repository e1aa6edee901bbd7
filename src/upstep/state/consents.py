"""What people said about being written to, by purpose: the latest word counts, and before what the facts say."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from upstep.state import audit
from upstep.state.listed import as_list, listed
from upstep.state.tables import consent as table

PURPOSES = ("sales", "service")
"""What somebody may agree to: to be sold something; to be told of their own use and helped with it."""


def record_consent(
    connection: sa.Connection, contact_id: str, *, purpose: str, is_given: bool, source: str, now: datetime
) -> bool:
    """Keep a word of a person, in the caller's transaction. The earlier ones stay as they are.

    Args:
        source: Where it was said: ``unsubscribe link``, ``preferences page``, ``told support``.

    Returns:
        Whether it is new: the same word as the one that stands changes nothing. A second word within one second
        replaces the first.
    """
    assert purpose in PURPOSES, f"consent is given for {PURPOSES}, not {purpose}"
    if consents_of(connection, [contact_id], now=now).get(contact_id, {}).get(purpose) is is_given:
        return False
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    row = {"contact_id": contact_id, "purpose": purpose, "recorded_at": now}
    said = {"is_given": is_given, "source": source}
    keys = [table.c[name] for name in row]
    connection.execute(insert(table).values(**row, **said).on_conflict_do_update(index_elements=keys, set_=said))
    audit.note(connection, "consent", subject=contact_id, who=source, at=now, details={"purpose": purpose, **said})
    return True


def consents_of(
    connection: sa.Connection, contacts: Collection[str], *, now: datetime
) -> Mapping[str, Mapping[str, bool]]:
    """The word that stands at that instant, by contact and purpose; who said nothing is not in it."""
    dialect = connection.dialect.name
    said = sa.select(table).where(listed(table.c.contact_id, "contacts", dialect), table.c.recorded_at <= now)
    found: dict[str, dict[str, bool]] = {}
    named = {"contacts": as_list(contacts, dialect)}
    for row in connection.execute(said.order_by(table.c.recorded_at), named):
        found.setdefault(row.contact_id, {})[row.purpose] = row.is_given
    return found
