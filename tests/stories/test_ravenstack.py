"""A stranger's flawed export: what is wrong is found, the list stands on declarations, the page tells the truth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from examples.ravenstack import page
from upstep.engine.deciding.decide import decide
from upstep.engine.deciding.explain import explain
from upstep.engine.project import Project

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def example(public_data: Path, tmp_path_factory: pytest.TempPathFactory) -> page.Example:
    export = public_data / "ravenstack"
    if not export.is_dir():
        pytest.skip(
            "needs RavenStack, a synthetic SaaS company: the folder data of"
            " github.com/leej58928/Early-Churn-Signal-Analysis-in-a-SaaS-Platform, as ravenstack in UPSTEP_PUBLIC_DATA"
        )
    return page.run(tmp_path_factory.mktemp("ravenstack"), export)


@pytest.fixture(scope="module")
def decisions(example: page.Example) -> list[dict[str, Any]]:
    return example.decided.decisions.to_pylist()


def found(example: page.Example, finding: str, table: str) -> tuple[int, float | None]:
    """The count and share of one finding."""
    return next((it.count, it.share) for it in example.checked.findings if (it.id, it.table) == (finding, table))


def of_play(decisions: list[dict[str, Any]], play: str) -> Iterator[dict[str, Any]]:
    return (row for row in decisions if row["play"] == play)


def test_the_page_says_what_a_run_says(example: page.Example) -> None:
    text = page.PAGE.read_text(encoding="utf-8")

    assert text == page.written(text, page.blocks(example)), "run: python examples/ravenstack/page.py FOLDER"


def test_every_row_is_read_and_none_is_at_fault(example: page.Example) -> None:
    assert {table.table: table.read for table in example.loaded.tables} == {
        "account": 500,
        "subscription_item": 5_000,
        "entitlement_override": 500,
        "usage": 25_000 + 500 + 3_814,  # events, people of each account, plans paid for now
        "ticket": 2_000,
        "moment": 600,
    }
    assert example.loaded.fault_count == 0


def test_what_is_wrong_with_the_export_is_found_and_counted(example: page.Example) -> None:
    assert found(example, "event_id_on_several_days", "usage")[0] == 21
    assert found(example, "usage_before_own_subscription", "usage") == (19_142, pytest.approx(0.76568))
    assert found(example, "usage_after_own_subscription", "usage")[0] == 292
    assert found(example, "several_live_subscriptions", "subscription_item") == (500, 1.0)
    assert found(example, "before_account_created", "ticket")[0] == 1_077
    several = next(it for it in example.checked.findings if it.id == "several_live_subscriptions")
    assert "(2 to 18)" in several.found


def test_what_the_export_lacks_is_named(example: page.Example) -> None:
    assert {"contact", "invoice", "seat", "owner", "goal"} <= set(example.checked.not_connected)
    assert found(example, "usage_without_contacts", "usage")[1] == 1.0


def test_nothing_is_sold_where_there_are_more_seats_than_people(decisions: list[dict[str, Any]]) -> None:
    sales = [row for row in decisions if row["lane"] in ("self_serve", "assisted")]

    assert sales
    assert "eligible" not in {row["outcome"] for row in sales}


def test_a_year_that_saves_nothing_is_not_offered(decisions: list[dict[str, Any]]) -> None:
    assert {row["outcome"] for row in of_play(decisions, "annual_commit")} <= {"unfit"}


def test_overlapping_subscriptions_become_one_for_all_people_on_the_highest_plan_paid_for(
    example: page.Example, decisions: list[dict[str, Any]]
) -> None:
    exports = example.project.folder / "data"
    lines = (exports / "ravenstack_accounts.csv").read_text(encoding="utf-8").splitlines()[1:]
    people = {cells[0]: int(cells[7]) for cells in (line.split(",") for line in lines)}
    lines = (exports / "ravenstack_subscriptions.csv").read_text(encoding="utf-8").splitlines()[1:]
    paid = [cells for cells in (line.split(",") for line in lines) if not cells[3] and cells[8] == "FALSE"]
    prices = {"basic": 19, "pro": 49, "enterprise": 199}

    proposed = [row for row in of_play(decisions, "right_size") if not row["target"].startswith("stay")]

    assert len(proposed) > 400
    for row in proposed:
        own = [cells for cells in paid if cells[1] == row["account_id"]]
        highest = max((cells[4].lower() for cells in own), key=prices.__getitem__)
        assert (row["to_plan_id"], row["to_quantity"]) == (highest, people[row["account_id"]])
        month = sum(int(cells[6]) for cells in own) - prices[highest] * people[row["account_id"]]
        assert row["customer_saving_minor"] == month * 100 > 0


def test_low_use_is_told_where_people_did_less_than_forty_percent_of_an_action_each(
    decisions: list[dict[str, Any]],
) -> None:
    rescued = list(of_play(decisions, "adoption_rescue"))

    assert len(rescued) > 100
    for row in rescued:
        facts = {name: fact["value"] for name, fact in json.loads(row["facts"]).items()}
        assert facts["used_1"] * 100 <= facts["limit_quantity"] * 40


@pytest.mark.slow
def test_an_unanswered_question_is_asked_or_assumed_as_declared(
    example: page.Example, decisions: list[dict[str, Any]]
) -> None:
    step = next(row for row in decisions if row["lane"] == "self_serve" and row["outcome"] == "unconfirmed")
    assert "payment_trouble" in {it["gate"] for it in json.loads(step["unknown"])}
    settings = example.project.folder / "upstep.yaml"
    before = settings.read_text(encoding="utf-8")
    settings.write_text(
        before + "gates: {payment_trouble: {without_data: allow, because: finance confirmed it}}\n", encoding="utf-8"
    )

    again = decide(Project(example.project.folder), accounts=[step["account_id"]]).decisions.to_pylist()
    settings.write_text(before, encoding="utf-8")

    declared = next(row for row in again if row["step_id"] == step["step_id"])
    assert json.loads(declared["assumed"]) == ["payment_trouble"]
    assert "payment_trouble" not in {it["gate"] for it in json.loads(declared["unknown"])}


@pytest.mark.slow
def test_explain_tells_why_a_step_is_there_and_why_others_are_not(example: page.Example) -> None:
    told = explain(example.project, "A-5b1bcd")

    assert [row["play"] for row in told.decisions if row["is_winner"]] == ["right_size"]
    saturation = next(it for it in told.asked if it.play == "limit_approaching" and it.subject["meter_id"] == "people")
    assert not saturation.fired
    assert any(clause.answer is False for clause in saturation.clauses)
