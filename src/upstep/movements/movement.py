"""Changes to movements: same-hour changes merged, the account's MRR before and after, category and cause."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import ibis

from upstep.clock import DAY_SECONDS
from upstep.movements.edges import SUMS, changes, counted, is_change
from upstep.movements.policy import STANDARD, Policy
from upstep.tables.query import left

if TYPE_CHECKING:
    import ibis.expr.types as ir

Stage = Callable[[str, "ir.Table"], "ir.Table"]
"""``Program.stage``: gives a SELECT a name, so that it is worked out once."""

COLUMNS = (
    *("account_key", "currency", "product_id", "is_add_on", "moved_at", "units", "category", "net_category", "cause"),
    *("plan_before", "plan_after", "quantity_change", "committed_minor", "mrr_before", "mrr_after"),
    *("paying_before", "paying_after", "previous_at", "first_paid_at", "is_mixed"),
)
"""The columns of the movement table, in order; the package's first lines say what each means."""

_PLACES = 2**20
"""Room for a plan's key beside the seconds since the first change of an hour."""


def in_one(_: str, select: ir.Table) -> ir.Table:
    """No stage: the SELECT stands inside the one that reads it."""
    return select


def movements(
    items: ir.Table,
    *,
    factors: ir.Table,
    plans: ir.Table,
    today: ir.Table,
    policy: Policy = STANDARD,
    merged: ir.Table | None = None,
    stage: Stage = in_one,
) -> ir.Table:
    """Every movement up to the as-of, the event view; see the package's first lines for its columns.

    Args:
        items: Core ``subscription_item``.
        factors: ``interval_factor``; plans: ``plan_table``; today: one row with as_of.
        merged: ``merged_accounts``; None: no account was merged.
        stage: ``Program.stage``, for many accounts; the default makes one SELECT.
    """
    intervals = counted(items, factors=factors, plans=plans, today=today, policy=policy, merged=merged)
    changed = stage("movement_changes", changes(intervals))
    if policy.merge_seconds:
        changed = stage("movement_merged", _merge(changed, policy))
    moved = stage("movement_before", _before(changed))
    return _told(moved, plans, policy)


def _merge(changed: ir.Table, policy: Policy) -> ir.Table:
    """Changes within the hour as one, at the first one's instant: each belongs to the one before it.

    A chain ends with the UTC day, so that what stood at midnight is what the movements add up to.
    """
    instants = changed.select("account_key", "moved_at").distinct()
    in_order = ibis.window(group_by="account_key", order_by="moved_at")
    before = instants.mutate(before=instants.moved_at.lag().over(in_order))
    follows = (before.moved_at - before.before < policy.merge_seconds) & (
        before.moved_at - before.moved_at % DAY_SECONDS <= before.before
    )
    begins = before.mutate(begins=ibis.ifelse(ibis.coalesce(follows, False), ibis.null("int64"), before.moved_at))
    so_far = ibis.cumulative_window(group_by="account_key", order_by="moved_at")
    chained = begins.select("account_key", "moved_at", chain_at=begins.begins.max().over(so_far))
    both = left(changed, chained, ["account_key", "moved_at"])
    # The first plan that ended and the last that began: the plans' keys are ordered by their instants.
    since = (both.moved_at - both.chain_at) * _PLACES
    dated = both.mutate(plan_before=both.plan_before + since, plan_after=both.plan_after + since)
    per = dated.group_by("account_key", "currency", "product_id", "is_add_on", moved_at=dated.chain_at).agg(
        **{name: dated[name].sum().cast("int64") for name in SUMS},
        is_usage=dated.is_usage.any(),
        is_kept=dated.is_kept.any(),
        plan_before=dated.plan_before.min() % _PLACES,
        plan_after=dated.plan_after.max() % _PLACES,
    )
    return per.filter(is_change(per))


def _before(changed: ir.Table) -> ir.Table:
    """The account's MRR before and after each instant: in the row's currency, in all of them, of the row's product."""
    mine: dict[str, Any] = {"group_by": ["account_key", "currency"], "order_by": "moved_at"}
    all_of: dict[str, Any] = {"group_by": "account_key", "order_by": "moved_at"}
    product: dict[str, Any] = {"group_by": ["account_key", "product_id"], "order_by": "moved_at"}

    def after(which: Mapping[str, Any]) -> ir.IntegerValue:
        return changed.units.sum().over(ibis.range_window(preceding=None, following=0, **which)).cast("int64")

    def now(which: Mapping[str, Any]) -> ir.IntegerValue:
        return changed.units.sum().over(ibis.range_window(preceding=0, following=0, **which)).cast("int64")

    peers = ibis.range_window(preceding=0, following=0, **all_of)
    until = ibis.range_window(preceding=(None, 1), **all_of)
    return changed.mutate(
        mrr_before=after(mine) - now(mine),
        mrr_after=after(mine),
        paying_before=after(all_of) - now(all_of) > 0,
        paying_after=after(all_of) > 0,
        product_before=after(product) - now(product) > 0,
        stays=changed.is_kept.any().over(peers),
        stays_paused=(changed.is_kept & (changed.paused > 0)).any().over(peers),
        previous_at=changed.moved_at.max().over(until),
        first_paid_at=changed.moved_at.min().over(ibis.window(group_by="account_key")),
        is_mixed=changed.currency.min().over(ibis.window(group_by="account_key"))
        != changed.currency.max().over(ibis.window(group_by="account_key")),
    )


def _told(moved: ir.Table, plans: ir.Table, policy: Policy) -> ir.Table:
    """Category and cause in words, plans by their ids."""
    named = left(moved, plans.select(plan_before="plan_key", id_before="plan_id"), "plan_before")
    named = left(named, plans.select(plan_after="plan_key", id_after="plan_id"), "plan_after")
    net = named.mrr_after - named.mrr_before
    told = named.mutate(
        category=_category(named, named.units, policy),
        net_category=_category(named, net, policy),
        cause=_cause(named),
        plan_before=named.id_before,
        plan_after=named.id_after,
        quantity_change=named.quantity,
    )
    return told.select(*COLUMNS)


def _category(moved: ir.Table, units: ir.IntegerValue, policy: Policy) -> ir.StringValue:
    """From what the account pays in all: an extra subscription is expansion, cancelling one of several contraction."""
    stays = {
        ("contraction", "contraction"): moved.stays,
        ("contraction", "churn"): moved.stays & ~moved.stays_paused,
        ("churn", "contraction"): moved.stays_paused,
        ("churn", "churn"): ibis.literal(False),
    }[policy.free, policy.paused]
    again = "reactivation" if policy.reactivation == "own" else "new"
    return ibis.cases(
        (~moved.paying_before & (moved.moved_at == moved.first_paid_at), "new"),
        (~moved.paying_before, again),
        (~moved.paying_after & stays, "contraction"),
        (~moved.paying_after, "churn"),
        (units > 0, "expansion"),
        else_="contraction",
    )


def _cause(moved: ir.Table) -> ir.StringValue:
    """What changed, the first that is true: a pause; a discount; another plan, term, quantity, price; more or fewer."""
    replaced = moved["items"] == 0
    same = replaced & (moved.position == 0) & (moved.term_days == 0) & (moved.quantity == 0)
    more = ibis.ifelse(moved.is_usage, "usage_commit", "seats")
    return ibis.cases(
        (moved.paused != 0, "pause"),
        (same & (moved.list_units == 0) & (moved.units < 0), "discount_start"),
        (same & (moved.list_units == 0) & (moved.units > 0), "discount_end"),
        (same, "price_change"),
        (moved.is_add_on, "add_on"),
        (replaced & (moved.position > 0), "upsell"),
        (replaced & (moved.position < 0), "downsell"),
        (replaced & (moved.term_days != 0), "commit"),
        (replaced, more),
        ((moved["items"] < 0) & (moved.units > 0), "upsell"),
        (moved["items"] < 0, "cancel"),
        (moved.units < 0, "downsell"),
        (moved.product_before, more),
        (moved.paying_before, "cross_sell"),
        else_=ibis.null("string"),
    )


def net_view(moved: ir.Table) -> ir.Table:
    """The movements of one account, currency and instant as one: +100 and -40 is +60. What nets to nothing is left out.

    Args:
        moved: The event view.

    Returns:
        One row per (account_key, currency, moved_at), the same columns; product, plans and cause are those of the part
        that weighs most in the net's direction.
    """
    keys = ["account_key", "currency", "moved_at"]
    per = ibis.window(group_by=keys)
    net = moved.units.sum().over(per).cast("int64")
    toward = ibis.ifelse(moved.mrr_after >= moved.mrr_before, moved.units, -moved.units)
    first = ibis.window(group_by=keys, order_by=[toward.desc(), moved.product_id, moved.is_add_on])
    placed = moved.mutate(
        place=ibis.row_number().over(first),
        net=net,
        quantity=moved.quantity_change.sum().over(per).cast("int64"),
        committed=moved.committed_minor.sum().over(per).cast("int64"),
    )
    whole = placed.filter((placed.place == 0) & (placed.net != 0))
    netted = whole.mutate(
        units=whole.net,
        category=whole.net_category,
        quantity_change=whole.quantity,
        committed_minor=whole.committed,
    )
    return netted.select(*COLUMNS)
