"""What a quote shows, and what is wrong with a wish: every fault at once, and nothing written."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.stories.shop import AS_OF, INVOICE, NOON, PAID, Shop
from upstep.billing.change import Starts
from upstep.billing.sandbox.book import Card
from upstep.engine.quoting.quoted import described
from upstep.errors import QuoteError

# 11.5 of 31 days of March are left at noon of the 20th: 993,600 of 2,678,400 s.


@pytest.mark.slow
def test_a_quote_shows_both_prices_the_lines_and_what_the_overage_made_of_them(shop: Shop) -> None:
    priced = shop.ask("acme", plan_id="scale")

    quote = priced.quote
    assert [(each.plan_before, each.plan_after) for each in priced.items] == [("pro", "scale")]
    assert [(item.amount_before_minor, item.amount_after_minor) for item in quote.items] == [(2000, 9000)]
    assert [line.amount_minor for line in quote.lines] == [-742, 3339]
    assert (quote.due_now_minor, quote.next_invoice_minor) == (2597, 9000)
    assert quote.yearly_difference_minor == 84_000
    # 110 thousands above pro's limit at 90, and 20 above scale's at 60, each month.
    assert (priced.overage.replaced_minor, priced.recurring_change_minor) == (9900 - 1200, 7000)
    assert (priced.customer_saving_minor, priced.yearly_saving_minor) == (1700, 20_400)
    assert shop.locked() == [quote.quote_id]


def test_every_figure_traces_to_its_records(shop: Shop) -> None:
    told = described(shop.ask("hooli", plan_id="scale"))

    (item,) = told["items"]
    assert item["before"]["record"].startswith("subscription_item?item_id=si_hooli_2&")
    assert item["after"]["record"].startswith("catalog.yaml?price_id=scale_month&")
    periods = told["overage"]["periods"]
    assert [(each["used"], each["before_minor"]) for each in periods] == [(11_500, 180), (9_000, 0), (14_000, 360)]
    assert periods[0]["record"] == (
        "usage?account_id=hooli&meter_id=emails&from=2026-02-01T00:00:00Z&until=2026-03-01T00:00:00Z"
    )
    assert told["overage_replaced_minor"] == (180 + 0 + 360) // 3
    assert told["yearly_saving_minor"] == 12 * told["overage_replaced_minor"] - told["yearly_difference_minor"]


@pytest.mark.slow
def test_more_seats_for_a_year_are_priced_by_the_seat(shop: Shop) -> None:
    priced = shop.ask("globex", plan_id="team", interval="year", quantities={"seats": 20})
    assert [line.amount_minor for line in priced.quote.lines] == [-10_573, 380_000]
    assert priced.quote.due_now_minor == 380_000 - 10_573
    assert priced.quote.yearly_difference_minor == 380_000 - 12 * 28_500


@pytest.mark.slow
def test_a_downgrade_waits_for_the_end_of_what_is_paid(shop: Shop) -> None:
    priced = shop.ask("tyrell", plan_id="pro")
    assert priced.quote.change.starts is Starts.AT_RENEWAL
    assert (priced.quote.due_now_minor, priced.quote.lines, priced.quote.next_invoice_minor) == (0, (), 2000)

    shop.apply(priced)

    assert shop.charged("tyrell") == []
    assert shop.plans("tyrell") == [("scale", 1, 9000)]
    shop.biller.advance(AS_OF + timedelta(days=13))
    assert (shop.plans("tyrell"), shop.charged("tyrell")) == ([("pro", 1, 2000)], [2000])


@pytest.mark.slow
def test_a_new_product_an_add_on_and_other_currencies_are_quoted(shop: Shop) -> None:
    assert shop.ask("newco", plan_id="pro").quote.due_now_minor == 2000
    assert shop.ask("newco", plan_id="pro", currency="jpy").quote.due_now_minor == 3000
    assert shop.ask("umbrella", plan_id="scale").quote.currency == "eur"
    with_add_on = shop.ask("acme", add_ons={"own_ip": 1})
    assert [line.amount_minor for line in with_add_on.quote.lines] == [1113]


def test_the_same_wish_at_the_same_instant_is_the_same_quote_locked_once(shop: Shop) -> None:
    first, again = shop.ask("acme", plan_id="scale"), shop.ask("acme", plan_id="scale")
    assert first.quote == again.quote
    assert len(shop.locked()) == 1


WRONG: list[tuple[str, dict[str, Any], tuple[str, ...]]] = [
    ("acme", {"plan_id": "scal"}, ("--to plan=scal", "Did you mean 'scale'?")),
    ("acme", {"plan_id": "own_ip"}, ("--add add_on=own_ip",)),
    ("acme", {"plan_id": "pro"}, ("has that already: pro every month",)),
    ("globex", {"quantities": {"seats": 11}}, ("12 seats are in use as of 2026-03-20 00:00 UTC",)),
    ("globex", {"quantities": {"emails": 20}}, ("team is not sold by emails: it is priced per seats",)),
    ("acme", {"plan_id": "scale", "quantities": {"": 3}}, ("scale has a flat price",)),
    ("hooli", {"plan_id": "scale", "interval": "year"}, ("it would bill every month and every year",)),
    ("umbrella", {"plan_id": "scale", "currency": "usd"}, ("Umbrella pays EUR",)),
    ("newco", {"plan_id": "scale", "currency": "jpy"}, ("scale is not sold in JPY every month", "EUR every month")),
    ("acme", {"plan_id": "team", "interval": "quarter"}, ("team is not sold in USD every quarter",)),
    ("acme", {"plan_id": "enterprise"}, ("a person makes the price of enterprise",)),
    ("initech", {"plan_id": "scale"}, ("is past due on sub_initech_sending", "never paid for")),
    ("stark", {"plan_id": "scale"}, ("2 live subscriptions of sending", "--subscription ID")),
    ("acme", {"subscription_id": "sub_x"}, ("--subscription sub_x", "Live: sub_acme_sending")),
    ("acme", {"add_ons": {"own_up": 1}}, ("'own_up' is no add-on", "Did you mean 'own_ip'?")),
    ("newco", {"plan_id": "free", "add_ons": {"own_ip": 1}}, ("it needs pro, scale, enterprise",)),
    ("hooli", {"plan_id": "free"}, ("add-on more_storage needs pro, scale", "--quantity more_storage=0")),
    ("nobody", {"plan_id": "scal", "interval": "yearly"}, ("account 'nobody'", "'scal'", "Did you mean 'year'?")),
]


@pytest.mark.parametrize(("account", "wanted", "told"), WRONG, ids=[f"{a} {w}" for a, w, _ in WRONG])
def test_a_wish_that_cannot_be_sold_is_told_and_writes_nothing(
    untouched_shop: Shop, account: str, wanted: dict[str, Any], told: tuple[str, ...]
) -> None:
    shop = untouched_shop
    with pytest.raises(QuoteError) as refused:
        shop.ask(account, **wanted)
    missing = [each for each in told if each not in str(refused.value)]
    assert not missing, refused.value
    assert shop.locked() == []
    assert shop.biller.events_since(None) == []


def test_all_faults_of_a_wish_are_told_at_once(untouched_shop: Shop) -> None:
    with pytest.raises(QuoteError) as refused:
        untouched_shop.ask(
            "globex", plan_id="team", interval="weekly", quantities={"seats": 11, "seets": 3}, add_ons={"x": 0}
        )
    assert len(refused.value.faults) >= 4


def test_what_the_provider_refuses_is_told_with_what_is_owed(shop: Shop) -> None:
    late = {**INVOICE, "account_id": "hooli", "invoice_id": "in_late", "status": "open", "due_at": "2026-02-01"}
    shop.load("invoice", [PAID, late])
    with pytest.raises(QuoteError) as refused:
        shop.ask("hooli", plan_id="scale", interval="year")
    assert [fault.found.partition(" ")[0] for fault in refused.value.faults] == ["invoice", "it"]


def test_a_past_due_account_is_quoted_once_it_has_paid(shop: Shop) -> None:
    april = AS_OF + timedelta(days=15)
    shop.biller.set_card("acme", Card.DECLINING, at=NOON)
    shop.biller.advance(april)
    with pytest.raises(QuoteError, match="past due"):
        shop.ask("acme", plan_id="scale", at=april)
    assert (shop.charged("acme"), shop.open_invoices("acme")) == ([], [2000])

    shop.biller.set_card("acme", Card.GOOD, at=april)
    shop.biller.pay("acme", shop.biller.invoices("acme")[-1].invoice_id, at=april)

    assert shop.ask("acme", plan_id="scale", at=april).quote.due_now_minor > 0
    assert shop.charged("acme") == [2000]
