"""Deliveries are checked; twice, late and out of order they leave the same rows."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import stripe

from tests.billing.seeds import AT, item_row, to_scale
from tests.contracts.stripe_stage import Clocked
from tests.fakes.stripe_server import WEBHOOK_SECRET, FakeStripe
from upstep.billing.change import ItemChange
from upstep.billing.provider import subscription_item_rows
from upstep.billing.stripe.webhook import Told, WebhookRefusedError, keep, take, told, verified
from upstep.state import tables
from upstep.state.session import open_state, reading, writing

LATER = AT + timedelta(days=5)


@pytest.fixture
def state(tmp_path: Path) -> sa.Engine:
    return open_state(tmp_path / "state.db")


def deliver(state: sa.Engine, biller: Clocked, event: dict[str, Any], *, now: datetime = LATER) -> Told:
    payload, header = biller.fake.signed(event, at=int(now.timestamp()))
    return take(state, biller, payload, header, secret=WEBHOOK_SECRET, now=now)


def emptied(state: sa.Engine) -> sa.Engine:
    with writing(state) as connection:
        connection.execute(sa.delete(tables.provider_event))
    return state


def two_changes(biller: Clocked) -> list[dict[str, Any]]:
    """Subscription events of an upgrade and a later change of quantity."""
    biller.apply(biller.preview(to_scale(), AT), "key 1", at=AT)
    biller.apply(biller.preview(to_scale(quantity=2, amount_minor=4000), LATER), "key 2", at=LATER)
    return [event for event in biller.fake.books.events if event["type"].startswith("customer.subscription")]


def rows(done: Told) -> list[tuple[object, object, object]]:
    found = subscription_item_rows(done.events)
    return sorted((row["amount_minor"], row["valid_from"], row["valid_to"]) for row in found)  # type: ignore[type-var]


EXPECTED = [(1000, item_row()["valid_from"], AT), (2000, AT, LATER), (4000, LATER, None)]


def test_events_in_any_order_and_twice_leave_the_same_rows(state: sa.Engine, build: Callable[..., Clocked]) -> None:
    biller = build()
    events = two_changes(biller)
    assert len(events) == 2
    for order in itertools.permutations([*events, events[0]]):
        emptied(state)
        assert rows([deliver(state, biller, event) for event in order][-1]) == EXPECTED


def test_what_came_first_of_all_is_begun_where_an_invoice_says(state: sa.Engine, build: Callable[..., Clocked]) -> None:
    biller = build()
    _, second = two_changes(biller)
    assert rows(deliver(state, biller, second)) == EXPECTED[1:]


def test_a_second_delivery_is_known_as_one(state: sa.Engine, build: Callable[..., Clocked]) -> None:
    biller = build()
    first, _ = two_changes(biller)
    assert deliver(state, biller, first).is_new
    again = deliver(state, biller, first)
    assert (again.is_new, len(told(state, "sub_1"))) == (False, 1)


def test_a_change_names_the_quote_that_made_it(state: sa.Engine, build: Callable[..., Clocked]) -> None:
    biller = build()
    quote = biller.preview(to_scale(), AT)
    biller.apply(quote, "key 1", at=AT)
    done = deliver(state, biller, biller.fake.books.events[-1])
    assert [(event.quote_id, event.cause) for event in done.events] == [(quote.quote_id, "change")]
    biller.fake.client().v1.subscriptions.update("sub_1", {"cancel_at_period_end": True})
    done = deliver(state, biller, biller.fake.books.events[-1])
    assert [event.quote_id for event in done.events] == [quote.quote_id, None]
    assert done.events[-1].after is not None
    assert done.events[-1].after.cancel_at == AT.replace(month=5, day=1)


def test_changes_of_one_second_are_put_in_the_order_in_which_each_follows(
    state: sa.Engine, build: Callable[..., Clocked]
) -> None:
    biller = build()
    for number, amount in enumerate((2000, 3000, 500)):
        biller.apply(biller.preview(to_scale(amount_minor=amount), AT), f"key {number}", at=AT)
    events = [event for event in biller.fake.books.events if event["type"] == "customer.subscription.updated"]
    for order in itertools.permutations(events):
        emptied(state)
        done = [deliver(state, biller, event | {"id": f"evt_{event['id'][::-1]}"}) for event in order][-1]
        assert [event.after and event.after.amount_minor for event in done.events] == [2000, 3000, 500]
        assert subscription_item_rows(done.events)[-1]["amount_minor"] == 500


def test_an_added_and_a_removed_item_open_and_close_their_rows(state: sa.Engine, build: Callable[..., Clocked]) -> None:
    biller = build()
    add_on = ItemChange(None, "sending", 1, 600, "usd", "month", add_on_id="dedicated_ip")
    change = to_scale()
    biller.apply(biller.preview(type(change)("acme", "sub_1", (add_on,)), AT), "key 1", at=AT)
    deliver(state, biller, biller.fake.books.events[-1])
    biller.fake.client().v1.subscriptions.cancel("sub_1")
    done = deliver(state, biller, biller.fake.books.events[-1])
    found = subscription_item_rows(done.events)
    assert {(row["add_on_id"], row["valid_to"]) for row in found} == {(None, AT), ("dedicated_ip", AT)}
    assert done.events[-1].cause == "canceled"


def test_an_invoice_is_as_its_newest_event_says_whatever_came_last(
    state: sa.Engine, build: Callable[..., Clocked]
) -> None:
    biller = build()
    biller.apply(biller.preview(to_scale(), AT), "key 1", at=AT)
    events = {e["type"]: e for e in biller.fake.books.events if e["type"].startswith("invoice.")}
    paid = json.loads(json.dumps(events["invoice.paid"]))
    failed = json.loads(json.dumps(events["invoice.finalized"])) | {"id": "evt_f", "type": "invoice.payment_failed"}
    failed["created"] = paid["created"] - 60
    for event in (paid, failed, events["invoice.created"]):
        (row,) = deliver(state, biller, event).invoices
    assert (row["status"], row["amount_due_minor"], row["paid_at"]) == ("paid", 500, AT)
    assert row["last_failure_at"] == AT - timedelta(seconds=60)
    assert row["account_id"] == "acme"


def test_what_is_neither_is_let_pass_and_not_kept(state: sa.Engine, build: Callable[..., Clocked]) -> None:
    biller = build()
    event = {"id": "evt_1", "object": "event", "type": "charge.succeeded", "created": 1, "data": {"object": {}}}
    upcoming = event | {"type": "invoice.upcoming"}
    assert not deliver(state, biller, event).is_new
    assert not deliver(state, biller, upcoming).is_new
    with reading(state) as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(tables.provider_event)).scalar() == 0


@pytest.mark.parametrize("wrong", ["secret", "none", "body", "old", "ahead", "noise"])
def test_what_is_not_signed_by_stripe_just_now_is_refused(fake: FakeStripe, wrong: str) -> None:
    event = {"id": "evt_1", "object": "event", "type": "x", "created": 1, "data": {"object": {"id": "in_1"}}}
    shift = {"old": -301, "ahead": 301}.get(wrong, 0)
    payload, header = fake.signed(event, at=int(AT.timestamp()) + shift)
    assert verified(*fake.signed(event, at=int(AT.timestamp()) - 299), secret=WEBHOOK_SECRET, now=AT)["id"] == "evt_1"
    body = payload.replace(b"in_1", b"in_2") if wrong == "body" else payload
    given: str | None = {"none": None, "noise": "t=x,v1="}.get(wrong, header)
    secret = "whsec_other" if wrong == "secret" else WEBHOOK_SECRET
    with pytest.raises(WebhookRefusedError) as refused:
        verified(body, given, secret=secret, now=AT)
    assert refused.value.exit_code == 2
    assert WEBHOOK_SECRET not in str(refused.value)


def test_a_body_that_is_signed_and_no_event_is_refused(fake: FakeStripe) -> None:
    payload, header = fake.signed({"object": "list"}, at=int(AT.timestamp()))
    with pytest.raises(WebhookRefusedError, match="holds no event"):
        verified(payload, header, secret=WEBHOOK_SECRET, now=AT)


def test_old_events_go_when_newer_ones_are_there_and_the_newest_of_them_stays(state: sa.Engine) -> None:
    def event(number: int, days: int) -> dict[str, Any]:
        created = int((AT - timedelta(days=days)).timestamp())
        return {"id": f"evt_{number}", "type": "x", "created": created, "data": {"object": {"id": "sub_1"}}}

    for number, days in enumerate((200, 100, 90, 1)):
        assert keep(state, event(number, days), now=AT)
    assert [kept["id"] for kept in told(state, "sub_1")] == ["evt_2", "evt_3"]


def test_the_sdk_checks_the_same_signature(fake: FakeStripe) -> None:
    payload, header = fake.signed({"id": "evt_1", "object": "event", "type": "x", "data": {"object": {}}})
    assert stripe.Webhook.construct_event(payload, header, WEBHOOK_SECRET).id == "evt_1"
