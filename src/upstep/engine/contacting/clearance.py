"""What the state says against messages that are about to leave: read by key, for a whole claim, in its transaction.

Nothing here reads a fact. What facts say against selling was published before, with how far they go; facts that are too
old clear nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeVar
from zoneinfo import ZoneInfo

import msgspec
import sqlalchemy as sa

from upstep.clock import iso
from upstep.delivery import policy as policies
from upstep.delivery.channel import Purpose, interrupts
from upstep.delivery.outbox import MessageStatus, Wait
from upstep.delivery.policy import Asked, Gone, History, Person
from upstep.engine.contacting.publishing import ENDED
from upstep.engine.messages.facts import TAKEN_AS_THEY_ARE
from upstep.offers.model import LIVE, OfferStatus
from upstep.state import tables
from upstep.state.consents import consents_of
from upstep.state.holds import holds_of
from upstep.state.listed import as_list, listed

if TYPE_CHECKING:
    from upstep.config.contact import ContactPolicy
    from upstep.delivery.channel import Channel, Message
    from upstep.delivery.outbox import Waiting

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")
_ASKABLE = (OfferStatus.OPEN, OfferStatus.SHOWN, OfferStatus.CLICKED)
ONLY_SEEN_WHEN_LOOKED_AT = "in_app"


@dataclass(frozen=True)
class Clearance:
    """The check of one run: called with a claim's transaction and messages, it tells those that must wait.

    Args:
        zone: The company's, where neither person nor account has one.
        channels: By name, as the run sends through them.
        max_fact_age: On older facts nothing leaves.
        clock: What time it is, read for each claim, so that what was said during the run counts.
    """

    policy: ContactPolicy
    zone: str
    channels: Mapping[str, Channel]
    max_fact_age: timedelta
    clock: Callable[[], datetime]

    def __call__(self, connection: sa.Connection, waiting: Sequence[Waiting]) -> dict[int, Wait]:
        """Message id to why it must wait; each that may leave counts against the caps of those after it."""
        known = _read(connection, waiting, policy=self.policy, now=self.clock())
        waits = {}
        for one in waiting:
            wait = next(self._waits(one.message, known), None)
            if wait is not None:
                waits[one.message_id] = wait
            elif one.message.purpose is Purpose.SALES:
                others = _others_gone(one.message, known)
                known.gone[one.message.account_id] = [*others, _gone(one.message, known.now)]
        return waits

    def _waits(self, message: Message, known: _Known) -> Iterator[Wait]:
        yield from self._ended(message, known)
        yield from self._stale(message, known)
        if message.purpose in (Purpose.SALES, Purpose.CARE):
            yield from _held_by_facts(message, known)
            yield from _changed(message, known)
        reason = policies.may_contact(
            self.policy,
            self._person(message, known),
            _history(message, known),
            message,
            now=known.now,
            interrupts=interrupts(self.channels[message.channel]),
        )
        if reason is not None:
            # Only a quiet hour ends at an instant that nothing else can move.
            yield Wait(str(reason), until=reason.until if reason.gate == "quiet_hours" else None)

    def _ended(self, message: Message, known: _Known) -> Iterator[Wait]:
        offer = known.offers.get(message.offer_id or "")
        if offer is None:
            return
        if OfferStatus(offer.status) not in _ASKABLE:
            yield Wait(f"the offer is {offer.status}", ends=True)
        elif offer.expires_at is not None and known.now >= offer.expires_at:
            yield Wait(f"the offer expired at {iso(offer.expires_at)}", ends=True)

    def _stale(self, message: Message, known: _Known) -> Iterator[Wait]:
        marks = [known.marks[name] for name in (message.account_id, "") if name in known.marks]
        if not marks:
            yield Wait("nothing is published about this account yet: run 'upstep deliver' or the worker")
        elif known.now - max(marks) > self.max_fact_age:
            days = self.max_fact_age.days
            yield Wait(f"the facts end at {iso(max(marks))}, more than {days} days ago: run 'upstep load'")

    def _person(self, message: Message, known: _Known) -> Person:
        contact_id = message.contact_id or message.recipient
        said = known.said.get(contact_id, {})
        row = known.people.get(contact_id)
        if row is None:
            is_anybody = message.contact_id is None and message.recipient == f"account:{message.account_id}"
            return Person(None if is_anybody else contact_id, self.zone, said=said, is_known=False)
        return Person(
            contact_id,
            row.time_zone if row.time_zone and _is_zone(row.time_zone) else self.zone,
            may_buy=row.may_buy,
            role=row.role,
            left_at=row.left_at,
            consents=row.consents,
            said=said,
            has_stake=row.has_stake,
        )


@dataclass
class _Known:
    """What was read for one claim, and when. ``gone`` grows as its messages are cleared."""

    now: datetime
    offers: Mapping[str, Any]
    asked: Mapping[str, Sequence[Any]]
    marks: Mapping[str, datetime]
    holds: Mapping[tuple[str, str], Sequence[Any]]
    bodies: Mapping[str, str]
    people: Mapping[str, Any]
    said: Mapping[str, Mapping[str, bool]]
    contact_holds: Mapping[str, Sequence[Any]]
    gone: dict[str, list[Gone]] = field(default_factory=dict)

    def step_of(self, message: Message) -> str | None:
        """The step of the message's offer."""
        offer = self.offers.get(message.offer_id or "")
        return None if offer is None else offer.step_id


@lru_cache(maxsize=2)
def _statements(dialect: str) -> dict[str, tuple[sa.Select[Any], tuple[str, ...]]]:
    """What is read for each claim, made once: making and recognising a statement costs more than running it."""
    offer, mark, held = tables.offer.c, tables.watermark.c, tables.fact_hold.c
    published, person, message = tables.published_decision.c, tables.contact_fact.c, tables.message.c
    is_claimed = message.status == MessageStatus.CLAIMED
    of_offer = (
        *(offer.offer_id, offer.account_id, offer.step_id, offer.status, offer.expires_at, offer.shown_at),
        *(offer.accepted_at, offer.declined_at, offer.not_now_at),
    )
    of_gone = (
        *(message.account_id, message.contact_id, message.recipient, message.channel, message.offer_id),
        *(message.sent_at, message.claimed_at, message.status, message.idempotency_key),
    )
    return {
        "offers": (sa.select(*of_offer).where(listed(offer.account_id, "accounts", dialect)), ("accounts",)),
        "marks": (
            sa.select(mark.account_id, mark.as_of).where(
                listed(mark.account_id, "accounts", dialect) | (mark.account_id == "")
            ),
            ("accounts",),
        ),
        "holds": (
            sa.select(tables.fact_hold).where(listed(held.account_id, "sold", dialect)).order_by(held.gate),
            ("sold",),
        ),
        "bodies": (
            sa.select(published.account_id, published.body).where(listed(published.account_id, "sold", dialect)),
            ("sold",),
        ),
        "people": (sa.select(tables.contact_fact).where(listed(person.contact_id, "contacts", dialect)), ("contacts",)),
        # What another sender has claimed is as good as gone.
        "gone": (
            sa.select(*of_gone).where(
                listed(message.account_id, "sold", dialect),
                message.purpose == Purpose.SALES,
                # In a form for which no index would do, so that the accounts' is taken.
                sa.case((is_claimed, 1), (message.sent_at > sa.bindparam("since"), 1), else_=0) == 1,
            ),
            ("sold", "since"),
        ),
    }


def _read(connection: sa.Connection, waiting: Sequence[Waiting], *, policy: ContactPolicy, now: datetime) -> _Known:
    """All that the check needs of these messages' accounts and people."""
    messages = [one.message for one in waiting]
    accounts = sorted({message.account_id for message in messages})
    contacts = sorted({message.contact_id or message.recipient for message in messages})
    sold = sorted({message.account_id for message in messages if message.purpose in (Purpose.SALES, Purpose.CARE)})
    since = now - timedelta(days=_days_counted(policy))
    dialect = connection.dialect.name
    lists = {"accounts": accounts, "contacts": contacts, "sold": sold}
    named: dict[str, Any] = {name: as_list(keys, dialect) for name, keys in lists.items()} | {"since": since}
    statements = _statements(dialect)

    def rows(name: str) -> Sequence[Any]:
        statement, parameters = statements[name]
        return connection.execute(statement, {key: named[key] for key in parameters}).all()

    offers = rows("offers")
    return _Known(
        now=now,
        offers={row.offer_id: row for row in offers},
        asked=_grouped((row.account_id, row) for row in offers),
        marks={row.account_id: row.as_of for row in rows("marks")},
        holds=_grouped(((row.account_id, row.step_id), row) for row in rows("holds")),
        bodies={row.account_id: row.body for row in rows("bodies")},
        people={row.contact_id: row for row in rows("people")},
        said=consents_of(connection, contacts, now=now),
        contact_holds=_grouped((one.account_id, one) for one in holds_of(connection, accounts, now=now)),
        gone=_grouped((row.account_id, _row_gone(row)) for row in rows("gone")),
    )


def _grouped(pairs: Iterable[tuple[Key, Value]]) -> dict[Key, list[Value]]:
    found: dict[Key, list[Value]] = {}
    for key, value in pairs:
        found.setdefault(key, []).append(value)
    return found


def _days_counted(policy: ContactPolicy) -> int:
    return max([policy.cool_down_days, *(cap.days for cap in policy.caps)])


def _row_gone(row: Any) -> Gone:
    is_seen = row.channel != ONLY_SEEN_WHEN_LOOKED_AT
    # One that may have left before and is on its way again counts from now on.
    at = row.claimed_at if row.status == MessageStatus.CLAIMED else row.sent_at
    return Gone(row.contact_id or row.recipient, at, row.offer_id, is_seen, row.idempotency_key)


def _gone(message: Message, now: datetime) -> Gone:
    is_seen = message.channel != ONLY_SEEN_WHEN_LOOKED_AT
    return Gone(message.contact_id or message.recipient, now, message.offer_id, is_seen, message.idempotency_key)


def _others_gone(message: Message, known: _Known) -> list[Gone]:
    """What has left to its account but for itself: sent again under its key, it leaves once."""
    return [one for one in known.gone.get(message.account_id, ()) if one.key != message.idempotency_key]


def _held_by_facts(message: Message, known: _Known) -> Iterator[Wait]:
    """What was published against selling: to the account, which care does not answer to, and for the step itself."""
    step_id = known.step_of(message)
    found = list(known.holds.get((message.account_id, step_id or ""), ()))
    if message.purpose is Purpose.SALES and step_id:
        found += known.holds.get((message.account_id, ""), ())
        if step_id not in _decisions(known.bodies.get(message.account_id) or "[]"):
            yield Wait(ENDED)
    if not found:
        return
    outcomes = [row.why for row in found if row.gate == "outcome"]
    holds = sorted({row.gate for row in found if row.gate != "outcome" and not row.is_unknown})
    unknown = sorted({row.gate for row in found if row.is_unknown})
    # That a step is held is told by its gates; that it is another's by now makes its gates a distraction.
    if outcomes and not (outcomes[0] in ("held", "unconfirmed") and (holds or unknown)):
        yield Wait(outcomes[0])
    elif holds:
        yield Wait(", ".join(holds))
    elif unknown:
        yield Wait(f"unknown: {', '.join(unknown)}")


def _changed(message: Message, known: _Known) -> Iterator[Wait]:
    """A message says what was so when it was written; what is so now is written by the next opening."""
    step_id = known.step_of(message)
    row = _decisions(known.bodies.get(message.account_id) or "[]").get(step_id or "")
    if row is None:
        return
    told = {name: fact["value"] for name, fact in row["facts"].items()}
    proposal = row["proposal"] or {}
    for name, value in message.facts.items():
        source = TAKEN_AS_THEY_ARE.get(name)
        now = told.get(source) if source in told else proposal.get(source)
        if source and now is not None and now != value:
            yield Wait(f"its facts have changed ({name} was {value}, is {now}): 'upstep offers' writes it anew")


@lru_cache(maxsize=256)
def _decisions(body: str) -> Mapping[str, Mapping[str, Any]]:
    """An account's published decisions by step; a claim often has several messages of one account."""
    return {row["step_id"]: row for row in msgspec.json.decode(body)}


def _history(message: Message, known: _Known) -> History:
    step_id = known.step_of(message)
    asked = [
        Asked(
            row.offer_id,
            row.shown_at,
            row.declined_at,
            row.not_now_at,
            is_same_step=row.step_id == step_id,
            is_live=row.status in LIVE and row.accepted_at is None,
        )
        for row in known.asked.get(message.account_id, ())
    ]
    return History(_others_gone(message, known), asked, known.contact_holds.get(message.account_id, ()))


@lru_cache(maxsize=1024)
def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        return False
    return True
