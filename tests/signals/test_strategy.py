"""Moments, outcomes, answers, goals, deals, people, and how many kinds of signal agree."""

from __future__ import annotations

from typing import Any

import pytest

from tests.company import account, company, contact, deal, feedback, goal, moment, outcome, ticket

AS_OF = "2026-03-20T12:00:00"
Rows = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def rows() -> Rows:
    """Account profiles."""
    given = company(
        moment("hired", "hire", at="2025-09-21T12:00:01"),
        moment("hired long ago", "hire", at="2025-09-21T12:00:00"),
        moment("to come", "hire", at="2026-03-20T12:00:01"),
        moment("gate", "feature_gate_hit", at="2026-02-20T12:00:01"),
        moment("gate", "feature_gate_hit", at="2026-02-20T12:00:00"),
        moment("prices", "pricing_page_viewed", at=AS_OF),
        moment("study", "case_study", at="2025-03-21"),
        moment("risk", "renewal_risk", at="2025-12-20T12:00:01", moment_id="r1"),
        moment("risk past", "renewal_risk", at="2025-12-20T12:00:00"),
        feedback("answered", at="2026-01-01", score=9.0),
        feedback("answered", at="2026-02-01", score=6.0),
        feedback("answered", at="2026-03-01", score=1.0, kind="csat"),
        feedback("answered", at="2026-03-21", score=10.0),
        feedback("answered long ago", at="2025-03-20T12:00:00"),
        outcome("met", at="2026-01-01", achieved=1.0),
        outcome("met", at="2026-02-01", achieved=100.0),
        outcome("missed", at="2026-01-01", achieved=100.0),
        outcome("missed", at="2026-02-01", achieved=99.9),
        outcome("two", metric="revenue", achieved=100.0),
        outcome("two", metric="hours", achieved=1.0),
        deal("open", at=AS_OF),
        deal("closing", closed_at="2026-03-20T12:00:01"),
        deal("closed", closed_at=AS_OF),
        contact("people", at="2026-02-20T12:00:01"),
        contact("people", at="2026-02-20T12:00:00"),
        contact("people", at="2026-03-01", in_original_purchase=True),
        contact("people", at="2026-03-02", left_at=AS_OF),
        contact("people", contact_id="dateless", created_at=None),
        account("asked not", do_not_sell_why="merger"),
        account("until", do_not_sell_until="2026-03-20T12:00:01"),
        account("over", do_not_sell_why="merger", do_not_sell_until=AS_OF),
        account("nothing"),
        moment("all", "funding", at="2026-03-01"),
        outcome("all"),
        ticket("all", kind="feature_request"),
        *(contact("all", at="2026-03-10") for _ in range(3)),
        as_of=AS_OF,
    )
    return {row["account_id"]: row for row in given.signals("account_profile")}


def having(rows: Rows, column: str) -> set[str]:
    return {name for name, row in rows.items() if row[column]}


def test_moments_count_within_their_days(rows: Rows) -> None:
    assert having(rows, "strategic_moments_180d") == {"hired", "all"}
    assert having(rows, "gate_hits_28d") == {"gate"}
    assert rows["gate"]["gate_hits_28d"] == 1
    assert having(rows, "pricing_views_28d") == {"prices"}
    assert having(rows, "proofs_365d") == {"study"}
    assert having(rows, "renewal_risks_90d") == {"risk"}
    assert rows["risk"]["renewal_risk_id"] == "r1"


def test_the_newest_nps_answer_within_a_year_counts(rows: Rows) -> None:
    assert {name: row["nps_score"] for name, row in rows.items() if row["nps_score"] is not None} == {"answered": 6.0}


def test_an_outcome_is_met_by_its_newest_measurement_of_each_metric(rows: Rows) -> None:
    counts = {
        name: (rows[name]["outcomes_met"], rows[name]["outcomes_missed"])
        for name in ("met", "missed", "two", "nothing")
    }
    assert counts == {"met": (1, 0), "missed": (0, 1), "two": (1, 1), "nothing": (0, 0)}


def test_a_deal_is_open_from_its_opening_until_it_closes(rows: Rows) -> None:
    assert having(rows, "open_deals") == {"open", "closing"}


def test_new_people_came_on_their_own_within_28_days_and_are_still_there(rows: Rows) -> None:
    assert (rows["people"]["contacts_now"], rows["people"]["new_users_28d"]) == (4, 1)


def test_do_not_sell_lasts_until_its_date_or_until_removed(rows: Rows) -> None:
    assert having(rows, "do_not_sell") == {"asked not", "until"}


def test_density_is_how_many_of_the_four_kinds_of_signal_are_there(rows: Rows) -> None:
    density = {name: rows[name]["signal_density"] for name in ("all", "hired", "study", "gate", "nothing")}
    assert density == {"all": 4, "hired": 1, "study": 1, "gate": 1, "nothing": 0}


def test_a_goal_counts_while_who_stated_it_is_there_and_its_sponsor_too() -> None:
    given = company(
        contact("a1", contact_id="boss"),
        contact("a1", contact_id="gone", left_at=AS_OF),
        goal("a1", goal_id="sponsored", sponsor_contact_id="sam", advances=("scale", "audience")),
        goal("a1", goal_id="left alone", sponsor_contact_id="gone"),
        goal("a1", goal_id="nobody's"),
        goal("a1", goal_id="of one who left", contact_id="gone"),
        goal("a1", goal_id="to come", at="2026-03-20T12:00:01"),
        as_of=AS_OF,
    )
    goals = {row["goal_id"]: row for row in given.signals("goals")}
    assert {name: row["has_sponsor"] for name, row in goals.items()} == {
        "sponsored": True,
        "left alone": False,
        "nobody's": False,
    }
    assert goals["sponsored"]["advances"] == "\nscale\naudience\n"
