"""Tiers and forecast scores of a loaded sample."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa
import pytest

from upstep.catalog.price import overage_amount
from upstep.engine.learning.forecast_scores import score_forecasts
from upstep.engine.learning.tiers import _priced, learn_tiers
from upstep.engine.project import Project
from upstep.learning.chance import Share
from upstep.learning.tiers import Tier


def test_a_few_weeks_of_forecasts_are_scored_whole(postline: Project) -> None:
    found = score_forecasts(postline, weeks=6)
    every, *by_meter = found.scores

    assert [later - earlier for earlier, later in zip(found.weeks, found.weeks[1:], strict=False)] == [
        timedelta(days=7)
    ] * 5
    assert every.use_held.of == sum(score.use_held.of for score in by_meter) > 50
    assert every.expected.of >= every.came.count == every.expected.count


@pytest.mark.slow
def test_intervals_are_about_as_good_as_their_word(postline: Project) -> None:
    # The sample is small, and its planted accounts jump; docs/performance.md has the figures of larger data.
    every = score_forecasts(postline, weeks=8).scores[0]
    assert 0.6 < (every.use_held.value or 0) < 0.95


def test_each_limit_of_each_plan_with_enough_accounts_is_told(postline: Project) -> None:
    found = learn_tiers(postline)

    assert found.tiers
    assert all(tier.accounts >= 10 for tier in found.tiers)


def test_overage_is_what_it_cost_a_period_of_those_who_paid_any(postline: Project) -> None:
    share = Share(0, 2)
    tier = Tier("sending", "scale", "emails", "overage", 100_000, 2, share, share, share, share, 0.5)
    used = {"plan_used_1": [150_000, 90_000], "plan_used_2": [100_000, 90_000], "plan_used_3": [None, 90_000]}
    rows = {"plan_id": ["scale"] * 2, "meter_id": ["emails"] * 2, "limit_quantity": [100_000] * 2, **used}
    plan = postline.catalog.plan("scale")
    assert plan is not None
    priced = plan.overage("emails", "usd")
    assert priced is not None

    assert _priced(tier, pa.table(rows), postline).overage_minor == overage_amount(priced, 50_000) // 2
