"""Usage of the sample: totals per stretch of time, drawn as one event a day and exact in sum.

A stretch is what happens between two instants: so much of a flow, or a level that a stock moves to. All stretches are
drawn at once, as arrays, so that a million events take a second.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from upstep.clock import DAY_SECONDS, to_seconds

if TYPE_CHECKING:
    from numpy.random import Generator
    from numpy.typing import NDArray

STEADY, OFFICE, SHOP = 0, 1, 2
"""Rhythms of a week: every day alike, working days, busier towards the weekend."""

_WEEKS = np.array(
    [
        [1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0],
        [1.1, 1.15, 1.1, 1.0, 0.9, 0.0, 0.0],
        [0.8, 0.8, 0.9, 1.0, 1.3, 1.4, 0.9],
    ]
)


@dataclass(frozen=True)
class Manner:
    """How a total is spread: the week's rhythm, days between events, growth per day, noise of a day (log sigma)."""

    rhythm: int = STEADY
    step_days: int = 1
    growth: float = 0.0
    noise: float = 0.1


@dataclass(frozen=True)
class Events:
    """Drawn events in order of time: indices into the accounts, meters and contacts, -1 for no contact."""

    account: NDArray[np.int64]
    meter: NDArray[np.int64]
    contact: NDArray[np.int64]
    seconds: NDArray[np.int64]
    quantity: NDArray[np.int64]


@dataclass
class Stretches:
    """Stretches of usage, collected one by one, drawn together."""

    _whole: array[int] = field(default_factory=lambda: array("q"))
    _real: array[float] = field(default_factory=lambda: array("d"))

    def flow(
        self,
        keys: tuple[int, int],
        begin: datetime,
        end: datetime,
        *,
        total: int,
        manner: Manner,
        users: tuple[int, int] = (-1, 0),
    ) -> None:
        """``total`` of the (account, meter) in [begin, end), by ``users`` (first contact, how many)."""
        if total > 0 and end > begin:
            self._add(keys, begin, end, (total, 0, 0), manner, users)

    def stock(
        self,
        keys: tuple[int, int],
        begin: datetime,
        end: datetime,
        *,
        levels: tuple[int, int],
        manner: Manner,
        users: tuple[int, int] = (-1, 0),
    ) -> None:
        """A level that moves evenly, as a ratio, from the first of ``levels`` to the last, which the last event has."""
        if min(levels) > 0 and end > begin:
            self._add(keys, begin, end, (levels[1], levels[0], 1), manner, users)

    def _add(
        self,
        keys: tuple[int, int],
        begin: datetime,
        end: datetime,
        amounts: tuple[int, int, int],
        manner: Manner,
        users: tuple[int, int],
    ) -> None:
        self._whole.extend(
            (*keys, *users, to_seconds(begin), to_seconds(end), manner.step_days, manner.rhythm, *amounts)
        )
        self._real.extend((manner.growth, manner.noise))

    def draw(self, rng: Generator) -> Events:
        """All events. The sum of a flow's events over its stretch is its total, exactly."""
        whole = np.array(self._whole, dtype=np.int64).reshape(-1, 11).T
        account, meter, first_user, users, begin, end, step, rhythm, total, level, is_stock = whole
        growth, noise = np.array(self._real, dtype=np.float64).reshape(-1, 2).T
        counts = -(-(end - begin) // (step * DAY_SECONDS))
        of = np.repeat(np.arange(counts.size), counts)
        nth = np.arange(of.size) - np.repeat(np.cumsum(counts) - counts, counts)
        slot = begin[of] + nth * step[of] * DAY_SECONDS
        room = np.minimum(step[of] * DAY_SECONDS, end[of] - slot)
        seconds = slot + (rng.random(of.size) * room).astype(np.int64)
        weights = _WEEKS[rhythm[of], (seconds // DAY_SECONDS + 3) % 7]
        weights = weights * np.exp(growth[of] * nth * step[of] + noise[of] * rng.standard_normal(of.size))
        flows = _shared_out(weights, total, counts=counts)
        levels = _levels(nth, counts[of], first=level[of], last=total[of])
        quantity = np.where(is_stock[of] == 1, levels, flows)
        contact = first_user[of] + (rng.random(of.size) * users[of]).astype(np.int64)
        # A third of a team's events come from a machine key, not from a person.
        contact = np.where((first_user[of] < 0) | ((users[of] > 1) & (rng.random(of.size) < 0.33)), -1, contact)
        keep = np.flatnonzero(quantity > 0)
        order = keep[np.argsort(seconds[keep], kind="stable")]
        return Events(account[of][order], meter[of][order], contact[order], seconds[order], quantity[order])


def _shared_out(
    weights: NDArray[np.float64], totals: NDArray[np.int64], *, counts: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Whole parts of each total by weight: differences of the rounded running sum, so that they add up."""
    ends = np.cumsum(counts)
    weights = weights + np.repeat(np.add.reduceat(weights, ends - counts) == 0.0, counts) if counts.size else weights
    running = np.cumsum(weights)
    before = np.concatenate(([0.0], running))[ends - counts]
    share = (running - np.repeat(before, counts)) / np.repeat(running[ends - 1] - before, counts)
    up_to: NDArray[np.int64] = np.floor(share * np.repeat(totals, counts) + 0.5).astype(np.int64)
    parts: NDArray[np.int64] = np.diff(up_to, prepend=0)
    parts[ends - counts] = up_to[ends - counts]
    return parts


def _levels(
    nth: NDArray[np.int64], counts: NDArray[np.int64], *, first: NDArray[np.int64], last: NDArray[np.int64]
) -> NDArray[np.int64]:
    share = (nth + 1) / counts
    start = np.maximum(first, 1)
    return np.rint(start * (last / start) ** share).astype(np.int64)
