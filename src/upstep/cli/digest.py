"""What a run says, cut down to what fits a screen: the best of each lane, holds by gate, questions, those left alone.

Works on the columns of ``Run.decisions``, so a run of a million decisions is cut down before any row becomes an object.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

    from upstep.engine.deciding.decide import Run

Decision = Mapping[str, Any]
"""A row of ``Run.decisions`` with its JSON columns parsed (``engine.deciding.explain.parsed``)."""

LANES = ("self_serve", "assisted", "care")
_NEAREST = (
    *("limit_approaching", "overage_habit", "limit_forecast", "seat_saturation"),
    *("annual_commit", "complement", "right_size"),
)
"""Of those left alone, the plays that come nearest to a sale first: there a person would have sold something."""


@dataclass(frozen=True)
class Lane:
    """One ranked list: its first rows, and how many steps it has in all."""

    name: str
    eligible: int
    unconfirmed: int
    rows: Sequence[Decision]


@dataclass(frozen=True)
class Held:
    """What one gate holds: how many steps, of which accounts (the first few), and one reason."""

    gate: str
    steps: int
    accounts: int
    names: Sequence[str]
    why: str
    lifts: str


@dataclass(frozen=True)
class Digest:
    """The parts of a run that are printed."""

    lanes: Sequence[Lane]
    held: Sequence[Held]
    unconfirmed: Sequence[Decision]
    left_alone: Sequence[Decision]
    left_alone_accounts: int


def digest(run: Run, *, most: dict[str, int], unconfirmed: int = 3, left_alone: int = 5) -> Digest:
    """Cut a run down; ``most`` names the rows of each lane."""
    import pyarrow.compute as pc

    steps = run.decisions.filter(pc.not_equal(run.decisions["path"], "notice"))
    winners = steps.filter(steps["is_winner"])
    asks = winners.filter(pc.equal(winners["outcome"], "unconfirmed")).sort_by("rank")
    alone, accounts = _left_alone(steps)
    return Digest(
        [_lane(winners, lane, most.get(lane, 0)) for lane in LANES],
        _held(steps),
        _rows(asks.slice(0, unconfirmed)),
        _rows(alone.slice(0, left_alone)),
        accounts,
    )


def _rows(table: pa.Table) -> list[dict[str, Any]]:
    from upstep.engine.deciding.explain import parsed

    return [parsed(row) for row in table.to_pylist()]


def _lane(winners: pa.Table, lane: str, most: int) -> Lane:
    import pyarrow.compute as pc

    mine = winners.filter(pc.equal(winners["lane"], lane)).sort_by("rank")
    unconfirmed = pc.sum(pc.equal(mine["outcome"], "unconfirmed")).as_py() or 0
    ready = mine.filter(pc.not_equal(mine["outcome"], "unconfirmed"))
    return Lane(lane, ready.num_rows, unconfirmed, _rows(mine.slice(0, most)))


def _held(steps: pa.Table) -> list[Held]:
    """By gate, the one that holds most first."""
    import pyarrow.compute as pc

    from upstep.plays.gates import GATES

    waiting = steps.filter(pc.equal(steps["outcome"], "held"))
    found = []
    for gate in GATES:
        mine = waiting.filter(pc.match_substring(waiting["holds"], f'"gate":"{gate}"'))
        if mine.num_rows:
            mine = mine.sort_by([("priority", "descending"), ("account_id", "ascending")])
            first = _rows(mine.slice(0, 1))[0]
            hold = next(hold for hold in first["holds"] if hold["gate"] == gate)
            names = list(dict.fromkeys(mine["name"].slice(0, 50).to_pylist()))[:3]
            accounts = pc.count_distinct(mine["account_id"]).as_py()
            found.append(Held(gate, mine.num_rows, accounts, names, hold["why"], hold["lifts"]))
    return sorted(found, key=lambda held: -held.steps)


def _left_alone(steps: pa.Table) -> tuple[pa.Table, int]:
    """One unfit step per account that has no step to take and none that waits; those nearest to a sale first."""
    import pyarrow as pa
    import pyarrow.compute as pc

    unfit = steps.filter(pc.equal(steps["outcome"], "unfit"))
    others = steps.filter(pc.not_equal(steps["outcome"], "unfit"))
    alone = unfit.filter(pc.invert(pc.is_in(unfit["account_id"], others["account_id"].combine_chunks())))
    place = pc.index_in(alone["play"], pa.array(_NEAREST))
    alone = alone.append_column("place", pc.fill_null(place, len(_NEAREST)))
    alone = alone.sort_by([("place", "ascending"), ("account_id", "ascending")])
    return _first_of_each(alone), pc.count_distinct(alone["account_id"]).as_py()


def _first_of_each(alone: pa.Table) -> pa.Table:
    import pyarrow as pa

    seen: set[str] = set()
    kept = []
    for index, account in enumerate(alone["account_id"].to_pylist()):
        if account not in seen:
            seen.add(account)
            kept.append(index)
    return alone.take(pa.array(kept, pa.int64())).drop_columns(["place"])
