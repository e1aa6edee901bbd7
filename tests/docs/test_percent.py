"""A percentage is written one way wherever people read one: ``92%``, as ``upstep.wording.percentage`` writes it."""

from __future__ import annotations

import io
import re
import tokenize
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SPACED = re.compile(r"(?<=[\d}])[ \u00a0]%(?![}\w])(?! ?[{(\d])(?! [A-Z_]{2,})")
"""A sign apart from its number; what follows tells it from a remainder, such as ``{key} % {BUCKETS}`` in SQL."""

TEXTS = [
    path
    for kind in ("*.html", "*.js", "*.md", "*.yaml")
    for path in sorted((ROOT / "src").rglob(kind))
    if "node_modules" not in path.parts
]
PAGES = [path for path in sorted((ROOT / "docs").rglob("*.md")) if path.name != "roadmap.md"]


def strings(path: Path) -> list[tuple[int, str]]:
    """The texts in a module, with their lines; comments and code are none."""
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text(encoding="utf-8")).readline)
    return [(token.start[0], token.string) for token in tokens if token.type == tokenize.STRING]


def test_a_percent_sign_stands_close_behind_its_number_in_every_page_message_and_document() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{text.count(chr(10), 0, spaced.start()) + 1}"
        for path in [*TEXTS, *PAGES, ROOT / "README.md"]
        for text in [path.read_text(encoding="utf-8")]
        for spaced in SPACED.finditer(text)
    ]
    assert found == [], "write 92%, not 92 %"


def test_a_percent_sign_stands_close_behind_its_number_in_what_the_program_says() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in sorted((ROOT / "src").rglob("*.py"))
        for line, text in strings(path)
        if SPACED.search(text)
    ]
    assert found == [], "write 92%, not 92 %; percentage() of upstep.wording does"


@pytest.mark.parametrize(("text", "is_spaced"), [("92 % of it", True), ("{share} %", True), ("{key} % {B} = 1", False)])
def test_a_remainder_is_no_percentage(text: str, *, is_spaced: bool) -> None:
    assert bool(SPACED.search(text)) is is_spaced
