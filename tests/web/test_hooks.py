"""POST /hooks/stripe: what is not Stripe's is refused, what cannot be checked yet is asked for again."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest

from tests.web.asking import Asker
from upstep.clock import to_seconds

SIGNED_WITH = "whsec_test"


@pytest.fixture
def billed(service: Asker, monkeypatch: pytest.MonkeyPatch) -> Asker:
    with (service.project.folder / "upstep.yaml").open("a", encoding="utf-8") as file:
        file.write("\nbilling: {provider: stripe, key: '${UPSTEP_TEST_KEY}', webhook_secret: '${UPSTEP_TEST_HOOK}'}\n")
    monkeypatch.setenv("UPSTEP_TEST_KEY", "sk_test_x")
    monkeypatch.setenv("UPSTEP_TEST_HOOK", SIGNED_WITH)
    del service.project.settings
    return service


def signed(service: Asker, body: bytes, *, by: str = SIGNED_WITH) -> str:
    at = to_seconds(service.clock())
    digest = hmac.new(by.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def test_a_delivery_that_is_not_stripes_is_refused(billed: Asker) -> None:
    body = b'{"id": "evt_1"}'
    wrong = {"none": {}, "nonsense": {"Stripe-Signature": "x"}, "other secret": {}}
    wrong["other secret"] = {"Stripe-Signature": signed(billed, body, by="whsec_other")}

    for headers in wrong.values():
        answer = billed.client.post("/hooks/stripe", content=body, headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (400, "urn:upstep:webhook-refused")
        assert SIGNED_WITH not in answer.text


def test_an_event_of_stripe_that_concerns_nothing_is_taken_in(billed: Asker) -> None:
    at = to_seconds(billed.clock())
    told = {"id": "evt_1", "object": "event", "type": "customer.created", "created": at, "api_version": "2026-09-30"}
    body = json.dumps({**told, "livemode": False, "data": {"object": {"id": "cus_1", "object": "customer"}}}).encode()

    answer = billed.client.post("/hooks/stripe", content=body, headers={"Stripe-Signature": signed(billed, body)})

    assert (answer.status_code, answer.json()) == (200, {"event_id": "evt_1", "is_new": False}), answer.text


def test_without_its_secret_a_delivery_is_asked_for_again(service: Asker) -> None:
    answer = service.client.post("/hooks/stripe", content=b"{}", headers={"Stripe-Signature": "t=1,v1=x"})

    assert (answer.status_code, answer.json()["type"]) == (503, "urn:upstep:not-set-up")
