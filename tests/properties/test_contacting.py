"""Nothing leaves that may not, and what may leaves: random histories of facts, words and actions against a pure model.

The model below is written a second time, from the rules and not from the code: it looks at one message and one instant,
and says whether it may leave. The machine changes the world through the real state, also while a run is under way, and
compares what left with what the model says.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from upstep.config.contact import Cap, ContactPolicy, QuietHours
from upstep.delivery.channel import Message, Purpose, SendResult
from upstep.delivery.outbox import queue, retry
from upstep.delivery.sender import Run, send_waiting
from upstep.engine.contacting.clearance import Clearance
from upstep.engine.contacting.sending import show_sent
from upstep.errors import MaybeSentError, OutsideError
from upstep.offers import lifecycle
from upstep.offers.model import NewOffer
from upstep.state import once, tables
from upstep.state.consents import record_consent
from upstep.state.holds import holds_of, lift_hold, record_hold, record_reply
from upstep.state.session import open_state, reading, writing
from upstep.state.upsert import upsert

ACCOUNTS = ("acme", "bell")
PEOPLE = {"ann": "acme", "bob": "acme", "cyd": "bell", "dot": "bell"}
STEPS = ("step 1", "step 2")
COMPANY_ZONE = "Europe/Berlin"
ZONES = (None, "America/New_York", "Asia/Kathmandu", "no such zone")
MAX_FACT_AGE = timedelta(days=3)
BEGIN = datetime(2026, 3, 27, 10, 30, tzinfo=UTC)
"""Two days before the clock is put forward in Europe."""


# The world as the model knows it


@dataclass
class Someone:
    """What facts and the person said."""

    zone: str | None
    may_buy: bool | None
    role: str | None
    left_at: datetime | None
    consents: list[str] | None
    has_stake: bool | None
    said: dict[str, bool] = field(default_factory=dict)


@dataclass
class Told:
    """What was published of an account: how far facts go, what holds it or a step, and the use that they tell."""

    as_of: datetime
    holds: dict[tuple[str, str], str]
    used: int


@dataclass
class Asking:
    """An offer, and what became of it."""

    account: str
    step: str
    expires_at: datetime
    status: str = "open"
    shown_at: datetime | None = None
    declined_at: datetime | None = None
    not_now_at: datetime | None = None

    @property
    def waits(self) -> bool:
        return self.status in ("open", "shown")


@dataclass
class Letter:
    """A message, and when it left or may have."""

    key: str
    purpose: Purpose
    account: str
    person: str | None
    channel: str
    offer: str | None
    used: int
    left_at: datetime | None = None
    left_before: datetime | None = None  # where a try before this one may have left


@dataclass
class Closing:
    """A hold of an account, or of one person of it."""

    account: str
    person: str | None
    kind: str
    until: datetime | None


@dataclass
class World:
    """All of it."""

    policy: ContactPolicy
    now: datetime = BEGIN
    people: dict[str, Someone] = field(default_factory=dict)
    told: dict[str, Told] = field(default_factory=dict)
    offers: dict[str, Asking] = field(default_factory=dict)
    letters: dict[str, Letter] = field(default_factory=dict)
    closed: list[Closing] = field(default_factory=list)
    noticed: set[str] = field(default_factory=set)

    def why_not(self, letter: Letter) -> str | None:
        """The rules once more, in plain words."""
        return next(self._reasons(letter), None)

    def _reasons(self, letter: Letter) -> Iterator[str]:
        offer = self.offers.get(letter.offer or "")
        if offer and not (offer.waits and self.now < offer.expires_at):
            yield "the offer has ended"
        told = self.told.get(letter.account)
        if told is None or self.now - told.as_of > MAX_FACT_AGE:
            yield "the facts are too old"
        if letter.purpose is Purpose.TASK:
            return
        if letter.purpose is not Purpose.NOTICE and told is not None:
            yield from self._held(letter, told, offer)
        yield from self._of_person(letter)
        if letter.purpose is Purpose.SALES:
            yield from self._too_often(letter)
        if letter.channel == "email" and self._is_quiet(letter.person):
            yield "quiet"

    def _held(self, letter: Letter, told: Told, offer: Asking | None) -> Iterator[str]:
        scopes = {offer.step if offer else ""} | ({""} if letter.purpose is Purpose.SALES else set())
        yield from (f"facts: {gate}" for (scope, gate) in told.holds if scope in scopes)
        if offer and letter.used != told.used:
            yield "its number has changed"
        for one in self.closed:
            stands = one.until is None or self.now < one.until
            meant = one.account == letter.account and one.person in (None, letter.person)
            if stands and meant and (one.kind != "bounce" or letter.channel == "email"):
                yield f"hold: {one.kind}"

    def _of_person(self, letter: Letter) -> Iterator[str]:
        purpose = "sales" if letter.purpose is Purpose.SALES else "service"
        someone = self.people.get(letter.person or "")
        agrees = (
            self.policy.consent_sales == "assumed" if purpose == "sales" else self.policy.consent_service == "assumed"
        )
        if someone is not None:
            if someone.left_at is not None and someone.left_at <= self.now:
                yield "has left"
            if someone.consents is not None:
                agrees = purpose in someone.consents
            agrees = someone.said.get(purpose, agrees)
        if not agrees:
            yield "no consent"
        if purpose == "sales":
            if someone is None or someone.role == "executive" or someone.has_stake is False:
                yield "the wrong person"
            elif someone.may_buy is not True and someone.role not in ("admin", "budget_owner"):
                yield "may not buy"

    def _too_often(self, letter: Letter) -> Iterator[str]:
        mine = self.offers[letter.offer or ""]
        for name, other in self.offers.items():
            if name == letter.offer or other.account != letter.account:
                continue
            same = other.step == mine.step
            exempt = same and (other.waits or other.not_now_at is not None)
            seen = [] if exempt else [*self.mailed(name), *([other.shown_at] if other.shown_at else [])]
            if any(self._within(at, self.policy.cool_down_days) for at in seen):
                yield "another offer was shown"
            if same and other.not_now_at and self._within(other.not_now_at, self.policy.not_now_days):
                yield "not now"
            is_no = same and not other.not_now_at
            if is_no and other.declined_at and self._within(other.declined_at, self.policy.declined_days):
                yield "declined"
        others = [one for one in self.letters.values() if one is not letter]
        left = [one for one in others if one.purpose is Purpose.SALES and one.left_at is not None]
        for cap in self.policy.caps:
            whose = [one for one in left if one.account == letter.account]
            if cap.per == "person":
                whose = [one for one in whose if one.person == letter.person]
            if sum(self._within(one.left_at, cap.days) for one in whose if one.left_at) >= cap.most:
                yield f"cap per {cap.per}"

    def mailed(self, offer: str) -> list[datetime]:
        """When its e-mails left."""
        letters = [one for one in self.letters.values() if one.offer == offer and one.purpose is Purpose.SALES]
        return [one.left_at for one in letters if one.channel == "email" and one.left_at]

    def _within(self, at: datetime, days: int) -> bool:
        return self.now - at < timedelta(days=days)

    def _is_quiet(self, person: str | None) -> bool:
        quiet = self.policy.quiet_hours
        if quiet is None:
            return False
        zone = getattr(self.people.get(person or ""), "zone", None)
        local = self.now.astimezone(ZoneInfo(zone if zone in ZONES[1:3] else COMPANY_ZONE))
        clock = local.hour * 3600 + local.minute * 60 + local.second
        begins, ends = (one.hour * 3600 + one.minute * 60 for one in (quiet.begins, quiet.ends))
        inside = begins <= clock < ends if begins <= ends else clock >= begins or clock < ends
        return inside or (quiet.weekends and local.weekday() >= 5)


# The real thing, and its channels


@dataclass
class Recorder:
    """A channel that remembers what was handed to it; after the first, something may happen."""

    is_idempotent: bool
    interrupts: bool
    fails: str = ""
    then: Callable[[], None] | None = None
    tried: list[str] = field(default_factory=list)
    name: str = ""

    def send(self, message: Message) -> SendResult:
        self.tried.append(message.idempotency_key)
        if self.fails == "down":
            raise OutsideError("no route to host")
        if self.fails == "maybe":
            raise MaybeSentError("no answer")
        if self.then is not None:
            happens, self.then = self.then, None
            happens()
        if self.fails:
            return SendResult(is_sent=False, reason="no such mailbox", is_bounce=self.fails == "bounces")
        return SendResult(is_sent=True, reference="ok")


def _fresh_engine() -> sa.Engine:
    """One database for all examples, without the syncing that this test does not need."""
    folder = Path(tempfile.mkdtemp(prefix="upstep-contacting-"))
    engine = open_state(folder / "state.db")

    def careless(connection: Any, _record: object) -> None:
        connection.execute("PRAGMA synchronous=OFF")

    sa.event.listen(engine, "connect", careless)
    engine.dispose()
    sa.event.listen(engine, "engine_disposed", lambda _: shutil.rmtree(folder, ignore_errors=True))
    return engine


ENGINE: list[sa.Engine] = []
EMPTIED = (
    *(tables.attempt, tables.message, tables.offer_change, tables.offer, tables.consent, tables.contact_hold),
    *(
        tables.fact_hold,
        tables.watermark,
        tables.contact_fact,
        tables.published_decision,
        tables.once_key,
        tables.audit,
    ),
)

accounts = st.sampled_from(ACCOUNTS)
people = st.sampled_from(sorted(PEOPLE))
steps = st.sampled_from(STEPS)
caps = st.sampled_from(
    [
        (),
        (Cap("person", 0, 7),),
        (Cap("account", 1, 7),),
        (Cap("person", 1, 7), Cap("account", 2, 2)),
        (Cap("person", 2, 7), Cap("account", 5, 7)),
    ]
)
quiet_hours = st.sampled_from(
    [None, None, QuietHours(), QuietHours(time(1), time(2, 30), weekends=True), QuietHours(time(9), time(17))]
)


class Contacting(RuleBasedStateMachine):
    """Facts come and go, people say things, offers are opened and answered, time passes; now and then a run sends."""

    @initialize(
        caps=caps,
        quiet=quiet_hours,
        cool_down=st.sampled_from([0, 0, 2, 30]),
        sales=st.sampled_from(["asked", "assumed", "assumed"]),
        service=st.sampled_from(["asked", "assumed"]),
    )
    def begin(self, caps: tuple[Cap, ...], quiet: QuietHours | None, cool_down: int, sales: str, service: str) -> None:
        if not ENGINE:
            ENGINE.append(_fresh_engine())
        self.engine = ENGINE[0]
        policy = ContactPolicy(cool_down, 20, 5, caps, quiet, sales, service)
        self.world = World(policy)
        self.count = 0
        with writing(self.engine) as connection:
            for table in EMPTIED:
                connection.execute(sa.delete(table))
        for account in ACCOUNTS:
            self.facts(account, [], 0, 46_000)
        for person in PEOPLE:
            self.person(person, None, True, None, None, None, None)

    @rule(
        hours=st.sampled_from([0, 1, 5, 9, 13, 24, 48, 24 * 8, 24 * 16]),
        seconds=st.sampled_from([1, 7, 1800]),
        knows=st.sampled_from([True, True, True, False]),
    )
    def time_passes(self, hours: int, seconds: int, knows: bool) -> None:  # noqa: FBT001 - drawn
        """Mostly facts keep up with it."""
        self.world.now += timedelta(hours=hours, seconds=seconds)
        for account, told in self.world.told.items():
            if knows:
                told.as_of = self.world.now
                self._mark(account, told.as_of)

    @rule(
        account=accounts,
        step=steps,
        channels=st.sampled_from([["email"], ["email", "in_app"]]),
        meanwhile=st.sampled_from(["", "", "", "used", "holds", "unknown", "held out", "reply", "stale"]),
        begins=st.sampled_from(["now", "in a month", "in a month", "in a week"]),
    )
    def a_cycle(self, account: str, step: str, channels: list[str], meanwhile: str, begins: str) -> None:
        """What the worker does, publish, open, send; and something may change between deciding and sending."""
        if begins != "now":
            # What was in the way has passed by then.
            self.world.now += timedelta(days=31 if begins == "in a month" else 7, hours=1)
            self.the_owner_acts(account)
            for person in (name for name, whose in PEOPLE.items() if whose == account):
                self.person(person, None, True, None, None, ["sales", "service"], None)
                self.world.people[person].said.get("sales", True) or self.consent(person, "sales", yes=True)
        self.facts(account, [], 0, 46_000)
        self.open_offer(account, step, channels)
        holds = {"holds": ("", ("open_issue", False)), "unknown": ("", ("payment_trouble", True))}
        holds["held out"] = (step, ("outcome", False))
        if meanwhile == "reply":
            self.reply(account)
        elif meanwhile:
            told = [holds[meanwhile]] if meanwhile in holds else []
            self.facts(account, told, 4 if meanwhile == "stale" else 0, 47_000 if meanwhile == "used" else 46_000)
        self.send("", "", account, knows_keys=True)

    # What facts say

    @rule(
        account=accounts,
        holds=st.lists(
            st.tuples(
                st.sampled_from(["", *STEPS]),
                st.sampled_from([("open_issue", False), ("payment_trouble", True), ("outcome", False)]),
            ),
            max_size=1,
        ),
        days_old=st.sampled_from([0, 0, 0, 0, 2, 4]),
        used=st.sampled_from([46_000, 46_000, 47_000]),
    )
    def facts(self, account: str, holds: list[tuple[str, tuple[str, bool]]], days_old: int, used: int) -> None:
        """A cycle publishes: what holds, what is unknown, and (as the outcome) who is held out or outranked."""
        as_of = self.world.now - timedelta(days=days_old)
        told = {(scope, gate): unknown for scope, (gate, unknown) in holds}
        rows = [
            {
                "account_id": account,
                "step_id": scope,
                "gate": gate,
                "is_unknown": unknown,
                "why": "held_out" if gate == "outcome" else gate,
                "as_of": as_of,
            }
            for (scope, gate), unknown in told.items()
        ]
        body = json.dumps([{"step_id": step, "facts": {"used": {"value": used}}, "proposal": None} for step in STEPS])
        published = {"account_id": account, "run_id": "r", "as_of": as_of, "published_at": as_of, "body": body}
        with writing(self.engine) as connection:
            held = tables.fact_hold
            connection.execute(sa.delete(held).where(held.c.account_id == account))
            upsert(connection, held, rows)
            upsert(connection, tables.published_decision, [published])
        self._mark(account, as_of)
        self.world.told[account] = Told(as_of, {key: gate for key in told for gate in [key[1]]}, used)

    def _mark(self, account: str, as_of: datetime) -> None:
        with writing(self.engine) as connection:
            mark = {"account_id": account, "as_of": as_of, "published_at": as_of}
            upsert(connection, tables.watermark, [mark])

    @rule(
        person=people,
        zone=st.sampled_from(ZONES),
        may_buy=st.sampled_from([True, True, True, False, None]),
        role=st.sampled_from([None, None, None, "admin", "executive", "user"]),
        left=st.sampled_from([None, None, None, None, -1, 1]),
        consents=st.sampled_from([None, [], ["sales"], ["sales", "service"], ["sales", "service"]]),
        stake=st.sampled_from([None, None, True, False]),
    )
    def person(
        self,
        person: str,
        zone: str | None,
        may_buy: bool | None,  # noqa: FBT001 - drawn
        role: str | None,
        left: int | None,
        consents: list[str] | None,
        stake: bool | None,  # noqa: FBT001 - drawn
    ) -> None:
        left_at = None if left is None else self.world.now + timedelta(days=left)
        said = self.world.people[person].said if person in self.world.people else {}
        self.world.people[person] = Someone(zone, may_buy, role, left_at, consents, stake, said)
        row = {"contact_id": person, "account_id": PEOPLE[person], "time_zone": zone, "may_buy": may_buy, "role": role}
        row |= {"left_at": left_at, "consents": consents, "has_stake": stake, "as_of": self.world.now}
        with writing(self.engine) as connection:
            upsert(connection, tables.contact_fact, [row])

    # What people say

    @rule(person=people, purpose=st.sampled_from(["sales", "service"]), yes=st.sampled_from([True, True, False]))
    def consent(self, person: str, purpose: str, yes: bool) -> None:  # noqa: FBT001 - drawn
        self.world.people[person].said[purpose] = yes
        with writing(self.engine) as connection:
            record_consent(connection, person, purpose=purpose, is_given=yes, source="x", now=self.world.now)

    @rule(account=accounts)
    def reply(self, account: str) -> None:
        with writing(self.engine) as connection:
            record_reply(connection, account, why="call me", by="ana", now=self.world.now)
        self._close(account, None, "reply", None)

    @rule(person=people, kind=st.sampled_from(["bounce", "complaint", "person"]), days=st.sampled_from([None, 3]))
    def close_person(self, person: str, kind: str, days: int | None) -> None:
        until = None if days is None else self.world.now + timedelta(days=days)
        with writing(self.engine) as connection:
            record_hold(
                connection,
                PEOPLE[person],
                kind=kind,
                why="so",
                by="ana",
                now=self.world.now,
                contact_id=person,
                until=until,
            )
        self._close(PEOPLE[person], person, kind, until)

    def _close(self, account: str, person: str | None, kind: str, until: datetime | None) -> None:
        self.world.closed = [one for one in self.world.closed if one.until is None or self.world.now < one.until]
        same = [one for one in self.world.closed if (one.account, one.person, one.kind) == (account, person, kind)]
        if not same:
            self.world.closed.append(Closing(account, person, kind, until))

    @rule(account=accounts)
    def the_owner_acts(self, account: str) -> None:
        """Every hold of the account is lifted."""
        with writing(self.engine) as connection:
            for one in holds_of(connection, [account], now=self.world.now):
                lift_hold(connection, one.hold_id, by="ana", now=self.world.now)
        self.world.closed = [one for one in self.world.closed if one.account != account]

    # Offers and messages

    @rule(account=accounts, step=steps, channels=st.sampled_from([["email"], ["in_app"], ["email", "in_app"]]))
    def open_offer(self, account: str, step: str, channels: list[str]) -> None:
        """An opening: a new offer, or the one that stands climbs a rung and is written anew."""
        world = self.world
        self.count += 1
        new = NewOffer(
            account, step, f"run {self.count}", "p", "upsell", "self_serve", "self_serve", "plan:x",
            expires_at=world.now + timedelta(days=30),
        )  # fmt: skip
        lifecycle.expire_due(self.engine, now=world.now)
        self._expire()
        moved = lifecycle.open_offer(self.engine, new, messages=[], by="upstep", at=world.now, why="eligible")
        offer_id = moved.offer.offer_id
        if moved.is_changed:
            world.offers[offer_id] = Asking(account, step, world.now + timedelta(days=30))
        used = world.told[account].used
        letters = [
            Letter(
                lifecycle.message_key(offer_id, channel, person),
                Purpose.SALES,
                account,
                person,
                channel,
                offer_id,
                used,
            )
            for channel in channels
            for person, whose in PEOPLE.items()
            if whose == account
        ]
        messages = [self._message(letter) for letter in letters]
        lifecycle.add_messages(self.engine, offer_id, messages, at=world.now)
        if not world.offers[offer_id].waits:
            return
        for letter in letters:
            known = world.letters.setdefault(letter.key, letter)
            if self._status(letter.key) in ("queued", "held"):
                known.used = used

    def _message(self, letter: Letter) -> Message:
        return Message(
            letter.key, letter.account, letter.purpose, letter.channel, letter.person or f"account:{letter.account}",
            "s", f"used {letter.used}", facts={"used": letter.used}, offer_id=letter.offer, contact_id=letter.person,
        )  # fmt: skip

    def _status(self, key: str) -> str:
        message = tables.message.c
        with reading(self.engine) as connection:
            return str(connection.execute(sa.select(message.status).where(message.idempotency_key == key)).scalar())

    def _expire(self) -> None:
        for offer in self.world.offers.values():
            if offer.waits and offer.expires_at <= self.world.now:
                offer.status = "expired"

    @rule(data=st.data(), answer=st.sampled_from(["no", "not now", "yes", "seen", "withdrawn"]))
    def answer(self, data: st.DataObject, answer: str) -> None:
        waiting = sorted(name for name, offer in self.world.offers.items() if offer.waits)
        if not waiting:
            return
        self._answer(data.draw(st.sampled_from(waiting)), answer)

    def _answer(self, offer_id: str, answer: str) -> None:
        now, offer = self.world.now, self.world.offers[offer_id]
        if answer == "yes":
            moved = lifecycle.accept(self.engine, offer_id, by="ann", at=now)
        elif answer == "seen":
            moved = lifecycle.show(self.engine, offer_id, by="ann", at=now)
        elif answer == "withdrawn":
            moved = lifecycle.withdraw(self.engine, offer_id, by="ana", at=now, why="so")
        else:
            moved = lifecycle.decline(self.engine, offer_id, by="ann", at=now, is_not_now=answer == "not now")
        if not moved.is_changed:
            return
        offer.status = moved.offer.status
        if offer.status in ("shown", "accepted", "declined"):
            offer.shown_at = offer.shown_at or now
        if offer.status == "declined":
            offer.declined_at = now
            offer.not_now_at = now if answer == "not now" else None

    @rule(person=people, channel=st.sampled_from(["email", "in_app"]), period=st.integers(0, 2))
    def notice(self, person: str, channel: str, period: int) -> None:
        """Said once per limit and period, in the transaction that queues it."""
        account = PEOPLE[person]
        key = once.OnceKey(account, "emails", "plan=pro", 80, BEGIN + timedelta(days=30 * period))
        letter = Letter(f"notice:{account}:{period}", Purpose.NOTICE, account, person, channel, None, 1)
        with writing(self.engine) as connection:
            is_new = once.take(connection, key, at=self.world.now)
            if is_new:
                queue(connection, self._message(letter), now=self.world.now)
        assert is_new is (letter.key not in self.world.noticed)
        self.world.noticed.add(letter.key)
        if is_new:
            self.world.letters[letter.key] = letter

    @rule(account=accounts, purpose=st.sampled_from([Purpose.CARE, Purpose.TASK, Purpose.NOTICE]))
    def other_message(self, account: str, purpose: Purpose) -> None:
        self.count += 1
        somebody = next(name for name, whose in PEOPLE.items() if whose == account)
        person = somebody if purpose is Purpose.CARE else None
        letter = Letter(f"{purpose} {self.count}", purpose, account, person, "email", None, 1)
        with writing(self.engine) as connection:
            queue(connection, self._message(letter), now=self.world.now)
        self.world.letters[letter.key] = letter

    @rule()
    def a_person_looks_at_what_is_parked(self) -> None:
        message = tables.message.c
        with reading(self.engine) as connection:
            found = connection.execute(
                sa.select(message.message_id, message.idempotency_key).where(message.status == "parked")
            ).all()
        for row in found:
            retry(self.engine, row.message_id, by="ana", now=self.world.now)
            self.world.letters[row.idempotency_key].left_at = None

    # A run

    @rule(
        fails=st.sampled_from(["", "", "", "", "down", "maybe", "bounces", "refuses"]),
        meanwhile=st.sampled_from(["", "reply", "facts", "declined", "consent"]),
        account=accounts,
        knows_keys=st.booleans(),
    )
    def send(self, fails: str, meanwhile: str, account: str, knows_keys: bool) -> None:  # noqa: FBT001 - drawn
        """Every message that left might leave at that instant, and every message that might, left."""
        world = self.world
        world.now += timedelta(seconds=1)
        happens = {
            "reply": lambda: self.reply(account),
            "facts": lambda: self.facts(account, [("", ("open_issue", False))], 0, 46_000),
            "declined": lambda: self._decline_all(account),
            "consent": lambda: self.consent(min(p for p in PEOPLE if PEOPLE[p] == account), "sales", yes=False),
        }.get(meanwhile)
        # Where one claim has many messages, what happens in the middle of it comes after their check.
        email = Recorder(is_idempotent=knows_keys, interrupts=True, fails=fails, then=None if knows_keys else happens)
        app = Recorder(is_idempotent=True, interrupts=False)
        waiting = self._due()
        before = _Before(self, waiting, email, fails)
        check = Clearance(world.policy, COMPANY_ZONE, {"email": email, "in_app": app}, MAX_FACT_AGE, lambda: world.now)
        email.name, app.name = "email", "in_app"
        email_send, app_send = before.watched(email), before.watched(app)
        run = Run(self.engine, {"email": email_send, "in_app": app_send}, check, lambda: world.now)
        send_waiting(run)
        show_sent(self.engine)
        before.compare()
        for name in {letter.offer for letter in world.letters.values() if letter.left_at == world.now}:
            offer = world.offers.get(name or "")
            if offer and offer.status == "open" and world.now in world.mailed(name or "") and fails != "maybe":
                offer.status, offer.shown_at = "shown", world.now

    def _decline_all(self, account: str) -> None:
        for name in [name for name, offer in self.world.offers.items() if offer.account == account and offer.waits]:
            self._answer(name, "no")

    def _due(self) -> list[str]:
        """The messages that wait and that nothing puts off, in the order in which they are looked at."""
        message = tables.message.c
        is_due = sa.or_(message.not_before.is_(None), message.not_before <= self.world.now)
        unseen = sa.or_(message.checked_at.is_(None), message.checked_at < self.world.now)
        found = sa.select(message.idempotency_key).where(message.status.in_(("queued", "held")), is_due, unseen)
        with reading(self.engine) as connection:
            return list(connection.execute(found.order_by(message.channel, message.message_id)).scalars())

    @invariant()
    def nothing_is_lost(self) -> None:
        """Every message is somewhere: it waits, it left, or it ended with a reason."""
        if not hasattr(self, "world"):
            return
        message = tables.message.c
        with reading(self.engine) as connection:
            rows = connection.execute(sa.select(message.idempotency_key, message.status, message.reason)).all()
        assert {row.idempotency_key for row in rows} == set(self.world.letters)
        assert all(row.status in ("queued", "sent") or row.reason for row in rows)
        assert not any(row.status == "claimed" for row in rows)


class _Before:
    """A run as the model sees it: each message is judged in the instant in which the real sender judges it."""

    def __init__(self, machine: Contacting, waiting: list[str], email: Recorder, fails: str) -> None:
        self.machine = machine
        self.waiting = waiting
        self.email = email
        self.fails = fails
        self.judged: dict[str, str | None] = {}
        self.failed: list[tuple[Letter, str]] = []

    def watched(self, channel: Recorder) -> Any:
        """The channel, but a claim's messages are judged by the model when its first one is sent."""
        before = self

        class Watched:
            name, is_idempotent, interrupts = channel.name, channel.is_idempotent, channel.interrupts

            def send(self, message: Message) -> SendResult:
                before.judge_until(message.idempotency_key, whole=channel.is_idempotent, channel=channel.name)
                if channel.fails and channel.fails != "maybe":
                    letter = before.machine.world.letters[message.idempotency_key]
                    before.failed.append((letter, channel.fails))
                return channel.send(message)

        return Watched()

    def judge_until(self, key: str, *, whole: bool, channel: str) -> None:
        """Judge what comes before this message and itself; of a claim of many, all of that channel."""
        world = self.machine.world
        self._record_failed()  # What a claim came to is recorded before the next one.
        for waiting in self.waiting:
            letter = world.letters[waiting]
            if waiting in self.judged or (self._is_stopped() and letter.channel == "email" != channel):
                continue
            if letter.channel != channel and letter.channel > channel:
                break
            self._judge(letter)
            if waiting == key and not whole:
                break

    def _judge(self, letter: Letter) -> None:
        world = self.machine.world
        self.judged[letter.key] = world.why_not(letter)
        if self.judged[letter.key] is None:
            letter.left_at, letter.left_before = world.now, letter.left_at

    def _is_stopped(self) -> bool:
        """Whether mail was given up for this run: what is left of it is not looked at."""
        return self.fails in ("down", "maybe") and len(self.email.tried) >= 3 and not self.email.is_idempotent

    def compare(self) -> None:
        """After the run: judge the rest, then hold both against each other."""
        world, email = self.machine.world, self.email
        self._record_failed()
        for key in self.waiting:
            if key not in self.judged and not (self._is_stopped() and world.letters[key].channel == "email"):
                self._judge(world.letters[key])
        message = tables.message.c
        with reading(self.machine.engine) as connection:
            found = connection.execute(sa.select(message.idempotency_key, message.status, message.reason))
            after = {row.idempotency_key: (row.status, row.reason) for row in found}
        for key, why in self.judged.items():
            letter, (status, reason) = world.letters[key], after[key]
            failed = self.fails if letter.channel == "email" else ""
            if why is not None:
                assert status in ("held", "withdrawn"), f"{key} is {status}, and the model says: {why}"
            elif failed:
                expected = {"down": "queued", "maybe": "queued" if email.is_idempotent else "parked"}
                assert status == expected.get(failed, "failed") or status == "parked", f"{key} is {status} ({reason})"
            else:
                assert status == "sent", f"{key} is {status} ({reason}), and the model says that it may leave"

    def _record_failed(self) -> None:
        """They did not leave after all; a bounce closes the person's mail. What may have left stays counted."""
        for letter, how in self.failed:
            letter.left_at = letter.left_before
            if how == "bounces" and letter.person:
                self.machine._close(letter.account, letter.person, "bounce", None)
        self.failed.clear()
        if self._is_given_back():
            for letter in (self.machine.world.letters[key] for key, why in self.judged.items() if why is None):
                if letter.channel == "email" and letter.key not in self.email.tried:
                    letter.left_at = letter.left_before

    def _is_given_back(self) -> bool:
        """Whether a claim of many stopped after three without an answer: the rest of it was not tried."""
        return self.fails in ("down", "maybe") and len(self.email.tried) >= 3 and self.email.is_idempotent


IS_LONG = os.environ.get("UPSTEP_HYPOTHESIS") == "long"
TestContacting = Contacting.TestCase
TestContacting.settings = settings(
    max_examples=2_000 if IS_LONG else 12, stateful_step_count=50 if IS_LONG else 30, deadline=None
)
