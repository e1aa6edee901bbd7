"""A change worked out: what becomes of each item, and what that credits and debits by the rules of a billing mode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from upstep.billing.change import Anchor, Behaviour, BillingMode, Change, Incentive, Item, ItemChange, Starts
from upstep.billing.discount import after as after_incentives
from upstep.billing.naming import BY_ID, Names
from upstep.billing.periods import anchor_of, current_period, term_end
from upstep.billing.proration import Charge, LineKind, Period, ProrationLine, period_at, prorate
from upstep.billing.quote import QuoteLine
from upstep.billing.refusing import faults_of
from upstep.errors import QuoteError


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
        names: What lines call what is sold.
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
    names: Names = BY_ID

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


def work_out(change: Change, live: Sequence[Item], *, at: datetime, standing: Standing) -> WorkedOut:
    """What becomes of each item, and the lines of it.

    Another interval, and free to paid, start a new period unless the change says otherwise; classic billing starts one
    whatever it says. Other items of the subscription keep their periods, unless the change moves the anchor itself.

    Raises:
        QuoteError: It cannot be done; all reasons at once.
    """
    faults = faults_of(change, live, at, standing.mode)
    if faults:
        raise QuoteError(faults)
    if change.starts is Starts.AT_RENEWAL:
        effective_at = _renewal(change, live, at)
        later = tuple(_later(change, wish, live, at=effective_at) for wish in change.items)
        return WorkedOut(later, effective_at, is_invoiced=False)
    wishes = [*change.items, *_carried_along(change, live, standing)]
    moves = [_move(change, wish, live, at=at, standing=standing) for wish in wishes]
    priced = tuple(
        Move(
            move.before,
            move.after,
            move.period,
            move.is_new_period,
            _lines(move, moves, live, change, at=at, standing=standing),
        )
        for move in moves
    )
    has_lines = any(move.lines for move in priced)
    is_invoiced = (change.behaviour is Behaviour.ALWAYS_INVOICE and has_lines) or any(m.is_new_period for m in priced)
    return WorkedOut(priced, at, is_invoiced)


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
    ends = [term_end(item, at) for item in live if item.item_id in named] or [term_end(item, at) for item in live]
    return max(ends)


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
    return tuple(_described(line, move, at, standing.names) for line in lines)


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
    return after_incentives([price], standing.running)[0] if standing.running else price


def net_amounts(moves: Sequence[Move], live: Sequence[Item], standing: Standing) -> list[int]:
    """What each move's item costs after the running incentives, split over all items that are there after the change.

    0 for an item that ends.
    """
    changed = {move.before.item_id for move in moves if move.before}
    others = [standing.price(item) for item in live if item.item_id not in changed]
    prices = [move.after.amount_minor if move.after else 0 for move in moves]
    return after_incentives([*prices, *others], standing.running)[: len(prices)]


def _described(line: ProrationLine, move: Move, at: datetime, names: Names) -> QuoteLine:
    item, note = (move.before, "unused time") if line.kind is LineKind.CREDIT else (move.after, "remaining time")
    assert item is not None
    text = names.line(item, at, line.period.end, note if line.share < 1 else "")
    return QuoteLine(text, line.amount_minor, line.kind)
