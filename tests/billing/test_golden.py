"""The golden cases of docs/money.md, by their numbers: exact minor amounts, by the rule and through the sandbox."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.billing.seeds import item_row, to_scale
from upstep.billing.change import Behaviour, BillingMode, Change, Incentive, ItemChange
from upstep.billing.discount import after, split
from upstep.billing.proration import Charge, Period, anchored, period_at, prorate
from upstep.billing.provider import Applied
from upstep.billing.quote import Quote
from upstep.billing.sandbox import SandboxBiller
from upstep.clock import from_seconds


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


APRIL = Period(day("2026-04-01"), day("2026-05-01"))
WELCOME = Incentive("welcome", amount_minor=500, currency="usd", periods=None)


def amounts(old: int, new: int, period: Period, at: datetime, new_period: Period | None = None) -> list[int]:
    lines = prorate([Charge("item", old)], [Charge("item", new)], period=period, at=at, new_period=new_period)
    return [line.amount_minor for line in lines]


def lines_of(quote: Quote) -> list[int]:
    return [line.amount_minor for line in quote.lines]


def sandbox(folder: Path, mode: BillingMode, **differing: object) -> SandboxBiller:
    biller = SandboxBiller(folder / f"{mode}.db", billing_mode=mode)
    biller.seed([item_row(**differing)])
    return biller


def take(biller: SandboxBiller, change: Change, at: datetime) -> Quote:
    quote = biller.preview(change, at)
    assert isinstance(biller.apply(quote, f"key {quote.quote_id}", at=at), Applied)
    return quote


def test_golden_1_the_documented_preview(tmp_path: Path) -> None:
    start, end, at = from_seconds(1596749288), from_seconds(1599427688), from_seconds(1598982148)
    assert amounts(1000, 3252, Period(start, end), at) == [-166, 541]
    bounds = {"valid_from": start, "period_start": start, "period_end": end}
    biller = sandbox(tmp_path, BillingMode.CLASSIC, **bounds)
    quote = biller.preview(to_scale(amount_minor=3252, behaviour=Behaviour.CREATE_PRORATIONS), at)
    assert (lines_of(quote), quote.next_invoice_minor, quote.next_invoice_at) == ([-166, 541], 3627, end)


@pytest.mark.parametrize(
    ("mode", "lines", "total"),
    [(BillingMode.CLASSIC, [-667, 333], -334), (BillingMode.FLEXIBLE, [-333, 333], 0)],
    ids=["golden_2", "golden_3"],
)
def test_golden_2_and_3_what_a_change_without_proration_leaves_to_be_credited(
    tmp_path: Path, mode: BillingMode, lines: list[int], total: int
) -> None:
    biller = sandbox(tmp_path, mode)
    take(biller, to_scale(behaviour=Behaviour.NONE), day("2026-04-11"))
    quote = biller.preview(to_scale(plan_id="pro", amount_minor=1000), day("2026-04-21"))
    assert (lines_of(quote), quote.proration_minor) == (lines, total)


def test_golden_2_by_the_rule() -> None:
    assert amounts(2000, 1000, APRIL, day("2026-04-21")) == [-667, 333]


def test_golden_3_by_the_rule() -> None:
    held = [Charge("item", 1000, period=APRIL)]  # April 1: the 2000 of April 11 was never debited
    lines = prorate(held, [Charge("item", 1000)], period=APRIL, at=day("2026-04-21"), changed={"item"})
    assert [line.amount_minor for line in lines] == [-333, 333]


@pytest.mark.parametrize(("mode", "credit"), [(BillingMode.CLASSIC, -250), (BillingMode.FLEXIBLE, -417)])
def test_golden_4_a_discounted_item_is_removed_half_way(tmp_path: Path, mode: BillingMode, credit: int) -> None:
    march = {"period_start": day("2026-03-01"), "period_end": day("2026-04-01")}
    biller = sandbox(tmp_path, mode, **march)
    biller.seed([item_row(item_id="si_2", plan_id=None, add_on_id="ip", amount_minor=2000, **march)])
    biller.apply_incentive("sub_1", WELCOME, "key 0", at=day("2026-03-10"))
    biller.advance(day("2026-04-02"))
    removal = ItemChange("si_1", "sending", removes=True)
    quote = biller.preview(Change("acme", "sub_1", (removal,)), day("2026-04-16"))
    assert lines_of(quote) == [credit]


def test_golden_4_by_the_rule() -> None:
    assert split(500, [1000, 2000]) == [166, 334]
    half = day("2026-04-16")
    alone, shared = after([1000], [WELCOME])[0], after([1000, 2000], [WELCOME])[0]
    assert [line.amount_minor for line in prorate([Charge("a", alone)], [], period=APRIL, at=half)] == [-250]
    assert [line.amount_minor for line in prorate([Charge("a", shared)], [], period=APRIL, at=half)] == [-417]


def test_golden_5_half_way(tmp_path: Path) -> None:
    assert amounts(1000, 2000, APRIL, day("2026-04-16")) == [-500, 1000]
    for mode in BillingMode:
        quote = sandbox(tmp_path, mode).preview(to_scale(), day("2026-04-16"))
        assert (lines_of(quote), quote.due_now_minor) == ([-500, 1000], 500)


def test_golden_6_three_seats_more() -> None:
    march = Period(day("2026-03-01"), day("2026-04-01"))
    assert amounts(10 * 1500, 13 * 1500, march, day("2026-03-12T09:30:00")) == [-9486, 12332]
    assert 12332 - 9486 == 2846


@pytest.mark.parametrize(
    ("start", "end", "at", "expected", "total"),
    [
        ("2026-03-01", "2026-04-01", "2026-03-15", [-5429, 13655], 8226),
        ("2026-02-01", "2026-03-01", "2026-02-15", [-4950, 12450], 7500),
    ],
)
def test_golden_7_day_fifteen_of_a_long_and_a_short_month(
    start: str, end: str, at: str, expected: list[int], total: int
) -> None:
    lines = amounts(9900, 24900, Period(day(start), day(end)), day(at))
    assert (lines, sum(lines)) == (expected, total)


def test_golden_8_monthly_to_yearly_is_paid_now_and_moves_the_anchor(tmp_path: Path) -> None:
    june, at = Period(day("2026-06-01"), day("2026-07-01")), day("2026-06-11")
    assert amounts(9900, 99000, june, at, Period(at, anchored(at, 12))) == [-6600, 99000]
    bounds = {"period_start": june.start, "period_end": june.end}
    biller = sandbox(tmp_path, BillingMode.CLASSIC, amount_minor=9900, **bounds)
    quote = take(biller, to_scale(interval="year", amount_minor=99000), at)
    assert quote.due_now_minor == 92400
    (item,) = biller.subscriptions("acme")
    assert (item.period_start, item.period_end) == (at, day("2027-06-11"))


def test_golden_9_yearly_to_monthly_leaves_a_credit_that_is_carried(tmp_path: Path) -> None:
    year, at = Period(day("2026-01-01"), day("2027-01-01")), day("2026-04-01")
    assert amounts(120000, 12000, year, at, Period(at, anchored(at, 1))) == [-90411, 12000]
    bounds = {"period_start": year.start, "period_end": year.end, "interval": "year"}
    biller = sandbox(tmp_path, BillingMode.CLASSIC, amount_minor=120000, **bounds)
    quote = take(biller, to_scale(amount_minor=12000), at)
    assert (quote.proration_minor, quote.due_now_minor) == (-78411, 0)
    assert biller.credit_minor("acme", "usd") == 78411
    biller.advance(day("2026-11-02"))
    paid = [(invoice.credit_used_minor, invoice.due_minor) for invoice in biller.invoices("acme")[1:]]
    assert paid == [(12000, 0)] * 6 + [(6411, 5589)]
    assert biller.credit_minor("acme", "usd") == 0


def test_golden_10_metadata_or_a_coupon_alone_has_no_line(tmp_path: Path) -> None:
    assert amounts(1000, 1000, APRIL, day("2026-04-16")) == []
    for mode in BillingMode:
        biller = sandbox(tmp_path, mode)
        biller.apply_incentive("sub_1", WELCOME, "key 0", at=day("2026-04-10"))
        assert biller.invoices("acme") == ()
        quote = biller.preview(to_scale(plan_id="pro", price_id="renamed", amount_minor=1000), day("2026-04-16"))
        assert (quote.lines, quote.due_now_minor, quote.next_invoice_minor) == ((), 0, 500)


def test_golden_11_a_currency_without_minor_unit(tmp_path: Path) -> None:
    june = Period(day("2026-06-01"), day("2026-07-01"))
    assert amounts(5000, 8000, june, day("2026-06-21")) == [-1667, 2667]
    bounds = {"period_start": june.start, "period_end": june.end, "currency": "jpy"}
    biller = sandbox(tmp_path, BillingMode.CLASSIC, amount_minor=5000, **bounds)
    assert biller.preview(to_scale(amount_minor=8000, currency="jpy"), day("2026-06-21")).due_now_minor == 1000


def test_golden_12_an_anchor_on_the_31st_bills_on_the_last_day_of_shorter_months(tmp_path: Path) -> None:
    anchor = day("2026-01-31T08:00:00")
    assert [anchored(anchor, months).date().isoformat() for months in (1, 2, 3, 25)] == [
        "2026-02-28",
        "2026-03-31",
        "2026-04-30",
        "2028-02-29",
    ]
    assert period_at(anchor, day("2026-02-28T08:00:00"), interval="month").end == day("2026-03-31T08:00:00")
    bounds = {"period_start": day("2026-01-31"), "period_end": day("2026-02-28")}
    biller = sandbox(tmp_path, BillingMode.FLEXIBLE, **bounds)
    biller.advance(day("2026-05-31"))
    issued = [invoice.issued_at.date().isoformat() for invoice in biller.invoices("acme")]
    assert issued == ["2026-02-28", "2026-03-31", "2026-04-30", "2026-05-31"]


def test_golden_13_a_metered_item_has_no_line() -> None:
    old, new = Charge("item", 1000, metered=True), Charge("item", 3000, metered=True)
    assert prorate([old], [new], period=APRIL, at=day("2026-04-16")) == ()
