"""Live loads leave many small files; packing them changes nothing that is stored."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import duckdb
import pytest

from tests.tables.project import KNOWN, NOW, Project
from upstep.tables import rollup
from upstep.tables.compacting import compact_usage
from upstep.tables.lake import open_snapshot
from upstep.tables.load import load
from upstep.tables.rows import rows_as_files

pytestmark = pytest.mark.slow


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.write_all()
    project.load()
    return project


def live(project: Project, number: int) -> None:
    at = NOW + timedelta(seconds=number)
    row = {"event_id": f"live{number}", "account_id": "a1", "meter_id": "emails", "quantity": 2, "contact_id": "c1"}
    with rows_as_files(project.folder, {"usage": [{**row, "occurred_at": int(at.timestamp())}]}) as mapping:
        load(project.folder, now=at, mapping=mapping, known=KNOWN, strict=True, is_live=True)


def stored(project: Project, table: str) -> list[tuple[object, ...]]:
    with duckdb.connect() as connection:
        return connection.execute(
            f"SELECT * FROM ({open_snapshot(project.folder).select(table)}) ORDER BY ALL"
        ).fetchall()


def test_packing_changes_files_and_no_rows(project: Project) -> None:
    for number in range(4):
        live(project, number)
    before = stored(project, "usage")
    files = len(open_snapshot(project.folder).files("usage"))
    assert compact_usage(project.folder, files_most=3) == 1
    assert len(open_snapshot(project.folder).files("usage")) == files - 3
    assert stored(project, "usage") == before
    assert compact_usage(project.folder, files_most=3) == 0
    # What comes after goes on from there, and still knows what came before.
    live(project, 3)
    live(project, 4)
    assert len(stored(project, "usage")) == len(before) + 1


def test_live_sums_are_squeezed_and_stay_the_same(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollup, "RECENT_FILES_MOST", 2)
    for number in range(6):
        live(project, number)
    snapshot = open_snapshot(project.folder)
    assert len(snapshot.files("usage_day_recent")) <= 3
    days = [row for row in stored(project, "usage_day_recent") if row[3] != 5]
    with duckdb.connect() as connection:
        recent = snapshot.select("usage_day_recent")
        sums = f"SELECT sum(quantity)::BIGINT, sum(events)::BIGINT FROM ({recent}) WHERE latest_at >= {NOW.timestamp()}"
        assert connection.execute(sums).fetchone() == (12, 6)
    assert days


def test_a_folder_that_was_put_back_is_not_taken_for_what_it_was(project: Project, tmp_path: Path) -> None:
    import shutil

    kept = shutil.copytree(project.folder / ".upstep", tmp_path.parent / f"{tmp_path.name}-kept")
    live(project, 1)
    shutil.rmtree(project.folder / ".upstep")
    shutil.copytree(kept, project.folder / ".upstep")
    live(project, 2)
    assert [row[0] for row in stored(project, "usage")][-1] == "live2"
    assert "live1" not in [row[0] for row in stored(project, "usage")]
