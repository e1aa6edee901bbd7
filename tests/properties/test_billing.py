"""What holds for every history of changes at the sandbox, in both billing modes, and that no float touches money."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import pkgutil
import typing
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

import upstep.billing
from tests.billing.seeds import item_row
from upstep.billing.change import Behaviour, BillingMode, Change, Incentive, ItemChange, Starts, item_from_row
from upstep.billing.discount import after, split
from upstep.billing.preview import preview, work_out
from upstep.billing.provider import subscription_item_rows
from upstep.billing.quote import Quote, differences
from upstep.billing.sandbox import changing
from upstep.billing.sandbox.book import Book, Card, standing, take_over
from upstep.billing.sandbox.changing import add_incentive, make
from upstep.billing.sandbox.invoicing import UNPAID_DAYS, charge, mark_by_debts
from upstep.billing.sandbox.passing import settle
from upstep.errors import QuoteError
from upstep.money import CURRENCIES, round_half_up

START = datetime(2026, 4, 1, tzinfo=UTC)
BILLING = Path(upstep.billing.__file__).parent

prices = st.integers(0, 10**7)
waits = st.integers(0, 50 * 86400)
behaviours = st.sampled_from(Behaviour)
modes = st.sampled_from(BillingMode)
steps = st.tuples(waits, prices, behaviours)
incentives = st.one_of(
    st.builds(Incentive, st.just("p"), percent=st.integers(1, 100), periods=st.none() | st.integers(1, 3)),
    st.builds(
        Incentive,
        st.just("a"),
        amount_minor=st.integers(1, 10**6),
        currency=st.just("usd"),
        periods=st.none() | st.integers(1, 3),
    ),
)


def opened(mode: BillingMode, amounts: Iterable[int], *, currency: str = "usd", interval: str = "month") -> Book:
    rows = [
        item_row(item_id=f"si_{n}", amount_minor=amount, currency=currency, interval=interval, period_end=None)
        for n, amount in enumerate(amounts)
    ]
    return take_over("acme", [item_from_row(row) for row in rows], at=START, mode=mode)


def wish(amount: int, *, item_id: str = "si_0", behaviour: Behaviour = Behaviour.ALWAYS_INVOICE) -> Change:
    item = ItemChange(item_id, "sending", 1, amount, "usd", "month", plan_id=f"plan {amount}")
    return Change("acme", "sub_1", (item,), behaviour)


def quoted(book: Book, change: Change, at: datetime) -> Quote:
    known = standing(book, "sub_1")
    live = book.live("sub_1")
    return preview(change, live, at=at, provider="sandbox", valid_for=timedelta(days=7), standing=known)


def applied(book: Book, change: Change, at: datetime) -> tuple[Book, Quote]:
    quote = quoted(book, change, at)
    worked = work_out(change, book.live("sub_1"), at=at, standing=standing(book, "sub_1"))
    return make(book, quote, worked, at=at, is_present=True), quote


def lived(book: Book, history: Iterable[tuple[int, int, Behaviour]]) -> tuple[Book, datetime]:
    at = START
    for wait, amount, behaviour in history:
        at += timedelta(seconds=wait)
        book, _ = applied(settle(book, at), wish(amount, behaviour=behaviour), at)
    return book, at


@settings(max_examples=60, deadline=None)
@given(modes, prices, st.none() | incentives, st.lists(steps, max_size=6))
def test_every_invoice_adds_up_and_no_money_is_lost(
    mode: BillingMode, first: int, incentive: Incentive | None, history: list[tuple[int, int, Behaviour]]
) -> None:
    book = opened(mode, [first, 700])
    if incentive is not None:
        book = add_incentive(book, "sub_1", incentive)
    book, at = lived(book, history)
    book = settle(book, at + timedelta(days=65))
    for invoice in book.invoices:
        assert invoice.total_minor == sum(line.amount_minor for line in invoice.lines)
        assert invoice.due_minor == max(invoice.total_minor, 0) - invoice.credit_used_minor
        assert invoice.due_minor >= 0
    charged = sum(invoice.due_minor for invoice in book.invoices)
    assert charged - book.credit.get("usd", 0) == sum(invoice.total_minor for invoice in book.invoices)
    assert book.credit.get("usd", 0) >= 0
    assert all(invoice.status == "paid" for invoice in book.invoices)


@settings(max_examples=60, deadline=None)
@given(modes, prices, prices, st.lists(steps, max_size=4), waits)
def test_a_change_and_its_reverse_at_one_instant_cancel(
    mode: BillingMode, first: int, other: int, history: list[tuple[int, int, Behaviour]], wait: int
) -> None:
    # From and to a price that is charged: free to paid starts a new period, which its reverse cannot undo. A change
    # that was never charged is not credited in flexible billing, so the history prorates.
    paid = [(each[0], each[1] + 1, Behaviour.ALWAYS_INVOICE) for each in history]
    book, at = lived(opened(mode, [first + 1]), paid)
    at += timedelta(seconds=wait)
    book = settle(book, at)
    before = book.of("sub_1")[0].price_minor
    there_book, there = applied(book, wish(other + 1), at)
    back_book, back = applied(there_book, wish(before), at)
    assert there.proration_minor + back.proration_minor == 0
    assert back_book.of("sub_1")[0].price_minor == before
    amounts = [[line.amount_minor for line in quoted(one, wish(999), at).lines] for one in (book, back_book)]
    assert amounts[0] == amounts[1]


@settings(max_examples=60, deadline=None)
@given(modes, prices, prices, prices, behaviours, st.integers(0, 15 * 86400), st.integers(0, 14 * 86400))
def test_a_second_change_in_the_period_credits_what_is_held(
    mode: BillingMode, first: int, second: int, third: int, behaviour: Behaviour, wait: int, wait_more: int
) -> None:
    book, _ = applied(opened(mode, [first + 1]), wish(second + 1, behaviour=behaviour), START + timedelta(seconds=wait))
    at = START + timedelta(seconds=wait + wait_more)
    if third == second:
        return
    quote = quoted(book, wish(third + 1), at)
    share = Fraction(30 * 86400 - wait - wait_more, 30 * 86400)
    was_charged = behaviour is not Behaviour.NONE and first != second
    held = second + 1 if mode is BillingMode.CLASSIC or was_charged else first + 1
    credit = sum(line.amount_minor for line in quote.lines if line.kind == "credit")
    waiting = sum(line.line.amount_minor for line in book.waiting if line.line.kind == "credit")
    assert credit - waiting == -round_half_up(share.numerator * held, share.denominator)


@settings(max_examples=60, deadline=None)
@given(modes, prices, prices, st.none() | incentives, st.lists(steps, max_size=3), waits, behaviours)
def test_the_next_invoice_is_as_the_quote_foretold(
    mode: BillingMode,
    first: int,
    other: int,
    incentive: Incentive | None,
    history: list[tuple[int, int, Behaviour]],
    wait: int,
    behaviour: Behaviour,
) -> None:
    book = opened(mode, [first, 700])
    if incentive is not None:
        book = add_incentive(book, "sub_1", incentive)
    book, at = lived(book, history)
    at += timedelta(seconds=wait)
    book, quote = applied(settle(book, at), wish(other, behaviour=behaviour), at)
    known = len(book.invoices)
    later = settle(book, quote.next_invoice_at)
    issued = later.invoices[known:]
    assert sum(each.due_minor for each in issued) == max(quote.next_invoice_minor, 0)
    assert later.credit.get("usd", 0) == max(-quote.next_invoice_minor, 0)


@settings(max_examples=40, deadline=None)
@given(modes, prices, prices, waits)
def test_the_same_question_has_the_same_answer_and_another_has_differences(
    mode: BillingMode, first: int, other: int, wait: int
) -> None:
    at = START + timedelta(seconds=wait)
    book = settle(opened(mode, [first + 1]), at)
    quote = quoted(book, wish(other), at)
    assert quote == quoted(book, wish(other), at)
    assert differences(quote, quoted(book, wish(other), at)) == []
    assert differences(quote, quoted(book, wish(other + 1), at)) != []


@settings(max_examples=40, deadline=None)
@given(modes, prices, st.lists(st.integers(0, 90 * 86400), max_size=6))
def test_it_does_not_matter_how_often_somebody_looks(mode: BillingMode, first: int, looks: list[int]) -> None:
    book = opened(mode, [first])
    end = START + timedelta(days=90 + UNPAID_DAYS)
    looked = book
    for seconds in sorted(looks):
        looked = settle(looked, START + timedelta(seconds=seconds))
    assert settle(looked, end) == settle(book, end)


deeds = st.tuples(
    st.sampled_from("change schedule take_back incentive add decline good pay leave_later".split()),
    st.integers(0, 30 * 86400),
    prices,
    behaviours,
)


def done(book: Book, deed: tuple[str, int, int, Behaviour], at: datetime) -> Book:
    """The book after somebody did that; what is refused changes nothing."""
    name, _, amount, behaviour = deed
    try:
        if name in {"change", "schedule", "add"}:
            return changed(book, name, amount, behaviour, at)
        if name == "incentive":
            return add_incentive(book, "sub_1", Incentive(f"i{amount}", percent=1 + amount % 100, periods=1))
    except QuoteError:
        return book
    open_invoices = [invoice for invoice in book.invoices if invoice.status == "open"]
    if name == "pay" and open_invoices:
        book = mark_by_debts(charge(book, open_invoices[0].invoice_id, at), "sub_1", at)
    elif name in {"decline", "good"}:
        book = replace(book, card=Card.DECLINING if name == "decline" else Card.GOOD)
    elif name == "take_back":
        book = changing.take_back(book, "sub_1", at=at)
    elif name == "leave_later" and amount % 7 == 0:
        book = changing.leave(book, "sub_1", ends_at=at + timedelta(seconds=amount), at=at)
    return book


def changed(book: Book, name: str, amount: int, behaviour: Behaviour, at: datetime) -> Book:
    if name == "schedule":
        change = replace(wish(amount), starts=Starts.AT_RENEWAL)
        return changing.schedule(book, quoted(book, change, at), at=at)
    if book.scheduled:
        return book
    item = ItemChange(None, "sending", 1, amount, "usd", "month", add_on_id=f"add_on {amount}")
    change = wish(amount, behaviour=behaviour) if name == "change" else Change("acme", "sub_1", (item,), behaviour)
    return applied(book, change, at)[0]


@settings(max_examples=80, deadline=None)
@given(modes, prices, st.lists(deeds, max_size=10))
def test_the_events_tell_the_whole_story_and_every_invoice_adds_up(
    mode: BillingMode, first: int, history: list[tuple[str, int, int, Behaviour]]
) -> None:
    book, at = opened(mode, [first, 700]), START
    seeded = {position.item.item_id: position.item for position in book.positions}
    for deed in history:
        at += timedelta(seconds=deed[1])
        book = done(settle(book, at), deed, at)
    book = settle(book, at + timedelta(days=45))
    rows = {(item.item_id, item.valid_from): item.row() for item in seeded.values()}
    rows |= {(str(row["item_id"]), row["valid_from"]): row for row in subscription_item_rows(book.events)}  # type: ignore[misc]
    live = {position.item.item_id: position.item.row() for position in book.positions}
    for item_id in {item_id for item_id, _ in rows}:
        intervals = [row for (each, _), row in sorted(rows.items()) if each == item_id]
        for earlier, later in pairwise(intervals):
            assert earlier["valid_to"] == later["valid_from"]
        last = intervals[-1]
        assert (last["valid_to"] is None) is (item_id in live)
        assert item_id not in live or last == live[item_id]
    for invoice in book.invoices:
        assert invoice.total_minor == sum(line.amount_minor for line in invoice.lines)
        assert invoice.due_minor == max(invoice.total_minor, 0) - invoice.credit_used_minor >= 0
    assert len({event.event_id for event in book.events}) == len(book.events)


@given(st.sampled_from(sorted(CURRENCIES)), prices, prices, st.integers(0, 30 * 86400 - 1))
def test_every_currency_is_prorated_in_whole_minor_units(currency: str, first: int, other: int, wait: int) -> None:
    book = opened(BillingMode.CLASSIC, [first + 1], currency=currency)
    item = ItemChange("si_0", "sending", 1, other + 1, currency, "month")
    quote = quoted(book, Change("acme", "sub_1", (item,)), START + timedelta(seconds=wait))
    share = Fraction(30 * 86400 - wait, 30 * 86400)
    assert all(type(line.amount_minor) is int for line in quote.lines)
    assert abs(quote.proration_minor - share * (other - first)) <= 1


@given(st.integers(0, 10**9), st.lists(st.integers(0, 10**8), max_size=8))
def test_the_shares_of_a_discount_add_up_and_none_is_more_than_its_price(amount: int, amounts: list[int]) -> None:
    shares = split(amount, amounts)
    assert sum(shares) == min(amount, sum(amounts))
    assert all(0 <= share <= price for share, price in zip(shares, amounts, strict=True))
    left = after(amounts, [Incentive("a", amount_minor=amount + 1, currency="usd")])
    assert all(price >= 0 for price in left)


def billing_modules() -> list[str]:
    found = [each.name for each in pkgutil.walk_packages([str(BILLING)], "upstep.billing.")]
    return [name for name in found if not name.startswith("upstep.billing.stripe")]


def hints(value: object, module_name: str) -> dict[str, object]:
    """The types that a dataclass, a value of one, or a function of the module names, by place."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = type(value)
    is_own_function = callable(value) and not isinstance(value, type)
    if dataclasses.is_dataclass(value) or (is_own_function and getattr(value, "__module__", "") == module_name):
        return {f"{value.__qualname__}.{name}": kind for name, kind in typing.get_type_hints(value).items()}
    return {}


def test_no_value_of_billing_has_a_float_in_its_type() -> None:
    seen: set[object] = set()

    def walk(kind: object, place: str) -> None:
        if kind in seen:
            return
        seen.add(kind)
        assert kind is not float, place
        for part in typing.get_args(kind):
            walk(part, place)
        for inner, hint in hints(kind, "").items():
            walk(hint, inner)

    for module_name in billing_modules():
        for value in vars(importlib.import_module(module_name)).values():
            for place, kind in hints(value, module_name).items():
                walk(kind, place)
    assert {Quote, Book, Fraction} <= seen


def test_no_code_of_billing_divides_or_writes_a_float() -> None:
    found = []
    for module_name in billing_modules():
        source = importlib.import_module(module_name).__file__
        assert source is not None
        for node in ast.walk(ast.parse(Path(source).read_text(encoding="utf-8"))):
            is_float = isinstance(node, ast.Constant) and isinstance(node.value, float)
            if is_float or isinstance(node, ast.Div) or (isinstance(node, ast.Name) and node.id == "float"):
                found.append(f"{module_name}:{getattr(node, 'lineno', 'a division')}")
    assert found == []
