"""What every billing provider does. One suite: a provider is added to ``stages.STAGES`` and to nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.billing.seeds import AT, item_row, to_scale
from tests.contracts.stages import STAGES, Stage
from upstep.billing.apply import apply_quote
from upstep.billing.change import Behaviour, BillingMode, Change, Incentive, ItemChange, Starts, first_period_off
from upstep.billing.proration import LineKind
from upstep.billing.provider import Ability, Applied, Declined, NeedsConfirmation, Provider, subscription_item_rows
from upstep.billing.quote import lock, read
from upstep.errors import QuoteError
from upstep.state.session import open_state, reading, writing

Rows = Iterable[Mapping[str, object]]
Seeded = Callable[[Rows], Provider]
Staged = Callable[..., Stage]
MAY = AT.replace(month=5, day=1)


@pytest.fixture(params=STAGES)
def staged(request: pytest.FixtureRequest, tmp_path: Path) -> Iterable[Staged]:
    """Builds a provider that holds those rows, with the customer and the bank beside it."""
    open_stages = []

    def build(rows: Rows, mode: BillingMode = BillingMode.CLASSIC) -> Stage:
        open_stages.append(STAGES[request.param](tmp_path / f"{len(open_stages)}", rows, mode))
        return open_stages[-1]

    yield build
    for stage in open_stages:
        stage.close()


@pytest.fixture
def seeded(staged: Staged) -> Seeded:
    return lambda rows: staged(rows).provider


def needs(stage: Stage, ability: Ability) -> None:
    """Skips, with the provider's own reason, what it cannot do."""
    why = stage.provider.capabilities.cannot.get(ability)
    if why:
        pytest.skip(f"{stage.provider.name} cannot {ability}: {why}")


def test_a_preview_has_rounded_lines_their_sum_and_both_invoices(seeded: Seeded) -> None:
    quote = seeded([item_row()]).preview(to_scale(), AT)
    assert [(line.kind, line.amount_minor) for line in quote.lines] == [
        (LineKind.CREDIT, -500),
        (LineKind.DEBIT, 1000),
    ]
    assert (quote.proration_minor, quote.due_now_minor, quote.next_invoice_minor) == (500, 500, 2000)
    assert quote.yearly_difference_minor == 12_000
    assert (quote.at, quote.next_invoice_at.isoformat()) == (AT, "2026-05-01T00:00:00+00:00")
    assert AT < quote.expires_at <= quote.next_invoice_at


def test_a_preview_changes_nothing_and_is_the_same_quote_when_asked_again(seeded: Seeded) -> None:
    provider = seeded([item_row()])
    before = provider.subscriptions("acme")
    assert provider.preview(to_scale(), AT) == provider.preview(to_scale(), AT)
    assert provider.preview(to_scale(), AT).quote_id != provider.preview(to_scale(amount_minor=3000), AT).quote_id
    assert provider.subscriptions("acme") == before
    assert provider.events_since(None) == []


@pytest.mark.parametrize(
    ("behaviour", "due_now", "next_invoice", "lines"),
    [
        (Behaviour.ALWAYS_INVOICE, 500, 2000, 2),
        (Behaviour.CREATE_PRORATIONS, 0, 2500, 2),
        (Behaviour.NONE, 0, 2000, 0),
    ],
)
def test_the_behaviour_says_when_the_proration_is_paid(
    seeded: Seeded, behaviour: Behaviour, due_now: int, next_invoice: int, lines: int
) -> None:
    quote = seeded([item_row()]).preview(to_scale(behaviour=behaviour), AT)
    assert (quote.due_now_minor, quote.next_invoice_minor, len(quote.lines)) == (due_now, next_invoice, lines)


def test_what_was_previewed_is_what_is_charged(seeded: Seeded) -> None:
    provider = seeded([item_row()])
    quote = provider.preview(to_scale(), AT)
    applied = provider.apply(quote, "key 1", at=AT + timedelta(hours=5))
    assert isinstance(applied, Applied)
    assert (applied.amount_minor, applied.effective_at) == (quote.due_now_minor, AT + timedelta(hours=5))
    (item,) = provider.subscriptions("acme")
    assert (item.plan_id, item.amount_minor, item.valid_from) == ("scale", 2000, AT + timedelta(hours=5))


def test_the_same_key_twice_changes_once_and_returns_the_first_answer(seeded: Seeded) -> None:
    provider = seeded([item_row()])
    quote = provider.preview(to_scale(), AT)
    first = provider.apply(quote, "key 1", at=AT)
    assert provider.apply(quote, "key 1", at=AT + timedelta(days=1)) == first
    assert len(provider.events_since(None)) == 1


def test_the_same_key_at_once_from_many_sides_changes_once(seeded: Seeded) -> None:
    provider = seeded([item_row()])
    quote = provider.preview(to_scale(), AT)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: provider.apply(quote, "key 1", at=AT), range(8)))
    assert len(set(answers)) == 1
    assert len(provider.events_since(None)) == 1


def test_a_subscription_that_changed_since_the_quote_is_refused_and_left_alone(seeded: Seeded) -> None:
    provider = seeded([item_row()])
    stale = provider.preview(to_scale(amount_minor=3000), AT)
    provider.apply(provider.preview(to_scale(), AT), "key 1", at=AT)
    with pytest.raises(QuoteError, match="has changed since"):
        provider.apply(stale, "key 2", at=AT)
    assert [item.amount_minor for item in provider.subscriptions("acme")] == [2000]


def test_a_key_is_for_one_quote(seeded: Seeded) -> None:
    provider = seeded([item_row()])
    quote = provider.preview(to_scale(), AT)
    provider.apply(quote, "key 1", at=AT)
    other = provider.preview(to_scale(amount_minor=3000), AT + timedelta(hours=1))
    with pytest.raises(QuoteError, match="has been used"):
        provider.apply(other, "key 1", at=AT)


def test_a_second_change_in_the_period_credits_what_is_held_then(seeded: Seeded) -> None:
    provider = seeded([item_row(amount_minor=1000)])
    provider.apply(provider.preview(to_scale(), AT), "key 1", at=AT)
    later = AT + timedelta(days=5)  # a third of April is left
    quote = provider.preview(to_scale(plan_id="pro", amount_minor=1000), later)
    assert [line.amount_minor for line in quote.lines] == [-667, 333]
    # More is credited than debited: nothing is due, and the rest lowers the next invoice.
    assert (quote.due_now_minor, quote.next_invoice_minor) == (0, 1000 - 334)


def test_events_close_the_old_row_and_open_the_new_one_at_the_instant_of_the_change(seeded: Seeded) -> None:
    provider = seeded([item_row()])
    provider.apply(provider.preview(to_scale(), AT), "key 1", at=AT)
    later = AT + timedelta(days=5)
    provider.apply(provider.preview(to_scale(quantity=2, amount_minor=4000), later), "key 2", at=later)
    rows = subscription_item_rows(provider.events_since(None))
    assert [(row["amount_minor"], row["valid_from"], row["valid_to"]) for row in rows] == [
        (1000, item_row()["valid_from"], AT),
        (2000, AT, later),
        (4000, later, None),
    ]
    assert {row["item_id"] for row in rows} == {"si_1"}


def test_events_go_on_after_a_cursor(seeded: Seeded) -> None:
    provider = seeded([item_row()])
    provider.apply(provider.preview(to_scale(), AT), "key 1", at=AT)
    (first,) = provider.events_since(None)
    assert provider.events_since(first.cursor) == []
    provider.apply(provider.preview(to_scale(amount_minor=3000), AT), "key 2", at=AT)
    assert [event.after and event.after.amount_minor for event in provider.events_since(first.cursor)] == [3000]


def test_an_item_may_be_added_to_the_running_period_and_removed_again(seeded: Seeded) -> None:
    provider = seeded([item_row()])
    add_on = ItemChange(None, "sending", 1, 600, "usd", "month", add_on_id="dedicated_ip")
    quote = provider.preview(Change("acme", "sub_1", (add_on,)), AT)
    assert [line.amount_minor for line in quote.lines] == [300]
    assert quote.next_invoice_minor == 1600
    provider.apply(quote, "key 1", at=AT)
    added = next(item for item in provider.subscriptions("acme") if item.add_on_id)
    gone = provider.preview(Change("acme", "sub_1", (ItemChange(added.item_id, "sending", removes=True),)), AT)
    assert [line.amount_minor for line in gone.lines] == [-300]
    provider.apply(gone, "key 2", at=AT)
    assert [item.item_id for item in provider.subscriptions("acme")] == ["si_1"]


def test_golden_8_monthly_to_yearly_is_paid_now_and_starts_a_year(seeded: Seeded) -> None:
    june = {"period_start": AT.replace(month=6, day=1), "period_end": AT.replace(month=7, day=1)}
    provider = seeded([item_row(amount_minor=9900, **june)])
    at = AT.replace(month=6, day=11)
    quote = provider.preview(to_scale(interval="year", amount_minor=99_000), at)
    assert [line.amount_minor for line in quote.lines] == [-6600, 99_000]
    assert (quote.due_now_minor, quote.next_invoice_minor) == (92_400, 99_000)
    assert quote.yearly_difference_minor == 99_000 - 12 * 9900
    provider.apply(quote, "key 1", at=at)
    (item,) = provider.subscriptions("acme")
    assert (item.period_start, item.period_end, item.renews_at) == (at, at.replace(year=2027), at.replace(year=2027))


def test_golden_9_yearly_to_monthly_owes_nothing_and_carries_the_credit(seeded: Seeded) -> None:
    year = {"period_start": AT.replace(month=1, day=1), "period_end": AT.replace(year=2027, month=1, day=1)}
    provider = seeded([item_row(amount_minor=120_000, interval="year", **year)])
    quote = provider.preview(to_scale(amount_minor=12_000), AT.replace(month=4, day=1))
    assert [line.amount_minor for line in quote.lines] == [-90_411, 12_000]
    assert (quote.due_now_minor, quote.next_invoice_minor) == (0, 12_000 - 78_411)


def test_free_to_paid_is_paid_from_its_first_second(seeded: Seeded) -> None:
    quote = seeded([item_row(amount_minor=0, plan_id="free")]).preview(to_scale(), AT)
    assert [line.amount_minor for line in quote.lines] == [2000]
    assert quote.next_invoice_at == AT.replace(month=5)


def test_a_product_may_start_a_subscription_of_its_own(seeded: Seeded) -> None:
    provider = seeded([item_row()])
    wish = ItemChange(None, "marketing", 1, 4000, "usd", "month", plan_id="starter")
    quote = provider.preview(Change("acme", "sub_2", (wish,)), AT)
    assert (quote.due_now_minor, quote.yearly_difference_minor) == (4000, 48_000)
    provider.apply(quote, "key 1", at=AT)
    items = {item.product_id: item.subscription_id for item in provider.subscriptions("acme")}
    # Which id it has is the provider's business.
    assert (sorted(items), items["sending"], items["marketing"] != "sub_1") == (["marketing", "sending"], "sub_1", True)


def test_a_trial_is_neither_credited_nor_charged(seeded: Seeded) -> None:
    quote = seeded([item_row(status="trialing")]).preview(to_scale(), AT)
    assert (quote.lines, quote.due_now_minor) == ((), 0)


def test_all_that_cannot_be_quoted_is_said_at_once(seeded: Seeded) -> None:
    provider = seeded([item_row()])
    wishes = (
        ItemChange("si_9", "sending", 1, 2000, "usd", "month"),
        ItemChange("si_1", "sending", 1, -5, "USD", "fortnight"),
    )
    with pytest.raises(QuoteError) as refused:
        provider.preview(Change("acme", "sub_1", wishes), AT)
    text = str(refused.value)
    for said in ("si_9 is not live. Live: si_1", "must not be negative", "'USD'", "'fortnight'", "one currency"):
        assert said in text


def test_another_accounts_subscription_and_a_cancelled_one_cannot_be_quoted(seeded: Seeded) -> None:
    provider = seeded([item_row(status="canceled")])
    with pytest.raises(QuoteError) as refused:
        provider.preview(Change("globex", "sub_1", to_scale().items), AT)
    assert "another account" in str(refused.value)
    assert "si_1 is canceled" in str(refused.value)


# What each side recurs at


def test_a_quote_sets_todays_and_the_new_recurring_amount_side_by_side(seeded: Seeded) -> None:
    quote = seeded([item_row(quantity=10, amount_minor=15_000)]).preview(to_scale(quantity=13, amount_minor=19_500), AT)
    (item,) = quote.items
    assert (item.quantity_before, item.quantity_after) == (10, 13)
    assert (item.amount_before_minor, item.amount_after_minor) == (15_000, 19_500)
    assert (item.every_before, item.every_after) == (("month", 1), ("month", 1))
    assert quote.effective_at == AT


@pytest.mark.parametrize(
    ("currency", "old", "new", "lines"),
    [
        ("jpy", 5000, 8000, [-2500, 4000]),
        ("kwd", 10_010, 20_030, [-5005, 10_015]),
        ("isk", 501, 1001, [-251, 501]),
        ("mga", 100_100, 200_300, [-50_050, 100_150]),
    ],
)
def test_every_currency_is_prorated_in_its_own_minor_unit(
    seeded: Seeded, currency: str, old: int, new: int, lines: list[int]
) -> None:
    provider = seeded([item_row(currency=currency, amount_minor=old)])
    if provider.name != "sandbox" and currency in {"kwd", "mga", "isk"}:
        pytest.skip(f"{provider.name} bills {currency} in steps of its own: see tests/billing/test_currencies.py")
    quote = provider.preview(to_scale(currency=currency, amount_minor=new), AT)
    assert [line.amount_minor for line in quote.lines] == lines


@pytest.mark.parametrize(("mode", "lines"), [(BillingMode.CLASSIC, [-667, 333]), (BillingMode.FLEXIBLE, [-333, 333])])
def test_the_billing_mode_says_what_is_credited(staged: Staged, mode: BillingMode, lines: list[int]) -> None:
    provider = staged([item_row()], mode).provider
    at = AT - timedelta(days=5)
    provider.apply(provider.preview(to_scale(behaviour=Behaviour.NONE), at), "key 1", at=at)
    quote = provider.preview(to_scale(plan_id="pro", price_id="pro_month", amount_minor=1000), AT + timedelta(days=5))
    assert quote.billing_mode is mode
    assert [line.amount_minor for line in quote.lines] == lines


# Payments


def test_a_declined_payment_changes_nothing_and_stays_declined_under_its_key(staged: Staged) -> None:
    stage = staged([item_row()])
    needs(stage, Ability.PAY_FIRST)
    provider = stage.provider
    stage.set_card("acme", "declining", at=AT)
    quote = provider.preview(to_scale(), AT)
    answer = provider.apply(quote, "key 1", at=AT)
    assert isinstance(answer, Declined)
    assert [item.plan_id for item in provider.subscriptions("acme")] == ["pro"]
    assert [event for event in provider.events_since(None) if event.quote_id] == []
    stage.set_card("acme", "good", at=AT)
    assert isinstance(provider.apply(quote, "key 1", at=AT), Declined)
    assert isinstance(provider.apply(quote, "key 2", at=AT), Applied)


@pytest.mark.parametrize("card", ["confirming", "missing"])
def test_what_needs_a_confirmation_is_found_when_it_was_given(staged: Staged, card: str) -> None:
    stage = staged([item_row()])
    needs(stage, Ability.CONFIRMATION)
    provider = stage.provider
    stage.set_card("acme", card, at=AT)
    quote = provider.preview(to_scale(), AT)
    asked = provider.apply(quote, "key 1", at=AT)
    assert isinstance(asked, NeedsConfirmation)
    assert (asked.url.startswith("http"), asked.expires_at > AT) == (True, True)
    assert [item.plan_id for item in provider.subscriptions("acme")] == ["pro"]
    stage.confirm(asked, at=AT + timedelta(minutes=5))
    done = provider.find(quote, "key 1", at=AT + timedelta(minutes=6))
    assert isinstance(done, Applied)
    assert [item.plan_id for item in provider.subscriptions("acme")] == ["scale"]


def test_what_nobody_confirms_is_declined_in_the_end(staged: Staged) -> None:
    stage = staged([item_row()])
    needs(stage, Ability.CONFIRMATION)
    stage.set_card("acme", "confirming", at=AT)
    quote = stage.provider.preview(to_scale(), AT)
    asked = stage.provider.apply(quote, "key 1", at=AT)
    assert isinstance(asked, NeedsConfirmation)
    stage.pass_time(asked.expires_at)
    assert isinstance(stage.provider.find(quote, "key 1", at=asked.expires_at), Declined)
    assert [item.plan_id for item in stage.provider.subscriptions("acme")] == ["pro"]


# Finding what was done


def test_what_was_applied_is_found_by_its_key_and_nothing_else_is(seeded: Seeded) -> None:
    provider = seeded([item_row()])
    quote = provider.preview(to_scale(), AT)
    assert provider.find(quote, "key 1", at=AT) is None
    applied = provider.apply(quote, "key 1", at=AT)
    assert provider.find(quote, "key 1", at=AT + timedelta(days=300)) == applied
    assert provider.find(quote, "key 2", at=AT) is None


def test_a_subscription_that_was_cancelled_meanwhile_is_refused(staged: Staged) -> None:
    stage = staged([item_row()])
    quote = stage.provider.preview(to_scale(), AT)
    stage.cancel("sub_1", at=AT)
    with pytest.raises(QuoteError):
        stage.provider.apply(quote, "key 1", at=AT)
    assert stage.provider.subscriptions("acme") == []


# At renewal


def down() -> Change:
    wish = to_scale(plan_id="starter", price_id="starter_month", amount_minor=300).items
    return Change("acme", "sub_1", wish, starts=Starts.AT_RENEWAL)


def test_a_change_at_renewal_costs_nothing_now_and_is_made_when_it_comes(staged: Staged) -> None:
    stage = staged([item_row()])
    needs(stage, Ability.SCHEDULE)
    provider = stage.provider
    quote = provider.preview(down(), AT)
    assert (quote.lines, quote.due_now_minor, quote.effective_at) == ((), 0, MAY)
    assert (quote.next_invoice_minor, quote.next_invoice_at) == (300, MAY)
    answer = provider.schedule(quote, "key 1", at=AT)
    assert provider.schedule(quote, "key 1", at=AT) == provider.find(quote, "key 1", at=AT) == answer
    assert answer.effective_at == MAY
    (item,) = provider.subscriptions("acme")
    assert (item.plan_id, item.pending_plan_id, item.pending_at) == ("pro", "starter", MAY)
    stage.pass_time(MAY + timedelta(hours=2))
    (item,) = provider.subscriptions("acme")
    assert (item.plan_id, item.amount_minor, item.valid_from) == ("starter", 300, MAY)
    assert quote.quote_id in {event.quote_id for event in provider.events_since(None)}


def test_what_was_scheduled_can_be_taken_back_once(staged: Staged) -> None:
    stage = staged([item_row()])
    needs(stage, Ability.SCHEDULE)
    provider = stage.provider
    provider.schedule(provider.preview(down(), AT), "key 1", at=AT)
    assert provider.cancel_schedule("sub_1", "key 2", at=AT) is not None
    assert provider.cancel_schedule("sub_1", "key 3", at=AT) is None
    stage.pass_time(MAY + timedelta(hours=2))
    assert [(i.plan_id, i.pending_at) for i in provider.subscriptions("acme")] == [("pro", None)]


def test_a_change_now_waits_until_what_was_scheduled_is_taken_back(staged: Staged) -> None:
    stage = staged([item_row()])
    needs(stage, Ability.SCHEDULE)
    provider = stage.provider
    provider.schedule(provider.preview(down(), AT), "key 1", at=AT)
    with pytest.raises(QuoteError):
        provider.apply(provider.preview(to_scale(), AT), "key 2", at=AT)
    assert [item.plan_id for item in provider.subscriptions("acme")] == ["pro"]
    provider.cancel_schedule("sub_1", "key 3", at=AT)
    assert isinstance(provider.apply(provider.preview(to_scale(), AT), "key 4", at=AT), Applied)


def test_a_change_that_starts_now_is_not_scheduled(staged: Staged) -> None:
    provider = staged([item_row()]).provider
    with pytest.raises(QuoteError):
        provider.schedule(provider.preview(to_scale(), AT), "key 1", at=AT)


# Trials and incentives


def trial_of() -> Change:
    wish = ItemChange(None, "marketing", 1, 4000, "usd", "month", plan_id="starter", price_id="marketing_month")
    return Change("acme", "sub_2", (wish,))


def test_a_trial_costs_nothing_until_it_is_ended(staged: Staged) -> None:
    stage = staged([item_row()])
    needs(stage, Ability.TRIAL)
    provider = stage.provider
    ends_at = AT + timedelta(days=14)
    begun = provider.start_trial(trial_of(), "key 1", ends_at=ends_at, at=AT)
    assert provider.start_trial(trial_of(), "key 1", ends_at=ends_at, at=AT) == begun
    item = next(i for i in provider.subscriptions("acme") if i.product_id == "marketing")
    assert (item.status, item.trial_ends_at) == ("trialing", ends_at)
    later = AT + timedelta(days=3)
    done = provider.end_trial(item.subscription_id, "key 2", at=later)
    assert isinstance(done, Applied)
    assert done.amount_minor == 4000
    assert provider.end_trial(item.subscription_id, "key 2", at=later) == done
    item = next(i for i in provider.subscriptions("acme") if i.product_id == "marketing")
    assert (item.status, item.period_start) == ("active", later)


def test_a_trial_that_runs_out_is_charged(staged: Staged) -> None:
    stage = staged([item_row()])
    needs(stage, Ability.TRIAL)
    provider = stage.provider
    provider.start_trial(trial_of(), "key 1", ends_at=AT + timedelta(days=7), at=AT)
    stage.pass_time(AT + timedelta(days=7, hours=2))
    item = next(i for i in provider.subscriptions("acme") if i.product_id == "marketing")
    assert (item.status, item.period_start) == ("active", AT + timedelta(days=7))


@pytest.mark.parametrize(
    ("incentive", "next_invoice"),
    [
        (first_period_off("hello"), 0),
        (Incentive("twenty", percent=20, periods=3), 1600),
        (Incentive("five", amount_minor=500, currency="usd", periods=2), 1500),
    ],
)
def test_an_incentive_lowers_the_next_invoice_and_credits_nothing(
    staged: Staged, incentive: Incentive, next_invoice: int
) -> None:
    stage = staged([item_row(plan_id="scale", price_id="scale_month", amount_minor=2000)])
    needs(stage, Ability.INCENTIVE)
    provider = stage.provider
    given = provider.apply_incentive("sub_1", incentive, "key 1", at=AT)
    assert provider.apply_incentive("sub_1", incentive, "key 1", at=AT) == given
    assert given.amount_minor == 0
    add_on = ItemChange(None, "sending", 1, 0, "usd", "month", add_on_id="gift", price_id="gift_month")
    quote = provider.preview(Change("acme", "sub_1", (add_on,)), AT)
    assert (quote.due_now_minor, quote.next_invoice_minor) == (0, next_invoice)


@pytest.mark.parametrize(
    ("incentive", "off"),
    [
        (first_period_off("hello"), [2000]),
        (Incentive("twenty", percent=20, periods=3), [400, 400, 400]),
        (Incentive("five", amount_minor=500, currency="usd", periods=2), [500, 500]),
    ],
)
def test_a_change_with_an_incentive_shows_line_by_line_what_coming_invoices_are_lowered_by(
    staged: Staged, incentive: Incentive, off: list[int], tmp_path: Path
) -> None:
    stage = staged([item_row()])
    needs(stage, Ability.INCENTIVE)
    provider = stage.provider
    plain, quote = (provider.preview(replace(to_scale(), incentive=given), AT) for given in (None, incentive))
    assert (quote.lines, quote.due_now_minor) == (plain.lines, plain.due_now_minor)
    assert [-line.amount_minor for line in quote.incentive_lines] == off
    assert quote.next_invoice_minor == plain.next_invoice_minor - off[0]
    assert "May 1, 2026" in quote.incentive_lines[0].description
    state = open_state(tmp_path / "state.db")
    with writing(state) as connection:
        lock(connection, quote, now=AT)
    with reading(state) as connection:
        assert read(connection, quote.quote_id) == quote
    for _ in range(2):
        done = apply_quote(state, provider, quote_id=quote.quote_id, by="ana", now=AT)
        assert isinstance(done, Applied)
    add_on = ItemChange(None, "sending", 1, 0, "usd", "month", add_on_id="gift", price_id="gift_month")
    after = provider.preview(Change("acme", "sub_1", (add_on,)), AT + timedelta(minutes=5))
    assert after.next_invoice_minor == quote.next_invoice_minor


WEEK = Incentive("week", trial_days=7)


def test_a_new_subscription_tried_free_costs_nothing_today_and_then_its_price(staged: Staged, tmp_path: Path) -> None:
    stage = staged([item_row()])
    needs(stage, Ability.TRIAL)
    provider = stage.provider
    quote = provider.preview(replace(trial_of(), incentive=WEEK), AT)
    ends_at = AT + timedelta(days=7)
    assert (quote.lines, quote.due_now_minor) == ((), 0)
    assert (quote.next_invoice_at, quote.next_invoice_minor) == (ends_at, 4000)
    assert [line.amount_minor for line in quote.incentive_lines] == [-(48_000 * 7 // 365 + 1)]
    state = open_state(tmp_path / "state.db")
    with writing(state) as connection:
        lock(connection, quote, now=AT)
    with reading(state) as connection:
        assert read(connection, quote.quote_id) == quote
    answers = [apply_quote(state, provider, quote_id=quote.quote_id, by="ana", now=AT) for _ in range(2)]
    assert answers == [answers[0]] * 2
    item = next(i for i in provider.subscriptions("acme") if i.product_id == "marketing")
    assert (item.status, item.trial_ends_at) == ("trialing", ends_at)
    assert [event.quote_id for event in provider.events_since(None)] == [None]
    stage.pass_time(ends_at + timedelta(hours=2))
    item = next(i for i in provider.subscriptions("acme") if i.product_id == "marketing")
    assert (item.status, item.period_start) == ("active", ends_at)
    assert [event.quote_id for event in provider.events_since(None)][-1] == quote.quote_id


def test_a_trial_of_a_running_subscription_is_exact_or_refused(staged: Staged) -> None:
    stage = staged([item_row()])
    provider = stage.provider
    change = replace(to_scale(), incentive=WEEK)
    if provider.name == "stripe":
        with pytest.raises(QuoteError, match="not a change of one"):
            provider.preview(change, AT)
        return
    quote = provider.preview(change, AT)
    assert (quote.due_now_minor, quote.next_invoice_at) == (0, AT + timedelta(days=7))
    assert quote.next_invoice_minor == provider.preview(to_scale(), AT + timedelta(days=7)).due_now_minor


@pytest.mark.parametrize(
    ("differing", "days", "said"),
    [
        ({}, 15, "renews on 2026-05-01, before a trial of 15 days would be over"),
        ({"cancel_at": datetime(2026, 4, 20, tzinfo=UTC)}, 7, "ends on 2026-04-20"),
        ({"status": "trialing", "trial_ends_at": MAY}, 7, "in trial already"),
    ],
)
def test_a_trial_whose_charge_cannot_be_told_today_is_refused(
    staged: Staged, differing: dict[str, object], days: int, said: str
) -> None:
    stage = staged([item_row(**differing)])
    if stage.provider.name == "stripe":
        said = "runs already"
    with pytest.raises(QuoteError, match=said):
        stage.provider.preview(replace(to_scale(), incentive=Incentive("trial", trial_days=days)), AT)


def test_a_trial_of_what_waits_is_refused(staged: Staged) -> None:
    provider = staged([item_row()]).provider
    later = replace(to_scale(behaviour=Behaviour.NONE), starts=Starts.AT_RENEWAL, incentive=WEEK)
    with pytest.raises(QuoteError, match=r"waits for the renewal|not a change of one"):
        provider.preview(later, AT)


def test_what_a_provider_cannot_do_it_refuses_with_its_reason(staged: Staged) -> None:
    stage = staged([item_row()])
    provider = stage.provider
    quote = provider.preview(to_scale(), AT)
    verbs = {
        Ability.SCHEDULE: lambda: provider.schedule(quote, "key", at=AT),
        Ability.TRIAL: lambda: provider.start_trial(trial_of(), "key", ends_at=MAY, at=AT),
        Ability.INCENTIVE: lambda: provider.apply_incentive("sub_1", first_period_off("hello"), "key", at=AT),
    }
    for ability, verb in verbs.items():
        if not provider.capabilities.can(ability):
            with pytest.raises(QuoteError) as refused:
                verb()
            assert provider.capabilities.cannot[ability] in str(refused.value)
