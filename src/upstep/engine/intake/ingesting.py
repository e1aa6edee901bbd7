"""From the inbox to facts: usage and moments by the company's settings, contacts and accounts by what events tell.

Each event becomes a fact once. What was taken is loaded first and noted as done after; a process that dies in between
loads the same events again, and those are known by their ids.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from upstep import faults as points
from upstep.clock import to_seconds
from upstep.engine.intake.arriving import Event, RefusedEventError, decode_event, whole
from upstep.engine.intake.identities import Heard, Identities
from upstep.errors import InputError
from upstep.state.inbox import Inbox, Outcome, Parked, Refused, Unknown, Waiting

if TYPE_CHECKING:
    from upstep.config.service import TrackedAs
    from upstep.engine.project import Project

TAKE_MOST = 10_000
NAMES_MOST = 1_000
OTHER = "(other names)"
_AHEAD_SECONDS = 60  # Clocks differ and the network takes time; what lies further ahead is a wrong date.
_FIRST = 946_684_800  # The year 2000: what is dated before has a wrong date.
_EXAMPLE_LETTERS = 2_000


@dataclass(frozen=True)
class Drained:
    """What one drain did.

    Args:
        accounts: Ids of accounts of which something new is known.
        events: How many events were taken.
        unknown: Names that no setting explains, and how many events of each came.
        faults: How many events were put aside, by reason.
    """

    accounts: frozenset[str] = frozenset()
    events: int = 0
    unknown: Mapping[str, int] = field(default_factory=dict)
    faults: Mapping[str, int] = field(default_factory=dict)


def drain(project: Project, inbox: Inbox, *, now: datetime, limit: int = TAKE_MOST) -> Drained:
    """Turn the oldest waiting events into facts. Twice is once; an empty inbox is answered at once.

    Where a test may kill it (``faults.point``): ingest.loaded, ingest.done.

    Raises:
        BusyError: Another process writes facts; the events wait on.
    """
    after = inbox.position()
    taken = inbox.take(limit)
    if not taken:
        return Drained()
    work = _Work(project, inbox, now=to_seconds(now))
    work.read(taken)
    loaded = _load_or_park(work, work.rows(), numbers=work.numbers(taken), now=now)
    points.point("ingest.loaded")
    inbox.done(taken[-1].seq, after=after, outcome=work.outcome(), now=to_seconds(now))
    points.point("ingest.done")
    return Drained(
        frozenset(loaded),
        len(taken),
        {name: one.events for name, one in work.unknown.items()},
        Counter(one.reason for one in work.parked),
    )


@dataclass
class _Work:
    """One drain's events on their way."""

    project: Project
    inbox: Inbox
    now: int
    unknown: dict[str, Unknown] = field(default_factory=dict)
    parked: list[Parked] = field(default_factory=list)
    released: list[str] = field(default_factory=list)
    refused: dict[str, Refused] = field(default_factory=dict)
    _tracked: list[tuple[Waiting, Event]] = field(default_factory=list)
    _identities: Identities | None = None

    @property
    def identities(self) -> Identities:
        assert self._identities is not None, "events are read first"
        return self._identities

    def read(self, taken: Sequence[Waiting]) -> None:
        """Decode events, take in what they tell of people and accounts, and note what will become facts."""
        events: list[tuple[Waiting, Event]] = []
        for waiting in taken:
            try:
                events.append((waiting, decode_event(waiting.body)))
            except RefusedEventError as error:
                self.park(waiting, "unreadable", error.found)
        events = self._without_forgotten(events)
        is_trusted = self.project.settings.ingest.trusted_traits
        heard = [Heard(event, waiting.is_public, waiting.proven_account) for waiting, event in events]
        self._identities = Identities(self.project.folder, self.inbox, heard, is_trusted=is_trusted)
        for (waiting, event), one in zip(events, heard, strict=True):
            if waiting.occurred_at > max(self.now, waiting.received_at) + _AHEAD_SECONDS:
                self.park(waiting, "future", "it is dated after it arrived; correct the clock or the timestamp.")
            elif waiting.occurred_at < _FIRST:
                self.park(waiting, "past", "it is dated before the year 2000; correct the timestamp.")
            else:
                at = min(waiting.occurred_at, self.now)
                for what in self.identities.hear(event, at=at, is_public=one.is_public, account=one.account):
                    self._refuse(waiting, what)
                if waiting.kind == "track":
                    self._track(waiting, event)
        self._release()

    def _without_forgotten(self, events: list[tuple[Waiting, Event]]) -> list[tuple[Waiting, Event]]:
        """Of whom nothing is to be kept, nothing is."""
        from upstep.tables.forgotten import read_forgotten

        forgotten = read_forgotten(self.project.folder)
        if not forgotten:
            return events
        return [
            (waiting, event)
            for waiting, event in events
            if not (
                forgotten.has("contact", event.person)
                or forgotten.has("account", event.group)
                or forgotten.has("account", waiting.proven_account)
            )
        ]

    def _track(self, waiting: Waiting, event: Event) -> None:
        if event.named in self.project.settings.ingest.track:
            self._tracked.append((waiting, event))
        else:
            self._count(waiting, event.named)

    def _count(self, waiting: Waiting, name: str) -> None:
        known = self.unknown.get(name)
        if known is None and len(self.unknown) >= NAMES_MOST:
            name, known = OTHER, self.unknown.get(OTHER)
        at = waiting.occurred_at
        if known is None:
            self.unknown[name] = Unknown(name, 1, at, at, _example(waiting))
            return
        self.unknown[name] = Unknown(
            name, known.events + 1, min(known.first_at, at), max(known.last_at, at), known.example
        )

    def _refuse(self, waiting: Waiting, what: str) -> None:
        """Count what a page may not say; the rest of its event stands."""
        at, known = waiting.occurred_at, self.refused.get(what)
        if known is None:
            self.refused[what] = Refused(what, 1, at, at, _example(waiting))
        else:
            first, last = min(known.first_at, at), max(known.last_at, at)
            self.refused[what] = replace(known, events=known.events + 1, first_at=first, last_at=last)

    def _release(self) -> None:
        """Take up again the parked events of people whose account is known now."""
        found = self.identities.newly_placed()
        if not found:
            return
        for parked in self.inbox.parked(persons=found):
            event = decode_event(parked.event.body)
            if event.named in self.project.settings.ingest.track:  # it may have been taken out since
                self._tracked.append((parked.event, event))
                self.released.append(parked.event.message_id)

    def rows(self) -> list[tuple[Waiting | None, str, dict[str, Any]]]:
        """The facts: the event each is of, its table and its row. Events that give none are parked or counted."""
        self.identities.look_up([event for _, event in self._tracked])
        rows: list[tuple[Waiting | None, str, dict[str, Any]]] = []
        for waiting, event in self._tracked:
            row = self._row(waiting, event, self.project.settings.ingest.track[event.named])
            if row is not None:
                rows.append((waiting, *row))
        return rows + [(None, table, row) for table, row in self.identities.news()]

    def _row(self, waiting: Waiting, event: Event, tracked: TrackedAs) -> tuple[str, dict[str, Any]] | None:
        account = waiting.proven_account or self.identities.account_of(event)
        if account is None:
            why = "nobody has said to which account this person belongs; send a group call, or context.groupId."
            self.park(waiting, "no_account", why, person=self.identities.person_of(event))
            return None
        contact = self.identities.contact_of(event)
        common = {"account_id": account, "contact_id": contact, "occurred_at": min(waiting.occurred_at, self.now)}
        said = event.properties or {}
        if tracked.moment is not None:
            subject = said.get("subject_id", said.get("feature_id", said.get("product_id")))
            detail = said.get("detail")
            return "moment", {
                **common,
                "moment_id": waiting.message_id,
                "kind": tracked.moment,
                "subject_id": subject if isinstance(subject, str) else None,
                "detail": detail if isinstance(detail, str) else None,
                "source": "events",
            }
        if tracked.meter not in self.project.catalog.meters:
            self.park(waiting, "unknown_meter", f"the catalog has no meter '{tracked.meter}'; correct ingest.track.")
            return None
        quantity = 1 if tracked.quantity is None else whole(said.get(tracked.quantity))
        if quantity is None:
            self.park(waiting, "bad_quantity", f"its property '{tracked.quantity}' is not a whole number from 0 on.")
            return None
        properties = msgspec.json.encode(said).decode() if said else None
        usage = {"event_id": waiting.message_id, "meter_id": tracked.meter, "quantity": quantity}
        return "usage", {**common, **usage, "properties": properties}

    def park(self, waiting: Waiting, reason: str, why: str, *, person: str | None = None) -> None:
        """Put an event aside; one that was released goes back."""
        self.parked.append(Parked(waiting, reason, why, person))

    def numbers(self, taken: Sequence[Waiting]) -> tuple[int, int]:
        """The first and last number of what was taken; from 0 when some of it may be facts already."""
        first, last = taken[0].seq, taken[-1].seq
        return (0, last) if self.released or first <= self.inbox.again_through() else (first, last)

    def outcome(self) -> Outcome:
        """What to keep beside the events being done."""
        counted = (list(self.unknown.values()), list(self.refused.values()))
        return Outcome(self.parked, self.released, *counted, self.identities.told())


def _example(waiting: Waiting) -> str:
    return waiting.body.decode("utf-8", "replace")[:_EXAMPLE_LETTERS]


def _load_or_park(
    work: _Work,
    rows: Sequence[tuple[Waiting | None, str, dict[str, Any]]],
    *,
    numbers: tuple[int, int],
    now: datetime,
) -> set[str]:
    """Load rows. Where loading refuses them, find the ones to blame by halves and park their events.

    Returns:
        The accounts that the loaded rows are of.
    """
    if not rows:
        return set()
    try:
        _load(work.project, rows, numbers=numbers, now=now)
    except InputError as error:
        if len(rows) == 1:
            waiting = rows[0][0]
            if waiting is not None:
                work.park(waiting, "refused", str(error)[:500])
            return set()
        half = len(rows) // 2
        parts = (rows[:half], rows[half:])
        # From 0: the second part comes after its numbers were noted with the first.
        return set().union(*(_load_or_park(work, part, numbers=(0, numbers[1]), now=now) for part in parts))
    return {row["account_id"] for _, _, row in rows}


def _load(
    project: Project,
    rows: Sequence[tuple[Waiting | None, str, dict[str, Any]]],
    *,
    numbers: tuple[int, int],
    now: datetime,
) -> None:
    from upstep.tables.load import load
    from upstep.tables.rows import rows_as_files

    by_table: dict[str, list[dict[str, Any]]] = {}
    for _, table, row in rows:
        by_table.setdefault(table, []).append(row)
    with rows_as_files(project.folder, by_table) as mapping:
        load(
            project.folder,
            now=now,
            mapping=mapping,
            known=project.known_ids,
            strict=True,
            command="upstep worker",
            is_live=True,
            numbers=numbers,
        )
