"""A person is planted in every column of every store; after ``forget`` no byte of the project speaks of them."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
import sqlalchemy as sa
from deltalake import DeltaTable, write_deltalake

from upstep.engine.keeping.forgetting import Forgetting, forget_somebody
from upstep.engine.project import Project, open_project_state
from upstep.state import tables
from upstep.state.forget import BILLED
from upstep.state.inbox_tables import INBOX
from upstep.state.mentions import mentions
from upstep.state.session import connect, reading, writing
from upstep.tables.lake import open_snapshot
from upstep.tables.load import load

pytestmark = pytest.mark.sqlite  # the folder is copied with its state; tests/state/test_postgres.py does the other

AT = datetime(2026, 2, 10, tzinfo=UTC)
PERSON, NAME, EMAIL = "person-qmarker", "Zora Qmarker", "zora.qmarker@acme.example"
ACCOUNT, COMPANY = "acct-qfirm", "Qfirm Works"
SAID = f"{NAME} <{EMAIL}> of {COMPANY} asked"

SOURCES = {
    "account": (
        f"account_id,name,created_at,do_not_sell_why\n{ACCOUNT},{COMPANY},2026-01-01,{SAID}\na2,Beta,2026-01-02,\n"
    ),
    "contact": (
        "contact_id,account_id,name,email,title,invited_by_contact_id\n"
        f"{PERSON},{ACCOUNT},{NAME},{EMAIL},Head of {NAME},\n"
        f"p2,{ACCOUNT},Bo Berg,bo@acme.example,Chief,{PERSON}\n"
        "p3,a2,Cy Dahl,cy@beta.example,Chief,\n"
    ),
    "subscription_item": (
        "item_id,subscription_id,account_id,product_id,plan_id,quantity,amount_minor,currency,interval,status,valid_from\n"
        f"i1,s1,{ACCOUNT},sending,pro,1,2000,usd,month,active,2026-01-01\n"
    ),
    "usage": (
        "event_id,account_id,meter_id,occurred_at,quantity,contact_id,properties\n"
        f'e1,{ACCOUNT},emails,2026-01-05T10:00:00Z,5,{PERSON},"{{""to"": ""{EMAIL}""}}"\n'
        f'e2,{ACCOUNT},emails,2026-01-06T10:00:00Z,7,p2,"{{""cc"": ""{EMAIL}""}}"\n'
        'e3,a2,emails,2026-01-06T11:00:00Z,1,p3,"{""plain"": 1}"\n'
        f"e4,{ACCOUNT},emails,2026-01-07T11:00:00Z,wrong,{PERSON},\n"
    ),
    "seat": f"seat_id,account_id,product_id,contact_id,assigned_at\nt1,{ACCOUNT},sending,{PERSON},2026-01-01\n",
    "ticket": f"ticket_id,account_id,opened_at,contact_id\nk1,{ACCOUNT},2026-01-05,{PERSON}\n",
    "feedback": f"feedback_id,account_id,contact_id,kind,score,answered_at\nf1,{ACCOUNT},{PERSON},nps,9,2026-01-05\n",
    "moment": (
        "moment_id,account_id,kind,occurred_at,contact_id,subject_id,detail\n"
        f"m1,{ACCOUNT},hire,2026-01-05,{PERSON},{PERSON},{SAID}\n"
    ),
    "goal": (
        "goal_id,account_id,contact_id,priority,sponsor_contact_id,stated_at,source\n"
        f"g1,{ACCOUNT},{PERSON},{SAID},,2026-01-05,{SAID}\n"
        f"g2,{ACCOUNT},p2,grow,{PERSON},2026-01-05,call\n"
    ),
}


@pytest.fixture(scope="module")
def planted_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("planted")
    (folder / "upstep.yaml").write_text("version: 1\ncurrency: usd\n", encoding="utf-8")
    (folder / "data").mkdir()
    for table, text in SOURCES.items():
        (folder / "data" / f"{table}.csv").write_text(text, encoding="utf-8")
    load(folder, now=AT, through=AT)
    shutil.move(folder / "data", folder.with_name(folder.name + "-data"))
    project = Project(folder)
    state, inbox = open_project_state(project), connect(project.inbox_address)
    INBOX.create_all(inbox)
    for engine, metadata in ((state, tables.METADATA), (inbox, INBOX)):
        with writing(engine) as connection:
            for table in metadata.sorted_tables:
                connection.execute(sa.insert(table).values(**planted_row(table)))
        engine.dispose()
    row = {
        "account_id": ACCOUNT, "name": COMPANY, "step_id": "st", "target": "plan:pro", "signature": "s", "sequence": 0,
        "as_of": 1, "facts": json.dumps({"who": NAME}), "holds": json.dumps([SAID]), "recipients": [PERSON, "p2"],
    }  # fmt: skip
    other = {**row, "account_id": "a2", "name": "Beta", "facts": "{}", "holds": "[]", "recipients": ["p3"]}
    write_deltalake(folder / ".upstep" / "decisions" / "decision", pa.Table.from_pylist([row, other]))
    messages = folder / ".upstep" / "messages"
    messages.mkdir()
    (messages / "one.md").write_text(f"To: {PERSON}\nAccount: {ACCOUNT}\n\nHello {NAME}\n", encoding="utf-8")
    (messages / "two.md").write_text("To: p3\nAccount: a2\n\nHello Cy\n", encoding="utf-8")
    return folder


def planted_row(table: sa.Table) -> dict[str, Any]:  # noqa: C901 - a kind of column a branch
    """A row in which every column that can hold them does; what was billed holds their id where somebody clicked."""
    row = {}
    for column in table.columns:
        name = column.name
        is_billed = table.name in BILLED
        if column.foreign_keys:
            row[name] = 1 if not isinstance(column.type, sa.Text) else next(iter(column.foreign_keys)).column.name
        elif name == "account_id" or (name == "subject" and table.name == "audit"):
            row[name] = ACCOUNT
        elif name in ("contact_id", "sponsor_contact_id", "recipient", "who", "person", "requested_by", "asked_by"):
            row[name] = PERSON
        elif (table.name, name) in {("inbox_told", "kind"), ("inbox_told", "key")}:
            row[name] = {"kind": "contact", "key": PERSON}[name]
        elif isinstance(column.type, tables.Instant):
            row[name] = AT
        elif isinstance(column.type, sa.JSON):
            row[name] = {"email": EMAIL, "name": NAME, "deep": [SAID, {"x": SAID if is_billed else PERSON}]}
        elif isinstance(column.type, sa.LargeBinary):
            event = {"event": "E", "userId": PERSON, "properties": {"said": SAID}, "context": {"groupId": ACCOUNT}}
            row[name] = json.dumps(event).encode()
        elif isinstance(column.type, sa.Text) and column.primary_key:
            row[name] = name
        elif isinstance(column.type, sa.Text):
            row[name] = SAID if is_billed else f"{SAID} ({PERSON})"
        else:
            row[name] = 1
    return row


@pytest.fixture
def folder(planted_once: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(planted_once, tmp_path / "project"))


def forgotten(folder: Path, kind: str, key: str, *, dry_run: bool = False) -> Forgetting:
    return forget_somebody(Project(folder), kind, key, by="lea", now=AT + timedelta(days=1), dry_run=dry_run)


def texts(folder: Path) -> dict[str, str]:
    """Everything that the project folder holds, by place, Parquet decoded and databases row by row."""
    found = {}
    for path in (path for path in sorted(folder.rglob("*")) if path.is_file()):
        name = path.relative_to(folder).as_posix()
        found[name] = path.read_bytes().decode("utf-8", "replace")
        if path.suffix == ".parquet":
            found[name] += str(duckdb.sql(f"SELECT * FROM read_parquet('{path}')").fetchall())
        elif path.suffix == ".db":
            del found[name]
            engine = connect(path)
            with reading(engine) as connection:
                for table in sa.inspect(connection).get_table_names():
                    rows = connection.execute(sa.text(f'SELECT * FROM "{table}"')).all()
                    found[f"{path.stem}.{table}"] = str(rows)
            engine.dispose()
    return found


def speaking(found: dict[str, str], *words: str) -> set[str]:
    return {place for place, text in found.items() if any(word.lower() in text.lower() for word in words)}


def test_the_planting_reaches_every_table(folder: Path) -> None:
    found = speaking(texts(folder), "qmarker")
    stores = {place.partition(".")[0] for place in found}
    text_tables = {
        f"state.{table.name}"
        for table in tables.METADATA.sorted_tables
        if any(isinstance(column.type, sa.Text | sa.JSON) and not column.primary_key for column in table.columns)
    }
    assert {"state", "inbox"} <= stores
    assert text_tables - found <= {"state.once_key", "state.watermark", "state.exposure", "state.arm_exposure"} | found


def test_no_byte_speaks_of_a_person_who_was_forgotten(folder: Path) -> None:
    done = forgotten(folder, "contact", PERSON)
    assert done.is_new
    found = texts(folder)
    exempt = {"state.tombstone", "state.api_key", "state.signing_key", "state.provider_cursor"}
    left = speaking(found, "qmarker") - exempt
    assert left == {"state.billing_intent", "state.billing_attempt"}  # who clicked: a record of what was billed
    assert speaking({place: found[place] for place in left}, NAME, EMAIL) == set()
    kept = {place.place for place in done.places if place.what == "kept"}
    assert kept == {"state: billing_intent", "state: billing_attempt"}


def raw(folder: Path) -> str:
    return "".join(
        path.read_bytes().decode("latin-1")
        for path in folder.rglob("*")
        if path.is_file() and "_delta_log" not in path.parts
    )


def test_sqlite_keeps_nothing_in_free_pages(folder: Path) -> None:
    with_exempt = ("tombstone", "api_key", "signing_key", "provider_cursor")
    state = open_project_state(Project(folder))
    with writing(state) as connection:
        for name in with_exempt:
            if name in tables.METADATA.tables:
                connection.execute(sa.delete(tables.METADATA.tables[name]))
    state.dispose()
    forgotten(folder, "contact", PERSON)
    assert NAME not in raw(folder)
    assert EMAIL not in raw(folder)


def rows(folder: Path, table: str, columns: str = "*") -> list[Any]:
    with duckdb.connect() as connection:
        return connection.execute(
            f"SELECT {columns} FROM ({open_snapshot(folder).select(table)}) ORDER BY 1"
        ).fetchall()


def test_others_stay_and_are_still_counted(folder: Path) -> None:
    forgotten(folder, "contact", PERSON)
    assert rows(folder, "contact", "contact_id, invited_by_contact_id") == [("p2", None), ("p3", None)]
    usage = rows(folder, "usage", "event_id, quantity, contact_key IS NOT NULL, properties")
    assert [row[:3] for row in usage] == [("e1", 5, True), ("e2", 7, True), ("e3", 1, True)]
    assert [row[3] is None for row in usage] == [True, True, False]
    assert rows(folder, "goal", "goal_id, sponsor_contact_id") == [("g2", None)]
    stored = open_snapshot(folder).manifest.tables
    assert {name: one.rows for name, one in stored.items()} == {name: len(rows(folder, name)) for name in stored}
    ledger = DeltaTable(folder / ".upstep" / "decisions" / "decision").to_pyarrow_table().to_pylist()
    assert [row["recipients"] for row in ledger] == [["p2"], ["p3"]]
    assert [path.name for path in (folder / ".upstep" / "messages").iterdir()] == ["two.md"]


def test_forgetting_twice_changes_nothing(folder: Path) -> None:
    forgotten(folder, "contact", PERSON)
    before = texts(folder)
    again = forgotten(folder, "contact", PERSON)
    assert (again.is_new, again.changed) == (False, 0)
    assert texts(folder) == before


def test_a_dry_run_counts_and_changes_nothing(folder: Path) -> None:
    before = {place: text for place, text in texts(folder).items() if not place.startswith(".upstep/lock")}
    would = forgotten(folder, "contact", PERSON, dry_run=True)
    after = {place: text for place, text in texts(folder).items() if place in before}
    assert after == before
    did = forgotten(folder, "contact", PERSON)
    assert {p for p in would.places if p.place != "state: audit"} == {
        p for p in did.places if p.place != "state: audit"
    }


def test_a_later_load_keeps_them_out(folder: Path, planted_once: Path) -> None:
    forgotten(folder, "contact", PERSON)
    shutil.copytree(planted_once.with_name(planted_once.name + "-data"), folder / "data")
    more = folder / "data" / "usage.csv"
    more.write_text(SOURCES["usage"] + f"e9,{ACCOUNT},emails,2026-01-08T10:00:00Z,3,{PERSON},\n", encoding="utf-8")
    load(folder, now=AT + timedelta(days=2), through=AT)
    assert [row[0] for row in rows(folder, "contact", "contact_id")] == ["p2", "p3"]
    assert ("e9", 3, None) in rows(folder, "usage", "event_id, quantity, contact_key")
    found = {place: text for place, text in texts(folder).items() if place.startswith(".upstep/facts")}
    assert speaking(found, PERSON) == set()


def test_an_account_goes_with_its_people_and_what_was_billed_keeps_ids(folder: Path, planted_once: Path) -> None:
    done = forgotten(folder, "account", ACCOUNT)
    found = texts(folder)
    exempt = {"state.tombstone", "state.api_key", "state.signing_key", "state.provider_cursor"}
    left = speaking(found, ACCOUNT, PERSON, "qfirm works", "qmarker") - exempt
    assert left == {"state.quote", "state.billing_intent", "state.billing_attempt"}
    assert "state: quote" in {place.place for place in done.places if place.what == "kept"}
    shutil.copytree(planted_once.with_name(planted_once.name + "-data"), folder / "data")
    load(folder, now=AT + timedelta(days=2), through=AT)
    facts = {place: text for place, text in texts(folder).items() if place.startswith(".upstep/facts")}
    assert speaking(facts, ACCOUNT, PERSON) == set()
    assert any("Beta" in text for text in facts.values())


def test_sources_of_ones_own_are_named_and_left(folder: Path, planted_once: Path) -> None:
    shutil.copytree(planted_once.with_name(planted_once.name + "-data"), folder / "data")
    done = forgotten(folder, "contact", PERSON)
    (kept,) = [place for place in done.places if place.place == "files: data/"]
    assert "contact.csv" in kept.why
    assert (folder / "data" / "contact.csv").exists()


def test_short_names_and_numbers_are_not_looked_for_inside_other_words() -> None:
    who = mentions(["7", "ann"], ["Ann", "Zoë Berg"])
    assert who.scrub({"seats": "7", "text": "annual plan for 7 people"}) == {
        "seats": "(forgotten)",
        "text": "annual plan for 7 people",
    }
    assert who.scrub(json.dumps({"by": "Zoë Berg"})) == '{"by": "(forgotten)"}'
