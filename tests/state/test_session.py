"""The operational database opens itself, keeps instants, and lets one writer at a time write."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from upstep.errors import BusyError, DamagedError, OutsideError
from upstep.state import session
from upstep.state.migrations import NEWEST, upgrade
from upstep.state.session import open_state, reading, writing
from upstep.state.tables import METADATA, answer, audit, offer_change, once_key

AT = datetime(2026, 11, 1, 9, 30, tzinfo=UTC)


def entry(who: str) -> dict[str, object]:
    return {"happened_at": AT, "who": who, "what": "test", "subject": "acme", "details": {}}


def test_opening_creates_every_table_and_opening_again_changes_nothing(tmp_path: Path) -> None:
    open_state(tmp_path / "new" / "state.db").dispose()
    engine = open_state(tmp_path / "new" / "state.db")
    with reading(engine) as connection:
        assert set(sa.inspect(connection).get_table_names()) == {*METADATA.tables, "alembic_version"}


def test_a_new_database_has_the_tables_as_the_program_knows_them(tmp_path: Path) -> None:
    engine = open_state(tmp_path / "state.db")
    with reading(engine) as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_the_steps_lead_to_the_same_tables(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'old.db'}")
    with engine.begin() as connection:
        upgrade(connection)
    with reading(open_state(tmp_path / "old.db")) as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_the_newest_revision_is_the_last_file() -> None:
    folder = Path(session.__file__).parent / "migrations"
    assert ScriptDirectory(str(folder)).get_current_head() == NEWEST


@pytest.mark.sqlite
def test_a_current_database_opens_without_loading_alembic(tmp_path: Path) -> None:
    open_state(tmp_path / "state.db").dispose()
    code = "import sys; from upstep.state.session import open_state; open_state(sys.argv[1]); print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, tmp_path / "state.db"], capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert "upstep.state.session" in loaded
    assert "alembic" not in loaded


@pytest.mark.sqlite
def test_sqlite_runs_with_a_write_ahead_log_and_foreign_keys(tmp_path: Path) -> None:
    engine = open_state(tmp_path / "state.db")
    with reading(engine) as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    row = {"offer_id": "none such", "to_status": "open", "who": "x", "changed_at": AT, "why": "x"}
    with pytest.raises(sa.exc.IntegrityError), writing(engine) as connection:
        connection.execute(sa.insert(offer_change).values(**row))


@pytest.mark.sqlite
def test_a_database_that_cannot_be_opened_or_written_is_told_with_what_to_look_at(tmp_path: Path) -> None:
    (tmp_path / "state.db").mkdir()
    with pytest.raises(OutsideError, match=r"state\.db: unable to open database file\. Look whether it is a file"):
        open_state(tmp_path / "state.db")

    engine = open_state(tmp_path / "other.db")
    sa.event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("PRAGMA query_only = 1"))
    with pytest.raises(OutsideError, match=r"readonly database\. Look whether"), writing(engine) as connection:
        connection.execute(sa.insert(audit).values(**entry("ann")))


def test_an_instant_comes_back_as_it_went_in_and_one_without_a_zone_is_refused(tmp_path: Path) -> None:
    engine = open_state(tmp_path / "state.db")
    row = {"account_id": "acme", "gate": "open_issue", "answer": "clear", "because": "asked", "recorded_by": "ann"}
    with writing(engine) as connection:
        connection.execute(sa.insert(answer).values(**row, recorded_at=AT))
        assert connection.execute(sa.select(answer.c.recorded_at, answer.c.until)).one() == (AT, None)
    with pytest.raises(sa.exc.StatementError, match="no time zone"), writing(engine) as connection:
        connection.execute(sa.insert(answer).values(**row, recorded_at=AT.replace(tzinfo=None)))


def test_a_once_key_is_taken_once(tmp_path: Path) -> None:
    engine = open_state(tmp_path / "state.db")
    key = {"account_id": "acme", "meter_id": "emails", "basis": "pro", "threshold": 80, "period_start": AT}
    with writing(engine) as connection:
        connection.execute(sa.insert(once_key).values(**key, taken_at=AT))
    with pytest.raises(sa.exc.IntegrityError), writing(engine) as connection:
        connection.execute(sa.insert(once_key).values(**key, taken_at=AT))


def test_a_failed_transaction_leaves_nothing(tmp_path: Path) -> None:
    engine = open_state(tmp_path / "state.db")

    def write_and_fail() -> None:
        with writing(engine) as connection:
            connection.execute(sa.insert(audit).values(**entry("ann")))
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        write_and_fail()
    with reading(engine) as connection:
        assert connection.execute(sa.select(audit)).all() == []


@pytest.mark.sqlite
def test_readers_do_not_wait_for_a_writer_and_a_second_writer_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "BUSY_SECONDS", 0)
    engine, other = open_state(tmp_path / "state.db"), open_state(tmp_path / "state.db")
    with writing(engine) as connection:
        connection.execute(sa.insert(audit).values(**entry("ann")))
        with reading(other) as view:
            assert view.execute(sa.select(audit)).all() == []
        with pytest.raises(BusyError, match="another process"), writing(other):
            pass


@pytest.mark.sqlite
def test_writers_in_turn_all_get_through(tmp_path: Path) -> None:
    engine = open_state(tmp_path / "state.db")

    def write(who: str) -> None:
        with writing(engine) as connection:
            count = connection.execute(sa.select(sa.func.count()).select_from(audit)).scalar_one()
            connection.execute(sa.insert(audit).values(**entry(f"{who} {count}")))

    threads = [threading.Thread(target=write, args=("w",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with reading(engine) as connection:
        assert sorted(connection.execute(sa.select(audit.c.who)).scalars()) == [f"w {i}" for i in range(8)]


def test_two_processes_may_open_a_new_database_at_once(tmp_path: Path) -> None:
    code = "import sys; from upstep.state.session import open_state; open_state(sys.argv[1])"
    both = [subprocess.Popen([sys.executable, "-c", code, tmp_path / "state.db"], stderr=subprocess.PIPE) for _ in "ab"]
    assert [(process.communicate()[1], process.returncode) for process in both] == [(b"", 0)] * 2


@pytest.mark.sqlite
def test_a_file_that_is_no_database_is_damaged_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(b"PK\x03\x04 not a database" * 100)
    with pytest.raises(DamagedError, match=r"state\.db.*restore"):
        open_state(path)
    assert path.read_bytes().startswith(b"PK\x03\x04")


@pytest.mark.sqlite
def test_state_of_a_newer_program_is_refused(tmp_path: Path) -> None:
    open_state(tmp_path / "state.db").dispose()
    connection = sqlite3.connect(tmp_path / "state.db")
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    with pytest.raises(OutsideError, match="newer upstep"):
        open_state(tmp_path / "state.db")
