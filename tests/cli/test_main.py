"""Exit codes, errors as words, and a help page that answers at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tests.cli.conftest import Upstep
from tests.cli.schemas import SCHEMAS
from upstep.cli import app
from upstep.errors import BusyError, Fault, SourceError

HEAVY = ("ibis", "duckdb", "pyarrow", "numpy", "deltalake", "sqlalchemy", "babel", "sqlglot", "rich", "pydantic")


def started(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words], capture_output=True, text=True, check=False, env=os.environ | environment
    )


def test_help_imports_nothing_heavy() -> None:
    code = "import sys; from upstep.cli import main; main(['--help']); print(*sys.modules)"
    loaded = {name.partition(".")[0] for name in started("-c", code).stdout.splitlines()[-1].split()}

    assert "upstep" in loaded
    assert loaded.isdisjoint(HEAVY)


def test_each_command_is_told_with_what_it_does(upstep: Upstep) -> None:
    out = upstep("--help").out

    assert "Start with: upstep demo" in out
    for command in (
        "demo",
        "init",
        "load",
        "check",
        "confirm",
        "decide",
        "explain",
        "offers",
        "deliver",
        "apply",
        "plays",
        "doctor",
    ):
        assert f"\n  {command} " in out


def test_the_version_is_told(upstep: Upstep) -> None:
    assert upstep("--version").out.startswith("upstep ")


def test_an_unknown_command_is_wrong_use(upstep: Upstep) -> None:
    ran = upstep("decode")
    assert (ran.code, "decode" in ran.err) == (2, True)


def test_a_folder_that_is_no_project_is_told_with_what_to_do(upstep: Upstep, tmp_path: Path) -> None:
    ran = upstep("decide", "--project", tmp_path)

    assert ran.code == 2
    assert "upstep init" in ran.err
    assert "Traceback" not in ran.err


@pytest.mark.parametrize(
    ("error", "code", "told"),
    [
        (SourceError([Fault("a.csv:1", "one."), Fault("a.csv:2", "two.")]), 2, "a.csv:1: one.\na.csv:2: two.\n"),
        (BusyError("'upstep load' is writing.", "upstep load"), 3, "'upstep load' is writing.\n"),
        (PermissionError(13, "Permission denied", "x.yaml"), 3, "x.yaml: Permission denied."),
        (ZeroDivisionError("by zero"), 3, "Sorry, this should not happen: ZeroDivisionError: by zero."),
    ],
)
def test_an_error_becomes_words_and_an_exit_code(
    upstep: Upstep, monkeypatch: pytest.MonkeyPatch, error: Exception, code: int, told: str
) -> None:
    def fail(_folder: Path) -> None:
        raise error

    monkeypatch.setattr("upstep.engine.project.Project", fail)
    ran = upstep("check")

    assert ran.code == code
    assert ran.err.startswith(told)
    assert "Traceback" not in ran.err


def test_the_whole_story_is_told_when_asked_for(
    upstep: Upstep, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("UPSTEP_DEBUG", "1")
    assert "Traceback" in upstep("check", "--project", tmp_path).err


def test_an_instant_that_is_none_is_wrong_use(upstep: Upstep, loaded: Path) -> None:
    ran = upstep("decide", "--as-of", "yesterday", "--project", loaded)
    assert (ran.code, "--as-of: 'yesterday'" in ran.err) == (2, True)


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_one_and_refuses_other_keys(name: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[name])
    assert all(shape["additionalProperties"] is False for shape in SCHEMAS[name].get("oneOf", [SCHEMAS[name]]))


def test_each_command_that_prints_json_has_its_schema() -> None:
    names = [command.name or command.callback.__name__ for command in app.registered_commands if command.callback]
    names.remove("serve")  # it prints nothing to read
    names += ["plays-list", "plays-show", "plays-sql", "confirm-list"]
    assert [name for name in names if name not in SCHEMAS] == []
