"""The first five minutes: one command shows a believable company, and says the same when run again."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path
from urllib.parse import urlparse

import pytest

from upstep.cli import main

SMALL = ("--accounts", "60")
README = Path(__file__).parents[2] / "README.md"
PROGRAM = "import sys; from upstep.cli import main; sys.exit(main(sys.argv[1:]))"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "postline"


@pytest.fixture(scope="module")
def printed(place: Path) -> str:
    out = io.StringIO()
    # Parallel test workers set the width of a terminal that is not there.
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out):
        patch.setenv("COLUMNS", "100")
        assert main(["demo", "--folder", str(place), *SMALL]) == 0
    return out.getvalue()


def section(printed: str, heading: str) -> list[str]:
    """The lines under a heading."""
    return re.split(r"\n\n", printed.partition(f"\n{heading}  ")[2])[0].splitlines()[1:]


def test_the_company_the_day_and_the_coverage_come_first(printed: str) -> None:
    assert printed.startswith("Postline, a sample company: ")
    assert "As of 2026-11-20." in printed.splitlines()[0]
    assert re.search(r"\n\d+ steps: \d+ eligible, \d+ unconfirmed, \d+ held", printed)


def shown_in_readme() -> list[str]:
    """The step that README.md shows, line by line, as `make demo` prints it."""
    block = (README.read_text(encoding="utf-8").partition("A step looks like this:\n\n")[2]).partition("\n\n")[0]
    lines = [line.removeprefix("    ") for line in block.splitlines()]
    assert len(lines) == 3, f"README.md shows no step of three lines after 'A step looks like this:': {lines}"
    return lines


def test_the_step_that_the_readme_shows_is_printed_for_its_account(printed: str) -> None:
    """Its place and the space that aligns it depend on who else is there; the next test looks at those."""
    shown = " ".join(" ".join(shown_in_readme()).split()[1:])
    assert shown in " ".join(printed.split()), "README.md shows another step than the demo: copy the demo's lines"


@pytest.mark.slow
def test_the_step_that_the_readme_shows_stands_at_its_place_in_the_whole_demo(tmp_path: Path) -> None:
    out = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out):
        patch.setenv("COLUMNS", "100")
        assert main(["demo", "--folder", str(tmp_path / "postline")]) == 0
    expected = "\n".join(f"   {line}" for line in shown_in_readme())
    assert expected in out.getvalue(), f"README.md shows:\n{expected}\nthe demo prints:\n{out.getvalue()}"


@pytest.mark.parametrize(("lane", "most"), [("SELF-SERVE", 5), ("ASSISTED", 5), ("CARE", 3)])
def test_the_best_of_each_lane_come_ranked_with_step_and_reason(printed: str, lane: str, most: int) -> None:
    ranks = [int(found) for line in section(printed, lane) for found in re.findall(r"^ {2,3}(\d+)  \S", line)]
    assert 1 <= len(ranks) <= most
    assert ranks == list(range(1, len(ranks) + 1))


def test_the_planted_sender_at_92_percent_is_told_with_its_numbers_and_price(printed: str) -> None:
    lines = "\n".join(section(printed, "SELF-SERVE"))
    assert re.search(r"Lumenbrook Software +Pro → Scale, \+\$55\.00 a month", lines)
    assert "46,000 of 50,000 e-mails sent (92%)" in lines


def test_what_waits_is_told_by_gate_with_names(printed: str) -> None:
    held = "\n".join(section(printed, "HELD"))
    assert "open_issue" in held
    assert "lifts when" in held
    assert re.search(r"payment_trouble +\d+  \w", held)


def test_a_question_comes_with_the_command_that_answers_it(printed: str, place: Path) -> None:
    lines = section(printed, "UNCONFIRMED")
    assert 2 <= len(lines) <= 6
    assert lines[0].endswith("?")
    assert re.search(
        rf"upstep confirm \S+ \w+ clear --because 'asked their admin' --project {re.escape(str(place))}$", lines[1]
    )


def test_those_left_alone_come_with_their_reason(printed: str) -> None:
    assert section(printed, "LEFT ALONE")


def test_the_next_command_and_the_page_end_it(printed: str, place: Path) -> None:
    assert "\nNext: upstep explain " in printed
    page = re.findall(r"^Page: (file://\S+)$", printed, re.MULTILINE)[0]
    assert Path(urlparse(page).path) == (place / "page.html").resolve()
    assert (place / "page.html").stat().st_size > 10_000


def test_it_prints_the_same_when_run_again_but_for_the_seconds(printed: str, place: Path) -> None:
    page = (place / "page.html").read_bytes()
    again = subprocess.run(
        [sys.executable, "-c", PROGRAM, "demo", "--folder", str(place), *SMALL],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONHASHSEED": "77", "COLUMNS": "100"},
    )

    assert re.sub(r"\d+\.\d s", "", again.stdout) == re.sub(r"\d+\.\d s", "", printed)
    assert (place / "page.html").read_bytes() == page
    assert again.stderr == ""


def test_a_folder_with_other_files_is_refused_and_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.txt").write_text("mine")

    assert main(["demo", "--folder", str(tmp_path)]) == 2
    assert "holds files that no demo wrote" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_company_that_does_not_exist_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--company", "acme", "--json"]) == 2
    assert json.dumps("postline or databoard")[1:-1] in capsys.readouterr().err
