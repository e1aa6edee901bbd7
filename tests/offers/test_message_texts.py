"""Each message as a planted account would read it: subject, the app's words, and the text of the mail.

After a change of words: UPSTEP_SNAPSHOTS=write pytest tests/offers/test_message_texts.py, then read the difference.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.offers.test_message import FACTS
from upstep.delivery.rendering import Frame
from upstep.delivery.rendering import render as page_of
from upstep.offers.message import load_message, render, shipped_messages

FOLDER = Path(__file__).parent / "texts"
FRAME = Frame("Postline", "You get this because you are a contact of Acme.", ("Stop offers", "https://u.example/u/t"))


def read(name: str) -> str:
    """The mail as a text program shows it, the app's words above it."""
    words = render(load_message(name), FACTS)
    page = page_of(words.text, subject=words.subject, frame=FRAME, link_to=lambda _: None)
    return f"Subject: {words.subject}\nApp: {words.title}\n     {words.line}\n\n{page.text}"


@pytest.mark.parametrize("name", shipped_messages())
def test_a_message_reads_as_it_did(name: str) -> None:
    text, kept = read(name), FOLDER / f"{name}.txt"
    if os.environ.get("UPSTEP_SNAPSHOTS") == "write":
        FOLDER.mkdir(exist_ok=True)
        kept.write_text(text, encoding="utf-8")
    assert text == kept.read_text(encoding="utf-8")


def test_no_text_is_kept_of_a_message_that_is_gone() -> None:
    assert {path.stem for path in FOLDER.iterdir()} == set(shipped_messages())
