"""Time passes at the sandbox: cancellations, scheduled changes, trials that end, renewals and debts, each in its turn.

Everything that was due happens at its own instant, also when it is worked out later, so it does not matter how often
somebody looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from upstep.billing.change import BillingMode, Item
from upstep.billing.discount import after as after_incentives
from upstep.billing.proration import Charge, LineKind, Period, period_at, prorate
from upstep.billing.quote import Quote, QuoteLine
from upstep.billing.refusing import CHANGEABLE
from upstep.billing.sandbox.book import Book, Held, Position, standing
from upstep.billing.sandbox.changing import take_back
from upstep.billing.sandbox.invoicing import Draft, issue, mark_by_debts, overdue_instants
from upstep.billing.sandbox.trying import finish, without_trials
from upstep.billing.working_out import work_out
from upstep.errors import QuoteError


def settle(book: Book, at: datetime) -> Book:
    """The book after all that was due until that instant, oldest first; going back in time changes nothing."""
    while (instant := _next(book, at)) is not None:
        book = _happen(book, instant)
        book = replace(book, settled_at=max(book.settled_at, instant))
    return book if book.settled_at >= at else replace(book, settled_at=at)


def _next(book: Book, at: datetime) -> datetime | None:
    """The first instant until then at which something is due."""
    due = [end for each in book.positions if each.item.status in CHANGEABLE for end in _ends(each.item)]
    due += [quote.effective_at for quote in book.scheduled if quote.effective_at]
    due += [trial.ends_at for trial in book.trials]
    due += [instant for instant in overdue_instants(book) if instant > book.settled_at]
    return min((instant for instant in due if instant <= at), default=None)


def _ends(item: Item) -> list[datetime]:
    assert item.period_end is not None, "a position has a period"
    return [item.period_end, *([item.cancel_at] if item.cancel_at else [])]


def _happen(book: Book, instant: datetime) -> Book:
    """All of one instant. What leaves does not renew, and what was scheduled renews as it shall be."""
    for position in book.positions:
        if _leaves_at(position.item, instant):
            book = end(book, position, instant, is_credited=True)
    ended = [trial for trial in book.trials if trial.ends_at <= instant]
    for trial in [trial for trial in ended if trial.before]:
        book = finish(book, trial, instant)
    changed: set[str] = set()
    for quote in [quote for quote in book.scheduled if quote.effective_at == instant]:
        book, ids = _change_as_scheduled(book, quote, instant)
        changed |= ids
    subscriptions = sorted({each.item.subscription_id for each in book.positions})
    for subscription_id in subscriptions:
        due = [each for each in book.of(subscription_id) if _renews_at(each, instant) or each.item.item_id in changed]
        if due:
            book = _renew(book, due, instant)
        book = mark_by_debts(book, subscription_id, instant)
    return without_trials(book, ended)


def _leaves_at(item: Item, instant: datetime) -> bool:
    if item.status not in CHANGEABLE:
        return False
    is_over = item.auto_renew is False and item.renews_at is not None and item.renews_at <= instant
    return (item.cancel_at is not None and item.cancel_at <= instant) or (is_over and item.period_end == instant)


def _renews_at(position: Position, instant: datetime) -> bool:
    return position.item.status in CHANGEABLE and position.item.period_end == instant


def end(book: Book, position: Position, at: datetime, *, is_credited: bool) -> Book:
    """The item ends at that instant; what is paid beyond it becomes credit, if the end is credited."""
    item = position.item
    if is_credited and item.period_end and at < item.period_end and item.status != "trialing":
        credit = -sum(_unused(book, position, at))
        book = replace(book, credit={**book.credit, item.currency: book.credit.get(item.currency, 0) + credit})
    if any(item.item_id in _named(quote) for quote in book.scheduled):
        book = take_back(book, item.subscription_id, at=at)
    book = without_trials(book, [each for each in book.trials if each.quote.subscription_id == item.subscription_id])
    book = book.hold(item.item_id, []).put([], instead_of=[item.item_id])
    is_last = not book.of(item.subscription_id)
    discounts = (each for each in book.discounts if not is_last or each.subscription_id != item.subscription_id)
    book = replace(book, discounts=tuple(discounts))
    return book.tell(at, replace(item, valid_to=at), None, cause="canceled")


def _named(quote: Quote) -> set[str | None]:
    return {wish.item_id for wish in quote.change.items}


def _unused(book: Book, position: Position, at: datetime) -> list[int]:
    item = position.item
    assert item.period_start is not None
    assert item.period_end is not None
    known = standing(book, item.subscription_id)
    held: Sequence[Charge] = known.held[item.item_id]
    if book.mode is BillingMode.CLASSIC:
        held = [Charge("item", after_incentives([position.price_minor], known.running)[0])]
    lines = prorate(held, [], period=Period(item.period_start, item.period_end), at=at)
    return [line.amount_minor for line in lines]


def _change_as_scheduled(book: Book, quote: Quote, instant: datetime) -> tuple[Book, set[str]]:
    """The items as they were scheduled to be; they are billed with the renewal. Gone ones were left out before."""
    live, known = book.live(quote.subscription_id), standing(book, quote.subscription_id)
    try:
        # Worked out in the period's last second: nothing of it depends on when it was scheduled.
        worked = work_out(quote.change, live, at=instant - timedelta(seconds=1), standing=known)
    except QuoteError:
        # Its subscription is unpaid or has changed: then it stays as it is.
        return take_back(book, quote.subscription_id, at=instant), set()
    book = replace(book, scheduled=tuple(each for each in book.scheduled if each.quote_id != quote.quote_id))
    changed = set()
    for index, move in enumerate(worked.moves):
        old = next((each for each in book.positions if move.before and each.item.item_id == move.before.item_id), None)
        before = replace(old.item, valid_to=instant, pending_plan_id=None, pending_at=None) if old else None
        if move.after is None and old is not None:
            book = book.hold(old.item.item_id, []).put([], instead_of=[old.item.item_id])
            book = book.tell(instant, before, None, cause="change", quote_id=quote.quote_id)
            continue
        assert move.after is not None
        item_id = quote.change.items[index].item_id or f"si_{quote.quote_id}_{index}"
        after = replace(move.after, item_id=item_id, valid_from=instant, renews_at=None)
        after = replace(after, pending_plan_id=None, pending_at=None, period_end=instant)
        anchor = old.anchor if old is not None and not move.is_new_period else instant
        book = book.put([Position(after, after.amount_minor, anchor)])
        book = book.tell(instant, before, after, cause="change", quote_id=quote.quote_id)
        changed.add(item_id)
    return book, changed


def _renew(book: Book, due: Sequence[Position], instant: datetime) -> Book:
    """The next period of items of one subscription: one invoice, with what waited for it."""
    subscription_id, currency = due[0].item.subscription_id, due[0].item.currency
    is_trial = any(each.item.status == "trialing" for each in due)
    book = _next_discounts(book, subscription_id)
    running = standing(book, subscription_id).running
    nets = after_incentives([each.price_minor for each in due], running)
    lines = [each.line for each in book.waiting if each.subscription_id == subscription_id]
    for position, net in zip(due, nets, strict=True):
        period = next_period(position, instant)
        book = _next_interval(book, position, period, net)
        debit = [Held(position.item.item_id, net, period.start, period.end)] if net else []
        book = book.hold(position.item.item_id, debit)
        text = book.names.line(position.item, period.start, period.end)
        lines += [QuoteLine(text, net, LineKind.DEBIT)] if net else []
    if lines:
        is_sent = due[0].item.collection == "invoice"
        draft = Draft(subscription_id, currency, "trial" if is_trial else "renewal", tuple(lines), is_sent=is_sent)
        book = issue(book, draft, instant)
    return book


def next_period(position: Position, instant: datetime) -> Period:
    """The period that begins at that instant, or holds it."""
    interval, count = position.item.every
    anchor = instant if position.item.status == "trialing" else position.anchor
    return period_at(anchor, instant, interval=interval, interval_count=count)


def _next_interval(book: Book, position: Position, period: Period, net: int) -> Book:
    """The item in its new period: the same interval of the table when only the period differs, else another one."""
    item = position.item
    is_trial = item.status == "trialing"
    renews_at = item.renews_at if item.renews_at and item.renews_at > period.start else period.end
    after = replace(item, period_start=period.start, period_end=period.end, renews_at=renews_at, amount_minor=net)
    after = replace(after, status="active" if is_trial else item.status)
    anchor = period.start if is_trial else position.anchor
    if (net, after.status) == (item.amount_minor, item.status):
        return book.put([replace(position, item=after)]).tell(period.start, None, after, cause="renewed")
    cause = "trial_ended" if is_trial else "discount"
    before = replace(item, valid_to=period.start)
    after = replace(after, valid_from=period.start)
    is_empty = item.valid_from == period.start
    tried = (each.quote.quote_id for each in book.trials if each.quote.subscription_id == item.subscription_id)
    quote_id = next(tried, None) if is_trial else None
    book = book.put([Position(after, position.price_minor, anchor)])
    return book.tell(period.start, None if is_empty else before, after, cause=cause, quote_id=quote_id)


def _next_discounts(book: Book, subscription_id: str) -> Book:
    """One renewal of each incentive is used up; one that has none left ends."""
    kept = []
    for each in book.discounts:
        if each.subscription_id != subscription_id:
            kept.append(each)
        elif each.periods_left != 0:
            left = None if each.periods_left is None else each.periods_left - 1
            kept.append(replace(each, periods_left=left, is_running=True))
    return replace(book, discounts=tuple(kept))
