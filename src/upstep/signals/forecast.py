"""When a limit is reached, with an interval. Eight weekly totals for flows, weekly level changes for stocks.

Source: measured beside a 28-day regression, a weekday profile and statistical packages (``docs/performance.md``):
weekly totals with a slope kept only when |t| > 2 had the smallest error at a hundredth of the time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ibis

from upstep.clock import DAY_SECONDS
from upstep.signals.usage import WEEKS

if TYPE_CHECKING:
    import ibis.expr.types as ir

Z_80 = 1.2816
"""Normal quantile of an 80% interval."""

STOCK_AHEAD_DAYS = 30
"""A stock has no reset: its breach is looked for 30 days ahead."""

_SLOPE_T_SQUARED = 4.0  # |t| > 2
_YOUNG_NOISE_DAYS = 3.5  # With less than eight weeks a week is taken to vary by half of itself.
_FEW_DAYS = 3.0  # Fewer whole days say no pace; the current period then does, today included.
_WEEK_MIDDLE = (WEEKS - 1) / 2
_SPREAD = sum((week - _WEEK_MIDDLE) ** 2 for week in range(WEEKS))  # 42 for eight weeks


def trend(weeks: list[Any]) -> dict[str, Any]:
    """Daily level, daily slope and weekly noise of weekly totals, oldest first.

    The slope is 0 unless its |t| exceeds 2. ``rate_now`` is the daily rate at the end of the last week.

    Returns:
        Columns: rate_now (per day), slope (per day and day), week_sd (residual, per week), week_mean.
    """
    total = sum(weeks[1:], start=weeks[0])
    squares = sum((value * value for value in weeks[1:]), start=weeks[0] * weeks[0])
    cross = sum(
        (value * (index - _WEEK_MIDDLE) for index, value in enumerate(weeks[1:], 1)), start=weeks[0] * -_WEEK_MIDDLE
    )
    explained = cross * cross / _SPREAD
    around = squares - total * total / WEEKS
    steep = ibis.greatest(around - explained, 0.000000001) / (WEEKS - 2)
    is_steep = explained > _SLOPE_T_SQUARED * steep
    slope = ibis.ifelse(is_steep, cross / _SPREAD / 49.0, 0.0)
    flat = ibis.greatest(around, 0.0) / (WEEKS - 1)
    return {
        "rate_now": total / (7.0 * WEEKS) + slope * (3.5 * WEEKS),
        "slope": slope,
        "week_sd": ibis.ifelse(is_steep, steep, flat).sqrt(),
        "week_mean": total / float(WEEKS),
    }


def days_until(remaining: Any, rate: Any, slope: Any) -> Any:
    """Days n with rate x n + slope x n^2 / 2 = remaining; NULL when it is never reached; 0 when nothing remains."""
    root = rate * rate + 2.0 * slope * remaining
    curved = (ibis.greatest(root, 0.0).sqrt() - rate) / slope.nullif(0.0)
    days = ibis.cases(
        (remaining <= 0, 0.0),
        ((slope == 0.0) & (rate > 0), remaining / rate.nullif(0.0)),
        ((slope != 0.0) & (root >= 0), curved),
        else_=ibis.null("float64"),
    )
    return ibis.ifelse(days >= 0, days, ibis.null("float64"))


def ahead(rate: Any, slope: Any, days: Any) -> Any:
    """Use in the next ``days`` days, never below 0."""
    # A falling trend bottoms out at no use, and use does not come back.
    reach = ibis.ifelse(slope < 0, ibis.least(days, rate / (-slope).nullif(0.0)), days)
    reach = ibis.ifelse(reach < 0, 0.0, reach)
    # A trend of eight weeks is not carried further than eight weeks: then the rate stays as it is.
    bent = ibis.least(reach, 7.0 * WEEKS)
    more = rate * reach + slope * bent * (reach - bent / 2.0)
    return ibis.ifelse(more < 0, 0.0, more)


def spread(days: Any, week_sd: Any) -> Any:
    """Standard deviation of a total over ``days`` days: the weeks' own noise and the doubt about their mean."""
    weeks = days / 7.0
    return week_sd * (weeks + weeks * weeks / float(WEEKS)).sqrt()


def forecast_limits(limits: ir.Table) -> ir.Table:
    """Add the forecast to limit rows that carry used, limit_quantity, weekly totals or levels and the window.

    Returns:
        The rows with used_28d, used_prev_28d, trend_28d, trend_56d (share), forecast_use (expected at the period's
        end, for stocks 30 days ahead), forecast_high (80%), days_to_limit, days_to_limit_low, days_to_limit_high,
        breach_forecast. days_to_limit of a flow is NULL when it falls after the reset.
    """
    is_flow = limits.meter_kind == "flow"
    # Weekly peaks do not add up to a period's peak, so a meter of peaks is not projected.
    adds_up = limits["aggregate"].isin(("sum", "count"))
    flows = [ibis.ifelse(adds_up, limits[f"week_{week}"], 0).cast("float64") for week in range(WEEKS, 0, -1)]
    stocks = [
        ibis.coalesce(limits[f"level_{week - 1}"] - limits[f"level_{week}"], 0).cast("float64")
        for week in range(WEEKS, 0, -1)
    ]
    weeks = [ibis.ifelse(is_flow, flow, stock) for flow, stock in zip(flows, stocks, strict=True)]
    named = limits.mutate(**{f"_w{index}": ibis.coalesce(week, 0.0) for index, week in enumerate(weeks)})
    named = named.mutate(**trend([named[f"_w{index}"] for index in range(WEEKS)]))
    named = named.drop(*(f"_w{index}" for index in range(WEEKS)))
    return _dates(_totals(_young(named)))


def _young(limits: ir.Table) -> ir.Table:
    """Flows of a product held for less than eight weeks: the mean of the days there are, no slope, wide noise.

    The weeks before it was held are zeros that say nothing. Where there are hardly any days, or use is first met in
    the current period, the pace is that of the period.
    """
    days = (limits.as_of_day.cast("int64") * DAY_SECONDS - limits.started_at) / float(DAY_SECONDS)
    gone = (limits.as_of - limits.begins_at) / float(DAY_SECONDS)
    held = limits.mutate(_days=ibis.greatest(days, 1.0), _gone=ibis.greatest(gone, 1.0), _held=days)
    is_flow = held.meter_kind == "flow"
    aged = held.mutate(is_young=is_flow & ibis.coalesce(held["_held"] < 7.0 * WEEKS, False))
    first = aged.mutate(_is_first=_is_first_period(aged))
    rate = ibis.cases(
        (first["_is_first"], first.used.cast("float64") / first["_gone"].nullif(0.0)),
        (first.is_young, first.week_mean * float(WEEKS) / first["_days"].nullif(0.0)),
        else_=first.rate_now,
    )
    paced = first.mutate(rate_now=rate, is_young=first.is_young | first["_is_first"])
    return paced.mutate(
        slope=ibis.ifelse(paced.is_young, 0.0, paced.slope),
        week_sd=ibis.ifelse(paced.is_young, paced.rate_now * _YOUNG_NOISE_DAYS, paced.week_sd),
        week_mean=paced.rate_now * 7.0,
    ).drop("_days", "_gone", "_held", "_is_first")


def _is_first_period(limits: ir.Table) -> ir.BooleanValue:
    """Whether the current period, begun within eight weeks, is all that can say the pace of an added-up meter."""
    adds_up = limits["aggregate"].isin(("sum", "count")) & (limits.meter_kind == "flow")
    is_near = limits["_gone"] < 7.0 * WEEKS
    no_pace = (
        (limits.week_mean == 0)
        | (limits.is_young & (limits["_held"] < _FEW_DAYS))
        | (~limits.is_young & limits.is_first_use)
    )
    return ibis.coalesce(adds_up & is_near & (limits.used > 0) & no_pace, False)


def _totals(limits: ir.Table) -> ir.Table:
    """Four-week totals, their change, and the use expected ahead."""
    is_flow = limits.meter_kind == "flow"
    days_left = ibis.ifelse(
        is_flow, ibis.greatest(limits.starts_next - limits.as_of, 0) / float(DAY_SECONDS), float(STOCK_AHEAD_DAYS)
    )
    recent = sum((limits[f"week_{week}"] for week in (2, 3, 4)), start=limits.week_1)
    before = sum((limits[f"week_{week}"] for week in (6, 7, 8)), start=limits.week_5)
    with_totals = limits.mutate(
        days_left=ibis.ifelse(is_flow & (limits.starts_next > 2**39), float(STOCK_AHEAD_DAYS), days_left),
        used_28d=ibis.ifelse(is_flow, recent, limits.used),
        used_prev_28d=ibis.ifelse(is_flow, before, limits.level_4),
    )
    table = with_totals.mutate(
        trend_28d=ibis.ifelse(
            with_totals.is_young,
            ibis.null("float64"),
            with_totals.used_28d.cast("float64") / with_totals.used_prev_28d.cast("float64").nullif(0.0) - 1.0,
        ),
        trend_56d=with_totals.slope * 56.0 / (with_totals.week_mean / 7.0).nullif(0.0),
        _more=ahead(with_totals.rate_now, with_totals.slope, with_totals.days_left),
        _noise=spread(with_totals.days_left, with_totals.week_sd),
    )
    return table.mutate(
        # Engines round a half each in its own way; the floor of a half more is the same everywhere.
        forecast_use=(table.used + table["_more"] + 0.5).floor().cast("int64"),
        forecast_high=(table.used + table["_more"] + Z_80 * table["_noise"]).ceil().cast("int64"),
    ).drop("_more", "_noise", "is_young")


def _dates(limits: ir.Table) -> ir.Table:
    """Days to the limit with an 80% interval (first order: the spread at that day over the rate at that day)."""
    remaining = (limits.limit_quantity - limits.used).cast("float64")
    limited = limits.limit_quantity > 0
    named = limits.mutate(
        _days=ibis.ifelse(limited, days_until(remaining, limits.rate_now, limits.slope), ibis.null("float64"))
    )
    rate_then = ibis.greatest(named.rate_now + named.slope * named["_days"], named.rate_now * 0.1)
    doubt = Z_80 * spread(ibis.greatest(named["_days"], 0.0), named.week_sd) / rate_then.nullif(0.0)
    named = named.mutate(_doubt=ibis.coalesce(doubt, 0.0))
    in_time = ibis.ifelse(named.meter_kind == "flow", named["_days"] <= named.days_left, named["_days"] <= 3650.0)
    kept = ibis.ifelse(ibis.coalesce(in_time, False), named["_days"], ibis.null("float64"))
    return named.mutate(
        days_to_limit=kept,
        days_to_limit_low=ibis.ifelse(kept < named["_doubt"], 0.0, kept - named["_doubt"]),
        days_to_limit_high=kept + named["_doubt"],
        breach_forecast=ibis.coalesce(kept <= named.days_left, False),
    ).drop("_days", "_doubt")
