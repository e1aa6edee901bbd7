"""Loading: a company's tables become facts. Twice is once, and a load that dies leaves what was there before.

The order is: find and look through every source, bind every mapping, and only then write; so a fault of structure in
the last table is told together with those of the first, and nothing has been written.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable, Sequence
from collections.abc import Mapping as Pairs
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from upstep.clock import DAY_SECONDS, from_seconds, to_seconds
from upstep.errors import Fault, OutsideError, SourceError, UpstepError
from upstep.tables.beside import Told
from upstep.tables.compacting import compact_usage
from upstep.tables.files import File, file_stamp
from upstep.tables.forgotten import read_forgotten
from upstep.tables.keys import Keys
from upstep.tables.lake import (
    Connected,
    facts_folder,
    read_files,
    read_manifest,
)
from upstep.tables.lake_writer import LakeWriter
from upstep.tables.lock import writer_lock
from upstep.tables.mapping import Mapping, TableMapping, read_mapping
from upstep.tables.quarantine import Faults, KeptAside
from upstep.tables.row_loader import RowLoader
from upstep.tables.schema import TABLES, Nature
from upstep.tables.source import Opened, open_source
from upstep.tables.stage import KnownIds, Staged, stage, wrong_throughout
from upstep.tables.usage import EventLoader

if TYPE_CHECKING:
    import duckdb

Progress = Callable[[str, float], None]
"""Told what is being done and which share of it is done."""


@dataclass(frozen=True)
class TableLoad:
    """What a load did to one table, in rows.

    Args:
        repeated: Events that were there already.
        faults: Faults by kind; a row may have several.
        rows_aside: The rows with a fault, which are kept aside.
    """

    table: str
    read: int = 0
    added: int = 0
    changed: int = 0
    ended: int = 0
    repeated: int = 0
    faults: Pairs[str, int] = field(default_factory=dict)
    is_unchanged: bool = False
    seconds: float = 0.0
    rows_aside: int = 0


@dataclass(frozen=True)
class LoadReport:
    """What a load did. ``examples`` holds the first faults of each kind and table."""

    tables: tuple[TableLoad, ...]
    examples: tuple[KeptAside, ...]
    complete_through: datetime
    wrote: bool

    @property
    def fault_count(self) -> int:
        """Faults of all rows kept aside in this load."""
        return sum(sum(table.faults.values()) for table in self.tables)

    @property
    def rows_aside(self) -> int:
        """Rows kept aside in this load; a row with several faults is one."""
        return sum(table.rows_aside for table in self.tables)


def _silent(_what: str, _share: float) -> None:
    """Progress that nobody watches."""


def load(  # noqa: PLR0913 - what the command line asks for, word by word
    project: Path,
    *,
    now: datetime,
    mapping: Mapping | None = None,
    through: datetime | None = None,
    known: KnownIds | None = None,
    strict: bool = False,
    dry_run: bool = False,
    only: Sequence[str] | None = None,
    progress: Progress = _silent,
    command: str = "upstep load",
    memory_limit: str = "4GB",
    spoken_for: Pairs[str, frozenset[str]] | None = None,
    is_live: bool = False,
    told: Pairs[str, Told] | None = None,
    numbers: tuple[int, int] | None = None,
) -> LoadReport:
    """Bring facts up to what the company's tables say.

    Args:
        project: The project's folder.
        now: The load's start; also ``through`` when that is not given.
        mapping: Default: what ``read_mapping`` gives.
        through: Everything dated up to here is in the sources; later rows are kept aside as future.
        known: Ids of the catalog; rows that name others are kept aside.
        strict: Any row fault is an error, and nothing is written.
        dry_run: Read and check everything, write nothing.
        only: Load these tables of the mapping.
        spoken_for: By table, first-key values (such as item ids) whose rows another source speaks for: what a billing
            provider told of them stands, though an older export still says otherwise.
        numbers: With ``is_live``, the inbox's first and last number of these events. What by its number was not in
            before is compared only with days of which the company's own source brought usage. None: with every day.
        told: By table, what events told of accounts and contacts: it stands where the company's own table says nothing.
        is_live: These are events as they came in; decisions are as of ``through`` from now on. They stand beside the
            company's own source of a table, which is read again when it has changed and not because of them.
        progress: Told what is being done.
        command: What the lock names to others.
        memory_limit: Of DuckDB; what is more goes to the disk.

    Raises:
        SourceError, MappingError: Faults of structure, or with ``strict`` of rows; nothing was written.
        BusyError: Another process writes.
    """
    import duckdb

    mapping = mapping or read_mapping(project)
    wanted = {name: table for name, table in mapping.tables.items() if only is None or name in only}
    if not wanted:
        raise SourceError(_nothing_to_load(project, mapping))
    with writer_lock(project, command=command, now=now):
        scratch = project / ".upstep" / "scratch"
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(parents=True)
        settings: dict[str, Any] = {"memory_limit": memory_limit, "temp_directory": str(scratch / "spill")}
        connection = duckdb.connect(":memory:", config=settings)
        try:
            connection.execute("SET TimeZone = 'UTC'")
            asked = Asked(
                to_seconds(through or now),
                to_seconds(now),
                known or KnownIds(),
                strict,
                dry_run,
                spoken_for or {},
                is_live,
                told or {},
                numbers,
            )
            report = _Load(project, connection, asked=asked, scratch=scratch, progress=progress).run(wanted)
            if is_live and not dry_run:
                compact_usage(project)
        except duckdb.Error as error:
            raise _told(error, project) from error
        finally:
            connection.close()
            shutil.rmtree(scratch, ignore_errors=True)
    return report


def _nothing_to_load(project: Path, mapping: Mapping) -> Fault:
    """What to do where no table is named, or none of those asked for."""
    file = project / "mapping.yaml"
    if file.exists() and not mapping.tables:
        advice = (
            "Write the block of a table, such as account, under 'tables:' (uncomment it), or move the file away:"
            " files in data/ that are named as our tables are then read."
        )
        return Fault(str(file), "no table is mapped, so there is nothing to load.", advice)
    advice = "Put files named as our tables into data/, such as data/account.csv, or write mapping.yaml."
    return Fault(str(project), "there is nothing to load.", advice)


def _told(error: Exception, project: Path) -> UpstepError:
    """What DuckDB could not do, as an error of ours; nothing was written."""
    import duckdb

    line = str(error).splitlines()[0][:300]
    if isinstance(error, duckdb.OutOfMemoryException):
        return OutsideError(f"{project}: the load needs more memory than it may use ({line}). Nothing was written.")
    if isinstance(error, duckdb.IOException) and "No space left" in line:
        return OutsideError(f"{project}: the disk is full ({line}). Nothing was written.")
    told = f"a source cannot be read to its end ({line})."
    return SourceError(Fault(str(project), told, "Export it again; nothing was written."))


@dataclass(frozen=True)
class Asked:
    """What a load was asked to do; instants in seconds."""

    through: int
    now: int
    known: KnownIds
    strict: bool
    dry_run: bool
    spoken_for: Pairs[str, frozenset[str]]
    is_live: bool = False
    told: Pairs[str, Told] = field(default_factory=dict)
    numbers: tuple[int, int] | None = None

    @property
    def reread_key(self) -> str:
        """A source with faults is read again when this has changed: they may be none any more."""
        words = repr([sorted(ids) if ids is not None else None for ids in vars(self.known).values()])
        return hashlib.sha256(words.encode()).hexdigest()[:8] + f"@{self.through}"


@dataclass(frozen=True)
class _Bound:
    """A table whose source is open and whose mapping is bound to it. ``digests`` are of its sources."""

    staged: Staged
    digests: Pairs[str, str]
    read_with: str


class _Load:
    """One load: the connection, the writer and what has been found so far."""

    def __init__(
        self, project: Path, connection: duckdb.DuckDBPyConnection, *, asked: Asked, scratch: Path, progress: Progress
    ) -> None:
        self.project = project
        self.connection = connection
        self.asked = asked
        self.scratch = scratch
        self.progress = progress
        self.before = read_manifest(project)
        self.stamps = _read_stamps(project)
        self.forgotten = read_forgotten(project)
        self.results: dict[str, TableLoad] = {}
        self.connected: dict[str, Connected] = dict(self.before.connected)
        self.last_event_at = self.before.last_event_at
        self.own_day = self.before.own_day
        self.writer: LakeWriter
        self.keys: Keys
        self.faults = Faults(connection)

    def run(self, wanted: Pairs[str, TableMapping]) -> LoadReport:
        """Bind everything, then merge table by table, then publish."""
        order = [name for name in TABLES if name in wanted]
        bound = self._bind([wanted[name] for name in order])
        self.writer = LakeWriter(self.project, self.connection)
        try:
            self.keys = Keys(self.connection, self.writer, meters=self.asked.known.meters, is_small=self.asked.is_live)
            for number, name in enumerate(order):
                self.progress(f"loading {name}", number / len(order))
                if name in bound:
                    self._load_table(bound[name])
            self.keys.write()
            self._write_quarantine(bound)
            return self._publish()
        except BaseException:
            self.writer.abandon()
            raise

    # Binding

    def _bind(self, mappings: Sequence[TableMapping]) -> dict[str, _Bound]:
        """Open and bind every table that has changed; all faults of structure at once."""
        faults: list[Fault] = []
        bound: dict[str, _Bound] = {}
        for mapping in mappings:
            try:
                opened = open_source(
                    self.connection, mapping, project=self.project, known=self.stamps, is_done=self._done_files(mapping)
                )
                if not self._is_unchanged(mapping, opened):
                    staged = stage(
                        self.connection,
                        mapping,
                        opened,
                        known=self.asked.known,
                        through=self._through(mapping.table),
                        forgotten=self.forgotten,
                    )
                    faults += wrong_throughout(self.connection, staged)
                    bound[mapping.table] = _Bound(staged, opened.digests, mapping.digest)
                else:
                    self._keep_unchanged(mapping.table)
                if not self.asked.is_live:
                    self._stamp(opened)
            except SourceError as error:
                faults += error.faults
        if faults:
            raise SourceError(list(dict.fromkeys(faults)))
        return bound

    def _through(self, table: str) -> int:
        """Never before what an earlier load had: what is known does not become unknown."""
        before = self.before.connected.get(table)
        return max(self.asked.through, before.complete_through if before else self.asked.through)

    def _stamp(self, opened: Opened) -> None:
        for file in opened.files:
            self.stamps[file_stamp(file)] = file.digest

    def _is_unchanged(self, mapping: TableMapping, opened: Opened) -> bool:
        """Whether every source was read before, with this mapping, and nothing was wrong or would be right now."""
        before = self.before.connected.get(mapping.table)
        if before is None or before.sources.get("mapping") != mapping.digest:
            return False
        stored = {shown: value for shown, value in before.sources.items() if shown != "mapping"}
        return stored.keys() == opened.digests.keys() and all(
            self._is_done(stored[shown], digest) for shown, digest in opened.digests.items()
        )

    def _done_files(self, mapping: TableMapping) -> Callable[[File], bool]:
        """Which files of events need not be read: events only come to, so what is in stays in."""
        before = self.before.connected.get(mapping.table)
        if (
            before is None
            or mapping.table != "usage"
            or mapping.joins
            or before.sources.get("mapping") != mapping.digest
        ):
            return lambda _file: False
        sources = before.sources
        return lambda file: self._is_done(sources.get(file.shown, ""), file.digest)

    def _is_done(self, stored: str, digest: str) -> bool:
        return stored in (digest, f"{digest} {self.asked.reread_key}")

    def _keep_unchanged(self, table: str) -> None:
        before = self.before.connected[table]
        self.connected[table] = replace(before, complete_through=self._through(table))
        aside = sum(before.faults.values()) if before.rows_aside is None else before.rows_aside
        self.results[table] = TableLoad(table, faults=before.faults, is_unchanged=True, rows_aside=aside)

    # Tables

    def _load_table(self, bound: _Bound) -> None:
        began = time.monotonic()
        table = bound.staged.table
        result = self._load_usage(bound) if table.nature is Nature.EVENT else self._load_rows(bound)
        faults, aside = self.faults.counts(table.name), self.faults.rows(table.name)
        seconds = time.monotonic() - began
        self.results[table.name] = replace(result, faults=faults, rows_aside=aside, seconds=seconds)
        before = self.before.connected.get(table.name, Connected(0))
        ids = before.load_ids
        if result.added or result.changed or result.ended or table.name not in self.before.connected:
            words = [*ids, bound.read_with, *sorted(bound.digests.values())]
            ids = (hashlib.sha256(" ".join(words).encode()).hexdigest()[:16],)
        if self.asked.is_live:
            told = replace(before, complete_through=self._through(table.name), load_ids=ids)
            self.connected[table.name] = replace(told, repeated=before.repeated + result.repeated)
            return
        wrong = self.faults.files(bound.staged)
        sources = {
            shown: digest + (f" {self.asked.reread_key}" if shown in wrong else "")
            for shown, digest in bound.digests.items()
        }
        sources |= {shown: before.sources[shown] for shown in bound.staged.opened.skipped}
        sources["mapping"] = bound.read_with
        self.connected[table.name] = Connected(
            self._through(table.name), ids, sources, faults, before.repeated + result.repeated, rows_aside=aside
        )
        for name in bound.staged.opened.temporary:
            self.connection.execute(f'DROP TABLE IF EXISTS "{name}"')

    def _load_rows(self, bound: _Bound) -> TableLoad:
        name = bound.staged.table.name
        loader = RowLoader(
            self.connection,
            self.writer,
            bound.staged,
            keys=self.keys,
            faults=self.faults,
            spoken_for=self.asked.spoken_for.get(name, frozenset()),
            told=self.asked.told.get(name, {}),
        )
        counts = loader.load(self._through(name))
        return TableLoad(name, counts.read, counts.added, counts.changed, counts.ended)

    def _load_usage(self, bound: _Bound) -> TableLoad:
        self.faults.note_rejected(bound.staged)
        loader = EventLoader(
            self.connection,
            self.writer,
            bound.staged,
            scratch=self.scratch,
            add_keys=self.keys.add,
            note_faults=lambda select: self.faults.note("usage", select),
            progress=self.progress,
            is_live=self.asked.is_live,
            compared_until=self._compared_until(),
        )
        counts = loader.load(self._through("usage"))
        if counts.last_at is not None and not self.asked.is_live:
            self.own_day = max(counts.last_at // DAY_SECONDS, self.own_day or 0)
        self.last_event_at = max((at for at in (counts.last_at, self.last_event_at) if at is not None), default=None)
        return TableLoad("usage", counts.read, counts.added, repeated=counts.repeated)

    def _compared_until(self) -> int | None:
        """The last day on which an event of this load may be in already; None: any day."""
        numbers, before = self.asked.numbers, self.before.live_number
        if not self.asked.is_live or numbers is None or numbers[0] <= (before or 0):
            return None
        return self.before.own_day if self.before.own_day is not None else -1

    # The end

    def _write_quarantine(self, bound: Pairs[str, _Bound]) -> None:
        """Keep the faults of what was read now beside those of files that were not; with ``strict`` raise them.

        Raises:
            SourceError: ``strict`` was asked for, and there are faults.
        """
        staged = [table.staged for table in bound.values()]
        self.faults.place(staged)
        if self.asked.strict and self.faults.total():
            raise SourceError(self.faults.first(str(self.project)))
        if self.asked.is_live:
            return  # Events are looked at before they come here; what is kept aside is of the company's own sources.
        words = repr(sorted((name, sorted(table.digests.items())) for name, table in bound.items()))
        load_id = hashlib.sha256(words.encode()).hexdigest()[:16]
        older, rows = self.faults.write(self.writer, staged, load_id=load_id, now=self.asked.now)
        if "usage" in bound:
            usage = self.connected["usage"]
            kinds = {*usage.faults, *older}
            self.connected["usage"] = replace(
                usage,
                faults={kind: usage.faults.get(kind, 0) + older.get(kind, 0) for kind in sorted(kinds)},
                rows_aside=(usage.rows_aside or 0) + rows,
            )

    def _publish(self) -> LoadReport:
        tables = tuple(self.results[name] for name in TABLES if name in self.results)
        wrote = self.writer.has_written
        report = LoadReport(
            tables, self.faults.examples(3), from_seconds(self.asked.through), wrote and not self.asked.dry_run
        )
        if self.asked.dry_run:
            self.writer.abandon()
            return report
        live = max(self.asked.through, self.before.live_through or 0) if self.asked.is_live else None
        manifest = replace(
            self.before,
            connected=self.connected,
            orphans=self._orphans(),
            last_event_at=self.last_event_at,
            live_through=live or self.before.live_through,
            live_number=max(self.asked.numbers[1], self.before.live_number or 0)
            if self.asked.numbers
            else self.before.live_number,
            own_day=self.own_day,
        )
        if wrote or manifest != self.before:
            first = self.before.first_loaded_at
            at = self.asked.through
            manifest = replace(manifest, first_loaded_at=at if first is None else first, loaded_at=self.asked.now)
            self.writer.publish(manifest)
        else:
            self.writer.abandon()
        _write_stamps(self.project, self.stamps)
        return report

    def _orphans(self) -> int:
        """Account keys that no row of the account table has; none while that table is not connected."""
        account_changed = bool(self.writer.added_files("account"))
        if "account" not in self.connected:
            return 0
        if not account_changed and not self.keys.has_new("account_key"):
            return self.before.orphans
        files = self.writer.added_files("account") if account_changed else self.writer.snapshot.files("account")
        found: Any = self.connection.execute(
            f"SELECT count(*) FROM {self.keys.every('account_key')} keys"
            f" ANTI JOIN ({read_files('account', files)}) account USING (account_key)"
        ).fetchone()
        return int(found[0])


def _read_stamps(project: Path) -> dict[str, str]:
    """Digests of files looked through before; only saves time, so a broken file is no fault."""
    import json

    try:
        words = json.loads((facts_folder(project) / "stamps.json").read_text(encoding="utf-8"))
        return {str(stamp): str(digest) for stamp, digest in words.items()}
    except (OSError, ValueError, AttributeError):
        return {}


def _write_stamps(project: Path, stamps: Pairs[str, str]) -> None:
    import json

    path = facts_folder(project) / "stamps.json"
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(dict(stamps), indent=0, sort_keys=True), encoding="utf-8")
    fresh.replace(path)
