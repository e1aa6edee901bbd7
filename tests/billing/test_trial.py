"""A trial in words, and what it gives away."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from tests.billing.seeds import AT, item_row, to_scale
from upstep.billing.change import Incentive, item_from_row
from upstep.billing.preview import preview
from upstep.billing.quote import Quote
from upstep.billing.trial import free_until, told_trial


def quote(incentive: Incentive | None = None) -> Quote:
    change = replace(to_scale(), incentive=incentive)
    live = [item_from_row(item_row())]
    return preview(change, live, at=AT, provider="sandbox", valid_for=timedelta(days=7))


def test_a_trial_says_nothing_today_from_when_and_how_much() -> None:
    tried = quote(Incentive("free", trial_days=14))
    assert free_until(tried) == AT + timedelta(days=14)
    assert told_trial(tried) == (
        "Free for 14 days: nothing is charged for it today. "
        "It is charged from April 30, 2026 on, $0.34 on that day, then $20.00 a month."
    )
    (line,) = tried.incentive_lines
    assert (line.description, line.amount_minor) == ("Free for 14 days, until April 30, 2026", -461)


def test_what_is_no_trial_says_nothing_of_one() -> None:
    assert told_trial(quote()) is None
    assert free_until(quote(Incentive("ten", percent=10))) is None
