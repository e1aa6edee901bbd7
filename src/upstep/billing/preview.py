"""What a change costs, computed by us: for the sandbox, and to hold a provider's own preview against."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import msgspec

from upstep.billing.change import Behaviour, Change, Item, ItemChange
from upstep.billing.proration import Charge, LineKind, Period, ProrationLine, period_at, prorate
from upstep.billing.quote import Quote, QuoteLine
from upstep.errors import Fault, QuoteError
from upstep.money import CURRENCIES, monthly_units, units_to_minor

CHANGEABLE = ("active", "past_due", "trialing")


@dataclass(frozen=True)
class Move:
    """One item before and after a change; None where it is not there. ``period`` is the one that ``after`` is in."""

    before: Item | None
    after: Item | None
    period: Period
    is_new_period: bool


def preview(change: Change, live: Sequence[Item], *, at: datetime, provider: str, valid_for: timedelta) -> Quote:
    """The quote for a change of a subscription with these live items, by the classic rules.

    An interval change, and free to paid, start a new period at ``at``. Other items of the subscription keep theirs.

    Raises:
        QuoteError: It cannot be quoted; all reasons at once.
    """
    _refuse(_faults(change, live, at))
    moves = [_move(change, item, live, at=at) for item in change.items]
    lines = [] if change.behaviour is Behaviour.NONE else [line for move in moves for line in _lines(move, at)]
    total = sum(line.amount_minor for line in lines)
    is_now = change.behaviour is Behaviour.ALWAYS_INVOICE or any(move.is_new_period for move in moves)
    due_now = max(total, 0) if is_now else 0
    next_at = min(move.period.end for move in moves)
    quote = Quote(
        quote_id="",
        account_id=change.account_id,
        subscription_id=change.subscription_id,
        provider=provider,
        currency=_currency(moves),
        change=change,
        lines=tuple(lines),
        proration_minor=total,
        due_now_minor=due_now,
        next_invoice_minor=_billed_at(next_at, live, moves, at=at) + total - due_now,
        next_invoice_at=next_at,
        yearly_difference_minor=_yearly_difference(moves),
        based_on=digest(live),
        at=at,
        # A quote for a period that has ended would credit time that was not paid for.
        expires_at=min(at + valid_for, *(current_period(i, at).end for i in live), next_at),
    )
    return replace(quote, quote_id=f"q_{_hash(quote)}")


def digest(live: Sequence[Item]) -> str:
    """A subscription's live items in one word: the same word, the same subscription."""
    return _hash(sorted(live, key=lambda item: item.item_id))


def current_period(item: Item, at: datetime) -> Period:
    """The item's paid period that holds ``at``, rolled on from the one it names when that has ended."""
    interval, count = item.every
    if item.period_start and item.period_end and item.period_start <= at < item.period_end:
        return Period(item.period_start, item.period_end)
    # Of February 28 and March 31 the 31st is the anchor, so the boundary with the later day is counted from.
    known = [boundary for boundary in (item.period_start, item.period_end) if boundary]
    anchor = max(known, key=lambda boundary: boundary.day) if known else item.valid_from
    return period_at(anchor, at, interval=interval, interval_count=count)


def changed_items(quote: Quote, live: Sequence[Item], at: datetime) -> list[tuple[Item | None, Item | None]]:
    """Each changed item before (closed at ``at``) and after (open from ``at``), as the quote has priced it."""
    pairs = []
    for index, wish in enumerate(quote.change.items):
        move = _move(quote.change, wish, live, at=quote.at)
        before = replace(move.before, valid_to=at) if move.before else None
        item_id = wish.item_id or f"si_{quote.quote_id}_{index}"
        period = _rolled(move, at)
        after = move.after and replace(
            move.after, item_id=item_id, valid_from=at, period_start=period.start, period_end=period.end
        )
        pairs.append((before, after))
    return pairs


def _faults(change: Change, live: Sequence[Item], at: datetime) -> list[Fault]:
    faults = []
    place = f"subscription {change.subscription_id}"
    by_id = {item.item_id: item for item in live}
    if not change.items:
        faults.append(Fault(place, "the change names no item.", "Name what shall be different."))
    if any(item.account_id != change.account_id for item in live):
        faults.append(Fault(place, f"belongs to another account than {change.account_id}."))
    for item in live:
        if item.status not in CHANGEABLE:
            faults.append(
                Fault(place, f"item {item.item_id} is {item.status}.", "Settle that with the provider first.")
            )
        if item.valid_from > at:
            faults.append(
                Fault(place, f"item {item.item_id} changed at {item.valid_from:%Y-%m-%d %H:%M:%S}, after {at}.")
            )
    for wish in change.items:
        faults += [Fault(place, found) for found in _item_faults(wish, by_id)]
    named = [wish.item_id for wish in change.items if wish.item_id]
    faults += [
        Fault(place, f"item {twice} is named twice.") for twice in sorted({n for n in named if named.count(n) > 1})
    ]
    return faults


def _item_faults(wish: ItemChange, by_id: dict[str, Item]) -> list[str]:
    name = f"item {wish.item_id or wish.name or wish.plan_id or wish.add_on_id or wish.product_id}"
    before = by_id.get(wish.item_id) if wish.item_id else None
    found = []
    if wish.item_id and before is None:
        found.append(f"{name} is not live. Live: {', '.join(sorted(by_id)) or 'none'}.")
    if wish.removes:
        return found if wish.item_id else [*found, "an item without an id cannot be removed."]
    if wish.amount_minor < 0 or wish.quantity < 0:
        found.append(f"{name}: amount {wish.amount_minor} x {wish.quantity} must not be negative.")
    if wish.currency not in CURRENCIES:
        found.append(f"{name}: currency {wish.currency!r} is not a lower-case ISO 4217 code.")
    others = {item.currency for item in by_id.values()} - {wish.currency}
    if others:
        found.append(f"{name}: {wish.currency} beside {', '.join(sorted(others))}; one subscription has one currency.")
    try:
        monthly_units(wish.amount_minor, wish.interval, wish.interval_count)
    except ValueError as error:
        found.append(f"{name}: {error}.")
    return found


def _refuse(faults: list[Fault]) -> None:
    if faults:
        raise QuoteError(faults)


def _move(change: Change, wish: ItemChange, live: Sequence[Item], *, at: datetime) -> Move:
    before = next((item for item in live if item.item_id == wish.item_id), None)
    sibling = before or next((item for item in live if item.every == (wish.interval, wish.interval_count)), None)
    if wish.removes and before:
        return Move(before, None, current_period(before, at), is_new_period=False)
    if sibling is None or _starts_anew(before, wish):
        period = period_at(at, at, interval=wish.interval, interval_count=wish.interval_count)
        return Move(before, _after(change, wish, sibling, period), period, is_new_period=True)
    period = current_period(sibling, at)
    return Move(before, _after(change, wish, sibling, period), period, is_new_period=False)


def _starts_anew(before: Item | None, wish: ItemChange) -> bool:
    """Classic billing resets the anchor on an interval change and when a free item becomes a paid one."""
    if before is None:
        return False
    return before.every != (wish.interval, wish.interval_count) or before.amount_minor == 0 < wish.amount_minor


def _after(change: Change, wish: ItemChange, sibling: Item | None, period: Period) -> Item:
    is_same_term = sibling is not None and sibling.every == (wish.interval, wish.interval_count)
    return Item(
        item_id=wish.item_id or "",
        subscription_id=change.subscription_id,
        account_id=change.account_id,
        product_id=wish.product_id,
        plan_id=wish.plan_id,
        add_on_id=wish.add_on_id,
        price_id=wish.price_id,
        quantity=wish.quantity,
        amount_minor=wish.amount_minor,
        list_amount_minor=wish.amount_minor if wish.list_amount_minor is None else wish.list_amount_minor,
        currency=wish.currency,
        interval=wish.interval,
        interval_count=wish.interval_count,
        status=sibling.status if sibling else "active",
        valid_from=period.start,
        trial_ends_at=sibling.trial_ends_at if sibling else None,
        period_start=period.start,
        period_end=period.end,
        renews_at=sibling.renews_at if sibling and is_same_term else period.end,
        auto_renew=sibling.auto_renew if sibling else True,
        cancel_at=sibling.cancel_at if sibling else None,
        collection=sibling.collection if sibling else None,
    )


def _rolled(move: Move, at: datetime) -> Period:
    """The period at ``at``, when an acceptance cut off before its end is finished after it."""
    item = move.after or move.before
    assert item is not None
    return move.period if at < move.period.end else current_period(item, at)


def _lines(move: Move, at: datetime) -> list[QuoteLine]:
    """A trial is not paid for, so nothing of it is credited or charged."""
    held = [Charge("item", move.before.amount_minor)] if move.before and move.before.status != "trialing" else []
    wanted = [Charge("item", move.after.amount_minor)] if move.after and move.after.status != "trialing" else []
    old_period = current_period(move.before, at) if move.before else move.period
    lines = prorate(held, wanted, period=old_period, at=at, new_period=move.period if move.is_new_period else None)
    return [_described(line, move, at) for line in lines]


def _described(line: ProrationLine, move: Move, at: datetime) -> QuoteLine:
    item, use = (move.before, "Unused") if line.kind is LineKind.CREDIT else (move.after, "Remaining")
    assert item is not None
    count = f"{item.quantity} x " if item.quantity > 1 else ""
    text = f"{use} time on {count}{item.name} after {at.day} {at:%b %Y}"
    return QuoteLine(text, line.amount_minor, line.kind)


def _currency(moves: Sequence[Move]) -> str:
    return next(item.currency for move in moves for item in (move.after, move.before) if item)


def _billed_at(instant: datetime, live: Sequence[Item], moves: Sequence[Move], *, at: datetime) -> int:
    """What recurs on the invoice at that instant: the changed items and the subscription's others that renew then."""
    changed = {move.before.item_id for move in moves if move.before}
    others = [i.amount_minor for i in live if i.item_id not in changed and current_period(i, at).end == instant]
    return sum(others) + sum(move.after.amount_minor for move in moves if move.after and move.period.end == instant)


def _yearly_difference(moves: Sequence[Move]) -> int:
    def yearly(item: Item | None) -> int:
        return 12 * monthly_units(item.amount_minor, *item.every) if item else 0

    return units_to_minor(sum(yearly(move.after) - yearly(move.before) for move in moves))


def _hash(value: object) -> str:
    return hashlib.sha256(msgspec.json.encode(value, order="sorted")).hexdigest()[:20]
