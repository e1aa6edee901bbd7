"""An account's book at the sandbox: all that the biller knows of its money, as one value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from upstep.billing.change import BillingMode, Incentive, Item
from upstep.billing.naming import BY_ID, Names
from upstep.billing.periods import anchor_of, current_period
from upstep.billing.proration import Charge, Period
from upstep.billing.provider import Event
from upstep.billing.quote import Quote, QuoteLine
from upstep.billing.working_out import Standing


class Card(StrEnum):
    """What a payment by the account's card does."""

    GOOD = "good"
    DECLINING = "declining"
    CONFIRMING = "confirming"  # its owner must confirm each payment that is not a renewal
    MISSING = "missing"


class InvoiceStatus(StrEnum):
    """Where an invoice is. One that is owed nothing is paid."""

    OPEN = "open"
    PAID = "paid"


@dataclass(frozen=True)
class Invoice:
    """An invoice. ``total_minor`` is the sum of its lines; a negative one was added to the account's credit."""

    invoice_id: str
    subscription_id: str
    currency: str
    reason: str  # change, renewal, trial
    lines: tuple[QuoteLine, ...]
    total_minor: int
    credit_used_minor: int
    due_minor: int
    issued_at: datetime
    due_at: datetime
    status: InvoiceStatus
    paid_at: datetime | None = None
    last_failure_at: datetime | None = None


@dataclass(frozen=True)
class Position:
    """An item with its recurring price before the incentives that run here, and what its periods are counted from."""

    item: Item
    price_minor: int
    anchor: datetime


@dataclass(frozen=True)
class Held:
    """What was debited for an item and has not been credited: its amount for a whole period, and that period."""

    item_id: str
    amount_minor: int
    start: datetime
    end: datetime


@dataclass(frozen=True)
class Discount:
    """An incentive on a subscription: how many renewals it still lowers (None: all), and whether the last one was."""

    subscription_id: str
    incentive: Incentive
    periods_left: int | None
    is_running: bool = False


@dataclass(frozen=True)
class Waiting:
    """A line that the subscription's next invoice will have."""

    subscription_id: str
    line: QuoteLine


@dataclass(frozen=True)
class Trial:
    """A change that is tried free: its quote, and the subscription's positions as they were; none of a new one."""

    quote: Quote
    before: tuple[Position, ...]

    @property
    def ends_at(self) -> datetime:
        """When it is charged."""
        return self.quote.next_invoice_at


@dataclass(frozen=True)
class Book:
    """All that is known of one account's money.

    ``settled_at`` is up to when renewals and the like have happened; ``events`` are those that are not written yet.
    ``names`` are what its lines call what is sold: today's, so they are not kept with it.
    """

    account_id: str
    settled_at: datetime
    mode: BillingMode
    card: Card = Card.GOOD
    positions: tuple[Position, ...] = ()
    credit: Mapping[str, int] = field(default_factory=dict)
    held: tuple[Held, ...] = ()
    discounts: tuple[Discount, ...] = ()
    scheduled: tuple[Quote, ...] = ()
    trials: tuple[Trial, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    invoices: tuple[Invoice, ...] = ()
    events: tuple[Event, ...] = ()
    told: int = 0
    names: Names = field(default=BY_ID, compare=False)

    def live(self, subscription_id: str) -> list[Item]:
        """The subscription's items."""
        return [each.item for each in self.positions if each.item.subscription_id == subscription_id]

    def of(self, subscription_id: str) -> list[Position]:
        """The subscription's positions."""
        return [each for each in self.positions if each.item.subscription_id == subscription_id]

    def tell(
        self, at: datetime, before: Item | None, after: Item | None, *, cause: str, quote_id: str | None = None
    ) -> Book:
        """With one more event."""
        told = self.told + 1
        event_id = f"ev_{quote_id or self.account_id}_{told}"
        event = Event("", event_id, at, before, after, quote_id, cause)
        return replace(self, events=(*self.events, event), told=told)

    def put(self, positions: Iterable[Position], *, instead_of: Iterable[str] = ()) -> Book:
        """With these positions, in place of those of the same items and of the ones named."""
        new = list(positions)
        gone = {each.item.item_id for each in new} | set(instead_of)
        kept = [each for each in self.positions if each.item.item_id not in gone]
        return replace(self, positions=(*kept, *new))

    def hold(self, item_id: str, charges: Iterable[Held]) -> Book:
        """With these debits of an item in place of what was held."""
        kept = [each for each in self.held if each.item_id != item_id]
        return replace(self, held=(*kept, *charges))


def take_over(account_id: str, items: Sequence[Item], *, at: datetime | None, mode: BillingMode) -> Book:
    """The book of an account that was billed elsewhere until ``at``: the period that holds it counts as paid.

    ``at`` None: each item until the period that it names, or in which it began.
    """
    starts = {item.item_id: item.period_start or item.valid_from for item in items}
    since = {item_id: max(at or start, start) for item_id, start in starts.items()}
    positions = [_taken_over(item, current_period(item, since[item.item_id])) for item in items]
    settled_at = at or min(starts.values())
    held = [
        Held(each.item.item_id, each.price_minor, each.item.period_start, each.item.period_end)
        for each in positions
        if each.item.status != "trialing" and each.item.period_start and each.item.period_end
    ]
    return Book(account_id, settled_at, mode, positions=tuple(positions), held=tuple(held))


def _taken_over(item: Item, period: Period) -> Position:
    # What is in trial is first charged when that ends, whatever period the row names.
    is_trial = item.status == "trialing" and item.trial_ends_at is not None and item.trial_ends_at > period.start
    end = item.trial_ends_at if is_trial else period.end
    anchor = anchor_of(item)
    if (item.period_start, item.period_end) != (period.start, end):
        item = replace(item, period_start=period.start, period_end=end)
    return Position(item, item.amount_minor, anchor)


def standing(book: Book, subscription_id: str) -> Standing:
    """What a preview reads of the book."""
    positions = book.of(subscription_id)
    discounts = [each for each in book.discounts if each.subscription_id == subscription_id]
    currency = positions[0].item.currency if positions else None
    return Standing(
        mode=book.mode,
        prices={each.item.item_id: each.price_minor for each in positions},
        held={each.item.item_id: _charges(book, each.item.item_id) for each in positions},
        running=tuple(each.incentive for each in discounts if each.is_running),
        coming=tuple(each.incentive for each in discounts if each.periods_left != 0),
        waiting=tuple(each.line for each in book.waiting if each.subscription_id == subscription_id),
        credit_minor=book.credit.get(currency, 0) if currency else 0,
        open_minor=open_minor(book, currency),
        anchor=min((each.anchor for each in positions), default=None),
        names=book.names,
    )


def open_minor(book: Book, currency: str | None) -> int:
    """What is owed on open invoices in that currency."""
    return sum(
        each.due_minor for each in book.invoices if each.status is InvoiceStatus.OPEN and each.currency == currency
    )


def _charges(book: Book, item_id: str) -> tuple[Charge, ...]:
    return tuple(
        Charge("item", each.amount_minor, period=Period(each.start, each.end))
        for each in book.held
        if each.item_id == item_id
    )
