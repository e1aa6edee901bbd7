"""Notices: a limit that reached a share, told without price, lane or rank, and never held."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from upstep.clock import DAY_SECONDS
from upstep.engine.deciding.fact_cells import bands_of, facts_json
from upstep.engine.deciding.finishing import COLUMNS

if TYPE_CHECKING:
    from datetime import datetime

    from upstep.catalog.model import Catalog
    from upstep.plays.play import Play, Playbook
    from upstep.plays.propose import Fired


def notices(fired: Fired, names: pa.Table, playbook: Playbook, catalog: Catalog, *, as_of: datetime) -> pa.Table:
    """A notice per limit that reached its share: service information, without price, lane or rank, never held."""
    parts = []
    rows = fired.rows.get("limit")
    for index, play in enumerate(playbook.plays):
        if rows is None or play.notice_percent is None or play.each != "limit":
            continue
        mine = rows.filter(pc.equal(rows["play"], index))
        is_due = pc.greater_equal(
            pc.multiply(mine["used"], 100),
            pc.multiply(pc.fill_null(mine["limit_quantity"], 2**40), play.notice_percent),
        )
        mine = mine.filter(is_due).combine_chunks()
        if mine.num_rows:
            since = _since(mine, fired.reached, play.notice_percent)
            parts.append(_notice_rows(mine, play, names, catalog, since=since, as_of=as_of))
    return pa.concat_tables(parts) if parts else pa.table({})


def addressed(rows: pa.Table, people: pa.Table, names: pa.Table) -> pa.Table:
    """Notices with their recipients."""
    accounts = dict(zip(names["account_key"].to_pylist(), names["account_id"].to_pylist(), strict=True))
    known = {
        (accounts.get(row["account_key"]), row["meter_id"]): row["people"].split("\n") for row in people.to_pylist()
    }
    keys = _keys(rows["account_id"], rows["meter_id"])
    listed = pa.array([known.get(key, []) for key in keys], pa.list_(pa.string()))
    return rows.set_column(rows.column_names.index("recipients"), "recipients", listed)


def _since(mine: pa.Table, reached: pa.Table | None, percent: int) -> pa.Array:
    """What a notice is given once for: the flow's window, the stock's first day there (seconds); 0 where none is known.

    A stock that dips a little and comes back has been spoken of; one that fell ten points below begins anew.
    """
    if reached is None or not reached.num_rows:
        return pc.fill_null(mine["starts_0"], 0)
    of_stock = reached.filter(pc.equal(reached["percent"], percent))
    columns = ("account_key", "product_id", "meter_id")
    days = dict(
        zip(_keys(*(of_stock[name] for name in columns)), of_stock["first_reached_day"].to_pylist(), strict=True)
    )
    first = [days.get(key) for key in _keys(*(mine[name] for name in columns))]
    seconds = pa.array([None if day is None else day * DAY_SECONDS for day in first], pa.int64())
    return pc.coalesce(seconds, pc.fill_null(mine["starts_0"], 0).combine_chunks())


def _notice_rows(
    mine: pa.Table, play: Play, names: pa.Table, catalog: Catalog, *, since: pa.Array, as_of: datetime
) -> pa.Table:
    known = names["account_key"].to_numpy()
    order = np.argsort(known)
    at = order[np.searchsorted(known[order], mine["account_key"].to_numpy())]
    account = names.take(pa.array(at)).combine_chunks()
    rows = mine.num_rows
    constant: Mapping[str, Any] = {
        "motion": None,
        "path": "notice",
        "lane": None,
        "outcome": "eligible",
        "holds": "[]",
        "unknown": "[]",
        "assumed": "[]",
        "grain": "limit",
        "play": play.id,
    }
    text = {name: pa.repeat(pa.scalar(value, pa.string()), rows) for name, value in constant.items()}
    nothing = {
        name: pa.nulls(rows, pa.string())
        for name in [
            "feature_id",
            "add_on_id",
            "outranked_product_id",
            "outranked_target",
            "to_product_id",
            "to_plan_id",
            "to_add_on_id",
            "to_interval",
            "currency",
        ]
    }
    target = pc.binary_join_element_wise("notice:", mine["meter_id"], f"@{play.notice_percent}", "")
    columns = {
        **text,
        **nothing,
        "account_id": account["account_id"],
        "name": account["name"],
        "owner_id": account["owner_id"],
        "evidence": pa.array([[]] * rows, pa.list_(pa.string())),
        "recipients": pa.array([[]] * rows, pa.list_(pa.string())),
        "moments": pa.array([[]] * rows, pa.list_(pa.string())),
        "product_id": mine["product_id"],
        "meter_id": mine["meter_id"],
        "plan_id": mine["plan_id"],
        "step_product_id": mine["product_id"],
        "target": target,
        "facts": facts_json(play, mine, account["account_id"], catalog, as_of=as_of),
        "bands": bands_of(play, mine),
        "to_quantity": pa.nulls(rows, pa.int64()),
        "recurring_change_minor": pa.nulls(rows, pa.int64()),
        "overage_replaced_minor": pa.nulls(rows, pa.int64()),
        "customer_saving_minor": pa.nulls(rows, pa.int64()),
        "committed_minor": pa.nulls(rows, pa.int64()),
        "estimated": pa.nulls(rows, pa.bool_()),
        "likelihood": pa.nulls(rows, pa.float64()),
        "likelihood_is_prior": pa.nulls(rows, pa.bool_()),
        "signal_density": pa.nulls(rows, pa.int64()),
        "priority": pa.nulls(rows, pa.float64()),
        "rungs": pa.nulls(rows, pa.int32()),
        "is_winner": pa.repeat(pa.scalar(False), rows),
        "has_open_invoice": pa.repeat(pa.scalar(False), rows),
        "basis": mine["basis"],
        "period_start": since,
    }
    return pa.table({name: columns[name] for name in COLUMNS})


def _keys(*columns: pa.ChunkedArray) -> list[tuple[Any, ...]]:
    return list(zip(*(column.to_pylist() for column in columns), strict=True))
