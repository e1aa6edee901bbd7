"""Facts of a few accounts: the same core tables as ``tables.facts`` gives, read past any engine's planning.

The stored files are sorted by account, or kept apart by its bucket. What their footers say is remembered for as long
as the same versions are current, so few rows are found by reading few pieces of few files.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from upstep.clock import DAY_SECONDS, from_seconds, to_seconds
from upstep.errors import DamagedError
from upstep.tables.facts import INTERVAL_COLUMNS, Facts, default_as_of, facts_of, item_intervals, visible_condition
from upstep.tables.lake import BUCKETS, PARTITIONS, Manifest, Snapshot, arrow_schema, open_snapshot
from upstep.tables.query import core_schema
from upstep.tables.rollup import ROLLUPS, USAGE_CONTACT, USAGE_DAY, Rollup
from upstep.tables.schema import TABLES, Nature
from upstep.tables.shelf import Shelf

if TYPE_CHECKING:
    import duckdb
    import pyarrow.parquet as pq

    from upstep.tables.standing import StandingEngine

_FOOTERS_MOST = 5_000
_KEYS = ("account_key", "contact_key")
_Bounds = list[tuple[Any, Any] | None]
_Where = tuple[str, Sequence[Any]] | None

_RAW = ("account_key", "meter_key", "contact_key", "occurred_at", "quantity")
_USAGE_DAY_SQL = (
    "SELECT account_key, meter_key, day, sum(quantity) AS quantity, sum(events) AS events,"
    " max(quantity_max) AS quantity_max, max(CASE WHEN place = 1 THEN quantity_latest END) AS quantity_latest FROM ("
    "SELECT *, row_number() OVER (PARTITION BY account_key, meter_key, day ORDER BY latest_at DESC,"
    ' quantity_latest DESC) AS place FROM "_usage_day") GROUP BY account_key, meter_key, day'
)
_USAGE_CONTACT_SQL = (
    "SELECT account_key, meter_key, contact_key, month, bit_or(day_mask) AS day_mask"
    ' FROM "_usage_contact" GROUP BY account_key, meter_key, contact_key, month'
)
_MERGED = {USAGE_DAY.table: _USAGE_DAY_SQL, USAGE_CONTACT.table: _USAGE_CONTACT_SQL}
"""What ``Rollup.merged`` says, in SQLite's words: one row per key of what is stored, recent, and cut from events."""


class FewFacts:
    """Puts the core tables of few accounts into one engine, run after run.

    Args:
        engine: Where the tables stand.
        has_shelf: Sorted copies of files are made: it serves hundreds of accounts at a time.
    """

    def __init__(self, engine: StandingEngine, *, has_shelf: bool = False) -> None:
        self._engine = engine
        self._files = _Files(Snapshot(Path(), Manifest()), has_shelf=has_shelf)
        self._standing: dict[str, tuple[pa.Table, int]] = {}
        self._keys: list[int] = []
        self._at = 0
        self._beside: duckdb.DuckDBPyConnection | None = None

    def open(
        self,
        project: Path,
        *,
        as_of: datetime | None,
        account_ids: Iterable[str],
        columns: Mapping[str, Collection[str]],
    ) -> Facts:
        """Every core table of these accounts as of an instant; see ``tables.facts.open_facts``.

        ``usage_raw`` waits for ``events``; ``contact_key`` has those contacts whose use is recorded.

        Args:
            columns: Per core table, what will be read of it: other columns are NULL, and tables that are not named
                are not there.

        Raises:
            SourceError: Nothing was loaded, so there is no default for ``as_of``.
            DamagedError: Stored files are not what was written.
        """
        snapshot = self._pinned(project)
        self._at = at = to_seconds(as_of) if as_of is not None else default_as_of(project, snapshot)
        self._keys = self._accounts(account_ids)
        clock = {"as_of": pa.array([at], pa.int64()), "as_of_day": pa.array([at // DAY_SECONDS], pa.int32())}
        self._engine.put("clock", pa.table(clock))
        for name, table in TABLES.items():
            if table.nature is not Nature.EVENT and name in columns:
                self._put(name, columns[name])
        for rollup in ROLLUPS:
            self._put_rollup(rollup, columns.get(rollup.table, ()))
        self._put_contact_keys()
        return facts_of(snapshot, at=at)

    def events(self, cuts: Iterable[tuple[int, int]]) -> pa.Table:
        """Rows of ``usage_raw``, up to the instant opened last.

        Args:
            cuts: The account keys and days (since 1970) whose events are wanted, of the accounts opened last.
        """
        # Events lie in no order of accounts: only the roll-up says whether a day's file is worth looking through.
        listed = list(cuts)
        cut = {
            name: pa.array([pair[place] for pair in listed], pa.int32())
            for place, name in enumerate(("account_key", "day"))
        }
        self._engine.put("_cut", pa.table(cut))
        used = self._engine.connection.execute(
            'SELECT DISTINCT day, account_key FROM "_cut" JOIN usage_day USING (account_key, day) ORDER BY 1, 2'
        )
        wanted: dict[int, list[int]] = {}
        for day, account_key in used.fetchall():
            wanted.setdefault(day, []).append(account_key)
        return self._events_of(wanted)

    def _events_of(self, wanted: Mapping[int, Sequence[int]]) -> pa.Table:
        """Events by day and, on each, of these accounts."""
        schema = core_schema("usage_raw")
        parts = []
        for day, keys in wanted.items():
            rows = self._files.rows("usage", _RAW, where=("account_key", keys), partitions=[day])
            rows = rows.filter(pc.less_equal(rows["occurred_at"], self._at))
            parts.append(rows.append_column("day", pa.array([day] * rows.num_rows, pa.int32())).select(list(schema)))
        if not parts:
            return arrow_schema("usage").empty_table().select(list(schema))
        return pa.concat_tables(parts)

    def _pinned(self, project: Path) -> Snapshot:
        """What is stored now; the same as before while no load has ended since."""
        fresh, known = open_snapshot(project), self._files.snapshot
        if (fresh.folder, fresh.manifest) != (known.folder, known.manifest):
            # Live events end a load each second, and most tables are as they were; each file has a name of its own.
            changed = {name for name in fresh.manifest.tables if fresh.files(name) != known.files(name)}
            self._files.go_on(fresh)
            self._standing = {name: rows for name, rows in self._standing.items() if name not in changed}
            if "meter_key" in changed or known.folder != fresh.folder:
                self._engine.put("meter_key", self._files.rows("meter_key"))
        return self._files.snapshot

    def _accounts(self, account_ids: Iterable[str]) -> list[int]:
        """The keys of those accounts that the account table has."""
        asked = self._files.rows("account_key", where=("account_id", sorted(set(account_ids))))
        self._engine.put("account_key", asked)
        keys: list[int] = sorted(asked["account_key"].to_pylist())
        if not self._files.snapshot.manifest.orphans:
            return keys
        present = self._files.rows("account", ["account_key"], where=("account_key", keys))["account_key"]
        return sorted(set(present.to_pylist()))

    # Tables of state and of dated rows

    def _put(self, name: str, columns: Collection[str]) -> None:
        schema, at = core_schema(name), self._at
        where = ("account_key", self._keys) if "account_key" in schema else None
        if where is None and self._standing.get(name, (None, None))[1] == at:
            return
        stored = self._stored(name, columns, where)
        if name == "subscription_item" and _has_versions(stored):
            connection = self._beside or _duckdb()
            self._beside = connection
            connection.register("stored", stored)
            visible = connection.sql(item_intervals("SELECT * FROM stored", at=at)).to_arrow_table()
            condition, stored = "true", visible.select(stored.column_names).cast(stored.schema)
        else:
            condition = visible_condition(name, at=at)
        self._engine.put(f"_{name}", stored)
        cells = ", ".join(f'"{column}"' if column in columns else "NULL" for column in schema)
        self._engine.fill(name, schema, f'SELECT {cells} FROM "_{name}" WHERE {condition}')
        if where is None:
            self._standing[name] = (stored, at)

    def _stored(self, name: str, columns: Collection[str], where: _Where) -> pa.Table:
        """The stored rows with what is read of them, and with what tells whether they are visible."""
        if where is None and name in self._standing:
            return self._standing[name][0]
        spec = TABLES[name]
        told = {"seen_from", "seen_to", "is_first"} if spec.nature is Nature.STATE else set()
        told |= {spec.dated_by} if spec.dated_by is not None else set()
        if name == "subscription_item":
            told |= {*INTERVAL_COLUMNS, "item_id", "valid_from", "valid_to"}
        names = [column for column in arrow_schema(name).names if column in columns or column in told]
        return self._files.rows(name, names, where=where)

    # Usage

    def _put_rollup(self, rollup: Rollup, columns: Collection[str]) -> None:
        where = ("account_key", self._keys)
        every, schema = arrow_schema(rollup.recent), core_schema(rollup.table)
        recent = self._files.rows(rollup.recent, every.names, where=where)
        last = self._files.snapshot.manifest.last_event_at
        is_cut = last is not None and self._at < last
        if not recent.num_rows and not is_cut:
            names = [name for name in every.names if name in columns or name in rollup.keys]
            self._engine.put(rollup.table, _in_form(self._files.rows(rollup.table, names, where=where), schema))
            return
        rows = pa.concat_tables([self._files.rows(rollup.table, every.names, where=where), recent])
        if is_cut:
            events = self._events_of({self._at // DAY_SECONDS: self._keys})
            cut = _cut_days if rollup is USAGE_DAY else _cut_month
            rows = cut(rows, events, at=self._at)
        # Only of the days or months that are told apart there are several rows of one key.
        period = "day" if rollup is USAGE_DAY else "month"
        told = [*recent[period].to_pylist(), _period_of(rollup, self._at)]
        is_apart = pc.is_in(rows[period], pa.array(sorted(set(told)), pa.int32()))
        self._engine.put(f"_{rollup.table}", rows.filter(is_apart))
        self._engine.fill(rollup.table, schema, _MERGED[rollup.table])
        self._engine.add(rollup.table, rows.filter(pc.invert(is_apart)))

    def _put_contact_keys(self) -> None:
        seen = self._engine.connection.execute("SELECT DISTINCT contact_key FROM usage_contact ORDER BY 1").fetchall()
        self._engine.put(
            "contact_key", self._files.rows("contact_key", where=("contact_key", [row[0] for row in seen]))
        )


class _Files:
    """The files of one set of table versions, and what their footers say."""

    def __init__(self, snapshot: Snapshot, *, has_shelf: bool) -> None:
        self.snapshot = snapshot
        self._has_shelf = has_shelf
        self._footers: dict[str, pq.FileMetaData] = {}
        self._bounds: dict[tuple[str, str], _Bounds] = {}
        self._shelf = Shelf(snapshot.folder)

    def go_on(self, snapshot: Snapshot) -> None:
        """Read a newer set from now on. A file never changes, so what is known of those that stay is kept."""
        if snapshot.folder != self.snapshot.folder:
            self._shelf = Shelf(snapshot.folder.parent / "spill")
        elif self._has_shelf:
            self._shelf.keep({path for table in snapshot.manifest.tables for path in snapshot.files(table)})
        if len(self._footers) > _FOOTERS_MOST:
            self._footers.clear()
            self._bounds.clear()
        self.snapshot = snapshot

    def rows(
        self,
        table: str,
        columns: Sequence[str] | None = None,
        *,
        where: _Where = None,
        partitions: Collection[int] | None = None,
    ) -> pa.Table:
        """Stored rows, those whose column has one of the values; in the stored types.

        Raises:
            DamagedError: A file is gone, or is not what was written.
        """
        schema = arrow_schema(table)
        schema = pa.schema([schema.field(name) for name in columns or schema.names if name != PARTITIONS.get(table)])
        if where is None or not where[1] or PARTITIONS.get(table) != "bucket":
            found = self._of_files(self.snapshot.files(table, partitions=partitions), schema, where)
        else:
            kept_apart: dict[int, list[int]] = {}
            for key in where[1]:
                kept_apart.setdefault(key % BUCKETS, []).append(key)
            found = [
                part
                for bucket, keys in kept_apart.items()
                for part in self._of_files(self.snapshot.files(table, partitions=[bucket]), schema, (where[0], keys))
            ]
        return pa.concat_tables(found) if found else schema.empty_table()

    def _of_files(self, paths: Sequence[str], schema: pa.Schema, where: _Where) -> list[pa.Table]:
        parts = []
        for path in paths if where is None or where[1] else ():
            try:
                found = self._read(path, schema.names, where)
            except (OSError, pa.ArrowException) as error:
                raise DamagedError(f"{path}: cannot be read ({error}). Restore the folder from a backup.") from None
            if found is not None:
                parts.append(found.cast(schema))
        return parts

    def _read(self, path: str, columns: list[str], where: _Where) -> pa.Table | None:
        import pyarrow.parquet as pq

        if where is not None and self._is_on_shelf(path, columns, where[0]):
            return self._shelf.rows(path, columns, np.array(where[1], np.int32))
        if path not in self._footers:
            self._footers[path] = pq.read_metadata(path)
        with pq.ParquetFile(path, metadata=self._footers[path], memory_map=True) as file:
            if where is None:
                return file.read(columns, use_threads=False)
            column, values = where
            parts = []
            for group in _groups_with(values, self._bounds_of(path, column)):
                keys = file.read_row_group(group, [column], use_threads=False)[column]
                place = pc.index_in(keys, pa.array(values, keys.type))
                # Most of a file's columns are read only for those accounts that have a row.
                if place.null_count < len(place):
                    rows = file.read_row_group(group, columns, use_threads=False)
                    parts.append(rows.filter(pc.is_valid(place)))
        return pa.concat_tables(parts) if parts else None

    def _is_on_shelf(self, path: str, columns: list[str], column: str) -> bool:
        """Whether the rows with a key can be taken from a copy, which may be made now."""
        import pyarrow.parquet as pq

        if not self._has_shelf or column not in _KEYS:
            return False
        if not self._shelf.has(path, columns) and self._shelf.is_wanted(path):
            with pq.ParquetFile(path, memory_map=True) as file:
                rows = file.read(sorted({column, *columns, *self._shelf.columns(path)}), use_threads=False)
            with suppress(OSError):  # A folder that cannot be written costs time, nothing else.
                self._shelf.put(path, rows, column)
        return self._shelf.has(path, columns)

    def _bounds_of(self, path: str, column: str) -> _Bounds:
        if (path, column) not in self._bounds:
            footer = self._footers[path]
            place = footer.schema.names.index(column)
            groups = [footer.row_group(group).column(place).statistics for group in range(footer.num_row_groups)]
            self._bounds[path, column] = [
                (told.min, told.max) if told is not None and told.has_min_max else None for told in groups
            ]
        return self._bounds[path, column]


def _groups_with(values: Sequence[Any], bounds: _Bounds) -> list[int]:
    """The row groups that may have one of these values, which are sorted."""
    found = []
    for group, bound in enumerate(bounds):
        at = bisect_left(values, bound[0]) if bound is not None else 0
        if bound is None or (at < len(values) and values[at] <= bound[1]):
            found.append(group)
    return found


def _has_versions(items: pa.Table) -> bool:
    """Whether a load has seen a row change or vanish; see ``tables.facts.item_intervals``."""
    return not pc.all(items["is_first"], min_count=0).as_py() or items["seen_to"].null_count < items.num_rows


def _duckdb() -> duckdb.DuckDBPyConnection:
    import duckdb

    return duckdb.connect(":memory:")


def _in_form(rows: pa.Table, schema: Mapping[str, str]) -> pa.Table:
    """Rows in a core table's form; what was not read is NULL."""
    columns = {
        name: rows[name] if name in rows.column_names else pa.nulls(rows.num_rows, pa.type_for_alias(kind))
        for name, kind in schema.items()
    }
    return pa.table(columns)


def _period_of(rollup: Rollup, at: int) -> int:
    """The day or the month of an instant, as a roll-up counts them."""
    if rollup is USAGE_DAY:
        return at // DAY_SECONDS
    today = from_seconds(at)
    return today.year * 12 + today.month - 1


def _cut_days(rows: pa.Table, events: pa.Table, *, at: int) -> pa.Table:
    """Whole days from the roll-up, and of the day of ``at`` each event as a row of its own."""
    quantity = events["quantity"]
    today = {
        **{name: events[name] for name in ("account_key", "meter_key", "day", "quantity")},
        "events": pa.array([1] * events.num_rows, pa.int64()),
        "quantity_max": quantity,
        "quantity_latest": quantity,
        "latest_at": events["occurred_at"],
    }
    whole = rows.filter(pc.less(rows["day"], at // DAY_SECONDS))
    return pa.concat_tables([whole, pa.table(today).select(rows.column_names).cast(rows.schema)])


def _cut_month(rows: pa.Table, events: pa.Table, *, at: int) -> pa.Table:
    """The months before that of ``at``, the days before its own, and who was seen on that day."""
    month, bit = _period_of(USAGE_CONTACT, at), 1 << (from_seconds(at).day - 1)
    told = []
    for row in rows.filter(pc.less_equal(rows["month"], month)).to_pylist():
        mask = row["day_mask"] if row["month"] < month else row["day_mask"] & (bit - 1)
        told += [{**row, "day_mask": mask}] if mask else []
    seen = events.filter(pc.is_valid(events["contact_key"])).select(["account_key", "meter_key", "contact_key"])
    told += [{**row, "month": month, "day_mask": bit} for row in seen.to_pylist()]
    return pa.Table.from_pylist(told, schema=rows.schema)
