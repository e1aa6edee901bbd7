"""upstep ingest."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cli.conftest import Upstep
from tests.cli.schemas import faults
from tests.company import CATALOG
from upstep.engine.intake.arriving import read_event
from upstep.engine.intake.ingesting import drain
from upstep.engine.project import Project, open_project_inbox

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
SETTINGS = "version: 1\ncompany: Testco\ncurrency: usd\ningest: {track: {Mail: {meter: emails, quantity: count}}}\n"


def event(key: str, name: str, **properties: object) -> dict[str, object]:
    context = {"groupId": "a1"}
    return {"type": "track", "messageId": key, "event": name, "properties": properties, "context": context}


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    (tmp_path / "upstep.yaml").write_text(SETTINGS)
    (tmp_path / "catalog.yaml").write_text(CATALOG)
    inbox = open_project_inbox(Project(tmp_path))
    events = [event("m1", "Called"), event("m2", "Called"), event("m3", "Mail", count="many")]
    inbox.add([read_event(json.dumps(one).encode(), sent_at=None, received_at=NOW) for one in events])
    drain(Project(tmp_path), inbox, now=NOW)
    inbox.close()
    return tmp_path


def test_it_says_what_no_setting_explains_and_what_was_put_aside(upstep: Upstep, shop: Path) -> None:
    told = upstep("ingest", "--project", shop).out
    assert "0 events wait" in told
    assert "Called" in told
    assert "bad_quantity" in told
    assert "'count' is not a whole number" in " ".join(told.split())
    found = json.loads(upstep("ingest", "--json", "--project", shop).out)
    assert faults(found, "ingest") == []
    assert [(one["name"], one["events"]) for one in found["unknown"]] == [("Called", 2)]


def test_what_a_setting_explains_by_now_is_taken_anew_and_counts_once(upstep: Upstep, shop: Path) -> None:
    (shop / "upstep.yaml").write_text(
        SETTINGS.replace("Mail: {meter: emails, quantity: count}", "Called: {meter: calls}")
    )
    assert "3 events will be taken anew" in upstep("ingest", "--again", "--project", shop).out
    inbox = open_project_inbox(Project(shop))
    drained = drain(Project(shop), inbox, now=NOW)
    assert (drained.events, drained.unknown) == (3, {"Mail": 1})
    inbox.close()
    assert "0 events wait" in upstep("ingest", "--project", shop).out


def test_what_pages_may_not_say_is_counted(upstep: Upstep, shop: Path) -> None:
    inbox = open_project_inbox(Project(shop))
    moved = {"type": "group", "messageId": "g1", "userId": "c1", "groupId": "a9", "traits": {"owner_id": "evil"}}
    inbox.add([read_event(json.dumps(moved).encode(), sent_at=None, received_at=NOW)._replace(is_public=True)])
    drain(Project(shop), inbox, now=NOW)
    inbox.close()
    assert "account.owner_id  1" in upstep("ingest", "--project", shop).out
    found = json.loads(upstep("ingest", "--json", "--project", shop).out)
    assert faults(found, "ingest") == []
    assert [(one["what"], one["events"]) for one in found["refused"]] == [("account.owner_id", 1)]


def test_an_inbox_of_nothing_is_told(upstep: Upstep, tmp_path: Path) -> None:
    (tmp_path / "upstep.yaml").write_text(SETTINGS)
    assert upstep("ingest", "--project", tmp_path).out.startswith("0 events wait")
