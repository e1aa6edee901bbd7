"""Writes over the API: done once under their key, noted, and told as they are."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
import sqlalchemy as sa

from tests.cli.schemas import faults
from tests.web.asking import Asker
from upstep.errors import Fault, SourceError
from upstep.state import requests, tables
from upstep.state.session import reading, writing

ACCOUNT = "lumenbrook-software"


def audited(service: Asker) -> Sequence[sa.Row[Any]]:
    with reading(service.app.state.upstep.state) as connection:
        found = sa.select(tables.audit).where(tables.audit.c.what.like("api %")).order_by(tables.audit.c.audit_id)
        return connection.execute(found).all()


def opened(service: Asker, account_id: str = ACCOUNT) -> dict[str, Any]:
    answer = service.ask("POST", f"/v1/accounts/{account_id}/offers", scope="act")
    assert answer.status_code == 200, answer.text
    assert faults(answer.json(), "offers") == []
    return dict(answer.json()["offers"][0])


def test_a_yes_to_another_price_than_the_offers_is_refused(service: Asker) -> None:
    path = f"/v1/offers/{opened(service)['offer_id']}"
    answer = service.ask("POST", f"{path}/accept", scope="act", json={"quote_id": "q_of_yesterday"})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:upstep:not-as-shown")
    assert service.ask("GET", path).json()["status"] == "open"


@pytest.mark.slow
@pytest.mark.parametrize("fault", [SourceError(Fault("usage", "cannot be read.")), OSError(28, "No space left")])
def test_a_yes_that_cannot_be_read_back_is_told_as_applied(
    service: Asker, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise fault

    path = f"/v1/offers/{opened(service)['offer_id']}"
    monkeypatch.setattr("upstep.engine.quoting.settling.reconcile", fail)
    answer = service.ask("POST", f"{path}/accept", scope="act")
    assert (answer.status_code, answer.json()["result"], answer.json()["converted"]) == (200, "applied", [])


@pytest.mark.slow
def test_an_offer_is_opened_accepted_once_and_converted(service: Asker) -> None:
    offer = opened(service)
    path = f"/v1/offers/{offer['offer_id']}"
    named = {"Idempotency-Key": "order-1"}

    first = service.ask("POST", f"{path}/accept", scope="act", json={"by": "ann"}, headers=named)
    again = service.ask("POST", f"{path}/accept", scope="act", json={"by": "ann"}, headers=named)
    other = service.ask("POST", f"{path}/accept", scope="act", json={"by": "bob"}, headers=named)
    later = service.ask("POST", f"{path}/accept", scope="act")

    assert (first.status_code, first.json()["result"]) == (200, "applied"), first.text
    assert first.json()["applied"]["amount_minor"] == offer["quote"]["due_now_minor"]
    assert first.json()["converted"] == [offer["offer_id"]]
    assert faults(first.json(), "apply") == []
    assert (again.content, again.headers["idempotency-replayed"]) == (first.content, "true")
    assert (other.status_code, other.json()["type"]) == (422, "urn:upstep:idempotency-key-reused")
    assert later.json()["result"] == "applied_before"
    told = service.ask("GET", path).json()
    assert (told["status"], told["changes"][1]["who"]) == ("converted", "ann")
    assert told["quote"] == offer["quote"]
    assert [row.what for row in audited(service)] == ["api open offers", "api accept", "api accept"]
    assert audited(service)[1].details["request_id"] == first.headers["x-request-id"]


def test_a_no_and_a_not_now_end_an_offer_and_a_yes_after_it_is_refused(service: Asker) -> None:
    offer = opened(service)
    path = f"/v1/offers/{offer['offer_id']}"

    no = service.ask("POST", f"{path}/not-now", scope="act", json={"by": "ann", "why": "in spring"})
    again = service.ask("POST", f"{path}/not-now", scope="act")
    late = service.ask("POST", f"{path}/accept", scope="act")

    assert (no.status_code, no.json()["status"]) == (200, "declined")
    assert again.json()["declined_at"] == no.json()["declined_at"]
    assert (late.status_code, late.json()["type"]) == (409, "urn:upstep:ended")
    assert service.ask("GET", path).json()["changes"][-1]["why"] == "in spring"


def test_offers_are_listed_by_account_and_status(service: Asker) -> None:
    offer = opened(service)

    here = service.ask("GET", f"/v1/offers?account_id={ACCOUNT}&status=open&limit=1").json()
    nowhere = service.ask("GET", "/v1/offers?status=converted").json()

    assert [one["offer_id"] for one in here["offers"]] == [offer["offer_id"]]
    assert (here["next"], nowhere) == (None, {"offers": [], "next": None})


def test_a_quote_is_made_read_and_applied_at_its_price(service: Asker) -> None:
    path = f"/v1/accounts/{ACCOUNT}/quotes"
    made = service.ask("POST", path, scope="act", json={"plan_id": "scale"}, headers={"Idempotency-Key": "q"})
    again = service.ask("POST", path, scope="act", json={"plan_id": "scale"}, headers={"Idempotency-Key": "q"})
    quote = made.json()
    applied = service.ask("POST", f"/v1/quotes/{quote['quote_id']}/apply", scope="act")
    kept = service.ask("GET", f"/v1/quotes/{quote['quote_id']}").json()

    assert (made.status_code, again.content) == (201, made.content)
    assert faults({**quote, "is_locked": True}, "quote") == []
    assert applied.json()["applied"]["amount_minor"] == quote["due_now_minor"] == kept["due_now_minor"]
    assert kept["status"] == "applied"


def test_a_change_that_cannot_be_quoted_is_told_with_every_reason(service: Asker) -> None:
    wish = {"plan_id": "nothing", "quantity": {"nobody": 3}}
    answer = service.ask("POST", f"/v1/accounts/{ACCOUNT}/quotes", scope="act", json=wish)

    assert (answer.status_code, answer.json()["type"]) == (409, "urn:upstep:not-as-shown")
    assert "nothing" in answer.json()["detail"]
    assert [one["place"] for one in answer.json()["errors"]] == ["body.plan_id", "body.quantity.nobody"]
    assert "--" not in answer.json()["detail"]


def test_a_goal_is_recorded_once_listed_and_taken_out(service: Asker) -> None:
    sent = {"account_id": ACCOUNT, "priority": "Grow", "source": "call", "stated_on": "2026-11-03"}
    wrong = service.ask("POST", "/v1/goals", scope="act", json={**sent, "contact_id": "nobody"})
    known = json.loads(wrong.text)["errors"][0]["advice"].removeprefix("Known there: ").split(",")[0].strip(" .")
    made = service.ask("POST", "/v1/goals", scope="act", json={**sent, "contact_id": known})
    goal_id = made.json()["recorded"][0]["goal_id"]
    listed = service.ask("GET", f"/v1/goals?account_id={ACCOUNT}").json()["goals"]
    gone = service.ask("DELETE", f"/v1/goals/{goal_id}?because=done", scope="act")
    again = service.ask("DELETE", f"/v1/goals/{goal_id}?because=done", scope="act")

    assert (wrong.status_code, made.status_code) == (422, 201)
    assert goal_id in {one["goal_id"] for one in listed}
    assert (gone.json(), again.status_code) == ({"removed": goal_id}, 404)


def test_a_reply_stops_everything_to_the_account_once(service: Asker) -> None:
    sent = {"account_id": ACCOUNT, "said": "please call me"}
    first = service.ask("POST", "/v1/replies", scope="act", json=sent)
    second = service.ask("POST", "/v1/replies", scope="act", json=sent)
    refused = service.ask("POST", f"/v1/accounts/{ACCOUNT}/offers", scope="act").json()

    assert (first.json(), second.json()) == ({"is_new": True}, {"is_new": False})
    assert refused["offers"] == []


def test_a_message_that_was_seen_counts_once(service: Asker) -> None:
    state, now = service.app.state.upstep.state, service.clock.now
    row = {"idempotency_key": "m", "account_id": ACCOUNT, "purpose": "notice", "channel": "in_app", "recipient": "c"}
    more = {"subject": "s", "text": "t", "facts": {}, "status": "sent", "queued_at": now, "sent_at": now}
    with writing(state) as connection:
        connection.execute(sa.insert(tables.message).values(message_id=7, **row, **more))

    sent = {"message_id": 7, "account_id": ACCOUNT, "contact_id": "c"}
    told = [service.ask("POST", "/v1/exposures", scope="act", json=sent).json() for _ in range(2)]
    wrong = service.ask("POST", "/v1/exposures", scope="act", json={**sent, "message_id": 8})
    (seen,) = service.ask("GET", "/v1/exposures").json()["exposures"]

    assert told == [{"is_new": True}, {"is_new": False}]
    assert wrong.status_code == 404
    assert (seen["message_id"], seen["contact_id"]) == (7, "c")


def test_a_request_under_way_is_not_begun_a_second_time_until_it_is_lost(service: Asker) -> None:
    state, now = service.app.state.upstep.state, service.clock.now
    key_id = service.keys["act"].split("_")[1]
    sent = {"account_id": ACCOUNT, "said": "hello"}
    named = {"Idempotency-Key": "r"}
    service.ask("POST", "/v1/replies", scope="act", json={**sent, "said": "other"}, headers=named)
    with writing(state) as connection:
        digest = connection.execute(sa.select(tables.request_key.c.request_digest)).scalar()
        connection.execute(sa.update(tables.request_key).values(status=None, body=None, ended_at=None))

    busy = service.ask("POST", "/v1/replies", scope="act", json={**sent, "said": "other"}, headers=named)
    service.clock.now = now + requests.LOST * 2
    begun = service.ask("POST", "/v1/replies", scope="act", json={**sent, "said": "other"}, headers=named)

    assert digest
    assert (busy.status_code, busy.json()["type"]) == (409, "urn:upstep:in-flight")
    assert int(busy.headers["retry-after"]) > 0
    assert begun.status_code == 200
    assert key_id


def test_a_write_that_failed_outside_may_be_tried_again_under_its_name(
    service: Asker, monkeypatch: pytest.MonkeyPatch
) -> None:
    from upstep.errors import OutsideError
    from upstep.web.api import people

    def failing(*_: object, **__: object) -> bool:
        raise OutsideError("down")

    sent, named = {"account_id": ACCOUNT, "said": "hello"}, {"Idempotency-Key": "again"}
    with monkeypatch.context() as patch:
        patch.setattr(people.holds, "record_reply", failing)
        failed = service.ask("POST", "/v1/replies", scope="act", json=sent, headers=named)
    tried = service.ask("POST", "/v1/replies", scope="act", json=sent, headers=named)

    assert (failed.status_code, tried.status_code) == (503, 200)
    assert "idempotency-replayed" not in tried.headers


def test_a_refusal_is_remembered_too(service: Asker) -> None:
    wish, named = {"plan_id": "nothing"}, {"Idempotency-Key": "w"}
    told = [
        service.ask("POST", f"/v1/accounts/{ACCOUNT}/quotes", scope="act", json=wish, headers=named) for _ in range(2)
    ]

    assert [one.status_code for one in told] == [409, 409]
    assert told[0].content == told[1].content
    assert audited(service) == []


@pytest.mark.parametrize("name", ["", "a b", "x" * 201, "ü"])
def test_a_strange_idempotency_key_is_refused(service: Asker, name: str) -> None:
    sent = {"account_id": ACCOUNT, "said": "hello"}
    headers = {"Idempotency-Key": name.encode("latin-1").decode("latin-1")}
    raw = [(b"idempotency-key", name.encode("latin-1")), (b"authorization", f"Bearer {service.keys['act']}".encode())]

    assert headers
    assert service.client.post("/v1/replies", json=sent, headers=raw).status_code == 422


def test_two_keys_may_use_the_same_name(service: Asker) -> None:
    sent, named = {"account_id": ACCOUNT, "said": "hello"}, {"Idempotency-Key": "same"}
    told = [
        service.ask("POST", "/v1/replies", scope=scope, json=sent, headers=named).json() for scope in ("act", "admin")
    ]

    assert told == [{"is_new": True}, {"is_new": False}]


def test_old_answers_are_forgotten(service: Asker) -> None:
    sent, named = {"account_id": ACCOUNT, "said": "hello"}, {"Idempotency-Key": "old"}
    service.ask("POST", "/v1/replies", scope="act", json=sent, headers=named)
    state, now = service.app.state.upstep.state, service.clock.now

    assert requests.remove_old(state, now=now + requests.KEPT) == 0
    assert requests.remove_old(state, now=now + requests.KEPT * 2) == 1
