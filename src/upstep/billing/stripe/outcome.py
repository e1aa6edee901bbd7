"""What has become of a change at Stripe: made, waiting for its owner, or refused by the card."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from upstep.billing.currencies import from_provider
from upstep.billing.provider import Answer, Applied, Declined, NeedsConfirmation
from upstep.billing.quote import Quote
from upstep.billing.stripe.asking import Line, Thing
from upstep.billing.stripe.marks import DONE, marks
from upstep.billing.stripe.reading import is_proration
from upstep.clock import from_seconds, to_seconds
from upstep.errors import QuoteError

INCOMPLETE_SECONDS = 23 * 3600
"""After which Stripe gives up a subscription whose first payment did not come, and an update that is pending."""


def known(line: Line, quote: Quote, subscription: Mapping[str, Any], mark: str) -> Answer | None:
    """The answer to a call that has reached this subscription; None: it has not, or has changed nothing."""
    if waiting_for(subscription, mark):
        expires_at = from_seconds(subscription["pending_update"]["expires_at"])
        return unpaid(line, subscription, mark=mark, expires_at=expires_at)
    if mark not in marks(subscription):
        return given_up(line, quote, subscription, mark)
    if subscription["status"] == "incomplete":
        expires_at = from_seconds(subscription["created"] + INCOMPLETE_SECONDS)
        return unpaid(line, subscription, mark=mark, expires_at=expires_at)
    if subscription["status"] in ("canceled", "incomplete_expired"):
        gone = given_up(line, quote, subscription, mark)
        if gone is not None or subscription["status"] == "incomplete_expired":
            return gone or Declined("not_confirmed", "The payment was not confirmed in time.", quote.due_now_minor)
    return made_by(line, quote, subscription, mark)


def settled(line: Line, answer: Thing, *, mark: str, before: Mapping[str, Any] | None, at: datetime) -> Answer:
    """What Stripe's answer to an update or a start means."""
    if waiting_for(answer, mark):
        expires_at = from_seconds(answer["pending_update"]["expires_at"])
        return unpaid(line, answer, mark=mark, expires_at=expires_at)
    invoice = answer.get("latest_invoice")
    was = (before or {}).get("latest_invoice")
    is_new = isinstance(invoice, Mapping) and invoice["id"] != was
    return applied(invoice if is_new else None, str(answer["id"]), at=at)


def applied(invoice: Mapping[str, Any] | None, reference: str, *, at: datetime) -> Applied:
    """It was done; ``at`` when there was nothing to invoice."""
    if invoice is None:
        return Applied(reference, 0, at)
    # A payment that its owner confirmed later took effect then.
    paid_at = (invoice.get("status_transitions") or {}).get("paid_at")
    effective_at = from_seconds(paid_at or invoice["created"])
    amount = from_provider(invoice["amount_due"], invoice["currency"])
    return Applied(str(invoice["id"]), amount, effective_at, str(invoice["id"]))


def made_by(line: Line, quote: Quote, subscription: Mapping[str, Any], mark: str) -> Applied:
    """The answer to a call whose mark the subscription bears: from its invoice, else from the event that told of it."""
    found = [i for i in _invoices_since(line, subscription["id"], quote.at) if i["status"] != "void"]
    for invoice in found:
        if _is_of(invoice, quote, mark):
            return applied(invoice, "", at=quote.at)
    told = line.every(
        line.client.v1.events.list,
        {"types": ["customer.subscription.updated"], "created": {"gte": to_seconds(quote.at)}, "limit": 100},
    )
    instants = [
        from_seconds(event["created"])
        for event in told
        if event["data"]["object"]["id"] == subscription["id"] and mark in marks(event["data"]["object"])
    ]
    return applied(None, str(subscription["id"]), at=min(instants, default=quote.at))


def _invoices_since(line: Line, subscription_id: str, at: datetime) -> Iterable[Thing]:
    wanted = {"subscription": subscription_id, "created": {"gte": to_seconds(at)}, "limit": 100}
    return sorted(line.every(line.client.v1.invoices.list, wanted), key=lambda invoice: int(invoice["created"]))


def _is_of(invoice: Mapping[str, Any], quote: Quote, mark: str) -> bool:
    """Whether an invoice is the call's: it bears its mark, or it prorates from the quote's own frozen second."""
    if invoice["billing_reason"] not in ("subscription_update", "subscription_create"):
        return False
    start = to_seconds(quote.at)
    if any(is_proration(line) and line["period"]["start"] == start for line in invoice["lines"]["data"]):
        return True
    details = (invoice.get("parent") or {}).get("subscription_details") or {}
    if mark in marks(details):
        return marks(details)[-1] == mark
    return from_provider(invoice["amount_due"], invoice["currency"]) == quote.due_now_minor


def given_up(line: Line, quote: Quote, subscription: Mapping[str, Any], mark: str) -> Declined | None:
    """The answer to a call whose invoice is void: its card was refused, or nobody confirmed it in time."""
    if subscription.get("latest_invoice") is None:
        return None
    for invoice in _invoices_since(line, subscription["id"], quote.at):
        if invoice["status"] == "void" and mark in marks(invoice):
            return _declined(line, invoice)
    return None


def _declined(line: Line, invoice: Mapping[str, Any]) -> Declined:
    intent = _last_intent(line, str(invoice["id"])) or {}
    amount = from_provider(invoice["amount_due"], invoice["currency"])
    error = intent.get("last_payment_error") or {}
    if intent.get("status") == "requires_action" or not error:
        return Declined("not_confirmed", "The payment was not confirmed in time.", amount)
    reason = str(error.get("decline_code") or error.get("code") or "declined")
    return Declined(reason, str(error.get("message") or "The payment failed."), amount)


def waiting_for(subscription: Mapping[str, Any], mark: str) -> bool:
    """Whether the subscription holds an update with that mark which is not made, as its payment is open."""
    pending = subscription.get("pending_update")
    return bool(pending) and mark in marks(pending)


def unpaid(line: Line, subscription: Mapping[str, Any], *, mark: str, expires_at: datetime) -> Answer:
    """What an update that was left pending, or a start that is incomplete, waits for.

    A card that was refused is answered at once, and its invoice is void, so that nothing can be charged later. A
    payment that its owner must confirm is left open, on Stripe's page of that invoice. Either way the invoice is
    marked first: the update and its mark vanish when it is void.
    """
    latest = subscription["latest_invoice"]
    invoice_id = str(latest["id"] if isinstance(latest, Mapping) else latest)
    verb = line.client.v1.invoices.update
    invoice = line.ask(verb, invoice_id, {"metadata": {DONE: mark}})
    if invoice["status"] == "paid":
        return applied(invoice, "", at=expires_at)
    intent = _last_intent(line, invoice_id) or {}
    if invoice["status"] == "open" and intent.get("status") in ("requires_action", "processing"):
        amount = from_provider(invoice["amount_due"], invoice["currency"])
        url = str(invoice["hosted_invoice_url"])
        return NeedsConfirmation(invoice_id, url, "authentication", amount, expires_at)
    left = _given_up(line, subscription, invoice_id) if invoice["status"] == "open" else invoice
    if left["status"] == "paid":  # Its owner was quicker.
        return applied(left, "", at=expires_at)
    return _declined(line, left)


def _last_intent(line: Line, invoice_id: str) -> Thing | None:
    """The payment that was tried last. Since 2025 an invoice has several, each beside it."""
    wanted = {"invoice": invoice_id, "limit": 1, "expand": ["data.payment.payment_intent"]}
    found = line.ask(line.client.v1.invoice_payments.list, wanted)["data"]
    intent = found[0]["payment"].get("payment_intent") if found else None
    return intent if isinstance(intent, dict) else None


def _given_up(line: Line, subscription: Mapping[str, Any], invoice_id: str) -> Thing:
    """Give the invoice up, and with it what waited for it; the invoice as it is then."""
    v1 = line.client.v1
    try:
        if subscription["status"] == "incomplete":
            # It goes as a whole: a first invoice that is only voided would leave a subscription that nobody paid for.
            line.ask(v1.subscriptions.cancel, subscription["id"], {})
            return line.ask(v1.invoices.retrieve, invoice_id, {})
        return line.ask(v1.invoices.void_invoice, invoice_id, {})
    except QuoteError:
        left = line.ask(v1.invoices.retrieve, invoice_id, {})
        if left["status"] not in ("void", "paid"):
            raise
        return left
