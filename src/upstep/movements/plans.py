"""What movements need of the catalog: where a plan stands in its product, and whether its price is for usage."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

    from upstep.catalog.model import Catalog, Plan


def plan_table(catalog: Catalog) -> pa.Table:
    """One row per plan: plan_id, plan_key (1, 2, …), position in its product, is_usage (it sells usage)."""
    import pyarrow as pa

    plans = list(catalog.plans())
    return pa.table(
        {
            "plan_id": pa.array([plan.id for plan in plans], pa.string()),
            "plan_key": pa.array(range(1, len(plans) + 1), pa.int32()),
            "position": pa.array([plan.position for plan in plans], pa.int32()),
            "is_usage": pa.array([_is_usage(catalog, plan) for plan in plans], pa.bool_()),
        }
    )


def _is_usage(catalog: Catalog, plan: Plan) -> bool:
    """Its quantity is a committed volume of a meter that counts no seats."""
    per = {price.per for price in plan.prices if price.per is not None}
    return any(meter in catalog.meters and catalog.meters[meter].aggregate != "seats" for meter in per)
