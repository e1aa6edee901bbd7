"""The decision ledger: a row for every step whenever its outcome, holds, proposal or a fact's band changed, for ever.

A Delta table beside the facts, with its own lock: deciding works while a load runs. The same run twice writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from upstep.clock import to_seconds
from upstep.tables.lock import writer_lock

if TYPE_CHECKING:
    from datetime import datetime

    from deltalake import DeltaTable

    from upstep.engine.deciding.decide import Run
    from upstep.engine.project import Project

ENDED = "ended"
"""The outcome of a step that no play fires for any more."""


@dataclass(frozen=True)
class Kept:
    """What a run added to the ledger."""

    run_id: str
    steps: int
    written: int
    was_known: bool


def ledger_folder(project: Project) -> Path:
    """Where the ledger lives."""
    return project.folder / ".upstep" / "decisions"


def keep(project: Project, run: Run, *, accounts: list[str] | None = None, now: datetime) -> Kept:
    """Write what changed since each step's last row at or before this as-of.

    Args:
        accounts: The accounts that were decided; None: all.

    Raises:
        BusyError: Another process writes decisions.
    """
    from deltalake import DeltaTable

    folder = ledger_folder(project)
    folder.mkdir(parents=True, exist_ok=True)
    with writer_lock(folder, command="upstep decide", now=now):
        table = DeltaTable(folder / "decision") if DeltaTable.is_deltatable(str(folder / "decision")) else None
        key = run.run_id if accounts is None else f"{run.run_id}/{','.join(sorted(accounts))}"
        rows = changed(run, _latest(table, run, accounts), accounts)
        if accounts is not None and not rows.num_rows:
            # A live run of a few accounts comes every second: only what is news is written.
            return Kept(run.run_id, run.decisions.num_rows, 0, was_known=False)
        is_known = table is not None and table.transaction_version(key) is not None
        # A known run may say something new again: an answer that lapsed brings back what was decided before it.
        if is_known and not rows.num_rows:
            return Kept(run.run_id, run.decisions.num_rows, 0, was_known=True)
        _append(folder, table, rows, key)
        return Kept(run.run_id, run.decisions.num_rows, rows.num_rows, was_known=False)


def changed(run: Run, latest: pa.Table | None, accounts: list[str] | None) -> pa.Table:
    """The rows to write: steps that are new or say something else, and steps that have ended."""
    dated = run.decisions.append_column(
        "as_of", pa.repeat(pa.scalar(to_seconds(run.as_of), pa.int64()), run.decisions.num_rows)
    )
    if latest is None or not latest.num_rows:
        return dated
    known = latest.select(["step_id", "signature"]).rename_columns(["step_id", "known"])
    joined = dated.select(["step_id", "signature"]).append_column("at", pa.array(range(dated.num_rows), pa.int64()))
    joined = joined.join(known, "step_id", join_type="left outer").sort_by("at")
    same = pc.fill_null(pc.equal(joined["signature"], joined["known"]), fill_value=False)
    fresh = dated.filter(pc.invert(same))
    ended = _ended(latest, dated, run, accounts=accounts)
    return pa.concat_tables([fresh, ended]) if ended.num_rows else fresh


def _ended(latest: pa.Table, dated: pa.Table, run: Run, *, accounts: list[str] | None) -> pa.Table:
    """A row for every step that was there and is not any more."""
    live = latest.filter(pc.not_equal(latest["outcome"], ENDED))
    if accounts is not None:
        live = live.filter(pc.is_in(live["account_id"], pa.array(accounts, pa.string())))
    gone = live.filter(pc.invert(pc.is_in(live["step_id"], dated["step_id"].combine_chunks())))
    if not gone.num_rows:
        return dated.slice(0, 0)
    columns = {}
    for field in dated.schema:
        if field.name in ("step_id", "account_id", "name", "step_product_id", "target", "play", "lane", "path"):
            columns[field.name] = gone[field.name].cast(field.type)
        elif field.name in ("outcome", "signature"):
            columns[field.name] = pa.repeat(pa.scalar(ENDED, pa.string()), gone.num_rows)
        elif field.name in ("run_id", "as_of"):
            value = run.run_id if field.name == "run_id" else to_seconds(run.as_of)
            columns[field.name] = pa.repeat(pa.scalar(value, field.type), gone.num_rows)
        else:
            columns[field.name] = pa.nulls(gone.num_rows, field.type)
    return pa.table(columns, schema=dated.schema)


_LATEST = ["step_id", "signature", "outcome", "account_id", "name", "step_product_id", "target", "play", "lane", "path"]


def _latest(table: DeltaTable | None, run: Run, accounts: list[str] | None) -> pa.Table | None:
    """Each step's last row at or before the run's as-of; with ``accounts`` of their steps alone."""
    if table is None:
        return None
    import duckdb

    files = table.file_uris()
    if not files:
        return None
    connection = duckdb.connect(":memory:", config={"threads": 1} if accounts is not None else {})
    of_accounts = "" if accounts is None else " AND account_id IN (SELECT unnest(?))"
    found = connection.sql(
        f"SELECT {', '.join(_LATEST)} FROM (SELECT *, row_number() OVER (PARTITION BY step_id ORDER BY as_of DESC,"
        f" sequence DESC) AS place FROM read_parquet(?) WHERE as_of <= ?{of_accounts}) WHERE place = 1",
        params=[files, to_seconds(run.as_of), *([] if accounts is None else [accounts])],
    ).to_arrow_table()
    connection.close()
    return found


FILES_MOST = 100
"""Live decisions add a file each time; from so many on they are written together."""


def _append(folder: Path, table: DeltaTable | None, rows: pa.Table, key: str) -> None:
    from deltalake import CommitProperties, Transaction, write_deltalake

    path = folder / "decision"
    if table is not None and len(table.file_uris()) > FILES_MOST:
        table.optimize.compact()
    sequence = table.version() + 1 if table is not None else 0
    numbered = rows.append_column("sequence", pa.repeat(pa.scalar(sequence, pa.int64()), rows.num_rows))
    write_deltalake(
        path,
        numbered,
        mode="append",
        schema_mode="merge",  # A newer version may tell more of a decision.
        commit_properties=CommitProperties(app_transactions=[Transaction(key, 1)]),
    )


def history(project: Project, account_id: str) -> list[dict[str, object]]:
    """An account's ledger rows, oldest first."""
    from deltalake import DeltaTable

    path = ledger_folder(project) / "decision"
    if not DeltaTable.is_deltatable(str(path)):
        return []
    import duckdb

    rows = (
        duckdb.connect(":memory:")
        .sql(
            "SELECT as_of, run_id, play, step_id, target, outcome, holds, unknown, to_plan_id, recurring_change_minor,"
            " currency FROM read_parquet(?) WHERE account_id = ? ORDER BY as_of, sequence, step_id",
            params=[DeltaTable(path).file_uris(), account_id],
        )
        .to_arrow_table()
    )
    found: list[dict[str, object]] = rows.to_pylist()
    return found


def take_out(
    project: Project,
    *,
    account_id: str | None,
    ids: list[str],
    pattern: str,
    now: datetime,
    dry_run: bool = False,
) -> tuple[int, int]:
    """Take somebody out of every row ever written; the table is written anew, and its older versions are gone.

    Args:
        project: Whose.
        account_id: An account whose rows go; None: rows only lose the words.
        ids: Cells of lists that go.
        pattern: What is replaced in text.
        now: When.
        dry_run: Count, and change nothing.

    Returns:
        How many rows went, and how many lost words.
    """
    from deltalake import DeltaTable

    folder = ledger_folder(project)
    if not DeltaTable.is_deltatable(str(folder / "decision")):
        return 0, 0
    with writer_lock(folder, command="upstep forget", now=now):
        return _take_out(folder, account_id=account_id, ids=ids, pattern=pattern, dry_run=dry_run)


def _take_out(folder: Path, *, account_id: str | None, ids: list[str], pattern: str, dry_run: bool) -> tuple[int, int]:
    import shutil

    import duckdb
    from deltalake import DeltaTable, write_deltalake

    old, fresh, aside = folder / "decision", folder / "decision.new", folder / "decision.old"
    files = DeltaTable(old).file_uris()
    with duckdb.connect(":memory:") as connection:
        source = connection.read_parquet(files, union_by_name=True) if files else None
        if source is None:
            return 0, 0
        connection.register("ledger", source)
        connection.execute("SET VARIABLE pattern = $1", [pattern])
        connection.execute("SET VARIABLE ids = $1", [ids])
        connection.execute("SET VARIABLE gone = $1", [account_id])
        kinds = dict(zip(source.columns, map(str, source.types), strict=True))
        cells = {name: _without(name, kind) for name, kind in kinds.items()}
        changed = " OR ".join(f'"{name}" IS DISTINCT FROM {cell}' for name, cell in cells.items() if cell is not None)
        is_gone = "coalesce(account_id = getvariable('gone'), false)"
        (counts,) = connection.execute(
            f"SELECT count(*) FILTER ({is_gone}), count(*) FILTER (NOT {is_gone} AND ({changed})) FROM ledger"
        ).fetchall()
        if dry_run or not any(counts):
            return int(counts[0]), int(counts[1])
        listed = ", ".join(f'{cell or _named(name)} AS "{name}"' for name, cell in cells.items())
        rows = connection.sql(f"SELECT {listed} FROM ledger WHERE NOT {is_gone} ORDER BY sequence")
        shutil.rmtree(fresh, ignore_errors=True)
        write_deltalake(fresh, rows.to_arrow_reader())
    shutil.rmtree(aside, ignore_errors=True)
    old.rename(aside)
    fresh.rename(old)
    shutil.rmtree(aside)
    return int(counts[0]), int(counts[1])


def _named(name: str) -> str:
    return f'"{name}"'


def _without(name: str, kind: str) -> str | None:
    """SQL of a ledger cell without somebody's words; None: the cell cannot hold them."""
    if kind == "VARCHAR[]":
        keeps = "NOT list_contains(getvariable('ids'), x) AND NOT regexp_matches(x, getvariable('pattern'))"
        return f'list_filter("{name}", lambda x: {keeps})'
    if kind != "VARCHAR" or name.endswith("_id") or name in ("target", "signature", "outcome"):
        return None
    return f"regexp_replace(\"{name}\", getvariable('pattern'), '(forgotten)', 'g')"
