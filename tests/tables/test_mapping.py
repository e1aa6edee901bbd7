"""mapping.yaml: every fault has its place, and nothing in it can read what it may not."""

from __future__ import annotations

import pytest

from tests.tables.project import ACCOUNTS, NOW, Project
from upstep.errors import MappingError, SourceError
from upstep.tables.mapping import read_mapping


def _faults(project: Project, text: str) -> list[str]:
    project.write("mapping.yaml", text)
    with pytest.raises(MappingError) as caught:
        read_mapping(project.folder)
    return [str(fault).removeprefix(f"{project.folder}/") for fault in caught.value.faults]


def test_all_faults_are_told_at_once_with_line_column_and_a_guess(project: Project) -> None:
    faults = _faults(
        project,
        "version: 1\ntables:\n  acount:\n    from: a.csv\n  account:\n    form: a.csv\n    from: a.csv\n    columns:\n"
        "      account_id: id\n      nmae: name\n      created_at: {sql: '(select 1)'}\n",
    )
    assert faults[0].startswith("mapping.yaml:4:5: table 'acount' is not known. Did you mean 'account'?")
    assert faults[1].startswith("mapping.yaml:6:5: table 'account': 'form' is not a known key. Did you mean 'from'?")
    assert any("column 'nmae' is not known. Did you mean 'name'?" in fault for fault in faults)
    assert any("required column name not mapped" in fault for fault in faults)
    assert any("mapping.yaml:11:" in fault and "not allowed here" in fault for fault in faults)


@pytest.mark.parametrize(
    "sql",
    [
        "(select max(x) from other)",
        "read_csv('/etc/passwd')",
        "getenv('HOME')",
        "(select content from read_text('/etc/passwd'))",
        "a) from read_csv('x') --",
        "a from t",
        "1; drop table t",
        "sum(a)",
        "row_number() over ()",
        "a ->",
        "current_setting('temp_directory')",
        "query('select 1')",
    ],
)
def test_an_expression_that_is_no_scalar_over_columns_is_refused(project: Project, sql: str) -> None:
    columns = f'{{account_id: id, name: {{sql: "{sql}"}}, created_at: c}}'
    faults = _faults(project, f"version: 1\ntables:\n  account: {{from: a.csv, columns: {columns}}}\n")
    assert len(faults) == 1
    assert faults[0].startswith("mapping.yaml:3:")


def test_columns_expressions_constants_words_joins_conditions_and_zones_are_applied(project: Project) -> None:
    project.write(
        "data/companies.csv", "ID;Label;Start;Tier\n1;Acme;2026-01-01 09:30;B\n2;Beta;2026-01-02 09:30;E\n3;No;x;B\n"
    )
    project.write("data/sizes.csv", "company,people\n1,12\n2,x\n")
    project.write(
        "mapping.yaml",
        "version: 1\ntime_zone: Europe/Berlin\ntables:\n  account:\n    from: data/companies.csv\n"
        "    join: [{from: data/sizes.csv, on: {id: company}, as: size}]\n    where: id <> '3'\n    columns:\n"
        "      account_id: {sql: \"'c-' || id\"}\n      name: label\n      created_at: start\n"
        "      currency: {value: USD}\n"
        "      segment: {column: tier, values: {B: small}}\n      employees: {sql: cast(size.people as integer) * 2}\n",
    )
    project.load(only=("account",))
    rows = project.rows(
        "SELECT account_id, name, created_at, currency, segment, employees FROM account ORDER BY 1", as_of=NOW
    )
    assert rows == [
        ("c-1", "Acme", 1767256200, "usd", "small", 24),  # 09:30 in Berlin is 08:30 UTC
        ("c-2", "Beta", 1767342600, "usd", "E", None),
    ]


def test_a_column_that_the_file_lacks_is_told_with_the_mappings_place(project: Project) -> None:
    project.write("data/a.csv", ACCOUNTS)
    project.write(
        "mapping.yaml",
        "version: 1\ntables:\n  account:\n    from: data/a.csv\n"
        "    columns: {account_id: account_id, name: nam, created_at: {sql: lower(creatd_at)}}\n",
    )
    with pytest.raises(SourceError) as caught:
        project.load()
    assert [fault.found for fault in caught.value.faults] == [
        "there is no column 'nam' in data/a.csv.",
        "there is no column 'creatd_at' in data/a.csv.",
    ]
    assert caught.value.faults[1].advice.startswith("Did you mean 'created_at'?")
    assert "mapping.yaml:5:" in caught.value.faults[0].place


def test_a_join_whose_key_is_not_unique_is_refused(project: Project) -> None:
    project.write("data/a.csv", ACCOUNTS)
    project.write("data/b.csv", "id,x\na1,1\na1,2\n")
    project.write(
        "mapping.yaml",
        "version: 1\ntables:\n  account:\n    from: data/a.csv\n    join: [{from: data/b.csv, on: {account_id: id}}]\n"
        "    columns: {account_id: account_id, name: name, created_at: created_at}\n",
    )
    with pytest.raises(SourceError, match="a joined row would be counted twice"):
        project.load()


def test_a_password_in_the_file_is_refused_without_showing_it(project: Project) -> None:
    faults = _faults(
        project,
        "version: 1\ntables:\n  owner: {from: {postgres: 'postgres://me:hunter2@host/db', table: owners}}\n",
    )
    assert "holds a password" in faults[0]
    assert "hunter2" not in faults[0]


def test_a_secret_that_is_not_set_is_named(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("adbc_driver_postgresql")
    monkeypatch.delenv("UPSTEP_TEST_URL", raising=False)
    project.write(
        "mapping.yaml", "version: 1\ntables:\n  owner: {from: {postgres: '${UPSTEP_TEST_URL}', table: owners}}\n"
    )
    with pytest.raises(MappingError, match="UPSTEP_TEST_URL is not set"):
        project.load()
