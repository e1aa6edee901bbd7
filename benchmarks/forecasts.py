"""Our forecast on the M4 competition's weekly series, beside seasonal naive and Theta.

    UPSTEP_PUBLIC_DATA=FOLDER python benchmarks/forecasts.py

Forecast is the total of the next 1, 4 and 13 weeks, as a limit's period is; by the last eight weeks alone, as ``signals``
do it. Seasonal naive and Theta (statsforecast) see its last five years. Told are the mean and the median absolute error as a
share of what came, and how often the 80% interval held it. The series: github.com/Mcompetitions/M4-methods.
"""

from __future__ import annotations

import csv
import os
import sys
import time
from pathlib import Path

import ibis
import numpy as np
import pyarrow as pa

from upstep.signals.forecast import Z_80, ahead, spread, trend
from upstep.signals.usage import WEEKS
from upstep.tables.query import DuckEngine, compile_select

HORIZONS = (1, 4, 13)
YEARS = 5  # What the others see of a series: more makes Theta slow and no better.


def read(folder: Path) -> list[tuple[np.ndarray, np.ndarray]]:
    """Each series: what is known, and the 13 weeks that came."""
    parts = []
    for name in ("train", "test"):
        with (folder / f"Weekly-{name}.csv").open(encoding="utf-8") as file:
            rows = list(csv.reader(file))[1:]
        parts.append({row[0]: np.array([float(cell) for cell in row[1:] if cell not in {"", "NA"}]) for row in rows})
    train, test = parts
    return [(values, test[name]) for name, values in train.items()]


def ours(series: list[tuple[np.ndarray, np.ndarray]], weeks: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Total of the next weeks with its 80% interval, by the queries that forecast limits."""
    engine = DuckEngine()
    last = np.array([known[-WEEKS:] for known, _ in series])
    rows = {"place": pa.array(range(len(series)), pa.int64())}
    rows |= {f"w{week}": pa.array(last[:, week], pa.float64()) for week in range(WEEKS)}
    table = engine.load("series", pa.table(rows))
    found = table.mutate(**trend([table[f"w{week}"] for week in range(WEEKS)]))
    days = ibis.literal(7.0 * weeks)
    told = found.select(
        "place", total=ahead(found.rate_now, found.slope, days), doubt=Z_80 * spread(days, found.week_sd)
    )
    got = engine.connection.sql(compile_select(told, "duckdb") + " ORDER BY place").fetchnumpy()
    return got["total"], got["total"] - got["doubt"], got["total"] + got["doubt"]


def beside(series: list[tuple[np.ndarray, np.ndarray]]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Name to (forecast by week, whether the first week's 80% interval held it), from statsforecast; empty without it."""
    try:
        from statsforecast.models import SeasonalNaive, Theta
    except ImportError as missing:
        print(f"statsforecast is not installed here ({missing.name}): seasonal naive and Theta are skipped.")
        return {}
    found = {}
    for name, model in (
        ("seasonal naive, 52 weeks", SeasonalNaive(season_length=52)),
        ("Theta", Theta(season_length=1)),
    ):
        begun = time.perf_counter()
        means, held = [], []
        for known, came in series:
            told = model.forecast(y=known[-YEARS * 52 :], h=max(HORIZONS), level=[80])
            means.append(told["mean"])
            held.append(told["lo-80"][0] <= came[0] <= told["hi-80"][0])
        found[name] = (np.array(means), np.array(held))
        print(f"{name}: {time.perf_counter() - begun:.1f} s")
    return found


def line(name: str, weeks: int, forecast: np.ndarray, came: np.ndarray, held: np.ndarray | None) -> str:
    """One row of the table."""
    error = np.abs(forecast - came) / came
    share = "" if held is None else f"{100 * held.mean():.0f}%"
    return f"| {name} | {weeks} | {100 * error.mean():.1f}% | {100 * np.median(error):.1f}% | {share} |"


def main() -> int:
    """Measure and print."""
    named = os.environ.get("UPSTEP_PUBLIC_DATA")
    folder = Path(named) / "m4_weekly" if named else None
    if folder is None or not folder.is_dir():
        print(
            "skipped: set UPSTEP_PUBLIC_DATA to a folder with m4_weekly (the M4 competition's Weekly-train.csv and Weekly-test.csv)"
        )
        return 0
    series = read(folder)
    others = beside(series)
    print(
        f"{len(series)} series",
        "",
        "| forecast | weeks | mean error | median error | 80% held |",
        "| --- | ---: | ---: | ---: | ---: |",
        sep="\n",
    )
    for weeks in HORIZONS:
        came = np.array([after[:weeks].sum() for _, after in series])
        total, low, high = ours(series, weeks)
        print(line("Upstep", weeks, total, came, (low <= came) & (came <= high)))
        for name, (means, held) in others.items():
            print(line(name, weeks, means[:, :weeks].sum(axis=1), came, held if weeks == 1 else None))
    return 0


if __name__ == "__main__":
    sys.exit(main())
