"""What a Stripe connector lands, as accounts, subscription items with what they really recur with, and invoices."""

from __future__ import annotations

import pytest

from tests.tables.connectors.conftest import Landed
from upstep.billing.currencies import from_provider

CUSTOMERS = """
id     name  description email          created    currency address_country is_deleted
acme   Acme  -           pay@acme.test  2025-01-01 usd      US              FALSE
bolt   -     Bolt        -              2025-02-01 eur      DE              FALSE
gone   Gone  -           x@gone.test    2025-02-01 eur      DE              TRUE
"""
PRICES = """
id     product_id currency unit_amount unit_amount_decimal recurring_interval recurring_interval_count type_
pro_m  pro        usd      1500        1500                month              1                        licensed
pro_y  pro        usd      15000       15000               year               1                        licensed
calls  pro        usd      2           2                   month              1                        metered
tiers  team       eur      -           -                   month              3                        licensed
third  team       eur      -           33.335              month              1                        licensed
""".replace("type_", "recurring_usage_type")


def subscriptions(*rows: str) -> str:
    header = (
        "id customer_id status created current_period_start current_period_end cancel_at cancel_at_period_end ended_at"
        " trial_end collection_method _fivetran_active _fivetran_start _fivetran_synced"
    )
    return "\n".join([header, *rows])


def items(*rows: str) -> str:
    return "\n".join(["id subscription_id plan_id quantity created current_period_start current_period_end", *rows])


PERIOD = "2026-02-01 2026-03-01"
ACME = f"s1 acme active 2025-06-01 {PERIOD} - FALSE - - charge_automatically true 2026-02-01 2026-02-01"


def land(landed: Landed, **tables: str) -> None:
    """Acme's one subscription, and what a test says otherwise."""
    usual = {
        "customer": CUSTOMERS,
        "price": PRICES,
        "subscription_history": subscriptions(ACME),
        "subscription_item": items(f"i1 s1 pro_m 2 2025-06-01 {PERIOD}"),
    }
    landed.land(**{**usual, **tables})


def amounts(landed: Landed) -> dict[object, tuple[object, ...]]:
    landed.load("stripe_connector")
    query = "SELECT item_id, quantity, amount_minor, list_amount_minor, currency, interval, interval_count FROM {}"
    return {row[0]: row[1:] for row in landed.rows(query.format("subscription_item"))}


def test_customers_are_accounts_and_billing_addresses_contacts(landed: Landed) -> None:
    land(landed)
    landed.load("stripe_connector")

    assert landed.rows("SELECT account_id, name, currency, country FROM account ORDER BY 1") == [
        ("acme", "Acme", "usd", "US"),
        ("bolt", "Bolt", "eur", "DE"),
    ]
    assert landed.rows("SELECT contact_id, email FROM contact") == [("acme", "pay@acme.test")]


def test_an_item_has_its_price_times_its_quantity(landed: Landed) -> None:
    land(landed)

    assert amounts(landed) == {"i1": (2, 3000, 3000, "usd", "month", 1)}


def test_older_plans_stand_in_for_prices_and_are_read_once(landed: Landed) -> None:
    plans = "id product_id currency amount interval interval_count\npro_m pro usd 9 month 1\nold pro eur 700 week 2\n"
    both = items(f"i1 s1 pro_m 1 2025-06-01 {PERIOD}", f"i2 s1 old 1 2025-06-01 {PERIOD}")
    land(landed, plan=plans, subscription_item=both)

    assert amounts(landed) == {
        "i1": (1, 1500, 1500, "usd", "month", 1),
        "i2": (1, 700, 700, "eur", "week", 2),
    }


def test_metered_prices_recur_with_nothing_and_tiered_ones_with_what_was_last_billed(landed: Landed) -> None:
    three = items(
        f"i1 s1 calls - 2025-06-01 {PERIOD}",
        f"i2 s1 tiers 40 2025-06-01 {PERIOD}",
        f"i3 s1 third 3 2025-06-01 {PERIOD}",
    )
    lines = (
        "id invoice_id subscription_item_id amount period_end proration\nl1 v1 i2 8000 2026-01-01 FALSE\n"
        "l2 v2 i2 8800 2026-02-01 FALSE\nl3 v2 i2 -90 2026-02-05 TRUE\n"
    )
    land(landed, subscription_item=three, invoice_line_item=lines)

    assert amounts(landed) == {
        "i1": (0, 0, 0, "usd", "month", 1),
        "i2": (40, 8800, 8800, "eur", "month", 3),
        "i3": (3, 100, 100, "eur", "month", 1),  # 3 x 33.335 = 100.005, rounded once
    }


def test_units_sold_in_packages_are_counted_in_packages(landed: Landed) -> None:
    prices = (
        "id product_id currency unit_amount recurring_interval transform_quantity_divide_by transform_quantity_round\n"
        "up pro usd 500 month 10 up\ndown pro usd 500 month 10 down\n"
    )
    two = items(f"i1 s1 up 21 2025-06-01 {PERIOD}", f"i2 s1 down 29 2025-06-01 {PERIOD}")
    land(landed, price=prices, subscription_item=two)

    assert {key: row[:2] for key, row in amounts(landed).items()} == {"i1": (21, 1500), "i2": (29, 1000)}


COUPONS = """
id      percent_off amount_off currency duration
tenth   10          -          -        forever
fifth   20          -          -        repeating
thousand -          1000       usd      forever
euros   -           1000       eur      forever
once    50          -          -        once
all     100         -          -        forever
huge    -           99999      usd      forever
"""


# Coupons of a subscription with one item of 3000 and one of 6000, and what the two then recur with.
DISCOUNTED = {
    (): (3000, 6000),
    ("tenth -",): (2700, 5400),
    ("tenth -", "fifth 2026-06-01"): (2160, 4320),  # 0.9 x 0.8
    ("fifth 2026-01-15",): (3000, 6000),  # it had ended before this period began
    ("fifth 2026-02-15",): (2400, 4800),  # this period was billed with it
    ("once -",): (3000, 6000),
    ("thousand -",): (2667, 5333),  # 1000 over 3000 and 6000: 333 and 667
    ("euros -",): (3000, 6000),
    ("tenth -", "thousand -"): (2367, 4733),
    ("all -", "thousand -"): (0, 0),
    ("huge -",): (0, 0),
}


def test_amounts_are_after_the_coupons_that_run(landed: Landed) -> None:
    cases = [(f"s{number}", coupons) for number, coupons in enumerate(DISCOUNTED)]
    both = [(f"{one} pro_m 2", f"{one} pro_m 4") for one, _ in cases]
    rows = [f"{row.split()[0]}-{n} {row} 2025-06-01 {PERIOD}" for pair in both for n, row in enumerate(pair)]
    given = [f"{one}{n} {one} {coupon}" for one, coupons in cases for n, coupon in enumerate(coupons)]
    land(
        landed,
        subscription_item=items(*rows),
        subscription_history=subscriptions(*(ACME.replace("s1", one) for one, _ in cases)),
        subscription_discount="\n".join(["id subscription_id coupon_id end", *given]),
        coupon=COUPONS,
    )
    found = amounts(landed)

    after = {coupons: (found[f"{one}-0"][1], found[f"{one}-1"][1]) for one, coupons in cases}
    assert after == DISCOUNTED
    assert {row[2] for row in found.values()} == {3000, 6000}


def test_a_coupons_period_is_the_subscriptions_where_items_have_none(landed: Landed) -> None:
    item = "id subscription_id plan_id quantity created\ni1 s1 pro_m 2 2025-06-01\n"
    given = "id subscription_id coupon_id end\nd1 s1 fifth 2026-01-15\n"
    land(landed, subscription_item=item, subscription_discount=given, coupon=COUPONS)

    assert amounts(landed)["i1"][1] == 3000


def test_amounts_are_minor_units_of_iso_whatever_stripe_counts_in(landed: Landed) -> None:
    theirs = {"isk": 500000, "ugx": 500000, "mga": 12, "jpy": 5000, "kwd": 1230}
    land(
        landed,
        price="\n".join(
            [
                "id product_id currency unit_amount recurring_interval",
                *(f"{code} pro {code.upper()} {amount} month" for code, amount in theirs.items()),
            ]
        ),
        invoice="\n".join(
            [
                "id customer_id amount_due currency status created",
                *(f"v_{code} acme {amount} {code} open 2026-02-01" for code, amount in theirs.items()),
            ]
        ),
        subscription_item=items(*(f"i_{code} s1 {code} 1 2025-06-01 {PERIOD}" for code in theirs)),
    )
    ours = {code: from_provider(amount, code) for code, amount in theirs.items()}

    assert {row[3]: row[1] for row in amounts(landed).values()} == ours
    assert dict(landed.rows("SELECT currency, amount_due_minor FROM invoice")) == ours


def test_status_trial_end_and_renewal_come_from_the_subscription(landed: Landed) -> None:
    rest = "true 2026-02-01 2026-02-01"
    land(
        landed,
        subscription_history=subscriptions(
            ACME,
            f"s2 acme active 2025-06-01 {PERIOD} - TRUE - - send_invoice {rest}",
            f"s3 acme trialing 2025-06-01 {PERIOD} - FALSE - 2026-03-01 other {rest}",
            f"s4 acme incomplete_expired 2025-06-01 {PERIOD} - FALSE 2026-01-31 - - {rest}",
            f"s5 acme past_due 2025-06-01 {PERIOD} 2026-02-20 FALSE - - - {rest}",
        ),
        subscription_item=items(*(f"i{n} s{n} pro_m 2 2025-06-01 {PERIOD}" for n in range(1, 6))),
    )
    landed.load("stripe_connector")
    january, february, march = 1769817600, 1771545600, 1772323200  # the 31st, the 20th, the 1st

    assert landed.rows(
        "SELECT status, valid_to, cancel_at, renews_at, trial_ends_at, auto_renew, collection FROM subscription_item"
        " ORDER BY item_id"
    ) == [
        ("active", None, None, march, None, True, "automatic"),
        ("active", None, march, None, None, False, "invoice"),
        ("trialing", None, None, march, march, True, None),
        ("canceled", january, None, march, None, True, None),
        ("past_due", None, february, None, None, False, None),
    ]


def test_the_last_version_of_a_subscription_counts(landed: Landed) -> None:
    older = f"s1 acme trialing 2025-06-01 {PERIOD} - FALSE - - - false 2025-12-01 2026-02-01"
    land(landed, subscription_history=subscriptions(older, ACME, older.replace("2025-12", "2025-11")))
    landed.load("stripe_connector")

    assert landed.rows("SELECT status FROM subscription_item") == [("active",)]


def test_an_item_whose_subscription_was_not_landed_is_told_with_its_line(landed: Landed) -> None:
    land(landed, subscription_item=items(f"i1 s1 pro_m 1 2025-06-01 {PERIOD}", f"i2 s9 pro_m 1 2025-06-01 {PERIOD}"))
    report = landed.load("stripe_connector")

    assert {(one.place, one.column) for one in report.examples} == {
        ("landed/subscription_item.csv:3", "account_id"),
        ("landed/subscription_item.csv:3", "status"),
    }


def test_invoices_know_when_they_were_paid_and_when_a_charge_last_failed(landed: Landed) -> None:
    invoices = (
        "id customer_id amount_due currency status created due_date\nv1 acme 3000 usd paid 2026-01-01 -\n"
        "v2 acme 3000 usd open 2026-02-01 2026-02-05\nv3 bolt 100 eur deleted 2026-02-01 -\n"
    )
    charges = (
        "id invoice_id status created currency\nc1 v1 failed 2026-01-01 usd\n"
        "c2 v1 succeeded 2026-01-03T02:00:00+02:00 usd\n"
        "c3 v2 failed 2026-02-01 usd\nc4 v2 failed 2026-02-04 usd\nc5 - failed 2026-02-09 usd\n"
    )
    land(landed, invoice=invoices, charge=charges)
    landed.load("stripe_connector")

    assert landed.rows("SELECT invoice_id, status, paid_at, last_failure_at, due_at FROM invoice ORDER BY 1") == [
        ("v1", "paid", 1767398400, 1767225600, None),
        ("v2", "open", None, 1770163200, 1770249600),
        ("v3", "void", None, None, None),
    ]


def test_rates_are_those_that_charges_were_settled_at(landed: Landed) -> None:
    charges = (
        "id invoice_id status created currency\nc1 - succeeded 2026-01-01 eur\nc2 - succeeded 2026-01-01 eur\n"
        "c3 - succeeded 2026-01-01 usd\nc4 - succeeded 2026-01-01 jpy\n"
    )
    settled = (
        "id source created currency exchange_rate\nb1 c1 2026-01-02T08:00:00 usd 1.10\n"
        "b2 c2 2026-01-02T09:00:00 usd 1.12\n"
        "b3 c3 2026-01-02T09:00:00 usd -\nb4 c4 2026-01-02T09:00:00 usd 0.0067\n"
    )
    land(landed, charge=charges, balance_transaction=settled)
    landed.load("stripe_connector")
    rows = landed.rows("SELECT from_currency, to_currency, rate::DECIMAL(10, 4)::VARCHAR FROM fx_rate")

    assert rows == [("eur", "usd", "1.1200")]


@pytest.mark.slow
def test_loading_twice_changes_nothing(landed: Landed) -> None:
    land(landed, coupon=COUPONS, subscription_discount="id subscription_id coupon_id end\nd1 s1 tenth -\n")
    landed.load("stripe_connector")

    assert all(table.is_unchanged for table in landed.project.load(known=None).tables)
