"""What people answered to a gate's question (``upstep confirm``): the latest answer counts until it lapses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa

from upstep.state.tables import answer as table


class Said(StrEnum):
    """What a person may answer."""

    CLEAR = "clear"
    HOLDS = "holds"


@dataclass(frozen=True)
class Answer:
    """One answer. ``until`` None: it stands until another is given."""

    account_id: str
    gate: str
    answer: Said
    because: str
    until: datetime | None
    recorded_at: datetime
    recorded_by: str


def record_answer(connection: sa.Connection, given: Answer) -> bool:
    """Keep an answer, in the caller's transaction.

    Returns:
        Whether it is new: the same words as the one that stands change nothing, and a second answer within one second
        replaces the first.
    """
    standing = {(known.account_id, known.gate): known for known in answers(connection, at=given.recorded_at)}
    known = standing.get((given.account_id, given.gate))
    if known and (known.answer, known.because, known.until) == (given.answer, given.because, given.until):
        return False
    same = (table.c.account_id == given.account_id, table.c.gate == given.gate)
    connection.execute(sa.delete(table).where(*same, table.c.recorded_at == given.recorded_at))
    connection.execute(sa.insert(table).values(**{name: getattr(given, name) for name in Answer.__annotations__}))
    return True


def answers(connection: sa.Connection, *, at: datetime) -> list[Answer]:
    """The answers that stand at that instant: per (account, gate) the latest given by then, unless it has lapsed.

    One that has lapsed does not bring an older one back.
    """
    given = sa.select(table).where(table.c.recorded_at <= at).order_by(table.c.recorded_at, table.c.answer_id)
    latest = {(row.account_id, row.gate): row for row in connection.execute(given)}
    return [
        Answer(r.account_id, r.gate, Said(r.answer), r.because, r.until, r.recorded_at, r.recorded_by)
        for _, r in sorted(latest.items())
        if r.until is None or r.until > at
    ]
