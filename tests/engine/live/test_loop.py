"""Whom the worker decides next, and how long it sends."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from upstep.engine.live import loop
from upstep.engine.live.loop import Worker
from upstep.errors import OutsideError
from upstep.tables.sample import AS_OF


def test_whoever_was_touched_first_is_decided_first_and_keeps_their_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "TOUCHED_MOST", 2)
    monkeypatch.setattr(loop, "Noticed", lambda _state: None)
    nothing = cast("Any", None)
    worker = Worker(nothing, state=nothing, inbox=None, clock=lambda: AS_OF)
    worker._due["whole"] = AS_OF + timedelta(hours=1)
    worker._touch({"z", "y"})
    worker._touch({"a", "z", "b"})
    assert worker._next(AS_OF) == ["y", "z"]
    assert worker.waiting == {"z", "y", "a", "b"}
    worker._touched.pop("y")
    worker._touch({"y"})
    assert worker._next(AS_OF) == ["a", "z"]
    # Of whom something is being done at the moment, nothing newer is decided until that is done.
    worker._acted_upon = frozenset({"z"})
    assert worker._next(AS_OF) == ["a", "b"]


def test_a_backlog_of_messages_leaves_a_little_at_a_time_while_somebody_waits_to_be_decided(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loop, "Noticed", lambda _state: None)
    nothing = cast("Any", None)
    worker = Worker(nothing, state=nothing, inbox=None, clock=lambda: AS_OF)
    assert worker._pace().seconds_max == loop.SEND_SECONDS_MOST
    worker._touch(["acme"])
    assert worker._pace().seconds_max == loop.SEND_SECONDS_WAITED_FOR < loop.SEND_SECONDS_MOST


@pytest.mark.parametrize("touched", [["acme"], None])
def test_whoever_was_decided_is_decided_again_when_the_cycle_is_cut_off_before_anything_followed(
    monkeypatch: pytest.MonkeyPatch, touched: list[str] | None
) -> None:
    monkeypatch.setattr(loop, "Noticed", lambda _state: SimpleNamespace(since=set))
    nothing = cast("Any", None)
    worker = Worker(nothing, state=nothing, inbox=None, clock=lambda: AS_OF)
    if touched is not None:
        worker._due["whole"] = AS_OF + timedelta(hours=1)
        worker._touch(touched)

    def decided(*_asked: object) -> None:
        worker._touched.clear()
        worker._due.setdefault("whole", AS_OF + timedelta(hours=1))

    def cut_off(_now: object) -> None:
        raise OutsideError("the disk is full")

    for name, instead in (("_see_loads", lambda: None), ("_bill", lambda _now: None), ("_decide", decided)):
        monkeypatch.setattr(worker, name, instead)
    monkeypatch.setattr(worker, "_end", cut_off)

    with pytest.raises(OutsideError):
        worker._cycle()
    assert worker._next(AS_OF) == touched
