"""Whom the worker decides next, and how long it sends."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

import pytest

from upstep.engine.live import loop
from upstep.engine.live.loop import Worker
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


def test_a_backlog_of_messages_leaves_a_little_at_a_time_while_somebody_waits_to_be_decided(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(loop, "Noticed", lambda _state: None)
    nothing = cast("Any", None)
    worker = Worker(nothing, state=nothing, inbox=None, clock=lambda: AS_OF)
    assert worker._pace().seconds_max == loop.SEND_SECONDS_MOST
    worker._touch(["acme"])
    assert worker._pace().seconds_max == loop.SEND_SECONDS_WAITED_FOR < loop.SEND_SECONDS_MOST
