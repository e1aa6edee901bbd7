"""upstep case: Markdown, page and PDF of one case, or what it lacks."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Upstep
from tests.cli.schemas import faults
from tests.samples import loaded_sample

CASE = ("case", "meridian", "limit_approaching")


@pytest.fixture(scope="module")
def databoard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = loaded_sample("databoard", tmp_path_factory.mktemp("databoard"), tmp_path_factory, accounts=20)
    yield folder
    shutil.rmtree(folder)


@pytest.mark.slow
def test_a_case_in_json_is_as_its_schema_says(upstep: Upstep, databoard: Path) -> None:
    ran = upstep(*CASE, "--json", "--project", databoard)
    lacking = upstep("case", "meridian", "complement", "--json", "--project", databoard)

    assert (ran.code, lacking.code) == (0, 1)
    assert faults(json.loads(ran.out), "case") == []
    assert faults(json.loads(lacking.out), "case") == []
    assert json.loads(lacking.out)["missing"][0]["what"] == "a sponsor"


def test_the_files_say_what_the_terminal_says(upstep: Upstep, databoard: Path, tmp_path: Path) -> None:
    md, html, pdf = tmp_path / "case.md", tmp_path / "case.html", tmp_path / "case.pdf"
    ran = upstep(*CASE, "--md", md, "--html", html, "--pdf", pdf, "--project", databoard)
    page = html.read_text(encoding="utf-8")

    assert ran.code == 0, ran.err
    said = [line.lstrip("#- ") for line in md.read_text(encoding="utf-8").partition("## Evidence")[0].splitlines()]
    printed = " ".join(ran.out.split()).casefold()
    assert [line for line in said if " ".join(line.split()).casefold() not in printed] == []
    assert [line for line in ran.out.splitlines() if line.startswith(("#", "|"))] == []
    assert pdf.read_bytes().startswith(b"%PDF-")
    assert "$4,200,000" in page
    anchors = set(re.findall(r'href="#(n-\w+)"', page))
    assert anchors
    assert anchors <= set(re.findall(r'id="(n-\w+)"', page))
    assert "<script" not in page


def test_without_the_extra_a_pdf_says_how_to_get_it(
    upstep: Upstep, databoard: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    ran = upstep(*CASE, "--pdf", tmp_path / "case.pdf", "--project", databoard)
    assert ran.code == 2
    assert "pip install 'upstep[pdf]'" in ran.err


def test_what_is_missing_is_said_with_who_could_say(upstep: Upstep, databoard: Path) -> None:
    ran = upstep("case", "meridian", "complement", "--project", databoard)
    assert ran.code == 1
    assert "nobody there stands behind “data" in " ".join(ran.out.split())
    assert "upstep goals add" in " ".join(ran.out.split())


def test_a_play_that_is_not_known_is_a_guess_away(upstep: Upstep, databoard: Path) -> None:
    ran = upstep("case", "meridian", "limit_aproaching", "--project", databoard)
    assert ran.code == 2
    assert "Did you mean 'limit_approaching'?" in ran.err
