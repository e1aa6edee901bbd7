"""Steps that no forecast asks for: a named plan or add-on, a volume committed for a year, a longer term.

As in ``fit``, arguments are arrays with one row per account, and amounts are MRR units.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from upstep.catalog.fit import (
    Fit,
    Holding,
    Option,
    Terms,
    answer_of,
    cheapest,
    either,
    mean_overage,
    ones,
    plan_options,
    stay_everywhere,
    units_of,
    zeros,
)
from upstep.catalog.model import Enforcement, Plan, Price, PriceModel
from upstep.catalog.price import overage_amounts, price_for

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from upstep.catalog.model import AddOn

    Wholes = NDArray[np.int64]

_TERM_MONTHS = {"month": 1, "quarter": 3, "year": 12}


def fit_among(
    terms: Terms, holding: Holding, *, plan_ids: Collection[str] = (), add_on_ids: Collection[str] = ()
) -> Fit:
    """The cheapest of the named plans and add-ons that holds the forecast; stay when none of them does.

    It is asked for by something else than a limit, such as a feature, so it may cost more than today.
    """
    plans = plan_options(terms, holding, among=plan_ids)
    extras = [_bare(terms, holding, add_on) for add_on in terms.product.add_ons if add_on.id in add_on_ids]
    options = [*plans, *(option for option in extras if option is not None)]
    _, chosen = cheapest(options, holding, today=terms.plan)
    return answer_of(options, chosen, holding, mean_overage(terms, holding))


def _bare(terms: Terms, holding: Holding, add_on: AddOn) -> Option | None:
    """One of an add-on on today's plan, for what it is and not for a limit."""
    price = _price_near(add_on, terms)
    allowed = not add_on.needs or terms.plan.id in add_on.needs
    if price is None or not allowed or price.model is PriceModel.QUOTE:
        return None
    cost = units_of(price, ones(len(holding)))
    beyond = mean_overage(terms, holding)
    return Option(
        terms.plan,
        add_on,
        ones(len(holding)),
        holding.recurring_units + cost,
        beyond,
        np.ones(len(holding), bool),
        price,
    )


def _price_near(add_on: AddOn, terms: Terms) -> Price | None:
    """Its price at the interval they pay in; an add-on has no interval of its own on one subscription."""
    return price_for(
        add_on, currency=terms.currency, interval=terms.interval, interval_count=terms.interval_count, on=terms.on
    )


def next_plans(terms: Terms) -> list[Plan]:
    """Plans of the product above today's that are sold, lowest first."""
    above = (plan for plan in terms.product.plans if plan.position > terms.plan.position and plan.sold)
    return sorted(above, key=lambda plan: plan.position)


def giving(terms: Terms, feature_id: str) -> tuple[frozenset[str], frozenset[str]]:
    """The plans above today's and the add-ons that include a feature."""
    plans = (plan.id for plan in next_plans(terms) if any(given.id == feature_id for given in plan.features))
    add_ons = (
        add_on.id
        for add_on in terms.product.add_ons
        if add_on.sold and any(given.id == feature_id for given in add_on.features)
    )
    return frozenset(plans), frozenset(add_ons)


def fit_commit(terms: Terms, holding: Holding) -> Fit:
    """The plan paid by the year that includes the volume of the last three periods for less than today's bill.

    Its year is a commitment, so what counts is the volume that was used in each of them: all three must be known.
    """
    today = mean_overage(terms, holding)
    total = holding.recurring_units + today
    answer = stay_everywhere(len(holding))
    best = total.copy()
    for plan in next_plans(terms):
        price = price_for(plan, currency=terms.currency, interval="year", on=terms.on)
        if price is None or price.model is PriceModel.QUOTE or price.per is not None:
            continue
        add_ons = holding.recurring_units - holding.plan_units
        recurring = units_of(price, ones(len(holding))) + add_ons
        beyond, holds = _past_overage(plan, terms, holding)
        better = holds & (recurring + beyond < best)
        best = np.where(better, recurring + beyond, best)
        answer.plan_id = either(better, plan.id, answer.plan_id)
        answer.recurring_units = np.where(better, recurring - holding.recurring_units, answer.recurring_units)
        answer.overage_units = np.where(better, np.maximum(today - beyond, 0), answer.overage_units)
        answer.saving_units = np.where(better, total - recurring - beyond, answer.saving_units)
    return answer


def _past_overage(plan: Plan, terms: Terms, holding: Holding) -> tuple[Wholes, NDArray[np.bool_]]:
    """Mean overage that the last three periods would have cost on a plan, and whether it would have held them."""
    total = zeros(len(holding))
    holds = np.ones(len(holding), bool)
    for meter, periods in holding.past_use.items():
        limit, overage = plan.limit(meter), plan.overage(meter, terms.currency)
        for used in periods:
            over = np.maximum(used - (limit.quantity if limit and limit.quantity is not None else used), 0)
            holds &= used >= 0
            if overage is not None:
                total = total + terms.overage_units(meter, overage_amounts(overage, over)) // len(periods)
            elif limit is not None and limit.enforcement is Enforcement.HARD:
                holds &= over == 0
    return total, holds


def fit_longer(terms: Terms, holding: Holding) -> tuple[Fit, str, int]:
    """The same plan at the next longer term that costs less; stay when there is none.

    Returns:
        The answer, and the interval and count of that term.
    """
    now = _TERM_MONTHS.get(terms.interval, 0) * terms.interval_count
    longer = sorted(
        (
            (_TERM_MONTHS[price.interval] * price.interval_count, price)
            for price in terms.plan.prices
            if price.interval in _TERM_MONTHS and price.currency == terms.currency and price.sold
        ),
        key=lambda pair: pair[0],
    )
    for months, listed in longer:
        found = price_for(
            terms.plan,
            currency=terms.currency,
            interval=listed.interval,
            interval_count=listed.interval_count,
            on=terms.on,
        )
        if months <= now or found is None or found.model is PriceModel.QUOTE:
            continue
        units = units_of(found, holding.quantity)
        cheaper = (units < holding.plan_units) & (holding.plan_units > 0)
        answer = replace(stay_everywhere(len(holding)), quantity=holding.quantity)
        answer.plan_id = either(cheaper, terms.plan.id, None)
        answer.recurring_units = np.where(cheaper, units - holding.plan_units, 0)
        answer.saving_units = -answer.recurring_units
        return answer, found.interval, found.interval_count
    return stay_everywhere(len(holding)), "year", 1
