"""What customers tell support: open problems, and features they ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ibis

from upstep.clock import DAY_SECONDS

if TYPE_CHECKING:
    import ibis.expr.types as ir

OLD_PROBLEM_DAYS = 5
"""A problem open longer than this holds a sale whatever its severity."""

REQUEST_DAYS = 90


def support(tickets: ir.Table, today: ir.Table) -> ir.Table:
    """Open problems and feature requests.

    A problem weighs when it is urgent or high, escalated, or open for more than five days. Questions and requests never
    weigh; a ticket of unknown kind counts as a problem.

    Returns:
        One row per account_key with tickets: open_problems, weighing_problems, weighing_ticket_id (the oldest's),
        oldest_problem_days, feature_requests_90d, requested_ticket_id, questions_90d, questions_prev_90d.
    """
    at = tickets.cross_join(today.select("as_of")).filter(lambda t: t.opened_at <= t.as_of)
    is_open = at.closed_at.isnull() | (at.closed_at > at.as_of)
    kind = ibis.coalesce(at.kind, "problem")
    age = (at.as_of - at.opened_at) / float(DAY_SECONDS)
    is_problem = is_open & (kind == "problem")
    weighs = is_problem & (
        ibis.coalesce(at.severity.isin(("urgent", "high")), False)
        | ibis.coalesce(at.escalated, False)
        | (age > OLD_PROBLEM_DAYS)
    )
    asked = (kind == "feature_request") & (is_open | (age <= REQUEST_DAYS))
    question = kind == "question"
    marked = at.mutate(
        is_problem=is_problem,
        weighs=weighs,
        asked=asked,
        age=age,
        wonders=question & (age <= REQUEST_DAYS),
        wondered=question & (age > REQUEST_DAYS) & (age <= 2 * REQUEST_DAYS),
    )
    return marked.group_by("account_key").agg(
        open_problems=_count(marked.is_problem),
        weighing_problems=_count(marked.weighs),
        weighing_ticket_id=ibis.ifelse(marked.weighs, marked.ticket_id, ibis.null("string")).min(),
        oldest_problem_days=ibis.ifelse(marked.is_problem, marked.age, ibis.null("float64")).max(),
        feature_requests_90d=_count(marked.asked),
        requested_ticket_id=ibis.ifelse(marked.asked, marked.ticket_id, ibis.null("string")).min(),
        questions_90d=_count(marked.wonders),
        questions_prev_90d=_count(marked.wondered),
    )


def _count(condition: ir.BooleanValue) -> ir.IntegerScalar:
    return ibis.ifelse(condition, 1, 0).sum().cast("int64")
