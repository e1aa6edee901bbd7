"""MRR movements: what each change of a subscription did to an account's recurring revenue, from the intervals alone.

The event view: one row per account, currency, product and instant. Categories come from the account's whole MRR in that
currency (see ``docs/words.md``); causes from what changed in the product. Amounts are MRR units (see ``money``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from upstep.tables.query import left

if TYPE_CHECKING:
    import ibis.expr.types as ir

CATEGORIES = ("new", "expansion", "contraction", "churn", "reactivation")
CAUSES = (
    *("upsell", "downsell", "seats", "usage_commit", "add_on", "cross_sell", "commit", "price_change"),
    *("discount_start", "discount_end", "cancel"),
)
PAID_STATUSES = ("active", "past_due")


def movements(items: ir.Table, *, factors: ir.Table, plans: ir.Table, today: ir.Table) -> ir.Table:
    """Every change of MRR up to the as-of.

    Args:
        items: Core ``subscription_item``.
        factors: ``interval_factor``; plans: ``catalog_plan``; today: one row with as_of.

    Returns:
        One row per (account_key, currency, product_id, moved_at) whose MRR changed: units (the change), category,
        cause, mrr_before and mrr_after of the account in that currency.
    """
    edges = _edges(items, factors, plans, today)
    per_product = _product_changes(edges)
    totals = _account_totals(per_product)
    joined = left(per_product, totals, ["account_key", "currency", "moved_at"])
    moved = joined.filter(joined.units != 0)
    return moved.select(
        "account_key",
        "currency",
        "product_id",
        "moved_at",
        "units",
        category=_category(moved),
        cause=_cause(moved),
        mrr_before=moved.mrr_before,
        mrr_after=moved.mrr_after,
    )


def _edges(items: ir.Table, factors: ir.Table, plans: ir.Table, today: ir.Table) -> ir.Table:
    """Two rows per paid interval: it begins (+1) and, when it has ended by the as-of, it ends (-1)."""
    known = items.mutate(interval_count=ibis.coalesce(items.interval_count, 1))
    rated = left(left(known, factors, ["interval", "interval_count"]), plans.select("plan_id", "position"), "plan_id")
    paid = rated.filter(rated.status.isin(PAID_STATUSES) & (rated.amount_minor > 0)).cross_join(today.select("as_of"))
    columns = {
        "account_key": paid.account_key,
        "currency": paid.currency,
        "product_id": paid.product_id,
        "value": paid.amount_minor * ibis.coalesce(paid.units_factor, 0),
        "position": ibis.coalesce(paid.position, -1),
        "quantity": paid.quantity,
        "term_days": ibis.coalesce(paid.term_days, 0),
        "is_plan": paid.plan_id.notnull(),
    }
    begins = paid.filter(paid.valid_from <= paid.as_of).select(
        moved_at=paid.valid_from, sign=ibis.literal(1, "int64"), **columns
    )
    ends = paid.filter(paid.valid_to.notnull() & (paid.valid_to <= paid.as_of)).select(
        moved_at=paid.valid_to, sign=ibis.literal(-1, "int64"), **columns
    )
    return begins.union(ends)


def _product_changes(edges: ir.Table) -> ir.Table:
    """What began and what ended of each product at one instant."""

    def of(sign: int, value: ir.Value, *, plan_only: bool = True) -> ir.Scalar:
        chosen = (edges.sign == sign) & (edges.is_plan if plan_only else ibis.literal(True))
        return ibis.ifelse(chosen, value, ibis.null(value.type())).max()

    return edges.group_by("account_key", "currency", "product_id", "moved_at").agg(
        units=(edges.sign * edges["value"]).sum().cast("int64"),
        began_position=of(1, edges.position),
        ended_position=of(-1, edges.position),
        began_quantity=of(1, edges.quantity),
        ended_quantity=of(-1, edges.quantity),
        began_term=of(1, edges.term_days),
        ended_term=of(-1, edges.term_days),
        has_plan=edges.is_plan.any(),
    )


def _account_totals(changes: ir.Table) -> ir.Table:
    """The account's MRR before and after each instant, by currency, and whether it had ever paid before."""
    at = changes.group_by("account_key", "currency", "moved_at").agg(net=changes.units.sum().cast("int64"))
    so_far = ibis.cumulative_window(group_by=["account_key", "currency"], order_by="moved_at")
    after = at.net.sum().over(so_far).cast("int64")
    first = at.moved_at.min().over(ibis.window(group_by=["account_key", "currency"]))
    return at.mutate(mrr_after=after, is_first=at.moved_at == first).mutate(mrr_before=after - at.net).drop("net")


def _category(moved: ir.Table) -> ir.StringValue:
    """From the account's net: an extra subscription is expansion, cancelling one of several contraction, not churn."""
    return ibis.cases(
        ((moved.mrr_before == 0) & moved.is_first, "new"),
        ((moved.mrr_before == 0) & (moved.mrr_after > 0), "reactivation"),
        ((moved.mrr_after == 0) & (moved.units < 0), "churn"),
        (moved.units > 0, "expansion"),
        else_="contraction",
    )


def _cause(moved: ir.Table) -> ir.StringValue:
    """What changed: the plan, then the term, then the quantity, else the price. Only an end is a cancellation."""
    began, ended = moved.began_position.notnull(), moved.ended_position.notnull()
    both = began & ended
    return ibis.cases(
        (~moved.has_plan, "add_on"),
        (both & (moved.began_position > moved.ended_position), "upsell"),
        (both & (moved.began_position < moved.ended_position), "downsell"),
        (both & (moved.began_term != moved.ended_term), "commit"),
        (both & (moved.began_quantity != moved.ended_quantity), "seats"),
        (both, "price_change"),
        (ended, "cancel"),
        (moved.mrr_before > 0, "cross_sell"),
        else_=ibis.null("string"),
    )
