"""How good past forecasts were: each is set against what happened once its period was over.

Two questions. Did use end where it was said it would, inside the 80% interval in about 80 of 100 cases? And did the
limit fall on the day that was named? A date is only named where the limit was expected before the reset, so the dates
alone would flatter: limits that came unannounced are counted beside them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from upstep.learning.chance import Share

if TYPE_CHECKING:
    import duckdb

COLUMNS = (
    *("account_key", "product_id", "meter_id", "meter_key", "meter_kind", "aggregate", "enforcement"),
    *("limit_quantity", "used", "starts_next", "days_left", "days_to_limit", "days_to_limit_low"),
    *("days_to_limit_high", "forecast_use", "forecast_high"),
)
"""What is read of a limit at each past instant."""

WELL = (0.75, 0.85)
"""An 80% interval that holds 75 to 85 of 100 is as good as its word."""


@dataclass(frozen=True)
class Score:
    """The forecasts of one meter, or of all.

    Args:
        meter_id: None: all.
        use_held: Forecasts whose 80% interval of use at the period's end held what was used.
        widen: The 80% interval of use would have held 80 of 100 had it been so many times as wide.
        use_error: Mean absolute error of that use, as a share of the limit.
        date_held: Named dates whose 80% interval held the day; one that did not come in the period is held by an
            interval that reaches past the reset.
        days_error: Mean absolute error of the named dates that came, in days; None: none came.
        came: Of the limits that were expected in the period, those that came.
        expected: Of the limits that came, those that had been expected.
    """

    meter_id: str | None
    use_held: Share
    use_error: float
    widen: float
    date_held: Share
    days_error: float | None
    came: Share
    expected: Share


def scores(connection: duckdb.DuckDBPyConnection) -> list[Score]:
    """The score of all forecasts, then of each meter; empty where none could be scored.

    Reads ``_forecast`` (``COLUMNS`` of limits with the day on which each was made, ``made_day``, a number ``place``,
    and ``by_events``) and the core table ``usage_day``. Only periods that are over may stand in it, and only limits
    that were not reached yet. A period that ends within a day is given that share of the day's use.
    """
    connection.execute(_HAPPENED)
    rows = connection.execute(_SCORED).fetchall()
    return [_score(*row) for row in rows]


_HAPPENED = """
CREATE OR REPLACE TEMP TABLE _happened AS
WITH day_use AS (
  SELECT place, day - made_day AS since, limit_quantity - used AS remaining,
    (CASE WHEN by_events THEN events ELSE quantity END)
      * least((starts_next - day::BIGINT * 86400) / 86400.0, 1.0) AS amount
  FROM _forecast JOIN usage_day USING (account_key, meter_key)
  WHERE day >= made_day AND day::BIGINT * 86400 < starts_next),
so_far AS (
  SELECT *, sum(amount) OVER (PARTITION BY place ORDER BY since) AS total FROM day_use WHERE amount > 0),
ended AS (SELECT place, sum(amount) AS more FROM day_use GROUP BY place),
reached AS (
  SELECT place, arg_min(since + (remaining - (total - amount)) / amount, since) AS came_after
  FROM so_far WHERE total >= remaining GROUP BY place)
SELECT _forecast.*, used + coalesce(more, 0) AS used_then, came_after,
  greatest(2 * forecast_use - forecast_high, used) AS forecast_low
FROM _forecast LEFT JOIN ended USING (place) LEFT JOIN reached USING (place)
"""

_SCORED = """
WITH told AS (
  SELECT *, days_to_limit IS NOT NULL AS is_named, came_after IS NOT NULL AS has_come,
    CASE WHEN came_after IS NULL THEN days_to_limit_high >= days_left
         ELSE came_after BETWEEN days_to_limit_low AND days_to_limit_high END AS is_held
  FROM _happened)
SELECT meter_id, count(*), count(*) FILTER (used_then BETWEEN forecast_low - 0.5 AND forecast_high + 0.5),
  avg(abs(used_then - forecast_use) / limit_quantity),
  quantile_cont(abs(used_then - forecast_use) / greatest(forecast_high - forecast_use, 0.5), 0.8),
  count(*) FILTER (is_named),
  count(*) FILTER (is_named AND is_held), avg(abs(came_after - days_to_limit)) FILTER (is_named AND has_come),
  count(*) FILTER (is_named AND has_come), count(*) FILTER (has_come)
FROM told GROUP BY GROUPING SETS ((), (meter_id)) HAVING count(*) > 0
ORDER BY GROUPING(meter_id) DESC, meter_id
"""


def _score(  # noqa: PLR0913, PLR0917 - a row of the query
    meter_id: str | None,
    forecasts: int,
    use_held: int,
    use_error: float,
    widen: float,
    named: int,
    date_held: int,
    days_error: float | None,
    hits: int,
    came: int,
) -> Score:
    return Score(
        meter_id=meter_id,
        use_held=Share(use_held, forecasts),
        use_error=float(use_error),
        widen=float(widen),
        date_held=Share(date_held, named),
        days_error=None if days_error is None else float(days_error),
        came=Share(hits, named),
        expected=Share(hits, came),
    )
