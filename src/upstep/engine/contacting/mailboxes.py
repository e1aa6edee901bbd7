"""Who a message's recipient is: a person by key in state, else in the facts; an owner in the facts."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from upstep.clock import from_seconds
from upstep.delivery.channel import Message, Owner
from upstep.engine.contacting.people import people
from upstep.state import tables
from upstep.state.session import reading
from upstep.tables.facts import default_as_of, visible_condition
from upstep.tables.lake import Snapshot, open_snapshot

if TYPE_CHECKING:
    from upstep.engine.project import Project

OWNER = "owner:"


@dataclass(frozen=True)
class Person:
    """A recipient: how they are called and where they read mail. None: nobody told."""

    name: str | None = None
    email: str | None = None


class Mailboxes:
    """Looks recipients up. It may be used by several threads; owners are read once per version of their table."""

    def __init__(self, project: Project, state: sa.Engine) -> None:
        self._project = project
        self._state = state
        self._owners: dict[str, Owner] = {}
        self._version: object = None
        self._lock = threading.Lock()

    def person(self, message: Message) -> Person:
        """Who reads a message: its contact, or the owner whose task it is."""
        if message.recipient.startswith(OWNER):
            owner = self.owner_of(message)
            return Person(owner.name, owner.email)
        contact_id = message.contact_id or message.recipient
        return self._published(contact_id) or self._told(contact_id, message.account_id)

    def contact_email(self, message: Message) -> str | None:
        """The address of the person whom an owner's task is about, if it is about one."""
        if message.contact_id is None:
            return None
        person = self._published(message.contact_id) or self._told(message.contact_id, message.account_id)
        return person.email

    def owner_of(self, message: Message) -> Owner:
        """The owner whose task a message is."""
        with self._lock:
            snapshot = open_snapshot(self._project.folder)
            version = snapshot.manifest.tables.get("owner")
            if version != self._version:
                self._owners, self._version = _owners(self._project, snapshot), version
            owner_id = message.recipient.removeprefix(OWNER)
            return self._owners.get(owner_id, Owner(owner_id, None))

    def _published(self, contact_id: str) -> Person | None:
        fact = tables.contact_fact
        asked = sa.select(fact.c.name, fact.c.email).where(fact.c.contact_id == contact_id, fact.c.left_at.is_(None))
        with reading(self._state) as connection:
            row = connection.execute(asked).first()
        return Person(row.name, row.email) if row else None

    def _told(self, contact_id: str, account_id: str) -> Person:
        """From the facts, where nothing was published yet."""
        as_of = from_seconds(default_as_of(self._project.folder, open_snapshot(self._project.folder)))
        row = people(self._project, as_of=as_of, accounts=[account_id]).get(contact_id)
        return Person(row["name"], row["email"]) if row and row["left_at"] is None else Person()


def _owners(project: Project, snapshot: Snapshot) -> dict[str, Owner]:
    import duckdb

    if "owner" not in snapshot.manifest.tables:
        return {}
    at = default_as_of(project.folder, snapshot)
    sql = f"SELECT owner_id, name, email FROM ({snapshot.select('owner')}) WHERE {visible_condition('owner', at=at)}"
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        rows = connection.execute(sql).fetchall()
    return {owner_id: Owner(name, email) for owner_id, name, email in rows}


def owner_of_account(project: Project, account_id: str) -> str | None:
    """The id of who looks after an account, as the facts name them."""
    return _of_account(project, account_id, "owner_id")


def name_of_account(project: Project, account_id: str) -> str | None:
    """How an account is called, as the facts have it."""
    return _of_account(project, account_id, "name")


def _of_account(project: Project, account_id: str, column: str) -> str | None:
    import duckdb

    snapshot = open_snapshot(project.folder)
    at = default_as_of(project.folder, snapshot)
    sql = (
        f"SELECT {column} FROM ({snapshot.select('account')}) SEMI JOIN"
        f" (SELECT account_key FROM ({snapshot.select('account_key')}) WHERE account_id = ?) USING (account_key)"
        f" WHERE {visible_condition('account', at=at)}"
    )
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        row = connection.execute(sql, [account_id]).fetchone()
    return None if row is None else row[0]
