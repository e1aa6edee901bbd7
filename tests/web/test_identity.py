"""The token that says who is looking: what is accepted, and all that is refused."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest

from upstep.clock import to_seconds
from upstep.errors import ConfigError
from upstep.web.identity import Identity, TokenRefusedError, check_secret, read_token, sign_token

NOW = datetime(2026, 4, 16, 12, tzinfo=UTC)
AT = to_seconds(NOW)
SECRET = "a-secret-of-the-tests-that-is-long-enough"  # noqa: S105 - of the tests
GOOD = {"aud": "upstep", "sub": "ana", "account": "acme", "exp": AT + 600}


def signed(secret: str = SECRET, algorithm: str = "HS256", **claims: Any) -> str:
    told = {name: value for name, value in (GOOD | claims).items() if value is not None}
    return jwt.encode(told, secret, algorithm=algorithm)


def test_a_token_of_the_host_names_the_account_and_the_person() -> None:
    assert read_token(signed(), secret=SECRET, now=NOW) == Identity("acme", "ana", AT + 600)
    made = sign_token("acme", "ana", secret=SECRET, now=NOW, lasts=timedelta(minutes=10))
    assert read_token(made, secret=SECRET, now=NOW).contact_id == "ana"


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"aud": None}, "aud"),
        ({"sub": None}, "sub"),
        ({"account": None}, "account"),
        ({"exp": None}, "exp"),
        ({"aud": "another"}, "udience"),
        ({"exp": AT - 31}, "expired"),
        ({"exp": AT + 3_700}, "longer than an hour"),
        ({"exp": "soon"}, "whole number"),
        ({"iat": AT + 60}, "iat lies ahead"),
        ({"nbf": AT + 60}, "nbf lies ahead"),
        ({"account": 7}, "account is no text"),
        ({"account": ""}, "account is no text"),
        ({"account": "a" * 201}, "account is no text"),
        ({"account": "acme\0"}, "account is no text"),
        ({"sub": "ana\r\nx"}, "sub is no text"),
        ({"sub": "\ud800"}, "sub is no text"),
    ],
)
def test_a_token_that_does_not_say_who_is_looking_is_refused_with_the_reason(claims: dict[str, Any], why: str) -> None:
    with pytest.raises(TokenRefusedError, match=why):
        read_token(signed(**claims), secret=SECRET, now=NOW)


def test_clocks_may_be_half_a_minute_apart() -> None:
    for claims in ({"exp": AT - 29}, {"iat": AT + 29}, {"exp": AT + 3_629}):
        assert read_token(signed(**claims), secret=SECRET, now=NOW)


def test_another_secret_another_algorithm_and_none_are_refused() -> None:
    def part(told: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(told).encode()).rstrip(b"=").decode()

    head, body, _ = signed().split(".")
    forged = [
        signed("another-secret-that-is-also-long-enough"),
        signed(SECRET * 2, algorithm="HS512"),
        f"{part({'alg': 'none', 'typ': 'JWT'})}.{body}.",
        f"{head}.{part(GOOD | {'account': 'globex'})}.{signed().split('.')[2]}",
        f"{head}.{body}.",
        "not a token",
        "a" * 5_000,
    ]
    for token in forged:
        with pytest.raises(TokenRefusedError):
            read_token(token, secret=SECRET, now=NOW)


def test_a_refusal_repeats_neither_the_secret_nor_the_token() -> None:
    token = signed("another-secret-that-is-also-long-enough")
    with pytest.raises(TokenRefusedError) as caught:
        read_token(token, secret=SECRET, now=NOW)
    assert SECRET not in str(caught.value)
    assert token not in str(caught.value)


def test_a_short_secret_is_refused_before_it_signs_anything() -> None:
    with pytest.raises(ConfigError, match="openssl rand -hex 32"):
        check_secret("too short")
