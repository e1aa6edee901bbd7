"""Decisions as rows that can be kept, compared and shown: ids, reasons in words, facts with their records.

Everything is built column by column, so a million decisions cost seconds. ``holds``, ``unknown`` and ``facts`` are
JSON text in the shapes of ``decide --json``.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from upstep.clock import DAY_SECONDS, iso
from upstep.money import UNITS_PER_MINOR
from upstep.plays.evaluate import fact_names
from upstep.plays.gates import GATES, Answer, Gate
from upstep.plays.grain import GRAINS
from upstep.plays.rank import MASK_PLAYS
from upstep.plays.timing import account_kinds, moments_true

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from upstep.catalog.model import Catalog
    from upstep.plays.play import Play, Playbook
    from upstep.plays.propose import Fired

Text = Any
"""An Arrow column of text, plain or chunked."""

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


_OF_STEP = (
    *("account_id", "name", "play", "motion", "path", "lane", "grain", "product_id", "meter_id", "feature_id"),
    *("subject_add_on_id", "subject_plan_id", "to_product_id", "to_plan_id", "to_add_on_id", "interval", "target"),
    *("outcome", "outranked_product_id", "outranked_target", "stays", "quantity", "recurring_units", "overage_units"),
    *("saving_units", "committed_units", "currency", "is_estimated", "likelihood", "is_prior", "signal_density"),
    *("priority", "is_winner", "recipients", "rungs", "owner_id", "open_invoices", "source_row", "gate_product_id"),
    *("adoption", "meter_adoption", "moment_bits"),
)


def columns_read(names: Iterable[str]) -> list[str]:
    """Of the columns of a decided step, those that ``assemble`` reads."""
    told = " ".join(text for gate in GATES.values() for text in (gate.why, gate.question, gate.lifts))
    asked = {*_OF_STEP, *re.findall(r"\{(\w+)\}", told)}
    return [name for name in names if name in asked or name.startswith(("gate_", "assumed_", "evidence_"))]


def assemble(
    decided: pa.Table,
    fired: Fired,
    names: pa.Table,
    people: pa.Table | None,
    playbook: Playbook,
    catalog: Catalog,
    *,
    as_of: datetime,
) -> pa.Table:
    """One row per step, then one per notice; ranks and ids follow in ``finish``.

    Args:
        names: account_key, account_id, name, owner_id of the accounts.
        people: account_key, meter_id, people: who a notice goes to.
    """
    # Arrow joins text of chunked and plain columns wrongly when chunks differ; one chunk per column is exact.
    steps = _steps(decided.combine_chunks(), fired, playbook, catalog, as_of=as_of)
    notices = _notices(fired, names, playbook, catalog, as_of=as_of)
    if people is not None and notices.num_rows:
        notices = _addressed(notices, people, names)
    return pa.concat_tables([steps, notices]) if notices.num_rows else steps


def _steps(decided: pa.Table, fired: Fired, playbook: Playbook, catalog: Catalog, *, as_of: datetime) -> pa.Table:
    rows = decided.num_rows
    # Play by play: so the long texts of the facts, which are made by play, need not be put in another order.
    decided = decided.take(pa.array(np.argsort(decided["play"].to_numpy(), kind="stable"))).combine_chunks()
    decided = decided.append_column("product_name", _product_names(decided["gate_product_id"], catalog))
    plays = pa.array([play.id for play in playbook.plays], pa.string())
    holds = _reasons(decided, Answer.HOLDS, _hold)
    unknown = _reasons(decided, Answer.UNKNOWN, _unknown)
    facts, bands, moments = _facts(decided, fired, playbook, catalog, as_of=as_of)
    stays = decided["stays"]
    moved = {
        name: pc.if_else(stays, pa.scalar(None, pa.string()), decided[source])
        for name, source in (
            ("to_product_id", "to_product_id"),
            ("to_plan_id", "to_plan_id"),
            ("to_add_on_id", "to_add_on_id"),
            ("to_interval", "interval"),
        )
    }
    return pa.table(
        {
            "account_id": decided["account_id"],
            "name": decided["name"],
            "play": plays.take(decided["play"].combine_chunks()),
            "evidence": _evidence(decided, playbook),
            "motion": decided["motion"],
            "path": decided["path"],
            "lane": decided["lane"],
            "grain": decided["grain"],
            "product_id": decided["product_id"],
            "meter_id": decided["meter_id"],
            "feature_id": decided["feature_id"],
            "add_on_id": decided["subject_add_on_id"],
            "plan_id": decided["subject_plan_id"],
            "step_product_id": decided["to_product_id"],
            "target": decided["target"],
            "outcome": decided["outcome"],
            "holds": holds,
            "unknown": unknown,
            "assumed": _assumed(decided),
            "outranked_product_id": decided["outranked_product_id"],
            "outranked_target": decided["outranked_target"],
            "facts": facts,
            "bands": bands,
            **moved,
            "to_quantity": decided["quantity"],
            "recurring_change_minor": _minor(decided["recurring_units"]),
            "overage_replaced_minor": _minor(decided["overage_units"]),
            "customer_saving_minor": _minor(decided["saving_units"]),
            "committed_minor": _minor(decided["committed_units"]),
            "currency": decided["currency"],
            "estimated": decided["is_estimated"],
            "likelihood": decided["likelihood"],
            "likelihood_is_prior": decided["is_prior"],
            "signal_density": decided["signal_density"],
            "priority": decided["priority"],
            "is_winner": decided["is_winner"],
            "moments": moments,
            "recipients": _people(decided["recipients"]),
            "rungs": decided["rungs"],
            "owner_id": decided["owner_id"],
            "has_open_invoice": pc.greater(decided["open_invoices"], 0),
            "basis": pa.nulls(rows, pa.string()),
            "period_start": pa.nulls(rows, pa.int64()),
        }
    )


def _product_names(column: pa.ChunkedArray, catalog: Catalog) -> pa.Array:
    """Names of products by id; an id that the catalog does not know stands for itself."""
    coded = pc.fill_null(column, "").combine_chunks().dictionary_encode()
    names = {product.id: product.name for product in catalog.products.values()}
    words = pa.array([names.get(product, product) for product in coded.dictionary.to_pylist()], pa.string())
    return words.take(coded.indices)


def _people(column: Any) -> Any:
    """Ids between line feeds as a list; empty where there are none."""
    words = pc.split_pattern(pc.fill_null(column, ""), "\n")
    none = pa.scalar([], pa.list_(pa.string()))
    return pc.if_else(pc.equal(pc.fill_null(column, ""), ""), none, words)


def _addressed(notices: pa.Table, people: pa.Table, names: pa.Table) -> pa.Table:
    """Notices with their recipients."""
    accounts = dict(zip(names["account_key"].to_pylist(), names["account_id"].to_pylist(), strict=True))
    known = {
        (accounts.get(row["account_key"]), row["meter_id"]): row["people"].split("\n") for row in people.to_pylist()
    }
    keys = _keys(notices["account_id"], notices["meter_id"])
    listed = pa.array([known.get(key, []) for key in keys], pa.list_(pa.string()))
    return notices.set_column(notices.column_names.index("recipients"), "recipients", listed)


def _minor(units: pa.ChunkedArray) -> pa.Array:
    """MRR units as minor units per month, half up on the magnitude."""
    values = pc.fill_null(units, 0).to_numpy()
    whole = (np.abs(values) + UNITS_PER_MINOR // 2) // UNITS_PER_MINOR
    return pa.array(np.where(values < 0, -whole, whole).astype(np.int64), pa.int64())


def _evidence(decided: pa.Table, playbook: Playbook) -> pa.Array:
    """The plays that fired for the step beside the leading one, as a list."""
    masks = [name for name in decided.column_names if name.startswith("evidence_")]
    keys = np.stack([decided[name].to_numpy() for name in masks] + [decided["play"].to_numpy()]) if masks else None
    if keys is None or not decided.num_rows:
        return pa.array([[] for _ in range(decided.num_rows)], pa.list_(pa.string()))
    distinct, inverse = np.unique(keys, axis=1, return_inverse=True)
    lists = []
    for column in distinct.T:
        *bits, lead = (int(value) for value in column)
        fired = [
            playbook.plays[index].id
            for index in range(len(playbook.plays))
            if bits[index // MASK_PLAYS] >> (index % MASK_PLAYS) & 1 and index != lead
        ]
        lists.append(fired)
    return pa.array(lists, pa.list_(pa.string())).take(pa.array(inverse.reshape(-1)))


# Reasons


def _reasons(decided: pa.Table, answer: Answer, shape: Any) -> Text:
    """A JSON list with one element per gate that gave this answer."""
    parts = []
    for gate in GATES.values():
        is_so = pc.equal(decided[f"gate_{gate.id}"], int(answer))
        if not pc.any(is_so).as_py():
            continue
        parts.append(pc.if_else(is_so, shape(gate, decided), ""))
    return _json_list(parts, decided.num_rows)


def _json_list(parts: Sequence[Any], rows: int) -> Text:
    """Elements of a JSON list, each with a comma before it, or empty.

    Arrow's joining with skipped NULLs loses rows, so it is not used.
    """
    if not parts:
        return pa.repeat(pa.scalar("[]"), rows)
    joined = pc.utf8_slice_codeunits(pc.binary_join_element_wise(*parts, "", ""), 1)
    return pc.binary_join_element_wise("[", joined, "]", "")


def _hold(gate: Gate, decided: pa.Table) -> Text:
    why, lifts = _sentence(gate.why, decided), _sentence(gate.lifts, decided)
    return pc.binary_join_element_wise(f',{{"gate":"{gate.id}","why":"', why, '","lifts":"', lifts, '"}', "")


def _unknown(gate: Gate, decided: pa.Table) -> Text:
    question = _sentence(gate.question, decided)
    return pc.binary_join_element_wise(f',{{"gate":"{gate.id}","question":"', question, '"}', "")


def _sentence(template: str, decided: pa.Table) -> Text:
    """A template over the row's columns; ``adoption_percent`` is the adoption share in whole percents."""
    parts: list[Any] = []
    for piece in re.split(r"(\{\w+\})", template):
        name = piece[1:-1]
        if not piece.startswith("{"):
            parts.append(piece)
        elif name == "adoption_percent":
            adopted = pc.coalesce(decided["meter_adoption"], decided["adoption"], pa.scalar(0.0))
            share = pc.floor(pc.multiply(adopted, 100.0))
            parts.append(pc.cast(pc.cast(share, pa.int64()), pa.string()))
        elif name.endswith(("_until", "_on")):
            parts.append(pc.fill_null(_day(decided[name]), "removal"))
        elif name == "product_name":
            parts.append(_escaped(decided[name]))
        else:
            parts.append(_escaped(pc.fill_null(pc.cast(decided[name], pa.string()), "not stated")))
    if all(isinstance(part, str) for part in parts):
        return pa.repeat(pa.scalar("".join(parts)), decided.num_rows)
    return pc.binary_join_element_wise(*parts, "")


def _day(seconds: Any) -> Any:
    """The date of an instant, as 2026-11-20."""
    return pc.cast(pc.cast(pc.cast(seconds, pa.timestamp("s")), pa.date32(), safe=False), pa.string())


def _escaped(text: Any) -> Any:
    """Text as it may stand between JSON quotes."""
    if isinstance(text, pa.Array | pa.ChunkedArray) and not _has_marks(text):
        return text
    for character, written in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        text = pc.replace_substring(text, character, written)
    return pc.replace_substring_regex(text, "[\\x00-\\x1f]", " ")


def _has_marks(text: Text) -> bool:
    """Whether any text holds what JSON must escape; nearly none does, and looking costs a sixth of replacing."""
    found = pc.any(pc.match_substring_regex(text, '[\\\\"\\x00-\\x1f]'))
    return bool(found.as_py())


def _assumed(decided: pa.Table) -> Text:
    """Gates whose unknown was assumed to be clear, as a list in JSON."""
    names = [name for name in decided.column_names if name.startswith("assumed_")]
    parts = [pc.if_else(decided[name], f',"{name.removeprefix("assumed_")}"', "") for name in names]
    return _json_list(parts, decided.num_rows)


# Facts


def _facts(
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
        bands.append(_bands(play, subject))
        moments.append(moments_true(play.moments, kinds, bits[begin:end], subject))
    return _chunks(facts), _chunks(bands), pa.chunked_array(moments, pa.list_(pa.string()))


def _chunks(parts: Sequence[Any]) -> pa.ChunkedArray:
    """Texts one after the other; they are not copied."""
    flat = [chunk for part in parts for chunk in (part.chunks if isinstance(part, pa.ChunkedArray) else [part])]
    return pa.chunked_array(flat, pa.string())


def facts_json(play: Play, subject: pa.Table, account: Any, catalog: Catalog, *, as_of: datetime) -> Any:
    """``{name: {"value", "unit", "records"}}`` of the facts a play stands on, as JSON text per row."""
    records = _records(subject, _escaped(account), as_of=as_of)
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
        quoted = pc.binary_join_element_wise('"', _escaped(column), '"', "")
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
        product = _escaped(subject["product_id"]) if "product_id" in subject.column_names else ""
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


def _bands(play: Play, subject: pa.Table) -> Any:
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


# Notices


def _notices(fired: Fired, names: pa.Table, playbook: Playbook, catalog: Catalog, *, as_of: datetime) -> pa.Table:
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
        "bands": _bands(play, mine),
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


def _keys(*columns: pa.ChunkedArray) -> list[tuple[Any, ...]]:
    return list(zip(*(column.to_pylist() for column in columns), strict=True))


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
