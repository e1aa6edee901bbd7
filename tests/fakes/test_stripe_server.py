"""The fake Stripe refuses, repeats and prints as the real one does."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import stripe

from tests.billing.seeds import AT, item_row
from tests.fakes.stripe_server import WEBHOOK_SECRET, FakeStripe, running

SOURCE = "github.com/stripe/openapi, openapi/fixtures3.json"
NOW = int(AT.timestamp())
TO_2000 = {
    "items": [
        {
            "id": "si_1",
            "price_data": {
                "currency": "usd",
                "product": "prod_sending_pro",
                "recurring": {"interval": "month"},
                "unit_amount": 2000,
            },
        }
    ],
    "proration_behavior": "always_invoice",
    "proration_date": NOW,
    "payment_behavior": "pending_if_incomplete",
    "expand": ["latest_invoice"],
}


@pytest.fixture
def fake() -> Iterator[FakeStripe]:
    with running(AT) as server:
        yield server


def seed(fake: FakeStripe, card: str | None = "pm_card_visa", **known: Any) -> stripe.StripeClient:
    fake.books.seed([item_row(**known)], card=card)
    return fake.client()


def upgrade(client: stripe.StripeClient, key: str = "k", **known: Any) -> Any:
    return client.v1.subscriptions.update("sub_1", {**TO_2000, **known}, {"idempotency_key": key})  # type: ignore[arg-type]


def charges(client: stripe.StripeClient) -> list[int]:
    """What was charged after the period that was paid before the test."""
    invoices = client.v1.invoices.list({"customer": "acme"}).data
    return [invoice.amount_paid for invoice in invoices if invoice.billing_reason != "subscription_cycle"]


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({"proration_behaviour": "none"}, "parameter_unknown", "proration_behaviour"),
        ({"items": [{"id": "si_1", "amount": 5}]}, "parameter_unknown", "items[0][amount]"),
        ({"billing_cycle_anchor": "now"}, None, "billing_cycle_anchor"),  # an object since 2026-09-30
        ({"proration_behavior": "later"}, None, "proration_behavior"),
        ({"proration_date": "today"}, "parameter_invalid_integer", "proration_date"),
        ({"items": [{"id": "si_9", "quantity": 2}]}, "resource_missing", "items[0][id]"),
        ({"description": "x", "payment_behavior": "pending_if_incomplete"}, None, None),
    ],
)
def test_what_the_real_one_refuses_is_refused(
    fake: FakeStripe, params: dict[str, Any], code: str | None, param: str | None
) -> None:
    client = seed(fake)
    if "description" in params:
        fake.books.find("subscription", "sub_1")["collection_method"] = "send_invoice"
        params = {"payment_behavior": "pending_if_incomplete", "default_payment_method": "pm_1"}
        param = "default_payment_method"
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.subscriptions.update("sub_1", params)  # type: ignore[arg-type]
    assert (refused.value.code, refused.value.param) == (code, param)


def test_a_wrong_key_and_an_unknown_path_are_refused(fake: FakeStripe) -> None:
    wrong = stripe.StripeClient("sk_test_other", base_addresses={"api": fake.url})
    with pytest.raises(stripe.AuthenticationError):
        wrong.v1.customers.retrieve("acme")
    with pytest.raises(stripe.InvalidRequestError, match="Unrecognized request URL"):
        fake.client().v1.balance.retrieve()


def test_the_same_key_has_the_same_answer_and_no_second_charge(fake: FakeStripe) -> None:
    client = seed(fake)
    first, second = upgrade(client), upgrade(client)
    assert first.latest_invoice.id == second.latest_invoice.id
    assert charges(client) == [500]


def test_the_same_key_with_other_parameters_is_an_error(fake: FakeStripe) -> None:
    client = seed(fake)
    upgrade(client)
    with pytest.raises(stripe.IdempotencyError):
        upgrade(client, proration_behavior="none")


def test_a_key_is_free_when_its_request_never_began(fake: FakeStripe) -> None:
    client = seed(fake)
    with pytest.raises(stripe.InvalidRequestError):
        upgrade(client, proration_behaviour="none")
    assert upgrade(client).latest_invoice.amount_paid == 500


def test_no_answer_after_the_work_is_a_charge_that_the_key_finds(fake: FakeStripe) -> None:
    client = seed(fake)
    fake.fail_next("subscriptions", "after")
    with pytest.raises(stripe.APIConnectionError):
        upgrade(client)
    assert upgrade(client).latest_invoice.amount_paid == 500
    assert charges(client) == [500]


@pytest.mark.parametrize(
    ("how", "error"),
    [
        ("before", stripe.APIConnectionError),
        ("hang", stripe.APIConnectionError),
        ("down", stripe.APIError),
        ("limited", stripe.RateLimitError),
    ],
)
def test_it_fails_as_it_is_told(fake: FakeStripe, how: str, error: type[Exception]) -> None:
    seed(fake)
    client = fake.client(timeout=0.3)
    fake.fail_next("subscriptions", how)
    with pytest.raises(error):
        upgrade(client)
    assert upgrade(fake.client(), key="other").latest_invoice.status == "paid"


def test_a_declined_card_leaves_the_update_pending_until_its_invoice_is_void(fake: FakeStripe) -> None:
    client = seed(fake, card="pm_card_chargeDeclined")
    made = upgrade(client)
    assert made.pending_update.subscription_items[0].price.unit_amount == 2000
    assert (made["items"].data[0].price.unit_amount, made.latest_invoice.status) == (1000, "open")
    client.v1.invoices.void_invoice(made.latest_invoice.id)
    after = client.v1.subscriptions.retrieve("sub_1")
    assert (after.pending_update, after["items"].data[0].price.unit_amount) == (None, 1000)


def test_a_confirmed_payment_makes_the_pending_update(fake: FakeStripe) -> None:
    client = seed(fake, card="pm_card_authenticationRequired")
    made = upgrade(client, metadata={"mark": "1"})
    listed = client.v1.invoice_payments.list(
        {"invoice": made.latest_invoice.id, "expand": ["data.payment.payment_intent"]}
    )
    intent: Any = listed.data[0].payment.payment_intent
    assert intent.status == "requires_action"
    fake.books.confirm(made.latest_invoice.id)
    after = client.v1.subscriptions.retrieve("sub_1")
    assert (after["items"].data[0].price.unit_amount, after.metadata["mark"]) == (2000, "1")
    types = [event.type for event in client.v1.events.list({"limit": 100}).data]
    assert "customer.subscription.pending_update_applied" in types


def test_a_pending_update_expires_and_its_invoice_with_it(fake: FakeStripe) -> None:
    client = seed(fake, card="pm_card_authenticationRequired")
    made = upgrade(client)
    fake.books.advance(made.pending_update.expires_at)
    assert made.pending_update.expires_at == NOW + 23 * 3600
    assert client.v1.subscriptions.retrieve("sub_1").pending_update is None
    assert client.v1.invoices.retrieve(made.latest_invoice.id).status == "void"


def test_without_a_card_the_update_is_refused_and_nothing_is_left(fake: FakeStripe) -> None:
    client = seed(fake, card=None)
    with pytest.raises(stripe.InvalidRequestError, match="no attached payment source"):
        upgrade(client)
    assert client.v1.subscriptions.retrieve("sub_1")["items"].data[0].price.unit_amount == 1000


def test_a_schedule_changes_the_items_at_the_renewal_and_lets_go(fake: FakeStripe) -> None:
    client = seed(fake)
    price = fake.books.create_price(
        {"currency": "usd", "product": "prod_sending_pro", "unit_amount": 500, "recurring": {"interval": "month"}}
    )
    schedule = client.v1.subscription_schedules.create({"from_subscription": "sub_1"})
    now = schedule.phases[0]
    client.v1.subscription_schedules.update(
        schedule.id,
        {
            "end_behavior": "release",
            "phases": [
                {
                    "start_date": now.start_date,
                    "end_date": now.end_date,
                    "items": [{"price": str(now["items"][0].price), "quantity": 1}],
                },
                {
                    "items": [{"price": price["id"], "quantity": 1}],
                    "duration": {"interval": "month"},
                    "proration_behavior": "none",
                    "metadata": {"mark": "x"},
                },
            ],
        },
    )
    fake.books.advance(now.end_date)
    made = client.v1.subscriptions.retrieve("sub_1", {"expand": ["latest_invoice"]})
    assert (made["items"].data[0].price.unit_amount, made.schedule, made.metadata["mark"]) == (500, None, "x")
    invoice: Any = made.latest_invoice
    assert (invoice.total, made["items"].data[0].id) == (500, "si_1")


def test_a_test_clock_moves_renewals_and_the_end_of_a_trial(fake: FakeStripe) -> None:
    client = fake.client()
    clock = client.v1.test_helpers.test_clocks.create({"frozen_time": NOW})
    customer = client.v1.customers.create({"test_clock": clock.id, "payment_method": "pm_card_visa"})
    fake.books.seed_product("sending", plan_id="pro")
    item: Any = {"price_data": TO_2000["items"][0]["price_data"]}  # type: ignore[index]
    made = client.v1.subscriptions.create({"customer": customer.id, "items": [item], "trial_end": NOW + 7 * 86_400})
    assert (made.status, client.v1.invoices.retrieve(str(made.latest_invoice)).total) == ("trialing", 0)
    client.v1.test_helpers.test_clocks.advance(clock.id, {"frozen_time": NOW + 8 * 86_400})
    after = client.v1.subscriptions.retrieve(made.id, {"expand": ["latest_invoice"]})
    invoice: Any = after.latest_invoice
    assert (after.status, invoice.total, invoice.status) == ("active", 2000, "paid")


def test_a_webhook_is_signed_as_the_sdk_checks_it(fake: FakeStripe) -> None:
    upgrade(seed(fake))
    payload, header = fake.signed(fake.books.events[-1], at=int(time.time()))  # noqa: TID251 (the SDK asks the wall clock)
    event = stripe.Webhook.construct_event(payload, header, WEBHOOK_SECRET)
    assert event.type == "customer.subscription.updated"
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(payload, header, "whsec_other")


# Every key that is returned is one of the real ones

ELIDED = {
    "invoice_payment.payment.payment_intent": "the fixture prints the kind of payment and not the reference",
    "invoice.payments": "printed only when it is expanded",
    "line_item.pricing.price_details": "the fixture prints the kind of pricing and not the reference",
    "price.tiers": "printed only when it is expanded",
    "event.data.previous_attributes": "on updates only; the fixture is of a creation",
    "payment_intent.last_payment_error": "the fixture prints its type only",
    "invoice.total_taxes": "an empty list",
    "subscription_schedule.phases.billing_cycle_anchor": "",
}


@pytest.fixture(scope="module")
def answers() -> list[dict[str, Any]]:
    """One of each object that the fake can print, as it went over the wire."""
    with running(AT) as fake:
        _use_everything(fake)
        kept = [thing for things in fake.books.kept.values() for thing in things.values()]
        paths = [f"/v1/{part}" for part in ("subscriptions/sub_1", "subscriptions/sub_2")]
        listed = [fake.answer("GET", path, "expand[]=schedule&expand[]=latest_invoice", None)[1] for path in paths]
        return [*(fake._expanded(thing, []) for thing in kept), *listed]


def _use_everything(fake: FakeStripe) -> None:
    fake.books.seed([item_row(), item_row(subscription_id="sub_2", item_id="si_2", account_id="globex")])
    client = fake.client()
    upgrade(client)
    client.v1.subscription_schedules.create({"from_subscription": "sub_1"})
    client.v1.coupons.create({"id": "half", "percent_off": 50, "duration": "once"})
    client.v1.subscriptions.update(
        "sub_2", {"discounts": [{"coupon": "half"}], "pause_collection": {"behavior": "void"}}
    )
    client.v1.billing_portal.sessions.create({"customer": "acme", "flow_data": {"type": "payment_method_update"}})
    client.v1.checkout.sessions.create({"customer": "acme", "mode": "setup", "success_url": "https://example.com/"})
    client.v1.test_helpers.test_clocks.create({"frozen_time": NOW})
    declined = fake.books.attach("pm_card_chargeDeclined", {"customer": "globex"})
    fake.books.find("customer", "globex")["invoice_settings"]["default_payment_method"] = declined["id"]
    price = TO_2000["items"][0]["price_data"]  # type: ignore[index]
    asked = {**TO_2000, "items": [{"id": "si_2", "price_data": price}]}
    client.v1.subscriptions.update("sub_2", asked)  # type: ignore[arg-type]


def test_every_key_it_returns_is_one_of_the_sdks(answers: list[dict[str, Any]]) -> None:
    unknown = {where for answer in answers for where in _unknown_to_sdk(answer, _sdk_class(answer), answer["object"])}
    assert not unknown
    assert {answer["object"] for answer in answers} >= {"subscription", "invoice", "event", "subscription_schedule"}


def _sdk_class(thing: Mapping[str, Any]) -> Any:
    """The class that the SDK makes of an object."""
    return type(stripe.StripeObject.construct_from({"thing": thing}, "sk")["thing"])


def _unknown_to_sdk(thing: Mapping[str, Any], kind: Any, path: str) -> Iterator[str]:
    for key, value in thing.items():
        where = f"{path}.{key}"
        if key not in kind.__annotations__:
            yield where
            continue
        inner = kind._inner_class_types.get(key)
        for element in _hashes(key, value):
            if isinstance(element.get("object"), str):
                yield from _unknown_to_sdk(element, _sdk_class(element), element["object"])
            elif inner is not None:
                yield from _unknown_to_sdk(element, inner, where)


def _hashes(key: str, value: Any) -> list[Any]:
    """The hashes inside a value whose keys are Stripe's and not somebody's own."""
    if isinstance(value, Mapping) and value.get("object") == "list":
        value = value["data"]
    elements = value if isinstance(value, list) else [value]
    return [e for e in elements if isinstance(e, Mapping) and key not in ("metadata", "previous_attributes")]


def test_every_key_it_returns_is_in_the_published_fixtures(answers: list[dict[str, Any]]) -> None:
    folder = os.environ.get("UPSTEP_PUBLIC_DATA")
    path = Path(folder or "") / "stripe" / "fixtures3.json"
    if not folder or not path.exists():
        pytest.skip(f"needs UPSTEP_PUBLIC_DATA with stripe/fixtures3.json from {SOURCE}")
    fixtures = json.loads(path.read_text())["resources"]
    unknown = {where for answer in answers for where in _not_in(answer, fixtures[answer["object"]], fixtures)}
    assert not {where for where in unknown if not any(where.startswith(known) for known in ELIDED)}


def _not_in(
    thing: Mapping[str, Any], example: Mapping[str, Any], fixtures: Mapping[str, Any], path: str = ""
) -> Iterator[str]:
    path = path or str(thing["object"])
    for key, value in thing.items():
        where = f"{path}.{key}"
        if key not in example:
            yield where
            continue
        shown = example[key][0] if isinstance(example[key], list) and example[key] else example[key]
        for element in _hashes(key, value):
            if isinstance(element.get("object"), str):
                yield from _not_in(element, fixtures[element["object"]], fixtures)
            elif isinstance(shown, Mapping):  # An example that prints null or [] says nothing of what is inside.
                yield from _not_in(element, shown, fixtures, where)
