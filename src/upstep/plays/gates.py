"""Reasons to wait. A gate answers clear, holds, unknown or not applicable, for an account, a product or a step.

The answers of accounts and products are columns computed once by query. Which of them count for a step depends on its
motion and path; that is decided in ``rank``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import ibis

from upstep.clock import DAY_SECONDS
from upstep.tables.query import left

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from upstep.tables.query import Program


class Answer(IntEnum):
    """What a gate says of one step."""

    CLEAR = 0
    HOLDS = 1
    UNKNOWN = 2
    NOT_APPLICABLE = 3


@dataclass(frozen=True)
class Gate:
    """One gate.

    Args:
        level: Whether its answer belongs to the account, to the product that is changed, or to the step.
        tables: Canonical tables it answers from; any may answer.
        without: What it says while none of its tables is connected and fresh.
        question: What a person must answer when it is unknown.
        why: Why it holds; a template over its facts.
        lifts: When it lifts.
    """

    id: str
    level: str
    tables: tuple[str, ...]
    without: Answer
    why: str
    question: str = ""
    lifts: str = ""
    care: bool = False


GATES: Mapping[str, Gate] = {
    gate.id: gate
    for gate in (
        Gate(
            "open_issue",
            "account",
            ("ticket",),
            Answer.UNKNOWN,
            "open problems that are urgent, escalated or old: {weighing_problems} (ticket {weighing_ticket_id})",
            "Does {name} have an open problem that is urgent, escalated or older than 5 days?",
            "when the problem is closed",
            care=True,
        ),
        Gate(
            "payment_trouble",
            "account",
            ("invoice",),
            Answer.UNKNOWN,
            "{payment_how}",
            "Are all invoices of {name} paid, or not yet due?",
            "when it is paid",
        ),
        Gate(
            "before_first_value",
            "product",
            ("moment", "usage"),
            Answer.UNKNOWN,
            "first value of {product_name} is not reached{first_value_how}",
            "Has {name} had its first success with {product_name}?",
            "when it is reached",
        ),
        Gate(
            "just_purchased",
            "product",
            ("subscription_item", "purchase"),
            Answer.HOLDS,
            "bought or raised {product_name} on {bought_on}",
            "",
            "on {just_purchased_until}",
        ),
        Gate(
            "low_adoption",
            "product",
            ("usage",),
            Answer.HOLDS,
            "used {adoption_percent}% of what it pays for in {product_name}",
            "Does {name} use more than 40% of what it pays for in {product_name}?",
            "when use passes 40%",
        ),
        Gate(
            "leaving",
            "account",
            ("subscription_item",),
            Answer.HOLDS,
            "{leaving_how}",
            "",
            "when it is withdrawn",
        ),
        Gate(
            "renewal_threat",
            "account",
            ("moment",),
            Answer.CLEAR,
            "{renewal_how}",
            "",
            "when it is resolved",
        ),
        Gate(
            "open_deal", "account", ("deal",), Answer.CLEAR, "a deal is open ({open_deal_id})", "", "when it is closed"
        ),
        Gate("do_not_sell", "account", ("account",), Answer.CLEAR, "{do_not_sell_why}", "", "on {do_not_sell_until}"),
        Gate(
            "no_priority",
            "step",
            ("goal",),
            Answer.HOLDS,
            "no executive priority that this advances is on record",
            "",
            "when one is named: find the priority",
        ),
        Gate(
            "no_sponsor",
            "step",
            ("goal",),
            Answer.HOLDS,
            "the priority has no sponsor yet",
            "",
            "when one is named: develop the sponsor",
        ),
        Gate(
            "contact_hold",
            "step",
            (),
            Answer.CLEAR,
            "nobody there is written to: {contact_hold_kind} since {contact_held_on}",
            "",
            "when the owner has acted: upstep holds lift",
            care=True,
        ),
        Gate(
            "asked_recently",
            "step",
            (),
            Answer.CLEAR,
            "asked on {asked_on}",
            "",
            "on {asked_until}",
            care=True,
        ),
        Gate(
            "at_capacity", "account", (), Answer.CLEAR, "the owner's hours are planned", "", "next quarter", care=True
        ),
    )
}
"""In the order in which holds are told."""

JUST_PURCHASED_DAYS = 14
LEAVING_DAYS = 60
ADOPTION_PERCENT = 40
"""At or under 40% of the last complete period nothing is sold; see ``docs/sources.md``."""

DETRACTOR_SCORE = 6


def account_answers(accounts: ir.Table, known: ir.Table) -> ir.Table:
    """What the account gates say, with the facts their reasons name.

    Returns:
        One row per account_key: a column per account gate (an ``Answer``) and the facts.
    """
    at = accounts.cross_join(known)
    issue = at.weighing_problems > 0
    trouble = (at.troubled_invoices > 0) | at.is_past_due
    since = at.as_of - LEAVING_DAYS * DAY_SECONDS
    leaving = at.cancel_at.notnull() | at.pending_downgrade | ibis.coalesce(at.downgraded_at > since, False)
    threat = (at.renewal_risks_90d > 0) | (
        at.in_renewal_window & (ibis.coalesce(at.nps_score <= DETRACTOR_SCORE, False) | (at.outcomes_missed > 0))
    )
    return at.select(
        "account_key",
        "account_id",
        "name",
        "owner_id",
        "has_owner",
        "account_currency",
        "segment",
        "signal_density",
        "mrr_units",
        "weighing_problems",
        "weighing_ticket_id",
        "troubled_invoices",
        "troubled_invoice_id",
        "open_invoices",
        "cancel_at",
        "renewal_risk_id",
        "open_deals",
        "open_deal_id",
        "do_not_sell_why",
        "do_not_sell_until",
        "has_usage_signal",
        "has_outcome_signal",
        "has_strategic_signal",
        "has_intent_signal",
        "in_renewal_window",
        "outcomes_met",
        "feature_requests_90d",
        "milestones_28d",
        payment_how=ibis.cases(
            (
                at.troubled_invoices > 0,
                ibis.literal("invoices failed or late: ")
                + at.troubled_invoices.cast("string")
                + " (invoice "
                + at.troubled_invoice_id
                + ")",
            ),
            else_="the subscription is past due",
        ),
        leaving_how=ibis.cases(
            (at.cancel_at.notnull(), "a cancellation is set"),
            (at.pending_downgrade, "a downgrade is set"),
            else_=f"moved to a lower plan within {LEAVING_DAYS} days",
        ),
        renewal_how=ibis.cases(
            (at.renewal_risks_90d > 0, "a renewal risk was noted within 90 days"),
            (ibis.coalesce(at.nps_score <= DETRACTOR_SCORE, False), "the renewal is near and the last score was low"),
            else_="the renewal is near and an outcome was missed",
        ),
        open_issue=_answer(issue, at.has_ticket, Answer.UNKNOWN),
        payment_trouble=_answer(trouble, at.has_invoice, Answer.UNKNOWN),
        leaving=_answer(leaving, ibis.literal(True), Answer.CLEAR),
        renewal_threat=_answer(threat, ibis.literal(True), Answer.CLEAR),
        open_deal=_answer(at.open_deals > 0, ibis.literal(True), Answer.CLEAR),
        do_not_sell=_answer(at.do_not_sell, ibis.literal(True), Answer.CLEAR),
    )


def _answer(holds: ir.BooleanValue, known: ir.BooleanValue, without: Answer) -> ir.IntegerValue:
    """A hold that is seen counts even when its table is stale; what is not seen is only clear in a fresh table."""
    answered = ibis.ifelse(known, int(Answer.CLEAR), int(without))
    return ibis.ifelse(ibis.coalesce(holds, False), int(Answer.HOLDS), answered).cast("int32")


def product_answers(
    owned: ir.Table,
    *,
    first_value: ir.Table,
    history: ir.Table,
    bought: ir.Table,
    adoption: ir.Table,
    today: ir.Table,
) -> ir.Table:
    """What the product gates say of products that an account has, with the facts their reasons name.

    Returns:
        One row per (account_key, product_id) owned: before_first_value, just_purchased, low_adoption and the facts.
    """
    keys = ["account_key", "product_id"]
    state = left(owned.select(*keys), first_value, keys)
    state = left(left(state, history, keys), adoption, keys)
    once = bought.select(*keys, "purchased_at")
    state = left(state, once, keys).cross_join(today.select("as_of"))
    state = state.mutate(bought_at=ibis.coalesce(state.bought_at, state.purchased_at))
    days = (state.as_of - state.bought_at) / float(DAY_SECONDS)
    value = ibis.cases(
        (state.first_value_reached.isnull(), int(Answer.UNKNOWN)),
        (state.first_value_reached, int(Answer.CLEAR)),
        else_=int(Answer.HOLDS),
    )
    # Adoption is unknown before the first complete period; use at four fifths of the limit already proves it.
    proven = ibis.coalesce(state.first_value_reached, False) & ibis.coalesce(state.utilisation_now >= 0.8, False)
    low = ibis.cases(
        (state.adoption.notnull() & (state.adoption * 100.0 <= float(ADOPTION_PERCENT)), int(Answer.HOLDS)),
        (state.adoption.notnull(), int(Answer.CLEAR)),
        # A product without any limit has nothing that could be used little.
        (ibis.coalesce(state.adoption_is_unlimited, True), int(Answer.NOT_APPLICABLE)),
        (proven, int(Answer.NOT_APPLICABLE)),
        else_=int(Answer.UNKNOWN),
    )
    return state.select(
        *keys,
        "adoption",
        first_value_how=ibis.ifelse(
            state.first_value_at_least.notnull(),
            ibis.literal(" (")
            + ibis.coalesce(state.first_value_used, 0).cast("string")
            + " of "
            + state.first_value_at_least.cast("string")
            + ")",
            "",
        ),
        bought_on=state.bought_at,
        bought_days=days.floor().cast("int64"),
        just_purchased_until=state.bought_at + JUST_PURCHASED_DAYS * DAY_SECONDS,
        before_first_value=value.cast("int32"),
        just_purchased=ibis.ifelse(
            ibis.coalesce(days < float(JUST_PURCHASED_DAYS), False), int(Answer.HOLDS), int(Answer.CLEAR)
        ).cast("int32"),
        low_adoption=low.cast("int32"),
    )


def add_gates(program: Program, tables: Mapping[str, ir.Table]) -> None:
    """Add the stages ``account_gates`` and ``product_gates`` to a program that has the profiles."""
    program.stage("account_gates", account_answers(tables["account_profile"], tables["known"]))
    product = product_answers(
        tables["has"],
        first_value=tables["first_value"],
        history=tables["history"],
        bought=tables["bought"],
        adoption=tables["adoption"],
        today=tables["today"],
    )
    program.stage("product_gates", product)
