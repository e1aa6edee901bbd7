"""What is stored is what was published, whatever happens to the process that writes."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest
from deltalake import DeltaTable

from tests.tables.project import NOW, USAGE, Project
from upstep.errors import DamagedError
from upstep.tables.lake import facts_folder, open_snapshot

_KILLED = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from upstep.tables import lake_writer
from upstep.tables.load import load

def die(*_args):
    os.kill(os.getpid(), signal.SIGKILL)

if sys.argv[2] == "before the manifest":
    lake_writer.write_manifest = die
else:
    commit = lake_writer.LakeWriter._commit
    done = []
    def second_dies(self, table, adds):
        if done:
            die()
        done.append(table)
        return commit(self, table, adds)
    lake_writer.LakeWriter._commit = second_dies
load(Path(sys.argv[1]), now=datetime(2026, 2, 11, tzinfo=UTC))
"""

_MORE = USAGE + "e4,a2,emails,2026-01-07,9,c3\n"
_SUMS = (
    "SELECT sum(quantity), sum(events), (SELECT count(*) FROM usage_raw), (SELECT max(name) FROM account)"
    " FROM usage_day"
)


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["between commits", "before the manifest"])
def test_a_load_killed_half_way_leaves_what_was_there_and_the_next_one_completes(project: Project, moment: str) -> None:
    project.write_all()
    project.load()
    before = project.rows(_SUMS)
    project.write("data/usage.csv", _MORE)
    project.write("data/account.csv", "account_id,name,created_at\na1,Acme,2026-01-01\na2,Zeta,2026-01-02\n")

    killed = subprocess.run([sys.executable, "-c", textwrap.dedent(_KILLED), str(project.folder), moment], check=False)

    assert killed.returncode == -9
    assert project.rows(_SUMS) == before == [(13, 3, 3, "Beta")]
    project.load(now=NOW)
    assert project.rows(_SUMS) == [(22, 4, 4, "Zeta")]
    # Nothing of the dead load is left: every Parquet file belongs to a table's log.
    facts = facts_folder(project.folder)
    for table in open_snapshot(project.folder).manifest.tables:
        logged = {add["path"] for add in _all_adds(project, table)}
        assert {str(path.relative_to(facts / table)) for path in (facts / table).rglob("*.parquet")} <= logged


def _all_adds(project: Project, table: str) -> list[dict[str, str]]:
    folder = facts_folder(project.folder) / table
    found: list[dict[str, str]] = []
    for version in range(DeltaTable(folder).version() + 1):
        opened = DeltaTable(folder, version=version)
        found += [{"path": uri.removeprefix(f"{folder}/")} for uri in opened.file_uris()]
    return found


def test_a_reader_keeps_what_it_pinned_while_a_load_ends(project: Project) -> None:
    project.write_all()
    project.load()
    pinned = open_snapshot(project.folder)
    project.write("data/account.csv", "account_id,name,created_at\na1,Other,2026-01-01\n")
    project.load()
    assert pinned.files("account") != open_snapshot(project.folder).files("account")
    assert all(project.folder.joinpath(path).exists() for path in pinned.files("account"))


def test_other_readers_of_delta_tables_see_the_same_rows(project: Project) -> None:
    project.write_all()
    project.load()
    table = DeltaTable(facts_folder(project.folder) / "usage")
    assert table.to_pyarrow_table().num_rows == 3
    assert table.metadata().partition_columns == ["day"]


def test_a_damaged_manifest_and_a_missing_file_are_told_with_their_place(project: Project) -> None:
    project.write_all()
    project.load()
    snapshot = open_snapshot(project.folder)
    gone = snapshot.files("account")[0]
    project.folder.joinpath(gone).unlink()
    with pytest.raises(DamagedError, match="the file is gone") as caught:
        open_snapshot(project.folder).files("account")
    assert gone in str(caught.value)
    project.write(".upstep/facts/current.json", "{")
    with pytest.raises(DamagedError, match=r"current\.json: cannot be read"):
        open_snapshot(project.folder)
