"""Facts as of an instant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.tables.project import ACCOUNTS, ITEMS, NOW, USAGE, Project
from upstep.errors import SourceError
from upstep.tables.lake import DUCK_TYPES
from upstep.tables.query import CORE_TABLES, DuckEngine, core_schema

LATER = NOW + timedelta(days=10)
LATEST = NOW + timedelta(days=20)


def _seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def test_every_core_table_is_there_with_its_schema_connected_or_not(project: Project) -> None:
    project.write_all()
    project.load()
    engine = DuckEngine(threads=1)
    for options in ({}, {"as_of": NOW - timedelta(days=36)}, {"account_ids": ["a1"]}, {"buckets": [1]}):
        facts = project.open(engine, **options)
        assert facts.connected == {"account", "subscription_item", "usage"}
        for table in CORE_TABLES:
            found = engine.connection.sql(f'SELECT * FROM "{table}"')
            types = {name: str(kind) for name, kind in zip(found.columns, found.types, strict=True)}
            assert types == {name: DUCK_TYPES[kind] for name, kind in core_schema(table).items()}, table


def test_the_default_as_of_is_the_smaller_of_subscriptions_and_usage(project: Project) -> None:
    project.write_all()
    project.load(through=NOW)
    project.load(through=LATER, only=("usage", "account"))
    facts = project.open(DuckEngine(threads=1))
    assert facts.as_of == NOW
    assert facts.complete_through["usage"] == LATER
    assert facts.as_of_precision == "exact"


def test_before_anything_is_loaded_there_is_no_default(project: Project) -> None:
    with pytest.raises(SourceError, match="neither subscription_item nor usage has been loaded"):
        project.open(DuckEngine(threads=1))


def test_a_day_cut_by_as_of_comes_from_events_and_the_days_before_from_the_roll_up(project: Project) -> None:
    project.write_all()
    project.load()
    as_of = datetime(2026, 1, 5, 10, 30, tzinfo=UTC)
    assert project.rows("SELECT quantity, events, quantity_max, quantity_latest FROM usage_day", as_of=as_of) == [
        (5, 1, 5, 5)
    ]
    assert project.rows("SELECT count(*) FROM usage_raw", as_of=as_of) == [(1,)]
    assert project.rows("SELECT day_mask FROM usage_contact", as_of=as_of) == [(16,)]
    assert project.rows("SELECT count(*) FROM usage_day", as_of=datetime(2026, 1, 5, 9, tzinfo=UTC)) == [(0,)]


def test_an_as_of_before_the_first_load_takes_the_first_known_rows_and_says_so(project: Project) -> None:
    project.write_all()
    project.load()
    engine = DuckEngine(threads=1)
    facts = project.open(engine, as_of=datetime(2026, 1, 1, 12, tzinfo=UTC))
    assert facts.as_of_precision == "current"
    # a2 was created the next day.
    assert engine.connection.execute("SELECT account_id, name FROM account").fetchall() == [("a1", "Acme")]


def test_versions_of_a_state_row_are_visible_in_their_time(project: Project) -> None:
    project.write_all()
    project.load()
    project.write("data/account.csv", ACCOUNTS.replace("Acme", "Apex").replace("a2,Beta,2026-01-02,usd\n", ""))
    project.load(now=LATER)
    project.write("data/account.csv", ACCOUNTS)
    project.load(now=LATEST)

    def names(at: datetime) -> list[object]:
        return [row[0] for row in project.rows("SELECT name FROM account ORDER BY account_key", as_of=at)]

    assert names(NOW - timedelta(days=1)) == ["Acme", "Beta"]
    assert names(NOW) == ["Acme", "Beta"]
    assert names(LATER - timedelta(seconds=1)) == ["Acme", "Beta"]
    assert names(LATER) == ["Apex"]
    assert names(LATEST) == ["Acme", "Beta"]


def test_append_mode_keeps_rows_that_are_no_longer_there(project: Project) -> None:
    project.write_all()
    project.write("mapping.yaml", "version: 1\ntables:\n  account: {from: data/account.csv, mode: append}\n")
    project.load()
    project.write("data/account.csv", ACCOUNTS.replace("a2,Beta,2026-01-02,usd\n", ""))
    project.load(now=LATER)
    assert project.rows("SELECT count(*) FROM account", as_of=LATER) == [(2,)]


def test_all_intervals_begun_by_as_of_are_there_with_their_ends_as_they_are(project: Project) -> None:
    project.write_all()
    project.write(
        "data/subscription_item.csv",
        ITEMS + "i1,s1,a1,sending,free,1,0,usd,month,active,2025-06-01,2026-01-01\n",
    )
    project.load()
    query = "SELECT plan_id, valid_from, valid_to FROM subscription_item WHERE item_id = 'i1' ORDER BY 2"
    assert project.rows(query) == [
        ("free", _seconds("2025-06-01"), _seconds("2026-01-01")),
        ("pro", _seconds("2026-01-01"), None),
    ]
    assert project.rows(query, as_of=datetime(2025, 12, 1, tzinfo=UTC)) == [
        ("free", _seconds("2025-06-01"), _seconds("2026-01-01"))
    ]


def test_a_source_of_todays_state_becomes_intervals_of_what_loads_saw(project: Project) -> None:
    project.write_all()
    project.load()
    project.write("data/subscription_item.csv", ITEMS.replace("pro,1,2000", "pro,3,6000"))
    project.load(now=LATER)
    project.write("data/subscription_item.csv", ITEMS.split("\n")[0] + "\n")
    project.load(now=LATEST)
    query = (
        "SELECT quantity, amount_minor, valid_from, valid_to FROM subscription_item WHERE item_id = 'i1'"
        " ORDER BY valid_from"
    )
    started, changed, ended = _seconds("2026-01-01"), int(LATER.timestamp()), int(LATEST.timestamp())
    assert project.rows(query, as_of=NOW) == [(1, 2000, started, None)]
    assert project.rows(query, as_of=LATER) == [(1, 2000, started, changed), (3, 6000, changed, None)]
    assert project.rows(query, as_of=LATEST) == [(1, 2000, started, changed), (3, 6000, changed, ended)]


def test_a_correction_of_another_column_makes_no_new_interval(project: Project) -> None:
    project.write_all()
    project.load()
    project.write("data/subscription_item.csv", ITEMS.replace("2026-01-01,\n", "2026-01-01,2026-02-01\n"))
    project.load(now=LATER)
    assert project.rows("SELECT valid_from, valid_to FROM subscription_item WHERE item_id = 'i1'", as_of=LATER) == [
        (_seconds("2026-01-01"), _seconds("2026-02-01"))
    ]


def test_an_end_that_is_told_late_and_under_another_price_ends_every_interval_of_the_row(project: Project) -> None:
    project.write_all()
    project.load()
    for quantity in ("3,6000", "4,8000"):  # Two loads of one instant: the last one counts.
        told = ITEMS.replace("pro,1,2000", f"pro,{quantity}").replace("2026-01-01,\n", "2026-01-01,2026-01-02\n")
        project.write("data/subscription_item.csv", told)
        project.load(now=LATER)
    query = "SELECT quantity, valid_to FROM subscription_item WHERE item_id = 'i1' AND valid_from < valid_to"
    assert project.rows(query, as_of=LATER) == [(1, _seconds("2026-01-02"))]


def test_only_the_accounts_or_buckets_asked_for_are_there(project: Project) -> None:
    project.write_all()
    project.load()
    count = (
        "SELECT (SELECT count(*) FROM account), (SELECT count(*) FROM subscription_item),"
        " (SELECT sum(quantity) FROM usage_day), (SELECT count(*) FROM usage_raw)"
    )
    assert project.rows(count, account_ids=["a2", "unknown"]) == [(1, 1, 1, 1)]
    assert project.rows(count, buckets=[0]) == [(1, 1, 12, 2)]
    assert project.rows(count, account_ids=[]) == [(0, 0, None, 0)]
    assert project.rows(count) == [(2, 2, 13, 3)]


def test_rows_of_accounts_that_nobody_knows_are_left_out_until_they_are_known(project: Project) -> None:
    project.write_all()
    project.write("data/usage.csv", USAGE + "e9,stranger,emails,2026-01-05,100,\n")
    project.load()
    query = "SELECT (SELECT sum(quantity) FROM usage_day), (SELECT sum(quantity) FROM usage_raw)"
    assert project.rows(query) == [(13, 13)]
    assert project.open(DuckEngine(threads=1)).orphans == 1
    project.write("data/account.csv", ACCOUNTS + "stranger,Known Now,2026-01-01,usd\n")
    project.load(now=LATER)
    assert project.rows(query) == [(113, 113)]


def test_opening_again_in_one_engine_replaces_what_was_there(project: Project) -> None:
    project.write_all()
    project.load()
    engine = DuckEngine(threads=1)
    counts = []
    for options in ({}, {"account_ids": ["a1"]}, {}, {"as_of": datetime(2026, 1, 5, 10, 30, tzinfo=UTC)}):
        project.open(engine, **options)
        counts.append(engine.connection.execute("SELECT sum(events) FROM usage_day").fetchall()[0][0])
    assert counts == [3, 2, 3, 1]
