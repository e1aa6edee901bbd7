"""SQLite and Postgres answer cell by cell as DuckDB does, in every stage of both programs."""

from __future__ import annotations

import pyarrow as pa
import pytest

from tests.backends.everything import everything, told
from tests.backends.stages import answers, differences, in_order
from tests.company import company
from upstep.errors import OutsideError
from upstep.tables.postgres import PostgresEngine
from upstep.tables.query import DuckEngine, Engine

MOMENTS = (
    "2024-02-29T23:59:59",  # a leap day, its last second
    "2026-03-29T01:00:00",  # Europe moves its clocks
    "2026-03-31T22:30:07",  # the month has ended in half of the zones
    "2028-03-01T00:00:00",  # a day begins after a leap day
)


def differing(ours: dict[str, pa.Table], theirs: dict[str, pa.Table]) -> dict[str, list[str]]:
    assert list(ours) == list(theirs)
    found = {name: differences(ours[name], theirs[name]) for name in ours}
    return {name: cells for name, cells in found.items() if cells}


# One moment in the default run; `make backends` takes them all.
@pytest.mark.parametrize(
    "as_of", [MOMENTS[0], *(pytest.param(moment, marks=pytest.mark.slow) for moment in MOMENTS[1:])]
)
def test_every_stage_answers_alike_on_both_engines(as_of: str, other: Engine) -> None:
    given = everything(as_of)
    ours = answers(given, DuckEngine(threads=2), told=told(given))
    assert differing(ours, answers(given, other, told=told(given))) == {}


@pytest.mark.slow
def test_an_engine_that_is_used_again_answers_alike(other: Engine) -> None:
    for as_of, without in ((MOMENTS[2], ()), (MOMENTS[0], ("seat", "deal"))):
        given = everything(as_of, without=without)
        ours = answers(given, DuckEngine(threads=2), told=told(given))
        assert differing(ours, answers(given, other, told=told(given))) == {}


@pytest.mark.slow
def test_a_company_without_optional_tables_answers_alike(other: Engine) -> None:
    given = everything("2026-05-01T05:45:00", without=("seat", "invoice", "ticket", "deal"))
    assert differing(answers(given, DuckEngine(threads=2)), answers(given, other)) == {}


def test_empty_tables_answer_alike(other: Engine) -> None:
    nobody = company()
    ours = answers(nobody, DuckEngine(threads=1))
    assert sum(rows.num_rows for name, rows in ours.items() if name != "kinds") == 0
    assert differing(ours, answers(nobody, other)) == {}


@pytest.mark.slow
def test_the_decisions_of_a_run_are_the_same(other: Engine) -> None:
    given = everything("2026-03-31T22:30:07")
    ours, theirs = (in_order(given.decide(engine, told=told(given))) for engine in (DuckEngine(threads=2), other))
    assert differences(ours, theirs) == []


@pytest.mark.postgres
def test_tables_of_the_database_are_not_read(server: str) -> None:
    with PostgresEngine(server) as engine:
        engine._execute('CREATE TABLE public."deal" AS SELECT 1 AS x')
        with pytest.raises(Exception, match="deal"):
            engine.read("deal")
        engine._execute('DROP TABLE public."deal"')


@pytest.mark.postgres
def test_texts_sort_by_their_bytes(postgres: PostgresEngine) -> None:
    words = ["é", "Z", "a", "日", "_"]
    postgres.load("words", pa.table({"word": words}))
    with postgres._connection.cursor() as cursor:
        cursor.execute('SELECT "word" FROM "words" ORDER BY "word"')
        assert [row[0] for row in cursor.fetchall()] == sorted(words, key=str.encode)


@pytest.mark.postgres
def test_a_server_that_is_not_there_is_outside() -> None:
    with pytest.raises(OutsideError, match="does not answer"):
        PostgresEngine("postgresql://nobody@127.0.0.1:1/none?connect_timeout=2")
