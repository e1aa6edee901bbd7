"""A made-up past: who used what, who owned what, who bought what after; with pairs planted, or none."""

from __future__ import annotations

from collections.abc import Mapping

import duckdb
import numpy as np
import pyarrow as pa

FEATURES, PRODUCTS = 12, 5
BASE, TIMES = 0.02, 5.0

Planted = Mapping[tuple[int, int], int]
"""(feature, product) to the use from which it is bought five times as often."""


def past(planted: Planted, *, seed: int, accounts: int = 9_000) -> duckdb.DuckDBPyConnection:
    """The four tables that ``find_affinities`` reads, for that many accounts in each part."""
    random = np.random.default_rng(seed)
    parts: dict[str, list[np.ndarray]] = {"observed": [], "used": [], "owned": [], "bought": []}
    for part in (0, 1):
        uses = random.random((accounts, FEATURES)) < 0.3
        quantity = np.where(uses, random.geometric(1 / 25, uses.shape), 0)
        owned = random.random((accounts, PRODUCTS)) < 0.15
        chance = np.full(owned.shape, BASE)
        for (feature, product), threshold in planted.items():
            chance[quantity[:, feature] >= threshold, product] = BASE * TIMES
        bought = ~owned & (random.random(owned.shape) < chance)
        account = np.arange(accounts)
        parts["observed"].append(np.column_stack([account, np.full(accounts, part)]))
        rows, features = np.nonzero(quantity)
        parts["used"].append(np.column_stack([rows, np.full(len(rows), part), features, quantity[rows, features]]))
        for name, table in (("owned", owned), ("bought", bought)):
            rows, products = np.nonzero(table)
            parts[name].append(np.column_stack([rows, np.full(len(rows), part), products]))
    columns = {"used": ("account", "part", "feature", "quantity"), "observed": ("account", "part")}
    connection = duckdb.connect(":memory:", config={"threads": 1})
    for name, made in parts.items():
        rows = np.concatenate(made)
        names = columns.get(name, ("account", "part", "product"))
        connection.register("_rows", pa.table({column: rows[:, place] for place, column in enumerate(names)}))
        connection.execute(f"CREATE TABLE {name} AS SELECT * FROM _rows")
        connection.unregister("_rows")
    return connection
