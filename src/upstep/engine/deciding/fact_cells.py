"""The facts of a step as JSON: each with its value, its unit and the records it came from.

Facts are made play by play, from the rows that made the play fire.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from upstep.clock import iso
from upstep.engine.deciding.reasons import escaped
from upstep.plays.evaluate import fact_names
from upstep.plays.grain import GRAINS
from upstep.plays.timing import account_kinds, moments_true

if TYPE_CHECKING:
    from upstep.catalog.model import Catalog
    from upstep.plays.play import Play, Playbook
    from upstep.plays.propose import Fired

_SHARES = ("_share", "utilisation", "adoption", "trend_28d", "trend_56d")
_USAGE_FACTS = (
    "used",
    "utilisation",
    "adoption",
    "forecast",
    "days_",
    "trend",
    "breach",
    "overage_periods",
    "periods_at",
    "need_share",
    "peak_share",
    "steady_use",
)


def fact_cells(
    decided: pa.Table, fired: Fired, playbook: Playbook, catalog: Catalog, *, as_of: datetime
) -> tuple[pa.ChunkedArray, pa.ChunkedArray, pa.ChunkedArray]:
    """Facts, bands and good moments of every step, from the rows that made its leading play fire.

    Steps stand play by play.
    """
    facts: list[Any] = []
    bands: list[Any] = []
    moments: list[Any] = []
    kinds, bits = account_kinds(playbook), pc.fill_null(decided["moment_bits"], 0).to_numpy()
    plays, sources = decided["play"].to_numpy(), decided["source_row"].to_numpy()
    indices, starts = np.unique(plays, return_index=True)
    for index, begin, end in zip(indices, starts, [*starts, len(plays)][1:], strict=True):
        play = playbook.plays[int(index)]
        subject = fired.rows[play.each].take(pa.array(sources[begin:end])).combine_chunks()
        account = decided["account_id"].slice(begin, end - begin).combine_chunks()
        facts.append(facts_json(play, subject, account, catalog, as_of=as_of))
        bands.append(bands_of(play, subject))
        moments.append(moments_true(play.moments, kinds, bits[begin:end], subject))
    return _chunks(facts), _chunks(bands), pa.chunked_array(moments, pa.list_(pa.string()))


def _chunks(parts: Sequence[Any]) -> pa.ChunkedArray:
    """Texts one after the other; they are not copied."""
    flat = [chunk for part in parts for chunk in (part.chunks if isinstance(part, pa.ChunkedArray) else [part])]
    return pa.chunked_array(flat, pa.string())


def facts_json(play: Play, subject: pa.Table, account: Any, catalog: Catalog, *, as_of: datetime) -> Any:
    """``{name: {"value", "unit", "records"}}`` of the facts a play stands on, as JSON text per row."""
    records = _records(subject, escaped(account), as_of=as_of)
    pieces: list[Any] = []
    for name in fact_names(GRAINS[play.each], [play]):
        if name not in subject.column_names:
            continue
        value = _json_value(subject[name])
        unit = _unit(name, subject, catalog)
        kind = "usage" if name.startswith(_USAGE_FACTS) or name.startswith("meter__") else "held"
        kind = name if name in records else kind
        comma = '"]},' if pieces else "{"
        pieces += [f'{comma}"{name}":{{"value":', value, ',"unit":', unit, ',"records":["', records[kind]]
    if not pieces:
        return pa.repeat(pa.scalar("{}"), subject.num_rows)
    return pc.binary_join_element_wise(*_fewest([*pieces, '"]}}']), "")


def _fewest(pieces: Sequence[Any]) -> list[Any]:
    """The same pieces with neighbouring literals as one: joining costs by the piece."""
    fewer: list[Any] = []
    for piece in pieces:
        if fewer and isinstance(piece, str) and isinstance(fewer[-1], str):
            fewer[-1] += piece
        else:
            fewer.append(piece)
    return fewer


def _json_value(column: pa.ChunkedArray) -> Any:
    if pa.types.is_string(column.type):
        quoted = pc.binary_join_element_wise('"', escaped(column), '"', "")
        return pc.fill_null(quoted, "null")
    if pa.types.is_floating(column.type):
        column = pc.round(column, 6)
    return pc.fill_null(pc.cast(column, pa.string()), "null")


def _unit(name: str, subject: pa.Table, catalog: Catalog) -> Any:
    if name.startswith(("used", "limit_quantity", "forecast", "peak_3", "idle")) and "meter_id" in subject.column_names:
        labels = {meter.id: meter.name for meter in catalog.meters.values()}
        coded = subject["meter_id"].combine_chunks().dictionary_encode()
        words = pa.array([json.dumps(labels.get(meter, meter)) for meter in coded.dictionary.to_pylist()], pa.string())
        return words.take(coded.indices)
    if name.endswith(_SHARES) or name in _SHARES:
        return '"share"'
    if "days" in name:
        return '"days"'
    column = subject[name].type
    return '"count"' if pa.types.is_integer(column) else '"number"' if pa.types.is_floating(column) else "null"


def _records(subject: pa.Table, account: Any, *, as_of: datetime) -> dict[str, Any]:
    """Where the numbers come from: the usage of a window, and what is held. ``upstep explain`` resolves them."""
    until = iso(as_of)
    held = pc.binary_join_element_wise("subscription_item?account_id=", account, f"&as_of={until}", "")
    if "meter_id" not in subject.column_names:
        product = escaped(subject["product_id"]) if "product_id" in subject.column_names else ""
        used = pc.binary_join_element_wise("usage?account_id=", account, "&product_id=", product, f"&until={until}", "")
        return {"usage": used, "held": held}
    found = {"held": held}
    if "basis" in subject.column_names:
        own = pc.binary_join_element_wise(
            "entitlement_override?account_id=", account, "&meter_id=", subject["meter_id"], f"&as_of={until}", ""
        )
        is_own = pc.fill_null(pc.starts_with(subject["basis"], "own="), False)
        found["limit_quantity"] = pc.if_else(is_own, own, held)
    for names, begins, ends in _WINDOWS:
        if begins in subject.column_names:
            since = _instant(subject[begins])
            to = _instant(subject[ends]) if ends else until
            parts = ("usage?account_id=", account, "&meter_id=", subject["meter_id"], "&from=", since, "&until=", to)
            found |= dict.fromkeys(names.split(), pc.binary_join_element_wise(*parts, ""))
    weeks = iso(as_of - timedelta(days=56))
    ahead = ("usage?account_id=", account, "&meter_id=", subject["meter_id"], f"&from={weeks}&until={until}")
    return found | dict.fromkeys(_FORECAST_FACTS, pc.binary_join_element_wise(*ahead, ""))


_WINDOWS = (
    ("usage", "starts_0", None),
    ("used_1 adoption", "starts_1", "starts_0"),
    ("used_2", "starts_2", "starts_1"),
    ("used_3", "starts_3", "starts_2"),
    ("overage_periods_3 periods_at_90_3", "starts_3", "starts_0"),
)
"""Facts that speak of other windows than today's: where theirs begins and ends."""

_FORECAST_FACTS = [
    "forecast_use",
    "forecast_high",
    "days_to_limit",
    "days_to_limit_low",
    "days_to_limit_high",
    "breach_forecast",
    "trend_28d",
    "trend_56d",
]
"""Facts made from the last eight weeks."""


def _instant(seconds: Any) -> Any:
    # As text an instant is "2026-11-20 09:30:00"; formatting it costs five times as much as putting the T in.
    plain = pc.cast(pc.cast(pc.fill_null(seconds, 0), pa.timestamp("s")), pa.string())
    return pc.binary_join_element_wise(pc.binary_replace_slice(plain, 10, 11, "T"), "Z", "")


def bands_of(play: Play, subject: pa.Table) -> Any:
    """For each number that the condition compares: how many of the literals it has reached; other facts by value."""
    literals: dict[str, list[float]] = {}
    for condition in (play.condition, *(rung.condition for rung in play.ladder if rung.condition)):
        for name, values in condition.literals.items():
            literals.setdefault(name, []).extend(values)
    for rung in play.ladder:
        literals.setdefault("utilisation", []).append(rung.percent / 100)
    parts: list[Any] = [pa.repeat(pa.scalar(play.id), subject.num_rows)]
    for name in play.condition.columns:
        if name in literals or name not in subject.column_names or name in ("used", "limit_quantity"):
            continue
        if pa.types.is_string(subject[name].type) or pa.types.is_boolean(subject[name].type):
            parts.append(pc.fill_null(pc.cast(subject[name], pa.string()), "-"))
    for name, marks in sorted(literals.items()):
        if name in subject.column_names:
            column = pc.cast(subject[name], pa.float64())
            reached = [
                pc.cast(pc.fill_null(pc.greater_equal(column, value), False), pa.int64())
                for value in sorted(set(marks))
            ]
            total = reached[0]
            for more in reached[1:]:
                total = pc.add(total, more)
            parts.append(pc.cast(total, pa.string()))
    return pc.binary_join_element_wise(*parts, "|")
