"""What an account uses and owes, for a quote: one account, read by the same signal queries that decide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import ibis
from ibis.expr.operations import UnboundTable

from upstep.clock import from_seconds, iso, to_seconds
from upstep.engine.compiled import kept_statements
from upstep.engine.deciding.decide import known_tables, meter_keys, usage_from_day
from upstep.errors import Fault, SourceError
from upstep.signals.billing import payments
from upstep.tables.facts import default_as_of, open_facts
from upstep.tables.lake import open_snapshot
from upstep.tables.query import DuckEngine, Program, arrow_types, core_table

if TYPE_CHECKING:
    from upstep.engine.project import Project
    from upstep.tables.facts import Facts

PERIODS = 3
"""How many complete periods the mean of overage is of; see ``signals.limits``."""


@dataclass(frozen=True)
class Period:
    """A complete period of a meter under today's plan, and what was used in it."""

    starts_at: datetime
    ends_at: datetime
    used: int


@dataclass(frozen=True)
class MeterUse:
    """One limit of the account and its use.

    Args:
        limit_quantity: Today's whole limit, None when unlimited; ``is_own_limit``: no plan moves it.
        used: In the running period, or the level of a stock; None where it is not known.
        since: When the running period began; None for a stock.
        periods: The last complete ones since the plan was last changed, newest first, at most three.
    """

    product_id: str
    meter_id: str
    period: str
    limit_quantity: int | None
    is_own_limit: bool
    used: int | None
    is_estimated: bool
    since: datetime | None
    periods: tuple[Period, ...]


@dataclass(frozen=True)
class AccountUse:
    """One account as of the newest complete facts.

    Args:
        currency: The account's own, None where it names none.
        open_invoices: Unpaid ones, due or not; ``troubled_invoices``: those that failed or are late.
    """

    account_id: str
    name: str
    currency: str | None
    as_of: datetime
    meters: Mapping[tuple[str, str], MeterUse]
    open_invoices: int = 0
    troubled_invoices: int = 0
    troubled_invoice_id: str | None = None

    def meter(self, product_id: str, meter_id: str) -> MeterUse | None:
        """The use of a product's meter; None where no live plan, add-on or override limits it."""
        return self.meters.get((product_id, meter_id))

    def record(self, meter_id: str, since: datetime, until: datetime) -> str:
        """Where a use was read, as decisions name their records."""
        return f"usage?account_id={self.account_id}&meter_id={meter_id}&from={iso(since)}&until={iso(until)}"


def read_use(project: Project, account_id: str, *, now: datetime, with_limits: bool = True) -> AccountUse:
    """What the account uses and owes as of the newest complete facts, none of them later than ``now``.

    Args:
        with_limits: False: only what it owes, which is quicker.

    Raises:
        SourceError: Nothing was loaded, or the account is not in it.
    """
    newest = default_as_of(project.folder, open_snapshot(project.folder))
    engine = DuckEngine()
    at = from_seconds(min(newest, to_seconds(now)))
    facts = open_facts(project.folder, engine, as_of=at, account_ids=[account_id])
    account = next(iter(engine.read("account").to_pylist()), None)
    if account is None:
        raise SourceError(Fault(f"account {account_id}", f"is not known as of {iso(facts.as_of)}."))
    _run(project, engine, facts, with_limits=with_limits)
    limits = [_meter_use(row) for row in engine.read("limit_state").to_pylist()] if with_limits else []
    use = AccountUse(
        account_id=account_id,
        name=account["name"] or account_id,
        currency=account["currency"],
        as_of=facts.as_of,
        meters={(each.product_id, each.meter_id): each for each in limits},
    )
    owed: dict[str, Any] = next(iter(engine.read("payments").to_pylist()), {})
    return replace(use, **{name: value for name, value in owed.items() if name in _OWED and value is not None})


def _run(project: Project, engine: DuckEngine, facts: Facts, *, with_limits: bool) -> None:
    known = known_tables(facts, project.settings.fresh_days)
    words = project.words(facts.as_of, meter_keys=meter_keys(engine), known=known, usage_from_day=usage_from_day(facts))
    for name, rows in words.tables.items():
        engine.load(name, rows)
    statements = kept_statements(project.cache_folder, "use", (project.shape,), lambda: _program(project))
    if not with_limits:
        statements = replace(statements, by_stage={"payments": statements.by_stage["payments"]})
    engine.run(statements)


_OWED = ("open_invoices", "troubled_invoices", "troubled_invoice_id")


def _program(project: Project) -> Program:
    """The stages that lead to limits and payments, of all the signal queries."""
    whole = project.profiles()
    words = project.words(from_seconds(0), meter_keys={}, known={})
    today = ibis.table(arrow_types(words.tables["today"].schema), name="today")
    needed = {"limit_state"}
    for name in reversed(whole.stages):
        if name in needed:
            needed |= {table.name for table in whole.stages[name].op().find(UnboundTable)}
    program = Program()
    for name, select in whole.stages.items():
        if name in needed:
            program.stage(name, select)
    program.stage("payments", payments(core_table("invoice"), today))
    return program


def _meter_use(row: Mapping[str, Any]) -> MeterUse:
    is_flow = row["meter_kind"] == "flow" and row["aggregate"] != "seats"
    edges = [row[f"starts_{index}"] for index in range(PERIODS + 1)]
    found = [
        Period(from_seconds(edges[index]), from_seconds(edges[index - 1]), row[f"plan_used_{index}"])
        for index in range(1, PERIODS + 1)
        if row[f"plan_used_{index}"] is not None
    ]
    return MeterUse(
        product_id=row["product_id"],
        meter_id=row["meter_id"],
        period=row["period"],
        limit_quantity=None if row["is_unlimited"] else row["limit_quantity"],
        is_own_limit=bool(row["is_own_limit"]),
        used=row["used"],
        is_estimated=bool(row["is_estimated"]),
        since=from_seconds(row["starts_0"]) if is_flow and row["starts_0"] else None,
        periods=tuple(found),
    )
