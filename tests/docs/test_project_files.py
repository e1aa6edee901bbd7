"""pyproject.toml, Makefile and pages say the same: layers as drawn, rules off with reasons, commands that exist."""

import re
import tomllib
from pathlib import Path

import pytest

from upstep.plays.gates import GATES

ROOT = Path(__file__).parents[2]
PYPROJECT = (ROOT / "pyproject.toml").read_text()
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
RULE_OFF = re.compile(r'^    "([A-Z]+\d*)",(.*)$', re.MULTILINE)


def test_layers_are_as_the_index_draws_them() -> None:
    contract = tomllib.loads(PYPROJECT)["tool"]["importlinter"]["contracts"][0]
    layers = [re.findall(r"\w+", layer) for layer in contract["layers"] if "__main__" not in layer]
    drawing = re.findall(r"^    (?:cli|    ->).*$", (ROOT / "docs" / "index.md").read_text(), re.MULTILINE)

    assert [re.findall(r"\w+", part) for part in " ".join(drawing).split("->")] == layers


def test_each_rule_that_is_off_has_its_reason_beside_it() -> None:
    off = RULE_OFF.findall(PYPROJECT)

    assert len(off) > 20
    assert [rule for rule, rest in off if not re.fullmatch(r" +# \w.{7,}", rest)] == []


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_each_make_command_of_a_page_exists(page: str) -> None:
    named = set(re.findall(r"(?:^ {4}|`)make ([a-z-]+)", (ROOT / page).read_text(), re.MULTILINE))
    assert named <= TARGETS


def test_ci_runs_targets_that_exist() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    stages = set(re.findall(r"^ *for target in (.+); do", script, re.MULTILINE)[0].split())

    assert {"test", "format-check", "lint", "types", "imports", "docs", "backends", "wheel"} <= stages <= TARGETS


def test_the_readme_counts_plays_and_gates_right_and_its_steps_follow_one_another() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    words = {31: "thirty-one", 14: "fourteen"}
    plays, gates = len(list((ROOT / "src/upstep/plays/library").glob("*.yaml"))), len(GATES)

    assert f"{words.get(plays, plays)} plays" in text
    assert f"{words.get(gates, gates)} reasons to wait" in text
    steps = [int(number) for number in re.findall(r"^(\d+)\. ", text, re.MULTILINE)]
    assert steps == list(range(1, len(steps) + 1))
