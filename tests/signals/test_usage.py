"""How much was used: whole days from the roll-up, boundary days from events, levels of stocks, people by window."""

from __future__ import annotations

from typing import Any

import pytest

from tests.company import company, item, usage


@pytest.fixture(scope="module")
def rows() -> dict[tuple[str, str], dict[str, Any]]:
    """Limit rows as of 2026-03-20T12:00:00Z, by account and meter."""
    start = "2026-03-10T13:37:11"
    given = company(
        # The window begins on 10 March at 13:37:11, the one before on 10 February.
        item("edge", "pro", since="2025-01-10T13:37:11"),
        usage(
            "edge",
            "emails",
            {
                "2026-02-10T13:37:10": 1,
                "2026-02-10T13:37:11": 10,
                "2026-03-10T13:37:10": 100,
                start: 1_000,
                "2026-03-10T23:59:59": 10_000,
                "2026-03-20T12:00:00": 100_000,
                "2026-03-20T12:00:01": 1_000_000,
            },
        ),
        usage(
            "edge", "peak", {"2026-03-10T13:37:10": 90, start: 40, "2026-03-11T02:00:00": 30, "2026-03-11T03:00:00": 25}
        ),
        usage("edge", "calls", {f"2026-03-0{day}T23:00:00": 7 for day in range(1, 8)}),
        # Midnight in Berlin on 1 March is 23:00 of 28 February.
        usage("edge", "calls", {"2026-02-28T22:59:59": 7, "2026-02-28T23:00:00": 7}),
        item("people", "pro", since="2025-01-10"),
        usage("people", "senders", {"2026-03-09T23:59:59": 1, "2026-03-10T00:00:00": 1}, contact="ann"),
        usage("people", "senders", {f"2026-03-1{day}": 1 for day in range(1, 5)}, contact="bob"),
        usage("people", "senders", 1, at="2026-03-11"),
        usage("people", "senders", 1, at="2026-03-20T12:00:01", contact="cem"),
        item("stock", "pro"),
        usage("stock", "storage", {"2026-01-02": 90, "2026-03-13T01:00:00": 50, "2026-03-13T02:00:00": 20}),
        usage("stock", "templates", {"2025-02-01": 3, "2026-03-01": 1, "2026-03-01T01:00:00": 1}),
        item("high", "audience_pack", quantity=900),
        usage("high", "contacts", {"2026-01-01": 700, "2026-03-01": 400}),
        item("idle", "pro"),
        item("long", "scale", since="2025-04-01", interval="year"),
        usage("long", "exports", {"2025-03-31T23:59:59": 50, "2025-04-01": 3, "2025-11-01": 4}),
        item("weeks", "pro", since="2025-01-01"),
        usage(
            "weeks",
            "emails",
            {
                "2026-03-20T01:00:00": 1,
                "2026-03-19T23:00:00": 10,
                "2026-03-13": 100,
                "2026-03-12T23:59:59": 1_000,
                "2026-01-23": 10_000,
                "2026-01-22T23:59:59": 100_000,
            },
        ),
        as_of="2026-03-20T12:00:00",
    )
    return {(row["account_id"], row["meter_id"]): row for row in given.signals("limit_profile")}


Rows = dict[tuple[str, str], dict[str, Any]]


def test_the_day_a_window_begins_on_is_cut_at_its_second(rows: Rows) -> None:
    assert rows["edge", "emails"]["used"] == 111_000
    assert rows["edge", "emails"]["used_1"] == 110


def test_an_event_after_the_as_of_is_not_counted_and_one_at_it_is(rows: Rows) -> None:
    assert 100_000 <= rows["edge", "emails"]["used"] < 1_000_000


def test_a_peak_is_the_highest_event_of_the_window(rows: Rows) -> None:
    assert (rows["edge", "peak"]["used"], rows["edge", "peak"]["used_1"]) == (40, 90)


def test_a_count_counts_events_of_the_month_where_the_company_is(rows: Rows) -> None:
    assert (rows["edge", "calls"]["used"], rows["edge", "calls"]["used_1"]) == (8, 1)


def test_people_are_counted_once_a_window_and_events_without_a_person_are_nobody(rows: Rows) -> None:
    assert (rows["people", "senders"]["used"], rows["people", "senders"]["used_1"]) == (2, 1)


def test_a_level_holds_until_the_next_reading(rows: Rows) -> None:
    stock = rows["stock", "storage"]
    assert (stock["used"], stock["level_1"], stock["level_2"], stock["level_8"]) == (20, 20, 90, 90)


def test_a_counted_stock_adds_up_over_life(rows: Rows) -> None:
    assert (rows["stock", "templates"]["used"], rows["stock", "templates"]["level_4"]) == (3, 1)


def test_a_maximum_is_the_highest_level_so_far(rows: Rows) -> None:
    assert rows["high", "contacts"]["used"] == 700


def test_nothing_recorded_is_no_use(rows: Rows) -> None:
    idle = rows["idle", "emails"]
    assert (idle["used"], idle["used_1"], idle["utilisation"], idle["adoption"]) == (0, 0, 0.0, 0.0)


def test_a_yearly_term_counts_from_its_own_beginning(rows: Rows) -> None:
    assert rows["long", "exports"]["used"] == 7


def test_weeks_are_seven_whole_days_and_leave_out_today(rows: Rows) -> None:
    weeks = rows["weeks", "emails"]
    assert [weeks[f"week_{number}"] for number in (1, 2, 8)] == [110, 1_000, 10_000]


def test_first_value_is_reached_by_use_or_by_a_moment() -> None:
    from tests.company import moment

    given = company(
        *(item(name, "pro") for name in ("at", "under", "after")),
        usage("at", "emails", {"2020-01-01": 40, "2026-03-20": 60}),
        usage("under", "emails", 99, at="2026-03-01"),
        usage("after", "emails", 100, at="2026-03-20T00:00:01"),
        *(item(name, "team", quantity=5) for name in ("had", "other", "had-not")),
        moment("had", "first_value", subject_id="teams"),
        moment("other", "first_value", subject_id="sending"),
        item("no-rule", "receiving_basic"),
    )
    reached = {row["account_id"]: row["first_value_reached"] for row in given.signals("first_value")}
    assert reached == {
        "at": True,
        "under": False,
        "after": False,
        "had": True,
        "other": False,
        "had-not": False,
        "no-rule": None,
    }


def test_who_was_active_is_known_for_28_days_across_a_month_end() -> None:
    given = company(
        usage("a1", "emails", 1, at="2026-02-21", contact="in"),
        usage("a1", "emails", 1, at="2026-02-20T23:59:59", contact="out"),
        usage("a1", "emails", 1, at="2026-03-20", contact="today"),
        as_of="2026-03-20T12:00:00",
    )
    assert len(given.signals("active")) == 2
