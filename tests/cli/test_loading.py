"""upstep load and upstep check."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Upstep
from tests.cli.schemas import faults

THROUGH = "2026-11-20"


def append(project: Path, table: str, line: str) -> None:
    with (project / "data" / f"{table}.csv").open("a") as file:
        file.write(line + "\n")


def test_a_second_load_reads_nothing_anew(upstep: Upstep, project: Path) -> None:
    ran = upstep("load", "--through", THROUGH, "--project", project)

    assert ran.code == 0
    assert "as before" in ran.out
    assert "0 rows added, nothing kept aside; complete through 2026-11-20 00:00 UTC." in ran.out
    assert ran.out.splitlines()[-1].startswith("Next: upstep check --project ")


def test_a_faulty_row_is_kept_aside_and_shown_with_its_line(upstep: Upstep, project: Path) -> None:
    append(project, "deal", "deal_x,nobody,upsell,open,12.5,2026-11-01T00:00:00Z,,")
    ran = upstep("load", "--through", THROUGH, "--project", project, "--json")
    told = json.loads(ran.out)

    assert (ran.code, faults(told, "load"), told["fault_count"]) == (0, [], 1)
    assert told["examples"][0]["place"].startswith("data/deal.csv:")
    assert upstep("check", "--project", project).code == 1


def test_a_row_with_three_faults_is_one_row_kept_aside(upstep: Upstep, project: Path) -> None:
    append(project, "deal", "deal_x,nobody,upsell,open,12.5,never,soon,")
    ran = upstep("load", "--through", THROUGH, "--project", project)
    assert "1 row kept aside with 3 faults; complete through" in ran.out

    again = json.loads(upstep("load", "--through", THROUGH, "--project", project, "--json").out)
    assert (again["rows_aside"], again["fault_count"]) == (1, 3)


def test_strict_refuses_a_faulty_row(upstep: Upstep, project: Path) -> None:
    append(project, "deal", "deal_x,nobody,upsell,open,12.5,2026-11-01T00:00:00Z,,")
    ran = upstep("load", "--strict", "--through", THROUGH, "--project", project)

    assert ran.code == 2
    assert "data/deal.csv:" in ran.err


def test_an_unknown_table_is_told_with_what_was_meant(upstep: Upstep, project: Path) -> None:
    ran = upstep("load", "--only", "tickets", "--project", project)
    assert (ran.code, "Did you mean 'ticket'?" in ran.err) == (2, True)


def test_a_tracked_event_of_a_meter_that_nobody_has_fails_the_check(upstep: Upstep, project: Path) -> None:
    with (project / "upstep.yaml").open("a") as file:
        file.write("ingest:\n  track:\n    Sent: {meter: emals, quantity: count}\n")
    line = len((project / "upstep.yaml").read_text().splitlines())
    ran = upstep("check", "--project", project)

    assert ran.code == 2
    assert f"upstep.yaml:{line}:19: meter 'emals' is not in the catalog. Did you mean 'emails'?" in ran.err


def test_the_faults_of_settings_catalog_and_what_one_names_of_the_other_are_told_at_once(
    upstep: Upstep, project: Path
) -> None:
    with (project / "upstep.yaml").open("a") as file:
        file.write("fresh_dais: 3\ningest:\n  track:\n    Sent: {meter: emals, quantity: count}\n")
    catalog = project / "catalog.yaml"
    catalog.write_text(catalog.read_text().replace("aggregate: sum", "aggregate: som", 1))
    ran = upstep("check", "--project", project)

    assert ran.code == 2
    for told in ("'fresh_dais' is not a known key", "meter 'emals' is not in the catalog", "'som'"):
        assert told in ran.err
    assert ran.err.index("emals") < ran.err.index("'som'")


def test_faults_of_the_companys_own_plays_are_told_by_check_beside_those_of_settings(
    upstep: Upstep, project: Path
) -> None:
    (project / "plays").mkdir(exist_ok=True)
    (project / "plays" / "own.yaml").write_text("play: own\nwhen: nonsense > 1\n")
    with (project / "upstep.yaml").open("a") as file:
        file.write("fresh_dais: 3\n")
    ran = upstep("check", "--project", project)

    assert ran.code == 2
    assert "'fresh_dais' is not a known key" in ran.err
    assert "own.yaml:" in ran.err


def test_a_sound_sample_checks_well(upstep: Upstep, loaded: Path) -> None:
    ran = upstep("check", "--project", loaded)

    assert ran.code == 0
    assert "subscription_item" in ran.out
    assert "WRONG" not in ran.out
    assert ran.out.splitlines()[-1].startswith("Next: upstep decide --project ")


def test_a_check_in_json_is_as_its_schema_says(upstep: Upstep, loaded: Path) -> None:
    told = json.loads(upstep("check", "--json", "--project", loaded).out)

    assert faults(told, "check") == []
    assert told["rows"]["account"] == 60


def test_a_table_that_is_not_connected_is_told_with_what_it_would_settle(upstep: Upstep, project: Path) -> None:
    for table in ("invoice", "ticket"):
        (project / "data" / f"{table}.csv").unlink()
    for path in sorted((project / ".upstep").rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    upstep("load", "--through", THROUGH, "--project", project)
    out = upstep("check", "--project", project).out

    assert "CANNOT BE DECIDED" in out
    assert "invoice  the gate payment_trouble" in out
