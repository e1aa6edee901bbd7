"""upstep keys: made and shown once, listed, replaced, ended."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.cli.conftest import Upstep
from tests.cli.schemas import faults
from upstep.engine.project import Project, open_project_state
from upstep.state.keys import note_page


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "upstep.yaml").write_text("version: 1\ncompany: Shop\ncurrency: usd\n", encoding="utf-8")
    return tmp_path


def test_a_key_is_shown_once_and_listed_without_its_secret(upstep: Upstep, folder: Path) -> None:
    made = upstep("keys", "make", "shop", "--scope", "read", "--scope", "act", "--project", folder)
    listed = upstep("keys", "list", "--project", folder)

    secret = made.out.splitlines()[0]
    assert (made.code, listed.code) == (0, 0)
    assert secret.startswith("ups_")
    assert "read act" in listed.out
    assert secret not in listed.out


def test_keys_in_json_are_as_their_schemas_say(upstep: Upstep, folder: Path) -> None:
    made = json.loads(upstep("keys", "make", "shop", "--until", "2099-01-01", "--json", "--project", folder).out)
    rotated = json.loads(upstep("keys", "rotate", made["key_id"], "--json", "--project", folder).out)
    revoked = json.loads(upstep("keys", "revoke", rotated["key_id"], "--json", "--project", folder).out)
    listed = json.loads(upstep("keys", "list", "--json", "--project", folder).out)

    shapes = {"keys-make": made, "keys-rotate": rotated, "keys-revoke": revoked, "keys-list": listed}
    assert {name: faults(shape, name) for name, shape in shapes.items()} == {name: [] for name in shapes}
    assert [one["is_good"] for one in listed["keys"]] in ([True, False], [False, True])


def test_a_key_may_be_named_by_what_it_is_called(upstep: Upstep, folder: Path) -> None:
    upstep("keys", "make", "shop", "--project", folder)
    assert upstep("keys", "rotate", "shop", "--project", folder).code == 0

    # Two of that name are good for a day: which one is meant nobody knows.
    both = upstep("keys", "revoke", "shop", "--project", folder)
    assert (both.code, "is the name of 2: " in both.err) == (2, True)


def test_a_servers_key_that_a_page_sent_is_told_with_what_to_do(upstep: Upstep, folder: Path) -> None:
    made = json.loads(upstep("keys", "make", "web", "--scope", "ingest", "--json", "--project", folder).out)
    well = json.loads(upstep("doctor", "--json", "--project", folder).out)
    engine = open_project_state(Project(folder))
    note_page(engine, made["key_id"], "https://shop.example", datetime(2026, 11, 2, 9, tzinfo=UTC))
    engine.dispose()

    listed = upstep("keys", "list", "--project", folder).out
    amiss = upstep("doctor", "--json", "--project", folder)

    assert "came from a page, last on 2026-11-02 09:00 from https://shop.example" in " ".join(listed.split())
    assert f"upstep keys rotate {made['key_id']}" in " ".join(listed.split())
    told = {one["subject"]: one for one in json.loads(amiss.out)["findings"]}["keys"]
    assert (amiss.code, told["is_well"], "https://shop.example" in told["found"]) == (1, False, True)
    assert {one["subject"]: one for one in well["findings"]}["keys"]["is_well"] is True

    upstep("keys", "revoke", made["key_id"], "--project", folder)
    after = json.loads(upstep("doctor", "--json", "--project", folder).out)
    assert "keys" not in {one["subject"] for one in after["findings"]}
    assert "came from a page" not in upstep("keys", "list", "--project", folder).out


def test_keys_alone_lists_them(upstep: Upstep, folder: Path) -> None:
    upstep("keys", "make", "shop", "--project", folder)
    bare, listed = upstep("keys", "--project", folder), upstep("keys", "list", "--project", folder)
    assert (bare.code, bare.out) == (0, listed.out)

    misplaced = upstep("keys", "--project", folder, "list")
    assert (misplaced.code, "Write: upstep keys list … --project" in misplaced.err) == (2, True)


def test_an_unknown_scope_or_key_is_told(upstep: Upstep, folder: Path) -> None:
    scope = upstep("keys", "make", "shop", "--scope", "write", "--project", folder)
    key = upstep("keys", "revoke", "nothing", "--project", folder)

    assert (scope.code, key.code) == (2, 2)
    assert "scope: 'write' is not known." in scope.err
    assert "key nothing: is not known." in key.err
