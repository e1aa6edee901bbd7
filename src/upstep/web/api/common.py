"""What every route of the API shares: the key it needs, the problems it may answer, ids in its path."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Path

from upstep.engine.planning.book import read_account
from upstep.state.keys import ApiKey
from upstep.web.api import shapes
from upstep.web.context import Context
from upstep.web.keyring import needs
from upstep.web.problem import MEDIA_TYPE, Problem

Reads = Annotated[ApiKey, Depends(needs("read"))]
"""A parameter of every route that reads."""

Id = Annotated[str, Path(min_length=1, max_length=200, examples=["lumenbrook-software"])]

_SAYS = {
    401: "No good key was sent.",
    403: "The key lacks the scope.",
    404: "There is none of that id.",
    409: "It cannot be done now, or not as it was shown; the detail says why.",
    413: "The body is too large.",
    422: "The request is not as documented.",
    503: "Something outside did not answer; ask again.",
}


def answers(shape: Any, *more: int, status: int = 200) -> dict[int | str, dict[str, Any]]:
    """``responses`` of a route: what it answers, and the problems that it may tell instead."""
    problems: dict[int | str, dict[str, Any]] = {
        code: {"description": _SAYS[code], "content": {MEDIA_TYPE: {"schema": _PROBLEM}}}
        for code in (401, 403, 422, 503, *more)
    }
    return {status: {"model": shape, "description": (shape.__doc__ or "").strip()}, **problems}


_PROBLEM = {"$ref": "#/components/schemas/Problem"}


def must_know(context: Context, account_id: str) -> dict[str, Any]:
    """The account.

    Raises:
        Problem: 404: there is none of that id.
    """
    known = read_account(context.project, account_id, now=context.clock())
    if known is None:
        raise Problem(404, f"Account '{account_id}' is not known. Is it loaded?", kind="not-known")
    return known


__all__ = ["Id", "Reads", "answers", "must_know", "shapes"]
