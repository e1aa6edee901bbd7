"""What a run says, cut down to what fits a screen: the best of each lane, holds by gate, questions, those left alone.

Works on the columns of ``Run.decisions``, so a run of a million decisions is cut down before any row becomes an object.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

    from upstep.engine.deciding.counting import Alone, LaneCount
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
    count: LaneCount
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
    alone: Alone


def digest(
    run: Run, *, most: dict[str, int], unconfirmed: int = 3, left_alone: int = 5, is_whole: bool = True
) -> Digest:
    """Cut a run down.

    Args:
        most: The rows of each lane.
        is_whole: Whether every account was decided about, rather than some that were asked for.
    """
    import pyarrow.compute as pc

    from upstep.engine.deciding import counting

    steps = run.decisions.filter(pc.not_equal(run.decisions["path"], "notice"))
    winners = steps.filter(steps["is_winner"])
    asks = winners.filter(pc.equal(winners["outcome"], "unconfirmed")).sort_by("rank")
    alone = counting.left_alone(steps, accounts=counting.account_count(run) if is_whole else 0)
    return Digest(
        [_lane(winners, lane, most.get(lane, 0)) for lane in LANES],
        _held(steps),
        _rows(asks.slice(0, unconfirmed)),
        _rows(_left_alone(steps, alone).slice(0, left_alone)),
        alone,
    )


def _rows(table: pa.Table) -> list[dict[str, Any]]:
    from upstep.engine.deciding.explain import parsed

    return [parsed(row) for row in table.to_pylist()]


def _lane(winners: pa.Table, lane: str, most: int) -> Lane:
    import pyarrow.compute as pc

    from upstep.engine.deciding.counting import lane_count

    mine = winners.filter(pc.equal(winners["lane"], lane)).sort_by("rank")
    return Lane(lane, lane_count(winners, lane), _rows(mine.slice(0, most)))


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


def _left_alone(steps: pa.Table, alone: Alone) -> pa.Table:
    """One unfit step of each account that what it has serves best; those nearest to a sale first."""
    import pyarrow as pa
    import pyarrow.compute as pc

    unfit = steps.filter(pc.equal(steps["outcome"], "unfit"))
    served = unfit.filter(pc.is_in(unfit["account_id"], pa.array(alone.served, pa.string())))
    place = pc.index_in(served["play"], pa.array(_NEAREST))
    served = served.append_column("place", pc.fill_null(place, len(_NEAREST)))
    return _first_of_each(served.sort_by([("place", "ascending"), ("account_id", "ascending")]))


def _first_of_each(served: pa.Table) -> pa.Table:
    import pyarrow as pa

    seen: set[str] = set()
    kept = []
    for index, account in enumerate(served["account_id"].to_pylist()):
        if account not in seen:
            seen.add(account)
            kept.append(index)
    return served.take(pa.array(kept, pa.int64())).drop_columns(["place"])
