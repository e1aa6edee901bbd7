"""The words of an offer: Markdown with facts in it, in a bounded language that can print facts and nothing else.

A message file is a line ``Subject: …``, an empty line, and the text. ``{{ name }}`` prints a fact; ``{% if name %}``,
with ``and``, ``or``, ``not`` and comparisons, leaves out what is not known. There are no calls, attributes, filters
or loops, so nobody who writes a message can reach the program; and no digits, so every number is a fact.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from upstep.errors import Fault, PlayError, did_you_mean
from upstep.offers.facts import FACT_KINDS, printable
from upstep.wording import vendor_phrases

SOURCE_LENGTH_MAX = 10_000
TEXT_LENGTH_MAX = 20_000
DEPTH_MAX = 20

_ALLOWED = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.If),
    *(nodes.And, nodes.Or, nodes.Not, nodes.Compare, nodes.Operand, nodes.Const),
)
"""An allow-list: a node that Jinja gains some day is refused until somebody has looked at it."""

# Plain text, read in mail programs: nothing to escape. A channel that makes HTML of it escapes for itself.
_ENVIRONMENT = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True
)
_ENVIRONMENT.globals.clear()


@dataclass(frozen=True)
class MessageSource:
    """A message's words, read and checked. ``facts`` are the names that it prints or asks for."""

    name: str
    place: str
    facts: frozenset[str]
    subject: Template
    text: Template


@dataclass(frozen=True)
class Rendered:
    """A message with its numbers: what is sent, and the facts that it speaks of."""

    subject: str
    text: str
    facts: Mapping[str, Any]


def load_message(name: str, folder: Path | None = None) -> MessageSource:
    """The company's own words if ``folder`` has ``NAME.md``, else those that ship.

    Raises:
        PlayError: There are none, or they say what they may not; all faults at once.
    """
    own = folder / f"{name}.md" if folder and _is_name(name) else None
    if own and own.is_file():
        return parse_message(name, _read(own), place=str(own))
    if name not in shipped_messages():
        raise PlayError(Fault(f"message {name!r}", "is not known.", did_you_mean(name, shipped_messages())))
    return parse_message(name, _shipped(name), place=f"messages/{name}.md")


@cache
def _shipped(name: str) -> str:
    return (resources.files("upstep.offers") / "messages" / f"{name}.md").read_text(encoding="utf-8")


@cache
def shipped_messages() -> list[str]:
    """Names of the messages that ship."""
    folder = resources.files("upstep.offers") / "messages"
    return sorted(entry.name.removesuffix(".md") for entry in folder.iterdir() if entry.name.endswith(".md"))


@lru_cache(maxsize=256)
def parse_message(name: str, source: str, *, place: str) -> MessageSource:
    """Check a message's words.

    Raises:
        PlayError: All that they may not say, with lines.
    """
    if len(source) > SOURCE_LENGTH_MAX:
        raise PlayError(Fault(place, f"has {len(source)} characters; a message has at most {SOURCE_LENGTH_MAX}."))
    first, _, rest = source.partition("\n")
    if not first.startswith("Subject: ") or not rest.strip():
        raise PlayError(Fault(f"{place}:1", "the first line is not 'Subject: …', or no text follows."))
    subject = first.removeprefix("Subject: ")
    trees = [(_parse(subject, place, 0), 0), (_parse(rest, place, 1), 1)]
    faults = [fault for tree, above in trees for fault in _faults(tree, place, above)] + vendor_phrases(source, place)
    if faults:
        raise PlayError(faults)
    found = (node for tree, _ in trees for node, _, _ in _descend(tree))
    names = frozenset(node.name for node in found if isinstance(node, nodes.Name))
    templates = (_ENVIRONMENT.from_string(part.strip()) for part in (subject, rest))
    return MessageSource(name, place, names, *templates)


def render(source: MessageSource, facts: Mapping[str, Any], *, locale: str = "en_US") -> Rendered:
    """The message with its numbers.

    Args:
        source: The words.
        facts: See ``MessageFacts``; they may be more than the message speaks of.
        locale: How numbers, money and dates are printed.

    Raises:
        PlayError: A fact that is printed is not known, or one is not what it should be; or the text grew too long.
    """
    shown = printable(facts, locale)
    unknown: set[str] = set()
    watched = {name: _Unknown(name, unknown) if value is None else value for name, value in shown.items()}
    subject, text = (template.render(watched) for template in (source.subject, source.text))
    if unknown:
        raise PlayError([Fault(source.place, f"prints {name!r}, which is not known here.") for name in sorted(unknown)])
    if len(subject) + len(text) > TEXT_LENGTH_MAX:
        raise PlayError(Fault(source.place, f"became longer than {TEXT_LENGTH_MAX} characters."))
    spoken = {name: facts[name] for name in sorted(source.facts) if facts.get(name) is not None}
    has_money = any(FACT_KINDS[name] == "money" for name in spoken)
    currency = {"currency": facts["currency"]} if has_money else {}
    return Rendered(" ".join(subject.split()), re.sub(r"\n{3,}", "\n\n", text).strip() + "\n", spoken | currency)


class _Unknown:
    """A fact that is not known: false in a condition, never equal or in order, noticed when printed."""

    def __init__(self, name: str, noticed: set[str]) -> None:
        self._name = name
        self._noticed = noticed

    def __bool__(self) -> bool:
        return False

    def __str__(self) -> str:
        self._noticed.add(self._name)
        return ""

    def _is_not(self, _other: object) -> bool:
        return False

    __lt__ = __le__ = __gt__ = __ge__ = _is_not


def _is_name(name: str) -> bool:
    """A name, not a way out of the folder."""
    return re.fullmatch(r"[a-z][a-z0-9_]*", name) is not None


def _read(path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            return file.read(SOURCE_LENGTH_MAX + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise PlayError(Fault(str(path), f"cannot be read as text ({error}).")) from error


def _parse(source: str, place: str, above: int) -> nodes.Template:
    try:
        return _ENVIRONMENT.parse(source.strip() if above == 0 else source)
    except TemplateSyntaxError as error:
        raise PlayError(Fault(f"{place}:{error.lineno + above}", f"{error.message}.")) from error
    except RecursionError as error:
        raise PlayError(Fault(place, "is nested too deep.")) from error


def _faults(tree: nodes.Template, place: str, above: int) -> Iterator[Fault]:
    for node, depth, line in _descend(tree):
        if depth > DEPTH_MAX:
            yield Fault(place, f"is nested more than {DEPTH_MAX} deep.")
            return
        here = f"{place}:{line + above}"
        if not isinstance(node, _ALLOWED):
            word = type(node).__name__
            yield Fault(here, f"{word} is not allowed.", "A message prints facts and asks `if` they are known.")
        elif isinstance(node, nodes.Name) and node.name not in FACT_KINDS:
            yield Fault(here, f"fact {node.name!r} is not known.", did_you_mean(node.name, FACT_KINDS))
        elif isinstance(node, nodes.Output):
            yield from _output_faults(node, place, above)


def _output_faults(output: nodes.Output, place: str, above: int) -> Iterator[Fault]:
    for part in output.nodes:
        here = f"{place}:{part.lineno + above}"
        if isinstance(part, nodes.TemplateData):
            digit = re.search(r"\d+", part.data)
            if digit:
                line = part.lineno + above + part.data.count("\n", 0, digit.start())
                yield Fault(f"{place}:{line}", f"{digit.group()!r} is no fact.", "Every number is printed from a fact.")
        elif not isinstance(part, nodes.Name):
            yield Fault(here, "only a fact's name may stand in {{ }}.")


def _descend(tree: nodes.Node) -> Iterator[tuple[nodes.Node, int, int]]:
    """Every node with its depth and line, in the order of the text; by a stack, for nesting may be meant to hurt."""
    waiting: list[tuple[nodes.Node, int, int]] = [(tree, 0, 1)]
    while waiting:
        node, depth, line = waiting.pop()
        # Parts of a comparison carry no line of their own.
        line = node.lineno or line
        yield node, depth, line
        waiting += [(child, depth + 1, line) for child in reversed(list(node.iter_child_nodes()))]
