"""Merged accounts: two accounts that became one are one from the start, so that a merger is neither churn nor new."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import ibis

from upstep.movements.words import PAID_STATUSES

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa


def merged_pairs(items: ir.Table, today: ir.Table) -> ir.Table:
    """Accounts whose items went on under another account, all of them.

    An item that ends at one account and begins at another in the same instant was moved. When the first account has
    nothing paid or on trial after that, the two were merged; else only a part moved, and both live on.

    Returns:
        One row per pair: account_key, into_account_key, moved_at.
    """
    known = items.cross_join(today.select("as_of")).filter(lambda t: t.valid_from <= t.as_of)
    ended = known.filter(known.valid_to.notnull()).select("item_id", "account_key", moved_at="valid_to")
    begun = known.select("item_id", into_account_key="account_key", moved_at="valid_from")
    moved = ended.inner_join(begun, ["item_id", "moved_at"])
    moved = moved.filter(moved.account_key != moved.into_account_key)
    pairs = moved.group_by("account_key", "into_account_key").agg(moved_at=moved.moved_at.max())
    last = pairs.group_by("account_key").agg(left_at=pairs.moved_at.max())
    live = known.filter(known.status.isin((*PAID_STATUSES, "trialing"))).select(
        "account_key", until=ibis.coalesce(known.valid_to, 2**40)
    )
    later = live.inner_join(last, "account_key")
    staying = later.filter(later.until > later.left_at).select("account_key").distinct()
    return pairs.anti_join(staying, "account_key").select("account_key", "into_account_key", "moved_at")


def merged_accounts(pairs: pa.Table) -> pa.Table:
    """Every merged account with the one it ended up in, through chains: account_key, into_account_key (both int32).

    Args:
        pairs: Rows of ``merged_pairs``. An account that went to several goes with the latest, then the lowest key.
    """
    import pyarrow as pa

    rows = sorted(pairs.to_pylist(), key=lambda row: (row["moved_at"], -row["into_account_key"]))
    into: dict[int, int] = {row["account_key"]: row["into_account_key"] for row in rows}
    ends = {key: _end(key, into) for key in into}
    kept = {key: end for key, end in ends.items() if key != end}
    return pa.table(
        {
            "account_key": pa.array(list(kept), pa.int32()),
            "into_account_key": pa.array(list(kept.values()), pa.int32()),
        }
    )


def _end(key: int, into: Mapping[int, int]) -> int:
    """The last account of a chain; of a circle (moved there and back) its lowest key."""
    seen = [key]
    while (following := into.get(seen[-1])) is not None:
        if following in seen:
            return min(seen[seen.index(following) :])
        seen.append(following)
    return seen[-1]
