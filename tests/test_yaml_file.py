"""Reading YAML files: places, faults and stand-ins."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import pytest

from upstep.errors import Fault
from upstep.yaml_file import BYTES_MAX, Node, in_file_order, read_yaml


def read(tmp_path: Path, content: str | bytes) -> tuple[Node | None, list[str]]:
    """The top mapping of a file with that content, and its faults without the folder."""
    path = tmp_path / "f.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    faults: list[Fault] = []
    node = read_yaml(path, faults)
    return node, told(faults, tmp_path)


def told(faults: list[Fault], tmp_path: Path) -> list[str]:
    return [str(fault).replace(f"{tmp_path}/", "") for fault in faults]


def good(tmp_path: Path, content: str) -> Node:
    node, faults = read(tmp_path, content)
    assert node is not None
    assert faults == []
    return node


@pytest.mark.parametrize(
    ("content", "place", "found"),
    [
        ("", "1:1", "empty"),
        ("# only a comment\n", "1:1", "empty"),
        ("- a\n- b\n", "1:1", "is a list, not a mapping"),
        ("just words\n", "1:1", "is 'just words', not a mapping"),
        ("a:\n\tb: 1\n", "2:1", "tab"),
        ("a: [1,\nb: 2\n", "3:1", "that begins in line 1, column 4"),
        ("a: {b: ${NAME}}\n", "1:9", "put ${NAME} in quotes"),
        ("a: 'x\n", "2:1", "quoted scalar"),
        ("a: 1\n---\nb: 2\n", "2:1", "second document"),
        ("a: *nowhere\n", "1:4", "undefined alias"),
        ("a: 1\nb: \x01\n", "2:4", "U+0001"),
        (b"ab: 1\nc: caf\xe9\n", "2:7", "0xe9 is not UTF-8"),
        (b"PK\x03\x04\xff\xfe", "1:5", "not UTF-8"),
        ("a: &x [*x]\n", "1:1", "holds the alias itself"),
        ("- " * 1500 + "x", "1:1", "nested too deeply"),
        ("a: " + "x" * BYTES_MAX, "1:1", "more than the 1000000"),
    ],
)
def test_a_file_that_cannot_be_read_says_where_and_why(
    tmp_path: Path, content: str | bytes, place: str, found: str
) -> None:
    node, faults = read(tmp_path, content)
    assert node is None
    assert len(faults) == 1
    assert faults[0].startswith(f"f.yaml:{place}: ")
    assert found in faults[0]


def test_a_missing_file_and_a_folder_are_faults(tmp_path: Path) -> None:
    faults: list[Fault] = []
    assert read_yaml(tmp_path / "none.yaml", faults) is None
    assert read_yaml(tmp_path, faults) is None
    assert "none.yaml:1:1: there is no such file." in told(faults, tmp_path)[0]
    assert "cannot be read" in str(faults[1])


def test_aliases_that_stand_for_a_billion_values_are_refused_quickly(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    node, faults = read(tmp_path, "\n".join(lines))
    assert node is None
    assert "aliases stand for" in faults[0]


def test_every_fault_of_reading_is_told_and_the_rest_is_still_read(tmp_path: Path) -> None:
    node, faults = read(tmp_path, "a: 1\nb: !thing 3\na: 2\nc: 2026-13-45\n? [x]\n: 1\nd: {<<: {e: 1}, f: 5}\nb: 4\n")
    assert node is not None
    assert node.whole("a") == 1
    assert [line.split(" ")[0] for line in faults] == [
        f"f.yaml:{place}:" for place in ("2:4", "3:1", "4:4", "5:3", "7:5", "8:1")
    ]
    assert "'a' stands twice; first in line 1, column 1" in faults[1]
    assert "tag '!thing'" in faults[0]
    assert "'2026-13-45' is no valid value" in faults[2]


def test_values_come_back_in_their_types(tmp_path: Path) -> None:
    node = good(
        tmp_path,
        "\ufefft: on\nw: 2_000\nn: 0.8\nf: true\nd: 2026-12-01\nws: [a, 'b c']\nnothing:\ns: ${TOKEN}\nm: {k: 1}\n",
    )
    assert node.text("t") == "on"  # YAML 1.2: only true and false are flags
    assert node.whole("w") == 2000
    assert node.number("n", minimum=0, maximum=1) == 0.8
    assert node.flag("f") is True
    assert node.day("d") == dt.date(2026, 12, 1)
    assert node.words("ws") == ("a", "b c")
    assert node.text("nothing", None) is None
    assert node.text("s") == "${TOKEN}"
    assert node.entries("m")[0][1].as_whole() == 1
    assert node.plain() == {
        "t": "on",
        "w": 2000,
        "n": 0.8,
        "f": True,
        "d": dt.date(2026, 12, 1),
        "ws": ["a", "b c"],
        "nothing": None,
        "s": "${TOKEN}",
        "m": {"k": 1},
    }
    assert node.faults == []


def test_places_count_from_one_and_name_key_and_value(tmp_path: Path) -> None:
    node = good(tmp_path, "a: 1\nlist:\n  - {id: x, amount: 5}\n")
    item = node.items("list")[0]
    assert item.place.endswith("f.yaml:3:5")
    assert item.key_place("amount").endswith("f.yaml:3:13")
    amount = item.child("amount")
    assert amount is not None
    assert amount.place.endswith("f.yaml:3:21")


@pytest.mark.parametrize(
    ("content", "read_it", "fault"),
    [
        ("k: 5", lambda n: n.text("k"), '1:4: k is 5, not text. Put it in quotes: "5".'),
        ("k: ' '", lambda n: n.text("k"), "1:4: k is ' ', not text."),
        (
            "k: x",
            lambda n: n.text("k", allowed=["xy", "z"]),
            "1:4: k 'x' is not known. Did you mean 'xy'? Known: xy, z.",
        ),
        ("k: 20.5", lambda n: n.whole("k", advice="Do."), "1:4: k is 20.5, not a whole number. Do."),
        ("k: true", lambda n: n.whole("k"), "1:4: k is true, not a whole number."),
        ("k: -1", lambda n: n.whole("k"), "1:4: k is -1. The least allowed is 0."),
        ("k: 9223372036854775808", lambda n: n.whole("k"), "The most that fits is 9223372036854775807."),
        ("k: .nan", lambda n: n.number("k", minimum=0, maximum=1), "1:4: k is .nan. Write a number from 0 to 1."),
        ("k: yes", lambda n: n.flag("k"), "1:4: k is 'yes', not true or false."),
        ("k: tomorrow", lambda n: n.day("k"), "1:4: k is 'tomorrow', not a date."),
        ("k: 2026-12-01T10:00:00Z", lambda n: n.day("k"), "not a date."),
        ("k: one", lambda n: n.words("k"), "1:4: k is 'one', not a list. Write [one]."),
        ("k: [a, a]", lambda n: n.words("k"), "1:8: 'a' stands twice in k."),
        ("k: [a, 1]", lambda n: n.words("k"), "1:8: k[2] is 1, not text."),
        ("k: [a]", lambda n: n.mapping("k"), "1:4: k is a list, not a mapping."),
        ("k: {a: 1}", lambda n: n.items("k"), "1:4: k is a mapping, not a list."),
        ("k: [1]", lambda n: n.mappings("k"), "1:5: k[1] is 1, not a mapping."),
        ("a: 1", lambda n: n.text("k"), "1:1: 'k' is missing. Add 'k:'."),
        ("a: 1\nk:", lambda n: n.text("k"), "2:1: 'k' is empty."),
        ("a: 1", lambda n: n.items("k", required=True), "1:1: 'k' is missing."),
        ("a: 1\nkk: 1", lambda n: n.unknown_keys(["a", "k"]), "2:1: 'kk' is not a known key. Did you mean 'k'?"),
    ],
)
def test_a_wrong_value_is_told_with_place_value_and_advice(
    tmp_path: Path, content: str, read_it: Callable[[Node], object], fault: str
) -> None:
    node = good(tmp_path, content)
    read_it(node)
    assert len(node.faults) == 1
    assert fault in told(node.faults, tmp_path)[0]


def test_a_fault_names_who_is_spoken_of(tmp_path: Path) -> None:
    node = good(tmp_path, "k: {a: x}").called("plan 'pro'")
    inner = node.mapping("k")
    assert inner is not None
    assert inner.whole("a") == 0
    assert "f.yaml:1:8: plan 'pro': a is 'x', not a whole number." in told(node.faults, tmp_path)[0]


def test_faults_are_put_in_file_order_once_each() -> None:
    faults = [Fault(f"a:b.yaml:{place}", "x") for place in ("10:1", "2:9", "2:10", "2:9")]
    assert [fault.place for fault in in_file_order(faults)] == ["a:b.yaml:2:9", "a:b.yaml:2:10", "a:b.yaml:10:1"]
