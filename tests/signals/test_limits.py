"""How much may be used and how near it is: sums, overrides, enforcement, seats, and when a stock reached a share."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.company import Rows, company, item, override, seat, usage
from upstep.clock import from_day, iso, parse_instant

AS_OF = "2026-03-20T12:00:00"


def by_account(rows: list[dict[str, Any]], meter: str) -> dict[str, dict[str, Any]]:
    return {row["account_id"]: row for row in rows if row.get("meter_id") == meter}


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    own: dict[str, dict[str, Any]] = {
        "own": {},
        "gone": {"valid_to": AS_OF},
        "later": {"valid_from": "2026-03-20T12:00:01"},
        "since-now": {"valid_from": AS_OF},
    }
    return company(
        *(part for name, dates in own.items() for part in (item(name, "pro"), override(name, "emails", 500, **dates))),
        item("several", "pro"),
        override("several", "emails", 500),
        override("several", "emails", 700),
        item("lifted", "enterprise", interval="year"),
        override("lifted", "emails", 500),
        item("unlimited", "enterprise", interval="year"),
        usage("unlimited", "emails", 9, at="2026-03-19"),
        item("both", "pro"),
        item("both", "enterprise", interval="year", subscription="s2"),
        item("summed", "pro"),
        item("summed", "scale", subscription="s2"),
        item("summed", add_on="more_storage", quantity=3),
        item("add-on", "pro"),
        item("add-on", add_on="more_storage", quantity=2, until="2026-03-20"),
        item("zero", "pro"),
        usage("zero", "sms", 5, at="2026-03-19"),
        usage("zero", "calls", 900, since="2026-03-01", until="2026-03-19"),
        item("zeroed", "pro"),
        override("zeroed", "emails", 0),
        item("exact", "pro", since="2025-01-10"),
        usage("exact", "emails", {"2026-03-11": 8_000, "2026-02-11": 9_000, "2026-01-11": 10_001}),
        item("fresh", "pro", since="2026-02-15"),
        usage("fresh", "emails", 10, at="2026-03-16"),
        item("upgraded", "free", since="2025-01-10", until="2026-02-15"),
        item("upgraded", "pro", since="2026-02-15"),
        usage("upgraded", "emails", 900, at="2026-02-12"),
        as_of=AS_OF,
    ).signals("limit_profile")


def test_an_override_in_force_replaces_the_plans_limit(rows: list[dict[str, Any]]) -> None:
    emails = by_account(rows, "emails")
    limits = {
        name: emails[name]["limit_quantity"] for name in ("own", "gone", "later", "since-now", "several", "lifted")
    }
    assert limits == {"own": 500, "gone": 10_000, "later": 10_000, "since-now": 500, "several": 700, "lifted": 500}
    assert emails["lifted"]["is_unlimited"] is False
    assert emails["own"]["basis"] != emails["gone"]["basis"]


def test_an_unlimited_limit_has_no_number_and_makes_the_sum_unlimited(rows: list[dict[str, Any]]) -> None:
    for name in ("unlimited", "both"):
        row = by_account(rows, "emails")[name]
        assert (row["limit_quantity"], row["is_unlimited"], row["utilisation"], row["idle"]) == (None, True, None, None)
    assert by_account(rows, "emails")["unlimited"]["used"] == 9


def test_live_plans_and_add_ons_times_their_quantity_add_up(rows: list[dict[str, Any]]) -> None:
    storage = by_account(rows, "storage")
    assert (storage["summed"]["limit_quantity"], storage["add-on"]["limit_quantity"]) == (100 + 1000 + 3 * 50, 100)


def test_a_limit_of_zero_or_one_that_bills_each_unit_has_no_utilisation(rows: list[dict[str, Any]]) -> None:
    zero = by_account(rows, "sms")["zero"]
    assert (zero["limit_quantity"], zero["used"], zero["utilisation"], zero["adoption"]) == (0, 5, None, None)
    assert by_account(rows, "emails")["zeroed"]["utilisation"] is None
    auto = by_account(rows, "calls")["zero"]
    assert (auto["enforcement"], auto["used"], auto["utilisation"]) == ("auto", 18, None)


def test_the_loosest_enforcement_of_several_items_counts(rows: list[dict[str, Any]]) -> None:
    assert by_account(rows, "emails")["own"]["enforcement"] == "overage"
    # One plan bills each call, the other stops at a number: use goes on.
    assert by_account(rows, "calls")["summed"]["enforcement"] == "auto"
    assert by_account(rows, "storage")["own"]["enforcement"] == "hard"


def test_shares_are_exact_at_their_edges(rows: list[dict[str, Any]]) -> None:
    row = by_account(rows, "emails")["exact"]
    assert (row["utilisation"], row["adoption"], row["idle"]) == (0.8, 0.9, 1_000)
    assert (row["periods_at_90_3"], row["overage_periods_3"], row["complete_periods"]) == (2, 1, 3)


def test_a_window_that_the_product_was_not_held_through_is_not_complete(rows: list[dict[str, Any]]) -> None:
    fresh = by_account(rows, "emails")["fresh"]
    assert (fresh["complete_periods"], fresh["used_1"], fresh["used_2"]) == (1, 0, None)


def test_a_window_used_under_another_plan_says_nothing_of_adoption(rows: list[dict[str, Any]]) -> None:
    row = by_account(rows, "emails")["upgraded"]
    assert (row["used_1"], row["adoption"]) == (900, None)


@pytest.mark.parametrize(("now", "adoption"), [(3_999, 0.0), (4_000, None), (12_000, None)])
def test_a_subscription_older_than_the_count_of_its_use_has_no_complete_period(
    now: int, adoption: float | None
) -> None:
    given = company(item("a1", "pro", since="2025-08-10"), usage("a1", "emails", now, at="2026-03-15"), as_of=AS_OF)
    row = given.signal("limit_profile", meter_id="emails")
    assert (row["used_1"], row["adoption"]) == (0, adoption)


# Seats


def test_seats_are_those_assigned_and_their_adoption_those_used() -> None:
    given = company(
        item("a1", "team", quantity=4),
        *(seat("a1", contact_id=name) for name in ("ann", "bob")),
        seat("a1", seat_id="nobody's"),
        seat("a1", removed_at="2026-03-20", contact_id="gone"),
        seat("a1", at="2026-03-20T00:00:01", contact_id="late"),
        usage("a1", "messages", 1, at="2026-03-19", contact="ann"),
        usage("a1", "messages", 1, at="2026-03-19", contact="gone"),
        usage("a1", "emails", 1, at="2026-03-19", contact="bob"),
    )
    row = given.signal("limit_profile", meter_id="seats")
    assert (row["limit_quantity"], row["used"], row["utilisation"]) == (4, 3, 0.75)
    assert (row["seats_used"], row["adoption"], row["is_estimated"]) == (1, 0.25, False)


def test_without_a_seat_table_people_of_28_days_stand_in_and_it_says_so() -> None:
    people = [usage("a1", "messages", 1, at="2026-03-19", contact=name) for name in ("ann", "bob", "cem")]
    given = company(item("a1", "team", quantity=4), *people, without=["seat"])
    row = given.signal("limit_profile", meter_id="seats")
    assert (row["used"], row["seats_used"], row["is_estimated"]) == (3, 3, True)


def test_a_seat_table_without_rows_is_no_seats_rather_than_a_guess() -> None:
    given = company(item("a1", "team", quantity=4), usage("a1", "messages", 1, at="2026-03-19", contact="ann"))
    row = given.signal("limit_profile", meter_id="seats")
    assert (row["used"], row["seats_used"], row["is_estimated"]) == (0, 0, False)


def test_a_stale_seat_table_still_speaks_for_the_seats_it_has() -> None:
    rows = [item("a1", "team", quantity=4), seat("a1", contact_id="ann"), item("a2", "team", quantity=4)]
    seen = [usage(name, "messages", 1, at="2026-03-19", contact=f"{name}-{n}") for name in ("a1", "a2") for n in (1, 2)]
    given = company(*rows, *seen, without=["seat"])
    seats = {row["account_id"]: (row["used"], row["is_estimated"]) for row in given.signals("limit_profile")}
    assert seats == {"a1": (1, False), "a2": (2, True)}


# Since when a stock stands at a share


def stood(name: str, *levels: int) -> Rows:
    """Daily levels of storage (limit 100), the last one today."""
    now = parse_instant(AS_OF)
    days = {iso(now - timedelta(days=back)): level for back, level in enumerate(reversed(levels))}
    return [item(name, "pro"), usage(name, "storage", days)]


def test_a_small_dip_does_not_reach_again_and_a_deep_one_does() -> None:
    given = company(
        *stood("small", 82, 75, 82),
        *stood("edge", 82, 70, 82),
        *stood("deep", 82, 69, 82),
        *stood("under", 82, 79),
        *stood("once", 10, 80),
        *stood("full", 10, 95, 100),
        as_of=AS_OF,
    )
    reached = {
        (row["account_id"], row["percent"]): from_day(row["first_reached_day"]).isoformat()
        for row in given.signals("stock_reached")
    }
    assert reached == {
        ("small", 80): "2026-03-18",
        ("edge", 80): "2026-03-18",
        ("deep", 80): "2026-03-20",
        ("once", 80): "2026-03-20",
        ("full", 80): "2026-03-19",
        ("full", 90): "2026-03-19",
        ("full", 100): "2026-03-20",
    }


def test_a_new_limit_is_measured_against_all_past_levels() -> None:
    given = company(*stood("a1", 60, 60, 60), override("a1", "storage", 75), as_of=AS_OF)
    assert [row["percent"] for row in given.signals("stock_reached")] == [80]
