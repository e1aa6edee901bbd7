"""The real Stripe, in a test account, with a test clock: only where UPSTEP_STRIPE_TEST_KEY is set.

It makes a clock, a customer with a test card, two products and their prices, and deletes the clock at the end, which
deletes the customer and the subscriptions. It proves what the fake cannot: that Stripe takes our parameters, prorates
as the fake does, and bills what was shown.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
import stripe

from upstep.billing.change import BillingMode, Change, Incentive, ItemChange, Starts
from upstep.billing.provider import Applied, Declined, NeedsConfirmation
from upstep.billing.stripe.asking import open_client
from upstep.billing.stripe.biller import StripeBiller
from upstep.billing.stripe.prices import PriceMap

KEY = os.environ.get("UPSTEP_STRIPE_TEST_KEY", "")
URL = os.environ.get("UPSTEP_STRIPE_TEST_URL") or None  # a server that stands in, to try these tests themselves
REASON = "asks the real Stripe: set UPSTEP_STRIPE_TEST_KEY to a secret key of a test account (sk_test_…)"
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not KEY.startswith(("sk_test_", "rk_test_")), reason=REASON),
]
START = datetime(2027, 4, 1, tzinfo=UTC)
HALF = datetime(2027, 4, 16, tzinfo=UTC)


@dataclass
class Live:
    """A customer of the test account under a clock, on 1000 a month since April 1."""

    client: stripe.StripeClient
    biller: StripeBiller
    clock: str
    customer: str
    subscription: str
    item: str

    def advance(self, to: datetime) -> None:
        clocks = self.client.v1.test_helpers.test_clocks
        clocks.advance(self.clock, {"frozen_time": int(to.timestamp())})
        for _ in range(60):
            if clocks.retrieve(self.clock).status == "ready":
                return
            time.sleep(2)  # a real clock takes some seconds
        pytest.fail("the test clock did not get there in two minutes")

    def to(self, plan: str, amount: int) -> Change:
        wish = ItemChange(self.item, "sending", 1, amount, "usd", "month", plan_id=plan)
        return Change(self.customer, self.subscription, (wish,))

    def card(self, name: str) -> None:
        method = self.client.v1.payment_methods.attach(name, {"customer": self.customer})
        settings: stripe.params.CustomerUpdateParamsInvoiceSettings = {"default_payment_method": method.id}
        self.client.v1.customers.update(self.customer, {"invoice_settings": settings})


@pytest.fixture(params=[BillingMode.CLASSIC, BillingMode.FLEXIBLE])
def live(request: pytest.FixtureRequest) -> Iterator[Live]:
    client = open_client(KEY, base_url=URL)
    clock = client.v1.test_helpers.test_clocks.create({"frozen_time": int(START.timestamp()), "name": "upstep"})
    customer = client.v1.customers.create({"test_clock": clock.id, "email": "test@example.com"})
    method = client.v1.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    client.v1.customers.update(customer.id, {"invoice_settings": {"default_payment_method": method.id}})
    products = {
        plan: client.v1.products.create({"name": f"upstep test {plan}"}).id for plan in ("pro", "scale", "mini")
    }
    price = client.v1.prices.create(
        {"currency": "usd", "product": products["pro"], "unit_amount": 1000, "recurring": {"interval": "month"}}
    )
    made = client.v1.subscriptions.create(
        {"customer": customer.id, "items": [{"price": price.id}], "billing_mode": {"type": request.param.value}}
    )
    biller = StripeBiller(client, prices=PriceMap(products=products))
    yield Live(client, biller, clock.id, customer.id, made.id, made["items"].data[0].id)
    client.v1.test_helpers.test_clocks.delete(clock.id)


def test_what_was_shown_is_charged_once(live: Live) -> None:
    live.advance(HALF)
    quote = live.biller.preview(live.to("scale", 2000), HALF)
    assert [line.amount_minor for line in quote.lines] == [-500, 1000]
    assert (quote.due_now_minor, quote.next_invoice_minor) == (500, 2000)
    first = live.biller.apply(quote, f"{live.subscription}:1", at=HALF)
    assert isinstance(first, Applied)
    assert first.amount_minor == 500
    assert live.biller.apply(quote, f"{live.subscription}:1", at=HALF) == first
    assert live.biller.find(quote, f"{live.subscription}:1", at=HALF) == first
    (item,) = live.biller.subscriptions(live.customer)
    assert item.amount_minor == 2000


def test_a_declined_card_and_a_bank_that_asks(live: Live) -> None:
    live.advance(HALF)
    quote = live.biller.preview(live.to("scale", 2000), HALF)
    live.card("pm_card_chargeCustomerFail")
    assert isinstance(live.biller.apply(quote, f"{live.subscription}:1", at=HALF), Declined)
    live.card("pm_card_authenticationRequired")
    asked = live.biller.apply(quote, f"{live.subscription}:2", at=HALF)
    assert isinstance(asked, NeedsConfirmation)
    assert asked.url.startswith("https://invoice.stripe.com/")
    (item,) = live.biller.subscriptions(live.customer)
    assert item.amount_minor == 1000
    live.card("pm_card_visa")
    assert isinstance(live.biller.apply(quote, f"{live.subscription}:3", at=HALF), Applied)
    assert isinstance(live.biller.find(quote, f"{live.subscription}:2", at=HALF), Declined)


def test_a_downgrade_waits_for_the_renewal_and_keeps_the_discount(live: Live) -> None:
    live.biller.apply_incentive(
        live.subscription,
        Incentive(f"up_{live.subscription[-12:]}", percent=20, periods=None),
        f"{live.subscription}:i",
        at=START,
    )
    live.advance(HALF)
    wish = live.to("mini", 300).items
    quote = live.biller.preview(Change(live.customer, live.subscription, wish, starts=Starts.AT_RENEWAL), HALF)
    assert (quote.due_now_minor, quote.next_invoice_minor) == (0, 240)
    live.biller.schedule(quote, f"{live.subscription}:1", at=HALF)
    assert live.biller.find(quote, f"{live.subscription}:1", at=HALF) is not None
    live.advance(datetime(2027, 5, 1, tzinfo=UTC) + timedelta(hours=3))
    (item,) = live.biller.subscriptions(live.customer)
    assert (item.amount_minor, item.list_amount_minor) == (240, 300)
    assert quote.quote_id in {event.quote_id for event in live.biller.events_since(None)}


def test_a_trial_is_ended_and_charged(live: Live) -> None:
    wish = ItemChange(None, "sending", 1, 2000, "usd", "month", plan_id="scale")
    change = Change(live.customer, "sub_new", (wish,))
    begun = live.biller.start_trial(change, f"{live.subscription}:t", ends_at=START + timedelta(days=14), at=START)
    done = live.biller.end_trial(begun.reference, f"{live.subscription}:e", at=START)
    assert isinstance(done, Applied)
    assert done.amount_minor == 2000
