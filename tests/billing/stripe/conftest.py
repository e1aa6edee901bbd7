"""A fake Stripe at the instant of the billing tests, and the provider over it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.billing.seeds import AT, item_row
from tests.contracts.stripe_stage import Clocked, stripe_biller
from tests.fakes.stripe_server import FakeStripe, running

Built = Callable[..., Clocked]


@pytest.fixture
def fake() -> Iterator[FakeStripe]:
    with running(AT.replace(day=1)) as server:
        yield server


@pytest.fixture
def build(fake: FakeStripe) -> Built:
    """The provider over seeded rows: ``build(item_row(), mode="flexible", card=None)``."""

    def made(*rows: dict[str, Any], mode: str = "classic", card: str | None = "pm_card_visa", **known: Any) -> Clocked:
        fake.books.seed(rows or [item_row()], mode=mode, card=card)
        return stripe_biller(fake, **known)

    return made
