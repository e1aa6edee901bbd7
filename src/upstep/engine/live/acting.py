"""What follows from decisions, in a thread beside the one that decides: what arrives meanwhile need not wait for it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, Self, TypeVar

Owed = TypeVar("Owed")
Made = TypeVar("Made")


class Acting(Generic[Owed, Made]):
    """Runs one job at a time, in the order in which they are given; leaving it waits for the last one.

    Args:
        on_made: Called with what a job made.
        on_failed: Called with what is owed when its job has failed.
    """

    def __init__(self, on_made: Callable[[Made], None], on_failed: Callable[[Owed], None]) -> None:
        self._on_made = on_made
        self._on_failed = on_failed
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="upstep-acting")
        self._job: tuple[Future[Made], Owed] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=True)

    @property
    def is_free(self) -> bool:
        """Whether a job given now would begin at once."""
        return self._job is None or self._job[0].done()

    def give(self, job: Callable[[], Made], owed: Owed) -> None:
        """Begin a job, as soon as the one before it has ended.

        Raises:
            Exception: What the job before has failed with; then this one is not begun, and owed as well.
        """
        try:
            self.settle()
        except BaseException:
            self._on_failed(owed)
            raise
        self._job = self._pool.submit(job), owed

    def look(self) -> None:
        """Settle a job that has ended; one that goes on is left alone.

        Raises:
            Exception: What it has failed with.
        """
        if self.is_free:
            self.settle()

    def settle(self) -> None:
        """Wait for the job that was given last, if there is one.

        Raises:
            Exception: What it has failed with.
        """
        job, self._job = self._job, None
        if job is None:
            return
        try:
            made = job[0].result()
        except BaseException:
            self._on_failed(job[1])
            raise
        self._on_made(made)
