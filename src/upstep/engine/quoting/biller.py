"""Which billing provider a project has: the sandbox that is built in, or the one that upstep.yaml names."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from upstep.billing.provider import Provider, subscription_item_rows
from upstep.billing.sandbox import SandboxBiller
from upstep.config import secret
from upstep.engine.project import Project, open_project_state
from upstep.engine.quoting.naming import names_of
from upstep.engine.quoting.reconciling import ended_by, load_billed
from upstep.offers.lifecycle import convert_applied
from upstep.tables.facts import open_items
from upstep.tables.query import DuckEngine

if TYPE_CHECKING:
    from upstep.billing.stripe.biller import StripeBiller
    from upstep.billing.stripe.webhook import Told


def open_biller(
    project: Project, *, as_of: datetime, accounts: Iterable[str] | None = None, path: Path | None = None
) -> Provider:
    """The project's provider.

    Args:
        project: Whose.
        as_of: The instant whose facts the sandbox is seeded from.
        accounts: Those that the sandbox is seeded with; None is all. Another provider holds its own.
        path: Another file than the sandbox's own.

    Raises:
        ConfigError: A secret is not set, or the provider's SDK is not installed.
    """
    if project.settings.billing_provider == "stripe":
        return stripe_biller(project)
    return sandbox(project, as_of=as_of, accounts=accounts, path=path)


def sandbox(
    project: Project, *, as_of: datetime, accounts: Iterable[str] | None = None, path: Path | None = None
) -> SandboxBiller:
    """The embedded biller, holding what facts say of subscriptions at that instant. Seeding twice changes nothing.

    With ``accounts`` only those are seeded, which is quick; None is all of them. ``path``: another file than its own.
    """
    biller = bare_sandbox(project, path=path)
    engine = DuckEngine(threads=1)
    open_items(project.folder, engine.connection, as_of=as_of, account_ids=accounts)
    rows = engine.connection.sql(
        "SELECT item.* EXCLUDE (account_key), account_id FROM subscription_item item"
        " JOIN (SELECT account_key, account_id FROM account_key) USING (account_key)"
    ).to_arrow_table()
    biller.seed(rows.to_pylist())
    return biller


def bare_sandbox(project: Project, *, path: Path | None = None) -> SandboxBiller:
    """The embedded biller with what it holds already; its lines bear the catalog's names."""
    return SandboxBiller(path or project.sandbox_path, names=names_of(project.catalog))


def stripe_biller(project: Project) -> StripeBiller:
    """Stripe, as upstep.yaml describes it and the catalog names its prices.

    Raises:
        ConfigError: Its key is not set, or its SDK is not installed.
    """
    from upstep.billing.stripe.asking import open_client
    from upstep.billing.stripe.biller import StripeBiller
    from upstep.billing.stripe.prices import price_map

    settings = project.settings
    client = open_client(secret(settings.billing_key, key="billing.key"), base_url=settings.billing_api_url)
    named = price_map(project.catalog, prices=dict(settings.billing_prices), products=dict(settings.billing_products))
    return StripeBiller(
        client,
        prices=named,
        account_metadata=settings.billing_account_metadata,
        return_url=settings.billing_return_url,
    )


def take_delivery(project: Project, payload: bytes, signature: str | None, *, now: datetime) -> Told:
    """Take in a webhook of Stripe: check and keep it, load what it tells into facts, convert the offer it applies.

    Safe to repeat, in any order. The caller answers HTTP 200 when this returns, 400 to a ``WebhookRefusedError``, and
    503 to an ``OutsideError``, after which Stripe delivers it again.

    Raises:
        WebhookRefusedError: It is not one of Stripe's.
        OutsideError: Stripe had to be asked and did not answer, or another process writes facts.
        ConfigError: A secret is not set.
    """
    from upstep.billing.stripe.webhook import take

    signed_with = secret(project.settings.billing_webhook_secret, key="billing.webhook_secret")
    state = open_project_state(project)
    told = take(state, stripe_biller(project), payload, signature, secret=signed_with, now=now)
    rows = subscription_item_rows(told.events)
    rows += ended_by(project, rows, now=now)
    if rows:
        load_billed(project, rows, now=now)
    if told.invoices:
        load_billed(project, told.invoices, now=now, table="invoice")
    convert_applied(state, told.events)
    state.dispose()
    return told
