"""Whether the service lives (healthz), may be sent requests (readyz), and its figures (metrics)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from upstep.errors import UpstepError
from upstep.state.session import reading
from upstep.tables.lake import open_snapshot
from upstep.tables.schema import REQUIRED_TABLES
from upstep.web.context import Context, context_of

INBOX_MOST = 1_000_000
"""With more events waiting than this, the service asks not to be sent more."""

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="Does the service live?")
async def healthz() -> dict[str, str]:
    """Answers as long as the process does, whatever stands behind it."""
    return {"status": "ok"}


@router.get("/readyz", summary="May it be sent requests?", responses={503: {"description": "Not now; says why."}})
def readyz(request: Request) -> Response:
    """State can be read, facts are there, the inbox is not full, and the worker in this process works."""
    context = context_of(request)
    found = {name: _tried(check, context) for name, check in _CHECKS.items()}
    is_ready = all(told is None for told in found.values())
    checks = {name: told or "ok" for name, told in found.items()}
    return JSONResponse({"ready": is_ready, "checks": checks}, 200 if is_ready else 503)


@router.get("/metrics", summary="Figures for Prometheus", response_class=Response)
def metrics(request: Request) -> Response:
    """Counts and times only: no account, no person."""
    context = context_of(request)
    return Response(context.metrics.text(context), media_type=CONTENT_TYPE_LATEST)


def _tried(check: Callable[[Context], str | None], context: Context) -> str | None:
    try:
        return check(context)
    except (UpstepError, sa.exc.SQLAlchemyError, OSError) as error:
        return f"failed ({type(error).__name__})"


def _state(context: Context) -> str | None:
    with reading(context.state) as connection:
        connection.execute(sa.text("SELECT 1")).first()
    return None


def _facts(context: Context) -> str | None:
    connected = open_snapshot(context.project.folder).manifest.connected
    missing = [name for name in REQUIRED_TABLES if name not in connected]
    return f"not loaded: {', '.join(missing)}; run 'upstep load'" if missing else None


def _inbox(context: Context) -> str | None:
    if context.inbox is None:
        return None
    depth: int = context.inbox.depth()
    return f"{depth:,} events wait; is a worker running?" if depth > INBOX_MOST else None


def _worker(context: Context) -> str | None:
    worker: Any = context.worker
    is_dead = worker is not None and getattr(worker, "is_broken", False)
    return "has stopped; see the log" if is_dead else None


_CHECKS: dict[str, Callable[[Context], str | None]] = {
    "state": _state,
    "facts": _facts,
    "inbox": _inbox,
    "worker": _worker,
}
