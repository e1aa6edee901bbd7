"""Dedup and roll-ups against a model that anyone can check by eye."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tables.project import Project
from upstep.clock import from_seconds, iso, to_seconds
from upstep.tables import rollup, usage
from upstep.tables.query import DuckEngine

_START = to_seconds(datetime(2026, 1, 30, tzinfo=UTC))  # So that three days cross the end of a month.
_DAY = 86_400
_ACCOUNTS = "account_id,name,created_at\nacme,Acme,2026-01-01\nbeta,Beta,2026-01-01\n"


@dataclass(frozen=True, order=True)
class _Event:
    at: int
    account: str
    meter: str
    quantity: int
    contact: str
    id: str

    def line(self) -> str:
        return f"{self.id},{self.account},{self.meter},{iso(from_seconds(self.at))},{self.quantity},{self.contact}"


_EVENTS = st.builds(
    _Event,
    id=st.sampled_from("abcd"),
    account=st.sampled_from(["acme", "beta"]),
    meter=st.sampled_from(["emails", "seats"]),
    at=st.integers(_START, _START + 3 * _DAY - 1),
    quantity=st.one_of(st.integers(0, 9), st.just(10**15)),
    contact=st.sampled_from(["x", "y"]),
)


def _kept(loads: Iterable[list[_Event]]) -> list[_Event]:
    """One event per id and UTC day: of one load the earliest, and what is stored before what comes."""
    kept: dict[tuple[str, int], _Event] = {}
    for events in loads:
        for event in sorted(events):
            kept.setdefault((event.id, event.at // _DAY), event)
    return list(kept.values())


def _by_day(events: list[_Event]) -> dict[tuple[str, str, int], tuple[int, int, int, int]]:
    days: dict[tuple[str, str, int], list[_Event]] = {}
    for event in events:
        days.setdefault((event.account, event.meter, event.at // _DAY), []).append(event)
    return {
        key: (
            sum(event.quantity for event in found),
            len(found),
            max(event.quantity for event in found),
            max(found, key=lambda event: (event.at, event.quantity)).quantity,
        )
        for key, found in days.items()
    }


def _by_contact(events: list[_Event]) -> dict[tuple[str, str, str, int], int]:
    masks: dict[tuple[str, str, str, int], int] = {}
    for event in events:
        day = from_seconds(event.at)
        key = (event.account, event.meter, event.contact, day.year * 12 + day.month - 1)
        masks[key] = masks.get(key, 0) | 1 << (day.day - 1)
    return masks


_NAMES = "JOIN account_key USING (account_key) JOIN meter_key USING (meter_key)"


@pytest.mark.slow
@settings(max_examples=8)
@given(
    loads=st.lists(st.lists(_EVENTS, min_size=1, max_size=8), min_size=1, max_size=3),
    as_of=st.integers(_START - 1, _START + 3 * _DAY),
    is_bulk=st.booleans(),
    slice_rows=st.sampled_from([1, 5, 1000]),
)
def test_dedup_and_roll_ups_are_those_of_the_model_however_the_events_come(
    loads: list[list[_Event]],
    as_of: int,
    *,
    is_bulk: bool,
    slice_rows: int,
) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(usage, "BULK_ROWS", 0 if is_bulk else 1000)
        patch.setattr(usage, "SLICE_ROWS", slice_rows)
        patch.setattr(rollup, "BUCKETS", 2)
        project = Project(Path(folder))
        project.write("data/account.csv", _ACCOUNTS)
        through = from_seconds(_START + 3 * _DAY)
        for number, events in enumerate(loads):
            lines = "".join(event.line() + "\n" for event in events)
            project.write(
                f"data/usage.{number}.csv", f"event_id,account_id,meter_id,occurred_at,quantity,contact_id\n{lines}"
            )
            project.load(now=through)
        expected = [event for event in _kept(loads) if event.at <= as_of]

        engine = DuckEngine(threads=1)
        project.open(engine, as_of=from_seconds(as_of))
        fetch = engine.connection.execute
        days = fetch(
            f"SELECT account_id, meter_id, day, quantity, events, quantity_max, quantity_latest FROM usage_day {_NAMES}"
        ).fetchall()
        assert {tuple(row[:3]): tuple(row[3:]) for row in days} == _by_day(expected)
        assert len(days) == len(_by_day(expected))
        contacts = fetch(
            f"SELECT account_id, meter_id, contact_id, month, day_mask FROM usage_contact {_NAMES}"
            " JOIN contact_key USING (contact_key)"
        ).fetchall()
        assert {tuple(row[:4]): row[4] for row in contacts} == _by_contact(expected)
        assert len(contacts) == len(_by_contact(expected))
        raw = fetch(
            f"SELECT occurred_at, account_id, meter_id, quantity FROM usage_raw {_NAMES} ORDER BY ALL"
        ).fetchall()
        assert raw == sorted((event.at, event.account, event.meter, event.quantity) for event in expected)


@pytest.mark.slow
def test_what_is_recent_is_folded_in_when_much_has_gathered_and_the_sums_stay(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rollup, "RECENT_FILES_MOST", 0)
    project.write("data/account.csv", _ACCOUNTS)
    head = "event_id,account_id,meter_id,occurred_at,quantity,contact_id\n"
    project.write("data/usage.1.csv", head + "a,acme,emails,2026-01-30T01:00:00Z,3,x\n")
    project.load()
    assert not (project.folder / ".upstep/facts/usage_day").exists()
    project.write("data/usage.2.csv", head + "b,acme,emails,2026-01-30T02:00:00Z,4,x\nc,beta,emails,2026-01-31,1,y\n")
    project.load()
    query = f"SELECT account_id, quantity, events, quantity_latest FROM usage_day {_NAMES} ORDER BY 1"
    assert project.rows(query) == [("acme", 7, 2, 4), ("beta", 1, 1, 1)]
    engine = DuckEngine(threads=1)
    snapshot = project.open(engine).snapshot
    assert (snapshot.files("usage_day_recent"), len(snapshot.files("usage_day"))) == ([], 2)
    assert (snapshot.files("usage_contact_recent"), len(snapshot.files("usage_contact"))) == ([], 2)
    project.write("data/usage.3.csv", head + "d,acme,emails,2026-01-30T03:00:00Z,5,x\n")
    project.load()
    assert project.rows(query) == [("acme", 12, 3, 5), ("beta", 1, 1, 1)]
