"""The objects of the fake Stripe, as the real one prints them in API version 2026-10-28. Keys of ours begin with _."""

from __future__ import annotations

from typing import Any

Thing = dict[str, Any]


def listed(url: str, found: list[Thing], *, has_more: bool = False) -> Thing:
    return {"object": "list", "data": found, "has_more": has_more, "url": url}


def customer(customer_id: str, now: int, **known: Any) -> Thing:
    settings = {
        "custom_fields": None,
        "default_payment_method": None,
        "footer": None,
        "rendering_options": None,
    } | (known.pop("invoice_settings", None) or {})
    return {
        "id": customer_id,
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": now,
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "email": None,
        "invoice_settings": settings,
        "livemode": False,
        "metadata": {},
        "name": None,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    } | known


def product(product_id: str, now: int, **known: Any) -> Thing:
    return {
        "id": product_id,
        "object": "product",
        "active": True,
        "created": now,
        "default_price": None,
        "description": None,
        "livemode": False,
        "metadata": {},
        "name": "",
        "updated": now,
    } | known


def price(price_id: str, now: int, **known: Any) -> Thing:
    known["recurring"] = {
        "interval": "month",
        "interval_count": 1,
        "meter": None,
        "trial_period_days": None,
        "usage_type": "licensed",
    } | (known.get("recurring") or {})
    amount = known.get("unit_amount")
    return {
        "id": price_id,
        "object": "price",
        "active": True,
        "billing_scheme": "per_unit",
        "created": now,
        "currency": "usd",
        "livemode": False,
        "lookup_key": None,
        "metadata": {},
        "nickname": None,
        "product": "",
        "tiers_mode": None,
        "type": "recurring",
        "unit_amount": amount,
        "unit_amount_decimal": None if amount is None else str(amount),
        "_tiers": known.pop("tiers", []),
        "_currency_options": known.pop("currency_options", {}),
    } | known


def subscription(subscription_id: str, now: int, **known: Any) -> Thing:
    return {
        "id": subscription_id,
        "object": "subscription",
        "billing_cycle_anchor": now,
        "billing_mode": {"type": "flexible"},
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "collection_method": "charge_automatically",
        "created": now,
        "currency": "usd",
        "customer": "",
        "days_until_due": None,
        "default_payment_method": None,
        "description": None,
        "discounts": [],
        "ended_at": None,
        "latest_invoice": None,
        "livemode": False,
        "metadata": {},
        "next_pending_invoice_item_invoice": None,
        "pause_collection": None,
        "pending_update": None,
        "schedule": None,
        "start_date": now,
        "status": "active",
        "test_clock": None,
        "trial_end": None,
        "trial_start": None,
        "items": listed(f"/v1/subscription_items?subscription={subscription_id}", []),
    } | known


def subscription_item(item_id: str, now: int, **known: Any) -> Thing:
    return {
        "id": item_id,
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": now,
        "current_period_end": now,
        "current_period_start": now,
        "discounts": [],
        "metadata": {},
        "quantity": 1,
        "tax_rates": [],
        "_coupons": [],
        "_debits": [],
    } | known


def line(line_id: str, **known: Any) -> Thing:
    """Keyword arguments: amount, currency, description, period, price, quantity, item_id, subscription, proration."""
    item_details = {
        "invoice_item": known.get("invoice_item"),
        "proration": known["proration"],
        "proration_details": {"credited_items": known.get("credited_items")},
        "subscription": known["subscription"],
        "subscription_item": known["item_id"],
    }
    priced = known["price"]
    return {
        "id": line_id,
        "object": "line_item",
        "amount": known["amount"],
        "currency": known["currency"],
        "description": known["description"],
        "discount_amounts": [],
        "discountable": not known["proration"],
        "discounts": [],
        "invoice": None,
        "livemode": False,
        "metadata": {},
        "parent": {
            "invoice_item_details": None,
            "subscription_item_details": item_details,
            "type": "subscription_item_details",
        },
        "period": {"start": known["period"][0], "end": known["period"][1]},
        "pretax_credit_amounts": [],
        "pricing": {
            "price_details": {"price": priced["id"], "product": priced["product"]},
            "type": "price_details",
            "unit_amount_decimal": priced["unit_amount_decimal"],
        },
        "quantity": known["quantity"],
        "subtotal": known["amount"],
        "taxes": [],
    }


def invoice(invoice_id: str, now: int, lines: list[Thing], **known: Any) -> Thing:
    subscription_id, mark = known.pop("subscription", None), known.pop("marks", {})
    details = {"metadata": mark, "subscription": subscription_id}
    return {
        "id": invoice_id,
        "object": "invoice",
        "amount_due": 0,
        "amount_paid": 0,
        "amount_remaining": 0,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": True,
        "billing_reason": "manual",
        "collection_method": "charge_automatically",
        "created": now,
        "currency": "usd",
        "customer": "",
        "default_payment_method": None,
        "description": None,
        "discounts": [],
        "due_date": None,
        "ending_balance": 0,
        "hosted_invoice_url": None,
        "lines": listed(f"/v1/invoices/{invoice_id}/lines", lines),
        "livemode": False,
        "metadata": {},
        "next_payment_attempt": None,
        "number": None,
        "parent": {"quote_details": None, "subscription_details": details, "type": "subscription_details"}
        if subscription_id
        else None,
        "period_end": now,
        "period_start": now,
        "starting_balance": 0,
        "status": "draft",
        "status_transitions": {
            "finalized_at": None,
            "marked_uncollectible_at": None,
            "paid_at": None,
            "voided_at": None,
        },
        "subtotal": 0,
        "test_clock": None,
        "total": 0,
        "total_discount_amounts": [],
        "total_taxes": [],
    } | known


def payment_intent(intent_id: str, now: int, **known: Any) -> Thing:
    return {
        "id": intent_id,
        "object": "payment_intent",
        "amount": 0,
        "amount_received": 0,
        "client_secret": f"{intent_id}_secret_fake",
        "created": now,
        "currency": "usd",
        "customer": None,
        "last_payment_error": None,
        "livemode": False,
        "metadata": {},
        "next_action": None,
        "payment_method": None,
        "status": "requires_payment_method",
    } | known


def invoice_payment(payment_id: str, now: int, **known: Any) -> Thing:
    """Keyword arguments: invoice, payment_intent, amount, currency, status."""
    is_paid = known["status"] == "paid"
    return {
        "id": payment_id,
        "object": "invoice_payment",
        "amount_paid": known["amount"] if is_paid else None,
        "amount_requested": known["amount"],
        "created": now,
        "currency": known["currency"],
        "invoice": known["invoice"],
        "is_default": True,
        "livemode": False,
        "payment": {"payment_intent": known["payment_intent"], "type": "payment_intent"},
        "status": known["status"],
        "status_transitions": {"canceled_at": None, "paid_at": now if is_paid else None},
    }


def payment_method(method_id: str, now: int, **known: Any) -> Thing:
    """Keyword arguments: customer, behaviour (ok, declined, insufficient_funds, authentication)."""
    card = {"brand": "visa", "country": "US", "exp_month": 8, "exp_year": 2034, "funding": "credit", "last4": "4242"}
    return {
        "id": method_id,
        "object": "payment_method",
        "card": card,
        "created": now,
        "customer": known.get("customer"),
        "livemode": False,
        "metadata": {},
        "type": "card",
        "_behaviour": known.get("behaviour", "ok"),
    }


def coupon(coupon_id: str, now: int, **known: Any) -> Thing:
    return {
        "id": coupon_id,
        "object": "coupon",
        "amount_off": None,
        "created": now,
        "currency": None,
        "duration": "once",
        "duration_in_months": None,
        "livemode": False,
        "max_redemptions": None,
        "metadata": {},
        "name": None,
        "percent_off": None,
        "redeem_by": None,
        "times_redeemed": 0,
        "valid": True,
    } | known


def discount(discount_id: str, now: int, **known: Any) -> Thing:
    """Keyword arguments: coupon, customer, subscription, end."""
    return {
        "id": discount_id,
        "object": "discount",
        "checkout_session": None,
        "customer": known["customer"],
        "end": known.get("end"),
        "invoice": None,
        "invoice_item": None,
        "promotion_code": None,
        "source": {"coupon": known["coupon"], "type": "coupon"},
        "start": now,
        "subscription": known.get("subscription"),
        "subscription_item": None,
    }


def schedule(schedule_id: str, now: int, **known: Any) -> Thing:
    return {
        "id": schedule_id,
        "object": "subscription_schedule",
        "application": None,
        "billing_mode": {"type": "flexible"},
        "canceled_at": None,
        "completed_at": None,
        "created": now,
        "current_phase": None,
        "customer": "",
        "end_behavior": "release",
        "livemode": False,
        "metadata": {},
        "phases": [],
        "released_at": None,
        "released_subscription": None,
        "status": "active",
        "subscription": None,
        "test_clock": None,
    } | known


def phase(items: list[Thing], start: int, end: int, **known: Any) -> Thing:
    return {
        "add_invoice_items": [],
        "billing_cycle_anchor": None,
        "currency": known.get("currency", "usd"),
        "discounts": known.get("discounts", []),
        "end_date": end,
        "items": [
            {"discounts": [], "metadata": {}, "price": item["price"], "quantity": item["quantity"], "tax_rates": []}
            for item in items
        ],
        "metadata": known.get("metadata") or {},
        "proration_behavior": known.get("proration_behavior", "create_prorations"),
        "start_date": start,
        "trial_end": known.get("trial_end"),
    }


def portal_session(session_id: str, now: int, **known: Any) -> Thing:
    """Keyword arguments: customer, return_url, flow, url."""
    kind = (known.get("flow") or {}).get("type")
    return {
        "id": session_id,
        "object": "billing_portal.session",
        "configuration": "bpc_fake",
        "created": now,
        "customer": known["customer"],
        "flow": kind
        and {
            "after_completion": {"hosted_confirmation": None, "redirect": None, "type": "portal_homepage"},
            "subscription_cancel": None,
            "subscription_update": None,
            "subscription_update_confirm": None,
            "type": kind,
        },
        "livemode": False,
        "locale": None,
        "on_behalf_of": None,
        "return_url": known.get("return_url"),
        "url": known["url"],
    }


def checkout_session(session_id: str, now: int, **known: Any) -> Thing:
    """Keyword arguments: customer, mode, success_url, cancel_url, url, metadata."""
    return {
        "id": session_id,
        "object": "checkout.session",
        "amount_total": None,
        "cancel_url": known.get("cancel_url"),
        "client_reference_id": None,
        "created": now,
        "currency": known.get("currency"),
        "customer": known.get("customer"),
        "expires_at": now + 86_400,
        "livemode": False,
        "metadata": known.get("metadata") or {},
        "mode": known["mode"],
        "payment_status": "no_payment_required" if known["mode"] == "setup" else "unpaid",
        "setup_intent": None,
        "status": "open",
        "subscription": None,
        "success_url": known.get("success_url"),
        "url": known["url"],
    }


def test_clock(clock_id: str, frozen_time: int, name: str | None) -> Thing:
    return {
        "id": clock_id,
        "object": "test_helpers.test_clock",
        "created": frozen_time,
        "deletes_after": frozen_time + 30 * 86_400,
        "frozen_time": frozen_time,
        "livemode": False,
        "name": name,
        "status": "ready",
        "status_details": {},
    }


def event(event_id: str, now: int, **known: Any) -> Thing:
    """Keyword arguments: type, object, previous, key."""
    return {
        "id": event_id,
        "object": "event",
        "api_version": "2026-10-28.endive",
        "created": now,
        "data": {"object": known["object"]}
        | ({"previous_attributes": known["previous"]} if known.get("previous") else {}),
        "livemode": False,
        "pending_webhooks": 0,
        "request": {"id": f"req_{event_id}", "idempotency_key": known.get("key")},
        "type": known["type"],
    }


test_clock.__test__ = False  # type: ignore[attr-defined]  # a Stripe object, not a test
