"""Commands run in this process, on one small sample that is loaded once."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.samples import loaded_sample
from upstep.cli import main


@dataclass(frozen=True)
class Ran:
    code: int
    out: str
    err: str


Upstep = Callable[..., Ran]


@pytest.fixture(scope="session")
def upstep() -> Upstep:
    def run(*words: str | Path) -> Ran:
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            code = main([str(word) for word in words])
        return Ran(code, out.getvalue(), err.getvalue())

    return run


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A loaded sample project. Whoever writes to it takes ``project`` instead."""
    return loaded_sample("postline", tmp_path_factory.mktemp("postline"), tmp_path_factory)


@pytest.fixture
def project(loaded: Path, tmp_path: Path) -> Path:
    """A copy that a test may write to."""
    return Path(shutil.copytree(loaded, tmp_path / "postline"))
