"""What an account uses of its limits right now: read in milliseconds on a warm engine, for a page that is open."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from upstep.clock import from_seconds
from upstep.engine.compiled import kept_statements
from upstep.engine.deciding.decide import known_tables, meter_keys, usage_from_day
from upstep.engine.deciding.desk import Desk, cuts
from upstep.tables.lake import open_snapshot
from upstep.tables.pruned import pruned
from upstep.tables.sqlite import SqliteEngine

if TYPE_CHECKING:
    from upstep.engine.project import Project
    from upstep.tables.query import Statements

_LIMIT_COLUMNS = {
    *("account_key", "product_id", "meter_id", "meter_kind", "aggregate", "limit_quantity", "is_unlimited"),
    *("used", "starts_0", "starts_next"),
}
_KEPT_ACCOUNTS = 2_000


@dataclass(frozen=True)
class Meter:
    """One limit and its use: ``limit`` None is unlimited, ``used`` None not known, ``resets_at`` None never."""

    product_id: str
    meter_id: str
    name: str
    used: int | None
    limit: int | None
    resets_at: datetime | None


@dataclass(frozen=True)
class Meters:
    """An account's meters as of an instant, and the plan that it has of each product."""

    as_of: datetime
    meters: tuple[Meter, ...]
    plans: dict[str, str]


class MeterReader:
    """Reads one account at a time; asked again before the facts change, it answers from memory."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._desk = Desk()
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, object], Meters] = OrderedDict()

    def read(self, account_id: str) -> Meters | None:
        """The account's meters as of the newest facts; None while nothing is loaded, or of an unknown account."""
        manifest = open_snapshot(self._project.folder).manifest
        if not manifest.connected:
            return None
        key = (account_id, (manifest.loaded_at, manifest.last_event_at, repr(manifest.tables)))
        with self._lock:
            if key not in self._known:
                self._known[key] = self._read(account_id)
                while len(self._known) > _KEPT_ACCOUNTS:
                    self._known.popitem(last=False)
            found = self._known[key]
        return found if found.meters or found.plans else None

    def _read(self, account_id: str) -> Meters:
        project, desk = self._project, self._desk
        statements = _statements(project)
        columns = {table: set(read) for table, read in statements.reads.items()}
        facts = desk.facts.open(project.folder, as_of=None, account_ids=[account_id], columns=columns)
        known = known_tables(facts, project.settings.fresh_days)
        keys, since = meter_keys(desk.engine), usage_from_day(facts)
        words = desk.words(
            (facts.as_of, keys, known, since),
            lambda: project.words(facts.as_of, meter_keys=keys, known=known, usage_from_day=since),
        )
        for name, rows in words.tables.items():
            desk.engine.load(name, rows)
        desk.engine.late["usage_raw"] = lambda: desk.facts.events(cuts(desk.engine))
        desk.engine.run(statements, keep=["limit_state", "owned"])
        limits = desk.engine.read("limit_state").to_pylist()
        owned = desk.engine.read("owned").to_pylist()
        desk.engine.drop("limit_state", "owned")
        names = {meter.id: meter.name for meter in project.catalog.meters.values()}
        return Meters(
            as_of=facts.as_of,
            meters=tuple(_meter(row, names) for row in sorted(limits, key=lambda row: _place(project, row))),
            plans={row["product_id"]: row["plan_id"] for row in owned if row["plan_id"]},
        )


def _statements(project: Project) -> Statements:
    def build() -> Any:
        wanted = {"limit_state": _LIMIT_COLUMNS, "owned": {"account_key", "product_id", "plan_id"}}
        return pruned(project.profiles(), wanted)

    parts = (project.shape,)
    return kept_statements(project.cache_folder, "meters", parts, build, dialect=SqliteEngine.dialect)


def _place(project: Project, row: dict[str, Any]) -> tuple[int, int]:
    """As the catalog lists products and meters."""
    products, meters = list(project.catalog.products), list(project.catalog.meters)
    return products.index(row["product_id"]), meters.index(row["meter_id"])


def _meter(row: dict[str, Any], names: dict[str, str]) -> Meter:
    is_flow = row["meter_kind"] == "flow" and row["aggregate"] != "seats"
    return Meter(
        product_id=row["product_id"],
        meter_id=row["meter_id"],
        name=names.get(row["meter_id"], row["meter_id"]),
        used=row["used"],
        limit=None if row["is_unlimited"] else row["limit_quantity"],
        resets_at=from_seconds(row["starts_next"]) if is_flow and row["starts_next"] else None,
    )
