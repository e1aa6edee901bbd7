"""What stands before every route: bounds on the body before it is parsed, strict headers, a name for each request.

A plain ASGI layer, since a slower one would cost more than the look-up behind it.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from upstep.web.logs import log_request
from upstep.web.problem import Problem, answered

if TYPE_CHECKING:
    from upstep.web.context import Context

BODY_MOST = 64 * 1024
"""Bytes of a request's body, where ``BODIES`` says nothing else."""

BODY_SECONDS = 30.0
"""So long a body may take to come."""

BODIES = (
    (re.compile(r"/v1/(batch|import|b|i|t|p|g|a|s|identify|track|page|screen|group|alias)/?"), 512 * 1024),
    (re.compile(r"/(batch|e|capture|track|i/v0/e)/?"), 512 * 1024),
    (re.compile(r"/hooks/.*"), 512 * 1024),
    (re.compile(r"/(embed|u|o)/.*"), 16 * 1024),
)
"""Paths that may send more, or less."""

HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=(), payment=()"),
    (b"content-security-policy", b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    (b"cache-control", b"no-store"),
)
"""On every answer that does not set them itself."""

_TRANSPORT = (b"strict-transport-security", b"max-age=31536000")
_NAME = re.compile(rb"[A-Za-z0-9._-]{8,64}")
_QUIET = ("/healthz", "/readyz", "/metrics")


@dataclass(frozen=True)
class Template:
    """What a request is logged and counted as (``scope["route"]``), where FastAPI does not say so itself."""

    path: str


class Guard:
    """Wraps the whole application."""

    def __init__(self, app: ASGIApp, *, context: Context) -> None:
        self._app = app
        self._context = context
        is_https = context.project.settings.serving.public_url.startswith("https://")
        self._headers = (*HEADERS, _TRANSPORT) if is_https else HEADERS

    @property
    def headers(self) -> tuple[tuple[bytes, bytes], ...]:
        """What every answer carries that does not say otherwise itself."""
        return self._headers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass on what is none."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = time.perf_counter()
        named = request_id(scope["headers"])
        answer = _Answer(send, (*self._headers, (b"x-request-id", named)))
        scope.setdefault("state", {})["request_id"] = named.decode()
        structlog.contextvars.bind_contextvars(request_id=named.decode())
        most = body_most(scope["path"])
        try:
            if "\0" in scope["path"] or b"%00" in scope["query_string"]:
                await answered(Problem(400, "The address holds a NUL character. Leave it out."))(
                    scope, receive, answer.send
                )
            elif _announced(scope["headers"]) > most:
                await answered(too_large(most))(scope, receive, answer.send)
            else:
                await self._answer(scope, _bounded(receive, most), answer)
        finally:
            self._told(scope, answer.status, time.perf_counter() - begun)
            structlog.contextvars.clear_contextvars()

    async def _answer(self, scope: Scope, receive: Receive, answer: _Answer) -> None:
        try:
            await self._app(scope, receive, answer.send)
        except Exception:
            # The application has answered 500 and logged it; the server must not print it a second time.
            if not answer.status:
                raise

    def _told(self, scope: Scope, status: int, seconds: float) -> None:
        # The template and never the path: a path may hold a token.
        route = getattr(scope.get("route"), "path", None) or "-"
        self._context.metrics.answered(route, _method(scope["method"]), status, seconds)
        if route in _QUIET and status < 400:
            return
        log_request(scope["method"], route, status, seconds, asked=scope["state"])


def body_most(path: str) -> int:
    """How many bytes a body sent to a path may have."""
    return next((most for pattern, most in BODIES if pattern.fullmatch(path)), BODY_MOST)


def _method(method: str) -> str:
    known = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
    return method if method in known else "other"


def request_id(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The caller's name for the request when it is a plain word, else one of our own."""
    for name, value in headers:
        if name == b"x-request-id" and _NAME.fullmatch(value):
            return value
    return secrets.token_hex(8).encode()


def _announced(headers: Iterable[tuple[bytes, bytes]]) -> int:
    for name, value in headers:
        if name == b"content-length":
            return int(value) if value.isdigit() else 0
    return 0


def _bounded(receive: Receive, most: int) -> Receive:
    """The same body, cut off with an error when it is longer than its path takes, or comes too slowly."""
    seen, ends, is_whole = 0, 0.0, False

    async def next_part() -> Message:
        nonlocal seen, ends, is_whole
        if is_whole:  # what comes then is that the caller hung up, for which some answers wait long
            return await receive()
        ends = ends or asyncio.get_running_loop().time() + BODY_SECONDS
        try:
            async with asyncio.timeout_at(ends):
                part = await receive()
        except TimeoutError:
            raise Problem(408, "The body did not come in time. Send it again.", kind="too-slow") from None
        is_whole = not part.get("more_body", False)
        seen += len(part.get("body", b""))
        if seen > most:
            raise too_large(most)
        return part

    return next_part


def too_large(most: int) -> Problem:
    """That a body is larger than its path takes."""
    detail = f"The body has more than {most:,} bytes, which is all that this path takes. Send less at a time."
    return Problem(413, detail, kind="too-large", headers={"Connection": "close"})


class _Answer:
    """Sends an answer with the headers that it lacks, and remembers its status."""

    def __init__(self, send: Send, headers: Iterable[tuple[bytes, bytes]]) -> None:
        self._send = send
        self._headers = headers
        self.status = 0

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """Pass a part of the answer on."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            own = message.setdefault("headers", [])
            there = {name.lower() for name, _ in own}
            message["headers"] = [*own, *(pair for pair in self._headers if pair[0] not in there)]
        await self._send(message)
