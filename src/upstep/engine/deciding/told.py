"""What a run is told from outside, as its queries want it: by account key, and rates as one factor a currency."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from upstep.clock import to_day
from upstep.money import CURRENCIES
from upstep.plays.rank import INPUTS
from upstep.tables.query import DuckEngine
from upstep.tables.standing import StandingEngine

if TYPE_CHECKING:
    from upstep.engine.project import Project


def core_inputs(
    engine: DuckEngine | StandingEngine, outside: Mapping[str, pa.Table], project: Project, as_of: datetime
) -> dict[str, pa.Table]:
    """The input tables with account keys in place of account ids; empty where nothing was handed in."""
    told: dict[str, pa.Table] = {}
    for name, columns in INPUTS.items():
        rows = outside.get(name)
        schema = pa.schema([(column, _ARROW[kind]) for column, kind in columns.items()])
        if name == "fx":
            told[name] = _fx(engine, project, as_of)
        elif rows is None or not rows.num_rows:
            told[name] = schema.empty_table()
        else:
            told[name] = _keyed(engine, rows, schema)
    return told


_ARROW = {
    "int32": pa.int32(),
    "int64": pa.int64(),
    "string": pa.string(),
    "float64": pa.float64(),
    "boolean": pa.bool_(),
}


def _keyed(engine: DuckEngine | StandingEngine, rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """Rows of accounts that the engine holds, by account key."""
    if "account_id" not in rows.column_names:
        return rows.select(schema.names).cast(schema)
    if isinstance(engine, StandingEngine):
        return _keyed_few(engine, rows, schema)
    engine.connection.register("_outside", rows)
    found = engine.connection.sql(
        f"SELECT {', '.join(schema.names)} FROM _outside JOIN account_key USING (account_id)"
    ).to_arrow_table()
    engine.connection.unregister("_outside")
    return found.cast(schema)


def _keyed_few(engine: StandingEngine, rows: pa.Table, schema: pa.Schema) -> pa.Table:
    keys = engine.read("account_key")
    place = pc.index_in(rows["account_id"], keys["account_id"])
    rows = rows.append_column("account_key", keys["account_key"].take(place))
    return rows.filter(pc.is_valid(place)).select(schema.names).cast(schema)


def _fx(engine: DuckEngine | StandingEngine, project: Project, as_of: datetime) -> pa.Table:
    """Currency to what turns its minor units into the company's: the last rate at or before the as-of.

    A rate is read in either direction. A currency without a rate has no row: its steps have no priority.
    """
    home = project.settings.currency
    rates = engine.connection.execute(
        "SELECT from_currency, to_currency, rate, rate_on FROM fx_rate WHERE rate_on <= ?"
        # Of one day's rates the direct one is read last, so it counts.
        " ORDER BY rate_on, lower(to_currency) = ?",
        [to_day(as_of.date()), home],
    ).fetchall()
    factors: dict[str, Decimal] = {home: Decimal(1)}
    for source, target, rate, _ in rates:
        value = Decimal(rate)
        if target.lower() == home and value:
            factors[source.lower()] = value
        elif source.lower() == home and value:
            factors[target.lower()] = Decimal(1) / value
    scaled = {
        currency: float(factor.scaleb(CURRENCIES[home] - CURRENCIES.get(currency, 2)))
        for currency, factor in factors.items()
    }
    return pa.table(
        {"currency": pa.array(list(scaled), pa.string()), "factor": pa.array(list(scaled.values()), pa.float64())}
    )
