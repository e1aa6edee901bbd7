"""Where a project's plans pinch, with what overage costs at list price."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

import pyarrow.compute as pc

from upstep.catalog.price import overage_amount
from upstep.engine.learning.past_limits import limits_as_of, sample_buckets
from upstep.learning.tiers import COLUMNS, Tier, tiers
from upstep.tables.query import DuckEngine

if TYPE_CHECKING:
    import pyarrow as pa

    from upstep.engine.project import Project


@dataclass(frozen=True)
class Tiers:
    """Every limit of every plan with enough accounts, those with something to say first.

    Args:
        is_sample: Whether a part of the accounts was looked at.
    """

    as_of: datetime
    currency: str
    tiers: tuple[Tier, ...]
    is_sample: bool


def learn_tiers(project: Project, *, as_of: datetime | None = None) -> Tiers:
    """Look at every limit as of an instant. Writes nothing.

    Raises:
        SourceError: Nothing was loaded.
    """
    engine = DuckEngine()
    buckets = sample_buckets(project)
    limits, facts = limits_as_of(project, engine, COLUMNS, at=as_of, buckets=buckets)
    found = [_priced(tier, limits, project) for tier in tiers(engine.connection, limits)]
    places = {plan.id: place for place, plan in enumerate(project.catalog.plans())}
    found.sort(
        key=lambda tier: (not tier.findings, -(tier.at.value or 0.0), places.get(tier.plan_id, 0), tier.meter_id)
    )
    return Tiers(facts.as_of, project.settings.currency, tuple(found), buckets is not None)


def _priced(tier: Tier, limits: pa.Table, project: Project) -> Tier:
    """The tier with the mean overage a period of those who had any in the last three complete ones."""
    plan = project.catalog.plan(tier.plan_id)
    priced = plan.overage(tier.meter_id, project.settings.currency) if plan else None
    if priced is None:
        return tier
    is_mine = pc.and_(pc.equal(limits["plan_id"], tier.plan_id), pc.equal(limits["meter_id"], tier.meter_id))
    costs = []
    for row in limits.filter(is_mine).to_pylist():
        periods = [used for used in (row["plan_used_1"], row["plan_used_2"], row["plan_used_3"]) if used is not None]
        limit = row["limit_quantity"]
        if limit and periods and max(periods) > limit:
            costs.append(sum(overage_amount(priced, max(used - limit, 0)) for used in periods) // len(periods))
    return replace(tier, overage_minor=sum(costs) // len(costs) if costs else None)
