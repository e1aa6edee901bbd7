"""Metered overage beside MRR: what each account's overage came to a month, the mean of its last three periods."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from upstep.catalog.price import overage_amounts
from upstep.engine.compiled import kept_statements
from upstep.engine.deciding.decide import known_tables, meter_keys, usage_from_day
from upstep.money import monthly_units
from upstep.tables.facts import open_facts
from upstep.tables.pruned import pruned
from upstep.tables.query import DuckEngine

if TYPE_CHECKING:
    from datetime import datetime

    from upstep.engine.project import Project
    from upstep.revenue.rates import Rates

CHUNK_ACCOUNTS = 250_000
"""Accounts are independent: above this many they are read in parts, which bounds memory."""

_LIMITS = (
    *("account_key", "product_id", "meter_id", "limit_quantity", "enforcement", "period"),
    *("plan_used_1", "plan_used_2", "plan_used_3"),
)
_OWNED = ("account_key", "product_id", "plan_id", "currency", "interval", "interval_count")


@dataclass(frozen=True)
class UsageRetention:
    """NRR with trailing usage: MRR plus overage of those who paid at the start, then and at the end. Exact units.

    Args:
        missing: Currencies left out because no rate was known.
    """

    start: Fraction
    end: Fraction
    overage_start: Fraction
    overage_end: Fraction
    missing: tuple[str, ...] = ()

    @property
    def share(self) -> Fraction | None:
        """(MRR + overage at the end) / (MRR + overage at the start); None when there was nothing at the start."""
        before = self.start + self.overage_start
        return (self.end + self.overage_end) / before if before else None


def has_overage(project: Project) -> bool:
    """Whether any plan prices use beyond its limit; without, usage adds nothing to MRR."""
    return any(plan.overages for plan in project.catalog.plans())


def overage_of(project: Project, as_of: datetime, payers: pa.Array, *, rates: Rates, valued_at: int) -> Fraction:
    """Overage a month of some accounts as of an instant, in MRR units of the company's currency.

    Today's plan and limit price the last three complete periods, as proposals do (decision 0004).

    Args:
        payers: account_key of those who count.
        valued_at: The instant, in seconds, whose rates value it.
    """
    total: dict[str, int] = defaultdict(int)
    for rows in _chunks(project, as_of):
        mine = rows.filter(pa.compute.is_in(rows["account_key"], payers))
        for currency, units in _priced(project, mine).items():
            total[currency] += units
    valued = ((units, rates.at(currency, valued_at)) for currency, units in total.items())
    return sum((units * rate for units, rate in valued if rate is not None), Fraction(0))


def _chunks(project: Project, as_of: datetime) -> Any:
    engine = DuckEngine(spill=str(project.folder / ".upstep" / "spill"))
    facts = open_facts(project.folder, engine, as_of=as_of, buckets=())
    stored = facts.snapshot.manifest.tables.get("account_key")
    count = min(max(-(-stored.rows // CHUNK_ACCOUNTS) if stored else 1, 1), 64)
    outputs = {"limit_profile": _LIMITS, "owned": _OWNED}
    statements = kept_statements(
        project.cache_folder,
        "trailing_usage",
        (project.shape,),
        lambda: pruned(project.profiles(), outputs),
    )
    for index in range(count):
        buckets = list(range(index * 64 // count, (index + 1) * 64 // count))
        open_facts(project.folder, engine, as_of=as_of, buckets=buckets)
        keys = meter_keys(engine)
        known = known_tables(facts, project.settings.fresh_days)
        words = project.words(facts.as_of, meter_keys=keys, known=known, usage_from_day=usage_from_day(facts))
        for name, rows in words.tables.items():
            engine.load(name, rows)
        engine.run(statements, keep=tuple(outputs))
        yield engine.connection.sql(
            "SELECT limit_profile.*, owned.plan_id, owned.currency, owned.interval, owned.interval_count"
            " FROM limit_profile JOIN owned USING (account_key, product_id)"
            " WHERE limit_quantity IS NOT NULL AND owned.plan_id IS NOT NULL AND enforcement = 'overage'"
        ).to_arrow_table()


def _priced(project: Project, rows: pa.Table) -> dict[str, int]:
    """Currency to overage a month in MRR units, of all rows together."""
    total: dict[str, int] = defaultdict(int)
    groups = rows.group_by(["plan_id", "meter_id", "currency", "interval", "interval_count", "period"]).aggregate([])
    for group in groups.to_pylist():
        plan = project.catalog.plan(group["plan_id"])
        overage = plan.overage(group["meter_id"], group["currency"]) if plan else None
        if overage is None:
            continue
        mask = pa.compute.and_kleene(
            pa.compute.equal(rows["plan_id"], group["plan_id"]), pa.compute.equal(rows["meter_id"], group["meter_id"])
        )
        for name in ("currency", "interval", "interval_count", "period"):
            mask = pa.compute.and_kleene(mask, pa.compute.equal(rows[name], group[name]))
        mine = rows.filter(mask)
        cost = np.zeros(mine.num_rows, np.int64)
        count = np.zeros(mine.num_rows, np.int64)
        limit = mine["limit_quantity"].to_numpy()
        for name in ("plan_used_1", "plan_used_2", "plan_used_3"):
            used = pa.compute.fill_null(mine[name], -1).to_numpy()
            cost += np.where(used >= 0, overage_amounts(overage, np.maximum(used - limit, 0)), 0)
            count += used >= 0
        is_term = group["period"] == "billing_term"
        interval, times = (group["interval"], group["interval_count"]) if is_term else ("month", 1)
        total[group["currency"]] += int((monthly_units(cost, interval, times) // np.maximum(count, 1)).sum())
    return total
