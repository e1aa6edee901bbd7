"""JSON shapes, as ``--json`` and the HTTP API give them; docs/schemas describes them.

Keys are never absent, they are null.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from upstep.clock import iso

if TYPE_CHECKING:
    from upstep.billing.provider import Answer
    from upstep.billing.quote import Quote
    from upstep.engine.decide import Run
    from upstep.engine.explain import Explanation
    from upstep.engine.opening import Opened
    from upstep.engine.quoting import Settled
    from upstep.offers.model import Offer
    from upstep.planning.goals import Goal, Standing

_PLAIN = ("decision_id", "step_id", "account_id", "play", "evidence", "motion", "path", "lane")
_SUBJECT = ("grain", "product_id", "meter_id", "feature_id", "add_on_id", "plan_id")
_LAST = ("likelihood", "signal_density", "priority", "rank")


def decision(row: Mapping[str, Any]) -> dict[str, Any]:
    """One decision as ``decide --json`` prints it; ``row`` is one of ``engine.explain.parsed``."""
    return {
        **{name: row[name] for name in _PLAIN},
        "subject": {name: row[name] for name in _SUBJECT},
        "outcome": row["outcome"],
        "holds": row["holds"],
        "unknown": row["unknown"],
        "assumed": row["assumed"],
        "outranked_by": row["outranked_by"],
        "moments": row["moments"],
        "recipients": row["recipients"],
        "facts": row["facts"],
        "proposal": None if row["path"] == "notice" else _proposal(row),
        **{name: row[name] for name in _LAST},
    }


def _proposal(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "product_id": row["to_product_id"],
        "plan_id": row["to_plan_id"],
        "add_on_id": row["to_add_on_id"],
        "quantity": row["to_quantity"],
        "interval": row["to_interval"],
        "recurring_change_minor": row["recurring_change_minor"],
        "overage_replaced_minor": row["overage_replaced_minor"],
        "customer_saving_minor": row["customer_saving_minor"],
        "currency": row["currency"],
        "estimated": row["estimated"],
    }


def run(made: Run) -> dict[str, Any]:
    """A whole run."""
    from upstep.engine.explain import parsed

    return {
        "run_id": made.run_id,
        "as_of": iso(made.as_of),
        "coverage": made.coverage,
        "decisions": [decision(parsed(row)) for row in made.decisions.to_pylist()],
    }


def explanation(told: Explanation) -> dict[str, Any]:
    """An account with everything shown, as ``explain --json`` prints it."""
    return {
        "account_id": told.account_id,
        "as_of": iso(told.as_of),
        "run_id": told.run.run_id,
        "account": plain(told.account),
        "limits": plain(told.limits),
        "decisions": [decision(row) for row in told.decisions],
        "asked": [
            {
                "play": asked.play,
                "fired": asked.fired,
                "subject": plain(asked.subject),
                "clauses": [{"text": clause.text, "answer": clause.answer} for clause in asked.clauses],
                "values": plain(asked.values),
            }
            for asked in told.asked
        ],
        "without_subject": list(told.without_subject),
    }


def offer(one: Offer) -> dict[str, Any]:
    """An offer."""
    names = ("offer_id", "account_id", "step_id", "play", "motion", "lane", "product_id", "target")
    return {**{name: getattr(one, name) for name in names}, "status": one.status.value}


_LOCKED = (
    *("quote_id", "currency", "due_now_minor", "next_invoice_minor", "next_invoice_at"),
    *("yearly_difference_minor", "expires_at"),
)


def locked_quote(quote: Quote | None) -> dict[str, Any] | None:
    """What an offer's quote says it costs."""
    return None if quote is None else {name: plain(getattr(quote, name)) for name in _LOCKED}


def opened_offer(one: Opened) -> dict[str, Any]:
    """An offer that was opened or stood already, with its quote, as ``offers --json`` prints it."""
    return {**offer(one.offer), "is_new": one.is_new, "quote": locked_quote(one.quote)}


def applied(settled: Settled, converted: list[str]) -> dict[str, Any]:
    """What became of a quote or an offer, as ``apply --json`` prints it; ``converted`` are offers."""
    return {
        "result": result_of(settled),
        "applied_before_at": plain(settled.applied_before_at),
        "quote": _quote(settled.quote),
        "offer": None if settled.offer is None else offer(settled.offer),
        "applied": _applied(settled.answer),
        "refused": _refused(settled.answer),
        "converted": converted,
    }


def result_of(settled: Settled) -> str:
    """What became of it, in one word."""
    from upstep.billing.provider import Declined, NeedsConfirmation

    if settled.answer is None:
        return "nothing"
    if isinstance(settled.answer, Declined):
        return "declined"
    if isinstance(settled.answer, NeedsConfirmation):
        return "needs_confirmation"
    if settled.applied_before_at is not None:
        return "applied_before"
    return "scheduled" if settled.quote is not None and is_later(settled.quote) else "applied"


def is_later(quote: Quote) -> bool:
    """Whether the change begins after the instant of the quote."""
    return quote.effective_at is not None and quote.effective_at > quote.at


def _quote(quote: Quote | None) -> dict[str, Any] | None:
    names = ("quote_id", "account_id", "subscription_id", "provider", "currency", "due_now_minor", "expires_at")
    return None if quote is None else {name: plain(getattr(quote, name)) for name in names}


def _applied(answer: Answer | None) -> dict[str, Any] | None:
    from upstep.billing.provider import Applied

    if not isinstance(answer, Applied):
        return None
    return {name: plain(getattr(answer, name)) for name in ("reference", "amount_minor", "effective_at", "invoice_id")}


def _refused(answer: Answer | None) -> dict[str, Any] | None:
    """A payment that failed or waits for somebody."""
    from upstep.billing.provider import Applied

    if answer is None or isinstance(answer, Applied):
        return None
    return {name: plain(getattr(answer, name, None)) for name in ("reason", "why", "amount_minor", "url", "expires_at")}


def goal(one: Goal) -> dict[str, Any]:
    """An executive's priority."""
    return {"goal_id": one.goal_id, **plain(asdict(one))}


def standing_goal(one: Standing) -> dict[str, Any]:
    """A goal and how it stands, as ``goals list --json`` prints it."""
    return {
        **goal(one.goal),
        "goal_id": one.goal_id,
        "typed": one.is_typed,
        "counts": one.counts,
        "has_sponsor": one.has_sponsor,
        "told": list(one.told),
    }


def plain(value: Any) -> Any:
    """A value that JSON can hold: instants as text, tuples as lists."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return iso(value) if hasattr(value, "astimezone") else value
