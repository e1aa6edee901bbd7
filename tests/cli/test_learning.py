"""upstep learn."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Upstep
from tests.cli.schemas import faults
from tests.engine.learning.learned import AS_OF, write_company
from upstep.engine.project import Project
from upstep.tables.load import load


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("learnco")
    write_company(folder, accounts=900)
    load(folder, now=AS_OF, through=AS_OF, known=Project(folder).known_ids)
    return folder


FILE = Path("plays") / "affinity_emails_marketing.yaml"


def test_what_would_be_written_is_told_and_not_written(upstep: Upstep, learned: Path) -> None:
    ran = upstep("learn", "affinity", "--dry-run", "--project", learned)

    assert ran.code == 0
    assert "e-mails sent in 28 days comes before buying Marketing" in " ".join(ran.out.split())
    assert "association, not cause" in ran.out
    assert f"Would write {FILE.as_posix()}." in ran.out
    assert not (learned / FILE).exists()


def test_a_learned_play_is_written_once_and_reviewed_words_are_kept(upstep: Upstep, learned: Path) -> None:
    path = learned / FILE
    first = upstep("learn", "affinity", "--project", learned)
    path.write_text("# reviewed by me\n" + path.read_text())
    again = upstep("learn", "affinity", "--project", learned)
    kept = path.read_text()
    forced = upstep("learn", "affinity", "--yes", "--project", learned)
    path.unlink()

    assert f"Written for you to review: {FILE.as_posix()}" in first.out
    assert "Next: upstep plays test affinity_emails_marketing" in first.out
    assert f"Left as it is: {FILE.as_posix()}" in again.out
    assert kept.startswith("# reviewed by me")
    assert "Written for you to review" in forced.out


def test_findings_are_told_as_json(upstep: Upstep, learned: Path) -> None:
    told = json.loads(upstep("learn", "affinity", "--dry-run", "--json", "--project", learned).out)

    assert faults(told, "learn-affinity") == []
    assert [(one["meter_id"], one["product_id"], one["file"]) for one in told["found"]] == [
        ("emails", "marketing", None)
    ]


def test_a_short_past_is_told(upstep: Upstep, learned: Path) -> None:
    ran = upstep("learn", "affinity", "--as-of", "2026-05-01", "--project", learned)
    assert (ran.code, "Usage must reach back 148 days" in ran.out) == (0, True)


@pytest.mark.slow
def test_tiers_are_told_in_words_and_as_json(upstep: Upstep, loaded: Path) -> None:
    told = json.loads(upstep("learn", "tiers", "--json", "--project", loaded).out)
    out = upstep("learn", "tiers", "--project", loaded).out

    assert faults(told, "learn-tiers") == []
    assert told["tiers"]
    assert f" {told['tiers'][0]['meter_id']} " in out
    assert "never more than a quarter" in " ".join(out.split())


@pytest.mark.slow
def test_forecasts_are_scored_in_words_and_as_json(upstep: Upstep, loaded: Path) -> None:
    told = json.loads(upstep("learn", "forecasts", "--weeks", "6", "--json", "--project", loaded).out)
    out = upstep("learn", "forecasts", "--weeks", "6", "--project", loaded).out

    assert faults(told, "learn-forecasts") == []
    assert told["scores"][0]["meter_id"] is None
    assert "75 to 85%" in out


@pytest.mark.slow
def test_a_report_may_be_about_forecasts(upstep: Upstep, loaded: Path) -> None:
    told = json.loads(upstep("report", "forecasts", "--json", "--project", loaded).out)
    wrong = upstep("report", "forecast", "--project", loaded)

    assert faults(told, "learn-forecasts") == []
    assert len(told["weeks"]) == 13
    assert (wrong.code, "Did you mean 'forecasts'?" in wrong.err) == (2, True)
