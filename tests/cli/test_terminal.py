"""What is printed: nobody's name gives orders to a terminal."""

from __future__ import annotations

import pytest

from upstep.cli.terminal import grid, show, visible

EVIL = "Acme\x1b[2J\x1b]0;owned\x07\x9b31m\x08\r\u202eInc"


def test_codes_for_a_terminal_are_taken_out_of_what_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    show(f"An account: {EVIL}", grid([(EVIL, "7")]))
    printed = capsys.readouterr().out
    assert printed.splitlines() == ["An account: Acme[2J]0;owned31mInc", "  Acme[2J]0;owned31mInc  7"]


def test_colours_are_kept_where_they_are_ours() -> None:
    assert visible("\x1b[1mbold\x1b[0m", keeps_colour=True) == "\x1b[1mbold\x1b[0m"
    assert visible("\x1b[1mbold\x1b[2J", keeps_colour=True) == "\x1b[1mbold[2J"


@pytest.mark.parametrize("name", ["Zoë & Søn", "株式会社", "שלום", "a\tb", "👩‍🚀"])
def test_names_of_any_language_stay_as_they_are(name: str) -> None:
    assert visible(name) == name
