"""From when an item is as it is: Stripe does not say, but its invoices do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from upstep.billing.stripe.asking import Line, Thing
from upstep.billing.stripe.reading import line_item_id
from upstep.clock import from_seconds


def as_invoiced(line: Line, subscription: Mapping[str, Any], *, until: int | None = None) -> dict[str, datetime]:
    """From when each item is as it is, as far as invoices tell.

    That is the oldest invoice, going back, that bills it as it is, when the one before billed it otherwise. An item
    that was never billed otherwise has no entry: it is as it was made. What a change without an invoice began is
    seen from the renewal on; events tell of it at once.

    Args:
        line: To Stripe.
        subscription: The subscription.
        until: Invoices from this second on are left out; None: none is.
    """
    if subscription.get("latest_invoice") is None:
        return {}
    wanted: Thing = {"subscription": subscription["id"], "limit": 100}
    if until is not None:
        wanted["created"] = {"lt": until}
    now = {item["id"]: (item["price"]["id"], item.get("quantity")) for item in subscription["items"]["data"]}
    since_when: dict[str, datetime] = {}
    found: dict[str, datetime] = {}
    for invoice in line.every(line.client.v1.invoices.list, wanted):
        if not now:
            break
        for item_id, sold_as, at in _billed(invoice, subscription):
            if item_id not in now:
                continue
            if sold_as == now[item_id]:
                since_when[item_id] = at
                continue
            del now[item_id]
            if item_id in since_when:
                found[item_id] = since_when[item_id]
    return found


def _billed(invoice: Mapping[str, Any], subscription: Mapping[str, Any]) -> Iterator[tuple[str, Any, datetime]]:
    """What an invoice charges for: item, (price, quantity), from when. Nothing, when it came to nothing."""
    if invoice["status"] == "void" or (subscription.get("pending_update") and invoice["status"] == "open"):
        return
    is_renewal = invoice["billing_reason"] == "subscription_cycle"
    for entry in invoice["lines"]["data"]:
        item_id = line_item_id(entry)
        details = (entry.get("pricing") or {}).get("price_details") or {}
        if item_id is None or entry["amount"] < 0:
            continue
        at = entry["period"]["start"] if is_renewal else _made_at(invoice)
        yield item_id, (details.get("price"), entry.get("quantity")), from_seconds(at)


def _made_at(invoice: Mapping[str, Any]) -> int:
    return int((invoice.get("status_transitions") or {}).get("paid_at") or invoice["created"])
