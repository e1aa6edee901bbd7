"""Errors over HTTP, as problem+json (RFC 9457): what is wrong and what to do, in one place for every route."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
import structlog
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from upstep.billing.stripe.webhook import WebhookRefusedError
from upstep.errors import BusyError, ConfigError, InputError, QuoteError, UpstepError

MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 2
_FOUND_MOST = 200
_ADVICE = {
    404: "Nothing is here. The paths are listed in /v1/openapi.json.",
    405: "This path is there, but not for this method; see the header Allow.",
}


class Problem(HTTPException):
    """An answer that is not what was asked for; raised anywhere below a route.

    Args:
        status: The HTTP status.
        detail: What is wrong with this request and what to do.
        kind: The last part of the problem's type (``urn:upstep:KIND``), for a caller that treats it differently.
        headers: Further headers.
        more: Further members, such as ``errors``.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        kind: str | None = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(status, detail, dict(headers or {}))
        self.kind = kind
        self.more = more


def problem(
    status: int, detail: str, *, kind: str | None = None, headers: Mapping[str, str] | None = None, **more: Any
) -> Response:
    """The answer itself."""
    body = {
        "type": f"urn:upstep:{kind}" if kind else "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        **more,
    }
    return Response(msgspec.json.encode(body), status, media_type=MEDIA_TYPE, headers=dict(headers or {}))


def told(error: UpstepError) -> Problem:
    """An error of ours as a problem; the only place that says which status it has."""
    match error:
        case WebhookRefusedError():
            return Problem(400, str(error), kind="webhook-refused")
        case QuoteError():
            return Problem(409, str(error), kind="not-as-shown", errors=_faults(error))
        case ConfigError():
            # What is wrong with the company's own settings is for its operator, not for a caller.
            return Problem(503, "The service is not set up for this. Its log says what is missing.", kind="not-set-up")
        case InputError():
            return Problem(422, str(error), kind="not-understood", errors=_faults(error))
        case BusyError():
            return _later("Another process is writing.", "busy")
    return _later("Something outside did not answer.", "outside")


def _later(found: str, kind: str) -> Problem:
    return Problem(503, f"{found} Ask again shortly.", kind=kind, headers={"Retry-After": str(RETRY_SECONDS)})


def _faults(error: InputError) -> list[dict[str, str]]:
    return [{"place": fault.place, "found": fault.found, "advice": fault.advice} for fault in error.faults]


def answered(error: HTTPException) -> Response:
    """A problem as the answer that tells it."""
    status = error.status_code
    if isinstance(error, Problem):
        return problem(status, str(error.detail), kind=error.kind, headers=error.headers, **error.more)
    return problem(status, _ADVICE.get(status, str(error.detail)), headers=error.headers)


async def _on_problem(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return answered(error)


async def _on_ours(_request: Request, error: Exception) -> Response:
    assert isinstance(error, UpstepError)
    found = told(error)
    if found.status_code >= 500:
        structlog.get_logger().warning("failed", error=type(error).__name__, told=str(error)[:500])
    return answered(found)


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    kind = request.headers.get("content-type", "").partition(";")[0].strip()
    errors = [_invalid(one["loc"], one["msg"], kind=kind) for one in error.errors()]
    where = ", ".join(dict.fromkeys(one["place"] for one in errors))
    advice = "".join(f" {told}" for told in dict.fromkeys(one["advice"] for one in errors if one["advice"]))
    return problem(422, f"The request is not as documented at {where}.{advice}", kind="not-understood", errors=errors)


def _invalid(where: Sequence[int | str], found: str, *, kind: str) -> dict[str, str]:
    """One thing that is not as documented. A body that says it is something else was not read as JSON at all."""
    is_unread = tuple(where) == ("body",) and not kind.endswith("json")
    if is_unread:
        found = f"the body is said to be {kind!r}" if kind else "the body does not say what it is"
    advice = "Send the header Content-Type: application/json." if is_unread else ""
    return {"place": ".".join(map(str, where)), "found": found[:_FOUND_MOST], "advice": advice}


async def _on_anything(_request: Request, error: Exception) -> Response:
    structlog.get_logger().error("broken", error=type(error).__name__, exc_info=error)
    return problem(500, "Sorry, this should not happen. The log has it under this answer's X-Request-ID.")


HANDLERS: Mapping[Any, Callable[[Request, Exception], Awaitable[Response]]] = {
    HTTPException: _on_problem,
    RequestValidationError: _on_invalid,
    UpstepError: _on_ours,
    Exception: _on_anything,
}
"""For ``exception_handlers`` of FastAPI and of a mounted Starlette application."""
