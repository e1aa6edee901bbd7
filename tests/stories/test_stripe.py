"""The shop billed by Stripe: chosen in upstep.yaml, quoted, paid, read back. Stripe is the fake, over HTTP."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.company import SETTINGS
from tests.fakes.stripe_server import WEBHOOK_SECRET, FakeStripe, running
from tests.stories.shop import AS_OF, NOON, items
from upstep.billing.provider import Applied
from upstep.clock import parse_instant
from upstep.engine.project import Project, open_project_state
from upstep.engine.quoting import quotes as quoting
from upstep.engine.quoting import reconciling
from upstep.engine.quoting.biller import open_biller, take_delivery
from upstep.engine.quoting.wish import Wish
from upstep.errors import ConfigError
from upstep.tables.facts import open_facts
from upstep.tables.query import DuckEngine

PRICES = {"pro_month": ("pro", 2000), "scale_month": ("scale", 9000)}


@pytest.fixture
def fake() -> Iterator[FakeStripe]:
    with running(AS_OF.replace(day=1)) as server:
        for price_id, (plan, amount) in PRICES.items():
            product = server.books.seed_product("sending", plan_id=plan)
            recurring = {"interval": "month"}
            wanted = {"currency": "usd", "product": product["id"], "unit_amount": amount, "lookup_key": price_id}
            server.books.create_price({**wanted, "recurring": recurring})
        server.books.seed([_at_stripe(row) for row in items() if row["account_id"] == "acme"])
        server.books.advance(int(NOON.timestamp()))
        yield server


def _at_stripe(row: dict[str, Any]) -> dict[str, Any]:
    dates = {name: parse_instant(row[name]) for name in ("period_start", "period_end", "valid_from")}
    return {**row, **dates, "price_id": None}


@pytest.fixture
def project(untouched_shop: Any, tmp_path: Path, fake: FakeStripe, monkeypatch: pytest.MonkeyPatch) -> Project:
    folder = tmp_path / "shop"
    shutil.copytree(untouched_shop.project.folder, folder)
    billing = f"billing: {{provider: stripe, key: '${{STRIPE_KEY}}', api_url: '{fake.url}'}}\n"
    (folder / "upstep.yaml").write_text(SETTINGS + billing, encoding="utf-8")
    monkeypatch.setenv("STRIPE_KEY", "sk_test_fake")
    return Project(folder)


@pytest.mark.slow
def test_a_quote_is_stripes_and_what_was_paid_is_in_the_facts(project: Project, fake: FakeStripe) -> None:
    state = open_project_state(project)
    biller = open_biller(project, as_of=NOON)
    priced = quoting.ask(project, "acme", Wish(plan_id="scale"), provider_for=lambda _: biller, now=NOON)
    assert priced.quote.provider == "stripe"
    assert [line.amount_minor for line in priced.quote.lines] == [-742, 3339]
    assert (priced.quote.due_now_minor, priced.quote.next_invoice_minor) == (2597, 9000)
    quoting.save(state, priced, by="ana", now=NOON)
    settled = quoting.apply(project, state, biller, priced.quote.quote_id, by="ana", now=NOON)
    assert isinstance(settled.answer, Applied)
    later = NOON + timedelta(minutes=10)
    told = reconciling.reconcile(project, provider=biller, now=later)
    assert told.items == 2  # the interval that was closed, and the one that began
    assert reconciling.reconcile(project, provider=biller, now=later).items == 0
    paid = [invoice["amount_paid"] for invoice in fake.books.all("invoice") if invoice["status"] == "paid"]
    assert paid == [2000, 2597]
    state.dispose()


def test_an_item_that_stripe_began_later_than_an_export_says_counts_once(project: Project, fake: FakeStripe) -> None:
    (item,) = fake.books.find("subscription", "sub_acme_sending")["items"]["data"]
    item["created"] = int(parse_instant("2026-01-15").timestamp())
    biller = open_biller(project, as_of=NOON)
    wish = {"items": [{"id": item["id"], "quantity": 3}], "proration_behavior": "always_invoice"}
    fake.client().v1.subscriptions.update("sub_acme_sending", wish)  # type: ignore[arg-type]
    later = NOON + timedelta(minutes=1)
    reconciling.reconcile(project, provider=biller, now=later)
    reconciling.reconcile(project, provider=biller, now=later)
    movements = reconciling.account_movements(project, "acme", as_of=later)
    assert [(row["category"], row["mrr_after_minor"]) for row in movements] == [("new", 2000), ("expansion", 6000)]


def test_a_forgotten_cursor_reads_everything_and_changes_nothing(project: Project, fake: FakeStripe) -> None:
    biller = open_biller(project, as_of=NOON)
    fake.client().v1.subscriptions.update("sub_acme_sending", {"cancel_at_period_end": True})
    assert reconciling.reconcile(project, provider=biller, now=NOON + timedelta(minutes=1)).items == 2
    del fake.books.kept["event"][fake.books.events[-1]["id"]]
    fake.client().v1.subscriptions.update("sub_acme_sending", {"cancel_at_period_end": False})
    assert reconciling.reconcile(project, provider=biller, now=NOON + timedelta(minutes=2)).items > 0


def test_without_its_key_one_error_says_which_variable(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STRIPE_KEY")
    with pytest.raises(ConfigError, match=r"billing\.key: names \$\{STRIPE_KEY\}, which is not set"):
        open_biller(project, as_of=NOON)


@pytest.mark.slow
def test_webhooks_keep_the_facts_current_in_any_order(
    project: Project, fake: FakeStripe, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (project.folder / "upstep.yaml").read_text(encoding="utf-8")
    signed = text.replace("provider: stripe,", "provider: stripe, webhook_secret: '${WHSEC}',")
    (project.folder / "upstep.yaml").write_text(signed, encoding="utf-8")
    monkeypatch.setenv("WHSEC", WEBHOOK_SECRET)
    opened = Project(project.folder)
    (item,) = fake.books.find("subscription", "sub_acme_sending")["items"]["data"]
    for quantity in (2, 3):
        wish = {"items": [{"id": item["id"], "quantity": quantity}], "proration_behavior": "always_invoice"}
        fake.client().v1.subscriptions.update("sub_acme_sending", wish)  # type: ignore[arg-type]
        fake.books.advance(fake.books.now + 7200)
    later = NOON + timedelta(hours=5)
    told = [event for event in fake.books.events if event["type"] in ("customer.subscription.updated", "invoice.paid")]
    for event in [*reversed(told), told[0]]:
        take_delivery(opened, *fake.signed(event, at=int(later.timestamp())), now=later)
    movements = reconciling.account_movements(opened, "acme", as_of=later)
    assert [row["mrr_after_minor"] for row in movements] == [2000, 4000, 6000]
    facts = DuckEngine()
    open_facts(opened.folder, facts, as_of=later)
    paid = facts.connection.sql("SELECT count(*) FROM invoice WHERE status = 'paid' AND invoice_id LIKE 'in_fake%'")
    assert paid.fetchall() == [(2,)]
