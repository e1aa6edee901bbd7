"""The server's protocol, with a shorter way for look-ups: an answer that stands in one row is written at once.

It also bounds what stands before a request's body, which the server itself reads without end: how long it is, and how
long it takes to come.

The ordinary way makes a scope, a task and two writes for each request, which costs several times the look-up itself.
Only what is plainly a look-up and will be answered with 200 or 304 goes the shorter one; whatever is odd or refused
goes the ordinary way, so errors and limits are told in one place.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from upstep.web.guard import request_id
from upstep.web.logs import log_request
from upstep.web.lookup import PATH

if TYPE_CHECKING:
    from upstep.web.guard import Guard
    from upstep.web.lookup import Answer, Lookup
    from upstep.web.metrics import Metrics

HEAD_MOST = 64 * 1024
"""Bytes of a request's line and headers; the piece in which they end is read whole."""

HEAD_SECONDS = 30.0
"""So long they may take to come."""

_URL = re.compile(rb"/v1/accounts/([A-Za-z0-9._~-]+)/decisions")
_LONGER = frozenset((b"content-length", b"transfer-encoding", b"expect", b"upgrade"))


class Shortcut:
    """Answers a look-up with all that the guard adds, as the bytes that are sent.

    Args:
        lookup: Who finds.
        guard: Whose headers every answer carries.
        metrics: Where it is counted.
    """

    def __init__(self, lookup: Lookup, guard: Guard, metrics: Metrics) -> None:
        self._lookup = lookup
        self._metrics = metrics
        self._head = _lines(guard.headers)

    def answer(self, account_id: str, headers: Sequence[tuple[bytes, bytes]], *, also: bytes) -> bytes | None:
        """The whole answer, logged and counted; None: it is to be asked in the ordinary way.

        Args:
            headers: The request's, names in small letters.
            also: Headers of the server itself.
        """
        begun = time.perf_counter()
        found = self._lookup.at_once(account_id, dict(headers))
        if found is None:
            return None
        name = request_id(headers)
        self._tell(found, {"request_id": name.decode(), "key_id": found.key_id}, time.perf_counter() - begun)
        own = b"%bx-request-id: %b\r\n\r\n" % (_lines(found.headers), name)
        return b"".join((STATUS_LINE[found.status], also, self._head, own, found.body))

    def _tell(self, found: Answer, asked: Mapping[str, Any], seconds: float) -> None:
        self._metrics.answered(PATH, "GET", found.status, seconds)
        log_request("GET", PATH, found.status, seconds, asked=asked)


def _lines(headers: Sequence[tuple[bytes, bytes]]) -> bytes:
    return b"".join(b"%b: %b\r\n" % pair for pair in headers)


class Doorway(HttpToolsProtocol):
    """One connection. The application says by ``shortcut`` that it has one; any other is served as by uvicorn."""

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        has_one = getattr(self.config.app, "shortcut", None)
        self._shortcut: Shortcut | None = has_one() if has_one else None
        self._asked_for: str | None = None
        self._stamp: tuple[Any, bytes] = (None, b"")
        self._heads = 0
        self._head_bytes = 0
        self._is_head = True
        self._head_ends: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Somebody is there, and has so long to say what they want."""
        super().connection_made(transport)
        self._head_ends = self.loop.call_later(HEAD_SECONDS, self._head_is_late)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is there any more."""
        self._no_head_ends()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """A piece of a request: headers that go on and on are cut off."""
        before, was_head = self._heads, self._is_head
        super().data_received(data)
        if not (was_head and self._is_head and before == self._heads):
            self._head_bytes = 0
            return
        self._head_bytes += len(data)
        if self._head_bytes > HEAD_MOST:
            self._refuse(431, f"The request's headers have more than {HEAD_MOST:,} bytes.")
        elif self._head_ends is None and not self.transport.is_closing():
            self._head_ends = self.loop.call_later(HEAD_SECONDS, self._head_is_late)

    def _head_is_late(self) -> None:
        self._head_ends = None
        self._refuse(408, "The request's headers did not come in time.")

    def _refuse(self, status: int, told: str) -> None:
        """Say why and hang up; while an earlier request is being answered, hang up alone."""
        self._no_head_ends()
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete:
            own = b"content-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(
                told
            )
            self.transport.write(b"".join((STATUS_LINE[status], self._stamped(), own, told.encode())))
        self.transport.close()

    def _no_head_ends(self) -> None:
        if self._head_ends is not None:
            self._head_ends.cancel()
            self._head_ends = None

    def on_headers_complete(self) -> None:
        """A look-up waits for its last byte, everything else begins now."""
        self._heads += 1
        self._is_head = False
        self._no_head_ends()
        self._asked_for = self._account()
        if self._asked_for is None:
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._is_head = True
        if self._asked_for is not None:
            account_id, self._asked_for = self._asked_for, None
            if self._is_answered(account_id):
                return
            super().on_headers_complete()
        super().on_message_complete()

    def _account(self) -> str | None:
        """Whose decisions are asked for, where nothing else is on its way on this connection; None: another request."""
        found = _URL.fullmatch(self.url)
        if found is None or self._shortcut is None or self.root_path:
            return None
        parser, is_free = self.parser, self.cycle is None or self.cycle.response_complete
        is_plain = parser.get_method() == b"GET" and parser.get_http_version() == "1.1" and parser.should_keep_alive()
        if not (is_free and is_plain) or self.flow.write_paused or self.transport.is_closing():
            return None
        return None if any(name in _LONGER for name, _ in self.headers) else found[1].decode()

    def _is_answered(self, account_id: str) -> bool:
        assert self._shortcut is not None, "asked only where there is one"
        told = self._shortcut.answer(account_id, self.headers, also=self._stamped())
        if told is None:
            return False
        self.transport.write(told)
        self.server_state.total_requests += 1
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)
        return True

    def _stamped(self) -> bytes:
        """The server's own headers; uvicorn puts others in their place when a second has passed."""
        said = self.server_state.default_headers
        if self._stamp[0] is not said:
            self._stamp = said, _lines(said)
        return self._stamp[1]
