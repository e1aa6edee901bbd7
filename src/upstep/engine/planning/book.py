"""The accounts of a project as they are known now: page by page, or one by its id."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from upstep.clock import from_seconds, to_seconds
from upstep.tables.facts import visible_condition
from upstep.tables.lake import open_snapshot
from upstep.tables.query import DuckEngine

if TYPE_CHECKING:
    from datetime import datetime

    from upstep.engine.project import Project

_COLUMNS = (
    *("account_id", "name", "created_at", "parent_account_id", "owner_id", "segment", "industry", "country"),
    *("currency", "time_zone", "employees", "do_not_sell_until", "do_not_sell_why"),
)
_INSTANTS = ("created_at", "do_not_sell_until")


def list_accounts(
    project: Project, *, now: datetime, after: str | None = None, limit: int, owner_id: str | None = None
) -> list[dict[str, Any]]:
    """Accounts in the order of their ids.

    Args:
        after: Only those behind this id.
        owner_id: Only those of this owner.
    """
    where = ["account_id > ?", "(? IS NULL OR owner_id = ?)"]
    return _read(project, where, [after or "", owner_id, owner_id], now=now, limit=limit)


def read_account(project: Project, account_id: str, *, now: datetime) -> dict[str, Any] | None:
    """One account; None when there is none of that id."""
    found = _read(project, ["account_id = ?"], [account_id], now=now, limit=1)
    return found[0] if found else None


def _read(project: Project, where: list[str], values: list[Any], *, now: datetime, limit: int) -> list[dict[str, Any]]:
    stored = open_snapshot(project.folder).select("account")
    wanted = " AND ".join([visible_condition("account", at=to_seconds(now)), *where])
    rows = DuckEngine().connection.execute(
        f"SELECT {', '.join(_COLUMNS)} FROM ({stored}) WHERE {wanted}"
        # A table that says what is so today keeps older versions of a row; the newest counts.
        " QUALIFY row_number() OVER (PARTITION BY account_id ORDER BY seen_from DESC) = 1 ORDER BY account_id LIMIT ?",
        [*values, limit],
    )
    return [_told(dict(zip(_COLUMNS, row, strict=True))) for row in rows.fetchall()]


def _told(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, **{name: None if row[name] is None else from_seconds(row[name]) for name in _INSTANTS}}
