"""The sandbox's ledger: renewals as time passes, credit, cards, debts, trials, schedules, incentives, cancellation."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.billing.seeds import AT, item_row, to_scale
from upstep.billing.change import (
    Anchor,
    Behaviour,
    BillingMode,
    Change,
    Incentive,
    ItemChange,
    Starts,
    first_period_off,
    item_from_row,
)
from upstep.billing.preview import Standing, preview
from upstep.billing.proration import Charge, Period
from upstep.billing.provider import Applied, Declined, NeedsConfirmation, subscription_item_rows
from upstep.billing.quote import Quote
from upstep.billing.sandbox import Card, Invoice, SandboxBiller
from upstep.errors import QuoteError

MAY, JUNE = AT.replace(month=5, day=1), AT.replace(month=6, day=1)


@pytest.fixture
def biller(tmp_path: Path) -> SandboxBiller:
    biller = SandboxBiller(tmp_path / "biller.db")
    biller.seed([item_row()])
    return biller


def take(biller: SandboxBiller, change: Change, at: datetime = AT) -> Quote:
    quote = biller.preview(change, at)
    assert isinstance(biller.apply(quote, f"key {quote.quote_id}", at=at), Applied)
    return quote


def lines(invoice: Invoice) -> list[tuple[str, int]]:
    return [(line.description, line.amount_minor) for line in invoice.lines]


def statuses(biller: SandboxBiller) -> list[str]:
    return [item.status for item in biller.subscriptions("acme")]


def test_time_renews_once_a_period_however_often_it_is_told(biller: SandboxBiller) -> None:
    for to in (MAY - timedelta(seconds=1), MAY, MAY, JUNE + timedelta(days=3)):
        biller.advance(to)
    assert [(each.issued_at, each.due_minor, each.status) for each in biller.invoices("acme")] == [
        (MAY, 1000, "paid"),
        (JUNE, 1000, "paid"),
    ]
    assert lines(biller.invoices("acme")[0]) == [("pro, monthly: May 1 to 31, 2026", 1000)]
    (item,) = biller.subscriptions("acme")
    assert (item.period_start, item.valid_from) == (JUNE, item_row()["valid_from"])


def test_a_renewal_is_no_interval_of_its_own(biller: SandboxBiller) -> None:
    biller.advance(JUNE)
    (row,) = subscription_item_rows(biller.events_since(None))
    assert (row["valid_from"], row["period_start"], row["valid_to"]) == (item_row()["valid_from"], JUNE, None)


def test_a_change_is_one_invoice_with_the_quoted_lines_and_the_next_one_is_as_foretold(biller: SandboxBiller) -> None:
    quote = take(biller, to_scale())
    biller.advance(MAY)
    change, renewal = biller.invoices("acme")
    assert (change.lines, change.total_minor, change.due_minor, change.status) == (quote.lines, 500, 500, "paid")
    assert (renewal.due_minor, renewal.issued_at) == (quote.next_invoice_minor, quote.next_invoice_at)


def test_lines_that_wait_are_on_the_next_invoice(biller: SandboxBiller) -> None:
    quote = take(biller, to_scale(behaviour=Behaviour.CREATE_PRORATIONS))
    assert biller.invoices("acme") == ()
    biller.advance(MAY)
    (invoice,) = biller.invoices("acme")
    assert invoice.total_minor == quote.next_invoice_minor == 2500
    assert lines(invoice)[:2] == [(line.description, line.amount_minor) for line in quote.lines]


def test_lines_that_wait_are_shown_and_paid_with_a_change_that_is_invoiced_now(biller: SandboxBiller) -> None:
    take(biller, to_scale(behaviour=Behaviour.CREATE_PRORATIONS))
    quote = take(biller, to_scale(quantity=2, amount_minor=4000), AT + timedelta(days=5))
    assert [line.amount_minor for line in quote.lines] == [-500, 1000, -667, 1333]
    assert biller.invoices("acme")[0].due_minor == quote.due_now_minor == 1166


def test_a_credit_pays_the_next_change_first(biller: SandboxBiller) -> None:
    take(biller, to_scale(amount_minor=400))  # -500 + 200
    assert biller.credit_minor("acme", "usd") == 300
    quote = take(biller, to_scale(amount_minor=2000))
    assert (quote.proration_minor, quote.credit_used_minor, quote.due_now_minor) == (800, 300, 500)
    assert biller.credit_minor("acme", "usd") == 0


def test_a_declined_card_changes_nothing_and_the_same_key_stays_declined(biller: SandboxBiller) -> None:
    biller.set_card("acme", Card.DECLINING, at=AT)
    quote = biller.preview(to_scale(), AT)
    answer = biller.apply(quote, "key 1", at=AT)
    assert isinstance(answer, Declined)
    assert (answer.reason, answer.amount_minor) == ("card_declined", 500)
    assert [item.plan_id for item in biller.subscriptions("acme")] == ["pro"]
    assert (biller.invoices("acme"), biller.events_since(None)) == ((), [])
    biller.set_card("acme", Card.GOOD, at=AT)
    assert biller.apply(quote, "key 1", at=AT) == biller.find(quote, "key 1", at=AT) == answer
    assert isinstance(biller.apply(quote, "key 2", at=AT), Applied)


def test_a_declined_card_does_not_stop_what_costs_nothing_now(biller: SandboxBiller) -> None:
    biller.set_card("acme", Card.DECLINING, at=AT)
    take(biller, to_scale(amount_minor=400))


@pytest.mark.parametrize(("card", "reason"), [(Card.CONFIRMING, "authentication"), (Card.MISSING, "no_payment_method")])
def test_what_needs_a_confirmation_is_done_when_it_was_confirmed(
    biller: SandboxBiller, card: Card, reason: str
) -> None:
    biller.set_card("acme", card, at=AT)
    quote = biller.preview(to_scale(), AT)
    asked = biller.apply(quote, "key 1", at=AT)
    assert isinstance(asked, NeedsConfirmation)
    assert (asked.reason, asked.amount_minor, asked.url.startswith("https://")) == (reason, 500, True)
    assert biller.find(quote, "key 1", at=AT) == asked
    assert [item.plan_id for item in biller.subscriptions("acme")] == ["pro"]
    done = biller.confirm(asked.reference, at=AT + timedelta(hours=2))
    assert isinstance(done, Applied)
    assert done == biller.confirm(asked.reference, at=AT + timedelta(hours=3)) == biller.apply(quote, "key 1", at=AT)
    assert [(each.due_minor, each.status) for each in biller.invoices("acme")] == [(500, "paid")]


def test_what_nobody_confirms_in_time_is_declined_for_good(biller: SandboxBiller) -> None:
    biller.set_card("acme", Card.CONFIRMING, at=AT)
    quote = biller.preview(to_scale(), AT)
    asked = biller.apply(quote, "key 1", at=AT)
    assert isinstance(asked, NeedsConfirmation)
    for answer in (
        biller.apply(quote, "key 1", at=asked.expires_at),
        biller.find(quote, "key 1", at=asked.expires_at),
        biller.confirm(asked.reference, at=asked.expires_at),
    ):
        assert isinstance(answer, Declined)
        assert answer.reason == "expired"
    assert biller.invoices("acme") == ()


def test_what_changed_before_it_was_confirmed_is_not_done(biller: SandboxBiller) -> None:
    biller.set_card("acme", Card.CONFIRMING, at=AT)
    asked = biller.apply(biller.preview(to_scale(), AT), "key 1", at=AT)
    assert isinstance(asked, NeedsConfirmation)
    biller.cancel("sub_1", at=AT + timedelta(hours=1))
    answer = biller.confirm(asked.reference, at=AT + timedelta(hours=2))
    assert isinstance(answer, Declined)
    assert (answer.reason, "has changed since" in answer.why) == ("changed", True)


def test_a_renewal_that_cannot_be_paid_is_past_due_then_unpaid_and_active_when_it_is_paid(
    biller: SandboxBiller,
) -> None:
    biller.set_card("acme", Card.DECLINING, at=AT)
    biller.advance(MAY)
    (invoice,) = biller.invoices("acme")
    assert (invoice.status, invoice.last_failure_at, statuses(biller)) == ("open", MAY, ["past_due"])
    assert biller.preview(to_scale(), MAY + timedelta(days=1)).open_minor == 1000
    biller.advance(MAY + timedelta(days=21))
    assert statuses(biller) == ["unpaid"]
    with pytest.raises(QuoteError, match="is unpaid"):
        biller.preview(to_scale(), MAY + timedelta(days=22))
    biller.advance(JUNE + timedelta(days=9))
    assert len(biller.invoices("acme")) == 1
    assert biller.pay("acme", invoice.invoice_id, at=JUNE + timedelta(days=9)).status == "open"
    biller.set_card("acme", Card.GOOD, at=JUNE + timedelta(days=9))
    assert biller.pay("acme", invoice.invoice_id, at=JUNE + timedelta(days=9)).status == "paid"
    assert statuses(biller) == ["active"]
    rows = subscription_item_rows(biller.events_since(None))
    assert [row["status"] for row in rows] == ["active", "past_due", "unpaid", "active"]


def test_an_account_that_is_sent_invoices_pays_them_later(tmp_path: Path) -> None:
    biller = SandboxBiller(tmp_path / "biller.db")
    biller.seed([item_row(collection="invoice")])
    biller.set_card("acme", Card.MISSING, at=AT)
    take(biller, to_scale())
    (invoice,) = biller.invoices("acme")
    assert (invoice.status, invoice.due_at) == ("open", AT + timedelta(days=30))
    biller.advance(AT + timedelta(days=29))
    assert statuses(biller) == ["active"]
    biller.advance(AT + timedelta(days=30))
    assert statuses(biller) == ["past_due"]


def trial(biller: SandboxBiller, *, days: int = 14) -> Applied:
    wish = ItemChange(None, "marketing", 1, 4000, "usd", "month", plan_id="starter")
    return biller.start_trial(Change("acme", "sub_2", (wish,)), "trial", ends_at=AT + timedelta(days=days), at=AT)


def test_a_trial_costs_nothing_until_it_ends_and_then_its_first_period(biller: SandboxBiller) -> None:
    trial(biller)
    assert trial(biller) == Applied("sub_2", 0, AT)
    item = biller.subscriptions("acme")[1]
    assert (item.status, item.trial_ends_at) == ("trialing", AT + timedelta(days=14))
    biller.advance(AT + timedelta(days=14))
    (invoice,) = biller.invoices("acme")
    assert (invoice.subscription_id, invoice.due_minor, invoice.reason) == ("sub_2", 4000, "trial")
    item = biller.subscriptions("acme")[1]
    assert (item.status, item.valid_from, item.period_end) == (
        "active",
        AT + timedelta(days=14),
        AT.replace(day=30, month=5),
    )


def test_a_trial_may_end_early_and_only_if_it_is_paid(biller: SandboxBiller) -> None:
    trial(biller)
    biller.set_card("acme", Card.DECLINING, at=AT)
    later = AT + timedelta(days=3)
    assert isinstance(biller.end_trial("sub_2", "key 1", at=later), Declined)
    assert biller.subscriptions("acme")[1].status == "trialing"
    biller.set_card("acme", Card.CONFIRMING, at=later)
    asked = biller.end_trial("sub_2", "key 2", at=later)
    assert isinstance(asked, NeedsConfirmation)
    done = biller.confirm(asked.reference, at=later)
    assert isinstance(done, Applied)
    assert (done.amount_minor, biller.subscriptions("acme")[1].status) == (4000, "active")
    assert [(each.due_minor, each.status) for each in biller.invoices("acme")] == [(4000, "paid")]
    with pytest.raises(QuoteError, match="not in trial"):
        biller.end_trial("sub_2", "key 3", at=later)


def test_a_trial_without_a_card_becomes_past_due(biller: SandboxBiller) -> None:
    trial(biller)
    biller.set_card("acme", Card.MISSING, at=AT)
    biller.advance(AT + timedelta(days=14))
    assert biller.subscriptions("acme")[1].status == "past_due"


def test_a_trial_cannot_be_started_twice_nor_end_before_it_starts(biller: SandboxBiller) -> None:
    with pytest.raises(QuoteError, match="before it starts"):
        trial(biller, days=-1)
    wish = ItemChange(None, "sending", 1, 4000, "usd", "month", plan_id="starter")
    with pytest.raises(QuoteError, match="there already"):
        biller.start_trial(Change("acme", "sub_1", (wish,)), "key", ends_at=MAY, at=AT)


def down(**differing: object) -> Change:
    wish = {"plan_id": "starter", "price_id": "starter_month", "amount_minor": 300}
    return Change("acme", "sub_1", to_scale(**{**wish, **differing}).items, starts=Starts.AT_RENEWAL)


def test_a_downgrade_at_renewal_costs_nothing_now_and_is_billed_when_it_comes(biller: SandboxBiller) -> None:
    quote = biller.preview(down(), AT)
    assert (quote.lines, quote.due_now_minor, quote.effective_at) == ((), 0, MAY)
    assert (quote.next_invoice_minor, quote.next_invoice_at, quote.yearly_difference_minor) == (300, MAY, -8400)
    answer = biller.schedule(quote, "key 1", at=AT)
    assert biller.schedule(quote, "key 1", at=AT + timedelta(days=1)) == answer
    assert (answer.effective_at, answer.amount_minor) == (MAY, 0)
    (item,) = biller.subscriptions("acme")
    assert (item.plan_id, item.pending_plan_id, item.pending_at) == ("pro", "starter", MAY)
    biller.advance(MAY)
    (item,) = biller.subscriptions("acme")
    assert (item.plan_id, item.amount_minor, item.valid_from, item.pending_at) == ("starter", 300, MAY, None)
    assert [each.due_minor for each in biller.invoices("acme")] == [300]
    assert [event.quote_id for event in biller.events_since(None) if event.quote_id] == [quote.quote_id]


def test_what_is_scheduled_may_be_taken_back_and_is_replaced_by_the_next(biller: SandboxBiller) -> None:
    biller.schedule(biller.preview(down(), AT), "key 1", at=AT)
    biller.schedule(biller.preview(down(amount_minor=200), AT), "key 2", at=AT)
    assert biller.cancel_schedule("sub_1", "key 3", at=AT) is not None
    assert biller.cancel_schedule("sub_1", "key 4", at=AT) is None
    biller.schedule(biller.preview(down(amount_minor=250), AT), "key 5", at=AT)
    biller.advance(MAY)
    assert [each.due_minor for each in biller.invoices("acme")] == [250]


def test_a_change_at_the_end_of_a_term_waits_for_it(tmp_path: Path) -> None:
    biller = SandboxBiller(tmp_path / "biller.db")
    biller.seed([item_row(renews_at=AT.replace(month=9, day=1))])
    quote = biller.preview(down(), AT)
    assert quote.effective_at == AT.replace(month=9, day=1)
    biller.schedule(quote, "key 1", at=AT)
    biller.advance(AT.replace(month=9, day=2))
    assert [each.due_minor for each in biller.invoices("acme")] == [1000] * 4 + [300]


def test_a_scheduled_change_of_interval_begins_at_renewal(biller: SandboxBiller) -> None:
    quote = biller.preview(down(interval="year", amount_minor=9000), AT)
    assert (quote.effective_at, quote.next_invoice_minor) == (MAY, 9000)
    biller.schedule(quote, "key 1", at=AT)
    biller.advance(JUNE)
    (item,) = biller.subscriptions("acme")
    assert (item.interval, item.period_start, item.period_end) == ("year", MAY, MAY.replace(year=2027))
    assert [each.due_minor for each in biller.invoices("acme")] == [9000]


def test_a_first_period_off_lowers_one_renewal_and_its_interval(biller: SandboxBiller) -> None:
    biller.apply_incentive("sub_1", first_period_off("hello"), "key 1", at=AT)
    assert biller.preview(to_scale(), AT).next_invoice_minor == 0
    biller.advance(JUNE)
    assert [each.due_minor for each in biller.invoices("acme")] == [1000]
    rows = subscription_item_rows(biller.events_since(None))
    assert [(row["amount_minor"], row["valid_from"], row["valid_to"]) for row in rows] == [
        (1000, item_row()["valid_from"], MAY),
        (0, MAY, JUNE),
        (1000, JUNE, None),
    ]


def test_an_incentive_of_an_amount_for_some_periods_is_split_and_ends(biller: SandboxBiller) -> None:
    biller.seed([item_row(item_id="si_2", plan_id=None, add_on_id="ip", amount_minor=2000)])
    welcome = Incentive("welcome", amount_minor=500, currency="usd", periods=2)
    biller.apply_incentive("sub_1", welcome, "key 1", at=AT)
    biller.advance(JUNE + timedelta(days=40))
    issued = [[line.amount_minor for line in each.lines] for each in biller.invoices("acme")]
    assert issued == [[834, 1666], [834, 1666], [1000, 2000]]


def test_a_percentage_for_ever_lowers_what_recurs(biller: SandboxBiller) -> None:
    biller.apply_incentive("sub_1", Incentive("loyal", percent=15, periods=None), "key 1", at=AT)
    biller.advance(MAY)
    quote = biller.preview(to_scale(), MAY + timedelta(days=15, hours=12))
    assert [line.amount_minor for line in quote.lines] == [-425, 850]
    assert (quote.next_invoice_minor, quote.yearly_difference_minor) == (1700, 12 * 850)
    assert (quote.items[0].amount_before_minor, quote.items[0].amount_after_minor) == (850, 1700)


def test_an_incentive_needs_a_live_subscription_its_currency_and_is_given_once(biller: SandboxBiller) -> None:
    yen = Incentive("yen", amount_minor=500, currency="jpy")
    with pytest.raises(QuoteError, match="bills in usd"):
        biller.apply_incentive("sub_1", yen, "key 1", at=AT)
    with pytest.raises(QuoteError, match="not live"):
        biller.apply_incentive("sub_9", yen, "key 2", at=AT)
    biller.apply_incentive("sub_1", first_period_off("hello"), "key 3", at=AT)
    with pytest.raises(QuoteError, match="already"):
        biller.apply_incentive("sub_1", first_period_off("hello"), "key 4", at=AT)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({}, "not both"),
        ({"percent": 10, "amount_minor": 5, "currency": "usd"}, "not both"),
        ({"percent": 101}, "not 1 to 100"),
        ({"amount_minor": 5}, "with a currency"),
        ({"percent": 10, "periods": 0}, "0 periods"),
        ({"percent": 10, "trial_days": 14}, "not both"),
        ({"trial_days": 0}, "0 days"),
    ],
)
def test_what_is_no_incentive_is_refused(wrong: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Incentive("x", **wrong)  # type: ignore[arg-type]


def test_leaving_at_once_gives_the_unused_time_as_credit(biller: SandboxBiller) -> None:
    biller.cancel("sub_1", at=AT)
    assert (biller.subscriptions("acme"), biller.credit_minor("acme", "usd")) == ([], 500)
    (event,) = biller.events_since(None)
    assert (event.after, event.before and event.before.valid_to) == (None, AT)


def test_leaving_at_the_end_of_the_period_renews_nothing(biller: SandboxBiller) -> None:
    biller.cancel("sub_1", at=AT, ends_at=MAY)
    assert biller.subscriptions("acme")[0].cancel_at == MAY
    biller.advance(JUNE)
    assert (biller.subscriptions("acme"), biller.invoices("acme"), biller.credit_minor("acme", "usd")) == ([], (), 0)


def test_what_does_not_renew_ends_with_its_term(tmp_path: Path) -> None:
    biller = SandboxBiller(tmp_path / "biller.db")
    biller.seed([item_row(auto_renew=False, renews_at=JUNE)])
    biller.advance(JUNE)
    assert (len(biller.invoices("acme")), biller.subscriptions("acme")) == (1, [])


def test_a_quote_of_a_subscription_that_was_cancelled_meanwhile_is_refused(biller: SandboxBiller) -> None:
    quote = biller.preview(to_scale(), AT)
    biller.cancel("sub_1", at=AT + timedelta(minutes=5))
    with pytest.raises(QuoteError, match=r"has changed since.*not live"):
        biller.apply(quote, "key 1", at=AT + timedelta(minutes=10))
    assert biller.invoices("acme") == ()


def test_a_quote_is_not_applied_in_another_period(biller: SandboxBiller) -> None:
    quote = biller.preview(to_scale(), AT)
    with pytest.raises(QuoteError, match="has renewed"):
        biller.apply(quote, "key 1", at=MAY)


def test_classic_billing_does_not_mix_intervals_and_flexible_does(tmp_path: Path) -> None:
    add_on = ItemChange(None, "sending", 1, 6000, "usd", "year", add_on_id="ip")
    for mode in BillingMode:
        biller = SandboxBiller(tmp_path / f"{mode}.db", billing_mode=mode)
        biller.seed([item_row()])
        change = Change("acme", "sub_1", (add_on,))
        if mode is BillingMode.CLASSIC:
            with pytest.raises(QuoteError, match="every month and every year; classic"):
                biller.preview(change, AT)
        else:
            assert biller.preview(change, AT).due_now_minor == 6000


def test_flexible_leaves_the_anchor_when_it_is_told_to_and_classic_moves_it(tmp_path: Path) -> None:
    change = Change("acme", "sub_1", to_scale(interval="year", amount_minor=12_000).items, anchor=Anchor.UNCHANGED)
    starts = {}
    for mode in BillingMode:
        biller = SandboxBiller(tmp_path / f"{mode}.db", billing_mode=mode)
        biller.seed([item_row()])
        quote = take(biller, change)
        (item,) = biller.subscriptions("acme")
        starts[mode] = (item.period_start, item.period_end, quote.proration_minor)
    assert starts[BillingMode.CLASSIC] == (AT, AT.replace(year=2027), -500 + 12_000)
    # 350 of 365 days are left of the year that began on April 1.
    assert starts[BillingMode.FLEXIBLE] == (AT.replace(day=1), AT.replace(year=2027, day=1), -500 + 11_507)


def test_moving_the_anchor_moves_every_item_of_the_subscription(biller: SandboxBiller) -> None:
    biller.seed([item_row(item_id="si_2", plan_id=None, add_on_id="ip", amount_minor=200)])
    quote = take(biller, Change("acme", "sub_1", to_scale().items, anchor=Anchor.NOW))
    assert [line.amount_minor for line in quote.lines] == [-500, 2000, -100, 200]
    assert {item.period_start for item in biller.subscriptions("acme")} == {AT}


def test_an_account_that_is_seeded_later_is_taken_over_too(biller: SandboxBiller) -> None:
    take(biller, to_scale())
    biller.seed([item_row(item_id="si_7", subscription_id="sub_7", amount_minor=700)])
    assert biller.preview(Change("acme", "sub_7", to_scale(item_id="si_7").items), AT).due_now_minor == 650
    biller.advance(MAY)
    assert sorted(each.due_minor for each in biller.invoices("acme")) == [500, 700, 2000]


def test_a_write_about_a_subscription_is_answered_again_also_when_it_is_gone(biller: SandboxBiller) -> None:
    given = biller.apply_incentive("sub_1", first_period_off("hello"), "key 1", at=AT)
    biller.cancel("sub_1", at=AT)
    assert biller.apply_incentive("sub_1", first_period_off("hello"), "key 1", at=MAY) == given
    with pytest.raises(QuoteError, match="has been used for incentive hello of sub_1"):
        biller.cancel_schedule("sub_1", "key 1", at=MAY)


def test_a_change_now_waits_until_what_was_scheduled_is_taken_back(biller: SandboxBiller) -> None:
    quote = biller.preview(to_scale(), AT)
    biller.schedule(biller.preview(down(), AT), "key 1", at=AT)
    with pytest.raises(QuoteError, match=r"scheduled for 2026-05-01 00:00:00 UTC. Take that back first"):
        biller.preview(to_scale(), AT)
    with pytest.raises(QuoteError, match=r"has changed since.*scheduled for"):
        biller.apply(quote, "key 2", at=AT)
    biller.cancel_schedule("sub_1", "key 3", at=AT)
    take(biller, to_scale())
    biller.advance(MAY)
    assert [each.due_minor for each in biller.invoices("acme")] == [500, 2000]


def test_who_leaves_before_the_renewal_is_not_downgraded_first(biller: SandboxBiller) -> None:
    biller.schedule(biller.preview(down(), AT), "key 1", at=AT)
    biller.cancel("sub_1", at=AT)
    biller.advance(JUNE)
    assert (biller.subscriptions("acme"), biller.invoices("acme")) == ([], ())


def test_what_is_unpaid_when_its_downgrade_comes_stays_as_it_is(tmp_path: Path) -> None:
    biller = SandboxBiller(tmp_path / "biller.db")
    biller.seed([item_row(renews_at=AT.replace(month=8, day=1))])
    biller.schedule(biller.preview(down(), AT), "key 1", at=AT)
    biller.set_card("acme", Card.DECLINING, at=AT)
    biller.advance(AT.replace(month=9))
    (item,) = biller.subscriptions("acme")
    assert (item.plan_id, item.status, item.pending_at, item.pending_plan_id) == ("pro", "unpaid", None, None)


def test_a_change_at_renewal_needs_something_that_renews(biller: SandboxBiller) -> None:
    wish = ItemChange(None, "marketing", 1, 4000, "usd", "month", plan_id="starter")
    with pytest.raises(QuoteError, match="nothing of it renews"):
        biller.preview(Change("acme", "sub_9", (wish,), starts=Starts.AT_RENEWAL), AT)
    biller.cancel("sub_1", at=AT, ends_at=MAY)
    with pytest.raises(QuoteError, match="ends at 2026-05-01 00:00:00 and does not renew"):
        biller.preview(down(), AT)


def test_an_account_that_nobody_knows_has_no_invoices_and_no_credit(biller: SandboxBiller) -> None:
    assert (biller.invoices("nobody"), biller.credit_minor("nobody", "usd")) == ((), 0)
    with pytest.raises(KeyError):
        biller.confirm("pi_none", at=AT)


def test_several_debits_give_several_credits_in_flexible_billing() -> None:
    april = Period(AT.replace(day=1), MAY)
    held = (Charge("item", 600, period=april), Charge("item", 400, period=Period(AT.replace(day=11), MAY)))
    known = Standing(mode=BillingMode.FLEXIBLE, held={"si_1": held})
    live = [item_from_row(item_row())]
    quote = preview(to_scale(), live, at=AT, provider="x", valid_for=timedelta(days=7), standing=known)
    assert [line.amount_minor for line in quote.lines] == [-300, -300, 1000]


def test_each_item_of_an_account_is_taken_over_in_the_period_it_names(biller: SandboxBiller) -> None:
    bounds = {"period_start": AT.replace(day=10), "period_end": AT.replace(month=5, day=10)}
    biller.seed([item_row(item_id="si_2", subscription_id="sub_2", amount_minor=70, **bounds)])
    biller.advance(AT.replace(month=5, day=11))
    assert [(each.issued_at.day, each.due_minor) for each in biller.invoices("acme")] == [(1, 1000), (10, 70)]


def test_a_trial_that_changes_its_interval_still_ends_when_it_should(biller: SandboxBiller) -> None:
    trial(biller)
    item = biller.subscriptions("acme")[1]
    wish = ItemChange(item.item_id, "marketing", 1, 40_000, "usd", "year", plan_id="starter")
    quote = take(biller, Change("acme", "sub_2", (wish,)), AT + timedelta(days=1))
    ends_at = AT + timedelta(days=14)
    assert (quote.lines, quote.next_invoice_minor, quote.next_invoice_at) == ((), 40_000, ends_at)
    biller.advance(ends_at)
    assert [(each.due_minor, each.issued_at) for each in biller.invoices("acme")] == [(40_000, ends_at)]
    item = biller.subscriptions("acme")[1]
    assert (item.interval, item.period_end) == ("year", ends_at.replace(year=2027))


def test_what_was_unpaid_for_long_is_not_credited_for_what_was_never_billed(tmp_path: Path) -> None:
    biller = SandboxBiller(tmp_path / "biller.db", billing_mode=BillingMode.FLEXIBLE)
    biller.seed([item_row()])
    biller.set_card("acme", Card.DECLINING, at=AT)
    biller.advance(AT.replace(month=7))
    biller.set_card("acme", Card.GOOD, at=AT.replace(month=7))
    biller.pay("acme", biller.invoices("acme")[0].invoice_id, at=AT.replace(month=7))
    quote = biller.preview(to_scale(), AT.replace(month=7))
    assert [line.amount_minor for line in quote.lines] == [1032]  # 16 of July's 31 days of 2000, nothing held


# Tried free


TEN_DAYS = AT + timedelta(days=10)


def tried(biller: SandboxBiller, **differing: object) -> Quote:
    return take(biller, replace(to_scale(**differing), incentive=Incentive("ten", trial_days=10)))  # type: ignore[arg-type]


def plans(biller: SandboxBiller) -> list[tuple[str | None, int]]:
    return [(item.plan_id, item.amount_minor) for item in biller.subscriptions("acme")]


def test_what_is_tried_is_there_at_the_old_price_and_charged_as_quoted_when_the_trial_ends(
    biller: SandboxBiller,
) -> None:
    quote = tried(biller)
    assert (quote.due_now_minor, quote.next_invoice_at, quote.next_invoice_minor) == (0, TEN_DAYS, 166)
    assert (plans(biller), list(biller.invoices("acme"))) == ([("scale", 1000)], [])
    biller.advance(TEN_DAYS - timedelta(seconds=1))
    assert plans(biller) == [("scale", 1000)]
    biller.advance(JUNE)
    charged = [(each.issued_at, each.due_minor) for each in biller.invoices("acme")]
    assert charged == [(TEN_DAYS, 166), (MAY, 2000), (JUNE, 2000)]
    assert plans(biller) == [("scale", 2000)]


def test_the_event_of_a_trials_first_charge_names_its_quote_and_its_intervals_join(biller: SandboxBiller) -> None:
    quote = tried(biller)
    biller.advance(TEN_DAYS)
    begun, charged = biller.events_since(None)
    assert (begun.cause, begun.quote_id, charged.quote_id) == ("trial_started", None, quote.quote_id)
    rows = [row for row in subscription_item_rows([begun, charged]) if row["valid_from"] >= AT]  # type: ignore[operator]
    assert [(row["plan_id"], row["amount_minor"], row["valid_from"], row["valid_to"]) for row in rows] == [
        ("scale", 1000, AT, TEN_DAYS),
        ("scale", 2000, TEN_DAYS, None),
    ]


def test_a_trial_may_be_ended_early_taken_back_or_left(biller: SandboxBiller) -> None:
    later = AT + timedelta(days=5)
    tried(biller)
    with pytest.raises(QuoteError, match="tries a change until"):
        biller.preview(to_scale(amount_minor=3000), later)
    assert biller.cancel_schedule("sub_1", "back", at=later) is not None
    assert plans(biller) == [("pro", 1000)]
    assert biller.cancel_schedule("sub_1", "again", at=later) is None
    biller.advance(MAY)
    assert [each.due_minor for each in biller.invoices("acme")] == [1000]


def test_a_trial_that_is_ended_now_is_charged_from_now(biller: SandboxBiller) -> None:
    tried(biller)
    later = AT + timedelta(days=5)
    done = biller.end_trial("sub_1", "key", at=later)
    assert isinstance(done, Applied)
    assert (done.amount_minor, plans(biller)) == (334, [("scale", 2000)])
    biller.advance(MAY)
    assert [each.due_minor for each in biller.invoices("acme")] == [334, 2000]


def test_who_leaves_during_a_trial_is_not_charged_for_it(biller: SandboxBiller) -> None:
    tried(biller)
    biller.cancel("sub_1", at=AT + timedelta(days=2), ends_at=MAY)
    biller.advance(JUNE)
    assert (plans(biller), list(biller.invoices("acme"))) == ([], [])


def test_who_leaves_at_once_ends_the_trial_too(biller: SandboxBiller) -> None:
    tried(biller)
    biller.cancel("sub_1", at=AT)
    biller.advance(JUNE)
    assert (plans(biller), list(biller.invoices("acme")), biller.credit_minor("acme", "usd")) == ([], [], 500)


def test_a_trial_whose_card_fails_at_its_end_is_past_due(biller: SandboxBiller) -> None:
    biller.set_card("acme", Card.DECLINING, at=AT)
    tried(biller)
    biller.advance(TEN_DAYS)
    assert (statuses(biller), plans(biller)) == (["past_due"], [("scale", 2000)])


def test_an_add_on_is_tried_beside_the_plan(biller: SandboxBiller) -> None:
    add_on = ItemChange(None, "sending", 1, 600, "usd", "month", add_on_id="ip", price_id="ip_month")
    quote = take(biller, Change("acme", "sub_1", (add_on,), incentive=Incentive("ten", trial_days=10)))
    assert [(i.add_on_id, i.status) for i in biller.subscriptions("acme")] == [(None, "active"), ("ip", "trialing")]
    biller.advance(JUNE)
    assert quote.next_invoice_minor == 100
    assert [each.due_minor for each in biller.invoices("acme")] == [100, 1600, 1600]
    assert statuses(biller) == ["active", "active"]


@pytest.mark.parametrize("mode", list(BillingMode))
def test_a_trial_of_another_interval_starts_its_period_when_it_is_charged(tmp_path: Path, mode: BillingMode) -> None:
    biller = SandboxBiller(tmp_path / "biller.db", billing_mode=mode)
    biller.seed([item_row()])
    quote = take(
        biller,
        replace(
            to_scale(interval="year", amount_minor=20_000), incentive=Incentive("ten", trial_days=10), anchor=Anchor.NOW
        ),
    )
    biller.advance(TEN_DAYS)
    (invoice,) = biller.invoices("acme")
    assert (invoice.issued_at, invoice.due_minor) == (TEN_DAYS, quote.next_invoice_minor)
    (item,) = biller.subscriptions("acme")
    assert (item.interval, item.period_start) == ("year", TEN_DAYS)
