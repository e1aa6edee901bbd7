"""Loading events: exact dedup by id and UTC day, in slices of whole days so that memory stays bounded.

A slice is a few SQL statements, whatever its size. The same ``event_id`` on the same day is one event, within a load
and against what is stored; on another day it is another event, and ``check`` tells of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from upstep.tables.lake_writer import LakeWriter
from upstep.tables.rollup import BULK_ROWS, RollupWriter
from upstep.tables.stage import Staged, faulty_rows

if TYPE_CHECKING:
    import duckdb

SLICE_ROWS = 2_500_000
_DAY = 86_400


@dataclass(frozen=True)
class EventCounts:
    """What became of the events that were read. ``last_at`` is the second of the latest one that was added."""

    read: int
    added: int
    repeated: int
    last_at: int | None


@dataclass(frozen=True)
class _Slice:
    """Whole days from ``start`` until before ``end`` (seconds), and how many rows the source has for them."""

    start: int
    end: int
    rows: int


class EventLoader:
    """Takes one load's events in.

    Args:
        add_keys: Gives keys to ids: (dictionary table, SQL of one column ``id``).
        note_faults: Keeps rows aside: SQL of ``stage.faulty_rows``.
        compared_until: The last day (since 1970) of which an event may be stored already; None: any.
    """

    def __init__(  # noqa: PLR0913 - what one load knows, told once
        self,
        connection: duckdb.DuckDBPyConnection,
        writer: LakeWriter,
        staged: Staged,
        *,
        scratch: Path,
        add_keys: Callable[[str, str], None],
        note_faults: Callable[[str], None],
        progress: Callable[[str, float], None],
        is_live: bool = False,
        compared_until: int | None = None,
    ) -> None:
        self._connection = connection
        self._writer = writer
        self._staged = staged
        self._scratch = scratch
        self._add_keys = add_keys
        self._note_faults = note_faults
        self._progress = progress
        self._is_live = is_live
        self._compared_until = compared_until

    def load(self, through: int) -> EventCounts:
        """Write new events and what they add to the roll-ups; seen after the writer has published.

        Args:
            through: Seconds; later events are kept aside as future.
        """
        days = self._days()
        read = sum(rows for _, rows in days)
        # Rows that no day, or a later one, can be told of are all faults; the slices take the others.
        dated = [(day, rows) for day, rows in days if day is not None and day * _DAY <= through]
        if len(dated) < len(days):
            last = (through // _DAY + 1) * _DAY
            rest = f"SELECT * FROM ({self._staged.select}) WHERE occurred_at IS NULL OR occurred_at >= {last}"
            self._note_faults(faulty_rows(self._staged, rest))
        rollups = RollupWriter(self._connection, self._writer, is_bulk=read >= BULK_ROWS, scratch=self._scratch)
        # Events have no order to keep, and keeping it costs a third more.
        self._connection.execute("SET preserve_insertion_order = false")
        added = repeated = done = 0
        last_at: int | None = None
        for part in _slices(dated):
            good = self._take(part)
            if good < part.rows:
                self._note_faults(faulty_rows(self._staged, self._staged.between(part.start, part.end)))
            dropped = self._drop_repeated(part)
            if good > dropped:
                self._writer.add("usage", "SELECT * FROM slice")
                rollups.add("slice")
                latest: Any = self._connection.execute("SELECT max(occurred_at) FROM slice").fetchone()
                last_at = max(latest[0], last_at or latest[0])
            added, repeated, done = added + good - dropped, repeated + dropped, done + part.rows
            self._progress("loading usage", done / max(read, 1))
        self._connection.execute("DROP TABLE IF EXISTS slice")
        self._connection.execute("SET preserve_insertion_order = true")
        if added:
            rollups.finish(self._progress, is_live=self._is_live)
        return EventCounts(read, added, repeated, last_at)

    def _days(self) -> list[tuple[int | None, int]]:
        return self._connection.execute(
            f"SELECT (occurred_at // {_DAY})::INTEGER AS day, count(*) FROM ({self._staged.select})"
            " GROUP BY day ORDER BY day"
        ).fetchall()

    def _take(self, part: _Slice) -> int:
        """The slice's good rows with integer keys, as the temp table ``slice``. Gives their number."""
        if "contact_id" in self._staged.columns:
            self._add_keys(
                "contact_key", f"SELECT contact_id AS id FROM ({self._staged.between(part.start, part.end)})"
            )
        self._create_slice(part)
        lost: Any = self._connection.execute(
            "SELECT count(*), count(account_key), count(meter_key) FROM slice"
        ).fetchone()
        if lost[1] < lost[0] or lost[2] < lost[0]:
            good = f"SELECT * FROM ({self._staged.between(part.start, part.end)}) WHERE NOT {self._staged.any_fault}"
            self._add_keys("account_key", f"SELECT account_id AS id FROM ({good})")
            self._add_keys("meter_key", f"SELECT meter_id AS id FROM ({good})")
            self._create_slice(part)
        return int(lost[0])

    def _create_slice(self, part: _Slice) -> None:
        columns = self._staged.columns
        contact = "contact_key.contact_key" if "contact_id" in columns else "NULL::INTEGER AS contact_key"
        properties = "events.properties" if "properties" in columns else "NULL::VARCHAR AS properties"
        by_contact = (
            " LEFT JOIN contact_key ON contact_key.contact_id = events.contact_id" if "contact_id" in columns else ""
        )
        good = f"SELECT * FROM ({self._staged.between(part.start, part.end)}) WHERE NOT {self._staged.any_fault}"
        self._connection.execute(
            "CREATE OR REPLACE TEMP TABLE slice AS SELECT events.event_id, account_key.account_key,"
            f" meter_key.meter_key, {contact}, events.occurred_at, events.quantity, {properties},"
            f" (events.occurred_at // {_DAY})::INTEGER AS day"
            f" FROM ({good}) events"
            " LEFT JOIN account_key ON account_key.account_id = events.account_id"
            f" LEFT JOIN meter_key ON meter_key.meter_id = events.meter_id{by_contact}"
        )

    def _drop_repeated(self, part: _Slice) -> int:
        """Remove events of the slice that stand in it twice, or are stored. Gives their number."""
        dropped = 0
        # Equal ids have equal hashes: only rows whose hash occurs twice are compared by their text.
        self._connection.execute(
            "CREATE OR REPLACE TEMP TABLE suspect AS SELECT id_hash"
            " FROM (SELECT hash(event_id, day) AS id_hash FROM slice) GROUP BY id_hash HAVING count(*) > 1"
        )
        found: Any = self._connection.execute("SELECT count(*) FROM suspect").fetchone()
        if found[0]:
            dropped += self._delete(
                "SELECT row_id FROM (SELECT rowid AS row_id, row_number() OVER (PARTITION BY event_id, day ORDER BY"
                " occurred_at, account_key, meter_key, quantity, contact_key, properties) AS number FROM slice"
                " WHERE hash(event_id, day) IN (SELECT id_hash FROM suspect)) WHERE number > 1"
            )
        days = range(part.start // _DAY, part.end // _DAY)
        if self._compared_until is not None:
            days = range(days.start, min(days.stop, self._compared_until + 1))
        if self._writer.snapshot.files("usage", partitions=days):
            stored = self._writer.snapshot.select("usage", partitions=days)
            dropped += self._delete(
                f"SELECT slice.rowid AS row_id FROM slice SEMI JOIN (SELECT event_id, day FROM ({stored})) stored"
                " ON slice.event_id = stored.event_id AND slice.day = stored.day"
            )
        return dropped

    def _delete(self, row_ids: str) -> int:
        gone: Any = self._connection.execute(
            f"DELETE FROM slice WHERE rowid IN (SELECT row_id FROM ({row_ids}))"
        ).fetchone()
        return int(gone[0])


def _slices(days: list[tuple[int, int]]) -> Iterator[_Slice]:
    """Runs of days that hold about ``SLICE_ROWS`` rows; a day is never cut."""
    start, rows = None, 0
    for place, (day, count) in enumerate(days):
        start = day if start is None else start
        rows += count
        following = days[place + 1][1] if place + 1 < len(days) else SLICE_ROWS
        if rows + following > SLICE_ROWS:
            yield _Slice(start * _DAY, (day + 1) * _DAY, rows)
            start, rows = None, 0
