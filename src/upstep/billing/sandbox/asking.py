"""What is asked of the sandbox under a key: a quote applied or scheduled, a trial ended; and what is answered."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from upstep.billing.change import Change, Item, Starts, trial_days_of
from upstep.billing.preview import digest, preview
from upstep.billing.provider import Answer, Applied, Declined, NeedsConfirmation
from upstep.billing.quote import Quote, changed_since, differences
from upstep.billing.sandbox import changing, trying
from upstep.billing.sandbox.book import Book, Card, InvoiceStatus, standing
from upstep.billing.sandbox.passing import settle
from upstep.billing.sandbox.store import View
from upstep.billing.working_out import WorkedOut, work_out
from upstep.errors import Fault, QuoteError

NAME = "sandbox"
QUOTE_VALID = timedelta(days=7)
CONFIRMATION_VALID = timedelta(hours=23)
"""As long as Stripe keeps a pending update (https://docs.stripe.com/billing/subscriptions/pending-updates)."""


@dataclass(frozen=True)
class Asked:
    """A write that somebody asked for: under which key, about what, and when. ``is_confirmed``: it is paid for.

    An empty ``account_id`` is the subscription's owner; ``what`` names the verb where there is no quote.
    """

    idempotency_key: str
    account_id: str
    subscription_id: str
    at: datetime
    quote: Quote | None = None
    what: str = ""
    is_confirmed: bool = False

    @property
    def since(self) -> datetime:
        """When an account that was never written in is taken over: as it was quoted."""
        return self.quote.at if self.quote else self.at

    @property
    def subject(self) -> str:
        """What the key is for; another use of the key is refused."""
        return self.quote.quote_id if self.quote else f"{self.what} of {self.subscription_id}"


Verb = Callable[[View, Book, Asked], tuple[Book, Answer]]
"""What a write does with the account's book, and answers."""


def apply_now(view: View, book: Book, asked: Asked) -> tuple[Book, Answer]:
    """Make the change that was quoted, if it can be paid."""
    quote = asked.quote
    assert quote is not None
    if quote.change.starts is Starts.AT_RENEWAL:
        return schedule(view, book, asked)
    book, worked = _as_quoted(view, book, asked)
    if trial_days_of(quote.change) is not None:
        book = trying.begin(book, quote, worked, at=asked.at)
        return book, Applied(book.events[-1].event_id, 0, asked.at)
    is_sent = changing.is_sent(worked)
    if not is_sent and not asked.is_confirmed:
        refused = _payment(book, asked, quote.due_now_minor)
        if refused is not None:
            return book, refused
    invoices = len(book.invoices)
    book = changing.make(book, quote, worked, at=asked.at, is_present=not is_sent)
    invoice_id = book.invoices[-1].invoice_id if len(book.invoices) > invoices else None
    return book, Applied(book.events[-1].event_id, quote.due_now_minor, asked.at, invoice_id)


def schedule(view: View, book: Book, asked: Asked) -> tuple[Book, Answer]:
    """Keep the change that was quoted for its renewal."""
    quote = asked.quote
    assert quote is not None
    if quote.change.starts is not Starts.AT_RENEWAL or quote.effective_at is None:
        found = "is of a change that starts now; it is applied, not scheduled."
        raise QuoteError(Fault(f"quote {quote.quote_id}", found))
    book, _ = _as_quoted(view, book, asked)
    book = changing.schedule(book, quote, at=asked.at)
    return book, Applied(f"ss_{quote.subscription_id}", 0, quote.effective_at)


def end_trial(_view: View, book: Book, asked: Asked) -> tuple[Book, Answer]:
    """End the trial now, if its first period can be paid."""
    book = settle(book, asked.at)
    invoices = len(book.invoices)
    ended = trying.ending(book, asked.subscription_id, at=asked.at)
    # As if the card were good: whether it is decides below, on what the first period really costs.
    settled = settle(replace(ended, card=Card.GOOD), asked.at)
    issued = settled.invoices[invoices:]
    due = sum(each.due_minor for each in issued)
    is_sent = any(each.status is InvoiceStatus.OPEN for each in issued)
    refused = None if is_sent or asked.is_confirmed else _payment(book, asked, due)
    if refused is not None:
        return book, refused
    invoice_id = issued[-1].invoice_id if issued else None
    return replace(settled, card=book.card), Applied(asked.subscription_id, due, asked.at, invoice_id)


def _as_quoted(view: View, book: Book, asked: Asked) -> tuple[Book, WorkedOut]:
    """The book at that instant and the change worked out, if both are still what was quoted."""
    quote, at = asked.quote, asked.at
    assert quote is not None
    place = f"quote {quote.quote_id}"
    if quote.provider != NAME:
        raise QuoteError(Fault(place, f"is of provider {quote.provider!r}, not of {NAME!r}."))
    if at < quote.at:
        raise QuoteError(Fault(place, f"is of {quote.at.isoformat()} and cannot be applied at {at.isoformat()}."))
    frozen = settle(book, quote.at)
    try:
        fresh = preview_of(view, frozen, quote.change, quote.at)
    except QuoteError as error:
        raise changed_since(quote, [str(fault) for fault in error.faults]) from error
    why = differences(quote, fresh)
    if fresh.based_on != quote.based_on:
        why = why or ["its items are others"]
    settled = settle(frozen, at)
    if not why and digest(settled.live(quote.subscription_id)) != quote.based_on:
        why = [f"by {at:%Y-%m-%d %H:%M:%S} it has renewed or its status is another"]
    if why:
        raise changed_since(quote, why)
    known = standing(frozen, quote.subscription_id)
    return settled, work_out(quote.change, frozen.live(quote.subscription_id), at=quote.at, standing=known)


def preview_of(view: View, book: Book, change: Change, at: datetime, *, valid_for: timedelta = QUOTE_VALID) -> Quote:
    """What the change costs by the book as it stands at that instant."""
    live: Sequence[Item] = book.live(change.subscription_id)
    scheduled = [each for each in book.scheduled if each.subscription_id == change.subscription_id]
    if scheduled and change.starts is Starts.NOW:
        found = f"has a change scheduled for {scheduled[0].effective_at:%Y-%m-%d %H:%M:%S} UTC."
        raise QuoteError(Fault(f"subscription {change.subscription_id}", found, "Take that back first."))
    tried = [each for each in book.trials if each.before and each.quote.subscription_id == change.subscription_id]
    if tried:
        found = f"tries a change until {tried[0].ends_at:%Y-%m-%d %H:%M:%S} UTC."
        raise QuoteError(Fault(f"subscription {change.subscription_id}", found, "End that or take it back first."))
    if not live:
        live = view.items(subscription_id=change.subscription_id)  # another account's, which is refused
    known = standing(book, change.subscription_id)
    if not live and change.items:
        known = replace(known, credit_minor=book.credit.get(change.items[0].currency, 0))
    return preview(change, live, at=at, provider=NAME, valid_for=valid_for, standing=known)


def _payment(book: Book, asked: Asked, due_minor: int) -> Declined | NeedsConfirmation | None:
    """Why what is due cannot be paid now; None: it can."""
    if due_minor == 0 or book.card is Card.GOOD:
        return None
    if book.card is Card.DECLINING:
        return Declined("card_declined", "The card was declined. Nothing was changed.", due_minor)
    reference = f"pi_{hashlib.sha256(asked.idempotency_key.encode()).hexdigest()[:20]}"
    reason = "no_payment_method" if book.card is Card.MISSING else "authentication"
    url = f"https://sandbox.invalid/pay/{reference}"
    return NeedsConfirmation(reference, url, reason, due_minor, asked.at + CONFIRMATION_VALID)


def by_now(answer: Answer, at: datetime) -> Answer:
    """What has become of it: what nobody confirmed in time never will be."""
    if isinstance(answer, NeedsConfirmation) and at >= answer.expires_at:
        return Declined("expired", "Nobody confirmed the payment in time. Nothing was changed.", answer.amount_minor)
    return answer
