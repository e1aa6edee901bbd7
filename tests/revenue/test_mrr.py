"""The bridge of a month: each line by hand for a few accounts, and that it leads from the start to the end."""

from __future__ import annotations

from tests.company import fx, item, purchase
from tests.revenue.books import books
from upstep.revenue.mrr import LINES


def test_a_month_tells_how_mrr_came_from_its_start_to_its_end() -> None:
    given = books(
        item("a", "pro", since="2026-01-05", until="2026-02-10"),
        item("a", "scale", since="2026-02-10", until="2026-03-05"),
        item("b", "pro", since="2026-01-05", until="2026-02-20"),
        item("c", "pro", since="2026-02-01"),
        last="2026-03",
    )
    assert [bridge.minor() for bridge in given.bridges] == [
        dict(zip(LINES, (0, 4000, 0, 0, 0, 0, 0, 4000), strict=True)),
        dict(zip(LINES, (4000, 2000, 7000, 0, 0, 2000, 0, 11000), strict=True)),
        dict(zip(LINES, (11000, 0, 0, 0, 0, 9000, 0, 2000), strict=True)),
    ]


def test_the_effect_of_rates_is_its_own_line() -> None:
    given = books(
        item("a", "pro", since="2026-01-05", currency="eur"),
        fx("eur", "usd", "1.10", on="2025-12-31"),
        fx("eur", "usd", "1.20", on="2026-01-20"),
        last="2026-02",
    )
    assert [bridge.minor() for bridge in given.totals] == [
        dict(zip(LINES, (0, 1980, 0, 0, 0, 0, 180, 2160), strict=True)),
        dict(zip(LINES, (2160, 0, 0, 0, 0, 0, 0, 2160), strict=True)),
    ]


def test_an_account_that_changes_its_currency_neither_leaves_nor_expands_by_all_it_pays() -> None:
    given = books(
        item("a", "pro", since="2026-01-05", until="2026-02-10"),
        item("a", "pro", since="2026-02-10", currency="eur"),
        fx("eur", "usd", "1.10", on="2025-12-31"),
        last="2026-02",
    )
    assert given.totals[1].minor() == dict(zip(LINES, (2000, 0, 0, 0, 20, 0, 0, 1980), strict=True))
    kept = given.total_retentions[1]
    assert (kept.start, kept.end, kept.lost) == (
        given.totals[1]["start"],
        given.totals[1]["end"],
        given.totals[1]["contraction"],
    )


def test_one_off_revenue_stands_apart() -> None:
    given = books(item("a", "pro", since="2026-01-05"), purchase("a", at="2026-02-10"))
    assert given.found["one_off"].to_pylist() == [
        {"cut": None, "currency": "usd", "month": 2026 * 12 + 1, "amount_minor": 150000, "purchases": 1}
    ]
    assert given.bridges[1]["end"] == given.bridges[0]["end"]
