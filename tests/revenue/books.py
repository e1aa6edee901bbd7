"""The books of a test: a company's movements, months, bridges and retention, worked out on one engine."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import ibis
import pyarrow as pa

from tests.company import Company, company, project
from upstep.movements.accounts import merged_accounts, merged_pairs
from upstep.movements.movement import movements, net_view
from upstep.movements.plans import plan_table
from upstep.movements.policy import STANDARD, Policy
from upstep.revenue.months import Month, month_days, months_between
from upstep.revenue.mrr import (
    Bridge,
    account_months,
    bridges,
    cause_lines,
    exchanges,
    month_lines,
    one_off_lines,
    total_bridges,
)
from upstep.revenue.rates import Rates, rate_table, rates_of
from upstep.revenue.retention import Cohort, Retention, cohort_lines, cohorts, retentions, total_retentions
from upstep.signals.vocabulary import interval_factor, today
from upstep.tables.query import DuckEngine, Engine, Program, arrow_types, core_table

RATES = {"currency": "string", "month": "int32", "rate_units": "int64", "rate_scale": "int64"}
MERGED = {"account_key": "int32", "into_account_key": "int32"}


@cache
def program(policy: Policy, view: str, is_merged: bool) -> Program:  # noqa: FBT001 - a cache key
    """Every query of movements and revenue over the core tables."""
    made = Program()
    small = {"factors": interval_factor(), "plans": plan_table(project().catalog), "days": month_days()}
    tables = {name: ibis.table(arrow_types(rows.schema), name=name) for name, rows in small.items()}
    today_ = ibis.table(arrow_types(today(project_moment()).schema), name="today")
    items = core_table("subscription_item")
    made.stage("pairs", merged_pairs(items, today_))
    moved = movements(
        items,
        factors=tables["factors"],
        plans=tables["plans"],
        today=today_,
        policy=policy,
        merged=ibis.table(MERGED, name="merged") if is_merged else None,
        stage=made.stage,
    )
    moved = made.stage("movement", moved)
    made.stage("net", net_view(moved))
    by_account = made.stage("by_account", account_months(moved, tables["days"], view=view, stage=made.stage))
    made.stage("lines", month_lines(by_account))
    made.stage("causes", cause_lines(moved, tables["days"], view=view))
    made.stage("cohorts", cohort_lines(by_account, with_reactivation=policy.cohort_reactivation))
    rates = ibis.table(RATES, name="rates")
    made.stage("exchanged", exchanges(moved, by_account, tables["days"], rates))
    each = by_account.select("account_key", cut=by_account.account_key.cast("string")).distinct()
    made.stage("account_lines", month_lines(by_account, each))
    made.stage("account_exchanged", exchanges(moved, by_account, tables["days"], rates, each))
    made.stage("one_off", one_off_lines(core_table("purchase"), tables["days"]))
    return made


def project_moment() -> Any:
    return company().as_of


@dataclass(frozen=True)
class Books:
    """A company and how it is counted."""

    company: Company
    first: str
    last: str
    policy: Policy = STANDARD
    view: str = "net"
    currency: str = "usd"

    @cached_property
    def months(self) -> list[Month]:
        return months_between(self.first, self.last)

    @cached_property
    def rates(self) -> Rates:
        return rates_of(self.company.tables["fx_rate"].to_pylist(), self.currency)

    @cached_property
    def found(self) -> dict[str, pa.Table]:
        return self.on(DuckEngine(threads=1))

    def on(self, engine: Engine) -> dict[str, pa.Table]:
        """Every stage on an engine."""
        for name in ("subscription_item", "purchase"):
            engine.load(name, self.company.tables[name])
        engine.load("factors", interval_factor())
        engine.load("plans", plan_table(self.company.project.catalog))
        engine.load("today", today(self.company.as_of))
        engine.load("days", month_days())
        engine.load("merged", self.merged)
        engine.load("rates", rate_table(self.rates, ("usd", "eur", "jpy", "gbp"), self.months))
        made = program(self.policy, self.view, True)
        engine.run(made, keep=list(made.stages))
        return {name: engine.read(name) for name in made.stages}

    @cached_property
    def merged(self) -> pa.Table:
        engine = DuckEngine(threads=1)
        engine.load("subscription_item", self.company.tables["subscription_item"])
        engine.load("today", today(self.company.as_of))
        pairs = engine.connection.sql(program(self.policy, self.view, True).sql("duckdb")["pairs"])
        return merged_accounts(pairs.to_arrow_table())

    @cached_property
    def movements(self) -> list[dict[str, Any]]:
        rows = self.found["movement"].to_pylist()
        return sorted(rows, key=lambda row: (row["account_key"], row["moved_at"], row["product_id"], row["units"]))

    @cached_property
    def net(self) -> list[dict[str, Any]]:
        return self.found["net"].to_pylist()

    @cached_property
    def bridges(self) -> list[Bridge]:
        return bridges(self.found["lines"], self.months)

    @cached_property
    def totals(self) -> list[Bridge]:
        return total_bridges(self.found["lines"], self.months, self.rates, exchanged=self.found["exchanged"])

    @cached_property
    def retentions(self) -> list[Retention]:
        return retentions(self.found["lines"], self.months)

    @cached_property
    def total_retentions(self) -> list[Retention]:
        return total_retentions(self.found["lines"], self.months, self.rates, exchanged=self.found["exchanged"])

    @cached_property
    def cohorts(self) -> list[Cohort]:
        return cohorts(self.found["cohorts"], self.months, self.rates)


def books(*rows: Any, as_of: str = "2026-06-30", first: str = "2026-01", last: str = "2026-06", **how: Any) -> Books:
    """The books of a company's rows, from ``first`` to ``last``."""
    return Books(company(*rows, as_of=as_of), first, last, **how)
