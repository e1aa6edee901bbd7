"""Deciding: facts as of an instant become one decision per step, for one account or for all, by the same queries."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

import ibis
import pyarrow as pa
import pyarrow.compute as pc

import upstep
from upstep.clock import DAY_SECONDS, from_seconds, iso, to_seconds
from upstep.engine.compiled import kept_statements
from upstep.engine.deciding.assemble import assemble, columns_read
from upstep.engine.deciding.desk import FEW_ACCOUNTS, SOME_ACCOUNTS, WIDE_FROM, Desk, cuts
from upstep.engine.deciding.finishing import finish
from upstep.engine.deciding.holdouts import hold_out
from upstep.engine.deciding.told import core_inputs
from upstep.engine.project import Project
from upstep.errors import Fault, SourceError
from upstep.plays.evaluate import add_conditions
from upstep.plays.gates import add_gates
from upstep.plays.grain import GRAINS
from upstep.plays.people import meter_people
from upstep.plays.propose import SCHEMA, Fired, propose
from upstep.plays.rank import INPUTS, build
from upstep.tables.facts import Facts, open_facts
from upstep.tables.lake import open_snapshot
from upstep.tables.pruned import pruned
from upstep.tables.query import DuckEngine, Engine, Program, Statements, arrow_types, core_schema, core_table, union_all
from upstep.tables.schema import REQUIRED_TABLES, TABLES
from upstep.tables.sqlite import SqliteEngine

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from upstep.plays.grain import Grain
    from upstep.signals.profile import Vocabulary
    from upstep.tables.standing import StandingEngine

Progress = Callable[[str, float], None]

CHUNK_ACCOUNTS = 250_000
"""Accounts are independent: above this many they are decided in parts, which bounds memory."""

_FIT_COLUMNS = [
    "account_key",
    "product_id",
    "meter_id",
    "limit_quantity",
    "is_unlimited",
    "is_own_limit",
    "enforcement",
    "used",
    "plan_used_1",
    "plan_used_2",
    "plan_used_3",
    "forecast_use",
    "forecast_high",
    "peak_3",
]
_OWNED_COLUMNS = [
    "account_key",
    "product_id",
    "plan_id",
    "currency",
    "interval",
    "interval_count",
    "quantity",
    "recurring_units",
    "plan_units",
    "add_on_units",
]


@dataclass(frozen=True)
class Inputs:
    """What the house of plays is told from outside: tables as ``plays.rank.INPUTS`` says, keyed by account id.

    Empty tables mean: nothing was asked, answered, planned, held out or learned.
    """

    tables: Mapping[str, pa.Table]

    @property
    def digest(self) -> str:
        """The contents, for the run's id."""
        parts = [
            # Rows are a set: the order in which the state tells them says nothing.
            "\n".join(
                [name, *sorted(json.dumps(row, sort_keys=True, default=str) for row in table.to_pylist())]
            ).encode()
            for name, table in sorted(self.tables.items())
        ]
        return hashlib.blake2b(b"\0".join(parts), digest_size=16).hexdigest()


@dataclass(frozen=True)
class Run:
    """What one run decided.

    Args:
        decisions: One row per step and notice; columns in ``engine.deciding.assemble``.
        coverage: What could be decided, and what connecting a table would settle.
    """

    run_id: str
    as_of: datetime
    decisions: pa.Table
    coverage: dict[str, Any]
    facts: Facts


class Decider:
    """A project's compiled queries, kept warm: build once, decide often."""

    def __init__(self, project: Project, *, owners_connected: bool) -> None:
        self.project = project
        self.playbook = project.playbook
        self.rules = project.rules(owners_connected=owners_connected)
        each = {play.each for play in self.playbook.plays}
        self.grains = [grain for grain in GRAINS.values() if grain.name in each]
        self._known_statements: dict[tuple[str, str], Statements] = {}
        self._desks: dict[bool, list[Desk]] = {False: [], True: []}
        self._asked_for_some = 0

    @cached_property
    def whole_profiles(self) -> Program:
        """Core tables to profiles, to what fired, to what is needed to price it; with every column, for ``explain``."""
        program = self.project.profiles()
        tables = self._tables(program)
        add_conditions(program, self.playbook, tables)
        add_gates(program, tables)
        _add_fit_inputs(program, self.grains)
        return program

    @cached_property
    def profiles(self) -> Program:
        """The same with only what a decision needs."""
        return pruned(self.whole_profiles, dict.fromkeys(self.kept))

    @cached_property
    def ranking(self) -> Program:
        """Proposals to decisions."""
        whole = self.whole_ranking
        return pruned(whole, {"decided": columns_read(whole.stages["decided"].columns), "meter_people": None})

    @cached_property
    def whole_ranking(self) -> Program:
        """The same with every column."""
        tables = self._tables(self.whole_profiles)
        tables |= {name: core_table(name) for name in ("contact", "contact_key", "moment", "usage_contact")}
        tables["proposal"] = ibis.table(arrow_types(pa.schema(list(SCHEMA.items()))), name="proposal")
        tables |= {name: ibis.table(dict(columns), name=name) for name, columns in INPUTS.items()}
        program = Program()
        build(self.playbook, self.rules, tables, program)
        if self._has_limits:
            program.stage("meter_people", meter_people(tables["fired_limit"], tables))
        return program

    @property
    def account_gates(self) -> Statements:
        """What the account gates need, and no more; for DuckDB."""
        return self._statements("account_gates", lambda: pruned(self.whole_profiles, {"account_gates": None}))

    @property
    def _has_limits(self) -> bool:
        return any(grain.name == "limit" for grain in self.grains)

    def _statements(self, name: str, build: Callable[[], Program], *, dialect: str = "duckdb") -> Statements:
        """A program for an embedded engine, from disk where it was kept. Only ranking reads settings."""
        if (name, dialect) not in self._known_statements:
            ruled = (repr(self.rules),) if name == "ranking" else ()
            parts = (self.project.shape, self.playbook.hash, *ruled)
            kept = kept_statements(self.project.cache_folder, name, parts, build, dialect=dialect)
            self._known_statements[name, dialect] = kept
        return self._known_statements[name, dialect]

    def programs(self, engine: Engine, *, whole: bool = False) -> tuple[Program | Statements, Program | Statements]:
        """What the engine runs before and after the proposals."""
        if engine.dialect not in ("duckdb", "sqlite"):
            return self.whole_profiles if whole else self.profiles, self.ranking
        if whole:
            profiles = self._statements("whole_profiles", lambda: self.whole_profiles, dialect=engine.dialect)
        else:
            profiles = self._statements("profiles", lambda: self.profiles, dialect=engine.dialect)
        return profiles, self._statements("ranking", lambda: self.ranking, dialect=engine.dialect)

    def is_wide_desk_worth_it(self) -> bool:
        """Whether some accounts are decided here often enough; being asked counts."""
        self._asked_for_some += 1
        return self._asked_for_some >= WIDE_FROM

    @contextmanager
    def desk(self, *, is_wide: bool = False) -> Iterator[Desk]:
        """A warm engine for some accounts, given back afterwards; one that failed is not used again."""
        free = self._desks[is_wide]
        desk = free.pop() if free else Desk(is_wide=is_wide)
        yield desk
        free.append(desk)

    @cached_property
    def few_reads(self) -> dict[str, set[str]]:
        """Of each core table, the columns that a decision of few accounts reads."""
        return self._reads(SqliteEngine.dialect)

    @cached_property
    def reads(self) -> dict[str, set[str]]:
        """The same of many accounts."""
        return self._reads(DuckEngine.dialect)

    def _reads(self, dialect: str) -> dict[str, set[str]]:
        found = {"fx_rate": set(core_schema("fx_rate"))}
        profiles = self._statements("profiles", lambda: self.profiles, dialect=dialect)
        ranking = self._statements("ranking", lambda: self.ranking, dialect=dialect)
        for table, columns in [*profiles.reads.items(), *ranking.reads.items()]:
            found.setdefault(table, set()).update(columns)
        return found

    def _tables(self, program: Program) -> dict[str, ir.Table]:
        words = self.project.words(from_seconds(1_750_000_000), meter_keys={}, known=dict.fromkeys(TABLES, True))
        tables = {name: ibis.table(arrow_types(rows.schema), name=name) for name, rows in words.tables.items()}
        return tables | {name: ibis.table(select.schema(), name=name) for name, select in program.stages.items()}

    @property
    def kept(self) -> list[str]:
        """Stages that are read after the program has run."""
        fired = [f"fired_{grain.name}" for grain in self.grains]
        return [*fired, "fit_owned", "fit_limits", "account_gates", "product_gates", "goals", "stock_reached"]

    def decide(
        self,
        engine: Engine,
        words: Vocabulary,
        inputs: Mapping[str, pa.Table],
        *,
        as_of: datetime,
        keep: Sequence[str] = (),
    ) -> pa.Table:
        """Decide for every account whose core tables the engine holds; rows of ``deciding.assemble``, unranked.

        Args:
            keep: Stages that the caller reads afterwards.
        """
        for name, rows in words.tables.items():
            engine.load(name, inputs.get(name, rows))
        profiles, ranking = self.programs(engine, whole=bool(keep))
        engine.run(profiles, keep=[*self.kept, *keep])
        fired = Fired(
            {grain.name: engine.read(f"fired_{grain.name}") for grain in self.grains},
            engine.read("fit_owned"),
            engine.read("fit_limits"),
            engine.read("stock_reached"),
        )
        proposals = propose(
            fired,
            self.playbook,
            self.project.catalog,
            on=as_of.date(),
            nearly_same_percent=self.project.settings.nearly_same_percent,
        )
        engine.load("proposal", proposals)
        for name, rows in inputs.items():
            engine.load(name, rows)
        engine.run(ranking)
        decided = engine.read("decided")
        people = engine.read("meter_people") if self._has_limits else None
        names = engine.read("account_gates").select(["account_key", "account_id", "name", "owner_id"])
        engine.drop("decided", "meter_people", "proposal", *(name for name in self.kept if name not in keep))
        return assemble(decided, fired, names, people, self.playbook, self.project.catalog, as_of=as_of)


def _add_fit_inputs(program: Program, grains: Sequence[Grain]) -> None:
    """What the accounts that fired hold: stages ``fit_owned`` and ``fit_limits``."""
    stages = {name: ibis.table(select.schema(), name=name) for name, select in program.stages.items()}
    fired = [stages[f"fired_{grain.name}"].select("account_key") for grain in grains]
    accounts = program.stage("fired_accounts", union_all(fired).distinct())
    owned = stages["owned"].filter(stages["owned"].plan_id.notnull()).select(_OWNED_COLUMNS)
    program.stage("fit_owned", owned.semi_join(accounts, "account_key"))
    program.stage("fit_limits", stages["limit_profile"].select(_FIT_COLUMNS).semi_join(accounts, "account_key"))


_DECIDERS: dict[tuple[str, ...], Decider] = {}
_DECIDERS_MAX = 4


def decider_of(project: Project, *, owners_connected: bool) -> Decider:
    """The project's compiled queries, made once in the life of the process for equal catalog, plays and settings."""
    parts = (project.catalog.hash, project.playbook.hash, repr(project.settings), str(owners_connected))
    if parts not in _DECIDERS:
        while len(_DECIDERS) >= _DECIDERS_MAX:
            _DECIDERS.pop(next(iter(_DECIDERS)))
        _DECIDERS[parts] = Decider(project, owners_connected=owners_connected)
    return _DECIDERS[parts]


def decide(
    project: Project,
    *,
    as_of: datetime | None = None,
    accounts: Iterable[str] | None = None,
    inputs: Inputs | None = None,
    progress: Progress = lambda _what, _share: None,
    memory_limit: str | None = None,
) -> Run:
    """Decide every step as of an instant. Writes nothing; see ``engine.deciding.ledger`` for what keeps it.

    Args:
        as_of: Default: the smaller ``complete_through`` of subscription_item and usage.
        accounts: Only these.

    Raises:
        SourceError: A required table is not connected.
    """
    wanted = None if accounts is None else sorted(set(accounts))
    decider = decider_of(project, owners_connected="owner" in open_snapshot(project.folder).manifest.connected)
    if wanted is not None and len(wanted) <= FEW_ACCOUNTS:
        return _decide_some(project, decider, wanted, as_of=as_of, inputs=inputs)
    if wanted is not None and len(wanted) <= SOME_ACCOUNTS and decider.is_wide_desk_worth_it():
        return _decide_some(project, decider, wanted, as_of=as_of, inputs=inputs)
    engine = DuckEngine(memory_limit=memory_limit, spill=str(project.folder / ".upstep" / "spill"))
    progress("opening facts", 0.0)
    facts = open_facts(
        project.folder,
        engine,
        as_of=as_of,
        account_ids=wanted,
        buckets=() if wanted is None else None,
        columns=decider.reads,
    )
    _require(project, facts)
    known = known_tables(facts, project.settings.fresh_days)
    outside = (inputs or Inputs({})).tables
    parts: list[pa.Table] = []
    chunks = _chunks(facts) if wanted is None else [None]
    for index, buckets in enumerate(chunks):
        progress("deciding", index / len(chunks))
        if buckets is not None:
            open_facts(project.folder, engine, as_of=facts.as_of, buckets=buckets)
        words = project.words(
            facts.as_of, meter_keys=meter_keys(engine), known=known, usage_from_day=usage_from_day(facts)
        )
        told = core_inputs(engine, outside, project, facts.as_of)
        parts.append(hold_out(decider.decide(engine, words, told, as_of=facts.as_of), outside))
    run_id = identify(project, facts, inputs)
    decisions = finish(_taken(parts), run_id=run_id)
    progress("deciding", 1.0)
    return Run(run_id, facts.as_of, decisions, coverage(decisions, facts, known), facts)


def _decide_some(
    project: Project, decider: Decider, accounts: list[str], *, as_of: datetime | None, inputs: Inputs | None
) -> Run:
    """The same for some accounts, whose facts are few enough that planning would take longer than answering."""
    is_wide = len(accounts) > FEW_ACCOUNTS
    with decider.desk(is_wide=is_wide) as desk:
        reads = decider.reads if is_wide else decider.few_reads
        facts = desk.facts.open(project.folder, as_of=as_of, account_ids=accounts, columns=reads)
        _require(project, facts)
        known = known_tables(facts, project.settings.fresh_days)
        keys, since = meter_keys(desk.engine), usage_from_day(facts)
        words = desk.words(
            (facts.as_of, keys, known, since),
            lambda: project.words(facts.as_of, meter_keys=keys, known=known, usage_from_day=since),
        )
        outside = (inputs or Inputs({})).tables
        told = core_inputs(desk.engine, outside, project, facts.as_of)
        desk.engine.late["usage_raw"] = lambda: desk.facts.events(cuts(desk.engine))
        rows = hold_out(decider.decide(desk.engine, words, told, as_of=facts.as_of), outside)
    run_id = identify(project, facts, inputs)
    decisions = finish(rows, run_id=run_id)
    return Run(run_id, facts.as_of, decisions, coverage(decisions, facts, known), facts)


def _taken(parts: list[pa.Table]) -> pa.Table:
    """All parts as one table; the list lets go of them, so that no row is in memory twice while it is sorted."""
    rows = pa.concat_tables(parts)
    parts.clear()
    return rows


def _require(project: Project, facts: Facts) -> None:
    missing = [name for name in REQUIRED_TABLES if name not in facts.connected]
    if missing:
        advice = f"Map it in mapping.yaml or put data/{missing[0]}.csv there, then run 'upstep load'."
        raise SourceError([Fault(str(project.folder), f"table {name} is not loaded.", advice) for name in missing])


def _chunks(facts: Facts) -> list[list[int]]:
    stored = facts.snapshot.manifest.tables.get("account_key")
    count = -(-stored.rows // CHUNK_ACCOUNTS) if stored else 1
    count = min(max(count, 1), 64)
    return [list(range(index * 64 // count, (index + 1) * 64 // count)) for index in range(count)]


def meter_keys(engine: DuckEngine | StandingEngine) -> dict[str, int]:
    """Meter id to its key, of the facts that are open."""
    return dict(engine.connection.execute("SELECT meter_id, meter_key FROM meter_key").fetchall())


def known_tables(facts: Facts, fresh_days: int) -> dict[str, bool]:
    """Whether each canonical table is connected and fresh: complete until at most ``fresh_days`` before the as-of."""
    oldest = to_seconds(facts.as_of) - fresh_days * DAY_SECONDS
    known = {
        name: name in facts.complete_through and to_seconds(facts.complete_through[name]) >= oldest for name in TABLES
    }
    stored = facts.snapshot.manifest.tables
    people = (stored.get(name) for name in ("usage_contact", "usage_contact_recent"))
    return known | {"usage_contact": any(table is not None and table.rows > 0 for table in people)}


def usage_from_day(facts: Facts) -> int:
    """The first day of which the company has any usage; 0 without usage. No use before it says nothing."""
    days = [path.rpartition("day=")[2].partition("/")[0] for path in facts.snapshot.files("usage")]
    return min((int(day) for day in days if day.lstrip("-").isdigit()), default=0)


def identify(project: Project, facts: Facts, inputs: Inputs | None) -> str:
    """The run's id: what it was told and by which rules, never the clock; see ``docs/words.md``."""
    parts = {
        "as_of": iso(facts.as_of),
        "loads": dict(sorted(facts.load_ids.items())),
        "catalog": project.catalog.hash,
        "plays": project.playbook.hash,
        "settings": repr(project.settings),
        "inputs": (inputs or Inputs({})).digest,
        "version": upstep.__version__,
    }
    return hashlib.blake2b(json.dumps(parts, sort_keys=True).encode(), digest_size=8).hexdigest()


def coverage(decisions: pa.Table, facts: Facts, known: Mapping[str, bool]) -> dict[str, Any]:
    """How many steps came out how, and which table would settle how many of the unconfirmed ones."""
    from upstep.plays.gates import GATES

    told = decisions.select(["path", "outcome", "unknown"])
    steps = told.filter(pc.not_equal(told["path"], "notice"))
    counted = {row["values"]: row["counts"] for row in pc.value_counts(steps["outcome"]).to_pylist()}
    missing = [name for name in TABLES if not known[name]]
    settles: dict[str, int] = {}
    unconfirmed = steps.filter(pc.equal(steps["outcome"], "unconfirmed"))
    for gate in GATES.values():
        absent = [name for name in gate.tables if name in missing]
        if absent and unconfirmed.num_rows:
            asks = pc.match_substring(unconfirmed["unknown"], f'"gate":"{gate.id}"')
            count = pc.sum(pc.cast(asks, pa.int64())).as_py() or 0
            if count:
                settles[absent[0]] = settles.get(absent[0], 0) + count
    return {
        "steps": steps.num_rows,
        "notices": decisions.num_rows - steps.num_rows,
        **{
            name: counted.get(name, 0) for name in ("eligible", "unconfirmed", "held", "unfit", "outranked", "held_out")
        },
        "connected": sorted(facts.connected),
        "missing": [name for name in missing if name != "usage"],
        "connecting_would_settle": settles,
        "as_of_precision": facts.as_of_precision,
    }
