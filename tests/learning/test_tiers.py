"""Where plans pinch: shares at each limit, and what they suggest."""

from __future__ import annotations

from typing import Any

import duckdb
import pyarrow as pa
import pytest

from upstep.learning.tiers import ADVICE, COLUMNS, Tier, tiers

KINDS = {
    **dict.fromkeys(("product_id", "plan_id", "meter_id", "meter_kind", "aggregate", "enforcement"), pa.string()),
    "is_own_limit": pa.bool_(),
}
LIMIT = {
    "product_id": "sending",
    "plan_id": "pro",
    "meter_id": "emails",
    "meter_kind": "flow",
    "aggregate": "sum",
    "enforcement": "overage",
    "limit_quantity": 100,
    "is_own_limit": False,
    "used": 0,
    "peak_3": 60,
    "overage_periods_3": 0,
}


def found(*groups: tuple[int, dict[str, Any]]) -> list[Tier]:
    """The tiers of so many accounts of each kind."""
    rows = [{**dict.fromkeys(COLUMNS), **LIMIT, **changed} for count, changed in groups for _ in range(count)]
    columns = {name: pa.array([row[name] for row in rows], KINDS.get(name, pa.int64())) for name in COLUMNS}
    return tiers(duckdb.connect(":memory:"), pa.table(columns))


@pytest.mark.parametrize(
    ("groups", "findings"),
    [
        ([(20, {})], ()),
        ([(6, {"peak_3": 100}), (14, {})], ("pinches",)),
        ([(6, {"used": 120}), (14, {})], ("pinches",)),
        ([(4, {"peak_3": 130, "overage_periods_3": 2}), (16, {})], ("habit",)),
        ([(10, {"peak_3": 25}), (10, {})], ("idle",)),
        ([(4, {"peak_3": 110}), (8, {"peak_3": 5}), (8, {})], ("split",)),
    ],
)
def test_the_shares_say_what_to_look_into(groups: list[tuple[int, dict[str, Any]]], findings: tuple[str, ...]) -> None:
    (tier,) = found(*groups)
    assert tier.findings == findings
    assert set(tier.findings) <= set(ADVICE)


def test_of_few_accounts_nothing_is_said() -> None:
    assert found((9, {"peak_3": 100})) == []


@pytest.mark.parametrize(
    "changed", [{"enforcement": "auto"}, {"limit_quantity": None}, {"limit_quantity": 0}, {"is_own_limit": True}]
)
def test_what_is_no_tier_of_the_plan_is_left_out(changed: dict[str, Any]) -> None:
    assert found((30, changed)) == []


def test_beyond_a_hard_limit_nobody_pays_overage() -> None:
    (tier,) = found((20, {"enforcement": "hard", "overage_periods_3": 3}))
    assert tier.habit.count == 0


def test_a_stock_is_measured_by_what_is_there() -> None:
    (tier,) = found((20, {"meter_kind": "stock", "used": 10, "peak_3": 100}))
    assert (tier.at.count, tier.idle.count, tier.middle) == (0, 20, 0.1)
