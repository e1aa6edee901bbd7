"""Answers, once-keys and audit lines: given twice is given once, and nothing is forgotten."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from upstep.state import tables
from upstep.state.answers import Answer, Said, answers, record_answer
from upstep.state.audit import note
from upstep.state.once import OnceKey, free, is_taken, take, take_many
from upstep.state.session import open_state, reading, writing

AT = datetime(2026, 11, 1, 9, 30, tzinfo=UTC)
CLEAR = Answer("acme", "payment_trouble", Said.CLEAR, "paid by cheque", None, AT, "ann")


@pytest.fixture
def engine(tmp_path: Path) -> sa.Engine:
    return open_state(tmp_path / "state.db")


def given(engine: sa.Engine, *wanted: Answer) -> list[bool]:
    with writing(engine) as connection:
        return [record_answer(connection, answer) for answer in wanted]


def standing(engine: sa.Engine, at: datetime = AT) -> list[Answer]:
    with reading(engine) as connection:
        return answers(connection, at=at)


def test_an_answer_stands_from_when_it_was_given(engine: sa.Engine) -> None:
    assert given(engine, CLEAR) == [True]
    assert standing(engine) == [CLEAR]
    assert standing(engine, AT - timedelta(seconds=1)) == []


def test_the_same_answer_again_changes_nothing(engine: sa.Engine) -> None:
    assert given(engine, CLEAR, replace(CLEAR, recorded_at=AT + timedelta(days=1))) == [True, False]


def test_the_latest_answer_counts_and_the_past_keeps_the_earlier_one(engine: sa.Engine) -> None:
    later = replace(CLEAR, answer=Said.HOLDS, because="it bounced", recorded_at=AT + timedelta(days=1))
    given(engine, CLEAR, later)
    assert standing(engine) == [CLEAR]
    assert standing(engine, AT + timedelta(days=1)) == [later]


def test_an_answer_lapses_and_does_not_bring_an_older_one_back(engine: sa.Engine) -> None:
    brief = replace(CLEAR, because="a month", recorded_at=AT + timedelta(days=1), until=AT + timedelta(days=31))
    given(engine, CLEAR, brief)
    assert standing(engine, AT + timedelta(days=30)) == [brief]
    assert standing(engine, AT + timedelta(days=31)) == []


def test_a_second_answer_within_the_second_replaces_the_first(engine: sa.Engine) -> None:
    other = replace(CLEAR, answer=Said.HOLDS)
    assert given(engine, CLEAR, other) == [True, True]
    assert standing(engine) == [other]


def test_answers_of_other_accounts_and_gates_stand_beside_it(engine: sa.Engine) -> None:
    given(engine, CLEAR, replace(CLEAR, gate="open_issue"), replace(CLEAR, account_id="globex"))
    assert len(standing(engine)) == 3


def test_a_once_key_is_free_once_and_a_new_limit_is_a_new_key(engine: sa.Engine) -> None:
    key = OnceKey("acme", "emails", "50000 of pro", 80, AT)
    with writing(engine) as connection:
        assert not is_taken(connection, key)
        assert [take(connection, key, at=AT), take(connection, key, at=AT)] == [True, False]
        assert is_taken(connection, key)
        assert take(connection, replace(key, basis="100000 of scale"), at=AT)
        assert take(connection, replace(key, period_start=AT + timedelta(days=30)), at=AT)


def test_of_many_once_keys_those_are_taken_that_were_free_each_once(engine: sa.Engine) -> None:
    keys = [OnceKey("acme", "emails", "50000 of pro", share, AT) for share in (80, 90, 100)]
    other = replace(keys[0], account_id="globex", period_start=AT + timedelta(days=30))
    with writing(engine) as connection:
        take(connection, keys[1], at=AT)
        assert free(connection, [*keys, other]) == [keys[0], keys[2], other]
        assert take_many(connection, dict.fromkeys([*keys, other], "a run"), at=AT) == {keys[0], keys[2], other}
        assert take_many(connection, dict.fromkeys([*keys, other]), at=AT) == set()
        assert free(connection, [*keys, other]) == []


def test_an_audit_line_says_who_did_what_to_whom(engine: sa.Engine) -> None:
    with writing(engine) as connection:
        note(connection, "confirm", subject="acme", who="ann", at=AT, details={"gate": "open_issue"})
    with reading(engine) as connection:
        row = connection.execute(sa.select(tables.audit)).one()
    assert (row.what, row.subject, row.who, row.happened_at, row.details) == (
        "confirm",
        "acme",
        "ann",
        AT,
        {"gate": "open_issue"},
    )
