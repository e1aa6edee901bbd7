"""A write over HTTP: once under its Idempotency-Key, with a line in the audit."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import msgspec
from fastapi import Depends, Header
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from upstep.errors import UpstepError
from upstep.state import requests
from upstep.state.audit import note
from upstep.state.keys import ApiKey
from upstep.state.session import writing
from upstep.web.context import Context, context_of
from upstep.web.keyring import needs
from upstep.web.problem import MEDIA_TYPE, RETRY_SECONDS, Problem, answered, told

Name = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="A name of your own for this write. Sent again with it, the write is answered and not repeated.",
        examples=["order-4711"],
    ),
]
Done = tuple[int, Mapping[str, Any]]
"""A status and what is answered."""


class Write:
    """One write of one caller."""

    def __init__(self, request: Request, key: ApiKey, name: str | None) -> None:
        self.context: Context = context_of(request)
        self.by = f"key {key.name}"
        self._request = request
        self._key = key
        self._name = name

    def once(self, what: str, subject: str, asked: BaseModel | None, work: Callable[[], Done]) -> Response:
        """Do the work, unless it was done under this name before: then the answer is the same.

        Args:
            what: The deed in a word or two, for the audit.
            subject: What it is done to.
            asked: The request's body.
        """
        if self._name is None:
            return self._worked(what, subject, work)
        before = requests.begin(
            self.context.state, self._key.key_id, self._name, self._digest(asked), now=self.context.clock()
        )
        if before is not None:
            return _again(before)
        try:
            return self._worked(what, subject, work)
        except BaseException:
            requests.give_up(self.context.state, self._key.key_id, self._name)
            raise

    def _worked(self, what: str, subject: str, work: Callable[[], Done]) -> Response:
        status, body, media = 500, b"", "application/json"
        try:
            status, shape = work()
            body = msgspec.json.encode(shape)
        except (Problem, UpstepError) as error:
            found = error if isinstance(error, Problem) else told(error)
            if found.status_code >= 500:
                raise
            answer = answered(found)
            status, body, media = found.status_code, bytes(answer.body), MEDIA_TYPE
        self._keep(what, subject, status, body)
        return Response(body, status, media_type=media)

    def _keep(self, what: str, subject: str, status: int, body: bytes) -> None:
        """The answer and the audit's line, both or neither."""
        now = self.context.clock()
        details = {
            "status": status,
            "key_id": self._key.key_id,
            "request_id": self._request.scope["state"]["request_id"],
        }
        with writing(self.context.state) as connection:
            if status < 400:
                note(connection, f"api {what}", subject=subject, who=self.by, at=now, details=details)
            if self._name is not None:
                text = body.decode()
                requests.end(connection, self._key.key_id, self._name, status=status, body=text, now=now)

    def _digest(self, asked: BaseModel | None) -> str:
        words = (self._request.method, self._request.url.path, self._request.url.query)
        sent = asked.model_dump_json() if asked is not None else ""
        return hashlib.sha256("\n".join([*words, sent]).encode()).hexdigest()


def _again(before: requests.Before) -> Response:
    if not before.is_same:
        detail = "This Idempotency-Key was used for another request. Choose a new one."
        raise Problem(422, detail, kind="idempotency-key-reused")
    if before.status is None:
        detail = "The first request with this Idempotency-Key is still under way. Ask again shortly."
        raise Problem(409, detail, kind="in-flight", headers={"Retry-After": str(RETRY_SECONDS)})
    media = MEDIA_TYPE if before.status >= 400 else "application/json"
    return Response(before.body, before.status, media_type=media, headers={"Idempotency-Replayed": "true"})


def _write(request: Request, key: Annotated[ApiKey, Depends(needs("act"))], name: Name = None) -> Write:
    return Write(request, key, name)


Writes = Annotated[Write, Depends(_write)]
"""A parameter of every route that writes; its key needs the scope act."""
