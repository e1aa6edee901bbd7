"""upstep backup and restore: what belongs together comes back as it was, and nothing else is let in."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.cli.conftest import Upstep
from tests.cli.schemas import faults
from upstep.engine.keeping.backup import MANIFEST
from upstep.engine.project import Project, open_project_state
from upstep.state import audit, tables
from upstep.state.session import reading, writing
from upstep.tables.lake import open_snapshot

AT = datetime(2026, 11, 20, 9, tzinfo=UTC)


def noted(folder: Path, who: str) -> None:
    state = open_project_state(Project(folder))
    with writing(state) as connection:
        audit.note(connection, "test", subject="acme", who=who, at=AT)
    state.dispose()


def notes(folder: Path) -> list[str]:
    state = open_project_state(Project(folder))
    with reading(state) as connection:
        found = list(connection.execute(sa.select(tables.audit.c.who).order_by(tables.audit.c.audit_id)).scalars())
    state.dispose()
    return found


@pytest.fixture
def archive(upstep: Upstep, project: Path, tmp_path: Path) -> Path:
    noted(project, "ann")
    (project / ".upstep" / "live").write_text("{}", encoding="utf-8")
    ran = upstep("backup", tmp_path / "b.tar", "--project", project)
    assert ran.code == 0, ran.err
    return tmp_path / "b.tar"


def test_a_folder_that_was_not_there_is_told_when_it_is_made(upstep: Upstep, project: Path, tmp_path: Path) -> None:
    dry = upstep("backup", tmp_path / "new" / "b.tar", "--dry-run", "--project", project)
    assert "was not there and would be made." in dry.out

    ran = upstep("backup", tmp_path / "new" / "b.tar", "--project", project)
    assert (ran.code, f"The folder {tmp_path / 'new'} was not there, so it was made." in ran.out) == (0, True)


def test_a_backup_comes_back_as_it_was_and_in_shadow(
    upstep: Upstep, project: Path, archive: Path, tmp_path: Path
) -> None:
    noted(project, "later")
    ran = upstep("restore", archive, "--to", tmp_path / "back")
    assert ran.code == 0, ran.err
    assert "in shadow" in ran.out
    assert notes(tmp_path / "back") == ["ann"]
    assert open_snapshot(tmp_path / "back").manifest == open_snapshot(project).manifest
    assert len(open_snapshot(tmp_path / "back").files("usage")) == len(open_snapshot(project).files("usage"))
    for name in ("upstep.yaml", "catalog.yaml"):
        assert (tmp_path / "back" / name).read_bytes() == (project / name).read_bytes()
    assert not (tmp_path / "back" / ".upstep" / "live").exists()
    assert not (tmp_path / "back" / "data").exists()


@pytest.mark.slow
def test_it_is_live_again_and_has_its_data_only_when_that_is_asked_for(
    upstep: Upstep, project: Path, archive: Path, tmp_path: Path
) -> None:
    assert upstep("backup", tmp_path / "all.tar", "--data", "--project", project).code == 0
    assert upstep("restore", tmp_path / "all.tar", "--to", tmp_path / "back", "--live").code == 0
    assert (tmp_path / "back" / ".upstep" / "live").exists()
    assert (tmp_path / "back" / "data" / "account.csv").exists()
    assert archive.exists()


@pytest.fixture
def small(upstep: Upstep, tmp_path: Path) -> Path:
    """The backup of a project without facts."""
    folder = tmp_path / "small"
    folder.mkdir()
    (folder / "upstep.yaml").write_text("version: 1\ncurrency: usd\n", encoding="utf-8")
    noted(folder, "ann")
    assert upstep("backup", tmp_path / "b.tar", "--project", folder).code == 0
    return tmp_path / "b.tar"


@pytest.mark.slow
def test_what_is_committed_and_still_in_the_log_of_sqlite_is_in_the_backup(
    upstep: Upstep, project: Path, tmp_path: Path
) -> None:
    state = open_project_state(Project(project))
    with writing(state) as connection:
        audit.note(connection, "test", subject="acme", who="in the log", at=AT)
    assert upstep("backup", tmp_path / "b.tar", "--project", project).code == 0  # while the state is open
    state.dispose()
    assert upstep("restore", tmp_path / "b.tar", "--to", tmp_path / "back").code == 0
    assert notes(tmp_path / "back") == ["in the log"]


def test_a_dry_run_writes_nothing(upstep: Upstep, project: Path, archive: Path, tmp_path: Path) -> None:
    ran = upstep("backup", tmp_path / "new.tar", "--dry-run", "--json", "--project", project)
    assert faults(json.loads(ran.out), "backup") == []
    ran = upstep("restore", archive, "--to", tmp_path / "back", "--dry-run", "--json")
    assert faults(json.loads(ran.out), "restore") == []
    assert {path.name for path in tmp_path.iterdir()} == {"b.tar", "postline"}


def test_nothing_is_overwritten(upstep: Upstep, project: Path, archive: Path, tmp_path: Path) -> None:
    before = archive.read_bytes()
    assert upstep("backup", archive, "--project", project).code == 2
    assert upstep("restore", archive, "--to", project).code == 2
    assert upstep("restore", tmp_path / "none.tar", "--to", tmp_path / "back").code == 2
    assert archive.read_bytes() == before
    assert oct(archive.stat().st_mode & 0o777) == "0o600"


def changed(archive: Path, change: Callable[[str, bytes], tuple[str, bytes]], *extra: tarfile.TarInfo) -> Path:
    """The same archive with some members changed, and further ones before its last."""
    out = archive.with_name("changed.tar")
    with tarfile.open(archive) as old, tarfile.open(out, "w") as new:
        for member in old:
            source = old.extractfile(member)
            assert source is not None
            if member.name == MANIFEST:
                for one in extra:
                    new.addfile(one, io.BytesIO(b"x" * one.size))
            name, body = change(member.name, source.read())
            info = tarfile.TarInfo(name)
            info.size = len(body)
            new.addfile(info, io.BytesIO(body))
    return out


def named(name: str, kind: bytes = tarfile.REGTYPE, to: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, to
    return info


@pytest.mark.parametrize(
    "stranger",
    [
        named("../outside"),
        named("/outside"),
        named("plays/../../outside"),
        named("plays/./own.yaml"),
        named("plays/link", tarfile.SYMTYPE, "/etc/passwd"),
        named("plays/hard", tarfile.LNKTYPE, "upstep.yaml"),
        named("plays/pipe", tarfile.FIFOTYPE),
        named("upstep.yaml"),
        named("plays/stranger.yaml"),
    ],
    ids=lambda info: f"{info.name}-{info.type.decode()}",
)
def test_an_archive_with_a_path_or_a_file_that_is_not_ours_is_refused(
    upstep: Upstep, small: Path, tmp_path: Path, stranger: tarfile.TarInfo
) -> None:
    told = upstep("restore", changed(small, lambda *same: same, stranger), "--to", tmp_path / "back")
    assert told.code == 3
    assert stranger.name in told.err
    assert {path.name for path in tmp_path.iterdir()} == {"b.tar", "changed.tar", "small"}


def test_a_changed_byte_and_a_torn_file_are_refused(upstep: Upstep, small: Path, tmp_path: Path) -> None:
    def richer(name: str, body: bytes) -> tuple[str, bytes]:
        return (name, body.replace(b"usd", b"eur") if name == "upstep.yaml" else body)

    tampered = changed(small, richer)
    told = upstep("restore", tampered, "--to", tmp_path / "back")
    assert (told.code, "upstep.yaml' is not what was written" in told.err) == (3, True)
    os.truncate(small, small.stat().st_size // 2)
    told = upstep("restore", small, "--to", tmp_path / "back")
    assert told.code == 3
    assert not (tmp_path / "back").exists()


def test_a_backup_of_a_newer_program_is_refused(upstep: Upstep, small: Path, tmp_path: Path) -> None:
    def newer(name: str, body: bytes) -> tuple[str, bytes]:
        return (name, body.replace(b'"state_revision": "0', b'"state_revision": "9') if name == MANIFEST else body)

    told = upstep("restore", changed(small, newer), "--to", tmp_path / "back")
    assert (told.code, "newer than this one" in told.err) == (3, True)
