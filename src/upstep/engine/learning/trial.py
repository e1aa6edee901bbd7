"""A play tried before it meets anyone: who would be asked as of an instant, who waits and why, who is just below.

What a condition reads is worked out once and kept beside the project's facts, so that the next count of a
play, with other thresholds perhaps, is one scan of a narrow file. What would come of it is what ``decide`` says: the
accounts for which the play fires are decided with every play, and the steps that this play speaks for are kept.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ibis
import pyarrow as pa

from upstep.clock import from_seconds, iso
from upstep.engine.compiled import kept_statements, source_digest
from upstep.engine.deciding.decide import CHUNK_ACCOUNTS, decide, known_tables, meter_keys, usage_from_day
from upstep.engine.deciding.explain import parsed
from upstep.errors import Fault, SourceError
from upstep.plays.evaluate import fact_columns, grain_input
from upstep.plays.expression import compile_condition
from upstep.plays.grain import GRAINS
from upstep.plays.just_below import easier
from upstep.tables.facts import default_as_of, open_facts
from upstep.tables.lake import BUCKETS, open_snapshot
from upstep.tables.pruned import pruned
from upstep.tables.query import DuckEngine, Program, arrow_types, compile_select
from upstep.tables.schema import REQUIRED_TABLES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    import ibis.expr.types as ir

    from upstep.engine.deciding.decide import Inputs
    from upstep.engine.project import Project
    from upstep.plays.play import Play
    from upstep.tables.lake import Snapshot

WIDE_MAX = 6
"""So many instants' figures are kept; the oldest goes first."""

OUTCOMES = ("eligible", "unconfirmed", "held", "unfit", "outranked", "held_out")
"""What may become of a step, in the order in which it is told; ``docs/gates.md`` says what each means."""


@dataclass(frozen=True)
class Matched:
    """For whom a play's condition is true.

    Args:
        as_of: None of its figures is later.
        subjects: How many limits, products, … it is true of; an account may have several.
        accounts: Ids, in order.
        below: Accounts just below the threshold, without those that match; ``plays.just_below`` says what that is.
        has_threshold: Whether the condition has a threshold at all; without one nobody is just below.
    """

    as_of: datetime
    subjects: int
    accounts: tuple[str, ...]
    below: tuple[str, ...]
    has_threshold: bool

    @property
    def counts(self) -> Counts:
        """How many there are."""
        return Counts(self.as_of, self.subjects, len(self.accounts), len(self.below), self.has_threshold)


@dataclass(frozen=True)
class Counts:
    """How many a play's condition is true for; see ``Matched``."""

    as_of: datetime
    subjects: int
    accounts: int
    below: int
    has_threshold: bool


@dataclass(frozen=True)
class Trial:
    """What would come of a play as of an instant.

    Args:
        steps: Decisions for which the play speaks, leading or as evidence; rows of ``explain.parsed``.
        notices: How many service notices it would give beside them.
    """

    play: str
    matched: Matched
    steps: tuple[dict[str, Any], ...]
    notices: int

    @cached_property
    def outcomes(self) -> dict[str, int]:
        """Steps by outcome; every outcome is there."""
        counted = Counter(step["outcome"] for step in self.steps)
        return {outcome: counted[outcome] for outcome in OUTCOMES}

    def by_outcome(self, outcome: str) -> list[dict[str, Any]]:
        """The steps that came out so, best first."""
        return [step for step in self.steps if step["outcome"] == outcome]

    @property
    def asked(self) -> frozenset[str]:
        """Accounts that would be asked: an eligible step that wins its lane."""
        return frozenset(step["account_id"] for step in self.by_outcome("eligible"))

    @property
    def holds(self) -> dict[str, int]:
        """Gate to the held steps that it holds, most first; one step may be held by several."""
        return _gates(self.by_outcome("held"), "holds")

    @property
    def questions(self) -> dict[str, int]:
        """Gate to the unconfirmed steps whose question is open, most first."""
        return _gates(self.by_outcome("unconfirmed"), "unknown")


def _gates(steps: Sequence[Mapping[str, Any]], column: str) -> dict[str, int]:
    return dict(Counter(entry["gate"] for step in steps for entry in step[column]).most_common())


def try_play(
    project: Project,
    play: Play,
    *,
    as_of: datetime | None = None,
    accounts: Sequence[str] | None = None,
    inputs: Inputs | None = None,
    keep: bool = True,
) -> Trial:
    """Try a play on everyone, or on the accounts named.

    Args:
        keep: Keep what the condition reads, for the next time; a replay of many weeks does not.

    Raises:
        SourceError: A required table is not connected.
    """
    found = matched(project, play, as_of=as_of, accounts=accounts, keep=keep)
    if not found.accounts:
        return Trial(play.id, found, (), 0)
    run = decide(project, as_of=found.as_of, accounts=found.accounts, inputs=inputs)
    mine = [row for row in run.decisions.to_pylist() if row["play"] == play.id or play.id in row["evidence"]]
    steps = tuple(parsed(row) for row in mine if row["path"] != "notice")
    return Trial(play.id, found, steps, len(mine) - len(steps))


def matched(
    project: Project,
    play: Play,
    *,
    as_of: datetime | None = None,
    accounts: Sequence[str] | None = None,
    keep: bool = True,
) -> Matched:
    """For whom the condition is true as of an instant, and who is just below: no prices, no gates.

    Args: see ``try_play``.

    Raises:
        SourceError: A required table is not connected.
    """
    engine, wide, at = _figures(project, play, as_of=as_of, accounts=accounts, keep=keep)
    per = _by_account(play, wide, account_id=wide.account_id.min())
    rows = engine.connection.sql(compile_select(per, engine.dialect)).to_arrow_table().to_pylist()
    found = sorted(row["account_id"] for row in rows if row["subjects"])
    below = sorted(row["account_id"] for row in rows if not row["subjects"])
    subjects = sum(row["subjects"] for row in rows)
    return Matched(at, subjects, tuple(found), tuple(below), easier(play.condition) is not None)


def count(
    project: Project, play: Play, *, as_of: datetime | None = None, accounts: Sequence[str] | None = None
) -> Counts:
    """How many ``matched`` would name, without naming them.

    Raises:
        SourceError: A required table is not connected.
    """
    engine, wide, at = _figures(project, play, as_of=as_of, accounts=accounts, keep=True)
    per = _by_account(play, wide)
    row = engine.connection.execute(
        "SELECT coalesce(sum(subjects), 0)::BIGINT, count(*) FILTER (subjects > 0), count(*) FILTER (subjects = 0)"
        f" FROM ({compile_select(per, engine.dialect)})"
    ).fetchone()
    assert row is not None
    subjects, accounts_found, below = row
    return Counts(at, subjects, accounts_found, below, easier(play.condition) is not None)


def _by_account(play: Play, wide: ir.Table, **more: ir.Value) -> ir.Table:
    """One row per account that matches or is just below: subjects that match."""
    fires = ibis.coalesce(compile_condition(play.condition.tree, wide), False)
    tree = easier(play.condition)
    near = fires if tree is None else ibis.coalesce(compile_condition(tree, wide), False)
    told = wide.filter(fires | near)
    return told.group_by("account_key").agg(subjects=ibis.ifelse(fires, 1, 0).sum().cast("int64"), **more)


def _figures(
    project: Project, play: Play, *, as_of: datetime | None, accounts: Sequence[str] | None, keep: bool
) -> tuple[DuckEngine, ir.Table, datetime]:
    """An engine with the table of what the condition reads, and the instant that it speaks of."""
    snapshot = open_snapshot(project.folder)
    missing = [name for name in REQUIRED_TABLES if name not in snapshot.manifest.connected]
    if missing:
        advice = f"Map it in mapping.yaml or put data/{missing[0]}.csv there, then run 'upstep load'."
        raise SourceError([Fault(str(project.folder), f"table {name} is not loaded.", advice) for name in missing])
    at = as_of or from_seconds(default_as_of(project.folder, snapshot))
    engine = DuckEngine(spill=str(project.folder / ".upstep" / "spill"))
    if accounts is None and keep:
        return engine, _kept_wide(project, play, snapshot, engine, at=at), at
    return engine, _wide_view(engine, [_wide(project, play, engine, at=at, accounts=accounts)]), at


# What the condition reads


def _kept_wide(project: Project, play: Play, snapshot: Snapshot, engine: DuckEngine, *, at: datetime) -> ir.Table:
    """The figures of everyone, from disk where they were kept; else worked out in parts, which bounds memory, and kept.

    The file's name says all that its rows depend on, so a stale one is never read.
    """
    # Beside this project's own facts, also where queries are shared by many.
    folder = project.folder / ".upstep" / "figures"
    path = folder / f"{play.each}-{_wide_key(project, play, snapshot, at=at)}"
    if not path.is_dir():
        fresh = path.with_name(f".{path.name}.{id(engine)}")
        fresh.mkdir(parents=True, exist_ok=True)
        for index, buckets in enumerate(_parts(snapshot)):
            rows = _wide(project, play, engine, at=at, buckets=buckets)
            engine.load("_wide", rows)
            engine.connection.execute(f"COPY _wide TO '{fresh / f'{index}.parquet'}' (FORMAT parquet)")
        engine.drop("_wide")
        with suppress(OSError):  # Another process was faster; its rows are the same.
            fresh.rename(path)
        _forget(folder)
        path = path if path.is_dir() else fresh
    return _wide_view(engine, sorted(path.glob("*.parquet")))


def _parts(snapshot: Snapshot) -> list[list[int]]:
    stored = snapshot.manifest.tables.get("account_key")
    count = min(max(-(-stored.rows // CHUNK_ACCOUNTS) if stored else 1, 1), BUCKETS)
    return [list(range(index * BUCKETS // count, (index + 1) * BUCKETS // count)) for index in range(count)]


def _wide_key(project: Project, play: Play, snapshot: Snapshot, *, at: datetime) -> str:
    loads = {name: table.load_ids for name, table in sorted(snapshot.manifest.connected.items())}
    parts = (
        *(source_digest(), project.catalog.hash, repr(project.settings), iso(at), repr(loads)),
        *(str(snapshot.folder), play.each, *_columns(play), repr(play.condition.meters)),
    )
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=12).hexdigest()


def _columns(play: Play) -> list[str]:
    return sorted(fact_columns(GRAINS[play.each], [play]))


def _forget(folder: Path) -> None:
    kept = sorted(folder.iterdir(), key=lambda found: found.stat().st_mtime, reverse=True)
    for old in kept[WIDE_MAX:]:
        for file in old.glob("*"):
            file.unlink(missing_ok=True)
        with suppress(OSError):
            old.rmdir()


def _wide(
    project: Project,
    play: Play,
    engine: DuckEngine,
    *,
    at: datetime,
    buckets: Sequence[int] | None = None,
    accounts: Sequence[str] | None = None,
) -> pa.Table:
    """One row per subject: account_id, account_key, what names the subject, every figure that the condition reads."""
    facts = open_facts(project.folder, engine, as_of=at, account_ids=accounts, buckets=buckets)
    known = known_tables(facts, project.settings.fresh_days)
    keys = meter_keys(engine)
    words = project.words(facts.as_of, meter_keys=keys, known=known, usage_from_day=usage_from_day(facts))
    for name, rows in words.tables.items():
        engine.load(name, rows)
    parts = (project.shape, play.each, *_columns(play), repr(play.condition.meters))
    # In a folder of its own: the conditions of all plays would crowd out the queries of every other command.
    statements = kept_statements(project.cache_folder / "plays", "wide", parts, lambda: _program(project, play))
    engine.run(statements)
    rows = engine.connection.sql(
        "SELECT account_id, wide.* FROM wide JOIN account_key USING (account_key)"
    ).to_arrow_table()
    engine.drop("wide")
    return rows


def _program(project: Project, play: Play) -> Program:
    """Only the stages, and of them only the columns, that lead to what the condition reads."""
    program = project.profiles()
    tables: dict[str, Any] = {name: ibis.table(select.schema(), name=name) for name, select in program.stages.items()}
    program.stage("wide", grain_input(GRAINS[play.each], [play], tables))
    return pruned(program, {"wide": None})


def _wide_view(engine: DuckEngine, parts: Sequence[Path] | Sequence[pa.Table]) -> ir.Table:
    """The rows as a table that can be asked, without copying those that stand in files."""
    if isinstance(parts[0], pa.Table):
        return engine.load("wide", pa.concat_tables(parts))
    files = ", ".join(f"'{path}'" for path in parts)
    engine.connection.execute(f"CREATE OR REPLACE TEMP VIEW wide AS SELECT * FROM read_parquet([{files}])")
    schema = engine.connection.sql("SELECT * FROM wide LIMIT 0").to_arrow_table().schema
    return ibis.table(arrow_types(schema), name="wide")
