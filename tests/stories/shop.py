"""A shop with a handful of accounts, its facts loaded from the few rows that the stories of money need.

It sells what ``tests/company.yaml`` says; it is 20 March 2026, and everybody's paid period is March.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from tests.company import CATALOG, SETTINGS
from upstep.billing.provider import Answer
from upstep.billing.quote import Quote
from upstep.billing.sandbox import SandboxBiller
from upstep.engine.project import Project, open_project_state
from upstep.engine.quoting import quotes as quoting
from upstep.engine.quoting import reconciling
from upstep.engine.quoting.biller import sandbox
from upstep.engine.quoting.quoted import Priced
from upstep.engine.quoting.quotes import Settled
from upstep.engine.quoting.use import read_use
from upstep.engine.quoting.wish import Wish
from upstep.errors import OutsideError
from upstep.state import tables
from upstep.state.session import reading
from upstep.tables.load import load

AS_OF = datetime(2026, 3, 20, tzinfo=UTC)
NOON = AS_OF + timedelta(hours=12)
MARCH = {"period_start": "2026-03-01", "period_end": "2026-04-01", "renews_at": "2026-04-01"}

ITEM = {
    "quantity": 1,
    "amount_minor": 2000,
    "currency": "usd",
    "interval": "month",
    "interval_count": 1,
    "status": "active",
    "valid_from": "2025-11-01",
    "collection": "automatic",
    **MARCH,
}
PRO = {**ITEM, "product_id": "sending", "plan_id": "pro", "price_id": "pro_month"}
TEAM = {**ITEM, "product_id": "teams", "plan_id": "team", "price_id": "team_month"}
STORAGE = {**ITEM, "product_id": "sending", "add_on_id": "more_storage", "price_id": "more_storage_month"}

ITEMS: list[dict[str, Any]] = [
    {**PRO, "account_id": "acme"},
    {**TEAM, "account_id": "globex", "quantity": 15, "amount_minor": 28_500},
    {**PRO, "account_id": "hooli"},
    {**STORAGE, "account_id": "hooli", "amount_minor": 500, "subscription_id": "sub_hooli_sending"},
    {**PRO, "account_id": "initech", "status": "past_due"},
    {**PRO, "account_id": "umbrella", "currency": "eur", "amount_minor": 1800},
    {**PRO, "account_id": "wonka", "collection": "invoice"},
    {**PRO, "account_id": "stark"},
    {**PRO, "account_id": "stark", "subscription_id": "sub_stark_second"},
    {**PRO, "account_id": "tyrell", "plan_id": "scale", "price_id": "scale_month", "amount_minor": 9000},
]
E_MAILS = {"acme": (120_000, 120_000, 120_000), "hooli": (14_000, 9_000, 11_500)}
"""E-mails of December, January and February: what is above 10,000 costs 90 for every thousand begun."""

NOW_USED = {"tyrell": 5_000}


def accounts() -> list[dict[str, Any]]:
    names = [*dict.fromkeys(item["account_id"] for item in ITEMS), "newco"]
    return [{"account_id": name, "name": name.title(), "created_at": "2025-01-01", "currency": ""} for name in names]


def items() -> list[dict[str, Any]]:
    rows = []
    for index, item in enumerate(ITEMS):
        named = {"subscription_id": f"sub_{item['account_id']}_{item['product_id']}", **item}
        rows.append({"item_id": f"si_{item['account_id']}_{index}", **named})
    return rows


def usage() -> list[dict[str, Any]]:
    events = [
        (name, month, count)
        for name, counts in E_MAILS.items()
        for month, count in zip(("2025-12-01", "2026-01-10", "2026-02-10"), counts, strict=True)
    ]
    events += [(name, "2026-03-10", count) for name, count in NOW_USED.items()]
    return [
        {
            "event_id": f"ev_{index}",
            "account_id": name,
            "meter_id": "emails",
            "occurred_at": day,
            "quantity": count,
        }
        for index, (name, day, count) in enumerate(events)
    ]


def seats() -> list[dict[str, Any]]:
    return [
        {"seat_id": f"seat_{n}", "account_id": "globex", "product_id": "teams", "contact_id": "", "assigned_at": day}
        for n, day in enumerate(["2025-11-01"] * 12)
    ]


INVOICE = {"account_id": "newco", "issued_at": "2026-01-01", "amount_due_minor": 100, "currency": "usd"}
PAID = {**INVOICE, "invoice_id": "in_paid", "status": "paid", "paid_at": "2026-01-02"}


def build(folder: Path) -> Project:
    """The shop in a folder, loaded."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "catalog.yaml").write_text(CATALOG, encoding="utf-8")
    (folder / "upstep.yaml").write_text(SETTINGS, encoding="utf-8")
    named = {"account": accounts(), "subscription_item": items(), "usage": usage(), "seat": seats()}
    for table, rows in {**named, "invoice": [PAID]}.items():
        write(folder, table, rows)
    project = Project(folder)
    load(folder, now=AS_OF, through=AS_OF, known=project.known_ids)
    read_use(project, "acme", now=AS_OF)  # which keeps its compiled queries for the copies
    return project


def write(folder: Path, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """A source of the shop as a CSV file."""
    path = folder / "data" / f"{table}.csv"
    path.parent.mkdir(exist_ok=True)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)


@dataclass
class Unsteady:
    """The sandbox behind a bad line. ``down``: it is not reached; ``loses_replies``: it acts, nobody hears of it."""

    biller: SandboxBiller
    down: bool = False
    loses_replies: bool = False
    previews: dict[str, Quote] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    name = "sandbox"

    def __getattr__(self, name: str) -> Any:
        return getattr(self.biller, name)

    def preview(self, change: Any, at: datetime) -> Quote:
        self._reach("preview")
        fresh = self.biller.preview(change, at)
        return self.previews.get(fresh.quote_id, fresh)

    def find(self, quote: Quote, idempotency_key: str, *, at: datetime) -> Answer | None:
        self._reach("find")
        return self.biller.find(quote, idempotency_key, at=at)

    def apply(self, quote: Quote, idempotency_key: str, *, at: datetime) -> Answer:
        self._reach("apply")
        answer = self.biller.apply(quote, idempotency_key, at=at)
        if self.loses_replies:
            raise OutsideError("the biller did not answer within 30 s.")
        return answer

    def _reach(self, verb: str) -> None:
        self.calls.append(verb)
        if self.down:
            raise OutsideError("the biller cannot be reached.")


@dataclass
class Shop:
    """One story's copy of the shop, with its biller and its state."""

    project: Project
    biller: SandboxBiller
    line: Unsteady
    state: sa.Engine

    def ask(self, account: str, *, at: datetime = NOON, **wanted: Any) -> Priced:
        """A quote, locked."""
        priced = quoting.ask(self.project, account, Wish(**wanted), provider_for=lambda _: self.line, now=at)
        quoting.save(self.state, priced, by="ana", now=at)
        return priced

    def apply(self, priced: Priced, *, at: datetime = NOON) -> Settled:
        return quoting.apply(self.project, self.state, self.line, priced.quote.quote_id, by="ana", now=at)

    def reconcile(self, *, at: datetime = NOON) -> reconciling.Reconciled:
        return reconciling.reconcile(self.project, provider=self.line, now=at)

    def charged(self, account: str) -> list[int]:
        """What was paid, invoice by invoice: the money, from the biller's own ledger."""
        return [each.due_minor for each in self.biller.invoices(account) if each.status == "paid" and each.due_minor]

    def open_invoices(self, account: str) -> list[int]:
        return [each.due_minor for each in self.biller.invoices(account) if each.status == "open"]

    def plans(self, account: str) -> list[tuple[str | None, int, int]]:
        """What the account has: plan or add-on, quantity, amount."""
        live = self.biller.subscriptions(account)
        return [(item.plan_id or item.add_on_id, item.quantity, item.amount_minor) for item in live]

    def locked(self) -> list[str]:
        """The quotes in state."""
        with reading(self.state) as connection:
            return list(connection.execute(sa.select(tables.quote.c.quote_id)).scalars())

    def load(self, table: str, rows: Iterable[Mapping[str, Any]], *, at: datetime = NOON) -> None:
        """A source as it is now."""
        write(self.project.folder, table, list(rows))
        load(self.project.folder, now=at, through=at, known=self.project.known_ids)


def open_shop(loaded: Path, folder: Path) -> Shop:
    """A copy of the loaded shop that a story may change."""
    shutil.copytree(loaded, folder)
    project = Project(folder)
    biller = sandbox(project, as_of=AS_OF)
    return Shop(project, biller, Unsteady(biller), open_project_state(project))
