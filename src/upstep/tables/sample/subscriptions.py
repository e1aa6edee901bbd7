"""Subscriptions of the sample: items with their past as intervals, and the invoices that follow from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from upstep.tables.sample.book import HISTORY_DAYS, Book, Customer
from upstep.tables.sample.windows import DAY, Window, term, windows

_TERM_MONTHS = {"month": 1, "year": 12}


@dataclass(frozen=True)
class Stage:
    """How a subscription stood from an instant on. ``interval`` and ``discount_percent`` None: as its terms say."""

    from_at: datetime
    plan_id: str
    quantity: int = 1
    status: str = "active"
    interval: str | None = None
    discount_percent: int | None = None


@dataclass(frozen=True)
class Terms:
    """What does not change while it runs. ``pending`` is a plan and the instant it takes over."""

    interval: str = "month"
    collection: str = "automatic"
    discount_percent: int = 0
    cancel_at: datetime | None = None
    ended_at: datetime | None = None
    pending: tuple[str, datetime] | None = None


@dataclass(frozen=True)
class Subscription:
    """One subscription with one item. ``windows`` are its monthly windows within the history, the last holds as-of."""

    customer: Customer
    subscription_id: str
    stages: tuple[Stage, ...]
    terms: Terms
    windows: tuple[Window, ...]

    @property
    def anchor(self) -> datetime:
        """When its present terms of payment began: where its yearly or monthly term is counted from."""
        return _anchor(self.stages, self.terms)

    def stage_at(self, instant: datetime) -> Stage:
        """The stage in force at that instant."""
        return next((stage for stage in reversed(self.stages) if stage.from_at <= instant), self.stages[0])


def subscribe(
    book: Book,
    customer: Customer,
    stages: Sequence[Stage],
    *,
    terms: Terms | None = None,
    on: Subscription | None = None,
) -> Subscription:
    """Write one item: a row per stage, the last one live unless the subscription ended.

    Args:
        book: Where the rows go.
        customer: Whose it is.
        stages: How it stood, oldest first; what would begin after its end is left out.
        terms: What does not change; monthly when not given.
        on: The subscription that an add-on stands on; by default the item has one of its own.
    """
    terms = terms or Terms()
    stages = [stage for stage in stages if terms.ended_at is None or stage.from_at < terms.ended_at]
    item_id, own_id = book.next_id("subscription_item", "item"), book.next_id("subscription_item", "sub")
    ids = (item_id, on.subscription_id if on else own_id)
    start = stages[0].from_at
    anchor = on.anchor if on else _anchor(stages, terms)
    current = term(anchor, months=_TERM_MONTHS[terms.interval], as_of=book.as_of)
    for stage, following in zip(stages, (*stages[1:], None), strict=True):
        valid_to = following.from_at if following else terms.ended_at
        live_term = None if valid_to else current
        _add_item(book, customer, stage, terms=terms, ids=ids, current=live_term, valid_to=valid_to)
    until = terms.ended_at or book.as_of
    found = windows(start, as_of=book.as_of, history_days=HISTORY_DAYS)
    return Subscription(customer, ids[1], tuple(stages), terms, tuple(w for w in found if w.begin < until))


def _anchor(stages: Sequence[Stage], terms: Terms) -> datetime:
    kept = (stage.from_at for stage in stages if stage.interval in (None, terms.interval))
    return next(kept, stages[0].from_at)


def _recurring(book: Book, customer: Customer, stage: Stage, terms: Terms) -> tuple[int, int]:
    """What a stage costs an interval: after discount, and by the list."""
    price = book.plans[stage.plan_id].prices[stage.interval or terms.interval, customer.currency]
    listed = price.amount_minor * (stage.quantity if price.per_unit else 1)
    discount = terms.discount_percent if stage.discount_percent is None else stage.discount_percent
    return listed * (100 - discount) // 100, listed


def _add_item(
    book: Book,
    customer: Customer,
    stage: Stage,
    *,
    terms: Terms,
    ids: tuple[str, str],
    current: Window | None,
    valid_to: datetime | None,
) -> None:
    plan = book.plans[stage.plan_id]
    interval = stage.interval or terms.interval
    price = plan.prices[interval, customer.currency]
    amount, listed = _recurring(book, customer, stage, terms)
    pending_plan, pending_at = terms.pending if terms.pending and current else (None, None)
    book.add(
        "subscription_item",
        item_id=ids[0],
        subscription_id=ids[1],
        account_id=customer.account_id,
        product_id=plan.product_id,
        plan_id=None if plan.is_add_on else plan.plan_id,
        add_on_id=plan.plan_id if plan.is_add_on else None,
        price_id=price.price_id,
        quantity=stage.quantity,
        amount_minor=amount,
        list_amount_minor=listed,
        currency=customer.currency,
        interval=interval,
        interval_count=1,
        status=stage.status,
        valid_from=stage.from_at,
        valid_to=valid_to,
        trial_ends_at=stage.from_at + 14 * DAY if stage.status == "trialing" else None,
        period_start=current.begin if current else None,
        period_end=current.end if current else None,
        renews_at=current.end if current and not terms.cancel_at else None,
        auto_renew=terms.cancel_at is None if current else None,
        cancel_at=terms.cancel_at if current else None,
        pending_plan_id=pending_plan,
        pending_at=pending_at,
        collection=terms.collection,
    )


def bill(
    book: Book, subscription: Subscription, *, overage_minor: Mapping[datetime, int] | None = None, last: str = "paid"
) -> None:
    """Write the invoices of the history: the term in advance, overage after its month.

    Args:
        book: Where the rows go.
        subscription: Whose windows are billed.
        overage_minor: What a month's overage came to, by the instant the next window began.
        last: How the newest invoice stands: paid, open or failed.
    """
    terms, due = subscription.terms, []
    for window in subscription.windows:
        stage = subscription.stage_at(window.begin)
        is_yearly = (stage.interval or terms.interval) == "year"
        is_term_start = not is_yearly or window.begin.month == subscription.anchor.month
        recurring, _ = _recurring(book, subscription.customer, stage, terms)
        trial = stage.status == "trialing"
        amount = (recurring if is_term_start and not trial else 0) + (overage_minor or {}).get(window.begin, 0)
        if amount > 0:
            due.append((window.begin, amount))
    for number, (issued, amount) in enumerate(due, start=1):
        _add_invoice(book, subscription, issued, amount=amount, state=last if number == len(due) else "paid")


def _add_invoice(book: Book, subscription: Subscription, issued: datetime, *, amount: int, state: str) -> None:
    customer = subscription.customer
    on_terms = subscription.terms.collection == "invoice"
    took = timedelta(
        seconds=int(customer.rng.integers(5 * 86_400, 27 * 86_400) if on_terms else customer.rng.integers(60, 7200))
    )
    is_paid = state == "paid" and issued + took <= book.as_of
    failed_at = max(issued + timedelta(minutes=3), book.before(2.4)) if state == "failed" else None
    book.add(
        "invoice",
        invoice_id=book.next_id("invoice", "inv"),
        account_id=customer.account_id,
        issued_at=issued,
        due_at=issued + 30 * DAY if on_terms else issued,
        paid_at=issued + took if is_paid else None,
        amount_due_minor=amount,
        currency=customer.currency,
        status="paid" if is_paid else "open",
        last_failure_at=failed_at,
    )
