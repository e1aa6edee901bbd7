"""Compiled queries on disk: one process makes a text, the others wait and read it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest

from tests.company import CATALOG, SETTINGS, project
from upstep.engine.compiled import kept_value
from upstep.engine.deciding import decide
from upstep.engine.deciding.decide import Decider
from upstep.tables.query import DuckEngine, Program, Statements


def test_who_needs_a_text_that_is_being_made_waits_for_it(tmp_path: Path) -> None:
    begun, asked, made = Event(), Event(), []

    def build() -> list[int]:
        begun.set()
        assert asked.wait(30)
        made.append(1)
        return made

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(kept_value, tmp_path, "text", ("a",), build)
        assert begun.wait(30)
        second = threads.submit(kept_value, tmp_path, "text", ("a",), build)
        asked.set()
        assert first.result(30) == second.result(30) == [1]
    assert made == [1]
    assert [path.suffix for path in tmp_path.iterdir()] == [".json"]


def test_a_text_that_cannot_be_made_keeps_nobody_waiting(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        kept_value(tmp_path, "text", ("a",), lambda: 1 // 0)
    assert kept_value(tmp_path, "text", ("a",), lambda: 2) == 2


def test_where_nothing_can_be_written_a_text_is_made_each_time(tmp_path: Path) -> None:
    folder = tmp_path / "a_file"
    folder.touch()
    assert kept_value(folder, "text", (), lambda: 1) == 1
    assert kept_value(folder, "text", (), lambda: 2) == 2


def test_a_changed_setting_leaves_the_kept_profiles_and_changes_the_ranking(monkeypatch: pytest.MonkeyPatch) -> None:
    keys: set[tuple[str, tuple[str, ...]]] = set()

    def noted(_: Path, name: str, parts: tuple[str, ...], _build: Callable[[], Program], *, dialect: str) -> Statements:
        keys.add((name, parts))
        return Statements(dialect, {}, {})

    monkeypatch.setattr(decide, "kept_statements", noted)
    for settings in (SETTINGS, f"{SETTINGS}contact_policy: {{cool_down_days: 3}}\n"):
        Decider(project(CATALOG, settings), owners_connected=False).programs(DuckEngine(threads=1))
    assert sorted(name for name, _ in keys) == ["profiles", "ranking", "ranking"]
