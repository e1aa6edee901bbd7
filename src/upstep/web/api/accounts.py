"""Accounts: listed, one, explained; their published decisions, their experiments."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request

from upstep.engine.deciding import explain as explaining
from upstep.engine.deciding import shapes as told
from upstep.engine.deciding.inputs import gather
from upstep.engine.measuring.findings import member_shape
from upstep.engine.offering.experimenting import membership
from upstep.engine.planning.book import list_accounts
from upstep.web.api import shapes
from upstep.web.api.common import Id, Reads, answers, must_know
from upstep.web.context import Context, context_of
from upstep.web.lookup import PATH
from upstep.web.paging import Cursor, Limit, page, place_of

router = APIRouter(prefix="/v1", tags=["accounts"])


@router.get("/accounts", summary="List accounts", response_model=None, responses=answers(shapes.Accounts))
def accounts(
    request: Request, _key: Reads, limit: Limit = 50, cursor: Cursor = None, owner_id: str | None = None
) -> dict[str, Any]:
    """Accounts in the order of their ids."""
    context = context_of(request)
    after = place_of(cursor, str)[0] if cursor else None
    rows = list_accounts(context.project, now=context.clock(), after=after, limit=limit + 1, owner_id=owner_id)
    return page("accounts", rows, limit=limit, shape=told.plain, place=lambda row: (row["account_id"],))


@router.get(
    "/accounts/{account_id}", summary="Read one account", response_model=None, responses=answers(shapes.Account, 404)
)
def account(request: Request, account_id: Id, _key: Reads) -> Any:
    """What is known of the account itself."""
    return told.plain(must_know(context_of(request), account_id))


@router.get(
    "/accounts/{account_id}/explain",
    summary="Explain one account",
    response_model=None,
    responses=answers(shapes.Explanation, 404),
)
def explain(request: Request, account_id: Id, _key: Reads) -> dict[str, Any]:
    """The account recomputed with everything shown: each play clause by clause, also those that did not fire."""
    context = context_of(request)
    must_know(context, account_id)
    found = explaining.explain(context.project, account_id, inputs=gather(context.project, at=context.clock()))
    return told.explanation(found, _members(context, account_id))


@router.get(
    PATH.removeprefix("/v1"),
    summary="Look up one account's decisions",
    response_model=None,
    responses=answers(shapes.AccountDecisions, 404),
)
def decisions(account_id: Id, _key: Reads) -> None:
    """The decisions that were published last, by key: the quickest path, for a product's own pages.

    ``ETag`` names the run; ask with ``If-None-Match`` and an unchanged answer is 304 without a body.
    """
    raise AssertionError(f"web.lookup stands before this route, which documents it: {account_id}")


@router.get(
    "/accounts/{account_id}/experiments",
    summary="Is this account held out, and by what?",
    response_model=None,
    responses=answers(shapes.Membership, 404),
)
def experiments(request: Request, account_id: Id, _key: Reads) -> dict[str, Any]:
    """Each experiment that the account is in, its arm, since when, and how it was drawn."""
    context = context_of(request)
    must_know(context, account_id)
    members = _members(context, account_id)
    return {"account_id": account_id, "is_held_out": told.is_held_out(members), "experiments": members}


def _members(context: Context, account_id: str) -> list[dict[str, Any]]:
    found = membership(context.project, context.state, account_id, now=context.clock())
    return [member_shape(one) for one in found]
