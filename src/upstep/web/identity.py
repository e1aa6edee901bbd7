"""Who is looking: the short-lived token that the host's server signs, checked before anything is said.

A JWT by HS256 with ``aud`` "upstep", ``sub`` (the contact), ``account`` and ``exp``, at most an hour ahead.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from upstep.clock import to_seconds
from upstep.errors import ConfigError, Fault, UpstepError

AUDIENCE = "upstep"
LASTS_AT_MOST = timedelta(hours=1)
LEEWAY = timedelta(seconds=30)
"""How far two servers' clocks may be apart."""

SECRET_BYTES_MIN = 32
TOKEN_LENGTH_MAX = 4_096
ID_LENGTH_MAX = 200


class TokenRefusedError(UpstepError):
    """The token does not say who is looking. The text is for whoever writes the host's server; it holds no secret."""


@dataclass(frozen=True)
class Identity:
    """Who a token names, and until when."""

    account_id: str
    contact_id: str
    expires_at: int


def check_secret(secret: str) -> str:
    """The secret, if it is long enough to sign with.

    Raises:
        ConfigError: It is not.
    """
    if len(secret.encode()) < SECRET_BYTES_MIN:
        found = f"has {len(secret.encode())} bytes; a signature needs at least {SECRET_BYTES_MIN}."
        raise ConfigError(Fault("serve.token_secret", found, "Make one: openssl rand -hex 32."))
    return secret


def read_token(token: str, *, secret: str, now: datetime) -> Identity:
    """Whom the token names.

    Raises:
        TokenRefusedError: It is forged, of another algorithm, not for us, expired, too long-lived, or incomplete.
        ConfigError: PyJWT is not installed.
    """
    try:
        import jwt
    except ImportError as error:
        raise ConfigError(Fault("the widget", "needs PyJWT.", "pip install 'upstep[serve]'")) from error
    if len(token) > TOKEN_LENGTH_MAX:
        raise TokenRefusedError(f"the token is longer than {TOKEN_LENGTH_MAX} characters")
    try:
        # The times are checked below, against the instant that was handed in.
        claims = jwt.decode(
            token,
            secret,
            algorithms=["HS256"],
            audience=AUDIENCE,
            options={
                "require": ["aud", "sub", "account", "exp"],
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
            },
        )
    except jwt.PyJWTError as error:
        raise TokenRefusedError(f"the token was refused: {error}") from error
    _check_times(claims, at=to_seconds(now))
    return Identity(_name(claims, "account"), _name(claims, "sub"), claims["exp"])


def sign_token(account_id: str, contact_id: str, *, secret: str, now: datetime, lasts: timedelta) -> str:
    """A token as a host's server makes it: for the demo and for tests."""
    import jwt

    at = to_seconds(now)
    claims = {"aud": AUDIENCE, "sub": contact_id, "account": account_id, "iat": at}
    return jwt.encode(claims | {"exp": at + int(lasts.total_seconds())}, secret, algorithm="HS256")


def _check_times(claims: dict[str, Any], *, at: int) -> None:
    leeway = int(LEEWAY.total_seconds())
    expires = _seconds(claims, "exp")
    if expires <= at - leeway:
        raise TokenRefusedError("the token has expired: sign a new one")
    if expires > at + int(LASTS_AT_MOST.total_seconds()) + leeway:
        raise TokenRefusedError("the token lasts longer than an hour: sign it with exp at most 3600 s ahead")
    for name in ("iat", "nbf"):
        if name in claims and _seconds(claims, name) > at + leeway:
            raise TokenRefusedError(f"the token's {name} lies ahead: are both servers' clocks right?")


def _seconds(claims: dict[str, Any], name: str) -> int:
    value = claims[name]
    if not isinstance(value, int) or isinstance(value, bool):
        raise TokenRefusedError(f"the token's {name} is no whole number of seconds")
    return value


def _name(claims: dict[str, Any], name: str) -> str:
    value = claims[name]
    if not isinstance(value, str) or not 0 < len(value) <= ID_LENGTH_MAX or not value.isprintable():
        raise TokenRefusedError(f"the token's {name} is no text of 1 to {ID_LENGTH_MAX} characters that can be printed")
    return value
