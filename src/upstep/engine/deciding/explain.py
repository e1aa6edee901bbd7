"""Why: an account recomputed with everything shown: each play clause by clause, also those that did not fire."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import ibis
import msgspec

from upstep.engine.deciding.decide import (
    Decider,
    Inputs,
    Run,
    coverage,
    decider_of,
    identify,
    known_tables,
    meter_keys,
    usage_from_day,
)
from upstep.engine.deciding.finishing import finish
from upstep.engine.deciding.holdouts import hold_out
from upstep.engine.deciding.told import core_inputs
from upstep.errors import Fault, SourceError
from upstep.plays.evaluate import clause_answers
from upstep.plays.grain import GRAINS
from upstep.tables.facts import open_facts
from upstep.tables.query import DuckEngine, Program

if TYPE_CHECKING:
    from upstep.engine.project import Project
    from upstep.plays.play import Play


@dataclass(frozen=True)
class Clause:
    """One part of a condition and what it came to. ``answer`` None: a value it reads is not known."""

    text: str
    answer: bool | None


@dataclass(frozen=True)
class Asked:
    """One play asked of one subject of the account.

    Args:
        subject: The columns that name it, such as product_id and meter_id.
        values: What the clauses read.
    """

    play: str
    fired: bool
    subject: Mapping[str, Any]
    clauses: tuple[Clause, ...]
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Explanation:
    """Everything about one account as of an instant.

    Args:
        account: The account profile: every signal of the account itself.
        limits: Limit profiles, one per limit.
        decisions: Rows as ``decide`` gives them, with holds, unknown, assumed and facts parsed.
        asked: Every play at every subject of the account; plays without a subject there are in ``without_subject``.
    """

    account_id: str
    as_of: datetime
    account: Mapping[str, Any]
    limits: tuple[Mapping[str, Any], ...]
    decisions: tuple[Mapping[str, Any], ...]
    asked: tuple[Asked, ...]
    without_subject: tuple[str, ...]
    run: Run


def find_account(project: Project, name: str) -> str:
    """The id of an account by its id, or by a part of its id or name that only one has.

    Raises:
        SourceError: None or several match; the nearest are named.
    """
    from upstep.tables.lake import open_snapshot

    engine = DuckEngine()
    rows = engine.connection.execute(
        f"SELECT DISTINCT account_id, name FROM ({open_snapshot(project.folder).select('account')})"
    ).fetchall()
    if any(account_id == name for account_id, _ in rows):
        return name
    folded = name.casefold()
    found = sorted({account_id for account_id, called in rows if folded in called.casefold() or folded in account_id})
    if len(found) == 1:
        return str(found[0])
    if found:
        raise SourceError(
            Fault(f"account '{name}'", f"{len(found)} match: {', '.join(found[:8])}.", "Name one of them.")
        )
    words = {word: account_id for account_id, called in rows for word in (account_id, called)}
    near = sorted({words[word] for word in get_close_matches(name, words, n=5, cutoff=0.6)})
    advice = f"Did you mean {', '.join(near)}?" if near else "Nothing loaded has such an id or name."
    raise SourceError(Fault(f"account '{name}'", "is not known.", advice))


def explain(
    project: Project, account_id: str, *, as_of: datetime | None = None, inputs: Inputs | None = None
) -> Explanation:
    """Recompute one account and say why each play fired or did not.

    Raises:
        SourceError: Nothing is loaded.
    """
    engine = DuckEngine()
    facts = open_facts(project.folder, engine, as_of=as_of, account_ids=[account_id])
    decider = decider_of(project, owners_connected="owner" in facts.connected)
    outside = (inputs or Inputs({})).tables
    known = known_tables(facts, project.settings.fresh_days)
    words = project.words(facts.as_of, meter_keys=meter_keys(engine), known=known, usage_from_day=usage_from_day(facts))
    told = core_inputs(engine, outside, project, facts.as_of)
    profiles = [grain.stage for grain in GRAINS.values()] + ["meter_profile"]
    rows = hold_out(decider.decide(engine, words, told, as_of=facts.as_of, keep=profiles), outside)
    run_id = identify(project, facts, inputs)
    decisions = finish(rows, run_id=run_id)
    run = Run(run_id, facts.as_of, decisions, coverage(decisions, facts, known), facts)
    asked = _ask(engine, decider)
    fired_somewhere = {item.play for item in asked}
    return Explanation(
        account_id=account_id,
        as_of=facts.as_of,
        account=next(iter(engine.read("account_profile").to_pylist()), {}),
        limits=tuple(engine.read("limit_profile").to_pylist()),
        decisions=tuple(parsed(row) for row in decisions.to_pylist()),
        asked=tuple(asked),
        without_subject=tuple(play.id for play in decider.playbook.plays if play.id not in fired_somewhere),
        run=run,
    )


def parsed(row: Mapping[str, Any]) -> dict[str, Any]:
    """A decision row with its JSON columns read."""
    found = {name: msgspec.json.decode(row[name]) for name in ("holds", "unknown", "assumed", "facts") if row[name]}
    return {**row, **found}


def _ask(engine: DuckEngine, decider: Decider) -> list[Asked]:
    stages = decider.whole_profiles.stages
    tables = {name: ibis.table(select.schema(), name=name) for name, select in stages.items()}
    program = Program()
    for play in decider.playbook.plays:
        program.stage(f"asked_{play.id}", clause_answers(play, tables))
    engine.run(program)
    plays = decider.playbook.plays
    return [_asked(play, row) for play in plays for row in engine.read(f"asked_{play.id}").to_pylist()]


def _asked(play: Play, row: Mapping[str, Any]) -> Asked:
    grain = GRAINS[play.each]
    texts = play.condition.clauses
    clauses = tuple(Clause(text, row[f"c{index}"]) for index, text in enumerate(texts))
    return Asked(
        play=play.id,
        fired=all(clause.answer is True for clause in clauses),
        subject={name: row[name] for name in grain.subject},
        clauses=clauses,
        values={name: row[name] for name in play.condition.columns if name in row},
    )
