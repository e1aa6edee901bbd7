"""NRR and GRR of months and cohorts, by hand for a few accounts."""

from __future__ import annotations

from fractions import Fraction

from tests.company import item
from tests.revenue.books import books


def test_a_month_keeps_what_its_payers_pay_at_its_end() -> None:
    given = books(
        item("a", "pro", since="2026-01-05", until="2026-02-10"),
        item("a", "scale", since="2026-02-10"),
        item("b", "pro", since="2026-01-05", until="2026-02-20"),
        item("c", "pro", since="2026-02-01T00:00:01"),
        last="2026-02",
    )
    kept = given.retentions[1]
    assert kept.net_revenue_retention == Fraction(9000, 4000)
    assert kept.gross_revenue_retention == Fraction(2000, 4000)
    assert kept.gross_revenue_retention_by_flow == Fraction(2000, 4000)


def test_a_cohort_is_followed_from_its_first_month() -> None:
    given = books(
        item("a", "pro", since="2026-01-05", until="2026-02-10"),
        item("a", "pro", since="2026-04-10"),
        item("b", "pro", since="2026-01-05", until="2026-03-10"),
        item("b", "scale", since="2026-03-10"),
        last="2026-04",
    )
    assert given.cohorts[0].net_revenue_retention == (1, Fraction(1, 2), Fraction(9, 4), Fraction(9, 4))
