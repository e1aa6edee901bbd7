"""A quote from what Stripe previews. Amounts are Stripe's; ours are only which items change and when they renew."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec

from upstep.billing.change import Behaviour, BillingMode, Change, Item, Starts
from upstep.billing.currencies import from_provider
from upstep.billing.discount import after as after_incentives
from upstep.billing.incentive_lines import incentive_lines
from upstep.billing.preview import Move, WorkedOut, current_period
from upstep.billing.proration import LineKind
from upstep.billing.quote import Quote, QuoteItem, QuoteLine
from upstep.billing.stripe.reading import is_proration, line_amount, line_item_id
from upstep.clock import to_seconds
from upstep.errors import Fault, OutsideError, QuoteError
from upstep.money import monthly_units, units_to_minor

Thing = Mapping[str, Any]


@dataclass(frozen=True)
class Previewed:
    """What is known when a quote is written.

    Args:
        change: What was asked.
        worked: Which items move, and when, by our rules.
        live: The subscription's items.
        invoice: Stripe's preview of the invoice that the change makes, or of the next one.
        recurring: Stripe's preview of what recurs after the change.
        mode: How the subscription is credited.
        based_on: The subscription in one word.
        open_minor: What is open of the account's invoices.
    """

    change: Change
    worked: WorkedOut
    live: Sequence[Item]
    invoice: Thing
    recurring: Thing
    mode: BillingMode
    based_on: str
    open_minor: int

    @property
    def is_later(self) -> bool:
        """Whether the change waits for the renewal."""
        return self.change.starts is Starts.AT_RENEWAL

    @property
    def is_trial(self) -> bool:
        """Whether nothing is paid for yet."""
        return any(item.status == "trialing" for item in self.live)

    @property
    def is_invoiced(self) -> bool:
        """Whether the change is charged at once."""
        return self.worked.is_invoiced and not self.is_later and not self.is_trial


def quote_from(known: Previewed, *, at: datetime, valid_for: timedelta) -> Quote:
    """The quote, with Stripe's amounts.

    Raises:
        OutsideError: Stripe's answer does not add up, so it cannot be shown.
    """
    invoice, currency = known.invoice, str(known.invoice["currency"])
    _must_add_up(invoice)
    items = _items(known, currency)
    lines = _lines(known, currency, at)
    total, start, due = invoice["total"], invoice["starting_balance"], invoice["amount_due"]
    next_at = known.worked.effective_at if known.is_later else _next_at(known, at)
    off = _off(next_at, known, at)
    lowered = incentive_lines(known.change, off, first_at=next_at, every=_terms(known))
    next_minor = _billed_at(next_at, known, at) + start
    if known.is_invoiced:
        next_minor = _billed_at(next_at, known, at) + total + start - due
    elif not known.is_later:
        next_minor = total + start
    quote = Quote(
        quote_id="",
        account_id=known.change.account_id,
        subscription_id=known.change.subscription_id,
        provider="stripe",
        currency=currency,
        change=known.change,
        lines=lines,
        proration_minor=sum(line.amount_minor for line in lines),
        due_now_minor=from_provider(due, currency) if known.is_invoiced else 0,
        next_invoice_minor=from_provider(next_minor, currency) - off,
        incentive_lines=lowered,
        next_invoice_at=next_at,
        yearly_difference_minor=_yearly_difference(items),
        based_on=known.based_on,
        at=at,
        # A quote for a period that has ended would credit time that was not paid for.
        expires_at=min(at + valid_for, *(current_period(item, at).end for item in known.live), next_at),
        items=items,
        effective_at=known.worked.effective_at,
        billing_mode=known.mode,
        credit_used_minor=from_provider(max(total, 0) - due, currency) if known.is_invoiced else 0,
        open_minor=known.open_minor,
    )
    return with_id(quote)


def with_id(quote: Quote) -> Quote:
    """The quote with the id that all that it says gives it."""
    word = hashlib.sha256(msgspec.json.encode(quote, order="sorted")).hexdigest()[:20]
    return replace(quote, quote_id=f"q_{word}")


def _must_add_up(invoice: Thing) -> None:
    """Stripe may give the first lines only. What is shown must be all that is charged."""
    shown = sum(line_amount(line) for line in invoice["lines"]["data"]) + _tax(invoice)
    if invoice["lines"]["has_more"] or shown != invoice["total"]:
        raise OutsideError(
            f"Stripe's preview holds lines of {shown} {invoice['currency']} and a total of {invoice['total']}: it has "
            "more lines than one answer holds. It cannot be quoted line by line; change it at Stripe."
        )


def _tax(invoice: Thing) -> int:
    """What is added to the lines; a tax that prices hold already is no part of it."""
    taxes = invoice.get("total_taxes") or ()
    return sum(int(tax["amount"]) for tax in taxes if tax["tax_behavior"] == "exclusive")


def _lines(known: Previewed, currency: str, at: datetime) -> tuple[QuoteLine, ...]:
    if known.is_later or known.is_trial:
        return ()
    found = known.invoice["lines"]["data"]
    if not known.is_invoiced:
        # What waits from earlier changes stands on the same invoice, and is no cost of this one.
        is_asked = known.change.behaviour is Behaviour.CREATE_PRORATIONS
        start = to_seconds(at)
        found = [line for line in found if is_asked and is_proration(line) and line["period"]["start"] == start]
    amounts = [(str(line["description"]), line_amount(line)) for line in found]
    amounts += [("Tax", _tax(known.invoice))] if known.is_invoiced else []
    return tuple(
        QuoteLine(text, from_provider(amount, currency), LineKind.CREDIT if amount < 0 else LineKind.DEBIT)
        for text, amount in amounts
        if amount
    )


def _amounts_after(known: Previewed, currency: str) -> tuple[dict[str, int], list[int]]:
    """What recurs: of the items that are there, by id, and of the new ones, in the order in which they were asked."""
    there = {item.item_id for item in known.live}
    amounts: dict[str, int] = {}
    for line in known.recurring["lines"]["data"]:
        item_id = line_item_id(line) or ""
        amounts[item_id] = amounts.get(item_id, 0) + from_provider(line_amount(line), currency)
    return amounts, [amount for item_id, amount in amounts.items() if item_id not in there]


def _items(known: Previewed, currency: str) -> tuple[QuoteItem, ...]:
    amounts, added = _amounts_after(known, currency)
    waiting = iter(added)
    found = []
    for move in known.worked.moves:
        before, after = move.before, move.after
        named = after or before
        assert named is not None
        amount_after = None
        if after is not None:
            amount_after = amounts.get(after.item_id, 0) if before is not None else next(waiting, 0)
        item = QuoteItem(
            item_id=before.item_id if before else None,
            name=named.name,
            quantity_before=before.quantity if before else None,
            quantity_after=after.quantity if after else None,
            amount_before_minor=before.amount_minor if before else None,
            amount_after_minor=amount_after,
            every_before=before.every if before else None,
            every_after=after.every if after else None,
        )
        found.append(item)
    return tuple(found)


def _yearly_difference(items: Sequence[QuoteItem]) -> int:
    def yearly(amount: int | None, every: tuple[str, int] | None) -> int:
        return 12 * monthly_units(amount, *every) if amount is not None and every is not None else 0

    sides = [yearly(i.amount_after_minor, i.every_after) - yearly(i.amount_before_minor, i.every_before) for i in items]
    return units_to_minor(sum(sides))


def _ends(known: Previewed, at: datetime) -> dict[str, datetime]:
    """When each item's period ends after the change; new items under a name of their own."""
    ends = {item.item_id: current_period(item, at).end for item in known.live}
    for number, move in enumerate(known.worked.moves):
        if move.after is None:
            ends.pop(_id(move), None)
        else:
            ends[_id(move) or f"new {number}"] = move.period.end
    return ends


def _id(move: Move) -> str:
    return move.before.item_id if move.before else ""


def _next_at(known: Previewed, at: datetime) -> datetime:
    ends = _ends(known, at).values()
    return min(ends) if ends else min(move.period.end for move in known.worked.moves)


def _off(instant: datetime, known: Previewed, at: datetime) -> int:
    """What the change's incentive takes off the invoice at that instant, in minor units, by the rule of its coupons.

    Raises:
        QuoteError: A tax is added to the prices, so the rest cannot be told to the unit.
    """
    incentive = known.change.incentive
    if incentive is None:
        return 0
    if _tax(known.recurring):
        place = f"incentive {incentive.incentive_id}"
        raise QuoteError(Fault(place, "lowers an invoice to which tax is added: Stripe alone knows what is left."))
    prices = [from_provider(amount, str(known.invoice["currency"])) for amount in _due(instant, known, at)]
    return sum(prices) - sum(after_incentives(prices, (incentive,)))


def _terms(known: Previewed) -> set[tuple[str, int]]:
    wanted = {move.after.every for move in known.worked.moves if move.after}
    return wanted | {item.every for item in known.live}


def _billed_at(instant: datetime, known: Previewed, at: datetime) -> int:
    """What recurs on the invoice at that instant, in Stripe's unit."""
    due = _due(instant, known, at)
    return sum(due) + (_tax(known.recurring) if len(due) == len(known.recurring["lines"]["data"]) else 0)


def _due(instant: datetime, known: Previewed, at: datetime) -> list[int]:
    """The lines of the invoice at that instant, in Stripe's unit. Items that are there are known by their id."""
    there = {item.item_id for item in known.live}
    ends = _ends(known, at)
    is_new_due = any(end == instant for item_id, end in ends.items() if item_id not in there)
    lines = known.recurring["lines"]["data"]
    due = []
    for line in lines:
        item_id = line_item_id(line) or ""
        if ends.get(item_id) == instant or known.is_later or (item_id not in there and is_new_due):
            due.append(line_amount(line))
    return due
