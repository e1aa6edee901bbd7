"""The company of a test: its core tables built from the few rows that matter, without files or loading.

    company(
        item("a1", "pro", since="2026-01-31"),
        usage("a1", "emails", 9200, since="2026-02-28", until="2026-03-20"),
        ticket("a1", severity="high"),
        as_of="2026-03-20",
    ).decide()

Instants are ISO text (a date is its first second, UTC). What is left out has a plain default: the account exists, the
item is live and paid by the month at its list price, every table is connected, and what no row names is empty.
The catalog stands in ``company.yaml`` beside this file.
"""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from upstep.catalog.model import AddOn, Catalog, Plan
from upstep.catalog.price import amount as priced
from upstep.clock import DAY_SECONDS, from_day, parse_instant, to_day, to_seconds
from upstep.engine.compiled import kept_value
from upstep.engine.deciding.decide import Decider
from upstep.engine.deciding.finishing import finish
from upstep.engine.deciding.told import core_inputs
from upstep.engine.project import Project
from upstep.signals.profile import Vocabulary
from upstep.tables.query import CORE_TABLES, DuckEngine, Engine, Program, Statements, core_schema
from upstep.tables.schema import TABLES, Kind

CATALOG = (Path(__file__).parent / "company.yaml").read_text()
SETTINGS = "version: 1\ncompany: Testco\ncurrency: usd\ntime_zone: Europe/Berlin\n"


@dataclass(frozen=True)
class Row:
    """One row of a canonical table; missing columns are NULL."""

    table: str
    values: Mapping[str, Any]


Rows = Row | Sequence["Rows"]


def account(account_id: str, **columns: Any) -> Row:
    return Row("account", {"account_id": account_id, **columns})


def item(
    account_id: str,
    plan: str | None = None,
    *,
    add_on: str | None = None,
    since: str = "2025-01-01",
    until: str | None = None,
    subscription: str | None = None,
    **columns: Any,
) -> Row:
    """A subscription item. ``subscription`` is one per account and product unless named; price and amount are the
    catalog's for ``interval`` (month), ``currency`` (usd) and ``quantity`` (1)."""
    named = {"plan_id": plan, "add_on_id": add_on, "subscription_id": subscription, "account_id": account_id}
    return Row("subscription_item", {**named, "valid_from": since, "valid_to": until, **columns})


def usage(
    account_id: str,
    meter: str,
    quantity: int | Mapping[str, int],
    *,
    at: str | None = None,
    since: str | None = None,
    until: str | None = None,
    contact: str | None = None,
) -> list[Row]:
    """Events: one ``at`` an instant, one per instant of a mapping, or a total spread evenly, at noon, over the days
    from ``since`` to before ``until``."""
    if isinstance(quantity, Mapping):
        events = dict(quantity)
    elif at is not None:
        events = {at: quantity}
    else:
        assert since, "usage() needs at, since or a mapping of instants"
        assert until, "usage() needs until"
        days = range(to_day(parse_instant(since).date()), to_day(parse_instant(until).date()))
        each, more = divmod(quantity, len(days))
        events = {f"{from_day(day)}T12:00:00": each + (index < more) for index, day in enumerate(days)}
    columns = {"account_id": account_id, "meter_id": meter, "contact_id": contact}
    return [Row("usage", {**columns, "occurred_at": when, "quantity": value}) for when, value in events.items()]


def _dated(table: str, column: str, **defaults: Any) -> Any:
    """A builder of rows of one table: the account, the instant of ``column`` as ``at``, then any column."""

    def build(account_id: str, *, at: str = "2026-01-01", **columns: Any) -> Row:
        return Row(table, {**defaults, column: at, "account_id": account_id, **columns})

    return build


contact = _dated("contact", "created_at")
seat = _dated("seat", "assigned_at", product_id="teams")
ticket = _dated("ticket", "opened_at", kind="problem")
invoice = _dated("invoice", "issued_at", status="open", amount_due_minor=2000, currency="usd")
feedback = _dated("feedback", "answered_at", kind="nps", score=9.0)
outcome = _dated("outcome", "measured_at", metric="revenue", target=100.0, achieved=120.0)
goal = _dated("goal", "stated_at", priority="growth", source="call", contact_id="boss")
deal = _dated("deal", "opened_at")
purchase = _dated("purchase", "purchased_at", product_id="audit", amount_minor=150000, currency="usd")


def moment(account_id: str, kind: str, *, at: str = "2026-01-01", **columns: Any) -> Row:
    return Row("moment", {"account_id": account_id, "kind": kind, "occurred_at": at, **columns})


def override(account_id: str, meter: str, limit: int | None, **columns: Any) -> Row:
    """The account's own limit of a meter."""
    named = {"account_id": account_id, "meter_id": meter, "limit_quantity": limit}
    return Row("entitlement_override", {**named, **columns})


def owner(owner_id: str, **columns: Any) -> Row:
    return Row("owner", {"owner_id": owner_id, "name": owner_id, **columns})


def fx(source: str, target: str, rate: str, *, on: str = "2026-01-01") -> Row:
    return Row("fx_rate", {"from_currency": source, "to_currency": target, "rate": rate, "rate_on": on})


def company(
    *rows: Rows,
    as_of: str = "2026-03-20",
    catalog: str = CATALOG,
    settings: str = SETTINGS,
    without: Iterable[str] = (),
) -> Company:
    """A company as of an instant.

    Args:
        without: Canonical tables that are not connected.
    """
    return Company(tuple(_flat(rows)), parse_instant(as_of), catalog, settings, frozenset(without))


def _flat(rows: Rows) -> list[Row]:
    return [rows] if isinstance(rows, Row) else [row for part in rows for row in _flat(part)]


@dataclass(frozen=True)
class Company:
    """Rows as a test wrote them; ``tables`` are the core tables that ``tables.facts`` would give for them."""

    rows: tuple[Row, ...]
    as_of: datetime
    catalog: str
    settings: str
    without: frozenset[str]

    @property
    def project(self) -> Project:
        return project(self.catalog, self.settings)

    @cached_property
    def canonical(self) -> dict[str, list[dict[str, Any]]]:
        """Complete rows by canonical table, instants and days as numbers."""
        named: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
        for row in self.rows:
            named[row.table].append(dict(row.values))
        present = {row["account_id"] for row in named["account"]}
        for account_id in dict.fromkeys(row.values["account_id"] for row in self.rows if "account_id" in row.values):
            if account_id not in present:
                named["account"].append({"account_id": account_id})
        complete = {
            name: [_complete(name, row, index, self.project.catalog) for index, row in enumerate(rows)]
            for name, rows in named.items()
        }
        for name, rows in complete.items():
            keys = [tuple(row[column] for column in TABLES[name].key) for row in rows]
            assert len(set(keys)) == len(keys), f"table {name} repeats {[key for key in keys if keys.count(key) > 1]}"
        return complete

    def keys(self, column: str, *tables: str) -> dict[str, int]:
        """Text id to its number, from 1, in order of appearance."""
        ids = (row[column] for table in tables for row in self.canonical[table])
        return {name: key for key, name in enumerate(dict.fromkeys(name for name in ids if name is not None), 1)}

    @cached_property
    def meter_keys(self) -> dict[str, int]:
        return self.keys("meter_id", "usage")

    @cached_property
    def tables(self) -> dict[str, pa.Table]:
        """Every core table, and the dictionaries ``account_key`` and ``meter_key``."""
        at = to_seconds(self.as_of)
        keys = self.keys("account_id", "account")
        events = [
            {**row, "account_key": keys[row["account_id"]]}
            for row in self.canonical["usage"]
            if row["occurred_at"] <= at
        ]
        contacts = self.keys("contact_id", "usage")
        tables = {
            name: _core(
                name,
                [
                    {**row, "account_key": keys.get(row.get("account_id"))}
                    for row in self.canonical[name]
                    if _is_visible(name, row, at)
                ],
            )
            for name in TABLES
            if name != "usage"
        }
        return (
            tables
            | _rolled_up(events, self.meter_keys, contacts)
            | {
                "clock": _table(core_schema("clock"), [{"as_of": at, "as_of_day": at // DAY_SECONDS}]),
                "account_key": _table(
                    {"account_id": "string", "account_key": "int32", "bucket": "int32"},
                    [{"account_id": i, "account_key": key, "bucket": key % 64} for i, key in keys.items()],
                ),
                "meter_key": _table(
                    {"meter_id": "string", "meter_key": "int32"},
                    [{"meter_id": i, "meter_key": key} for i, key in self.meter_keys.items()],
                ),
            }
        )

    @property
    def words(self) -> Vocabulary:
        """The small tables beside the company's own."""
        known = {name: name not in self.without for name in TABLES}
        return self.project.words(self.as_of, meter_keys=self.meter_keys, known=known)

    def load_into(self, engine: Engine) -> None:
        for name in (*CORE_TABLES, "account_key", "meter_key"):
            engine.load(name, self.tables[name])

    def inputs(self, told: Mapping[str, Sequence[Mapping[str, Any]]] | None = None) -> dict[str, pa.Table]:
        """The input tables of ranking: rows by ``account_id``, as ``plays.rank.INPUTS`` names them; and the rates."""
        outside = {name: pa.Table.from_pylist([dict(row) for row in rows]) for name, rows in (told or {}).items()}
        engine = DuckEngine(threads=1)
        for name in ("account_key", "fx_rate"):
            engine.load(name, self.tables[name])
        return core_inputs(engine, outside, self.project, self.as_of)

    def decide(
        self, engine: Engine | None = None, *, told: Mapping[str, Sequence[Mapping[str, Any]]] | None = None
    ) -> pa.Table:
        """Decisions, as a run has them. ``told``: rows of input tables, as ``{"confirmed": [{"account_id": …}]}``."""
        engine = engine or DuckEngine(threads=1)
        self.load_into(engine)
        owners = bool(self.canonical["owner"]) and "owner" not in self.without
        rows = decider(self.catalog, self.settings, owners).decide(
            engine, self.words, self.inputs(told), as_of=self.as_of
        )
        return finish(rows, run_id="run")

    def signals(self, *stages: str, engine: Engine | None = None) -> list[dict[str, Any]]:
        """The rows of profile stages (see ``signals.profile.build``), one after the other, with ``account_id``."""
        engine = engine or DuckEngine(threads=1)
        self.load_into(engine)
        for name, rows in self.words.tables.items():
            engine.load(name, rows)
        engine.run(_only(self.catalog, self.settings, stages), keep=stages)
        ids = {key: name for name, key in self.keys("account_id", "account").items()}
        found = [row for stage in stages for row in engine.read(stage).to_pylist()]
        return [{"account_id": ids.get(row.get("account_key")), **row} for row in found]

    def signal(self, stage: str, **chosen: Any) -> dict[str, Any]:
        """The one row of a profile stage with these values."""
        rows = [row for row in self.signals(stage) if all(row[name] == value for name, value in chosen.items())]
        assert len(rows) == 1, f"{len(rows)} rows of {stage} with {chosen}: {rows}"
        return rows[0]


# What is made once for all tests


@cache
def project(catalog: str = CATALOG, settings: str = SETTINGS) -> Project:
    """A project folder with that catalog and those settings; vanishes with the test run."""
    folder = Path(tempfile.mkdtemp(prefix="upstep-test-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "catalog.yaml").write_text(catalog)
    (folder / "upstep.yaml").write_text(settings)
    return Project(folder)


@cache
def decider(catalog: str = CATALOG, settings: str = SETTINGS, owners_connected: bool = False) -> Decider:  # noqa: FBT001, FBT002 - a cache key
    """The compiled queries, built once for a catalog."""
    return Decider(project(catalog, settings), owners_connected=owners_connected)


@cache
def profiles(catalog: str = CATALOG, settings: str = SETTINGS) -> Program:
    """The signal queries, compiled once for a catalog."""
    return project(catalog, settings).profiles()


@cache
def _only(catalog: str, settings: str, stages: tuple[str, ...]) -> Statements:
    """The part of the signal queries that these stages stand on: a test runs no more than it looks at."""
    made = project(catalog, settings)
    whole = kept_value(made.cache_folder, "signals", (made.shape,), lambda: _compiled(made.profiles()))
    sql, reads = whole["sql"], whole["reads"]
    wanted = set(stages)
    for name in reversed(list(sql)):
        if name in wanted:
            wanted.update(reads[name])
    last = {table: reader for reader in sql if reader in wanted for table in reads[reader] if table in wanted}
    return Statements("duckdb", {name: text for name, text in sql.items() if name in wanted}, last)


def _compiled(program: Program) -> dict[str, Any]:
    """What is kept of the signal queries: their SQL, and which stages each reads."""
    from ibis.expr.operations import UnboundTable

    tables = {name: select.op().find(UnboundTable) for name, select in program.stages.items()}
    reads = {name: [table.name for table in found if table.name in program.stages] for name, found in tables.items()}
    return {"sql": program.sql("duckdb"), "reads": reads}


# From rows as written to core tables


def _complete(table: str, row: dict[str, Any], index: int, catalog: Catalog) -> dict[str, Any]:
    """The row with every column: defaults filled in, instants in seconds, days in days."""
    spec = TABLES[table]
    if table == "account":
        row = {"name": row["account_id"], "created_at": "2020-01-01", "currency": "usd", **row}
    if table == "subscription_item":
        row = _item(row, catalog)
    for key in spec.key:
        row.setdefault(key, f"{table}-{index + 1}")
    unknown = set(row) - set(spec.names)
    assert not unknown, f"table {table} has no column {sorted(unknown)}"
    return {column.name: _value(row.get(column.name), column.kind) for column in spec.columns}


def _value(value: Any, kind: Kind) -> Any:
    if kind is Kind.INSTANT and isinstance(value, str):
        return to_seconds(parse_instant(value))
    if kind is Kind.DATE and isinstance(value, str):
        return to_day(parse_instant(value).date())
    if kind is Kind.WORDS and not isinstance(value, str | None):
        return "\n".join(value)
    return value


def _item(row: dict[str, Any], catalog: Catalog) -> dict[str, Any]:
    """Product, price and amount as the catalog says; ids from what is sold."""
    sold: Plan | AddOn | None = None
    if row["plan_id"] is not None:
        sold = catalog.plan(row["plan_id"])
    elif row["add_on_id"] is not None:
        sold = next(add_on for add_on in catalog.add_ons() if add_on.id == row["add_on_id"])
    plain = {"quantity": 1, "currency": "usd", "interval": "month", "interval_count": 1, "status": "active"}
    row = {**plain, "product_id": sold.product_id if sold else None, **row}
    offered = (
        []
        if sold is None
        else [price for price in sold.prices if (price.interval, price.currency) == (row["interval"], row["currency"])]
    )
    price = offered[0] if offered else None
    row.setdefault("price_id", price.id if price else None)
    row.setdefault("amount_minor", priced(price, row["quantity"]) if price else 0)
    row["subscription_id"] = row["subscription_id"] or f"{row['account_id']}-{row['product_id']}"
    row.setdefault("item_id", f"{row['subscription_id']}-{row['plan_id'] or row['add_on_id']}")
    return row


def _is_visible(table: str, row: Mapping[str, Any], at: int) -> bool:
    """Whether a row's own date allows it to be seen at ``at``; see ``tables.facts.visible_condition``."""
    column = TABLES[table].dated_by
    if column is None or row[column] is None:
        return True
    spec = TABLES[table].column(column)
    is_day = spec is not None and spec.kind is Kind.DATE
    return bool(row[column] <= (at // DAY_SECONDS if is_day else at))


def _core(table: str, rows: list[dict[str, Any]]) -> pa.Table:
    return _table(core_schema(table), rows)


_ARROW = {
    "string": pa.string(),
    "int64": pa.int64(),
    "int32": pa.int32(),
    "float64": pa.float64(),
    "boolean": pa.bool_(),
}


def _table(columns: Mapping[str, str], rows: list[dict[str, Any]]) -> pa.Table:
    arrays = {name: pa.array([row.get(name) for row in rows], _ARROW[kind]) for name, kind in columns.items()}
    return pa.table(arrays)


def _rolled_up(
    events: list[dict[str, Any]], meters: Mapping[str, int], contacts: Mapping[str, int]
) -> dict[str, pa.Table]:
    """usage_day, usage_raw, usage_contact and contact_key of events, as ``tables.rollup`` makes them."""
    days: dict[tuple[int, int, int], list[dict[str, Any]]] = {}
    masks: dict[tuple[int, int, int, int], int] = {}
    raw = []
    for event in sorted(events, key=lambda event: (event["occurred_at"], event["quantity"])):
        account_key, meter_key = event["account_key"], meters[event["meter_id"]]
        day = event["occurred_at"] // DAY_SECONDS
        contact_key = contacts.get(event["contact_id"])
        raw.append({**event, "meter_key": meter_key, "contact_key": contact_key, "day": day})
        days.setdefault((account_key, meter_key, day), []).append(event)
        if contact_key is not None:
            date = from_day(day)
            key = (account_key, meter_key, contact_key, date.year * 12 + date.month - 1)
            masks[key] = masks.get(key, 0) | 1 << (date.day - 1)
    daily = [
        {
            **dict(zip(("account_key", "meter_key", "day"), key, strict=True)),
            "quantity": sum(event["quantity"] for event in part),
            "events": len(part),
            "quantity_max": max(event["quantity"] for event in part),
            "quantity_latest": part[-1]["quantity"],
        }
        for key, part in days.items()
    ]
    names = ("account_key", "meter_key", "contact_key", "month")
    monthly = [{**dict(zip(names, key, strict=True)), "day_mask": mask} for key, mask in masks.items()]
    return {
        "usage_day": _core("usage_day", daily),
        "usage_raw": _core("usage_raw", raw),
        "usage_contact": _core("usage_contact", monthly),
        "contact_key": _core("contact_key", [{"contact_id": i, "contact_key": key} for i, key in contacts.items()]),
    }
