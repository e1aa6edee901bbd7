"""GET /v1/accounts/ID/decisions: what is published of an account, sent as it is stored. The API's quickest path.

Plain ASGI, documented by ``web.api.accounts``: a product asks this on its own pages, a thousand times a second.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

from upstep.state.published import Published, PublishedReader, told
from upstep.web.context import Context
from upstep.web.guard import Template
from upstep.web.keyring import Keyring, allowed, secret_of
from upstep.web.problem import Problem, answered

PATH = "/v1/accounts/{account_id}/decisions"
_PATH = re.compile(r"/v1/accounts/([^/]+)/decisions")


class Answer(NamedTuple):
    """What is sent: 200 or 304, the headers that are its own, the body; and whose key asked."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    key_id: str


class Lookup:
    """Stands before the application and answers this one path from one row, read by its key."""

    def __init__(self, app: ASGIApp, context: Context, keyring: Keyring) -> None:
        self._app = app
        self._context = context
        self._keyring = keyring
        self._reader = PublishedReader(context.state)
        self._here = Template(PATH)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a look-up; pass on everything else."""
        found = _PATH.fullmatch(scope["path"]) if scope["type"] == "http" and scope["method"] == "GET" else None
        if found is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = self._here
        try:
            await self._answer(scope, found[1], send)
        except Problem as error:
            await answered(error)(scope, receive, send)

    def at_once(self, account_id: str, headers: Mapping[bytes, bytes]) -> Answer | None:
        """The answer where it can be given without waiting and is what was asked for; None: ask in the ordinary way."""
        if not self._reader.is_quick:
            return None
        secret = secret_of(headers.get(b"authorization", b"").decode("latin-1"))
        key = self._keyring.recent(secret) if secret else None
        if key is None or not key.is_good(self._context.clock()) or not key.may("read"):
            return None
        found = self._reader.read(account_id)
        return found and _answer(account_id, found, headers, key.key_id)

    async def _answer(self, scope: Scope, account_id: str, send: Send) -> None:
        headers = dict(scope["headers"])
        await self._must_be_allowed(scope, headers.get(b"authorization", b"").decode("latin-1"))
        read = self._reader.read
        found = read(account_id) if self._reader.is_quick else await run_in_threadpool(read, account_id)
        if found is None:
            detail = f"Nothing is published of account '{account_id[:100]}'. Is its id right, and does a worker run?"
            raise Problem(404, detail, kind="not-known")
        told = _answer(account_id, found, headers)
        await send({"type": "http.response.start", "status": told.status, "headers": told.headers})
        await send({"type": "http.response.body", "body": told.body})

    async def _must_be_allowed(self, scope: Scope, authorization: str) -> None:
        secret = secret_of(authorization)
        key = self._keyring.recent(secret) if secret else None
        if key is None or not key.is_good(self._context.clock()):
            key = await run_in_threadpool(self._keyring.check, self._context, secret) if secret else None
        allowed(scope, key, "read")


def _answer(account_id: str, found: Published, headers: Mapping[bytes, bytes], key_id: str = "") -> Answer:
    etag = f'"{found.run_id}"'.encode()
    same = headers.get(b"if-none-match") == etag
    body = b"" if same else told(account_id, found)
    own = ((b"content-type", b"application/json"), (b"content-length", b"%d" % len(body)), (b"etag", etag))
    return Answer(304 if same else 200, own, body, key_id)
