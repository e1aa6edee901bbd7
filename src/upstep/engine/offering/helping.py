"""Help before any sale: who pays for more than they use is shown where to start, and a yes becomes the owner's task.

The step is an offer without a price, so that it is asked once, cools down, and takes a no like any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from upstep.clock import iso
from upstep.delivery import outbox
from upstep.delivery.channel import Message, Purpose
from upstep.engine.contacting.mailboxes import OWNER
from upstep.engine.deciding.explain import parsed
from upstep.engine.messages.facts import message_facts, message_of, words_of
from upstep.engine.messages.records import records_of
from upstep.engine.offering.opening import new_offer
from upstep.errors import PlayError
from upstep.offers import lifecycle
from upstep.offers.model import Offer, OfferStatus
from upstep.state.session import writing

if TYPE_CHECKING:
    import sqlalchemy as sa

    from upstep.engine.contacting.showing import Person
    from upstep.engine.deciding.decide import Run
    from upstep.engine.project import Project

CHANNEL = "email"
LASTS = timedelta(days=30)


def open_help(
    project: Project, state: sa.Engine, run: Run, *, now: datetime, accounts: Iterable[str] | None = None
) -> int:
    """Offer help for every account whose best care step is to use what it pays for. Twice opens nothing more.

    Args:
        accounts: Only these; None is all.

    Returns:
        How many were new.
    """
    wanted = None if accounts is None else set(accounts)
    rows = (row for row in run.decisions.to_pylist() if is_help(row))
    return sum(
        _open(project, state, parsed(row), run=run, now=now)
        for row in rows
        if wanted is None or row["account_id"] in wanted
    )


def is_help(row: Mapping[str, Any]) -> bool:
    """Whether a decision is help that its readers may take alone."""
    is_winner = row["is_winner"] and row["outcome"] == "eligible"
    return bool(is_winner and row["lane"] == "care" and row["motion"] == "adopt" and row["recipients"])


def ask_for_help(
    project: Project, state: sa.Engine, person: Person, offer: Offer, *, owner: str | None, now: datetime
) -> Offer:
    """That person wants it: noted, and the account's owner gets the task to help. Twice is once."""
    moved = lifecycle.accept(state, offer.offer_id, by=person.contact_id, at=now, why="asked for help")
    owner_id = owner or project.settings.default_owner
    if moved.offer.status is OfferStatus.ACCEPTED and owner_id:
        task = Message(
            idempotency_key=f"help:{offer.offer_id}",
            account_id=offer.account_id,
            purpose=Purpose.TASK,
            channel=project.settings.channels.task,
            recipient=f"{OWNER}{owner_id}",
            subject=f"{offer.account_id}: asked for help to use what they pay for",
            text=f"They said yes to help with `{offer.target}`. Show them where to start; there is nothing to sell.\n",
            play=offer.play,
        )
        with writing(state) as connection:
            outbox.queue(connection, task, now=now)
    return moved.offer


def _open(project: Project, state: sa.Engine, row: Mapping[str, Any], *, run: Run, now: datetime) -> bool:
    new = new_offer(row, run, expires_at=now + LASTS)
    facts = message_facts(project, row, offer_id=new.offer_id, as_of=run.as_of)
    try:
        words = message_of(project, row, facts)
    except PlayError:
        return False  # it lacks a fact: what cannot be said well is not said
    if words is None:
        return False
    messages = [
        Message(
            idempotency_key=lifecycle.message_key(new.offer_id, CHANNEL, reader),
            account_id=row["account_id"],
            purpose=Purpose.CARE,
            channel=CHANNEL,
            recipient=reader,
            contact_id=reader,
            offer_id=new.offer_id,
            records=records_of(project, row, words.facts),
            **words_of(words, row, CHANNEL),
        )
        for reader in row["recipients"]
    ]
    why = f"{row['play']} was eligible as of {iso(run.as_of)}"
    return lifecycle.open_offer(state, new, messages=messages, by=lifecycle.PROGRAM, at=now, why=why).is_changed
