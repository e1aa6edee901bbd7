"""What the billing provider changed becomes facts: loaded as subscription items, offers converted."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from upstep import faults
from upstep.billing.change import item_from_row
from upstep.billing.provider import subscription_item_rows
from upstep.billing.sandbox import SandboxBiller
from upstep.clock import from_seconds, iso
from upstep.engine.project import open_project_state
from upstep.errors import OutsideError
from upstep.offers import lifecycle
from upstep.offers.model import Offer
from upstep.state.cursor import read_cursor, save_cursor
from upstep.tables.facts import open_facts
from upstep.tables.query import DuckEngine
from upstep.tables.schema import TABLES

if TYPE_CHECKING:
    import sqlalchemy as sa

    from upstep.billing.provider import Provider
    from upstep.engine.project import Project
    from upstep.tables.load import LoadReport


@dataclass(frozen=True)
class Reconciled:
    """What the provider told: how many items changed, whose, which offers converted, what loading them did.

    ``unanswered`` says what it was asked to finish and gave no answer to; the next call asks again.
    """

    items: int
    converted: tuple[Offer, ...]
    load: LoadReport | None
    accounts: frozenset[str] = frozenset()
    unanswered: tuple[str, ...] = ()


def reconcile(project: Project, *, provider: Provider, now: datetime, state: sa.Engine | None = None) -> Reconciled:
    """Finish what was cut off, read what the provider changed, load it as subscription items, convert the offers.

    Everything in it may be repeated: the second time changes nothing. What one offer finds no answer to holds up no
    other: it is told in ``unanswered``. Where a test may kill it (``faults.point``):
    reconcile.finished, reconcile.loaded, reconcile.converted.
    """
    engine = state or open_project_state(project)
    unanswered = _finish(engine, provider, now=now)
    faults.point("reconcile.finished")
    # The sandbox is read whole: it is a small file, and facts that were restored from a backup are mended by it.
    is_whole = provider.name == SandboxBiller.name
    events = provider.events_since(None if is_whole else read_cursor(engine, provider.name))
    rows = subscription_item_rows(events)
    rows += [] if is_whole else ended_by(project, rows, now=now)
    report = load_billed(project, rows, now=now) if rows else None
    faults.point("reconcile.loaded")
    converted = lifecycle.convert_applied(engine, events)
    faults.point("reconcile.converted")
    if events and not is_whole:
        save_cursor(engine, provider.name, events[-1].cursor, now=now)
    lifecycle.expire_due(engine, now=now)
    lifecycle.end_unkept_trials(engine, now=now)
    if state is None:
        engine.dispose()
    changed = rows if report is not None and report.wrote else []
    accounts = {str(row["account_id"]) for row in changed} | {offer.account_id for offer in converted}
    return Reconciled(len(rows), tuple(converted), report, frozenset(accounts), unanswered)


def _finish(engine: sa.Engine, provider: Provider, *, now: datetime) -> tuple[str, ...]:
    """Finish what was cut off; returns what there was no answer to."""
    from upstep.billing.apply import finish_cut_off

    errors = []
    for finish in (lifecycle.finish_accepted, finish_cut_off):
        try:
            finish(engine, provider, now=now)
        except OutsideError as error:
            errors.append(str(error))
    return tuple(dict.fromkeys(errors))


def ended_by(project: Project, rows: Sequence[Mapping[str, Any]], *, now: datetime) -> list[dict[str, object]]:
    """What facts hold as open of these items from before the provider's first word on them, ended by that word.

    An export may begin an item earlier than the provider does, which would count it twice from then on.
    """
    first: dict[str, datetime] = {}
    for row in rows:
        first[row["item_id"]] = min(first.get(row["item_id"], row["valid_from"]), row["valid_from"])
    if not first:
        return []
    engine = DuckEngine()
    open_facts(project.folder, engine, as_of=now, account_ids={str(row["account_id"]) for row in rows})
    known = engine.connection.sql(
        "SELECT item.* EXCLUDE (account_key), account_id FROM subscription_item item JOIN account USING (account_key)"
    ).to_arrow_table()
    items = [item_from_row(row) for row in known.to_pylist() if row["item_id"] in first and row["valid_to"] is None]
    return [
        replace(item, valid_to=first[item.item_id]).row() for item in items if item.valid_from < first[item.item_id]
    ]


def load_billed(
    project: Project, rows: Sequence[Mapping[str, object]], *, now: datetime, table: str = "subscription_item"
) -> LoadReport:
    """What the provider told as rows of a table, beside what the company's own source says."""
    from upstep.tables.load import load
    from upstep.tables.mapping import Mapping as TableMappings
    from upstep.tables.mapping import Source, TableMapping

    path = project.billed_path.with_name(f"{table}.jsonl")
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    # What was told before stays beside it: the file says of which items the provider's word stands.
    before = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    told = [*(json.loads(line) for line in before), *(_json_row(row) for row in rows)]
    latest = {tuple(row[name] for name in TABLES[table].key): row for row in told}
    fresh.write_text("".join(json.dumps(row) + "\n" for row in latest.values()), encoding="utf-8")
    fresh.replace(path)
    pattern = str(path.relative_to(project.folder))
    source = Source("files", pattern, (pattern,))
    mapping = TableMapping(table, source, pattern, mode="append")
    return load(
        project.folder,
        now=now,
        mapping=TableMappings({table: mapping}, project.folder),
        known=project.known_ids,
        command="upstep apply",
    )


def _json_row(row: Mapping[str, object]) -> dict[str, object]:
    return {name: iso(value) if isinstance(value, datetime) else value for name, value in row.items()}


def account_movements(project: Project, account_id: str, *, as_of: datetime) -> list[dict[str, Any]]:
    """An account's MRR movements up to an instant, oldest first: minor units per month, with category and cause."""
    from upstep.money import units_to_minor
    from upstep.movements.movement import movements
    from upstep.movements.plans import plan_table
    from upstep.tables.query import Program, core_table

    engine = DuckEngine()
    open_facts(project.folder, engine, as_of=as_of, account_ids=[account_id])
    words = project.words(as_of, meter_keys={}, known={})
    small = {name: engine.load(name, words.tables[name]) for name in ("today", "interval_factor")}
    program = Program()
    select = movements(
        core_table("subscription_item"),
        factors=small["interval_factor"],
        plans=engine.load("plan", plan_table(project.catalog)),
        today=small["today"],
        stage=program.stage,
    )
    program.stage("moved", select.order_by(["moved_at", "product_id"]))
    engine.run(program)
    rows = engine.read("moved").to_pylist()
    return [
        {
            "moved_at": iso(from_seconds(row["moved_at"])),
            "product_id": row["product_id"],
            "category": row["category"],
            "cause": row["cause"],
            "change_minor": units_to_minor(row["units"]),
            "mrr_before_minor": units_to_minor(row["mrr_before"]),
            "mrr_after_minor": units_to_minor(row["mrr_after"]),
            "currency": row["currency"],
        }
        for row in rows
    ]
