"""Intervals to changes: what began and what ended of each product at one instant, as sums that cancel what stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from upstep.movements.words import PAID_STATUSES
from upstep.tables.query import left

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from upstep.movements.policy import Policy

SUMS = ("units", "items", "position", "term_days", "quantity", "list_units", "paused", "committed_minor")
"""Signed sums over what began and what ended. What ends and begins again as it was adds nothing to any of them."""


def counted(
    items: ir.Table,
    *,
    factors: ir.Table,
    plans: ir.Table,
    today: ir.Table,
    policy: Policy,
    merged: ir.Table | None = None,
) -> ir.Table:
    """The intervals that had begun by the as-of and are paid, or stay on unpaid (a free plan, a pause).

    Returns:
        One row per interval: whose and what it is, and what it adds to each of ``SUMS`` while it lasts.
    """
    live = items.filter(items.status.isin((*PAID_STATUSES, "paused")))
    known = live.mutate(interval_count=ibis.coalesce(live.interval_count, 1)).cross_join(today.select("as_of"))
    known = known.filter((known.valid_from <= known.as_of) & (ibis.coalesce(known.valid_to, 2**40) > known.valid_from))
    if merged is not None:
        known = left(known, merged, "account_key")
        known = known.mutate(account_key=ibis.coalesce(known.into_account_key, known.account_key))
    rated = left(known, factors.select("interval", "interval_count", "units_factor", "term_days"), _TERM)
    rated = left(rated, plans.select("plan_id", "plan_key", "position", "is_usage"), "plan_id")
    amount, listed = _amounts(rated, policy)
    is_paid = rated.status.isin(PAID_STATUSES) & (amount > 0)
    factor = ibis.ifelse(is_paid, ibis.coalesce(rated.units_factor, 0), 0)
    return rated.select(
        "account_key",
        "currency",
        "product_id",
        "valid_from",
        "valid_to",
        "as_of",
        is_add_on=rated.plan_id.isnull(),
        is_paid=is_paid,
        is_usage=ibis.coalesce(rated.is_usage, False),
        plan_key=ibis.coalesce(rated.plan_key, 0).cast("int64"),
        units=amount * factor,
        items=ibis.literal(1, "int64"),
        position=ibis.coalesce(rated.position, 0).cast("int64"),
        term_days=ibis.coalesce(rated.term_days, 0).cast("int64"),
        quantity=rated.quantity,
        list_units=listed * factor,
        paused=ibis.ifelse(rated.status == "paused", 1, 0).cast("int64"),
        committed_minor=ibis.ifelse(is_paid, amount, 0),
    )


_TERM = ["interval", "interval_count"]


def _amounts(rated: ir.Table, policy: Policy) -> tuple[ir.IntegerValue, ir.IntegerValue]:
    """What counts per interval, and the list amount beside it, both by the policy for discounts and cancellations."""
    listed = ibis.greatest(ibis.coalesce(rated.list_amount_minor, rated.amount_minor), rated.amount_minor)
    amount = listed if policy.discount == "ignored" else rated.amount_minor
    if policy.churn_at == "requested":
        # The row says when it was asked for only if it began then, inside a period: see Policy.churn_at.
        leaves = rated.cancel_at.notnull() & ibis.coalesce(rated.valid_from > rated.period_start, False)
        amount = ibis.ifelse(leaves, 0, amount)
    return amount, listed


def changes(intervals: ir.Table) -> ir.Table:
    """What began and ended at each instant.

    Returns:
        One row per (account_key, currency, product_id, is_add_on, moved_at) with a change of MRR, or of the term of
        what is paid: ``SUMS``, is_usage, is_kept (something begins unpaid), and plan_before and plan_after as keys.
    """
    begins = intervals.select(*_KEYS, moved_at="valid_from", **_edge(intervals, 1))
    ended = intervals.filter(intervals.valid_to.notnull() & (intervals.valid_to <= intervals.as_of))
    ends = ended.select(*_KEYS, moved_at="valid_to", **_edge(ended, -1))
    edges = begins.union(ends)
    per = edges.group_by(*_KEYS, "moved_at").agg(
        **{name: edges[name].sum().cast("int64") for name in SUMS},
        is_usage=edges.is_usage.any(),
        is_kept=edges.is_kept.any(),
        plan_before=edges.plan_before.min(),
        plan_after=edges.plan_after.max(),
    )
    return per.filter(is_change(per))


_KEYS = ("account_key", "currency", "product_id", "is_add_on")


def is_change(per: ir.Table) -> ir.BooleanValue:
    """MRR changed, or what is committed for a term did."""
    return (per.units != 0) | ((per["items"] == 0) & (per.term_days != 0) & (per.committed_minor != 0))


def _edge(intervals: ir.Table, sign: int) -> dict[str, ir.Value]:
    plan = ibis.ifelse(intervals.plan_key > 0, intervals.plan_key, ibis.null("int64"))
    none = ibis.null("int64")
    return {
        **{name: intervals[name] * sign for name in SUMS},
        "is_usage": intervals.is_usage,
        "is_kept": ~intervals.is_paid if sign > 0 else ibis.literal(False),
        "plan_before": plan if sign < 0 else none,
        "plan_after": plan if sign > 0 else none,
    }
