"""YAML files as people write them: read with line and column, every fault collected, nothing executed.

``read_yaml`` gives the top mapping as a ``Node``. Its readers (``text``, ``whole``, ``items``, ...) never raise: what
is wrong is added to the list of faults that was handed in, and a stand-in of the right type comes back, so one pass
over the file finds everything. The caller raises its own error when the list is not empty.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from upstep.errors import Fault, did_you_mean

BYTES_MAX = 1_000_000  # A hand-written file is a few kilobytes; the reader manages about 90 kB a second.
VALUES_MAX = 500_000  # After aliases are followed: nine short lines of aliases can stand for a billion values.
WHOLE_MAX = 2**63 - 1

Scalar: TypeAlias = str | int | float | bool | dt.date | None
Plain: TypeAlias = "Scalar | list[Plain] | dict[str, Plain]"
T = TypeVar("T")
D = TypeVar("D")

REQUIRED: Any = object()  # As a default: a missing key is a fault.
_UNREADABLE: Any = object()  # Stands for a value whose fault has been told already.


@dataclass(frozen=True)
class _Written:
    """One value as it stands in the file; line and column from 1. ``size`` counts what is in it, aliases followed."""

    value: Any  # a scalar, list[_Written], or dict[str, tuple[line and column of the key, _Written]]
    text: str
    line: int
    column: int
    size: int


class Value:
    """One value of a YAML file with its place; its readers give None for something else, which is then told.

    Args:
        name: The key it stands behind, as faults call it.
        label: Who is spoken of in faults, as "plan 'pro'"; children inherit it.
        faults: Where faults are collected.
    """

    def __init__(self, written: _Written, file: Path, faults: list[Fault], *, name: str, label: str = "") -> None:
        self.written = written
        self.file = file
        self.faults = faults
        self.name = name
        self.label = label

    @property
    def place(self) -> str:
        """``file:line:column`` of the value."""
        return f"{self.file}:{self.written.line}:{self.written.column}"

    def fault(self, found: str, advice: str = "", *, place: str | None = None) -> None:
        """Collect a fault at this value (or at ``place``)."""
        self.faults.append(Fault(place or self.place, f"{self.label}: {found}" if self.label else found, advice))

    def is_not(self, wanted: str, advice: str = "") -> None:
        """Tell that this value is not what was wanted; nothing when its fault has been told already."""
        if self.written.value is not _UNREADABLE:
            self.fault(f"{self.name} {self._shown()}, not {wanted}.", advice)

    @property
    def scalar(self) -> Scalar:
        """The scalar that stands here; None for a list, a mapping or nothing."""
        return None if self.written.value is _UNREADABLE or self.is_mapping or self.is_list else self.written.value

    @property
    def letters(self) -> str:
        """The scalar as it stands in the file, without quotes: ``2_000``, ``20.50``."""
        return self.written.text

    @property
    def is_mapping(self) -> bool:
        """Whether ``key: value`` pairs stand here."""
        return isinstance(self.written.value, dict)

    @property
    def is_list(self) -> bool:
        """Whether a list stands here."""
        return isinstance(self.written.value, list)

    def as_text(
        self, allowed: Collection[str] | None = None, *, meant: Callable[[str], str] | None = None
    ) -> str | None:
        """Text; with ``allowed``, one of those words. ``meant`` advises where another stands; default the nearest."""
        found = self.scalar
        if not isinstance(found, str) or not found.strip():
            self.is_not("text", "" if found is None or found == "" else f'Put it in quotes: "{self.letters}".')
            return None
        if allowed is not None and found not in allowed:
            self.fault(f"{self.name} '{found}' is not known.", meant(found) if meant else did_you_mean(found, allowed))
            return None
        return found

    def as_whole(self, *, minimum: int = 0, advice: str = "") -> int | None:
        """A whole number of at least ``minimum`` that fits in 64 bits."""
        found = self.scalar
        if not isinstance(found, int) or isinstance(found, bool):
            self.is_not("a whole number", advice)
        elif not minimum <= found <= WHOLE_MAX:
            limit = f"The least allowed is {minimum}." if found < minimum else f"The most that fits is {WHOLE_MAX}."
            self.fault(f"{self.name} is {found}.", limit)
        else:
            return found
        return None

    def as_number(self, *, minimum: float, maximum: float) -> float | None:
        """A number within bounds, both allowed. Never for money."""
        found = self.scalar
        if not isinstance(found, int | float) or isinstance(found, bool):
            self.is_not("a number")
        elif not minimum <= found <= maximum:  # Also refuses .nan.
            self.fault(f"{self.name} is {self.letters}.", f"Write a number from {minimum:g} to {maximum:g}.")
        else:
            return float(found)
        return None

    def as_flag(self) -> bool | None:
        """``true`` or ``false``."""
        if isinstance(self.scalar, bool):
            return self.scalar
        self.is_not("true or false", "Write true or false, without quotes.")
        return None

    def as_day(self) -> dt.date | None:
        """A date, as 2026-12-01."""
        if isinstance(self.scalar, dt.date) and not isinstance(self.scalar, dt.datetime):
            return self.scalar
        self.is_not("a date", "Write year-month-day without quotes, as 2026-12-01.")
        return None

    def _shown(self) -> str:
        if self.is_mapping or self.is_list:
            return "is a mapping" if self.is_mapping else "is a list"
        if self.scalar is None:
            return "is empty"
        shown = self.letters if len(self.letters) <= 60 else self.letters[:60] + "…"
        return f"is '{shown}'" if isinstance(self.scalar, str) else f"is {shown}"


class Node(Value):
    """A value that may have children: reads a mapping key by key, a list element by element.

    The readers by key give the value, the default when the key is missing or empty, and a stand-in after a fault.
    Without a default a missing key is a fault.
    """

    def called(self, label: str) -> Node:
        """The same value, spoken of as ``label`` in faults."""
        return Node(self.written, self.file, self.faults, name=self.name, label=label)

    def __contains__(self, key: str) -> bool:
        """Whether the mapping has that key with something behind it: ``key:`` alone counts as missing."""
        return key in self._pairs and self._pairs[key][1].value is not None

    def keys(self) -> list[str]:
        """The mapping's keys in file order."""
        return list(self._pairs)

    def key_place(self, key: str) -> str:
        """``file:line:column`` of the key; of the mapping when the key is missing."""
        if key not in self._pairs:
            return self.place
        line, column = self._pairs[key][0]
        return f"{self.file}:{line}:{column}"

    def child(self, key: str) -> Node | None:
        """The value behind a key, or None when it is missing or empty."""
        return self._child(self._pairs[key][1], key) if key in self else None

    def pairs(self) -> Iterator[tuple[str, Node]]:
        """Key and value of each pair of this mapping."""
        for key, (_, written) in self._pairs.items():
            yield key, self._child(written, key)

    def elements(self) -> Iterator[Node]:
        """Each element of this list."""
        for number, written in enumerate(self.written.value if self.is_list else [], start=1):
            yield self._child(written, f"{self.name}[{number}]")

    def plain(self) -> Plain:
        """The value without places, for callers that check it by other means."""
        if self.is_mapping:
            return {key: child.plain() for key, child in self.pairs()}
        return [child.plain() for child in self.elements()] if self.is_list else self.scalar

    def text(
        self,
        key: str,
        default: D = REQUIRED,
        *,
        allowed: Collection[str] | None = None,
        meant: Callable[[str], str] | None = None,
    ) -> str | D:
        """Text; with ``allowed``, one of those words. ``meant`` advises where another stands; default the nearest."""
        return self._take(key, default, stand_in="", read=lambda node: node.as_text(allowed, meant=meant))

    def whole(self, key: str, default: D = REQUIRED, *, minimum: int = 0, advice: str = "") -> int | D:
        """A whole number of at least ``minimum`` that fits in 64 bits."""
        return self._take(
            key, default, stand_in=minimum, read=lambda node: node.as_whole(minimum=minimum, advice=advice)
        )

    def number(self, key: str, default: D = REQUIRED, *, minimum: float, maximum: float) -> float | D:
        """A number within bounds, both allowed. Never for money."""
        return self._take(
            key, default, stand_in=minimum, read=lambda node: node.as_number(minimum=minimum, maximum=maximum)
        )

    def flag(self, key: str, default: D = REQUIRED) -> bool | D:
        """``true`` or ``false``."""
        return self._take(key, default, stand_in=False, read=Node.as_flag)

    def day(self, key: str, default: D = REQUIRED) -> dt.date | D:
        """A date, as 2026-12-01."""
        return self._take(key, default, stand_in=dt.date.min, read=Node.as_day)

    def words(self, key: str, default: D = REQUIRED, *, allowed: Collection[str] | None = None) -> tuple[str, ...] | D:
        """A list of text without repeats; with ``allowed``, of those words."""
        nothing: tuple[str, ...] = ()
        return self._take(key, default, stand_in=nothing, read=lambda node: node.as_words(allowed))

    def as_words(self, allowed: Collection[str] | None = None) -> tuple[str, ...] | None:
        """A list of text without repeats, read from this very value."""
        if not self.is_list:
            self.is_not("a list", f"Write [{self.letters or '...'}].")
            return None
        words: list[str] = []
        for node in self.elements():
            word = node.as_text(allowed)
            if word in words:
                node.fault(f"'{word}' stands twice in {self.name}.", "Remove one of them.")
            elif word is not None:
                words.append(word)
        return tuple(words)

    def items(self, key: str, *, required: bool = False) -> list[Node]:
        """The elements of a list; none when the key is missing."""
        node = self._present(key, required=required)
        if node is not None and not node.is_list:
            node.is_not("a list", "Write [...], or one line with '- ' for each.")
        return [] if node is None else list(node.elements())

    def mappings(self, key: str, *, required: bool = False) -> list[Node]:
        """The elements of a list of mappings; others are told and left out."""
        return [node for node in self.items(key, required=required) if node.must_be_mapping()]

    def mapping(self, key: str, *, required: bool = False) -> Node | None:
        """The mapping behind a key; None when it is missing or is none (which is then told)."""
        node = self._present(key, required=required)
        return node if node is not None and node.must_be_mapping() else None

    def entries(self, key: str, *, required: bool = False) -> list[tuple[str, Node]]:
        """Key and value of each pair of the mapping behind a key; none when it is missing."""
        node = self.mapping(key, required=required)
        return [] if node is None else list(node.pairs())

    def must_be_mapping(self) -> bool:
        """Whether this is a mapping; tells when it is not."""
        if not self.is_mapping:
            self.is_not("a mapping", "Write {key: value}, or one 'key: value' a line.")
        return self.is_mapping

    def unknown_keys(self, known: Collection[str]) -> None:
        """Tell every key that is not in ``known``, and what may have been meant."""
        for key in self._pairs:
            if key not in known:
                # {because: one list, one reputation} is YAML for a second key.
                torn = " " in key and key not in self
                advice = "A comma ends a value inside {...}: put the whole text before it in quotes." if torn else ""
                self.fault(
                    f"'{key}' is not a known key.", advice or did_you_mean(key, known), place=self.key_place(key)
                )

    @property
    def _pairs(self) -> dict[str, tuple[tuple[int, int], _Written]]:
        return self.written.value if self.is_mapping else {}

    def _child(self, written: _Written, name: str) -> Node:
        return Node(written, self.file, self.faults, name=name, label=self.label)

    def _present(self, key: str, *, required: bool) -> Node | None:
        node = self.child(key)
        if node is None and required:
            self._missing(key)
        return node

    def _missing(self, key: str) -> None:
        if key in self._pairs:
            self.fault(f"'{key}' is empty.", "Write its value behind the colon.", place=self.key_place(key))
        elif self.is_mapping:  # Of a value that is no mapping it has been said already.
            self.fault(f"'{key}' is missing.", f"Add '{key}:'.")

    def _take(self, key: str, default: D, *, stand_in: T, read: Callable[[Node], T | None]) -> T | D:
        node = self._present(key, required=default is REQUIRED)
        if node is None:
            return stand_in if default is REQUIRED else default
        value = read(node)
        return stand_in if value is None else value


def read_yaml(path: Path, faults: list[Fault]) -> Node | None:
    """The top mapping of a YAML file. None when nothing can be read; why is in ``faults``.

    Keys written twice, unknown tags and impossible dates are told too, and the rest is still read.
    ``${NAME}`` stays text: only the configuration resolves secrets.
    """
    text = _text(path, faults)
    written = None if text is None else _parse(text, path, faults)
    if written is None:
        return None
    node = Node(written, path, faults, name=path.name)
    return node if node.must_be_mapping() else None


def _text(path: Path, faults: list[Fault]) -> str | None:
    """The file's letters; a missing, huge, unreadable or wrongly encoded file is a fault."""
    try:
        size = path.stat().st_size
        if size > BYTES_MAX:
            told = f"the file has {size} bytes, more than the {BYTES_MAX} that are read."
            faults.append(Fault(f"{path}:1:1", told, "Is it the right file? Split it or remove what is not needed."))
            return None
        content = path.read_bytes()
    except OSError as error:
        why = "there is no such file." if isinstance(error, FileNotFoundError) else f"cannot be read: {error.strerror}."
        faults.append(Fault(f"{path}:1:1", why, "Check the name and the folder, and who may read it."))
        return None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line, column = _line_column(content[: error.start].decode("utf-8-sig", "replace"))
        told = f"byte 0x{content[error.start]:02x} is not UTF-8 text."
        faults.append(Fault(f"{path}:{line}:{column}", told, "Save the file as UTF-8."))
        return None


def _line_column(before: str) -> tuple[int, int]:
    """Line and column, from 1, of what follows ``before``."""
    return before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1


_PARSED: dict[str, _Written] = {}
_PARSED_MAX = 64  # The plays that are shipped and a project's own files, for a process that opens it again and again.
_PARSED_LENGTH_MAX = 50_000


def _parse(text: str, path: Path, faults: list[Fault]) -> _Written | None:
    """The file's values with their places; None when it is no YAML, or empty. The same letters are parsed once.

    What is written is never changed by its readers, and a text without faults names no file.
    """
    if text in _PARSED:
        return _PARSED[text]
    told = len(faults)
    written = _parsed(text, path, faults)
    if written is not None and len(faults) == told and len(text) <= _PARSED_LENGTH_MAX:
        if len(_PARSED) >= _PARSED_MAX:
            _PARSED.clear()
        _PARSED[text] = written
    return written


def _parsed(text: str, path: Path, faults: list[Fault]) -> _Written | None:
    # Imported here: it costs a tenth of a second, which commands that read no file should not pay.
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError
    from ruamel.yaml.reader import ReaderError

    yaml = YAML(typ="safe", pure=True)  # Pure: it keeps line and column. Safe: no tag makes an object.
    try:
        top = yaml.compose(text)
        if top is None:
            faults.append(Fault(f"{path}:1:1", "the file is empty.", "Write at least 'version: 1'."))
            return None
        return _Reading(yaml, path, faults).written(top)
    except ReaderError as error:
        line, column = _line_column(text[: error.position])
        told = f"the character U+{ord(text[error.position]):04X} is not allowed in YAML."
        faults.append(Fault(f"{path}:{line}:{column}", told, "Remove it."))
    except MarkedYAMLError as error:
        faults.append(_syntax_fault(error, path))
    except (YAMLError, RecursionError) as error:
        why = "values are nested too deeply" if isinstance(error, RecursionError) else str(error)
        faults.append(Fault(f"{path}:1:1", f"this is not readable YAML: {why}.", "Write it more simply."))
    except _TooManyError as error:
        faults.append(Fault(f"{path}:{error.line}:1", str(error), "Write the values out instead of using aliases."))
    return None


def _syntax_fault(error: Any, path: Path) -> Fault:
    """A parser's complaint in the house's words."""
    mark = error.problem_mark or error.context_mark
    place = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else f"{path}:1:1"
    problem = re.sub(r"\s+", " ", error.problem or error.context or "not YAML")
    if "'\\t'" in problem:
        return Fault(place, "a tab stands in the indentation.", "Indent with spaces.")
    if "another document" in problem:
        return Fault(place, "a second document begins with '---'.", "Keep one document in the file.")
    context = f" {error.context}" if error.context and error.problem else ""
    if context and error.context_mark:  # An open bracket or quote is noticed only at the end of the file.
        context += f" that begins in line {error.context_mark.line + 1}, column {error.context_mark.column + 1}"
    advice = "Check indentation, colons, brackets and quotes here and just above; put ${NAME} in quotes inside {...}."
    return Fault(place, f"this is not YAML: {problem}{context}.", advice)


class _TooManyError(Exception):
    """Aliases that stand for more values than anyone wrote, or for themselves."""

    def __init__(self, found: str, line: int) -> None:
        self.line = line
        super().__init__(found)


class _Reading:
    """Turns composed YAML nodes into written values, each node once however often it is aliased."""

    def __init__(self, yaml: Any, path: Path, faults: list[Fault]) -> None:
        self._yaml = yaml
        self._path = path
        self._faults = faults
        self._done: dict[int, _Written | None] = {}

    def written(self, node: Any) -> _Written:
        """The value of a node, with its place."""
        line, column = node.start_mark.line + 1, node.start_mark.column + 1
        if id(node) in self._done:
            known = self._done[id(node)]
            if known is None:
                raise _TooManyError("an alias stands for a value that holds the alias itself.", line)
            return known
        self._done[id(node)] = None
        value, size = self._value(node)
        if size > VALUES_MAX:
            raise _TooManyError(f"the aliases stand for {size} values, more than {VALUES_MAX}.", line)
        text = node.value if node.id == "scalar" else ""
        self._done[id(node)] = made = _Written(value, text, line, column, size)
        return made

    def _value(self, node: Any) -> tuple[Any, int]:
        if node.id == "mapping":
            pairs = self._pairs(node)
            return pairs, 1 + sum(child.size for _, child in pairs.values())
        if node.id == "sequence":
            children = [self.written(child) for child in node.value]
            return children, 1 + sum(child.size for child in children)
        return self._scalar(node), 1

    def _pairs(self, node: Any) -> dict[str, tuple[tuple[int, int], _Written]]:
        pairs: dict[str, tuple[tuple[int, int], _Written]] = {}
        for key, value in node.value:
            place = (key.start_mark.line + 1, key.start_mark.column + 1)
            if key.id != "scalar":
                self._fault(key, "a key is a list or a mapping.", "Write a word before the colon.")
            elif key.tag == "tag:yaml.org,2002:merge":
                self._fault(key, "'<<' is not read.", "Write the keys out, or use an alias for a whole value.")
            elif key.value in pairs:
                first = pairs[key.value][0]
                told = f"'{key.value}' stands twice; first in line {first[0]}, column {first[1]}."
                self._fault(key, told, "Remove one of them.")
            else:
                pairs[key.value] = (place, self.written(value))
        return pairs

    def _scalar(self, node: Any) -> Scalar:
        kind = str(node.tag).removeprefix("tag:yaml.org,2002:")
        if kind not in ("str", "int", "float", "bool", "null", "timestamp"):
            self._fault(node, f"the tag '{node.tag}' is not read.", "Remove it.")
            return _UNREADABLE  # type: ignore[no-any-return]
        try:
            return self._yaml.constructor.construct_object(node)  # type: ignore[no-any-return]
        except ValueError as error:
            self._fault(node, f"'{node.value}' is no valid value: {error}.", "Correct it, or put it in quotes.")
            return _UNREADABLE  # type: ignore[no-any-return]

    def _fault(self, node: Any, found: str, advice: str) -> None:
        place = f"{self._path}:{node.start_mark.line + 1}:{node.start_mark.column + 1}"
        self._faults.append(Fault(place, found, advice))


def in_file_order(faults: Collection[Fault]) -> list[Fault]:
    """Faults by file, line and column, each once: two readers may meet the same one."""

    def key(fault: Fault) -> tuple[str, int, int]:
        file, line, column = fault.place.rsplit(":", 2)
        return file, int(line), int(column)

    return sorted(dict.fromkeys(faults), key=key)
