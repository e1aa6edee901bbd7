"""What a quote means for an account, and the same as plain values: what ``--json`` prints and the audit keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from upstep.billing.change import Starts
from upstep.clock import iso
from upstep.money import monthly_units, units_to_minor

if TYPE_CHECKING:
    from upstep.billing.quote import Quote, QuoteItem
    from upstep.engine.quoting.overage import Overage
    from upstep.engine.quoting.use import AccountUse


@dataclass(frozen=True)
class PricedItem:
    """One item side by side, each side with the record that its price comes from; None where it is not there.

    ``plan_ids`` are before and after.
    """

    item: QuoteItem
    product_id: str | None
    plan_ids: tuple[str | None, str | None]
    add_on_id: str | None
    name: str
    plan_before: str | None
    plan_after: str | None
    record_before: str | None
    record_after: str | None


@dataclass(frozen=True)
class Hold:
    """Why a quote cannot be applied by a click now, and what ends that."""

    gate: str
    why: str
    lifts: str


@dataclass(frozen=True)
class Priced:
    """A quote and what it means for the account.

    Args:
        quote: What billing says.
        items: The items that change, in the quote's order.
        overage: The overage that disappears, period by period.
        notes: What the person should know beside the price.
    """

    quote: Quote
    use: AccountUse
    items: tuple[PricedItem, ...]
    overage: Overage
    holds: tuple[Hold, ...]
    notes: tuple[str, ...]

    @property
    def recurring_units(self) -> int:
        """What recurs, after less before, a month, in MRR units."""
        return sum(_monthly(item) for item in self.quote.items)

    @property
    def recurring_change_minor(self) -> int:
        """The same in minor units."""
        return units_to_minor(self.recurring_units)

    @property
    def saving_units(self) -> int:
        """What the customer pays less a month, the overage counted; below 0 when it is more."""
        return self.overage.replaced_units - self.recurring_units

    @property
    def customer_saving_minor(self) -> int:
        """What the customer saves a month; 0 when the change costs more than the overage it replaces."""
        return units_to_minor(max(self.saving_units, 0))

    @property
    def yearly_saving_minor(self) -> int:
        """What the customer pays less a year, the overage counted; below 0 when it is more."""
        return units_to_minor(12 * self.saving_units)


def _monthly(item: QuoteItem) -> int:
    return _units(item.amount_after_minor, item.every_after) - _units(item.amount_before_minor, item.every_before)


def _units(amount_minor: int | None, every: tuple[str, int] | None) -> int:
    return 0 if amount_minor is None or every is None else monthly_units(amount_minor, *every)


def described(priced: Priced) -> dict[str, Any]:
    """The quote with everything that was shown of it and where each figure comes from, as JSON can hold it.

    Amounts are minor units of ``currency``; ``recurring_change_minor``, ``overage_replaced_minor`` and
    ``customer_saving_minor`` are per month, as in decisions.
    """
    quote, use = priced.quote, priced.use
    return {
        "quote_id": quote.quote_id,
        "account_id": quote.account_id,
        "account_name": use.name,
        "subscription_id": quote.subscription_id,
        "provider": quote.provider,
        "currency": quote.currency,
        "quoted_at": iso(quote.at),
        "expires_at": iso(quote.expires_at),
        "starts": "at_renewal" if quote.change.starts is Starts.AT_RENEWAL else "now",
        "effective_at": iso(quote.effective_at or quote.at),
        "items": [_item(each) for each in priced.items],
        "lines": [
            {"description": each.description, "kind": each.kind.value, "amount_minor": each.amount_minor}
            for each in quote.lines
        ],
        "proration_minor": quote.proration_minor,
        "credit_used_minor": quote.credit_used_minor,
        "due_now_minor": quote.due_now_minor,
        "next_invoice_minor": quote.next_invoice_minor,
        "next_invoice_at": iso(quote.next_invoice_at),
        "recurring_change_minor": priced.recurring_change_minor,
        "yearly_difference_minor": quote.yearly_difference_minor,
        "overage_replaced_minor": priced.overage.replaced_minor,
        "customer_saving_minor": priced.customer_saving_minor,
        "yearly_saving_minor": priced.yearly_saving_minor,
        "overage": _overage(priced),
        "use_as_of": iso(use.as_of),
        "holds": [{"gate": each.gate, "why": each.why, "lifts": each.lifts} for each in priced.holds],
        "notes": list(priced.notes),
    }


def _item(each: PricedItem) -> dict[str, Any]:
    item = each.item
    before = None
    if item.amount_before_minor is not None and item.every_before is not None:
        before = _side(each.plan_before, item.quantity_before, item.amount_before_minor, item.every_before)
        before |= {"plan_id": each.plan_ids[0], "record": each.record_before}
    after = None
    if item.amount_after_minor is not None and item.every_after is not None:
        after = _side(each.plan_after, item.quantity_after, item.amount_after_minor, item.every_after)
        after |= {"plan_id": each.plan_ids[1], "record": each.record_after}
    ids = {"item_id": item.item_id, "product_id": each.product_id, "add_on_id": each.add_on_id}
    return ids | {"name": each.name, "before": before, "after": after}


def _side(plan: str | None, quantity: int | None, amount_minor: int, every: tuple[str, int]) -> dict[str, Any]:
    interval, count = every
    return {
        "plan": plan,
        "quantity": quantity,
        "amount_minor": amount_minor,
        "interval": interval,
        "interval_count": count,
    }


def _overage(priced: Priced) -> dict[str, Any]:
    """The monthly means, and the periods that they are of."""
    return {
        "before_minor": units_to_minor(priced.overage.before_units),
        "after_minor": units_to_minor(priced.overage.after_units),
        "periods": [
            {
                "meter_id": each.meter_id,
                "starts_at": iso(each.starts_at),
                "ends_at": iso(each.ends_at),
                "used": each.used,
                "limit_before": each.limit_before,
                "limit_after": each.limit_after,
                "before_minor": each.before_minor,
                "after_minor": each.after_minor,
                "record": each.record,
            }
            for each in priced.overage.periods
        ],
    }
