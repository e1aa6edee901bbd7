"""JSON shapes of executives' priorities, as ``--json`` and the HTTP API give them: never an absent key, but null."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from upstep.engine.deciding.shapes import plain

if TYPE_CHECKING:
    from upstep.planning.goals import Goal, Standing


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
