"""upstep forget, from inside the project folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Upstep


def test_a_contact_is_forgotten_from_inside_the_folder(
    upstep: Upstep, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project)
    before = sorted((project / ".upstep" / "facts" / "contact").rglob("*"))
    tried = upstep("forget", "contact", "con_000001", "--dry-run")
    assert tried.code == 0, tried.err
    assert sorted((project / ".upstep" / "facts" / "contact").rglob("*")) == before
    assert upstep("forget", "contact", "con_000001").code == 0


def test_a_port_that_is_taken_is_told(upstep: Upstep, project: Path) -> None:
    ran = upstep("serve", "--listen", "nonsense:99999", "--project", project)
    assert (ran.code, "nonsense:99999" in ran.err) == (2, True)
