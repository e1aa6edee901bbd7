"""A project whose state is on Postgres: every command finds it there, and says what it says over SQLite."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import redirect_stdout
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from upstep.cli import main
from upstep.clock import iso
from upstep.engine.project import Project, open_project_state
from upstep.errors import ConfigError
from upstep.state import tables
from upstep.state.session import reading
from upstep.tables.load import load
from upstep.tables.sample import AS_OF, write_sample

ACCOUNT = "lumenbrook-software"
MORNING = AS_OF + timedelta(hours=9, minutes=30)


def told(folder: Path, *words: str) -> Any:
    out = io.StringIO()
    with redirect_stdout(out):
        code = main([*words, "--project", str(folder), "--json"])
    assert code == 0, words
    return json.loads(out.getvalue())


@pytest.fixture
def address(server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A database of its own on the server."""
    base = sa.create_engine(server.replace("postgresql://", "postgresql+psycopg://"))
    with base.begin() as connection:
        connection.execute(sa.text("CREATE SCHEMA project"))
    address = f"{server}&options=-csearch_path%3Dproject"
    monkeypatch.setenv("COMPANY_STATE", address)
    yield address
    with base.begin() as connection:
        connection.execute(sa.text("DROP SCHEMA project CASCADE"))
    base.dispose()


def project(folder: Path, *, on_postgres: bool) -> Path:
    write_sample("postline", folder, accounts=20)
    if on_postgres:
        path = folder / "upstep.yaml"
        path.write_text(path.read_text(encoding="utf-8") + "\nstate: ${COMPANY_STATE}\n", encoding="utf-8")
    load(folder, now=AS_OF, through=AS_OF, known=Project(folder).known_ids)
    return folder


def story(folder: Path) -> list[Any]:
    """What a person sees from the first offer to the click; ids of runs differ with the settings."""
    at = ("--at", iso(MORNING))
    (offer,) = told(folder, "offers", "--account", ACCOUNT, *at)["offers"]
    (again,) = told(folder, "offers", "--account", ACCOUNT, *at)["offers"]
    quoted = told(folder, "quote", ACCOUNT, "--to", "plan=marketing_plus", *at)
    applied = told(folder, "apply", offer["offer_id"], "--by", "ana", *at)
    assert again["offer_id"] == offer["offer_id"]
    confirmed = told(folder, "confirm", ACCOUNT, "open_issue", "clear", "--because", "asked")
    findings = {one["subject"]: one["is_well"] for one in told(folder, "doctor")["findings"]}
    return [
        offer["quote"]["due_now_minor"],
        quoted["due_now_minor"],
        applied["applied"]["amount_minor"],
        sorted(confirmed),
        findings["state"],
    ]


@pytest.mark.postgres
@pytest.mark.slow
def test_a_project_says_the_same_over_postgres_and_leaves_no_file_of_state(address: str, tmp_path: Path) -> None:
    there, here = project(tmp_path / "there", on_postgres=True), project(tmp_path / "here", on_postgres=False)
    assert story(there) == story(here)
    assert not (there / ".upstep" / "state.db").exists()
    state = open_project_state(Project(there))
    with reading(state) as connection:
        assert list(connection.execute(sa.select(tables.offer.c.status)).scalars()) == ["converted"]
    state.dispose()
    assert address.startswith("postgresql://")


def test_an_address_that_is_none_is_told_without_repeating_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "version: 1\ncurrency: usd\nstate: ${COMPANY_STATE}\n"
    (tmp_path / "upstep.yaml").write_text(text, encoding="utf-8")
    monkeypatch.setenv("COMPANY_STATE", "mysql://root:hunter2@db/upstep")
    with pytest.raises(ConfigError, match="no address of a Postgres database") as told_so:
        open_project_state(Project(tmp_path))
    assert "hunter2" not in str(told_so.value)
