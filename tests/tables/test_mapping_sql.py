"""SELECTs over named sources, columns that may lack, and a mapping that is still to be written."""

from __future__ import annotations

import pytest

from tests.tables.project import ACCOUNTS, NOW, Project
from upstep.errors import MappingError, SourceError
from upstep.tables.mapping import read_mapping

TICKETS = "id,company,opened,by\nt1,a1,2026-01-03,p1\nt2,a2,2026-01-04,p2\nt3,,2026-01-05,p1\n"
CHANGES = (
    "ticket,state,at\nt1,solved,2026-01-10\nt1,open,2026-01-11\nt1,solved,2026-01-12\nt2,open,2026-01-06\n"
    "t2,solved,never\n"
)


def _mapping(select: str, *, reads: str = "{change: data/changes.csv}", extra: str = "") -> str:
    return (
        "version: 1\ntables:\n  ticket:\n    from: data/tickets.csv\n    join:\n      - from:\n"
        f"          reads: {reads}\n          select: >-\n            {select}\n{extra}"
        "        on: {id: ticket}\n        as: closing\n    columns:\n      ticket_id: id\n      account_id: company\n"
        "      opened_at: opened\n      closed_at: closing.at\n"
    )


SOLVED = 'select ticket, max(cast("at" as timestamp)) as "at" from change where state = \'solved\' group by ticket'


def _project(project: Project, mapping: str) -> Project:
    project.write("data/tickets.csv", TICKETS)
    project.write("data/changes.csv", CHANGES)
    project.write("mapping.yaml", mapping)
    return project


def test_a_select_gathers_rows_and_a_cell_that_fits_no_cast_is_nothing(project: Project) -> None:
    _project(project, _mapping(SOLVED)).load()
    rows = project.rows("SELECT ticket_id, closed_at FROM ticket ORDER BY 1", as_of=NOW)
    assert rows == [("t1", 1768176000), ("t2", None)]


def test_a_faulty_row_beside_a_select_keeps_its_file_and_line(project: Project) -> None:
    report = _project(project, _mapping(SOLVED)).load()
    assert [example.place for example in report.examples] == ["data/tickets.csv:4"]


def test_a_row_of_a_select_is_told_with_its_number(project: Project) -> None:
    project.write("data/a.csv", ACCOUNTS + "a3,,2026-01-03,usd\n")
    project.write(
        "mapping.yaml",
        "version: 1\ntables:\n  account:\n    from:\n      reads: {mine: data/a.csv}\n"
        "      select: select account_id, name, created_at from mine\n",
    )
    report = project.load()
    assert [example.place for example in report.examples] == ["select at mapping.yaml:5:7:row 3"]


def test_loading_twice_is_once_and_a_changed_source_of_the_select_is_read(project: Project) -> None:
    _project(project, _mapping(SOLVED)).load()
    assert project.load().tables[0].is_unchanged
    project.write("data/changes.csv", CHANGES.replace("never", "2026-01-09"))
    assert project.load().tables[0].changed == 1


def test_a_select_may_read_a_select(project: Project) -> None:
    inner = "{change: {reads: {raw: data/changes.csv}, select: select * from raw where state = 'solved'}}"
    _project(project, _mapping('select ticket, min("at") as "at" from change group by 1', reads=inner)).load()
    rows = project.rows("SELECT closed_at FROM ticket WHERE ticket_id = 't1'", as_of=NOW)
    assert rows == [(1768003200,)]


@pytest.mark.parametrize(
    ("select", "found"),
    [
        ("select * from 'other.csv'", "reads 'other.csv'"),
        ('select 1 from "a.csv", (with "a.csv" as (select 1) select * from "a.csv") b', "reads 'a.csv'"),
        ("select * from chang", "reads 'chang'"),
        ("select * from main.change", "reads 'main.change'"),
        ("select * from read_csv('/etc/passwd')", "uses 'readcsv'"),
        ("select content from read_text('/etc/passwd')", "uses 'read_text'"),
        ("select getenv('HOME') from change", "uses 'getenv'"),
        ("with recursive x as (select 1 as a union all select a from x) select * from x", "is recursive"),
        ("drop table change", "is not one SELECT"),
        ("select 1; select 2", "is not one SELECT"),
        ("select from where", "is not a SELECT"),
        ("copy change to 'x.csv'", "is not one SELECT"),
    ],
)
def test_a_select_that_could_read_anything_else_is_refused(project: Project, select: str, found: str) -> None:
    _project(project, _mapping(select))
    with pytest.raises(MappingError) as caught:
        read_mapping(project.folder)
    fault = caught.value.faults[0]
    assert found in fault.found
    assert "mapping.yaml:8:" in fault.place


def test_a_select_with_a_column_that_is_not_there_is_told_at_its_place(project: Project) -> None:
    _project(project, _mapping("select tickt from change"))
    with pytest.raises(SourceError, match=r"refuses this SELECT.*tickt") as caught:
        project.load()
    assert "mapping.yaml:7:" in caught.value.faults[0].place


def test_what_belongs_to_one_source_does_not_stand_beside_a_select(project: Project) -> None:
    _project(project, _mapping(SOLVED, extra="          may_lack: [x]\n"))
    with pytest.raises(MappingError, match="'may_lack' does not go with 'select'"):
        read_mapping(project.folder)


def test_a_column_that_may_lack_is_empty_where_it_is_not_there(project: Project) -> None:
    project.write("data/a.csv", ACCOUNTS)
    project.write(
        "mapping.yaml",
        "version: 1\ntables:\n  account:\n    from: {file: data/a.csv, may_lack: [Region, NAME]}\n"
        "    columns: {account_id: account_id, name: name, created_at: created_at, country: region}\n",
    )
    project.load()
    assert project.rows("SELECT name, country FROM account ORDER BY 1", as_of=NOW) == [("Acme", None), ("Beta", None)]


def test_a_line_of_a_joined_file_that_is_no_row_is_told(project: Project) -> None:
    _project(project, _mapping(SOLVED))
    project.write("data/changes.csv", CHANGES + "t9,solved,2026-01-01,one too many\n")
    assert "data/changes.csv:7" in [example.place for example in project.load().examples]


@pytest.mark.parametrize(
    "text", ["# version: 1\n\n# tables:\n", "", "version: 1\ntables:\n  # account:\n", "version: 1\n"]
)
def test_a_mapping_of_comments_names_no_table_and_load_says_what_to_do(project: Project, text: str) -> None:
    project.write_all()
    project.write("mapping.yaml", text)
    assert read_mapping(project.folder).tables == {}
    with pytest.raises(SourceError, match="no table is mapped") as caught:
        project.load()
    assert "uncomment it" in caught.value.faults[0].advice
