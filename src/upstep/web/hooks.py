"""What billing providers tell by webhook: ``/hooks/stripe``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request

from upstep.engine.quoting.biller import take_delivery
from upstep.web.context import context_of

router = APIRouter(prefix="/hooks", tags=["hooks"])


@router.post("/stripe", summary="An event of Stripe")
async def stripe(
    request: Request,
    stripe_signature: Annotated[str | None, Header(description="Stripe's signature of the body.")] = None,
) -> dict[str, object]:
    """Take in a delivery: checked by its signature, kept, loaded; the offer that it pays is converted.

    Safe to repeat. 400: it is not Stripe's. 503: something did not answer, and Stripe should deliver it again.
    """
    context = context_of(request)
    body = await request.body()
    told = await run_in_threadpool(take_delivery, context.project, body, stripe_signature, now=context.clock())
    return {"event_id": told.event_id, "is_new": told.is_new}
