"""Where plans pinch: how many accounts stand at each limit, pay overage, or leave the allowance idle.

A limit does its work when some reach it and most have room: it tells who needs more. One that nearly all reach holds
customers up; one that nobody comes near does not tell one plan from the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from upstep.learning.chance import Share

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

COLUMNS = (
    *("product_id", "plan_id", "meter_id", "meter_kind", "aggregate", "enforcement", "limit_quantity", "is_own_limit"),
    *("used", "peak_3", "overage_periods_3", "plan_used_1", "plan_used_2", "plan_used_3"),
)
"""What is read of a limit."""

GROUP_LEAST = 10
"""Of fewer accounts nothing is said: a share of them is their story."""

NEAR, IDLE = 0.9, 0.25
PINCHES_SHARE, HABIT_SHARE, IDLE_SHARE = 0.30, 0.20, 0.50
"""From which share of a plan's accounts on something is said of it: rules of thumb, to start a talk with."""


@dataclass(frozen=True)
class Tier:
    """One limit of one plan.

    Args:
        limit: What the plan gives most of its accounts; ``accounts``: those with a limit above 0 there.
        near: Reached 90% in this period or one of the last three complete ones; ``at``: all of it.
        habit: Beyond it in two of the last three complete periods, where going beyond is billed.
        idle: Never used more than a quarter in that time.
        middle: The median of those highest shares.
        overage_minor: What overage cost a month on average, of those who paid any, at list price; None: not priced.
    """

    product_id: str
    plan_id: str
    meter_id: str
    enforcement: str
    limit: int
    accounts: int
    near: Share
    at: Share
    habit: Share
    idle: Share
    middle: float
    overage_minor: int | None = None

    @property
    def findings(self) -> tuple[str, ...]:
        """What the shares say: pinches, habit, idle, split; none where the limit does its work."""
        at, idle = self.at.value or 0.0, self.idle.value or 0.0
        if at >= PINCHES_SHARE / 2 and idle >= IDLE_SHARE * 0.8:
            return ("split",)
        found = []
        if at >= PINCHES_SHARE:
            found.append("pinches")
        if (self.habit.value or 0.0) >= HABIT_SHARE:
            found.append("habit")
        if idle >= IDLE_SHARE:
            found.append("idle")
        return tuple(found)


ADVICE = {
    "pinches": "It holds up many: is the next plan too far away, or this limit lower than the value it stands for?",
    "habit": "Many live with overage: the next plan is missing, too dear, or nobody showed it to them.",
    "idle": "Most use a quarter or less: the allowance does not tell this plan from the one below.",
    "split": "Some fill it and many leave it idle: two kinds of customers share one plan.",
}
"""What each finding suggests to look into."""


def tiers(connection: duckdb.DuckDBPyConnection, limits: pa.Table) -> list[Tier]:
    """Every limit of every plan with enough accounts, in order of plan and meter.

    Args:
        limits: ``COLUMNS`` of ``limit_profile``. Unlimited and automatic limits, and accounts' own, are left out.
    """
    connection.register("_limits", limits)
    rows = connection.execute(
        f"""
        WITH share AS (
          SELECT *, greatest(coalesce(used, 0), CASE WHEN meter_kind = 'flow' THEN coalesce(peak_3, 0) ELSE 0 END)
            / limit_quantity::DOUBLE AS highest,
            enforcement = 'overage' AND overage_periods_3 >= 2 AS is_habit
          FROM _limits
          WHERE limit_quantity > 0 AND enforcement <> 'auto' AND NOT is_own_limit AND plan_id IS NOT NULL
            AND used IS NOT NULL)
        SELECT product_id, plan_id, meter_id, mode(enforcement), mode(limit_quantity), count(*),
          count(*) FILTER (highest >= {NEAR}), count(*) FILTER (highest >= 1.0), count(*) FILTER (is_habit),
          count(*) FILTER (highest <= {IDLE}), median(highest)
        FROM share GROUP BY 1, 2, 3 HAVING count(*) >= {GROUP_LEAST} ORDER BY 1, 2, 3
        """
    ).fetchall()
    connection.unregister("_limits")
    found = []
    for product, plan, meter, enforcement, limit, accounts, near, at, habit, idle, middle in rows:
        shares = (Share(near, accounts), Share(at, accounts), Share(habit, accounts), Share(idle, accounts))
        found.append(Tier(product, plan, meter, enforcement, int(limit), accounts, *shares, float(middle)))
    return found
