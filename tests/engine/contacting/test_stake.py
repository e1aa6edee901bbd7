"""Who has a stake: in the original purchase, a user within 90 days, or asked for it; unknown where nothing tells."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tables.project import NOW
from tests.tables.project import Project as Folder
from upstep.engine.contacting.people import people, publish_people
from upstep.engine.project import Project
from upstep.state import tables
from upstep.state.session import open_state, reading

HEAD = "contact_id,account_id,name,in_original_purchase,created_at\n"
USED = "event_id,account_id,meter_id,occurred_at,quantity,contact_id\n"


def stakes(folder: Path, contacts: str, **more: str) -> dict[str, bool | None]:
    """What is published of each person's stake, of a company with these tables."""
    shop = Folder(folder)
    shop.write_all()
    shop.write("data/contact.csv", HEAD + contacts)
    for name, text in more.items():
        shop.write(f"data/{name}.csv", text)
    shop.load()
    found = people(Project(folder), as_of=NOW)
    assert people(Project(folder), as_of=NOW, accounts=["a1"]) == found
    return {contact_id: row["has_stake"] for contact_id, row in found.items()}


NOBODY = "ann,a1,Ann,false,2026-01-01\n"
TICKETS = "ticket_id,account_id,opened_at,kind,contact_id\nt1,a1,2026-01-20,"
MOMENTS = "moment_id,account_id,kind,occurred_at,contact_id\nm1,a1,"
SEATS = "seat_id,account_id,product_id,contact_id,assigned_at,removed_at\ns1,a1,sending,ann,"
OLD = USED + "e1,a1,emails,2025-11-12T23:00:00Z,5,ann\n"


def test_who_was_in_the_original_purchase_has_a_stake_and_of_whom_nothing_is_known_nobody_says(tmp_path: Path) -> None:
    contacts = "ann,a1,Ann,true,2026-01-01\nbob,a1,Bob,,2026-01-01\neve,a1,Eve,false,2026-01-01\n"
    # Eve did not buy, and her use is known; whether she asked is not, for no ticket and no moment is connected.
    assert stakes(tmp_path, contacts) == {"ann": True, "bob": None, "eve": None}


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, None),
        ({"ticket": TICKETS + "question,ann\n"}, False),
        ({"ticket": TICKETS + "feature_request,ann\n"}, True),
        ({"ticket": TICKETS + "feature_request,someone\n"}, False),
        (
            {"moment": "moment_id,account_id,kind,occurred_at,contact_id\nm1,a1,pricing_page_viewed,2026-01-20,ann\n"},
            True,
        ),
        ({"moment": "moment_id,account_id,kind,occurred_at,contact_id\nm1,a1,onboarded,2026-01-20,ann\n"}, False),
        ({"ticket": TICKETS + "question,ann\n", "usage": USED + "e1,a1,emails,2025-11-13T00:00:00Z,5,ann\n"}, True),
        ({"ticket": TICKETS + "question,ann\n", "usage": OLD}, False),
        ({"ticket": TICKETS + "question,ann\n", "usage": USED + "e1,a1,emails,2026-01-05T10:00:00Z,5,\n"}, None),
        ({"seat": SEATS + "2025-01-01,\n"}, True),
        ({"ticket": TICKETS + "question,ann\n", "seat": SEATS + "2025-01-01,2025-11-01\n"}, False),
    ],
    ids=[
        *("nothing tells of asking", "asked a question", "asked for a feature", "another asked", "looked at prices"),
        *("was onboarded", "used it 89 days ago", "used it 90 days ago", "use names nobody", "holds a seat"),
        "held a seat long ago",
    ],
)
def test_a_user_within_ninety_days_or_who_asked_has_a_stake(
    tmp_path: Path,
    more: dict[str, str],
    expected: bool | None,  # noqa: FBT001
) -> None:
    assert stakes(tmp_path, NOBODY, **more) == {"ann": expected}


def test_who_did_not_say_whether_they_bought_is_never_said_to_have_none(tmp_path: Path) -> None:
    assert stakes(tmp_path, "bob,a1,Bob,,2026-01-01\n", ticket=TICKETS + "question,bob\n") == {"bob": None}


def test_it_is_published_by_key_and_changes_with_the_facts(tmp_path: Path) -> None:
    stakes(tmp_path, NOBODY, ticket=TICKETS + "question,ann\n")
    state = open_state(tmp_path / "state.db")
    project = Project(tmp_path)

    def kept() -> list[bool | None]:
        with reading(state) as connection:
            return [row.has_stake for row in connection.execute(tables.contact_fact.select())]

    assert (publish_people(project, state, as_of=NOW), kept()) == (1, [False])
    assert publish_people(project, state, as_of=NOW) == 0
    folder = Folder.__new__(Folder)
    folder.folder = tmp_path
    folder.write("data/ticket.csv", TICKETS + "feature_request,ann\n")
    folder.load()
    assert (publish_people(project, state, as_of=NOW, accounts=["a1"]), kept()) == (1, [True])
