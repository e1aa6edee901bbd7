"""Executives' priorities that a person typed: added, listed, removed; each with who said it, when and where.

Those of the company's own ``goal`` table stand in the facts. Deciding joins the two (``plays.rank``).
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from upstep.clock import iso, parse_instant
from upstep.errors import Fault, SourceError
from upstep.state import audit
from upstep.state.tables import goal as table

TYPED = "typed_"
"""What the id of a typed goal begins with."""

COLUMNS = ("account", "contact", "priority", "metric", "advances", "sponsor", "source", "stated_on", "review_by")
"""Columns of a file to import; metric, advances, sponsor and review_by may be empty."""
_NEEDED = ("account", "contact", "priority", "source", "stated_on")


@dataclass(frozen=True)
class Goal:
    """One priority of one executive.

    Args:
        contact_id: The executive whose priority it is.
        metric: The number by which they will judge it.
        advances: Products or plans that advance it.
        source: Where it was said: a call, a report.
        review_at: From then on it is to be asked again; it counts meanwhile.
    """

    account_id: str
    contact_id: str
    priority: str
    source: str
    stated_at: datetime
    metric: str | None = None
    advances: tuple[str, ...] = ()
    sponsor_contact_id: str | None = None
    review_at: datetime | None = None

    @property
    def goal_id(self) -> str:
        """The same words of the same person on the same day are the same goal."""
        parts = (self.account_id, self.contact_id, self.priority.casefold(), iso(self.stated_at))
        return TYPED + hashlib.blake2b("\0".join(parts).encode(), digest_size=6).hexdigest()


@dataclass(frozen=True)
class Person:
    """A contact as far as goals ask: whose, and whether still there."""

    contact_id: str
    account_id: str
    name: str
    title: str
    left_at: datetime | None


@dataclass(frozen=True)
class Known:
    """What a goal may name: contacts by id, and ids of products and plans."""

    people: Mapping[str, Person]
    sold: frozenset[str]


@dataclass(frozen=True)
class Asked:
    """A goal as a person typed it, word by word."""

    place: str
    account_id: str
    contact: str = ""
    priority: str = ""
    source: str = ""
    stated_on: str = ""
    metric: str = ""
    advances: tuple[str, ...] = ()
    sponsor: str = ""
    review_by: str = ""


def checked(asked: Asked, known: Known, *, now: datetime) -> tuple[Goal | None, list[Fault]]:
    """The goal, or everything that is wrong with it."""
    faults = [
        Fault(asked.place, f"{name} is missing.", _WHY[name])
        for name in _NEEDED[1:]
        if not str(getattr(asked, name)).strip()
    ]
    stated, review = (_day(asked, name, faults) for name in ("stated_on", "review_by"))
    if stated and stated > now:
        faults.append(
            Fault(asked.place, f"stated_on {stated:%Y-%m-%d} lies ahead.", "Write the day on which it was said.")
        )
    if stated and review and review <= stated:
        found = f"review_by {review:%Y-%m-%d} is not after stated_on {stated:%Y-%m-%d}."
        faults.append(Fault(asked.place, found, "Are the two dates reversed?"))
    contact = _person(asked, "contact", known, faults, now=now)
    sponsor = _person(asked, "sponsor", known, faults, now=now)
    unknown = [name for name in asked.advances if name not in known.sold]
    faults += [
        Fault(asked.place, f"advances '{name}', which the catalog does not sell.", _sold(known)) for name in unknown
    ]
    if faults or contact is None or stated is None:
        return None, faults
    return (
        Goal(
            asked.account_id,
            contact,
            asked.priority.strip(),
            asked.source.strip(),
            stated,
            metric=asked.metric.strip() or None,
            advances=tuple(dict.fromkeys(asked.advances)),
            sponsor_contact_id=sponsor,
            review_at=review,
        ),
        [],
    )


_WHY = {
    "contact": "Whose priority is it? Name the executive's contact id.",
    "priority": "Say in their words what matters to them.",
    "source": "Say where it was said: a call, a meeting, their annual report.",
    "stated_on": "Write the day on which it was said, as 2026-11-20.",
}


def _sold(known: Known) -> str:
    return f"Known: {', '.join(sorted(known.sold)[:12])}."


def _day(asked: Asked, name: str, faults: list[Fault]) -> datetime | None:
    text = str(getattr(asked, name)).strip()
    if not text:
        return None
    try:
        return parse_instant(text)
    except ValueError:
        faults.append(Fault(asked.place, f"{name} '{text}' is no ISO date.", "Write 2026-11-20."))
        return None


def _person(asked: Asked, name: str, known: Known, faults: list[Fault], *, now: datetime) -> str | None:
    """The contact that a word names: of this account, and still there."""
    contact_id = str(getattr(asked, name)).strip()
    if not contact_id:
        return None
    person = known.people.get(contact_id)
    if person is None or person.account_id != asked.account_id:
        there = [one.contact_id for one in known.people.values() if one.account_id == asked.account_id]
        listed = f"Known there: {', '.join(sorted(there)[:12])}." if there else "No contact of it was loaded."
        faults.append(Fault(asked.place, f"{name} '{contact_id}' is no contact of {asked.account_id}.", listed))
    elif person.left_at and person.left_at <= now:
        found = f"{name} '{contact_id}' left {asked.account_id} on {person.left_at:%Y-%m-%d}."
        faults.append(Fault(asked.place, found, "What somebody said who is gone binds nobody: ask who took over."))
    return contact_id


def read_file(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file to import, each with its ``place``.

    Raises:
        SourceError: It is not there, or a column lacks or is not known.
    """
    if not path.is_file():
        raise SourceError(Fault(str(path), "is not here.", f"A CSV file with the columns {', '.join(COLUMNS)}."))
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        names = reader.fieldnames or []
        faults = [Fault(str(path), f"column {name} is missing.") for name in _NEEDED if name not in names]
        faults += [
            Fault(str(path), f"column {name} is not known.", f"Known: {', '.join(COLUMNS)}.")
            for name in names
            if name not in COLUMNS
        ]
        if faults:
            raise SourceError(faults)
        return [
            {"place": f"{path}:{reader.line_num}", **{name: (row.get(name) or "") for name in COLUMNS}}
            for row in reader
        ]


# What state keeps


def add_goals(connection: sa.Connection, goals: Iterable[Goal], *, who: str, at: datetime) -> list[Goal]:
    """Keep goals, in the caller's transaction.

    Returns:
        Those that are new or say something else than before: the same goal twice changes nothing.
    """
    standing = {goal.goal_id: goal for goal in typed_goals(connection, at=at)}
    fresh = list({goal.goal_id: goal for goal in goals if standing.get(goal.goal_id) != goal}.values())
    for goal in fresh:
        connection.execute(sa.delete(table).where(table.c.goal_id == goal.goal_id))
        row = {name: getattr(goal, name) for name in Goal.__annotations__} | {"advances": list(goal.advances)}
        connection.execute(sa.insert(table).values(goal_id=goal.goal_id, **row, added_at=at, added_by=who))
        audit.note(connection, "goal", subject=goal.account_id, who=who, at=at, details={"goal_id": goal.goal_id})
    return fresh


def remove_goal(connection: sa.Connection, goal_id: str, *, who: str, because: str, at: datetime) -> bool:
    """Take a typed goal out, with the reason; False when none of that id stands."""
    standing = (table.c.goal_id == goal_id) & table.c.removed_at.is_(None)
    values = {"removed_at": at, "removed_by": who, "removed_because": because}
    if not connection.execute(sa.update(table).where(standing).values(**values)).rowcount:
        return False
    audit.note(
        connection, "goal removed", subject=goal_id, who=who, at=at, details={"goal_id": goal_id, "because": because}
    )
    return True


def typed_goals(connection: sa.Connection, *, at: datetime) -> list[Goal]:
    """The goals that stood at an instant: typed and said by then, and not removed."""
    query = sa.select(table).where(table.c.added_at <= at, table.c.stated_at <= at)
    query = query.where(table.c.removed_at.is_(None) | (table.c.removed_at > at)).order_by(table.c.goal_id)
    return [
        Goal(**{name: getattr(row, name) for name in Goal.__annotations__} | {"advances": tuple(row.advances)})
        for row in connection.execute(query)
    ]


# How a goal stands


@dataclass(frozen=True)
class Standing:
    """A goal, and what has become of the people who stand behind it. ``is_typed`` False: of the company's table.

    Args:
        told: What a person should know of it, in sentences; empty when all is well.
        counts: Whether deciding counts it: its executive is still there.
        has_sponsor: Whether its sponsor is named and still there.
    """

    goal_id: str
    goal: Goal
    is_typed: bool
    told: tuple[str, ...]
    counts: bool
    has_sponsor: bool


def standing(goal: Goal, people: Mapping[str, Person], *, now: datetime, goal_id: str | None = None) -> Standing:
    """How a goal stands. ``goal_id`` None: it was typed."""
    told = []
    contact, sponsor = people.get(goal.contact_id), people.get(goal.sponsor_contact_id or "")
    gone, sponsor_gone = _gone(contact, now), _gone(sponsor, now)
    if gone and contact and contact.left_at:
        told.append(f"{contact.name} left on {contact.left_at:%Y-%m-%d}, so it counts no more: ask who took over.")
    if sponsor_gone and sponsor and sponsor.left_at:
        told.append(f"Its sponsor {sponsor.name} left on {sponsor.left_at:%Y-%m-%d}: develop another.")
    if goal.sponsor_contact_id is None:
        told.append("It has no sponsor yet: develop one.")
    if goal.review_at and goal.review_at <= now:
        told.append(f"Its review was due by {goal.review_at:%Y-%m-%d}: ask whether it still holds.")
    if not goal.advances:
        told.append("No product or plan is named that advances it, so it opens no step.")
    has_sponsor = goal.sponsor_contact_id is not None and not sponsor_gone
    return Standing(goal_id or goal.goal_id, goal, goal_id is None, tuple(told), not gone, has_sponsor)


def _gone(person: Person | None, now: datetime) -> bool:
    return bool(person and person.left_at and person.left_at <= now)
