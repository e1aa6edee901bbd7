"""Changes of a book: a quote that is applied or scheduled, a trial, an incentive, a cancellation."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from upstep.billing.change import Change, Incentive, Item
from upstep.billing.proration import LineKind
from upstep.billing.quote import Quote
from upstep.billing.sandbox.book import Book, Discount, Held, Position, Waiting, standing
from upstep.billing.sandbox.invoicing import Draft, issue
from upstep.billing.working_out import Move, WorkedOut, net_amounts
from upstep.errors import Fault, QuoteError


def make(book: Book, quote: Quote, worked: WorkedOut, *, at: datetime, is_present: bool) -> Book:
    """The change as it was quoted: the items from ``at`` on, and the invoice with the quote's lines.

    ``is_present``: the payment has been made or confirmed, so the invoice is paid.
    """
    known = standing(book, quote.subscription_id)
    nets = net_amounts(worked.moves, book.live(quote.subscription_id), known)
    for index, (move, net) in enumerate(zip(worked.moves, nets, strict=True)):
        item_id = (move.before and move.before.item_id) or f"si_{quote.quote_id}_{index}"
        book = _held_after(book, move, item_id, net)
        book = _moved(book, quote, move, item_id, net=net, at=at)
    if worked.is_invoiced:
        draft = Draft(quote.subscription_id, quote.currency, "change", quote.lines, is_sent(worked), is_present)
        return issue(book, draft, at)
    waiting = [Waiting(quote.subscription_id, line) for line in quote.lines]
    return replace(book, waiting=(*book.waiting, *waiting))


def is_sent(worked: WorkedOut) -> bool:
    """Whether the subscription's invoices are sent and paid later, not charged to a card."""
    items = [item for move in worked.moves for item in (move.before, move.after) if item]
    return any(item.collection == "invoice" for item in items)


def _held_after(book: Book, move: Move, item_id: str, net: int) -> Book:
    """What is held is what was debited: a change that debits nothing leaves it as it was."""
    if not move.lines and not move.is_new_period and move.after is not None:
        return book
    # The rate for the whole period, not the rounded line: so a change and its reverse at one instant cancel.
    is_debited = any(line.kind is LineKind.DEBIT for line in move.lines)
    debits = [Held(item_id, net, move.period.start, move.period.end)] if is_debited else []
    return book.hold(item_id, debits)


def _moved(book: Book, quote: Quote, move: Move, item_id: str, *, net: int, at: datetime) -> Book:
    # What begins in the second in which the old interval did replaces it.
    before = replace(move.before, valid_to=at) if move.before else None
    if move.after is None:
        book = book.put([], instead_of=[item_id])
        return book.tell(at, before, None, cause="change", quote_id=quote.quote_id)
    after = replace(move.after, item_id=item_id, valid_from=at, amount_minor=net)
    old = next((each for each in book.positions if each.item.item_id == item_id), None)
    anchor = old.anchor if old is not None and not move.is_new_period else move.period.start
    book = book.put([Position(after, move.after.amount_minor, anchor)])
    return book.tell(at, before, after, cause="change", quote_id=quote.quote_id)


def schedule(book: Book, quote: Quote, *, at: datetime) -> Book:
    """The change kept for its instant; another one of the same subscription is taken back."""
    assert quote.effective_at is not None, "a change at renewal has an instant"
    book = take_back(book, quote.subscription_id, at=at)
    book = replace(book, scheduled=(*book.scheduled, quote))
    for wish in quote.change.items:
        plan_id = None if wish.removes else wish.plan_id
        for position in [each for each in book.positions if each.item.item_id == wish.item_id]:
            book = _pending(book, position, at, plan_id=plan_id, pending_at=quote.effective_at)
    return book


def take_back(book: Book, subscription_id: str, *, at: datetime) -> Book:
    """Nothing is scheduled for the subscription any more."""
    if not any(each.subscription_id == subscription_id for each in book.scheduled):
        return book
    book = replace(book, scheduled=tuple(each for each in book.scheduled if each.subscription_id != subscription_id))
    for position in book.of(subscription_id):
        if position.item.pending_at is not None:
            book = _pending(book, position, at, plan_id=None, pending_at=None)
    return book


def _pending(book: Book, position: Position, at: datetime, *, plan_id: str | None, pending_at: datetime | None) -> Book:
    """The item names what is pending; that is no interval of its own, for what is paid does not change."""
    item = replace(position.item, pending_plan_id=plan_id, pending_at=pending_at)
    return book.put([replace(position, item=item)]).tell(at, None, item, cause="scheduled")


def start_trial(book: Book, change: Change, *, ends_at: datetime, at: datetime, key: str) -> Book:
    """A new subscription that costs nothing until ``ends_at``."""
    for index, wish in enumerate(change.items):
        item = Item(
            item_id=f"si_{key}_{index}",
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
            status="trialing",
            valid_from=at,
            trial_ends_at=ends_at,
            period_start=at,
            period_end=ends_at,
            renews_at=ends_at,
            auto_renew=True,
        )
        book = book.put([Position(item, wish.amount_minor, at)]).tell(at, None, item, cause="trial_started")
    return book


def add_incentive(book: Book, subscription_id: str, incentive: Incentive) -> Book:
    """The incentive waits for the next renewal; one of the same id is not given twice."""
    place = f"subscription {subscription_id}"
    live = book.live(subscription_id)
    if not live:
        raise QuoteError(Fault(place, "is not live.", "An incentive needs something that renews."))
    others = sorted({item.currency for item in live} - {incentive.currency})
    if incentive.amount_minor is not None and others:
        raise QuoteError(Fault(place, f"bills in {others[0]}, the incentive is in {incentive.currency}."))
    given = [each.incentive.incentive_id for each in book.discounts if each.subscription_id == subscription_id]
    if incentive.incentive_id in given:
        raise QuoteError(Fault(place, f"has incentive {incentive.incentive_id} already."))
    return replace(book, discounts=(*book.discounts, Discount(subscription_id, incentive, incentive.periods)))


def leave(book: Book, subscription_id: str, *, ends_at: datetime, at: datetime) -> Book:
    """The items name when they end."""
    for position in book.of(subscription_id):
        item = replace(position.item, cancel_at=ends_at, auto_renew=False)
        book = book.put([replace(position, item=item)]).tell(at, None, item, cause="canceled")
    return book
