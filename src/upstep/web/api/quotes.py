"""Quotes: made for an account, read, applied."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from upstep.billing.change import Starts
from upstep.clock import iso
from upstep.engine.deciding.shapes import plain
from upstep.engine.offering import shapes as told
from upstep.engine.quoting import quotes as quoting
from upstep.engine.quoting.biller import open_biller
from upstep.engine.quoting.quoted import described
from upstep.engine.quoting.settling import settle_whole
from upstep.engine.quoting.wish import Wish
from upstep.errors import QuoteError
from upstep.state import tables
from upstep.state.session import reading
from upstep.web.api import sent, shapes
from upstep.web.api.common import Id, Reads, answers, must_know
from upstep.web.context import Context, context_of
from upstep.web.problem import Problem
from upstep.web.writing import Done, Writes

router = APIRouter(prefix="/v1", tags=["quotes"])

_STARTS = {None: None, "now": Starts.NOW, "renewal": Starts.AT_RENEWAL}


@router.post(
    "/accounts/{account_id}/quotes",
    summary="Quote a change",
    response_model=None,
    status_code=201,
    responses=answers(shapes.PricedQuote, 404, 409, status=201),
)
def make(account_id: Id, asked: sent.Wish, write: Writes) -> Response:
    """The exact, prorated price of a change, locked until it expires. 409: it cannot be quoted; each reason is told."""
    must_know(write.context, account_id)
    return write.once("quote", account_id, asked, lambda: _make(write.context, account_id, asked, by=write.by))


def _make(context: Context, account_id: str, asked: sent.Wish, *, by: str) -> Done:
    now = context.clock()
    wish = Wish(
        plan_id=asked.plan_id,
        interval=asked.interval,
        quantities=asked.quantity,
        add_ons=asked.add,
        subscription_id=asked.subscription_id,
        currency=asked.currency,
        starts=_STARTS[asked.when],
    )
    try:
        priced = quoting.ask(
            context.project,
            account_id,
            wish,
            provider_for=lambda known: open_biller(context.project, as_of=now, accounts=[known]),
            now=now,
        )
    except QuoteError as error:
        raise QuoteError([replace(fault, place=_in_body(fault.place)) for fault in error.faults]) from error
    quoting.save(context.state, priced, by=by, now=now)
    return 201, described(priced)


_OPTIONS = (
    ("--to plan=", "body.plan_id="),
    ("--add add_on=", "body.add."),
    ("--quantity", "body.quantity"),
    ("--interval", "body.interval"),
    ("--subscription", "body.subscription_id"),
    ("--currency", "body.currency"),
)
"""How the command says a wish, and where the same stands in the body."""


def _in_body(place: str) -> str:
    """Where in the body stands what the command's words name."""
    for option, member in _OPTIONS:
        if place.startswith(option):
            said = f"{member}{place.removeprefix(option)}".split("=")[0]
            return said.replace(" ", ".")
    return place


@router.get(
    "/quotes/{quote_id}", summary="Read one quote", response_model=None, responses=answers(shapes.KeptQuote, 404)
)
def read(request: Request, quote_id: Id, _key: Reads) -> dict[str, Any]:
    """The quote as it is kept, and what has become of it."""
    row = _known(context_of(request), quote_id)
    names = ("quote_id", "account_id", "subscription_id", "provider", "status", "currency", "due_now_minor")
    more = ("next_invoice_minor", "next_invoice_at", "yearly_difference_minor", "expires_at", "lines")
    is_trial = (row.change.get("incentive") or {}).get("trial_days") is not None
    more_told = {"quoted_at": iso(row.at), "free_until": iso(row.next_invoice_at) if is_trial else None}
    return {**{name: plain(getattr(row, name)) for name in (*names, *more)}, **more_told}


@router.post(
    "/quotes/{quote_id}/apply",
    summary="Apply a quote",
    response_model=None,
    responses=answers(shapes.Settled, 404, 409),
)
def apply(quote_id: Id, write: Writes, asked: sent.Yes | None = None) -> Response:
    """Make the change at the amounts that were shown, exactly once. 409: it holds, or is no longer what was shown."""
    _known(write.context, quote_id)
    by = (asked.by if asked else None) or write.by

    def work() -> Done:
        context = write.context
        settled, converted = settle_whole(context.project, context.state, quote_id, by=by, now=context.clock())
        return 200, told.applied(settled, list(converted))

    return write.once("apply", quote_id, asked, work)


def _known(context: Context, quote_id: str) -> sa.Row[Any]:
    with reading(context.state) as connection:
        row = connection.execute(sa.select(tables.quote).where(tables.quote.c.quote_id == quote_id)).first()
    if row is None:
        raise Problem(404, f"Quote '{quote_id}' is not known.", kind="not-known")
    return row
