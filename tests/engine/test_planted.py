"""The planted accounts of the sample companies get the answers that are known by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pytest

from upstep.engine.deciding.decide import Inputs, Run, decide
from upstep.engine.deciding.explain import parsed
from upstep.engine.project import Project
from upstep.plays.play import LIBRARY
from upstep.tables.sample import COMPANIES, PLANTED, Planted

POSTLINE, DATABOARD = PLANTED["postline"], PLANTED["databoard"]
_SAME = {"outcome": "outcome", "lane": "lane", "motion": "motion", "plan_id": "to_plan_id", "interval": "to_interval"}


def rows_of(run: Run, account_id: str) -> list[dict[str, Any]]:
    return [parsed(row) for row in run.decisions.to_pylist() if row["account_id"] == account_id]


def steps(rows: list[dict[str, Any]], answer: dict[str, Any]) -> list[dict[str, Any]]:
    """The steps that the answer speaks of: its play fired for them, and they lead to its product."""
    return [
        row
        for row in rows
        if row["path"] != "notice"
        and answer["play"] in (row["play"], *row["evidence"])
        and answer.get("product_id") in (None, row["step_product_id"])
    ]


def answers(row: dict[str, Any], answer: dict[str, Any]) -> bool:
    same = all(row[column] == answer[name] for name, column in _SAME.items() if name in answer)
    named = all(set(answer.get(kind, ())) <= {reason["gate"] for reason in row[kind]} for kind in ("holds", "unknown"))
    return same and named


def check(run: Run, planted: Planted) -> None:
    rows = rows_of(run, planted.account_id)
    about = steps(rows, planted.answer)
    if planted.answer["outcome"] is None:
        assert not about, planted.story
        return
    assert any(answers(row, planted.answer) for row in about), (planted.story, about or rows)
    if "notice" in planted.answer:
        percent = round(planted.answer["notice"] * 100)
        assert f"notice:{planted.meter_id}@{percent}" in {row["target"] for row in rows}


@pytest.mark.parametrize("case", POSTLINE)
def test_a_planted_sender_gets_its_answer(postline_run: Run, case: str) -> None:
    check(postline_run, POSTLINE[case])


@pytest.mark.parametrize("case", DATABOARD)
def test_a_planted_team_gets_its_answer(databoard_run: Run, case: str) -> None:
    check(databoard_run, DATABOARD[case])


OTHERS = [(company, case) for company in COMPANIES[2:] for case in PLANTED[company]]


@pytest.mark.parametrize(("company", "case"), OTHERS)
def test_a_planted_account_of_another_business_gets_its_answer(
    sample_runs: Mapping[str, Run], company: str, case: str
) -> None:
    check(sample_runs[company], PLANTED[company][case])


def test_every_shipped_play_has_a_planted_account_that_it_finds_and_one_that_it_must_not() -> None:
    answers = [planted.answer for cases in PLANTED.values() for planted in cases.values()]
    named = {answer["play"].partition("_chat")[0] for answer in answers}
    found = {answer["play"].partition("_chat")[0] for answer in answers if answer["outcome"] == "eligible"}
    missed = {answer["play"].partition("_chat")[0] for answer in answers if answer["outcome"] is None}
    # It stands on looks after what was bought, which no sample has: see tests/engine/measuring/test_following.py.
    shipped = {path.stem for path in LIBRARY.glob("*.yaml")} - {"unused_purchase"}
    assert len(shipped) == 30
    assert (shipped - found, shipped - missed) == (set(), set())
    assert named <= shipped


def test_the_use_and_the_limit_of_a_planted_account_are_told_as_facts(postline_run: Run) -> None:
    planted = POSTLINE["value_proven_92"]
    (row,) = steps(rows_of(postline_run, planted.account_id), planted.answer)
    assert row["facts"]["used"]["value"] == planted.used
    assert row["facts"]["limit_quantity"]["value"] == planted.limit
    assert row["facts"]["used"]["unit"] == "e-mails sent"
    assert row["facts"]["used"]["records"][0].startswith(f"usage?account_id={planted.account_id}&meter_id=emails&from=")


# With three tables connected


@pytest.fixture(scope="module")
def bare_run(bare: Project) -> Run:
    return decide(bare)


def test_with_three_tables_nothing_is_sold_before_a_person_has_answered(bare_run: Run) -> None:
    outcomes = Counter(
        row["outcome"] for row in bare_run.decisions.to_pylist() if row["lane"] in ("self_serve", "assisted")
    )
    assert outcomes["unconfirmed"] > 0
    assert outcomes["eligible"] == 0


def test_with_three_tables_the_account_at_92_percent_comes_with_its_questions(bare_run: Run) -> None:
    planted = POSTLINE["value_proven_92"]
    (row,) = steps(rows_of(bare_run, planted.account_id), planted.answer)
    assert row["outcome"] == "unconfirmed"
    assert row["is_winner"]
    assert {asked["gate"] for asked in row["unknown"]} == {"open_issue", "payment_trouble"}
    assert all("Lumenbrook Software" in asked["question"] for asked in row["unknown"])
    assert all(asked["question"].endswith("?") for asked in row["unknown"])


def test_what_the_three_tables_hold_is_held_and_the_questions_stay_listed(bare_run: Run) -> None:
    planted = POSTLINE["about_to_cancel_92"]
    (row,) = steps(rows_of(bare_run, planted.account_id), planted.answer)
    assert row["outcome"] == "held"
    assert [hold["gate"] for hold in row["holds"]] == ["leaving"]
    assert {asked["gate"] for asked in row["unknown"]} == {"open_issue", "payment_trouble"}


def test_coverage_says_what_to_connect(bare_run: Run) -> None:
    coverage = bare_run.coverage
    assert coverage["connected"] == ["account", "subscription_item", "usage"]
    assert {"ticket", "invoice"} <= set(coverage["missing"])
    settles = coverage["connecting_would_settle"]
    assert settles["ticket"] > 0
    assert settles["invoice"] > 0
    assert coverage["steps"] == sum(
        coverage[name] for name in ("eligible", "unconfirmed", "held", "unfit", "outranked", "held_out")
    )


@pytest.mark.slow
def test_recorded_answers_settle_it(bare: Project) -> None:
    planted = POSTLINE["value_proven_92"]
    gates = ("open_issue", "payment_trouble")
    said = [{"account_id": planted.account_id, "gate": gate, "answer": "clear"} for gate in gates]
    inputs = Inputs({"confirmed": pa.Table.from_pylist(said)})
    run = decide(bare, accounts=[planted.account_id], inputs=inputs)
    (row,) = steps(rows_of(run, planted.account_id), planted.answer)
    assert (row["outcome"], row["unknown"]) == ("eligible", [])


def test_one_of_two_answers_leaves_the_other_question(bare: Project) -> None:
    planted = POSTLINE["value_proven_92"]
    said = [{"account_id": planted.account_id, "gate": "open_issue", "answer": "clear"}]
    run = decide(bare, accounts=[planted.account_id], inputs=Inputs({"confirmed": pa.Table.from_pylist(said)}))
    (row,) = steps(rows_of(run, planted.account_id), planted.answer)
    assert row["outcome"] == "unconfirmed"
    assert [asked["gate"] for asked in row["unknown"]] == ["payment_trouble"]


def test_an_answer_that_says_wait_holds(bare: Project) -> None:
    planted = POSTLINE["value_proven_92"]
    said = [{"account_id": planted.account_id, "gate": "open_issue", "answer": "holds"}]
    run = decide(bare, accounts=[planted.account_id], inputs=Inputs({"confirmed": pa.Table.from_pylist(said)}))
    (row,) = steps(rows_of(run, planted.account_id), planted.answer)
    assert row["outcome"] == "held"
    assert [hold["gate"] for hold in row["holds"]] == ["open_issue"]
