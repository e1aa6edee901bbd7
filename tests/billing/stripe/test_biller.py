"""What Stripe alone can do to us: failing lines, cards and banks, other prices, its own modes, units and clocks."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
import stripe

from tests.billing.seeds import AT, item_row, to_scale
from tests.contracts.stripe_stage import Clocked, StripeStage
from tests.fakes.stripe_server import FakeStripe
from upstep.billing.apply import apply_quote, finish_cut_off
from upstep.billing.change import Behaviour, BillingMode, Change, Incentive, ItemChange, Starts
from upstep.billing.provider import Applied, Declined, NeedsConfirmation
from upstep.billing.quote import Quote, lock
from upstep.billing.stripe.accounts import Accounts
from upstep.billing.stripe.prices import PriceMap, Sold
from upstep.errors import ConfigError, OutsideError, QuoteError
from upstep.state.session import open_state, writing

MAY = AT.replace(month=5, day=1)
Built = Callable[..., Clocked]


def charged(biller: Clocked) -> list[int]:
    """What was paid after the period that was paid before the test."""
    paid = [invoice for invoice in biller.fake.books.all("invoice") if invoice["status"] == "paid"]
    return [invoice["amount_paid"] for invoice in paid if invoice["billing_reason"] != "subscription_cycle"]


def plans(biller: Clocked) -> list[str | None]:
    return [item.plan_id for item in biller.subscriptions("acme")]


@pytest.fixture
def state(tmp_path: Path) -> sa.Engine:
    return open_state(tmp_path / "state.db")


def locked(state: sa.Engine, biller: Clocked, change: Change | None = None) -> Quote:
    quote = biller.preview(change or to_scale(), AT)
    with writing(state) as connection:
        lock(connection, quote, now=AT)
    return quote


# No answer


@pytest.mark.parametrize("how", ["after", "hang", "before", "down", "limited"])
def test_no_answer_is_asked_again_and_charged_once(state: sa.Engine, build: Built, how: str) -> None:
    biller = build(timeout=0.5)
    quote = locked(state, biller)
    biller.fake.fail_next("subscriptions/sub_1", how)
    with pytest.raises(OutsideError, match="It may have happened"):
        apply_quote(state, biller, quote_id=quote.quote_id, by="ana", now=AT)
    answer = apply_quote(state, biller, quote_id=quote.quote_id, by="ana", now=AT + timedelta(minutes=1))
    assert isinstance(answer, Applied)
    assert (answer.amount_minor, charged(biller), plans(biller)) == (500, [500], ["scale"])


def test_a_charge_without_an_answer_is_found_when_stripe_has_forgotten_the_key(state: sa.Engine, build: Built) -> None:
    biller = build()
    quote = locked(state, biller)
    biller.fake.fail_next("subscriptions/sub_1", "after")
    with pytest.raises(OutsideError):
        apply_quote(state, biller, quote_id=quote.quote_id, by="ana", now=AT)
    biller.fake.forget_keys()
    (done,) = finish_cut_off(state, biller, now=AT + timedelta(days=3))
    assert done.applied is not None
    assert (done.applied.amount_minor, done.applied.effective_at, charged(biller)) == (500, AT, [500])


def test_a_change_without_an_invoice_is_found_too(build: Built) -> None:
    biller = build()
    quote = biller.preview(to_scale(behaviour=Behaviour.NONE), AT)
    biller.fake.fail_next("subscriptions/sub_1", "after")
    with pytest.raises(OutsideError):
        biller.apply(quote, "key 1", at=AT + timedelta(hours=1))
    biller.fake.forget_keys()
    found = biller.find(quote, "key 1", at=AT + timedelta(days=2))
    assert found == Applied("sub_1", 0, AT + timedelta(hours=1))
    assert biller.apply(quote, "key 1", at=AT + timedelta(days=2)) == found


def test_the_sdk_asks_again_by_itself_with_the_same_key(build: Built) -> None:
    biller = build(retries=2)
    quote = biller.preview(to_scale(), AT)
    biller.fake.fail_next("subscriptions/sub_1", "after")
    assert isinstance(biller.apply(quote, "key 1", at=AT), Applied)
    asked = [request.key for request in biller.fake.writes("subscriptions/sub_1")]
    assert (asked, charged(biller)) == (["key 1", "key 1"], [500])


def test_the_preview_and_the_change_send_the_same_frozen_second(build: Built) -> None:
    biller = build()
    quote = biller.preview(to_scale(), AT)
    biller.apply(quote, "key 1", at=AT + timedelta(hours=7))
    (sent,) = biller.fake.writes("subscriptions/sub_1")
    assert sent.params["proration_date"] == str(int(AT.timestamp()))
    assert sent.params["payment_behavior"] == "pending_if_incomplete"
    assert sent.params["billing_cycle_anchor"] == {"type": "unchanged"}
    invoice = biller.fake.books.all("invoice")[-1]
    assert [line["amount"] for line in invoice["lines"]["data"]] == [line.amount_minor for line in quote.lines]


def test_a_fresh_preview_that_differs_applies_nothing(state: sa.Engine, build: Built) -> None:
    biller = build()
    quote = locked(state, biller)
    biller.fake.books.find("customer", "acme")["balance"] = -200
    with pytest.raises(QuoteError, match="due_now_minor was 500 and is 300"):
        apply_quote(state, biller, quote_id=quote.quote_id, by="ana", now=AT)
    assert (charged(biller), plans(biller)) == ([], ["pro"])


# Cards and banks


def test_a_declined_card_leaves_nothing_open_that_could_be_charged_later(build: Built) -> None:
    biller = build(card="pm_card_visa_chargeDeclinedInsufficientFunds")
    quote = biller.preview(to_scale(), AT)
    answer = biller.apply(quote, "key 1", at=AT)
    assert answer == Declined("insufficient_funds", "Your card has insufficient funds.", 500)
    made = biller.fake.books.find("subscription", "sub_1")
    assert (made["pending_update"], [i["status"] for i in biller.fake.books.all("invoice")]) == (None, ["paid", "void"])
    biller.fake.forget_keys()
    assert biller.apply(quote, "key 1", at=AT + timedelta(days=2)) == answer


@pytest.mark.parametrize("cut", ["invoices/", "/void"])
def test_a_declined_update_that_was_cut_off_is_still_given_up(build: Built, cut: str) -> None:
    biller = build(card="pm_card_chargeDeclined")
    quote = biller.preview(to_scale(), AT)
    biller.fake.fail_next(cut, "before")
    with pytest.raises(OutsideError):
        biller.apply(quote, "key 1", at=AT)
    assert biller.fake.books.find("subscription", "sub_1")["pending_update"] is not None
    assert isinstance(biller.find(quote, "key 1", at=AT + timedelta(minutes=1)), Declined)
    assert biller.fake.books.find("subscription", "sub_1")["pending_update"] is None
    assert biller.fake.books.all("invoice")[-1]["status"] == "void"


def test_a_credit_pays_first_and_comes_back_when_the_card_is_declined(build: Built) -> None:
    biller = build(card="pm_card_chargeDeclined")
    customer = biller.fake.books.find("customer", "acme")
    customer["balance"] = -200
    quote = biller.preview(to_scale(), AT)
    assert (quote.due_now_minor, quote.credit_used_minor) == (300, 200)
    assert isinstance(biller.apply(quote, "key 1", at=AT), Declined)
    assert customer["balance"] == -200


def test_without_a_card_the_page_names_one_and_the_quote_is_accepted_again(
    state: sa.Engine, build: Built, fake: FakeStripe
) -> None:
    biller = build(card=None)
    biller.return_url = "https://app.example.com/billing"
    quote = locked(state, biller)
    asked = apply_quote(state, biller, quote_id=quote.quote_id, by="ana", now=AT)
    assert isinstance(asked, NeedsConfirmation)
    assert (asked.reason, asked.expires_at, charged(biller)) == ("no_payment_method", quote.expires_at, [])
    (page,) = fake.writes("billing_portal")
    assert page.params["flow_data"]["type"] == "payment_method_update"
    method = fake.books.attach("pm_card_visa", {"customer": "acme"})["id"]
    fake.books.find("customer", "acme")["invoice_settings"]["default_payment_method"] = method
    answer = apply_quote(state, biller, quote_id=quote.quote_id, by="ana", now=AT + timedelta(hours=1))
    assert isinstance(answer, Applied)
    assert charged(biller) == [500]


def test_who_names_no_card_in_time_has_declined(build: Built) -> None:
    biller = build(card=None)
    quote = biller.preview(to_scale(), AT)
    assert isinstance(biller.apply(quote, "key 1", at=AT), NeedsConfirmation)
    assert biller.find(quote, "key 1", at=AT + timedelta(hours=1)) is None
    assert biller.find(quote, "key 1", at=quote.expires_at) == Declined(
        "no_payment_method", "No card was named in time.", 500
    )
    late = biller.apply(quote, "key 1", at=quote.expires_at)
    assert (isinstance(late, Declined), plans(biller)) == (True, ["pro"])


def test_who_pays_by_invoice_is_sent_one_and_needs_no_card(build: Built) -> None:
    biller = build(item_row(collection="invoice"), card=None)
    answer = biller.apply(biller.preview(to_scale(), AT), "key 1", at=AT)
    assert isinstance(answer, Applied)
    (sent,) = biller.fake.writes("subscriptions/sub_1")
    assert "payment_behavior" not in sent.params
    assert biller.fake.books.all("invoice")[-1]["status"] == "open"
    assert biller.preview(to_scale(amount_minor=3000), AT).open_minor == 500


def marketing() -> Change:
    return Change("acme", "sub_2", (ItemChange(None, "marketing", 1, 4000, "usd", "month", plan_id="starter"),))


def test_a_new_subscription_whose_first_payment_fails_is_gone(build: Built) -> None:
    biller = build(card="pm_card_chargeDeclined")
    quote = biller.preview(marketing(), AT)
    answer = biller.apply(quote, "key 1", at=AT)
    assert isinstance(answer, Declined)
    assert (plans(biller), biller.apply(quote, "key 1", at=AT)) == (["pro"], answer)
    assert [invoice["status"] for invoice in biller.fake.books.all("invoice")] == ["paid", "void"]


@pytest.mark.parametrize("confirms", [True, False])
def test_a_new_subscription_that_the_bank_asks_about(build: Built, confirms: bool) -> None:  # noqa: FBT001
    biller = build(card="pm_card_authenticationRequired")
    quote = biller.preview(marketing(), AT)
    asked = biller.apply(quote, "key 1", at=AT)
    assert isinstance(asked, NeedsConfirmation)
    assert (biller.find(quote, "key 1", at=AT), plans(biller)) == (asked, ["pro"])
    if confirms:
        biller.fake.books.confirm(asked.reference)
        later = biller.find(quote, "key 1", at=AT + timedelta(days=1))
        assert isinstance(later, Applied)
        assert (later.amount_minor, sorted(map(str, plans(biller)))) == (4000, ["pro", "starter"])
    else:
        assert isinstance(biller.find(quote, "key 1", at=asked.expires_at), Declined)
        assert plans(biller) == ["pro"]


def test_a_new_subscription_is_made_once_whatever_is_repeated(build: Built) -> None:
    biller = build()
    quote = biller.preview(marketing(), AT)
    biller.fake.fail_next("subscriptions", "after")
    with pytest.raises(OutsideError):
        biller.apply(quote, "key 1", at=AT)
    biller.fake.forget_keys()
    answer = biller.apply(quote, "key 1", at=AT + timedelta(days=2))
    assert isinstance(answer, Applied)
    assert (answer.amount_minor, answer.effective_at, charged(biller)) == (4000, AT, [4000])


def test_a_trial_that_is_ended_without_money_goes_on(build: Built, fake: FakeStripe) -> None:
    biller = build()
    begun = biller.start_trial(marketing(), "key 1", ends_at=AT + timedelta(days=14), at=AT)
    declining = fake.books.attach("pm_card_chargeDeclined", {"customer": "acme"})["id"]
    fake.books.find("customer", "acme")["invoice_settings"]["default_payment_method"] = declining
    assert isinstance(biller.end_trial(begun.reference, "key 2", at=AT + timedelta(days=2)), Declined)
    assert next(i.status for i in biller.subscriptions("acme") if i.product_id == "marketing") == "trialing"


# Prices


def test_a_price_that_differs_between_catalog_and_stripe_is_not_quoted(build: Built, fake: FakeStripe) -> None:
    biller = build()
    wanted = {"currency": "usd", "product": "prod_sending_scale", "unit_amount": 2500, "lookup_key": "scale_month"}
    made = fake.books.create_price({**wanted, "recurring": {"interval": "month"}})
    with pytest.raises(QuoteError) as refused:
        biller.preview(to_scale(), AT)
    text = str(refused.value)
    for said in (
        "price scale_month: costs 2000 usd",
        "2500 usd every 1 month at Stripe",
        made["id"],
        "Bring catalog.yaml",
    ):
        assert said in text
    assert [line.amount_minor for line in biller.preview(to_scale(amount_minor=2500), AT).lines] == [-500, 1250]


def test_a_price_that_stripe_does_not_have_is_told_with_what_to_do(build: Built) -> None:
    biller = build()
    wishes = (
        ItemChange(None, "voice", 1, 900, "usd", "month", plan_id="small", price_id="voice_month"),
        ItemChange(None, "voice", 3, 1000, "usd", "month", plan_id="scale", price_id="third"),
    )
    with pytest.raises(QuoteError) as refused:
        biller.preview(Change("acme", "sub_1", wishes), AT)
    assert "Give Stripe's price the lookup key 'voice_month', or name its id under billing.prices" in str(refused.value)
    assert "price third is not known" in str(refused.value).replace("price third:", "price third")


def test_more_seats_keep_the_old_price_that_the_catalog_no_longer_has(build: Built) -> None:
    biller = build(item_row(quantity=10, amount_minor=15_000))
    before = biller.fake.books.find("subscription", "sub_1")["items"]["data"][0]["price"]["id"]
    wish = to_scale(plan_id="pro", price_id="pro_2027", quantity=13, amount_minor=19_500)
    biller.apply(biller.preview(wish, AT), "key 1", at=AT)
    item = biller.fake.books.find("subscription", "sub_1")["items"]["data"][0]
    assert (item["price"]["id"], item["quantity"]) == (before, 13)


def test_tiers_and_a_quarter_are_priced_as_stripe_bills_them(build: Built, fake: FakeStripe) -> None:
    biller = build()
    tiers = [
        {"up_to": 5, "unit_amount": 500, "flat_amount": None},
        {"up_to": "inf", "unit_amount": 300, "flat_amount": 100},
    ]
    price = fake.books.create_price(
        {
            "currency": "usd",
            "product": "prod_sending_scale",
            "billing_scheme": "tiered",
            "tiers_mode": "graduated",
            "tiers": tiers,
            "lookup_key": "scale_quarter",
            "recurring": {"interval": "month", "interval_count": 3},
        }
    )
    price["_tiers"] = [tier | {"up_to": None if tier["up_to"] == "inf" else tier["up_to"]} for tier in tiers]
    wish = to_scale(price_id="scale_quarter", interval="quarter", quantity=8, amount_minor=3500)
    quote = biller.preview(wish, AT)
    assert (quote.items[0].amount_after_minor, quote.items[0].every_after) == (3500, ("month", 3))
    assert (quote.due_now_minor, quote.next_invoice_at) == (3000, AT.replace(month=7))
    biller.apply(quote, "key 1", at=AT)
    (item,) = biller.subscriptions("acme")
    assert (item.amount_minor, item.interval, item.interval_count, item.plan_id) == (3500, "month", 3, "scale")


@pytest.mark.parametrize(
    ("currency", "old", "new", "sent", "lines"),
    [
        ("isk", 500, 1000, "100000", [-250, 500]),  # two digits at Stripe, none in ISO 4217
        ("ugx", 500, 1000, "100000", [-250, 500]),
        ("mga", 100_000, 200_000, "2000", [-50_000, 100_000]),  # none at Stripe, two in ISO 4217
        ("kwd", 10_000, 20_000, "20000", [-5000, 10_000]),
        ("jpy", 500, 1000, "1000", [-250, 500]),
    ],
)
def test_amounts_pass_through_stripes_own_units(
    build: Built, fake: FakeStripe, currency: str, old: int, new: int, sent: str, lines: list[int]
) -> None:
    theirs = {"isk": 100, "ugx": 100}.get(currency, 1)
    seeded = old // 100 if currency == "mga" else old * theirs
    biller = build(item_row(currency=currency, amount_minor=seeded))
    assert [item.amount_minor for item in biller.subscriptions("acme")] == [old]
    quote = biller.preview(to_scale(currency=currency, amount_minor=new), AT)
    assert [line.amount_minor for line in quote.lines] == lines
    asked = next(r for r in fake.requests if r.path.endswith("create_preview"))
    assert asked.params["subscription_details"]["items"][0]["price_data"]["unit_amount"] == sent


def test_an_amount_that_stripe_cannot_charge_is_told(build: Built) -> None:
    biller = build(item_row(currency="kwd", amount_minor=10_000))
    with pytest.raises(QuoteError, match="steps of 10"):
        biller.preview(to_scale(currency="kwd", amount_minor=10_005), AT)


# Modes, anchors, discounts


def test_flexible_is_told_to_start_a_new_period_on_another_interval(build: Built) -> None:
    june = {"period_start": AT.replace(month=6, day=1), "period_end": AT.replace(month=7, day=1)}
    biller = build(item_row(amount_minor=9900, **june), mode="flexible")
    quote = biller.preview(to_scale(interval="year", amount_minor=99_000), AT.replace(month=6, day=11))
    assert quote.billing_mode is BillingMode.FLEXIBLE
    assert [line.amount_minor for line in quote.lines] == [-6600, 99_000]


def test_flexible_mixes_intervals_and_classic_refuses(build: Built) -> None:
    yearly = ItemChange(None, "sending", 1, 12_000, "usd", "year", add_on_id="dedicated_ip")
    change = Change("acme", "sub_1", (yearly,))
    assert build(mode="flexible").preview(change, AT).next_invoice_at == MAY
    with pytest.raises(QuoteError, match="one interval"):
        build(item_row(subscription_id="sub_9", item_id="si_9")).preview(Change("acme", "sub_9", (yearly,)), AT)


def test_a_discount_lowers_what_recurs_and_a_schedule_keeps_it(build: Built) -> None:
    biller = build()
    biller.apply_incentive("sub_1", Incentive("loyal", percent=20, periods=None), "key 1", at=AT)
    assert [item.amount_minor for item in biller.subscriptions("acme")] == [800]
    down = Change(
        "acme",
        "sub_1",
        to_scale(plan_id="starter", price_id="starter_month", amount_minor=300).items,
        starts=Starts.AT_RENEWAL,
    )
    quote = biller.preview(down, AT)
    assert (quote.items[0].amount_before_minor, quote.items[0].amount_after_minor) == (800, 240)
    biller.schedule(quote, "key 2", at=AT)
    biller.fake.books.advance(int((MAY + timedelta(hours=1)).timestamp()))
    (item,) = biller.subscriptions("acme")
    assert (item.plan_id, item.amount_minor, item.list_amount_minor) == ("starter", 240, 300)
    assert biller.fake.books.all("invoice")[-1]["total"] == 240


def test_an_incentive_is_given_once_whatever_is_repeated_and_never_with_other_terms(build: Built) -> None:
    biller = build()
    twenty = Incentive("twenty", percent=20, periods=3)
    biller.apply_incentive("sub_1", twenty, "key 1", at=AT)
    biller.fake.forget_keys()
    biller.apply_incentive("sub_1", twenty, "key 1", at=AT + timedelta(days=2))
    assert len(biller.fake.books.find("subscription", "sub_1")["discounts"]) == 1
    with pytest.raises(QuoteError, match=r"percent_off 20\.0 instead of 30"):
        biller.apply_incentive("sub_1", Incentive("twenty", percent=30, periods=3), "key 2", at=AT)
    with pytest.raises(QuoteError, match="bills in usd"):
        biller.apply_incentive("sub_1", Incentive("x", amount_minor=5, currency="eur"), "key 3", at=AT)


def test_a_schedule_that_was_cut_off_half_way_is_finished(build: Built) -> None:
    biller = build()
    down = Change(
        "acme",
        "sub_1",
        to_scale(plan_id="starter", price_id="starter_month", amount_minor=300).items,
        starts=Starts.AT_RENEWAL,
    )
    quote = biller.preview(down, AT)
    biller.fake.fail_next("subscription_schedules/", "before")
    with pytest.raises(OutsideError):
        biller.schedule(quote, "key 1", at=AT)
    assert [item.pending_at for item in biller.subscriptions("acme")] == [None]
    biller.schedule(quote, "key 1", at=AT)
    assert [item.pending_plan_id for item in biller.subscriptions("acme")] == ["starter"]
    assert len(biller.fake.books.all("subscription_schedule")) == 1


def test_a_change_now_waits_until_what_is_scheduled_is_taken_back(build: Built) -> None:
    biller = build()
    wish = to_scale(plan_id="starter", price_id="starter_month", amount_minor=300).items
    biller.schedule(biller.preview(Change("acme", "sub_1", wish, starts=Starts.AT_RENEWAL), AT), "key 1", at=AT)
    with pytest.raises(QuoteError, match="a change is scheduled for 2026-05-01"):
        biller.preview(to_scale(), AT)
    biller.cancel_schedule("sub_1", "key 2", at=AT)
    assert biller.preview(to_scale(), AT).due_now_minor == 500


# Accounts, keys, the SDK


def test_an_account_may_have_several_customers_named_in_their_metadata(build: Built, fake: FakeStripe) -> None:
    biller = build(item_row(), item_row(account_id="cus_2", subscription_id="sub_2", item_id="si_2"))
    biller.accounts = Accounts(biller.line, "company")
    for customer in ("acme", "cus_2"):
        fake.books.find("customer", customer)["metadata"]["company"] = "o'hara"
    items = biller.subscriptions("o'hara")
    assert [(item.account_id, item.subscription_id) for item in items] == [("o'hara", "sub_1"), ("o'hara", "sub_2")]
    assert biller.subscriptions("nobody") == []
    with pytest.raises(QuoteError, match="no customer at Stripe has metadata 'company' = 'nobody'"):
        biller.preview(Change("nobody", "sub_9", marketing().items), AT)


def test_an_account_without_a_customer_has_nothing(build: Built) -> None:
    biller = build()
    assert biller.subscriptions("nobody") == []
    with pytest.raises(QuoteError, match="no customer 'nobody' at Stripe"):
        biller.preview(Change("nobody", "sub_9", marketing().items), AT)


def test_what_nobody_names_keeps_stripes_own_ids(build: Built, fake: FakeStripe) -> None:
    biller = build(item_row())
    fake.books.find("product", "prod_sending_pro")["metadata"].clear()
    biller.shelf.prices = PriceMap()
    (item,) = biller.subscriptions("acme")
    price = fake.books.find("subscription", "sub_1")["items"]["data"][0]["price"]
    assert (item.product_id, item.plan_id, item.price_id) == ("prod_sending_pro", None, price["id"])
    biller.shelf.prices = PriceMap(sold={"pro_month": Sold("sending", "pro", None, "pro_month")})
    assert [(i.product_id, i.plan_id, i.price_id) for i in biller.subscriptions("acme")] == [
        ("sending", "pro", "pro_month")
    ]


def test_a_key_that_stripe_refuses_is_told_without_it(build: Built) -> None:
    biller = build()
    biller.line.client = stripe.StripeClient("sk_live_secret", base_addresses={"api": biller.fake.url})
    with pytest.raises(ConfigError) as refused:
        biller.subscriptions("acme")
    assert "billing.key" in str(refused.value)
    assert "sk_live_secret" not in str(refused.value)


def test_without_the_sdk_one_clear_error_names_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    from upstep.billing.stripe.asking import open_client

    monkeypatch.setitem(__import__("sys").modules, "stripe", None)
    with pytest.raises(ConfigError, match=r"pip install 'upstep\[stripe\]'"):
        open_client("sk_test_x")


def test_a_subscription_whose_collection_is_paused_is_paused(build: Built) -> None:
    biller = build()
    biller.fake.client().v1.subscriptions.update("sub_1", {"pause_collection": {"behavior": "void"}})
    assert [item.status for item in biller.subscriptions("acme")] == ["paused"]
    with pytest.raises(QuoteError, match="si_1 is paused"):
        biller.preview(to_scale(), AT)


def test_an_update_that_waits_is_replaced_by_another_and_never_charged(build: Built) -> None:
    biller = build(card="pm_card_authenticationRequired")
    first = biller.preview(to_scale(), AT)
    asked = biller.apply(first, "key 1", at=AT)
    assert isinstance(asked, NeedsConfirmation)
    second = biller.preview(to_scale(amount_minor=3000), AT)
    stage = StripeStage(biller, biller.fake, None)  # type: ignore[arg-type]
    stage.set_card("acme", "good", at=AT)
    assert isinstance(biller.apply(second, "key 2", at=AT), Applied)
    assert isinstance(biller.find(first, "key 1", at=AT + timedelta(days=1)), Declined)
    assert charged(biller) == [1000]


def test_events_are_read_page_by_page_oldest_first(build: Built, fake: FakeStripe) -> None:
    biller = build()
    for number in range(130):
        fake.books.advance(int((AT + timedelta(minutes=number)).timestamp()))
        fake.books.update_subscription("sub_1", {"cancel_at_period_end": number % 2 == 0})
    everything = biller.events_since(None)
    assert len(everything) == 130
    instants = [event.occurred_at for event in everything]
    assert instants == sorted(instants)
    later = biller.events_since(everything[9].cursor)
    assert [event.event_id for event in later] == [event.event_id for event in everything[10:]]
    assert biller.events_since(everything[-1].cursor) == []
    assert biller.events_since("evt_forgotten")[0].event_id == everything[0].event_id
