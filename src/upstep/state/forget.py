"""Taking somebody out of state and inbox: rows of theirs go, messages keep that they were sent, texts lose their words.

What was billed stays, with ids only: the law asks for it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from upstep.state import tables
from upstep.state.inbox_tables import INBOX, inbox_cursor, inbox_event, inbox_parked, inbox_told
from upstep.state.mentions import FORGOTTEN, Mentions

BILLED = ("quote", "billing_intent", "billing_attempt", "billing_outcome", "provider_event")
"""Kept with their ids; only names and addresses leave them."""

_OF_A_PERSON = (tables.contact_fact, tables.consent, tables.exposure)
_NAMING = (tables.goal.c.sponsor_contact_id, tables.opportunity.c.sponsor_contact_id, tables.stage_change.c.contact_id)
_UNTOUCHED = {"tombstone", "api_key", "signing_key", "provider_cursor", "inbox_cursor"}
_WAITING = ("queued", "held", "claimed")


@dataclass(frozen=True)
class Changed:
    """Rows of one table that went or lost words."""

    table: str
    removed: int = 0
    blanked: int = 0


def names_of(connection: sa.Connection, contacts: Sequence[str]) -> list[str]:
    """Names and addresses that state knows of people."""
    table = tables.contact_fact
    found = connection.execute(sa.select(table.c.name, table.c.email).where(table.c.contact_id.in_(contacts)))
    return [word for row in found for word in row if word]


def told_names(connection: sa.Connection, keys: Sequence[str]) -> list[str]:
    """Names and addresses that events told of people or accounts."""
    rows = connection.execute(sa.select(inbox_told.c.row).where(inbox_told.c.key.in_(keys))).scalars()
    return [str(row[name]) for row in rows for name in ("name", "email") if isinstance(row.get(name), str)]


def forget_contact(connection: sa.Connection, contact_id: str, who: Mentions) -> list[Changed]:
    """Take a person out of every table of state, in the caller's transaction."""
    found = Counter[tuple[str, str]]()
    for table in _OF_A_PERSON:
        _count(found, connection.execute(sa.delete(table).where(table.c.contact_id == contact_id)), table, "removed")
    _count(
        found,
        connection.execute(sa.delete(tables.goal).where(tables.goal.c.contact_id == contact_id)),
        tables.goal,
        "removed",
    )
    _holds(connection, contact_id, found)
    for column in _NAMING:
        cleared = sa.update(column.table).where(column == contact_id).values({column.name: None})
        _count(found, connection.execute(cleared), column.table, "blanked")
    message = tables.message.c
    theirs = (message.contact_id == contact_id) | message.recipient.in_(sorted(who.ids | who.names))
    _blank_messages(connection, theirs, found)
    return _told(found, _scrub(connection, tables.METADATA, who))


def forget_account(connection: sa.Connection, account_id: str, who: Mentions) -> list[Changed]:
    """Take an account and its people out of every table of state but what was billed, in the caller's transaction."""
    found = Counter[tuple[str, str]]()
    parents = {"offer_id": tables.offer, "message_id": tables.message, "opportunity_id": tables.opportunity}
    for table in reversed(tables.METADATA.sorted_tables):
        if table.name in BILLED or table.name in _UNTOUCHED:
            continue
        if "account_id" in table.c:
            condition: sa.ColumnElement[bool] = table.c.account_id == account_id
        else:
            parent = next((name for name in parents if name in table.c), None)
            if parent is None:
                continue
            owner = parents[parent]
            condition = table.c[parent].in_(sa.select(owner.c[parent]).where(owner.c.account_id == account_id))
        _count(found, connection.execute(sa.delete(table).where(condition)), table, "removed")
    for table in _OF_A_PERSON:
        gone = connection.execute(sa.delete(table).where(table.c.contact_id.in_(sorted(who.ids))))
        _count(found, gone, table, "removed")
    return _told(found, _scrub(connection, tables.METADATA, who))


def forget_in_inbox(connection: sa.Connection, who: Mentions) -> list[Changed]:
    """Take somebody out of the inbox: events that speak of them keep their id, so that they stay known, and no body."""
    found = Counter[tuple[str, str]]()
    done = sa.select(sa.func.coalesce(sa.func.max(inbox_cursor.c.seq), 0)).scalar_subquery()
    columns = inbox_event.c
    rows = connection.execute(sa.select(columns.seq, columns.body, columns.proven_account, columns.seq > done))
    for seq, body, account, is_waiting in rows.all():
        text = bytes(body).decode("utf-8", "replace")
        if account in who.ids or _speaks_of(text, who):
            emptied = {
                "body": _anonymous(text, who) if is_waiting else b"{}",
                "proven_account": None if account in who.ids else account,
            }
            connection.execute(sa.update(inbox_event).where(columns.seq == seq).values(emptied))
            found[inbox_event.name, "blanked"] += 1
    columns = inbox_parked.c
    listed = sa.select(columns.message_id, columns.body, columns.person, columns.proven_account)
    for message_id, body, person, account in connection.execute(listed).all():
        if {person, account} & who.ids or _speaks_of(bytes(body).decode("utf-8", "replace"), who):
            connection.execute(sa.delete(inbox_parked).where(inbox_parked.c.message_id == message_id))
            found[inbox_parked.name, "removed"] += 1
    gone = connection.execute(sa.delete(inbox_told).where(inbox_told.c.key.in_(sorted(who.ids))))
    _count(found, gone, inbox_told, "removed")
    return _told(found, _scrub(connection, INBOX, who))


def _speaks_of(text: str, who: Mentions) -> bool:
    return who.are_in(text) or any(json.dumps(one) in text for one in who.ids)


def _anonymous(text: str, who: Mentions) -> bytes:
    """An event that is not a fact yet, without the person: it still counts for its account."""
    try:
        body = json.loads(text)
    except ValueError:
        return b"{}"
    if not isinstance(body, dict):
        return b"{}"
    for key in ("userId", "anonymousId", "traits", "previousId"):
        body.pop(key, None)
    return json.dumps(who.scrub(body)).encode()


def _holds(connection: sa.Connection, contact_id: str, found: Counter[tuple[str, str]]) -> None:
    """A reply still holds everything to the account; what concerned the person alone goes."""
    table = tables.contact_hold
    theirs = table.c.contact_id == contact_id
    replied = sa.update(table).where(theirs, table.c.kind == "reply").values(contact_id=None, why=FORGOTTEN)
    _count(found, connection.execute(replied), table, "blanked")
    _count(found, connection.execute(sa.delete(table).where(theirs)), table, "removed")


def _blank_messages(connection: sa.Connection, theirs: sa.ColumnElement[bool], found: Counter[tuple[str, str]]) -> None:
    """That a message was sent is kept; what it said, to whom and under which key is not."""
    table = tables.message
    for message_id, status in connection.execute(sa.select(table.c.message_id, table.c.status).where(theirs)).all():
        blank: dict[str, Any] = {
            "idempotency_key": f"forgotten:{message_id}",
            "recipient": FORGOTTEN,
            "contact_id": None,
            "subject": FORGOTTEN,
            "text": FORGOTTEN,
            "html": None,
            "facts": {},
        }
        blank |= {name: {} for name in ("records",) if name in table.c}
        if status in _WAITING:
            blank |= {"status": "withdrawn", "reason": "its reader was forgotten"}
        connection.execute(sa.update(table).where(table.c.message_id == message_id).values(**blank))
        connection.execute(
            sa.update(tables.attempt).where(tables.attempt.c.message_id == message_id).values(detail=None)
        )
        found[table.name, "blanked"] += 1


def _scrub(connection: sa.Connection, metadata: sa.MetaData, who: Mentions) -> Counter[tuple[str, str]]:
    """Replace the words that are left in any text of any table."""
    found = Counter[tuple[str, str]]()
    for table in metadata.sorted_tables:
        if table.name in _UNTOUCHED:
            continue
        sought = who.without_ids() if table.name in BILLED else who
        columns = [column for column in table.c if _is_text(column)]
        keys = list(table.primary_key.columns)
        for row in _suspects(connection, table, columns, sought):
            changed = {name: sought.scrub(row[name]) for name in (c.name for c in columns) if row[name] is not None}
            changed = {name: value for name, value in changed.items() if value != row[name]}
            if changed:
                same = [key == row[key.name] for key in keys]
                connection.execute(sa.update(table).where(*same).values(**changed))
                found[table.name, "blanked"] += 1
    return found


def _is_text(column: sa.Column[Any]) -> bool:
    return isinstance(column.type, sa.Text | sa.JSON) and not column.primary_key and not column.foreign_keys


def _suspects(
    connection: sa.Connection, table: sa.Table, columns: Sequence[sa.Column[Any]], who: Mentions
) -> Iterator[Mapping[str, Any]]:
    """Rows in which one of the words may stand, a few at a time, whole rows only where they must be looked at."""
    spelled = dict.fromkeys(spelling for word in who.words for spelling in (word, json.dumps(word)[1:-1]))
    conditions = [
        sa.func.lower(sa.cast(column, sa.Text)).contains(word.lower(), autoescape=True)
        for column in columns
        for word in spelled
    ]
    conditions += [column.in_(sorted(who.ids)) for column in columns if isinstance(column.type, sa.Text) and who.ids]
    conditions += [
        sa.cast(column, sa.Text).contains(json.dumps(one), autoescape=True)
        for column in columns
        for one in who.ids
        if isinstance(column.type, sa.JSON)
    ]
    if not conditions:
        return
    for row in connection.execute(sa.select(table).where(sa.or_(*conditions))).mappings().all():
        yield {str(name): value for name, value in row.items()}


def _count(found: Counter[tuple[str, str]], done: sa.CursorResult[Any], table: sa.FromClause, how: str) -> None:
    if done.rowcount > 0:
        found[str(getattr(table, "name", table)), how] += done.rowcount


def _told(*found: Counter[tuple[str, str]]) -> list[Changed]:
    every = sum(found, Counter[tuple[str, str]]())
    names = sorted({name for name, _ in every})
    return [Changed(name, every[name, "removed"], every[name, "blanked"]) for name in names]
