"""The stage of the Stripe provider: the real provider, over the official SDK, to a fake Stripe on a local port.

Stripe has a clock of its own and takes no instant. The suite says with each verb what time it is; so each verb first
moves the fake's clock there, as time would.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tests.billing.seeds import AT
from tests.fakes.stripe_server import FakeStripe, running
from upstep.billing.change import BillingMode, Change, Incentive
from upstep.billing.provider import Answer, Applied, NeedsConfirmation
from upstep.billing.quote import Quote
from upstep.billing.stripe.biller import StripeBiller
from upstep.billing.stripe.prices import PriceMap

CARDS = {"good": "pm_card_visa", "declining": "pm_card_chargeDeclined", "confirming": "pm_card_authenticationRequired"}
# Prices that the suite names; what has none of its own is sent with an amount, under its plan's product.
PRICES = [
    ("starter_month", "sending", {"plan_id": "starter"}, 300),
    ("marketing_month", "marketing", {"plan_id": "starter"}, 4000),
    ("gift_month", "sending", {"add_on_id": "gift"}, 0),
]
PRODUCTS = {"free": "sending", "pro": "sending", "scale": "sending", "team": "sending", "starter": "marketing"}


class Clocked(StripeBiller):
    """The provider, with the fake's clock moved to the instant of each call."""

    fake: FakeStripe
    accepted: dict[str, tuple[Quote, str]]

    def _at(self, at: datetime) -> None:
        with self.fake.lock:
            if int(at.timestamp()) > self.fake.books.now:
                self.fake.books.advance(int(at.timestamp()))

    def preview(self, change: Change, at: datetime) -> Quote:
        self._at(at)
        return super().preview(change, at)

    def apply(self, quote: Quote, idempotency_key: str, *, at: datetime) -> Answer:
        self._at(at)
        answer = super().apply(quote, idempotency_key, at=at)
        if isinstance(answer, NeedsConfirmation):
            self.accepted[answer.reference] = (quote, idempotency_key)
        return answer

    def find(self, quote: Quote, idempotency_key: str, *, at: datetime) -> Answer | None:
        self._at(at)
        return super().find(quote, idempotency_key, at=at)

    def schedule(self, quote: Quote, idempotency_key: str, *, at: datetime) -> Applied:
        self._at(at)
        return super().schedule(quote, idempotency_key, at=at)

    def cancel_schedule(self, subscription_id: str, idempotency_key: str, *, at: datetime) -> Applied | None:
        self._at(at)
        return super().cancel_schedule(subscription_id, idempotency_key, at=at)

    def start_trial(self, change: Change, idempotency_key: str, *, ends_at: datetime, at: datetime) -> Applied:
        self._at(at)
        return super().start_trial(change, idempotency_key, ends_at=ends_at, at=at)

    def end_trial(self, subscription_id: str, idempotency_key: str, *, at: datetime) -> Answer:
        self._at(at)
        return super().end_trial(subscription_id, idempotency_key, at=at)

    def apply_incentive(
        self, subscription_id: str, incentive: Incentive, idempotency_key: str, *, at: datetime
    ) -> Applied:
        self._at(at)
        return super().apply_incentive(subscription_id, incentive, idempotency_key, at=at)


@dataclass
class StripeStage:
    """The fake plays the bank; the customer is played here, on Stripe's pages and in its dashboard."""

    provider: Clocked
    fake: FakeStripe
    held: ExitStack

    def set_card(self, account_id: str, card: str, *, at: datetime) -> None:
        self.pass_time(at)
        customer = self.fake.books.find("customer", account_id)
        method = None if card == "missing" else self.fake.books.attach(CARDS[card], {"customer": account_id})["id"]
        customer["invoice_settings"]["default_payment_method"] = method

    def confirm(self, asked: NeedsConfirmation, *, at: datetime) -> None:
        """On the invoice's page the bank is answered. On the portal's a card is named, and the person is sent back to
        the page of the offer, which accepts the same quote again.
        """
        self.pass_time(at)
        if asked.reason == "authentication":
            self.fake.books.confirm(asked.reference)
            return
        quote, key = self.provider.accepted[asked.reference]
        self.set_card(quote.account_id, "good", at=at)
        self.provider.apply(quote, key, at=at)

    def cancel(self, subscription_id: str, *, at: datetime) -> None:
        self.pass_time(at)
        self.fake.client().v1.subscriptions.cancel(subscription_id)

    def pass_time(self, to: datetime) -> None:
        with self.fake.lock:
            self.fake.books.advance(max(int(to.timestamp()), self.fake.books.now))

    def close(self) -> None:
        self.held.close()


def stripe_biller(fake: FakeStripe, *, timeout: float = 5, retries: int = 0) -> Clocked:
    """The provider over a fake, with what the tests sell on its shelf."""
    products = {plan: fake.books.seed_product(product, plan_id=plan)["id"] for plan, product in PRODUCTS.items()}
    products["dedicated_ip"] = fake.books.seed_product("sending", add_on_id="dedicated_ip")["id"]
    known = {price["lookup_key"] for price in fake.books.all("price")}
    for price_id, product, named, amount in PRICES:
        made = fake.books.seed_product(product, **named)
        if price_id not in known:
            wanted = {"currency": "usd", "product": made["id"], "unit_amount": amount, "lookup_key": price_id}
            fake.books.create_price({**wanted, "recurring": {"interval": "month"}})
    biller = Clocked(fake.client(timeout=timeout, retries=retries), prices=PriceMap(products=products))
    biller.fake, biller.accepted = fake, {}
    return biller


def stripe_stage(folder: Path, rows: Iterable[Mapping[str, object]], mode: BillingMode) -> StripeStage:
    """For ``STAGES``."""
    del folder
    held = ExitStack()
    fake = held.enter_context(running(AT.replace(month=1, day=1)))
    fake.books.seed(rows, mode=mode.value)
    return StripeStage(stripe_biller(fake), fake, held)
