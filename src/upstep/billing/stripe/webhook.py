"""What Stripe tells by webhook: checked, kept, and worked out with all that it told of the same object before.

Stripe delivers at least once and in any order. So an event is kept under its id, and what it means is worked out from
all the events of its object in their own order: a second delivery changes nothing, and a late one takes its place in
the past instead of overwriting what came after it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from upstep.billing.provider import Event
from upstep.billing.stripe.asking import Thing, load_sdk
from upstep.billing.stripe.events import SUBSCRIPTION_EVENTS, before_of, changes_of
from upstep.billing.stripe.reading import invoice_row
from upstep.clock import from_seconds, to_seconds
from upstep.errors import Fault, InputError
from upstep.state import tables
from upstep.state.session import hold, reading, writing

if TYPE_CHECKING:
    from upstep.billing.stripe.connected import Connected

TOLERANCE = timedelta(minutes=5)  # Stripe's own default: older deliveries may be recordings.
KEPT_DAYS = 60
"""Events older than this are dropped when newer ones of their object are there; the newest of them stays."""

_RANK = {"draft": 0, "open": 1, "uncollectible": 2, "void": 3, "paid": 3}


class WebhookRefusedError(InputError):
    """A delivery that is not Stripe's, not for us, or too old. Nothing was kept; answer it with HTTP 400."""


@dataclass(frozen=True)
class Told:
    """What a delivery has changed.

    Args:
        event_id: Stripe's id of the event.
        is_new: False: it had been delivered before.
        events: All changes of the subscription that are known, oldest first; for ``subscription_item_rows``.
        invoices: The invoice as it is now, as a row of ``invoice``; empty for another object.
    """

    event_id: str
    is_new: bool
    events: tuple[Event, ...] = ()
    invoices: tuple[Mapping[str, object], ...] = ()


def verified(payload: bytes, signature: str | None, *, secret: str, now: datetime) -> Thing:
    """The event of a delivery, when Stripe has signed it lately.

    Args:
        payload: The body exactly as it came; parsed and printed again it would not match.
        signature: The ``Stripe-Signature`` header.
        secret: The endpoint's signing secret.
        now: By our clock.

    Raises:
        WebhookRefusedError: The signature is missing, of another secret, or was made too long ago or ahead.
    """
    sdk = load_sdk()
    try:
        # Without a tolerance: the SDK would compare with the wall clock, and let the future pass.
        sdk.WebhookSignature.verify_header(payload, signature, secret, None)
        event: Thing = json.loads(payload)
    except (sdk.SignatureVerificationError, ValueError) as error:
        raise _refused(f"is not signed by Stripe with this endpoint's secret ({error}).") from error
    signed = next(part[2:] for part in str(signature).split(",") if part.startswith("t="))
    if abs(to_seconds(now) - int(signed)) > TOLERANCE.total_seconds():
        raise _refused(f"was signed at {from_seconds(int(signed)):%Y-%m-%d %H:%M:%S} UTC, too far from {now:%H:%M:%S}.")
    if event.get("object") != "event":
        raise _refused("holds no event.")
    return event


def _refused(found: str) -> WebhookRefusedError:
    return WebhookRefusedError(Fault("webhook", found, "Check billing.webhook_secret and the server's clock."))


def take(
    engine: sa.Engine,
    biller: Connected,
    payload: bytes,
    signature: str | None,
    *,
    secret: str,
    now: datetime,
) -> Told:
    """Check a delivery, keep it, and say what is known of its object by it. Safe to repeat.

    Raises:
        WebhookRefusedError: It is not one of Stripe's; see ``verified``.
        OutsideError: Stripe had to be asked what a price sells and gave no answer. The event is kept: let Stripe
            deliver it again (HTTP 503).
    """
    event = verified(payload, signature, secret=secret, now=now)
    if not _is_kept(event):
        return Told(str(event["id"]), is_new=False)
    is_new = keep(engine, event, now=now)
    known = told(engine, str(event["data"]["object"]["id"]))
    if event["type"] in SUBSCRIPTION_EVENTS:
        return Told(str(event["id"]), is_new, tuple(changes_of(biller, in_order(known))))
    row = newest_invoice(known, account_of=biller.accounts.account_of)
    return Told(str(event["id"]), is_new, invoices=(row,))


def _is_kept(event: Mapping[str, Any]) -> bool:
    """Subscriptions and invoices. An invoice that is only foreseen (``invoice.upcoming``) has no id and is none yet."""
    is_invoice = str(event["type"]).startswith("invoice.") and bool(event["data"]["object"].get("id"))
    return event["type"] in SUBSCRIPTION_EVENTS or is_invoice


def keep(engine: sa.Engine, event: Mapping[str, Any], *, now: datetime) -> bool:
    """Keep an event under its id; False when it was there."""
    table = tables.provider_event
    object_id = str(event["data"]["object"]["id"])
    row = {
        "event_id": event["id"],
        "provider": "stripe",
        "object_id": object_id,
        "kind": event["type"],
        "occurred_at": from_seconds(event["created"]),
        "received_at": now,
        "body": {"data": event["data"]},
    }
    with writing(engine) as connection:
        hold(connection, object_id)
        insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
        added = insert(table).values(**row).on_conflict_do_nothing().returning(table.c.event_id)
        is_new = connection.execute(added).first() is not None
        _forget(connection, object_id, before=now - timedelta(days=KEPT_DAYS))
        return is_new


def _forget(connection: sa.Connection, object_id: str, *, before: datetime) -> None:
    """Drop what is old, but for the newest of it: later events are changes of that."""
    table = tables.provider_event
    is_old = (table.c.object_id == object_id) & (table.c.occurred_at < before)
    last = sa.select(sa.func.max(table.c.occurred_at)).where(is_old).scalar_subquery()
    connection.execute(sa.delete(table).where(is_old, table.c.occurred_at < last))


def told(engine: sa.Engine, object_id: str) -> list[Thing]:
    """Every event of an object that is kept, by Stripe's own clock."""
    table = tables.provider_event
    mine = sa.select(table).where(table.c.object_id == object_id).order_by(table.c.occurred_at, table.c.event_id)
    with reading(engine) as connection:
        found = connection.execute(mine).all()
    return [{"id": row.event_id, "type": row.kind, "created": to_seconds(row.occurred_at), **row.body} for row in found]


def in_order(events: Sequence[Thing]) -> list[Thing]:
    """Events of one subscription in the order in which they happened.

    Stripe's clock counts whole seconds, and several changes may share one. Of those the next is the one whose previous
    attributes lead from what is known to what it tells.
    """
    waiting = sorted(events, key=lambda event: (event["created"], _is_end(event), event["id"]))
    ordered: list[Thing] = []
    while waiting:
        same = [event for event in waiting if event["created"] == waiting[0]["created"]]
        state = ordered[-1]["data"]["object"] if ordered else None
        chosen = next((event for event in same if _follows(event, state, same)), same[0])
        waiting.remove(chosen)
        ordered.append(chosen)
    return ordered


def _is_end(event: Mapping[str, Any]) -> int:
    return {"customer.subscription.created": 0, "customer.subscription.deleted": 2}.get(event["type"], 1)


def _follows(event: Thing, state: Mapping[str, Any] | None, same: Sequence[Thing]) -> bool:
    """Whether an event begins where the last one ended; the first of all begins where no other of its second ends."""
    before = before_of(event)
    if state is not None:
        return before is None or _told_of(before) == _told_of(state)
    return all(
        other is event or before is None or _told_of(other["data"]["object"]) != _told_of(before) for other in same
    )


def _told_of(subscription: Mapping[str, Any]) -> str:
    return json.dumps({key: value for key, value in subscription.items() if value not in (None, {})}, sort_keys=True)


def newest_invoice(events: Sequence[Mapping[str, Any]], *, account_of: Callable[[str], str]) -> dict[str, object]:
    """The invoice as it is after all its events: the newest counts, and of one second the one that is further on."""
    newest = max(
        events, key=lambda event: (event["created"], _RANK.get(event["data"]["object"]["status"], 0), event["id"])
    )
    failures = [event["created"] for event in events if event["type"] == "invoice.payment_failed"]
    invoice = newest["data"]["object"]
    account_id = account_of(invoice["customer"])
    failed_at = from_seconds(max(failures)) if failures else None
    return invoice_row(invoice, account_id=account_id, last_failure_at=failed_at)
