"""What Stripe tells of subscriptions, as changes of our items: how each was, and how it is.

``since`` pulls the events that a webhook may have missed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from upstep.billing.change import Item
from upstep.billing.provider import Event
from upstep.billing.stripe.asking import Thing
from upstep.billing.stripe.invoiced import as_invoiced
from upstep.billing.stripe.marks import marks, new_quote
from upstep.billing.stripe.reading import items_of
from upstep.clock import from_seconds
from upstep.errors import QuoteError

if TYPE_CHECKING:
    from upstep.billing.stripe.connected import Connected

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


def since(biller: Connected, cursor: str | None) -> list[Event]:
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


def changes_of(biller: Connected, told: Iterable[Thing]) -> list[Event]:
    """The changes that events tell of, in the order in which they are given: each starts where the last one ended."""
    held: dict[str, dict[str, Item]] = {}
    found: list[Event] = []
    for event in told:
        found += _of_event(biller, event, held)
    return found


def _of_event(biller: Connected, event: Thing, held: dict[str, dict[str, Item]]) -> list[Event]:
    """The changes of one event; ``held`` is what is known of each subscription so far, and learns of it."""
    after, before = event["data"]["object"], before_of(event)
    account_id = biller.accounts.account_of(after["customer"])
    known = held.get(after["id"])
    if known is None:
        invoiced = as_invoiced(biller.line, before, until=event["created"]) if before is not None else {}
        known = held[after["id"]] = _by_id(biller, before, account_id, invoiced) if before is not None else {}
    quote_id = _quote_of(event, before)
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


def _quote_of(event: Thing, before: Thing | None) -> str | None:
    """The quote that the event did. What begins with a trial is done when that ends and is charged."""
    after = event["data"]["object"]
    was = before["status"] if before is not None else None
    if was == "trialing" and after["status"] in ("active", "past_due"):
        return next(filter(None, (each.split("/")[0] for each in marks(after))), None)
    return None if was is None and after["status"] == "trialing" else new_quote(before, after)


def _by_id(
    biller: Connected, subscription: Thing, account_id: str, since_when: Mapping[str, datetime]
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
