"""What people did elsewhere: replied to a message, or saw it."""

from __future__ import annotations

from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from upstep.clock import to_seconds
from upstep.engine.contacting import responding, showing
from upstep.engine.deciding import shapes as told
from upstep.state import holds, tables
from upstep.state.session import reading, writing
from upstep.web.api import sent, shapes
from upstep.web.api.common import Reads, answers, must_know
from upstep.web.context import context_of
from upstep.web.paging import Cursor, Limit, instant_of, page, place_of
from upstep.web.problem import Problem
from upstep.web.writing import Done, Writes

router = APIRouter(prefix="/v1", tags=["people"])


@router.post("/replies", summary="Record a reply", response_model=None, responses=answers(shapes.Kept, 404))
def reply(asked: sent.Reply, write: Writes) -> Response:
    """A customer wrote back: from this instant nothing is sent to that account until its owner acts."""
    must_know(write.context, asked.account_id)

    def work() -> Done:
        now, who = write.context.clock(), asked.contact_id
        with writing(write.context.state) as connection:
            is_new = holds.record_reply(
                connection, asked.account_id, why=asked.said, by=write.by, now=now, contact_id=who
            )
        return 200, {"is_new": is_new}

    return write.once("reply", asked.account_id, asked, work)


@router.post("/exposures", summary="Record an exposure", response_model=None, responses=answers(shapes.Kept, 404))
def seen(asked: sent.Seen, write: Writes) -> Response:
    """A message in the app was really visible to a person; the first time counts. For pages without the widget."""
    state, now = write.context.state, write.context.clock()
    with reading(state) as connection:
        person = showing.who_is(connection, asked.account_id, asked.contact_id)
        row = connection.execute(
            sa.select(tables.message.c.account_id).where(tables.message.c.message_id == asked.message_id)
        ).first()
    if person is None or row is None or row.account_id != asked.account_id:
        raise Problem(404, "No such message of that account and person.", kind="not-known")

    def work() -> Done:
        return 200, {"is_new": responding.seen(state, person, asked.message_id, now=now)}

    return write.once("exposure", f"message {asked.message_id}", asked, work)


@router.get("/exposures", summary="List exposures", response_model=None, responses=answers(shapes.Exposures))
def exposures(
    request: Request,
    _key: Reads,
    limit: Limit = 50,
    cursor: Cursor = None,
    account_id: Annotated[str | None, Query(max_length=200)] = None,
) -> dict[str, Any]:
    """Who saw what, oldest first."""
    table = tables.exposure
    order = (table.c.seen_at, table.c.message_id, table.c.contact_id)
    found = sa.select(table).order_by(*order).limit(limit + 1)
    if cursor:
        seconds, message_id, contact_id = place_of(cursor, int, int, str)
        at = instant_of(seconds)
        same, is_later = table.c.seen_at == at, table.c.message_id > message_id
        is_next = (table.c.message_id == message_id) & (table.c.contact_id > contact_id)
        found = found.where((table.c.seen_at > at) | (same & (is_later | is_next)))
    if account_id is not None:
        found = found.where(table.c.account_id == account_id)
    with reading(context_of(request).state) as connection:
        rows = connection.execute(found).all()
    return page("exposures", rows, limit=limit, shape=_shape, place=_place)


def _shape(row: Any) -> dict[str, Any]:
    names = ("message_id", "contact_id", "account_id", "offer_id", "channel", "seen_at")
    return {name: told.plain(getattr(row, name)) for name in names}


def _place(row: Any) -> tuple[int, int, str]:
    return to_seconds(row.seen_at), row.message_id, row.contact_id
