"""Intervals to changes: what began and what ended of each product at one instant, as sums that cancel what stays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from upstep.movements.words import PAID_STATUSES
from upstep.tables.query import inner, left

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from upstep.movements.policy import Policy

SUMS = ("units", "items", "position", "term_days", "quantity", "list_units", "paused", "committed_minor")
"""Signed sums over what began and what ended. What ends and begins again as it was adds nothing to any of them."""

PARTS = 2**16
"""A lane is currency_key x PARTS + part_key: one number for currency, product and whether it is an add-on."""

FREE, PAUSED = 1, 2
"""``stays``: how something goes on unpaid from an instant on; 0: nothing does."""

_KIND = ("currency", "product_id", "plan_id", "add_on_id", "interval", "interval_count", "status")


def _told_apart(items: ir.Table) -> ir.Table:
    """Paid and paused intervals, ready to be joined: no NULL in what they are told apart by."""
    live = items.filter(items.status.isin((*PAID_STATUSES, "paused")))
    return live.mutate(
        plan_id=ibis.coalesce(live.plan_id, ""),
        add_on_id=ibis.coalesce(live.add_on_id, ""),
        interval_count=ibis.coalesce(live.interval_count, 1),
    )


def kinds(items: ir.Table, factors: ir.Table, plans: ir.Table) -> ir.Table:
    """Every kind of interval there is, with what its rows share: so that millions of rows join one small table.

    Returns:
        One row per (currency, product, plan or add-on, interval, status): kind (1, 2, …), lane, units_factor (0:
        unpaid), term_days, plan_key, position, paused, is_add_on, is_usage.
    """
    found = _told_apart(items).select(*_KIND).distinct()
    currencies = found.select("currency").distinct()
    currencies = currencies.mutate(currency_key=ibis.row_number().over(ibis.window(order_by="currency")))
    found = found.mutate(is_add_on=found.plan_id == "")
    parts = found.select("product_id", "is_add_on").distinct()
    parts = parts.mutate(part_key=ibis.row_number().over(ibis.window(order_by=["product_id", "is_add_on"])))
    keyed = inner(inner(found, currencies, "currency"), parts, ["product_id", "is_add_on"])
    rated = left(keyed, factors.select(*_TERM, "units_factor", "term_days"), _TERM)
    rated = left(rated, plans.select("plan_id", "plan_key", "position", "is_usage"), "plan_id")
    is_paid = rated.status.isin(PAID_STATUSES)
    return rated.select(
        *_KIND,
        "is_add_on",
        is_usage=ibis.coalesce(rated.is_usage, False),
        kind=(ibis.row_number().over(ibis.window(order_by=list(_KIND))) + 1).cast("int32"),
        lane=(rated.currency_key * PARTS + rated.part_key).cast("int32"),
        units_factor=ibis.ifelse(is_paid, ibis.coalesce(rated.units_factor, 0), 0).cast("int64"),
        term_days=ibis.coalesce(rated.term_days, 0).cast("int32"),
        plan_key=rated.plan_key.cast("int32"),
        position=ibis.coalesce(rated.position, 0).cast("int32"),
        paused=ibis.ifelse(is_paid, 0, 1).cast("int32"),
    )


_TERM = ["interval", "interval_count"]


def lanes(of: ir.Table) -> ir.Table:
    """What a lane stands for: lane, currency, product_id, is_add_on. ``of``: ``kinds``."""
    return of.select("lane", "currency", "product_id", "is_add_on").distinct()


def intervals(items: ir.Table, of: ir.Table, *, policy: Policy, merged: ir.Table | None = None) -> ir.Table:
    """What each interval adds while it lasts.

    Args:
        of: ``kinds``.

    Returns:
        One row per interval that is paid or stays on unpaid: account_key, lane, kind, valid_from, valid_to, and units,
        list_units (at list price), quantity, committed_minor (for one term), stays.
    """
    some = items.filter(items.valid_to.isnull() | (items.valid_to > items.valid_from))
    known = inner(_told_apart(some), of, list(_KIND))
    if merged is not None:
        known = left(known, merged, "account_key")
        known = known.mutate(account_key=ibis.coalesce(known.into_account_key, known.account_key))
    amount, listed = _amounts(known, policy)
    factor = ibis.ifelse(amount > 0, known.units_factor, 0)
    return known.select(
        "account_key",
        "lane",
        "kind",
        "valid_from",
        "valid_to",
        "quantity",
        units=amount * factor,
        list_units=listed * factor,
        committed_minor=ibis.ifelse(factor > 0, amount, 0),
        stays=ibis.ifelse(factor > 0, 0, ibis.ifelse(known.paused > 0, PAUSED, FREE)).cast("int32"),
    )


def _amounts(known: ir.Table, policy: Policy) -> tuple[ir.IntegerValue, ir.IntegerValue]:
    """What counts per interval, and the list amount beside it, both by the policy for discounts and cancellations."""
    listed = ibis.greatest(ibis.coalesce(known.list_amount_minor, known.amount_minor), known.amount_minor)
    amount = listed if policy.discount == "ignored" else known.amount_minor
    if policy.churn_at == "requested":
        # The row says when it was asked for only if it began then, inside a period: see Policy.churn_at.
        leaves = known.cancel_at.notnull() & ibis.coalesce(known.valid_from > known.period_start, False)
        amount = ibis.ifelse(leaves, 0, amount)
    return amount, listed


_AMOUNTS = ("units", "list_units", "quantity", "committed_minor")
_KEYS = ("account_key", "lane", "moved_at")


def _edges(of: ir.Table, today: ir.Table) -> ir.Table:
    """Each interval as its two ends up to the as-of, +1 where it begins and -1 where it has ended."""
    signs = today.select("as_of", sign=ibis.literal(1, "int64")).union(
        today.select("as_of", sign=ibis.literal(-1, "int64"))
    )
    both = of.cross_join(signs)
    both = both.mutate(moved_at=ibis.ifelse(both.sign > 0, both.valid_from, both.valid_to))
    return both.filter(both.moved_at <= both.as_of)


def plain_changes(of: ir.Table, today: ir.Table) -> ir.Table:
    """What began and ended at each instant, where that is at most one interval each: the quick way for most accounts.

    Two numbers tell which kinds began and ended: every further sum would cost as much again over millions of rows.

    Returns:
        One row per (account_key, lane, moved_at) where an amount changed: the sums of amounts, ``edges`` (how many
        intervals began or ended), ``packed`` (see ``unpacked``).
    """
    edges = _edges(of, today)
    ends = edges.kind.cast("int64") * 2**32 + 16
    packed = ibis.ifelse(edges.sign > 0, edges.kind * 256 + ibis.ifelse(edges.stays > 0, 4, 0) + 1, ends)
    per = edges.group_by(*_KEYS).agg(
        **{name: (edges[name] * edges.sign).sum().cast("int64") for name in _AMOUNTS},
        edges=edges.count().cast("int64"),
        packed=packed.cast("int64").sum().cast("int64"),
    )
    return per.filter((per.units != 0) | (per.committed_minor != 0))


def is_plain(per: ir.Table) -> ir.BooleanValue:
    """Whether at most one interval began and one ended: two that began sum up to a 2 in the last digits."""
    return (per.edges == 1) | (
        (per.edges == 2) & (per.packed % 4 == 1) & (per.packed % 64 >= 16) & (per.packed % 64 < 32)
    )


def unpacked(per: ir.Table, of: ir.Table) -> ir.Table:
    """Plain changes with what ``changes`` has of them.

    Args:
        per: ``plain_changes``; of: ``kinds``.
    """
    low = per.packed % 2**32
    told = per.mutate(
        kind_after=((low - low % 256) / 256).cast("int32"),
        kind_before=((per.packed - low) / 2**32).cast("int32"),
        is_unpaid=per.packed % 16 >= 4,
    )
    names = ("position", "term_days", "paused", "plan_key", "is_usage", "is_add_on")
    told = left(told, of.select(kind_after="kind", **{f"{name}_after": name for name in names}), "kind_after")
    told = left(told, of.select(kind_before="kind", **{f"{name}_before": name for name in names}), "kind_before")
    change = {
        name: ibis.coalesce(told[f"{name}_after"], 0) - ibis.coalesce(told[f"{name}_before"], 0)
        for name in ("position", "term_days", "paused")
    }
    began, ended = ibis.ifelse(told.kind_after > 0, 1, 0), ibis.ifelse(told.kind_before > 0, 1, 0)
    unpaid = ibis.ifelse(ibis.coalesce(told.paused_after, 0) > 0, PAUSED, FREE)
    return told.mutate(
        **{name: value.cast("int64") for name, value in change.items()},
        items=(began - ended).cast("int64"),
        stays=ibis.ifelse(told.is_unpaid, unpaid, 0).cast("int32"),
        plan_before=told.plan_key_before,
        plan_after=told.plan_key_after,
        is_usage=ibis.coalesce(told.is_usage_after, told.is_usage_before),
        is_add_on=ibis.coalesce(told.is_add_on_after, told.is_add_on_before),
    )


def changes(of: ir.Table, kind: ir.Table, today: ir.Table) -> ir.Table:
    """What began and ended at each instant, however many intervals.

    Args:
        of: ``intervals``; kind: ``kinds``.

    Returns:
        One row per (account_key, lane, moved_at) with a change of MRR, or of the term of what is paid: ``SUMS``,
        stays, plan_before and plan_after as keys, is_usage, is_add_on.
    """
    shared = kind.select("kind", "position", "term_days", "paused", "plan_key", "is_usage", "is_add_on")
    edges = inner(_edges(of, today), shared, "kind").mutate(items=ibis.literal(1, "int64"))
    begins, none = edges.sign > 0, ibis.null("int32")
    per = edges.group_by(*_KEYS).agg(
        **{name: (edges[name] * edges.sign).sum().cast("int64") for name in SUMS},
        stays=ibis.ifelse(begins, edges.stays, 0).max().cast("int32"),
        plan_before=ibis.ifelse(begins, none, edges.plan_key).min(),
        plan_after=ibis.ifelse(begins, edges.plan_key, none).max(),
        is_usage=edges.is_usage.any(),
        is_add_on=edges.is_add_on.any(),
    )
    return per.filter(is_change(per))


def is_change(per: ir.Table) -> ir.BooleanValue:
    """MRR changed, or what is committed for a term did."""
    return (per.units != 0) | ((per["items"] == 0) & (per.term_days != 0) & (per.committed_minor != 0))
