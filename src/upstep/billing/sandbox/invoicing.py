"""Invoices of the sandbox: issued, paid by credit and card, overdue, written into the book they belong to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from upstep.billing.quote import QuoteLine
from upstep.billing.sandbox.book import Book, Card, Invoice, InvoiceStatus, Position

TERMS_DAYS = 30
"""When an invoice that is sent, not charged, is due."""

UNPAID_DAYS = 21
"""So long after an invoice was due, its subscription is unpaid: nothing is billed or changed until that is settled.

Three weeks of retries are a common setting of Stripe's (https://docs.stripe.com/billing/revenue-recovery).
"""


@dataclass(frozen=True)
class Draft:
    """What is to be invoiced."""

    subscription_id: str
    currency: str
    reason: str
    lines: tuple[QuoteLine, ...]
    is_sent: bool  # sent and paid later, not charged to a card
    is_present: bool = False  # the customer is there and has confirmed or can: a charge that was promised succeeds


def issue(book: Book, draft: Draft, at: datetime) -> Book:
    """The book with the invoice, which takes the subscription's waiting lines with it and is paid if it can be."""
    total = sum(line.amount_minor for line in draft.lines)
    credit = book.credit.get(draft.currency, 0)
    used = min(max(total, 0), credit)
    due = max(total, 0) - used
    waiting = tuple(each for each in book.waiting if each.subscription_id != draft.subscription_id)
    invoice = Invoice(
        invoice_id=f"in_{book.account_id}_{len(book.invoices) + 1}",
        subscription_id=draft.subscription_id,
        currency=draft.currency,
        reason=draft.reason,
        lines=draft.lines,
        total_minor=total,
        credit_used_minor=used,
        due_minor=due,
        issued_at=at,
        due_at=at + timedelta(days=TERMS_DAYS) if draft.is_sent else at,
        status=InvoiceStatus.OPEN if due else InvoiceStatus.PAID,
        paid_at=None if due else at,
    )
    credits_left = {**book.credit, draft.currency: credit - used - min(total, 0)}
    book = replace(book, credit=credits_left, waiting=waiting, invoices=(*book.invoices, invoice))
    if due and not draft.is_sent:
        book = charge(book, invoice.invoice_id, at, is_present=draft.is_present)
    return book


def charge(book: Book, invoice_id: str, at: datetime, *, is_present: bool = False) -> Book:
    """The book after a try to charge an open invoice to the card; one that fails stays open."""
    invoice = invoice_of(book, invoice_id)
    if invoice.status is InvoiceStatus.PAID:
        return book
    if is_present or book.card is Card.GOOD:
        return _with(book, replace(invoice, status=InvoiceStatus.PAID, paid_at=at))
    return _with(book, replace(invoice, last_failure_at=at))


def invoice_of(book: Book, invoice_id: str) -> Invoice:
    """The invoice of that id.

    Raises:
        KeyError: There is none.
    """
    for invoice in book.invoices:
        if invoice.invoice_id == invoice_id:
            return invoice
    raise KeyError(invoice_id)


def mark_by_debts(book: Book, subscription_id: str, at: datetime) -> Book:
    """Items of a subscription with an overdue invoice are past due, then unpaid; without one they are active again."""
    overdue = [
        each.due_at
        for each in book.invoices
        if each.subscription_id == subscription_id and each.status is InvoiceStatus.OPEN and each.due_at <= at
    ]
    status = "active"
    if overdue:
        status = "unpaid" if at >= min(overdue) + timedelta(days=UNPAID_DAYS) else "past_due"
    for position in book.of(subscription_id):
        if position.item.status in {"active", "past_due", "unpaid"} and position.item.status != status:
            book = reopen(book, position, at, cause="payment", status=status)
    return book


def reopen(book: Book, position: Position, at: datetime, *, cause: str, **differing: object) -> Book:
    """The item's interval closed at that instant, and another one begun with what differs."""
    before = replace(position.item, valid_to=at)
    after = replace(position.item, valid_from=at, **differing)  # type: ignore[arg-type]
    book = book.put([replace(position, item=after)])
    # An interval that began in this very second is written over: it has no length.
    return book.tell(at, None if position.item.valid_from == at else before, after, cause=cause)


def overdue_instants(book: Book) -> Sequence[datetime]:
    """The instants at which an open invoice becomes overdue, and at which its subscription becomes unpaid."""
    dues = [each.due_at for each in book.invoices if each.status is InvoiceStatus.OPEN]
    return [*dues, *(due + timedelta(days=UNPAID_DAYS) for due in dues)]


def _with(book: Book, invoice: Invoice) -> Book:
    same = invoice.invoice_id
    return replace(book, invoices=tuple(invoice if each.invoice_id == same else each for each in book.invoices))
