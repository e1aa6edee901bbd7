"""Offers: listed, one, opened for an account, accepted, declined."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import sqlalchemy as sa
from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from upstep.billing import quote as quotes
from upstep.clock import to_seconds
from upstep.engine.deciding.decide import decide
from upstep.engine.deciding.inputs import gather
from upstep.engine.deciding.ledger import keep
from upstep.engine.deciding.shapes import plain
from upstep.engine.offering import shapes as told
from upstep.engine.offering.beside import queue_beside
from upstep.engine.offering.opening import open_offers
from upstep.engine.quoting.biller import open_biller
from upstep.engine.quoting.settling import settle_whole
from upstep.offers import lifecycle
from upstep.offers.model import Offer, OfferStatus
from upstep.state import tables
from upstep.state.session import reading
from upstep.web.api import sent, shapes
from upstep.web.api.common import Id, Reads, answers, must_know
from upstep.web.context import Context, context_of
from upstep.web.paging import Cursor, Limit, instant_of, page, place_of
from upstep.web.problem import Problem
from upstep.web.writing import Done, Writes

router = APIRouter(prefix="/v1", tags=["offers"])

_TIMES = "opened_at expires_at shown_at clicked_at accepted_at converted_at declined_at ended_at".split()
_TAKEN = (OfferStatus.ACCEPTED, OfferStatus.CONVERTED)


@router.get("/offers", summary="List offers", response_model=None, responses=answers(shapes.Offers))
def offers(
    request: Request,
    _key: Reads,
    limit: Limit = 50,
    cursor: Cursor = None,
    account_id: Annotated[str | None, Query(max_length=200)] = None,
    status: Annotated[OfferStatus | None, Query(description="Only these.")] = None,
) -> dict[str, Any]:
    """Offers, those opened last first."""
    table = tables.offer
    found = sa.select(table).order_by(table.c.opened_at.desc(), table.c.offer_id.desc()).limit(limit + 1)
    if cursor:
        seconds, offer_id = place_of(cursor, int, str)
        at = instant_of(seconds)
        is_older = (table.c.opened_at == at) & (table.c.offer_id < offer_id)
        found = found.where((table.c.opened_at < at) | is_older)
    if account_id is not None:
        found = found.where(table.c.account_id == account_id)
    if status is not None:
        found = found.where(table.c.status == status)
    with reading(context_of(request).state) as connection:
        rows = [lifecycle.offer_in(connection, row.offer_id) for row in connection.execute(found).all()]
    return page("offers", rows, limit=limit, shape=_dated, place=lambda one: (to_seconds(one.opened_at), one.offer_id))


def _dated(one: Offer) -> dict[str, Any]:
    times = {name: plain(getattr(one, name)) for name in _TIMES}
    return {**told.offer(one), "quote_id": one.quote_id, **times}


@router.get(
    "/offers/{offer_id}", summary="Read one offer", response_model=None, responses=answers(shapes.OfferInFull, 404)
)
def offer(request: Request, offer_id: Id, _key: Reads) -> dict[str, Any]:
    """The offer with its locked price, the facts it rests on, and every change: who, when and why."""
    context = context_of(request)
    one = _known(context, offer_id)
    quote = None
    if one.quote_id is not None:
        with reading(context.state) as connection:
            quote = quotes.read(connection, one.quote_id)
    changes = [plain(asdict(change)) for change in lifecycle.changes(context.state, offer_id)]
    return {**_dated(one), "quote": told.locked_quote(quote), "facts": dict(one.facts), "changes": changes}


@router.post(
    "/accounts/{account_id}/offers",
    summary="Open an account's offers",
    response_model=None,
    responses=answers(shapes.Openings, 404),
)
def open_(account_id: Id, write: Writes) -> Response:
    """Decide the account now, open an offer at a locked price for its eligible self-serve step, queue its messages.

    Notices, its owner's task and help are queued, too, as the worker does. One that stands already stays as it is.
    """
    must_know(write.context, account_id)
    return write.once("open offers", account_id, None, lambda: (200, _open(write.context, account_id)))


def _open(context: Context, account_id: str) -> dict[str, Any]:
    project, now = context.project, context.clock()
    run = decide(project, accounts=[account_id], inputs=gather(project, at=now))
    keep(project, run, accounts=[account_id], now=now)
    provider = open_biller(project, as_of=run.as_of, accounts=[account_id])
    found = open_offers(project, run, provider=provider, now=now, accounts=[account_id])
    queued = queue_beside(project, context.state, run, now=now, accounts=[account_id])
    opened = [told.opened_offer(one) for one in found]
    refused = [asdict(one) for one in found.refused]
    return {"run_id": run.run_id, "offers": opened, "refused": refused, **queued, "would": None}


@router.post(
    "/offers/{offer_id}/accept",
    summary="Accept an offer",
    response_model=None,
    responses=answers(shapes.Settled, 404, 409),
)
def accept(offer_id: Id, write: Writes, asked: sent.Yes | None = None) -> Response:
    """A customer says yes: what holds is asked again, then the locked quote is applied exactly once.

    `result` says what became of it; `needs_confirmation` comes with the page on which the card is confirmed, and
    accepting again then says what has become of it. 409: it holds, has ended, or is no longer what was shown.
    """
    _known(write.context, offer_id)
    by = (asked.by if asked else None) or write.by
    quote_id = asked.quote_id if asked else None
    return write.once("accept", offer_id, asked, lambda: _accept(write.context, offer_id, by, quote_id))


def _accept(context: Context, offer_id: str, by: str, quote_id: str | None) -> Done:
    project, state, now = context.project, context.state, context.clock()
    settled, converted = settle_whole(project, state, offer_id, by=by, now=now, quote_id=quote_id)
    if settled.offer is not None and settled.offer.status not in _TAKEN:
        detail = f"Offer {offer_id} is {settled.offer.status.value}, so it cannot be accepted."
        raise Problem(409, detail, kind="ended")
    return 200, told.applied(settled, list(converted))


@router.post(
    "/offers/{offer_id}/decline",
    summary="Say no to an offer",
    response_model=None,
    responses=answers(shapes.DatedOffer, 404, 409),
)
def decline(offer_id: Id, write: Writes, asked: sent.No | None = None) -> Response:
    """A customer says no: nothing more of it is sent, and the step waits for `declined_days`."""
    return _no(offer_id, write, asked, is_not_now=False)


@router.post(
    "/offers/{offer_id}/not-now",
    summary="Say not now to an offer",
    response_model=None,
    responses=answers(shapes.DatedOffer, 404, 409),
)
def not_now(offer_id: Id, write: Writes, asked: sent.No | None = None) -> Response:
    """A customer says not now: nothing more of it is sent, and the step may come back after `not_now_days`."""
    return _no(offer_id, write, asked, is_not_now=True)


def _no(offer_id: str, write: Writes, asked: sent.No | None, *, is_not_now: bool) -> Response:
    _known(write.context, offer_id)
    by = (asked.by if asked else None) or write.by
    why = asked.why if asked else None

    def work() -> Done:
        state, now = write.context.state, write.context.clock()
        moved = lifecycle.decline(state, offer_id, by=by, at=now, why=why, is_not_now=is_not_now)
        if moved.offer.status is not OfferStatus.DECLINED:
            raise Problem(409, f"Offer {offer_id} is {moved.offer.status.value} already.", kind="ended")
        return 200, _dated(moved.offer)

    return write.once("not now" if is_not_now else "decline", offer_id, asked, work)


def _known(context: Context, offer_id: str) -> Offer:
    with reading(context.state) as connection:
        table = tables.offer
        if connection.execute(sa.select(table.c.offer_id).where(table.c.offer_id == offer_id)).first() is None:
            raise Problem(404, f"Offer '{offer_id}' is not known.", kind="not-known")
        return lifecycle.offer_in(connection, offer_id)
