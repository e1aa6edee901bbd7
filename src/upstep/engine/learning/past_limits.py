"""Limits as they stood at an instant, with only the figures that are asked for: what learning looks back on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from upstep.engine.compiled import kept_statements
from upstep.engine.deciding.decide import known_tables, meter_keys, usage_from_day
from upstep.tables.facts import Facts, open_facts
from upstep.tables.lake import BUCKETS, open_snapshot
from upstep.tables.pruned import pruned

if TYPE_CHECKING:
    from datetime import datetime

    import pyarrow as pa

    from upstep.engine.project import Project
    from upstep.tables.query import DuckEngine

SAMPLE_ACCOUNTS = 50_000
"""Shares of so many accounts are known to half a percent; of a larger company as many are looked at."""


def sample_buckets(project: Project) -> list[int] | None:
    """Which buckets of accounts to look at: None, all, for a company that is no larger than the sample."""
    stored = open_snapshot(project.folder).manifest.tables.get("account_key")
    count = stored.rows if stored else 0
    if count <= SAMPLE_ACCOUNTS:
        return None
    return list(range(max(BUCKETS * SAMPLE_ACCOUNTS // count, 1)))


def limits_as_of(
    project: Project,
    engine: DuckEngine,
    columns: Sequence[str],
    *,
    at: datetime | None,
    buckets: Sequence[int] | None = None,
) -> tuple[pa.Table, Facts]:
    """These columns of ``limit_profile``, one row per (account_key, product_id, meter_id), and the facts read."""
    facts = open_facts(project.folder, engine, as_of=at, buckets=buckets)
    known = known_tables(facts, project.settings.fresh_days)
    keys = meter_keys(engine)
    words = project.words(facts.as_of, meter_keys=keys, known=known, usage_from_day=usage_from_day(facts))
    for name, rows in words.tables.items():
        engine.load(name, rows)
    parts = (project.shape, *sorted(columns))
    statements = kept_statements(
        project.cache_folder, "limits", parts, lambda: pruned(project.profiles(), {"limit_profile": columns})
    )
    engine.run(statements)
    found = engine.read("limit_profile").select(list(columns))
    engine.drop("limit_profile")
    return found, facts
