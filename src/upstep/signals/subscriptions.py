"""What an account has bought: live items, one row per product owned, and the windows its use is counted in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from upstep.clock import DAY_SECONDS
from upstep.tables.query import inner, left

if TYPE_CHECKING:
    import ibis.expr.types as ir

LIVE_STATUSES = ("trialing", "active", "past_due", "unpaid")
"""What these give may be used. Paused, canceled and incomplete subscriptions give nothing."""

PAID_STATUSES = ("active", "past_due")
"""What counts in MRR: trials and unpaid subscriptions do not. See ``docs/money.md``."""


def items_known(items: ir.Table, today: ir.Table, factors: ir.Table) -> ir.Table:
    """Subscription items that had begun by the as-of, with their monthly amount and whether they are live.

    Returns:
        One row per (item_id, valid_from). ``units`` is MRR in units (see ``money``), 0 when not paid.
    """
    known = items.cross_join(today).filter(lambda t: t.valid_from <= t.as_of)
    known = known.mutate(interval_count=ibis.coalesce(known.interval_count, 1))
    rated = left(known, factors, ["interval", "interval_count"])
    is_now = rated.valid_to.isnull() | (rated.valid_to > rated.as_of)
    return rated.select(
        "account_key",
        "item_id",
        "subscription_id",
        "product_id",
        "plan_id",
        "add_on_id",
        "price_id",
        "quantity",
        "amount_minor",
        "list_amount_minor",
        "currency",
        "interval",
        "interval_count",
        "status",
        "valid_from",
        "valid_to",
        "period_start",
        "auto_renew",
        "cancel_at",
        "pending_plan_id",
        "collection",
        renews_at=ibis.coalesce(rated.renews_at, rated.period_end),
        term_months=ibis.coalesce(rated.term_months, 0).cast("int32"),
        term_days=ibis.coalesce(rated.term_days, 0).cast("int32"),
        is_live=is_now & rated.status.isin(LIVE_STATUSES),
        units=ibis.ifelse(
            is_now & rated.status.isin(PAID_STATUSES),
            rated.amount_minor * ibis.coalesce(rated.units_factor, 0),
            0,
        ).cast("int64"),
        is_paid=rated.status.isin(PAID_STATUSES) & (rated.amount_minor > 0),
    )


def owned_products(items: ir.Table, plans: ir.Table) -> ir.Table:
    """What an account has of each product it owns.

    Returns:
        One row per (account_key, product_id) with a live item. plan_id, price_id, interval and currency are those of
        the costliest live plan; ``quantity`` sums that plan's items; ``recurring_units`` sums all live items in that
        currency, ``add_on_units`` the add-ons among them; ``live_subscriptions`` counts those with a plan.
    """
    keys = ["account_key", "product_id"]
    live = items.filter(items.is_live)
    main = main_plans(live, plans)
    paid_in = left(live, main.select(*keys, main_currency="currency"), keys)
    same = (paid_in.currency == ibis.coalesce(paid_in.main_currency, paid_in.currency)) & paid_in.is_live
    marked = paid_in.mutate(counted=ibis.ifelse(same, paid_in.units, 0))
    totals = marked.group_by(*keys).agg(
        live_subscriptions=ibis.ifelse(marked.plan_id.notnull(), marked.subscription_id, ibis.null("string"))
        .nunique()
        .cast("int32"),
        recurring_units=marked.counted.sum().cast("int64"),
        add_on_units=ibis.ifelse(marked.add_on_id.notnull(), marked.counted, 0).sum().cast("int64"),
        is_trial=~(marked.status != "trialing").any(),
        by_invoice=(marked.collection == "invoice").any(),
    )
    return left(totals, main, keys)


def main_plans(live: ir.Table, plans: ir.Table) -> ir.Table:
    """The costliest live plan of each product; ties go to the higher plan, then to the first item id."""
    placed = left(live.filter(live.plan_id.notnull()), plans.select("plan_id", "position"), "plan_id")
    placed = placed.mutate(position=ibis.coalesce(placed.position, -1))
    place = ibis.row_number().over(
        ibis.window(
            group_by=["account_key", "product_id"],
            order_by=[placed.units.desc(), placed.position.desc(), placed.item_id.asc()],
        )
    )
    per_plan = ibis.window(group_by=["account_key", "product_id", "plan_id"])
    ranked = placed.mutate(
        place=place, plan_quantity=placed.quantity.sum().over(per_plan), plan_units=placed.units.sum().over(per_plan)
    )
    return ranked.filter(ranked.place == 0).select(
        "account_key",
        "product_id",
        "plan_id",
        "price_id",
        "interval",
        "interval_count",
        "currency",
        "position",
        "item_id",
        "subscription_id",
        "term_months",
        "term_days",
        quantity=ranked.plan_quantity.cast("int64"),
        plan_units=ranked.plan_units.cast("int64"),
    )


def product_history(items: ir.Table, purchases: ir.Table, plans: ir.Table) -> ir.Table:
    """Since when a product is held without a break, and when it was last bought, raised and lowered.

    A break is a day or more without any subscription of the product; what was before it is another story. ``bought_at``
    is the newest of: the start after a break, a step to a higher plan, a one-off purchase. Seats, renewals and a second
    subscription of the same plan do not count; a trial's end does not lower a plan.

    Returns:
        One row per (account_key, product_id) ever held: started_at, first_paid_at (since then), bought_at,
        downgraded_at.
    """
    keys = ["account_key", "product_id"]
    runs = _runs(items)
    starts = runs.group_by(*keys).agg(started_at=runs.begins_at.max())
    dated = left(runs, starts, keys)
    now = dated.filter(dated.valid_from >= dated.started_at)
    paid = now.group_by(*keys).agg(first_paid_at=ibis.ifelse(now.is_paid, now.valid_from, ibis.null("int64")).min())
    bought = purchases.group_by(*keys).agg(purchased_at=purchases.purchased_at.max())
    known = left(left(left(starts, paid, keys), _plan_moves(items, plans), keys), bought, keys)
    newest = ibis.greatest(
        ibis.coalesce(known.first_paid_at, 0), ibis.coalesce(known.raised_at, 0), ibis.coalesce(known.purchased_at, 0)
    )
    return known.select(*keys, "started_at", "first_paid_at", "downgraded_at", bought_at=newest.nullif(0))


def _runs(items: ir.Table) -> ir.Table:
    """Items with ``begins_at`` where one begins after a break of the product, NULL elsewhere."""
    keys = ["account_key", "product_id"]
    until = items.mutate(until=ibis.coalesce(items.valid_to, _EVER))
    in_order = [until.valid_from, until.until, until.item_id]
    reach = until.mutate(reach=until.until.max().over(ibis.cumulative_window(group_by=keys, order_by=in_order)))
    order = [reach.valid_from, reach.until, reach.item_id]
    before = reach.mutate(before=reach.reach.lag().over(ibis.window(group_by=keys, order_by=order)))
    begins = before.before.isnull() | (before.valid_from >= before.before + DAY_SECONDS)
    return before.mutate(begins_at=ibis.ifelse(begins, before.valid_from, ibis.null("int64")))


_EVER = 2**40


def _plan_moves(items: ir.Table, plans: ir.Table) -> ir.Table:
    """Steps to a higher and to a lower plan: a plan that begins where another of the product ends, within a day.

    Returns:
        One row per (account_key, product_id): raised_at, downgraded_at (NULL: never).
    """
    keys = ["account_key", "product_id"]
    kept = items.filter(items.plan_id.notnull() & items.status.isin(PAID_STATUSES))
    placed = left(kept, plans.select("plan_id", "position"), "plan_id")
    in_order = ibis.window(group_by=keys, order_by=["valid_from", "item_id"])
    steps = placed.mutate(
        position_before=placed.position.lag().over(in_order), ended_before=placed.valid_to.lag().over(in_order)
    )
    gap = steps.valid_from - steps.ended_before
    follows = ibis.coalesce((gap < DAY_SECONDS) & (gap > -DAY_SECONDS), False)
    marked = steps.mutate(
        raised=ibis.ifelse(follows & (steps.position > steps.position_before), steps.valid_from, ibis.null("int64")),
        lowered=ibis.ifelse(follows & (steps.position < steps.position_before), steps.valid_from, ibis.null("int64")),
    )
    return marked.group_by(*keys).agg(raised_at=marked.raised.max(), downgraded_at=marked.lowered.max())


def anchors(items: ir.Table, days: ir.Table, months: ir.Table) -> ir.Table:
    """Where the billing months of a product begin: the earliest anchor of its live subscriptions.

    The anchor is the subscription's first start; when the stored period does not begin on that day of the month, the
    period's own start is (the provider moved it). An anchor on the 31st stands for the last day of shorter months.

    Returns:
        One row per (account_key, product_id): anchor_day_of_month, anchor_second (of the day), anchor_month,
        term_months.
    """
    live = items.filter(items.is_live)
    firsts = items.group_by("subscription_id").agg(first_at=items.valid_from.min())
    per = live.group_by("account_key", "product_id", "subscription_id").agg(
        period_start=live.period_start.max(), term_months=live.term_months.max()
    )
    per = inner(per, firsts, "subscription_id")
    first = _split(per, per.first_at, "first", days)
    both = _split(first, ibis.coalesce(first.period_start, first.first_at), "period", days)
    lengths = months.select(period_month="month", month_days="days")
    both = inner(both, lengths, "period_month")
    holds = (both.period_day_of_month == ibis.least(both.first_day_of_month, both.month_days)) & (
        both.period_second == both.first_second
    )
    moved = both.mutate(
        anchor_at=ibis.ifelse(holds, both.first_at, both.period_start),
        anchor_day_of_month=ibis.ifelse(holds, both.first_day_of_month, both.period_day_of_month),
        anchor_second=ibis.ifelse(holds, both.first_second, both.period_second),
        anchor_month=ibis.ifelse(holds, both.first_month, both.period_month),
    )
    place = ibis.row_number().over(
        ibis.window(group_by=["account_key", "product_id"], order_by=[moved.anchor_at, moved.subscription_id])
    )
    ranked = moved.mutate(place=place)
    return ranked.filter(ranked.place == 0).select(
        "account_key", "product_id", "anchor_day_of_month", "anchor_second", "anchor_month", "term_months"
    )


def _split(table: ir.Table, instant: ir.IntegerValue, prefix: str, days: ir.Table) -> ir.Table:
    """Add prefix_second, prefix_month and prefix_day_of_month of an instant."""
    second = instant % DAY_SECONDS
    parts = table.mutate(
        **{f"{prefix}_second": second, f"{prefix}_day": whole_days(instant - second).cast("int32")},
    )
    calendar = days.select(
        **{f"{prefix}_day": "day", f"{prefix}_month": "month", f"{prefix}_day_of_month": "day_of_month"}
    )
    return inner(parts, calendar, f"{prefix}_day").drop(f"{prefix}_day")


def whole_days(seconds: ir.IntegerValue) -> ir.IntegerValue:
    """Seconds that are a multiple of a day, as days. The float division is exact below 2**53."""
    return (seconds / DAY_SECONDS).cast("int64")


def windows(
    anchored: ir.Table,
    accounts: ir.Table,
    *,
    today: ir.Table,
    months: ir.Table,
    zones: ir.Table,
    kinds: ir.Table,
) -> ir.Table:
    """The windows that use is counted in: the current one and the three complete ones before it.

    Args:
        kinds: One row per window_kind that a meter uses: window_kind, product_id, period.

    Returns:
        One row per (account_key, window_kind): starts_next, starts_0 (now's), starts_1 to starts_3, in seconds.
        ``lifetime`` has starts_0 = 0, starts_next far away and no complete windows before it.
    """
    used = inner(anchored, kinds, "product_id")
    monthly = _month_windows(used.filter(used.period.isin(("billing_month", "billing_term"))), today, months)
    calendar = _calendar_windows(used.filter(used.period == "calendar_month"), accounts, zones)
    life = used.filter(used.period == "lifetime")
    forever = life.select(
        "account_key",
        "product_id",
        "window_kind",
        starts_next=ibis.literal(2**40, "int64"),
        starts_0=ibis.literal(0, "int64"),
        starts_1=ibis.null("int64"),
        starts_2=ibis.null("int64"),
        starts_3=ibis.null("int64"),
    )
    return monthly.union(calendar).union(forever)


def _month_windows(used: ir.Table, today: ir.Table, months: ir.Table) -> ir.Table:
    """Windows of whole months from the anchor: one month, or the term for billing_term (weekly terms: one month)."""
    now = used.cross_join(today.select("as_of", "this_month"))
    step = ibis.ifelse((now.period == "billing_term") & (now.term_months > 0), now.term_months, 1).cast("int32")
    now = now.mutate(step=step)
    opening = months.select(this_month="month", open_first="first_day", open_days="days")
    now = inner(now, opening, "this_month")
    started = _at(now.open_first, now.open_days, now) <= now.as_of
    current = ibis.ifelse(started, now.this_month, now.this_month - 1)
    since = current - now.anchor_month
    now = now.mutate(current=(current - since % now.step).cast("int32"))
    for name, steps in (("starts_next", -1), ("starts_0", 0), ("starts_1", 1), ("starts_2", 2), ("starts_3", 3)):
        now = now.mutate(month_of=(now.current - now.step * steps).cast("int32"))
        calendar = months.select(month_of="month", window_first="first_day", window_days="days")
        now = inner(now, calendar, "month_of")
        now = now.mutate(**{name: _at(now.window_first, now.window_days, now)}).drop(
            "window_first", "window_days", "month_of"
        )
    return now.select(
        "account_key", "product_id", "window_kind", "starts_next", "starts_0", "starts_1", "starts_2", "starts_3"
    )


def _at(first_day: ir.IntegerValue, days: ir.IntegerValue, anchored: ir.Table) -> ir.IntegerValue:
    """The anchor's instant in the month that begins on ``first_day`` and has ``days`` days."""
    day = first_day + ibis.least(anchored.anchor_day_of_month, days) - 1
    return (day.cast("int64") * DAY_SECONDS + anchored.anchor_second).cast("int64")


def _calendar_windows(used: ir.Table, accounts: ir.Table, zones: ir.Table) -> ir.Table:
    """Calendar months in the account's zone, else the company's (the row with an empty zone)."""
    placed = inner(used, accounts.select("account_key", "time_zone"), "account_key")
    own = left(placed, zones, "time_zone")
    home = zones.filter(zones.time_zone == "").drop("time_zone").rename(lambda name: f"home_{name}")
    filled = own.cross_join(home)
    names = ("starts_next", "starts_0", "starts_1", "starts_2", "starts_3")
    return filled.select(
        "account_key",
        "product_id",
        "window_kind",
        **{name: ibis.coalesce(filled[name], filled[f"home_{name}"]) for name in names},
    )
