"""Why, in a sentence: every number comes from the row, and nothing is said that the row does not know."""

from __future__ import annotations

import json

import pytest

from tests.engine.deciding.told_row import CATALOG, NEARLY_FULL, told_row
from upstep.engine.deciding.why import moment_words, why_sentence


def test_a_limit_is_told_with_its_share_and_the_day_it_is_reached() -> None:
    assert why_sentence(told_row(NEARLY_FULL), CATALOG) == (
        "46,000 of 50,000 e-mails sent (92%); at this pace the limit is reached in 3 days (2 to 5), and it resets in 9"
    )


def test_a_share_is_rounded_down_so_that_nothing_is_full_before_it_is() -> None:
    row = told_row(NEARLY_FULL | {"used": 49_999})
    assert "49,999 of 50,000 e-mails sent (99%)" in why_sentence(row, CATALOG)


def test_a_share_of_29_hundredths_is_not_told_as_28() -> None:
    row = told_row({"adoption": 0.29, "used": 29, "limit_quantity": 100}, play="adoption_rescue", meter_id="contacts")
    assert why_sentence(row, CATALOG) == "29 contacts stored, 29% of the 100 they pay for"


def test_a_stock_does_not_reset() -> None:
    row = told_row(NEARLY_FULL, meter_id="contacts")
    assert why_sentence(row, CATALOG).endswith("the limit is reached in 3 days (2 to 5)")


@pytest.mark.parametrize(
    ("used", "told"),
    [
        (50_000, "50,000 of 50,000 e-mails sent (100%); the limit is reached, and it resets in 9 days"),
        (62_000, "62,000 e-mails sent, 12,000 over the limit of 50,000; it resets in 9 days"),
    ],
)
def test_a_limit_that_is_reached_is_told_as_reached(used: int, told: str) -> None:
    assert why_sentence(told_row(NEARLY_FULL | {"used": used}), CATALOG) == told


def test_use_without_a_limit_is_told_without_one() -> None:
    row = told_row({"used": 7, "limit_quantity": None})
    assert why_sentence(row, CATALOG) == "7 e-mails sent, without a limit"


def test_staying_says_why_what_they_have_is_enough() -> None:
    facts = NEARLY_FULL | {"days_to_limit": None, "forecast_use": 48_000}
    row = told_row(facts, target="stay", outcome="unfit")
    assert why_sentence(row, CATALOG) == (
        "46,000 of 50,000 e-mails sent (92%); at this pace 48,000 when the period ends in 9 days; Pro holds that"
    )


def test_overage_is_told_with_its_periods_oldest_first_and_what_disappears() -> None:
    facts = {"limit_quantity": 100_000, "overage_periods_3": 3, "used_1": 310_000, "used_2": 300_000, "used_3": 290_000}
    row = told_row(facts, play="overage_habit", overage_replaced_minor=24_000)
    assert why_sentence(row, CATALOG) == (
        "Over the limit of 100,000 e-mails sent in 3 of the last 3 periods (290,000, 300,000, 310,000);"
        " overage of $240.00 a month disappears"
    )


def test_a_partner_is_told_with_the_catalogs_reason() -> None:
    row = told_row({"partner_product_id": "sending"}, play="complement", step_product_id="marketing", meter_id=None)
    assert why_sentence(row, CATALOG) == (
        "Gets value from Transactional e-mail and does not have Marketing campaigns: one list and one sender reputation"
    )


@pytest.mark.parametrize(
    "play", ["adoption_rescue", "overage_habit", "seat_saturation", "right_size", "a_play_of_theirs"]
)
def test_a_play_whose_facts_are_missing_is_still_told(play: str) -> None:
    assert why_sentence(told_row({}, play=play), CATALOG)
    assert why_sentence(told_row(NEARLY_FULL, play=play), CATALOG)


@pytest.mark.parametrize(
    ("used", "told"),
    [
        (50_000, "The limit is reached, and it resets in 9 days; they were onboarded two months ago"),
        (62_000, "It resets in 9 days; the limit is reached, they were onboarded two months ago"),
    ],
)
def test_a_reached_limit_is_said_once(used: int, told: str) -> None:
    row = told_row(NEARLY_FULL | {"used": used}, moments=["limit_reached", "onboarded_60d"])
    assert moment_words(row, CATALOG) == told


def test_a_row_that_was_read_before_is_told_alike() -> None:
    row = told_row(NEARLY_FULL)
    read = row | {"facts": json.loads(row["facts"]), "holds": [], "unknown": []}
    assert why_sentence(read, CATALOG) == why_sentence(row, CATALOG)
