"""The inbox: what is acknowledged stays, counts once, and leaves in the order in which it came."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from upstep.errors import OutsideError
from upstep.state.inbox import Added, Inbox, Outcome, Parked, Received, Refused, Unknown, open_inbox


def event(key: str, body: bytes = b"{}", at: int = 100) -> Received:
    return Received(key, "track", at, at, body)


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Inbox]:
    inbox = open_inbox(tmp_path / "inbox.db")
    yield inbox
    inbox.close()


def test_an_event_counts_once(inbox: Inbox) -> None:
    assert inbox.add([event("a"), event("b"), event("a")]) == Added(2, 1)
    assert inbox.add([event("b"), event("c")]) == Added(1, 1)
    assert [one.message_id for one in inbox.take()] == ["a", "b", "c"]


def test_nothing_is_added_by_nothing(inbox: Inbox) -> None:
    assert inbox.add([]) == Added(0, 0)
    assert (inbox.depth(), inbox.take(), inbox.oldest(), inbox.position()) == (0, [], None, 0)


def test_what_is_done_is_not_taken_again(inbox: Inbox) -> None:
    inbox.add([event(key) for key in "abcd"])
    first = inbox.take(2)
    assert inbox.done(first[-1].seq, after=0, now=200)
    assert (inbox.depth(), [one.message_id for one in inbox.take()]) == (2, ["c", "d"])


def test_who_comes_second_notes_nothing(inbox: Inbox) -> None:
    inbox.add([event("a")])
    count = Outcome(unknown=[Unknown("Odd", 1, 100, 100, "{}")])
    assert inbox.done(1, after=0, outcome=count, now=200)
    assert not inbox.done(1, after=0, outcome=count, now=200)
    assert [one.events for one in inbox.unknown()] == [1]


def test_counts_of_unknown_names_add_up(inbox: Inbox) -> None:
    for after, at in enumerate((100, 50, 300)):
        inbox.add([event(f"{at}")])
        one = Unknown("Odd", 2, at, at, f"{at}")
        assert inbox.done(after + 1, after=after, outcome=Outcome(unknown=[one]), now=300)
    assert inbox.unknown() == [Unknown("Odd", 6, 50, 300, "100")]


def test_parked_events_wait_for_their_person(inbox: Inbox) -> None:
    inbox.add([event("a"), event("b")])
    a, b = inbox.take()
    inbox.done(2, after=0, outcome=Outcome([Parked(a, "no_account", "who?", "u1"), Parked(b, "future", "late")]), now=1)
    assert inbox.parked_counts() == {"future": 1, "no_account": 1}
    assert [one.event.message_id for one in inbox.parked(persons=["u1"])] == ["a"]
    inbox.done(2, after=2, outcome=Outcome(released=["a"]), now=2)
    assert inbox.parked_counts() == {"future": 1}


def test_what_was_told_is_replaced_by_key(inbox: Inbox) -> None:
    for name in ("Ann", "Anna"):
        inbox.done(0, after=0, outcome=Outcome(told={("contact", "c1"): {"name": name}}), now=1)
    assert inbox.told("contact", ["c1", "c2"]) == inbox.told("contact") == {"c1": {"name": "Anna"}}
    assert inbox.told("account") == {}


def test_only_what_is_done_and_old_is_removed(inbox: Inbox) -> None:
    inbox.add([event("a", at=10), event("b", at=20), event("c", at=10)])
    inbox.done(2, after=0, now=30)
    assert inbox.remove_done(before=20) == 1
    assert [one.message_id for one in inbox.take()] == ["c"]
    # A number is not given twice: the mark of what is done would pass over it.
    inbox.done(3, after=2, now=30)
    inbox.remove_done(before=1_000)
    inbox.add([event("d")])
    assert [one.message_id for one in inbox.take()] == ["d"]


def test_large_events_are_taken_some_at_a_time(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("upstep.state.inbox._TAKE_BYTES", 1_000)
    inbox.add([event(key, b"x" * 600) for key in "abcd"])
    assert [one.message_id for one in inbox.take()] == ["a", "b"]


def test_events_of_parked_are_made_to_wait_again(inbox: Inbox) -> None:
    inbox.add([event("a"), event("b"), event("c")])
    a, _, _ = inbox.take()
    inbox.done(3, after=0, outcome=Outcome([Parked(a, "future", "late")]), now=1)
    assert inbox.again(lambda one: one.message_id == "b") == 2
    assert (inbox.parked(), sorted(one.message_id for one in inbox.take())) == ([], ["a", "b"])


def test_many_threads_share_commits_and_each_learns_its_own_count(inbox: Inbox) -> None:
    asked = [[event(f"{n}"), event("same")] for n in range(200)]
    with ThreadPoolExecutor(16) as pool:
        added = list(pool.map(inbox.add, asked))
    assert sum(one.accepted for one in added) == inbox.depth() == 201
    assert all(one.accepted + one.repeated == 2 for one in added)


def test_an_event_that_cannot_be_kept_does_not_hurt_the_others(inbox: Inbox) -> None:
    bad = Received("bad", "track", 100, 100, None)  # type: ignore[arg-type]
    futures = [inbox.submit([one]) for one in (event("a"), bad, event("b"))]
    assert [futures[0].result(), futures[2].result()] == [Added(1, 0), Added(1, 0)]
    assert futures[1].exception() is not None
    assert {one.message_id for one in inbox.take()} == {"a", "b"}


@pytest.mark.sqlite
def test_a_full_disk_is_told_and_nothing_is_acknowledged(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path / "inbox.db")
    if inbox._engine.dialect.name != "sqlite":
        pytest.skip("a server's disk is not ours to fill")

    @sa.event.listens_for(inbox._engine, "connect")
    def small(connection: object, _record: object) -> None:
        connection.execute("PRAGMA max_page_count=30")  # type: ignore[attr-defined]

    inbox._engine.dispose()
    added = [inbox.submit([event(f"{n}", b"x" * 20_000)]) for n in range(20)]
    errors = [future.exception() for future in added]
    assert any(errors)
    assert all(isinstance(error, OutsideError) for error in errors if error)
    assert inbox.depth() == errors.count(None)
    inbox.close()


def test_closing_writes_what_was_handed_in(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path / "inbox.db")
    futures = [inbox.submit([event(f"{n}")]) for n in range(50)]
    inbox.close()
    assert all(future.done() for future in futures)
    again = open_inbox(tmp_path / "inbox.db")
    assert again.depth() == 50
    again.close()


def test_who_goes_away_before_the_answer_stops_nobody(inbox: Inbox) -> None:
    for number in range(50):
        inbox.submit([event(f"gone {number}")]).cancel()
    assert inbox.add([event("here")]) == Added(1, 0)


@pytest.mark.sqlite  # tests/state/test_postgres.py has its own
def test_an_inbox_of_an_earlier_form_is_opened_and_its_events_are_of_servers(tmp_path: Path) -> None:
    inbox = open_inbox(tmp_path / "inbox.db")
    inbox.add([event("a")])
    inbox.close()
    with sqlite3.connect(tmp_path / "inbox.db") as old:
        for table in ("inbox_event", "inbox_parked"):
            for column in ("is_public", "proven_account"):
                old.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        old.execute("DROP TABLE inbox_refused")
    for _ in range(2):
        again = open_inbox(tmp_path / "inbox.db")
        again.add([event("b")._replace(is_public=True)])
        assert [(one.message_id, one.is_public) for one in again.take()] == [("a", False), ("b", True)]
        again.close()


def test_counts_of_what_pages_may_not_say_add_up(inbox: Inbox) -> None:
    for after, at in enumerate((100, 50)):
        inbox.add([event(f"{at}")])
        one = Refused("account.owner_id", 2, at, at, f"{at}")
        assert inbox.done(after + 1, after=after, outcome=Outcome(refused=[one]), now=300)
    assert inbox.refused() == [Refused("account.owner_id", 4, 50, 100, "100")]
