"""The sandbox biller: the verbs of a provider, and those by which a test or a demo plays the customer and the bank."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from upstep.billing.change import BillingMode, Change, Incentive, Item, Starts, item_from_row
from upstep.billing.preview import WorkedOut, current_period, digest, preview, work_out
from upstep.billing.provider import Answer, Applied, Capabilities, Declined, Event, NeedsConfirmation
from upstep.billing.quote import Quote, changed_since, differences
from upstep.billing.sandbox import changing
from upstep.billing.sandbox.book import Book, Card, Invoice, InvoiceStatus, standing
from upstep.billing.sandbox.invoicing import charge, invoice_of, mark_by_debts
from upstep.billing.sandbox.passing import end, settle
from upstep.billing.sandbox.store import Store, View
from upstep.errors import Fault, QuoteError

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


class SandboxBiller:
    """A ``Provider`` over the SQLite file at ``path``, which is created if it is not there."""

    name = "sandbox"

    def __init__(
        self,
        path: str | Path,
        *,
        quote_valid: timedelta = QUOTE_VALID,
        billing_mode: BillingMode = BillingMode.CLASSIC,
    ) -> None:
        self.path = Path(path)
        self.quote_valid = quote_valid
        self._store = Store(self.path, mode=billing_mode)

    @property
    def capabilities(self) -> Capabilities:
        """Everything."""
        return Capabilities()

    # What a provider does

    def subscriptions(self, account_id: str) -> Sequence[Item]:
        """The account's live items as they were when time was last told."""
        with self._store.reading() as view:
            items = view.items(account_id=account_id)
        return sorted(items, key=lambda item: (item.subscription_id, item.item_id))

    def preview(self, change: Change, at: datetime) -> Quote:
        """What the change would cost at that instant. Changes nothing."""
        with self._store.reading() as view:
            book = settle(view.book(change.account_id, at), at)
            return self._preview(view, book, change, at)

    def apply(self, quote: Quote, idempotency_key: str, *, at: datetime) -> Answer:
        """Make the change exactly once per key. See ``Provider.apply``."""
        return self._write(Asked(idempotency_key, quote.account_id, quote.subscription_id, at, quote), self._apply)

    def schedule(self, quote: Quote, idempotency_key: str, *, at: datetime) -> Applied:
        """Have the change made at renewal. See ``Provider.schedule``."""
        asked = Asked(idempotency_key, quote.account_id, quote.subscription_id, at, quote)
        return _applied(self._write(asked, self._schedule))

    def find(self, quote: Quote, idempotency_key: str, *, at: datetime) -> Answer | None:
        """What was answered to that key. See ``Provider.find``."""
        with self._store.reading() as view:
            found = view.answer(idempotency_key)
        return _by_now(found[1], at) if found and found[0] == quote.quote_id else None

    def cancel_schedule(self, subscription_id: str, idempotency_key: str, *, at: datetime) -> Applied | None:
        """Take back what is scheduled. See ``Provider.cancel_schedule``."""

        def take_back(_view: View, book: Book, asked: Asked) -> tuple[Book, Answer]:
            was = any(quote.subscription_id == subscription_id for quote in book.scheduled)
            reference = f"ss_{subscription_id}" if was else ""
            return changing.take_back(book, subscription_id, at=at), Applied(reference, 0, asked.at)

        asked = Asked(idempotency_key, "", subscription_id, at, what="cancelled schedule")
        answer = _applied(self._write(asked, take_back))
        return answer if answer.reference else None

    def start_trial(self, change: Change, idempotency_key: str, *, ends_at: datetime, at: datetime) -> Applied:
        """Start a subscription in trial. See ``Provider.start_trial``."""

        def start(view: View, book: Book, asked: Asked) -> tuple[Book, Answer]:
            place = f"subscription {change.subscription_id}"
            if view.items(subscription_id=change.subscription_id):
                raise QuoteError(Fault(place, "is there already; a trial starts a new one."))
            if ends_at <= at:
                raise QuoteError(Fault(place, f"its trial would end at {ends_at.isoformat()}, before it starts."))
            self._preview(view, book, change, at)  # which refuses what cannot be sold at all
            key = hashlib.sha256(idempotency_key.encode()).hexdigest()[:12]
            book = changing.start_trial(book, change, ends_at=ends_at, at=at, key=key)
            return book, Applied(change.subscription_id, 0, asked.at)

        asked = Asked(idempotency_key, change.account_id, change.subscription_id, at, what="trial")
        return _applied(self._write(asked, start))

    def end_trial(self, subscription_id: str, idempotency_key: str, *, at: datetime) -> Answer:
        """End a trial now and charge the first period. See ``Provider.end_trial``."""
        return self._write(Asked(idempotency_key, "", subscription_id, at, what="end of trial"), self._end_trial)

    def apply_incentive(
        self, subscription_id: str, incentive: Incentive, idempotency_key: str, *, at: datetime
    ) -> Applied:
        """Lower the coming renewals. See ``Provider.apply_incentive``."""

        def add(_view: View, book: Book, asked: Asked) -> tuple[Book, Answer]:
            added = changing.add_incentive(book, subscription_id, incentive)
            return added, Applied(f"di_{subscription_id}_{incentive.incentive_id}", 0, asked.at)

        what = f"incentive {incentive.incentive_id}"
        return _applied(self._write(Asked(idempotency_key, "", subscription_id, at, what=what), add))

    def events_since(self, cursor: str | None) -> Sequence[Event]:
        """What changed after that event, oldest first; None: everything."""
        with self._store.reading() as view:
            return view.events(cursor)

    # What customers, banks and time do

    def seed(self, rows: Iterable[Mapping[str, object]]) -> int:
        """Take over items from rows like ``subscription_item``; those it has already are left as they are.

        Returns:
            How many were new.

        Raises:
            ValueError: A row is not one of ``subscription_item``.
        """
        items = [item_from_row(row) for row in rows]
        with self._store.writing() as view:
            return view.add_items(items)

    def advance(self, to: datetime) -> None:
        """Let time pass for every account: renewals, trials that end, scheduled changes, debts."""
        with self._store.writing() as view:
            for account_id in view.accounts():
                view.keep(settle(view.book(account_id, None), to))

    def invoices(self, account_id: str) -> Sequence[Invoice]:
        """The account's invoices, oldest first, as of the last time it was told."""
        with self._store.reading() as view:
            book = self._book(view, account_id)
        return book.invoices if book else ()

    def credit_minor(self, account_id: str, currency: str) -> int:
        """What lowers the account's next invoices."""
        with self._store.reading() as view:
            book = self._book(view, account_id)
        return book.credit.get(currency, 0) if book else 0

    def set_card(self, account_id: str, card: Card, *, at: datetime) -> None:
        """What the account's card does from now on."""
        with self._store.writing() as view:
            view.keep(replace(settle(view.book(account_id, at), at), card=card))

    def pay(self, account_id: str, invoice_id: str, *, at: datetime) -> Invoice:
        """The customer pays an open invoice by card; a bad card leaves it open.

        Raises:
            KeyError: There is no such invoice.
        """
        with self._store.writing() as view:
            book = charge(settle(view.book(account_id, at), at), invoice_id, at)
            invoice = invoice_of(book, invoice_id)
            book = _periods_rolled(mark_by_debts(book, invoice.subscription_id, at), invoice.subscription_id, at)
            view.keep(book)
        return invoice

    def cancel(self, subscription_id: str, *, at: datetime, ends_at: datetime | None = None) -> None:
        """The customer leaves: at once, with what is unused as credit; or at ``ends_at``."""
        with self._store.writing() as view:
            book = settle(view.book(self._owner(view, subscription_id), at), at)
            if ends_at is not None and ends_at > at:
                view.keep(changing.leave(book, subscription_id, ends_at=ends_at, at=at))
                return
            for position in book.of(subscription_id):
                book = end(book, position, at, is_credited=True)
            view.keep(book)

    def confirm(self, reference: str, *, at: datetime) -> Answer:
        """The person has gone to the URL of a ``NeedsConfirmation`` and confirmed, or named a good card there.

        Raises:
            KeyError: Nothing awaits that.
        """
        with self._store.writing() as view:
            body = view.awaiting(reference)
            if body is None:
                raise KeyError(reference)
            asked = replace(msgspec.json.decode(body, type=Asked), at=at, is_confirmed=True)
            found = view.answer(asked.idempotency_key)
            assert found is not None, "what awaits has been answered"
            known = _by_now(found[1], at)
            if not isinstance(known, NeedsConfirmation):
                return known
            book = view.book(asked.account_id, asked.since)
            if known.reason == "no_payment_method":
                book = replace(book, card=Card.GOOD)
            try:
                book, answer = (self._apply if asked.quote else self._end_trial)(view, book, asked)
            except QuoteError as error:
                answer = Declined("changed", str(error), known.amount_minor)
            view.keep(book)
            view.keep_answer(asked.idempotency_key, asked.subject, answer)
            return answer

    # How a write is done

    def _write(self, asked: Asked, verb: Verb) -> Answer:
        """A verb in one transaction, once per key. What it raises leaves everything as it was."""
        with self._store.writing() as view:
            found = view.answer(asked.idempotency_key)
            if found is not None:
                subject, known = found
                if subject != asked.subject:
                    raise QuoteError(
                        Fault(asked.subject, f"key {asked.idempotency_key!r} has been used for {subject}.")
                    )
                return _by_now(known, asked.at)
            if not asked.account_id:
                asked = replace(asked, account_id=self._owner(view, asked.subscription_id))
            book, answer = verb(view, view.book(asked.account_id, asked.since), asked)
            if isinstance(answer, NeedsConfirmation):
                view.keep_awaiting(answer.reference, asked)
            if isinstance(answer, Applied):
                view.keep(book)
            view.keep_answer(asked.idempotency_key, asked.subject, answer)
            return answer

    def _apply(self, view: View, book: Book, asked: Asked) -> tuple[Book, Answer]:
        quote = asked.quote
        assert quote is not None
        if quote.change.starts is Starts.AT_RENEWAL:
            return self._schedule(view, book, asked)
        book, worked = self._as_quoted(view, book, asked)
        is_sent = changing.is_sent(worked)
        if not is_sent and not asked.is_confirmed:
            refused = _payment(book, asked, quote.due_now_minor)
            if refused is not None:
                return book, refused
        invoices = len(book.invoices)
        book = changing.make(book, quote, worked, at=asked.at, is_present=not is_sent)
        invoice_id = book.invoices[-1].invoice_id if len(book.invoices) > invoices else None
        return book, Applied(book.events[-1].event_id, quote.due_now_minor, asked.at, invoice_id)

    def _schedule(self, view: View, book: Book, asked: Asked) -> tuple[Book, Answer]:
        quote = asked.quote
        assert quote is not None
        if quote.change.starts is not Starts.AT_RENEWAL or quote.effective_at is None:
            found = "is of a change that starts now; it is applied, not scheduled."
            raise QuoteError(Fault(f"quote {quote.quote_id}", found))
        book, _ = self._as_quoted(view, book, asked)
        book = changing.schedule(book, quote, at=asked.at)
        return book, Applied(f"ss_{quote.subscription_id}", 0, quote.effective_at)

    def _end_trial(self, _view: View, book: Book, asked: Asked) -> tuple[Book, Answer]:
        book = settle(book, asked.at)
        invoices = len(book.invoices)
        ended = changing.with_trial_ending(book, asked.subscription_id, at=asked.at)
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

    def _as_quoted(self, view: View, book: Book, asked: Asked) -> tuple[Book, WorkedOut]:
        """The book at that instant and the change worked out, if both are still what was quoted."""
        quote, at = asked.quote, asked.at
        assert quote is not None
        place = f"quote {quote.quote_id}"
        if quote.provider != self.name:
            raise QuoteError(Fault(place, f"is of provider {quote.provider!r}, not of {self.name!r}."))
        if at < quote.at:
            raise QuoteError(Fault(place, f"is of {quote.at.isoformat()} and cannot be applied at {at.isoformat()}."))
        frozen = settle(book, quote.at)
        try:
            fresh = self._preview(view, frozen, quote.change, quote.at)
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

    def _preview(self, view: View, book: Book, change: Change, at: datetime) -> Quote:
        live: Sequence[Item] = book.live(change.subscription_id)
        scheduled = [each for each in book.scheduled if each.subscription_id == change.subscription_id]
        if scheduled and change.starts is Starts.NOW:
            found = f"has a change scheduled for {scheduled[0].effective_at:%Y-%m-%d %H:%M:%S} UTC."
            raise QuoteError(Fault(f"subscription {change.subscription_id}", found, "Take that back first."))
        if not live:
            live = view.items(subscription_id=change.subscription_id)  # another account's, which is refused
        known = standing(book, change.subscription_id)
        if not live and change.items:
            known = replace(known, credit_minor=book.credit.get(change.items[0].currency, 0))
        return preview(change, live, at=at, provider=self.name, valid_for=self.quote_valid, standing=known)

    def _owner(self, view: View, subscription_id: str) -> str:
        for item in view.items(subscription_id=subscription_id):
            return item.account_id
        raise QuoteError(Fault(f"subscription {subscription_id}", "is not live.", "See what the account has."))

    def _book(self, view: View, account_id: str) -> Book | None:
        return view.book(account_id, None) if view.is_known(account_id) else None


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


def _by_now(answer: Answer, at: datetime) -> Answer:
    """What has become of it: what nobody confirmed in time never will be."""
    if isinstance(answer, NeedsConfirmation) and at >= answer.expires_at:
        return Declined("expired", "Nobody confirmed the payment in time. Nothing was changed.", answer.amount_minor)
    return answer


def _applied(answer: Answer) -> Applied:
    assert isinstance(answer, Applied), "this verb costs nothing"
    return answer


def _periods_rolled(book: Book, subscription_id: str, at: datetime) -> Book:
    """Periods that went by unpaid are not billed afterwards: the one that holds ``at`` is gone on from.

    It was not billed either, so nothing of it is held.
    """
    for position in book.of(subscription_id):
        period = current_period(position.item, at)
        if period.start != position.item.period_start:
            item = replace(position.item, period_start=period.start, period_end=period.end)
            book = book.put([replace(position, item=item)]).hold(item.item_id, [])
    return book
