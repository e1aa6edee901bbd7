"""Notices: service information that a limit is nearly used, given once a period, without a price and never held."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from upstep.clock import from_seconds
from upstep.delivery import outbox
from upstep.delivery.channel import Message, Purpose
from upstep.engine.deciding.explain import parsed
from upstep.engine.messages.facts import message_facts, message_of, words_of
from upstep.engine.messages.records import records_of
from upstep.state import once
from upstep.state.session import writing

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
    wanted = None if accounts is None else set(accounts)
    due = run.decisions.select(_READ)
    due = due.filter(pc.equal(due["path"], "notice"))
    rows = [row for row in due.to_pylist() if wanted is None or row["account_id"] in wanted]
    given = 0
    for begin in range(0, len(rows), AT_ONCE):
        given += _queue(project, engine, rows[begin : begin + AT_ONCE], as_of=run.as_of, now=now)
    return given


AT_ONCE = 100
"""So many notices are queued in one transaction."""


_READ = (
    *("account_id", "name", "play", "motion", "path", "product_id", "meter_id", "plan_id", "step_product_id", "target"),
    *("to_plan_id", "to_add_on_id", "to_quantity", "currency", "facts", "holds", "unknown", "assumed", "recipients"),
    *("recurring_change_minor", "overage_replaced_minor", "customer_saving_minor", "basis", "period_start"),
    "decision_id",
)


def _queue(
    project: Project, engine: sa.Engine, rows: Sequence[Mapping[str, Any]], *, as_of: datetime, now: datetime
) -> int:
    with writing(engine) as connection:
        free = [row for row in rows if once.take(connection, once_key(row), at=now, taken_for=row["decision_id"])]
        messages = [one for row in free for one in _messages(project, parsed(row), once_key(row), as_of=as_of)]
        outbox.queue_many(connection, messages, now=now)
    return len(free)


def once_key(row: Mapping[str, Any]) -> once.OnceKey:
    """What a notice is given once for. A new limit is a new basis."""
    threshold = int(row["target"].rpartition("@")[2])
    begins = from_seconds(row["period_start"] or 0)
    return once.OnceKey(row["account_id"], row["meter_id"], row["basis"] or "", threshold, begins)


def _messages(project: Project, row: Mapping[str, Any], key: once.OnceKey, *, as_of: datetime) -> list[Message]:
    facts = message_facts(project, row, offer_id="", as_of=as_of)
    rendered = message_of(project, row, {name: value for name, value in facts.items() if name not in _OFFER_WORDS})
    if rendered is None:
        return []
    about = f"{key.account_id}:{key.meter_id}:{key.basis}:{key.threshold}:{key.period_start:%Y%m%d%H%M%S}"
    return [
        Message(
            idempotency_key=f"notice:{about}:{recipient}",
            account_id=row["account_id"],
            purpose=Purpose.NOTICE,
            channel=CHANNEL,
            recipient=recipient,
            contact_id=None if recipient.startswith("account:") else recipient,
            records=records_of(project, row, rendered.facts),
            **words_of(rendered, row, CHANNEL, style="notice"),
        )
        for recipient in row["recipients"] or [f"account:{row['account_id']}"]
    ]
