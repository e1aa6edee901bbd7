"""The fake Stripe prorates to the golden amounts of docs/money.md, asked by the official SDK over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.billing.seeds import item_row
from tests.fakes.stripe_server import FakeStripe, running

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def fake() -> Iterator[FakeStripe]:
    with running(START) as server:
        yield server


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


def seconds(instant: datetime | int) -> int:
    return instant if isinstance(instant, int) else int(instant.timestamp())


def made_price(amount: int, *, currency: str = "usd", interval: str = "month") -> dict[str, Any]:
    return {
        "currency": currency,
        "product": "prod_sending_pro",
        "recurring": {"interval": interval},
        "unit_amount": amount,
    }


def lines(
    fake: FakeStripe,
    now: datetime | int,
    item: dict[str, Any] | None,
    *,
    behaviour: str = "always_invoice",
    **known: Any,
) -> list[int]:
    """The lines of a preview of changing the one item."""
    details = {"proration_date": seconds(now), "proration_behavior": behaviour, **known}
    if item is not None:
        details["items"] = [{"id": "si_1", **item}]
    asked = {"subscription": "sub_1", "subscription_details": details}
    return [line.amount for line in fake.client().v1.invoices.create_preview(asked).lines.data]  # type: ignore[arg-type]


def seed(fake: FakeStripe, amount: int, start: datetime | int, end: datetime | int, **known: Any) -> None:
    mode = known.pop("mode", "classic")
    row = item_row(amount_minor=amount, period_start=seconds(start), period_end=seconds(end), **known)
    fake.books.seed([row | {"valid_from": seconds(start)}], mode=mode)
    fake.books.now = seconds(start)


def test_golden_1_the_documented_period_to_the_second(fake: FakeStripe) -> None:
    seed(fake, 1000, 1596749288, 1599427688)
    asked = {"items": [{"id": "si_1", "price_data": made_price(3252)}], "proration_date": 1598982148}
    invoice = fake.client().v1.invoices.create_preview({"subscription": "sub_1", "subscription_details": asked})  # type: ignore[typeddict-item]
    assert [line.amount for line in invoice.lines.data] == [-166, 541, 3252]
    assert invoice.total == 3627


@pytest.mark.parametrize(("mode", "expected"), [("classic", [-667, 333]), ("flexible", [-333, 333])])
def test_golden_2_and_3_a_change_without_proration_and_back(fake: FakeStripe, mode: str, expected: list[int]) -> None:
    seed(fake, 1000, at(2026, 4, 1), at(2026, 5, 1), mode=mode)
    fake.books.advance(seconds(at(2026, 4, 11)))
    wish = {"id": "si_1", "price_data": made_price(2000)}
    fake.client().v1.subscriptions.update("sub_1", {"items": [wish], "proration_behavior": "none"})  # type: ignore[list-item, typeddict-item]
    assert lines(fake, at(2026, 4, 21), {"price_data": made_price(1000)}) == expected


@pytest.mark.parametrize(("mode", "credit"), [("classic", -250), ("flexible", -417)])
def test_golden_4_a_coupon_over_two_items(fake: FakeStripe, mode: str, credit: int) -> None:
    client = fake.client()
    v1 = client.v1
    fake.books.seed_product("sending", plan_id="pro")
    fake.books.now = seconds(at(2026, 4, 1))
    customer = v1.customers.create({"payment_method": "pm_card_visa"})
    v1.coupons.create({"id": "off", "amount_off": 500, "currency": "usd", "duration": "forever"})
    made = v1.subscriptions.create(
        {
            "customer": customer.id,
            "billing_mode": {"type": mode},
            "items": [{"price_data": made_price(1000)}, {"price_data": made_price(2000)}],  # type: ignore[typeddict-item]
            "discounts": [{"coupon": "off"}],
            "expand": ["latest_invoice"],
        }
    )
    paid = made.latest_invoice
    assert not isinstance(paid, str)
    assert paid is not None
    assert (paid.total, [line.discount_amounts[0].amount for line in paid.lines.data]) == (2500, [166, 334])  # type: ignore[index]
    gone = {"items": [{"id": made["items"].data[0].id, "deleted": True}], "proration_behavior": "always_invoice"}
    asked = {"subscription": made.id, "subscription_details": {**gone, "proration_date": seconds(at(2026, 4, 16))}}
    assert [line.amount for line in v1.invoices.create_preview(asked).lines.data] == [credit]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("amount", "start", "end", "now", "wish", "expected"),
    [
        (1000, at(2026, 4, 1), at(2026, 5, 1), at(2026, 4, 16), made_price(2000), [-500, 1000]),  # 5
        (9900, at(2026, 3, 1), at(2026, 4, 1), at(2026, 3, 15), made_price(24_900), [-5429, 13_655]),  # 7
        (9900, at(2026, 2, 1), at(2026, 3, 1), at(2026, 2, 15), made_price(24_900), [-4950, 12_450]),  # 7
        (9900, at(2026, 6, 1), at(2026, 7, 1), at(2026, 6, 11), made_price(99_000, interval="year"), [-6600, 99_000]),
        (5000, at(2026, 4, 1), at(2026, 5, 1), at(2026, 4, 21), made_price(8000, currency="jpy"), [-1667, 2667]),  # 11
    ],
)
def test_golden_5_7_8_and_11(
    fake: FakeStripe,
    amount: int,
    start: datetime,
    end: datetime,
    now: datetime,
    wish: dict[str, Any],
    expected: list[int],
) -> None:
    seed(fake, amount, start, end, currency=wish["currency"])
    assert lines(fake, now, {"price_data": wish}) == expected


def test_golden_6_three_more_seats(fake: FakeStripe) -> None:
    seed(fake, 15_000, at(2026, 3, 1), at(2026, 4, 1), quantity=10)
    assert lines(fake, at(2026, 3, 12, 9, 30), {"quantity": 13}) == [-9486, 12_332]


def test_golden_9_yearly_to_monthly_leaves_a_credit_that_the_next_invoice_uses(fake: FakeStripe) -> None:
    seed(fake, 120_000, at(2026, 1, 1), at(2027, 1, 1), interval="year")
    fake.books.now = seconds(at(2026, 4, 1))
    client = fake.client()
    wish = {"id": "si_1", "price_data": made_price(12_000)}
    asked = {"items": [wish], "proration_behavior": "always_invoice", "expand": ["latest_invoice"]}
    invoice = client.v1.subscriptions.update("sub_1", asked).latest_invoice  # type: ignore[arg-type]
    assert not isinstance(invoice, str)
    assert invoice is not None
    assert [line.amount for line in invoice.lines.data] == [-90_411, 12_000]
    assert (invoice.amount_due, invoice.status, client.v1.customers.retrieve("acme").balance) == (0, "paid", -78_411)


def test_golden_10_metadata_and_a_coupon_make_no_line(fake: FakeStripe) -> None:
    seed(fake, 1000, at(2026, 4, 1), at(2026, 5, 1))
    client = fake.client()
    client.v1.coupons.create({"id": "half", "percent_off": 50, "duration": "once"})
    client.v1.subscriptions.update("sub_1", {"metadata": {"a": "b"}, "discounts": [{"coupon": "half"}]})
    invoices = client.v1.invoices.list({"subscription": "sub_1"}).data
    assert [invoice.billing_reason for invoice in invoices] == ["subscription_cycle"]
    assert lines(fake, at(2026, 4, 16), None) == [1000]  # the next invoice, before its discount


def test_golden_12_an_anchor_on_the_31st_bills_on_the_last_day_of_shorter_months(fake: FakeStripe) -> None:
    seed(fake, 1000, at(2026, 1, 31), at(2026, 2, 28))
    ends = []
    for _ in range(4):
        ends.append(fake.client().v1.subscriptions.retrieve("sub_1")["items"].data[0].current_period_end)
        fake.books.advance(ends[-1])
    assert [datetime.fromtimestamp(end, UTC).strftime("%b %d") for end in ends] == [
        "Feb 28",
        "Mar 31",
        "Apr 30",
        "May 31",
    ]
    assert [i.total for i in fake.client().v1.invoices.list({"subscription": "sub_1"}).data] == [1000] * 5


def test_golden_13_a_metered_item_has_no_line(fake: FakeStripe) -> None:
    seed(fake, 1000, at(2026, 4, 1), at(2026, 5, 1))
    fake.books.find("price", fake.books.find("subscription", "sub_1")["items"]["data"][0]["price"]["id"])["recurring"][
        "usage_type"
    ] = "metered"
    wish = made_price(2000)
    wish["recurring"]["usage_type"] = "metered"
    made = fake.books.create_price(wish)
    assert lines(fake, at(2026, 4, 16), {"price": made["id"]}) == []


def test_a_second_change_in_the_period_credits_what_is_held_in_both_modes() -> None:
    for mode in ("classic", "flexible"):
        with running(START) as fake:
            seed(fake, 1000, at(2026, 4, 1), at(2026, 5, 1), mode=mode)
            fake.books.advance(seconds(at(2026, 4, 16)))
            wish = {"id": "si_1", "price_data": made_price(2000)}
            asked = {"items": [wish], "proration_behavior": "always_invoice"}
            fake.client().v1.subscriptions.update("sub_1", asked)  # type: ignore[arg-type]
            assert lines(fake, at(2026, 4, 21), {"price_data": made_price(1000)}) == [-667, 333]


def test_flexible_never_moves_the_anchor_by_itself_and_mixes_intervals() -> None:
    with running(START) as fake:
        seed(fake, 9900, at(2026, 6, 1), at(2026, 7, 1), mode="flexible")
        wish = {"price_data": made_price(99_000, interval="year")}
        # 20 of June's 30 days are left, and 355 of the year's 365.
        assert lines(fake, at(2026, 6, 11), wish) == [-6600, 96_288]
        moved = lines(fake, at(2026, 6, 11), wish, billing_cycle_anchor={"type": "now"})
        assert moved == [-6600, 99_000]
