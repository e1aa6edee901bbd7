"""Events come in: the requests that Segment's, RudderStack's and PostHog's client libraries make.

An event that was answered with 200 is on the disk. What is asked before anything is parsed: is the inbox deep, does the
key fit, is the body small. Neither content-type nor content-encoding is believed: libraries label gzip as a form, and
browsers send JSON as text.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import msgspec
import sqlalchemy as sa
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from upstep.engine.arriving import Batch, PostHogBatch, RefusedEventError, faults_of, read_event, read_posthog
from upstep.errors import UpstepError
from upstep.state.inbox import Added, Inbox, Received
from upstep.state.keys import ApiKey, check_key

BODY_BYTES_MOST = 500 * 1024
EVENTS_MOST = 5_000
DEPTH_MOST = 1_000_000
"""So many events may wait; then clients are asked to come back later, which their libraries do by themselves."""

_READ_SECONDS = 30
_KEY_SECONDS = 5.0
_KEYS_MOST = 10_000
_DEPTH_SECONDS = 0.5
_FAULTS_SHOWN = 100
_GZIP = b"\x1f\x8b"
_CORS = {
    # Without credentials: what lets an event in is its key, never a cookie.
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": "authorization, content-type, content-encoding, anonymousid",
    "Access-Control-Max-Age": "86400",
}
_SHORT = {"t": "track", "i": "identify", "g": "group", "p": "page", "s": "screen", "a": "alias"}
_POSTHOG_PATHS = ("/batch", "/batch/", "/e", "/e/", "/capture", "/capture/", "/i/v0/e", "/i/v0/e/")


class Served(Protocol):
    """What the service hands in."""

    state: sa.Engine
    inbox: Inbox
    clock: Callable[[], datetime]


class RefusedRequestError(Exception):
    """A request that is not taken: status, what was found, what to do."""

    def __init__(
        self, status: int, found: str, advice: str, *, retry_after: int | None = None, faults: Sequence[Any] = ()
    ) -> None:
        self.status = status
        self.found = found
        self.advice = advice
        self.retry_after = retry_after
        self.faults = faults
        super().__init__(found)


@dataclass
class Intake:
    """The door: asks in the order of what it costs, and remembers for moments what it was answered.

    Args:
        served: Gives state, inbox and clock.
        depth_most: See ``DEPTH_MOST``.
        counts: Events by what became of them, since the start: accepted, repeated, refused; and turned_away requests.
    """

    served: Served
    depth_most: int = DEPTH_MOST
    counts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("accepted", "repeated", "refused", "turned_away"), 0)
    )
    _keys: dict[str, tuple[float, ApiKey | None]] = field(default_factory=dict)
    _depth: tuple[float, int] = (0.0, 0)
    _in_hand: int = 0

    async def segment(self, request: Request) -> Response:
        """POST of a batch or of one event, in Segment's shape."""
        kind = _SHORT.get(request.path_params.get("kind", ""), request.path_params.get("kind", ""))
        if kind not in ("batch", "b", "import", *_SHORT.values()):
            raise RefusedRequestError(404, "there is nothing here.", "Send to /v1/batch, /v1/track or the like.")
        body, key = await self._asked(request)
        is_batch = kind not in _SHORT.values()
        batch = _decoded(body, Batch) if is_batch else Batch([msgspec.Raw(body)])
        await self._must_know(key or batch.write_key or (None if is_batch else _write_key(body)))
        now = self.served.clock()
        # A path of one event says what it is; in a batch each says so itself.
        of_path = "" if is_batch else kind
        return await self._take(
            batch.batch, lambda raw: read_event(raw, sent_at=batch.sent_at, received_at=now, kind=of_path)
        )

    async def posthog(self, request: Request) -> Response:
        """POST of a batch or of one event, in PostHog's shape."""
        body, key = await self._asked(request)
        try:
            batch = msgspec.json.decode(body, type=PostHogBatch)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            batch = PostHogBatch([msgspec.Raw(body)], _write_key(body))
        await self._must_know(batch.api_key or key)
        now = self.served.clock()
        return await self._take(batch.batch, lambda raw: read_posthog(raw, sent_at=batch.sent_at, received_at=now))

    async def settings(self, request: Request) -> Response:
        """What a browser's library asks first; without ``Segment.io`` in it, it would send nothing."""
        key = request.path_params["key"]
        await self._must_know(key)
        host = f"{request.url.netloc}{request.scope.get('root_path', '')}/v1"
        segment = {"apiKey": key, "apiHost": host, "protocol": request.url.scheme, "addBundledMetadata": True}
        told = {
            "integrations": {"Segment.io": {**segment, "versionSettings": {}, "unbundledIntegrations": []}},
            "plan": {"track": {"__default": {"enabled": True, "integrations": {}}}, "identify": {}, "group": {}},
            "edgeFunction": {},
            "analyticsNextEnabled": True,
            "middlewareSettings": {},
            "enabledMiddleware": {},
            "metrics": {"sampleRate": 0},
            "legacyVideoPluginsEnabled": False,
            "remotePlugins": [],
        }
        return _answer(told)

    # In the order of what it costs

    async def _asked(self, request: Request) -> tuple[bytes, str | None]:
        """The body, in plain bytes, and the key of the header, which was looked at before the body was read."""
        await self._must_have_room()
        key = _header_key(request.headers.get("authorization", ""))
        if key is not None:
            await self._must_know(key)
        return plain(await _read_body(request)), key

    async def _must_have_room(self) -> None:
        known_at, depth = self._depth
        now = time.monotonic()
        if now - known_at > _DEPTH_SECONDS:
            # Set before it is asked, so that one request asks and not all that come meanwhile.
            self._depth = (now, depth)
            depth = await run_in_threadpool(self.served.inbox.depth)
            self._depth = (now, depth)
        if depth + self._in_hand >= self.depth_most:
            self.counts["turned_away"] += 1
            raise RefusedRequestError(
                429, f"{depth:,} events wait to be worked on.", "Send again after some seconds.", retry_after=10
            )

    async def _must_know(self, key: str | None) -> None:
        if not key:
            raise RefusedRequestError(
                401, "the request carries no write key.", "Give the library a key of scope 'ingest' as its write key."
            )
        now = time.monotonic()
        until, found = self._keys.get(key, (0.0, None))
        if until < now:
            found = await run_in_threadpool(check_key, self.served.state, key, self.served.clock())
            if len(self._keys) >= _KEYS_MOST:
                self._keys.clear()
            self._keys[key] = (now + _KEY_SECONDS, found)
        if found is None:
            raise RefusedRequestError(
                401,
                "the write key is not known, or no longer good.",
                "Make one: 'upstep keys add NAME --scope ingest'.",
            )
        if not found.may("ingest"):
            raise RefusedRequestError(403, "this key may not send events.", "Use a key of scope 'ingest'.")

    async def _take(self, raws: Sequence[msgspec.Raw], read: Callable[[msgspec.Raw], Received]) -> Response:
        if len(raws) > EVENTS_MOST:
            found = f"the batch has {len(raws):,} events, more than {EVENTS_MOST:,}."
            raise RefusedRequestError(413, found, "Send smaller batches.")
        good: list[Received] = []
        errors: list[tuple[int, RefusedEventError]] = []
        for index, raw in enumerate(raws):
            try:
                good.append(read(raw))
            except RefusedEventError as error:
                errors.append((index, error))
        self.counts["refused"] += len(errors)
        shown = faults_of(errors[:_FAULTS_SHOWN])
        if errors and not good:
            raise RefusedRequestError(
                400, f"none of {len(raws)} events can be taken.", "See 'faults' for each.", faults=shown
            )
        added = await self._write(good)
        self.counts["accepted"] += added.accepted
        self.counts["repeated"] += added.repeated
        answer = {"success": True, "status": 1, "accepted": added.accepted, "repeated": added.repeated}
        return _answer({**answer, "refused": len(errors), "faults": shown})

    async def _write(self, events: Sequence[Received]) -> Added:
        """Wait for the commit. A client that hangs up meanwhile sends again, and its events are known then."""
        self._in_hand += len(events)
        try:
            return await asyncio.wrap_future(self.served.inbox.submit(events))
        except (UpstepError, sa.exc.SQLAlchemyError) as error:
            raise RefusedRequestError(
                503, f"the events could not be kept ({type(error).__name__}).", "Send again later.", retry_after=10
            ) from error
        finally:
            self._in_hand -= len(events)


def ingest_app(served: Served, *, depth_most: int = DEPTH_MOST) -> Starlette:
    """The paths that client libraries send to, as an app of its own; mount it last."""
    return Starlette(routes=routes(Intake(served, depth_most)))


def routes(intake: Intake) -> list[Route]:
    """Where libraries send to; ``Intake`` answers."""
    return [
        Route("/v1/projects/{key}/settings", _told(intake.settings), methods=["GET", "OPTIONS"]),
        Route("/v1/{kind}", _told(intake.segment), methods=["POST", "OPTIONS"]),
        *[Route(path, _told(intake.posthog), methods=["POST", "OPTIONS"]) for path in _POSTHOG_PATHS],
    ]


def plain(body: bytes, most: int = BODY_BYTES_MOST) -> bytes:
    """The body as it was before gzip, if it is gzip; unpacked no further than it may be large.

    Raises:
        RefusedRequestError: It is too large, or cut off.
    """
    if not body.startswith(_GZIP):
        return body
    unpacking = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        unpacked = unpacking.decompress(body, most + 1)
    except zlib.error as error:
        raise RefusedRequestError(400, f"the body is damaged gzip ({error}).", "Send it again.") from None
    if len(unpacked) > most:
        raise _too_large(most)
    if not unpacking.eof:
        raise RefusedRequestError(400, "the body is gzip that was cut off.", "Send it again.")
    return unpacked


def _too_large(most: int) -> RefusedRequestError:
    return RefusedRequestError(413, f"the body has more than {most:,} bytes.", "Send smaller batches.")


async def _read_body(request: Request, most: int = BODY_BYTES_MOST) -> bytes:
    said = request.headers.get("content-length", "")
    if said.isdecimal() and int(said) > most:
        raise _too_large(most)
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(_READ_SECONDS):
            async for part in request.stream():
                size += len(part)
                if size > most:
                    raise _too_large(most)
                parts.append(part)
    except TimeoutError:
        raise RefusedRequestError(408, "the body did not come in time.", "Send it again.") from None
    except ClientDisconnect:
        raise RefusedRequestError(400, "the client hung up.", "Send it again.") from None
    return b"".join(parts)


def _header_key(header: str) -> str | None:
    """The key of an Authorization header: Bearer, or the user part of Basic as Segment's libraries send it."""
    scheme, _, said = header.partition(" ")
    if scheme.lower() == "bearer":
        return said.strip() or None
    if scheme.lower() != "basic":
        return None
    try:
        return base64.b64decode(said.strip(), validate=True).decode().partition(":")[0] or None
    except (binascii.Error, UnicodeDecodeError):
        return None


class _Keyed(msgspec.Struct, rename="camel"):
    write_key: str | None = None
    snake: str | None = msgspec.field(default=None, name="api_key")


def _write_key(body: bytes) -> str | None:
    """The key that stands in the event itself."""
    try:
        found = msgspec.json.decode(body, type=_Keyed)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None
    return found.write_key or found.snake


def _decoded(body: bytes, kind: type[Batch]) -> Batch:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise RefusedRequestError(
            400, f"the body cannot be read ({error}).", 'Send JSON: {"batch": [...], "sentAt": "..."}.'
        ) from None


def _told(endpoint: Callable[[Request], Any]) -> Callable[[Request], Any]:
    """Refusals become answers, and every answer may be read by a page of any origin."""

    async def answered(request: Request) -> Response:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=_CORS)
        try:
            answer: Response = await endpoint(request)
        except RefusedRequestError as error:
            answer = _problem(error)
        return answer

    return answered


def _answer(told: object, status: int = 200, media: str = "application/json", **headers: str) -> Response:
    return Response(msgspec.json.encode(told), status, {**_CORS, **headers}, media)


def _problem(error: RefusedRequestError) -> Response:
    """RFC 9457."""
    titles = {400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 408: "Request Timeout"}
    titles |= {413: "Content Too Large", 429: "Too Many Requests", 503: "Service Unavailable"}
    told: dict[str, Any] = {"type": "about:blank", "title": titles[error.status], "status": error.status}
    told["detail"] = f"{error.found} {error.advice}"
    if error.faults:
        told["faults"] = error.faults
    headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
    if error.status == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="upstep"'
    return _answer(told, error.status, "application/problem+json", **headers)
