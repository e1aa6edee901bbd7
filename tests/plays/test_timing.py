"""Good moments: which are true of whom, and what they change."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from upstep.clock import DAY_SECONDS
from upstep.plays.expression import parse
from upstep.plays.play import Play, Playbook
from upstep.plays.timing import account_kinds, account_moments, at_checkout, moments_true
from upstep.tables.query import DuckEngine, Program

AS_OF = 20_000 * DAY_SECONDS
KINDS = ("checkout", "first_value", "onboarded_60d", "outcome_met", "renewal_window")


def bits(*moments: tuple[str, float], outcomes: int | None = None, in_window: bool | None = None) -> set[str]:
    """The moments that are true of an account: kinds with the days since they were."""
    engine = DuckEngine(threads=1)
    rows = [{"account_key": 1, "kind": kind, "occurred_at": int(AS_OF - days * DAY_SECONDS)} for kind, days in moments]
    schema = pa.schema({"account_key": pa.int32(), "kind": pa.string(), "occurred_at": pa.int64()})
    moment = engine.load("moment", pa.Table.from_pylist(rows, schema))
    account: dict[str, Any] = {"account_key": [1], "outcomes_met": [outcomes], "in_renewal_window": [in_window]}
    types = [pa.int32(), pa.int64(), pa.bool_()]
    columns = {name: pa.array(values, kind) for (name, values), kind in zip(account.items(), types, strict=True)}
    accounts = engine.load("accounts", pa.table({**columns, "feature_requests_90d": pa.array([0], pa.int64())}))
    today = engine.load("today", pa.table({"as_of": pa.array([AS_OF], pa.int64())}))
    program = Program()
    program.stage("out", account_moments(moment, accounts, today=today, kinds=KINDS))
    engine.run(program)
    (row,) = engine.read("out").to_pylist()
    return {kind for index, kind in enumerate(KINDS) if row["moment_bits"] >> index & 1}


@pytest.mark.parametrize(
    ("kind", "days", "true"),
    [
        ("first_value", 0, {"first_value"}),
        ("first_value", 27.9, {"first_value"}),
        ("first_value", 28, set()),
        ("first_value", -1, set()),
        ("onboarded", 59.9, set()),
        ("onboarded", 60, {"onboarded_60d"}),
        ("onboarded", 89.9, {"onboarded_60d"}),
        ("onboarded", 90, set()),
        ("checkout", 0.5, {"checkout"}),
        ("checkout", 1, set()),
        ("funding", 1, set()),
    ],
)
def test_a_moment_counts_for_its_days(kind: str, days: float, true: set[str]) -> None:
    assert bits((kind, days)) == true


def test_states_of_the_account_are_moments_too() -> None:
    assert bits(outcomes=1, in_window=True) == {"outcome_met", "renewal_window"}
    assert bits(outcomes=0) == bits() == set()


def test_several_moments_of_one_kind_are_one() -> None:
    assert bits(("first_value", 1), ("first_value", 2), ("checkout", 0), outcomes=3) == {
        *("first_value", "checkout", "outcome_met")
    }


def test_a_step_names_its_plays_moments_and_no_other() -> None:
    subject = pa.table({"used": [100, 99, None], "limit_quantity": [100, 100, None]})
    both = np.array([0b10, 0b11, 0b00])
    told = moments_true(("limit_reached", "first_value"), ("checkout", "first_value"), both, subject)
    assert told.to_pylist() == [["limit_reached", "first_value"], ["first_value"], []]
    assert moments_true((), ("checkout",), both, subject).to_pylist() == [[], [], []]


def test_a_product_has_just_become_available_for_ninety_days() -> None:
    subject = pa.table({"available_days": [0, 89, 90, -1, None]})
    told = moments_true(("product_released",), (), np.zeros(5, np.int64), subject)
    assert [bool(row) for row in told.to_pylist()] == [True, True, False, False, False]


def test_only_a_play_that_sells_there_counts_at_the_checkout() -> None:
    def play(*moments: str) -> Play:
        return Play("p", "", "from_proposal", "limit", parse("true", {}), "fit", moments=moments)

    book = Playbook((play("first_value"), play("checkout", "first_value")), "")
    assert account_kinds(book) == ("checkout", "first_value")
    engine = DuckEngine(threads=1)
    rows = [(0, 1), (1, 1), (1, 2), (1, None)]
    steps = engine.load(
        "steps",
        pa.table(
            {
                "play": pa.array([play for play, _ in rows], pa.int32()),
                "moment_bits": pa.array([bits for _, bits in rows], pa.int64()),
            }
        ),
    )
    program = Program()
    program.stage("out", steps.mutate(sells=at_checkout(steps, book)))
    engine.run(program)
    told = {(row["play"], row["moment_bits"]): row["sells"] for row in engine.read("out").to_pylist()}
    assert told == {(0, 1): False, (1, 1): True, (1, 2): False, (1, None): False}
