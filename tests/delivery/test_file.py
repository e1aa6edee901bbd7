"""The file channel writes readable files, whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.contracts.test_channels import MESSAGE
from upstep.delivery.file import FileChannel
from upstep.errors import OutsideError


def test_a_file_is_named_by_its_key_and_reads_like_a_letter(tmp_path: Path) -> None:
    path = Path(FileChannel(tmp_path).send(MESSAGE).reference)
    assert path.name.startswith("offer-of_1-email-ann-")
    assert path.read_text(encoding="utf-8").splitlines()[:3] == [
        "To: ann",
        "Subject: You have used 92% of your e-mails",
        "Account: acme",
    ]


def test_nothing_stays_behind_when_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutsideError, match="No space left"):
        FileChannel(tmp_path).send(MESSAGE)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "sent").write_text("")
    with pytest.raises(OutsideError, match="sent"):
        FileChannel(tmp_path / "sent").send(MESSAGE)
