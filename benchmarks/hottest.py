"""The hottest stage by four hands: account x meter state over windows and weeks, from roll-up days and cut events.

Upstep's compiled query, SQL written by hand, Polars and pandas read the same files and must give the same cells.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

REACH_DAYS = 128
COLUMNS = "account_key meter_key used used_1 used_2 used_3".split() + [f"week_{week}" for week in range(1, 9)]
FLOW = "account_key meter_key day quantity events quantity_max".split()
LATEST = "quantity_latest"
RAW = "account_key meter_key contact_key day occurred_at quantity".split()


@dataclass(frozen=True)
class Inputs:
    """What every tool starts from: files of the roll-up and of the recent events, windows and meters."""

    days: list[str]
    events: list[str]
    people: list[str]
    windows: Path
    meters: Path
    calendar: Path
    as_of: int
    compiled: dict[str, str]

    @property
    def today(self) -> int:
        """The as-of's day since 1970."""
        return self.as_of // 86_400


def prepare(folder: Path) -> Inputs:
    """Run the stages before the hottest one and put its small inputs beside the data."""
    from decide import project_of

    from upstep.clock import to_seconds
    from upstep.engine.deciding.decide import decider_of, known_tables, meter_keys
    from upstep.tables.facts import open_facts
    from upstep.tables.query import DuckEngine

    project, engine = project_of(folder), DuckEngine()
    facts = open_facts(folder, engine)
    decider = decider_of(project, owners_connected=True)
    words = project.words(facts.as_of, meter_keys=meter_keys(engine), known=known_tables(facts, 2))
    for name, rows in words.tables.items():
        engine.load(name, rows)
    compiled = decider.profiles.sql("duckdb")
    for name, sql in compiled.items():
        if name == "cut_events":
            break
        engine.connection.execute(f'CREATE OR REPLACE TEMP TABLE "{name}" AS {sql}')
    windows, meters, calendar = (folder / f"hot_{name}.parquet" for name in ("windows", "meters", "calendar"))
    engine.connection.execute(f"COPY calendar_day TO '{calendar}' (FORMAT parquet)")
    engine.connection.execute(f"COPY spans TO '{windows}' (FORMAT parquet)")
    engine.connection.execute(f"COPY catalog_meter TO '{meters}' (FORMAT parquet)")
    engine.connection.close()
    at = to_seconds(facts.as_of)
    recent = range(at // 86_400 - REACH_DAYS + 1, at // 86_400 + 1)
    snapshot = facts.snapshot
    events = snapshot.files("usage", partitions=recent)
    hot = {name: compiled[name] for name in ("cut_events", "contact_days", "flows")}
    people = snapshot.files("usage_contact")
    return Inputs(snapshot.files("usage_day"), events, people, windows, meters, calendar, at, hot)


def digest(rows: pa.Table) -> str:
    """One word for all cells, whatever the order of rows."""
    order = [("account_key", "ascending"), ("meter_key", "ascending")]
    ordered = rows.select(COLUMNS).sort_by(order)
    hashed = hashlib.blake2b(digest_size=8)
    for name in COLUMNS:
        hashed.update(ordered[name].to_numpy().astype("int64").tobytes())
    return hashed.hexdigest()


def _listed(files: list[str]) -> str:
    return "[" + ", ".join(f"'{path}'" for path in files) + "]"


def _connection(inputs: Inputs) -> Any:
    import duckdb

    connection = duckdb.connect()
    connection.execute("SET preserve_insertion_order = false")
    read = "CREATE TEMP VIEW {} AS SELECT {} FROM read_parquet({}, hive_partitioning = true, hive_types = {})"
    connection.execute(
        read.format("usage_day", ", ".join([*FLOW, LATEST]), _listed(inputs.days), "{'bucket': INTEGER}")
    )
    connection.execute(read.format("usage_raw", ", ".join(RAW), _listed(inputs.events), "{'day': INTEGER}"))
    connection.execute(f"CREATE TEMP TABLE spans AS FROM '{inputs.windows}'")
    connection.execute(f"CREATE TEMP TABLE catalog_meter AS FROM '{inputs.meters}'")
    connection.execute(
        f"CREATE TEMP TABLE today AS SELECT {inputs.as_of}::BIGINT AS as_of, {inputs.today}::INTEGER AS as_of_day"
    )
    return connection


def by_upstep(inputs: Inputs) -> pa.Table:
    """The queries that Upstep compiles."""
    connection = _connection(inputs)
    columns = "account_key, meter_key, contact_key, month, day_mask"
    files = _listed(inputs.people)
    connection.execute(f"CREATE TEMP VIEW usage_contact AS SELECT {columns} FROM read_parquet({files})")
    connection.execute(f"CREATE TEMP TABLE calendar_day AS FROM '{inputs.calendar}'")
    for name in ("cut_events", "contact_days"):
        connection.execute(f"CREATE TEMP TABLE {name} AS {inputs.compiled[name]}")
    return connection.sql(inputs.compiled["flows"]).to_arrow_table()


def by_sql(inputs: Inputs) -> pa.Table:
    """The same by hand, for DuckDB."""
    spans = ", ".join(
        f"sum(CASE WHEN span = {index} THEN value ELSE 0 END)::BIGINT AS {name}"
        for index, name in enumerate(("used", "used_1", "used_2", "used_3"))
    )
    weeks = ", ".join(
        f"sum(CASE WHEN week = {week - 1} THEN value ELSE 0 END)::BIGINT AS week_{week}" for week in range(1, 9)
    )
    span = (
        "CASE WHEN {at} >= starts_next THEN -1 WHEN {at} >= starts_0 THEN 0 WHEN {at} >= starts_1 THEN 1"
        " WHEN {at} >= starts_2 THEN 2 WHEN {at} >= starts_3 THEN 3 ELSE -1 END"
    )
    edge = "day IN (edge_0, edge_1, edge_2, edge_3)"
    first = inputs.today - REACH_DAYS
    week = f"CASE WHEN day < {inputs.today} THEN ({inputs.today} - day - 1) // 7 ELSE -1 END"
    sql = f"""
        WITH flow AS (SELECT meter_key, aggregate, window_kind FROM catalog_meter
                      WHERE meter_kind = 'flow' AND aggregate <> 'unique_contacts'),
        people AS (SELECT meter_key, window_kind FROM catalog_meter WHERE aggregate = 'unique_contacts'),
        cut AS (SELECT DISTINCT account_key, day FROM
                (SELECT account_key, unnest([edge_0, edge_1, edge_2, edge_3]) AS day FROM spans) WHERE day >= 0),
        piece AS (
            SELECT account_key, meter_key, {span.format(at="day::BIGINT * 86400")} AS span, {week} AS week,
                CASE aggregate WHEN 'sum' THEN quantity ELSE events END::DOUBLE AS value
            FROM usage_day JOIN flow USING (meter_key) JOIN spans USING (account_key, window_kind)
            WHERE day > {first} AND NOT ({edge})
            UNION ALL
            SELECT account_key, meter_key, {span.format(at="occurred_at")}, {week},
                CASE aggregate WHEN 'sum' THEN quantity ELSE 1 END::DOUBLE
            FROM (FROM usage_raw SEMI JOIN cut USING (account_key, day)) JOIN flow USING (meter_key)
            JOIN spans USING (account_key, window_kind)
            WHERE day > {first} AND {edge} AND occurred_at <= {inputs.as_of}),
        person AS (
            SELECT DISTINCT account_key, meter_key, contact_key, {span.format(at="occurred_at")} AS span
            FROM usage_raw JOIN people USING (meter_key) JOIN spans USING (account_key, window_kind)
            WHERE contact_key IS NOT NULL AND day > {first} AND occurred_at <= {inputs.as_of})
        SELECT account_key, meter_key, {spans}, {weeks} FROM piece GROUP BY ALL
        UNION ALL
        SELECT account_key, meter_key, count(*) FILTER (span = 0), count(*) FILTER (span = 1), count(*) FILTER (span = 2),
            count(*) FILTER (span = 3), 0, 0, 0, 0, 0, 0, 0, 0 FROM person GROUP BY ALL"""
    return _connection(inputs).sql(sql).to_arrow_table()


def by_polars(inputs: Inputs) -> pa.Table:
    """The same in Polars' lazy frames, streaming."""
    import polars as pl

    meters = pl.read_parquet(inputs.meters)
    flow = meters.filter((pl.col("meter_kind") == "flow") & (pl.col("aggregate") != "unique_contacts"))
    flow = flow.select("meter_key", "aggregate", "window_kind").lazy()
    people = meters.filter(pl.col("aggregate") == "unique_contacts").select("meter_key", "window_kind").lazy()
    windows = pl.scan_parquet(inputs.windows).drop("product_id")
    first = inputs.today - REACH_DAYS
    days = pl.scan_parquet(inputs.days, hive_partitioning=False).select(FLOW).filter(pl.col("day") > first)
    raw = pl.scan_parquet(inputs.events, hive_schema={"day": pl.Int32}).select(RAW)
    edge = pl.any_horizontal(*(pl.col("day") == pl.col(f"edge_{index}") for index in range(4)))
    at = pl.col("occurred_at")
    span = pl.when(at >= pl.col("starts_next")).then(-1)
    for index in range(4):
        span = span.when(at >= pl.col(f"starts_{index}")).then(index)
    span = span.otherwise(-1).alias("span")
    week = ((inputs.today - pl.col("day") - 1) // 7).alias("week")
    is_sum = pl.col("aggregate") == "sum"
    whole = days.join(flow, on="meter_key").join(windows, on=["account_key", "window_kind"]).filter(~edge)
    whole = whole.with_columns(occurred_at=pl.col("day").cast(pl.Int64) * 86_400)
    whole = whole.select(
        "account_key", "meter_key", span, week, value=pl.when(is_sum).then("quantity").otherwise("events")
    )
    cut = pl.concat([windows.select("account_key", day=f"edge_{index}") for index in range(4)]).unique()
    part = raw.join(cut, on=["account_key", "day"], how="semi").join(flow, on="meter_key")
    part = part.join(windows, on=["account_key", "window_kind"]).filter(edge & (at <= inputs.as_of))
    part = part.select("account_key", "meter_key", span, week, value=pl.when(is_sum).then("quantity").otherwise(1))
    keys = ["account_key", "meter_key"]
    names = ("used", "used_1", "used_2", "used_3")
    sums = [pl.col("value").filter(pl.col("span") == index).sum().alias(name) for index, name in enumerate(names)]
    sums += [pl.col("value").filter(pl.col("week") == week - 1).sum().alias(f"week_{week}") for week in range(1, 9)]
    added = pl.concat([whole, part]).group_by(keys).agg(sums)
    seen = raw.filter(pl.col("contact_key").is_not_null() & (at <= inputs.as_of)).join(people, on="meter_key")
    seen = seen.join(windows, on=["account_key", "window_kind"]).select(*keys, "contact_key", span).unique()
    counts = [(pl.col("span") == index).sum().cast(pl.Int64).alias(name) for index, name in enumerate(names)]
    nothing = [pl.lit(0, pl.Int64).alias(f"week_{week}") for week in range(1, 9)]
    counted = seen.group_by(keys).agg(counts).with_columns(nothing)
    return pl.concat([added.select(COLUMNS), counted.select(COLUMNS)]).collect(engine="streaming").to_arrow()


def by_pandas(inputs: Inputs) -> pa.Table:
    """The same in pandas, as one would write it there."""
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    import pyarrow.dataset as ds

    def read(files: list[str], columns: list[str], **options: Any) -> Any:
        dataset = ds.dataset(files, format="parquet", **options)
        return dataset.to_table(columns=columns, filter=ds.field("day") > inputs.today - REACH_DAYS).to_pandas()

    hive = ds.partitioning(pa.schema([("day", pa.int32())]), flavor="hive")
    meters, windows = pd.read_parquet(inputs.meters), pd.read_parquet(inputs.windows).drop(columns="product_id")
    flow = meters[(meters.meter_kind == "flow") & (meters["aggregate"] != "unique_contacts")]
    flow = flow[["meter_key", "aggregate", "window_kind"]]
    people = meters[meters["aggregate"] == "unique_contacts"][["meter_key", "window_kind"]]
    raw = read(inputs.events, RAW, partitioning=hive)
    raw = raw[raw.occurred_at <= inputs.as_of]
    days = read(inputs.days, FLOW)

    def spans(rows: Any) -> Any:
        at, found = rows.occurred_at.to_numpy(), np.full(len(rows), -1, np.int8)
        for index in (3, 2, 1, 0):
            found[at >= rows[f"starts_{index}"].fillna(2**40).to_numpy()] = index
        found[at >= rows.starts_next.to_numpy()] = -1
        return found

    def is_edge(rows: Any) -> Any:
        return np.logical_or.reduce([rows.day.to_numpy() == rows[f"edge_{index}"].to_numpy() for index in range(4)])

    keys = ["account_key", "meter_key"]
    whole = days.merge(flow, on="meter_key").merge(windows, on=["account_key", "window_kind"])
    whole = whole[~is_edge(whole)]
    whole["occurred_at"] = whole.day.astype("int64") * 86_400
    whole["value"] = np.where(whole["aggregate"] == "sum", whole.quantity, whole.events)
    part = raw.merge(flow, on="meter_key").merge(windows, on=["account_key", "window_kind"])
    part = part[is_edge(part)]
    part["value"] = np.where(part["aggregate"] == "sum", part.quantity, 1)
    names = ["used", "used_1", "used_2", "used_3"]
    pieces = []
    for rows in (whole, part):
        piece = rows[keys].copy()
        span, week, value = spans(rows), (inputs.today - rows.day.to_numpy() - 1) // 7, rows.value.to_numpy()
        for index, name in enumerate(names):
            piece[name] = np.where(span == index, value, 0)
        for number in range(1, 9):
            piece[f"week_{number}"] = np.where(week == number - 1, value, 0)
        pieces.append(piece)
    added = pd.concat(pieces).groupby(keys, as_index=False, sort=False).sum()
    seen = raw[raw.contact_key.notna()].merge(people, on="meter_key").merge(windows, on=["account_key", "window_kind"])
    seen["span"] = spans(seen)
    once = seen[[*keys, "contact_key", "span"]].drop_duplicates()
    for index, name in enumerate(names):
        once[name] = (once.span == index).astype("int64")
    counted = once.groupby(keys, as_index=False, sort=False)[names].sum()
    for number in range(1, 9):
        counted[f"week_{number}"] = 0
    return pa.Table.from_pandas(pd.concat([added, counted])[COLUMNS], preserve_index=False)


TOOLS: dict[str, Callable[[Inputs], Any]] = {
    "upstep": by_upstep,
    "sql": by_sql,
    "polars": by_polars,
    "pandas": by_pandas,
}
