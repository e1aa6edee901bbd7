"""Notices: service information that a limit is nearly used, given once a period, without a price and never held."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from upstep.clock import from_seconds
from upstep.delivery import outbox
from upstep.delivery.channel import Message, Purpose
from upstep.engine.messages.facts import Sources, message_facts, with_facts, words_of
from upstep.engine.messages.records import records_of
from upstep.offers.message import render
from upstep.state import once
from upstep.state.session import reading, writing

if TYPE_CHECKING:
    from datetime import datetime

    import sqlalchemy as sa

    from upstep.engine.deciding.decide import Run
    from upstep.engine.project import Project

CHANNEL = "in_app"
_OFFER_WORDS = ("accept_url", "decline_url")


def queue_notices(
    project: Project, engine: sa.Engine, run: Run, *, now: datetime, accounts: Iterable[str] | None = None
) -> int:
    """Queue the notices of a run that were not given yet: the key is taken in the transaction that queues them.

    Each goes, in the app, to those who use the meter; where nobody is known, to whoever of the account looks.

    Args:
        engine: State.
        accounts: Only these; None is all.

    Returns:
        How many notices were new.

    Raises:
        PlayError: A play's message prints a fact that is not known.
    """
    due = run.decisions.select(_READ)
    due = due.filter(pc.equal(due["path"], "notice"))
    if accounts is not None:
        due = due.filter(pc.is_in(due["account_id"], pa.array(sorted(set(accounts)), pa.string())))
    sources, given = Sources(project), 0
    for begin in range(0, due.num_rows, AT_ONCE):
        asked = {once_key(row): row for row in reversed(due.slice(begin, AT_ONCE).to_pylist())}
        with reading(engine) as connection:
            # Nearly all have been given: whoever only looks keeps no writer waiting.
            free = once.free(connection, list(asked)[::-1])
        if free:
            given += _queue(project, engine, {key: asked[key] for key in free}, sources, as_of=run.as_of, now=now)
    return given


AT_ONCE = 300
"""So many notices are queued in one transaction."""


_READ = (
    *("account_id", "name", "play", "motion", "path", "product_id", "meter_id", "plan_id", "step_product_id", "target"),
    *("to_plan_id", "to_add_on_id", "to_quantity", "currency", "facts", "recipients", "basis", "period_start"),
    *("recurring_change_minor", "overage_replaced_minor", "customer_saving_minor", "decision_id"),
)


def _queue(
    project: Project,
    engine: sa.Engine,
    asked: Mapping[once.OnceKey, Mapping[str, Any]],
    sources: Sources,
    *,
    as_of: datetime,
    now: datetime,
) -> int:
    messages = {key: _messages(project, with_facts(row), key, sources, as_of=as_of) for key, row in asked.items()}
    with writing(engine) as connection:
        free = once.take_many(connection, {key: row["decision_id"] for key, row in asked.items()}, at=now)
        outbox.queue_many(connection, [one for key in asked if key in free for one in messages[key]], now=now)
    return len(free)


def once_key(row: Mapping[str, Any]) -> once.OnceKey:
    """What a notice is given once for. A new limit is a new basis."""
    threshold = int(row["target"].rpartition("@")[2])
    begins = from_seconds(row["period_start"] or 0)
    return once.OnceKey(row["account_id"], row["meter_id"], row["basis"] or "", threshold, begins)


def _messages(
    project: Project, row: Mapping[str, Any], key: once.OnceKey, sources: Sources, *, as_of: datetime
) -> list[Message]:
    source = sources.of(row["play"])
    if source is None:
        return []
    facts = message_facts(project, row, offer_id="", as_of=as_of)
    rendered = render(source, {name: value for name, value in facts.items() if name not in _OFFER_WORDS})
    records = records_of(project, row, rendered.facts)
    words = words_of(rendered, row, CHANNEL, style="notice")
    about = f"{key.account_id}:{key.meter_id}:{key.basis}:{key.threshold}:{key.period_start:%Y%m%d%H%M%S}"
    return [
        Message(
            idempotency_key=f"notice:{about}:{recipient}",
            account_id=row["account_id"],
            purpose=Purpose.NOTICE,
            channel=CHANNEL,
            recipient=recipient,
            contact_id=None if recipient.startswith("account:") else recipient,
            records=records,
            **words,
        )
        for recipient in row["recipients"] or [f"account:{row['account_id']}"]
    ]
