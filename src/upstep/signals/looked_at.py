"""What was looked at after a purchase: limits that an offer raised and that are hardly used since."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import pyarrow as pa

from upstep.clock import DAY_SECONDS
from upstep.tables.query import left

if TYPE_CHECKING:
    import ibis.expr.types as ir

FOLLOW_UP: Mapping[str, str] = {
    "account_key": "int32",
    "product_id": "string",
    "meter_id": "string",
    "day": "int32",
    "looked_at": "int64",
}
"""The input table of looks that found a purchase hardly used: one row per (account_key, product_id, meter_id)."""


def no_looks() -> pa.Table:
    """The input table where nothing was looked at."""
    kinds = {"int32": pa.int32(), "int64": pa.int64(), "string": pa.string()}
    return pa.schema([(name, kinds[kind]) for name, kind in FOLLOW_UP.items()]).empty_table()


def with_looks(limit: ir.Table, follow_up: ir.Table, today: ir.Table) -> ir.Table:
    """Limit rows with what the last look after a purchase found.

    Returns:
        The rows with unused_day (14 or 30: the look that found what was bought hardly used) and unused_look_days (days
        since then); both NULL where nothing was bought, or it is used.
    """
    looks = follow_up.cross_join(today.select("as_of"))
    looks = looks.select(
        "account_key",
        "product_id",
        "meter_id",
        unused_day=looks.day.cast("int32"),
        unused_look_days=((looks.as_of - looks.looked_at) / float(DAY_SECONDS)).floor().cast("int64"),
    )
    return left(limit, looks, ["account_key", "product_id", "meter_id"])
