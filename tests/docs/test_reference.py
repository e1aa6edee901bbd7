"""docs/reference says what the code says, every column, gate, key and example in the docs is real."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pytest

from upstep.catalog.load import load_catalog
from upstep.cli import app
from upstep.config import load_settings
from upstep.config.settings import _KEYS
from upstep.plays.gates import GATES
from upstep.plays.grain import GRAINS
from upstep.plays.play import kinds_of, load_playbook
from upstep.tables.mapping import read_mapping
from upstep.tables.schema import TABLES

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```yaml\n(.*?)^```", re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", DOCS / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def kinds(reference: ModuleType) -> Mapping[str, Mapping[str, str]]:
    return kinds_of(reference._sample()[1])


def test_every_column_that_a_play_may_read_has_a_unit_and_a_meaning(
    reference: ModuleType, kinds: Mapping[str, Mapping[str, str]]
) -> None:
    missing = [
        f"{grain}.{name}"
        for grain in GRAINS
        for name in kinds[grain]
        if name not in reference.COLUMNS[grain] and (grain == "account" or name not in kinds["account"])
    ]
    assert not missing, f"define these in docs/reference.py, COLUMNS: {missing}"


def test_every_gate_says_when_it_holds_and_who_answers_to_it(reference: ModuleType) -> None:
    assert set(reference.HOLDS_WHEN) == set(GATES)
    assert set(reference.ASKED_OF) == set(GATES)
    assert {gate.id for gate in GATES.values() if gate.question} <= set(reference.UNKNOWN_WHEN)


def test_every_note_on_a_column_is_about_a_column(reference: ModuleType) -> None:
    known = {f"{table.name}.{name}" for table in TABLES.values() for name in table.names}
    assert set(reference.COLUMN_NOTES) <= known


def test_every_setting_has_its_key_explained(reference: ModuleType) -> None:
    fields = {name for name, _ in reference.SETTINGS.values() if name}
    keys = {key.partition(".")[0] for key in reference.SETTINGS}

    assert fields == set(reference.setting_defaults())
    assert keys == set(_KEYS)


def test_the_committed_reference_is_what_the_code_gives(reference: ModuleType) -> None:
    fresh = reference.pages()
    stored = {name: (DOCS / "reference" / name).read_text(encoding="utf-8") for name in fresh}

    old = [name for name in fresh if fresh[name] != stored[name]]
    assert not old, f"run .venv/bin/python docs/reference.py; these are not what the code gives: {old}"


def blocks(page: str) -> list[str]:
    """The ``yaml`` blocks of a page; a test that finds none has nothing to say."""
    found: list[str] = BLOCK.findall((DOCS / page).read_text(encoding="utf-8"))
    assert found, f"docs/{page} has no yaml block"
    return found


@pytest.mark.parametrize("number", range(len(BLOCK.findall((DOCS / "catalog.md").read_text(encoding="utf-8")))))
def test_a_catalog_example_loads(number: int, tmp_path: Path) -> None:
    path = tmp_path / "catalog.yaml"
    path.write_text(blocks("catalog.md")[number], encoding="utf-8")

    assert load_catalog(path).products


def test_a_play_example_is_a_play(reference: ModuleType, tmp_path: Path) -> None:
    for number, text in enumerate(blocks("plays.md")):
        (tmp_path / f"own_{number}.yaml").write_text(text, encoding="utf-8")

    catalog, program = reference._sample()
    playbook = load_playbook(catalog, kinds_of(program), own=tmp_path)

    own = [play for play in playbook.plays if Path(play.file).parent == tmp_path]
    assert len(own) == len(blocks("plays.md"))


def test_the_settings_example_is_read_whole(tmp_path: Path) -> None:
    (example,) = blocks("settings.md")
    (tmp_path / "upstep.yaml").write_text(example, encoding="utf-8")

    settings = load_settings(tmp_path)
    assert settings.assumptions
    assert settings.plays_off


def test_the_mapping_examples_are_read_whole(tmp_path: Path) -> None:
    tables: list[str] = []
    for example in blocks("your-data.md"):
        (tmp_path / "mapping.yaml").write_text(example, encoding="utf-8")
        tables += read_mapping(tmp_path).tables

    assert tables == ["account", "subscription_item", "usage", "invoice"]


def test_a_column_without_a_meaning_is_told(reference: ModuleType) -> None:
    with pytest.raises(KeyError, match="no_such_column"):
        reference.defined("limit", "no_such_column", "number")


COMMANDS = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
GROUPS = {group.name for group in app.registered_groups}
NAMED = re.compile(r"(?:^ {4}(?:\S*/)?|`)upstep ([a-z-]+)", re.MULTILINE)


def commands_named() -> dict[str, set[str]]:
    """Commands that each page tells a reader to run."""
    pages = [DOCS.parent / "README.md", *DOCS.glob("*.md")]
    return {page.name: set(NAMED.findall(page.read_text(encoding="utf-8"))) for page in pages}


def test_every_command_that_a_page_names_exists() -> None:
    known = {*COMMANDS, *GROUPS}
    wrong = {page: named - known for page, named in commands_named().items() if named - known}
    assert not wrong, f"no such command; known: {sorted(map(str, known))}"


def test_every_command_is_in_the_docs() -> None:
    named = set().union(*commands_named().values())
    assert {*COMMANDS, *GROUPS} <= named


def test_the_story_tells_the_numbers_that_its_test_proves() -> None:
    proved = (DOCS.parent / "tests" / "stories" / "test_first_step.py").read_text(encoding="utf-8")
    told = (DOCS / "story.md").read_text(encoding="utf-8")

    for code, words in (("46_000", "46,000"), ("1525", "$15.25"), ("5500", "$55.00"), ("50,000", "50,000")):
        assert code in proved, f"{code} is proved no more; tell the new number in docs/story.md"
        assert words in told
