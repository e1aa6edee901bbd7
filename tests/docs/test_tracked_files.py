"""What no file of the repository may hold: paths of somebody's machine, registry hosts, places outside of it."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Written in two pieces, so that this file does not hold what it looks for.
FORBIDDEN = {
    r"(?<![\w.])/wor" + "k/": "a path of one machine; write it relative to the repository",
    r"(?<![\w.])/roo" + "t/": "a path of one machine; write it relative to the repository",
    r"pypi\." + "org": "a registry host; whoever installs names theirs",
    r"files\.python" + "hosted": "a registry host; locks name none (make lock)",
    r"registry\." + "npmjs": "a registry host; whoever installs names theirs",
    r"the\s+see" + "ds": "texts outside the repository; cite what a reader can open",
}


def tracked() -> list[Path]:
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("not a git checkout: no list of tracked files")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout
    return [ROOT / name for name in listed.decode().split("\0") if name and (ROOT / name).is_file()]


def faults(text: str) -> list[str]:
    """What stands in ``text`` that must not, with its line and what to write instead."""
    return [
        f"{text.count(chr(10), 0, match.start()) + 1}: {match.group()!r}: {advice}"
        for pattern, advice in FORBIDDEN.items()
        for match in re.finditer(pattern, text, re.IGNORECASE)
    ]


def test_no_tracked_file_names_a_machine_or_a_host() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{fault}"
        for path in tracked()
        for fault in faults(path.read_bytes().decode("utf-8", errors="ignore"))
    ]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize(
    "line", ["see /wor" + "k/x", '"/roo' + 't/.cache"', "https://PyPI." + "org/p/x", "taken from the see" + "ds"]
)
def test_what_must_not_stand_is_found_with_its_line(line: str) -> None:
    assert [fault.partition(":")[0] for fault in faults(f"a\n{line}")] == ["2"]


@pytest.mark.parametrize("line", ["/benchmarks/wor" + "k/", "docs/roo" + "t/x", "the seed of a sample"])
def test_what_may_stand_is_left_alone(line: str) -> None:
    assert faults(line) == []


@pytest.mark.parametrize("lock", ["demo", "dev", "bench", "uv"])
def test_a_lock_pins_and_hashes_everything_and_names_no_host(lock: str) -> None:
    text = (ROOT / "requirements" / f"{lock}.txt").read_text()
    entries = [entry for entry in re.split(r"\n(?=\S)", text.strip()) if entry]

    assert "://" not in text
    assert all("==" in entry.splitlines()[0] and "--hash=sha256:" in entry for entry in entries)


def test_the_lock_of_node_packages_names_no_host_and_every_version() -> None:
    packages = json.loads((ROOT / "tests/sdks/package-lock.json").read_text())["packages"]
    assert not [name for name, one in packages.items() if "resolved" in one]
    assert not [name for name, one in packages.items() if name and not (one.get("version") and one.get("integrity"))]
