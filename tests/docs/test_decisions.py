"""Each decision says its context, options, choice, and what would change it."""

import re
from itertools import pairwise
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "decisions"
DECISIONS = sorted(FOLDER.glob("*.md"))
SECTIONS = ["Context", "Options", "Choice", "What would change it"]


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_a_decision_has_its_sections_in_order(page: Path) -> None:
    assert re.findall(r"^## (.+)$", page.read_text(), re.MULTILINE) == SECTIONS


@pytest.mark.parametrize("page", DECISIONS, ids=lambda page: page.stem)
def test_a_decision_has_its_number_in_title_and_name(page: Path) -> None:
    title = page.read_text().splitlines()[0]

    assert re.fullmatch(r"\d{4}-[a-z0-9-]+", page.stem)
    assert title.startswith(f"# {page.stem[:4]}: ")


@pytest.mark.parametrize("page", DECISIONS[1:], ids=lambda page: page.stem)
def test_a_decision_has_a_date_and_no_empty_section(page: Path) -> None:
    sections = re.split(r"^## .+$", page.read_text(), flags=re.MULTILINE)

    assert re.search(r"^Date: \d{4}-\d{2}-\d{2}$", sections[0], re.MULTILINE)
    assert all(len(section.split()) > 10 for section in sections[1:])


def test_decisions_are_numbered_without_gap_or_double() -> None:
    numbers = [int(page.stem[:4]) for page in DECISIONS]
    assert numbers[0] == 0
    assert all(after == before + 1 for before, after in pairwise(numbers)), numbers
