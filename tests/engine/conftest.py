"""The sample companies, loaded once, and compiled queries shared by all tests of the engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from upstep.engine.deciding import decide, explain
from upstep.engine.deciding.decide import Decider, Run
from upstep.engine.project import Project
from upstep.tables.load import load
from upstep.tables.sample import AS_OF, COMPANIES, write_sample


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


def loaded(company: str, folder: Path, *, only: tuple[str, ...] = ()) -> Project:
    """A sample company in a folder; ``only`` names the tables that are connected."""
    write_sample(company, folder, accounts=60)
    for file in (folder / "data").iterdir():
        if only and file.stem not in only:
            file.unlink()
    project = Project(folder)
    load(folder, now=AS_OF, through=AS_OF, known=project.known_ids)
    return project


@pytest.fixture(scope="session")
def postline(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return loaded("postline", tmp_path_factory.mktemp("postline"))


@pytest.fixture(scope="session")
def postline_run(postline: Project) -> Run:
    return decide.decide(postline)


@pytest.fixture(scope="session")
def databoard_run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return decide.decide(loaded("databoard", tmp_path_factory.mktemp("databoard")))


@pytest.fixture(scope="session")
def sample_runs(postline_run: Run, databoard_run: Run, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """The decisions of every sample company."""
    others = {
        company: decide.decide(loaded(company, tmp_path_factory.mktemp(company)))
        for company in COMPANIES
        if company not in ("postline", "databoard")
    }
    return {"postline": postline_run, "databoard": databoard_run, **others}


@pytest.fixture(scope="session")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Postline with only account, subscription_item and usage connected."""
    folder = tmp_path_factory.mktemp("bare")
    return loaded("postline", folder, only=("account", "subscription_item", "usage"))
