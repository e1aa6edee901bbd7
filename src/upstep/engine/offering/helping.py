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
from upstep.engine.messages.facts import Sources, message_facts, with_facts, words_of
from upstep.engine.messages.records import records_of
from upstep.engine.offering.asking import new_offer
from upstep.errors import PlayError
from upstep.offers import lifecycle
from upstep.offers.message import render
from upstep.offers.model import NewOffer, Offer, OfferStatus
from upstep.state.session import reading, writing

if TYPE_CHECKING:
    import pyarrow as pa
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
    rows = [row for row in _care_rows(run, accounts).to_pylist() if is_help(row)]
    sources, opened = Sources(project), 0
    for begin in range(0, len(rows), AT_ONCE):
        asked = {lifecycle.Step(row["account_id"], row["step_id"], run.run_id): row for row in rows[begin:][:AT_ONCE]}
        with reading(state) as connection:
            standing = lifecycle.steps_standing(connection, list(asked))
        due = [row for step, row in asked.items() if step.step_key not in standing]
        made = [_asked(project, with_facts(row), sources, run=run, now=now) for row in due]
        opening = [one for one in made if one is not None]
        if opening:
            moved = lifecycle.open_many(state, opening, by=lifecycle.PROGRAM, at=now)
            opened += sum(one.is_changed for one in moved)
    return opened


AT_ONCE = 300
"""So many are opened in one transaction."""


def _care_rows(run: Run, accounts: Iterable[str] | None) -> pa.Table:
    """The rows that may be help; told apart by columns, for nearly all rows of a whole run are not."""
    import pyarrow as pa
    import pyarrow.compute as pc

    rows = run.decisions
    wanted = rows["is_winner"]
    for name, value in (("outcome", "eligible"), ("lane", "care"), ("motion", "adopt")):
        wanted = pc.and_(wanted, pc.equal(rows[name], value))
    if accounts is not None:
        wanted = pc.and_(wanted, pc.is_in(rows["account_id"], pa.array(sorted(set(accounts)), pa.string())))
    return rows.filter(wanted)


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
            contact_id=person.contact_id,
            subject=f"{offer.account_id}: asked for help to use what they pay for",
            text=f"They said yes to help with `{offer.target}`. Show them where to start; there is nothing to sell.\n",
            play=offer.play,
        )
        with writing(state) as connection:
            outbox.queue(connection, task, now=now)
    return moved.offer


def _asked(
    project: Project, row: Mapping[str, Any], sources: Sources, *, run: Run, now: datetime
) -> tuple[NewOffer, list[Message], str] | None:
    """The offer of a step, its messages and why; None where nothing can be said of it."""
    source = sources.of(row["play"])
    if source is None:
        return None
    new = new_offer(row, run.run_id, expires_at=now + LASTS)
    facts = message_facts(project, row, offer_id=new.offer_id, as_of=run.as_of)
    try:
        rendered = render(source, facts)
    except PlayError:
        return None  # it lacks a fact: what cannot be said well is not said
    records = records_of(project, row, rendered.facts)
    words = words_of(rendered, row, CHANNEL)
    messages = [
        Message(
            idempotency_key=lifecycle.message_key(new.offer_id, CHANNEL, reader),
            account_id=row["account_id"],
            purpose=Purpose.CARE,
            channel=CHANNEL,
            recipient=reader,
            contact_id=reader,
            offer_id=new.offer_id,
            records=records,
            **words,
        )
        for reader in row["recipients"]
    ]
    return new, messages, f"{row['play']} was eligible as of {iso(run.as_of)}"
