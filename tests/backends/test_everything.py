"""The company that the engines are compared on holds every case, and no query repeats a row of its grain."""

from __future__ import annotations

from collections import Counter

import pyarrow as pa
import pytest

from tests.backends.everything import everything, told
from tests.backends.stages import answers, compiled
from upstep.plays.gates import GATES, Answer
from upstep.tables.query import DuckEngine

GRAINS = {
    "owned": ("account_key", "product_id"),
    "history": ("account_key", "product_id"),
    "anchored": ("account_key", "product_id"),
    "spans": ("account_key", "window_kind"),
    "flows": ("account_key", "meter_key"),
    "stocks": ("account_key", "meter_key"),
    "levels": ("account_key", "meter_key", "day"),
    "meter_profile": ("account_key", "meter_id"),
    "seat_levels": ("account_key", "product_id"),
    "limit_profile": ("account_key", "product_id", "meter_id"),
    "stock_reached": ("account_key", "product_id", "meter_id", "percent"),
    "first_value": ("account_key", "product_id"),
    "account_profile": ("account_key",),
    "goals": ("goal_id",),
    "adoption": ("account_key", "product_id"),
    "product_profile": ("account_key", "product_id"),
    "plan_profile": ("account_key", "product_id"),
    "feature_profile": ("account_key", "product_id", "feature_id"),
    "add_on_profile": ("account_key", "product_id", "add_on_id"),
    "account_gates": ("account_key",),
    "product_gates": ("account_key", "product_id"),
    "steps": ("account_key", "to_product_id", "target"),
    "decided": ("account_key", "to_product_id", "target"),
}


@pytest.fixture(scope="module")
def found() -> dict[str, pa.Table]:
    """Every stage, with a seat table that is loaded but not fresh."""
    given = everything("2026-03-31T22:30:07", without=("seat",))
    return answers(given, DuckEngine(threads=2), told=told(given))


def test_the_company_fires_every_play(found: dict[str, pa.Table]) -> None:
    grains = [f"fired_{grain.name}" for grain in compiled().grains]
    fired = {play for name in grains for play in found[name]["play"].to_pylist()}
    assert [play.id for index, play in enumerate(compiled().playbook.plays) if index not in fired] == []


def test_the_company_has_every_outcome_and_every_gate_holding_and_clear(found: dict[str, pa.Table]) -> None:
    decided = found["decided"]
    assert set(decided["outcome"].to_pylist()) == {
        *("eligible", "unconfirmed", "held", "unfit", "outranked", "held_out"),
    }
    # An open deal makes a step assisted and holds nothing; see rule 10 of the design.
    answered = {gate: Counter(decided[f"gate_{gate}"].to_pylist()) for gate in GATES if gate != "open_deal"}
    assert [gate for gate, counts in answered.items() if not counts[Answer.HOLDS] or not counts[Answer.CLEAR]] == []


@pytest.mark.parametrize(
    "profile", ["account_profile", "limit_profile", "plan_profile", "product_profile", "feature_profile"]
)
def test_the_company_has_a_value_in_every_column(found: dict[str, pa.Table], profile: str) -> None:
    rows = found[profile]
    empty = {name for name in rows.column_names if rows[name].null_count == rows.num_rows}
    assert empty == set()


@pytest.mark.parametrize("stage", GRAINS)
def test_a_stage_has_one_row_per_its_grain(found: dict[str, pa.Table], stage: str) -> None:
    rows = found[stage].select(list(GRAINS[stage])).to_pylist()
    repeated = [row for row, times in Counter(tuple(row.values()) for row in rows).items() if times > 1]
    assert rows
    assert repeated == []
