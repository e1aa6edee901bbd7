"""The sandbox with its surroundings: how a test or a demo plays the customer, the bank and time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import msgspec

from upstep.billing.change import item_from_row
from upstep.billing.periods import current_period
from upstep.billing.provider import Answer, Declined, NeedsConfirmation
from upstep.billing.sandbox import changing
from upstep.billing.sandbox.asking import Asked, apply_now, by_now, end_trial
from upstep.billing.sandbox.biller import SandboxProvider
from upstep.billing.sandbox.book import Book, Card, Invoice
from upstep.billing.sandbox.invoicing import charge, invoice_of, mark_by_debts
from upstep.billing.sandbox.passing import end, settle
from upstep.billing.sandbox.store import View
from upstep.errors import QuoteError


class SandboxBiller(SandboxProvider):
    """The sandbox provider, and what happens to it from outside: subscriptions come, time passes, cards fail."""

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
            book = settle(view.book(self.owner(view, subscription_id), at), at)
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
            known = by_now(found[1], at)
            if not isinstance(known, NeedsConfirmation):
                return known
            book = view.book(asked.account_id, asked.since)
            if known.reason == "no_payment_method":
                book = replace(book, card=Card.GOOD)
            try:
                book, answer = (apply_now if asked.quote else end_trial)(view, book, asked)
            except QuoteError as error:
                answer = Declined("changed", str(error), known.amount_minor)
            view.keep(book)
            view.keep_answer(asked.idempotency_key, asked.subject, answer)
            return answer

    def _book(self, view: View, account_id: str) -> Book | None:
        return view.book(account_id, None) if view.is_known(account_id) else None


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
