"""What a typed priority must say, and how it stands later."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from upstep.errors import SourceError
from upstep.planning.goals import Asked, Goal, Known, Person, add_goals, checked, read_file, remove_goal, standing
from upstep.planning.goals import typed_goals as typed
from upstep.state.session import open_state, writing

NOW = datetime(2026, 11, 20, tzinfo=UTC)
BOSS = Person("boss", "acme", "Omar Hughes", "CFO", None)
BUYER = Person("buyer", "acme", "Elena Okafor", "VP", None)
GONE = Person("gone", "acme", "Theo Shah", "CIO", NOW - timedelta(days=9))
OTHER = Person("other", "globex", "Ava Shah", "CEO", None)
KNOWN = Known({one.contact_id: one for one in (BOSS, BUYER, GONE, OTHER)}, frozenset({"quality", "pro"}))
ASKED = Asked(
    "line 2",
    "acme",
    contact="boss",
    priority="Trust in the claims data",
    source="board call",
    stated_on="2026-11-18",
    advances=("quality",),
    sponsor="buyer",
)


def told(**changed: object) -> str:
    goal, faults = checked(replace(ASKED, **changed), KNOWN, now=NOW)  # type: ignore[arg-type]
    assert goal is None
    return "\n".join(map(str, faults))


def goal() -> Goal:
    found, faults = checked(ASKED, KNOWN, now=NOW)
    assert not faults
    assert found is not None
    return found


def test_a_goal_says_what_whose_where_and_when() -> None:
    found = goal()
    assert (found.contact_id, found.sponsor_contact_id, found.advances) == ("boss", "buyer", ("quality",))
    assert found.stated_at == datetime(2026, 11, 18, tzinfo=UTC)
    assert goal().goal_id == found.goal_id


def test_all_that_is_missing_is_told_at_once() -> None:
    said = told(contact="", priority=" ", source="", stated_on="")
    assert [name for name in ("contact", "priority", "source", "stated_on") if f"{name} is missing" not in said] == []


def test_a_goal_whose_contact_left_is_answered_with_the_day() -> None:
    assert "contact 'gone' left acme on 2026-11-11" in told(contact="gone")
    assert "sponsor 'gone' left acme on 2026-11-11" in told(sponsor="gone")


def test_people_of_another_account_and_unknown_products_are_refused() -> None:
    assert "'other' is no contact of acme. Known there: boss, buyer, gone" in told(contact="other")
    assert "advances 'prow', which the catalog does not sell" in told(advances=("prow",))


def test_reversed_dates_and_days_ahead_are_refused() -> None:
    assert "reversed" in told(review_by="2026-11-01")
    assert "lies ahead" in told(stated_on="2026-11-21")
    assert "'soon' is no ISO date" in told(stated_on="soon")


def test_what_became_of_a_goal_is_told() -> None:
    people = KNOWN.people
    late = standing(replace(goal(), review_at=NOW), people, now=NOW)
    left = standing(replace(goal(), contact_id="gone", sponsor_contact_id="gone"), people, now=NOW)
    alone = standing(replace(goal(), sponsor_contact_id=None), people, now=NOW)

    assert (late.counts, late.has_sponsor, late.told) == (
        True,
        True,
        ("Its review was due by 2026-11-20: ask whether it still holds.",),
    )
    assert (left.counts, left.has_sponsor) == (False, False)
    assert "Theo Shah left on 2026-11-11" in left.told[0]
    assert alone.told == ("It has no sponsor yet: develop one.",)


def test_a_goal_is_kept_once_removed_once_and_stands_in_between(tmp_path: Path) -> None:
    engine = open_state(tmp_path / "state.db")
    with writing(engine) as connection:
        assert add_goals(connection, [goal()], who="ann", at=NOW) == [goal()]
        assert add_goals(connection, [goal()], who="ann", at=NOW) == []
        later = NOW + timedelta(days=1)
        assert remove_goal(connection, goal().goal_id, who="ann", because="dropped", at=later)
        assert not remove_goal(connection, goal().goal_id, who="ann", because="dropped", at=later)
        assert typed(connection, at=NOW) == [goal()]
        assert typed(connection, at=later) == []
        assert typed(connection, at=NOW - timedelta(days=1)) == []


def test_a_goal_that_was_removed_may_be_typed_again(tmp_path: Path) -> None:
    engine = open_state(tmp_path / "state.db")
    with writing(engine) as connection:
        add_goals(connection, [goal()], who="ann", at=NOW)
        remove_goal(connection, goal().goal_id, who="ann", because="dropped", at=NOW)
        assert add_goals(connection, [goal()], who="ann", at=NOW) == [goal()]
        assert typed(connection, at=NOW) == [goal()]


def test_a_file_without_its_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "goals.csv"
    path.write_text("account,contact,prio\nacme,boss,x\n", encoding="utf-8")
    with pytest.raises(SourceError) as refused:
        read_file(path)
    assert [fault.found for fault in refused.value.faults] == [
        "column priority is missing.",
        "column source is missing.",
        "column stated_on is missing.",
        "column prio is not known.",
    ]
    with pytest.raises(SourceError, match="is not here"):
        read_file(tmp_path / "none.csv")
