"""Movements, bridges, NRR and cohorts of 1,000,000 accounts over 36 months, beside the usual way: a month spine.

The usual way is what dbt packages do: a row for each account and month, then the difference to the month before, in SQL
written by hand for the same engine. Both read the same Parquet file, each in a process of its own, and their bridges
and retention must be equal to the unit.

    python benchmarks/revenue.py [accounts] [--threads 2] [--memory 2GB]
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

WORK = Path(__file__).parent / "work" / "revenue"
MONTHS = ("2023-10", "2026-09")
AS_OF = 1_790_812_799  # 2026-09-30T23:59:59Z
CURRENCIES = ("usd", "eur", "jpy")


def generate(accounts: int, path: Path) -> None:
    """Five intervals an account: plans that change, seats, add-ons, second products, gaps, trials, pauses, discounts."""
    import duckdb
    import numpy as np

    random = np.random.default_rng(11)
    per = random.poisson(4.0, accounts) + 1
    account = np.repeat(np.arange(1, accounts + 1, dtype=np.int32), per)
    count = len(account)
    line = random.choice(np.array([0, 1, 2]), count, p=[0.82, 0.1, 0.08])
    order = np.lexsort((line, account))
    account, line = account[order], line[order]
    group = account.astype(np.int64) * 4 + line
    first = np.r_[True, group[1:] != group[:-1]]
    place = np.arange(count) - np.maximum.accumulate(np.where(first, np.arange(count), 0))
    length = (random.lognormal(4.8, 0.8, count) * 86_400).astype(np.int64) + 600
    soon = random.random(count) < 0.01
    length = np.where(soon, random.integers(60, 3_000, count), length)
    gap = np.where(random.random(count) < 0.06, random.integers(86_400, 120 * 86_400, count), 0)
    step = np.where(first, 0, gap) + np.r_[0, np.where(first[1:], 0, length[:-1])]
    moved = np.cumsum(step)
    base = np.maximum.accumulate(np.where(first, np.arange(count), 0))
    last = np.r_[first[1:], True]
    is_open = last & (random.random(count) < 0.75)
    # Each line of intervals ends now when it is open, else somewhere in the last three years.
    ends = np.flatnonzero(last)[np.cumsum(first) - 1]
    length_all = moved[ends] - moved[base] + length[ends]
    ago = np.where(is_open[ends], 0, random.integers(0, 1_000 * 86_400, count)[base])
    valid_from = AS_OF - ago - length_all + moved - moved[base]
    plan = random.integers(0, 4, count)
    seats = random.integers(1, 20, count)
    same_plan = random.random(count) < 0.5
    plan = np.where(same_plan, plan[base], plan)
    currency = random.choice(np.array([0, 1, 2]), accounts + 1, p=[0.85, 0.12, 0.03])[account]
    currency = np.where(random.random(count) < 0.002, 1, currency)
    status = random.choice(np.array([0, 1, 2, 3, 4]), count, p=[0.9, 0.03, 0.03, 0.02, 0.02])
    status = np.where((place == 0) & (random.random(count) < 0.1), 2, status)
    rows = {
        "account_key": account,
        "line": line.astype(np.int8),
        "place": place.astype(np.int32),
        "valid_from": valid_from,
        "valid_to": np.where(is_open, -1, valid_from + length),
        "plan": plan.astype(np.int8),
        "quantity": seats.astype(np.int64),
        "yearly": random.random(count) < 0.3,
        "discount": random.random(count) < 0.05,
        "currency": currency.astype(np.int8),
        "status": status.astype(np.int8),
    }
    connection = duckdb.connect()
    connection.register("raw", {name: np.ascontiguousarray(column) for name, column in rows.items()})
    connection.execute(
        f"""
        COPY (
            SELECT account_key, 'item-' || (account_key * 4 + line) AS item_id,
                'sub-' || (account_key * 4 + line) AS subscription_id,
                ['sending', 'teams', 'sending'][line + 1] AS product_id,
                CASE line WHEN 0 THEN ['free', 'pro', 'scale', 'enterprise'][plan + 1] WHEN 1 THEN 'team' END AS plan_id,
                CASE line WHEN 2 THEN 'own_ip' END AS add_on_id, NULL::VARCHAR AS price_id, quantity,
                (list * CASE WHEN discount THEN 8 ELSE 10 END / 10)::BIGINT AS amount_minor, list AS list_amount_minor,
                ['usd', 'eur', 'jpy'][currency + 1] AS currency, CASE WHEN yearly THEN 'year' ELSE 'month' END AS interval,
                1::BIGINT AS interval_count,
                ['active', 'past_due', 'trialing', 'paused', 'unpaid'][status + 1] AS status,
                valid_from, nullif(valid_to, -1) AS valid_to, NULL::BIGINT AS period_start, NULL::BIGINT AS cancel_at
            FROM (SELECT *, ([0, 20, 90, 400][plan + 1] * CASE WHEN yearly THEN 1000 ELSE 100 END * CASE line WHEN 0 THEN 1
                    WHEN 1 THEN quantity ELSE 2 END)::BIGINT AS list FROM raw)
            ORDER BY account_key % 64, item_id, valid_from
        ) TO '{path}' (FORMAT parquet)
        """
    )


def plans() -> Any:
    """What the made-up company sells, as ``movements.plans.plan_table`` has it."""
    import pyarrow as pa

    return pa.table(
        {
            "plan_id": ["free", "pro", "scale", "enterprise", "team"],
            "plan_key": pa.array([1, 2, 3, 4, 5], pa.int32()),
            "position": pa.array([0, 1, 2, 3, 0], pa.int32()),
            "is_usage": [False] * 5,
        }
    )


def engine_of(threads: int, memory: str) -> Any:
    """An engine with bounded memory that may spill beside the data."""
    from upstep.tables.query import DuckEngine

    return DuckEngine(threads=threads, memory_limit=memory, spill=str(WORK / "spill"))


def by_upstep(path: Path, threads: int, memory: str) -> dict[str, Any]:
    """Movements, month lines (the bridge and retention of 36 months) and cohorts, by the compiled queries."""
    import ibis

    from upstep.clock import from_seconds
    from upstep.movements.movement import movements
    from upstep.revenue.months import month_days, months_between
    from upstep.revenue.mrr import account_months, bridges, cause_lines, month_lines
    from upstep.revenue.retention import cohort_lines, retentions
    from upstep.signals.vocabulary import interval_factor, today
    from upstep.tables.query import Program, arrow_types, core_schema, core_table

    small = {"factors": interval_factor(), "plans": plans(), "days": month_days(), "today": today(from_seconds(AS_OF))}
    tables = {name: ibis.table(arrow_types(rows.schema), name=name) for name, rows in small.items()}
    program = Program()
    moved = movements(
        core_table("subscription_item"),
        factors=tables["factors"],
        plans=tables["plans"],
        today=tables["today"],
        stage=program.stage,
    )
    by_account = program.stage("by_account", account_months(moved, tables["days"], stage=program.stage))
    program.stage("lines", month_lines(by_account))
    program.stage("cohorts", cohort_lines(by_account))
    program.stage("causes", cause_lines(moved, tables["days"]))
    statements = program.sql("duckdb")
    engine = engine_of(threads, memory)
    for name, rows in small.items():
        engine.load(name, rows)
    known = {row[0] for row in engine.connection.execute(f"DESCRIBE SELECT * FROM '{path}'").fetchall()}
    columns = ", ".join(name if name in known else f"NULL AS {name}" for name in core_schema("subscription_item"))
    engine.connection.execute(f"CREATE VIEW subscription_item AS SELECT {columns} FROM '{path}'")
    clock = Clock()
    stages = {}
    for name, sql in statements.items():
        began = Clock()
        engine.connection.execute(f'CREATE OR REPLACE TEMP TABLE "{name}" AS {sql}')
        stages[name] = began.told()
        engine.drop(*(table for table, reader in program.last_reader.items() if reader == name))
        if name == "cohorts":
            lines, months = engine.read("lines"), months_between(*MONTHS)
            figures = {
                f"{bridge.month.name} {bridge.currency}": [
                    *(
                        int(bridge[line])
                        for line in ("start", "new", "expansion", "reactivation", "contraction", "churn", "end")
                    ),
                    int(kept.end),
                    int(kept.lost),
                ]
                for bridge, kept in zip(bridges(lines, months), retentions(lines, months), strict=True)
            }
            told = clock.told()
    return {"measured": told, "figures": figures, "stages": stages, "causes": stages["causes"]}


SPINE = """
CREATE OR REPLACE TEMP TABLE spine AS
WITH month AS (
    SELECT year * 12 + month - 1 AS month, epoch(make_date(year, month, 1))::BIGINT AS starts_at,
        epoch(make_date(year, month, 1) + INTERVAL 1 MONTH)::BIGINT AS ends_at
    FROM (SELECT unnest(range(2018, 2027)) AS year) CROSS JOIN (SELECT unnest(range(1, 13)) AS month)
    WHERE year * 12 + month - 1 BETWEEN {first} - 1 AND {last}),
paid AS (
    SELECT account_key, currency, valid_from, coalesce(valid_to, 4000000000) AS valid_to,
        amount_minor * CASE interval WHEN 'year' THEN 27720 ELSE 332640 END AS units
    FROM '{path}' WHERE status IN ('active', 'past_due') AND amount_minor > 0),
payer AS (SELECT account_key, currency, min(valid_from) AS first_at FROM paid GROUP BY ALL),
at_end AS (
    SELECT account_key, currency, month, sum(units)::BIGINT AS mrr
    FROM paid JOIN month ON valid_from < ends_at AND valid_to >= ends_at GROUP BY ALL)
SELECT payer.account_key, payer.currency, month.month, payer.first_at < month.starts_at AS was_known, coalesce(mrr, 0) AS mrr
FROM payer CROSS JOIN month LEFT JOIN at_end USING (account_key, currency, month)
WHERE month.ends_at > payer.first_at
"""

CHANGES = """
SELECT month, currency, sum(before) AS start, sum(mrr) AS "end", sum(CASE WHEN before > 0 THEN mrr ELSE 0 END) AS kept,
    sum(CASE WHEN before > mrr THEN before - mrr ELSE 0 END) AS lost,
    sum(CASE WHEN before = 0 AND mrr > 0 AND NOT was_known THEN mrr ELSE 0 END) AS new,
    sum(CASE WHEN before = 0 AND mrr > 0 AND was_known THEN mrr ELSE 0 END) AS reactivation,
    sum(CASE WHEN before > 0 AND mrr > before THEN mrr - before ELSE 0 END) AS expansion,
    sum(CASE WHEN before > mrr AND mrr > 0 THEN before - mrr ELSE 0 END) AS contraction,
    sum(CASE WHEN before > 0 AND mrr = 0 THEN before ELSE 0 END) AS churn
FROM (SELECT *, coalesce(lag(mrr) OVER (PARTITION BY account_key, currency ORDER BY month), 0) AS before FROM spine)
WHERE month >= {first} GROUP BY ALL
"""


KEPT = """
WITH payer AS (SELECT DISTINCT account_key, month + 1 AS month FROM spine WHERE mrr > 0)
SELECT month, currency, sum(CASE WHEN payer.account_key IS NULL THEN 0 ELSE mrr END)
FROM spine LEFT JOIN payer USING (account_key, month) WHERE month >= {first} GROUP BY ALL
"""


def by_spine(path: Path, threads: int, memory: str) -> dict[str, Any]:
    """The usual way: every account in every month since it first paid, and what changed since the month before."""
    from upstep.revenue.months import month_name, month_number

    engine = engine_of(threads, memory)
    named = {"path": path, "first": month_number(MONTHS[0]), "last": month_number(MONTHS[1])}
    clock = Clock()
    engine.connection.execute(SPINE.format(**named))
    rows = engine.connection.execute(CHANGES.format(**named)).to_arrow_table().to_pylist()
    told = clock.told()
    # Who pays in another currency stays a payer: asked apart, since the usual way does not know it.
    kept = {(row[0], row[1]): int(row[2]) for row in engine.connection.execute(KEPT.format(**named)).fetchall()}
    counted = engine.connection.execute("SELECT count(*) FROM spine").fetchone()
    figures = {
        f"{month_name(row['month'])} {row['currency']}": [
            int(row["start"]),
            int(row["end"]),
            kept[row["month"], row["currency"]],
            int(row["lost"]),
        ]
        for row in rows
    }
    return {"measured": told, "figures": figures, "rows": counted[0]}


class Clock:
    """Wall and CPU seconds since it was made; memory is the process's largest so far."""

    def __init__(self) -> None:
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def told(self) -> list[float]:
        """Wall seconds, CPU seconds, GB."""
        gigabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
        return [
            round(time.perf_counter() - self.wall, 2),
            round(time.process_time() - self.cpu, 2),
            round(gigabytes, 2),
        ]


WAYS = {"upstep": by_upstep, "spine": by_spine}


def compare(ours: dict[str, list[int]], theirs: dict[str, list[int]]) -> None:
    """Start, end, what payers kept and what they lost are the same to the unit, in every month and currency."""
    wrong = [
        (name, [ours[name][0], ours[name][6], *ours[name][7:]], cells)
        for name, cells in theirs.items()
        if [ours[name][0], ours[name][6], *ours[name][7:]] != cells
    ]
    assert not wrong, f"{len(wrong)} of {len(theirs)} differ, such as {wrong[:2]}"


def main() -> None:
    """Make the data when it is not there, run each way in its own process, print the table."""
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("accounts", type=int, nargs="?", default=1_000_000)
    given.add_argument("--threads", type=int, default=2)
    given.add_argument("--memory", default="1600MB", help="what the engine may hold; the process takes more")
    given.add_argument("--way", choices=WAYS)
    asked = given.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    path = WORK / f"items_{asked.accounts}.parquet"
    if asked.way:
        print(json.dumps(WAYS[asked.way](path, asked.threads, asked.memory)))
        return
    if not path.exists():
        generate(asked.accounts, path)
    found = {}
    for way in WAYS:
        # The usual way does not fit into the bound and gets none.
        memory = asked.memory if way == "upstep" else "12GB"
        command = [
            sys.executable,
            __file__,
            str(asked.accounts),
            "--way",
            way,
            "--threads",
            str(asked.threads),
            "--memory",
            memory,
        ]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
        assert run.returncode == 0, run.stderr
        found[way] = json.loads(run.stdout.splitlines()[-1])
    compare(found["upstep"]["figures"], found["spine"]["figures"])
    print(
        f"{asked.accounts:,} accounts, 36 months; the same start, end, NRR and GRR of every month and currency, to the unit"
    )
    print("| way | wall s | CPU s | GB |\n| --- | ---: | ---: | ---: |")
    for way, answer in found.items():
        print(f"| {way} | " + " | ".join(f"{value:.2f}" for value in answer["measured"]) + " |")
    print(f"the spine has {found['spine']['rows']:,} rows")
    for name, value in found["upstep"]["stages"].items():
        print(f"  {name:20} {value[0]:6.2f} wall {value[1]:6.2f} CPU {value[2]:5.2f} GB")


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1] / "src"))
    main()
