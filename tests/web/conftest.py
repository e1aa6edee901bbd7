"""One loaded sample company and the service over it, for all tests of the web."""

from __future__ import annotations

import io
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import structlog

from tests.samples import loaded_sample
from tests.web.asking import Asker, Client, Clock
from upstep.engine.project import Project, open_project_state
from upstep.state import keys
from upstep.state.session import writing
from upstep.tables.sample import AS_OF
from upstep.web.app import create_app
from upstep.web.logs import set_up_logs

NOW = AS_OF + timedelta(hours=1)


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A loaded sample project. Whoever changes it takes ``service``."""
    return loaded_sample("postline", tmp_path_factory.mktemp("web"), tmp_path_factory)


def served(folder: Path) -> Asker:
    """The service of a project folder, with a key for each scope."""
    project = Project(folder)
    state = open_project_state(project)
    with writing(state) as connection:
        made = {scope: keys.make_key(connection, scope, [scope], by="test", now=AS_OF)[1] for scope in keys.SCOPES}
    clock = Clock(NOW)
    app = create_app(project, state=state, clock=clock)
    return Asker(app, Client(app), project, made, clock)


@pytest.fixture(scope="session")
def reader(loaded: Path) -> Asker:
    """A service that nobody writes to."""
    return served(loaded)


@pytest.fixture
def service(loaded: Path, tmp_path: Path) -> Asker:
    """A service over a copy that a test may write to."""
    return served(Path(shutil.copytree(loaded, tmp_path / "project")))


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """What the service logs."""
    stream = io.StringIO()
    set_up_logs(stream)
    yield stream
    structlog.reset_defaults()
