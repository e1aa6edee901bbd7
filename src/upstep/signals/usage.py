"""How much an account used: by window, by week, over its life. The hottest queries of a full run stand here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from upstep.clock import DAY_SECONDS
from upstep.signals.subscriptions import whole_days
from upstep.tables.query import inner, union_all

if TYPE_CHECKING:
    import ibis.expr.types as ir

WEEKS = 8
"""Eight whole weeks of history: weekdays weigh the same, and a trend of two months is seen."""

REACH_DAYS = 128
"""Four months of 31 days and the four days between: no monthly window that counts began earlier."""

EVER = 2**40
"""Later than any instant that is met."""


def edges(window: ir.Table) -> ir.Table:
    """Windows with the days that they cut: edge_0 to edge_3, -1 where a window begins at midnight."""
    cut = {}
    for index in range(4):
        start = window[f"starts_{index}"]
        second = start % DAY_SECONDS
        cut[f"edge_{index}"] = ibis.ifelse(
            start.notnull() & (second != 0), whole_days(start - second), ibis.literal(-1)
        ).cast("int32")
    return window.mutate(**cut)


def flow_state(
    usage_day: ir.Table,
    usage_raw: ir.Table,
    *,
    window: ir.Table,
    meters: ir.Table,
    today: ir.Table,
    long_windows: bool,
    has_peaks: bool = True,
) -> ir.Table:
    """Use of every flow meter in its current window, the three before, and the last eight weeks.

    Whole days come from the roll-up, days that a window cuts from raw events.

    Args:
        window: From ``windows`` and ``edges``.
        long_windows: A meter counts by the term, so that days older than four months matter too.
        has_peaks: Some flow meter counts by its maximum; without one there is one aggregation less.

    Returns:
        One row per (account_key, meter_key) with use in reach: used, used_1 to used_3, week_1 (newest) to week_8.
    """
    flows = meters.filter((meters.meter_kind == "flow") & (meters["aggregate"] != "unique_contacts"))
    flows = flows.select("meter_key", "aggregate", "window_kind")
    pieces = _pieces(usage_day, usage_raw, window=window, flows=flows, today=today, long_windows=long_windows)
    is_max = pieces["aggregate"] == "max"
    added = _sums(pieces.filter(~is_max))
    if not has_peaks:
        return added
    return added.union(_peaks(pieces.filter(is_max)))


def _sums(pieces: ir.Table) -> ir.Table:
    return pieces.group_by("account_key", "meter_key").agg(**_spans(pieces, lambda value: value.sum()))


def _peaks(pieces: ir.Table) -> ir.Table:
    return pieces.group_by("account_key", "meter_key").agg(**_spans(pieces, lambda value: value.max()))


def _pieces(
    usage_day: ir.Table, usage_raw: ir.Table, *, window: ir.Table, flows: ir.Table, today: ir.Table, long_windows: bool
) -> ir.Table:
    """Roll-up days that no window cuts, and the raw events of those that are cut, each with its window."""
    near = usage_day.cross_join(today.select("as_of", "as_of_day"))
    raw = usage_raw.cross_join(today.select("as_of", "as_of_day"))
    if not long_windows:
        near = near.filter(near.day > near.as_of_day - REACH_DAYS)
        raw = raw.filter(raw.day > raw.as_of_day - REACH_DAYS)
    keys = ["account_key", "window_kind"]
    columns = ["account_key", "meter_key", "aggregate", "span", "age", "value"]
    whole = inner(inner(near, flows, "meter_key"), window, keys)
    whole = whole.filter(~_is_edge(whole)).mutate(
        span=_span_of(whole, whole.day.cast("int64") * DAY_SECONDS),
        age=whole.as_of_day - whole.day,
        value=ibis.cases(
            (whole["aggregate"] == "sum", whole.quantity),
            (whole["aggregate"] == "count", whole.events),
            else_=whole.quantity_max,
        ).cast("float64"),
    )
    cut = inner(inner(raw, flows, "meter_key"), window, keys)
    cut = cut.filter(_is_edge(cut) & (cut.occurred_at <= cut.as_of))
    cut = cut.mutate(
        span=_span_of(cut, cut.occurred_at),
        age=cut.as_of_day - cut.day,
        value=ibis.ifelse(cut["aggregate"] == "count", 1, cut.quantity).cast("float64"),
    )
    return whole.select(columns).union(cut.select(columns))


def cut_events(usage_raw: ir.Table, window: ir.Table) -> ir.Table:
    """The raw events of days that some window of their account cuts. Few days are, so this is read once, and narrow."""
    cuts = [window.select("account_key", day=window[f"edge_{index}"]) for index in range(4)]
    days = union_all(cuts)
    days = days.filter(days.day >= 0).distinct()
    return usage_raw.semi_join(days, ["account_key", "day"])


def _is_edge(table: ir.Table) -> ir.BooleanValue:
    day = table.day
    return (day == table.edge_0) | (day == table.edge_1) | (day == table.edge_2) | (day == table.edge_3)


def _spans(pieces: ir.Table, total: object) -> dict[str, ir.Value]:
    """One aggregate per window and per week. Sums of doubles are exact below 2**53, and fast."""
    assert callable(total)
    spans = {}
    for index, name in enumerate(("used", "used_1", "used_2", "used_3")):
        spans[name] = total(ibis.ifelse(pieces.span == index, pieces.value, 0.0)).cast("int64")
    # Weeks are whole days that end with the last whole day before the as-of's own.
    age = pieces.age
    for week in range(1, WEEKS + 1):
        inside = (age > 7 * (week - 1)) & (age <= 7 * week)
        spans[f"week_{week}"] = total(ibis.ifelse(inside, pieces.value, 0.0)).cast("int64")
    return spans


def contact_days(
    usage_contact: ir.Table, *, meters: ir.Table, today: ir.Table, days: ir.Table, long_windows: bool
) -> ir.Table:
    """Who was seen on which day, for ``unique_contacts`` meters, from the months' day masks.

    A stage of its own: joined with the windows in one query, an optimizer spreads every window over every day first.

    Args:
        days: The calendar: day, month, day_of_month.

    Returns:
        One row per (account_key, meter_key, contact_key, day) in reach: with the meter's window_kind.
    """
    chosen = meters.filter(meters["aggregate"] == "unique_contacts").select("meter_key", "window_kind")
    near = days.cross_join(today.select("as_of_day"))
    near = near.filter(near.day <= near.as_of_day)
    if not long_windows:
        near = near.filter(near.day > near.as_of_day - REACH_DAYS)
    # A day's bit in the month's mask; bit 0 is the 1st.
    bits = near.select("month", "day", day_bit=ibis.literal(1, "int64") << (near.day_of_month - 1))
    months = inner(inner(usage_contact, chosen, "meter_key"), bits, "month")
    present = months.filter((months.day_mask & months.day_bit) != 0)
    return present.select("account_key", "meter_key", "contact_key", "window_kind", "day")


def contact_state(
    seen: ir.Table, *, usage_raw: ir.Table, window: ir.Table, meters: ir.Table, today: ir.Table
) -> ir.Table:
    """Distinct contacts of ``unique_contacts`` meters by window.

    Whole days come from ``seen``, days that a window cuts from raw events. The same columns as ``flow_state``. The
    weeks stay 0: people seen in two weeks are not two people.

    Args:
        seen: From ``contact_days``.
    """
    chosen = meters.filter(meters["aggregate"] == "unique_contacts").select("meter_key", "window_kind")
    keys = ["account_key", "window_kind"]
    columns = ["account_key", "meter_key", "contact_key", "span"]
    whole = inner(seen, window, keys)
    whole = whole.filter(~_is_edge(whole))
    whole = whole.mutate(span=_span_of(whole, whole.day.cast("int64") * DAY_SECONDS)).select(columns)
    raw = inner(usage_raw.filter(usage_raw.contact_key.notnull()), chosen, "meter_key")
    cut = inner(raw.cross_join(today.select("as_of")), window, keys)
    cut = cut.filter(_is_edge(cut) & (cut.occurred_at <= cut.as_of))
    cut = cut.mutate(span=_span_of(cut, cut.occurred_at)).select(columns)
    # Each person once a window first, then a plain sum: distinct counts side by side cost several times as much.
    once = whole.union(cut).distinct()
    spans: dict[str, ir.Value] = {
        name: ibis.ifelse(once.span == index, 1, 0).sum().cast("int64")
        for index, name in enumerate(("used", "used_1", "used_2", "used_3"))
    }
    weeks = {f"week_{week}": ibis.literal(0, "int64") for week in range(1, WEEKS + 1)}
    return once.group_by("account_key", "meter_key").agg(**spans).mutate(**weeks)


def _span_of(table: ir.Table, at: ir.IntegerValue) -> ir.IntegerValue:
    """Which window an instant falls into: 0 is now's, 1 to 3 those before, -1 none of them."""
    return ibis.cases(
        (at >= table.starts_next, -1),
        (at >= table.starts_0, 0),
        (at >= table.starts_1, 1),
        (at >= table.starts_2, 2),
        (at >= table.starts_3, 3),
        else_=-1,
    ).cast("int32")


_STOCK_AGGREGATES = frozenset(("latest", "max", "sum", "count"))


def stock_levels(usage_day: ir.Table, *, meters: ir.Table, aggregates: frozenset[str] = _STOCK_AGGREGATES) -> ir.Table:
    """The level of every stock meter as intervals: it holds from ``day`` until ``day_until`` (excluded).

    latest keeps the day's last value; sum and count add up over the account's life; max is the highest so far.

    Args:
        aggregates: Those of the catalog's stock meters; sums and maxima over a life are left out where none has them.

    Returns:
        One row per (account_key, meter_key, day) with a reading: level, day_until.
    """
    stocks = meters.filter((meters.meter_kind == "stock") & (meters["aggregate"] != "unique_contacts"))
    read = inner(usage_day, stocks.select("meter_key", "aggregate"), "meter_key")
    in_order = ibis.window(group_by=["account_key", "meter_key"], order_by="day")
    so_far = ibis.cumulative_window(group_by=["account_key", "meter_key"], order_by="day")
    level = read.quantity_latest
    if "max" in aggregates:
        level = ibis.ifelse(read["aggregate"] == "max", read.quantity_max.max().over(so_far), level)
    if aggregates & {"sum", "count"}:
        added = ibis.ifelse(read["aggregate"] == "count", read.events, read.quantity).sum().over(so_far)
        level = ibis.ifelse(read["aggregate"].isin(("sum", "count")), added.cast("int64"), level)
    until = ibis.coalesce(read.day.lead().over(in_order), 2**30).cast("int32")
    return read.select("account_key", "meter_key", "day", level=level.cast("int64"), day_until=until)


def stock_state(levels: ir.Table, today: ir.Table) -> ir.Table:
    """Levels now and at the end of each of the last eight weeks.

    Returns:
        One row per (account_key, meter_key): used (now), level_0 to level_8 (level_k: 7 x k days ago, NULL before the
        first reading).
    """
    at = levels.cross_join(today.select("as_of_day"))
    columns = {}
    for week in range(WEEKS + 1):
        day = at.as_of_day - 7 * week
        holds = (at.day <= day) & (at.day_until > day)
        columns[f"level_{week}"] = ibis.ifelse(holds, at.level, ibis.null("int64")).max()
    state = at.group_by("account_key", "meter_key").agg(**columns)
    return state.mutate(used=state.level_0)


def meter_profile(flows: ir.Table, stocks: ir.Table, meters: ir.Table) -> ir.Table:
    """What a condition may ask of any meter: one row per (account_key, meter_id).

    Columns: used, used_1, used_28d, used_prev_28d.
    """

    def weeks(*numbers: int) -> ir.IntegerValue:
        first, *rest = (flows[f"week_{number}"] for number in numbers)
        return sum(rest, start=first)

    flow = flows.select(
        "account_key", "meter_key", "used", "used_1", used_28d=weeks(1, 2, 3, 4), used_prev_28d=weeks(5, 6, 7, 8)
    )
    stock = stocks.select(
        "account_key",
        "meter_key",
        "used",
        used_1=ibis.null("int64"),
        used_28d=stocks.used,
        used_prev_28d=stocks.level_4,
    )
    both = inner(flow.union(stock), meters.select("meter_key", "meter_id"), "meter_key")
    return both.drop("meter_key")


def lifetime(usage_day: ir.Table, products: ir.Table) -> ir.Table:
    """Whole use of the meters that a first-value rule names.

    Returns:
        One row per (account_key, meter_key): lifetime (sum, or events for count meters is the same rule: the sum).
    """
    rules = products.filter(products.first_value_meter_key.notnull())
    keys = rules.select(meter_key="first_value_meter_key").distinct()
    used = inner(usage_day, keys, "meter_key")
    return used.group_by("account_key", "meter_key").agg(lifetime=used.quantity.cast("float64").sum().cast("int64"))


def active_contacts(usage_contact: ir.Table, *, meters: ir.Table, today: ir.Table) -> ir.Table:
    """Who used a product in the last 28 days.

    Returns:
        One row per (account_key, product_id, contact_key).
    """
    now = usage_contact.cross_join(today.select("this_month", "mask_this_month", "mask_last_month"))
    this = (now.month == now.this_month) & ((now.day_mask & now.mask_this_month) != 0)
    last = (now.month == now.this_month - 1) & ((now.day_mask & now.mask_last_month) != 0)
    seen = inner(now.filter(this | last), meters.select("meter_key", "product_id"), "meter_key")
    return seen.select("account_key", "product_id", "contact_key").distinct()
