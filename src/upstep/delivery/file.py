"""The file channel: one readable file per message, for shadow mode, demos and tests. Nothing leaves the machine."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
from pathlib import Path

from upstep.delivery.channel import Message, SendResult
from upstep.errors import OutsideError


class FileChannel:
    """A ``Channel`` that writes into ``folder``, which is created if it is not there."""

    name = "file"
    is_idempotent = True
    interrupts = False  # a file wakes nobody, so shadow mode waits for no morning

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def send(self, message: Message) -> SendResult:
        """Write the message whole or not at all; the first one of a key stands.

        Raises:
            OutsideError: The folder cannot be written.
        """
        path = self.path(message)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if not path.exists():
                _write_once(path, _text(message))
        except OSError as error:
            raise OutsideError(f"{path}: the message could not be written ({error.strerror}).") from error
        return SendResult(is_sent=True, reference=str(path))

    def path(self, message: Message) -> Path:
        """Where that message's file is: readable, and different for every key."""
        digest = hashlib.sha256(message.idempotency_key.encode()).hexdigest()[:10]
        readable = re.sub(r"[^A-Za-z0-9_-]+", "-", message.idempotency_key).strip("-")[:80]
        return self.folder / f"{readable}-{digest}.md"


def _text(message: Message) -> str:
    """Headers, an empty line, the text. A header is one line whatever it was made of."""
    headers = {
        "To": message.recipient,
        "Subject": message.subject,
        "Account": message.account_id,
        "Purpose": message.purpose,
        "Channel": message.channel,
        "Key": message.idempotency_key,
    }
    head = "\n".join(f"{name}: {' '.join(value.split())}" for name, value in headers.items())
    return f"{head}\n\n{message.text.rstrip()}\n"


def _write_once(path: Path, text: str) -> None:
    """Written beside its place and linked there, which fails when another process was first."""
    with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=".", suffix=".part", encoding="utf-8") as part:
        part.write(text)
        part.flush()
        os.fsync(part.fileno())
        try:
            os.link(part.name, path)
        except FileExistsError:
            return
