"""What every billing provider does. One suite: a new provider is added to ``PROVIDERS`` and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

from tests.billing.seeds import AT, item_row, to_scale
from upstep.billing.change import Behaviour, Change, ItemChange
from upstep.billing.proration import LineKind
from upstep.billing.provider import Provider, subscription_item_rows
from upstep.billing.sandbox import SandboxBiller
from upstep.errors import QuoteError

Seeded = Callable[[Iterable[Mapping[str, object]]], Provider]


def sandbox(folder: Path, rows: Iterable[Mapping[str, object]]) -> Provider:
    biller = SandboxBiller(folder / "biller.db")
    biller.seed(rows)
    return biller


PROVIDERS = {"sandbox": sandbox}


@pytest.fixture(params=PROVIDERS)
def seeded(request: pytest.FixtureRequest, tmp_path: Path) -> Seeded:
    return lambda rows: PROVIDERS[request.param](tmp_path, rows)


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
    assert [(i.subscription_id, i.product_id) for i in provider.subscriptions("acme")] == [
        ("sub_1", "sending"),
        ("sub_2", "marketing"),
    ]


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
