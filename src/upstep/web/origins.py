"""Pages of other hosts that may embed the widget: an allow-list, for ``/embed`` alone (CORS)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, MutableMapping
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from upstep.web.problem import answered, Problem

_SAFE = ("GET", "HEAD")
_ALLOWED = {
    b"access-control-allow-methods": b"GET, POST",
    b"access-control-allow-headers": b"authorization, content-type, idempotency-key",
    b"access-control-max-age": b"600",
}


class Origins:
    """Answers what a browser asks before it lets a page of another host call us, and refuses pages not on the list.

    Args:
        origins: As ``serve.origins`` names them; read anew for each request.
    """

    def __init__(self, app: ASGIApp, *, origins: Callable[[], Iterable[str]]) -> None:
        self._app = app
        self._origins = origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request through, answer it, or refuse it."""
        if scope["type"] != "http" or not scope["path"].startswith("/embed"):
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        origin = headers.get(b"origin", b"")
        is_known = origin.decode("latin-1") in {one.rstrip("/") for one in self._origins()}
        # Our own pages name themselves too when they post.
        is_ours = origin.decode("latin-1").partition("://")[2] == headers.get(b"host", b"").decode("latin-1")
        if scope["method"] == "OPTIONS" and b"access-control-request-method" in headers:
            await _preflight(is_known=is_known)(scope, receive, _shared(send, origin if is_known else None, preflight=True))
        elif origin and not is_known and not is_ours and scope["method"] not in _SAFE:
            await answered(_foreign())(scope, receive, send)
        else:
            await self._app(scope, receive, _shared(send, origin if is_known else None))


def _foreign() -> Problem:
    return Problem(403, "This page's origin may not embed the widget. Add it to serve.origins.", kind="origin")


def _preflight(*, is_known: bool) -> ASGIApp:
    from starlette.responses import Response

    return Response(status_code=204) if is_known else answered(_foreign())


def _shared(send: Send, origin: bytes | None, *, preflight: bool = False) -> Send:
    """The answer, readable by a page of that origin; for others as it is."""

    async def shared(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            headers = [*message.get("headers", ()), (b"vary", b"Origin")]
            if origin is not None:
                headers.append((b"access-control-allow-origin", origin))
                headers += _ALLOWED.items() if preflight else ()
            message = {**message, "headers": headers}
        await send(message)

    return shared
