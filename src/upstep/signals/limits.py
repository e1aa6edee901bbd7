"""How much an account may use and how near it is: one row per limit that a live plan, add-on or override names."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from upstep.clock import DAY_SECONDS
from upstep.signals.usage import WEEKS
from upstep.tables.query import inner, left

if TYPE_CHECKING:
    import ibis.expr.types as ir

ENFORCEMENTS = ("auto", "overage", "hard")
"""By strictness. Where several live items limit one meter, the loosest counts: use goes on."""

KEYS = ["account_key", "product_id", "meter_id"]

BEGUN_SHARE = 0.4
"""Where use of this much of a limit follows complete windows without any, its counting has just begun."""


def limit_rows(items: ir.Table, limits: ir.Table, overrides: ir.Table, owned: ir.Table, today: ir.Table) -> ir.Table:
    """Today's limits: plans and add-ons times their quantity added up; an override is the account's own limit and wins.

    Returns:
        One row per (account_key, product_id, meter_id): limit_quantity (NULL when unlimited), is_unlimited,
        enforcement, aggregate, meter_kind, period, value_meter, is_advanced, basis (the limit and what it is
        made of).
    """
    live = items.filter(items.is_live)
    by_plan = inner(
        live.filter(live.plan_id.notnull()),
        limits.filter(limits.owner_kind == "plan"),
        [("plan_id", "owner_id"), "product_id"],
    )
    by_add_on = inner(
        live.filter(live.add_on_id.notnull()),
        limits.filter(limits.owner_kind == "add_on"),
        [("add_on_id", "owner_id"), "product_id"],
    )
    given = _given(by_plan, times=False).union(_given(by_add_on, times=True))
    summed = given.group_by(*KEYS, "meter_key", "aggregate", "meter_kind", "period").agg(
        is_unlimited=given.unlimited.any(),
        sum_quantity=given.quantity.sum().cast("int64"),
        strictness=given.strictness.min(),
        value_meter=given.value_meter.any(),
        is_advanced=given.is_advanced.any(),
        parts=given.part.max(),
        parts_count=given.part.count(),
    )
    own = own_limits(overrides, today)
    with_own = left(summed, own, ["account_key", "meter_id"])
    has_own = with_own.own_limit.notnull()
    quantity = ibis.ifelse(
        has_own, with_own.own_limit, ibis.ifelse(with_own.is_unlimited, ibis.null("int64"), with_own.sum_quantity)
    )
    parts = with_own.parts + "x" + with_own.parts_count.cast("string")
    basis = ibis.ifelse(has_own, ibis.literal("own"), parts) + "=" + ibis.coalesce(quantity.cast("string"), "unlimited")
    enforcement = ibis.cases((with_own.strictness == 0, "auto"), (with_own.strictness == 1, "overage"), else_="hard")
    known = with_own.select(
        *KEYS,
        "meter_key",
        "aggregate",
        "meter_kind",
        "period",
        "value_meter",
        "is_advanced",
        limit_quantity=quantity,
        is_unlimited=with_own.is_unlimited & ~has_own,
        enforcement=enforcement,
        basis=basis,
        is_own_limit=has_own,
    )
    plan = owned.select(
        "account_key",
        "product_id",
        "plan_id",
        "live_subscriptions",
        paid_quantity="quantity",
        product_units="recurring_units",
    )
    return left(known, plan, ["account_key", "product_id"])


def _given(joined: ir.Table, *, times: bool) -> ir.Table:
    """What each live item gives: the bought quantity where the limit follows it, add-ons times their quantity."""
    each = joined.limit_each * joined.quantity if times else joined.limit_each
    owner = joined.add_on_id if times else joined.plan_id
    return joined.select(
        *KEYS,
        "meter_key",
        "aggregate",
        "meter_kind",
        "period",
        "unlimited",
        "strictness",
        "value_meter",
        "is_advanced",
        quantity=ibis.coalesce(ibis.ifelse(joined.follows_quantity, joined.quantity, each), 0),
        part=owner,
    )


def own_limits(overrides: ir.Table, today: ir.Table) -> ir.Table:
    """Overrides of meters in force: one row per (account_key, meter_id), own_limit. Several: the largest."""
    at = overrides.filter(overrides.meter_id.notnull() & overrides.limit_quantity.notnull()).cross_join(today)
    begun = at.valid_from.isnull() | (at.valid_from <= at.as_of)
    going = at.valid_to.isnull() | (at.valid_to > at.as_of)
    now = at.filter(begun & going)
    return now.group_by("account_key", "meter_id").agg(own_limit=now.limit_quantity.max())


def seats_assigned(seats: ir.Table, today: ir.Table) -> ir.Table:
    """Seats assigned now and at the end of each of the last eight weeks.

    Returns:
        One row per (account_key, product_id): level_0 to level_8.
    """
    at = seats.cross_join(today.select("as_of"))
    columns = {}
    for week in range(WEEKS + 1):
        instant = at.as_of - 7 * week * DAY_SECONDS
        holds = (at.assigned_at <= instant) & (at.removed_at.isnull() | (at.removed_at > instant))
        # Before the first seat there was no count, so seats given out at the start are no growth.
        was_counted = (at.assigned_at <= instant).any()
        count = ibis.ifelse(holds, 1, 0).sum().cast("int64")
        columns[f"level_{week}"] = ibis.ifelse(was_counted, count, ibis.null("int64"))
    return at.group_by("account_key", "product_id").agg(**columns)


def seats_active(active: ir.Table, seats: ir.Table, contact_keys: ir.Table, today: ir.Table) -> ir.Table:
    """Assigned seats whose person used the product in the last 28 days.

    Returns:
        One row per (account_key, product_id) with a seat that names its person: seats_used.
    """
    at = seats.cross_join(today.select("as_of"))
    now = at.filter((at.assigned_at <= at.as_of) & (at.removed_at.isnull() | (at.removed_at > at.as_of)))
    keyed = left(now.filter(now.contact_id.notnull()), contact_keys, "contact_id")
    held = keyed.select("account_key", "product_id", "contact_id", "contact_key").distinct()
    seen = left(held, active.mutate(is_seen=1), ["account_key", "product_id", "contact_key"])
    return seen.group_by("account_key", "product_id").agg(seats_used=ibis.coalesce(seen.is_seen, 0).sum().cast("int64"))


def people_active(active: ir.Table) -> ir.Table:
    """Distinct people of the last 28 days: one row per (account_key, product_id), people."""
    return active.group_by("account_key", "product_id").agg(people=active.contact_key.nunique().cast("int64"))


def limit_state(  # noqa: PLR0913 - the inputs are tables, each named
    rows: ir.Table,
    *,
    flows: ir.Table,
    stocks: ir.Table,
    seats: ir.Table,
    history: ir.Table,
    window: ir.Table,
    kinds: ir.Table,
    today: ir.Table,
    known: ir.Table,
) -> ir.Table:
    """Limit rows with what was used of them.

    Args:
        flows: From ``flow_state`` and ``contact_state``.
        stocks: From ``stock_state``.
        seats: From ``seat_levels``.
        known: One row; has_seat says whether the seat table is connected.

    Returns:
        One row per (account_key, product_id, meter_id): the limit, used, used_1 to used_3 (complete windows that the
        product was held through; NULL otherwise), utilisation, adoption, overage_periods_3, periods_at_90_3, idle.
    """
    spans = inner(window, kinds, "window_kind").drop("window_kind")
    spans = spans.select("account_key", "product_id", "period", "starts_next", "starts_0", *_STARTS)
    state = left(rows, spans, ["account_key", "product_id", "period"])
    state = _with(state, flows, ["account_key", "meter_key"], prefix="flow_")
    state = _with(state, stocks, ["account_key", "meter_key"], prefix="stock_")
    state = _with(state, seats, ["account_key", "product_id"], prefix="seat_")
    started = history.select("account_key", "product_id", "started_at", "bought_at", "downgraded_at")
    state = left(state, started, ["account_key", "product_id"])
    at = state.cross_join(today.select("as_of", "as_of_day", "usage_from")).cross_join(known.select("has_seat"))
    # Use is known from the day the product is held and the company's usage begins, whichever is later.
    at = at.mutate(
        begins_at=ibis.greatest(ibis.coalesce(at.starts_0, 0), ibis.coalesce(at.started_at, 0)),
        started_at=ibis.greatest(ibis.coalesce(at.started_at, 0), at.usage_from),
        changed_at=ibis.greatest(ibis.coalesce(at.bought_at, 0), ibis.coalesce(at.downgraded_at, 0)),
    )
    return _shares(_measured(at))


_STARTS = ("starts_1", "starts_2", "starts_3")


def _with(state: ir.Table, other: ir.Table, keys: list[str], *, prefix: str) -> ir.Table:
    """Left join with the other's columns prefixed."""
    renamed = other.select(*keys, **{f"{prefix}{name}": name for name in other.columns if name not in keys})
    return left(state, renamed, keys)


def _measured(state: ir.Table) -> ir.Table:
    """Choose the figures by what the meter is: seats, stock or flow.

    A flow without events was not used. Seats without a seat table and without people, and a level that was never read,
    are not known: NULL, never 0.
    """
    is_seats = state["aggregate"] == "seats"
    is_flow = (state.meter_kind == "flow") & ~is_seats
    assigned = ibis.ifelse(state.has_seat, ibis.coalesce(state.seat_level_0, 0), state.seat_level_0)
    adds_up = state["aggregate"].isin(("sum", "count"))
    level = ibis.ifelse(adds_up, ibis.coalesce(state.stock_used, 0), state.stock_used)
    columns: dict[str, ir.Value] = {
        "used": ibis.cases((is_seats, assigned), (is_flow, ibis.coalesce(state.flow_used, 0)), else_=level),
    }
    for index in (1, 2, 3):
        covered = is_flow & (state[f"starts_{index}"] >= state.started_at)
        columns[f"used_{index}"] = ibis.ifelse(
            covered, ibis.coalesce(state[f"flow_used_{index}"], 0), ibis.null("int64")
        )
    for week in range(1, WEEKS + 1):
        columns[f"week_{week}"] = ibis.ifelse(is_flow, ibis.coalesce(state[f"flow_week_{week}"], 0), 0)
    for week in range(WEEKS + 1):
        columns[f"level_{week}"] = ibis.ifelse(is_seats, state[f"seat_level_{week}"], state[f"stock_level_{week}"])
    kept = [*KEYS, "meter_key", "plan_id", "paid_quantity", "aggregate", "meter_kind", "period", "value_meter"]
    kept += ["is_advanced"]
    kept += ["limit_quantity", "is_unlimited", "is_own_limit", "enforcement", "basis", "starts_next", "starts_0"]
    kept += [*_STARTS]
    return state.select(
        *kept,
        "as_of",
        "as_of_day",
        "started_at",
        "begins_at",
        "changed_at",
        is_paid=state.product_units > 0,
        live_subscriptions=state.live_subscriptions,
        # Where no seat is given out none is used; of seats that name nobody it is not known.
        seats_used=ibis.cases(
            (~is_seats, ibis.null("int64")),
            (state.has_seat & (ibis.coalesce(state.seat_level_0, 0) == 0), 0),
            else_=state.seat_seats_used,
        ),
        is_estimated=ibis.ifelse(is_seats, ibis.coalesce(state.seat_is_estimated, ~state.has_seat), False),
        **columns,
    )


def _shares(state: ir.Table) -> ir.Table:
    """Utilisation, adoption and what happened in the last three complete windows."""
    state = state.mutate(is_first_use=ibis.coalesce(_is_first_use(state), False))
    limited = state.limit_quantity > 0
    limit = ibis.ifelse(limited, state.limit_quantity, ibis.null("int64"))
    measurable = limited & (state.enforcement != "auto")
    share = ibis.ifelse(measurable, state.used.cast("float64") / limit.cast("float64"), ibis.null("float64"))
    # A window before the last change of plan was used under another limit; a stock needs four weeks under this one.
    is_settled = ibis.greatest(state.started_at, state.changed_at) <= state.as_of - 28 * DAY_SECONDS
    own = {index: ibis.coalesce(state[f"starts_{index}"] >= state.changed_at, False) for index in (1, 2, 3)}
    # A subscription may be older than what counts its use: then what came before was not counted, rather than not used.
    a_lot = state.used.cast("float64") >= state.limit_quantity.cast("float64") * BEGUN_SHARE
    is_counted = ~(state.is_first_use & ibis.coalesce(a_lot, False))
    done = {
        "seats": ibis.ifelse(is_settled, state.seats_used, ibis.null("int64")),
        "stock": ibis.ifelse(is_settled, state.used, ibis.null("int64")),
        "flow": ibis.ifelse(own[1] & is_counted, state.used_1, ibis.null("int64")),
    }
    adopted = ibis.cases(
        (state["aggregate"] == "seats", done["seats"]), (state.meter_kind == "stock", done["stock"]), else_=done["flow"]
    )
    windows = [state[f"used_{index}"] for index in (1, 2, 3)]
    mine = [ibis.ifelse(own[index], used, ibis.null("int64")) for index, used in enumerate(windows, 1)]
    over = [ibis.ifelse(ibis.coalesce(used > limit, False), 1, 0) for used in mine]
    near = [ibis.ifelse(ibis.coalesce(used * 100 >= limit * 90, False), 1, 0) for used in mine]
    held = [ibis.ifelse(used.notnull(), 1, 0) for used in windows]
    # A window the product was not held through is NULL; greatest() treats NULL differently by engine.
    peak = ibis.greatest(*(ibis.coalesce(used, 0) for used in windows))
    return state.mutate(
        utilisation=share,
        adoption=adopted.cast("float64") / limit.cast("float64"),
        adopted_quantity=adopted,
        idle=ibis.ifelse(limited, ibis.greatest(limit - ibis.coalesce(adopted, state.used), 0), ibis.null("int64")),
        overage_periods_3=sum(over[1:], start=over[0]).cast("int64"),
        periods_at_90_3=sum(near[1:], start=near[0]).cast("int64"),
        complete_periods=sum(held[1:], start=held[0]).cast("int64"),
        peak_3=peak,
        plan_used_1=mine[0],
        plan_used_2=mine[1],
        plan_used_3=mine[2],
    )


def _is_first_use(state: ir.Table) -> ir.BooleanValue:
    """Whether a flow is first met in the current window: there is use, and none in the three before it."""
    before = sum((ibis.coalesce(state[f"used_{index}"], 0) for index in (2, 3)), start=ibis.coalesce(state.used_1, 0))
    return (state.meter_kind == "flow") & (before == 0) & (state.used > 0)


def seat_levels(assigned: ir.Table, used: ir.Table, people: ir.Table, *, known: ir.Table) -> ir.Table:
    """Seats from the seat table; without that table distinct people of 28 days stand in, marked estimated.

    Args:
        known: One row; has_seat says whether the seat table is connected and fresh. What a stale one says still counts.

    Returns:
        One row per (account_key, product_id): level_0 to level_8, seats_used, is_estimated.
    """
    # Usage that names no person tells nothing of who uses a seat.
    told = used.cross_join(known.select("has_usage_contact"))
    told = told.filter(told.has_usage_contact).drop("has_usage_contact")
    counted = left(assigned, told, ["account_key", "product_id"])
    levels = [f"level_{week}" for week in range(WEEKS + 1)]
    real = counted.select(
        "account_key",
        "product_id",
        *levels,
        seats_used=counted.seats_used,
        is_estimated=ibis.literal(False),
    )
    guess = people.cross_join(known.select("has_seat"))
    guess = guess.filter(~guess.has_seat).anti_join(real, ["account_key", "product_id"])
    guessed = guess.select(
        "account_key",
        "product_id",
        **{name: guess.people if name == "level_0" else ibis.null("int64") for name in levels},
        seats_used=guess.people,
        is_estimated=ibis.literal(True),
    )
    return real.union(guessed)


def stock_reached(levels: ir.Table, limits: ir.Table, percent: int) -> ir.Table:
    """Since when a stock stands at or above a share of today's limit.

    The first day at or above it after the last day more than ten points below it: a level that dips a little and comes
    back has been reached once.

    Returns:
        One row per (account_key, product_id, meter_id) that stands there: percent, first_reached_day.
    """
    # Most stand nowhere near, so the many levels are read only of those that do.
    stands = limits.used * 100 >= limits.limit_quantity * percent
    stock = limits.filter((limits.meter_kind == "stock") & (limits.limit_quantity > 0) & stands)
    at = inner(levels, stock.select(*KEYS, "meter_key", "limit_quantity"), ["account_key", "meter_key"])
    below = at.level * 100 < at.limit_quantity * (percent - 10)
    lows = at.mutate(low_until=ibis.ifelse(below, at.day_until, 0))
    last = lows.mutate(
        low_until=lows.low_until.max().over(ibis.window(group_by=["account_key", "product_id", "meter_id"]))
    )
    high = last.filter((last.day >= last.low_until) & (last.level * 100 >= last.limit_quantity * percent))
    return high.group_by(*KEYS).agg(first_reached_day=high.day.min()).mutate(percent=ibis.literal(percent, "int64"))
