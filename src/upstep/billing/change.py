"""What is changed: an item of a subscription as the provider has it, and the wish to have it otherwise."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

import msgspec

from upstep.clock import from_seconds, parse_instant


class Behaviour(StrEnum):
    """What becomes of the proration lines; the words are the provider's."""

    ALWAYS_INVOICE = "always_invoice"  # paid now; what is left of a credit lowers the next invoice
    CREATE_PRORATIONS = "create_prorations"  # on the next invoice
    NONE = "none"  # nothing is credited or charged for the rest of the period


class Starts(StrEnum):
    """When a change takes effect. Upgrades now, downgrades at renewal, is the policy of who asks, not of billing."""

    NOW = "now"
    AT_RENEWAL = "at_renewal"  # when the changed items' paid period ends: nothing is credited or charged before


class Anchor(StrEnum):
    """Whether a change moves the day of the month (or year) on which the subscription is billed."""

    NOW = "now"  # a new period starts with the change
    UNCHANGED = "unchanged"


class BillingMode(StrEnum):
    """How a subscription is credited; the words are the provider's.

    https://docs.stripe.com/billing/subscriptions/billing-mode

    *Classic* credits the current price and starts a new period on another interval and on free to paid. *Flexible*
    credits what was debited, one credit a debit, and never moves the anchor by itself.
    """

    CLASSIC = "classic"
    FLEXIBLE = "flexible"


@dataclass(frozen=True)
class Item:
    """One row of ``subscription_item``: an item in an interval in which it did not change.

    ``amount_minor`` is for the whole quantity, per interval, after discounts. Instants are UTC.
    """

    item_id: str
    subscription_id: str
    account_id: str
    product_id: str
    quantity: int
    amount_minor: int
    currency: str
    interval: str
    status: str
    valid_from: datetime
    plan_id: str | None = None
    add_on_id: str | None = None
    price_id: str | None = None
    list_amount_minor: int | None = None
    interval_count: int | None = None
    valid_to: datetime | None = None
    trial_ends_at: datetime | None = None
    period_start: datetime | None = None
    period_end: datetime | None = None
    renews_at: datetime | None = None
    auto_renew: bool | None = None
    cancel_at: datetime | None = None
    pending_plan_id: str | None = None
    pending_at: datetime | None = None
    collection: str | None = None

    @property
    def name(self) -> str:
        """The id of what is sold: the plan's, else the add-on's, else the product's. ``Names`` has its name."""
        return self.plan_id or self.add_on_id or self.product_id

    @property
    def every(self) -> tuple[str, int]:
        """How often it is billed: (interval, count)."""
        return self.interval, self.interval_count or 1

    def row(self) -> dict[str, object]:
        """The row of ``subscription_item``, instants as aware datetimes."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}


_INSTANTS = tuple(field.name for field in dataclasses.fields(Item) if "datetime" in str(field.type))


def item_from_row(row: Mapping[str, object]) -> Item:
    """An item from a row like ``subscription_item``; columns that billing does not know are left out.

    Instants are datetimes (without a zone: UTC), ISO text, or whole seconds since 1970.

    Raises:
        ValueError: A required column is missing, or a value is not what the column holds; the text names it.
    """
    known = {field.name: row[field.name] for field in dataclasses.fields(Item) if row.get(field.name) is not None}
    for name in _INSTANTS:
        value = known.get(name)
        if value is not None:
            known[name] = from_seconds(value) if isinstance(value, int) else parse_instant(str(value))
    try:
        return msgspec.convert(known, Item)
    except msgspec.ValidationError as error:
        raise ValueError(f"subscription_item {row.get('item_id')}: {error}") from error


@dataclass(frozen=True)
class ItemChange:
    """One item as it shall be from now on.

    Args:
        item_id: The item that is changed; None adds one.
        product_id: The product it belongs to.
        quantity: The new quantity; 0 with ``removes`` set.
        amount_minor: The new amount for the whole quantity, per interval; the caller has priced it.
        name: What the plan or add-on is called, for the pages that say what somebody has afterwards.
        removes: The item ends; only ``item_id`` and ``product_id`` are read then.
    """

    item_id: str | None
    product_id: str
    quantity: int = 0
    amount_minor: int = 0
    currency: str = ""
    interval: str = ""
    interval_count: int = 1
    plan_id: str | None = None
    add_on_id: str | None = None
    price_id: str | None = None
    list_amount_minor: int | None = None
    name: str = ""
    removes: bool = False


@dataclass(frozen=True)
class Change:
    """What is asked of the provider, for one subscription. A subscription id that it does not know starts a new one.

    Args:
        account_id: Whose subscription it is.
        subscription_id: Which one.
        items: The items that shall be different; the others stay.
        behaviour: When the proration is paid.
        starts: Now, or when the paid period ends.
        anchor: None: a new period on another interval and on free to paid, else none. A provider is always told the
            outcome of this rule, so that both billing modes do what was shown.
        incentive: Given with the change, once it is made: it lowers the invoices that come after it. A trial is given
            as the change is made: it is charged when the trial ends.
    """

    account_id: str
    subscription_id: str
    items: tuple[ItemChange, ...]
    behaviour: Behaviour = Behaviour.ALWAYS_INVOICE
    starts: Starts = Starts.NOW
    anchor: Anchor | None = None
    incentive: Incentive | None = None


@dataclass(frozen=True)
class Incentive:
    """Something off the coming invoices of a subscription, or a trial. It never credits the running period.

    Args:
        incentive_id: Our name of it; a provider that keeps coupons keeps it under this one.
        percent: Whole percent, 1 to 100; exactly one of ``percent``, ``amount_minor`` and ``trial_days`` is set.
        amount_minor: Off each invoice, split over its items by their amounts.
        currency: Of ``amount_minor``.
        periods: How many renewals it lowers; None: all.
        trial_days: The change costs nothing for so many days, then what it costs by the price of today.
    """

    incentive_id: str
    percent: int | None = None
    amount_minor: int | None = None
    currency: str | None = None
    periods: int | None = 1
    trial_days: int | None = None

    def __post_init__(self) -> None:
        """Refuse what is no incentive.

        Raises:
            ValueError: Several or none of percent, amount and days, or one outside its range.
        """
        if [self.percent, self.amount_minor, self.trial_days].count(None) != 2:
            raise ValueError(f"incentive {self.incentive_id}: name a percent or an amount, and not both; or a trial")
        if self.trial_days is not None and self.trial_days < 1:
            raise ValueError(f"incentive {self.incentive_id}: a trial of {self.trial_days} days")
        if self.percent is not None and not 1 <= self.percent <= 100:
            raise ValueError(f"incentive {self.incentive_id}: {self.percent} percent is not 1 to 100")
        if self.amount_minor is not None and (self.amount_minor < 1 or self.currency is None):
            raise ValueError(f"incentive {self.incentive_id}: {self.amount_minor} is no amount with a currency")
        if self.periods is not None and self.periods < 1:
            raise ValueError(f"incentive {self.incentive_id}: {self.periods} periods")


def trial_days_of(change: Change) -> int | None:
    """How many days the change is tried free; None: it is no trial."""
    return change.incentive.trial_days if change.incentive else None


def first_period_off(incentive_id: str) -> Incentive:
    """The next period for nothing."""
    return Incentive(incentive_id, percent=100, periods=1)
