"""Who asks: the key of a request, and whether it may. Keys are checked anew after a second, so revoking is quick."""

from __future__ import annotations

import base64
import binascii
import hashlib
import time
from collections.abc import Callable
from typing import Annotated

from fastapi import Security
from fastapi.openapi.models import HTTPBase
from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection, Request
from starlette.types import Scope

from upstep.state.keys import ApiKey, check_key
from upstep.web.context import Context, context_of
from upstep.web.problem import Problem

KNOWN_SECONDS = 1.0
"""For so long a key that was good is believed without looking."""

_KNOWN_MOST = 1_000


class _Shown(SecurityBase):
    """A way to send a key, for the documentation; ``key_of`` reads it."""

    def __init__(self, name: str, scheme: str, description: str) -> None:
        self.scheme_name = name
        self.model = HTTPBase(scheme=scheme, description=description)

    async def __call__(self) -> None:
        """Nothing: a wrong one is told as a missing one is."""


_bearer = _Shown("key", "bearer", "A key that `upstep keys make` printed.")
_basic = _Shown("write_key", "basic", "The same key as the user name, as client libraries send it.")


class Keyring:
    """The keys that were seen within the last second."""

    def __init__(self, *, known_seconds: float = KNOWN_SECONDS) -> None:
        self._known: dict[bytes, tuple[float, ApiKey]] = {}
        self._seconds = known_seconds

    def recent(self, secret: str) -> ApiKey | None:
        """A key that was good a moment ago; no look into the state."""
        found = self._known.get(_name(secret))
        return found[1] if found and time.perf_counter() < found[0] else None

    def check(self, context: Context, secret: str) -> ApiKey | None:
        """The good key that this is; None when there is none."""
        now = context.clock()
        recent = self.recent(secret)
        if recent is not None and recent.is_good(now):
            return recent
        key = check_key(context.state, secret, now)
        if key is not None:
            if len(self._known) >= _KNOWN_MOST:
                self._known.clear()
            self._known[_name(secret)] = (time.perf_counter() + self._seconds, key)
        return key


def _name(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def key_of(request: HTTPConnection, scope: str) -> ApiKey:
    """The key that a request carries, as Bearer or as the user name of Basic.

    Raises:
        Problem: 401 without a good key; 403 when it lacks the scope.
    """
    secret = secret_of(request.headers.get("authorization", ""))
    key = request.app.state.keyring.check(context_of(request), secret) if secret else None
    return allowed(request.scope, key, scope)


def allowed(asked: Scope, key: ApiKey | None, scope: str) -> ApiKey:
    """The key when it carries the scope.

    Raises:
        Problem: As ``key_of`` says.
    """
    if key is None:
        detail = "A good key is missing. Send 'Authorization: Bearer ups_…'; 'upstep keys make' makes one."
        raise Problem(401, detail, kind="no-key", headers={"WWW-Authenticate": 'Bearer realm="upstep"'})
    note(asked, key)
    if not key.may(scope):
        detail = f"This key lacks the scope '{scope}'. Make one that has it: upstep keys make --scope {scope}."
        raise Problem(403, detail, kind="scope")
    return key


def note(asked: Scope, key: ApiKey) -> None:
    """Keep whose key a request carries, for its line in the log."""
    asked.setdefault("state", {})["key_id"] = key.key_id


def secret_of(authorization: str) -> str | None:
    """The key in a header ``Authorization``; None when it holds none."""
    kind, _, value = authorization.partition(" ")
    if kind.lower() == "bearer":
        return value.strip()
    if kind.lower() == "basic":
        try:
            return base64.b64decode(value, validate=True).decode().partition(":")[0]
        except (binascii.Error, ValueError):
            return None
    return None


def needs(scope: str) -> Callable[..., ApiKey]:
    """A dependency: the caller's key, which must carry the scope."""

    def key(
        request: Request,
        _b: Annotated[None, Security(_bearer)] = None,
        _u: Annotated[None, Security(_basic)] = None,
    ) -> ApiKey:
        return key_of(request, scope)

    return key
