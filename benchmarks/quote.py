"""How long a quote takes without the network: the sandbox's preview and the lock in state, one account after another.

.venv/bin/python benchmarks/quote.py [ACCOUNTS]
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from upstep.billing.change import Change, ItemChange
from upstep.billing.quote import lock
from upstep.billing.sandbox import SandboxBiller
from upstep.state.session import open_state, writing

AT = datetime(2026, 4, 16, tzinfo=UTC)
WARM_UP, QUOTES = 20, 300
BUDGET_MS = 20


@dataclass(frozen=True)
class Timed:
    """Seconds of one quote."""

    preview: float
    lock: float


def rows(accounts: int) -> list[dict[str, object]]:
    """One monthly item an account."""
    return [
        {
            "item_id": f"si_{n}",
            "subscription_id": f"sub_{n}",
            "account_id": f"account {n}",
            "product_id": "sending",
            "plan_id": "pro",
            "quantity": 1,
            "amount_minor": 1000 + n % 700,
            "currency": "usd",
            "interval": "month",
            "status": "active",
            "valid_from": AT.replace(month=1, day=1 + n % 28),
        }
        for n in range(accounts)
    ]


def quoted(biller: SandboxBiller, engine: sa.Engine, n: int) -> Timed:
    """A change of plan, previewed and locked."""
    wish = ItemChange(f"si_{n}", "sending", 1, 5000, "usd", "month", plan_id="scale")
    started = time.perf_counter()
    quote = biller.preview(Change(f"account {n}", f"sub_{n}", (wish,)), AT)
    previewed = time.perf_counter()
    with writing(engine) as connection:
        lock(connection, quote, now=AT)
    return Timed(previewed - started, time.perf_counter() - previewed)


def main() -> int:
    """Print the figures; exit 1 when the median is over budget."""
    accounts = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    with tempfile.TemporaryDirectory() as folder:
        engine, biller = open_state(Path(folder) / "state.db"), SandboxBiller(Path(folder) / "biller.db")
        biller.seed(rows(accounts))
        timed = [quoted(biller, engine, n) for n in range(WARM_UP + QUOTES)][WARM_UP:]
        engine.dispose()
    print(f"{QUOTES} quotes of {accounts:,} accounts, milliseconds: median, 95 of 100 within")
    middle = 0.0
    for name, seconds in {
        "preview": [one.preview for one in timed],
        "lock (one fsync)": [one.lock for one in timed],
        "quote": [one.preview + one.lock for one in timed],
    }.items():
        ordered = sorted(seconds)
        middle, most = ordered[len(ordered) // 2] * 1000, ordered[len(ordered) * 95 // 100] * 1000
        print(f"  {name:<18}{middle:8.1f}{most:8.1f}")
    return 0 if middle < BUDGET_MS else 1


if __name__ == "__main__":
    sys.exit(main())
