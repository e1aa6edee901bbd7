"""Changes that are tried free: begun, charged when the trial ends, or taken back.

A trial of a subscription that runs gives what was quoted at the price of before. When it ends, the change is worked out
as of that instant on the items as they were: so it costs what the quote said.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from upstep.billing.change import Item
from upstep.billing.quote import Quote
from upstep.billing.refusing import CHANGEABLE
from upstep.billing.sandbox.book import Book, Position, Trial, standing
from upstep.billing.sandbox.changing import make, start_trial
from upstep.billing.working_out import Move, WorkedOut, work_out
from upstep.errors import Fault, QuoteError


def begin(book: Book, quote: Quote, worked: WorkedOut, *, at: datetime) -> Book:
    """The items as quoted from now on, at the price of before; what is left out stays until the trial ends."""
    before = tuple(book.of(quote.subscription_id))
    if not before:
        book = start_trial(book, quote.change, ends_at=quote.next_invoice_at, at=at, key=quote.quote_id)
    for index, move in enumerate(worked.moves if before else ()):
        if move.after is not None:
            book = _tried(book, quote, move, f"si_{quote.quote_id}_{index}", at=at)
    return replace(book, trials=(*book.trials, Trial(quote, before)))


def _tried(book: Book, quote: Quote, move: Move, new_id: str, *, at: datetime) -> Book:
    assert move.after is not None
    ends_at, old = quote.next_invoice_at, _position(book, move.before)
    tried = replace(move.after, valid_from=at, trial_ends_at=ends_at)
    if old is None:
        tried = replace(
            tried, item_id=new_id, status="trialing", period_start=at, period_end=ends_at, renews_at=ends_at
        )
        book = book.put([Position(tried, tried.amount_minor, at)])
        return book.tell(at, None, tried, cause="trial_started")
    was = old.item
    paid = {name: getattr(was, name) for name in ("amount_minor", "period_start", "period_end", "renews_at", "status")}
    tried = replace(tried, item_id=was.item_id, interval=was.interval, interval_count=was.interval_count, **paid)
    book = book.put([replace(old, item=tried)])
    return book.tell(at, replace(was, valid_to=at), tried, cause="trial_started")


def _position(book: Book, item: Item | None) -> Position | None:
    return next((each for each in book.positions if item and each.item.item_id == item.item_id), None)


def finish(book: Book, trial: Trial, instant: datetime) -> Book:
    """The change made and charged, as it would be if it were asked for at that instant; not for who is leaving."""
    quote = trial.quote
    tried = {each.item.item_id: each for each in book.of(quote.subscription_id)}
    if any(each.item.cancel_at or each.item.status not in CHANGEABLE for each in tried.values()):
        return take_back(book, quote.subscription_id, at=instant)
    book = _as_before(book, trial, tried)
    known = standing(book, quote.subscription_id)
    try:
        change = replace(quote.change, incentive=None)
        worked = work_out(change, book.live(quote.subscription_id), at=instant, standing=known)
    except QuoteError:
        book = book.put(tried.values())
        return take_back(book, quote.subscription_id, at=instant)
    moves = tuple(
        replace(move, before=each.item) if (each := tried.get(_item_id(quote, move, index))) else move
        for index, move in enumerate(worked.moves)
    )
    lines = (*known.waiting, *(line for move in moves for line in move.lines))
    worked, charged = replace(worked, moves=moves), replace(quote, lines=lines)
    return make(without_trials(book, [trial]), charged, worked, at=instant, is_present=False)


def _item_id(quote: Quote, move: Move, index: int) -> str:
    return move.before.item_id if move.before else f"si_{quote.quote_id}_{index}"


def _as_before(book: Book, trial: Trial, tried: Mapping[str, Position]) -> Book:
    """The positions as they were, with what happened to them since: their status, and from when they are so."""
    restored = []
    for each in trial.before:
        now = tried[each.item.item_id].item
        since: dict[str, Any] = {"status": now.status, "valid_from": now.valid_from, "cancel_at": now.cancel_at}
        restored.append(replace(each, item=replace(each.item, **since, auto_renew=now.auto_renew)))
    return book.put(restored, instead_of=tried.keys())


def take_back(book: Book, subscription_id: str, *, at: datetime) -> Book:
    """The items as they were before the subscription's trial, which was free; nothing is charged."""
    for trial in [each for each in book.trials if each.before and each.quote.subscription_id == subscription_id]:
        tried = {each.item.item_id: each for each in book.of(subscription_id)}
        book = without_trials(_as_before(book, trial, tried), [trial])
        for old in tried.values():
            if old.item.trial_ends_at == trial.ends_at:
                book = _back(book, old.item, at)
    return book


def _back(book: Book, tried: Item, at: datetime) -> Book:
    """The event of one item that is what it was, or gone."""
    closed, now = replace(tried, valid_to=at), _position(book, tried)
    if now is None:
        return book.tell(at, closed, None, cause="trial_ended")
    item = replace(now.item, valid_from=at)
    book = book.put([replace(now, item=item)])
    return book.tell(at, None if tried.valid_from == at else closed, item, cause="trial_ended")


def without_trials(book: Book, ended: Collection[Trial]) -> Book:
    """The book without these trials."""
    return replace(book, trials=tuple(each for each in book.trials if each not in ended)) if ended else book


def ending(book: Book, subscription_id: str, *, at: datetime) -> Book:
    """The book in which the subscription's trial ends now; time passing does the rest.

    Raises:
        QuoteError: It is not in trial.
    """
    mine = [each for each in book.trials if each.quote.subscription_id == subscription_id]
    trials = [
        replace(each, quote=replace(each.quote, next_invoice_at=at)) if each in mine else each for each in book.trials
    ]
    positions = [
        replace(each, item=replace(each.item, trial_ends_at=at, period_end=at))
        for each in book.of(subscription_id)
        if each.item.status == "trialing"
    ]
    if not positions and not mine:
        raise QuoteError(Fault(f"subscription {subscription_id}", "is not in trial.", "There is nothing to end."))
    return replace(book.put(positions), trials=tuple(trials))
