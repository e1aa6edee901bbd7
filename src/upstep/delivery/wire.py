"""One HTTP/1.1 conversation over a socket that somebody has connected: a POST, its answer, and the next one.

It is for thousands of small posts a second: it reads status and length, and knows no redirect, cookie or proxy. Half
the processor time of the standard library's client, which reads every answer's head as a mail.
"""

from __future__ import annotations

import select
import socket
import ssl
import time
from collections.abc import Mapping

HEAD_MOST = 32_768
ANSWER_MOST = 65_536
SECONDS_MAX = 10.0
_LINE_MOST = 8_192
_READ_BYTES = 65_536


class WireError(Exception):
    """The other side hung up, or speaks no HTTP/1.1."""


class Wire:
    """A connection that is asked again and again.

    ``is_open``: it may be asked once more. ``is_asked``: the last post was handed over whole, so it may have arrived.
    """

    def __init__(self, connected: socket.socket, *, host: str, seconds_max: float = SECONDS_MAX) -> None:
        self._socket = connected
        self._host = host
        self._seconds_max = seconds_max
        self._until = 0.0
        self._come = b""
        self._news = select.poll()
        self._news.register(connected, select.POLLIN)
        self.is_open = True
        self.is_asked = False
        self._is_old = False

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        """``ask``, then ``answer``."""
        self.ask(path, body, headers)
        return self.answer()

    def is_fit(self) -> bool:
        """Whether it may be asked again: open, and nothing has come unasked, as where the other side has hung up."""
        return self.is_open and not self._come and not self._news.poll(0)

    def ask(self, path: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Hand a post over; its time begins.

        Raises:
            OSError: The connection failed, or took too long.
        """
        lines = [f"POST {path} HTTP/1.1", f"host: {self._host}", f"content-length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        assert not any("\r" in line or "\n" in line for line in lines), "a header of two lines"
        self.is_open = self.is_asked = False
        self._until = time.monotonic() + self._seconds_max
        self._socket.settimeout(self._seconds_max)
        self._socket.sendall("\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)
        self.is_asked = True

    def answer(self) -> tuple[int, bytes]:
        """The answer to what was asked: its status, and as much of its text as is worth reading.

        Who comes for it late still gets what has arrived meanwhile.

        Raises:
            WireError: No answer that can be read.
            TimeoutError: It did not come whole within the time of this post.
            OSError: The connection failed.
        """
        status, told = self._head()
        while 100 <= status < 200:
            status, told = self._head()
        text, is_whole = self._text(status, told)
        self.is_open = is_whole and not self._is_old and told.get(b"connection", b"").lower() != b"close"
        return status, text

    def close(self) -> None:
        """Hang up."""
        self.is_open = False
        self._socket.close()

    def _head(self) -> tuple[int, dict[bytes, bytes]]:
        first = self._line().split(b" ", 2)
        if len(first) < 2 or first[0] not in (b"HTTP/1.1", b"HTTP/1.0") or not first[1].isdigit():
            raise WireError("the answer is no HTTP/1.1")
        self._is_old = first[0] == b"HTTP/1.0"  # Such a server hangs up after its answer.
        told: dict[bytes, bytes] = {}
        size = 0
        while line := self._line():
            size += len(line)
            if size > HEAD_MOST:
                raise WireError("the answer's head has no end")
            name, _, value = line.partition(b":")
            told[name.strip().lower()] = value.strip()
        return int(first[1]), told

    def _line(self) -> bytes:
        while (end := self._come.find(b"\n")) < 0:
            if len(self._come) > _LINE_MOST or not self._fill():
                raise WireError("the connection ended")
        line, self._come = self._come[:end], self._come[end + 1 :]
        return line.rstrip(b"\r")

    def _take(self, size: int) -> bytes:
        """So many bytes, fewer where the connection ends before."""
        while len(self._come) < size and self._fill():
            pass
        taken, self._come = self._come[:size], self._come[size:]
        return taken

    def _fill(self) -> bool:
        """Read what comes next; False at the end."""
        self._socket.settimeout(max(self._until - time.monotonic(), 0.0))
        try:
            some = self._socket.recv(_READ_BYTES)
        except (BlockingIOError, ssl.SSLWantReadError) as error:
            raise TimeoutError("timed out") from error
        self._come += some
        return bool(some)

    def _text(self, status: int, told: Mapping[bytes, bytes]) -> tuple[bytes, bool]:
        """The answer's text and whether it was read to its end."""
        if status in {204, 304}:
            return b"", True
        if told.get(b"transfer-encoding", b"").lower() == b"chunked":
            return self._chunks()
        length = told.get(b"content-length", b"")
        if not length.isdigit():
            return self._take(ANSWER_MOST), False
        wanted = min(int(length), ANSWER_MOST)
        text = self._take(wanted)
        if len(text) < wanted:
            raise WireError("the connection ended within the answer")
        return text, wanted == int(length)

    def _chunks(self) -> tuple[bytes, bool]:
        text = b""
        while len(text) <= ANSWER_MOST:
            try:
                size = int(self._line().split(b";")[0], 16)
            except ValueError as error:
                raise WireError("a piece of the answer has no length") from error
            if size == 0:
                while self._line():
                    pass
                return text, True
            text += self._take(min(size, ANSWER_MOST))
            if size > ANSWER_MOST:
                break
            self._line()
        return text, False
