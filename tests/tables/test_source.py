"""What cannot be read as what it should be is one clear message, and nothing is written."""

from __future__ import annotations

import gzip
import resource
import zipfile
from io import BytesIO

import duckdb
import pytest

from tests.tables.project import ACCOUNTS, ITEMS, NOW, USAGE, Project
from upstep.errors import SourceError

_COUNT = "SELECT (SELECT count(*) FROM account), (SELECT sum(events) FROM usage_day)"


def _refused(project: Project, match: str) -> SourceError:
    """A load that raises, while what was loaded before stays, file by file."""
    before = project.files()
    with pytest.raises(SourceError, match=match) as caught:
        project.load()
    assert caught.value.exit_code == 2
    assert project.files() == before
    return caught.value


@pytest.fixture
def loaded(project: Project) -> Project:
    project.write_all()
    project.load()
    return project


def _zip() -> bytes:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("usage.csv", USAGE)
    return packed.getvalue()


@pytest.mark.parametrize(
    ("content", "match"),
    [
        pytest.param(_zip(), r"data/usage\.csv:1: this is a zip archive .* Unpack it", id="zip"),
        pytest.param(b"\x7fELF\0\0\0\1", r"data/usage\.csv:1: this is a binary file", id="binary"),
        pytest.param(b"PAR1xxxx", r"data/usage\.csv:1: this is Parquet, not csv", id="parquet"),
        pytest.param(b"", r"data/usage\.csv: the file is empty", id="empty"),
        pytest.param(
            USAGE.encode() + b"e9,a\xff1,emails,2026-01-01,1,\n", r"data/usage\.csv:5: .*not UTF-8", id="latin"
        ),
        pytest.param(USAGE.replace("\n", "\0\n", 1).encode(), r"data/usage\.csv:1", id="zero byte"),
        pytest.param(
            b"event_id,account_id,occurred_at,quantity\ne1,a1,2026-01-01,1\n",
            r"data/usage\.csv:1: table 'usage' has no column meter_id\. Found: event_id",
            id="missing column",
        ),
        pytest.param(b"a,b,a\n1,2,3\n", r"data/usage\.csv:1: column 'a' stands twice", id="column twice"),
        pytest.param(
            USAGE.replace("2026-01-05T10", "x").replace("2026-01-05T11", "y").replace("2026-01-06T11", "z").encode(),
            r"data/usage\.csv: 3 of 3 cells of occurred_at are no instant, such as 'x",
            id="wrong type throughout",
        ),
    ],
)
def test_a_wrong_file_is_refused_with_its_place_and_what_was_loaded_stays(
    loaded: Project, content: bytes, match: str
) -> None:
    loaded.write("data/usage.csv", content)
    _refused(loaded, match)
    assert loaded.rows(_COUNT) == [(2, 3)]


def test_faults_of_all_files_are_told_at_once(project: Project) -> None:
    project.write("data/account.csv", _zip())
    project.write("data/subscription_item.csv", "a\n1\n")
    project.write("data/usage.csv", USAGE)
    error = _refused(project, "zip archive")
    assert len(error.faults) == 2


def test_a_missing_file_is_told_with_the_nearest_name(project: Project) -> None:
    project.write("data/accounts.csv", ACCOUNTS)
    project.write("mapping.yaml", "version: 1\ntables:\n  account: {from: data/acounts.csv}\n")
    error = _refused(project, r"no file 'data/acounts\.csv'")
    assert "Did you mean 'accounts.csv'?" in error.faults[0].advice
    assert ":3:" in error.faults[0].place


def test_an_endless_line_is_refused_without_eating_the_memory(loaded: Project) -> None:
    path = loaded.folder / "data/usage.csv"
    with path.open("r+b") as file:
        file.seek(len(USAGE))
        file.write(b"e9," + b"x" * 5_000_000)
        file.truncate(1_000_000_000)  # The rest of the line, 1 GB long, is a hole in the file.
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _refused(loaded, r"data/usage\.csv:5: the line is longer than 4,000,000 bytes")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # kilobytes


def test_a_long_quoted_cell_is_one_cell(project: Project) -> None:
    project.write_all()
    project.write("data/account.csv", f'account_id,name,created_at\na1,"{"long " * 100_000}",2026-01-01\n')
    project.load()
    assert project.rows("SELECT length(name) FROM account") == [(500_000,)]


@pytest.mark.parametrize("cut", [40, 400])
def test_a_damaged_parquet_file_is_refused(loaded: Project, cut: int) -> None:
    (loaded.folder / "data/usage.csv").unlink()
    path = loaded.parquet(
        "data/usage.parquet",
        "SELECT 'e' || i AS event_id, 'a1' AS account_id, 'emails' AS meter_id, TIMESTAMP '2026-01-05' AS occurred_at,"
        " 1 AS quantity FROM range(1000) r(i)",
    )
    content = path.read_bytes()
    # Cut off at the end the footer is gone; overwritten in the middle the footer promises what is not there.
    damaged = content[:-cut] if cut == 40 else content[:cut] + bytes(300) + content[cut + 300 :]
    path.write_bytes(damaged)
    _refused(loaded, "cannot be read to its end|damaged Parquet file|cannot be read")
    assert loaded.rows(_COUNT) == [(2, 3)]


def test_lines_are_right_behind_cells_that_span_lines_and_empty_lines_and_lines_that_are_no_rows(
    project: Project,
) -> None:
    project.write_all()
    project.write(
        "data/account.csv",
        'account_id,name,created_at\na1,"Ac\nme",2026-01-01\n\na2,Beta\na3,Gamma,2026-02-31\na4,Delta,2026-01-01,more\n'
        "a5,Eps,2026-13-01\n",
    )
    places = {fault.place: fault.kind for fault in project.load().examples}
    assert places == {
        "data/account.csv:5": "no_row",
        "data/account.csv:6": "bad_value",
        "data/account.csv:7": "no_row",
        "data/account.csv:8": "bad_value",
    }


def test_packed_csv_semicolons_and_a_byte_order_mark_are_read(project: Project) -> None:
    project.write_all()
    (project.folder / "data/account.csv").unlink()
    text = "\ufeff" + ACCOUNTS.replace(",", ";")
    project.write("data/account.csv.gz", gzip.compress(text.encode()))
    project.load()
    assert project.rows("SELECT count(*), max(name) FROM account") == [(2, "Beta")]


@pytest.mark.slow
def test_json_lines_are_read_and_a_broken_line_is_kept_aside_with_its_number(project: Project) -> None:
    project.write_all()
    (project.folder / "data/usage.csv").unlink()
    project.write(
        "data/usage.jsonl",
        '{"event_id": "e1", "account_id": "a1", "meter_id": "emails", "occurred_at": "2026-01-05", "quantity": 5,'
        ' "properties": {"x": 1}}\n\n{"event_id": \n[1]\n{"event_id": "e2", "account_id": "a1", "meter_id": "emails",'
        ' "occurred_at": "2026-01-05", "quantity": -5}\n',
    )
    report = project.load()
    assert [(fault.place, fault.kind) for fault in report.examples] == [
        ("data/usage.jsonl:5", "negative"),
        ("data/usage.jsonl:3", "no_row"),
        ("data/usage.jsonl:4", "no_row"),
    ]
    assert project.rows("SELECT sum(quantity) FROM usage_day") == [(5,)]


def test_parquet_with_its_own_types_is_read_and_faults_name_the_row(project: Project) -> None:
    project.write_all()
    (project.folder / "data/usage.csv").unlink()
    project.parquet(
        "data/usage.parquet",
        "SELECT 'e' || i AS event_id, 'a1' AS account_id, 'emails' AS meter_id, TIMESTAMPTZ '2026-01-05 00:30:00+01' AS"
        " occurred_at, i - 1 AS quantity FROM range(4) r(i)",
    )
    report = project.load()
    assert [fault.place for fault in report.examples] == ["data/usage.parquet:row 1"]
    assert project.rows("SELECT day - (DATE '2026-01-04' - DATE '1970-01-01'), quantity, events FROM usage_day") == [
        (0, 3, 3)
    ]


def test_a_duckdb_file_is_read_in_place(project: Project) -> None:
    project.write_all()
    with duckdb.connect(str(project.folder / "company.duckdb")) as connection:
        connection.execute("CREATE TABLE firms AS SELECT 'a1' AS id, 'Acme' AS label, DATE '2026-01-01' AS start")
    project.write(
        "mapping.yaml",
        "version: 1\ntables:\n  account:\n    from: {duckdb: company.duckdb, table: firms}\n"
        "    columns: {account_id: id, name: label, created_at: start}\n",
    )
    project.load()
    assert not project.load().wrote
    assert project.rows("SELECT account_id, name FROM account", as_of=NOW) == [("a1", "Acme")]


def test_a_table_that_a_duckdb_file_lacks_is_told(project: Project) -> None:
    duckdb.connect(str(project.folder / "company.duckdb")).close()
    project.write("mapping.yaml", "version: 1\ntables:\n  account: {from: {duckdb: company.duckdb, table: firms}}\n")
    _refused(project, "table 'firms' cannot be read")


def test_files_of_one_pattern_may_have_different_columns(project: Project) -> None:
    project.write_all()
    project.write("data/usage.2.csv", "quantity,meter_id,account_id,event_id,occurred_at\n2,emails,a1,e9,2026-01-09\n")
    project.load()
    assert project.rows("SELECT sum(quantity) FROM usage_day") == [(15,)]


def test_nothing_to_load_says_where_files_belong(project: Project) -> None:
    with pytest.raises(SourceError, match="there is nothing to load"):
        project.load()
    assert ITEMS


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet", "duckdb"])
def test_their_own_columns_named_file_and_row_do_not_hide_where_a_row_stands(project: Project, ending: str) -> None:
    """Connectors that read files land the name of theirs as _file."""
    path = project.folder / f"data/theirs.{ending}"
    rows = (
        "(VALUES ('a1', 'Acme', '2026-01-01', 'x.csv', 7), (NULL, 'Beta', '2026-01-02', 'x.csv', 8))"
        " rows(account_id, name, created_at, _file, _ROW)"
    )
    with duckdb.connect(str(path) if ending == "duckdb" else ":memory:") as connection:
        connection.execute(f"CREATE TABLE theirs AS SELECT * FROM {rows}")
        if ending != "duckdb":
            format_ = "json" if ending == "jsonl" else ending
            connection.execute(f"COPY theirs TO '{path}' (FORMAT {format_})")
    source = "{duckdb: data/theirs.duckdb, table: theirs}" if ending == "duckdb" else f"data/theirs.{ending}"
    project.write("mapping.yaml", f"version: 1\ntables:\n  account: {{from: {source}}}\n")
    report = project.load()

    assert report.tables[0].added == 1
    assert report.examples[0].place.startswith("data/theirs.")
