"""upstep live and upstep messages: what would leave, and what would be read, before anybody does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Upstep
from tests.cli.schemas import faults

pytestmark = pytest.mark.slow  # they decide the whole sample


def test_going_live_shows_does_and_undoes(upstep: Upstep, project: Path) -> None:
    place = ("--project", project)
    dry = json.loads(upstep("live", "--dry-run", "--json", *place).out)
    assert (faults(dry, "live"), dry["is_live"], dry["unconnected"]) == ([], False, ["email"])
    assert not (project / ".upstep" / "live").exists()

    shown = upstep("live", *place)
    assert shown.code == 0
    assert "Live from " in shown.out
    assert "Not connected, so what goes there waits: email." in shown.out
    again = json.loads(upstep("live", "--json", *place).out)
    assert (again["is_live"], again["is_new"]) == (True, False)

    off = json.loads(upstep("live", "--off", "--json", *place).out)
    assert (faults(off, "live"), off) == ([], {"is_live": False, "was_live": True})
    assert "in shadow already" in upstep("live", "--off", *place).out


def test_a_message_is_shown_as_it_would_be_read(upstep: Upstep, loaded: Path, tmp_path: Path) -> None:
    page = tmp_path / "mail.html"
    shown = upstep("messages", "show", "limit_approaching", "--html", page, "--project", loaded)
    assert shown.code == 0
    assert "messages/limit_approaching.md" in shown.out
    assert "NUMBERS" in shown.out
    assert 'class="button"' in page.read_text(encoding="utf-8")
    told = json.loads(upstep("messages", "show", "limit_approaching", "--json", "--project", loaded).out)
    assert faults(told, "messages-show") == []
    assert told["records"]["used"][0].startswith("usage?")


def test_a_companys_own_words_are_shown_with_their_place(upstep: Upstep, project: Path) -> None:
    (project / "messages").mkdir(exist_ok=True)
    words = "Subject: Ours\nTitle: Ours too\nLine: {{ used }} used so far.\n\nHello {{ account_name }}.\n"
    (project / "messages" / "limit_approaching.md").write_text(words, encoding="utf-8")
    told = json.loads(upstep("messages", "show", "limit_approaching", "--json", "--project", project).out)
    assert (told["subject"], told["title"]) == ("Ours", "Ours too")
    assert told["place"].endswith("limit_approaching.md")


def test_a_play_that_is_not_known_is_named(upstep: Upstep, loaded: Path) -> None:
    ran = upstep("messages", "show", "limit_aproaching", "--project", loaded)
    assert ran.code == 2
    assert "Did you mean 'limit_approaching'" in ran.err
