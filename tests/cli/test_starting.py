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
    assert ran.err.count("\n") == 1
    assert "has catalog.yaml already. Nothing was written." in ran.err
    assert [path.name for path in tmp_path.iterdir()] == ["catalog.yaml"]


def test_a_currency_by_its_english_name_is_understood_as_the_most_used(upstep: Upstep, tmp_path: Path) -> None:
    ran = upstep("init", "--project", tmp_path, "--currency", "dollars")
    assert (ran.code, "Did you mean 'usd'?" in ran.err) == (2, True)

    (tmp_path / "upstep.yaml").write_text("version: 1\ncompany: Shop\ncurrency: Swiss Francs\n", encoding="utf-8")
    assert (
        "upstep.yaml:3:11: currency 'Swiss Francs' is not known. Did you mean 'chf'?"
        in upstep("decide", "--project", tmp_path).err
    )


def test_no_placeholder_is_left_in_what_is_written(upstep: Upstep, tmp_path: Path) -> None:
    upstep("init", "--project", tmp_path)
    assert re.findall(r"\{(?:name|product_name|product_id)\}", (tmp_path / "upstep.yaml").read_text()) == []


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


def _land(folder: Path) -> Path:
    """A few landed tables of a made-up company."""
    tables = {
        "customer": "id,name,created\nacme,Acme,2025-01-01\n",
        "product": "id,name,active\npro,Pro plan,TRUE\n",
        "price": "id,product_id,currency,unit_amount,recurring_interval,type\nm,pro,usd,900,month,recurring\n",
        "subscription": "id,customer_id,status\ns1,acme,active\n",
        "subscription_item": "id,subscription_id,plan_id,quantity,created\ni1,s1,m,4,2025-01-01\n",
        "ticket": "id,organization_id,status,created_at,updated_at,type\nt1,acme,open,2025-01-05,2025-01-05,problem\n",
    }
    for name, text in tables.items():
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.csv").write_text(text)
    return folder


def test_a_connectors_folder_becomes_a_project_that_loads(upstep: Upstep, tmp_path: Path) -> None:
    landed, project = _land(tmp_path / "landed"), tmp_path / "acme"
    words = ("--from", "stripe_connector", "--from", "zendesk_connector", "--data", landed, "--project", project)
    ran = upstep("init", *words)
    loaded = json.loads(upstep("load", "--project", project, "--json").out)

    assert (ran.code, loaded["fault_count"]) == (0, 0)
    assert {table["table"]: table["added"] for table in loaded["tables"]} == {
        "account": 1,
        "contact": 0,
        "subscription_item": 1,
        "ticket": 1,
    }
    plan = Project(project).catalog.products["pro"].plans[0]
    assert (plan.name, plan.prices[0].id, plan.prices[0].per) == ("Pro plan", "m", "seats")
    assert "Nothing can be decided without usage" in ran.out
    assert "not filled. Stripe: the table invoice is not landed" in " ".join(ran.out.split())
    assert not (project / "mapping.example.yaml").exists()
    assert (project / "data" / "account_ids.csv").read_text() == "connector,their_id,account_id\n"
    # What a connector settles is no longer asked.
    assert "open_issue" not in (project / "upstep.yaml").read_text()


def test_a_connector_without_a_place_writes_the_usual_one(upstep: Upstep, tmp_path: Path) -> None:
    ran = upstep("init", "--from", "zendesk_connector", "--project", tmp_path, "--json")
    told = json.loads(ran.out)

    assert faults(told, "init") == []
    assert "mapping.yaml" in told["files"]
    assert "file: data/zendesk/ticket.csv" in (tmp_path / "mapping.yaml").read_text()
    assert "catalog.yaml is an example" not in ran.out
    assert Project(tmp_path).catalog.products


def test_an_unknown_connector_and_a_place_without_one_are_told(upstep: Upstep, tmp_path: Path) -> None:
    unknown = upstep("init", "--from", "strip_connector", "--project", tmp_path / "a")
    alone = upstep("init", "--data", tmp_path, "--project", tmp_path / "a")

    assert (unknown.code, alone.code) == (2, 2)
    assert "'strip_connector' is not known. Did you mean 'stripe_connector'?" in unknown.err
    assert "--data: goes with --from." in alone.err
    assert not (tmp_path / "a").exists()


def test_a_connectors_dry_run_writes_nothing_and_an_existing_mapping_stays(upstep: Upstep, tmp_path: Path) -> None:
    words = ("--from", "stripe_connector", "--data", _land(tmp_path / "landed"))
    dry = upstep("init", *words, "--project", tmp_path / "new", "--dry-run")
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "mapping.yaml").write_text("mine")
    there = upstep("init", *words, "--project", tmp_path / "old")

    assert (dry.code, there.code) == (0, 2)
    assert not (tmp_path / "new").exists()
    assert "mapping.yaml" in there.err
    assert [path.name for path in (tmp_path / "old").iterdir()] == ["mapping.yaml"]
