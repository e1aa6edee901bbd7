"""Asks a service at a steady rate and costs little of the processor itself: plain sockets, one loop, no tasks.

Each request has an instant at which it is due. Where no connection is free it waits, and that wait counts: an answer's
time runs from when it was due, so a service that falls behind cannot slow the asking down to look quick.
"""

from __future__ import annotations

import select
import socket
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from heapq import merge
from operator import itemgetter

READ_BYTES = 1 << 18
SEND_BYTES = 1 << 20  # Room for a whole batch, so that handing it over never waits.
SILENCE_SECONDS = 120.0
_TICK = 0.001


@dataclass
class Asked:
    """What came of it: milliseconds from due to answered for each kind of request, and what the asking itself cost."""

    took: dict[str, list[float]] = field(default_factory=dict)
    refused: dict[int, int] = field(default_factory=dict)
    seconds: float = 0.0
    cpu_seconds: float = 0.0


Due = tuple[float, str, bytes]
"""Seconds from the start, kind, request."""


def at_rate(kind: str, requests: Iterable[bytes], rate: float) -> Iterator[Due]:
    """These requests, evenly."""
    return ((number / rate, kind, request) for number, request in enumerate(requests))


def steady(port: int, *streams: Iterable[Due], connections: int) -> Asked:
    """Ask each request when it is due, over so many connections that are kept.

    Raises:
        TimeoutError: Nothing was answered for two minutes.
    """
    due = merge(*streams, key=itemgetter(0))
    lines = {line.number: line for line in (_Line(port) for _ in range(connections))}
    asked, idle, ready = Asked(), deque(lines.values()), select.epoll()
    for number in lines:
        ready.register(number, select.EPOLLIN)
    clock, used, begun = time.perf_counter, time.process_time(), time.perf_counter()
    following = next(due, None)
    while following is not None or len(idle) < connections:
        now = clock() - begun
        # The kernel waits whole milliseconds: what is due within the next one leaves now, and is timed from now.
        while following is not None and idle and following[0] <= now + _TICK:
            line = idle.popleft()  # Each in turn: one that is never used is hung up on.
            line.ask(following, now)
            following = next(due, None)
        may_ask = following is not None and idle
        wait = max(following[0] - now - _TICK, _TICK) if following is not None and may_ask else SILENCE_SECONDS
        answers = ready.poll(wait)
        if not answers and not may_ask:
            raise TimeoutError(f"no answer for {SILENCE_SECONDS:.0f} s to {connections - len(idle)} requests")
        for number, _ in answers:
            line = lines[number]
            if line.is_answered():
                asked.took.setdefault(line.kind, []).append((clock() - begun - line.due) * 1000)
                if line.status >= 300:
                    asked.refused[line.status] = asked.refused.get(line.status, 0) + 1
                idle.append(line)
    asked.seconds, asked.cpu_seconds = clock() - begun, time.process_time() - used
    ready.close()
    for line in lines.values():
        line.socket.close()
    return asked


class _Line:
    """One connection: at most one request is on its way. Of an answer only status and length are read."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BYTES)
        self.number = self.socket.fileno()
        self.due, self.kind, self.status = 0.0, "", 0
        self._head = b""
        self._left = -1

    def ask(self, asked: Due, now: float) -> None:
        """Hand a request over."""
        due, self.kind, request = asked
        self.due = min(due, now)
        self._head, self._left = b"", -1
        self.socket.sendall(request)

    def is_answered(self) -> bool:
        """Read what there is. Whether that was the rest of the answer."""
        some = self.socket.recv(READ_BYTES)
        if not some:
            raise ConnectionError(f"the service hung up: {self._head[:200]!r}")
        if self._left >= 0:
            self._left -= len(some)
            return self._left == 0
        self._head += some
        end = self._head.find(b"\r\n\r\n")
        if end < 0:
            return False
        self.status = int(self._head[9:12])
        at = self._head.find(b"content-length: ", 0, end)
        length = int(self._head[at + 16 : self._head.index(b"\r", at)]) if at > 0 else 0
        self._left = end + 4 + length - len(self._head)
        return self._left == 0
