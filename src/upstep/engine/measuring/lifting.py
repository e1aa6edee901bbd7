"""What experiments found: incremental expansion MRR of the exposed accounts, and conversions of offers, arm by arm."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from upstep.clock import DAY_SECONDS, to_seconds
from upstep.engine.compiled import kept_statements, source_digest
from upstep.engine.offering.experimenting import listed
from upstep.experiments.exposure import Exposure, exposures
from upstep.experiments.lift import WINDOW_DAYS, Lift, Seen, lift
from upstep.money import UNITS_PER_MINOR
from upstep.movements.accounts import merged_accounts, merged_pairs
from upstep.movements.movement import movements
from upstep.movements.plans import plan_table
from upstep.movements.policy import PRESETS
from upstep.revenue.attribution import offer_rows
from upstep.revenue.rates import rates_of
from upstep.state.session import reading
from upstep.tables.facts import open_facts
from upstep.tables.query import DuckEngine, Program, core_table

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import sqlalchemy as sa

    from upstep.engine.project import Project
    from upstep.experiments.experiment import Experiment

CONVERSION_DAYS = 30
"""An offer that converts so many days after the exposure counts as converted; an account within them waits."""

MRR, CONVERSION = "expansion_mrr", "conversion"


@dataclass(frozen=True)
class Result:
    """One experiment and what it found by now.

    Args:
        measures: expansion_mrr (minor units a month of ``currency``; what an account's MRR grew by within 90 days of
            its exposure, less contraction and churn in those days) and, of a test, conversion (share of accounts).
    """

    experiment: Experiment
    currency: str
    exposed: int
    measures: Mapping[str, Lift]

    @property
    def is_off(self) -> bool:
        """Whether the arms are not drawn as they should be, so that nothing may be concluded."""
        return any(not found.is_believable for found in self.measures.values())


def results(project: Project, state: sa.Engine | None, *, now: datetime, only: str | None = None) -> tuple[Result, ...]:
    """Every experiment with what it found, oldest first. ``only``: the id of one."""
    known = [one for one in listed(project, state, now=now) if only in (None, one.experiment_id)]
    seen: Mapping[str, Sequence[Exposure]] = {}
    if state is not None:
        with reading(state) as connection:
            seen = exposures(connection)
    exposed = [row for one in known for row in seen.get(one.experiment_id, ())]
    moved, as_of = _moved(project, {row.account_id for row in exposed}) if exposed else ({}, 0)
    offers = offer_rows(state, until=now) if state is not None and exposed else []
    return tuple(
        _result(project, one, seen.get(one.experiment_id, ()), moved, offers, as_of=as_of, at=to_seconds(now))
        for one in known
    )


Moved = Mapping[str, Sequence[tuple[int, str, float]]]
"""Account to its movements: the instant, the category, and minor units in the company's currency."""


def _result(
    project: Project,
    experiment: Experiment,
    rows: Sequence[Exposure],
    moved: Moved,
    offers: Sequence[Mapping[str, Any]],
    *,
    as_of: int,
    at: int,
) -> Result:
    shares = {arm.name: arm.share for arm in experiment.arms}
    grown = [
        Seen(row.account_id, row.arm, begins, grown_by(moved.get(row.account_id, ()), begins, until=as_of))
        for row in rows
        for begins in (to_seconds(row.exposed_at),)
    ]
    measures = {MRR: lift(grown, shares=shares, at=at)}
    if experiment.kind == "test":
        converted = _converted(experiment, offers)
        told = [
            Seen(row.account_id, row.arm, begins, _is_converted(converted.get(row.account_id, ()), begins, at=at))
            for row in rows
            for begins in (to_seconds(row.exposed_at),)
        ]
        measures[CONVERSION] = lift(told, shares=shares, at=at)
    return Result(experiment, project.settings.currency, len(rows), measures)


# Money


def grown_by(moved: Sequence[tuple[int, str, float]], begins: int, *, until: int) -> float | None:
    """Expansion in the 90 days after an exposure, net of contraction and churn; None: they are not over.

    An account that comes back within the days takes its churn back, and no more than that.

    >>> day = 86_400
    >>> grown_by([(day, "expansion", 50.0), (40 * day, "contraction", -20.0)], 0, until=90 * day)
    30.0
    >>> grown_by([(day, "churn", -50.0), (9 * day, "reactivation", 80.0)], 0, until=90 * day)
    0.0
    """
    ends = begins + WINDOW_DAYS * DAY_SECONDS
    if until < ends:
        return None
    sums: dict[str, float] = defaultdict(float)
    for at, category, amount in moved:
        if begins <= at < ends:
            sums[category] += amount
    lost = min(0.0, sums["churn"] + sums["reactivation"]) if sums["churn"] else 0.0
    return sums["expansion"] + sums["contraction"] + lost


def _moved(project: Project, accounts: set[str]) -> tuple[Moved, int]:
    """The movements of some accounts in the company's currency at the last rate, and up to when they are known."""
    engine = DuckEngine(spill=str(project.folder / ".upstep" / "spill"))
    facts = open_facts(project.folder, engine)
    words = project.words(facts.as_of, meter_keys={}, known={}).tables
    small = {"interval_factor": words["interval_factor"], "today": words["today"]}
    small |= {"plan": plan_table(project.catalog)}
    tables = {name: engine.load(name, rows) for name, rows in small.items()}
    merged = _merged(engine, tables["today"])
    keys, into = _keys(engine, merged, accounts)
    tables["merged"] = engine.load("merged", merged)
    tables["exposed_account"] = engine.load("exposed_account", pa.table({"account_key": pa.array(keys, pa.int32())}))
    policy = PRESETS[project.settings.mrr_policy]
    kept = kept_statements(
        project.cache_folder,
        "lift",
        (source_digest("movements/*.py", "engine/measuring/lifting.py"), repr(policy)),
        lambda: _queries(tables, project),
    )
    engine.run(kept, keep=["movement"])
    as_of = to_seconds(facts.as_of)
    rates = rates_of(engine.read("fx_rate").to_pylist(), project.settings.currency)
    by_key: dict[int, list[tuple[int, str, float]]] = defaultdict(list)
    for row in engine.read("movement").select(["account_key", "currency", "moved_at", "category", "units"]).to_pylist():
        # One rate for all: what rates did is nobody's lift. Without a rate the account's money is told as nothing.
        rate = rates.at(row["currency"], as_of) or 0
        by_key[row["account_key"]].append(
            (row["moved_at"], row["category"], float(row["units"] * rate / UNITS_PER_MINOR))
        )
    return {account: by_key.get(key, []) for account, key in into.items()}, as_of


def _queries(tables: Mapping[str, ir.Table], project: Project) -> Program:
    program = Program()
    items = core_table("subscription_item")
    mine = items.semi_join(tables["exposed_account"], "account_key")
    moved = movements(
        program.stage("exposed_item", mine),
        factors=tables["interval_factor"],
        plans=tables["plan"],
        today=tables["today"],
        policy=PRESETS[project.settings.mrr_policy],
        merged=tables["merged"],
        stage=program.stage,
    )
    program.stage("movement", moved)
    return program


def _merged(engine: DuckEngine, today: ir.Table) -> pa.Table:
    program = Program()
    program.stage("merged_pairs", merged_pairs(core_table("subscription_item"), today))
    engine.run(program)
    return merged_accounts(engine.read("merged_pairs"))


def _keys(engine: DuckEngine, merged: pa.Table, accounts: set[str]) -> tuple[list[int], dict[str, int]]:
    """The keys whose items are read, with those that merged into them, and account to key after mergers."""
    known: dict[str, int] = dict(engine.connection.execute("SELECT account_id, account_key FROM account").fetchall())
    ends: dict[int, int] = dict(
        zip(merged["account_key"].to_pylist(), merged["into_account_key"].to_pylist(), strict=True)
    )
    into = {account: ends.get(known[account], known[account]) for account in accounts if account in known}
    wanted = set(into.values())
    return sorted(wanted | {key for key, end in ends.items() if end in wanted}), into


# Conversions


def _converted(experiment: Experiment, offers: Sequence[Mapping[str, Any]]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for row in offers:
        covered = experiment.covers(play=row["play"], motion=row["motion"], path="self_serve")
        if covered and row["converted_at"] is not None:
            found[row["account_id"]].append(row["converted_at"])
    return found


def _is_converted(instants: Sequence[int], begins: int, *, at: int) -> float | None:
    """One or zero when the time is over, for all alike: who said yes early is not known earlier than who did not."""
    ends = begins + CONVERSION_DAYS * DAY_SECONDS
    if at < ends:
        return None
    return float(any(begins <= instant < ends for instant in instants))
