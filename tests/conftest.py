"""What every test may ask for: Hypothesis profiles and the folder of public data."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

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
