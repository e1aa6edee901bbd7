"""Decisions in words: every number comes from the row, and nothing is said that the row does not know."""

from __future__ import annotations

import json
from typing import Any

import pytest

from upstep.catalog.model import (
    Catalog,
    Enforcement,
    Limit,
    Meter,
    Partner,
    Plan,
    Price,
    PriceModel,
    Product,
)
from upstep.engine.deciding import naming, telling


def _price(plan: str, amount: int, interval: str = "month", per: str | None = None) -> Price:
    model = PriceModel.PER_UNIT if per else PriceModel.FLAT
    return Price(f"{plan}_{interval}", model, "usd", interval, amount_minor=amount, per=per)


def _plan(plan: str, position: int, *prices: Price, limit: int = 50_000) -> Plan:
    limits = (Limit("emails", limit, Enforcement.HARD),)
    return Plan(plan, "sending", plan.capitalize(), position, prices, limits)


QUOTED = Price("ent", PriceModel.QUOTE, "usd", "year", estimate_minor=1_200_000)
CATALOG = Catalog(
    "saas",
    "usd",
    {
        "emails": Meter("emails", "e-mails sent", "sum", "flow", "billing_month"),
        "contacts": Meter("contacts", "contacts stored", "latest", "stock", "lifetime"),
        "seats": Meter("seats", "seats", "seats", "stock", "lifetime"),
    },
    {
        "sending": Product(
            "sending",
            "Transactional e-mail",
            (
                _plan("pro", 0, _price("pro", 3500), _price("pro", 35_000, "year")),
                _plan("scale", 1, _price("scale", 9000), limit=100_000),
                _plan("team", 2, _price("team", 1900, per="seats")),
                _plan("enterprise", 3, QUOTED),
            ),
        ),
        "marketing": Product("marketing", "Marketing campaigns"),
    },
    (Partner("sending", "marketing", "one list and one sender reputation"),),
)
NEARLY_FULL = {
    "used": 46_000,
    "limit_quantity": 50_000,
    "forecast_use": 66_877,
    "days_to_limit": 3.1,
    "days_to_limit_low": 2.2,
    "days_to_limit_high": 4.6,
    "days_left": 8.6,
}


def _row(facts: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    told = {name: {"value": value, "unit": None, "records": [f"usage?{name}"]} for name, value in (facts or {}).items()}
    return {
        "account_id": "acme",
        "play": "limit_approaching",
        "outcome": "eligible",
        "target": "plan:scale",
        "product_id": "sending",
        "step_product_id": "sending",
        "meter_id": "emails",
        "plan_id": "pro",
        "currency": "usd",
        "facts": json.dumps(told),
        "holds": "[]",
        "unknown": "[]",
    } | more


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
        ({"target": "notice:emails@80"}, "Notice at 80 %: e-mails sent"),
    ],
)
def test_a_step_is_told_by_the_names_of_the_catalog(more: dict[str, Any], words: str) -> None:
    row = _row({"interval": "month", "limit_quantity": 13}, **more)
    assert telling.step_words(row, CATALOG) == words


def test_a_limit_is_told_with_its_share_and_the_day_it_is_reached() -> None:
    assert telling.why_sentence(_row(NEARLY_FULL), CATALOG) == (
        "46,000 of 50,000 e-mails sent (92 %); at this pace the limit is reached in 3 days (2 to 5), and it resets in 9"
    )


def test_a_share_is_rounded_down_so_that_nothing_is_full_before_it_is() -> None:
    row = _row(NEARLY_FULL | {"used": 49_999})
    assert "49,999 of 50,000 e-mails sent (99 %)" in telling.why_sentence(row, CATALOG)


def test_a_share_of_29_hundredths_is_not_told_as_28() -> None:
    row = _row({"adoption": 0.29, "used": 29, "limit_quantity": 100}, play="adoption_rescue", meter_id="contacts")
    assert telling.why_sentence(row, CATALOG) == "29 contacts stored, 29 % of the 100 they pay for"


def test_a_stock_does_not_reset() -> None:
    row = _row(NEARLY_FULL, meter_id="contacts")
    assert telling.why_sentence(row, CATALOG).endswith("the limit is reached in 3 days (2 to 5)")


@pytest.mark.parametrize(
    ("used", "told"),
    [
        (50_000, "50,000 of 50,000 e-mails sent (100 %); the limit is reached, and it resets in 9 days"),
        (62_000, "62,000 e-mails sent, 12,000 over the limit of 50,000; it resets in 9 days"),
    ],
)
def test_a_limit_that_is_reached_is_told_as_reached(used: int, told: str) -> None:
    assert telling.why_sentence(_row(NEARLY_FULL | {"used": used}), CATALOG) == told


def test_use_without_a_limit_is_told_without_one() -> None:
    row = _row({"used": 7, "limit_quantity": None})
    assert telling.why_sentence(row, CATALOG) == "7 e-mails sent, without a limit"


def test_staying_says_why_what_they_have_is_enough() -> None:
    facts = NEARLY_FULL | {"days_to_limit": None, "forecast_use": 48_000}
    row = _row(facts, target="stay", outcome="unfit")
    assert telling.why_sentence(row, CATALOG) == (
        "46,000 of 50,000 e-mails sent (92 %); at this pace 48,000 when the period ends in 9 days; Pro holds that"
    )


def test_overage_is_told_with_its_periods_oldest_first_and_what_disappears() -> None:
    facts = {"limit_quantity": 100_000, "overage_periods_3": 3, "used_1": 310_000, "used_2": 300_000, "used_3": 290_000}
    row = _row(facts, play="overage_habit", overage_replaced_minor=24_000)
    assert telling.why_sentence(row, CATALOG) == (
        "Over the limit of 100,000 e-mails sent in 3 of the last 3 periods (290,000, 300,000, 310,000);"
        " overage of $240.00 a month disappears"
    )


def test_a_partner_is_told_with_the_catalogs_reason() -> None:
    row = _row({"partner_product_id": "sending"}, play="complement", step_product_id="marketing", meter_id=None)
    assert telling.why_sentence(row, CATALOG) == (
        "Gets value from Transactional e-mail and does not have Marketing campaigns: one list and one sender reputation"
    )


@pytest.mark.parametrize(
    "play", ["adoption_rescue", "overage_habit", "seat_saturation", "right_size", "a_play_of_theirs"]
)
def test_a_play_whose_facts_are_missing_is_still_told(play: str) -> None:
    assert telling.why_sentence(_row({}, play=play), CATALOG)
    assert telling.why_sentence(_row(NEARLY_FULL, play=play), CATALOG)


def test_the_money_figures_are_kept_apart() -> None:
    row = _row(recurring_change_minor=13_333, overage_replaced_minor=24_000, customer_saving_minor=10_667)
    assert [(figure.label, figure.text) for figure in telling.figures(row)] == [
        ("Recurring change", "+$133.33 a month"),
        ("Overage that disappears", "$240.00 a month"),
        ("Customer's saving", "$106.67 a month"),
    ]


def test_committed_value_has_a_figure_of_its_own() -> None:
    row = _row(recurring_change_minor=-583, customer_saving_minor=583, committed_minor=2917)
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
    assert telling.price_words(_row(**more), CATALOG) == words


def test_a_prior_says_that_it_is_one() -> None:
    assert telling.likelihood_words({"likelihood": 0.25, "likelihood_is_prior": True}) == "25 %, a prior"
    assert telling.likelihood_words({"likelihood": 0.25, "likelihood_is_prior": False}) == "25 %"
    assert telling.likelihood_words({"likelihood": None}) == ""


def test_a_priority_is_told_in_whole_money() -> None:
    assert telling.priority_words({"priority": 20_625.0}, "usd") == "$206"
    assert telling.priority_words({"priority": 20_625.0}, "jpy") == "¥20,625"
    assert telling.priority_words({"priority": None}, "usd") == ""


def test_a_question_comes_with_the_command_of_each_answer() -> None:
    unknown = [{"gate": "before_first_value", "question": "Has Acme had its first success?"}]
    (asked,) = telling.questions(_row(unknown=json.dumps(unknown), account_id="a b; rm"))
    assert asked.if_yes == """upstep confirm 'a b; rm' before_first_value clear --because "…\""""
    assert asked.if_no == """upstep confirm 'a b; rm' before_first_value holds --because "…\""""


def test_yes_there_is_a_problem_holds() -> None:
    (asked,) = telling.questions(_row(unknown=[{"gate": "open_issue", "question": "Does it have a problem?"}]))
    assert " open_issue holds " in asked.if_yes
    assert " open_issue clear " in asked.if_no


def test_holds_are_told_with_when_they_lift() -> None:
    told = [{"gate": "open_issue", "why": "1 open problem", "lifts": "when it is closed"}]
    assert telling.holds(_row(holds=told)) == (
        telling.Hold("open_issue", "Open issue", "1 open problem", "When it is closed"),
    )


def test_facts_that_are_not_known_are_left_out_and_the_others_keep_their_records() -> None:
    told = naming.facts(_row({"used": 46_000, "used_1": None}), CATALOG)
    assert [(fact.label, fact.text, fact.records) for fact in told] == [("used now", "46,000", ("usage?used",))]


def test_a_row_that_was_read_before_is_told_alike() -> None:
    row = _row(NEARLY_FULL)
    read = row | {"facts": json.loads(row["facts"]), "holds": [], "unknown": []}
    assert telling.why_sentence(read, CATALOG) == telling.why_sentence(row, CATALOG)
