"""Every stage of both programs on one engine, and the first cells in which two engines differ."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from tests.backends.everything import catalog
from tests.company import SETTINGS, Company, decider
from upstep.engine.deciding.decide import Decider
from upstep.plays.propose import Fired, propose
from upstep.tables.query import Engine

Told = Mapping[str, Sequence[Mapping[str, Any]]]


def compiled() -> Decider:
    """The queries of this folder, built once: for the catalog of the tests, with owners connected."""
    return decider(catalog(), SETTINGS, True)


def answers(company: Company, engine: Engine, *, told: Told | None = None) -> dict[str, pa.Table]:
    """Stage name to rows, in order; ``proposal`` is what Python made of the engine's own answers."""
    whole = compiled()
    company.load_into(engine)
    inputs = company.inputs(told)
    for name, rows in {**company.words.tables, **inputs}.items():
        engine.load(name, rows)
    engine.run(whole.whole_profiles, keep=list(whole.whole_profiles.stages))
    found = {name: engine.read(name) for name in whole.whole_profiles.stages}
    fired = Fired(
        {grain.name: found[f"fired_{grain.name}"] for grain in whole.grains}, found["fit_owned"], found["fit_limits"]
    )
    fired = Fired({name: in_order(rows) for name, rows in fired.rows.items()}, fired.owned, fired.limits)
    found["proposal"] = propose(fired, whole.playbook, whole.project.catalog, on=company.as_of.date())
    engine.load("proposal", found["proposal"])
    engine.run(whole.whole_ranking, keep=list(whole.whole_ranking.stages))
    found |= {name: engine.read(name) for name in whole.whole_ranking.stages}
    engine.drop(*found)
    return found


def in_order(rows: pa.Table) -> pa.Table:
    """The rows in an order that no engine chooses."""
    keys = [_key(row) for row in rows.to_pylist()]
    order = sorted(range(rows.num_rows), key=keys.__getitem__)
    return rows.take(pa.array(order, pa.int64()))


def _key(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """Exact columns first: a float that differs in its last bit must not move its row."""
    exact = [value for value in row.values() if not isinstance(value, float)]
    floats = [value for value in row.values() if isinstance(value, float)]
    return (*((value is None, str(value)) for value in exact), *((False, f"{value:.9g}") for value in floats))


def differences(ours: pa.Table, theirs: pa.Table, *, most: int = 5) -> list[str]:
    """What differs: types, the number of rows, and the first cells; floats by more than 1e-9 of themselves."""
    if [(field.name, field.type) for field in ours.schema] != [(field.name, field.type) for field in theirs.schema]:
        pairs = zip(ours.schema, theirs.schema, strict=True)
        return [f"{a.name}: {a.type} and {b.name}: {b.type}" for a, b in pairs if (a.name, a.type) != (b.name, b.type)]
    if ours.num_rows != theirs.num_rows:
        return [f"{ours.num_rows} rows and {theirs.num_rows}"]
    pairs = zip(in_order(ours).to_pylist(), in_order(theirs).to_pylist(), strict=True)
    return [
        f"{name}: {a[name]!r} and {b[name]!r} in {a}" for a, b in pairs for name in a if not _same(a[name], b[name])
    ][:most]


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, float) and isinstance(b, float):
        return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)
    return bool(a == b)
