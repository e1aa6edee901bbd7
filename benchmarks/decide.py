"""How long a load, a run and one account take and cost, beside plain scans and the same work in other tools.

Every stage is a process of its own, so that its memory is its own. One run prints a table and writes
``benchmarks/work/<size>.json``; ``docs/performance.md`` says what was measured and what fell short.

    .venv/bin/python benchmarks/decide.py quick          # make bench
    .venv/bin/python benchmarks/decide.py full           # make bench-full
    .venv/bin/python benchmarks/decide.py quick decide one   # some stages only, on what was loaded before
"""

from __future__ import annotations

import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

sys.path.insert(0, str(Path(__file__).parent))

from generate import CUT, NEXT_CUT, SIZES, WORK, generate

if TYPE_CHECKING:
    from upstep.engine.project import Project

TIMES = 5
"""Warm measurements are medians of this many."""

MUST = {  # row: (first figure: must, second: aim, unit); for the full size, on 2 cores and 24 GiB
    "first load": (240.0, 150.0, "wall s"),
    "a day of new events": (3.0, 1.0, "wall s"),
    "full decide": (40.0, 25.0, "CPU s"),
    "full decide, memory": (4.0, 2.5, "GB"),
    "full decide / raw scan": (10.0, 3.0, "x CPU"),
    "1,000 touched accounts": (1.0, 0.5, "wall s"),
    "one account, warm": (0.15, 0.1, "wall s"),
    "hottest stage / the same in SQL": (1.5, 1.5, "x CPU"),
    "upstep --help": (0.4, 0.4, "wall s"),
}

Figures = dict[str, Any]


def project_of(folder: Path) -> Project:
    """The made-up company with its 48 plays."""
    from upstep.engine.project import Project

    return Project(folder, extra_plays=sorted((folder / "plays_bench").glob("*.yaml")))


class Meter:
    """Wall and CPU seconds of a block, and the largest memory of the process so far."""

    def __enter__(self) -> Self:
        self._wall, self._cpu = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall = time.perf_counter() - self._wall
        self.cpu = time.process_time() - self._cpu
        self.memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2

    @property
    def figures(self) -> Figures:
        """Seconds and GiB."""
        return {"wall": round(self.wall, 3), "cpu": round(self.cpu, 3), "memory": round(self.memory, 2)}


# The stages. Each runs in a process of its own.


def stage_load(folder: Path) -> Figures:
    """First load: every file, checks, exact dedup, both roll-ups."""
    from upstep.tables.load import load

    shutil.rmtree(folder / ".upstep", ignore_errors=True)
    for path in (folder / "later").glob("*.parquet"):
        (folder / "data" / path.name).unlink(missing_ok=True)
    project = project_of(folder)
    with Meter() as meter:
        report = load(folder, now=CUT, through=CUT, known=project.known_ids)
    usage = next(table for table in report.tables if table.table == "usage")
    return {**meter.figures, "events": usage.added, "repeated": usage.repeated, "faults": report.fault_count}


def stage_day(folder: Path) -> Figures:
    """One more day of events: its files are put beside the others and everything is loaded again."""
    from upstep.tables.load import load

    for path in (folder / "later").glob("*.parquet"):
        shutil.copyfile(path, folder / "data" / path.name)
    project = project_of(folder)
    project.known_ids  # noqa: B018 - reading the catalog is not the load
    with Meter() as meter:
        report = load(folder, now=NEXT_CUT, through=NEXT_CUT, known=project.known_ids)
    usage = next(table for table in report.tables if table.table == "usage")
    return {**meter.figures, "events": usage.added, "faults": report.fault_count}


def stage_scan(folder: Path) -> Figures:
    """One pass over the event columns that a run stands for, as they are stored."""
    import duckdb

    from upstep.tables.lake import open_snapshot

    stored = open_snapshot(folder).select("usage")
    connection = duckdb.connect()
    with Meter() as meter:
        counted = connection.execute(
            "SELECT count(*), sum(quantity), max(occurred_at), sum(account_key), sum(meter_key), count(contact_key)"
            f" FROM ({stored})"
        ).fetchall()
    return {**meter.figures, "events": counted[0][0]}


def stage_scan_source(folder: Path) -> Figures:
    """The same pass over the company's own files, whose ids are text."""
    import duckdb

    connection = duckdb.connect()
    with Meter() as meter:
        counted = connection.execute(
            "SELECT count(*), sum(quantity), max(occurred_at), max(account_id), max(meter_id), count(contact_id)"
            f" FROM read_parquet('{folder}/data/usage.*.parquet')"
        ).fetchall()
    return {**meter.figures, "events": counted[0][0]}


def stage_decide(folder: Path) -> Figures:
    """Everything: facts, profiles, plays, proposals, gates, rank, ids, and the ledger."""
    from upstep.engine.deciding.decide import decide
    from upstep.engine.deciding.ledger import keep, ledger_folder

    shutil.rmtree(ledger_folder(project_of(folder)), ignore_errors=True)
    project = project_of(folder)
    with Meter() as deciding:
        run = decide(project)
    with Meter() as keeping:
        kept = keep(project, run, now=CUT)
    whole = {name: round(deciding.figures[name] + keeping.figures[name], 3) for name in ("wall", "cpu")}
    return {
        **whole,
        "memory": keeping.figures["memory"],
        "ledger_cpu": keeping.figures["cpu"],
        "decisions": run.decisions.num_rows,
        "kept": kept.written,
        "outcomes": {name: run.coverage[name] for name in ("eligible", "unconfirmed", "held", "unfit", "outranked")},
        "notices": run.coverage["notices"],
    }


def stage_again(folder: Path) -> Figures:
    """The run after that: everything is decided again, and the ledger writes nothing."""
    from upstep.engine.deciding.decide import decide
    from upstep.engine.deciding.ledger import keep

    project = project_of(folder)
    with Meter() as meter:
        kept = keep(project, decide(project), now=CUT)
    return {**meter.figures, "kept": kept.written}


def _accounts(folder: Path, count: int) -> list[str]:
    import duckdb

    rows = duckdb.execute(
        f"SELECT account_id FROM '{folder}/data/account.parquet' ORDER BY hash(account_id) LIMIT {count}"
    ).fetchall()
    return [row[0] for row in rows]


def _warm(folder: Path, size: int) -> Figures:
    """Other accounts each time, their facts opened anew; the queries were compiled by a run before."""
    from upstep.engine.deciding.decide import decide

    project = project_of(folder)
    accounts = _accounts(folder, 2000 + size)
    decide(project, accounts=accounts[-size:])
    walls, cpus = [], []
    for number in range(TIMES):
        with Meter() as meter:
            decide(project, accounts=accounts[number * 200 : number * 200 + size])
        walls.append(meter.wall)
        cpus.append(meter.cpu)
    worst = {"wall_worst": round(max(walls), 3)}
    return {**meter.figures, "wall": statistics.median(walls), "cpu": statistics.median(cpus), **worst}


def stage_thousand(folder: Path) -> Figures:
    """1,000 touched accounts, in a warm process."""
    return _warm(folder, 1000)


def stage_one(folder: Path) -> Figures:
    """One account, in a warm process."""
    return _warm(folder, 1)


def stage_help(_folder: Path) -> Figures:
    """``upstep --help``, median."""
    command = [str(Path(sys.executable).parent / "upstep"), "--help"]
    walls = []
    for _ in range(TIMES):
        with Meter() as meter:
            subprocess.run(command, check=True, capture_output=True)
        walls.append(meter.wall)
    return {"wall": statistics.median(walls), "cpu": 0.0, "memory": 0.0}


def _hot(tool: str) -> Callable[[Path], Figures]:
    def stage(folder: Path) -> Figures:
        import hottest

        inputs = hottest.prepare(folder)
        with Meter() as meter:
            rows = hottest.TOOLS[tool](inputs)
        return {**meter.figures, "digest": hottest.digest(rows), "rows": len(rows)}

    return stage


STAGES: dict[str, Callable[[Path], Figures]] = {
    "load": stage_load,
    "scan": stage_scan,
    "scan_source": stage_scan_source,
    "decide": stage_decide,
    "again": stage_again,
    "thousand": stage_thousand,
    "one": stage_one,
    "hot_upstep": _hot("upstep"),
    "hot_sql": _hot("sql"),
    "hot_polars": _hot("polars"),
    "hot_pandas": _hot("pandas"),
    "help": stage_help,
    "day": stage_day,
}


# The run


def measure(size: str, stage: str) -> Figures | None:
    """Run one stage in its own process; None when it could not."""
    command = [sys.executable, __file__, "--stage", size, stage]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        print(f"{size} {stage}: could not be measured ({last[:200]})", file=sys.stderr)
        return None
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    print(f"{size} {stage}: {figures}", file=sys.stderr)
    return figures


def main(size: str, wanted: list[str]) -> None:
    """Measure, print, write."""
    smaller = [name for name in SIZES if SIZES[name].accounts < SIZES[size].accounts]
    path = WORK / f"{size}.json"
    found: Figures = json.loads(path.read_text()) if wanted and path.exists() else {}
    for name in (*smaller, size):
        began = time.monotonic()
        generate(SIZES[name])
        print(f"{name}: generated or found in {time.monotonic() - began:.0f} s", file=sys.stderr)
    if not wanted:
        found["scaling"] = {}
        for name in smaller:
            measure(name, "load")
            found["scaling"][name] = {stage: measure(name, stage) for stage in ("decide", "again")}
    for stage in wanted or STAGES:
        found[stage] = measure(size, stage)
    found.setdefault("scaling", {})[size] = {stage: found.get(stage) for stage in ("decide", "again")}
    found["machine"] = {"cores": os.cpu_count(), "python": platform.python_version(), "load": os.getloadavg()}
    path.write_text(json.dumps(found, indent=1))
    print(table(size, found))


def table(size: str, found: Figures) -> str:
    """The figures as a Markdown table with must and aim, then those that have neither."""

    def get(stage: str, name: str) -> float | None:
        figures = found.get(stage)
        return None if not figures else figures[name]

    def ratio(above: float | None, below: float | None) -> float | None:
        return above / below if above and below else None

    measured = {
        "first load": get("load", "wall"),
        "a day of new events": get("day", "wall"),
        "full decide": get("decide", "cpu"),
        "full decide, memory": get("decide", "memory"),
        "full decide / raw scan": ratio(get("decide", "cpu"), get("scan", "cpu")),
        "1,000 touched accounts": get("thousand", "wall"),
        "one account, warm": get("one", "wall"),
        "hottest stage / the same in SQL": ratio(get("hot_upstep", "cpu"), get("hot_sql", "cpu")),
        "upstep --help": get("help", "wall"),
    }
    lines = [f"{size}: {SIZES[size].accounts:,} accounts, {get('load', 'events') or 0:,} events, 48 plays", ""]
    lines += ["| what | unit | must | aim | measured | measured / must |", "|---|---|---|---|---|---|"]
    for row, (must, aim, unit) in MUST.items():
        value = measured[row]
        shown = "-" if value is None else f"{value:.2f}"
        share = "-" if value is None else f"{value / must:.2f}"
        lines.append(f"| {row} | {unit} | {must:g} | {aim:g} | {shown} | {share} |")
    lines += ["", "| stage | wall s | CPU s | GB | beside |", "|---|---|---|---|---|"]
    for stage in STAGES:
        figures = found.get(stage)
        if figures:
            beside = {key: value for key, value in figures.items() if key not in ("wall", "cpu", "memory")}
            text = ", ".join(f"{key} {value}" for key, value in beside.items())
            lines.append(
                f"| {stage} | {figures['wall']:.2f} | {figures['cpu']:.2f} | {figures['memory']:.2f} | {text} |"
            )
    hot = {tool: found.get(f"hot_{tool}") for tool in ("upstep", "sql", "polars", "pandas")}
    same = {figures["digest"] for figures in hot.values() if figures}
    lines += [
        "",
        f"The hottest stage gives {'the same answer' if len(same) == 1 else 'DIFFERENT ANSWERS'} in every tool.",
    ]
    lines += [
        "",
        "| accounts | first run, CPU s | the run after it, CPU s | the same per 100,000 accounts |",
        "|---|---|---|---|",
    ]
    for name, runs in found.get("scaling", {}).items():
        if runs.get("decide") and runs.get("again"):
            first, again = runs["decide"]["cpu"], runs["again"]["cpu"]
            each = again / SIZES[name].accounts * 100_000
            lines.append(f"| {SIZES[name].accounts:,} | {first:.1f} | {again:.1f} | {each:.1f} |")
    return "\n".join(lines)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--stage"]:
        print(json.dumps(STAGES[sys.argv[3]](SIZES[sys.argv[2]].folder)))
    elif sys.argv[1:2] and sys.argv[1] in SIZES and set(sys.argv[2:]) <= set(STAGES):
        main(sys.argv[1], sys.argv[2:])
    else:
        print(f"usage: decide.py {'|'.join(SIZES)} [{' '.join(STAGES)}]", file=sys.stderr)
        sys.exit(2)
