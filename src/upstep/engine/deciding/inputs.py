"""What the state tells the plays: what was asked, what people answered. Tables keyed by account id."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import pyarrow as pa

from upstep.clock import to_seconds
from upstep.engine.deciding.decide import Inputs
from upstep.engine.deciding.holdouts import RULES, rules

if TYPE_CHECKING:
    import sqlalchemy as sa

    from upstep.engine.project import Project
    from upstep.planning.goals import Goal
    from upstep.state.holds import Hold


OFFER_HISTORY = [
    *("account_id", "to_product_id", "target", "shown_at", "declined_at", "not_now_at", "cools_own_step"),
]


def gather(
    project: Project, *, at: datetime, state: sa.Engine | None = None, accounts: Collection[str] | None = None
) -> Inputs:
    """The input tables as of an instant; a project without state has none of them.

    Args:
        project: Whose.
        at: The instant.
        state: The state, where it is open already.
        accounts: What was asked of others need not be told; None: all.
    """
    kept_back = rules(project.settings.experiments)
    told: dict[str, pa.Table] = {} if kept_back is None else {RULES: kept_back}
    if state is None and not project.has_state:
        return Inputs(told)
    from upstep.engine.project import open_project_state
    from upstep.offers.follow_up import unused
    from upstep.offers.history import offer_history
    from upstep.planning.goals import typed_goals
    from upstep.planning.kept import full_owners, planned_steps
    from upstep.state.answers import answers
    from upstep.state.holds import holds_of
    from upstep.state.session import reading

    engine = state or open_project_state(project)
    asked = offer_history(engine, as_of=at, accounts=accounts)
    asked = asked.rename_columns({"product_id": "to_product_id"}).select(OFFER_HISTORY)
    with reading(engine) as connection:
        held = [one for one in holds_of(connection, None, now=at) if one.contact_id is None]
        said = answers(connection, at=at)
        idle = unused(connection, at=at, accounts=accounts)
        goals = typed_goals(connection, at=at)
        owners, steps = full_owners(connection, at=at), planned_steps(connection, at=at)
    if state is None:
        engine.dispose()
    columns = {
        "account_id": [answer.account_id for answer in said],
        "gate": [answer.gate for answer in said],
        "answer": [answer.answer.value for answer in said],
    }
    confirmed = pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
    told |= {"offer_history": asked, "confirmed": confirmed}
    if held:
        told["contact_hold"] = _holds(held)
    if idle:
        told["follow_up"] = pa.Table.from_pylist(idle)
    if goals:
        told["typed_goal"] = _goals(goals)
    if owners:
        told["owner_capacity"] = pa.table({"owner_id": owners, "is_full": [True] * len(owners)})
    if steps:
        named = [dict(zip(("account_id", "to_product_id", "target"), step, strict=True)) for step in steps]
        told["planned_step"] = pa.Table.from_pylist(named)
    return Inputs(told)


def without_plans(inputs: Inputs) -> Inputs:
    """The same, but for what was planned: making a plan anew, nobody's hours are taken yet."""
    planned = ("owner_capacity", "planned_step")
    return Inputs({name: rows for name, rows in inputs.tables.items() if name not in planned})


def _holds(held: Sequence[Hold]) -> pa.Table:
    """What closes whole accounts; what closes one person is asked when a message leaves."""
    columns = {
        "account_id": pa.array([one.account_id for one in held], pa.string()),
        "kind": pa.array([one.kind.value for one in held], pa.string()),
        "held_at": pa.array([to_seconds(one.recorded_at) for one in held], pa.int64()),
    }
    return pa.table(columns)


def _goals(goals: Sequence[Goal]) -> pa.Table:
    columns = {
        "account_id": [goal.account_id for goal in goals],
        "goal_id": [goal.goal_id for goal in goals],
        "contact_id": [goal.contact_id for goal in goals],
        "advances": ["\n".join(goal.advances) for goal in goals],
        "sponsor_contact_id": [goal.sponsor_contact_id for goal in goals],
    }
    told = {name: pa.array(values, pa.string()) for name, values in columns.items()}
    # Only goals said by the instant asked for are told, so deciding, whose facts may end earlier, need not ask again.
    return pa.table({**told, "stated_at": pa.array([0] * len(goals), pa.int64())})
