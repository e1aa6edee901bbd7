"""The profiles of what an account has or could have: products, features, add-ons, plans, bundles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from upstep.clock import DAY_SECONDS
from upstep.signals import purchases, strategy, support, use_cases
from upstep.tables.query import inner, left

if TYPE_CHECKING:
    from collections.abc import Mapping

    import ibis.expr.types as ir

    Tables = Mapping[str, ir.Table]


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
    complete windows lie within a quarter of one another's mean, three of them, or its seats are used by 60%.
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
