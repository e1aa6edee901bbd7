"""Texts to customers speak of the customer's goals, never of the seller's."""

from __future__ import annotations

import pytest

from upstep.errors import PlayError
from upstep.offers.message import load_message, parse_message, shipped_messages
from upstep.wording import vendor_phrases

REFUSED = (
    "Could you sign before our quarter ends?",
    "It would help me make my number.",
    "It helps us hit the target we were given.",
    "This closes our fourth quarter.",
    "I need to close this quarter well.",
    "Sign by the end of the quarter.",
    "A year-end discount is waiting for you.",
    "This is counted towards my quota.",
    "We would like to reach our sales target.",
    "It brings our expansion goal closer.",
)
FINE = (
    "You have used 92% of your quota.",
    "Your sales target for this quarter is met.",
    "Your team hit its number in the last quarter.",
    "Fraud losses avoided: 4.2 million against a target of 3.0 million.",
    "Omar Hughes said: “we must hit our quota before our quarter ends”.",
    "By the end of your quarter the limit is reached.",
    "We forecast that you reach the limit this month.",
    "Help us understand what you need.",
)


@pytest.mark.parametrize("text", REFUSED)
def test_the_sellers_own_goals_are_refused_with_the_phrase_and_the_reason(text: str) -> None:
    faults = vendor_phrases(text, "case")
    assert faults
    assert "the seller's concern" in faults[0].found
    assert faults[0].place == "case:1"


@pytest.mark.parametrize("text", FINE)
def test_the_customers_own_goals_and_words_are_fine(text: str) -> None:
    assert vendor_phrases(text, "case") == []


def test_a_message_with_such_a_phrase_is_no_message() -> None:
    with pytest.raises(PlayError, match=r"own\.md:4: says 'Our quarter'"):
        parse_message("own", "Subject: Hello\n\nYou grow.\nOur quarter ends soon.\n", place="own.md")


def test_no_message_that_ships_has_one() -> None:
    for name in shipped_messages():
        assert load_message(name)
