"""The register of executives' priorities: listed, added, taken out."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from upstep.engine.planning import goals as engine
from upstep.engine.planning import shapes as told
from upstep.errors import SourceError
from upstep.planning.goals import TYPED, Asked
from upstep.web.api import sent, shapes
from upstep.web.api.common import Id, Reads, answers, must_know
from upstep.web.context import context_of
from upstep.web.paging import Cursor, Limit, page, place_of
from upstep.web.problem import Problem
from upstep.web.writing import Done, Writes

router = APIRouter(prefix="/v1/goals", tags=["goals"])


@router.get("", summary="List goals", response_model=None, responses=answers(shapes.Goals))
def goals(
    request: Request,
    _key: Reads,
    limit: Limit = 50,
    cursor: Cursor = None,
    account_id: Annotated[str | None, Query(max_length=200)] = None,
) -> dict[str, Any]:
    """The priorities that stand, by account, and what should be known of each."""
    context = context_of(request)
    wanted = None if account_id is None else [account_id]
    found = engine.read_register(context.project, now=context.clock(), accounts=wanted).goals
    if cursor:
        after = place_of(cursor, str, str)
        found = tuple(one for one in sorted(found, key=_place) if _place(one) > after)
    rows = sorted(found, key=_place)
    return page("goals", rows[: limit + 1], limit=limit, shape=told.standing_goal, place=_place)


def _place(one: Any) -> tuple[str, str]:
    return one.goal.account_id, one.goal_id


@router.post(
    "",
    summary="Record a goal",
    response_model=None,
    status_code=201,
    responses=answers(shapes.Recorded, 404, status=201),
)
def add(asked: sent.NewGoal, write: Writes) -> Response:
    """Record an executive's priority; the same words of the same person on the same day are the same goal."""
    must_know(write.context, asked.account_id)
    one = Asked(
        "goal",
        asked.account_id,
        contact=asked.contact_id,
        priority=asked.priority,
        source=asked.source,
        stated_on=asked.stated_on.isoformat(),
        metric=asked.metric or "",
        advances=tuple(asked.advances),
        sponsor=asked.sponsor_contact_id or "",
        review_by=asked.review_by.isoformat() if asked.review_by else "",
    )

    def work() -> Done:
        context = write.context
        fresh = engine.add(context.project, [one], who=write.by, now=context.clock(), dry_run=False)
        return 201, {"recorded": [told.goal(goal) for goal in fresh], "read": 1}

    return write.once("goal", asked.account_id, asked, work)


@router.delete(
    "/{goal_id}", summary="Take out a goal", response_model=None, responses=answers(shapes.Removed, 404, 409)
)
def remove(
    goal_id: Id,
    write: Writes,
    because: Annotated[str, Query(min_length=1, max_length=2000, description="Why it counts no more; it is kept.")],
) -> Response:
    """Take out a priority that was typed. 409: it stands in your own table, and must be taken out there."""

    def work() -> Done:
        context = write.context
        try:
            engine.remove(context.project, goal_id, who=write.by, because=because, now=context.clock())
        except SourceError as error:
            is_typed = goal_id.startswith(TYPED) or "was not typed" not in str(error)
            raise Problem(404 if is_typed else 409, str(error), kind="not-known" if is_typed else "not-ours") from error
        return 200, {"removed": goal_id}

    return write.once("goal removed", goal_id, None, work)
