"""upstep upgrade, retention and doctor --repair: what was left behind is put right, what is old goes, twice is once."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.cli.conftest import Upstep
from tests.cli.schemas import faults
from tests.engine.keeping.test_forgetting import planted_row
from upstep.clock import now
from upstep.engine.project import Project, open_project_inbox, open_project_state
from upstep.state import tables
from upstep.state.inbox import Received
from upstep.state.session import reading, writing
from upstep.tables.forgotten import read_forgotten
from upstep.tables.load import load

LONG_AGO = now() - timedelta(days=500)


@pytest.fixture
def small(tmp_path: Path) -> Path:
    (tmp_path / "upstep.yaml").write_text("version: 1\ncurrency: usd\n", encoding="utf-8")
    (tmp_path / ".upstep").mkdir()
    return tmp_path


def written(folder: Path, table: sa.Table, **values: object) -> None:
    state = open_project_state(Project(folder))
    with writing(state) as connection:
        connection.execute(sa.insert(table).values(**{**planted_row(table), **values}))
    state.dispose()


def told(upstep: Upstep, command: str, folder: Path, *words: str) -> dict[str, object]:
    ran = upstep(command, *words, "--json", "--project", folder)
    assert ran.out, ran.err
    assert faults(json.loads(ran.out), command) == []
    found: dict[str, object] = json.loads(ran.out)
    return found


def test_retention_removes_what_is_old_and_nothing_else(upstep: Upstep, small: Path) -> None:
    for message_id, at in ((1, LONG_AGO), (2, now())):
        free = {"offer_id": None, "idempotency_key": f"k{message_id}", "status": "sent", "queued_at": at}
        written(small, tables.message, message_id=message_id, **free)
    inbox = open_project_inbox(Project(small))
    seconds = [int(at.timestamp()) for at in (LONG_AGO, LONG_AGO, now())]
    inbox.add([Received(f"e{n}", "track", at, at, b"{}") for n, at in enumerate(seconds)])
    (first, *_) = inbox.take()
    inbox.done(first.seq, after=0, now=seconds[0])
    would = told(upstep, "retention", small, "--dry-run")
    assert told(upstep, "retention", small)["removed"] == would["removed"]
    counts = {one["what"]: one["count"] for one in would["removed"]}  # type: ignore[attr-defined]
    assert (counts["events"], counts["message texts"]) == (1, 1)
    assert [event.message_id for event in inbox.take()] == ["e1", "e2"]  # old, but not a fact yet
    inbox.close()
    state = open_project_state(Project(small))
    with reading(state) as connection:
        texts = list(
            connection.execute(sa.select(tables.message.c.text).order_by(tables.message.c.message_id)).scalars()
        )
    state.dispose()
    assert texts[0] == ""
    assert texts[1] != ""
    again = told(upstep, "retention", small)
    assert all(one["count"] == 0 for one in again["removed"])  # type: ignore[attr-defined]


def test_rows_kept_aside_go_after_their_days(upstep: Upstep, small: Path) -> None:
    (small / "data").mkdir()
    text = "account_id,name,created_at\na1,Acme,2020-01-01\n,Nobody,2020-01-01\n"
    (small / "data" / "account.csv").write_text(text, encoding="utf-8")
    load(small, now=LONG_AGO)
    would = told(upstep, "retention", small, "--dry-run")
    assert {one["what"]: one["count"] for one in would["removed"]}["rows kept aside"] == 1  # type: ignore[attr-defined]
    told(upstep, "retention", small)
    assert {one["count"] for one in told(upstep, "retention", small)["removed"]} == {0}  # type: ignore[attr-defined]


def test_upgrade_notes_the_form_and_twice_is_once(upstep: Upstep, small: Path) -> None:
    written(small, tables.audit)
    assert not (small / ".upstep" / "format").exists()
    told(upstep, "upgrade", small, "--dry-run")
    assert not (small / ".upstep" / "format").exists()
    assert next(part["was"] for part in told(upstep, "upgrade", small)["parts"]) == "none"  # type: ignore[attr-defined]
    again = told(upstep, "upgrade", small)["parts"]
    assert all(part["was"] == part["now"] for part in again)  # type: ignore[attr-defined]


def test_a_folder_of_a_newer_program_is_refused_by_every_command(upstep: Upstep, small: Path) -> None:
    (small / ".upstep" / "format").write_text("99\n", encoding="utf-8")
    for command in (("upgrade",), ("backup", str(small / "b.tar")), ("decide",), ("forget", "contact", "x")):
        ran = upstep(*command, "--project", small)
        assert (ran.code, "newer upstep" in ran.err) == (3, True), command


def test_repair_puts_right_what_a_kill_left(upstep: Upstep, small: Path) -> None:
    inside = small / ".upstep"
    (inside / "facts").mkdir()
    (inside / "facts" / "loading.json").write_text("a load", encoding="utf-8")
    old = inside / "facts" / "current.json.new"
    old.write_text("{", encoding="utf-8")
    os.utime(old, (1, 1))
    (inside / "decisions" / "decision.old").mkdir(parents=True)
    written(small, tables.tombstone, kind="contact", digest="d" * 64)
    before = told(upstep, "doctor", small)
    left = [one["found"] for one in before["findings"] if one["subject"] == "left behind"]  # type: ignore[attr-defined]
    assert len(left) == 4
    repaired = told(upstep, "doctor", small, "--repair")["repaired"]
    assert len(repaired) == 4  # type: ignore[arg-type]
    assert not old.exists()
    assert (inside / "decisions" / "decision").is_dir()
    assert read_forgotten(small).contact == {"d" * 64}
    again = told(upstep, "doctor", small, "--repair")
    assert again["repaired"] == []
    assert not [one for one in again["findings"] if one["subject"] == "left behind"]  # type: ignore[attr-defined]
