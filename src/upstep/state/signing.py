"""Signed links: who holds one may do what it says, without a login. They work for years and cannot be made up.

A token is what it says in clear, and a signature over it by a secret that is drawn once and kept in state; so a link
survives a new configuration, a restart and a restored backup.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from upstep.state.session import reading, writing
from upstep.state.tables import signing_key

TOKEN_LENGTH_MAX = 1_000
_SIGNATURE_BYTES = 20


def signing_secret(engine: sa.Engine, name: str, *, now: datetime) -> bytes:
    """The secret of that name, drawn when it is first asked for; of several that ask at once the first one's stands."""
    found = _read(engine, name)
    if found is None:
        insert = postgresql.insert if engine.dialect.name == "postgresql" else sqlite.insert
        drawn = {"name": name, "secret": secrets.token_hex(32), "made_at": now}
        with writing(engine) as connection:
            connection.execute(insert(signing_key).values(**drawn).on_conflict_do_nothing())
        found = _read(engine, name)
        assert found is not None, "a key that was just written"
    return bytes.fromhex(found)


def _read(engine: sa.Engine, name: str) -> str | None:
    with reading(engine) as connection:
        found: str | None = connection.execute(
            sa.select(signing_key.c.secret).where(signing_key.c.name == name)
        ).scalar()
    return found


def sign(secret: bytes, *parts: str) -> str:
    """A token for an address: the parts, and a signature that only who has the secret can make.

    >>> read_token(b"k" * 32, sign(b"k" * 32, "ann", "sales"), parts=2)
    ('ann', 'sales')
    """
    body = _text(json.dumps(parts, separators=(",", ":"), ensure_ascii=False).encode())
    return f"{body}.{_signature(secret, body)}"


def read_token(secret: bytes, token: str, *, parts: int) -> tuple[str, ...] | None:
    """What a token says; None when it was not signed by us, or says something else than so many parts.

    >>> read_token(b"k" * 32, sign(b"other" * 8, "ann"), parts=1) is None
    True
    """
    body, _, signature = token.partition(".")
    if len(token) > TOKEN_LENGTH_MAX or not token.isascii():
        return None
    if not hmac.compare_digest(signature, _signature(secret, body)):
        return None
    try:
        said = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (binascii.Error, ValueError):
        return None
    return tuple(said) if _is_said(said, parts) else None


def _is_said(said: object, parts: int) -> bool:
    return isinstance(said, Sequence) and len(said) == parts and all(isinstance(part, str) for part in said)


def _signature(secret: bytes, body: str) -> str:
    return _text(hmac.new(secret, body.encode(), hashlib.sha256).digest()[:_SIGNATURE_BYTES])


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
