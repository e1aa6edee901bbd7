"""JSON shapes: what ``--json`` prints, as docs/schemas describes it. Keys are never absent, they are null."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from upstep.clock import iso

if TYPE_CHECKING:
    from upstep.cli.digest import Decision, Held
    from upstep.engine.decide import Run

_PLAIN = ("decision_id", "step_id", "account_id", "play", "evidence", "motion", "path", "lane")
_SUBJECT = ("grain", "product_id", "meter_id", "feature_id", "add_on_id", "plan_id")
_LAST = ("likelihood", "signal_density", "priority", "rank")


def decision(row: Decision) -> dict[str, Any]:
    """One decision as ``decide --json`` prints it."""
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


def _proposal(row: Decision) -> dict[str, Any]:
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


def held(one: Held) -> dict[str, Any]:
    """What a gate holds."""
    return {**asdict(one), "names": list(one.names)}


def plain(value: Any) -> Any:
    """A value that JSON can hold: instants as text, tuples as lists."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return iso(value) if hasattr(value, "astimezone") else value
