"""The forecasts that a project's past weeks would have shown, each scored against what happened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from upstep.clock import DAY_SECONDS, from_seconds, to_seconds
from upstep.engine.learning.past_limits import limits_as_of, sample_buckets
from upstep.learning.forecast_scores import COLUMNS, Score, scores
from upstep.tables.facts import default_as_of, open_facts
from upstep.tables.lake import open_snapshot
from upstep.tables.query import DuckEngine

if TYPE_CHECKING:
    from upstep.engine.project import Project

Progress = Callable[[str, float], None]
WEEKS = 13


@dataclass(frozen=True)
class ForecastScores:
    """What became of the forecasts.

    Args:
        weeks: The instants at which they were made, earliest first.
        scores: Of all, then of each meter; empty: none could be scored.
    """

    as_of: datetime
    weeks: tuple[datetime, ...]
    scores: tuple[Score, ...]
    is_sample: bool


def score_forecasts(
    project: Project, *, weeks: int = WEEKS, progress: Progress = lambda _what, _share: None
) -> ForecastScores:
    """Score the forecasts of so many past weeks; a forecast counts once its period is over.

    A forecast is a function of the facts up to its instant, so those of the past are worked out anew.

    Raises:
        SourceError: Nothing was loaded.
    """
    until = from_seconds(default_as_of(project.folder, open_snapshot(project.folder)))
    midnight = from_seconds(to_seconds(until) // DAY_SECONDS * DAY_SECONDS)
    instants = [midnight - timedelta(days=7 * index) for index in range(weeks, 0, -1)]
    buckets = sample_buckets(project)
    engine = DuckEngine(spill=str(project.folder / ".upstep" / "spill"))
    for index, at in enumerate(instants):
        progress(f"forecasting as of {at:%Y-%m-%d}", index / (len(instants) + 1))
        made, _ = limits_as_of(project, engine, COLUMNS, at=at, buckets=buckets)
        engine.connection.register("_made", made)
        begin = "INSERT INTO _past" if index else "CREATE OR REPLACE TEMP TABLE _past AS"
        engine.connection.execute(
            f"{begin} SELECT *, {to_seconds(at) // DAY_SECONDS} AS made_day FROM _made"
            f" WHERE {_SCORABLE} AND starts_next <= {to_seconds(until)}"
        )
        engine.connection.unregister("_made")
    progress("comparing with what happened", 0.95)
    open_facts(project.folder, engine, as_of=until, buckets=buckets)
    engine.connection.execute(
        "CREATE OR REPLACE TEMP TABLE _forecast AS"
        " SELECT *, row_number() OVER () AS place, \"aggregate\" = 'count' AS by_events FROM _past"
    )
    return ForecastScores(until, tuple(instants), tuple(scores(engine.connection)), buckets is not None)


_SCORABLE = (
    "meter_kind = 'flow' AND \"aggregate\" IN ('sum', 'count') AND limit_quantity > used AND enforcement <> 'auto'"
    " AND days_left > 0"
)
"""Flows that add up, with a limit that was not reached yet: what is used afterwards can be read day by day."""
