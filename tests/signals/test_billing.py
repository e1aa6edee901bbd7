"""Payment trouble, leaving, renewal."""

from __future__ import annotations

from typing import Any

import pytest

from tests.company import company, invoice, item

Rows = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def rows() -> Rows:
    """Account profiles as of 2026-03-20T12:00:00Z."""
    invoices: dict[str, dict[str, Any]] = {
        "late": {"due_at": "2026-03-17T11:59:59"},
        "in grace": {"due_at": "2026-03-17T12:00:00"},
        "net 30": {"due_at": "2026-04-10"},
        "no date": {"at": "2026-03-01"},
        "no date, old": {"at": "2026-02-01"},
        "failed": {"last_failure_at": "2026-03-20T12:00:00"},
        "failed, paid": {"last_failure_at": "2026-03-01", "status": "paid", "paid_at": "2026-03-02"},
        "fails later": {"last_failure_at": "2026-03-21", "due_at": "2026-04-10"},
        "paid late": {"due_at": "2026-03-01", "status": "paid", "paid_at": "2026-03-19"},
        "paid after": {"due_at": "2026-03-01", "status": "paid", "paid_at": "2026-03-21"},
        "paid, no date": {"due_at": "2026-03-01", "status": "paid"},
        "void": {"due_at": "2026-03-01", "status": "void"},
        "draft": {"due_at": "2026-03-01", "status": "draft"},
        "uncollectible": {"status": "uncollectible", "due_at": "2026-03-01"},
        "later": {"at": "2026-03-21", "due_at": "2026-03-01"},
    }
    return {
        row["account_id"]: row
        for row in company(
            *(invoice(name, invoice_id=f"i {name}", **columns) for name, columns in invoices.items()),
            item("year", "scale", interval="year", renews_at="2026-06-18T12:00:00"),
            item("half", "scale", interval="month", interval_count=6, renews_at="2026-06-18T12:00:01"),
            item("near", "scale", interval="month", renews_at="2026-03-25T11:00:00"),
            item("passed", "scale", interval="year", renews_at="2026-03-20T11:00:00"),
            item("canceling", "pro", cancel_at="2026-04-01"),
            item("lower", "scale", pending_plan_id="pro"),
            item("higher", "pro", pending_plan_id="scale"),
            item("unknown", "pro", pending_plan_id="an old plan"),
            item("due", "pro", status="past_due"),
            as_of="2026-03-20T12:00:00",
        ).signals("account_profile")
    }


def test_an_invoice_is_trouble_when_failed_uncollectible_or_due_more_than_three_days_ago(rows: Rows) -> None:
    assert {name for name, row in rows.items() if row["troubled_invoices"]} == {
        "late",
        "failed",
        "paid after",
        "uncollectible",
        "no date, old",
    }
    assert rows["late"]["troubled_invoice_id"] == "i late"


def test_an_open_invoice_that_is_not_due_is_open_and_no_trouble(rows: Rows) -> None:
    is_open = {name for name, row in rows.items() if row["open_invoices"] and not row["troubled_invoices"]}
    assert is_open == {"in grace", "net 30", "no date", "fails later"}


def test_only_long_terms_have_a_renewal_window_of_90_days(rows: Rows) -> None:
    assert {name for name, row in rows.items() if row["in_renewal_window"]} == {"year", "half"}
    assert (rows["year"]["long_renewal_days"], rows["half"]["long_renewal_days"]) == (90, 90)
    assert (rows["near"]["renewal_days"], rows["near"]["long_renewal_days"]) == (4, None)
    assert rows["passed"]["renewal_days"] is None


def test_a_pending_change_is_a_downgrade_only_to_a_lower_plan(rows: Rows) -> None:
    assert {name for name, row in rows.items() if row["pending_downgrade"]} == {"lower"}
    assert {name for name, row in rows.items() if row["cancel_at"]} == {"canceling"}
    assert {name for name, row in rows.items() if row["is_past_due"]} == {"due"}
