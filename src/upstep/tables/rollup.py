"""Usage by day, and who used what on which days of a month: sums that later sums can be added to.

``usage_day`` and ``usage_contact`` are sorted and kept apart by bucket; what a day's load adds stands beside them in
``…_recent`` and is merged when read, until it is folded in. A count adds up, a maximum is the larger one, and the
latest value is that of the later second; of events in the same second, the larger value counts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from upstep.tables.lake import BUCKETS, Snapshot, quoted, stored_schema
from upstep.tables.lake_writer import LakeWriter

if TYPE_CHECKING:
    import duckdb

BULK_ROWS = 2_000_000  # From here on a load sorts its roll-up into the buckets at once.
RECENT_SHARE = 0.1
RECENT_ROWS_LEAST = 4_000_000
RECENT_FILES_MOST = 60
_QUANTITY_BITS = 46  # With a second of the day in 17 more bits, one 64-bit maximum finds the latest value.


@dataclass(frozen=True)
class Rollup:
    """One roll-up: its keys, its sort order, and how two rows of one key become one."""

    table: str
    keys: tuple[str, ...]

    @property
    def recent(self) -> str:
        """The table of what is not folded in yet."""
        return f"{self.table}_recent"

    @property
    def order(self) -> str:
        """The sort order within a bucket."""
        return ", ".join(self.keys)

    def merged(self, rows: str, *, is_wide: bool = False) -> str:
        """SQL: one row per key of ``rows``, which may hold several."""
        listed = ", ".join(self.keys)
        if self.table == "usage_contact":
            return f"SELECT {listed}, bit_or(day_mask) AS day_mask FROM ({rows}) GROUP BY {listed}"
        return _by_day(
            rows,
            events="sum(events)",
            latest_at="latest_at",
            latest="quantity_latest",
            most="quantity_max",
            is_wide=is_wide,
        )


USAGE_DAY = Rollup("usage_day", ("account_key", "meter_key", "day"))
USAGE_CONTACT = Rollup("usage_contact", ("account_key", "meter_key", "contact_key", "month"))
ROLLUPS = (USAGE_DAY, USAGE_CONTACT)


def _by_day(rows: str, *, events: str, latest_at: str, latest: str, most: str, is_wide: bool) -> str:
    """SQL: rows by account, meter and day."""
    if is_wide:
        packed, unpacked, second = (
            f"{latest_at}::HUGEINT * 9223372036854775808 + {latest}",
            "packed % 9223372036854775808",
            "packed // 9223372036854775808",
        )
    else:
        packed = f"(({latest_at} - day::BIGINT * 86400) << {_QUANTITY_BITS}) | {latest}"
        unpacked = f"packed & {(1 << _QUANTITY_BITS) - 1}"
        second = f"(packed >> {_QUANTITY_BITS}) + day::BIGINT * 86400"
    return (
        f"SELECT account_key, meter_key, day, quantity, events, quantity_max, ({unpacked})::BIGINT AS quantity_latest,"
        f" ({second})::BIGINT AS latest_at FROM (SELECT account_key, meter_key, day, sum(quantity)::BIGINT AS quantity,"
        f" {events}::BIGINT AS events, max({most}) AS quantity_max, max({packed}) AS packed"
        f" FROM ({rows}) GROUP BY account_key, meter_key, day)"
    )


def day_rollup(events: str, *, is_wide: bool) -> str:
    """SQL: events by (account, meter, UTC day). ``is_wide``: a quantity needs more than 46 bits."""
    return _by_day(
        f"SELECT * FROM {events}",
        events="count(*)",
        latest_at="occurred_at",
        latest="quantity",
        most="quantity",
        is_wide=is_wide,
    )


def contact_rollup(events: str) -> str:
    """SQL: the days on which a contact used a meter, as a mask per month (bit 0 is the 1st)."""
    return (
        "SELECT account_key, meter_key, contact_key, month, bit_or(day_bit) AS day_mask"
        f" FROM {events} JOIN (SELECT day, (year(date) * 12 + month(date) - 1)::INTEGER AS month,"
        " (1::BIGINT << (day(date) - 1)) AS day_bit FROM (SELECT DISTINCT day, DATE '1970-01-01' + day AS date"
        f" FROM {events})) USING (day) WHERE contact_key IS NOT NULL GROUP BY ALL"
    )


def is_wide(connection: duckdb.DuckDBPyConnection, rows: str, column: str = "quantity") -> bool:
    """Whether a quantity needs more bits than the fast way has."""
    most: Any = connection.execute(f"SELECT max({column}) FROM {rows}").fetchone()
    return most[0] is not None and most[0] >= 1 << _QUANTITY_BITS


class RollupWriter:
    """Takes one load's events slice by slice and writes what they add to both roll-ups."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, writer: LakeWriter, *, is_bulk: bool, scratch: Path
    ) -> None:
        self._connection = connection
        self._writer = writer
        self._is_bulk = is_bulk
        self._scratch = scratch
        self._is_wide = False
        self._contacts = 0

    def add(self, events: str) -> None:
        """Roll up one slice; ``events`` is a table with keys, day, occurred_at and quantity."""
        wide = is_wide(self._connection, events)
        self._is_wide |= wide
        self._put(USAGE_DAY, day_rollup(events, is_wide=wide))
        contacts: Any = self._connection.execute(f"SELECT count(contact_key) FROM {events}").fetchone()
        if contacts[0]:
            self._contacts += contacts[0]
            self._put(USAGE_CONTACT, contact_rollup(events))

    def _put(self, rollup: Rollup, select: str) -> None:
        if not self._is_bulk:
            self._writer.add(rollup.recent, select, order_by=rollup.order)
            return
        folder = self._scratch / rollup.table
        folder.mkdir(parents=True, exist_ok=True)
        self._connection.execute(
            f"COPY (SELECT *, account_key % {BUCKETS} AS bucket FROM ({select})) TO {quoted(str(folder))}"
            " (FORMAT parquet, COMPRESSION snappy, PARTITION_BY (bucket), APPEND true, FILENAME_PATTERN '{uuid}')"
        )

    def finish(self, progress: Callable[[str, float], None], *, is_live: bool = False) -> None:
        """Fold what was taken into the sorted buckets, when it is much or much has gathered.

        Args:
            progress: Told what is being done.
            is_live: Somebody waits for the load to end: many small files become one, and folding waits for more rows.
        """
        for rollup in ROLLUPS:
            if self._is_bulk:
                if rollup is USAGE_DAY or self._contacts:
                    fold(
                        self._connection, self._writer, rollup, scratch=self._scratch / rollup.table, progress=progress
                    )
            elif is_live and not _is_much(self._writer.snapshot, rollup):
                if len(self._writer.snapshot.files(rollup.recent)) > RECENT_FILES_MOST:
                    self._squeeze(rollup)
            elif _is_due(self._writer.snapshot, rollup):
                fold(self._connection, self._writer, rollup, scratch=None, progress=progress)

    def _squeeze(self, rollup: Rollup) -> None:
        """Make one file of the recent ones."""
        files = [*self._writer.snapshot.files(rollup.recent), *self._writer.added_files(rollup.recent)]
        rows = f"(SELECT * FROM read_parquet([{', '.join(map(quoted, files))}], hive_partitioning = false))"
        wide = rollup is USAGE_DAY and is_wide(self._connection, rows, "quantity_max")
        merged = rollup.merged(f"SELECT * FROM {rows}", is_wide=wide)
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE squeezed AS {merged}")
        self._writer.replace_with_nothing(rollup.recent)
        self._writer.add(rollup.recent, "SELECT * FROM squeezed", order_by=rollup.order)
        self._connection.execute("DROP TABLE squeezed")


def _is_much(snapshot: Snapshot, rollup: Rollup) -> bool:
    recent = snapshot.manifest.tables.get(rollup.recent)
    base = snapshot.manifest.tables.get(rollup.table)
    return recent is not None and recent.rows > max(RECENT_ROWS_LEAST, RECENT_SHARE * (base.rows if base else 0))


def _is_due(snapshot: Snapshot, rollup: Rollup) -> bool:
    return _is_much(snapshot, rollup) or len(snapshot.files(rollup.recent)) > RECENT_FILES_MOST


def fold(
    connection: duckdb.DuckDBPyConnection,
    writer: LakeWriter,
    rollup: Rollup,
    *,
    scratch: Path | None,
    progress: Callable[[str, float], None],
) -> None:
    """Write every bucket anew: what is stored, what is recent, and what the load left in ``scratch``, sorted."""
    columns = ", ".join(name for name in stored_schema(rollup.recent))
    recent = [*writer.snapshot.files(rollup.recent), *writer.added_files(rollup.recent)]
    wide = False
    for bucket in range(BUCKETS):
        parts = writer.snapshot.files(rollup.table, partitions=[bucket])
        fresh = sorted(map(str, (scratch / f"bucket={bucket}").glob("*.parquet"))) if scratch else []
        selects = [
            f"SELECT {columns} FROM read_parquet([{', '.join(map(quoted, files))}], hive_partitioning = false)"
            for files in (parts, fresh)
            if files
        ]
        if recent:
            listed = ", ".join(map(quoted, recent))
            selects.append(
                f"SELECT {columns} FROM read_parquet([{listed}], hive_partitioning = false)"
                f" WHERE account_key % {BUCKETS} = {bucket}"
            )
        if not selects:
            continue
        rows = " UNION ALL ".join(selects)
        # The days of one load's slices do not overlap, so their sums by day are whole; a month may span two slices.
        if len(selects) > 1 or recent or rollup is USAGE_CONTACT:
            wide = rollup is USAGE_DAY and is_wide(connection, f"({rows})", "quantity_max")
            rows = rollup.merged(rows, is_wide=wide)
        writer.add_sorted_part(rollup.table, rows, partition=bucket, order_by=rollup.order)
        progress(f"sorting {rollup.table}", (bucket + 1) / BUCKETS)
    writer.replace(rollup.table)
    if recent:
        writer.replace_with_nothing(rollup.recent)


def merged_view(snapshot: Snapshot, rollup: Rollup, *, buckets: list[int] | None, recent: str) -> str:
    """SQL: one row per key of the whole roll-up.

    Args:
        snapshot: What is pinned.
        rollup: Which of the two.
        buckets: Read these only; None: all.
        recent: Table of the recent rows, merged with the stored rows of the same keys; empty name when there are none.
    """
    columns = ", ".join(stored_schema(rollup.recent))
    base = f"SELECT {columns} FROM ({snapshot.select(rollup.table, partitions=buckets)})"
    if not recent:
        return base
    same = " AND ".join(f"base.{key} = recent.{key}" for key in rollup.keys)
    return (
        f"SELECT {columns} FROM ({base}) base WHERE NOT EXISTS (SELECT 1 FROM {recent} recent WHERE {same})"
        f" UNION ALL SELECT {columns} FROM {recent}"
    )
