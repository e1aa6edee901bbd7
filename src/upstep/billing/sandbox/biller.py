"""The sandbox's side of ``Provider``: each write in one transaction, once per key."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from upstep.billing.change import BillingMode, Change, Incentive, Item
from upstep.billing.naming import BY_ID, Names
from upstep.billing.provider import Answer, Applied, Capabilities, Event, NeedsConfirmation
from upstep.billing.quote import Quote
from upstep.billing.sandbox import changing, trying
from upstep.billing.sandbox.asking import (
    NAME,
    QUOTE_VALID,
    Asked,
    Verb,
    apply_now,
    by_now,
    end_trial,
    preview_of,
    schedule,
)
from upstep.billing.sandbox.book import Book
from upstep.billing.sandbox.passing import settle
from upstep.billing.sandbox.store import Store, View
from upstep.errors import Fault, QuoteError


class SandboxProvider:
    """A ``Provider`` over the SQLite file at ``path``, which is created if it is not there.

    Args:
        path: Where its file is.
        quote_valid: How long what it quotes holds.
        billing_mode: How subscriptions are credited.
        names: What its lines call what is sold; without any, ids.
    """

    name = NAME

    def __init__(
        self,
        path: str | Path,
        *,
        quote_valid: timedelta = QUOTE_VALID,
        billing_mode: BillingMode = BillingMode.CLASSIC,
        names: Names = BY_ID,
    ) -> None:
        self.path = Path(path)
        self.quote_valid = quote_valid
        self._store = Store(self.path, mode=billing_mode, names=names)

    @property
    def capabilities(self) -> Capabilities:
        """Everything."""
        return Capabilities()

    @property
    def terms(self) -> tuple[object, ...]:
        """What its answers depend on: two of the same terms answer alike, in whichever process."""
        return self.path.resolve(), self.quote_valid, self._store.mode, vars(self._store.names)

    @contextmanager
    def together(self, account_ids: Iterable[str] = ()) -> Iterator[None]:
        """Within it many accounts are asked about through one connection. Nothing is written meanwhile.

        Those named are read ahead, all at once.
        """
        with self._store.together(account_ids):
            yield

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
            return preview_of(view, book, change, at, valid_for=self.quote_valid)

    def apply(self, quote: Quote, idempotency_key: str, *, at: datetime) -> Answer:
        """Make the change exactly once per key. See ``Provider.apply``."""
        return self._write(Asked(idempotency_key, quote.account_id, quote.subscription_id, at, quote), apply_now)

    def schedule(self, quote: Quote, idempotency_key: str, *, at: datetime) -> Applied:
        """Have the change made at renewal. See ``Provider.schedule``."""
        asked = Asked(idempotency_key, quote.account_id, quote.subscription_id, at, quote)
        return _applied(self._write(asked, schedule))

    def find(self, quote: Quote, idempotency_key: str, *, at: datetime) -> Answer | None:
        """What was answered to that key. See ``Provider.find``."""
        with self._store.reading() as view:
            found = view.answer(idempotency_key)
        return by_now(found[1], at) if found and found[0] == quote.quote_id else None

    def cancel_schedule(self, subscription_id: str, idempotency_key: str, *, at: datetime) -> Applied | None:
        """Take back what is scheduled. See ``Provider.cancel_schedule``."""

        def take_back(_view: View, book: Book, asked: Asked) -> tuple[Book, Answer]:
            was = any(quote.subscription_id == subscription_id for quote in book.scheduled)
            was |= any(trial.before and trial.quote.subscription_id == subscription_id for trial in book.trials)
            reference = f"ss_{subscription_id}" if was else ""
            book = trying.take_back(settle(book, at), subscription_id, at=at)
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
            preview_of(view, book, change, at, valid_for=self.quote_valid)  # which refuses what cannot be sold at all
            key = hashlib.sha256(idempotency_key.encode()).hexdigest()[:12]
            book = changing.start_trial(book, change, ends_at=ends_at, at=at, key=key)
            return book, Applied(change.subscription_id, 0, asked.at)

        asked = Asked(idempotency_key, change.account_id, change.subscription_id, at, what="trial")
        return _applied(self._write(asked, start))

    def end_trial(self, subscription_id: str, idempotency_key: str, *, at: datetime) -> Answer:
        """End a trial now and charge the first period. See ``Provider.end_trial``."""
        return self._write(Asked(idempotency_key, "", subscription_id, at, what="end of trial"), end_trial)

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
                return by_now(known, asked.at)
            if not asked.account_id:
                asked = replace(asked, account_id=self.owner(view, asked.subscription_id))
            book, answer = verb(view, view.book(asked.account_id, asked.since), asked)
            if isinstance(answer, NeedsConfirmation):
                view.keep_awaiting(answer.reference, asked)
            if isinstance(answer, Applied):
                view.keep(book)
            view.keep_answer(asked.idempotency_key, asked.subject, answer)
            return answer

    def owner(self, view: View, subscription_id: str) -> str:
        """Whose subscription it is.

        Raises:
            QuoteError: It is not live.
        """
        for item in view.items(subscription_id=subscription_id):
            return item.account_id
        raise QuoteError(Fault(f"subscription {subscription_id}", "is not live.", "See what the account has."))


def _applied(answer: Answer) -> Applied:
    assert isinstance(answer, Applied), "this verb costs nothing"
    return answer
