"""A quote: what a change costs, to the minor unit, frozen at an instant and locked in state until it expires."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest
from typing import Any

import msgspec
import sqlalchemy as sa

from upstep.billing.change import BillingMode, Change
from upstep.billing.proration import LineKind
from upstep.errors import Fault, QuoteError
from upstep.state import tables
from upstep.state.bulk import Ready, ready_rows, write_rows


@dataclass(frozen=True)
class QuoteLine:
    """One line of the invoice: a credit is negative."""

    description: str
    amount_minor: int
    kind: LineKind


@dataclass(frozen=True)
class QuoteItem:
    """What recurs for one item, today and after the change; None on the side where it is not there.

    Amounts are for the whole quantity, per ``interval`` x ``interval_count``, after discounts that go on.
    """

    item_id: str | None
    name: str
    quantity_before: int | None
    quantity_after: int | None
    amount_before_minor: int | None
    amount_after_minor: int | None
    every_before: tuple[str, int] | None
    every_after: tuple[str, int] | None


@dataclass(frozen=True)
class Quote:
    """What a change costs.

    Attributes:
        quote_id: The same for the same change of the same subscription at the same instant.
        provider: Who quoted it, and alone can apply it.
        lines: The proration, each line rounded by itself.
        proration_minor: The sum of the lines; negative when credits are larger.
        due_now_minor: What is charged when it is applied; never negative, the rest of a credit lowers later invoices.
        next_invoice_minor: The invoice at ``next_invoice_at``; negative when a credit is left.
        yearly_difference_minor: Recurring amounts after less before, over a year.
        based_on: A digest of the subscription that was quoted; a different one is refused when it is applied.
        at: The frozen instant; the lines are for the time after it.
        expires_at: From then on it is not accepted any more.
        items: The changed items' recurring amounts, side by side.
        effective_at: When the change takes effect: ``at``, or the renewal that it waits for.
        billing_mode: How the subscription is credited.
        credit_used_minor: What of an earlier credit pays for this: due now is the lines less this, at least 0.
        incentive_lines: What the change's incentive takes off each coming invoice; ``next_invoice_minor`` is after it.
        open_minor: What is still open of the account's invoices in this currency, due or not, before the change.
    """

    quote_id: str
    account_id: str
    subscription_id: str
    provider: str
    currency: str
    change: Change
    lines: tuple[QuoteLine, ...]
    proration_minor: int
    due_now_minor: int
    next_invoice_minor: int
    next_invoice_at: datetime
    yearly_difference_minor: int
    based_on: str
    at: datetime
    expires_at: datetime
    items: tuple[QuoteItem, ...] = ()
    effective_at: datetime | None = None
    billing_mode: BillingMode = BillingMode.CLASSIC
    credit_used_minor: int = 0
    open_minor: int = 0
    incentive_lines: tuple[QuoteLine, ...] = ()


def lock(connection: sa.Connection, quote: Quote, *, now: datetime) -> None:
    """Keep the quote, in the caller's transaction. A second time changes nothing."""
    lock_many(connection, [quote], now=now)


def lock_many(connection: sa.Connection, quotes: Iterable[Quote], *, now: datetime) -> None:
    """Keep quotes, in the caller's transaction; those that are kept already stay as they are."""
    write_rows(connection, tables.quote, ready_many(connection.dialect, quotes, now=now), unless="quote_id")


def ready_many(dialect: sa.Dialect, quotes: Iterable[Quote], *, now: datetime) -> Ready:
    """Quotes to be kept, as the database takes them."""
    locked = {"status": "locked", "locked_at": now}
    return ready_rows(dialect, tables.quote, [vars(quote) | locked for quote in quotes])


def read_many(connection: sa.Connection, quote_ids: Iterable[str]) -> dict[str, Quote]:
    """Quotes as they were locked, by id."""
    found = connection.execute(sa.select(tables.quote).where(tables.quote.c.quote_id.in_(sorted(set(quote_ids)))))
    return {str(row["quote_id"]): _quote(dict(row)) for row in found.mappings()}


def read(connection: sa.Connection, quote_id: str) -> Quote:
    """The quote as it was locked.

    Raises:
        QuoteError: There is none of that id.
    """
    row = connection.execute(sa.select(tables.quote).where(tables.quote.c.quote_id == quote_id)).mappings().first()
    if row is None:
        raise QuoteError(Fault(f"quote {quote_id}", "is not known here.", "`upstep offers` lists those that are."))
    return _quote(dict(row))


def _quote(row: Mapping[str, Any]) -> Quote:
    # A quote that an older version locked has none of the later columns.
    return msgspec.convert({name: row[name] for name in Quote.__annotations__ if row[name] is not None}, Quote)


def differences(shown: Quote, fresh: Quote) -> list[str]:
    """What a fresh preview of the same change says otherwise than what was shown: line by line, then the sums.

    Empty: it would be charged as it was shown. Words are not compared: a plan that got another name costs the same.
    """
    found = []
    for index in range(max(len(shown.lines), len(fresh.lines))):
        old = shown.lines[index] if index < len(shown.lines) else None
        new = fresh.lines[index] if index < len(fresh.lines) else None
        if charged(old) != charged(new):
            found.append(f"line {index + 1} was {_said(old)} and is {_said(new)}")
    for name in ("currency", "due_now_minor", "credit_used_minor", "next_invoice_minor", "next_invoice_at"):
        old_value, new_value = getattr(shown, name), getattr(fresh, name)
        if old_value != new_value:
            found.append(f"{name} was {old_value} and is {new_value}")
    if [*map(charged, shown.incentive_lines)] != [*map(charged, fresh.incentive_lines)]:
        old_lines, new_lines = (" and ".join(map(_said, one.incentive_lines)) for one in (shown, fresh))
        found.append(f"the incentive was {old_lines or 'none'} and is {new_lines or 'none'}")
    if shown.items:  # none were kept by the first form of state
        found += [
            f"what recurs was {_recurring(old)} and is {_recurring(new)}"
            for old, new in zip_longest(shown.items, fresh.items)
            if old is None or new is None or _sides(old) != _sides(new)
        ]
        if shown.effective_at != fresh.effective_at:
            found.append(f"it took effect at {shown.effective_at} and does at {fresh.effective_at}")
    return found


def charged(line: QuoteLine | None) -> tuple[LineKind, int] | None:
    """What a line charges or credits, whatever its words."""
    return None if line is None else (line.kind, line.amount_minor)


def _recurring(item: QuoteItem | None) -> str:
    return "nothing" if item is None else f"{item.name} ({', then '.join(_sides(item))})"


def _sides(item: QuoteItem) -> list[str]:
    return [
        f"{quantity} x {amount} every {count} {interval}"
        for quantity, amount, (interval, count) in (
            (item.quantity_before, item.amount_before_minor, item.every_before or ("", 0)),
            (item.quantity_after, item.amount_after_minor, item.every_after or ("", 0)),
        )
        if quantity is not None
    ]


def _said(line: QuoteLine | None) -> str:
    return "not there" if line is None else f"'{line.description}' {line.amount_minor}"


def changed_since(quote: Quote, why: Sequence[str]) -> QuoteError:
    """The refusal of a quote that is no longer the one that was shown."""
    since = f"subscription {quote.subscription_id} has changed since {quote.at:%Y-%m-%d %H:%M:%S} UTC"
    found = f"{since}: {'; '.join(why).rstrip('.')}."
    return QuoteError(Fault(f"quote {quote.quote_id}", found, "Nothing was changed. Ask for a new quote."))
