"""The words of an offer: Markdown with facts in it, in a bounded language that can print facts and nothing else.

A message file is a line ``Subject: …``, then ``Title: …`` and ``Line: …``, which are all that the app shows of it, an
empty line, and the text. ``{{ name }}`` prints a fact; ``{% if name %}``, with ``and``, ``or``, ``not`` and
comparisons, leaves out what is not known. There are no calls, attributes, filters or loops, so nobody who writes a
message can reach the program; and no digits, so every number is a fact. What a fact says is text: no mark of Markdown
in it counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from importlib import resources
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

from jinja2 import StrictUndefined, Template, TemplateSyntaxError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from upstep.errors import Fault, PlayError, did_you_mean
from upstep.offers.facts import FACT_KINDS, FactKind, Words, printable, stored
from upstep.wording import vendor_phrases

if TYPE_CHECKING:
    from jinja2.runtime import Context

SOURCE_LENGTH_MAX = 10_000
TEXT_LENGTH_MAX = 20_000
DEPTH_MAX = 20
LINE_LENGTH_MAX = 140
IN_APP = "in_app"
"""The channel in which a message is its title and one line."""

_HEADERS = ("Subject", "Title", "Line")

_ALLOWED = (
    *(nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.If),
    *(nodes.And, nodes.Or, nodes.Not, nodes.Compare, nodes.Operand, nodes.Const),
)
"""An allow-list: a node that Jinja gains some day is refused until somebody has looked at it."""

# Markdown, in which `Words` escape themselves. A channel that makes HTML of it escapes for itself.
_ENVIRONMENT = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True
)
_ENVIRONMENT.globals.clear()


@dataclass(frozen=True)
class MessageSource:
    """A message's words, read and checked. ``facts`` are the names that it prints or asks for.

    ``title`` and ``line`` are for the app; without them the subject and the beginning of the text stand in.
    """

    name: str
    place: str
    facts: frozenset[str]
    subject: Template
    text: Template
    title: Template | None = None
    line: Template | None = None

    @cached_property
    def names(self) -> tuple[str, ...]:
        """``facts`` in order."""
        return tuple(sorted(self.facts))


@dataclass(frozen=True)
class Rendered:
    """A message with its numbers: what is sent, and the facts that it speaks of.

    ``subject``, ``title`` and ``line`` are one line of plain text each, ``text`` is Markdown.
    """

    subject: str
    text: str
    facts: Mapping[str, Any]
    title: str = ""
    line: str = ""

    @cached_property
    def stored(self) -> dict[str, Any]:
        """``facts`` as JSON keeps them, for all who are sent it."""
        return stored(self.facts)

    def words(self, channel: str) -> tuple[str, str]:
        """Subject and text for a channel: in the app the title and its one line."""
        return (self.title, self.line) if channel == IN_APP else (self.subject, self.text)


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
    headers, text, above = _parts(source, place)
    trees = {name: (_parse(value, place, line), line) for name, (value, line) in headers.items()}
    trees["text"] = (_parse(text, place, above), above)
    faults = [fault for tree, line in trees.values() for fault in _faults(tree, place, line)]
    faults += vendor_phrases(source, place)
    if faults:
        raise PlayError(faults)
    found = (node for tree, _ in trees.values() for node, _, _ in _descend(tree))
    names = frozenset(node.name for node in found if isinstance(node, nodes.Name))
    made = {header.lower(): _ENVIRONMENT.from_string(value) for header, (value, _) in headers.items()}
    return MessageSource(name, place, names, made.pop("subject"), _ENVIRONMENT.from_string(text.strip()), **made)


def _parts(source: str, place: str) -> tuple[dict[str, tuple[str, int]], str, int]:
    """The headers, each with how many lines are above it; the text, and how many are above that.

    Raises:
        PlayError: The first line is no subject, a header is not known or stands twice, or no text follows.
    """
    head, _, text = source.partition("\n\n")
    headers: dict[str, tuple[str, int]] = {}
    for above, line in enumerate(head.split("\n")):
        name, found, value = line.partition(": ")
        if above == 0 and (name != "Subject" or not value.strip()):
            break
        if not found or name not in _HEADERS or name in headers or not value.strip():
            known = ", ".join(_HEADERS)
            raise PlayError(
                Fault(f"{place}:{above + 1}", f"{line[:40]!r} is no header.", f"Known, once each: {known}.")
            )
        headers[name] = (value.strip(), above)
    if "Subject" not in headers or not text.strip():
        raise PlayError(Fault(f"{place}:1", "the first line is not 'Subject: …', or no text follows."))
    return headers, text, head.count("\n") + 2


def render(source: MessageSource, facts: Mapping[str, Any], *, locale: str = "en_US") -> Rendered:
    """The message with its numbers.

    Args:
        source: The words.
        facts: See ``MessageFacts``; they may be more than the message speaks of.
        locale: How numbers, money and dates are printed.

    Raises:
        PlayError: A fact that is printed is not known, or one is not what it should be; or the text grew too long.
    """
    shown = printable(facts, locale, names=source.names)
    unknown: set[str] = set()
    watched: dict[str, Any] = {}
    plain: dict[str, Any] = {}
    for name, value in shown.items():
        watched[name] = plain[name] = _Unknown(name, unknown) if value is None else value
        if type(value) is Words:
            plain[name] = str.__str__(value)
    heads = [_said(template, plain) if template else "" for template in (source.subject, source.title, source.line)]
    subject, title, line = (" ".join(head.split()) for head in heads)
    text = _said(source.text, watched)
    if unknown:
        raise PlayError([Fault(source.place, f"prints {name!r}, which is not known here.") for name in sorted(unknown)])
    if len(subject) + len(text) > TEXT_LENGTH_MAX:
        raise PlayError(Fault(source.place, f"became longer than {TEXT_LENGTH_MAX} characters."))
    spoken = {name: facts[name] for name in source.names if facts.get(name) is not None}
    has_money = any(FACT_KINDS[name] is FactKind.MONEY for name in spoken)
    currency = {"currency": facts["currency"]} if has_money else {}
    text = _GAPS.sub("\n\n", text).strip() + "\n"
    return Rendered(subject, text, spoken | currency, title or subject, line or _beginning(text))


_GAPS = re.compile(r"\n{3,}")


def _said(template: Template, values: Mapping[str, Any]) -> str:
    """A template's text. Of a context a message reads names alone, so the whole of Jinja's is not made for it."""
    names = cast("Context", SimpleNamespace(resolve_or_missing=values.__getitem__))
    return "".join(template.root_render_func(names))


def _beginning(text: str) -> str:
    """How a text begins, without its marks: what stands in where nobody wrote a line for the app."""
    first = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text.partition("\n\n")[0])
    words = " ".join(re.sub(r"\\(\W)|[*`]", r"\1", first).split())
    return words if len(words) <= LINE_LENGTH_MAX else f"{words[: LINE_LENGTH_MAX - 1].rpartition(' ')[0]} …"


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
        return _ENVIRONMENT.parse(source)
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
