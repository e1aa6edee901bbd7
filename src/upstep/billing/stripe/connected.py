"""One Stripe account as it is reached: its line, its shelf, its customers, and what several verbs ask of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from upstep.billing.change import Change, Item, ItemChange, Starts
from upstep.billing.currencies import from_provider
from upstep.billing.preview import WorkedOut
from upstep.billing.provider import NeedsConfirmation
from upstep.billing.quote import Quote
from upstep.billing.stripe import reading
from upstep.billing.stripe.accounts import Accounts
from upstep.billing.stripe.asking import Line, Thing
from upstep.billing.stripe.invoiced import as_invoiced
from upstep.billing.stripe.marks import marked_with
from upstep.billing.stripe.prices import PriceMap
from upstep.billing.stripe.shelf import Shelf
from upstep.clock import to_seconds
from upstep.errors import Fault, QuoteError

if TYPE_CHECKING:
    import stripe

WHOLE = ["discounts.source.coupon", "schedule"]
"""What is expanded of a subscription. Stripe allows four levels."""


class Connected:
    """What is asked of one Stripe account.

    Args:
        client: Of Stripe's SDK, from ``asking.open_client``.
        prices: Which of its prices is which of the catalog's.
        account_metadata: The metadata key of a customer that holds the account's id; None: the customer's own id is.
    """

    def __init__(self, client: stripe.StripeClient, *, prices: PriceMap, account_metadata: str | None = None) -> None:
        self.line = Line(client)
        self.shelf = Shelf(self.line, prices)
        self.accounts = Accounts(self.line, account_metadata)

    def subscription(self, subscription_id: str) -> Thing | None:
        """A subscription, whole; None when Stripe has none of that id."""
        verb = self.line.client.v1.subscriptions.retrieve
        found = self.line.find(verb, subscription_id, {"expand": WHOLE})
        return self.shelf.whole(found) if found else None

    def items_of(self, subscription: Thing, account_id: str | None = None) -> list[Item]:
        """The subscription's items, each from when it is as it is as far as its invoices tell."""
        whole = self.shelf.whole(subscription)
        return reading.items_of(
            whole,
            sold=self.shelf.sold,
            account_id=account_id or self.accounts.account_of(whole["customer"]),
            since=as_invoiced(self.line, whole),
        )

    def said(self, wishes: Sequence[ItemChange], found: Thing | None) -> list[Thing]:
        """The wishes in Stripe's words.

        Raises:
            QuoteError: Prices that it does not know; all at once.
        """
        current = {item["id"]: item for item in found["items"]["data"]} if found else {}
        said: list[Thing] = []
        faults: list[Fault] = []
        for wish in wishes:
            try:
                said.append(self.shelf.said(wish, current.get(wish.item_id or "")))
            except QuoteError as error:
                faults += error.faults
        if faults:
            raise QuoteError(faults)
        return said

    def details(self, change: Change, found: Thing | None, worked: WorkedOut, at: datetime) -> Thing:
        """What decides the cost; the preview and the change send the same."""
        details: Thing = {"items": self.said(change.items, found)}
        if found is None:
            return {**details, "billing_mode": {"type": "flexible"}}
        if change.starts is Starts.AT_RENEWAL:
            return {**details, "proration_behavior": "none"}
        details["proration_behavior"] = change.behaviour.value
        if found["status"] == "trialing":
            return details
        starts_anew = any(move.is_new_period for move in worked.moves)
        details["billing_cycle_anchor"] = {"type": "now" if starts_anew else "unchanged"}
        return {**details, "proration_date": to_seconds(at)}

    def previewed(self, whose: Thing, details: Thing) -> Thing:
        """Stripe's preview of an invoice."""
        verb = self.line.client.v1.invoices.create_preview
        return self.line.ask(verb, {**whose, "subscription_details": details})

    def open_minor(self, customer_id: str, currency: str) -> int:
        """What is open of the customer's invoices in that currency."""
        wanted = {"customer": customer_id, "status": "open", "limit": 100}
        opened = self.line.every(self.line.client.v1.invoices.list, wanted)
        return sum(from_provider(i["amount_remaining"], currency) for i in opened if i["currency"] == currency)

    def customer(self, found: Thing | None, account_id: str) -> Thing:
        """The customer of a subscription, or the one that the account's new subscription is made for."""
        if found is None:
            return self.accounts.customer(account_id)
        return self.line.ask(self.line.client.v1.customers.retrieve, found["customer"], {})

    def hosted_page(self, customer: Thing, quote: Quote, called: str, *, return_url: str | None) -> NeedsConfirmation:
        """Stripe's page on which a card is named. The change is made when the quote is accepted again after it.

        The customer is marked: who names no card until the quote has expired has declined it, whoever asks.
        """
        v1 = self.line.client.v1
        marked = {"metadata": marked_with(customer, called)}
        self.line.ask(v1.customers.update, customer["id"], marked)
        params: Thing = {"customer": customer["id"], "flow_data": {"type": "payment_method_update"}}
        if return_url:
            params["return_url"] = return_url
            redirect = {"type": "redirect", "redirect": {"return_url": return_url}}
            params["flow_data"]["after_completion"] = redirect
        page = self.line.ask(v1.billing_portal.sessions.create, params)
        return NeedsConfirmation(page["id"], page["url"], "no_payment_method", quote.due_now_minor, quote.expires_at)
