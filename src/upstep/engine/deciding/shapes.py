"""JSON shapes of decisions, as ``--json`` and the HTTP API give them; docs/schemas describes them.

Keys are never absent, they are null.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from upstep.clock import iso

if TYPE_CHECKING:
    from upstep.engine.deciding.decide import Run
    from upstep.engine.deciding.explain import Explanation

_PLAIN = ("decision_id", "step_id", "account_id", "play", "evidence", "motion", "path", "lane")
_SUBJECT = ("grain", "product_id", "meter_id", "feature_id", "add_on_id", "plan_id")
_LAST = ("likelihood", "signal_density", "priority", "rank")


def decision(row: Mapping[str, Any]) -> dict[str, Any]:
    """One decision as ``decide --json`` prints it; ``row`` is one of ``engine.deciding.explain.parsed``."""
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


def run(made: Run, held_out: Mapping[str, Sequence[str]] | None = None) -> dict[str, Any]:
    """A whole run. ``held_out``: the running holdouts of the accounts that are in any."""
    from upstep.engine.deciding.explain import parsed

    return {
        "run_id": made.run_id,
        "as_of": iso(made.as_of),
        "coverage": made.coverage,
        "decisions": [decision(parsed(row)) for row in made.decisions.to_pylist()],
        "held_out": [{"account_id": key, "experiments": list(names)} for key, names in (held_out or {}).items()],
    }


def explanation(told: Explanation, experiments: Sequence[Mapping[str, Any]] = ()) -> dict[str, Any]:
    """An account with everything shown, as ``explain --json`` prints it.

    Args:
        experiments: Those that it is in, as ``experiments member`` prints them.
    """
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
        "is_held_out": is_held_out(experiments),
        "experiments": list(experiments),
    }


def is_held_out(experiments: Sequence[Mapping[str, Any]]) -> bool:
    """Whether one of an account's experiments keeps steps of it back just now."""
    return any(one["is_held_out"] and one["is_running"] for one in experiments)


def plain(value: Any) -> Any:
    """A value that JSON can hold: instants as text, tuples as lists."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return iso(value) if hasattr(value, "astimezone") else value
