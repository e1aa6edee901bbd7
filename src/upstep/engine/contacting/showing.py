"""What waits for one person in the app: notices and offers, each asked by key whether it may still be shown.

Nothing here decides. A sales message that something stops by now is left out, as if it had never been sent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from upstep.billing import quote as quotes
from upstep.billing.quote import Quote
from upstep.delivery import policy as policies
from upstep.delivery.channel import Purpose
from upstep.delivery.outbox import MessageStatus
from upstep.engine.contacting.channels import is_selling
from upstep.engine.quoting.standing import MAX_FACT_AGE
from upstep.offers.model import Offer, OfferStatus
from upstep.state import tables
from upstep.state.consents import consents_of
from upstep.state.holds import holds_of
from upstep.state.session import reading

if TYPE_CHECKING:
    from upstep.config.contact import ContactPolicy
    from upstep.engine.project import Project

CHANNEL = "in_app"
NOTICE_LASTS = timedelta(days=31)
"""A notice speaks of a period; after a month it speaks of one that has ended."""

_WAITING = (OfferStatus.OPEN, OfferStatus.SHOWN, OfferStatus.CLICKED)
_STYLES = {"notice": "notice", "banner": "banner", "modal": "modal", "prompt": "modal"}


@dataclass(frozen=True)
class Person:
    """Somebody of an account who looks.

    Args:
        buyers: Names of those who may buy, for everybody else to ask; at most three.
    """

    contact_id: str
    account_id: str
    may_buy: bool
    buyers: tuple[str, ...] = ()


@dataclass(frozen=True)
class ShownOffer:
    """An offer that a person may take, with its locked quote; ``url``: where its payment waits to be confirmed."""

    offer: Offer
    quote: Quote | None
    url: str | None = None


@dataclass(frozen=True)
class Item:
    """One thing to show.

    Args:
        kind: notice, offer, ask (the same for somebody who may not buy, without a price), or confirm (a payment waits).
        style: notice, banner or modal.
        paragraphs: Plain text.
    """

    message_id: int
    kind: str
    style: str
    title: str
    paragraphs: tuple[str, ...]
    sent_at: datetime
    facts: Mapping[str, Any]
    offer: ShownOffer | None = None


def who_is(connection: sa.Connection, account_id: str, contact_id: str) -> Person | None:
    """Who that is, by what was published of contacts; None: they are of another account, or have left.

    Somebody unknown may look and not buy: a colleague may be newer than the facts.
    """
    table = tables.contact_fact
    known = connection.execute(sa.select(table).where(table.c.contact_id == contact_id)).first()
    if known is not None and (known.account_id != account_id or known.left_at is not None):
        return None
    buyers = _buyers(connection, account_id)
    names = tuple(row.name for row in buyers if row.name)[:3]
    return Person(contact_id, account_id, contact_id in {row.contact_id for row in buyers}, names)


def _buyers(connection: sa.Connection, account_id: str) -> Sequence[sa.Row[Any]]:
    """Those who may buy, else budget owners and admins: as recipients of a price are chosen."""
    table = tables.contact_fact
    found = sa.select(table).where(table.c.account_id == account_id, table.c.left_at.is_(None))
    people = connection.execute(found.order_by(table.c.contact_id)).all()
    return [row for row in people if row.may_buy] or [row for row in people if row.role in ("budget_owner", "admin")]


def in_app_items(project: Project, state: sa.Engine, person: Person, *, now: datetime) -> list[Item]:
    """What that person is shown at that instant, the most pressing first: payments, offers, then notices.

    In shadow nothing that a real provider would charge is among them.
    """
    sells = is_selling(project)
    with reading(state) as connection:
        may_see = _may_see(connection, person, project.settings.contact, now=now)
        found = [
            item
            for row in _messages(connection, person, now=now)
            if may_see(Purpose(row["purpose"])) and (sells or row["purpose"] != Purpose.SALES)
            if (item := _item(connection, row, person, now=now)) is not None
        ]
        offers = {item.offer.offer.offer_id for item in found if item.offer}
        waits = _unfinished(connection, person, now=now) if sells else ()
        found += [item for item in waits if item.offer and _id(item) not in offers]
    order = {"confirm": 0, "offer": 1, "ask": 2, "notice": 3}
    newest: dict[str, Item] = {}
    for item in sorted(found, key=lambda each: (order[each.kind], -each.sent_at.timestamp(), -each.message_id)):
        # One of each: the notice at 80% is not worth reading beside the prompt at 100%.
        newest.setdefault(item.kind, item)
    shown = list(newest.values())
    return [item for item in shown if item.kind != "notice" or len(shown) == 1]


def _id(item: Item) -> str:
    assert item.offer is not None
    return item.offer.offer.offer_id


def _messages(connection: sa.Connection, person: Person, *, now: datetime) -> Sequence[sa.RowMapping]:
    """In-app messages of the account that have left and that this person has not put away."""
    message, exposure = tables.message, tables.exposure
    mine = (exposure.c.message_id == message.c.message_id) & (exposure.c.contact_id == person.contact_id)
    found = (
        sa.select(message)
        .join(exposure, mine, isouter=True)
        .where(message.c.account_id == person.account_id, message.c.channel == CHANNEL)
        .where(message.c.status == MessageStatus.SENT, message.c.sent_at > now - NOTICE_LASTS)
        .where(exposure.c.dismissed_at.is_(None))
        .order_by(message.c.message_id.desc())
        .limit(50)
    )
    return connection.execute(found).mappings().all()


def _may_see(
    connection: sa.Connection, person: Person, policy: ContactPolicy, *, now: datetime
) -> Callable[[Purpose], bool]:
    """Whether their role, stake and consent let that person be shown a purpose, by what is known of them now."""
    known = _known(connection, person.contact_id, now=now)

    def may_see(purpose: Purpose) -> bool:
        if purpose is Purpose.SALES and not person.may_buy:
            return policies.may_hint(policy, known, now=now) is None
        return policies.may_show(policy, known, purpose, now=now) is None

    return may_see


def _known(connection: sa.Connection, contact_id: str, *, now: datetime) -> policies.Person:
    table = tables.contact_fact
    row = connection.execute(sa.select(table).where(table.c.contact_id == contact_id)).first()
    said = consents_of(connection, [contact_id], now=now).get(contact_id, {})
    if row is None:
        return policies.Person(contact_id, "UTC", said=said, is_known=False)
    return policies.Person(
        contact_id,
        row.time_zone or "UTC",
        may_buy=row.may_buy,
        role=row.role,
        left_at=row.left_at,
        consents=row.consents,
        said=said,
        has_stake=row.has_stake,
    )


def _item(connection: sa.Connection, row: sa.RowMapping, person: Person, *, now: datetime) -> Item | None:
    is_theirs = (row["contact_id"] or row["recipient"]) in (person.contact_id, f"account:{person.account_id}")
    purpose = Purpose(row["purpose"])
    if row["offer_id"] is None or purpose is Purpose.NOTICE:
        return _notice(row) if is_theirs and not _is_past(connection, row, now=now) else None
    if purpose is Purpose.CARE and not is_theirs:
        return None
    offer = _offer(connection, row["offer_id"])
    if offer.status not in _WAITING or (offer.expires_at is not None and now >= offer.expires_at):
        return None
    if purpose is Purpose.SALES and may_not_sell(connection, offer, person.contact_id, now=now):
        return None
    item = replace(_notice(row), kind="offer", style=_STYLES.get(row["style"] or "prompt", "modal"))
    if not person.may_buy:
        return None if purpose is Purpose.CARE else _asking(item)
    # Whoever may buy sees it, also a second one whom the message does not name: either may say yes.
    quote = quotes.read(connection, offer.quote_id) if offer.quote_id else None
    return replace(item, offer=ShownOffer(offer, quote))


def _notice(row: sa.RowMapping) -> Item:
    return Item(
        message_id=row["message_id"],
        kind="notice",
        style=_STYLES.get(row["style"] or "notice", "notice"),
        title=row["subject"],
        paragraphs=plain_paragraphs(row["text"]),
        sent_at=row["sent_at"],
        facts=row["facts"],
    )


def _asking(item: Item) -> Item:
    """The same for somebody who may not buy: that the limit is near, and no price."""
    named = {
        name: item.facts[name]
        for name in ("meter_name", "used", "limit", "used_share_percent", "resets_on")
        if name in item.facts
    }
    return replace(item, kind="ask", style="notice", title="", paragraphs=(), facts=named)


def _is_past(connection: sa.Connection, row: sa.RowMapping, *, now: datetime) -> bool:
    """Whether what a notice speaks of has passed: its period has ended, or the limit is another since."""
    resets_on = row["facts"].get("resets_on")
    if resets_on is not None and str(resets_on) < f"{now:%Y-%m-%d}":
        return True
    offer = tables.offer
    since = sa.select(offer.c.offer_id).where(
        offer.c.account_id == row["account_id"], offer.c.accepted_at >= row["queued_at"]
    )
    return connection.execute(since.limit(1)).first() is not None


def may_not_sell(
    connection: sa.Connection, offer: Offer, contact_id: str, *, now: datetime, to_accept: bool = False
) -> str | None:
    """Why nothing may be sold to that person now, by what is kept in state under the offer's keys; None: nothing.

    These are the holds of the facts as they were published, those of people, and how old the facts are. ``to_accept``:
    somebody says yes, which counts also where another eligible step outranks it by now: they chose.
    """
    watermark, fact = tables.watermark, tables.fact_hold
    marks = sa.select(sa.func.max(watermark.c.as_of)).where(watermark.c.account_id.in_(("", offer.account_id)))
    as_of = connection.execute(marks).scalar()
    if as_of is None or now - as_of > MAX_FACT_AGE:
        return "the facts are too old"
    steps = ("", offer.step_id)
    held = sa.select(fact.c.gate).where(fact.c.account_id == offer.account_id, fact.c.step_id.in_(steps))
    gates = set(connection.execute(held).scalars()) - ({OUTCOME} if to_accept else set())
    people = holds_of(connection, [offer.account_id], now=now)
    # An address that takes no mail says nothing about the app.
    gates |= {hold.kind.value for hold in people if hold.contact_id in (None, contact_id) and hold.kind != "bounce"}
    return ", ".join(sorted(gates)) or None


OUTCOME = "outcome"
"""The published hold that says only that the step is not the eligible winner of its lane."""


def _unfinished(connection: sa.Connection, person: Person, *, now: datetime) -> Iterable[Item]:
    """Offers that were accepted and whose payment waits for somebody to confirm it at the provider's page."""
    if not person.may_buy:
        return
    offer, intent, attempt = tables.offer, tables.billing_intent, tables.billing_attempt
    other = attempt.alias("other")
    latest = sa.select(sa.func.max(other.c.number)).where(other.c.intent_id == attempt.c.intent_id)
    found = (
        sa.select(offer.c.offer_id, attempt.c.url, attempt.c.asked_at)
        .join(intent, intent.c.quote_id == offer.c.quote_id)
        .join(attempt, attempt.c.intent_id == intent.c.intent_id)
        .where(offer.c.account_id == person.account_id, offer.c.status == OfferStatus.ACCEPTED)
        .where(attempt.c.number == latest.scalar_subquery(), attempt.c.result == "needs_confirmation")
        .where(attempt.c.expires_at > now)
    )
    for row in connection.execute(found).all():
        stands = _offer(connection, row.offer_id)
        quote = quotes.read(connection, stands.quote_id or "")
        shown = ShownOffer(stands, quote, row.url)
        yield Item(0, "confirm", "modal", "", (), row.asked_at, {}, shown)


def _offer(connection: sa.Connection, offer_id: str) -> Offer:
    from upstep.offers.lifecycle import offer_in

    return offer_in(connection, offer_id)


def plain_paragraphs(text: str) -> tuple[str, ...]:
    r"""The paragraphs of a message's Markdown before its first table or link, as plain text.

    >>> plain_paragraphs("Used **8,000** of 10,000.\n\n| | Today |\n|---|---|\n\nMore.")
    ('Used 8,000 of 10,000.',)
    """
    found = []
    for block in re.split(r"\n\s*\n", text.strip()):
        if block.lstrip().startswith("|") or "](" in block:
            break
        found.append(" ".join(re.sub(r"[*`]", "", line).strip() for line in block.splitlines()))
    return tuple(paragraph for paragraph in found if paragraph)
