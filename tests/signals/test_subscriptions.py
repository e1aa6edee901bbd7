"""What an account has bought, and where the windows of its use begin and end."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.company import account, company, item, purchase, usage
from upstep.clock import from_seconds, iso


def windows(found: dict[str, object]) -> list[str | None]:
    """When the next window, this one and the three before it begin."""
    starts = [found[f"starts_{name}"] for name in ("next", "0", "1", "2", "3")]
    return [None if start is None else iso(from_seconds(start)) for start in starts]  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def limits() -> dict[tuple[str, str], dict[str, object]]:
    """Limit rows as of 2026-03-20, by account and meter."""
    given = company(
        item("on-31", "pro", since="2025-01-31T13:37:11"),
        item("on-30", "pro", since="2025-09-30"),
        item("on-29", "pro", since="2024-02-29T23:59:59"),
        item("today", "pro", since="2025-05-20T12:00:00"),
        item("moved", "pro", since="2025-01-31", period_start="2026-03-05T08:00:00"),
        item("kept", "pro", since="2025-01-31", period_start="2026-02-28"),
        item("year", "pro", since="2023-05-31T06:00:00", interval="year"),
        item("quarter", "pro", since="2025-01-15", interval="quarter", amount_minor=5000),
        item("two", "pro", since="2025-01-25", subscription="s1"),
        item("two", "scale", since="2025-01-10", subscription="s2"),
        account("kathmandu", time_zone="Asia/Kathmandu"),
        item("kathmandu", "pro"),
        account("new-york", time_zone="America/New_York"),
        item("new-york", "pro"),
        account("nowhere", time_zone="Nowhere/Else"),
        item("nowhere", "pro"),
        as_of="2026-03-20T12:00:00",
    )
    return {(row["account_id"], row["meter_id"]): row for row in given.signals("limit_profile")}


Limits = dict[tuple[str, str], dict[str, object]]


def test_an_anchor_on_the_31st_stands_for_the_last_day_of_shorter_months(limits: Limits) -> None:
    assert windows(limits["on-31", "emails"]) == [
        *("2026-03-31T13:37:11Z", "2026-02-28T13:37:11Z", "2026-01-31T13:37:11Z", "2025-12-31T13:37:11Z"),
        "2025-11-30T13:37:11Z",
    ]


def test_anchors_on_the_29th_and_30th_come_back_after_february(limits: Limits) -> None:
    assert windows(limits["on-30", "emails"])[:3] == [
        "2026-03-30T00:00:00Z",
        "2026-02-28T00:00:00Z",
        "2026-01-30T00:00:00Z",
    ]
    assert windows(limits["on-29", "emails"])[:2] == ["2026-03-29T23:59:59Z", "2026-02-28T23:59:59Z"]


def test_a_window_that_begins_this_very_second_is_the_current_one(limits: Limits) -> None:
    assert windows(limits["today", "emails"])[:2] == ["2026-04-20T12:00:00Z", "2026-03-20T12:00:00Z"]


def test_a_period_that_the_provider_moved_is_the_anchor(limits: Limits) -> None:
    assert windows(limits["moved", "emails"])[:2] == ["2026-04-05T08:00:00Z", "2026-03-05T08:00:00Z"]


def test_a_period_shortened_by_february_does_not_move_the_anchor(limits: Limits) -> None:
    assert windows(limits["kept", "emails"])[0] == "2026-03-31T00:00:00Z"


def test_months_count_inside_a_yearly_term_and_the_term_has_windows_of_its_own(limits: Limits) -> None:
    assert windows(limits["year", "emails"])[:2] == ["2026-03-31T06:00:00Z", "2026-02-28T06:00:00Z"]
    assert windows(limits["year", "exports"]) == [
        *("2026-05-31T06:00:00Z", "2025-05-31T06:00:00Z", "2024-05-31T06:00:00Z", "2023-05-31T06:00:00Z"),
        "2022-05-31T06:00:00Z",
    ]
    assert windows(limits["quarter", "exports"])[:3] == [
        "2026-04-15T00:00:00Z",
        "2026-01-15T00:00:00Z",
        "2025-10-15T00:00:00Z",
    ]


def test_of_several_subscriptions_the_earliest_anchor_counts(limits: Limits) -> None:
    assert windows(limits["two", "emails"])[:2] == ["2026-04-10T00:00:00Z", "2026-03-10T00:00:00Z"]


def test_calendar_months_are_the_accounts_own_else_the_companys(limits: Limits) -> None:
    assert windows(limits["kathmandu", "calls"])[:2] == ["2026-03-31T18:15:00Z", "2026-02-28T18:15:00Z"]
    # New York had left winter time by April; the company is in Berlin, and so is who has no zone or an unknown one.
    assert windows(limits["new-york", "calls"])[:2] == ["2026-04-01T04:00:00Z", "2026-03-01T05:00:00Z"]
    assert windows(limits["nowhere", "calls"])[:2] == ["2026-03-31T22:00:00Z", "2026-02-28T23:00:00Z"]
    assert windows(limits["on-31", "calls"]) == windows(limits["nowhere", "calls"])


def test_a_stock_has_one_window_for_life(limits: Limits) -> None:
    storage = limits["on-31", "storage"]
    assert [storage[f"starts_{name}"] for name in ("next", "0", "1", "2", "3")] == [2**40, 0, None, None, None]


@settings(max_examples=3)
@given(
    st.datetimes(
        min_value=from_seconds(1_600_000_000).replace(tzinfo=None),
        max_value=from_seconds(1_773_900_000).replace(tzinfo=None),
    )
)
def test_now_lies_in_the_current_window_and_windows_meet(start: object) -> None:
    given = company(item("a1", "pro", since=start.isoformat()), as_of="2026-03-20T12:00:00")  # type: ignore[attr-defined]
    for row in given.signals("spans"):
        starts = [row[f"starts_{name}"] for name in ("next", "0", "1", "2", "3")]
        assert starts[1] <= 1_774_008_000 < starts[0]
        known = [start for start in starts if start is not None]
        assert known == sorted(known, reverse=True)


def test_only_live_items_are_owned_and_only_paid_ones_count() -> None:
    statuses = ("trialing", "active", "past_due", "unpaid", "paused", "canceled", "incomplete")
    given = company(
        *(item(status, "pro", status=status) for status in statuses),
        item("ended", "pro", until="2026-03-20"),
        item("ends", "pro", until="2026-03-20T00:00:01"),
        item("begins", "pro", since="2026-03-20"),
        item("later", "pro", since="2026-03-20T00:00:01"),
    )
    owned = {row["account_id"]: row for row in given.signals("owned")}
    assert set(owned) == {"trialing", "active", "past_due", "unpaid", "ends", "begins"}
    assert {name for name, row in owned.items() if row["recurring_units"]} == {"active", "past_due", "ends", "begins"}


def test_the_costliest_plan_leads_and_all_items_add_up() -> None:
    given = company(
        item("a1", "pro", subscription="s1"),
        item("a1", "pro", subscription="s2"),
        item("a1", "scale", subscription="s3"),
        item("a1", add_on="own_ip", quantity=1),
    )
    owned = given.signal("owned", account_id="a1", product_id="sending")
    assert (owned["plan_id"], owned["quantity"], owned["live_subscriptions"]) == ("scale", 1, 3)
    assert owned["recurring_units"] == (2000 + 2000 + 9000 + 3000) * 12 * 27720


def test_buying_is_a_paid_start_an_upgrade_or_a_purchase_but_neither_seats_nor_renewal() -> None:
    day = {name: f"2026-0{month}-01" for month, name in enumerate(("start", "more", "renewed"), 1)}
    given = company(
        item("seats", "team", quantity=5, since=day["start"], until=day["more"]),
        item("seats", "team", quantity=9, since=day["more"], until=day["renewed"]),
        item("seats", "team", quantity=9, since=day["renewed"]),
        item("raised", "free", since=day["start"], until=day["more"]),
        item("raised", "pro", since=day["more"], until=day["renewed"]),
        item("raised", "scale", since=day["renewed"]),
        item("lowered", "scale", since=day["start"], until=day["renewed"]),
        item("lowered", "pro", since=day["renewed"]),
        item("trial", "pro", since=day["start"], status="trialing"),
        purchase("seats", at=day["renewed"], product_id="teams"),
    )
    history = {row["account_id"]: row for row in given.signals("history")}
    bought = {
        name: iso(from_seconds(row["bought_at"]))[:10] if row["bought_at"] else None for name, row in history.items()
    }
    assert bought == {"seats": day["renewed"], "raised": day["renewed"], "lowered": day["start"], "trial": None}
    assert iso(from_seconds(history["lowered"]["downgraded_at"]))[:10] == day["renewed"]
    assert history["raised"]["downgraded_at"] is None


def test_a_company_without_anything_has_no_signals() -> None:
    assert company().signals("owned", "history", "spans", "limit_profile", "account_profile") == []


def test_use_before_a_subscription_does_not_make_it_owned() -> None:
    assert company(usage("a1", "emails", 5, at="2026-03-01")).signals("owned") == []
