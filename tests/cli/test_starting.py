"""upstep init."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.cli.conftest import Upstep
from tests.cli.schemas import faults
from upstep.config import load_settings
from upstep.engine.project import Project


def test_a_new_project_has_settings_and_a_catalog_that_load(upstep: Upstep, tmp_path: Path) -> None:
    ran = upstep("init", "--project", tmp_path / "acme", "--currency", "EUR")
    project = Project(tmp_path / "acme")

    assert ran.code == 0
    assert "Next: " in ran.out
    assert (project.settings.company, project.settings.currency) == ("acme", "eur")
    assert project.catalog.currency == "eur"


def test_nothing_is_overwritten(upstep: Upstep, tmp_path: Path) -> None:
    (tmp_path / "catalog.yaml").write_text("mine")
    ran = upstep("init", "--project", tmp_path)

    assert ran.code == 2
    assert "catalog.yaml: exists." in ran.err
    assert [path.name for path in tmp_path.iterdir()] == ["catalog.yaml"]


def test_a_dry_run_names_the_files_and_writes_none(upstep: Upstep, tmp_path: Path) -> None:
    ran = upstep("init", "--project", tmp_path / "new", "--dry-run", "--json")
    told = json.loads(ran.out)

    assert faults(told, "init") == []
    assert (told["wrote"], "catalog.yaml" in told["files"]) == (False, True)
    assert not (tmp_path / "new").exists()


def test_questions_that_no_table_answers_stand_as_commented_settings(upstep: Upstep, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "invoice.csv").write_text("invoice_id\n")
    upstep("init", "--project", tmp_path)
    text = (tmp_path / "upstep.yaml").read_text()

    assert "#   open_issue: {without_data: allow, because: …}" in text
    assert "payment_trouble" not in text


def test_the_commented_settings_are_settings(upstep: Upstep, tmp_path: Path) -> None:
    upstep("init", "--project", tmp_path)
    file = tmp_path / "upstep.yaml"
    lines = [
        line.removeprefix("# ") for line in file.read_text().splitlines() if re.match(r"(# {1,5})?\w+:|#   ", line)
    ]
    file.write_text("\n".join(lines))
    settings = load_settings(tmp_path)

    assert {assumption.gate for assumption in settings.assumptions} >= {"open_issue", "payment_trouble"}
    assert settings.plays_off == ("complement",)


def test_the_mapping_example_reads_as_a_mapping(upstep: Upstep, tmp_path: Path) -> None:
    from upstep.tables.mapping import read_mapping

    upstep("init", "--project", tmp_path)
    (tmp_path / "mapping.example.yaml").rename(tmp_path / "mapping.yaml")

    assert set(read_mapping(tmp_path).tables) == {"account", "subscription_item", "usage"}


def test_an_unknown_currency_is_told(upstep: Upstep, tmp_path: Path) -> None:
    assert "'euro' is not known" in upstep("init", "--project", tmp_path, "--currency", "euro").err
