"""What a change costs, computed by us: for the sandbox, and to hold a provider's own preview against."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import msgspec

from upstep.billing.change import Anchor, Behaviour, BillingMode, Change, Incentive, Item, ItemChange, Starts
from upstep.billing.discount import after as after_incentives
from upstep.billing.proration import Charge, LineKind, Period, ProrationLine, period_at, prorate
from upstep.billing.quote import Quote, QuoteItem, QuoteLine
from upstep.errors import Fault, QuoteError
from upstep.money import CURRENCIES, monthly_units, units_to_minor

CHANGEABLE = ("active", "past_due", "trialing")


@dataclass(frozen=True)
class Standing:
    """What a biller knows of a subscription beside its items.

    Args:
        mode: How it is credited.
        prices: Recurring price of an item before incentives, where that is not its ``amount_minor``.
        held: *Flexible*: what was debited and not credited yet, by item. An item without an entry holds its amount.
        running: Incentives that lowered the running period.
        coming: Incentives that lower the next one.
        waiting: Lines of earlier changes that wait for the next invoice.
        credit_minor: A credit that pays first.
        open_minor: What is open of the account's invoices.
        anchor: What periods of another interval are counted from, when a change leaves the anchor where it is.
    """

    mode: BillingMode = BillingMode.CLASSIC
    prices: Mapping[str, int] = field(default_factory=dict)
    held: Mapping[str, tuple[Charge, ...]] = field(default_factory=dict)
    running: tuple[Incentive, ...] = ()
    coming: tuple[Incentive, ...] = ()
    waiting: tuple[QuoteLine, ...] = ()
    credit_minor: int = 0
    open_minor: int = 0
    anchor: datetime | None = None

    def price(self, item: Item) -> int:
        """The item's recurring price before the incentives of this biller."""
        return self.prices.get(item.item_id, item.amount_minor)


@dataclass(frozen=True)
class Move:
    """One item before and after a change; None where it is not there. ``period`` is the one that ``after`` is in.

    ``after.amount_minor`` is the price before incentives; ``lines`` are what the move credits and debits.
    """

    before: Item | None
    after: Item | None
    period: Period
    is_new_period: bool
    lines: tuple[QuoteLine, ...] = ()


@dataclass(frozen=True)
class WorkedOut:
    """A change worked out: each item's move, what is invoiced with it, and when it takes effect."""

    moves: tuple[Move, ...]
    effective_at: datetime
    is_invoiced: bool


def preview(
    change: Change,
    live: Sequence[Item],
    *,
    at: datetime,
    provider: str,
    valid_for: timedelta,
    standing: Standing | None = None,
) -> Quote:
    """The quote for a change of a subscription with these live items.

    Raises:
        QuoteError: It cannot be quoted; all reasons at once.
    """
    known = standing or Standing()
    worked = work_out(change, live, at=at, standing=known)
    moves = worked.moves
    lines = [line for move in moves for line in move.lines]
    swept = list(known.waiting) if worked.is_invoiced else []
    total = sum(line.amount_minor for line in [*swept, *lines])
    invoiced = total if worked.is_invoiced else 0
    credit_used = min(max(invoiced, 0), known.credit_minor)
    next_at = worked.effective_at if change.starts is Starts.AT_RENEWAL else _next_at(worked, live, at, known)
    later = 0 if worked.is_invoiced else total + sum(line.amount_minor for line in known.waiting)
    credit_left = known.credit_minor - credit_used - min(invoiced, 0)
    quote = Quote(
        quote_id="",
        account_id=change.account_id,
        subscription_id=change.subscription_id,
        provider=provider,
        currency=_currency(moves),
        change=change,
        lines=(*swept, *lines),
        proration_minor=total,
        due_now_minor=max(invoiced, 0) - credit_used,
        next_invoice_minor=_billed_at(next_at, live, worked, at=at, standing=known) + later - credit_left,
        next_invoice_at=next_at,
        yearly_difference_minor=_yearly_difference(moves, known),
        based_on=digest(live),
        at=at,
        # A quote for a period that has ended would credit time that was not paid for.
        expires_at=min(at + valid_for, *(current_period(i, at).end for i in live), next_at),
        items=tuple(_item(move, known) for move in moves),
        effective_at=worked.effective_at,
        billing_mode=known.mode,
        credit_used_minor=credit_used,
        open_minor=known.open_minor,
    )
    return replace(quote, quote_id=f"q_{_hash(quote)}")


def work_out(change: Change, live: Sequence[Item], *, at: datetime, standing: Standing) -> WorkedOut:
    """What becomes of each item, and the lines of it.

    Another interval, and free to paid, start a new period unless the change says otherwise; classic billing starts one
    whatever it says. Other items of the subscription keep their periods, unless the change moves the anchor itself.

    Raises:
        QuoteError: It cannot be done; all reasons at once.
    """
    _refuse(_faults(change, live, at, standing.mode))
    if change.starts is Starts.AT_RENEWAL:
        effective_at = _renewal(change, live, at)
        later = tuple(_later(change, wish, live, at=effective_at) for wish in change.items)
        return WorkedOut(later, effective_at, is_invoiced=False)
    wishes = [*change.items, *_carried_along(change, live, standing)]
    moves = [_move(change, wish, live, at=at, standing=standing) for wish in wishes]
    priced = tuple(replace(move, lines=_lines(move, moves, live, change, at=at, standing=standing)) for move in moves)
    has_lines = any(move.lines for move in priced)
    is_invoiced = (change.behaviour is Behaviour.ALWAYS_INVOICE and has_lines) or any(m.is_new_period for m in priced)
    return WorkedOut(priced, at, is_invoiced)


def digest(live: Sequence[Item]) -> str:
    """A subscription's live items in one word: the same word, the same subscription."""
    return _hash(sorted(live, key=lambda item: item.item_id))


def current_period(item: Item, at: datetime) -> Period:
    """The item's paid period that holds ``at``, rolled on from the one it names when that has ended."""
    interval, count = item.every
    if item.period_start and item.period_end and item.period_start <= at < item.period_end:
        return Period(item.period_start, item.period_end)
    return period_at(anchor_of(item), at, interval=interval, interval_count=count)


def anchor_of(item: Item) -> datetime:
    """The instant that the item's periods are counted from."""
    # Of February 28 and March 31 the 31st is the anchor, so the boundary with the later day is counted from.
    known = [boundary for boundary in (item.period_start, item.period_end) if boundary]
    return max(known, key=lambda boundary: boundary.day) if known else item.valid_from


def _faults(change: Change, live: Sequence[Item], at: datetime, mode: BillingMode) -> list[Fault]:
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
    if change.starts is Starts.AT_RENEWAL:
        faults += [Fault(place, found) for found in _never_renewing(change, live, at)]
    if not faults and mode is BillingMode.CLASSIC:
        faults += [Fault(place, found) for found in _mixing(change, live)]
    named = [wish.item_id for wish in change.items if wish.item_id]
    faults += [
        Fault(place, f"item {twice} is named twice.") for twice in sorted({n for n in named if named.count(n) > 1})
    ]
    return faults


def _never_renewing(change: Change, live: Sequence[Item], at: datetime) -> list[str]:
    """Why a change at renewal would never come."""
    if not live:
        return ["nothing of it renews, so nothing can be changed then."]
    named = {wish.item_id for wish in change.items}
    leaving = [
        item for item in live if item.item_id in named and item.cancel_at and item.cancel_at <= _term_end(item, at)
    ]
    return [f"item {item.item_id} ends at {item.cancel_at:%Y-%m-%d %H:%M:%S} and does not renew." for item in leaving]


def _mixing(change: Change, live: Sequence[Item]) -> list[str]:
    """Classic billing has one interval in a subscription; one that has several already may go on with them."""
    removed_or_changed = {wish.item_id for wish in change.items}
    rest = {item.every for item in live if item.item_id not in removed_or_changed}
    before = {item.every for item in live}
    wanted = {(wish.interval, wish.interval_count) for wish in change.items if not wish.removes}
    mixed = wanted | rest
    if len(mixed) < 2 or len(before) > 1:
        return []
    listed = " and ".join(sorted(f"every {interval if n == 1 else f'{n} {interval}s'}" for interval, n in mixed))
    found = f"it would bill {listed}; classic billing has one interval in a subscription."
    return [f"{found} Change its items together, or start a subscription of its own."]


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


def _move(change: Change, wish: ItemChange, live: Sequence[Item], *, at: datetime, standing: Standing) -> Move:
    before = next((item for item in live if item.item_id == wish.item_id), None)
    every = (wish.interval, wish.interval_count)
    sibling = before or next((item for item in live if item.every == every), None)
    if wish.removes and before:
        return Move(before, None, current_period(before, at), is_new_period=False)
    if sibling is None or _starts_anew(change, wish, live, standing=standing):
        period = period_at(at, at, interval=wish.interval, interval_count=wish.interval_count)
        return Move(before, _after(change, wish, sibling, period), period, is_new_period=True)
    if sibling.every != every and sibling.status != "trialing":
        period = period_at(standing.anchor or anchor_of(sibling), at, interval=every[0], interval_count=every[1])
    else:
        period = current_period(sibling, at)
    return Move(before, _after(change, wish, sibling, period), period, is_new_period=False)


def _later(change: Change, wish: ItemChange, live: Sequence[Item], *, at: datetime) -> Move:
    """A move that waits for the renewal at that instant: its period is the one that begins then."""
    before = next((item for item in live if item.item_id == wish.item_id), None)
    if wish.removes and before:
        return Move(before, None, current_period(before, at), is_new_period=False)
    sibling = before or next(iter(live), None)
    every = (wish.interval, wish.interval_count)
    is_same = sibling is not None and sibling.every == every
    anchor = anchor_of(sibling) if sibling is not None and is_same else at
    period = period_at(anchor, at, interval=every[0], interval_count=every[1])
    return Move(before, _after(change, wish, sibling, period), period, is_new_period=not is_same)


def _renewal(change: Change, live: Sequence[Item], at: datetime) -> datetime:
    """When the last of the changed items renews: at the end of its term, which may hold several paid periods."""
    named = {wish.item_id for wish in change.items}
    ends = [_term_end(item, at) for item in live if item.item_id in named] or [_term_end(item, at) for item in live]
    return max(ends)


def _term_end(item: Item, at: datetime) -> datetime:
    period = current_period(item, at)
    while item.renews_at is not None and period.end < item.renews_at:
        period = current_period(item, period.end)
    return period.end


def _starts_anew(change: Change, wish: ItemChange, live: Sequence[Item], *, standing: Standing) -> bool:
    """Whether the wish starts a new period: by the rule, or as the change says. Classic billing follows the rule."""
    before = next((item for item in live if item.item_id == wish.item_id), None)
    if before is not None and before.status == "trialing":
        return False  # its first paid period begins when the trial ends
    by_rule = before is not None and (
        before.every != (wish.interval, wish.interval_count)
        or (wish.amount_minor > 0 and not any(standing.price(item) for item in live))
    )
    if change.anchor is Anchor.NOW:
        return True
    return by_rule and (change.anchor is None or standing.mode is BillingMode.CLASSIC)


def _carried_along(change: Change, live: Sequence[Item], standing: Standing) -> list[ItemChange]:
    """The other items, as they are, when the anchor of the subscription is moved: they too start a new period."""
    if change.anchor is not Anchor.NOW:
        return []
    named = {wish.item_id for wish in change.items}
    others = [item for item in live if item.item_id not in named and item.status != "trialing"]
    return [_same(item, standing.price(item)) for item in others]


def _same(item: Item, price: int) -> ItemChange:
    """The wish to have an item as it is."""
    return ItemChange(
        item_id=item.item_id,
        product_id=item.product_id,
        quantity=item.quantity,
        amount_minor=price,
        currency=item.currency,
        interval=item.interval,
        interval_count=item.interval_count or 1,
        plan_id=item.plan_id,
        add_on_id=item.add_on_id,
        price_id=item.price_id,
        list_amount_minor=item.list_amount_minor,
    )


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


def _lines(
    move: Move, moves: Sequence[Move], live: Sequence[Item], change: Change, *, at: datetime, standing: Standing
) -> tuple[QuoteLine, ...]:
    """A trial is not paid for, so nothing of it is credited or charged; nor what the behaviour leaves out.

    A new period is charged whatever the behaviour says: that is no proration.
    """
    if change.behaviour is Behaviour.NONE and not move.is_new_period:
        return ()
    is_flexible = standing.mode is BillingMode.FLEXIBLE
    if is_flexible and not move.is_new_period and _is_same_price(move, standing):
        return ()
    held = _held(move, standing)
    wanted = _wanted(move, moves, live, standing)
    old_period = current_period(move.before, at) if move.before else move.period
    new_period = move.period if move.period != old_period else None
    changed = {"item"} if is_flexible else set()
    lines = prorate(held, wanted, period=old_period, at=at, new_period=new_period, changed=changed)
    if change.behaviour is Behaviour.NONE:
        lines = tuple(line for line in lines if line.kind is LineKind.DEBIT)
    return tuple(_described(line, move, at) for line in lines)


def _is_same_price(move: Move, standing: Standing) -> bool:
    before, after = move.before, move.after
    return bool(before and after and before.every == after.every and standing.price(before) == after.amount_minor)


def _held(move: Move, standing: Standing) -> list[Charge]:
    before = move.before
    if before is None or before.status == "trialing":
        return []
    if standing.mode is BillingMode.FLEXIBLE:
        paid = standing.held.get(before.item_id)
        return [Charge("item", before.amount_minor)] if paid is None else list(paid)
    return [Charge("item", _alone(standing.price(before), standing))]


def _wanted(move: Move, moves: Sequence[Move], live: Sequence[Item], standing: Standing) -> list[Charge]:
    after = move.after
    if after is None or after.status == "trialing":
        return []
    if standing.mode is BillingMode.FLEXIBLE:
        return [Charge("item", net_amounts(moves, live, standing)[moves.index(move)])]
    return [Charge("item", _alone(after.amount_minor, standing))]


def _alone(price: int, standing: Standing) -> int:
    """Classic proration takes the discounts off each item as if it were the only one.

    So 500 off over 1000 + 2000 credits the removed 1000 item with (1000 - 500) / 2 half way (golden case 4).
    """
    return after_incentives([price], standing.running)[0]


def net_amounts(moves: Sequence[Move], live: Sequence[Item], standing: Standing) -> list[int]:
    """What each move's item costs after the running incentives, split over all items that are there after the change.

    0 for an item that ends.
    """
    changed = {move.before.item_id for move in moves if move.before}
    others = [standing.price(item) for item in live if item.item_id not in changed]
    prices = [move.after.amount_minor if move.after else 0 for move in moves]
    return after_incentives([*prices, *others], standing.running)[: len(prices)]


def _described(line: ProrationLine, move: Move, at: datetime) -> QuoteLine:
    item, use = (move.before, "Unused") if line.kind is LineKind.CREDIT else (move.after, "Remaining")
    assert item is not None
    text = f"{use} time on {label(item)} after {at.day} {at:%b %Y}"
    return QuoteLine(text, line.amount_minor, line.kind)


def label(item: Item) -> str:
    """What an invoice line calls the item."""
    count = f"{item.quantity} x " if item.quantity > 1 else ""
    return f"{count}{item.name}"


def _next_at(worked: WorkedOut, live: Sequence[Item], at: datetime, standing: Standing) -> datetime:
    """When the subscription is invoiced next; what is free and stays as it is brings no invoice."""
    changed = {move.before.item_id for move in worked.moves if move.before}
    others = [item for item in live if item.item_id not in changed and standing.price(item)]
    return min([*(move.period.end for move in worked.moves), *(current_period(item, at).end for item in others)])


def _item(move: Move, standing: Standing) -> QuoteItem:
    before, after = move.before, move.after
    named = after or before
    assert named is not None
    return QuoteItem(
        item_id=before.item_id if before else None,
        name=named.name,
        quantity_before=before.quantity if before else None,
        quantity_after=after.quantity if after else None,
        amount_before_minor=_lasting(standing.price(before), standing) if before else None,
        amount_after_minor=_lasting(after.amount_minor, standing) if after else None,
        every_before=before.every if before else None,
        every_after=after.every if after else None,
    )


def _lasting(price: int, standing: Standing) -> int:
    """The price after a percentage that goes on for ever; what ends some day is not what recurs."""
    forever = [each for each in standing.coming if each.periods is None and each.percent is not None]
    return after_incentives([price], forever)[0]


def _currency(moves: Sequence[Move]) -> str:
    return next(item.currency for move in moves for item in (move.after, move.before) if item)


def _billed_at(instant: datetime, live: Sequence[Item], worked: WorkedOut, *, at: datetime, standing: Standing) -> int:
    """What recurs on the invoice at that instant: the changed items and the subscription's others that renew then."""
    changed = {move.before.item_id for move in worked.moves if move.before}
    prices = [
        standing.price(i) for i in live if i.item_id not in changed and _renews(i, instant, at) and not _leaves(i)
    ]
    prices += [
        move.after.amount_minor
        for move in worked.moves
        if move.after
        and not _leaves(move.after)
        and instant in {move.period.end, move.period.start if worked.effective_at > at else None}
    ]
    return sum(after_incentives(prices, standing.coming))


def _renews(item: Item, instant: datetime, at: datetime) -> bool:
    period = current_period(item, at)
    while period.end < instant:
        period = current_period(item, period.end)
    return period.end == instant


def _leaves(item: Item) -> bool:
    return item.cancel_at is not None and item.cancel_at <= (item.period_end or item.cancel_at)


def _yearly_difference(moves: Sequence[Move], standing: Standing) -> int:
    def yearly(item: Item | None, price: int) -> int:
        return 12 * monthly_units(_lasting(price, standing), *item.every) if item else 0

    after = sum(yearly(move.after, move.after.amount_minor) for move in moves if move.after)
    before = sum(yearly(move.before, standing.price(move.before)) for move in moves if move.before)
    return units_to_minor(after - before)


def _hash(value: object) -> str:
    return hashlib.sha256(msgspec.json.encode(value, order="sorted")).hexdigest()[:20]
