"""The profiles that plays read: one row per account, limit, product not owned, feature not included, add-on and plan.

``build`` puts every signal query into one program, in order. Profiles at finer grains carry only their own columns;
account columns are joined by the plays that read them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis
import pyarrow as pa

from upstep.signals import forecast, limits, purchases, strategy, subscriptions, usage, use_cases
from upstep.signals.account_profile import account_profile
from upstep.signals.looked_at import no_looks, with_looks
from upstep.signals.subject_profiles import (
    add_on_profile,
    adoption,
    bundle_profile,
    feature_profile,
    first_value,
    plan_profile,
    product_profile,
)
from upstep.signals.vocabulary import calendar_day, calendar_month, catalog_tables, interval_factor, today, zone_month
from upstep.tables.query import CORE_TABLES, Program, arrow_types, core_table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import ibis.expr.types as ir

    from upstep.catalog.model import Catalog


PERCENTS = (80, 90, 100)
"""The shares of a limit that are remembered for stocks: notice, e-mail, prompt."""


@dataclass(frozen=True)
class Vocabulary:
    """What is joined beside a company's own tables; ``tables`` are loaded into the engine by name.

    ``follow_up`` among them is empty: what the state tells of it takes its place, as ``plays.rank.INPUTS``.
    """

    tables: Mapping[str, pa.Table]


def vocabulary(
    catalog: Catalog,
    *,
    as_of: datetime,
    meter_keys: Mapping[str, int],
    company_zone: str,
    known: Mapping[str, bool],
    usage_from_day: int = 0,
) -> Vocabulary:
    """The small tables for one run.

    Args:
        known: Whether each canonical table is connected and fresh at the as-of; ``usage_contact``: whether any usage
            names a person.
        usage_from_day: The first day of which the company has usage.
    """
    return Vocabulary(
        {
            "today": today(as_of, usage_from_day=usage_from_day),
            "calendar_day": calendar_day(),
            "calendar_month": calendar_month(),
            "zone_month": zone_month(
                as_of,
                company_zone,
                with_accounts=any(meter.period == "calendar_month" for meter in catalog.meters.values()),
            ),
            "interval_factor": interval_factor(),
            "known": pa.table(
                {f"has_{name}": pa.array([is_so]) for name, is_so in {"usage_contact": True, **known}.items()}
            ),
            "follow_up": no_looks(),
            **catalog_tables(catalog, meter_keys),
        }
    )


@dataclass(frozen=True)
class Shape:
    """All that the queries owe to the catalog: catalogs of one shape have the same SQL, and differ in small tables.

    Args:
        long_windows: Some meter counts by the term.
        has_peaks: Some flow meter counts by its maximum.
        has_people: Some meter counts people.
        stock_aggregates: How levels are taken.
    """

    long_windows: bool
    has_peaks: bool
    has_people: bool
    stock_aggregates: tuple[str, ...]


def shape_of(catalog: Catalog) -> Shape:
    """The shape of a catalog's queries."""
    uses = {(meter.kind, meter.aggregate) for meter in catalog.meters.values()}
    return Shape(
        long_windows=any(meter.period == "billing_term" for meter in catalog.meters.values()),
        has_peaks=("flow", "max") in uses,
        has_people=any(aggregate == "unique_contacts" for _, aggregate in uses),
        stock_aggregates=tuple(sorted({aggregate for kind, aggregate in uses if kind == "stock"})),
    )


def build(shape: Shape, words: Vocabulary) -> Program:
    """The program that turns core tables into profiles. It depends on the catalog's shape, never on the as-of.

    Returns:
        Stages ``account_profile``, ``limit_profile``, ``product_profile``, ``feature_profile``, ``add_on_profile``,
        ``use_case_profile``, ``bundle_profile``, ``plan_profile``, ``owned`` (products owned, for
        pricing) and ``stock_reached``.
    """
    program = Program()
    core = {name: core_table(name) for name in CORE_TABLES}
    small = {name: ibis.table(arrow_types(rows.schema), name=name) for name, rows in words.tables.items()}
    _subscriptions(program, core, small)
    _usage(program, shape, core, small)
    _limits(program, core, small)
    _accounts(program, core, small)
    _others(program, core, small)
    return program


Tables = dict[str, "ir.Table"]


def _add(program: Program, known: Tables, name: str, select: ir.Table) -> None:
    known[name] = program.stage(name, select)


def _subscriptions(program: Program, core: Tables, small: Tables) -> None:
    known = small["today"]
    _add(
        program,
        core,
        "items",
        subscriptions.items_known(
            # Billing may know a customer that the account table does not show at the as-of: nothing is said of it.
            core["subscription_item"].semi_join(core["account"], "account_key"),
            known,
            small["interval_factor"],
        ),
    )
    items = core["items"]
    _add(program, core, "owned", subscriptions.owned_products(items, small["catalog_plan"]))
    _add(program, core, "bought", purchases.bought(core["purchase"], core["account"], known))
    _add(program, core, "has", purchases.held(core["owned"], core["bought"]))
    _add(program, core, "history", subscriptions.product_history(items, core["purchase"], small["catalog_plan"]))
    anchored = subscriptions.anchors(items, small["calendar_day"], small["calendar_month"])
    _add(program, core, "anchored", anchored)
    meters = small["catalog_meter"]
    kinds = meters.select("window_kind", "product_id", "period").distinct()
    _add(program, core, "kinds", kinds)
    spans = subscriptions.windows(
        core["anchored"],
        core["account"],
        today=known,
        months=small["calendar_month"],
        zones=small["zone_month"],
        kinds=core["kinds"],
    )
    _add(program, core, "spans", usage.edges(spans))


def _usage(program: Program, shape: Shape, core: Tables, small: Tables) -> None:
    meters, now = small["catalog_meter"], small["today"]
    _add(program, core, "cut_events", usage.cut_events(core["usage_raw"], core["spans"]))
    flows = usage.flow_state(
        core["usage_day"],
        core["cut_events"],
        window=core["spans"],
        meters=meters,
        today=now,
        long_windows=shape.long_windows,
        has_peaks=shape.has_peaks,
    )
    if shape.has_people:
        days = usage.contact_days(
            core["usage_contact"],
            meters=meters,
            today=now,
            days=small["calendar_day"],
            long_windows=shape.long_windows,
        )
        _add(program, core, "contact_days", days)
        counted = usage.contact_state(
            core["contact_days"], usage_raw=core["cut_events"], window=core["spans"], meters=meters, today=now
        )
        flows = flows.union(counted)
    _add(program, core, "flows", flows)
    kept = frozenset(shape.stock_aggregates)
    _add(program, core, "levels", usage.stock_levels(core["usage_day"], meters=meters, aggregates=kept))
    _add(program, core, "stocks", usage.stock_state(core["levels"], now))
    _add(program, core, "meter_profile", usage.meter_profile(core["flows"], core["stocks"], meters))
    _add(program, core, "lifetime", usage.lifetime(core["usage_day"], small["catalog_product"]))
    _add(program, core, "milestones", purchases.milestones(core["usage_day"], small["catalog_milestone"], now))
    active = usage.active_contacts(core["usage_contact"], meters=meters, today=now)
    _add(program, core, "active", active)


def _limits(program: Program, core: Tables, small: Tables) -> None:
    now = small["today"]
    rows = limits.limit_rows(core["items"], small["catalog_limit"], core["entitlement_override"], core["owned"], now)
    _add(program, core, "limit_rows", rows)
    seats = limits.seat_levels(
        limits.seats_assigned(core["seat"], now),
        limits.seats_active(core["active"], core["seat"], core["contact_key"], now),
        limits.people_active(core["active"]),
        known=small["known"],
    )
    _add(program, core, "seat_levels", seats)
    state = limits.limit_state(
        core["limit_rows"],
        flows=core["flows"],
        stocks=core["stocks"],
        seats=core["seat_levels"],
        history=core["history"],
        window=core["spans"],
        kinds=core["kinds"],
        today=now,
        known=small["known"],
    )
    _add(program, core, "limit_state", state)
    limit = forecast.forecast_limits(core["limit_state"])
    _add(program, core, "limit_profile", with_looks(limit, small["follow_up"], now))
    reached = [limits.stock_reached(core["levels"], core["limit_profile"], percent) for percent in PERCENTS]
    _add(program, core, "stock_reached", reached[0].union(*reached[1:]))


def _accounts(program: Program, core: Tables, small: Tables) -> None:
    _add(program, core, "first_value", first_value(core, small))
    _add(program, core, "account_profile", account_profile(core, small))
    _add(program, core, "goals", strategy.goals(core["goal"], core["contact"], small["today"]))


def _others(program: Program, core: Tables, small: Tables) -> None:
    _add(program, core, "adoption", adoption(core["limit_profile"]))
    _add(program, core, "product_profile", product_profile(core, small))
    _add(program, core, "feature_profile", feature_profile(core, small))
    _add(program, core, "plan_profile", plan_profile(core, small))
    _add(program, core, "add_on_profile", add_on_profile(core, small))
    cases = small["catalog_use_case"]
    near = cases.filter(cases.neighbour_id.notnull())
    use_case = use_cases.use_case_profile(core["owned"], core["meter_profile"], core["limit_profile"], near)
    _add(program, core, "use_case_profile", use_case)
    _add(program, core, "bundle_profile", bundle_profile(core, small))
