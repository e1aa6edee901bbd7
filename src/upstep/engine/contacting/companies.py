"""Whom an owner's task is about, for a CRM: the ids that ``data/account_ids.csv`` tells, else what finds a company."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from upstep.delivery.channel import Message
from upstep.delivery.crm import About
from upstep.engine.contacting.mailboxes import name_of_account
from upstep.errors import ConfigError, Fault
from upstep.state import tables
from upstep.state.session import reading
from upstep.tables.connectors.template import ACCOUNT_IDS

if TYPE_CHECKING:
    from upstep.engine.contacting.mailboxes import Mailboxes
    from upstep.engine.project import Project

_COLUMNS = ("connector", "their_id", "account_id")


class AboutTasks:
    """Tells whom a task is about. It may be used by several threads.

    Args:
        connector: The CRM's word in ``data/account_ids.csv``.
        by: The property by which a company is found where that file names none: ``name`` is the account's, ``domain``
            that of its people's addresses where they share one, and any other holds the account's id.
    """

    def __init__(self, project: Project, state: sa.Engine, people: Mailboxes, *, connector: str, by: str) -> None:
        self._project = project
        self._state = state
        self._people = people
        self._connector = connector
        self._by = by
        self._told: tuple[float, Mapping[str, tuple[str, ...]]] = (0.0, {})

    def about(self, message: Message) -> About:
        """Whom this message is about.

        Raises:
            ConfigError: ``data/account_ids.csv`` lacks a column.
        """
        told = self._ids().get(message.account_id, ())
        values = () if told else self._values(message.account_id)
        return About(told, values, self._people.contact_email(message))

    def _ids(self) -> Mapping[str, tuple[str, ...]]:
        """The CRM's ids by account; read again when the file was changed."""
        path = self._project.folder / ACCOUNT_IDS
        try:
            changed = path.stat().st_mtime
        except FileNotFoundError:
            return {}
        if changed != self._told[0]:
            self._told = changed, _read(path, self._connector)
        return self._told[1]

    def _values(self, account_id: str) -> tuple[str, ...]:
        if self._by == "name":
            name = name_of_account(self._project, account_id)
            return (name,) if name else ()
        return self._domain(account_id) if self._by == "domain" else (account_id,)

    def _domain(self, account_id: str) -> tuple[str, ...]:
        """What stands behind the @ of all of its people's addresses; nothing where they differ."""
        fact = tables.contact_fact.c
        asked = sa.select(fact.email).where(fact.account_id == account_id, fact.left_at.is_(None))
        with reading(self._state) as connection:
            emails = connection.execute(asked).scalars().all()
        domains = {email.rpartition("@")[2].strip().lower() for email in emails if email and "@" in email}
        return tuple(domains) if len(domains) == 1 else ()


def _read(path: Path, connector: str) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(file)
        lacking = [name for name in _COLUMNS if name not in (rows.fieldnames or ())]
        if lacking:
            advice = f"Its first line is: {','.join(_COLUMNS)}."
            raise ConfigError(Fault(str(path), f"lacks the column {', '.join(lacking)}.", advice))
        for row in rows:
            their_id = (row["their_id"] or "").strip()
            if row["connector"] == connector and their_id and row["account_id"]:
                found.setdefault(row["account_id"], []).append(their_id)
    return {account_id: tuple(dict.fromkeys(ids)) for account_id, ids in found.items()}
