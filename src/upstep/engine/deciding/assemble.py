"""Decisions as rows that can be kept, compared and shown: what each step is, why it waits, what it stands on.

Everything is built column by column, so a million decisions cost seconds. ``holds``, ``unknown`` and ``facts`` are
JSON text in the shapes of ``decide --json``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from upstep.engine.deciding import reasons
from upstep.engine.deciding.fact_cells import fact_cells
from upstep.engine.deciding.notices import addressed, notices
from upstep.money import UNITS_PER_MINOR
from upstep.plays.gates import GATES
from upstep.plays.rank import MASK_PLAYS

if TYPE_CHECKING:
    from upstep.catalog.model import Catalog
    from upstep.plays.play import Playbook
    from upstep.plays.propose import Fired

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
    """One row per step, then one per notice; ranks and ids follow in ``finishing``.

    Args:
        names: account_key, account_id, name, owner_id of the accounts.
        people: account_key, meter_id, people: who a notice goes to.
    """
    # Arrow joins text of chunked and plain columns wrongly when chunks differ; one chunk per column is exact.
    steps = _steps(decided.combine_chunks(), fired, playbook, catalog, as_of=as_of)
    told = notices(fired, names, playbook, catalog, as_of=as_of)
    if people is not None and told.num_rows:
        told = addressed(told, people, names)
    return pa.concat_tables([steps, told]) if told.num_rows else steps


def _steps(decided: pa.Table, fired: Fired, playbook: Playbook, catalog: Catalog, *, as_of: datetime) -> pa.Table:
    rows = decided.num_rows
    # Play by play: so the long texts of the facts, which are made by play, need not be put in another order.
    decided = decided.take(pa.array(np.argsort(decided["play"].to_numpy(), kind="stable"))).combine_chunks()
    decided = decided.append_column("product_name", _product_names(decided["gate_product_id"], catalog))
    plays = pa.array([play.id for play in playbook.plays], pa.string())
    facts, bands, moments = fact_cells(decided, fired, playbook, catalog, as_of=as_of)
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
            "holds": reasons.holds(decided),
            "unknown": reasons.unknown(decided),
            "assumed": reasons.assumed(decided),
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
