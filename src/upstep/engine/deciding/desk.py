"""Where few accounts are decided: an engine that stays warm, the facts it reads, and the words it was last told."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from upstep.tables.few import FewFacts
from upstep.tables.sqlite import SqliteEngine

if TYPE_CHECKING:
    from upstep.signals.profile import Vocabulary

FEW_ACCOUNTS = 20
"""Up to so many accounts are decided at a desk. Its cost grows with each of them; above, planning for many pays."""


class Desk:
    """One engine with its tables. It serves one run at a time; whoever decides beside it takes another."""

    def __init__(self) -> None:
        self.engine = SqliteEngine()
        self.facts = FewFacts(self.engine)
        self._words: tuple[Any, Vocabulary] | None = None

    def words(self, told: Any, make: Callable[[], Vocabulary]) -> Vocabulary:
        """The words made of what is told: the very ones of the last run when it was told the same."""
        if self._words is None or self._words[0] != told:
            self._words = (told, make())
        return self._words[1]
