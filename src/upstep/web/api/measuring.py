"""What came of it: experiments, and the report of a month."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query
from starlette.requests import Request

from upstep.engine.measuring.findings import result_shape
from upstep.engine.measuring.lifting import results
from upstep.engine.measuring.reporting import Asking, make_report
from upstep.engine.measuring.statement import statement
from upstep.web.api import shapes
from upstep.web.api.common import Reads, answers
from upstep.web.context import context_of

router = APIRouter(prefix="/v1")

Month = Annotated[str, Path(pattern=r"^\d{4}-(0[1-9]|1[0-2])$", description="Year and month.", examples=["2026-10"])]
Policy = Annotated[Literal["standard", "chartmogul", "stripe"] | None, Query(description="How MRR is counted.")]


@router.get(
    "/experiments",
    tags=["experiments"],
    summary="List experiments",
    response_model=None,
    responses=answers(shapes.Experiments),
)
def experiments(request: Request, _key: Reads) -> dict[str, Any]:
    """Every holdout and test with its arms, who was exposed, and what may be concluded by now."""
    context = context_of(request)
    found = results(context.project, context.state, now=context.clock())
    return {"experiments": [result_shape(one) for one in found]}


@router.get(
    "/reports/{month}",
    tags=["reports"],
    summary="Read the report of a month",
    response_model=None,
    responses=answers(shapes.Report),
)
def report(request: Request, month: Month, _key: Reads, policy: Policy = None) -> dict[str, Any]:
    """MRR from the month's start to its end with its causes, NRR and GRR, what each play is credited with."""
    project = context_of(request).project
    return statement(make_report(project, Asking(month, month, policy, "net")), project.catalog)
