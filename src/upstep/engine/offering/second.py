"""A second process that asks the sandbox and words messages, while the first one does the same and writes.

The work of one offer is independent of the next, and nearly all of it is Python's, which uses one processor. What the
second process hands back are rows as the database takes them; only the first one writes, so one transaction still
opens offers and queues their messages, and a database with one writer has one.
"""

from __future__ import annotations

import os
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import msgspec
import pyarrow as pa
import sqlalchemy as sa

from upstep.billing.sandbox import SandboxBiller
from upstep.engine.offering.asking import Asker, Occasion
from upstep.engine.peers import PeerCounts
from upstep.engine.project import Project
from upstep.engine.quoting.biller import bare_sandbox
from upstep.offers import lifecycle
from upstep.offers.lifecycle import ReadyOffers

if TYPE_CHECKING:
    from upstep.billing.provider import Provider

ROWS_MIN = 3_000
"""For fewer rows a second process is not worth the two seconds in which it starts."""

AHEAD = 2
"""So many groups are handed over at a time, so that it never waits for the next."""

_LENGTH = struct.Struct("<Q")


@dataclass(frozen=True)
class Job:
    """What the second process has to know before the first row."""

    folder: str
    extra_plays: list[str]
    database: str
    occasion: Occasion
    segments: dict[str, str]
    plans: list[tuple[str, str, str, int]]
    products: list[tuple[str, str, int]]


@dataclass(frozen=True)
class Made:
    """What became of a group of rows, by their places.

    Args:
        ready: The offers that can be opened, as the database takes them.
        exposed: Account, step and arms of those that are in a test.
        alone: Those that may be given something.
        refused: Those that cannot be offered, and why.
    """

    ready: ReadyOffers
    exposed: list[tuple[str, str, dict[str, str]]]
    alone: list[int]
    refused: dict[int, str]


class GoneError(Exception):
    """The second process has ended, or could not do its work: the first one does it."""


class Second:
    """The second process, as the first one sees it."""

    def __init__(self, job: Job) -> None:
        paths = os.pathsep.join(path for path in sys.path if path)
        self._process = subprocess.Popen(  # noqa: S603 (our own module, with our own interpreter)
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": paths},
        )
        self._speaker = ThreadPoolExecutor(1, thread_name_prefix="opening")
        self._speaker.submit(self._send, msgspec.msgpack.encode(job))

    def ask(self, rows: pa.Table) -> Future[Made]:
        """Hand over rows of decisions. The future raises ``GoneError`` where nothing comes of it."""
        return self._speaker.submit(self._ask, rows)

    def close(self) -> None:
        """End it; what it was asked and has not answered is lost."""
        self._process.kill()
        self._speaker.shutdown(cancel_futures=True)
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError):  # what it had not read is lost with it
                if pipe is not None:
                    pipe.close()

    def _ask(self, rows: pa.Table) -> Made:
        self._send(_as_bytes(rows))
        try:
            assert self._process.stdout is not None
            answer = _read(self._process.stdout)
        except OSError as error:
            raise GoneError from error
        if not answer:
            raise GoneError
        return msgspec.msgpack.decode(answer, type=Made)

    def _send(self, frame: bytes) -> None:
        try:
            assert self._process.stdin is not None
            _write(self._process.stdin, frame)
        except OSError as error:
            raise GoneError from error


@contextmanager
def second_process(
    project: Project, provider: Provider, state: sa.Engine, occasion: Occasion, *, rows: int
) -> Iterator[Second | None]:
    """A second process for so many rows; None where it would not help, or cannot ask what this one can."""
    if rows < ROWS_MIN or not _is_own(project, provider) or (os.cpu_count() or 1) < AHEAD:
        yield None
        return
    peers = project.peers
    second = Second(
        Job(
            folder=str(project.folder.resolve()),
            extra_plays=[str(path.resolve()) for path in project.extra_plays],
            database=f"{state.dialect.name}+{state.dialect.driver}",
            occasion=occasion,
            segments=dict(peers.segments),
            plans=[(*key, count) for key, count in peers.plans.items()],
            products=[(*key, count) for key, count in peers.products.items()],
        )
    )
    try:
        yield second
    finally:
        second.close()


def _is_own(project: Project, provider: Provider) -> bool:
    """Whether another process that opens this project's sandbox asks the very same."""
    return type(provider) is SandboxBiller and provider.terms == bare_sandbox(project).terms


def _as_bytes(rows: pa.Table) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, rows.schema) as writer:
        writer.write_table(rows)
    frame: bytes = sink.getvalue().to_pybytes()
    return frame


def _write(pipe: IO[bytes], frame: bytes) -> None:
    pipe.write(_LENGTH.pack(len(frame)))
    pipe.write(frame)
    pipe.flush()


def _read(pipe: IO[bytes]) -> bytes:
    """The next frame; empty at the end."""
    head = pipe.read(_LENGTH.size)
    return pipe.read(_LENGTH.unpack(head)[0]) if len(head) == _LENGTH.size else b""


# In the second process


def serve(asked: IO[bytes], answered: IO[bytes]) -> None:
    """Answer until nothing more is asked. What fails ends it: the first process meets the same and says so."""
    job = msgspec.msgpack.decode(_read(asked), type=Job)
    project = Project(Path(job.folder), extra_plays=[Path(path) for path in job.extra_plays])
    plans = {(segment, product, plan): count for segment, product, plan, count in job.plans}
    project.peers = PeerCounts(job.segments, plans, {(segment, product): n for segment, product, n in job.products})
    asker = Asker(project, bare_sandbox(project), job.occasion)
    dialect = sa.make_url(f"{job.database}://").get_dialect()()
    while frame := _read(asked):
        rows = pa.ipc.open_stream(frame).read_all().to_pylist()
        _write(answered, msgspec.msgpack.encode(_made(asker, dialect, rows)))


def _made(asker: Asker, dialect: sa.Dialect, rows: list[dict[str, Any]]) -> Made:
    answers, occasion = asker.ask(rows), asker.occasion
    ready = lifecycle.made_ready(dialect, answers.opening(occasion), by=lifecycle.PROGRAM, at=occasion.now)
    exposed = [(one.account_id, one.step_id, dict(one.arms.by_id)) for one in answers.asked if one.arms.by_id]
    return Made(ready, exposed, answers.alone, answers.refused)


def _main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal tells both; the first one ends this one
    answered = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what anybody prints must not stand between the answers
    serve(sys.stdin.buffer, answered)


if __name__ == "__main__":
    _main()
