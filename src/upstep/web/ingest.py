"""Events come in: the requests that Segment's, RudderStack's and PostHog's client libraries make.

An event that was answered with 200 is on the disk. What is asked before anything is parsed: is the inbox deep, does the
key fit, is the body small. Neither content-type nor content-encoding is believed: libraries label gzip as a form, and
browsers send JSON as text.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import sqlalchemy as sa
import structlog
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from upstep.engine.intake.arriving import (
    Batch,
    PostHogBatch,
    RefusedEventError,
    decode_event,
    faults_of,
    read_event,
    read_posthog,
    without_token,
)
from upstep.errors import OutsideError, UpstepError
from upstep.state.inbox import Added, Inbox, Received
from upstep.state.keys import ApiKey, note_page
from upstep.web.context import Context
from upstep.web.guard import Template, too_large
from upstep.web.keyring import Keyring, note, secret_of
from upstep.web.problem import HANDLERS, Problem, answered, problem
from upstep.web.speaking import HEADER, Speaker, UnprovenError

BODY_BYTES_MOST = 500 * 1024
EVENTS_MOST = 5_000
DEPTH_MOST = 1_000_000
"""So many events may wait; then clients are asked to come back later, which their libraries do by themselves."""

RETRY_SECONDS = 10
_READ_SECONDS = 30
_DEPTH_SECONDS = 0.5
_TELL_SECONDS = 60
_FAULTS_SHOWN = 100
_FOR_PAGES = (
    "Make one with 'upstep keys make NAME --scope browser', and revoke this one: whoever opens the page has it."
)
_GZIP = b"\x1f\x8b"
_CORS = {
    # Without credentials: what lets an event in is its key, never a cookie.
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    # x-retry-count: Segment's library for browsers says so what it sends again.
    "Access-Control-Allow-Headers": (
        f"authorization, content-type, content-encoding, anonymousid, x-retry-count, {HEADER}"
    ),
    "Access-Control-Max-Age": "86400",
    "Cross-Origin-Resource-Policy": "cross-origin",
}
_BATCHES = ("batch", "import", "b")
_SHORT = {"t": "track", "i": "identify", "g": "group", "p": "page", "s": "screen", "a": "alias"}
_POSTHOG_PATHS = ("/batch", "/batch/", "/e", "/e/", "/capture", "/capture/", "/i/v0/e", "/i/v0/e/")


@dataclass
class Intake:
    """The door: asks in the order of what it costs, and remembers for moments what it was answered.

    Args:
        served: The service; it has an inbox.
        depth_most: See ``DEPTH_MOST``.
        turned_away: Requests that were asked to come back later, since the start.
    """

    served: Context
    depth_most: int = DEPTH_MOST
    turned_away: int = 0
    _keyring: Keyring = field(default_factory=Keyring)
    _depth: tuple[float, int] = (0.0, 0)
    _in_hand: int = 0
    _told_of: dict[str, float] = field(default_factory=dict)

    @property
    def inbox(self) -> Inbox:
        """Where events wait."""
        assert self.served.inbox is not None, "a service without an inbox has no such paths"
        inbox: Inbox = self.served.inbox
        return inbox

    async def segment(self, request: Request) -> Response:
        """POST of a batch or of one event, in Segment's shape."""
        path = request.url.path.rstrip("/").rpartition("/")[2]
        kind, is_batch = _SHORT.get(path, path), path in _BATCHES
        body, key = await self._asked(request)
        batch = _decoded(body, Batch) if is_batch else Batch([msgspec.Raw(body)])
        secret = key or batch.write_key or (None if is_batch else _write_key(body))
        is_public = await self._is_public(request, secret)
        now = self.served.clock()
        # A path of one event says what it is; in a batch each says so itself.
        of_path = "" if is_batch else kind
        return await self._take(
            batch.batch,
            lambda raw: read_event(raw, sent_at=batch.sent_at, received_at=now, kind=of_path),
            speaker=self._speaker(request) if is_public else None,
        )

    async def posthog(self, request: Request) -> Response:
        """POST of a batch or of one event, in PostHog's shape."""
        body, key = await self._asked(request)
        try:
            batch = msgspec.json.decode(body, type=PostHogBatch)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            batch = PostHogBatch([msgspec.Raw(body)], _write_key(body))
        is_public = await self._is_public(request, batch.api_key or key)
        now = self.served.clock()
        return await self._take(
            batch.batch,
            lambda raw: read_posthog(raw, sent_at=batch.sent_at, received_at=now),
            speaker=self._speaker(request) if is_public else None,
        )

    async def settings(self, request: Request) -> Response:
        """What a browser's library asks first; without ``Segment.io`` in it, it would send nothing."""
        key = request.path_params["key"]
        await self._must_know(request, key)
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
        key = secret_of(request.headers.get("authorization", ""))
        if key is not None:
            await self._must_know(request, key)
        return plain(await _read_body(request)), key

    async def _must_have_room(self) -> None:
        known_at, depth = self._depth
        now = time.monotonic()
        if now - known_at > _DEPTH_SECONDS:
            # Set before it is asked, so that one request asks and not all that come meanwhile.
            self._depth = (now, depth)
            depth = await run_in_threadpool(self.inbox.depth)
            self._depth = (now, depth)
        if depth + self._in_hand >= self.depth_most:
            self.turned_away += 1
            told = f"{depth:,} events wait to be worked on. Send again after some seconds."
            raise Problem(429, told, kind="inbox-deep", headers={"Retry-After": str(RETRY_SECONDS)})

    async def _is_public(self, request: Request, secret: str | None) -> bool:
        """Whether the events are a page's: its key is for pages, or a page sends it all the same."""
        key = await self._must_know(request, secret)
        if key.is_public:
            return True
        origin = request.headers.get("origin")
        if origin is not None:
            await self._tell_of_page(key, origin)
        return origin is not None

    async def _tell_of_page(self, key: ApiKey, origin: str) -> None:
        """Keep that a page sent a server's key, at most once a minute; its first time is logged too."""
        at, before = time.monotonic(), self._told_of.get(key.key_id)
        if before is not None and at - before < _TELL_SECONDS:
            return
        self._told_of[key.key_id] = at
        with contextlib.suppress(OutsideError):  # the events are kept all the same; the next minute's may be noted
            await run_in_threadpool(note_page, self.served.state, key.key_id, origin, self.served.clock())
        if before is None:
            structlog.get_logger().warning("a page sends a server's key", key_id=key.key_id, advice=_FOR_PAGES)

    async def _must_know(self, request: Request, secret: str | None) -> ApiKey:
        if not secret:
            raise _no_key("The request carries no write key.")
        key = self._keyring.recent(secret) or await run_in_threadpool(self._keyring.check, self.served, secret)
        if key is None:
            raise _no_key("The write key is not known, or no longer good.")
        note(request.scope, key)
        if not (key.may("ingest") or key.may("browser")):
            told = "This key may not send events. Use a key of scope 'ingest', in a page one of scope 'browser'."
            raise Problem(403, told, kind="scope")
        return key

    def _speaker(self, request: Request) -> Speaker:
        return Speaker(self.served, request.headers.get(HEADER))

    async def _take(
        self, raws: Sequence[msgspec.Raw], read: Callable[[bytes], Received], *, speaker: Speaker | None
    ) -> Response:
        """Keep the events of a request; with a ``speaker`` they are a page's."""
        if len(raws) > EVENTS_MOST:
            raise Problem(413, f"The batch has {len(raws):,} events, more than {EVENTS_MOST:,}. Send smaller batches.")
        good: list[Received] = []
        errors: list[tuple[int, RefusedEventError]] = []
        unproven: list[tuple[int, UnprovenError]] = []
        for index, raw in enumerate(raws):
            body, token = without_token(raw)
            try:
                event = read(body)
            except RefusedEventError as error:
                errors.append((index, error))
                continue
            try:
                good.append(event if speaker is None else _of_page(event, token, speaker))
            except UnprovenError as error:
                good.append(event._replace(is_public=True))
                unproven.append((index, error))
        self._count("refused", len(errors))
        shown = faults_of(errors[:_FAULTS_SHOWN])
        if errors and not good:
            told = f"None of {len(raws)} events can be taken; 'faults' says of each why."
            raise Problem(400, told, kind="events-refused", faults=shown)
        added = await self._write(good)
        self._count("accepted", added.accepted)
        self._count("repeated", added.repeated)
        answer = {"success": True, "status": 1, "accepted": added.accepted, "repeated": added.repeated}
        wrong = {"refused": len(errors), "faults": shown, "unproven": faults_of(unproven[:_FAULTS_SHOWN])}
        return _answer({**answer, **wrong})

    async def _write(self, events: Sequence[Received]) -> Added:
        """Wait for the commit. A client that hangs up meanwhile sends again, and its events are known then."""
        self._in_hand += len(events)
        try:
            return await asyncio.wrap_future(self.inbox.submit(events))
        finally:
            self._in_hand -= len(events)

    def _count(self, result: str, events: int) -> None:
        if events:
            self.served.metrics.events.labels(result).inc(events)


def ingest_app(served: Context, *, depth_most: int = DEPTH_MOST) -> Starlette:
    """The paths that client libraries send to, as an app of its own."""
    return Starlette(routes=routes(Intake(served, depth_most)), exception_handlers=dict(HANDLERS))


def routes(intake: Intake) -> list[Route]:
    """Where libraries send to; ``Intake`` answers."""
    kinds = (*_BATCHES, *_SHORT, *_SHORT.values())
    return [
        _route("GET", "/v1/projects/{key}/settings", intake.settings),
        *[_route("POST", f"/v1/{kind}", intake.segment) for kind in kinds],
        *[_route("POST", path, intake.posthog) for path in _POSTHOG_PATHS],
    ]


def _of_page(event: Received, token: str | None, speaker: Speaker) -> Received:
    """A page's event, with the account for which its person is proven to speak.

    Raises:
        UnprovenError: A token came and does not prove it.
    """
    return event._replace(is_public=True, proven_account=speaker.account(decode_event(event.body), token))


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
        raise Problem(400, f"The body is damaged gzip ({error}). Send it again.") from None
    if len(unpacked) > most:
        raise too_large(most)
    if not unpacking.eof:
        raise Problem(400, "The body is gzip that was cut off. Send it again.")
    return unpacked


def _no_key(found: str) -> Problem:
    # Basic would make browsers ask their user for a password.
    headers = {"WWW-Authenticate": 'Bearer realm="upstep"'}
    return Problem(401, f"{found} 'upstep keys make --scope ingest' makes one.", kind="no-key", headers=headers)


async def _read_body(request: Request, most: int = BODY_BYTES_MOST) -> bytes:
    said = request.headers.get("content-length", "")
    if said.isdecimal() and int(said) > most:
        raise too_large(most)
    parts: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(_READ_SECONDS):
            async for part in request.stream():
                size += len(part)
                if size > most:
                    raise too_large(most)
                parts.append(part)
    except TimeoutError:
        raise Problem(408, "The body did not come in time. Send it again.") from None
    except ClientDisconnect:
        raise Problem(400, "The client hung up.") from None
    return b"".join(parts)


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
        told = f'The body cannot be read ({error}). Send JSON: {{"batch": [...], "sentAt": "..."}}.'
        raise Problem(400, told) from None


def _route(method: str, path: str, endpoint: Callable[[Request], Any]) -> Route:
    """Refusals become answers, and every answer may be read by a page of any origin."""
    template = Template(path)

    async def readable(request: Request) -> Response:
        request.scope["route"] = template
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=_CORS)
        try:
            answer: Response = await endpoint(request)
        except Problem as error:
            answer = answered(error)
        except (UpstepError, sa.exc.SQLAlchemyError) as error:
            structlog.get_logger().warning("events not kept", error=type(error).__name__, told=str(error)[:500])
            told = "The events could not be kept. Send again after some seconds."
            answer = problem(503, told, kind="not-kept", headers={"Retry-After": str(RETRY_SECONDS)})
        answer.headers.update(_CORS)
        return answer

    return Route(path, readable, methods=[method, "OPTIONS"])


def _answer(told: object) -> Response:
    return Response(msgspec.json.encode(told), media_type="application/json")
