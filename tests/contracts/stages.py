"""The providers that the contract suite asks, each with the customer and the bank that a test plays beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from tests.contracts.stripe_stage import stripe_stage
from upstep.billing.change import BillingMode
from upstep.billing.provider import NeedsConfirmation, Provider
from upstep.billing.sandbox import Card, SandboxBiller

Rows = Iterable[Mapping[str, object]]


class Stage(Protocol):
    """A provider with its surroundings. Cards are good, declining, confirming or missing."""

    @property
    def provider(self) -> Provider:
        """What is tested."""
        ...

    def set_card(self, account_id: str, card: str, *, at: datetime) -> None:
        """What the account's card does from now on."""
        ...

    def confirm(self, asked: NeedsConfirmation, *, at: datetime) -> None:
        """The person goes to the URL and confirms, or names a good card there."""
        ...

    def cancel(self, subscription_id: str, *, at: datetime) -> None:
        """Somebody ends the subscription at once, elsewhere."""
        ...

    def pass_time(self, to: datetime) -> None:
        """Time passes at the provider."""
        ...

    def close(self) -> None:
        """The test is over."""
        ...


@dataclass
class SandboxStage:
    """The sandbox plays all parts itself."""

    provider: SandboxBiller

    def set_card(self, account_id: str, card: str, *, at: datetime) -> None:
        self.provider.set_card(account_id, Card(card), at=at)

    def confirm(self, asked: NeedsConfirmation, *, at: datetime) -> None:
        self.provider.confirm(asked.reference, at=at)

    def cancel(self, subscription_id: str, *, at: datetime) -> None:
        self.provider.cancel(subscription_id, at=at)

    def pass_time(self, to: datetime) -> None:
        self.provider.advance(to)

    def close(self) -> None:
        """Nothing is held open."""


def sandbox(folder: Path, rows: Rows, mode: BillingMode) -> Stage:
    biller = SandboxBiller(folder / "biller.db", billing_mode=mode)
    biller.seed(rows)
    return SandboxStage(biller)


STAGES: dict[str, Callable[[Path, Rows, BillingMode], Stage]] = {"sandbox": sandbox, "stripe": stripe_stage}
"""By the provider's name: what builds its stage in a folder, holding rows like ``subscription_item``."""
