"""What holds accounts by the newest facts of every table: a ticket may be loaded hourly where usage comes once a day.

A decision is as of the instant up to which both subscriptions and usage are complete. What stops a sale may have
happened since, so before a sales message leaves or a yes counts the account's gates are asked once more.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from upstep.clock import from_seconds
from upstep.engine.deciding.decide import decider_of, known_tables, meter_keys, usage_from_day
from upstep.plays.gates import GATES, Answer
from upstep.tables.facts import default_as_of, open_facts
from upstep.tables.lake import open_snapshot
from upstep.tables.query import DuckEngine

if TYPE_CHECKING:
    from upstep.engine.project import Project

ACCOUNT_GATES = tuple(gate.id for gate in GATES.values() if gate.level == "account" and gate.id != "at_capacity")


def newest_facts(project: Project, *, now: datetime) -> datetime | None:
    """The newest instant up to which any table is complete, at most ``now``; None when decisions are as new."""
    snapshot = open_snapshot(project.folder)
    newest = max(from_seconds(table.complete_through) for table in snapshot.manifest.connected.values())
    decided = from_seconds(default_as_of(project.folder, snapshot))
    return min(newest, now) if min(newest, now) > decided else None


OPEN_INVOICE = "an invoice is open; one click counts again once it is paid"
"""Not a gate: an invoice that is not due yet stops the yes alone."""


def holds_now(
    project: Project, accounts: Iterable[str], *, as_of: datetime, to_accept: bool = False
) -> dict[str, list[str]]:
    """What holds accounts as of an instant: account_id to gates; an account that nothing holds is not in it.

    ``to_accept``: somebody says yes, so an open invoice counts too.
    """
    engine = DuckEngine()
    facts = open_facts(project.folder, engine, as_of=as_of, account_ids=accounts)
    decider = decider_of(project, owners_connected="owner" in facts.connected)
    known = known_tables(facts, project.settings.fresh_days)
    words = project.words(as_of, meter_keys=meter_keys(engine), known=known, usage_from_day=usage_from_day(facts))
    for name, rows in words.tables.items():
        engine.load(name, rows)
    engine.run(decider.account_gates, keep=["account_gates"])
    held = {}
    for row in engine.read("account_gates").select(["account_id", "open_invoices", *ACCOUNT_GATES]).to_pylist():
        reasons = [gate for gate in ACCOUNT_GATES if row[gate] == Answer.HOLDS]
        if to_accept and row["open_invoices"]:
            reasons.append(OPEN_INVOICE)
        if reasons:
            held[row["account_id"]] = reasons
    return held
