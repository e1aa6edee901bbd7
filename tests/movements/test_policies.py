"""Each question that a policy answers, and the cases that make movements hard: hours, pauses, mergers, currencies."""

from __future__ import annotations

from typing import Any

import pytest

from tests.company import item
from tests.revenue.books import books
from upstep.money import UNITS_PER_MINOR
from upstep.movements.policy import PRESETS, STANDARD, Policy


def told(*rows: Any, policy: Policy = STANDARD) -> list[tuple[str, str | None, int]]:
    moved = books(*rows, policy=policy).movements
    return [(row["category"], row["cause"], round(row["units"] / UNITS_PER_MINOR)) for row in moved]


@pytest.mark.slow
def test_a_discount_that_ends_is_a_movement_of_its_own_and_nothing_where_discounts_are_ignored() -> None:
    rows = (
        item("a", "pro", since="2026-01-01", until="2026-02-01", list_amount_minor=2000),
        item("a", "pro", since="2026-02-01", until="2026-03-01", amount_minor=1500, list_amount_minor=2000),
        item("a", "pro", since="2026-03-01", list_amount_minor=2000),
    )
    assert told(*rows)[1:] == [("contraction", "discount_start", -500), ("expansion", "discount_end", 500)]
    assert told(*rows, policy=PRESETS["stripe"]) == [("new", None, 2000)]


def test_churn_counts_when_the_service_ends_or_when_it_was_asked_for() -> None:
    rows = (
        item("a", "pro", since="2026-01-01", until="2026-02-10", period_start="2026-01-01"),
        item("a", "pro", since="2026-02-10", until="2026-03-01", period_start="2026-02-01", cancel_at="2026-03-01"),
    )
    days = [books(*rows, policy=PRESETS[name]).movements[-1]["moved_at"] for name in ("standard", "stripe")]
    assert days == [1772323200, 1770681600]  # 1 March and 10 February


def test_from_paid_to_free_is_a_contraction_to_nothing_or_churn() -> None:
    rows = (item("a", "pro", since="2026-01-01", until="2026-02-01"), item("a", "free", since="2026-02-01"))
    assert told(*rows)[1:] == [("contraction", "downsell", -2000)]
    assert told(*rows, policy=PRESETS["stripe"])[1:] == [("churn", "downsell", -2000)]


def test_a_pause_is_a_contraction_and_its_end_a_reactivation() -> None:
    rows = (
        item("a", "pro", since="2026-01-01", until="2026-02-01"),
        item("a", "pro", since="2026-02-01", until="2026-03-01", status="paused"),
        item("a", "pro", since="2026-03-01"),
    )
    assert told(*rows)[1:] == [("contraction", "pause", -2000), ("reactivation", "pause", 2000)]


def test_a_free_product_beside_it_does_not_make_a_cancellation_a_contraction() -> None:
    rows = (item("a", "team", since="2026-01-01", until="2026-02-01"), item("a", "free", since="2025-12-01"))
    assert told(*rows)[1:] == [("churn", "cancel", -1900)]


def test_changes_within_the_hour_are_their_net() -> None:
    rows = (
        item("a", "pro", since="2026-01-01", until="2026-02-01T10:00:00"),
        item("a", "enterprise", since="2026-02-01T10:00:00", until="2026-02-01T10:40:00", amount_minor=1_200_000),
        item("a", "scale", since="2026-02-01T10:40:00"),
    )
    given = books(*rows)
    assert told(*rows)[1:] == [("expansion", "upsell", 7000)]
    assert (given.movements[1]["plan_before"], given.movements[1]["plan_after"]) == ("pro", "scale")
    assert len(told(*rows, policy=PRESETS["stripe"])) == 3


def test_what_stood_at_midnight_is_never_merged_away() -> None:
    rows = (
        item("a", "pro", since="2026-01-01", until="2026-01-31T23:50:00"),
        item("a", "scale", since="2026-01-31T23:50:00", until="2026-02-01T00:10:00"),
        item("a", "pro", since="2026-02-01T00:10:00"),
    )
    assert [amount for _, _, amount in told(*rows)] == [2000, 7000, -7000]


def test_bought_and_given_back_within_the_hour_never_happened() -> None:
    assert told(item("a", "pro", since="2026-01-01T10:00:00", until="2026-01-01T10:30:00")) == []


def test_a_second_subscription_of_a_product_is_more_of_it_and_no_cross_sell() -> None:
    rows = (item("a", "pro", since="2026-01-01"), item("a", "pro", since="2026-02-01", subscription="s2", item_id="2"))
    assert told(*rows)[1:] == [("expansion", "seats", 2000)]


def test_a_larger_commitment_of_usage_is_usage_commit() -> None:
    rows = (
        item("a", "audience_pack", since="2026-01-01", until="2026-02-01", quantity=1000),
        item("a", "audience_pack", since="2026-02-01", quantity=3000),
    )
    assert told(*rows)[1:] == [("expansion", "usage_commit", 2000)]


def test_a_trial_is_nothing_until_it_is_paid() -> None:
    rows = (
        item("a", "pro", since="2026-01-01", until="2026-01-15", status="trialing"),
        item("a", "pro", since="2026-01-15"),
    )
    assert told(*rows) == [("new", None, 2000)]


def test_from_free_to_paid_is_new_by_an_upsell() -> None:
    rows = (item("a", "free", since="2026-01-01", until="2026-02-01"), item("a", "pro", since="2026-02-01"))
    assert told(*rows) == [("new", "upsell", 2000)]


def test_a_year_is_committed_value_beside_its_contraction() -> None:
    rows = (
        item("a", "pro", since="2026-01-01", until="2026-02-01"),
        item("a", "pro", since="2026-02-01", interval="year", amount_minor=24000),
    )
    moved = books(*rows).movements[1]
    assert (moved["cause"], moved["units"], moved["committed_minor"]) == ("commit", 0, 22000)


def test_accounts_that_became_one_were_one_from_the_start() -> None:
    rows = (
        item("old", "pro", since="2026-01-01", until="2026-03-01", item_id="i", subscription="s"),
        item("young", "pro", since="2026-03-01", item_id="i", subscription="s"),
        item("young", "team", since="2026-02-01"),
    )
    assert told(*rows) == [("new", None, 2000), ("expansion", "cross_sell", 1900)]


def test_an_account_that_hands_over_one_subscription_and_keeps_another_is_not_merged() -> None:
    rows = (
        item("old", "pro", since="2026-01-01", until="2026-03-01", item_id="i", subscription="s"),
        item("young", "pro", since="2026-03-01", item_id="i", subscription="s"),
        item("old", "team", since="2026-02-01"),
    )
    assert [category for category, _, _ in told(*rows)] == ["new", "expansion", "contraction", "new"]


def test_another_currency_goes_on_in_the_same_account() -> None:
    rows = (
        item("a", "pro", since="2026-01-01", until="2026-02-01"),
        item("a", "pro", since="2026-02-01", currency="eur"),
    )
    assert [category for category, _, _ in told(*rows)][1:] == ["contraction", "expansion"]


def test_the_net_view_has_one_row_where_the_event_view_has_two() -> None:
    rows = (
        item("a", "pro", since="2026-01-01", until="2026-02-01"),
        item("a", "team", since="2026-01-01", until="2026-02-01", quantity=3),
        item("a", "scale", since="2026-02-01"),
        item("a", "team", since="2026-02-01", quantity=1),
    )
    given = books(*rows)
    events = [(row["category"], row["net_category"], row["cause"]) for row in given.movements[2:]]
    assert events == [("expansion", "expansion", "upsell"), ("contraction", "expansion", "seats")]
    net = [row for row in given.net if row["moved_at"] == given.movements[2]["moved_at"]]
    assert [(row["category"], row["cause"], row["units"] // UNITS_PER_MINOR) for row in net] == [
        ("expansion", "upsell", 3200)
    ]
