"""Loading twice is loading once; what is wrong in a row is kept aside, told and counted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.tables.project import ACCOUNTS, ITEMS, KNOWN, NOW, USAGE, Project
from upstep.errors import SourceError
from upstep.tables.quarantine import kept_aside
from upstep.tables.query import DuckEngine
from upstep.tables.stage import KnownIds

LATER = NOW + timedelta(days=1)


_WRONG = {
    "account": [
        (",No Key,2026-01-01,usd", "null_key", "account_id is empty"),
        ("a9,,2026-01-01,usd", "missing_value", "name is empty"),
        ("a9,Bad,2026-02-30,usd", "bad_value", "created_at '2026-02-30' is not a date or time"),
        ("a9,Bad,2026-01-01,euro", "unknown_currency", "currency 'euro' is not known"),
        ("a1,Again,2026-01-01,usd", "duplicate_key", "key a1 stands in an earlier row too"),
        ("a9,Tomorrow,2027-01-01,usd", "future", "created_at 2027-01-01 is after 2026-02-10T00:00:00Z"),
    ],
    "usage": [
        ("e9,a1,emails,2026-01-05,-1,", "negative", "quantity '-1' is less than 0"),
        ("e9,a1,emails,2026-01-05,0.5,", "fraction", "quantity '0.5' is not a whole number"),
        ("e9,a1,emails,2026-01-05,many,", "bad_value", "quantity 'many' is not a whole number"),
        ("e9,a1,emails,2026-01-05,9223372036854775808,", "fraction", "is not a whole number"),
        ("e9,a1,emails,2026-01-05,1000000000000001,", "too_large", "is more than 1,000,000,000,000,000"),
        ("e9,a1,emials,2026-01-05,1,", "unknown_meter", "meter_id 'emials' is not known"),
        (",a1,emails,2026-01-05,1,", "null_key", "event_id is empty"),
        ("e9,,emails,2026-01-05,1,", "null_key", "account_id is empty"),
        ("e9,a1,emails,,1,", "missing_value", "occurred_at is empty"),
        ("e9,a1,emails,soon,1,", "bad_value", "occurred_at 'soon' is not a date or time"),
        ("e9,a1,emails,infinity,1,", "bad_value", "occurred_at 'infinity' is not a date or time"),
        ("e9,a1,emails,2026-02-10T00:00:01Z,1,", "future", "is after 2026-02-10T00:00:00Z"),
    ],
    "subscription_item": [
        ("i9,s9,a1,sending,gold,1,1,usd,month,active,2026-01-01,", "unknown_plan", "plan_id 'gold'"),
        ("i9,s9,a1,sending,,1,1,usd,month,active,2026-01-01,", "missing_value", "neither plan_id nor add_on_id"),
        ("i9,s9,a1,posting,pro,1,1,usd,month,active,2026-01-01,", "unknown_product", "'posting'"),
        ("i9,s9,a1,sending,pro,1,1,usd,monthly,active,2026-01-01,", "word_not_allowed", "'monthly'"),
        ("i9,s9,a1,sending,pro,1,1,usd,month,active,2026-01-09,2026-01-08", "ends_before_start", "valid_to"),
    ],
}


@pytest.mark.parametrize("table", sorted(_WRONG))
def test_wrong_rows_are_kept_aside_with_their_lines_and_the_others_are_loaded(project: Project, table: str) -> None:
    project.write_all()
    good = {"account": ACCOUNTS, "usage": USAGE, "subscription_item": ITEMS}[table]
    project.write(f"data/{table}.csv", good + "".join(row + "\n" for row, _, _ in _WRONG[table]))
    report = project.load()
    engine = DuckEngine(threads=1)
    kept = {fault.place: fault for fault in kept_aside(engine.connection, project.open(engine).snapshot)}
    first = good.count("\n") + 1
    for line, (_, kind, found) in enumerate(_WRONG[table], start=first):
        fault = kept[f"data/{table}.csv:{line}"]
        assert (fault.table, fault.kind) == (table, kind)
        assert found in fault.found
        assert fault.advice
    assert report.fault_count == len(kept) == len(_WRONG[table])
    rows = (
        "SELECT (SELECT count(*) FROM account), (SELECT sum(events) FROM usage_day),"
        " (SELECT count(*) FROM subscription_item)"
    )
    assert engine.connection.execute(rows).fetchall() == [(2, 3, 2)]


def test_a_row_with_several_faults_tells_each(project: Project) -> None:
    project.write_all()
    project.write("data/usage.csv", USAGE + "e9,a1,emials,2026-01-05,-1,\n")
    assert project.load().tables[-1].faults == {"negative": 1, "unknown_meter": 1}


def test_the_same_load_twice_writes_nothing(project: Project) -> None:
    project.write_all()
    project.write("data/usage.csv", USAGE + "e9,a1,emails,2026-01-05,-1,\n")
    assert project.load().wrote
    before = project.files()
    again = project.load()
    assert not again.wrote
    assert again.fault_count == 1
    assert project.files() == before


def test_the_same_rows_in_another_file_change_nothing_but_how_far_it_is_complete(project: Project) -> None:
    project.write_all()
    project.load()
    ids = project.rows("SELECT 1") and {name: table.load_ids for name, table in _connected(project).items()}
    for name, text in (("account", ACCOUNTS), ("subscription_item", ITEMS), ("usage", USAGE)):
        head, *rows = text.strip().split("\n")
        project.write(f"data/{name}.csv", "\n".join([head, *reversed(rows)]) + "\n")
    report = project.load(now=LATER)
    assert all((table.added, table.changed, table.ended) == (0, 0, 0) for table in report.tables)
    assert {name: table.load_ids for name, table in _connected(project).items()} == ids
    assert project.rows("SELECT as_of FROM clock") == [(int(LATER.timestamp()),)]


def _connected(project: Project):  # type: ignore[no-untyped-def]  # noqa: ANN202
    from upstep.tables.lake import read_manifest

    return read_manifest(project.folder).connected


def test_strict_tells_every_fault_and_writes_nothing(project: Project) -> None:
    project.write_all()
    project.write("data/usage.csv", USAGE + "e9,a1,emails,2026-01-05,-1,\n")
    project.write("data/account.csv", ACCOUNTS + "a9,Bad,2026-02-30,usd\n")
    with pytest.raises(SourceError) as caught:
        project.load(strict=True)
    assert [fault.place for fault in caught.value.faults] == ["data/account.csv:4", "data/usage.csv:5"]
    assert not (project.folder / ".upstep/facts/current.json").exists()
    assert not [name for name in project.files() if name.endswith(".parquet")]


def test_a_dry_run_tells_what_it_would_do_and_writes_nothing(project: Project) -> None:
    project.write_all()
    report = project.load(dry_run=True)
    assert [table.added for table in report.tables] == [2, 2, 3]
    assert not report.wrote
    assert not [name for name in project.files() if name.endswith(".parquet")]


def test_late_and_out_of_order_events_land_in_their_day(project: Project) -> None:
    project.write_all()
    project.load()
    project.write(
        "data/usage.2.csv",
        USAGE.split("\n")[0] + "\ne9,a1,emails,2026-02-01,3,c9\ne8,a1,emails,2026-01-05T23:59:59Z,2,c1\n",
    )
    report = project.load(now=LATER)
    assert (report.tables[-1].read, report.tables[-1].added) == (2, 2)  # The first file is not read again.
    rows = project.rows(
        "SELECT day - (DATE '2026-01-01' - DATE '1970-01-01'), quantity, events, quantity_max, quantity_latest"
        " FROM usage_day WHERE account_key = 0 ORDER BY 1"
    )
    assert rows == [(4, 14, 3, 7, 2), (31, 3, 1, 3, 3)]
    assert project.rows("SELECT count(*) FROM usage_contact") == [(3,)]


def test_an_event_id_counts_once_a_utc_day_also_against_what_is_stored(project: Project) -> None:
    project.write_all()
    project.load()
    head = USAGE.split("\n")[0]
    project.write(
        "data/usage.2.csv",
        f"{head}\ne1,a1,emails,2026-01-05T23:00:00Z,5,c1\ne1,a1,emails,2026-01-06T00:30:00+01:00,5,c1\n"
        "e1,a1,emails,2026-01-06T00:00:00Z,5,c1\ne1,a1,emails,2026-01-06T01:00:00Z,5,c1\n",
    )
    report = project.load(now=LATER)
    assert (report.tables[-1].added, report.tables[-1].repeated) == (1, 3)
    assert project.rows("SELECT sum(events) FROM usage_day") == [(4,)]


def test_a_future_row_comes_in_with_the_load_that_is_complete_through_it(project: Project) -> None:
    project.write_all()
    project.write("data/usage.csv", USAGE + "e9,a1,emails,2026-02-10T12:00:00Z,1,\n")
    assert project.load().tables[-1].faults == {"future": 1}
    report = project.load(now=LATER)
    assert (report.tables[-1].added, report.fault_count) == (1, 0)


def test_a_meter_that_the_catalog_learns_later_comes_in_later(project: Project) -> None:
    project.write_all()
    project.write("data/usage.csv", USAGE + "e9,a1,calls,2026-02-01,1,\n")
    assert project.load().tables[-1].faults == {"unknown_meter": 1}
    assert project.load().tables[-1].is_unchanged
    known = KnownIds(meters=frozenset({"emails", "calls"}), products=KNOWN.products, plans=KNOWN.plans)
    assert project.load(known=known).tables[-1].added == 1


def test_through_never_goes_back(project: Project) -> None:
    project.write_all()
    project.load(through=NOW)
    project.load(through=NOW - timedelta(days=30))
    assert project.rows("SELECT as_of FROM clock") == [(int(NOW.timestamp()),)]


def test_a_row_that_turns_wrong_keeps_its_last_good_version(project: Project) -> None:
    project.write_all()
    project.load()
    project.write("data/account.csv", ACCOUNTS.replace("a2,Beta,2026-01-02", "a2,Gamma,2026-02-30"))
    project.load(now=LATER)
    assert project.rows("SELECT name FROM account ORDER BY account_key") == [("Acme",), ("Beta",)]


def test_keys_stay_the_same_across_loads(project: Project) -> None:
    project.write_all()
    project.load()
    project.write("data/account.csv", ACCOUNTS + "a0,First,2026-01-01,usd\n")
    project.load(now=LATER)
    assert project.rows("SELECT account_id, account_key FROM account_key ORDER BY 2") == [
        ("a1", 0),
        ("a2", 1),
        ("a0", 2),
    ]


def test_dated_rows_are_replaced_by_later_ones_of_their_key(project: Project) -> None:
    project.write_all()
    project.write(
        "data/fx_rate.csv", "rate_on,from_currency,to_currency,rate\n2026-01-01,EUR,usd,1.10\n2026-01-02,eur,usd,1.2\n"
    )
    project.load()
    project.write(
        "data/fx_rate.csv", "rate_on,from_currency,to_currency,rate\n2026-01-01,eur,usd,1.15\n2026-01-03,eur,usd,-1\n"
    )
    report = project.load(now=LATER)
    assert [(fault.kind, fault.column) for fault in report.examples] == [("bad_value", "rate")]
    rows = project.rows(
        "SELECT rate_on - (DATE '2026-01-01' - DATE '1970-01-01'), from_currency, rate FROM fx_rate ORDER BY 1"
    )
    assert rows == [(0, "eur", "1.15"), (1, "eur", "1.2")]


def test_words_flags_and_json_are_read_as_such(project: Project) -> None:
    project.write_all()
    project.write(
        "data/contact.csv",
        "contact_id,account_id,name,consents,may_buy,role\n"
        'c1,a1,Ann,"email; sms",yes,admin\nc2,a1,Bob,"[""email""]",0,\n',
    )
    project.load()
    rows = project.rows("SELECT contact_id, consents, may_buy, role FROM contact ORDER BY 1")
    assert rows == [("c1", "email\nsms", True, "admin"), ("c2", "email", False, None)]


def test_progress_and_seconds_are_told(project: Project) -> None:
    from upstep.tables.load import load

    project.write_all()
    told: list[str] = []
    report = load(
        project.folder, now=datetime(2026, 2, 10, tzinfo=UTC), progress=lambda what, _share: told.append(what)
    )
    assert {"loading account", "loading usage"} <= set(told)
    assert all(table.seconds > 0 for table in report.tables)
