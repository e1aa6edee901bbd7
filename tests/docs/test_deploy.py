"""The Dockerfile and the systemd units name real commands, real files and the versions that are tested."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path

import pytest
import typer.main

from upstep.cli import app

ROOT = Path(__file__).parents[2]
UNITS = sorted((ROOT / "deploy").glob("*.service"))
PIN = re.compile(r"^([a-z0-9._-]+)(?:\[.*\])?==(\S+)", re.MULTILINE)


def dockerfile() -> str:
    return (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")


def directive(name: str) -> list[str]:
    return re.findall(rf"^{name} (.*)$", dockerfile(), re.MULTILINE)


def check_command(words: Sequence[str]) -> None:
    """A command of ours with options that it has."""
    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    assert words[0] in commands, words
    options = {option for parameter in commands[words[0]].params for option in parameter.opts}
    named = {word for word in words[1:] if word.startswith("--")}
    assert named <= options, named - options


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_a_unit_starts_a_command_that_exists(unit: Path) -> None:
    (line,) = re.findall(r"^ExecStart=(.*)$", unit.read_text(encoding="utf-8"), re.MULTILINE)
    program, *words = shlex.split(line)
    assert program.endswith("/bin/upstep")
    check_command(words)


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_a_unit_is_hardened(unit: Path) -> None:
    text = unit.read_text(encoding="utf-8")
    wanted = (
        "NoNewPrivileges=yes",
        "ProtectSystem=strict",
        "ProtectHome=yes",
        "PrivateTmp=yes",
        "CapabilityBoundingSet=\n",
    )
    assert [word for word in wanted if word not in text] == []
    assert "User=upstep" in text


def test_systemd_reads_the_units(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("needs systemd-analyze")
    for unit in (ROOT / "deploy").iterdir():
        text = unit.read_text(encoding="utf-8").replace("/opt/upstep/bin/upstep", shutil.which("true") or "")
        (tmp_path / unit.name).write_text(text, encoding="utf-8")
    paths = [str(path) for path in tmp_path.iterdir()]
    ran = subprocess.run(["systemd-analyze", "verify", *paths], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


def test_the_image_starts_a_command_that_exists_as_somebody_without_rights() -> None:
    assert json.loads(directive("ENTRYPOINT")[-1]) == ["upstep"]
    check_command(json.loads(directive("CMD")[-1]))
    assert directive("USER") == ["10001:10001"]
    assert len(directive("FROM")) == 2
    assert "/healthz" in directive("HEALTHCHECK")[0]


def test_what_the_image_copies_is_there_and_is_let_through() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    let_through = {line[1:] for line in ignored if line.startswith("!")}
    for line in directive("COPY"):
        if line.startswith("--from"):
            continue
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), source
            assert any(fnmatch(source, one) for one in let_through), source


def test_the_image_has_the_versions_that_are_tested() -> None:
    service, dev = (
        dict(PIN.findall((ROOT / "requirements" / name).read_text(encoding="utf-8")))
        for name in ("service.txt", "dev.txt")
    )
    assert {"fastapi", "psycopg", "duckdb", "stripe"} <= service.keys()
    assert {name: version for name, version in service.items() if dev.get(name) != version} == {}
