"""What is going on at the customer: moments, outcomes, answers, goals, deals; and how many kinds of signal agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from upstep.clock import DAY_SECONDS
from upstep.tables.query import inner, left

if TYPE_CHECKING:
    from collections.abc import Mapping

    import ibis.expr.types as ir

STRATEGIC_KINDS = ("initiative", "business_unit", "geography", "hire", "funding", "customer_growth")
PROOF_KINDS = ("case_study", "public_reference")
PLACE_KINDS = ("business_unit", "geography")
INTENT_DAYS, STRATEGIC_DAYS, PROOF_DAYS, RISK_DAYS = 28, 180, 365, 90
VENDOR_DAYS = 365
"""Another vendor at work stays one until the account says otherwise; after a year nobody knows."""


def moments(moment: ir.Table, today: ir.Table) -> ir.Table:
    """Dated facts by kind, within the days that they count for.

    Returns:
        One row per account_key with moments: strategic_moments_180d, proofs_365d, gate_hits_28d, pricing_views_28d,
        renewal_risks_90d, renewal_risk_id, onboarded_at, first_value_at, checkout_at, onboarded_days, and the kinds
        that some plays look for one by one.
    """
    at = moment.cross_join(today.select("as_of")).filter(lambda t: t.occurred_at <= t.as_of)

    def recent(kinds: tuple[str, ...], days: int) -> ir.BooleanValue:
        return at.kind.isin(kinds) & (at.occurred_at > at.as_of - days * DAY_SECONDS)

    counted: Mapping[str, ir.BooleanValue] = {
        "strategic_moments_180d": recent(STRATEGIC_KINDS, STRATEGIC_DAYS),
        "proofs_365d": recent(PROOF_KINDS, PROOF_DAYS),
        "gate_hits_28d": recent(("feature_gate_hit",), INTENT_DAYS),
        "pricing_views_28d": recent(("pricing_page_viewed",), INTENT_DAYS),
        "renewal_risks_90d": recent(("renewal_risk",), RISK_DAYS),
        "customer_growth_180d": recent(("customer_growth",), STRATEGIC_DAYS),
        "new_places_180d": recent(PLACE_KINDS, STRATEGIC_DAYS),
        "funding_365d": recent(("funding",), PROOF_DAYS),
        "at_checkout": recent(("checkout",), 1),
    }
    dated = {
        f"{kind}_at": ibis.ifelse(at.kind == kind, at.occurred_at, ibis.null("int64")).min()
        for kind in ("onboarded", "first_value")
    }
    risk = recent(("renewal_risk",), RISK_DAYS)
    known = at.group_by("account_key").agg(
        **{name: ibis.ifelse(condition, 1, 0).sum().cast("int64") for name, condition in counted.items()},
        **dated,
        renewal_risk_id=ibis.ifelse(risk, at.moment_id, ibis.null("string")).min(),
    )
    return known.mutate(at_checkout=known.at_checkout > 0)


def named_moments(moment: ir.Table, subjects: ir.Table, today: ir.Table) -> ir.Table:
    """Dated facts that name a product, or a use case of it, as their subject.

    Returns:
        One row per (account_key, product_id): other_vendors_365d, initiatives_180d (an initiative, unit or geography),
        hires_180d.
    """
    at = inner(moment.cross_join(today.select("as_of")), subjects, "subject_id")
    at = at.filter(at.occurred_at <= at.as_of)

    def count(kinds: tuple[str, ...], days: int) -> ir.IntegerScalar:
        recent = at.kind.isin(kinds) & (at.occurred_at > at.as_of - days * DAY_SECONDS)
        return ibis.ifelse(recent, 1, 0).sum().cast("int64")

    return at.group_by("account_key", "product_id").agg(
        other_vendors_365d=count(("other_vendor",), VENDOR_DAYS),
        initiatives_180d=count(("initiative", *PLACE_KINDS), STRATEGIC_DAYS),
        hires_180d=count(("hire",), STRATEGIC_DAYS),
    )


def new_buyers(contacts: ir.Table, buyers: ir.Table, today: ir.Table) -> ir.Table:
    """People who came within 180 days with a title that buys a product: one row per (account_key, product_id)."""
    at = contacts.cross_join(today.select("as_of"))
    is_new = at.created_at.notnull() & (at.created_at > at.as_of - STRATEGIC_DAYS * DAY_SECONDS)
    here = at.filter(is_new & (at.left_at.isnull() | (at.left_at > at.as_of)))
    titled = inner(here.select("account_key", "contact_id", "title"), buyers, "title")
    return titled.group_by("account_key", "product_id").agg(new_buyers_180d=titled.contact_id.nunique().cast("int64"))


def first_value_moments(moment: ir.Table, products: ir.Table, today: ir.Table) -> ir.Table:
    """Products whose first value is a moment: one row per (account_key, product_id) that had it, seen_at.

    A moment with a subject speaks of that product alone; without one, of every product with that rule.
    """
    rules = products.filter(products.first_value_moment.notnull()).select("product_id", kind="first_value_moment")
    seen = inner(moment.cross_join(today.select("as_of")), rules, "kind")
    seen = seen.filter(
        (seen.occurred_at <= seen.as_of) & (seen.subject_id.isnull() | (seen.subject_id == seen.product_id))
    )
    return seen.group_by("account_key", "product_id").agg(seen_at=seen.occurred_at.min())


def answers(feedback: ir.Table, today: ir.Table) -> ir.Table:
    """The newest NPS answer within a year: one row per account_key, nps_score."""
    at = feedback.cross_join(today.select("as_of"))
    recent = at.filter(
        (at.kind == "nps") & (at.answered_at <= at.as_of) & (at.answered_at > at.as_of - 365 * DAY_SECONDS)
    )
    place = ibis.row_number().over(
        ibis.window(group_by="account_key", order_by=[recent.answered_at.desc(), recent.feedback_id.asc()])
    )
    ranked = recent.mutate(place=place)
    return ranked.filter(ranked.place == 0).select("account_key", nps_score="score", nps_feedback_id="feedback_id")


def outcomes(outcome: ir.Table, today: ir.Table) -> ir.Table:
    """Outcomes by their newest measurement of each metric: met when achieved is at least the target.

    Returns:
        One row per account_key: outcomes_met, outcomes_missed, met_outcome_id.
    """
    at = outcome.cross_join(today.select("as_of")).filter(lambda t: t.measured_at <= t.as_of)
    place = ibis.row_number().over(
        ibis.window(group_by=["account_key", "metric"], order_by=[at.measured_at.desc(), at.outcome_id.asc()])
    )
    ranked = at.mutate(place=place)
    newest = ranked.filter(ranked.place == 0)
    met = newest.achieved >= newest.target
    return newest.group_by("account_key").agg(
        outcomes_met=ibis.ifelse(met, 1, 0).sum().cast("int64"),
        outcomes_missed=ibis.ifelse(met, 0, 1).sum().cast("int64"),
        met_outcome_id=ibis.ifelse(met, newest.outcome_id, ibis.null("string")).min(),
    )


def open_deals(deal: ir.Table, today: ir.Table) -> ir.Table:
    """Deals open at the as-of: one row per account_key: open_deals, open_deal_id."""
    at = deal.cross_join(today.select("as_of"))
    closed = ibis.ifelse(at.closed_at.isnull(), at.won.notnull(), at.closed_at <= at.as_of)
    now = at.filter((at.opened_at <= at.as_of) & ~closed)
    return now.group_by("account_key").agg(open_deals=now.deal_id.count().cast("int64"), open_deal_id=now.deal_id.min())


def goals(goal: ir.Table, contacts: ir.Table, today: ir.Table) -> ir.Table:
    """Live executive priorities: stated by the as-of, by someone who is still there.

    Returns:
        One row per goal: account_key, goal_id, advances (words between line feeds), has_sponsor (still there).
    """
    at = goal.cross_join(today.select("as_of")).filter(lambda t: t.stated_at <= t.as_of)
    gone = contacts.filter(contacts.left_at.notnull()).select(gone_id="contact_id", left_at="left_at")
    known = left(at, gone, [("contact_id", "gone_id")]).drop("gone_id")
    known = known.filter(known.left_at.isnull() | (known.left_at > known.as_of)).drop("left_at")
    sponsors = left(known, gone, [("sponsor_contact_id", "gone_id")]).drop("gone_id")
    there = sponsors.left_at.isnull() | (sponsors.left_at > sponsors.as_of)
    return sponsors.select(
        "account_key",
        "goal_id",
        advances=ibis.literal("\n") + ibis.coalesce(sponsors.advances, "") + "\n",
        has_sponsor=sponsors.sponsor_contact_id.notnull() & there,
    )


def people(contacts: ir.Table, today: ir.Table) -> ir.Table:
    """Who is there, and who came on their own: not in the purchase.

    Returns:
        One row per account_key: contacts_now, new_users_28d, new_users_prev_28d (those of the four weeks before).
    """
    at = contacts.cross_join(today.select("as_of"))
    here = at.filter(at.left_at.isnull() | (at.left_at > at.as_of))
    own = here.created_at.notnull() & ~ibis.coalesce(here.in_original_purchase, False)
    is_new = own & (here.created_at > here.as_of - 28 * DAY_SECONDS)
    was_new = own & (here.created_at > here.as_of - 56 * DAY_SECONDS) & ~is_new
    return here.group_by("account_key").agg(
        contacts_now=here.contact_id.count().cast("int64"),
        new_users_28d=ibis.ifelse(is_new, 1, 0).sum().cast("int64"),
        new_users_prev_28d=ibis.ifelse(was_new, 1, 0).sum().cast("int64"),
    )
