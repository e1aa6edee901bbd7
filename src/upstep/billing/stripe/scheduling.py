"""A change at renewal: a schedule of two phases, today's items until then and the wanted ones after it.

The schedule is released when its second phase has run, so the subscription goes on by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from upstep.billing.provider import Applied
from upstep.billing.quote import Quote
from upstep.billing.stripe.asking import Thing
from upstep.billing.stripe.marks import mark, marked_with, marks
from upstep.billing.stripe.reading import next_phase
from upstep.clock import from_seconds, to_seconds
from upstep.errors import Fault, QuoteError

if TYPE_CHECKING:
    from upstep.billing.stripe.connected import Connected


def found(called: str, subscription: Mapping[str, Any]) -> Applied | None:
    """The answer to a call whose change is scheduled and has not begun, by its mark."""
    phase = next_phase(subscription)
    if phase is None or called not in marks(phase):
        return None
    return Applied(str(subscription["schedule"]["id"]), 0, from_seconds(phase["start_date"]))


def schedule(biller: Connected, quote: Quote, subscription: Thing, key: str) -> Applied:
    """Schedule the quote's change; what was scheduled is replaced.

    Two requests, for Stripe makes a schedule of a subscription and its phases in two. Cut off in between, the
    subscription has a schedule that changes nothing, and asking again goes on from there.
    """
    v1 = biller.line.client.v1
    current = subscription.get("schedule")
    if not isinstance(current, Mapping):
        started = {"from_subscription": subscription["id"]}
        current = biller.line.ask(v1.subscription_schedules.create, started, key=f"{key}:schedule")
    called = mark(key, quote.quote_id)  # Entering the phase, Stripe writes its metadata to the subscription.
    effective_at = to_seconds(quote.effective_at or quote.next_invoice_at)
    now = next(p for p in current["phases"] if p["start_date"] == current["current_phase"]["start_date"])
    params = {
        "end_behavior": "release",
        "phases": [
            {"start_date": now["start_date"], "end_date": effective_at, **_kept(now)},
            {**_kept(now), **_wanted(biller, quote, subscription), "metadata": marked_with(subscription, called)},
        ],
    }
    made = biller.line.ask(v1.subscription_schedules.update, current["id"], params, key=f"{key}:phases")
    return Applied(str(made["id"]), 0, from_seconds(effective_at))


def refuse_scheduled(subscription: Mapping[str, Any]) -> None:
    """Stripe changes nothing by hand while a schedule holds the subscription; so nothing is quoted.

    Raises:
        QuoteError: A schedule holds it.
    """
    current = subscription.get("schedule")
    if not isinstance(current, Mapping):
        return
    phase = next_phase(subscription)
    when = f"a change is scheduled for {from_seconds(phase['start_date']):%Y-%m-%d}" if phase else "a schedule holds it"
    raise QuoteError(Fault(f"subscription {subscription['id']}", f"{when} ({current['id']}).", "Take that back first."))


def _kept(phase: Mapping[str, Any]) -> Thing:
    """A phase as it is: what is not said again would be taken away, discounts above all."""
    items = [{"price": _id(item["price"]), "quantity": item["quantity"]} for item in phase["items"]]
    discounts = [
        {name: _id(entry[name])}
        for entry in phase.get("discounts") or ()
        for name in ("discount", "coupon")
        if entry.get(name)
    ]
    return {"items": items, **({"discounts": discounts} if discounts else {})}


def _wanted(biller: Connected, quote: Quote, subscription: Thing) -> Thing:
    said = biller.said(quote.change.items, subscription)
    named = {entry.get("id"): entry for entry in said}
    items = []
    for item in subscription["items"]["data"]:
        entry = named.pop(item["id"], None) or {"price": item["price"]["id"], "quantity": item["quantity"]}
        if not entry.get("deleted"):
            items.append({name: value for name, value in entry.items() if name != "id"})
    items += [{n: v for n, v in entry.items() if n != "id"} for entry in said if not entry.get("id")]
    wish = next((wish for wish in quote.change.items if not wish.removes), None)
    interval, count = (wish.interval, wish.interval_count) if wish else ("month", 1)
    return {
        "items": items,
        "duration": {"interval": interval, "interval_count": count},
        "proration_behavior": "none",
    }


def release(biller: Connected, subscription: Thing, key: str, *, at: datetime) -> Applied | None:
    """Take back what is scheduled. A second call with the same key gets Stripe's first answer, for a day."""
    v1 = biller.line.client.v1
    current = subscription.get("schedule")
    schedule_id = current["id"] if isinstance(current, Mapping) else _released(biller, subscription)
    if schedule_id is None:
        return None
    try:
        released = biller.line.ask(v1.subscription_schedules.release, schedule_id, {}, key=key)
    except QuoteError:
        return None  # It was released before, by another call.
    released_at = released.get("released_at")
    return Applied(str(schedule_id), 0, from_seconds(released_at) if released_at else at)


def _released(biller: Connected, subscription: Thing) -> str | None:
    """The last schedule that this subscription was released from."""
    wanted = {"customer": subscription["customer"], "limit": 20}
    listed = biller.line.ask(biller.line.client.v1.subscription_schedules.list, wanted)["data"]
    return next((str(s["id"]) for s in listed if s.get("released_subscription") == subscription["id"]), None)


def _id(thing: Any) -> str:
    return str(thing["id"] if isinstance(thing, Mapping) else thing)
