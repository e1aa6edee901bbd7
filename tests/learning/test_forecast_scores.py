"""Forecasts set against what happened: days worked out by hand."""

from __future__ import annotations

from typing import Any

import duckdb
import pyarrow as pa
import pytest

from upstep.learning.forecast_scores import Score, scores

DAY = 86_400
MADE = 20_000
FORECAST = {
    "place": 1,
    "account_key": 1,
    "meter_id": "emails",
    "meter_key": 1,
    "limit_quantity": 100,
    "used": 40,
    "starts_next": (MADE + 10) * DAY,
    "days_left": 10.0,
    "days_to_limit": 6.0,
    "days_to_limit_low": 4.0,
    "days_to_limit_high": 8.0,
    "forecast_use": 140,
    "forecast_high": 160,
    "made_day": MADE,
    "by_events": False,
}
KINDS = {"meter_id": pa.string(), "by_events": pa.bool_(), **dict.fromkeys(("days_left",), pa.float64())}
KINDS |= dict.fromkeys(("days_to_limit", "days_to_limit_low", "days_to_limit_high"), pa.float64())


def scored(daily: dict[int, int], **changed: Any) -> list[Score]:
    """The score of one forecast, with the use of each day after it was made."""
    connection = duckdb.connect(":memory:")
    forecast = {**FORECAST, **changed}
    made = pa.table({name: pa.array([value], KINDS.get(name, pa.int64())) for name, value in forecast.items()})
    days = pa.table(
        {
            "account_key": pa.array([1] * len(daily), pa.int64()),
            "meter_key": pa.array([1] * len(daily), pa.int64()),
            "day": pa.array([MADE + since for since in daily], pa.int32()),
            "quantity": pa.array(list(daily.values()), pa.int64()),
            "events": pa.array([1] * len(daily), pa.int64()),
        }
    )
    for name, rows in (("_forecast", made), ("usage_day", days)):
        connection.register("_rows", rows)
        connection.execute(f"CREATE TABLE {name} AS SELECT * FROM _rows")
    return scores(connection)


def even(quantity: int) -> dict[int, int]:
    return dict.fromkeys(range(10), quantity)


def test_a_forecast_that_comes_true_is_held_and_off_by_nothing() -> None:
    every, emails = scored(even(10))

    assert (every.meter_id, emails.meter_id) == (None, "emails")
    assert (every.use_held.value, every.use_error) == (1.0, 0.0)
    assert (every.date_held.value, every.days_error) == (1.0, 0.0)
    assert (every.came.value, every.expected.value) == (1.0, 1.0)


def test_a_limit_that_comes_days_later_is_off_by_those_days() -> None:
    every = scored({**even(0), 9: 120})[0]

    assert every.days_error == pytest.approx(9.5 - 6)
    assert every.date_held.value == 0.0


def test_a_date_that_does_not_come_is_held_only_by_an_interval_past_the_reset() -> None:
    assert scored(even(1))[0].date_held.value == 0.0
    assert scored(even(1), days_to_limit_high=11.0)[0].date_held.value == 1.0
    assert scored(even(1))[0].came.value == 0.0


def test_a_limit_that_comes_unannounced_is_counted() -> None:
    nothing = dict.fromkeys(("days_to_limit", "days_to_limit_low", "days_to_limit_high"))
    every = scored(even(10), **nothing)[0]

    assert (every.date_held.of, every.days_error) == (0, None)
    assert (every.expected.count, every.expected.of) == (0, 1)


def test_use_outside_the_interval_is_not_held() -> None:
    assert scored(even(13))[0].use_held.value == 0.0  # 170, and at most 160 were said
    assert scored(even(7))[0].use_held.value == 0.0  # 110, and at least 120 were said
    assert scored(even(12))[0].use_error == pytest.approx(0.20)
    assert scored(even(13))[0].widen == pytest.approx(1.5)


def test_a_period_that_ends_at_noon_takes_half_of_that_day() -> None:
    half = scored(even(10), starts_next=(MADE + 9) * DAY + DAY // 2)[0]
    assert half.use_error == pytest.approx(0.05)


def test_a_meter_that_counts_events_is_scored_by_events() -> None:
    every = scored(even(1_000), by_events=True, forecast_use=50, forecast_high=60)[0]
    assert (every.use_held.value, every.use_error) == (1.0, 0.0)


def test_use_of_the_account_before_and_after_says_nothing() -> None:
    assert scored({-1: 500, **even(10), 10: 500})[0].use_error == 0.0
