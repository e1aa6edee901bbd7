"""Rows to seed a biller with; a test names only what matters."""

from __future__ import annotations

from datetime import UTC, datetime

from upstep.billing.change import Behaviour, Change, ItemChange

AT = datetime(2026, 4, 16, tzinfo=UTC)  # half of April


def item_row(**differing: object) -> dict[str, object]:
    """A monthly item of 1000, paid for April 2026."""
    april = {"period_start": datetime(2026, 4, 1, tzinfo=UTC), "period_end": datetime(2026, 5, 1, tzinfo=UTC)}
    return {
        "item_id": "si_1",
        "subscription_id": "sub_1",
        "account_id": "acme",
        "product_id": "sending",
        "plan_id": "pro",
        "price_id": "pro_month",
        "quantity": 1,
        "amount_minor": 1000,
        "currency": "usd",
        "interval": "month",
        "interval_count": 1,
        "status": "active",
        "valid_from": datetime(2026, 1, 1, tzinfo=UTC),
        "auto_renew": True,
        "collection": "automatic",
        **april,
        **differing,
    }


def to_scale(*, behaviour: Behaviour = Behaviour.ALWAYS_INVOICE, **differing: object) -> Change:
    """From pro, 1000 a month, to scale, 2000 a month."""
    wanted: dict[str, object] = {
        "item_id": "si_1",
        "product_id": "sending",
        "plan_id": "scale",
        "price_id": "scale_month",
        "quantity": 1,
        "amount_minor": 2000,
        "currency": "usd",
        "interval": "month",
        **differing,
    }
    return Change("acme", "sub_1", (ItemChange(**wanted),), behaviour)  # type: ignore[arg-type]
