"""Catalogs of one shape have the same queries: a catalog may be edited without compiling them anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.company import CATALOG, project
from upstep.engine.project import Project
from upstep.signals.profile import shape_of
from upstep.tables.sample import write_sample


def test_a_price_or_a_meter_of_a_known_kind_leaves_the_shape_alone() -> None:
    more = CATALOG.replace("meters:\n", "meters:\n  - {id: faxes, name: faxes, aggregate: sum, kind: flow}\n")
    assert shape_of(project(more.replace("amount: 3000", "amount: 3100")).catalog) == shape_of(project().catalog)


def test_a_meter_that_counts_people_changes_the_shape() -> None:
    fewer = CATALOG.replace("aggregate: unique_contacts", "aggregate: sum")
    assert shape_of(project(fewer).catalog) != shape_of(project().catalog)


@pytest.mark.slow
def test_sample_companies_of_one_shape_have_the_same_sql(tmp_path: Path) -> None:
    by_shape: dict[object, dict[str, dict[str, str]]] = {}
    for name in ("postline", "databoard", "loomboard", "northlight"):
        write_sample(name, tmp_path / name, accounts=60)
        sample = Project(tmp_path / name)
        by_shape.setdefault(shape_of(sample.catalog), {})[name] = sample.profiles().sql("duckdb")
    assert any(len(samples) > 1 for samples in by_shape.values())
    for samples in by_shape.values():
        first, *others = samples.values()
        assert all(other == first for other in others)
