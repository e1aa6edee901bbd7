"""A small project folder for the tests of loading."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import duckdb

from upstep.tables.facts import Facts, open_facts
from upstep.tables.load import LoadReport, load
from upstep.tables.query import DuckEngine
from upstep.tables.stage import KnownIds

NOW = datetime(2026, 2, 10, tzinfo=UTC)
KNOWN = KnownIds(
    meters=frozenset({"emails", "seats"}), products=frozenset({"sending"}), plans=frozenset({"free", "pro"})
)

ACCOUNTS = "account_id,name,created_at,currency\na1,Acme,2026-01-01,usd\na2,Beta,2026-01-02,usd\n"
ITEMS = (
    "item_id,subscription_id,account_id,product_id,plan_id,quantity,amount_minor,currency,interval,status,valid_from,"
    "valid_to\n"
    "i1,s1,a1,sending,pro,1,2000,usd,month,active,2026-01-01,\n"
    "i2,s2,a2,sending,free,1,0,usd,month,active,2026-01-02,\n"
)
USAGE = (
    "event_id,account_id,meter_id,occurred_at,quantity,contact_id\n"
    "e1,a1,emails,2026-01-05T10:00:00Z,5,c1\n"
    "e2,a1,emails,2026-01-05T11:00:00Z,7,c2\n"
    "e3,a2,emails,2026-01-06T11:00:00Z,1,\n"
)


class Project:
    """A project folder: writes files, loads, and reads back."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "data").mkdir()

    def write(self, name: str, text: str | bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def write_all(self) -> None:
        self.write("data/account.csv", ACCOUNTS)
        self.write("data/subscription_item.csv", ITEMS)
        self.write("data/usage.csv", USAGE)

    def load(
        self,
        *,
        now: datetime = NOW,
        through: datetime | None = None,
        strict: bool = False,
        known: KnownIds | None = KNOWN,
        dry_run: bool = False,
        only: tuple[str, ...] | None = None,
    ) -> LoadReport:
        return load(self.folder, now=now, through=through, strict=strict, known=known, dry_run=dry_run, only=only)

    def open(self, engine: DuckEngine, **options: object) -> Facts:
        return open_facts(self.folder, engine, **options)  # type: ignore[arg-type]

    def rows(self, query: str, **options: object) -> list[tuple[object, ...]]:
        engine = DuckEngine(threads=1)
        self.open(engine, **options)
        return engine.connection.execute(query).fetchall()

    def files(self) -> dict[str, int]:
        """Everything stored, by path and size."""
        facts = self.folder / ".upstep" / "facts"
        return {str(path.relative_to(facts)): path.stat().st_size for path in facts.rglob("*") if path.is_file()}

    def parquet(self, name: str, select: str) -> Path:
        path = self.folder / name
        with duckdb.connect() as connection:
            connection.execute(f"COPY ({select}) TO '{path}' (FORMAT parquet)")
        return path
