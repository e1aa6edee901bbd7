"""Open problems and feature requests."""

from __future__ import annotations

from typing import Any

import pytest

from tests.company import company, ticket


@pytest.fixture(scope="module")
def rows() -> dict[str, dict[str, Any]]:
    """Account profiles as of 2026-03-20T12:00:00Z."""
    new, old, edge = "2026-03-19", "2026-03-15T11:59:59", "2026-03-15T12:00:00"
    cases: dict[str, list[dict[str, Any]]] = {
        "urgent": [{"at": new, "severity": "urgent"}],
        "high": [{"at": new, "severity": "high"}],
        "escalated": [{"at": new, "severity": "low", "escalated": True}],
        "old": [{"at": old, "severity": "low"}],
        "five days": [{"at": edge, "severity": "low"}],
        "new": [{"at": new, "severity": None}],
        "unknown kind": [{"at": old, "kind": None}],
        "question": [{"at": old, "kind": "question", "severity": "urgent"}],
        "request": [{"at": old, "kind": "feature_request", "severity": "urgent", "escalated": True}],
        "closed": [{"at": old, "severity": "urgent", "closed_at": "2026-03-20T12:00:00"}],
        "closes": [{"at": old, "severity": "urgent", "closed_at": "2026-03-20T12:00:01"}],
        "future": [{"at": "2026-03-20T12:00:01", "severity": "urgent"}],
        "asked long ago": [{"at": "2025-12-20", "kind": "feature_request", "closed_at": "2026-01-01"}],
        "asked, done": [{"at": "2025-12-21", "kind": "feature_request", "closed_at": "2026-01-01"}],
        "asked, open": [{"at": "2025-01-01", "kind": "feature_request"}],
    }
    given = company(
        *(
            ticket(name, ticket_id=f"{name} {number}", **columns)
            for name, tickets in cases.items()
            for number, columns in enumerate(tickets)
        ),
        as_of="2026-03-20T12:00:00",
    )
    return {row["account_id"]: row for row in given.signals("account_profile")}


def test_a_problem_weighs_when_it_is_urgent_high_escalated_or_older_than_five_days(rows: dict[str, Any]) -> None:
    weighs = {name for name, row in rows.items() if row["weighing_problems"]}
    assert weighs == {"urgent", "high", "escalated", "old", "unknown kind", "closes"}
    assert rows["old"]["weighing_ticket_id"] == "old 0"


def test_a_problem_that_does_not_weigh_is_still_open(rows: dict[str, Any]) -> None:
    assert (rows["new"]["open_problems"], rows["five days"]["open_problems"], rows["question"]["open_problems"]) == (
        1,
        1,
        0,
    )
    assert rows["five days"]["oldest_problem_days"] == 5.0


def test_requests_count_while_open_and_for_90_days(rows: dict[str, Any]) -> None:
    assert {name for name, row in rows.items() if row["feature_requests_90d"]} == {
        "request",
        "asked, done",
        "asked, open",
    }
    assert rows["request"]["has_intent_signal"] is True


def test_without_tickets_nothing_is_open(rows: dict[str, Any]) -> None:
    assert (rows["future"]["open_problems"], rows["future"]["weighing_problems"]) == (0, 0)
