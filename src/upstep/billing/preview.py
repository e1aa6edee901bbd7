"""What a change costs, computed by us: for the sandbox, and to hold a provider's own preview against."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec

from upstep.billing.change import Change, Item, Starts, trial_days_of
from upstep.billing.discount import after as after_incentives
from upstep.billing.incentive_lines import incentive_lines
from upstep.billing.periods import current_period
from upstep.billing.quote import Quote, QuoteItem
from upstep.billing.trial import refuse_trial, trial_end, tried
from upstep.billing.working_out import Move, Standing, WorkedOut, work_out
from upstep.money import monthly_units, units_to_minor

__all__ = ["Move", "Standing", "WorkedOut", "current_period", "digest", "preview", "work_out"]


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
    if trial_days_of(change) is not None:
        quote = _trial(change, live, at=at, provider=provider, valid_for=valid_for, standing=known)
        return replace(quote, quote_id=f"q_{_hash(quote)}")
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
    billed = _billed_at(next_at, live, worked, at=at, standing=known)
    off = 0
    if change.incentive is not None:
        off = billed - _billed_at(next_at, live, worked, at=at, standing=_with_incentive(change, known))
    values: dict[str, Any] = {
        "account_id": change.account_id,
        "subscription_id": change.subscription_id,
        "provider": provider,
        "currency": _currency(moves),
        "change": change,
        "lines": (*swept, *lines),
        "proration_minor": total,
        "due_now_minor": max(invoiced, 0) - credit_used,
        "next_invoice_minor": billed - off + later - credit_left,
        "next_invoice_at": next_at,
        "yearly_difference_minor": _yearly_difference(moves, known),
        "based_on": digest(live),
        "at": at,
        # A quote for a period that has ended would credit time that was not paid for.
        "expires_at": min(at + valid_for, *(current_period(i, at).end for i in live), next_at),
        "items": tuple(_item(move, known) for move in moves),
        "effective_at": worked.effective_at,
        "billing_mode": known.mode,
        "credit_used_minor": credit_used,
        "open_minor": known.open_minor,
        "incentive_lines": incentive_lines(change, off, first_at=next_at, every=_terms(live, moves)),
    }
    return Quote(quote_id=f"q_{_hash({'quote_id': '', **values})}", **values)


def _terms(live: Sequence[Item], moves: Sequence[Move]) -> set[tuple[str, int]]:
    return {item.every for item in live} | {move.after.every for move in moves if move.after}


def _trial(
    change: Change, live: Sequence[Item], *, at: datetime, provider: str, valid_for: timedelta, standing: Standing
) -> Quote:
    """The change without its trial as of today, charged what it costs as of the trial's end."""
    refuse_trial(change, live, at=at)
    plain = replace(change, incentive=None)
    today, then = (
        preview(plain, live, at=instant, provider=provider, valid_for=valid_for, standing=standing)
        for instant in (at, trial_end(change, at))
    )
    return tried(change, today, charged_minor=then.due_now_minor)


def _with_incentive(change: Change, standing: Standing) -> Standing:
    """The same with the change's incentive on what comes."""
    given = () if change.incentive is None else (change.incentive,)
    return replace(standing, coming=(*standing.coming, *given))


def digest(live: Sequence[Item]) -> str:
    """A subscription's live items in one word: the same word, the same subscription."""
    # One that was read has no attribute of its own for what is not set; one that was made has.
    return _hash([_UNSET | vars(item) for item in sorted(live, key=lambda item: item.item_id)])


_UNSET = {field.name: None for field in fields(Item) if field.default is None}


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
        name=standing.names.name(named),
        quantity_before=before.quantity if before else None,
        quantity_after=after.quantity if after else None,
        amount_before_minor=_lasting(standing.price(before), standing) if before else None,
        amount_after_minor=_lasting(after.amount_minor, standing) if after else None,
        every_before=before.every if before else None,
        every_after=after.every if after else None,
    )


def _lasting(price: int, standing: Standing) -> int:
    """The price after a percentage that goes on for ever; what ends some day is not what recurs."""
    if not standing.coming:
        return price
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
