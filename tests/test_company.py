"""The company that tests build stands for one that was loaded: the same core tables, whichever way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from tests.company import Company, account, company, contact, fx, goal, item, moment, seat, ticket, usage
from upstep.clock import from_day, from_seconds, iso, parse_instant
from upstep.tables.facts import open_facts
from upstep.tables.load import load
from upstep.tables.query import CORE_TABLES, DuckEngine
from upstep.tables.schema import TABLES, Kind

AS_OF = "2026-03-20T12:00:00"


def written(given: Company, folder: Path) -> None:
    """The rows as files of a project folder."""
    (folder / "data").mkdir()
    for name in ("catalog.yaml", "upstep.yaml"):
        (folder / name).write_text((given.project.folder / name).read_text())
    for name, rows in given.canonical.items():
        kinds = {column.name: column.kind for column in TABLES[name].columns}
        lines = [json.dumps({key: as_file(value, kinds[key]) for key, value in row.items()}) for row in rows]
        if lines:
            (folder / "data" / f"{name}.jsonl").write_text("\n".join(lines) + "\n")


def as_file(value: Any, kind: Kind) -> Any:
    if value is not None and kind is Kind.INSTANT:
        return iso(from_seconds(value))
    if value is not None and kind is Kind.DATE:
        return from_day(value).isoformat()
    return value.split("\n") if value is not None and kind is Kind.WORDS else value


def named(tables: dict[str, pa.Table], keys: dict[str, dict[int, str]]) -> dict[str, list[str]]:
    """Rows as text with ids in place of keys, sorted: the numbers themselves are each side's own."""
    return {
        name: sorted(
            repr({key: keys[key].get(value, value) if key in keys else value for key, value in row.items()})
            for row in rows.to_pylist()
        )
        for name, rows in tables.items()
    }


def ids(engine: DuckEngine) -> dict[str, dict[int, str]]:
    found = {}
    for name in ("account", "meter", "contact"):
        rows = engine.connection.execute(f"SELECT {name}_key, {name}_id FROM {name}_key").fetchall()
        found[f"{name}_key"] = dict(rows)
    return found


@pytest.fixture
def given() -> Company:
    return company(
        account("ü", time_zone="Asia/Kathmandu", employees=5),
        item("ü", "pro", since="2026-01-31T13:37:11"),
        item("a2", "free", since="2025-02-01", until="2026-02-01"),
        item("a2", "scale", since="2026-02-01"),
        item("a2", "pro", since="2026-03-21", subscription="later"),
        usage("ü", "emails", {"2026-03-20T11:59:59": 5, AS_OF: 7, "2026-03-20T12:00:01": 9}, contact="ann"),
        usage("ü", "storage", {"2026-03-01T01:00:00": 9, "2026-03-01T02:00:00": 4, "2026-03-01T00:00:00": 30}),
        usage("a2", "emails", 5_000, since="2026-01-30", until="2026-03-22", contact="bob"),
        ticket("a2", at="2026-03-19"), ticket("a2", at="2026-03-21"),
        seat("a2", contact_id="bob"), contact("a2", contact_id="bob", consents=("news", "service")),
        goal("a2", advances=("scale", "audience")), moment("ü", "hire"), moment("ü", "hire", at="2026-03-21"),
        fx("eur", "usd", "1.10", on="2026-03-20"), fx("eur", "usd", "1.20", on="2026-03-21"),
        as_of=AS_OF,
    )  # fmt: skip


@pytest.mark.slow
def test_the_core_tables_of_a_test_are_those_that_loading_gives(given: Company, tmp_path: Path) -> None:
    written(given, tmp_path)
    now = parse_instant("2026-03-22")
    report = load(tmp_path, now=now, through=now, known=given.project.known_ids)
    assert report.fault_count == 0
    loaded, built = DuckEngine(threads=1), DuckEngine(threads=1)
    open_facts(tmp_path, loaded, as_of=given.as_of)
    given.load_into(built)
    ours, theirs = (
        named({name: engine.read(name) for name in CORE_TABLES if name != "contact_key"}, ids(engine))
        for engine in (built, loaded)
    )
    assert ours == theirs


def test_a_column_that_does_not_exist_is_refused() -> None:
    with pytest.raises(AssertionError, match="has no column \\['colour'\\]"):
        _ = company(account("a1", colour="red")).tables


def test_a_key_that_stands_twice_is_refused() -> None:
    with pytest.raises(AssertionError, match="table account repeats"):
        _ = company(account("a1"), account("a1")).tables
