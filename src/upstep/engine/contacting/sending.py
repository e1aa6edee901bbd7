"""Sending what waits: the facts are asked once by set, each claim is checked by key, and what has left is shown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from upstep.clock import from_seconds
from upstep.delivery import outbox, sender
from upstep.delivery.channel import Purpose
from upstep.engine.contacting.channels import close_channels, is_live, open_channels
from upstep.engine.contacting.clearance import ONLY_SEEN_WHEN_LOOKED_AT, Clearance
from upstep.engine.contacting.publishing import publish
from upstep.engine.deciding.decide import decide
from upstep.engine.deciding.inputs import gather
from upstep.engine.project import open_project_state
from upstep.engine.quoting.holding import holds_now, newest_facts
from upstep.engine.quoting.standing import MAX_FACT_AGE
from upstep.offers import lifecycle
from upstep.offers.model import OfferStatus
from upstep.state import tables
from upstep.state.session import reading, writing
from upstep.state.upsert import upsert
from upstep.tables.facts import default_as_of
from upstep.tables.lake import open_snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from upstep.delivery.channel import Channel
    from upstep.engine.project import Project

THREADS = 4


@dataclass(frozen=True)
class Pace:
    """How much is sent at a time.

    Args:
        recheck_after: A message that is held is asked about again no sooner than this after the last time.
        seconds_max: So long each channel may send; what is left waits for the next time. None: until nothing waits.
    """

    recheck_after: timedelta = timedelta(0)
    seconds_max: float | None = None


ONCE = Pace()
"""All that waits, now."""


def deliver(
    project: Project,
    *,
    now: datetime,
    clock: Callable[[], datetime] | None = None,
    channels: Mapping[str, Channel] | None = None,
    state: sa.Engine | None = None,
    may_publish: bool = True,
    pace: Pace = ONCE,
) -> list[outbox.Delivery]:
    """Send what waits, by the contact policy and on what is known in that instant.

    An offer of which a sales message has left counts as shown, so cool-downs begin; one in the app is shown when
    somebody saw it.

    Args:
        now: When it begins; the facts are asked as of then.
        clock: What time it is as it goes on, by which each message is checked and marked; None: always ``now``.
        channels: By name; None: those of upstep.yaml once the project is live, and files for all of them before.
        state: The operational database; None: the project's, opened for this run.
        may_publish: Ask the facts about the accounts of what waits first. The worker has published them already.
        pace: How much of it at a time, for who sends again and again.

    Raises:
        SourceError: Nothing was loaded.
        OutsideError: Another process holds the state or the facts for too long.
    """
    engine, clock = state or open_project_state(project), clock or (lambda: now)
    opened = None
    try:
        if may_publish:
            ask_facts(project, engine, now=now)
        opened = None if channels is not None else open_channels(project, is_live=is_live(project), state=engine)
        ways = channels if opened is None else opened
        assert ways is not None, "handed in or opened"
        settings = project.settings
        check = Clearance(settings.contact, settings.time_zone, ways, MAX_FACT_AGE, clock)
        run = sender.Run(
            engine,
            ways,
            check,
            clock,
            recheck_after=pace.recheck_after,
            threads=THREADS,
            seconds_max=pace.seconds_max,
        )
        sent = sender.send_waiting(run)
        # The worker looks after what a sender that died has not marked at its whole runs, not each second.
        if sent or may_publish:
            show_sent(engine)
    finally:
        close_channels(opened or {})
        if state is None:
            engine.dispose()
    return sent


def ask_facts(project: Project, engine: sa.Engine, *, now: datetime) -> None:
    """Ask the facts, by set, about the accounts of everything that waits, and publish what they say."""
    accounts = _waiting_accounts(engine)
    if not accounts:
        return
    run = decide(project, accounts=accounts, inputs=gather(project, at=now))
    publish(project, engine, run, now=now, accounts=accounts)
    publish_newer(project, engine, now=now)


def publish_newer(project: Project, engine: sa.Engine, *, now: datetime) -> None:
    """What a table says that is newer than the decisions: a ticket of this morning, where usage comes once a day.

    Asked of the accounts of everything that waits.
    """
    newest = newest_facts(project, now=now)
    accounts = [] if newest is None else _waiting_accounts(engine)
    if newest is None or not accounts:
        return
    decided = from_seconds(default_as_of(project.folder, open_snapshot(project.folder)))
    held = holds_now(project, accounts, as_of=newest)
    rows = [
        {"account_id": account, "step_id": "", "gate": gate, "is_unknown": False, "why": gate, "as_of": newest}
        for account, gates in sorted(held.items())
        for gate in gates
    ]
    with writing(engine) as connection:
        for begin in range(0, len(accounts), _CHUNK):
            told = _told.account_id.in_(accounts[begin : begin + _CHUNK]) & (_told.step_id == "")
            connection.execute(sa.delete(tables.fact_hold).where(told, _told.as_of > decided))
        upsert(connection, tables.fact_hold, rows)


_CHUNK = 500
_told = tables.fact_hold.c


def _waiting_accounts(engine: sa.Engine) -> list[str]:
    message = tables.message.c
    found = sa.select(message.account_id).where(message.status.in_(outbox.WAITING)).distinct()
    with reading(engine) as connection:
        return sorted(connection.execute(found).scalars())


def show_sent(engine: sa.Engine) -> None:
    """Mark the offers whose sales messages have left; also those that a run which was cut off has not marked."""
    offer, message = tables.offer, tables.message
    found = (
        sa.select(offer.c.offer_id, sa.func.min(message.c.sent_at).label("sent_at"))
        .join(message, message.c.offer_id == offer.c.offer_id)
        .where(offer.c.status == OfferStatus.OPEN, message.c.status == outbox.MessageStatus.SENT)
        .where(message.c.purpose == Purpose.SALES, message.c.channel != ONLY_SEEN_WHEN_LOOKED_AT)
        .group_by(offer.c.offer_id)
        .order_by(offer.c.offer_id)
    )
    with reading(engine) as connection:
        rows = list(connection.execute(found))
    for row in rows:
        lifecycle.show(engine, row.offer_id, by=lifecycle.PROGRAM, at=row.sent_at, why="sent")
