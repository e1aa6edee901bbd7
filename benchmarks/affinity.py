"""Affinity at size: 12 million rows of use (200,000 accounts, 200 features, three snapshots), 20 products, beside mlxtend.

    python benchmarks/affinity.py [ACCOUNTS]

Twenty pairs are planted: an account that uses feature p at least 20 + p times buys product p five times as often. What is
measured is the search alone, from tables in an engine to findings in words' reach; making the data is not.
"""

from __future__ import annotations

import resource
import sys
import time
from typing import Any

import duckdb
import numpy as np

from upstep.learning.affinity import BOUGHT_DAYS, Search, find_affinities

ACCOUNTS, FEATURES, PRODUCTS, SNAPSHOTS = 200_000, 200, 20, 3
USED_SHARE, OWNED_SHARE, BASE, TIMES = 0.1, 0.1, 0.01, 5.0


def planted(product: int) -> int:
    """The use from which a product is bought more often."""
    return 20 + product


def write_tables(connection: duckdb.DuckDBPyConnection, *, accounts: int, seed: int, pairs: int = PRODUCTS) -> int:
    """Made-up tables as ``find_affinities`` wants them, and ``use_rows`` with every snapshot; gives its row count."""
    random = np.random.default_rng(seed)
    owned = random.random((accounts, PRODUCTS)) < OWNED_SHARE
    parts: list[dict[str, Any]] = []
    bought: list[np.ndarray] = []
    for snapshot in range(SNAPSHOTS):
        count = random.binomial(accounts * FEATURES, USED_SHARE)
        cell = np.sort(random.choice(accounts * FEATURES, count, replace=False))
        quantity = random.geometric(1 / 20, count)
        account, feature = cell // FEATURES, cell % FEATURES
        parts.append({"account": account, "feature": feature, "quantity": quantity, "snapshot": snapshot})
        heavy = np.zeros((accounts, PRODUCTS), bool)
        mine = (feature < pairs) & (quantity >= 20 + feature)
        heavy[account[mine], feature[mine]] = True
        buys = ~owned & (random.random(owned.shape) < np.where(heavy, BASE * TIMES, BASE))
        rows = np.argwhere(buys)
        bought.append(np.column_stack([rows, np.full(len(rows), snapshot)]))
        _add(connection, "owned_rows", np.column_stack([np.argwhere(owned), np.full(int(owned.sum()), snapshot)]))
        owned = owned | buys
    _add(connection, "bought_rows", np.concatenate(bought))
    for part in parts:
        columns = {name: part[name] for name in ("account", "feature", "quantity")}
        connection.register("_part", _arrow(columns))
        made = "INSERT INTO use_rows" if part["snapshot"] else "CREATE TABLE use_rows AS"
        connection.execute(f"{made} SELECT *, {part['snapshot']} AS snapshot FROM _part")
        connection.unregister("_part")
    connection.execute(f"CREATE TABLE accounts AS SELECT range::INTEGER AS account FROM range({accounts})")
    return sum(len(part["account"]) for part in parts)


def _arrow(columns: dict[str, np.ndarray]) -> Any:
    import pyarrow as pa

    return pa.table({name: pa.array(values.astype(np.int32)) for name, values in columns.items()})


def _add(connection: duckdb.DuckDBPyConnection, table: str, rows: np.ndarray) -> None:
    columns = {"account": rows[:, 0], "product": rows[:, 1], "snapshot": rows[:, 2]}
    connection.register("_rows", _arrow(columns))
    exists = connection.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = ?", [table]).fetchone()
    connection.execute(
        f"{'INSERT INTO' if exists and exists[0] else 'CREATE TABLE'} {table} {'' if exists and exists[0] else 'AS'} SELECT * FROM _rows"
    )
    connection.unregister("_rows")


def search(connection: duckdb.DuckDBPyConnection) -> Search:
    """Two earlier snapshots, one of them per account; the last one confirms. As the engine lays a company's past out."""
    earlier = f"snapshot = account % {SNAPSHOTS - 1}"
    later = f"snapshot = {SNAPSHOTS - 1}"
    part = f"CASE WHEN {later} THEN 1 ELSE 0 END::TINYINT AS part"
    connection.execute(
        "CREATE OR REPLACE TEMP VIEW observed AS SELECT account, 0 AS part FROM accounts UNION ALL SELECT account, 1 FROM accounts"
    )
    for name, columns in (("use", "feature, quantity"), ("owned", "product"), ("bought", "product")):
        view = "used" if name == "use" else name
        connection.execute(
            f"CREATE OR REPLACE TEMP VIEW {view} AS SELECT account, {part}, {columns} FROM {name}_rows WHERE {earlier} OR {later}"
        )
    return find_affinities(connection)


def beside(connection: duckdb.DuckDBPyConnection, *, accounts: int = 20_000) -> str:
    """Mlxtend's apriori over a tenth of one snapshot: item sets of two, without population at risk or order in time."""
    try:
        import pandas as pd
        from mlxtend.frequent_patterns import apriori
    except ImportError as missing:
        return (
            f"mlxtend is not installed here ({missing.name}): skipped. It belongs to the benchmark's environment alone."
        )
    items = np.zeros((accounts, FEATURES + PRODUCTS), bool)
    used = connection.execute(
        f"SELECT account, feature FROM use_rows WHERE snapshot = 0 AND account < {accounts}"
    ).fetchnumpy()
    items[used["account"], used["feature"]] = True
    got = connection.execute(
        f"SELECT account, product FROM bought_rows WHERE snapshot = 0 AND account < {accounts}"
    ).fetchnumpy()
    items[got["account"], FEATURES + got["product"]] = True
    begun = time.perf_counter()
    found = apriori(pd.DataFrame(items), min_support=0.0005, max_len=2)
    return (
        f"mlxtend apriori, max_len=2, {accounts:,} accounts of one snapshot, used or not: {time.perf_counter() - begun:.1f} s,"
        f" {len(found):,} item sets; no thresholds, no population at risk, no order in time"
    )


def main(accounts: int) -> None:
    """Measure and print."""
    connection = duckdb.connect(":memory:", config={"threads": 2})
    rows = write_tables(connection, accounts=accounts, seed=7)
    before = time.process_time()
    begun = time.perf_counter()
    made = search(connection)
    wall, processor = time.perf_counter() - begun, time.process_time() - before
    right = [one for one in made.found if one.feature == one.product]
    wrong = len(made.found) - len(right)
    off = [abs(one.threshold - planted(one.product)) for one in right]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        f"{rows:,} rows of use, {accounts:,} accounts, {FEATURES} features, {PRODUCTS} products, within {BOUGHT_DAYS} days"
    )
    print(
        f"search: {wall:.1f} s wall, {processor:.1f} s CPU, {memory:.1f} GB with the data; {made.tested:,} thresholds tested"
    )
    print(
        f"found {len(right)} of {PRODUCTS} planted pairs, {wrong} others; thresholds off by {np.mean(off or [0]):.1f} uses on average, {max(off or [0])} at most"
    )
    print(beside(connection, accounts=min(accounts, 20_000)))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ACCOUNTS)
