"""The profiles that plays read: one row per account, limit, product not owned, feature not included, add-on and plan.

``build`` puts every signal query into one program, in order. Profiles at finer grains carry only their own columns;
account columns are joined by the plays that read them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import ibis
import pyarrow as pa

from upstep.clock import DAY_SECONDS
from upstep.signals import billing, forecast, limits, purchases, strategy, subscriptions, support, usage, use_cases
from upstep.signals.vocabulary import calendar_day, calendar_month, catalog_tables, interval_factor, today, zone_month
from upstep.tables.query import CORE_TABLES, Program, arrow_types, core_table, inner, left

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import ibis.expr.types as ir

    from upstep.catalog.model import Catalog

RENEWAL_WINDOW_DAYS = 90
"""A renewal is near within this many days; it only counts for terms of 180 days and more."""

LARGE_EMPLOYEES = 1000
MANY_USE_CASES = 3
ANNUAL_REVIEW_DAYS = 30

PERCENTS = (80, 90, 100)
"""The shares of a limit that are remembered for stocks: notice, e-mail, prompt."""


@dataclass(frozen=True)
class Vocabulary:
    """What is joined beside a company's own tables; ``tables`` are loaded into the engine by name."""

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
    _add(program, core, "limit_profile", forecast.forecast_limits(core["limit_state"]))
    reached = [limits.stock_reached(core["levels"], core["limit_profile"], percent) for percent in PERCENTS]
    _add(program, core, "stock_reached", reached[0].union(*reached[1:]))


def _accounts(program: Program, core: Tables, small: Tables) -> None:
    now = small["today"]
    _add(program, core, "first_value", first_value(core, small))
    parts = [
        billing.contract(core["items"], core["history"], small["catalog_plan"], now),
        billing.payments(core["invoice"], now),
        support.support(core["ticket"], now),
        strategy.moments(core["moment"], now),
        strategy.answers(core["feedback"], now),
        strategy.outcomes(core["outcome"], now),
        strategy.open_deals(core["deal"], now),
        strategy.people(core["contact"], now),
        _saturation(core["limit_profile"]),
        use_cases.use_cases_used(core["meter_profile"], small["catalog_use_case"]),
        _milestones_of(core["milestones"]),
        _values(core["first_value"]),
        _purchases_of(core["bought"]),
        _owner(core["owner"]),
    ]
    account = core["account"].rename(account_currency="currency")
    for part in parts:
        key = "owner_id" if "account_key" not in part.columns else "account_key"
        account = left(account, part, key)
    counts = [name for name in account.columns if name.endswith(_COUNTED) and name != "tenure_days"]
    filled = account.mutate(**{name: ibis.coalesce(account[name], 0) for name in counts})
    _add(program, core, "account_profile", _account_derived(filled.cross_join(now.select("as_of"))))
    _add(program, core, "goals", strategy.goals(core["goal"], core["contact"], now))


_COUNTED = (
    "_problems",
    "_90d",
    "_28d",
    "_180d",
    "_365d",
    "_met",
    "_missed",
    "_deals",
    "_invoices",
    "contacts_now",
    "live_products",
    "mrr_units",
    "limits_saturated",
    "limits_rising",
    "use_cases_28d",
    "values_reached",
    "values_missing",
    "new_users_prev_28d",
    "questions_prev_90d",
)


def _saturation(limit_profile: ir.Table) -> ir.Table:
    """One row per account_key: limits at 85 % or more, limits whose use rises by a fifth in four weeks."""
    full = ibis.coalesce(limit_profile.utilisation >= 0.85, False)
    rising = ibis.coalesce(limit_profile.trend_28d >= 0.2, False) & (limit_profile.used_28d > 0)
    return limit_profile.group_by("account_key").agg(
        limits_saturated=ibis.ifelse(full, 1, 0).sum().cast("int64"),
        limits_rising=ibis.ifelse(rising, 1, 0).sum().cast("int64"),
        utilisation_max=limit_profile.utilisation.max(),
    )


def _milestones_of(milestones: ir.Table) -> ir.Table:
    """One row per account_key: milestones_28d, over all products."""
    return milestones.group_by("account_key").agg(milestones_28d=milestones.milestones_28d.sum().cast("int64"))


def _values(values: ir.Table) -> ir.Table:
    """One row per account_key: in how many products the first value is reached, and in how many it is still to come."""
    reached = ibis.coalesce(values.first_value_reached, False)
    missing = ~ibis.coalesce(values.first_value_reached, True)
    return values.group_by("account_key").agg(
        values_reached=ibis.ifelse(reached, 1, 0).sum().cast("int64"),
        values_missing=ibis.ifelse(missing, 1, 0).sum().cast("int64"),
    )


def _purchases_of(bought: ir.Table) -> ir.Table:
    """One row per account_key: purchases_365d of one-off products."""
    return bought.group_by("account_key").agg(purchases_365d=bought.purchases_365d.sum().cast("int64"))


def _owner(owner: ir.Table) -> ir.Table:
    """Owners that are known: one row per owner_id, has_owner."""
    return owner.select("owner_id", has_owner=ibis.literal(True)).distinct()


def _account_derived(account: ir.Table) -> ir.Table:
    """Signals made of others: renewal window, reasons to stop, and how many of the four kinds of signal are true."""
    usage_signal = (account.limits_saturated > 0) | (account.limits_rising > 0) | (account.new_users_28d >= 3)
    outcome_signal = (account.outcomes_met > 0) | (account.proofs_365d > 0)
    strategic_signal = account.strategic_moments_180d > 0
    intent_signal = (account.feature_requests_90d > 0) | (account.gate_hits_28d > 0) | (account.pricing_views_28d > 0)
    kinds = (usage_signal, outcome_signal, strategic_signal, intent_signal)
    density = sum((ibis.ifelse(kind, 1, 0) for kind in kinds[1:]), start=ibis.ifelse(kinds[0], 1, 0))
    in_window = ibis.coalesce(account.long_renewal_days <= RENEWAL_WINDOW_DAYS, False)
    stopped = account.do_not_sell_why.notnull() | account.do_not_sell_until.notnull()
    still = account.do_not_sell_until.isnull() | (account.do_not_sell_until > account.as_of)
    signs = (
        ibis.coalesce(account.employees >= LARGE_EMPLOYEES, False),
        account.funding_365d > 0,
        account.new_places_180d > 0,
        account.use_cases_28d >= MANY_USE_CASES,
    )
    since = account.tenure_days % 365
    onboarded = ((account.as_of - account.onboarded_at) / float(DAY_SECONDS)).floor().cast("int64")
    return account.mutate(
        journey_stage=_journey_stage(account, in_window),
        size_signs=sum((ibis.ifelse(sign, 1, 0) for sign in signs[1:]), start=ibis.ifelse(signs[0], 1, 0)).cast(
            "int64"
        ),
        onboarded_days=onboarded,
        # Thirty days after each year of being a customer.
        in_annual_review=ibis.coalesce((account.tenure_days >= 365) & (since < ANNUAL_REVIEW_DAYS), False),
        at_checkout=ibis.coalesce(account.at_checkout, False),
        is_only_trial=ibis.coalesce(account.is_only_trial, False),
        has_usage_signal=usage_signal,
        has_outcome_signal=outcome_signal,
        has_strategic_signal=strategic_signal,
        has_intent_signal=intent_signal,
        signal_density=density.cast("int64"),
        in_renewal_window=in_window,
        do_not_sell=stopped & still,
        has_owner=ibis.coalesce(account.has_owner, False),
        is_past_due=ibis.coalesce(account.is_past_due, False),
        pending_downgrade=ibis.coalesce(account.pending_downgrade, False),
    )


JOURNEY = ("leaving", "at_risk", "renewing", "trial", "onboarding", "saturated", "growing", "activated")
"""The stages of an account, in the order in which they are looked for: the first that is true is its stage."""

ONBOARDING_DAYS = 30


def _journey_stage(account: ir.Table, in_window: ir.BooleanValue) -> ir.StringValue:
    """Where an account is with us; NULL without anything live.

    Leaving: a cancellation or downgrade is set. At risk: a renewal risk within 90 days, a score of 6 or less, or past
    due. Renewing: a term of 180 days and more ends soon. Onboarding: no product has given its first value, or within
    30 days where no product has a rule. Saturated: a limit at 85 %. Growing: use rises, or people come by themselves.
    """
    rising = (account.limits_rising > 0) | (account.new_users_28d >= 3)
    young = ibis.coalesce(account.tenure_days < ONBOARDING_DAYS, True) & (account.values_missing == 0)
    new = (account.values_reached == 0) & ((account.values_missing > 0) | young)
    risk = (account.renewal_risks_90d > 0) | ibis.coalesce(account.nps_score <= 6, False)
    going = account.cancel_at.notnull() | ibis.coalesce(account.pending_downgrade, False)
    stages = (
        (account.live_products == 0, ibis.null("string")),
        (going, "leaving"),
        (risk | ibis.coalesce(account.is_past_due, False), "at_risk"),
        (in_window, "renewing"),
        (ibis.coalesce(account.is_only_trial, False), "trial"),
        (new, "onboarding"),
        (account.limits_saturated > 0, "saturated"),
        (rising, "growing"),
    )
    return ibis.cases(*stages, else_="activated")


def first_value(core: Tables, small: Tables) -> ir.Table:
    """Whether the first value of everything an account has was reached. What was bought once and finished, was.

    Returns:
        One row per (account_key, product_id): has_rule, first_value_reached (NULL without a rule), first_value_used,
        first_value_at_least.
    """
    rules = small["catalog_product"].select(
        "product_id", "has_first_value_rule", "first_value_meter_key", "first_value_at_least", "first_value_moment"
    )
    done = core["bought"].select("account_key", "product_id", "completed_at")
    own = left(core["has"], done, ["account_key", "product_id"])
    state = left(own, rules, "product_id")
    used = core["lifetime"].select("account_key", first_value_meter_key="meter_key", first_value_used="lifetime")
    state = left(state, used, ["account_key", "first_value_meter_key"])
    seen = strategy.first_value_moments(core["moment"], small["catalog_product"], small["today"])
    state = left(state, seen, ["account_key", "product_id"])
    state = state.cross_join(small["known"].select("has_moment"))
    by_use = ibis.coalesce(state.first_value_used, 0) >= state.first_value_at_least
    # Without the moment table nobody knows whether the moment came.
    by_moment = ibis.ifelse(
        state.seen_at.notnull(), True, ibis.ifelse(state.has_moment, ibis.literal(False), ibis.null("boolean"))
    )
    reached = ibis.cases(
        (state.completed_at.notnull(), ibis.literal(True)),
        (~ibis.coalesce(state.has_first_value_rule, False), ibis.null("boolean")),
        (state.first_value_meter_key.notnull(), by_use),
        else_=by_moment,
    )
    return state.select(
        "account_key",
        "product_id",
        "first_value_at_least",
        "first_value_moment",
        first_value_used=ibis.ifelse(
            state.first_value_meter_key.notnull(), ibis.coalesce(state.first_value_used, 0), ibis.null("int64")
        ),
        first_value_reached=reached,
    )


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


def adoption(limit_profile: ir.Table) -> ir.Table:
    """How much of what a product is paid for is used: the highest of its value meters, else of all its limits.

    Returns:
        One row per (account_key, product_id): adoption (NULL: unlimited or no complete period), adoption_is_unlimited,
        utilisation_now, complete_periods.
    """
    keys = ["account_key", "product_id"]
    marked = limit_profile.mutate(has_value=limit_profile.value_meter.any().over(ibis.window(group_by=keys)))
    value = marked.filter(marked.value_meter | ~marked.has_value)
    return value.group_by(*keys).agg(
        adoption=value.adoption.max(),
        adoption_is_unlimited=value.is_unlimited.any() | (value.enforcement == "auto").any(),
        utilisation_now=value.utilisation.max(),
        complete_periods=value.complete_periods.max(),
    )


def product_profile(core: Tables, small: Tables) -> ir.Table:
    """Products that an account does not have and that are sold: one row per (account_key, product_id).

    Columns:
        has_partner, partner_product_id (a product they have that leads to this one; one with proven value first),
        partner_kind, partner_first_value_reached (NULL: not known), what was bought of the partner (see
        ``purchases.of_partner``), own_product_id (the partner, else what they have with proven value first),
        available_days (since it became available), what moments and people say of it.
    """
    keys = ["account_key", "product_id"]
    customers = core["has"].select("account_key").distinct()
    every = customers.cross_join(
        small["catalog_product"].select("product_id", "one_off", "available_from_day")
    ).cross_join(small["today"].select("as_of_day"))
    every = every.filter(every.available_from_day.isnull() | (every.available_from_day <= every.as_of_day))
    pairs = purchases.of_partner(_partners(core, small), core["bought"], core["milestones"], small["today"])
    joined = left(every.anti_join(core["has"], keys), pairs, keys)
    joined = left(joined, _main_products(core), "account_key")
    named = strategy.named_moments(core["moment"], small["catalog_subject"], small["today"])
    joined = left(joined, named, keys)
    joined = left(joined, strategy.new_buyers(core["contact"], small["catalog_buyer"], small["today"]), keys)
    counts = ("other_vendors_365d", "initiatives_180d", "hires_180d", "new_buyers_180d")
    return joined.select(
        *keys,
        "one_off",
        "partner_product_id",
        "partner_kind",
        "partner_first_value_reached",
        "partner_completed_days",
        "partner_spent_minor",
        "partner_currency",
        "partner_holds",
        own_product_id=ibis.coalesce(joined.partner_product_id, joined.main_product_id),
        partner_purchases_365d=ibis.coalesce(joined.partner_purchases_365d, 0),
        partner_milestones=ibis.coalesce(joined.partner_milestones, 0),
        available_days=joined.as_of_day - joined.available_from_day,
        has_partner=joined.partner_product_id.notnull(),
        **{name: ibis.coalesce(joined[name], 0) for name in counts},
    )


def _partners(core: Tables, small: Tables) -> ir.Table:
    """Per product that others lead to, the one that speaks for it: by kind of pair, then proven value, then id."""
    renamed = core["has"].select("account_key", partner_product_id="product_id")
    pairs = inner(renamed, small["catalog_partner"], [("partner_product_id", "has")])
    valued = core["first_value"].select(
        "account_key", partner_product_id="product_id", partner_first_value_reached="first_value_reached"
    )
    pairs = left(pairs, valued, ["account_key", "partner_product_id"])
    proven = ibis.ifelse(ibis.coalesce(pairs.partner_first_value_reached, False), 0, 1)
    order = [pairs.kind_place.asc(), proven.asc(), pairs.partner_product_id.asc()]
    placed = pairs.mutate(place=ibis.row_number().over(ibis.window(group_by=["account_key", "then"], order_by=order)))
    return placed.filter(placed.place == 0).select(
        "account_key",
        "partner_product_id",
        "partner_kind",
        "partner_holds",
        "partner_first_value_reached",
        product_id="then",
    )


def _main_products(core: Tables) -> ir.Table:
    """What an account has that speaks for it where no pair does: proven value first, then by id."""
    values = core["first_value"].select("account_key", "product_id", "first_value_reached")
    proven = ibis.ifelse(ibis.coalesce(values.first_value_reached, False), 0, 1)
    order = [proven.asc(), values.product_id.asc()]
    placed = values.mutate(place=ibis.row_number().over(ibis.window(group_by="account_key", order_by=order)))
    return placed.filter(placed.place == 0).select("account_key", main_product_id="product_id")


def bundle_profile(core: Tables, small: Tables) -> ir.Table:
    """Bundles of which an account has two products or more, each by itself: one row per (account_key, bundle_id).

    Columns:
        product_id (the one of them that speaks: first value reached first), bundle_owned, bundle_missing,
        bundle_values_missing (products of it without their first value), bundle_first_value_reached.
    """
    values = core["first_value"].select("account_key", "product_id", "first_value_reached")
    mine = left(core["owned"].select("account_key", "product_id"), values, ["account_key", "product_id"])
    parts = inner(mine, small["catalog_bundle"], "product_id")
    proven = ibis.coalesce(parts.first_value_reached, False)
    unproven = ~ibis.coalesce(parts.first_value_reached, True)
    order = [ibis.ifelse(proven, 0, 1).asc(), parts.product_id.asc()]
    by = ["account_key", "bundle_id"]
    placed = parts.mutate(
        place=ibis.row_number().over(ibis.window(group_by=by, order_by=order)),
        bundle_owned=parts.product_id.count().over(ibis.window(group_by=by)).cast("int64"),
        bundle_values_missing=ibis.ifelse(unproven, 1, 0).sum().over(ibis.window(group_by=by)).cast("int64"),
    )
    first = placed.filter((placed.place == 0) & (placed.bundle_owned >= 2))
    return first.select(
        *by,
        "product_id",
        "bundle_owned",
        "bundle_values_missing",
        bundle_missing=first.bundle_size - first.bundle_owned,
    )


def plan_profile(core: Tables, small: Tables) -> ir.Table:
    """Plans that an account is on: one row per (account_key, product_id) owned with a plan.

    Columns:
        plan_id, interval, live_subscriptions, paid_days, adoption, steady_use (all complete windows of the value meter
        within a quarter of their mean), headroom (largest need over limit).
    """
    own = core["owned"].filter(core["owned"].plan_id.notnull())
    state = left(own, core["adoption"], ["account_key", "product_id"])
    state = left(state, core["history"], ["account_key", "product_id"])
    state = left(state, core["first_value"], ["account_key", "product_id"])
    state = left(state, use_by_product(core["limit_profile"]), ["account_key", "product_id"])
    state = left(state, small["catalog_plan"].select("plan_id", "plans_above"), "plan_id")
    state = left(state, _top_asks(core["feature_profile"]), ["account_key", "product_id"])
    at = state.cross_join(small["today"].select("as_of"))
    return at.select(
        "account_key",
        "product_id",
        "plan_id",
        "interval",
        "interval_count",
        "currency",
        "quantity",
        "live_subscriptions",
        "is_trial",
        "by_invoice",
        "adoption",
        "utilisation_now",
        "complete_periods",
        "first_value_reached",
        "term_days",
        steady_use=ibis.coalesce(at.steady_use, False),
        need_share=at.need_share,
        peak_share=at.peak_share,
        paid_days=((at.as_of - at.first_paid_at) / float(DAY_SECONDS)).floor().cast("int64"),
        plan_days=((at.as_of - at.bought_at) / float(DAY_SECONDS)).floor().cast("int64"),
        is_paid=at.plan_units > 0,
        plans_above=ibis.coalesce(at.plans_above, 0),
        top_feature_asks=ibis.coalesce(at.top_feature_asks, 0),
        overage_periods_3=ibis.coalesce(at.overage_periods_3, 0),
    )


def _top_asks(features: ir.Table) -> ir.Table:
    """Features of the highest plan alone that somebody asked for or tried: one row per (account_key, product_id)."""
    asked = features.is_top & (features.requested | (features.feature_gate_hits_28d > 0))
    return features.group_by("account_key", "product_id").agg(
        top_feature_asks=ibis.ifelse(asked, 1, 0).sum().cast("int64")
    )


def use_by_product(limit_profile: ir.Table) -> ir.Table:
    """Use over all limits of a product: one row per (account_key, product_id).

    need_share: the largest of (forecast with its upper bound, and peak) over the limit, of limits whose use is known
    and that are not billed unit by unit; steady_use: the value meter's
    complete windows lie within a quarter of one another's mean, three of them, or its seats are used by 60 %.
    """
    # A limit that bills each new unit has no room to be too large, and an unknown level says nothing.
    counts = limit_profile.used.notnull() & (limit_profile.enforcement != "auto")
    limit = ibis.ifelse(counts, limit_profile.limit_quantity.cast("float64").nullif(0.0), ibis.null("float64"))
    most = ibis.greatest(limit_profile.peak_3, ibis.coalesce(limit_profile.used, 0))
    peak = most.cast("float64") / limit
    need = ibis.greatest(ibis.coalesce(limit_profile.forecast_high, 0), most).cast("float64") / limit
    windows = [limit_profile[f"used_{index}"] for index in (1, 2, 3)]
    low = ibis.least(*(ibis.coalesce(used, -1) for used in windows))
    high = ibis.greatest(*(ibis.coalesce(used, -1) for used in windows))
    mean = (sum((ibis.coalesce(used, 0) for used in windows[1:]), start=ibis.coalesce(windows[0], 0))).cast(
        "float64"
    ) / 3.0
    flow_steady = (low > 0) & (high.cast("float64") <= 1.25 * mean) & (low.cast("float64") >= 0.75 * mean)
    seats_steady = (limit_profile["aggregate"] == "seats") & ibis.coalesce(limit_profile.adoption >= 0.6, False)
    steady = limit_profile.value_meter & (ibis.coalesce(flow_steady, False) | seats_steady)
    marked = limit_profile.mutate(need=need, peak=peak, steady=steady)
    return marked.group_by("account_key", "product_id").agg(
        need_share=marked.need.max(),
        peak_share=marked.peak.max(),
        steady_use=marked.steady.any(),
        overage_periods_3=marked.overage_periods_3.max(),
    )


def feature_profile(core: Tables, small: Tables) -> ir.Table:
    """Features that a product owned does not include today but a plan or add-on of it does.

    Returns:
        One row per (account_key, product_id, feature_id): requested (asked for in a ticket within 90 days),
        requested_ticket_id, feature_gate_hits_28d and feature_gate_people_28d (of that feature), imitated_28d and
        imitated_prev_28d (use that imitates it), is_top (only the highest plan includes it), first_value_reached.
    """
    offered = small["catalog_feature"].select("product_id", "feature_id", "is_top").distinct()
    live = core["items"].filter(core["items"].is_live)
    given = inner(
        live, small["catalog_feature"].filter(small["catalog_feature"].owner_kind == "plan"), [("plan_id", "owner_id")]
    ).select("account_key", "feature_id")
    extra = inner(
        live,
        small["catalog_feature"].filter(small["catalog_feature"].owner_kind == "add_on"),
        [("add_on_id", "owner_id")],
    ).select("account_key", "feature_id")
    has = given.union(extra).distinct()
    could = inner(core["owned"].select("account_key", "product_id", "plan_id"), offered, "product_id")
    missing = could.anti_join(has, ["account_key", "feature_id"])
    tickets = core["ticket"].cross_join(small["today"].select("as_of"))
    asked = tickets.filter(
        (tickets.kind == "feature_request")
        & tickets.feature_id.notnull()
        & (tickets.opened_at <= tickets.as_of)
        & (tickets.opened_at > tickets.as_of - support.REQUEST_DAYS * DAY_SECONDS)
    )
    requests = asked.group_by("account_key", "feature_id").agg(requested_ticket_id=asked.ticket_id.min())
    hits = core["moment"].cross_join(small["today"].select("as_of"))
    hits = hits.filter(
        (hits.kind == "feature_gate_hit")
        & (hits.occurred_at <= hits.as_of)
        & (hits.occurred_at > hits.as_of - strategy.INTENT_DAYS * DAY_SECONDS)
    )
    hit = hits.group_by("account_key", feature_id=hits.subject_id).agg(
        gate_hits=hits.moment_id.count().cast("int64"), gate_people=hits.contact_id.nunique().cast("int64")
    )
    values = core["first_value"].select("account_key", "product_id", "first_value_reached")
    state = left(missing, requests, ["account_key", "feature_id"])
    state = left(state, hit, ["account_key", "feature_id"])
    state = left(
        state, use_cases.imitations(core["meter_profile"], small["catalog_imitation"]), ["account_key", "feature_id"]
    )
    state = left(state, values, ["account_key", "product_id"])
    return state.select(
        "account_key",
        "product_id",
        "feature_id",
        "plan_id",
        "requested_ticket_id",
        requested=state.requested_ticket_id.notnull(),
        feature_gate_hits_28d=ibis.coalesce(state.gate_hits, 0),
        feature_gate_people_28d=ibis.coalesce(state.gate_people, 0),
        imitated_28d=ibis.coalesce(state.imitated_28d, 0),
        imitated_prev_28d=ibis.coalesce(state.imitated_prev_28d, 0),
        is_top=state.is_top,
        first_value_reached=state.first_value_reached,
    )


def add_on_profile(core: Tables, small: Tables) -> ir.Table:
    """Add-ons that the account has or that may stand on its plan: one row per (account_key, product_id, add_on_id).

    Columns: has_add_on, add_on_quantity, add_on_kind (support, or NULL), first_value_reached of the product.
    """
    keys = ["account_key", "product_id", "add_on_id"]
    live = core["items"].filter(core["items"].is_live & core["items"].add_on_id.notnull())
    held = live.group_by(*keys).agg(add_on_quantity=live.quantity.sum().cast("int64"))
    offered = small["catalog_add_on"]
    could = inner(core["owned"].select("account_key", "product_id", "plan_id"), offered, ["product_id", "plan_id"])
    every = held.select(*keys).union(could.select(*keys), distinct=True)
    kinds = offered.select("add_on_id", "add_on_kind").distinct()
    state = left(left(every, held, keys), kinds, "add_on_id")
    state = left(state, core["owned"].select("account_key", "product_id", "plan_id"), ["account_key", "product_id"])
    values = core["first_value"].select("account_key", "product_id", "first_value_reached")
    state = left(state, values, ["account_key", "product_id"])
    return state.select(
        *keys,
        "plan_id",
        "add_on_kind",
        "first_value_reached",
        add_on_quantity=ibis.coalesce(state.add_on_quantity, 0),
        has_add_on=state.add_on_quantity.notnull(),
    )
