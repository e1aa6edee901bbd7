"""What Stripe tells of subscriptions, as changes of our items: how each was, and how it is.

Pure but for ``since``, which pulls the events that a webhook may have missed, and ``as_invoiced``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from upstep.billing.change import Item
from upstep.billing.provider import Event
from upstep.billing.stripe.asking import Line, Thing
from upstep.billing.stripe.marks import new_quote
from upstep.billing.stripe.reading import items_of, line_item_id
from upstep.clock import from_seconds
from upstep.errors import QuoteError

if TYPE_CHECKING:
    from upstep.billing.stripe.biller import StripeBiller

SUBSCRIPTION_EVENTS = (
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.resumed",
)
"""The events whose object is a subscription as it then was. ``pending_update_applied`` comes with an ``updated``."""

_UNTOLD = ("valid_from", "period_start", "period_end", "renews_at")
"""What may differ without the item being another: a renewal moves the period on."""


def since(biller: StripeBiller, cursor: str | None) -> list[Event]:
    """The events after that one, oldest first."""
    wanted: Thing = {"types": list(SUBSCRIPTION_EVENTS), "limit": 100}
    if cursor is not None:
        wanted["ending_before"] = cursor
    verb = biller.line.client.v1.events.list
    try:
        told = list(biller.line.every(verb, wanted))
    except QuoteError:
        if cursor is None:
            raise
        # Stripe has forgotten the event that the cursor names. What is older than a month is gone either way.
        return since(biller, None)
    return changes_of(biller, told if cursor is not None else told[::-1])


def changes_of(biller: StripeBiller, told: Iterable[Thing]) -> list[Event]:
    """The changes that events tell of, in the order in which they are given: each starts where the last one ended."""
    held: dict[str, dict[str, Item]] = {}
    found: list[Event] = []
    for event in told:
        found += _of_event(biller, event, held)
    return found


def _of_event(biller: StripeBiller, event: Thing, held: dict[str, dict[str, Item]]) -> list[Event]:
    """The changes of one event; ``held`` is what is known of each subscription so far, and learns of it."""
    after, before = event["data"]["object"], before_of(event)
    account_id = biller.accounts.account_of(after["customer"])
    known = held.get(after["id"])
    if known is None:
        invoiced = as_invoiced(biller.line, after, until=event["created"]) if before is not None else {}
        known = held[after["id"]] = _by_id(biller, before, account_id, invoiced) if before is not None else {}
    quote_id = new_quote(before, after)
    found = []
    at = from_seconds(event["created"])
    for old, new in differences(known, _by_id(biller, after, account_id, {}), at=at):
        named = new or old
        assert named is not None
        known.pop(named.item_id, None)
        if new is not None:
            known[named.item_id] = new
        event_id = f"{event['id']}:{named.item_id}"
        found.append(Event(event["id"], event_id, at, old, new, quote_id, cause_of(event, quote_id)))
    return found


def _by_id(
    biller: StripeBiller, subscription: Thing, account_id: str, since_when: Mapping[str, datetime]
) -> dict[str, Item]:
    whole = biller.shelf.whole(dict(subscription))
    items = items_of(whole, sold=biller.shelf.sold, account_id=account_id, since=since_when)
    return {item.item_id: item for item in items}


def before_of(event: Mapping[str, Any]) -> Thing | None:
    """The subscription as it was before the event; None for one that has begun with it."""
    previous = event["data"].get("previous_attributes")
    if event["type"] == "customer.subscription.created":
        return None
    return _patched(dict(event["data"]["object"]), previous or {})


def _patched(thing: Thing, previous: Mapping[str, Any]) -> Thing:
    """Previous attributes name what was different: hashes by their own keys, lists as a whole."""
    patched = dict(thing)
    for key, was in previous.items():
        now = thing.get(key)
        is_hash = isinstance(was, Mapping) and isinstance(now, Mapping) and key not in ("items", "pending_update")
        patched[key] = _patched(dict(now), was) if is_hash and isinstance(now, Mapping) else was
    return patched


def differences(
    held: Mapping[str, Item], now: Mapping[str, Item], *, at: datetime
) -> list[tuple[Item | None, Item | None]]:
    """Each item that is another: as it was, closed at ``at``, and as it is, open from ``at``.

    Args:
        held: The items that are known, by id.
        now: The items that Stripe tells of.
        at: When Stripe says that it happened.
    """
    pairs: list[tuple[Item | None, Item | None]] = []
    for item_id in sorted(held.keys() | now.keys()):
        old, new = _open(held.get(item_id)), _open(now.get(item_id))
        if old is not None and new is not None and _same(old, new):
            continue
        closed = replace(old, valid_to=at) if old is not None else None
        # A change in the second in which the item began replaces it.
        opened = replace(new, valid_from=at) if new is not None else None
        if closed is not None or opened is not None:
            pairs.append((closed, opened))
    return pairs


def _open(item: Item | None) -> Item | None:
    """An item that has ended is none."""
    return item if item is not None and item.valid_to is None else None


def _same(old: Item, new: Item) -> bool:
    return replace(new, **{name: getattr(old, name) for name in _UNTOLD}) == old


def cause_of(event: Mapping[str, Any], quote_id: str | None) -> str:
    """A word for people: the first of these that the event says."""
    previous = event["data"].get("previous_attributes") or {}
    is_new = event["type"].endswith(".created")
    is_trial = event["data"]["object"]["status"] == "trialing"
    said = {
        "canceled": event["type"].endswith(".deleted"),
        "trial_ended": previous.get("status") == "trialing",
        "trial_started": is_new and is_trial,
        "change": quote_id is not None or "items" in previous or is_new,
        "discount": "discounts" in previous,
        "payment": "status" in previous,
        "scheduled": "schedule" in previous,
    }
    return next((word for word, is_so in said.items() if is_so), "change")


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
