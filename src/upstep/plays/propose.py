"""What is proposed to those a play fired for: the fit, its exact price and the motion, on fired rows only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from upstep.catalog.fit import Fit, Terms, fit, fit_down, fit_term
from upstep.plays import one_off, step_up
from upstep.plays.proposal import (
    NOTHING,
    SCHEMA,
    Batch,
    Columns,
    Fired,
    Held,
    PlayFigures,
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

    from upstep.catalog.model import Catalog
    from upstep.plays.play import Playbook

    Wholes = NDArray[np.int64]

__all__ = ["SCHEMA", "Fired", "propose"]

SEATS_FREE_SHARE = 85
"""More seats are proposed until assigned ones fall under this percentage: the same figure that made the play fire."""


def propose(fired: Fired, playbook: Playbook, catalog: Catalog, *, on: date, nearly_same_percent: int = 10) -> pa.Table:
    """The proposal of every fired row; columns as in ``SCHEMA``.

    ``stays`` says that nothing sold serves better than what they have. ``rank_units`` is what the step ranks by: the
    recurring change, the committed monthly amount for commit, the unused share of what is paid for adopt.
    """
    held = Held.of(fired.owned, fired.limits, catalog)
    columns = Columns()
    figures = PlayFigures.of(playbook)
    for grain, rows in fired.rows.items():
        kept = rows.select([name for name in _SUBJECT_COLUMNS if name in rows.column_names])
        indexes = kept["play"].to_numpy()
        for (proposal, staying), members in figures.alike(np.unique(indexes)).items():
            where = np.flatnonzero(np.isin(indexes, members))
            batch = Batch(staying, figures, grain, kept, where, held, catalog, on, nearly_same_percent)
            _PROPOSERS[proposal](columns, batch)
    return columns.table()


_SUBJECT_COLUMNS = [
    "rungs",
    "play",
    "account_key",
    "product_id",
    "meter_id",
    "feature_id",
    "add_on_id",
    "plan_id",
    "used",
    "limit_quantity",
    "enforcement",
    "adoption",
    "partner_product_id",
    "own_product_id",
    "partner_currency",
    "partner_spent_minor",
    "bundle_id",
    "new_users_28d",
    "trend_56d",
]
"""What proposers read of the rows that fired, where the grain has it."""


def _propose_fit(columns: Columns, batch: Batch) -> None:
    """The cheapest plan, add-on or quantity that holds the forecast, or stay."""
    each_group(
        columns,
        batch,
        lambda terms, at: fit(
            terms,
            holding_of(batch, terms, at, forecasts(batch, terms, at)),
            nearly_same_percent=batch.nearly_same_percent,
        ),
    )


def _propose_seats(columns: Columns, batch: Batch) -> None:
    """Seats for the forecast, and enough that the assigned ones are no longer near all of them."""

    def answer(terms: Terms, at: Wholes) -> Fit:
        needs = forecasts(batch, terms, at)
        for meter in needs:
            if batch.catalog.meters[meter].aggregate == "seats":
                figures = batch.held.meters[meter]
                free = -(-figures["used"][at] * 100 // SEATS_FREE_SHARE)
                needs[meter] = np.maximum(needs[meter], np.where(figures["used"][at] >= 0, free, -1))
        return fit(terms, holding_of(batch, terms, at, needs), nearly_same_percent=batch.nearly_same_percent)

    each_group(columns, batch, answer)


def _propose_term(columns: Columns, batch: Batch) -> None:
    """A year of the same, when it costs less."""
    done = np.zeros(len(batch), bool)
    for terms, rows, at in groups(batch):
        done[rows] = True
        part = part_of(batch, rows)
        answer = each_once(at, partial(_term, batch, terms))
        stays = answer.plan_id == np.array(None)
        committed = np.where(stays, 0, batch.held.column("plan_units", at) + answer.recurring_units)
        columns.add(
            len(part),
            **part.subject(),
            target=np.where(stays, "stay:commit", f"term:{terms.plan.id}@year").astype(object),
            motion="commit",
            to_product_id=terms.product.id,
            to_plan_id=answer.plan_id,
            quantity=answer.quantity,
            interval="year",
            currency=terms.currency,
            recurring_units=answer.recurring_units,
            overage_units=0,
            saving_units=answer.saving_units,
            committed_units=committed,
            rank_units=committed,
            is_estimated=False,
            is_quote=False,
            stays=stays,
            adds_nothing=False,
            is_hygiene=False,
        )
    if not done.all():
        add_stay(columns, part_of(batch, np.flatnonzero(~done)))


def _term(batch: Batch, terms: Terms, at: Wholes) -> Fit:
    return fit_term(terms, holding_of(batch, terms, at, {}))


def _propose_cheaper(columns: Columns, batch: Batch) -> None:
    """A smaller plan, fewer seats, or one subscription in place of several, that holds every need of theirs."""
    done = np.zeros(len(batch), bool)
    for terms, rows, at in groups(batch):
        done[rows] = True
        part = part_of(batch, rows)
        answer = each_once(at, partial(_down, batch, terms))
        stays = answer.plan_id == np.array(None)
        target = prefixed("fit:", answer.plan_id)
        target[stays] = "stay:right_size"
        columns.add(
            len(part),
            **part.subject(),
            target=target,
            motion="right_size",
            to_product_id=terms.product.id,
            to_plan_id=answer.plan_id,
            quantity=answer.quantity,
            interval=terms.interval,
            currency=terms.currency,
            recurring_units=answer.recurring_units,
            overage_units=answer.overage_units,
            saving_units=answer.saving_units,
            committed_units=0,
            rank_units=answer.saving_units,
            is_estimated=answer.is_estimated,
            is_quote=False,
            stays=stays,
            adds_nothing=False,
            is_hygiene=False,
        )
    if not done.all():
        add_stay(columns, part_of(batch, np.flatnonzero(~done)))


def _down(batch: Batch, terms: Terms, at: Wholes) -> Fit:
    needs = {meter: _whole_need(batch.held.meters[meter], at) for meter in terms.meters & batch.held.meters.keys()}
    return fit_down(terms, holding_of(batch, terms, at, needs))


def _whole_need(figures: Mapping[str, Wholes], at: Wholes) -> Wholes:
    """The most a meter may need; where its use is not known, all that is held today."""
    most = np.maximum.reduce([figures[name][at] for name in ("forecast_high", "peak", "used")])
    return np.where(figures["used"][at] >= 0, most, figures["limit"][at])


def _propose_adopt(columns: Columns, batch: Batch) -> None:
    """Help them use what they pay for; ranked by what the unused share costs them."""
    at = batch.held.find(batch.rows)
    paid = np.where(at >= 0, batch.held.column("recurring_units", np.maximum(at, 0)), 0)
    # Where it is not known how much is used, nothing is said to lie unused.
    used = np.minimum(pc.fill_null(batch.rows["adoption"], 1.0).to_numpy(), 1.0)
    unused_percent = np.round((1.0 - used) * 100).astype(np.int64)
    currency = batch.held.owned["currency"].take(pa.array(np.maximum(at, 0)))
    meters = batch.rows["meter_id"]
    columns.add(
        len(batch),
        **batch.subject(),
        target=pc.binary_join_element_wise("adopt:", meters, ""),
        motion="adopt",
        to_product_id=batch.rows["product_id"],
        quantity=1,
        currency=currency,
        **{**NOTHING, "rank_units": paid // 100 * unused_percent},
    )


_PROPOSERS: Mapping[str, Callable[[Columns, Batch], None]] = {
    "fit": _propose_fit,
    "seats": _propose_seats,
    "term": _propose_term,
    "adopt": _propose_adopt,
    "cheaper": _propose_cheaper,
    **step_up.PROPOSERS,
    **one_off.PROPOSERS,
}
