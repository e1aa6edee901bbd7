"""Owners' tasks: what a person should do about an account, once per step; nothing reaches the customer by machine.

The best step of the assisted lane becomes the task of the account's owner, and so does a step that says a customer pays
for more than they need. A task says who, why with the numbers, and what it is worth.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from upstep.delivery import outbox
from upstep.delivery.channel import Message, Purpose
from upstep.engine.contacting.mailboxes import OWNER
from upstep.engine.deciding import telling, why
from upstep.engine.deciding.explain import parsed
from upstep.offers.facts import Words
from upstep.state import tables
from upstep.state.session import hold, reading, writing

if TYPE_CHECKING:
    import pyarrow as pa

    from upstep.catalog.model import Catalog
    from upstep.engine.deciding.decide import Run
    from upstep.engine.project import Project

CHUNK_TASKS = 500


def queue_tasks(
    project: Project, state: sa.Engine, run: Run, *, now: datetime, accounts: Iterable[str] | None = None
) -> int:
    """Queue the owners' tasks of a run. A step that was given as a task is not given again before ``declined_days``.

    Args:
        accounts: Only these; None is all.

    Returns:
        How many were new.
    """
    rows = [row for row in _owners_rows(run, accounts).to_pylist() if is_task(row)]
    since = now - timedelta(days=project.settings.declined_days)
    given = 0
    for begin in range(0, len(rows), CHUNK_TASKS):
        with reading(state) as connection:
            fresh = _not_given(connection, rows[begin : begin + CHUNK_TASKS], since=since)
        if not fresh:
            continue  # whoever only looks keeps no writer waiting
        with writing(state) as connection:
            hold(connection, "tasks")
            tasks = [task(project, parsed(row), now=now) for row in _not_given(connection, fresh, since=since)]
            given += outbox.queue_many(connection, list({one.idempotency_key: one for one in tasks}.values()), now=now)
    return given


def _owners_rows(run: Run, accounts: Iterable[str] | None) -> pa.Table:
    """The rows that may be tasks; told apart by columns, for nearly all rows of a whole run are not."""
    import pyarrow as pa
    import pyarrow.compute as pc

    rows = run.decisions
    wanted = pc.and_(rows["is_winner"], pc.equal(rows["outcome"], "eligible"))
    wanted = pc.and_(wanted, pc.is_in(rows["lane"], pa.array(["assisted", "care"])))
    if accounts is not None:
        wanted = pc.and_(wanted, pc.is_in(rows["account_id"], pa.array(sorted(set(accounts)), pa.string())))
    return rows.filter(wanted)


def is_task(row: Mapping[str, Any]) -> bool:
    """Whether a decision is for the owner: the assisted winner, or that a customer pays for too much."""
    is_owners = row["lane"] == "assisted" or (row["lane"] == "care" and row["motion"] == "right_size")
    return bool(row["is_winner"] and row["outcome"] == "eligible" and is_owners and _owner(row))


def task(project: Project, row: Mapping[str, Any], *, now: datetime) -> Message:
    """The task of a decision, parsed, for its owner."""
    catalog = project.catalog
    name, step = row["name"], telling.step_words(row, catalog)
    facts = {name: fact["value"] for name, fact in row["facts"].items() if fact["value"] is not None}
    return Message(
        idempotency_key=f"{_prefix(row)}{now:%Y%m%d}",
        account_id=row["account_id"],
        purpose=Purpose.TASK,
        channel=project.settings.channels.task,
        recipient=_owner(row) or "",
        subject=f"{name}: {step}",
        text=_text(row, catalog, now=now),
        facts=facts,
        play=row["play"],
        records={fact: tuple(told.get("records") or ()) for fact, told in row["facts"].items() if fact in facts},
    )


def _text(row: Mapping[str, Any], catalog: Catalog, *, now: datetime) -> str:
    """Who, why, what it is worth, and where to look closer."""
    said = [f"**{_plain(row['name'])}**: {_plain(telling.step_words(row, catalog))}."]
    said.append(f"Why: {_plain(why.why_sentence(row, catalog))}.")
    worth = [(figure.label, figure.text) for figure in telling.figures(row) if figure.text]
    price = telling.price_words(row, catalog, on=now.date())
    lines = [*worth, *([("List price", price)] if price else [])]
    if lines:
        said.append(
            "\n".join(["| | |", "|---|---|", *(f"| {_plain(name)} | {_plain(text)} |" for name, text in lines)])
        )
    moment = why.moment_words(row, catalog)
    if moment:
        said.append(f"Why now: {_plain(moment)}.")
    said.append(f"Nothing was sent to the customer. Everything behind it: `upstep explain {row['account_id']}`")
    return "\n\n".join(said) + "\n"


def _plain(text: str) -> str:
    return str(Words(" ".join(text.split())))


def _owner(row: Mapping[str, Any]) -> str | None:
    recipients: Sequence[str] = row["recipients"] or ()
    return next((recipient for recipient in recipients if recipient.startswith(OWNER)), None)


def _prefix(row: Mapping[str, Any]) -> str:
    return f"task:{row['step_id']}:"


def _not_given(
    connection: sa.Connection, rows: Sequence[Mapping[str, Any]], *, since: datetime
) -> list[Mapping[str, Any]]:
    """The rows whose step neither is nor was, lately, a task of these accounts' owners."""
    message = tables.message
    found = sa.select(message.c.idempotency_key).where(
        message.c.account_id.in_(sorted({row["account_id"] for row in rows})),
        message.c.purpose == Purpose.TASK,
        message.c.queued_at >= since,
        message.c.status != outbox.MessageStatus.WITHDRAWN,
    )
    # A key is the step's and the day's; see `task`.
    known = {f"{key.rpartition(':')[0]}:" for key in connection.execute(found).scalars()}
    return [row for row in rows if _prefix(row) not in known]
