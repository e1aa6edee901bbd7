"""What we ask of a billing provider: ten verbs. Its answer is the truth; ours is an estimate until it has spoken.

Money is whole minor units throughout. Every verb that writes takes an idempotency key and the instant that counts as
now. A provider changes nothing in a call that raises ``QuoteError``; after an ``OutsideError`` nobody knows, so the
caller asks again with the same key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from upstep.billing.change import Change, Incentive, Item
from upstep.billing.quote import Quote


@dataclass(frozen=True)
class Applied:
    """It was done. ``reference`` is the provider's own id, ``amount_minor`` what it charged at once.

    ``effective_at`` lies ahead for what was scheduled. ``invoice_id`` None: there was nothing to invoice.
    """

    reference: str
    amount_minor: int
    effective_at: datetime
    invoice_id: str | None = None


@dataclass(frozen=True)
class Declined:
    """The payment failed, so nothing was changed. ``reason`` is the provider's code, ``why`` its sentence."""

    reason: str
    why: str
    amount_minor: int = 0


@dataclass(frozen=True)
class NeedsConfirmation:
    """Somebody must go to ``url`` first: to confirm the payment with their bank, or to name a card.

    Nothing is changed yet. It is changed when they have done so before ``expires_at``, and never after it. Asking again
    with the same key answers what has become of it.
    """

    reference: str
    url: str
    reason: str  # authentication, no_payment_method
    amount_minor: int
    expires_at: datetime


Answer = Applied | Declined | NeedsConfirmation
"""What a provider may answer to a change that costs something. Only ``Applied`` has changed anything."""


@dataclass(frozen=True)
class Event:
    """One item that changed at the provider: how it was (closed by ``valid_to``) and how it is; None where it is not.

    ``cursor`` is what ``events_since`` takes to go on after this event; ``quote_id`` is the quote that was applied,
    None for a change that somebody made elsewhere. A change that was scheduled names its quote when it takes effect.
    ``cause`` is a word for people: change, renewed, scheduled, trial_started, trial_ended, discount, payment, canceled.
    """

    cursor: str
    event_id: str
    occurred_at: datetime
    before: Item | None
    after: Item | None
    quote_id: str | None = None
    cause: str = "change"


class Ability(StrEnum):
    """What not every provider can do."""

    SCHEDULE = "schedule"  # a change at renewal, and its cancellation
    TRIAL = "trial"
    INCENTIVE = "incentive"
    PAY_FIRST = "pay_first"  # a change is made only if its payment succeeds
    CONFIRMATION = "confirmation"  # a payment that its owner must confirm
    NEW_SUBSCRIPTION = "new_subscription"
    MIXED_INTERVALS = "mixed_intervals"  # monthly and yearly items in one subscription
    NEXT_INVOICE = "next_invoice"  # a preview tells the invoice after this one


@dataclass(frozen=True)
class Capabilities:
    """What a provider cannot do, each with the reason that a person is told. What is not named it can."""

    cannot: Mapping[Ability, str] = field(default_factory=dict)

    def can(self, ability: Ability) -> bool:
        """Whether it can."""
        return ability not in self.cannot


class Provider(Protocol):
    """A billing provider. Every one passes ``tests/contracts/test_providers.py``."""

    @property
    def name(self) -> str:
        """How quotes name it."""
        ...

    @property
    def capabilities(self) -> Capabilities:
        """What it cannot do; a verb for that raises QuoteError with the reason."""
        ...

    def subscriptions(self, account_id: str) -> Sequence[Item]:
        """The account's live items, by subscription and item id."""
        ...

    def preview(self, change: Change, at: datetime) -> Quote:
        """What the change would cost at that instant. Changes nothing; the same question has the same answer.

        For a change that starts at renewal there are no lines, nothing is due now, and the next invoice is at the new
        price. A change now of a subscription that has one scheduled is refused, here or by ``apply``, until that is
        taken back. A change with a trial costs nothing now; the next invoice is what it costs when the trial ends, and
        where that cannot be told to the unit, or the provider has no such trial, it is refused.

        Raises:
            QuoteError: It cannot be quoted; all reasons at once.
            OutsideError: The provider could not be asked.
        """
        ...

    def apply(self, quote: Quote, idempotency_key: str, *, at: datetime) -> Answer:
        """Make the change, at the quoted price, exactly once per key: the same key again returns the first answer.

        A change with a trial is made and not charged; the event that names its quote is that of its first charge.

        However much later it is asked: a provider whose own keys are forgotten must find the change by other means.
        Where the first answer was ``NeedsConfirmation``, the same key answers what has become of it.

        Args:
            quote: As previewed by this provider, of a change that starts now. Whether it has expired is the caller's
                question; it is sent with the frozen instant ``quote.at``, so that it charges the lines that were shown.
            idempotency_key: One for each acceptance.
            at: Now: from then on the items are as changed.

        Raises:
            QuoteError: The subscription is no longer the one that was quoted; nothing was changed.
            OutsideError: No answer. It may have happened: ask again with the same key.
        """
        ...

    def find(self, quote: Quote, idempotency_key: str, *, at: datetime) -> Answer | None:
        """What was answered to ``apply`` or ``schedule`` with that key; None: it never arrived, or changed nothing.

        It is asked before a call is repeated: a change that was made must not be compared with its own preview.

        Raises:
            OutsideError: The provider could not be asked.
        """
        ...

    def schedule(self, quote: Quote, idempotency_key: str, *, at: datetime) -> Applied:
        """Have the change made at ``quote.effective_at``; exactly once per key.

        Until then the items name it as pending. A change that is scheduled already is replaced.

        Raises:
            QuoteError: The subscription is no longer the one that was quoted, or the quote is of a change that starts
                now; nothing was changed.
            OutsideError: No answer: ask again with the same key.
        """
        ...

    def cancel_schedule(self, subscription_id: str, idempotency_key: str, *, at: datetime) -> Applied | None:
        """Take back what is scheduled for the subscription, or tried by it; None: nothing is.

        Raises:
            OutsideError: No answer: ask again with the same key.
        """
        ...

    def start_trial(self, change: Change, idempotency_key: str, *, ends_at: datetime, at: datetime) -> Applied:
        """Start a new subscription whose items cost nothing until ``ends_at``; then the first period is charged.

        Raises:
            QuoteError: The change is not of a new subscription, or ends before it starts; all reasons at once.
            OutsideError: No answer: ask again with the same key.
        """
        ...

    def end_trial(self, subscription_id: str, idempotency_key: str, *, at: datetime) -> Answer:
        """End a trial now: the first period starts and is charged. Only if the payment succeeds.

        Raises:
            QuoteError: The subscription is not in trial.
            OutsideError: No answer: ask again with the same key.
        """
        ...

    def apply_incentive(
        self, subscription_id: str, incentive: Incentive, idempotency_key: str, *, at: datetime
    ) -> Applied:
        """Lower the subscription's coming renewals. The running period is not credited: a discount alone never is.

        Raises:
            QuoteError: The subscription is not live, or bills in another currency than the incentive.
            OutsideError: No answer: ask again with the same key.
        """
        ...

    def events_since(self, cursor: str | None) -> Sequence[Event]:
        """What changed after that event, oldest first; None: everything."""
        ...


def subscription_item_rows(events: Iterable[Event]) -> list[dict[str, object]]:
    """Events as rows of ``subscription_item``: the closed interval and the one that begins.

    One row per (item_id, valid_from); the later event's version stands, so that an interval that one event opened and
    another closed is one closed row. Loading them twice is loading them once.
    """
    rows: dict[tuple[str, datetime], dict[str, object]] = {}
    for event in events:
        for item in (event.before, event.after):
            if item is not None:
                rows[item.item_id, item.valid_from] = item.row()
    return list(rows.values())
