"""The shop of the money stories: loaded once, copied for each."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.stories.shop import Shop, build, open_shop


@pytest.fixture(scope="session")
def loaded_shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("shop")).folder


@pytest.fixture
def shop(loaded_shop: Path, tmp_path: Path) -> Iterator[Shop]:
    opened = open_shop(loaded_shop, tmp_path / "shop")
    yield opened
    opened.state.dispose()


@pytest.fixture(scope="session")
def untouched_shop(loaded_shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """For stories in which nothing may change."""
    opened = open_shop(loaded_shop, tmp_path_factory.mktemp("untouched") / "shop")
    yield opened
    opened.state.dispose()
