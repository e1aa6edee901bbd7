"""Sending what waits: what holds is asked again in that instant, and what has left counts as shown."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from upstep.delivery import outbox
from upstep.delivery.channel import Message, Purpose
from upstep.delivery.file import FileChannel
from upstep.engine.project import open_project_state
from upstep.engine.standing import MAX_FACT_AGE, stale_facts, why_not
from upstep.offers import lifecycle
from upstep.offers.model import Offer, OfferStatus
from upstep.state import tables
from upstep.state.session import reading

if TYPE_CHECKING:
    from upstep.engine.project import Project

CHANNELS = ("file", "email", "in_app", "task")


def deliver(project: Project, *, now: datetime, max_fact_age: timedelta = MAX_FACT_AGE) -> list[outbox.Delivery]:
    """Send what waits. A project in shadow writes each message to a file; holds are asked again in that instant.

    An offer of which a sales message has left counts as shown, so cool-downs begin.
    """
    engine = open_project_state(project)
    waiting = _waiting_offers(engine)
    stale = stale_facts(project, now=now, max_fact_age=max_fact_age) if _any_waiting(engine) else None
    reasons = {} if stale else why_not(project, engine, waiting, now=now)
    asked = {offer.offer_id for offer in waiting}

    def may_send(message: Message) -> str | None:
        if stale or message.purpose is not Purpose.SALES:
            return stale
        if message.offer_id not in asked:
            return "it came while others were sent; the next run asks about it"
        return reasons.get(message.offer_id)

    channel = FileChannel(project.folder / ".upstep" / "messages")
    sent = outbox.send_waiting(engine, dict.fromkeys(CHANNELS, channel), may_send=may_send, now=now)
    _show_sent(engine)
    engine.dispose()
    return sent


_UNSENT = (outbox.MessageStatus.QUEUED, outbox.MessageStatus.HELD, outbox.MessageStatus.CLAIMED)


def _any_waiting(engine: sa.Engine) -> bool:
    with reading(engine) as connection:
        found = sa.select(tables.message.c.message_id).where(tables.message.c.status.in_(_UNSENT)).limit(1)
        return connection.execute(found).first() is not None


def _waiting_offers(engine: sa.Engine) -> list[Offer]:
    """The offers of which a sales message has not left yet, oldest first."""
    offer, message = tables.offer, tables.message
    found = (
        sa.select(offer.c.offer_id)
        .where(
            offer.c.offer_id.in_(
                sa.select(message.c.offer_id).where(message.c.status.in_(_UNSENT), message.c.purpose == Purpose.SALES)
            )
        )
        .order_by(offer.c.opened_at, offer.c.offer_id)
    )
    with reading(engine) as connection:
        offer_ids = list(connection.execute(found).scalars())
    return [lifecycle.read_offer(engine, offer_id) for offer_id in offer_ids]


def _show_sent(engine: sa.Engine) -> None:
    """Mark the offers whose sales messages have left; also those that a run which was cut off has not marked."""
    offer, message = tables.offer, tables.message
    found = (
        sa.select(offer.c.offer_id, sa.func.min(message.c.sent_at).label("sent_at"))
        .join(message, message.c.offer_id == offer.c.offer_id)
        .where(offer.c.status == OfferStatus.OPEN, message.c.status == outbox.MessageStatus.SENT)
        .where(message.c.purpose == Purpose.SALES)
        .group_by(offer.c.offer_id)
        .order_by(offer.c.offer_id)
    )
    with reading(engine) as connection:
        rows = list(connection.execute(found))
    for row in rows:
        lifecycle.show(engine, row.offer_id, by=lifecycle.PROGRAM, at=row.sent_at, why="sent")
