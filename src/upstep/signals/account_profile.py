"""The profile of an account as a whole, its journey stage among it: one row per account."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from upstep.clock import DAY_SECONDS
from upstep.signals import billing, strategy, support, use_cases
from upstep.tables.query import left

if TYPE_CHECKING:
    from collections.abc import Mapping

    import ibis.expr.types as ir

    Tables = Mapping[str, ir.Table]

RENEWAL_WINDOW_DAYS = 90
"""A renewal is near within this many days; it only counts for terms of 180 days and more."""

LARGE_EMPLOYEES = 1000

MANY_USE_CASES = 3

ANNUAL_REVIEW_DAYS = 30


def account_profile(core: Tables, small: Tables) -> ir.Table:
    """Everything that is known of an account as a whole: one row per account_key, the columns of ``each: account``."""
    now = small["today"]
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
    return _account_derived(filled.cross_join(now.select("as_of")))


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
    """One row per account_key: limits at 85% or more, limits whose use rises by a fifth in four weeks."""
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
    30 days where no product has a rule. Saturated: a limit at 85%. Growing: use rises, or people come by themselves.
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
