"""Facts as of one instant: the core tables, ready to be queried in one engine.

``open_facts`` pins one set of table versions for a whole command, so a load that ends meanwhile changes nothing. A
table that is not connected is there, empty.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from upstep.clock import DAY_SECONDS, from_seconds, to_seconds
from upstep.errors import Fault, SourceError
from upstep.tables.lake import BUCKETS, DUCK_TYPES, Snapshot, open_snapshot, stored_schema
from upstep.tables.query import CORE_TABLES, core_schema
from upstep.tables.rollup import (
    ROLLUPS,
    USAGE_CONTACT,
    USAGE_DAY,
    Rollup,
    contact_rollup,
    day_rollup,
    is_wide,
    merged_view,
)
from upstep.tables.schema import TABLES, Kind, Nature

if TYPE_CHECKING:
    import duckdb

    from upstep.tables.query import DuckEngine

INTERVAL_COLUMNS = (
    *("product_id", "plan_id", "add_on_id", "price_id", "quantity", "amount_minor", "currency", "interval"),
    *("interval_count", "status"),
)
"""A change in one of these begins a new interval of a subscription item; in any other it corrects the row."""


@dataclass(frozen=True)
class Facts:
    """What one command reads.

    Args:
        connected: Canonical tables that were loaded, be it with no rows.
        complete_through: Per connected table, the instant up to which every row is in.
        as_of_precision: ``exact``, or ``current`` when as_of lies before the first load: what is true now stands in.
        load_ids: Per connected table, the hash of what its loads brought; equal ids are equal rows.
        orphans: How many accounts other tables name that the account table lacks; their rows are left out.
    """

    as_of: datetime
    connected: frozenset[str]
    complete_through: Mapping[str, datetime]
    as_of_precision: str
    load_ids: Mapping[str, str]
    orphans: int
    snapshot: Snapshot


def open_facts(
    project: Path,
    engine: DuckEngine,
    *,
    as_of: datetime | None = None,
    account_ids: Iterable[str] | None = None,
    buckets: Sequence[int] | None = None,
    columns: Mapping[str, Collection[str]] | None = None,
) -> Facts:
    """Register every core table as of an instant in the engine, replacing those of an earlier call.

    Args:
        project: The project's folder.
        engine: Where the tables will be.
        as_of: Default: the smaller ``complete_through`` of subscription_item and usage.
        account_ids: Only these accounts; unknown ones are ignored.
        buckets: Only accounts of these buckets (0 to 63).
        columns: For ``account_ids``: the columns of each table that will be read; a table that is not named is left
            out. None: all of them.

    Raises:
        SourceError: Nothing was loaded, so there is no default for ``as_of``.
        DamagedError: Stored files are not what was written.
    """
    snapshot = open_snapshot(project)
    at = to_seconds(as_of) if as_of is not None else default_as_of(project, snapshot)
    _Registration(snapshot, engine.connection, at=at, account_ids=account_ids, buckets=buckets, columns=columns).run()
    return facts_of(snapshot, at=at)


def open_items(
    project: Path, connection: duckdb.DuckDBPyConnection, *, as_of: datetime, account_ids: Iterable[str] | None
) -> None:
    """Register ``subscription_item`` and ``account_key`` alone, as ``open_facts`` would: for asking what is held."""
    at = to_seconds(as_of)
    _Registration(open_snapshot(project), connection, at=at, account_ids=account_ids, buckets=None).run_items()


def facts_of(snapshot: Snapshot, *, at: int) -> Facts:
    """What is known of a snapshot as of ``at`` (seconds)."""
    connected, first = snapshot.manifest.connected, snapshot.manifest.first_loaded_at
    return Facts(
        from_seconds(at),
        frozenset(connected),
        {name: from_seconds(table.complete_through) for name, table in connected.items()},
        "current" if first is None or at < first else "exact",
        {name: " ".join(table.load_ids) for name, table in connected.items()},
        snapshot.manifest.orphans,
        snapshot,
    )


def default_as_of(project: Path, snapshot: Snapshot) -> int:
    """Seconds; the smaller ``complete_through`` of subscription_item and usage, or later where events come in live.

    What is decided then stands on older tables, none of them older than ``fresh_days``: one that is counts as unknown.

    Raises:
        SourceError: Neither was loaded.
    """
    connected = snapshot.manifest.connected
    found = [connected[name].complete_through for name in ("subscription_item", "usage") if name in connected]
    if not found:
        advice = "Run 'upstep load' first; data/ or mapping.yaml must name subscription_item and usage."
        raise SourceError(Fault(str(project), "neither subscription_item nor usage has been loaded.", advice))
    return max(min(found), snapshot.manifest.live_through or 0)


class _Registration:
    """Creates the views and tables of one ``open_facts``."""

    def __init__(
        self,
        snapshot: Snapshot,
        connection: duckdb.DuckDBPyConnection,
        *,
        at: int,
        account_ids: Iterable[str] | None,
        buckets: Sequence[int] | None,
        columns: Mapping[str, Collection[str]] | None = None,
    ) -> None:
        self.snapshot = snapshot
        self.connection = connection
        self.at = at
        self.day = at // DAY_SECONDS
        self.account_ids = None if account_ids is None else sorted(set(account_ids))
        self.buckets = None if buckets is None else sorted(set(buckets))
        self.columns = columns if account_ids is not None else None
        last = snapshot.manifest.last_event_at
        self.is_past = last is not None and at < last  # Otherwise no event is later, and nothing has to be cut.

    def run(self) -> None:
        """Register everything."""
        self._clear([*CORE_TABLES, "account_key", "meter_key", *self._helpers()])
        self._register_keys()
        self._register_touched()
        self._put("clock", f"SELECT {self.at}::BIGINT AS as_of, {self.day}::INTEGER AS as_of_day", is_small=True)
        for name, table in TABLES.items():
            if table.nature is not Nature.EVENT:
                self._register_table(name)
        self._register_raw()
        for rollup in ROLLUPS:
            self._register_rollup(rollup)

    def run_items(self) -> None:
        """Register subscription items and the keys of accounts."""
        self._register_keys()
        self._register_touched()
        self._register_table("subscription_item")

    def _helpers(self) -> list[str]:
        return ["_touched", "_orphan", *(f"_{rollup.recent}" for rollup in ROLLUPS), "_cut_month"]

    def _clear(self, names: Sequence[str]) -> None:
        listed = ", ".join("?" for _ in names)
        found = self.connection.execute(
            f"SELECT table_name, table_type FROM information_schema.tables WHERE table_name IN ({listed})", list(names)
        ).fetchall()
        for name, kind in found:
            self.connection.execute(f'DROP {"VIEW" if kind == "VIEW" else "TABLE"} "{name}"')

    def _put(self, name: str, select: str, *, is_small: bool = False) -> None:
        """A temp table for what is small or read for few accounts; else a view on the files."""
        kind = "TABLE" if is_small or self.account_ids is not None else "VIEW"
        self.connection.execute(f'CREATE OR REPLACE TEMP {kind} "{name}" AS {select}')

    def _register_keys(self) -> None:
        for name in ("account_key", "meter_key", "contact_key"):
            is_small = name == "meter_key"
            kind = "TABLE" if is_small else "VIEW"
            self.connection.execute(f"CREATE OR REPLACE TEMP {kind} {name} AS {self.snapshot.select(name)}")

    def _register_touched(self) -> None:
        """Account keys that are asked for, and those that no account row has."""
        import pyarrow as pa

        if self.account_ids is not None:
            self.connection.register("_asked", pa.table({"account_id": pa.array(self.account_ids, pa.string())}))
            self.connection.execute(
                "CREATE OR REPLACE TEMP TABLE _touched AS SELECT account_key FROM account_key"
                " SEMI JOIN _asked USING (account_id)" + self._of_buckets("WHERE")
            )
            self.connection.unregister("_asked")
            rows = self.connection.execute(f"SELECT DISTINCT account_key % {BUCKETS} FROM _touched").fetchall()
            self.buckets = sorted(row[0] for row in rows)
        if self.snapshot.manifest.orphans:
            self.connection.execute(
                "CREATE OR REPLACE TEMP TABLE _orphan AS SELECT account_key FROM account_key"
                f" ANTI JOIN ({self.snapshot.select('account')}) USING (account_key)"
            )

    def _columns(self, name: str) -> dict[str, str]:
        """The columns of a core table that will be read, and their types."""
        every = core_schema(name)
        if self.columns is None:
            return every
        return {column: kind for column, kind in every.items() if column in self.columns.get(name, ())}

    def _of_buckets(self, word: str, column: str = "account_key") -> str:
        if self.buckets is None:
            return ""
        listed = ", ".join(map(str, self.buckets)) or "NULL"
        return f" {word} {column} % {BUCKETS} IN ({listed})"

    def _of_accounts(self, select: str) -> str:
        """The rows of the accounts that are asked for; rows of accounts that nobody knows are left out."""
        parts = select
        if self.snapshot.manifest.orphans:
            parts = f"SELECT * FROM ({parts}) ANTI JOIN _orphan USING (account_key)"
        if self.account_ids is not None:
            return f"SELECT * FROM ({parts}) SEMI JOIN _touched USING (account_key)"
        return f"SELECT * FROM ({parts}){self._of_buckets('WHERE')}" if self.buckets is not None else parts

    # Tables of state and of dated rows

    def _register_table(self, name: str) -> None:
        columns = self._columns(name)
        if not columns:
            return
        stored = self.snapshot.select(name)
        if "account_key" in core_schema(name):
            stored = self._of_accounts(stored)
        if name == "subscription_item" and self._has_versions(stored):
            visible = item_intervals(stored, at=self.at)
        else:
            visible = f"SELECT * FROM ({stored}) WHERE {visible_condition(name, at=self.at)}"
        cells = ", ".join(f'"{column}"::{DUCK_TYPES[kind]} AS "{column}"' for column, kind in columns.items())
        self._put(name, f"SELECT {cells} FROM ({visible})")

    def _has_versions(self, stored: str) -> bool:
        found: Any = self.connection.execute(
            f"SELECT count(*) FROM ({stored}) WHERE NOT is_first OR seen_to IS NOT NULL"
        ).fetchone()
        return bool(found[0])

    # Usage

    def _register_raw(self) -> None:
        past = f" WHERE occurred_at <= {self.at}" if self.is_past else ""
        events = (
            "SELECT account_key, meter_key, contact_key, day, occurred_at, quantity"
            f" FROM ({self.snapshot.select('usage')}){past}"
        )
        # A view even for few accounts: events are not sorted by account, and mostly only boundary days are read.
        self.connection.execute(f"CREATE OR REPLACE TEMP VIEW usage_raw AS {self._of_accounts(events)}")

    def _register_rollup(self, rollup: Rollup) -> None:
        recent = self._recent(rollup)
        merged = merged_view(self.snapshot, rollup, buckets=self.buckets, recent=recent)
        if self.is_past:
            merged = self._cut_days(merged) if rollup is USAGE_DAY else self._cut_month(merged)
        columns = ", ".join(self._columns(rollup.table))
        if not columns:
            return
        self._put(rollup.table, f"SELECT {columns} FROM ({self._of_accounts(merged)})")

    def _recent(self, rollup: Rollup) -> str:
        """Table of what is not folded in yet, with the stored rows of the same keys; empty when there is none."""
        if not self.snapshot.files(rollup.recent):
            return ""
        name, keys = f"_{rollup.recent}", ", ".join(rollup.keys)
        columns = ", ".join(stored_schema(rollup.recent))
        recent = self._of_accounts(f"SELECT {columns} FROM ({self.snapshot.select(rollup.recent)})")
        stored = self.snapshot.select(rollup.table, partitions=self.buckets)
        base = self._of_accounts(f"SELECT {columns} FROM ({stored})")
        base = f"SELECT {columns} FROM ({base}) SEMI JOIN ({recent}) recent USING ({keys})"
        rows = f"{recent} UNION ALL {base}"
        wide = rollup is USAGE_DAY and is_wide(self.connection, f"({rows})", "quantity_max")
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {rollup.merged(rows, is_wide=wide)}")
        return name

    def _boundary_events(self) -> str:
        """The events of the day of as_of, up to as_of, as a table."""
        day = self.snapshot.select("usage", partitions=[self.day])
        return f"(SELECT * FROM ({day}) WHERE occurred_at <= {self.at})"

    def _cut_days(self, merged: str) -> str:
        """Whole days from the roll-up, the day of as_of from its events."""
        events = self._boundary_events()
        last = day_rollup(events, is_wide=is_wide(self.connection, events))
        columns = ", ".join(core_schema("usage_day"))
        return f"SELECT {columns} FROM ({merged}) WHERE day < {self.day} UNION ALL SELECT {columns} FROM ({last})"

    def _cut_month(self, merged: str) -> str:
        """The month of as_of with the days before it, and the contacts of its last day up to as_of."""
        today = from_seconds(self.at)
        month, before = today.year * 12 + today.month - 1, (1 << (today.day - 1)) - 1
        columns = ", ".join(core_schema("usage_contact"))
        rows = (
            f"SELECT account_key, meter_key, contact_key, month, day_mask & {before} AS day_mask FROM ({merged})"
            f" WHERE month = {month} AND day_mask & {before} <> 0"
            f" UNION ALL SELECT {columns} FROM ({contact_rollup(self._boundary_events())})"
        )
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE _cut_month AS {USAGE_CONTACT.merged(rows)}")
        return f"SELECT {columns} FROM ({merged}) WHERE month < {month} UNION ALL SELECT {columns} FROM _cut_month"


def visible_condition(table: str, *, at: int) -> str:
    """SQL: whether a stored row is visible as of ``at`` (seconds)."""
    spec = TABLES[table]
    parts = []
    if spec.nature is Nature.STATE:
        parts += [f"(seen_from <= {at} OR is_first)", f"(seen_to IS NULL OR seen_to > {at})"]
    if spec.dated_by is not None:
        column = spec.column(spec.dated_by)
        limit = at // DAY_SECONDS if column is not None and column.kind is Kind.DATE else at
        parts.append(f'("{spec.dated_by}" IS NULL OR "{spec.dated_by}" <= {limit})')
    return " AND ".join(parts) or "true"


def item_intervals(stored: str, *, at: int) -> str:
    """SQL: subscription items as intervals, also where the source only has today's state.

    Versions of one row that differ in plan, quantity, price or status become intervals that end and begin when a load
    saw the change; a row that vanished ends then. Versions that differ otherwise are corrections: the last one counts.
    Where the last version says when the row ended, none of its intervals goes on after that, whenever it was seen.
    """
    key = "item_id, original_from"
    # Of the loads of one instant the last one counts.
    in_order = f"PARTITION BY {key} ORDER BY seen_from, seen_to NULLS LAST"
    whole = "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING"
    differs = " OR ".join(f'"{name}" IS DISTINCT FROM lag("{name}") OVER versions' for name in INTERVAL_COLUMNS)
    return (
        f"SELECT * REPLACE (CASE WHEN run = 1 THEN valid_from ELSE greatest(valid_from, run_from) END AS valid_from,"
        " least(valid_to, run_to, last_to) AS valid_to) FROM ("
        f"  SELECT *, CASE WHEN seen_to <= {at} THEN seen_to END AS run_to FROM ("
        f"    SELECT *, min(seen_from) OVER (PARTITION BY {key}, run) AS run_from FROM ("
        f"      SELECT *, sum(begins) OVER ({in_order} ROWS UNBOUNDED PRECEDING) AS run,"
        f"       last_value(valid_to) OVER ({in_order} {whole}) AS last_to"
        "        FROM ("
        f"        SELECT *, CASE WHEN lag(seen_from) OVER versions IS NULL OR lag(seen_to) OVER versions < seen_from"
        f"         OR {differs} THEN 1 ELSE 0 END AS begins FROM ("
        f"          SELECT *, valid_from AS original_from FROM ({stored})"
        f"          WHERE (seen_from <= {at} OR is_first) AND valid_from <= {at})"
        f"        WINDOW versions AS ({in_order}))))"
        f"  QUALIFY row_number() OVER (PARTITION BY {key}, run ORDER BY seen_from DESC, seen_to DESC NULLS FIRST) = 1)"
        " WHERE run = 1 OR run_to IS NULL OR run_to > run_from"
    )
