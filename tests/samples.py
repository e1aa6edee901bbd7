"""Sample companies, written and loaded once in a run of the tests, for all its workers. Whoever asks gets a copy."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from upstep.engine.project import Project
from upstep.tables.load import load
from upstep.tables.sample import AS_OF, write_sample


def loaded_sample(
    company: str, folder: Path, factory: pytest.TempPathFactory, *, accounts: int = 60, only: tuple[str, ...] = ()
) -> Path:
    """A project folder of a sample company, loaded as of its day.

    Args:
        folder: Where the copy goes; it may be there, empty.
        accounts: Beside those that are planted.
        only: Tables that are connected; all when none is named.
    """
    kept = _of_all_workers(factory) / "-".join([company, str(accounts), *only])
    with _alone(kept.with_name(f"{kept.name}.lock")):
        if not kept.exists():
            fresh = kept.with_name(f"{kept.name}.new")
            shutil.rmtree(fresh, ignore_errors=True)
            _load(company, fresh, accounts, only)
            fresh.rename(kept)
    return Path(shutil.copytree(kept, folder, dirs_exist_ok=True))


def _load(company: str, folder: Path, accounts: int, only: tuple[str, ...]) -> None:
    write_sample(company, folder, accounts=accounts)
    for file in (folder / "data").iterdir():
        if only and file.stem not in only:
            file.unlink()
    load(folder, now=AS_OF, through=AS_OF, known=Project(folder).known_ids)


def _of_all_workers(factory: pytest.TempPathFactory) -> Path:
    base = factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "samples"
    shared.mkdir(exist_ok=True)
    return shared


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Only one process is in the block at a time; the others wait."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
