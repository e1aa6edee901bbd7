"""A program without what nobody reads gives the same rows."""

from __future__ import annotations

import ibis
import pyarrow as pa
import pytest

from tests.backends.everything import everything, told
from tests.backends.stages import differences, in_order
from tests.company import decider
from upstep.tables.pruned import pruned
from upstep.tables.query import DuckEngine, Program, inner, left

ROWS = pa.table(
    {"k": pa.array([1, 1, 2, 3], pa.int32()), "v": pa.array([10, 20, 30, None], pa.int64()), "w": ["a"] * 4}
)


def program() -> Program:
    made = Program()
    rows = ibis.table({"k": "int32", "v": "int64", "w": "string"}, name="rows")
    wide = made.stage("wide", rows.mutate(double=rows.v * 2, text=rows.w + "!", nobody=rows.v + 1))
    made.stage("unread", wide.select("k"))
    summed = made.stage("summed", wide.group_by("k").agg(total=wide.double.sum().cast("int64"), many=wide.v.count()))
    window = ibis.window(group_by="k", order_by=wide.double)
    placed = made.stage("placed", wide.mutate(place=ibis.row_number().over(window)).drop("w"))
    both = left(placed, summed, "k")
    made.stage("out", both.filter(both.total > 20).select("k", "text", "total", "place").union(_few(placed, summed)))
    return made


def _few(placed: ibis.Table, summed: ibis.Table) -> ibis.Table:
    few = inner(placed, summed.filter(summed.many == 1), "k").semi_join(summed, "k")
    return few.select("k", "text", "total", "place").distinct()


def rows_of(made: Program) -> list[tuple[object, ...]]:
    engine = DuckEngine(threads=1)
    engine.load("rows", ROWS)
    engine.run(made, keep=["out"])
    return sorted(map(repr, engine.read("out").to_pylist()))


def test_the_rows_stay_and_what_nobody_reads_goes() -> None:
    whole, lean = program(), pruned(program(), {"out": None, "no stage": None})
    assert rows_of(lean) == rows_of(whole)
    assert len(rows_of(whole)) == 4
    assert "unread" not in lean.stages
    assert set(lean.stages["wide"].columns) == {"k", "v", "double", "text"}
    assert set(lean.stages["placed"].columns) == {"k", "text", "place"}


def test_an_output_has_only_the_columns_that_are_asked_for_in_their_order() -> None:
    lean = pruned(program(), {"out": ["total", "k"]})
    assert lean.stages["out"].columns == ("k", "total")


def test_who_is_only_counted_or_only_listed_needs_no_column_of_its_own() -> None:
    made = Program()
    rows = ibis.table({"k": "int32", "v": "int64", "w": "string"}, name="rows")
    wide = made.stage("wide", rows.select("k", double=rows.v * 2, text=rows.w + "!"))
    keys = made.stage("keys", wide.group_by("k").agg(total=wide.double.sum(), text=wide.text.max()))
    many = made.stage("many", wide.agg(most=wide.double.max(), many=wide.count()))
    made.stage("out", keys.select("k").cross_join(many.select("many")))
    lean = pruned(made, {"out": None})
    assert rows_of(lean) == rows_of(made) == [f"{{'k': {key}, 'many': 4}}" for key in (1, 2, 3)]
    assert lean.stages["keys"].columns == ("k",)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["profiles", "ranking"])
def test_fewer_columns_are_computed_for_a_decision(name: str) -> None:
    of = decider(owners_connected=True)
    lean, whole = getattr(of, name), getattr(of, f"whole_{name}")
    assert sum(len(stage.columns) for stage in lean.stages.values()) < sum(
        len(stage.columns) for stage in whole.stages.values()
    )


@pytest.mark.slow
def test_whole_and_pruned_programs_decide_alike() -> None:
    given = everything("2026-03-31T22:30:07")
    lean = in_order(given.decide(DuckEngine(threads=1), told=told(given)))

    class Whole(DuckEngine):
        def run(self, program: Program, *, keep: object = ()) -> None:
            of = decider(given.catalog, given.settings, True)
            is_ranking = "decided" in program.sql("duckdb")
            super().run(of.whole_ranking if is_ranking else of.whole_profiles, keep=keep)

    assert differences(lean, in_order(given.decide(Whole(threads=1), told=told(given)))) == []
    assert lean.num_rows > 100
