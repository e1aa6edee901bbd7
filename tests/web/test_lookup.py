"""GET /v1/accounts/ID/decisions: what is published, sent as it is stored."""

from __future__ import annotations

import json

import pytest

from tests.web.asking import Asker
from tests.web.conftest import NOW
from upstep.state.session import writing
from upstep.state.tables import published_decision

BODY = '[{"decision_id":"d1","outcome":"eligible"},{"decision_id":"d2","outcome":"held"}]'


@pytest.fixture
def published(service: Asker) -> Asker:
    row = {"account_id": 'a "b"', "run_id": "run1", "as_of": NOW, "published_at": NOW, "body": BODY}
    with writing(service.app.state.upstep.state) as connection:
        connection.execute(published_decision.insert(), [row, {**row, "account_id": "plain"}])
    return service


def test_decisions_come_as_they_were_published(published: Asker) -> None:
    answer = published.ask("GET", "/v1/accounts/plain/decisions")

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.json() == {
        "account_id": "plain",
        "run_id": "run1",
        "as_of": "2026-11-20T01:00:00Z",
        "published_at": "2026-11-20T01:00:00Z",
        "decisions": json.loads(BODY),
    }


def test_a_strange_id_stays_json(published: Asker) -> None:
    assert published.ask("GET", '/v1/accounts/a "b"/decisions').json()["account_id"] == 'a "b"'


def test_what_the_caller_has_already_is_not_sent_again(published: Asker) -> None:
    first = published.ask("GET", "/v1/accounts/plain/decisions")
    again = published.ask("GET", "/v1/accounts/plain/decisions", headers={"If-None-Match": first.headers["etag"]})

    assert (again.status_code, again.content) == (304, b"")


def test_an_account_of_which_nothing_is_published_is_told(published: Asker) -> None:
    answer = published.ask("GET", "/v1/accounts/nobody/decisions")

    assert (answer.status_code, answer.json()["type"]) == (404, "urn:upstep:not-known")


@pytest.mark.parametrize(("scope", "status"), [("ingest", 403), ("act", 403), ("admin", 200)])
def test_it_needs_a_key_that_may_read(published: Asker, scope: str, status: int) -> None:
    assert published.ask("GET", "/v1/accounts/plain/decisions", scope=scope).status_code == status
    assert published.client.get("/v1/accounts/plain/decisions").status_code == 401


def test_another_method_is_none_of_its_business(published: Asker) -> None:
    assert published.ask("POST", "/v1/accounts/plain/decisions", scope="admin").status_code in (404, 405)
