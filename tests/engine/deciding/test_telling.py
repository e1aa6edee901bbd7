"""Decisions in words: every number comes from the row, and nothing is said that the row does not know."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.engine.deciding.told_row import CATALOG, told_row
from upstep.engine.deciding import naming, telling


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"target": "plan:scale"}, "Pro → Scale"),
        ({"target": "plan:scale", "plan_id": None}, "→ Scale"),
        ({"target": "term:pro@year"}, "Pro: monthly → yearly"),
        ({"target": "more:seats", "to_quantity": 16}, "Seats: 13 → 16"),
        ({"target": "more:emails", "to_quantity": 2}, "More e-mails sent"),
        ({"target": "add_on:own_ip"}, "+ own ip"),
        ({"target": "product:marketing", "to_plan_id": None}, "+ Marketing campaigns"),
        ({"target": "adopt:contacts"}, "Help them use: contacts stored"),
        ({"target": "fit:pro", "plan_id": "scale"}, "Scale → Pro"),
        ({"target": "fit:pro", "plan_id": "pro"}, "One Pro in place of several"),
        ({"target": "stay"}, "Stay on Pro"),
        ({"target": "notice:emails@80"}, "Notice at 80%: e-mails sent"),
    ],
)
def test_a_step_is_told_by_the_names_of_the_catalog(more: dict[str, Any], words: str) -> None:
    row = told_row({"interval": "month", "limit_quantity": 13}, **more)
    assert telling.step_words(row, CATALOG) == words


def test_the_money_figures_are_kept_apart() -> None:
    row = told_row(recurring_change_minor=13_333, overage_replaced_minor=24_000, customer_saving_minor=10_667)
    assert [(figure.label, figure.text) for figure in telling.figures(row)] == [
        ("Recurring change", "+$133.33 a month"),
        ("Overage that disappears", "$240.00 a month"),
        ("Customer's saving", "$106.67 a month"),
    ]


def test_committed_value_has_a_figure_of_its_own() -> None:
    row = told_row(recurring_change_minor=-583, customer_saving_minor=583, committed_minor=2917)
    assert [figure.text for figure in telling.figures(row)] == [
        "-$5.83 a month",
        "",
        "$5.83 a month",
        "$29.17 a month",
    ]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"to_plan_id": "scale", "to_interval": "month"}, "Scale: $90.00 a month"),
        ({"to_plan_id": "pro", "to_interval": "year"}, "Pro: $350.00 a year"),
        ({"to_plan_id": "team", "to_interval": "month", "to_quantity": 9}, "Team, 9 seats: $171.00 a month"),
        (
            {"to_plan_id": "enterprise", "to_interval": "year"},
            "Enterprise: a person prices it, about $12,000.00 a year",
        ),
        ({"to_plan_id": "scale", "to_interval": "week"}, ""),
        ({}, ""),
    ],
)
def test_the_price_is_the_list_price_of_what_is_proposed(more: dict[str, Any], words: str) -> None:
    assert telling.price_words(told_row(**more), CATALOG) == words


def test_a_prior_says_that_it_is_one() -> None:
    assert telling.likelihood_words({"likelihood": 0.25, "likelihood_is_prior": True}) == "25%, a prior"
    assert telling.likelihood_words({"likelihood": 0.25, "likelihood_is_prior": False}) == "25%"
    assert telling.likelihood_words({"likelihood": None}) == ""


def test_a_priority_is_told_in_whole_money() -> None:
    assert telling.priority_words({"priority": 20_625.0}, "usd") == "$206"
    assert telling.priority_words({"priority": 20_625.0}, "jpy") == "¥20,625"
    assert telling.priority_words({"priority": None}, "usd") == ""


def test_a_question_comes_with_the_command_of_each_answer() -> None:
    unknown = [{"gate": "before_first_value", "question": "Has Acme had its first success?"}]
    (asked,) = telling.questions(told_row(unknown=json.dumps(unknown), account_id="a b; rm"))
    assert asked.if_yes == """upstep confirm 'a b; rm' before_first_value clear --because "…\""""
    assert asked.if_no == """upstep confirm 'a b; rm' before_first_value holds --because "…\""""


def test_yes_there_is_a_problem_holds() -> None:
    (asked,) = telling.questions(told_row(unknown=[{"gate": "open_issue", "question": "Does it have a problem?"}]))
    assert " open_issue holds " in asked.if_yes
    assert " open_issue clear " in asked.if_no


def test_holds_are_told_with_when_they_lift() -> None:
    told = [{"gate": "open_issue", "why": "1 open problem", "lifts": "when it is closed"}]
    assert telling.holds(told_row(holds=told)) == (
        telling.Hold("open_issue", "Open issue", "1 open problem", "When it is closed"),
    )


def test_facts_that_are_not_known_are_left_out_and_the_others_keep_their_records() -> None:
    told = naming.facts(told_row({"used": 46_000, "used_1": None}), CATALOG)
    assert [(fact.label, fact.text, fact.records) for fact in told] == [("used now", "46,000", ("usage?used",))]
