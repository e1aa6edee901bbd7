"""Tables that stand: what is loaded again, dropped, or made by a stage is what a fresh engine would hold."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pytest

from upstep.tables.query import Statements
from upstep.tables.sqlite import SqliteEngine
from upstep.tables.standing import StandingEngine
from upstep.tables.warm import WarmEngine

DOUBLED = 'SELECT "x" * 2 AS "y" FROM "given"'
BIG = 'SELECT "y" FROM "doubled" WHERE "y" > 9'


@pytest.fixture(params=[SqliteEngine, WarmEngine])
def engine(request: pytest.FixtureRequest) -> StandingEngine:
    made: Callable[[], StandingEngine] = request.param
    return made()


def rows(*values: int | None) -> pa.Table:
    return pa.table({"x": pa.array(values, pa.int64())})


def program(engine: StandingEngine) -> Statements:
    columns = {"doubled": {"y": "int64"}, "big": {"y": "int64"}}
    return Statements(engine.dialect, {"doubled": DOUBLED, "big": BIG}, {"doubled": "big"}, columns)


def test_a_table_loaded_again_holds_what_was_loaded_last(engine: StandingEngine) -> None:
    for given in (rows(1, None), rows(1, None), rows(1, 2), rows(), rows(), rows(3)):
        engine.put("given", given)
        assert engine.read("given").equals(given)
    engine.drop("given")
    assert engine.read("given").num_rows == 0
    engine.put("given", rows(3))
    assert engine.read("given").equals(rows(3))


def test_a_program_run_again_answers_from_what_is_there_now(engine: StandingEngine) -> None:
    # Statistics of the first run's rows would say that nothing is above nine.
    for given in (rows(1), rows(), rows(5, 6, None), rows(1), rows(100)):
        engine.load("given", given)
        engine.run(program(engine))
        wanted = [2 * value for value in given["x"].to_pylist() if value is not None and value * 2 > 9]
        assert sorted(engine.read("big")["y"].to_pylist()) == wanted
        assert engine.read("doubled").num_rows == 0


def test_a_table_of_another_form_is_made_anew_and_its_readers_are_planned_again(engine: StandingEngine) -> None:
    engine.load("given", rows(5))
    engine.run(program(engine))
    engine.load("given", pa.table({"x": pa.array([7.5]), "word": ["a"]}))
    engine.run(program(engine))
    assert engine.read("big")["y"].to_pylist() == [15]


def test_two_stages_of_the_same_words_are_two_tables(engine: StandingEngine) -> None:
    engine.load("given", rows(1, 2))
    words, columns = {"left": DOUBLED, "right": DOUBLED}, {name: {"y": "int64"} for name in ("left", "right")}
    for _ in range(2):  # The second run is the one that has its plans.
        engine.run(Statements(engine.dialect, words, {}, columns))
    assert engine.read("left")["y"].to_pylist() == engine.read("right")["y"].to_pylist() == [2, 4]
