"""Who may ask: missing, wrong, ended keys and those that lack a scope."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Annotated

import pytest
from fastapi import Depends

from tests.web.asking import Asker
from upstep.state import keys
from upstep.state.keys import ApiKey
from upstep.state.session import writing
from upstep.web.keyring import Keyring, needs, secret_of


@pytest.fixture
def guarded(service: Asker) -> Asker:
    @service.app.get("/guarded")
    def route(key: Annotated[ApiKey, Depends(needs("act"))]) -> str:
        return key.name

    service.app.state.keyring = Keyring(known_seconds=0)
    return service


def test_a_request_without_a_good_key_is_told_how_to_get_one(guarded: Asker) -> None:
    known = guarded.keys["act"]
    wrong = ("", "Bearer", "Bearer nonsense", f"Bearer {known}x", f"Token {known}", "Basic !!!", "Basic ééé")
    for sent in wrong:
        headers = [(b"authorization", sent.encode("latin-1"))] if sent else []
        answer = guarded.client.get("/guarded", headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (401, "urn:upstep:no-key"), sent
        assert answer.headers["www-authenticate"].startswith("Bearer")
        assert "upstep keys make" in answer.json()["detail"]


def test_a_key_comes_as_bearer_or_as_the_user_name_that_sdks_send(guarded: Asker) -> None:
    basic = base64.b64encode(f"{guarded.keys['act']}:".encode()).decode()

    assert guarded.ask("GET", "/guarded", scope="act").json() == "act"
    assert guarded.client.get("/guarded", headers={"authorization": f"Basic {basic}"}).json() == "act"


def test_a_key_without_the_scope_is_refused_and_admin_has_every_scope(guarded: Asker) -> None:
    refused = [guarded.ask("GET", "/guarded", scope=scope) for scope in ("read", "ingest")]

    assert [one.status_code for one in refused] == [403, 403]
    assert "lacks the scope 'act'" in refused[0].json()["detail"]
    assert guarded.ask("GET", "/guarded", scope="admin").status_code == 200


def test_a_revoked_and_an_expired_key_are_refused(guarded: Asker) -> None:
    state, now = guarded.app.state.upstep.state, guarded.clock.now
    with writing(state) as connection:
        keys.revoke_key(connection, guarded.keys["act"].split("_")[1], by="test", now=now)
        _, short = keys.make_key(
            connection, "short", ["act"], by="test", now=now, expires_at=now + timedelta(minutes=1)
        )
    guarded.keys["short"] = short

    assert guarded.ask("GET", "/guarded", scope="act").status_code == 401
    assert guarded.ask("GET", "/guarded", scope="short").status_code == 200
    guarded.clock.now += timedelta(minutes=1)
    assert guarded.ask("GET", "/guarded", scope="short").status_code == 401


def test_a_key_that_expires_is_refused_although_it_was_seen_a_moment_ago(guarded: Asker) -> None:
    state, now = guarded.app.state.upstep.state, guarded.clock.now
    guarded.app.state.keyring = Keyring(known_seconds=60)
    with writing(state) as connection:
        made = keys.make_key(connection, "short", ["act"], by="test", now=now, expires_at=now + timedelta(minutes=1))
    guarded.keys["short"] = made[1]

    assert guarded.ask("GET", "/guarded", scope="short").status_code == 200
    guarded.clock.now += timedelta(minutes=1)
    assert guarded.ask("GET", "/guarded", scope="short").status_code == 401


def test_a_header_that_is_no_key_holds_none() -> None:
    assert [secret_of(text) for text in ("", "ups_x", "Basic !!", "Digest x")] == [None] * 4
    assert secret_of("bearer  ups_x ") == "ups_x"
