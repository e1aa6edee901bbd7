"""The glossary: one sentence a word, in order, and none missing that a user meets."""

import re
from pathlib import Path

import pytest

from upstep.tables.schema import MOTIONS

PAGE = Path(__file__).parents[2] / "docs" / "words.md"
THEMES = re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)[1:]
ENTRY = re.compile(r"^- \*\*(.+?)\*\*: (.+)$", re.MULTILINE)
WORDS = dict(ENTRY.findall(PAGE.read_text()))

OUTCOMES = ("unfit", "held", "unconfirmed", "eligible", "outranked", "held_out")
LANES_AND_PATHS = ("self_serve", "assisted", "care", "notice")
MOVEMENTS = ("new", "expansion", "contraction", "churn", "reactivation")


@pytest.mark.parametrize("word", [*MOTIONS, *OUTCOMES, *LANES_AND_PATHS, *MOVEMENTS])
def test_a_word_that_a_user_meets_is_explained(word: str) -> None:
    assert word in WORDS, f"explain {word} in docs/words.md"


@pytest.mark.parametrize(("word", "meaning"), WORDS.items(), ids=lambda text: text[:20])
def test_a_word_has_one_sentence(word: str, meaning: str) -> None:
    assert meaning.endswith("."), word
    assert not re.search(r"[.!?] ", meaning), word


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.splitlines()[0])
def test_words_of_a_theme_stand_in_order(theme: str) -> None:
    words = [word.casefold() for word, _ in ENTRY.findall(theme)]
    assert words == sorted(words)


def test_no_word_is_explained_twice() -> None:
    found = [word for word, _ in ENTRY.findall(PAGE.read_text())]
    assert len(found) == len(set(found))
    assert len(found) == PAGE.read_text().count("\n- ")
