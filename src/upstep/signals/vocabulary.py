"""Small tables that the signal queries join: the calendar, today, the catalog's limits and meters, interval factors."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from functools import cache, lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import pyarrow as pa

from upstep.catalog.model import PARTNER_KINDS
from upstep.clock import DAY_SECONDS, from_day, to_day, to_seconds
from upstep.money import monthly_units

if TYPE_CHECKING:
    from upstep.catalog.model import AddOn, Catalog, Plan

FIRST_MONTH, LAST_MONTH = 1990 * 12, 2090 * 12
"""The calendar reaches from January 1990 to December 2089; months are numbered year x 12 + month - 1."""

PERIODS = ("billing_month", "billing_term", "calendar_month", "lifetime")
ACTIVE_DAYS = 28
"""A person is active when seen in the last 28 days: four whole weeks, so that weekdays weigh the same."""


def month_number(day: date) -> int:
    """Year x 12 + month - 1."""
    return day.year * 12 + day.month - 1


def month_first(month: int) -> int:
    """The first day of a month, in days since 1970."""
    return to_day(date(month // 12, month % 12 + 1, 1))


@cache
def calendar_month() -> pa.Table:
    """One row per month: month, first_day, days."""
    firsts = np.array([month_first(month) for month in range(FIRST_MONTH, LAST_MONTH + 1)], np.int32)
    return pa.table(
        {
            "month": np.arange(FIRST_MONTH, LAST_MONTH, dtype=np.int32),
            "first_day": firsts[:-1],
            "days": np.diff(firsts).astype(np.int32),
        }
    )


@cache
def calendar_day() -> pa.Table:
    """One row per day: day, month, day_of_month (1 to 31)."""
    months = calendar_month()
    lengths = months["days"].to_numpy()
    days = np.arange(month_first(FIRST_MONTH), month_first(LAST_MONTH), dtype=np.int32)
    firsts = np.repeat(months["first_day"].to_numpy(), lengths)
    return pa.table(
        {
            "day": days,
            "month": np.repeat(months["month"].to_numpy(), lengths),
            "day_of_month": (days - firsts + 1).astype(np.int32),
        }
    )


def today(as_of: datetime, *, usage_from_day: int = 0) -> pa.Table:
    """One row that says what today is: as_of, as_of_day, this_month.

    Beside them the day masks of the last 28 days in this month and the one before, and usage_from: the instant at
    which the company's usage begins; before it, no use says nothing.
    """
    day = to_seconds(as_of) // DAY_SECONDS
    month = month_number(from_day(day))
    masks = [0, 0]
    for back in range(ACTIVE_DAYS):
        seen = from_day(day - back)
        masks[month - month_number(seen)] |= 1 << (seen.day - 1)
    columns = {
        "as_of": pa.array([to_seconds(as_of)], pa.int64()),
        "as_of_day": pa.array([day], pa.int32()),
        "this_month": pa.array([month], pa.int32()),
        "mask_this_month": pa.array([masks[0]], pa.int64()),
        "mask_last_month": pa.array([masks[1]], pa.int64()),
        "usage_from": pa.array([usage_from_day * DAY_SECONDS], pa.int64()),
    }
    return pa.table(columns)


@lru_cache(maxsize=4)
def zone_month(as_of: datetime, company_zone: str, *, with_accounts: bool = True) -> pa.Table:
    """One row per zone: the first instants of the account's calendar months, from next (starts_next) to three back.

    The row with an empty zone is the company's, for accounts without one or with an unknown one.

    Args:
        with_accounts: Whether any meter counts by calendar months, so that the accounts' own zones matter.
    """
    zones = {zone: ZoneInfo(zone) for zone in sorted(available_timezones()) if with_accounts}
    zones[""] = ZoneInfo(company_zone)
    months = {name: _month_starts(as_of, zone) for name, zone in zones.items()}
    names = ("starts_next", "starts_0", "starts_1", "starts_2", "starts_3")
    columns: dict[str, pa.Array] = {"time_zone": pa.array(list(months), pa.string())}
    for index, name in enumerate(names):
        columns[name] = pa.array([starts[index] for starts in months.values()], pa.int64())
    return pa.table(columns)


def _month_starts(as_of: datetime, zone: ZoneInfo) -> list[int]:
    this = month_number(as_of.astimezone(zone).date())
    return [
        to_seconds(datetime(month // 12, month % 12 + 1, 1, tzinfo=zone)) for month in range(this + 1, this - 4, -1)
    ]


@cache
def interval_factor() -> pa.Table:
    """One row per (interval, interval_count): what turns an amount per interval into MRR units; see ``money``."""
    rows = [
        (interval, count, monthly_units(1, interval, count))
        for interval in ("day", "week", "month", "quarter", "year")
        for count in range(1, 61)
        if _is_exact(interval, count)
    ]
    names, counts, factors = zip(*rows, strict=True)
    return pa.table(
        {
            "interval": pa.array(names, pa.string()),
            "interval_count": pa.array(counts, pa.int64()),
            "units_factor": pa.array(factors, pa.int64()),
            "term_months": pa.array(
                [_TERM_MONTHS.get(name, 0) * count for name, count in zip(names, counts, strict=True)], pa.int32()
            ),
            "term_days": pa.array(
                [_TERM_DAYS[name] * count for name, count in zip(names, counts, strict=True)], pa.int32()
            ),
        }
    )


_TERM_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_TERM_DAYS = {"day": 1, "week": 7, "month": 30, "quarter": 91, "year": 365}


def _is_exact(interval: str, count: int) -> bool:
    try:
        monthly_units(1, interval, count)
    except ValueError:
        return False
    return True


def catalog_tables(catalog: Catalog, meter_keys: Mapping[str, int]) -> dict[str, pa.Table]:
    """The catalog's meters, limits, features, products, partners and plans as tables.

    Args:
        meter_keys: Key of every meter that has usage; others get negative keys, which no usage has.
    """
    keys = {meter: meter_keys.get(meter, -1 - index) for index, meter in enumerate(catalog.meters)}
    return {
        "catalog_meter": _meters(catalog, keys),
        "catalog_limit": _limits(catalog, keys),
        "catalog_feature": _features(catalog),
        "catalog_product": _products(catalog, keys),
        "catalog_plan": _plans(catalog),
        "catalog_partner": _partners(catalog),
        "catalog_add_on": _add_ons(catalog),
        "catalog_use_case": _use_cases(catalog),
        "catalog_imitation": _imitations(catalog),
        "catalog_milestone": _milestones(catalog, keys),
        "catalog_bundle": _bundles(catalog),
        "catalog_buyer": _buyers(catalog),
        "catalog_subject": _subjects(catalog),
    }


def _table(rows: list[tuple[object, ...]], **types: pa.DataType) -> pa.Table:
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(types)
    arrays = {name: pa.array(list(values), kind) for (name, kind), values in zip(types.items(), columns, strict=True)}
    return pa.table(arrays)


def window_kind(products: list[str], product_id: str, period: str) -> int:
    """A small number for (product, period): usage joins its window by (account_key, window_kind)."""
    return products.index(product_id) * len(PERIODS) + PERIODS.index(period)


def _meters(catalog: Catalog, keys: Mapping[str, int]) -> pa.Table:
    products = list(catalog.products)
    rows: list[tuple[object, ...]] = []
    for product in catalog.products.values():
        for meter_id in product.meters:
            meter = catalog.meters[meter_id]
            if meter.aggregate == "seats":
                continue
            kind = window_kind(products, product.id, meter.period)
            rows.append(
                (
                    keys[meter_id],
                    meter_id,
                    product.id,
                    meter.aggregate,
                    meter.kind,
                    meter.period,
                    meter.value_meter,
                    kind,
                )
            )
    return _table(
        rows,
        meter_key=pa.int32(),
        meter_id=pa.string(),
        product_id=pa.string(),
        aggregate=pa.string(),
        meter_kind=pa.string(),
        period=pa.string(),
        value_meter=pa.bool_(),
        window_kind=pa.int32(),
    )


def _limits(catalog: Catalog, keys: Mapping[str, int]) -> pa.Table:
    strictness = {"auto": 0, "overage": 1, "hard": 2}
    rows: list[tuple[object, ...]] = []
    owners: list[tuple[str, Plan | AddOn]] = [("plan", plan) for plan in catalog.plans()]
    owners += [("add_on", add_on) for add_on in catalog.add_ons()]
    for owner_kind, owner in owners:
        for limit in owner.limits:
            meter = catalog.meters[limit.meter_id]
            rows.append(
                (
                    owner_kind,
                    owner.id,
                    owner.product_id,
                    limit.meter_id,
                    keys[limit.meter_id],
                    limit.quantity,
                    limit.quantity is None and not limit.follows_quantity,
                    limit.follows_quantity,
                    strictness[limit.enforcement.value],
                    meter.aggregate,
                    meter.kind,
                    meter.period,
                    meter.value_meter or (meter.aggregate == "seats" and limit.follows_quantity),
                    meter.advanced,
                )
            )
    return _table(
        rows,
        owner_kind=pa.string(),
        owner_id=pa.string(),
        product_id=pa.string(),
        meter_id=pa.string(),
        meter_key=pa.int32(),
        limit_each=pa.int64(),
        unlimited=pa.bool_(),
        follows_quantity=pa.bool_(),
        strictness=pa.int32(),
        aggregate=pa.string(),
        meter_kind=pa.string(),
        period=pa.string(),
        value_meter=pa.bool_(),
        is_advanced=pa.bool_(),
    )


def _features(catalog: Catalog) -> pa.Table:
    """``is_top``: of the product's plans only the highest includes it."""
    highest = {
        product.id: max((plan.position for plan in product.plans), default=0) for product in catalog.products.values()
    }
    below = {
        (plan.product_id, feature.id)
        for plan in catalog.plans()
        for feature in plan.features
        if plan.position < highest[plan.product_id]
    }
    top = {
        (plan.product_id, feature.id)
        for plan in catalog.plans()
        for feature in plan.features
        if plan.position == highest[plan.product_id] > 0
    } - below
    rows: list[tuple[object, ...]] = [
        (kind, owner.id, owner.product_id, feature.id, (owner.product_id, feature.id) in top)
        for kind, owners in (("plan", catalog.plans()), ("add_on", catalog.add_ons()))
        for owner in owners
        for feature in owner.features
    ]
    return _table(
        rows,
        owner_kind=pa.string(),
        owner_id=pa.string(),
        product_id=pa.string(),
        feature_id=pa.string(),
        is_top=pa.bool_(),
    )


def _products(catalog: Catalog, keys: Mapping[str, int]) -> pa.Table:
    rows: list[tuple[object, ...]] = []
    for product in catalog.products.values():
        rule = product.first_value
        meter = rule.meter_id if rule else None
        rows.append(
            (
                product.id,
                product.one_off,
                rule is not None,
                keys[meter] if meter else None,
                rule.at_least if rule else None,
                rule.moment if rule else None,
                to_day(product.available_from) if product.available_from else None,
            )
        )
    return _table(
        rows,
        product_id=pa.string(),
        one_off=pa.bool_(),
        has_first_value_rule=pa.bool_(),
        first_value_meter_key=pa.int32(),
        first_value_at_least=pa.int64(),
        first_value_moment=pa.string(),
        available_from_day=pa.int32(),
    )


def _plans(catalog: Catalog) -> pa.Table:
    """``plans_above``: how many plans of the product that are sold stand above."""
    rows: list[tuple[object, ...]] = [
        (
            plan.id,
            plan.product_id,
            plan.position,
            sum(
                1 for other in catalog.products[plan.product_id].plans if other.position > plan.position and other.sold
            ),
        )
        for plan in catalog.plans()
    ]
    return _table(rows, plan_id=pa.string(), product_id=pa.string(), position=pa.int32(), plans_above=pa.int64())


def _partners(catalog: Catalog) -> pa.Table:
    """``kind_place``: which kind of pair speaks first where several lead to one product."""
    rows: list[tuple[object, ...]] = [
        (partner.has, partner.then, partner.kind, PARTNER_KINDS.index(partner.kind), partner.holds)
        for partner in catalog.partners
    ]
    return _table(
        rows,
        has=pa.string(),
        then=pa.string(),
        partner_kind=pa.string(),
        kind_place=pa.int32(),
        partner_holds=pa.int64(),
    )


def _add_ons(catalog: Catalog) -> pa.Table:
    """Every add-on that is sold, with each plan that it may stand on."""
    rows: list[tuple[object, ...]] = [
        (add_on.id, add_on.product_id, add_on.kind, plan.id)
        for add_on in catalog.add_ons()
        for plan in catalog.products[add_on.product_id].plans
        if add_on.sold and (not add_on.needs or plan.id in add_on.needs)
    ]
    return _table(rows, add_on_id=pa.string(), product_id=pa.string(), add_on_kind=pa.string(), plan_id=pa.string())


def _use_cases(catalog: Catalog) -> pa.Table:
    """Every use case with each one that names it as its neighbour; neighbour_id NULL where none does."""
    cases = {case.id: (product.id, case) for product in catalog.products.values() for case in product.use_cases}
    rows: list[tuple[object, ...]] = []
    for case_id, (product_id, case) in cases.items():
        near = [other for _, other in cases.values() if case_id in other.neighbours]
        rows += [(product_id, case_id, case.meter_id, other.id, other.meter_id) for other in near] or [
            (product_id, case_id, case.meter_id, None, None)
        ]
    return _table(
        rows,
        product_id=pa.string(),
        use_case_id=pa.string(),
        meter_id=pa.string(),
        neighbour_id=pa.string(),
        neighbour_meter_id=pa.string(),
    )


def _imitations(catalog: Catalog) -> pa.Table:
    owners: list[Plan | AddOn] = [*catalog.plans(), *catalog.add_ons()]
    pairs = {(feature.id, meter) for owner in owners for feature in owner.features for meter in feature.imitated_by}
    return _table(sorted(pairs), feature_id=pa.string(), meter_id=pa.string())


def _milestones(catalog: Catalog, keys: Mapping[str, int]) -> pa.Table:
    rows: list[tuple[object, ...]] = [
        (product.id, keys[rule.meter_id], rule.every)
        for product in catalog.products.values()
        for rule in product.milestones
    ]
    return _table(rows, product_id=pa.string(), meter_key=pa.int32(), every=pa.int64())


def _bundles(catalog: Catalog) -> pa.Table:
    rows: list[tuple[object, ...]] = [
        (bundle.id, product, len(bundle.products)) for bundle in catalog.bundles for product in bundle.products
    ]
    return _table(rows, bundle_id=pa.string(), product_id=pa.string(), bundle_size=pa.int64())


def _buyers(catalog: Catalog) -> pa.Table:
    rows: list[tuple[object, ...]] = [
        (product.id, title) for product in catalog.products.values() for title in product.buyers
    ]
    return _table(rows, product_id=pa.string(), title=pa.string())


def _subjects(catalog: Catalog) -> pa.Table:
    """What a moment may name to speak of a product: the product itself, or one of its use cases."""
    rows: set[tuple[object, ...]] = {(product, product) for product in catalog.products}
    rows |= {(case.id, product.id) for product in catalog.products.values() for case in product.use_cases}
    return _table(sorted(rows, key=str), subject_id=pa.string(), product_id=pa.string())
