"""Proposals that something else than a limit asks for: a feature, a plan above, room for growth, an add-on, a term."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc

from upstep.catalog.fit import Fit, Terms, fit
from upstep.catalog.options import fit_among, fit_commit, fit_longer, giving, next_plans
from upstep.plays.proposal import (
    NOTHING,
    Batch,
    Columns,
    add_fit,
    add_stay,
    each_group,
    each_once,
    forecasts,
    groups,
    holding_of,
    part_of,
    prefixed,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Wholes = NDArray[np.int64]


def propose_feature(columns: Columns, batch: Batch) -> None:
    """The cheapest plan above, or the add-on, that includes the feature."""

    def answer(feature_id: str, terms: Terms, at: Wholes) -> Fit:
        plans, add_ons = giving(terms, feature_id)
        holding = holding_of(batch, terms, at, forecasts(batch, terms, at))
        return fit_among(terms, holding, plan_ids=plans, add_on_ids=add_ons)

    for feature_id, part in _by_word(batch, "feature_id"):
        each_group(columns, part, partial(answer, feature_id))


def propose_add_on(columns: Columns, batch: Batch) -> None:
    """The add-on that the row is about, on top of today's plan."""

    def answer(add_on_id: str, terms: Terms, at: Wholes) -> Fit:
        return fit_among(terms, holding_of(batch, terms, at, {}), add_on_ids=(add_on_id,))

    for add_on_id, part in _by_word(batch, "add_on_id"):
        each_group(columns, part, partial(answer, add_on_id))


def propose_higher(columns: Columns, batch: Batch) -> None:
    """The next plan above that gives more of the row's meter; where the row has no meter, the next plan."""

    def answer(meter: str, terms: Terms, at: Wholes) -> Fit:
        above = [plan for plan in next_plans(terms) if not meter or _gives_more(terms, plan, meter)]
        holding = holding_of(batch, terms, at, forecasts(batch, terms, at))
        return fit_among(terms, holding, plan_ids=[plan.id for plan in above[:1]])

    for meter, part in _by_word(batch, "meter_id"):
        each_group(columns, part, partial(answer, meter))


def _gives_more(terms: Terms, plan: Any, meter: str) -> bool:
    today, then = terms.plan.limit(meter), plan.limit(meter)
    if today is None or then is None or then.quantity is None:
        return today is not None
    return today.quantity is not None and then.quantity > today.quantity


def propose_highest(columns: Columns, batch: Batch) -> None:
    """The highest plan of the product."""

    def answer(terms: Terms, at: Wholes) -> Fit:
        holding = holding_of(batch, terms, at, forecasts(batch, terms, at))
        return fit_among(terms, holding, plan_ids=[plan.id for plan in next_plans(terms)[-1:]])

    each_group(columns, batch, answer)


def propose_trial(columns: Columns, batch: Batch) -> None:
    """The next plan above as a free trial; its price is what would be paid once they keep it."""
    done = np.zeros(len(batch), bool)
    for terms, rows, at in groups(batch):
        done[rows] = True
        part = part_of(batch, rows)
        answer = each_once(at, partial(_next_plan, batch, terms))
        stays = answer.plan_id == np.array(None)
        target = prefixed("trial:", answer.plan_id)
        target[stays] = f"stay:{part.staying}"
        add_fit(columns, part, terms, answer, target=target)
    _add_rest(columns, batch, done)


def _next_plan(batch: Batch, terms: Terms, at: Wholes) -> Fit:
    holding = holding_of(batch, terms, at, forecasts(batch, terms, at))
    return fit_among(terms, holding, plan_ids=[plan.id for plan in next_plans(terms)[:1]])


def propose_room(columns: Columns, batch: Batch) -> None:
    """What holds the row's meter eight weeks on: seats for as many newcomers again, use grown as it grew lately."""

    def answer(part: Batch, meter: str, terms: Terms, at: Wholes) -> Fit:
        needs = forecasts(part, terms, at)
        if meter in needs:
            needs[meter] = np.maximum(needs[meter], _room(part, meter, at))
        holding = holding_of(part, terms, at, needs)
        return fit(terms, holding, nearly_same_percent=part.nearly_same_percent)

    for meter, part in _by_word(batch, "meter_id"):
        each_group(columns, part, partial(answer, part, meter))


def _room(part: Batch, meter: str, at: Wholes) -> Wholes:
    """The need of a meter eight weeks on, at positions of what is held."""
    found = part.held.find(part.rows)
    used = pc.fill_null(part.rows["used"], 0).to_numpy().astype(np.float64)
    if part.catalog.meters[meter].aggregate == "seats":
        more = used + 2 * _figure(part, "new_users_28d")
    else:
        ahead = part.held.meters[meter]["forecast"][found] if len(part.held.pairs) else used
        more = np.maximum(ahead, used) * (1.0 + np.maximum(_figure(part, "trend_56d"), 0.0))
    by_position = dict(zip(found.tolist(), np.ceil(more).tolist(), strict=True))
    return np.array([by_position.get(position, -1) for position in at.tolist()], np.int64)


def _figure(part: Batch, name: str) -> NDArray[np.float64]:
    if name not in part.rows.column_names:
        return np.zeros(len(part), np.float64)
    column: NDArray[np.float64] = pc.fill_null(part.rows[name], 0).to_numpy().astype(np.float64)
    return column


def propose_commit(columns: Columns, batch: Batch) -> None:
    """A year of a plan that includes the volume they use anyway, for less than their bills add up to."""

    def answer(terms: Terms, at: Wholes) -> tuple[Fit, str, int]:
        return fit_commit(terms, holding_of(batch, terms, at, forecasts(batch, terms, at))), "year", 1

    _each_term(columns, batch, answer)


def propose_longer(columns: Columns, batch: Batch) -> None:
    """The same plan for the next longer term that is sold, when it costs less."""

    def answer(terms: Terms, at: Wholes) -> tuple[Fit, str, int]:
        return fit_longer(terms, holding_of(batch, terms, at, {}))

    _each_term(columns, batch, answer)


def _each_term(columns: Columns, batch: Batch, answer: Callable[[Terms, Wholes], tuple[Fit, str, int]]) -> None:
    done = np.zeros(len(batch), bool)
    for terms, rows, at in groups(batch):
        done[rows] = True
        part = part_of(batch, rows)
        found, interval, count = answer(terms, at)
        stays = found.plan_id == np.array(None)
        every = interval if count == 1 else f"{count}{interval}"
        target = np.array(
            ["stay:commit" if plan is None else f"term:{plan}@{every}" for plan in found.plan_id], dtype=object
        )
        committed = np.where(stays, 0, batch.held.column("plan_units", at) + found.recurring_units)
        columns.add(
            len(part),
            **part.subject(),
            **{
                **NOTHING,
                "target": target,
                "motion": "commit",
                "to_product_id": terms.product.id,
                "to_plan_id": found.plan_id,
                "quantity": found.quantity,
                "interval": interval,
                "currency": terms.currency,
                "recurring_units": found.recurring_units,
                "overage_units": found.overage_units,
                "saving_units": found.saving_units,
                "committed_units": committed,
                "rank_units": committed,
                "stays": stays,
            },
        )
    _add_rest(columns, batch, done)


def _add_rest(columns: Columns, batch: Batch, done: NDArray[np.bool_]) -> None:
    if not done.all():
        add_stay(columns, part_of(batch, np.flatnonzero(~done)))


def _by_word(batch: Batch, name: str) -> list[tuple[str, Batch]]:
    """The batch by the values of a column of text; all of it under the empty word when it has no such column."""
    if name not in batch.rows.column_names:
        return [("", batch)]
    coded = batch.rows[name].combine_chunks().dictionary_encode()
    codes = coded.indices.to_numpy(zero_copy_only=False)
    return [
        (word, part_of(batch, np.flatnonzero(codes == code))) for code, word in enumerate(coded.dictionary.to_pylist())
    ]


PROPOSERS: Mapping[str, Callable[[Columns, Batch], None]] = {
    "feature": propose_feature,
    "add_on": propose_add_on,
    "higher": propose_higher,
    "highest": propose_highest,
    "trial": propose_trial,
    "room": propose_room,
    "commit": propose_commit,
    "longer": propose_longer,
}
"""By the word that a play writes under ``propose``."""
