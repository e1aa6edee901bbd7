"""The contact policy: whether this message may go to this person now, and if not, why and until when. No database.

It knows no offer and no gate. What a message is for decides what it answers to:

- sales: the right person, holds, sales consent, stake, cool-down, caps, quiet hours;
- care: the person is still there, holds, service consent, quiet hours;
- notice: the person is still there, service consent, quiet hours; no hold and no cap silences it;
- task: nothing, for it goes to one's own people.

Quiet hours are about being disturbed: a channel that shows a message only when somebody looks does not wait for them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from typing import TYPE_CHECKING

from upstep.clock import iso
from upstep.delivery.channel import Message, Purpose
from upstep.delivery.quiet import next_allowed
from upstep.state.holds import HoldKind

if TYPE_CHECKING:
    from upstep.config.contact import Cap, ContactPolicy
    from upstep.state.holds import Hold

BUYERS = ("budget_owner", "admin")
"""Roles that a price may go to where nobody says who may buy."""

CONSENT_FOR = {Purpose.SALES: "sales", Purpose.CARE: "service", Purpose.NOTICE: "service"}


@dataclass(frozen=True)
class Person:
    """Who would read it, as of now.

    Args:
        contact_id: None: whoever of the account looks.
        zone: Their own, else the account's, else the company's.
        consents: What the facts say was agreed to; None: they say nothing.
        said: The person's own latest word, by purpose; it counts before the facts.
        has_stake: Whether they were in the purchase, use it or asked for it; None: nobody knows.
        is_known: Whether the facts know them at all.
    """

    contact_id: str | None
    zone: str
    may_buy: bool | None = None
    role: str | None = None
    left_at: datetime | None = None
    consents: Collection[str] | None = None
    said: Mapping[str, bool] = field(default_factory=dict)
    has_stake: bool | None = None
    is_known: bool = True


@dataclass(frozen=True)
class Gone:
    """A sales message that has left, or is about to: what caps and cool-downs count."""

    contact_id: str | None
    at: datetime
    offer_id: str | None = None
    is_seen: bool = True  # one that only shows when somebody looks begins no cool-down by leaving
    key: str | None = None  # which message, so that one that is sent again is not counted against itself


@dataclass(frozen=True)
class Asked:
    """An offer of the account that somebody saw: when, and whether it cools down the step that is asked about."""

    offer_id: str
    shown_at: datetime | None
    declined_at: datetime | None = None
    not_now_at: datetime | None = None
    is_same_step: bool = False
    is_live: bool = False


@dataclass(frozen=True)
class History:
    """What an account has been sent and shown, and what holds it: all that caps, cool-downs and holds speak of."""

    gone: Sequence[Gone] = ()
    asked: Sequence[Asked] = ()
    holds: Sequence[Hold] = ()


@dataclass(frozen=True)
class Reason:
    """Why a message may not go now. ``until``: the first instant at which it is worth asking again, if one is known."""

    gate: str
    why: str
    until: datetime | None = None

    def __str__(self) -> str:
        return f"{self.gate}: {self.why}"


def may_contact(
    policy: ContactPolicy, person: Person, history: History, message: Message, *, now: datetime, interrupts: bool = True
) -> Reason | None:
    """None when the message may go to that person now, else the first reason why not.

    Args:
        interrupts: Whether the channel disturbs; what only shows when somebody looks waits for no quiet hour.
    """
    if message.purpose is Purpose.TASK:
        return None
    return next(_reasons(policy, person, history, message, now=now, interrupts=interrupts), None)


def may_show(policy: ContactPolicy, person: Person, purpose: Purpose, *, now: datetime) -> Reason | None:
    """The same for whoever looks by themselves: who they are and what they agreed to, for nobody is disturbed."""
    if purpose is Purpose.TASK:
        return None
    wrong = _wrong_person(person, now=now, is_sale=purpose is Purpose.SALES)
    return next(chain(wrong, _no_consent(policy, person, CONSENT_FOR[purpose])), None)


def may_hint(policy: ContactPolicy, person: Person, *, now: datetime) -> Reason | None:
    """The same for telling somebody who may not buy whom to ask: a notice, but none after their own no to offers."""
    if person.role == "executive":
        return Reason("recipient", "is an executive, who is never written to by machine")
    if person.said.get("sales") is False:
        return Reason("no_consent", "said no to sales messages")
    return may_show(policy, person, Purpose.NOTICE, now=now)


def _reasons(
    policy: ContactPolicy, person: Person, history: History, message: Message, *, now: datetime, interrupts: bool
) -> Iterator[Reason]:
    """Every reason, those that last before those that pass."""
    is_sale = message.purpose is Purpose.SALES
    yield from _wrong_person(person, now=now, is_sale=is_sale)
    if message.purpose is not Purpose.NOTICE:
        yield from _held(history.holds, person, message.channel, now=now)
    yield from _no_consent(policy, person, CONSENT_FOR[message.purpose])
    if is_sale:
        yield from _cooling(policy, history, message.offer_id, now=now)
        yield from _capped(policy.caps, person, history.gone, now=now)
    if interrupts:
        allowed = next_allowed(policy.quiet_hours, person.zone, now)
        if allowed > now:
            yield Reason("quiet_hours", f"until {iso(allowed)} ({person.zone})", allowed)


def _wrong_person(person: Person, *, now: datetime, is_sale: bool) -> Iterator[Reason]:
    if person.left_at is not None and person.left_at <= now:
        yield Reason("recipient", "has left the account")
    if not is_sale:
        return
    if person.contact_id is None or not person.is_known:
        yield Reason("recipient", "is nobody that the facts know, so it is unknown who would read it")
    elif person.role == "executive":
        yield Reason("recipient", "is an executive, who is never written to by machine")
    elif not person.may_buy and person.role not in BUYERS:
        yield Reason("recipient", "may not buy, so no price is sent")
    if person.has_stake is False:
        yield Reason("no_stake", "neither bought it, nor uses it, nor asked for it")


def _held(holds: Sequence[Hold], person: Person, channel: str, *, now: datetime) -> Iterator[Reason]:
    for one in holds:
        is_meant = one.contact_id is None or one.contact_id == person.contact_id
        # An address that does not take mail closes mail, not the app.
        closes = one.kind is not HoldKind.BOUNCE or channel == "email"
        if one.stands(now) and is_meant and closes:
            yield Reason("contact_hold", f"{one.kind.value} since {one.recorded_at:%Y-%m-%d}: {one.why}", one.until)


def _no_consent(policy: ContactPolicy, person: Person, purpose: str) -> Iterator[Reason]:
    said = person.said.get(purpose)
    if said is None and person.consents is not None:
        said = purpose in person.consents
    if said is None:
        said = getattr(policy, f"consent_{purpose}") == "assumed"
    if not said:
        yield Reason("no_consent", f"no consent to {purpose} messages is on record")


def _cooling(policy: ContactPolicy, history: History, offer_id: str | None, *, now: datetime) -> Iterator[Reason]:
    """After an offer was shown nobody is asked again for a while; its own further messages do not wait for it."""
    since: list[tuple[datetime, int]] = []
    for asked in history.asked:
        if asked.offer_id == offer_id:
            continue
        if asked.shown_at is not None and not _is_own(asked):
            since.append((asked.shown_at, policy.cool_down_days))
        if asked.is_same_step and asked.not_now_at is not None:
            since.append((asked.not_now_at, policy.not_now_days))
        elif asked.is_same_step and asked.declined_at is not None:
            since.append((asked.declined_at, policy.declined_days))
    own = {offer_id, *(asked.offer_id for asked in history.asked if _is_own(asked))}
    since += [(one.at, policy.cool_down_days) for one in history.gone if one.is_seen and one.offer_id not in own]
    until = max((begin + timedelta(days=days) for begin, days in since), default=now)
    if until > now:
        yield Reason("asked_recently", f"until {iso(until)}", until)


def _is_own(asked: Asked) -> bool:
    """An offer of the same step that still waits for its answer, or got a "not now", which has a time of its own."""
    return asked.is_same_step and (asked.is_live or asked.not_now_at is not None)


def _capped(caps: Sequence[Cap], person: Person, gone: Sequence[Gone], *, now: datetime) -> Iterator[Reason]:
    for cap in caps:
        if cap.most == 0:
            yield Reason("contact_policy", f"no sales message to any {cap.per} at all")
            continue
        since = now - timedelta(days=cap.days)
        counted = [one for one in gone if cap.per == "account" or one.contact_id == person.contact_id]
        times = sorted(one.at for one in counted if one.at > since)
        if len(times) >= cap.most:
            until = times[len(times) - cap.most] + timedelta(days=cap.days)
            why = f"{len(times)} of {cap.most} sales messages in {cap.days} days to this {cap.per}, until {iso(until)}"
            yield Reason("contact_policy", why, until)
