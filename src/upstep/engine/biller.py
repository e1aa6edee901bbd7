"""Which billing provider a project has: the sandbox that is built in, or the one that upstep.yaml names."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from upstep.billing.provider import Provider
from upstep.config import secret
from upstep.engine.cycle import sandbox
from upstep.engine.project import Project

if TYPE_CHECKING:
    from upstep.billing.stripe.biller import StripeBiller


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
