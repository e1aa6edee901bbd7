"""What billing tells: payment trouble, open invoices, leaving, and how far the renewal is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from upstep.clock import DAY_SECONDS
from upstep.tables.query import left

if TYPE_CHECKING:
    import ibis.expr.types as ir

GRACE_DAYS = 3
"""An invoice is late this many days after it was due."""

USUAL_TERM_DAYS = 30

LONG_TERM_DAYS = 180
"""Only terms of at least this many days have a renewal that is sold: a monthly plan renews without anybody noticing."""


def payments(invoices: ir.Table, today: ir.Table) -> ir.Table:
    """Invoices that are unpaid, late or failed.

    Returns:
        One row per account_key with invoices: troubled_invoices (failed, or due more than three days
        ago), troubled_invoice_id, open_invoices (all unpaid ones), failed_at.
    """
    at = invoices.cross_join(today.select("as_of")).filter(lambda t: t.issued_at <= t.as_of)
    is_void = at.status.isin(("void", "draft"))
    is_paid = ((at.status == "paid") & at.paid_at.isnull()) | ibis.coalesce(at.paid_at <= at.as_of, False)
    unpaid = at.filter(~is_void & ~is_paid & (at.amount_due_minor > 0))
    # Without a due date an invoice is payable within 30 days, the usual term.
    due_at = ibis.coalesce(unpaid.due_at, unpaid.issued_at + USUAL_TERM_DAYS * DAY_SECONDS)
    late = due_at + GRACE_DAYS * DAY_SECONDS < unpaid.as_of
    failed = ibis.coalesce(unpaid.last_failure_at <= unpaid.as_of, False)
    marked = unpaid.mutate(troubled=late | failed)
    return marked.group_by("account_key").agg(
        troubled_invoices=ibis.ifelse(marked.troubled, 1, 0).sum().cast("int64"),
        troubled_invoice_id=ibis.ifelse(marked.troubled, marked.invoice_id, ibis.null("string")).min(),
        open_invoices=marked.invoice_id.count().cast("int64"),
        failed_at=marked.last_failure_at.max(),
    )


def contract(items: ir.Table, history: ir.Table, plans: ir.Table, today: ir.Table) -> ir.Table:
    """An account's subscriptions as a whole.

    Returns:
        One row per account_key with a live item: live_products, mrr_units, cancel_at, pending_downgrade, downgraded_at,
        is_past_due, is_only_trial, renewal_days, long_renewal_days (of terms of 180 days and more), term_days (the
        longest).
    """
    live = items.filter(items.is_live)
    now = left(live, plans.select("plan_id", position_now="position"), "plan_id")
    later = plans.select(pending_plan_id="plan_id", position_later="position")
    now = left(now, later, "pending_plan_id")
    lower = ibis.coalesce(now.position_later < now.position_now, False)
    is_long = now.term_days >= LONG_TERM_DAYS
    marked = now.mutate(
        lower=lower,
        late=now.status.isin(("past_due", "unpaid")),
        long_renewal=ibis.ifelse(is_long, now.renews_at, ibis.null("int64")),
    )
    totals = marked.group_by("account_key").agg(
        live_products=marked.product_id.nunique().cast("int64"),
        mrr_units=marked.units.sum().cast("int64"),
        cancel_at=marked.cancel_at.min(),
        pending_downgrade=marked.lower.any(),
        is_past_due=marked.late.any(),
        is_only_trial=~(marked.status != "trialing").any(),
        renews_at=marked.renews_at.min(),
        long_renews_at=marked.long_renewal.min(),
        term_days=marked.term_days.max(),
    )
    lowered = history.group_by("account_key").agg(
        downgraded_at=history.downgraded_at.max(), customer_since=history.first_paid_at.min()
    )
    whole = left(totals, lowered, "account_key").cross_join(today.select("as_of"))
    return whole.mutate(
        renewal_days=_days_ahead(whole.renews_at, whole.as_of),
        long_renewal_days=_days_ahead(whole.long_renews_at, whole.as_of),
        tenure_days=((whole.as_of - whole.customer_since) / float(DAY_SECONDS)).floor().cast("int64"),
    ).drop("as_of")


def _days_ahead(instant: ir.IntegerValue, as_of: ir.IntegerValue) -> ir.IntegerValue:
    """Whole days until an instant; NULL once it has passed."""
    ahead = (instant - as_of) / float(DAY_SECONDS)
    return ibis.ifelse(ahead >= 0, ahead.floor().cast("int64"), ibis.null("int64"))
