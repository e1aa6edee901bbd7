"""The quarters that were planned, as state keeps them: whose hours are full, and with which steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from upstep.state import audit
from upstep.state.tables import planned_step, quarter_plan


@dataclass(frozen=True)
class KeptStep:
    """A step that a plan takes. ``activity``: its motion, or the task that comes before it."""

    account_id: str
    product_id: str
    target: str
    activity: str
    hours: int


@dataclass(frozen=True)
class KeptPlan:
    """A plan of one owner. ``is_full``: no activity at all fits the hours that are left."""

    plan_id: str
    owner_id: str
    begins_at: datetime
    ends_at: datetime
    hours: int
    planned_hours: int
    is_full: bool
    run_id: str
    steps: tuple[KeptStep, ...]


def keep_plan(connection: sa.Connection, plan: KeptPlan, *, who: str, at: datetime) -> bool:
    """Keep a plan, in the caller's transaction; False when it is kept already and still the one that counts."""
    last = _counting(connection, at=plan.begins_at).get(plan.owner_id)
    if last is not None and last.plan_id == plan.plan_id:
        return False
    connection.execute(sa.delete(planned_step).where(planned_step.c.plan_id == plan.plan_id))
    connection.execute(sa.delete(quarter_plan).where(quarter_plan.c.plan_id == plan.plan_id))
    names = [name for name in KeptPlan.__annotations__ if name != "steps"]
    row = {name: getattr(plan, name) for name in names}
    connection.execute(sa.insert(quarter_plan).values(**row, made_at=at, made_by=who))
    for place, step in enumerate(plan.steps):
        values = {name: getattr(step, name) for name in KeptStep.__annotations__}
        connection.execute(sa.insert(planned_step).values(plan_id=plan.plan_id, place=place, **values))
    audit.note(connection, "plan", subject=plan.owner_id, who=who, at=at, details={"plan_id": plan.plan_id})
    return True


def full_owners(connection: sa.Connection, *, at: datetime) -> list[str]:
    """Owners whose hours are planned at an instant."""
    return sorted(owner_id for owner_id, plan in _counting(connection, at=at).items() if plan.is_full)


def planned_steps(connection: sa.Connection, *, at: datetime) -> list[tuple[str, str, str]]:
    """The steps that somebody has planned for then: account, product and target, each once."""
    plans = [plan.plan_id for plan in _counting(connection, at=at).values()]
    columns = (planned_step.c.account_id, planned_step.c.product_id, planned_step.c.target)
    query = sa.select(*columns).where(planned_step.c.plan_id.in_(plans)).distinct().order_by(*columns)
    return [(row.account_id, row.product_id, row.target) for row in connection.execute(query)]


def _counting(connection: sa.Connection, *, at: datetime) -> dict[str, sa.Row[tuple[object, ...]]]:
    """Of each owner's plans that cover an instant, the one made last."""
    covers = (quarter_plan.c.begins_at <= at) & (quarter_plan.c.ends_at > at)
    order: Sequence[sa.ColumnElement[object]] = (quarter_plan.c.made_at, quarter_plan.c.plan_id)
    query = sa.select(quarter_plan).where(covers).order_by(*order)
    return {row.owner_id: row for row in connection.execute(query)}
