"""Where some accounts are decided: an engine that stays warm, the facts it reads, and the words it was last told."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from upstep.tables.few import FewFacts
from upstep.tables.sqlite import SqliteEngine
from upstep.tables.warm import WarmEngine

if TYPE_CHECKING:
    from upstep.signals.profile import Vocabulary
    from upstep.tables.standing import StandingEngine

FEW_ACCOUNTS = 20
"""Up to so many accounts are decided at a narrow desk. Its cost grows with each of them; above, another engine pays."""

SOME_ACCOUNTS = 5_000
"""Up to so many are decided at a wide desk, whose plans are kept. For more of them, planning for many pays."""

WIDE_FROM = 2
"""From so many-th time on some accounts are decided at a wide desk: for once, setting it up would cost more."""


class Desk:
    """One engine with its tables. It serves one run at a time; whoever decides beside it takes another.

    Args:
        is_wide: For hundreds or thousands of accounts.
    """

    def __init__(self, *, is_wide: bool = False) -> None:
        self.engine: StandingEngine = WarmEngine() if is_wide else SqliteEngine()
        self.facts = FewFacts(self.engine, has_shelf=is_wide)
        self._words: tuple[Any, Vocabulary] | None = None

    def words(self, told: Any, make: Callable[[], Vocabulary]) -> Vocabulary:
        """The words made of what is told: the very ones of the last run when it was told the same."""
        if self._words is None or self._words[0] != told:
            self._words = (told, make())
        return self._words[1]


def cuts(engine: StandingEngine) -> list[tuple[int, int]]:
    """Accounts and the days that some window of theirs cuts, by stage ``spans``; see ``signals.usage.cut_events``."""
    edges = " UNION ".join(f"SELECT account_key, edge_{index} AS day FROM spans" for index in range(4))
    asked = f"SELECT account_key, day FROM ({edges}) edges WHERE day >= 0"
    found: list[tuple[int, int]] = engine.connection.execute(asked).fetchall()
    return found
