"""What follows from decisions, beside the thread that decides."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from upstep.engine.live.acting import Acting


def test_jobs_run_one_at_a_time_in_order_and_each_is_told() -> None:
    made: list[int] = []
    running, most = 0, 0

    def job(number: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        running -= 1
        return number

    with Acting[None, int](made.append, lambda _owed: None) as acting:
        for number in range(20):
            acting.give(lambda number=number: job(number), None)  # type: ignore[misc]
        acting.settle()
    assert made == list(range(20))
    assert most == 1


def test_a_job_that_failed_is_owed_and_so_is_the_next_which_is_not_begun() -> None:
    owed: list[list[str]] = []

    def fails() -> int:
        raise ValueError("no")

    with Acting[list[str], int](lambda _made: None, owed.append) as acting:
        acting.give(fails, ["acme"])
        with pytest.raises(ValueError, match="no"):
            acting.give(lambda: 1, ["bell"])
        assert owed == [["acme"], ["bell"]]
        acting.settle()
    assert owed == [["acme"], ["bell"]]


def test_looking_at_a_job_that_goes_on_does_not_wait_for_it() -> None:
    may_end, made = threading.Event(), list[Any]()
    with Acting[None, bool](made.append, lambda _owed: None) as acting:
        assert acting.is_free
        acting.give(lambda: may_end.wait(60), None)
        assert not acting.is_free
        acting.look()
        assert made == []
        may_end.set()
        acting.settle()
        assert made == [True]
        assert acting.is_free
