"""The cheapest thing that holds a forecast: plan, quantity or add-on, at the interval and currency they have.

Works on many accounts of one product and plan at once: every argument is an array with one row per account. Amounts
are MRR units (see ``money``), so that intervals compare exactly. A limit that stops use must hold the forecast;
overage that is billed is a cost, which is compared (decision 0004).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from upstep.catalog.model import Enforcement, Plan, Price, PriceModel
from upstep.catalog.price import amounts, is_estimated, overage_amounts, price_for
from upstep.money import monthly_units

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from upstep.catalog.model import AddOn, Product

    Wholes = NDArray[np.int64]

UNLIMITED = np.int64(2**62)
_NEVER = np.int64(2**62)


@dataclass(frozen=True)
class Terms:
    """What all rows of one fitting share: today's plan, how it is billed, and the day the prices are read.

    ``term_meters`` are counted by the term of the contract, not by the month.
    """

    product: Product
    plan: Plan
    currency: str
    interval: str
    interval_count: int
    on: date
    term_meters: frozenset[str] = frozenset()

    @cached_property
    def meters(self) -> frozenset[str]:
        """The meters that a plan or an add-on of the product says something of; no other matters to a fit."""
        sold: list[Plan | AddOn] = [*self.product.plans, *self.product.add_ons]
        limits = {limit.meter_id for each in sold for limit in each.limits}
        billed = {overage.meter_id for plan in self.product.plans for overage in plan.overages}
        return frozenset(limits | billed | {price.per for each in sold for price in each.prices if price.per})

    def overage_units(self, meter: str, cost: Wholes) -> Wholes:
        """Overage of one period of a meter as MRR units."""
        if meter in self.term_meters:
            return monthly_units(cost, self.interval, self.interval_count)
        return monthly_units(cost, "month", 1)


@dataclass(frozen=True)
class Holding:
    """What each account has today, one row each.

    Args:
        quantity: Units bought of the meter that the plan's price is per; 1 for flat prices.
        recurring_units: MRR units of all live items of the product.
        plan_units: MRR units of today's plan alone; the rest are add-ons and other subscriptions, which stay.
        add_on_units: MRR units of the add-ons alone.
        needs: Meter to forecast need per period; -1 where nothing is known of it.
        limits: Meter to today's whole limit (``UNLIMITED`` when there is none).
        past_use: Meter to three arrays of use in the last complete periods; -1 where there was none.
        own_limits: Meter to whether the limit is the account's own: another plan does not change it.
    """

    quantity: Wholes
    recurring_units: Wholes
    plan_units: Wholes
    needs: Mapping[str, Wholes]
    limits: Mapping[str, Wholes]
    past_use: Mapping[str, Sequence[Wholes]] = field(default_factory=dict)
    add_on_units: Wholes | None = None
    own_limits: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.quantity)


@dataclass
class Fit:
    """The answer, one row per account. ``plan_id`` None means stay.

    recurring_units is the change in MRR units; overage_units the mean monthly overage of the last three periods that
    disappears; saving_units what the customer pays less in total, never below 0.
    """

    plan_id: NDArray[np.object_]
    add_on_id: NDArray[np.object_]
    quantity: Wholes
    recurring_units: Wholes
    overage_units: Wholes
    saving_units: Wholes
    is_estimated: NDArray[np.bool_]
    is_quote: NDArray[np.bool_]
    adds_nothing: NDArray[np.bool_]


@dataclass(frozen=True)
class Option:
    """One thing that could be bought instead, priced for every row."""

    plan: Plan
    add_on: AddOn | None
    quantity: Wholes
    recurring_units: Wholes
    overage_units: Wholes
    holds: NDArray[np.bool_]
    price: Price

    @property
    def total(self) -> Wholes:
        """Recurring and overage together."""
        return self.recurring_units + self.overage_units

    @property
    def is_unpriced(self) -> bool:
        """A quote without an estimate: nothing can be said of its money."""
        return self.price.model is PriceModel.QUOTE and not self.price.estimate_minor


def fit(terms: Terms, holding: Holding, *, nearly_same_percent: int = 10) -> Fit:
    """A step up that holds the forecast, or stay.

    A change is proposed when the forecast does not fit today's plan, or when recurring plus overage rises by at most
    ``nearly_same_percent`` of what recurring plus mean overage is today; else stay.
    """
    today = mean_overage(terms, holding)
    total_now = holding.recurring_units + today
    fits_today = _holds(terms.plan, holding, holding.quantity, own=True)
    options = [*plan_options(terms, holding, at_least=terms.plan.position), *_add_on_options(terms, holding)]
    best, chosen = cheapest(options, holding, today=terms.plan)
    # The whole is compared in hundredths, so that no share is ever a fraction.
    unpriced = np.isin(chosen, [index for index, option in enumerate(options) if option.is_unpriced])
    nearly = (best * 100 <= total_now * (100 + nearly_same_percent)) & ~unpriced
    propose = (chosen >= 0) & (~fits_today | nearly)
    answer = answer_of(options, np.where(propose, chosen, -1), holding, today)
    answer.adds_nothing = fits_today & (answer.recurring_units > 0) & (answer.overage_units <= 0)
    return answer


def fit_down(terms: Terms, holding: Holding) -> Fit:
    """A cheaper plan, quantity or single subscription that holds every need; stay when none costs less."""
    today = mean_overage(terms, holding)
    covering = [plan.id for plan in terms.product.plans if _covers(plan, terms.plan)]
    options = plan_options(terms, holding, among=covering, smaller=True)
    best, chosen = cheapest(options, holding, today=None)
    propose = (chosen >= 0) & (best < holding.recurring_units + today)
    return answer_of(options, np.where(propose, chosen, -1), holding, today)


def _covers(plan: Plan, today: Plan) -> bool:
    """Every feature of today's plan stays: which of them are in use is not measured, so none may be lost."""
    return {feature.id for feature in today.features} <= {feature.id for feature in plan.features}


def fit_term(terms: Terms, holding: Holding, interval: str = "year") -> Fit:
    """The same plan and quantity for a longer term; stay when it saves nothing."""
    price = price_for(terms.plan, currency=terms.currency, interval=interval, on=terms.on)
    if price is None or price.model is PriceModel.QUOTE:
        return stay_everywhere(len(holding))
    units = units_of(price, holding.quantity)
    propose = (units < holding.plan_units) & (holding.plan_units > 0)
    change = np.where(propose, units - holding.plan_units, 0)
    stay = stay_everywhere(len(holding))
    stay.plan_id = either(propose, terms.plan.id, None)
    stay.quantity = holding.quantity
    stay.recurring_units, stay.saving_units = change, -change
    return stay


def entry_price(product: Product, *, currency: str, interval: str, on: date) -> tuple[Plan | None, Price | None]:
    """Where a new customer of a product would begin: its cheapest paid plan that is sold; a quote only when no other.

    Returns:
        The plan and price; (None, price) for a one-off product; (None, None) when nothing is sold in that currency.
    """
    if product.one_off:
        listed = [price for price in product.prices if price.currency == currency and price.sold]
        return None, min(listed, key=lambda price: amounts(price, ones(1))[0], default=None)
    found: list[tuple[bool, int, Plan, Price]] = []
    for plan in product.plans:
        for length in (interval, "month", "year"):
            price = price_for(plan, currency=currency, interval=length, on=on)
            if price is not None:
                units = (
                    int(units_of(price, ones(1))[0])
                    if price.estimate_minor or price.model is not PriceModel.QUOTE
                    else 0
                )
                if units > 0 or price.model is PriceModel.QUOTE:
                    found.append((price.model is PriceModel.QUOTE, units, plan, price))
                break
    if not found:
        return None, None
    _, _, plan, price = min(found, key=lambda row: (row[0], row[1]))
    return plan, price


def mean_overage(terms: Terms, holding: Holding) -> Wholes:
    """Mean monthly overage of the last three complete periods at today's plan, in MRR units."""
    total = np.zeros(len(holding), np.int64)
    for meter, periods in holding.past_use.items():
        overage = terms.plan.overage(meter, terms.currency)
        limit = holding.limits.get(meter)
        if overage is None or limit is None:
            continue
        cost = np.zeros(len(holding), np.int64)
        count = np.zeros(len(holding), np.int64)
        for used in periods:
            known = used >= 0
            cost += np.where(known, overage_amounts(overage, np.maximum(used - limit, 0)), 0)
            count += known
        # 27720 divides by 1, 2 and 3, so the mean is exact in units.
        total += terms.overage_units(meter, cost) // np.maximum(count, 1)
    return total


def plan_options(
    terms: Terms, holding: Holding, *, at_least: int = 0, among: Collection[str] | None = None, smaller: bool = False
) -> list[Option]:
    """Plans of the product from a position on, or those named of them, priced for every row."""
    options = []
    for plan in terms.product.plans:
        if plan.position < at_least or not plan.sold or (among is not None and plan.id not in among):
            continue
        price = price_for(
            plan, currency=terms.currency, interval=terms.interval, interval_count=terms.interval_count, on=terms.on
        )
        if price is None and not smaller:
            price = _quote_of(plan, terms)
        if price is not None:
            options.append(_plan_option(terms, holding, plan, price, smaller=smaller))
    return options


def _quote_of(plan: Plan, terms: Terms) -> Price | None:
    """A quote stands for every interval: a person prices it anyway."""
    for interval in ("year", "month", "quarter"):
        price = price_for(plan, currency=terms.currency, interval=interval, on=terms.on)
        if price is not None and price.model is PriceModel.QUOTE:
            return price
    return None


def _plan_option(terms: Terms, holding: Holding, plan: Plan, price: Price, *, smaller: bool) -> Option:
    need = holding.needs.get(price.per) if price.per else None
    if price.per is None:
        quantity = ones(len(holding))
    elif smaller:
        quantity = _known(need, holding.quantity)
    else:
        quantity = np.maximum(holding.quantity, _known(need, holding.quantity))
    quantity = np.maximum(quantity, max(price.minimum_quantity, 1)).astype(np.int64)
    add_ons = holding.recurring_units - holding.plan_units
    if smaller:
        add_ons = zeros(len(holding)) if holding.add_on_units is None else holding.add_on_units
    is_quote = price.model is PriceModel.QUOTE
    amount = units_of(price, quantity) if not is_quote or price.estimate_minor else zeros(len(holding))
    if plan.id == terms.plan.id and price.model is PriceModel.PER_UNIT and not smaller:
        amount = _own_price(terms, holding, quantity, amount)
    recurring = amount + add_ons
    # One smaller thing takes the place of all they have, so what add-ons and other subscriptions gave ends with them.
    stays = None if smaller else terms
    holds = _holds(plan, holding, quantity, own=False, stays=stays)
    if need is not None:
        holds &= need < UNLIMITED
    if price.maximum_quantity is not None:
        holds &= quantity <= price.maximum_quantity
    beyond = _overage_ahead(plan, holding, quantity, terms, stays=stays)
    return Option(plan, None, quantity, recurring, beyond, holds, price)


def _known(need: Wholes | None, quantity: Wholes) -> Wholes:
    """The need as a quantity to buy; today's where it is not known or has no bound."""
    return quantity if need is None else np.where((need >= 0) & (need < UNLIMITED), need, quantity)


def _own_price(terms: Terms, holding: Holding, quantity: Wholes, listed: Wholes) -> Wholes:
    """More of the same plan at the unit price that the account pays, where that comes out in whole minor units."""
    factor = monthly_units(1, terms.interval, terms.interval_count)
    minor, rest = np.divmod(holding.plan_units, factor)
    whole = (rest == 0) & (holding.quantity > 0)
    each, left = np.divmod(minor * quantity, np.maximum(holding.quantity, 1))
    return np.where(whole & (left == 0) & (holding.plan_units > 0), each * factor, listed)


def _add_on_options(terms: Terms, holding: Holding) -> list[Option]:
    """Today's plan with as many of an add-on as the need takes, for add-ons that raise a limit."""
    options = []
    for add_on in terms.product.add_ons:
        price = price_for(
            add_on, currency=terms.currency, interval=terms.interval, interval_count=terms.interval_count, on=terms.on
        )
        allowed = not add_on.needs or terms.plan.id in add_on.needs
        if price is None or not allowed or not add_on.sold or price.model is PriceModel.QUOTE:
            continue
        options += [
            _add_on_option(terms, holding, add_on, price, limit.meter_id, limit.quantity)
            for limit in add_on.limits
            if limit.quantity and limit.meter_id in holding.needs and limit.meter_id in holding.limits
        ]
    return options


def _add_on_option(terms: Terms, holding: Holding, add_on: AddOn, price: Price, meter: str, each: int) -> Option:
    limit, need = holding.limits[meter], holding.needs[meter]
    short = np.where(limit >= UNLIMITED, 0, np.maximum(need - limit, 0))
    count = np.maximum(-(-short // each), 1).astype(np.int64)
    raised = {**holding.limits, meter: np.where(limit >= UNLIMITED, limit, limit + count * each)}
    lifted = replace(holding, limits=raised)
    holds = _holds(terms.plan, lifted, holding.quantity, own=True) & (short > 0)
    beyond = _overage_at(terms, lifted)
    # A flat add-on costs its amount each time it is bought.
    cost = units_of(price, ones(len(count))) * count if price.model is PriceModel.FLAT else units_of(price, count)
    return Option(terms.plan, add_on, count, holding.recurring_units + cost, beyond, holds, price)


def cheapest(options: Sequence[Option], holding: Holding, *, today: Plan | None) -> tuple[Wholes, NDArray[np.int64]]:
    """The least total per row and which option it is (-1: none). Quotes only count where nothing listed holds."""
    best = np.full(len(holding), _NEVER)
    chosen = np.full(len(holding), -1, np.int64)
    for quotes in (False, True):
        for index, option in enumerate(options):
            if (option.price.model is PriceModel.QUOTE) is not quotes:
                continue
            usable = option.holds & (chosen < 0) if quotes else option.holds
            if today is not None and option.add_on is None and option.plan.id == today.id:
                # The same plan at another price is no step, even when the account pays an older price.
                usable = usable & (option.quantity != holding.quantity) & (option.price.per is not None)
            better = usable & ((option.total < best) if not quotes else (chosen < 0))
            best = np.where(better, option.total, best)
            chosen = np.where(better, index, chosen)
    return best, chosen


def _holds(
    plan: Plan, holding: Holding, quantity: Wholes, *, own: bool, stays: Terms | None = None
) -> NDArray[np.bool_]:
    """No limit that stops use is below the forecast. ``own``: today's limits, as they stand with add-ons and overrides.

    ``stays``: today's terms, when what add-ons give beyond the plan is kept on the other plan.
    """
    holds = np.ones(len(holding), bool)
    for limit in plan.limits:
        need = holding.needs.get(limit.meter_id)
        if need is None or limit.enforcement is not Enforcement.HARD:
            continue
        given = _limit_of(plan, limit.meter_id, holding, quantity, own=own, stays=stays)
        holds &= need <= given
    return holds


def _limit_of(plan: Plan, meter: str, holding: Holding, quantity: Wholes, *, own: bool, stays: Terms | None) -> Wholes:
    """The limit a plan gives; what add-ons give beyond it today stays, and an account's own limit is not moved."""
    if own and meter in holding.limits:
        return holding.limits[meter]
    given = _plan_limit(plan, meter, quantity)
    if meter in holding.own_limits:
        given = np.where(holding.own_limits[meter], holding.limits[meter], given)
    if stays is None or meter not in holding.limits:
        return given
    before = _plan_limit(stays.plan, meter, holding.quantity)
    more = np.where(
        (holding.limits[meter] < UNLIMITED) & (before < UNLIMITED), np.maximum(holding.limits[meter] - before, 0), 0
    )
    if meter in holding.own_limits:
        more = np.where(holding.own_limits[meter], 0, more)
    return np.where(given >= UNLIMITED, given, given + (more if stays.product.add_ons else 0))


def _plan_limit(plan: Plan, meter: str, quantity: Wholes) -> Wholes:
    limit = plan.limit(meter)
    if limit is None or (limit.quantity is None and not limit.follows_quantity):
        return np.full(len(quantity), UNLIMITED)
    if limit.follows_quantity:
        return quantity
    return np.full(len(quantity), np.int64(limit.quantity or 0))


def _overage_ahead(plan: Plan, holding: Holding, quantity: Wholes, terms: Terms, *, stays: Terms | None) -> Wholes:
    """What the forecast would cost in overage at that plan, in MRR units."""
    total = zeros(len(holding))
    for overage in plan.overages:
        need = holding.needs.get(overage.meter_id)
        if need is not None and overage.currency == terms.currency:
            given = _limit_of(plan, overage.meter_id, holding, quantity, own=False, stays=stays)
            cost = overage_amounts(overage, np.maximum(need - given, 0))
            total = total + terms.overage_units(overage.meter_id, cost)
    return total


def _overage_at(terms: Terms, holding: Holding) -> Wholes:
    total = zeros(len(holding))
    for overage in terms.plan.overages:
        need, limit = holding.needs.get(overage.meter_id), holding.limits.get(overage.meter_id)
        if need is not None and limit is not None and overage.currency == terms.currency:
            cost = overage_amounts(overage, np.maximum(need - limit, 0))
            total = total + terms.overage_units(overage.meter_id, cost)
    return total


def answer_of(options: Sequence[Option], chosen: NDArray[np.int64], holding: Holding, today: Wholes) -> Fit:
    """The chosen option of each row as a ``Fit``; -1 stays."""
    answer = stay_everywhere(len(holding))
    answer.quantity = holding.quantity.copy()
    for index, option in enumerate(options):
        rows = chosen == index
        if not rows.any():
            continue
        change = option.recurring_units - holding.recurring_units
        total_change = option.total - holding.recurring_units - today
        if option.is_unpriced:
            change = total_change = zeros(len(holding))
        answer.plan_id = either(rows, option.plan.id, answer.plan_id)
        answer.add_on_id = either(rows, option.add_on.id if option.add_on else None, answer.add_on_id)
        answer.quantity = np.where(rows, option.quantity, answer.quantity)
        answer.recurring_units = np.where(rows, change, answer.recurring_units)
        answer.overage_units = np.where(rows, np.maximum(today - option.overage_units, 0), answer.overage_units)
        answer.saving_units = np.where(rows, np.maximum(-total_change, 0), answer.saving_units)
        answer.is_estimated = np.where(rows, is_estimated(option.price), answer.is_estimated)
        answer.is_quote = np.where(rows, option.price.model is PriceModel.QUOTE, answer.is_quote)
    return answer


def stay_everywhere(rows: int) -> Fit:
    """A ``Fit`` that stays, for so many rows."""
    nothing = np.full(rows, None, object)
    return Fit(
        plan_id=nothing,
        add_on_id=nothing.copy(),
        quantity=ones(rows),
        recurring_units=zeros(rows),
        overage_units=zeros(rows),
        saving_units=zeros(rows),
        is_estimated=np.zeros(rows, bool),
        is_quote=np.zeros(rows, bool),
        adds_nothing=np.zeros(rows, bool),
    )


def either(rows: NDArray[np.bool_], chosen: Any, other: Any) -> NDArray[np.object_]:
    """One value where the rows are true, else what was there."""
    picked = np.empty(len(rows), object)
    picked[:] = other
    picked[rows] = chosen
    return picked


def units_of(price: Price, quantity: Wholes) -> Wholes:
    """A price's amount for a quantity, in MRR units."""
    return monthly_units(amounts(price, quantity), price.interval, price.interval_count)


def ones(rows: int) -> Wholes:
    """So many ones."""
    return np.ones(rows, np.int64)


def zeros(rows: int) -> Wholes:
    """So many zeros."""
    return np.zeros(rows, np.int64)
