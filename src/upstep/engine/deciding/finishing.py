"""What decisions get once all accounts are decided: their order, ranks within lanes, ids and signatures."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from numpy.typing import NDArray

COLUMNS = [
    "account_id",
    "name",
    "play",
    "evidence",
    "motion",
    "path",
    "lane",
    "grain",
    "product_id",
    "meter_id",
    "feature_id",
    "add_on_id",
    "plan_id",
    "step_product_id",
    "target",
    "outcome",
    "holds",
    "unknown",
    "assumed",
    "outranked_product_id",
    "outranked_target",
    "facts",
    "bands",
    "to_product_id",
    "to_plan_id",
    "to_add_on_id",
    "to_interval",
    "to_quantity",
    "recurring_change_minor",
    "overage_replaced_minor",
    "customer_saving_minor",
    "committed_minor",
    "currency",
    "estimated",
    "likelihood",
    "likelihood_is_prior",
    "signal_density",
    "priority",
    "is_winner",
    "moments",
    "recipients",
    "rungs",
    "owner_id",
    "has_open_invoice",
    "basis",
    "period_start",
]


def finish(rows: pa.Table, *, run_id: str) -> pa.Table:
    """Give ranks within lanes over all accounts, and the ids of steps and decisions; rows in reading order."""
    order, rank = _ranked(rows)
    columns = dict(zip(rows.column_names, rows.columns, strict=True))
    del rows
    # One column after the other, so that the long texts of a million decisions are not in memory twice.
    for name in list(columns):
        columns[name] = columns.pop(name).combine_chunks().take(order)
    rows = pa.table(columns).append_column("rank", rank)
    named = _step_names(rows["account_id"], rows["step_product_id"], rows["target"])
    steps = [_hash(name) for name in named.to_pylist()]
    decisions = pa.array([_hash(f"{run_id}\x1f{step}") for step in steps], pa.string())
    beaten_by = _step_names(rows["account_id"], rows["outranked_product_id"], rows["outranked_target"])
    is_beaten = pc.is_valid(rows["outranked_product_id"])
    at = pc.if_else(is_beaten, pc.index_in(beaten_by, named), pa.scalar(None, pa.int32()))
    signature = pc.binary_join_element_wise(
        rows["outcome"],
        pc.replace_substring_regex(rows["holds"], '"why":"[^"]*",', ""),
        rows["unknown"],
        rows["target"],
        pc.fill_null(pc.cast(rows["to_quantity"], pa.string()), ""),
        pc.fill_null(pc.cast(rows["recurring_change_minor"], pa.string()), ""),
        rows["bands"],
        "\x1f",
    )
    return (
        rows.append_column("step_id", pa.array(steps, pa.string()))
        .append_column("decision_id", decisions)
        .append_column("outranked_by", decisions.take(at.combine_chunks() if isinstance(at, pa.ChunkedArray) else at))
        .append_column("run_id", pa.repeat(pa.scalar(run_id), rows.num_rows))
        .append_column("signature", signature)
    )


def _step_names(*columns: pa.ChunkedArray) -> pa.Array:
    """What a step id is the hash of."""
    parts = [pc.fill_null(column, "None") for column in columns]
    joined = pc.binary_join_element_wise(*parts, "\x1f")
    return joined.combine_chunks() if isinstance(joined, pa.ChunkedArray) else joined


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


_ORDER = {"eligible": 0, "held_out": 1, "unconfirmed": 2}


def _ranked(rows: pa.Table) -> tuple[pa.Array, pa.Array]:
    """The order of rows, and the rank of each in that order.

    Winners first, lane by lane: eligible before unconfirmed, then priority, saving, density, good moments, account id.
    """
    coded = rows["outcome"].combine_chunks().dictionary_encode()
    places = np.array([_ORDER.get(word, 9) for word in coded.dictionary.to_pylist()], np.int64)
    outcome = places[coded.indices.to_numpy(zero_copy_only=False)]
    winner = rows["is_winner"].to_numpy()
    priority = pc.fill_null(rows["priority"], -1.0).to_numpy()
    saving = pc.fill_null(rows["customer_saving_minor"], 0).to_numpy()
    density = pc.fill_null(rows["signal_density"], 0).to_numpy()
    account = _codes(rows["account_id"])
    lane = _codes(pc.fill_null(rows["lane"], "~"))
    target = _codes(rows["target"])
    moments = pc.fill_null(pc.list_value_length(rows["moments"]), 0).to_numpy()
    order = np.lexsort((target, account, -moments, -density, -saving, -priority, outcome, ~winner, lane))
    lanes, winners = lane[order], winner[order]
    rank = _ranks(lanes, winners)
    return pa.array(order), pa.array(rank, pa.int64(), mask=~winners)


def _codes(column: Any) -> NDArray[np.int64]:
    """Numbers that sort as the text does."""
    coded = column.combine_chunks().dictionary_encode()
    order = pc.array_sort_indices(coded.dictionary).to_numpy()
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))
    codes: NDArray[np.int64] = place[coded.indices.to_numpy(zero_copy_only=False)]
    return codes


def _ranks(lanes: NDArray[np.int64], winners: NDArray[np.bool_]) -> NDArray[np.int64]:
    """1, 2, 3, … over the winners of each lane, which stand together."""
    rank = np.zeros(len(lanes), np.int64)
    count = np.cumsum(winners)
    starts = np.flatnonzero(np.r_[True, lanes[1:] != lanes[:-1]]) if len(lanes) else np.zeros(0, np.int64)
    before = np.repeat(np.r_[0, count][starts], np.diff(np.r_[starts, len(lanes)]))
    rank[:] = count - before
    return rank
