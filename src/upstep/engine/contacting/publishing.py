"""Publishing a run: its decisions, what holds and who may be written to become rows of state, found by key.

The sender, the widget and the API read these rows and never the facts. A chunk of accounts is one transaction; what
says the same already is not written again, and what an older run says never replaces what a newer one said.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from upstep.engine.contacting.people import publish_people
from upstep.engine.deciding.explain import parsed
from upstep.engine.deciding.shapes import decision
from upstep.offers.model import OfferStatus
from upstep.plays.gates import GATES
from upstep.state import tables
from upstep.state.session import hold, reading, writing
from upstep.state.upsert import upsert

if TYPE_CHECKING:
    import pyarrow as pa

    from upstep.engine.deciding.decide import Run
    from upstep.engine.project import Project

CHUNK_ACCOUNTS = 500
EVERYBODY = ""
"""The account of the watermark that counts for all of them, and the step of what holds a whole account."""

ENDED = "nothing makes it fire any more"
_OF_ACCOUNT = {gate.id for gate in GATES.values() if gate.level == "account" and gate.id != "at_capacity"}
_WAITING = (OfferStatus.OPEN, OfferStatus.SHOWN, OfferStatus.CLICKED)
_READ = [
    *("decision_id", "step_id", "account_id", "play", "evidence", "motion", "path", "lane", "outcome"),
    *("grain", "product_id", "meter_id", "feature_id", "add_on_id", "plan_id", "holds", "unknown", "assumed", "facts"),
    *("outranked_by", "outranked_target", "moments", "recipients", "likelihood", "signal_density", "priority", "rank"),
    *("to_product_id", "to_plan_id", "to_add_on_id", "to_quantity", "to_interval", "recurring_change_minor"),
    *("overage_replaced_minor", "customer_saving_minor", "currency", "estimated", "is_winner"),
]


@dataclass(frozen=True)
class Published:
    """What publishing wrote: accounts whose decisions were new, and rows of holds that came or went."""

    accounts: int
    holds: int


def publish(
    project: Project,
    state: sa.Engine,
    run: Run,
    *,
    now: datetime,
    accounts: Collection[str] | None = None,
    with_people: bool = True,
) -> Published:
    """Publish what a run decided. Doing it twice changes nothing.

    Args:
        project: Whose.
        state: Where to.
        run: What was decided.
        now: When.
        accounts: Those that the run decided, also where nothing came of it; None: it decided all.
        with_people: Also who may be written to there.

    Raises:
        BusyError: Another process holds the state for too long; what was published before stays.
    """
    told = _by_account(run.decisions)
    wanted = sorted(accounts) if accounts is not None else sorted(told.keys() | _known_accounts(state))
    if with_people:
        publish_people(project, state, as_of=run.as_of, accounts=accounts)
    written = held = 0
    for begin in range(0, len(wanted), CHUNK_ACCOUNTS):
        chunk = _Chunk(run, now, wanted[begin : begin + CHUNK_ACCOUNTS], told, is_whole=accounts is None)
        with writing(state) as connection:
            hold(connection, "publish")
            more = chunk.write(connection)
        written, held = written + more.accounts, held + more.holds
    if accounts is None:
        _mark_all(state, run.as_of, now=now)
    return Published(written, held)


def _by_account(decisions: pa.Table) -> dict[str, list[dict[str, Any]]]:
    """Rows of decisions by account, in the run's order; JSON columns stay text."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in decisions.select(_READ).to_pylist():
        found.setdefault(row["account_id"], []).append(row)
    return found


def _known_accounts(state: sa.Engine) -> set[str]:
    """Accounts of which something is published, or which an offer waits for."""
    offer = tables.offer.c
    with reading(state) as connection:
        published = connection.execute(sa.select(tables.published_decision.c.account_id)).scalars()
        waiting = connection.execute(sa.select(offer.account_id).where(offer.status.in_(_WAITING))).scalars()
        return {*published, *waiting}


class _Chunk:
    """Some accounts of a run, written in one transaction."""

    def __init__(
        self,
        run: Run,
        now: datetime,
        accounts: Sequence[str],
        told: Mapping[str, Sequence[Mapping[str, Any]]],
        *,
        is_whole: bool,
    ) -> None:
        self.run = run
        self.now = now
        self.accounts = accounts
        self.told = told
        self.is_whole = is_whole

    def write(self, connection: sa.Connection) -> Published:
        """Bring the rows of these accounts up to what the run says."""
        fresh = self._without_newer(connection)
        bodies = self._write_bodies(connection, fresh)
        holds = self._write_holds(connection, fresh)
        if not self.is_whole:
            values = {"as_of": self.run.as_of, "published_at": self.now}
            rows = [{"account_id": account, **values} for account in fresh]
            upsert(connection, tables.watermark, rows)
        return Published(bodies, holds)

    def _without_newer(self, connection: sa.Connection) -> list[str]:
        """The accounts of which nothing is published that is newer than this run."""
        marks = tables.watermark.c
        newer = sa.select(marks.account_id).where(
            marks.account_id.in_([*self.accounts, EVERYBODY]), marks.as_of > self.run.as_of
        )
        found = set(connection.execute(newer).scalars())
        return [] if EVERYBODY in found else [account for account in self.accounts if account not in found]

    def _write_bodies(self, connection: sa.Connection, accounts: Sequence[str]) -> int:
        table = tables.published_decision
        known = {
            row.account_id: row.run_id
            for row in connection.execute(
                sa.select(table.c.account_id, table.c.run_id).where(table.c.account_id.in_(accounts))
            )
        }
        run = self.run
        # A whole run leaves no row where nothing was decided; of an account that was asked for, "nothing" is an answer.
        told = [account for account in accounts if account in self.told or not self.is_whole]
        rows = [
            {
                "account_id": account,
                "run_id": run.run_id,
                "as_of": run.as_of,
                "published_at": self.now,
                "body": _body(self.told.get(account, ())),
            }
            for account in told
            if known.get(account) != run.run_id
        ]
        upsert(connection, table, rows)
        gone = sorted(known.keys() - set(told))
        if gone:
            connection.execute(sa.delete(table).where(table.c.account_id.in_(gone)))
        return len(rows) + len(gone)

    def _write_holds(self, connection: sa.Connection, accounts: Sequence[str]) -> int:
        table = tables.fact_hold
        # What a table told that is newer than this run stands until that is asked again: see sending.publish_newer.
        mine = (table.c.account_id.in_(accounts), table.c.as_of <= self.run.as_of)
        stored = connection.execute(sa.select(table).where(*mine))
        before = {(row.account_id, row.step_id, row.gate): (row.is_unknown, row.why) for row in stored}
        waiting = _waiting_steps(connection, accounts)
        after: dict[tuple[str, str, str], tuple[bool, str]] = {}
        for account in accounts:
            for step_id, gate, is_unknown, why in holds_of(self.told.get(account, ()), waiting.get(account, ())):
                after[account, step_id, gate] = (is_unknown, why)
        gone = before.keys() - after.keys()
        if gone:
            keys = [dict(zip(("a", "s", "g"), key, strict=True)) for key in sorted(gone)]
            same = [table.c[name] == sa.bindparam(short) for name, short in _HOLD_KEY]
            connection.execute(sa.delete(table).where(*same), keys)
        fresh = {key: value for key, value in after.items() if before.get(key) != value}
        rows = [
            {
                **dict(zip(("account_id", "step_id", "gate"), key, strict=True)),
                "is_unknown": is_unknown,
                "why": why,
                "as_of": self.run.as_of,
            }
            for key, (is_unknown, why) in fresh.items()
        ]
        upsert(connection, table, rows)
        return len(gone) + len(rows)


_HOLD_KEY = (("account_id", "a"), ("step_id", "s"), ("gate", "g"))


def holds_of(rows: Iterable[Mapping[str, Any]], waiting: Iterable[str] = ()) -> Iterator[tuple[str, str, bool, str]]:
    """What the facts say against selling to one account: (step id or "", gate, whether it is unknown, why).

    Args:
        rows: The account's decisions.
        waiting: Steps of its offers that wait for an answer; one that is not decided any more has ended.
    """
    decided = set()
    for row in rows:
        if row["path"] == "notice":
            continue
        step_id = row["step_id"]
        decided.add(step_id)
        for one in json.loads(row["holds"] or "[]"):
            yield step_id, one["gate"], False, one["why"]
            if one["gate"] in _OF_ACCOUNT and one["gate"] != "asked_recently":
                yield EVERYBODY, one["gate"], False, one["why"]
        for one in json.loads(row["unknown"] or "[]"):
            yield step_id, one["gate"], True, one["question"]
        if why := _not_sold(row):
            yield step_id, "outcome", False, why
    for step_id in waiting:
        if step_id not in decided:
            yield step_id, "outcome", False, ENDED


def _not_sold(row: Mapping[str, Any]) -> str:
    """Why a step is not what the program may offer by itself now; empty when it is."""
    if row["path"] != "self_serve":
        return "the step is a person's by now: a deal is open (open_deal), it has an owner, or the change is large"
    if row["outcome"] == "outranked":
        return f"outranked by {row['outranked_target']}"
    if row["outcome"] != "eligible":
        return str(row["outcome"])
    return "" if row["is_winner"] else "another step of the account comes first"


def _waiting_steps(connection: sa.Connection, accounts: Sequence[str]) -> dict[str, list[str]]:
    offer = tables.offer.c
    found: dict[str, list[str]] = {}
    asked = sa.select(offer.account_id, offer.step_id).where(offer.account_id.in_(accounts), offer.status.in_(_WAITING))
    for row in connection.execute(asked):
        found.setdefault(row.account_id, []).append(row.step_id)
    return found


def _body(rows: Sequence[Mapping[str, Any]]) -> str:
    return json.dumps([decision(parsed(row)) for row in rows], separators=(",", ":"))


def _mark_all(state: sa.Engine, as_of: datetime, *, now: datetime) -> None:
    """From now on everything is known up to then; marks of single accounts that say no more go."""
    marks = tables.watermark
    with writing(state) as connection:
        newest = connection.execute(sa.select(marks.c.as_of).where(marks.c.account_id == EVERYBODY)).scalar()
        if newest is not None and newest > as_of:
            return
        upsert(connection, marks, [{"account_id": EVERYBODY, "as_of": as_of, "published_at": now}])
        connection.execute(sa.delete(marks).where(marks.c.account_id != EVERYBODY, marks.c.as_of <= as_of))
