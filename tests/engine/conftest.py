"""The sample companies, loaded once, and compiled queries shared by all tests of the engine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.samples import loaded_sample
from upstep.engine.deciding import decide, explain
from upstep.engine.deciding.decide import Decider, Run
from upstep.engine.project import Project
from upstep.tables.sample import COMPANIES


@pytest.fixture(scope="session", autouse=True)
def _compiled_once() -> Iterator[None]:
    """A Decider takes seconds to build; equal catalog, plays and settings give an equal one."""
    made: dict[Any, Decider] = {}

    def cached(project: Project, *, owners_connected: bool) -> Decider:
        key = (project.catalog.hash, project.playbook.hash, repr(project.settings), owners_connected)
        if key not in made:
            made[key] = Decider(project, owners_connected=owners_connected)
        return made[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decide, "Decider", cached)
        patch.setattr(explain, "Decider", cached)
        yield


@pytest.fixture(scope="session")
def postline(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(loaded_sample("postline", tmp_path_factory.mktemp("postline"), tmp_path_factory))


@pytest.fixture(scope="session")
def postline_run(postline: Project) -> Run:
    return decide.decide(postline)


@pytest.fixture(scope="session")
def databoard_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return decide.decide(Project(loaded_sample("databoard", tmp_path_factory.mktemp("databoard"), tmp_path_factory)))


@pytest.fixture(scope="session")
def sample_runs(postline_run: Run, databoard_run: Run, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """The decisions of every sample company."""
    others = {
        company: decide.decide(Project(loaded_sample(company, tmp_path_factory.mktemp(company), tmp_path_factory)))
        for company in COMPANIES
        if company not in ("postline", "databoard")
    }
    return {"postline": postline_run, "databoard": databoard_run, **others}


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Postline with only account, subscription_item and usage connected."""
    connected = ("account", "subscription_item", "usage")
    return Project(loaded_sample("postline", tmp_path_factory.mktemp("bare"), tmp_path_factory, only=connected))
