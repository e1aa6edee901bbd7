"""Movements: what each change of a subscription did to MRR, and that all of them add up to what is paid now."""

from __future__ import annotations

from functools import cache
from typing import Any

import ibis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.company import Row, company, item, project
from upstep.clock import parse_instant
from upstep.money import UNITS_PER_MINOR, monthly_units
from upstep.movements.movement import movements
from upstep.movements.plans import plan_table
from upstep.movements.words import CATEGORIES, CAUSES
from upstep.signals.vocabulary import interval_factor, today
from upstep.tables.query import DuckEngine, arrow_types, compile_select, core_table

AS_OF = "2026-03-20"


@cache
def compiled() -> tuple[str, DuckEngine]:
    """The query and an engine that holds the small tables it joins."""
    engine = DuckEngine(threads=1)
    small = {"factors": interval_factor(), "plans": plan_table(project().catalog)}
    small["today"] = today(parse_instant(AS_OF))
    for name, rows in small.items():
        engine.load(name, rows)
    tables = {name: ibis.table(arrow_types(rows.schema), name=name) for name, rows in small.items()}
    return compile_select(movements(core_table("subscription_item"), **tables), "duckdb"), engine


def moved(*rows: Any) -> list[dict[str, Any]]:
    """The movements of a company's items, oldest first; ``minor`` is the change in minor units, rounded."""
    select, engine = compiled()
    engine.load("subscription_item", company(*rows, as_of=AS_OF).tables["subscription_item"])
    found = engine.connection.sql(select).to_arrow_table().to_pylist()
    ordered = sorted(found, key=lambda row: (row["account_key"], row["moved_at"], row["product_id"], row["currency"]))
    return [{**row, "minor": round(row["units"] / UNITS_PER_MINOR)} for row in ordered]


def told(*rows: Any) -> list[tuple[str, str | None, int]]:
    return [(row["category"], row["cause"], row["minor"]) for row in moved(*rows)]


def pro(since: str, until: str | None = None, **more: Any) -> Row:
    return item("a", "pro", since=since, until=until, **more)


def scale(since: str, until: str | None = None, **more: Any) -> Row:
    return item("a", "scale", since=since, until=until, **more)


def test_the_first_payment_is_new() -> None:
    assert told(pro("2026-01-01")) == [("new", None, 2000)]


def test_a_higher_plan_is_an_upsell_and_a_lower_one_a_downsell() -> None:
    assert told(pro("2026-01-01", "2026-02-01"), scale("2026-02-01"))[1:] == [("expansion", "upsell", 7000)]
    assert told(scale("2026-01-01", "2026-02-01"), pro("2026-02-01"))[1:] == [("contraction", "downsell", -7000)]


def test_a_year_at_a_discount_is_a_contraction_whose_cause_is_commit() -> None:
    rows = moved(pro("2026-01-01", "2026-02-01"), pro("2026-02-01", interval="year"))
    assert rows[1]["units"] == monthly_units(20000, "year") - monthly_units(2000, "month")
    assert (rows[1]["category"], rows[1]["cause"]) == ("contraction", "commit")


def test_more_seats_are_seats() -> None:
    rows = (
        item("a", "team", since="2026-01-01", until="2026-02-01", quantity=10),
        item("a", "team", since="2026-02-01", quantity=13),
    )
    assert told(*rows)[1:] == [("expansion", "seats", 5700)]


def test_another_amount_for_the_same_is_a_price_change() -> None:
    assert told(pro("2026-01-01", "2026-02-01"), pro("2026-02-01", amount_minor=2500))[1:] == [
        ("expansion", "price_change", 500)
    ]


def test_another_product_is_a_cross_sell_and_an_add_on_an_add_on() -> None:
    rows = (pro("2026-01-01"), item("a", "team", since="2026-02-01"), item("a", add_on="own_ip", since="2026-03-01"))
    assert told(*rows)[1:] == [("expansion", "cross_sell", 1900), ("expansion", "add_on", 3000)]


def test_the_last_end_is_churn_and_an_earlier_one_a_contraction() -> None:
    rows = (pro("2026-01-01", "2026-02-01"), item("a", "team", since="2026-01-01", until="2026-03-01"))
    assert told(*rows)[2:] == [("contraction", "cancel", -2000), ("churn", "cancel", -1900)]


def test_coming_back_after_a_gap_is_a_reactivation() -> None:
    assert told(pro("2026-01-01", "2026-02-01"), pro("2026-03-01"))[1:] == [
        ("churn", "cancel", -2000),
        ("reactivation", None, 2000),
    ]


def test_a_renewal_at_the_same_amount_moves_nothing() -> None:
    assert told(pro("2026-01-01", "2026-02-01"), pro("2026-02-01")) == [("new", None, 2000)]


@pytest.mark.parametrize("status", ["trialing", "unpaid", "paused", "canceled", "incomplete"])
def test_what_is_not_paid_is_not_in_mrr(status: str) -> None:
    assert told(pro("2026-01-01", status=status)) == []


def test_past_due_is_in_mrr_and_a_free_plan_is_not() -> None:
    assert told(pro("2026-01-01", status="past_due")) == [("new", None, 2000)]
    assert told(item("a", "free", since="2026-01-01")) == []


def test_what_begins_or_ends_after_the_as_of_has_not_happened() -> None:
    assert told(pro("2026-01-01", "2026-03-21")) == [("new", None, 2000)]
    assert told(pro("2026-01-01", AS_OF)) == [("new", None, 2000), ("churn", "cancel", -2000)]
    assert told(pro("2026-03-21")) == []


def test_a_subscription_in_another_currency_is_expansion_in_that_currency() -> None:
    rows = moved(pro("2026-01-01"), pro("2026-02-01", currency="eur", subscription="s2", item_id="i2"))
    assert [(row["currency"], row["category"], row["minor"]) for row in rows] == [
        ("usd", "new", 2000),
        ("eur", "expansion", 1800),
    ]


def test_the_worked_account_of_the_documents() -> None:
    """Silver 30 a month or 300 a year, Gold 50 or 500; see ``docs/money.md``."""
    silver: dict[str, Any] = {"amount_minor": 3000}
    rows = (
        scale("2024-01-01", "2026-01-01", interval="year", quantity=4, amount_minor=200_000, subscription="gold"),
        *(pro("2025-02-01", "2025-06-01", subscription=f"s{i}", item_id=f"s{i}", **silver) for i in range(2)),
        *(scale("2026-03-01", subscription=f"g{i}", item_id=f"g{i}", amount_minor=5000) for i in range(3)),
    )
    assert [row[::2] for row in told(*rows)] == [
        ("new", 16667),
        ("expansion", 6000),
        ("contraction", -6000),
        ("churn", -16667),
        ("reactivation", 15000),
    ]


@st.composite
def random_items(draw: st.DrawFn) -> list[Row]:
    """Items of two accounts that begin and end at random."""
    days = st.integers(1, 28)
    rows = []
    for index in range(draw(st.integers(1, 8))):
        start, end = f"2026-01-{draw(days):02}", draw(st.one_of(st.none(), days.map(lambda day: f"2026-02-{day:02}")))
        more = {
            "interval": draw(st.sampled_from(["month", "year"])),
            "subscription": f"s{index}",
            "item_id": f"i{index}",
        }
        plan = draw(st.sampled_from(["pro", "scale", "team", "free"]))
        status = draw(st.sampled_from(["active", "active", "past_due", "trialing"]))
        rows.append(item(draw(st.sampled_from("ab")), plan, since=start, until=end, status=status, **more))
    return rows


@pytest.mark.slow
@given(random_items())
def test_all_movements_add_up_to_what_is_paid_now(rows: list[Row]) -> None:
    made = company(*rows, as_of=AS_OF).canonical["subscription_item"]
    now = sum(
        monthly_units(row["amount_minor"], row["interval"], row["interval_count"])
        for row in made
        if row["valid_to"] is None and row["status"] in ("active", "past_due")
    )
    found = moved(*rows)
    assert sum(row["units"] for row in found) == now
    for row in found:
        assert row["category"] in CATEGORIES
        assert row["cause"] is None or row["cause"] in CAUSES
        assert row["mrr_before"] >= 0
        assert row["mrr_after"] >= 0
        assert (row["units"] > 0) == (row["category"] in ("new", "expansion", "reactivation"))
