"""upstep reply, holds, consent, and deliver for what is parked."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cli.conftest import Upstep
from tests.cli.schemas import faults
from tests.contracts.test_channels import MESSAGE
from upstep import clock
from upstep.delivery.channel import Message, SendResult
from upstep.delivery.outbox import queue
from upstep.delivery.sender import Run, send_waiting
from upstep.engine.project import Project, open_project_state
from upstep.errors import MaybeSentError
from upstep.state.consents import consents_of
from upstep.state.session import reading, writing

REPLY = ("reply", "lumenbrook", "--contact", "ann", "--because", "asked for a call")
NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)


def test_a_reply_holds_the_account_once_until_somebody_lifts_it(upstep: Upstep, project: Path) -> None:
    place = ("--project", project)
    first = upstep(*REPLY, *place)
    again = upstep(*REPLY, *place)
    assert (first.code, "That was so already." in first.out, "That was so already." in again.out) == (0, False, True)

    told = json.loads(upstep("holds", "list", "--json", *place).out)
    assert faults(told, "holds-list") == []
    (held,) = told["holds"]
    assert (held["account_id"], held["contact_id"], held["kind"]) == ("lumenbrook-software", None, "reply")
    assert held["why"] == "ann: asked for a call"

    lifted = json.loads(upstep("holds", "lift", str(held["hold_id"]), "--json", *place).out)
    assert (faults(lifted, "holds-lift"), lifted["lifted"]) == ([], True)
    assert "That one stood no more." in upstep("holds", "lift", str(held["hold_id"]), *place).out
    assert "Nobody is held." in upstep("holds", "list", *place).out


@pytest.mark.slow
def test_a_hold_without_an_end_stands_until_it_is_lifted(upstep: Upstep, project: Path) -> None:
    upstep(*REPLY, "--project", project)
    bare, listed = upstep("holds", "--project", project), upstep("holds", "list", "--project", project)
    assert (bare.code, bare.out) == (0, listed.out)
    assert "it is lifted" in listed.out


def test_a_reply_shows_in_the_decisions_of_its_account(upstep: Upstep, project: Path) -> None:
    place = ("--account", "lumenbrook", "--json", "--project", project)
    upstep(*REPLY, "--project", project)
    decided = json.loads(upstep("decide", *place).out)["decisions"]
    held = {row["outcome"] for row in decided if "contact_hold" in {hold["gate"] for hold in row["holds"]}}
    assert held
    assert held <= {"held", "unfit"}


def test_a_hold_needs_a_reason_and_a_known_account(upstep: Upstep, project: Path) -> None:
    ran = upstep("holds", "add", "lumenbrook", "--project", project)
    assert (ran.code, "--because: is missing" in ran.err) == (2, True)
    assert upstep("holds", "lift", "99", "--project", project).code == 2


def test_a_dry_run_holds_nothing_and_json_is_as_its_schema_says(upstep: Upstep, project: Path) -> None:
    words = (
        "holds",
        "add",
        "lumenbrook",
        "--because",
        "legal",
        "--until",
        "2999-01-01",
        "--json",
        "--project",
        project,
    )
    assert faults(json.loads(upstep(*words, "--dry-run").out), "holds-add") == []
    assert "Nobody is held." in upstep("holds", "list", "--project", project).out
    assert json.loads(upstep(*words).out)["recorded"] is True
    assert faults(json.loads(upstep(*REPLY, "--json", "--project", project).out), "reply") == []


def test_a_word_on_being_written_to_is_kept_once(upstep: Upstep, project: Path) -> None:
    words = ("consent", "ann", "sales", "no", "--source", "told support", "--project", project)
    told = json.loads(upstep(*words, "--json").out)
    assert (faults(told, "consent"), told["recorded"]) == ([], True)
    assert "That was their word already." in upstep(*words).out
    engine = open_project_state(Project(project))
    with reading(engine) as connection:
        assert consents_of(connection, ["ann"], now=clock.now()) == {"ann": {"sales": False}}
    wrong = upstep("consent", "ann", "marketing", "maybe", "--project", project)
    assert wrong.code == 2
    assert all(part in wrong.err for part in ("PURPOSE", "ANSWER", "--source"))


class Unsure:
    name = "email"
    is_idempotent = False

    def send(self, message: Message) -> SendResult:
        raise MaybeSentError(f"no answer about {message.recipient}")


def test_what_is_parked_is_listed_and_tried_again(upstep: Upstep, project: Path) -> None:
    engine = open_project_state(Project(project))
    with writing(engine) as connection:
        queue(connection, MESSAGE, now=NOW)
    send_waiting(Run(engine, {"email": Unsure()}, lambda *_: {}, lambda: NOW))

    told = json.loads(upstep("deliver", "--parked", "--json", "--project", project).out)
    assert faults(told, "deliver-parked") == []
    (one,) = told["parked"]
    assert (one["may_have_left"], one["recipient"]) == (True, "ann")
    assert "may have left" in upstep("deliver", "--parked", "--project", project).out

    ran = upstep("deliver", "--retry", str(one["message_id"]), "--at", "2026-11-20T09:00:01Z", "--project", project)
    assert ran.code == 0
    assert "No message is parked." in upstep("deliver", "--parked", "--project", project).out
    assert upstep("deliver", "--retry", "99", "--project", project).code == 2
