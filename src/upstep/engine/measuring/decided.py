"""What the ledger of decisions says in a report: the best steps that are open, and the overage that a step replaces."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from upstep.clock import from_seconds
from upstep.engine.deciding.explain import parsed
from upstep.engine.deciding.ledger import ledger_folder
from upstep.engine.project import open_project_state
from upstep.revenue.attribution import offer_rows

if TYPE_CHECKING:
    from upstep.engine.project import Project

OPPORTUNITIES = 10


def opportunities_of(project: Project) -> tuple[tuple[dict[str, Any], ...], datetime | None]:
    """The best steps that are open by the last decisions, of all lanes that sell, and when the last run was."""
    last = _ledger(project, "true QUALIFY row_number() OVER (ORDER BY as_of DESC) = 1", [], "run_id")
    if not last:
        return (), None
    where = (
        "true QUALIFY row_number() OVER (PARTITION BY step_id ORDER BY as_of DESC, sequence DESC) = 1"
        " AND outcome IN ('eligible', 'unconfirmed') AND is_winner AND lane IN ('self_serve', 'assisted')"
    )
    taken = _taken(project)
    rows = [row for row in _ledger(project, where, [], "*") if row["step_id"] not in taken]
    rows.sort(key=lambda row: (row["priority"] is None, -(row["priority"] or 0), row["step_id"]))
    return tuple(parsed(row) for row in rows[:OPPORTUNITIES]), from_seconds(last[0]["as_of"])


def _taken(project: Project) -> set[str]:
    """Steps that somebody said yes to: the next run no longer lists them, this one may not know yet."""
    if not project.has_state:
        return set()
    state = open_project_state(project)
    try:
        rows = offer_rows(state, until=datetime.max.replace(tzinfo=UTC))
    finally:
        state.dispose()
    return {row["step_id"] for row in rows if row["accepted_at"] is not None and not row["is_withdrawn"]}


def replaced_overage(project: Project, steps: set[str]) -> dict[str, list[tuple[int, int]]]:
    """Step to (as of, overage replaced) in the ledger, oldest first."""
    found: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for row in _ledger(project, "step_id IN (SELECT unnest(?))", [sorted(steps)], "step_id, overage_replaced_minor"):
        found[row["step_id"]].append((row["as_of"], row["overage_replaced_minor"] or 0))
    return found


def before(rows: Sequence[tuple[int, int]], at: int) -> int:
    """The last known amount at or before an instant; of a step decided only later, the first."""
    known = [amount for as_of, amount in rows if as_of <= at]
    return known[-1] if known else (rows[0][1] if rows else 0)


def _ledger(project: Project, where: str, values: list[Any], columns: str) -> list[dict[str, Any]]:
    """Rows of the decision ledger with ``as_of``, oldest first; none where nothing was decided yet."""
    from deltalake import DeltaTable

    path = ledger_folder(project) / "decision"
    if not DeltaTable.is_deltatable(str(path)):
        return []
    import duckdb

    files = DeltaTable(path).file_uris()
    sql = f"SELECT as_of, {columns} FROM read_parquet(?) WHERE {where} ORDER BY as_of, sequence, step_id"
    found: list[dict[str, Any]] = (
        duckdb.connect(":memory:").sql(sql, params=[files, *values]).to_arrow_table().to_pylist()
    )
    return found
