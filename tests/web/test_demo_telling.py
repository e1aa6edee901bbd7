"""What the demo says happened: in plain words, newest first, and always in the same order."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from upstep.engine.measuring.happened import Happened, newest_first
from upstep.engine.project import Project
from upstep.web.demo.company import LIMIT
from upstep.web.demo.telling import Telling, usage

NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)
NAMES = {"ann": "Ann Lee", "bob": "Bob Ray", "upstep": "upstep"}


def offer(what: str, who: str = "ann", said: str = "", *, after: int = 0, **of: Any) -> Happened:
    return Happened(NOON + timedelta(seconds=after), f"offer.{what}", (who,), said, {"offer_id": "o1", **of})


def message(what: str, *who: str, purpose: str = "notice", channel: str = "in_app", after: int = 0) -> Happened:
    of = {"purpose": purpose, "channel": channel, "offer_id": "o1"}
    return Happened(NOON + timedelta(seconds=after), f"message.{what}", who, "80% of your limit", of)


@pytest.fixture
def telling(tmp_path: Path) -> Telling:
    (tmp_path / "upstep.yaml").write_text("version: 1\ncompany: Testco\ncurrency: usd\n")
    return Telling(Project(tmp_path), sa.create_engine("sqlite://"), lambda one: NAMES.get(one, one))


def test_what_is_of_one_second_stands_in_the_order_in_which_one_leads_to_the_other() -> None:
    found = [
        usage(NOON, 700, 8_000, number=1),
        offer("open", "upstep"),
        message("sent", "ann", "bob", purpose="sales", channel="email"),
        message("seen", "ann"),
        offer("clicked"),
        offer("accepted"),
        offer("converted", "upstep"),
    ]
    expected = [each.what for each in reversed(found)]
    for order in itertools.islice(itertools.permutations(found), 0, 5_040, 97):
        assert [each.what for each in newest_first(order)] == expected


def test_each_thing_is_a_sentence_and_nothing_of_the_inside(telling: Telling) -> None:
    told = telling.lines(
        [
            usage(NOON, 7_300, 7_300, number=0),
            usage(NOON + timedelta(seconds=1), 700, 8_000, number=1),
            message("sent", "ann", "bob", after=2),
            message("seen", "ann", after=3),
            message("dismissed", "ann", after=4),
            offer("open", "upstep", "limit_approaching was eligible", after=5),
            offer("shown", "upstep", "sent", after=6),
            offer("yes", result="declined", after=7),
            offer("declined", said="said not now", after=8),
            Happened(NOON + timedelta(seconds=9), "consent", ("link",), "", {"subject": "bob", "is_given": False}),
            Happened(NOON + timedelta(seconds=10), "key made", ("demo",)),
        ]
    )
    assert [one["title"] for one in reversed(told)] == [
        "7,300 e-mails were sent before you came",
        "700 e-mails sent",
        "Notice in the app: “80% of your limit”",
        "Ann Lee saw the notice",
        "Ann Lee closed the notice",
        "Upstep opened an offer: a next step",
        "The card was declined",
        "Ann Lee said “not now”",
        "Bob Ray unsubscribed",
    ]
    assert told[-2]["more"] == f"8,000 this month, 80% of {LIMIT:,}."
    assert told[-3]["more"] == "for Ann Lee and Bob Ray"
    inside = ("_", "plan:", "message.", "offer.", "of_", "ann", "bob")
    assert not [word for one in told for word in inside if word in one["title"] + one["more"]]


def test_a_prompt_that_was_answered_within_its_second_is_not_said_to_be_seen_after(telling: Telling) -> None:
    told = telling.lines(
        [offer("clicked", after=1), message("seen", "ann", purpose="sales", after=2), message("seen", "bob", after=2)]
    )
    assert [one["title"] for one in told] == ["Bob Ray saw the notice", "Ann Lee looked at a next step"]
