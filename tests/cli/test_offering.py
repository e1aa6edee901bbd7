"""upstep offers, deliver and apply: one account from its step to the change made, command by command."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Upstep
from tests.cli.schemas import faults

WHEN = ("--at", "2026-11-20T09:30:00Z")


def test_a_step_becomes_an_offer_a_message_and_a_change(upstep: Upstep, project: Path) -> None:
    place = ("--project", project)
    offers = json.loads(upstep("offers", "--account", "lumenbrook", *WHEN, "--json", *place).out)
    sent = json.loads(upstep("deliver", *WHEN, "--json", *place).out)
    offer_id = offers["offers"][0]["offer_id"]
    applied = json.loads(upstep("apply", offer_id, "--by", "ana", *WHEN, "--json", *place).out)
    again = upstep("apply", offer_id, "--by", "ana", *WHEN, *place)

    assert (faults(offers, "offers"), faults(sent, "deliver"), faults(applied, "apply")) == ([], [], [])
    assert {delivery["result"] for delivery in sent["deliveries"]} == {"sent"}
    assert applied["applied"]["amount_minor"] == offers["offers"][0]["quote"]["due_now_minor"]
    assert applied["converted"] == [offer_id]
    assert "MRR of the account: $60.00 -> $115.00 (expansion, upsell)." in again.out


def test_owners_get_their_tasks_and_help_is_offered_without_a_worker_and_once(upstep: Upstep, project: Path) -> None:
    place = ("--project", project, *WHEN)
    dry, plain_dry = upstep("offers", "--dry-run", "--json", *place), upstep("offers", "--dry-run", *place)
    first, again = (json.loads(upstep("offers", "--json", *place).out) for _ in range(2))
    sent = json.loads(upstep("deliver", *WHEN, "--json", "--project", project).out)["deliveries"]

    would = json.loads(dry.out)
    assert [faults(one, "offers") for one in (would, first, again)] == [[], [], []]
    assert (would["tasks"], would["help"], first["would"]) == (0, 0, None)
    assert first["tasks"] == would["would"]["tasks"] > 0
    assert first["help"] == would["would"]["help"] > 0
    assert (again["tasks"], again["help"]) == (0, 0)
    assert f"{first['tasks']} tasks for owners and {first['help']} offer" in plain_dry.out
    assert sum(one["channel"] == "file" and one["recipient"].startswith("owner:") for one in sent) == first["tasks"]


def test_an_offer_that_nobody_opened_is_told(upstep: Upstep, project: Path) -> None:
    ran = upstep("apply", "offer_x", "--project", project)
    assert ran.code == 2
    assert "offer_x" in ran.err
