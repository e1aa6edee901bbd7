"""Published decisions over all accounts, page by page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Query
from starlette.requests import Request

from upstep.state.published import bodies_after
from upstep.web.api import shapes
from upstep.web.api.common import Reads, answers
from upstep.web.context import context_of
from upstep.web.paging import Cursor, Limit, cursor_of, place_of

if TYPE_CHECKING:
    import sqlalchemy as sa

LOOKED_MOST = 2_000
"""So many accounts are looked through for one page; with a filter that little passes, a page may be short."""

_AT_ONCE = 200

router = APIRouter(prefix="/v1", tags=["decisions"])

Outcome = Literal["unfit", "held", "unconfirmed", "eligible", "outranked", "held_out"]
Lane = Literal["self_serve", "assisted", "care"]


@router.get("/decisions", summary="List decisions", response_model=None, responses=answers(shapes.Decisions))
def decisions(
    request: Request,
    _key: Reads,
    limit: Limit = 50,
    cursor: Cursor = None,
    outcome: Annotated[Outcome | None, Query(description="Only these.")] = None,
    lane: Annotated[Lane | None, Query(description="Only of this lane.")] = None,
) -> dict[str, Any]:
    """The decisions that were published last, account by account. A page may be short and still have a next one."""
    account_id, index = place_of(cursor, str, int) if cursor else ("", 0)
    found: list[dict[str, Any]] = []
    here, looked = (account_id, index), 0
    for place, decision in _from(context_of(request).state, account_id, index):
        looked += place[0] != here[0]
        if len(found) == limit or looked > LOOKED_MOST:
            return {"decisions": found, "next": cursor_of(*place)}
        here = place
        if outcome in (None, decision["outcome"]) and lane in (None, decision["lane"]):
            found.append(decision)
    return {"decisions": found, "next": None}


def _from(state: sa.Engine, account_id: str, index: int) -> Iterator[tuple[tuple[str, int], dict[str, Any]]]:
    """Each decision with its place, from a place on."""
    begin = account_id
    while rows := bodies_after(state, begin, limit=_AT_ONCE):
        for known, body in rows:
            first = index if known == account_id else 0
            if known == begin and begin != account_id:
                continue
            for number, decision in enumerate(msgspec.json.decode(body)):
                if number >= first:
                    yield (known, number), decision
        if len(rows) < _AT_ONCE:
            return
        begin = rows[-1][0]
