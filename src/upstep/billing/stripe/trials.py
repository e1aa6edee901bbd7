"""Starting a subscription, with a trial or without, ending a trial, and what lowers coming renewals."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from upstep.billing.change import Change, Incentive
from upstep.billing.currencies import to_provider
from upstep.billing.preview import Standing, work_out
from upstep.billing.provider import Answer, Applied, Declined
from upstep.billing.quote import Quote
from upstep.billing.stripe import outcome
from upstep.billing.stripe.asking import PaymentRefusedError, Thing
from upstep.billing.stripe.marks import mark, marked_with, marks
from upstep.billing.trial import free_until
from upstep.clock import from_seconds, to_seconds
from upstep.errors import Fault, QuoteError

if TYPE_CHECKING:
    from upstep.billing.stripe.connected import Connected

_MONTHS = {"month": 1, "year": 12}


def start(biller: Connected, quote: Quote, key: str, *, at: datetime) -> Answer:
    """Start the quote's subscription. Stripe gives it an id of its own; the quote's mark finds it again."""
    params = {
        "customer": biller.accounts.customer(quote.account_id)["id"],
        "items": biller.said(quote.change.items, None),
        "billing_mode": {"type": "flexible"},
        "payment_behavior": "allow_incomplete",
        "metadata": marked_with(None, mark(key, quote.quote_id)),
        "expand": ["latest_invoice"],
    }
    ends_at = free_until(quote)
    if ends_at is not None:
        made = biller.line.ask(biller.line.client.v1.subscriptions.create, {**params, **_tried(ends_at)}, key=key)
        return _trial(made)
    made = biller.line.ask(biller.line.client.v1.subscriptions.create, params, key=key)
    if made["status"] == "incomplete":
        expires_at = from_seconds(made["created"] + outcome.INCOMPLETE_SECONDS)
        return outcome.unpaid(biller.line, made, mark=mark(key, quote.quote_id), expires_at=expires_at)
    return outcome.settled(biller.line, made, mark=mark(key, quote.quote_id), before=None, at=at)


def started_by(biller: Connected, quote: Quote, key: str) -> Thing | None:
    """The subscription that this call has started, whatever became of it; None for a quote of one that was there."""
    if quote.based_on != "new":
        return None
    for customer in biller.accounts.customers(quote.account_id):
        found = _marked(biller, customer["id"], mark(key, quote.quote_id))
        if found is not None:
            return found
    return None


def _marked(biller: Connected, customer_id: str, called: str) -> Thing | None:
    wanted = {"customer": customer_id, "status": "all", "limit": 100}
    for found in biller.line.every(biller.line.client.v1.subscriptions.list, wanted):
        if called in marks(found):
            return biller.subscription(found["id"])
    return None


def start_trial(biller: Connected, change: Change, key: str, *, ends_at: datetime, at: datetime) -> Applied:
    """Start a subscription that costs nothing until ``ends_at``."""
    place = f"subscription {change.subscription_id}"
    called = mark(key)
    customer = biller.accounts.customer(change.account_id)
    known = _marked(biller, customer["id"], called)
    if known is not None:
        return _trial(known)
    faults = [Fault(place, f"a trial that ends at {ends_at.isoformat()} has ended at {at.isoformat()}.")]
    faults = faults if ends_at <= at else []
    if biller.subscription(change.subscription_id) is not None:
        faults.append(Fault(place, "is there already.", "A trial starts a subscription of its own."))
    if faults:
        raise QuoteError(faults)
    work_out(change, [], at=at, standing=Standing())
    params = {
        "customer": customer["id"],
        "items": biller.said(change.items, None),
        "billing_mode": {"type": "flexible"},
        **_tried(ends_at),
        "metadata": marked_with(None, called),
    }
    return _trial(biller.line.ask(biller.line.client.v1.subscriptions.create, params, key=key))


def _tried(ends_at: datetime) -> dict[str, Any]:
    """Without a card at its end the trial ends with it: nothing is owed by who never said yes to a price."""
    settings = {"end_behavior": {"missing_payment_method": "cancel"}}
    return {"trial_end": to_seconds(ends_at), "trial_settings": settings}


def _trial(made: Mapping[str, Any]) -> Applied:
    return Applied(str(made["id"]), 0, from_seconds(made["trial_start"] or made["created"]))


def end_trial(biller: Connected, subscription_id: str, key: str, *, at: datetime) -> Answer:
    """End a trial now, if its first period is paid."""
    found = biller.subscription(subscription_id)
    place, called = f"subscription {subscription_id}", mark(key)
    if found is None:
        raise QuoteError(Fault(place, "is not known at Stripe."))
    if called in marks(found):
        return _ended(biller, found)
    if outcome.waiting_for(found, called):
        expires_at = from_seconds(found["pending_update"]["expires_at"])
        return outcome.unpaid(biller.line, found, mark=called, expires_at=expires_at)
    if found["status"] != "trialing":
        raise QuoteError(Fault(place, f"is {found['status']}, not in trial.", "There is no trial to end."))
    params: Thing = {"trial_end": "now", "metadata": marked_with(found, called), "expand": ["latest_invoice"]}
    if found["collection_method"] == "charge_automatically":
        params["payment_behavior"] = "pending_if_incomplete"
    try:
        answer = biller.line.ask(biller.line.client.v1.subscriptions.update, subscription_id, params, key=key)
    except PaymentRefusedError as error:
        return Declined(error.reason, error.why)
    return outcome.settled(biller.line, answer, mark=called, before=found, at=at)


def _ended(biller: Connected, found: Thing) -> Applied:
    """The answer that was given: the invoice of the first period, which starts where the trial ended."""
    wanted = {"subscription": found["id"], "created": {"gte": found["trial_end"]}, "limit": 100}
    listed = list(biller.line.every(biller.line.client.v1.invoices.list, wanted))
    first = min(listed, key=lambda invoice: int(invoice["created"]), default=None)
    return outcome.applied(first, str(found["id"]), at=from_seconds(found["trial_end"]))


def apply_incentive(
    biller: Connected, subscription_id: str, incentive: Incentive, key: str, *, at: datetime
) -> Applied:
    """Add a coupon of the incentive's name to the subscription's discounts."""
    v1 = biller.line.client.v1
    found = biller.subscription(subscription_id)
    place, called = f"subscription {subscription_id}", mark(key)
    if found is None or found["status"] not in ("active", "past_due", "trialing"):
        status = found["status"] if found else "not known at Stripe"
        raise QuoteError(Fault(place, f"is {status}.", "Only a live subscription can be lowered."))
    if called in marks(found):
        return Applied(subscription_id, 0, at)
    if incentive.currency not in (None, found["currency"]):
        raise QuoteError(Fault(place, f"bills in {found['currency']}, the incentive is in {incentive.currency}."))
    coupon_id = _coupon(biller, incentive, found)
    kept = [{"discount": entry["id"] if isinstance(entry, Mapping) else entry} for entry in found["discounts"]]
    params = {"discounts": [*kept, {"coupon": coupon_id}], "metadata": marked_with(found, called)}
    biller.line.ask(v1.subscriptions.update, subscription_id, params, key=key)
    return Applied(subscription_id, 0, at)


def _coupon(biller: Connected, incentive: Incentive, subscription: Thing) -> str:
    """The coupon of that name, made when it is not there yet.

    Raises:
        QuoteError: There is one of that name with other terms, or Stripe has no such terms.
    """
    v1 = biller.line.client.v1
    wanted = _terms(incentive, subscription)
    there = biller.line.find(v1.coupons.retrieve, incentive.incentive_id, {})
    if there is None:
        named = {"id": incentive.incentive_id, "name": incentive.incentive_id[:40], **wanted}
        there = biller.line.ask(v1.coupons.create, named, key=f"coupon:{incentive.incentive_id}")
    differs = [name for name, value in wanted.items() if there.get(name) != value]
    if differs:
        listed = ", ".join(f"{name} {there.get(name)!r} instead of {wanted[name]!r}" for name in differs)
        raise QuoteError(
            Fault(f"incentive {incentive.incentive_id}", f"has other terms at Stripe: {listed}.", "Give it another id.")
        )
    return incentive.incentive_id


def _terms(incentive: Incentive, subscription: Thing) -> Thing:
    terms: Thing = {"duration": "forever" if incentive.periods is None else "once"}
    if incentive.periods is not None and incentive.periods > 1:
        recurring = subscription["items"]["data"][0]["price"]["recurring"]
        months = _MONTHS.get(recurring["interval"], 0) * recurring["interval_count"] * incentive.periods
        if not months:
            raise QuoteError(
                Fault(
                    f"incentive {incentive.incentive_id}",
                    f"lowers {incentive.periods} periods of {recurring['interval']}s; Stripe's coupons run in months.",
                )
            )
        terms = {"duration": "repeating", "duration_in_months": months}
    if incentive.percent is not None:
        return {**terms, "percent_off": incentive.percent}
    assert incentive.amount_minor is not None
    assert incentive.currency is not None
    amount = to_provider(incentive.amount_minor, incentive.currency)
    return {**terms, "amount_off": amount, "currency": incentive.currency}
