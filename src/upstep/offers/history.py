"""What has been asked before, as the table that the gates read: cool-downs count from it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from upstep.clock import to_seconds
from upstep.state import tables
from upstep.state.session import reading

if TYPE_CHECKING:
    import pyarrow as pa

_INSTANTS = ("shown_at", "declined_at", "not_now_at", "accepted_at")
_TEXTS = ("account_id", "step_id", "product_id", "target")


def offer_history(
    engine: sa.Engine,
    *,
    as_of: datetime | None = None,
    without: Collection[str] = (),
    accounts: Collection[str] | None = None,
) -> pa.Table:
    """The offers that somebody has seen.

    Args:
        engine: State.
        accounts: Only theirs; None: all.
        as_of: What happened after it is left out; None: all.
        without: Ids of offers that are left out: one that is asked about again must not wait for itself.

    Returns:
        One row per offer: account_id, step_id, product_id, target (text), shown_at, declined_at, not_now_at,
        accepted_at (whole seconds since 1970, NULL where it did not happen), and cools_own_step (whether its being
        shown counts against its own step too), by account, step and shown_at. A "not now" is no declined_at: it has
        days of its own.
    """
    import pyarrow as pa

    table = tables.offer
    columns = [table.c[name] for name in ("offer_id", "ended_at", *_TEXTS, *_INSTANTS)]
    seen = table.c.shown_at.is_not(None) if as_of is None else table.c.shown_at <= as_of
    if accounts is not None:
        seen &= table.c.account_id.in_(sorted(accounts))
    order = (table.c.account_id, table.c.step_id, table.c.shown_at)
    with reading(engine) as connection:
        found = connection.execute(sa.select(*columns).where(seen).order_by(*order))
        rows = [row for row in found if row.offer_id not in without]
    arrays = {name: pa.array([getattr(row, name) for row in rows], pa.string()) for name in _TEXTS}
    for name in _INSTANTS:
        seconds = [_seconds(_said(row, name), as_of) for row in rows]
        arrays[name] = pa.array(seconds, pa.int64())
    arrays["cools_own_step"] = pa.array([_cools_own_step(row, as_of) for row in rows], pa.bool_())
    return pa.table(arrays)


def _said(row: sa.Row[tuple[object, ...]], name: str) -> datetime | None:
    """A "not now" is no "no", though both decline."""
    instant: datetime | None = getattr(row, name)
    return None if name == "declined_at" and row.not_now_at is not None else instant


def _cools_own_step(row: sa.Row[tuple[object, ...]], as_of: datetime | None) -> bool:
    """Not while it waits for its answer, or it would stand in its own way; nor after a "not now"."""
    is_over = _seconds(row.ended_at, as_of) is not None or _seconds(row.accepted_at, as_of) is not None
    return is_over and _seconds(row.not_now_at, as_of) is None


def _seconds(instant: datetime | None, as_of: datetime | None) -> int | None:
    return None if instant is None or (as_of and instant > as_of) else to_seconds(instant)
