"""How many of an account's peers have what is proposed to it: real counts, of groups large enough to hide everyone.

A peer is another account of the same segment with a live, paid item of the same product. Nothing is said of fewer than
ten: a small figure is no reason for anybody, and would point at somebody.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from upstep.clock import to_seconds
from upstep.tables.facts import visible_condition
from upstep.tables.lake import open_snapshot

if TYPE_CHECKING:
    from upstep.engine.project import Project

GROUP_MIN = 10
"""The least number of accounts that a figure may speak of."""

_DAY = 86_400


@dataclass(frozen=True)
class Peers:
    """``have`` accounts of a segment have the plan, of ``of`` that have the product."""

    segment: str
    have: int
    of: int

    @property
    def percent(self) -> int:
        """Rounded down."""
        return self.have * 100 // self.of


@dataclass(frozen=True)
class PeerCounts:
    """Counts by segment, product and plan, and the segments of the accounts that were asked about."""

    segments: Mapping[str, str] = field(default_factory=dict)
    plans: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    products: Mapping[tuple[str, str], int] = field(default_factory=dict)
    key: tuple[object, ...] = ()

    def of(self, account_id: str, product_id: str | None, plan_id: str | None) -> Peers | None:
        """The account's peers with that plan; None: too few, or nothing is known."""
        segment = self.segments.get(account_id)
        if segment is None or not product_id or not plan_id:
            return None
        have = self.plans.get((segment, product_id, plan_id), 0)
        return Peers(segment, have, self.products[segment, product_id]) if have >= GROUP_MIN else None


def count_peers(project: Project, accounts: Collection[str], *, as_of: datetime) -> PeerCounts:
    """Count once for all who are asked about, and keep it with the project, where messages read it.

    The counts themselves stand while the facts and the day are the same.
    """
    snapshot = open_snapshot(project.folder)
    versions = tuple(snapshot.manifest.tables.get(name) for name in ("account", "subscription_item"))
    key = (versions, to_seconds(as_of) // _DAY)
    kept = project.peers
    plans, products = (kept.plans, kept.products) if kept.key == key else _counted(snapshot, at=to_seconds(as_of))
    segments = _segments(snapshot, accounts, at=to_seconds(as_of)) if plans and accounts else {}
    project.peers = PeerCounts(segments, plans, products, key)
    return project.peers


_Counts = tuple[dict[tuple[str, str, str], int], dict[tuple[str, str], int]]


def _counted(snapshot: Any, *, at: int) -> _Counts:
    import duckdb

    live = "status IN ('active', 'past_due') AND (valid_to IS NULL OR valid_to > {at}) AND plan_id IS NOT NULL"
    sql = (
        "WITH place AS (SELECT DISTINCT account_key, coalesce(segment, '') AS segment"
        f" FROM ({snapshot.select('account')}) WHERE {visible_condition('account', at=at)}),"
        f" held AS (SELECT DISTINCT account_key, product_id, plan_id FROM ({snapshot.select('subscription_item')})"
        f" WHERE {visible_condition('subscription_item', at=at)} AND {live.format(at=at)} AND amount_minor > 0)"
        " SELECT segment, product_id, plan_id, count(DISTINCT account_key) FROM held JOIN place USING (account_key)"
        " GROUP BY GROUPING SETS ((segment, product_id, plan_id), (segment, product_id))"
    )
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        rows = connection.execute(sql).fetchall()
    plans = {(segment, product, plan): count for segment, product, plan, count in rows if plan is not None}
    products = {(segment, product): count for segment, product, plan, count in rows if plan is None}
    return plans, products


def _segments(snapshot: Any, accounts: Collection[str], *, at: int) -> dict[str, str]:
    import duckdb
    import pyarrow as pa

    visible = visible_condition("account", at=at)
    sql = (
        "SELECT account_id, coalesce(segment, '') FROM"
        f" (SELECT account_key, segment FROM ({snapshot.select('account')}) WHERE {visible})"
        f" JOIN (SELECT account_key, account_id FROM ({snapshot.select('account_key')})) USING (account_key)"
        " SEMI JOIN asked USING (account_id)"
    )
    with duckdb.connect(":memory:", config={"threads": 1}) as connection:
        connection.register("asked", pa.table({"account_id": pa.array(sorted(accounts), pa.string())}))
        return dict(connection.execute(sql).fetchall())
