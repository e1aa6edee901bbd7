"""The page of a quarter: complete in itself, safe with any name, and right when nothing fits."""

from __future__ import annotations

from typing import Any

from upstep.web.plan_page import render_plan, value_words

STEP: dict[str, Any] = {
    "rank": 1,
    "account_id": "acme",
    "name": "Acme <b>& Sons</b>",
    "activity": "upsell",
    "motion": "upsell",
    "step": "Pro → Scale",
    "play": "limit_approaching",
    "step_id": "s1",
    "signal_density": 3,
    "value_minor": 636_996,
    "estimated": False,
    "ready": True,
    "hours": 6,
    "begins_on": "2026-12-01",
    "expected_on": "2027-03-15",
    "first": "Bring the numbers.",
    "why": "It is full",
}
TOLD: dict[str, Any] = {
    "company": "Testco",
    "owner": "Ana",
    "accounts": 3,
    "run_id": "r",
    "plan_id": "p",
    "as_of": "2026-11-20T00:00:00Z",
    "begins_on": "2026-11-20",
    "ends_on": "2027-02-18",
    "hours": 8,
    "planned_hours": 6,
    "full": True,
    "currency": "usd",
    "value_minor": 636_996,
    "committed_minor": 0,
    "steps": [STEP],
    "left_alone": [
        {"account_id": "b", "name": "Bee", "step": "", "kind": "quiet", "why": "no play fires", "change": "more use"}
    ],
    "look_after": [{"account_id": "acme", "priority": "Trust", "told": "Its review was due."}],
}


def test_names_are_text_and_nothing_is_fetched() -> None:
    page = render_plan(TOLD)
    assert "Acme &lt;b&gt;&amp; Sons&lt;/b&gt;" in page
    assert "<script" not in page
    assert "default-src &#39;none&#39;" in page
    assert page == render_plan(TOLD)


def test_a_bar_ends_with_the_days_of_the_plan() -> None:
    page = render_plan(TOLD)
    assert 'x="12.22%" y="4" width="87.78%"' in page
    assert "3 of 4 kinds of signal" in page


def test_a_plan_of_longer_terms_alone_says_what_is_committed() -> None:
    page = render_plan(TOLD | {"value_minor": 0, "committed_minor": 4_067_004})
    assert "Committed for longer, a year" in page
    assert "$40,670.04" in page


def test_when_nothing_fits_the_page_says_so() -> None:
    page = render_plan(TOLD | {"steps": [], "planned_hours": 0, "look_after": []})
    assert "Nothing fits" in page
    assert 'id="days"' not in page
    assert 'id="priorities"' not in page


def test_a_value_is_told_in_whole_units_and_a_guess_as_one() -> None:
    assert value_words(STEP, "usd") == "$6,370"
    assert value_words(STEP | {"estimated": True}, "usd") == "about $6,370"
    assert value_words(STEP | {"value_minor": None}, "usd") == ""
    assert value_words(STEP | {"value_minor": 900}, "jpy") == "¥900"
