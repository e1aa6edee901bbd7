"""What every channel does. One suite: a new channel is added to ``CHANNELS`` and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from upstep.delivery.channel import Channel, Message, Purpose
from upstep.delivery.file import FileChannel

MESSAGE = Message(
    idempotency_key="offer:of_1:email:ann",
    account_id="acme",
    purpose=Purpose.SALES,
    channel="email",
    recipient="ann",
    subject="You have used 92 % of your e-mails",
    text="Hello Ann,\n\nyou have used **46,000** of 50,000 – Grüße.\n",
)

# How to make a channel in an empty folder, and how to read what has left through it.
CHANNELS: dict[str, tuple[Callable[[Path], Channel], Callable[[Path], list[str]]]] = {
    "file": (
        lambda folder: FileChannel(folder / "sent"),
        lambda folder: [path.read_text(encoding="utf-8") for path in sorted((folder / "sent").iterdir())],
    )
}


@pytest.fixture(params=CHANNELS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_message_leaves_with_its_recipient_subject_and_text(name: str, tmp_path: Path) -> None:
    make, left = CHANNELS[name]
    result = make(tmp_path).send(MESSAGE)
    assert result.is_sent
    assert result.reference
    (text,) = left(tmp_path)
    for part in ("ann", MESSAGE.subject, "**46,000** of 50,000 – Grüße."):
        assert part in text


def test_the_same_key_twice_leaves_once_and_the_first_stands(name: str, tmp_path: Path) -> None:
    make, left = CHANNELS[name]
    first = make(tmp_path).send(MESSAGE)
    again = make(tmp_path).send(replace(MESSAGE, text="other words"))
    assert again == first
    (text,) = left(tmp_path)
    assert "other words" not in text


def test_the_same_key_at_once_from_many_sides_leaves_once(name: str, tmp_path: Path) -> None:
    make, left = CHANNELS[name]
    channel = make(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: channel.send(MESSAGE), range(8)))
    assert len(set(results)) == 1
    assert len(left(tmp_path)) == 1


def test_another_key_is_another_message(name: str, tmp_path: Path) -> None:
    make, left = CHANNELS[name]
    for key in ("a/b", "a-b", "../a b", "x" * 500):
        assert make(tmp_path).send(replace(MESSAGE, idempotency_key=key)).is_sent
    assert len(left(tmp_path)) == 4


def test_a_line_break_in_a_subject_makes_no_new_header(name: str, tmp_path: Path) -> None:
    make, left = CHANNELS[name]
    make(tmp_path).send(replace(MESSAGE, subject="Hello\r\nBcc: everybody@example.com"))
    (text,) = left(tmp_path)
    assert not any(line.lower().startswith("bcc:") for line in text.splitlines())
