"""What one cycle of the worker did, how long each step took, and how often happens what happens by the clock."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta


@dataclass(frozen=True)
class Schedule:
    """How often happens what happens by the clock."""

    whole: timedelta = timedelta(hours=1)
    billing: timedelta = timedelta(minutes=1)
    ends: timedelta = timedelta(minutes=1)
    held: timedelta = timedelta(minutes=1)
    looks: timedelta = timedelta(hours=1)
    retention: timedelta = timedelta(days=1)


@dataclass(frozen=True)
class Cycle:
    """What one cycle did.

    Args:
        events: That were drained.
        accounts: That were decided; None: all of them.
        decisions: How many came of it.
        offers: Opened anew.
        notices: Queued anew.
        sent: Messages that left.
        waiting: Touched accounts that are left for the next cycle.
        seconds: Per step.
    """

    events: int = 0
    accounts: int | None = 0
    decisions: int = 0
    offers: int = 0
    notices: int = 0
    sent: int = 0
    waiting: int = 0
    seconds: Mapping[str, float] = field(default_factory=dict)

    @property
    def is_idle(self) -> bool:
        """Whether nothing was to be done."""
        return not self.events and self.accounts == 0 and not self.sent and not self.waiting


def told(cycle: Cycle) -> str:
    """A cycle in one line of a log: its counts that are not nought, and milliseconds per step."""
    names = ("events", "accounts", "decisions", "offers", "notices", "sent", "waiting")
    counts = {name: getattr(cycle, name) for name in names}
    said = [f"{name}={'all' if count is None else count}" for name, count in counts.items() if count != 0]
    took = [f"{name} {seconds * 1000:.0f} ms" for name, seconds in cycle.seconds.items() if seconds >= 0.001]
    return f"{' '.join(said)} ({', '.join(took)})"


class Steps:
    """How long each step took."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        """Time what is done within it as that step."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - began
