"""What an account does with a product: its use cases, the neighbouring ones, and features that it imitates."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from upstep.tables.query import inner, left

if TYPE_CHECKING:
    import ibis.expr.types as ir


def use_cases_used(meter_profile: ir.Table, cases: ir.Table) -> ir.Table:
    """How many use cases are lived: one row per account_key: use_cases_28d."""
    used = inner(meter_profile, cases.select("use_case_id", "meter_id"), "meter_id")
    now = used.filter(used.used_28d > 0)
    return now.group_by("account_key").agg(use_cases_28d=now.use_case_id.nunique().cast("int64"))


def use_case_profile(owned: ir.Table, meter_profile: ir.Table, limit_profile: ir.Table, cases: ir.Table) -> ir.Table:
    """Use cases of products owned that have a neighbour in the catalog.

    Args:
        cases: One row per use case and neighbour: product_id, use_case_id, meter_id, neighbour_id, neighbour_meter_id:
            who lives the neighbour may come to live the use case.

    Returns:
        One row per (account_key, product_id, meter_id): use_case_id, neighbour_id (the most used one),
        use_case_used_28d, neighbour_used_28d, neighbour_used_prev_28d, is_included (no limit of 0 stands before it).
    """
    pairs = inner(owned.select("account_key", "product_id"), cases, "product_id")
    near = meter_profile.select(
        "account_key",
        neighbour_meter_id="meter_id",
        neighbour_used_28d="used_28d",
        neighbour_used_prev_28d="used_prev_28d",
    )
    lived = inner(pairs, near, ["account_key", "neighbour_meter_id"])
    order = [lived.neighbour_used_28d.desc(), lived.neighbour_id.asc()]
    place = ibis.row_number().over(ibis.window(group_by=["account_key", "product_id", "meter_id"], order_by=order))
    first = lived.mutate(place=place)
    first = first.filter(first.place == 0).drop("place")
    own = meter_profile.select("account_key", "meter_id", own_28d="used_28d")
    state = left(first, own, ["account_key", "meter_id"])
    given = limit_profile.select("account_key", "product_id", "meter_id", given="limit_quantity")
    state = left(state, given, ["account_key", "product_id", "meter_id"])
    return state.select(
        "account_key",
        "product_id",
        "meter_id",
        "use_case_id",
        "neighbour_id",
        use_case_used_28d=ibis.coalesce(state.own_28d, 0),
        neighbour_used_28d=ibis.coalesce(state.neighbour_used_28d, 0),
        neighbour_used_prev_28d=ibis.coalesce(state.neighbour_used_prev_28d, 0),
        is_included=ibis.coalesce(state.given != 0, True),
    )


def imitations(meter_profile: ir.Table, imitated: ir.Table) -> ir.Table:
    """Use that imitates a feature, by the catalog's ``imitated_by``.

    Returns:
        One row per (account_key, feature_id): imitated_28d and imitated_prev_28d, summed over the meters named.
    """
    used = inner(meter_profile, imitated, "meter_id")
    return used.group_by("account_key", "feature_id").agg(
        imitated_28d=used.used_28d.sum().cast("int64"), imitated_prev_28d=used.used_prev_28d.sum().cast("int64")
    )
