"""When a limit is reached: the queries beside the same reckoning in plain Python."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.company import Rows, company, item, override, usage
from upstep.clock import iso, parse_instant

AS_OF = parse_instant("2026-03-20")
DAYS_LEFT = 21.0
"""The window ends on 10 April."""


def used_by_week(name: str, weeks: list[int], limit: int) -> Rows:
    """An account with these weekly totals, oldest first; the newest alone lies in the window that began on 10 March."""
    events = {iso(AS_OF - timedelta(days=7 * back + 4)): total for back, total in enumerate(reversed(weeks))}
    return [item(name, "pro", since="2025-01-10"), usage(name, "emails", events), override(name, "emails", limit)]


@dataclass(frozen=True)
class Oracle:
    """Weekly totals fitted by a line; a slope is believed when it is more than twice its standard error."""

    weeks: list[int]

    @property
    def slope(self) -> float:
        if not any(self.weeks[:-1]):
            return 0.0
        x, y = np.arange(8), np.array(self.weeks, float)
        slope, level = np.polyfit(x, y, 1)
        error = math.sqrt(max(float(((y - slope * x - level) ** 2).sum()), 1e-9) / 6 / 42)
        return float(slope) / 49 if abs(slope) > 2 * error else 0.0

    @property
    def rate(self) -> float:
        """Use a day; where the current window, ten days old, is the first with use, that of the window."""
        if not any(self.weeks[:-1]):
            return self.weeks[-1] / 10
        return sum(self.weeks) / 56 + self.slope * 28

    def use(self, days: float) -> float:
        """What is used in so many days, summed in small steps."""
        steps = 40_000
        middle = (np.arange(steps) + 0.5) * days / steps
        return float(np.maximum(self.rate + self.slope * middle, 0).sum() * days / steps)

    def days_to(self, limit: int) -> float | None:
        """The first time at which what is used equals the limit, within the window."""
        remaining = limit - self.weeks[-1]
        if remaining <= 0:
            return 0.0
        roots = np.roots([self.slope / 2, self.rate, -remaining]) if self.slope or self.rate else []
        days = [float(root.real) for root in roots if abs(root.imag) < 1e-12 and root.real >= 0]
        return min(days) if days and min(days) <= DAYS_LEFT else None


def rows_of(*accounts: Rows) -> dict[str, dict[str, Any]]:
    rows = company(*accounts, as_of="2026-03-20").signals("limit_profile")
    return {row["account_id"]: row for row in rows if row["meter_id"] == "emails"}


histories = st.lists(st.integers(0, 2_000), min_size=8, max_size=8)


@pytest.mark.slow
@settings(max_examples=4)
@given(st.lists(st.tuples(histories, st.integers(1, 12_000)), min_size=12, max_size=12))
def test_the_queries_reckon_as_plain_python_does(accounts: list[tuple[list[int], int]]) -> None:
    rows = rows_of(*(used_by_week(f"a{n}", weeks, limit) for n, (weeks, limit) in enumerate(accounts)))
    for number, (weeks, limit) in enumerate(accounts):
        row, oracle = rows[f"a{number}"], Oracle(weeks)
        assert row["slope"] == pytest.approx(oracle.slope, rel=1e-6, abs=1e-9)
        assert row["rate_now"] == pytest.approx(oracle.rate, rel=1e-6, abs=1e-9)
        assert row["forecast_use"] == pytest.approx(weeks[-1] + oracle.use(DAYS_LEFT), abs=0.6 + 0.001 * limit)
        days = oracle.days_to(limit)
        if days is not None and abs(days - DAYS_LEFT) < 1e-6:
            continue  # On the edge of the window, where the last bit decides.
        assert row["days_to_limit"] == (None if days is None else pytest.approx(days, rel=1e-6, abs=1e-9))
        assert row["breach_forecast"] == (days is not None)


def test_the_interval_holds_the_estimate_and_widens_with_noise() -> None:
    rows = rows_of(
        used_by_week("calm", [700, 701, 699, 700, 700, 701, 699, 700], 2_000),
        used_by_week("wild", [200, 1300, 500, 900, 100, 1400, 500, 700], 2_000),
    )
    for row in rows.values():
        assert row["days_to_limit_low"] <= row["days_to_limit"] <= row["days_to_limit_high"]
    width = {name: row["days_to_limit_high"] - row["days_to_limit_low"] for name, row in rows.items()}
    assert width["wild"] > 5 * width["calm"]


def test_a_flow_that_reaches_its_limit_after_the_reset_does_not_reach_it() -> None:
    # 100 a day: 2,100 more until the reset.
    rows = rows_of(used_by_week("in", [700] * 8, 2_800), used_by_week("out", [700] * 8, 2_801))
    assert rows["in"]["days_to_limit"] == pytest.approx(21)
    assert (rows["out"]["days_to_limit"], rows["out"]["breach_forecast"]) == (None, False)


def test_without_a_limit_there_is_nothing_to_reach() -> None:
    rows = rows_of(used_by_week("zero", [700] * 8, 0))
    assert (rows["zero"]["days_to_limit"], rows["zero"]["breach_forecast"]) == (None, False)


def test_no_use_forecasts_no_use() -> None:
    row = rows_of(used_by_week("none", [0] * 8, 100))["none"]
    assert (row["forecast_use"], row["days_to_limit"], row["trend_28d"]) == (0, None, None)


def test_use_of_today_alone_goes_on_at_the_pace_of_its_period() -> None:
    given = company(
        item("a1", "pro", since="2025-01-10"),
        usage("a1", "emails", 4_600, at="2026-03-20T09:00"),
        as_of="2026-03-20T12:00",
    )
    row = given.signal("limit_profile", meter_id="emails")
    # 10.5 of the window's 31 days have gone.
    assert row["rate_now"] == pytest.approx(4_600 / 10.5)
    assert row["forecast_use"] == pytest.approx(4_600 / 10.5 * 31, abs=1)


def test_two_days_of_a_new_subscription_go_on_at_the_pace_since_it_began() -> None:
    given = company(
        item("a1", "pro", since="2026-03-18"),
        usage("a1", "emails", 300, since="2026-03-18", until="2026-03-21"),
        as_of="2026-03-20T18:00",
    )
    row = given.signal("limit_profile", meter_id="emails")
    assert row["rate_now"] == pytest.approx(300 / 2.75)


def test_a_meter_first_met_in_this_period_goes_on_at_the_periods_pace() -> None:
    row = rows_of(used_by_week("new", [0] * 7 + [500], 2_000))["new"]
    assert (row["rate_now"], row["trend_28d"]) == (pytest.approx(50), None)


def test_a_stock_grows_by_its_weekly_change_and_is_looked_at_30_days_ahead() -> None:
    levels = {iso(AS_OF - timedelta(days=7 * back)): 80 - 5 * back for back in range(9)}
    far = {at: level - 30 for at, level in levels.items()}
    given = company(
        item("a1", "pro"),
        usage("a1", "storage", levels),
        item("a2", "pro"),
        usage("a2", "storage", far),
        as_of="2026-03-20",
    )
    near, later = (given.signal("limit_profile", account_id=name, meter_id="storage") for name in ("a1", "a2"))
    assert near["days_to_limit"] == pytest.approx(20 / (5 / 7))
    assert near["forecast_use"] == round(80 + 30 * 5 / 7)
    assert (near["breach_forecast"], later["breach_forecast"]) == (True, False)
    assert later["days_to_limit"] == pytest.approx(70)
