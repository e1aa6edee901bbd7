"""The words by which somebody is found in text: ids, names, addresses. What is found is replaced by one word."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

FORGOTTEN = "(forgotten)"
_SHORTEST = 4  # Shorter names, and ids that are short numbers, stand in too many words to be looked for in text.
_SHORTEST_NUMBER = 6


@dataclass(frozen=True)
class Mentions:
    """Whom to look for.

    Args:
        ids: Keys; a cell that is one of them is one of theirs, however short it is.
        names: Names and addresses, as text has them.
    """

    ids: frozenset[str]
    names: frozenset[str] = frozenset()

    @cached_property
    def words(self) -> tuple[str, ...]:
        """All that is looked for in text, the longest first."""
        ids = {word for word in self.ids if len(word) >= (_SHORTEST_NUMBER if word.isdigit() else _SHORTEST)}
        names = {word.strip() for word in self.names if len(word.strip()) >= _SHORTEST}
        return tuple(sorted(ids | names, key=lambda word: (-len(word), word)))

    @property
    def pattern(self) -> str:
        """A regular expression that Python and DuckDB read alike; also the way JSON writes letters beyond ASCII."""
        spelled = dict.fromkeys(spelling for word in self.words for spelling in (word, json.dumps(word)[1:-1]))
        return "(?i)" + "|".join(_bounded(word) for word in spelled) if spelled else "$^"

    @cached_property
    def _compiled(self) -> re.Pattern[str]:
        return re.compile(self.pattern)

    def without_ids(self) -> Mentions:
        """The same, but for records that keep ids."""
        return Mentions(frozenset(), self.names)

    def are_in(self, text: str) -> bool:
        """Whether a text speaks of them."""
        return text in self.ids or self._compiled.search(text) is not None

    def scrub(self, value: Any) -> Any:
        """The same value with another word in their place; lists and mappings to any depth."""
        if isinstance(value, str):
            return FORGOTTEN if value in self.ids else self._compiled.sub(FORGOTTEN, value)
        if isinstance(value, Mapping):
            return {self.scrub(key): self.scrub(inner) for key, inner in value.items()}
        if isinstance(value, list | tuple):
            return [self.scrub(inner) for inner in value]
        return value


def mentions(ids: Iterable[str], names: Iterable[str | None]) -> Mentions:
    """Whom to look for, without what is empty."""
    return Mentions(frozenset(word for word in ids if word), frozenset(word for word in names if word))


def _bounded(word: str) -> str:
    """Escaped, and not in the middle of a longer word."""
    escaped = re.sub(r"([^\w\s@-])", r"\\\1", word)
    ahead = r"\b" if re.match(r"[A-Za-z0-9_]", word) else ""
    behind = r"\b" if re.search(r"[A-Za-z0-9_]$", word) else ""
    return ahead + escaped + behind
