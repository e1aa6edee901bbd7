"""Stripe as a ``Provider``: previews with a frozen instant, changes that are made only if they are paid, schedules.

Each write is one request under the caller's key, and leaves a mark in the subscription's metadata (``marks``). So a
call is found again by its key for a day, and by its mark for ever. Stripe's clock decides when something takes effect;
``at`` only stands in where Stripe does not say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from upstep.billing.change import Behaviour, Change, Incentive, Item, Starts, trial_days_of
from upstep.billing.preview import Standing, work_out
from upstep.billing.provider import Answer, Applied, Capabilities, Declined, Event
from upstep.billing.quote import Quote, changed_since
from upstep.billing.stripe import events, outcome, reading, scheduling, trials
from upstep.billing.stripe.accounts import has_payment_method
from upstep.billing.stripe.asking import PaymentRefusedError, Thing
from upstep.billing.stripe.connected import WHOLE, Connected
from upstep.billing.stripe.marks import mark, marked_with, marks
from upstep.billing.stripe.prices import PriceMap
from upstep.billing.stripe.quoting import Previewed, quote_from, with_id
from upstep.billing.trial import refuse_trial, tried
from upstep.clock import from_seconds
from upstep.errors import Fault, QuoteError

if TYPE_CHECKING:
    import stripe

QUOTE_VALID = timedelta(days=7)


class StripeBiller(Connected):
    """A ``Provider`` over one Stripe account.

    Args:
        client: Of Stripe's SDK, from ``asking.open_client``.
        prices: Which of its prices is which of the catalog's.
        account_metadata: The metadata key of a customer that holds the account's id; None: the customer's own id is.
        return_url: Where Stripe's page sends people back to.
        quote_valid: How long a quote may be accepted, at most to the end of the running period.
    """

    name = "stripe"

    def __init__(
        self,
        client: stripe.StripeClient,
        *,
        prices: PriceMap,
        account_metadata: str | None = None,
        return_url: str | None = None,
        quote_valid: timedelta = QUOTE_VALID,
    ) -> None:
        super().__init__(client, prices=prices, account_metadata=account_metadata)
        self.return_url = return_url
        self.quote_valid = quote_valid

    @property
    def capabilities(self) -> Capabilities:
        """Everything; items of several intervals only where the subscription is of flexible billing mode."""
        return Capabilities()

    def subscriptions(self, account_id: str) -> Sequence[Item]:
        """The account's live items, by subscription and item id."""
        items: list[Item] = []
        for customer in self.accounts.customers(account_id):
            wanted = {"customer": customer["id"], "limit": 100, "expand": [f"data.{path}" for path in WHOLE]}
            for found in self.line.every(self.line.client.v1.subscriptions.list, wanted):
                # One whose first payment is awaited has not begun.
                items += [] if found["status"] == "incomplete" else self.items_of(found, account_id)
        return sorted(items, key=lambda item: (item.subscription_id, item.item_id))

    def preview(self, change: Change, at: datetime) -> Quote:
        """See ``Provider.preview``. Asks Stripe twice: for the invoice, and for what recurs."""
        if trial_days_of(change) is not None:
            return self._tried(change, at)
        asked = _in_stripes_intervals(change)
        found = self.subscription(asked.subscription_id)
        live = self.items_of(found) if found else []
        if found and asked.starts is Starts.NOW:
            scheduling.refuse_scheduled(found)
        mode = reading.billing_mode(found or {"billing_mode": {"type": "flexible"}})
        anchor = from_seconds(found["billing_cycle_anchor"]) if found else None
        worked = work_out(asked, live, at=at, standing=Standing(mode=mode, anchor=anchor))
        customer_id = found["customer"] if found else self.accounts.customer(asked.account_id)["id"]
        details = self.details(asked, found, worked, at)
        whose = {"subscription": found["id"]} if found else {"customer": customer_id}
        recurring = self.previewed({**whose, "preview_mode": "recurring"}, {**details, "proration_behavior": "none"})
        is_later = asked.starts is Starts.AT_RENEWAL
        known = Previewed(
            change=asked,
            worked=worked,
            live=live,
            invoice=recurring if is_later else self.previewed(whose, details),
            recurring=recurring,
            mode=mode,
            based_on=reading.digest(found) if found else "new",
            open_minor=self.open_minor(customer_id, recurring["currency"]),
        )
        return quote_from(known, at=at, valid_for=self.quote_valid)

    def _tried(self, change: Change, at: datetime) -> Quote:
        """The quote of a new subscription that begins with a trial: Stripe tries a whole subscription, not a change."""
        if self.subscription(change.subscription_id) is not None:
            found = "runs already, and Stripe tries a whole subscription free, not a change of one."
            raise QuoteError(
                Fault(f"subscription {change.subscription_id}", found, "Offer the change without a trial.")
            )
        refuse_trial(change, [], at=at)
        today = self.preview(replace(change, incentive=None), at)
        change = replace(today.change, incentive=change.incentive)
        return with_id(tried(change, today, charged_minor=today.due_now_minor))

    def apply(self, quote: Quote, idempotency_key: str, *, at: datetime) -> Answer:
        """See ``Provider.apply``."""
        if quote.change.starts is Starts.AT_RENEWAL:
            raise QuoteError(Fault(f"quote {quote.quote_id}", "is of a change at renewal.", "Schedule it."))
        found = self._still(quote, idempotency_key, at=at)
        if not isinstance(found, Mapping) and found is not None:
            return found
        if quote.due_now_minor > 0 and quote.change.items:
            customer = self.customer(found, quote.account_id)
            is_automatic = found is None or found["collection_method"] == "charge_automatically"
            if is_automatic and not has_payment_method(found, customer):
                return self.hosted_page(
                    customer, quote, mark(idempotency_key, quote.quote_id), return_url=self.return_url
                )
        try:
            if found is None:
                return trials.start(self, quote, idempotency_key, at=at)
            return self._update(quote, found, idempotency_key, at=at)
        except PaymentRefusedError as error:
            return Declined(error.reason, error.why, quote.due_now_minor)

    def find(self, quote: Quote, idempotency_key: str, *, at: datetime) -> Answer | None:
        """See ``Provider.find``. By the mark, which stays when Stripe has forgotten the key."""
        found = self.subscription(quote.subscription_id) or trials.started_by(self, quote, idempotency_key)
        return self._found(quote, found, idempotency_key, at=at)

    def schedule(self, quote: Quote, idempotency_key: str, *, at: datetime) -> Applied:
        """See ``Provider.schedule``. By a subscription schedule whose second phase is the change."""
        if quote.change.starts is not Starts.AT_RENEWAL:
            raise QuoteError(Fault(f"quote {quote.quote_id}", "is of a change that starts now.", "Apply it."))
        found = self._still(quote, idempotency_key, at=at)
        if isinstance(found, Applied):
            return found
        assert isinstance(found, dict), "a change at renewal has a subscription, and waits for no payment"
        return scheduling.schedule(self, quote, found, idempotency_key)

    def cancel_schedule(self, subscription_id: str, idempotency_key: str, *, at: datetime) -> Applied | None:
        """See ``Provider.cancel_schedule``. The schedule is released: the subscription goes on as it is."""
        found = self.subscription(subscription_id)
        return scheduling.release(self, found, idempotency_key, at=at) if found else None

    def start_trial(self, change: Change, idempotency_key: str, *, ends_at: datetime, at: datetime) -> Applied:
        """See ``Provider.start_trial``."""
        return trials.start_trial(self, _in_stripes_intervals(change), idempotency_key, ends_at=ends_at, at=at)

    def end_trial(self, subscription_id: str, idempotency_key: str, *, at: datetime) -> Answer:
        """See ``Provider.end_trial``."""
        return trials.end_trial(self, subscription_id, idempotency_key, at=at)

    def apply_incentive(
        self, subscription_id: str, incentive: Incentive, idempotency_key: str, *, at: datetime
    ) -> Applied:
        """See ``Provider.apply_incentive``. As a coupon of the incentive's name."""
        return trials.apply_incentive(self, subscription_id, incentive, idempotency_key, at=at)

    def events_since(self, cursor: str | None) -> Sequence[Event]:
        """See ``Provider.events_since``. Stripe keeps events for 30 days; older ones are known to webhooks alone."""
        return events.since(self, cursor)

    def _still(self, quote: Quote, key: str, *, at: datetime) -> Thing | Answer | None:
        """The subscription, if it is still the one that was quoted; the answer, if the call was answered before."""
        if quote.provider != self.name:
            place = f"quote {quote.quote_id}"
            raise QuoteError(Fault(place, f"is of provider {quote.provider!r}, not of {self.name!r}."))
        found = self.subscription(quote.subscription_id) or trials.started_by(self, quote, key)
        known = self._found(quote, found, key, at=at)
        if known is not None:
            return known
        if (reading.digest(found) if found else "new") != quote.based_on:
            raise changed_since(quote, ["it is another at Stripe"])
        return found

    def _found(self, quote: Quote, found: Thing | None, key: str, *, at: datetime) -> Answer | None:
        """What was answered to this call before, by its mark."""
        called = mark(key, quote.quote_id)
        if found is not None:
            known = outcome.known(self.line, quote, found, called) or scheduling.found(called, found)
            if known is not None:
                return known
        if at >= quote.expires_at and called in marks(self.customer(found, quote.account_id)):
            return Declined("no_payment_method", "No card was named in time.", quote.due_now_minor)
        return None

    def _update(self, quote: Quote, found: Thing, key: str, *, at: datetime) -> Answer:
        mode = reading.billing_mode(found)
        anchor = from_seconds(found["billing_cycle_anchor"])
        worked = work_out(quote.change, self.items_of(found), at=quote.at, standing=Standing(mode=mode, anchor=anchor))
        params = self.details(quote.change, found, worked, quote.at)
        called = mark(key, quote.quote_id)
        params |= {"metadata": marked_with(found, called), "expand": ["latest_invoice"]}
        is_charged = worked.is_invoiced or quote.change.behaviour is Behaviour.ALWAYS_INVOICE
        if is_charged and found["collection_method"] == "charge_automatically":
            params["payment_behavior"] = "pending_if_incomplete"
        try:
            answer = self.line.ask(self.line.client.v1.subscriptions.update, found["id"], params, key=key)
        except QuoteError as error:
            return self._after_refusal(quote, key, error)
        return outcome.settled(self.line, answer, mark=called, before=found, at=at)

    def _after_refusal(self, quote: Quote, key: str, error: QuoteError) -> Answer:
        """A refusal may be of a request that came second: then the first one's mark is there."""
        now = self.subscription(quote.subscription_id)
        known = self._found(quote, now, key, at=quote.at)
        if known is not None:
            return known
        if "this key has been used" in str(error):
            place = f"quote {quote.quote_id}"
            raise QuoteError(Fault(place, f"key {key!r} has been used for another request.")) from error
        raise error


def _in_stripes_intervals(change: Change) -> Change:
    """Stripe bills a quarter as three months."""
    items = tuple(
        replace(wish, interval="month", interval_count=3 * wish.interval_count) if wish.interval == "quarter" else wish
        for wish in change.items
    )
    return replace(change, items=items)
