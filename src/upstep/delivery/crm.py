"""Whom a task is about, as a CRM knows them: its companies and its people, found once and remembered.

A company is looked for by what the project was told, else by one property of it. Two that answer to the same property
are nobody's: a task on a stranger's page is worse than one that stands alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from upstep.delivery.channel import Message

LOOKS_AGAIN = timedelta(hours=1)
"""Who was not found is looked for again no sooner: somebody may have added them."""

Search = Callable[[str, Sequence[str]], "list[str] | str"]
"""Ids of at most two companies whose property is one of the values; or why nobody can say, as words."""


@dataclass(frozen=True)
class About:
    """Whom a task is about, as this side knows them.

    Args:
        company_ids: The CRM's own ids of the account, where the project was told them.
        values: What the property by which companies are found holds for this account.
        email: Of the person whom the task is about, if it is about one.
    """

    company_ids: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    email: str | None = None


AboutFor = Callable[[Message], About]
"""Whom a message is about."""


@dataclass(frozen=True)
class Companies:
    """The CRM's companies of an account. ``why``: what a reader should know where there is none."""

    ids: tuple[str, ...] = ()
    why: str = ""


class CompanyBook:
    """Finds the companies of accounts by a property, and remembers them."""

    def __init__(self, search: Search, *, by: str, clock: Callable[[], datetime]) -> None:
        self._search = search
        self._by = by
        self._clock = clock
        self._known: dict[str, Companies] = {}
        self._looked: dict[str, datetime] = {}

    def of(self, account_id: str, about: About) -> Companies:
        """The companies of an account; the CRM is asked once, and again after a while where it had none.

        Raises:
            OutsideError: The CRM gives no answer.
        """
        if about.company_ids:
            return Companies(about.company_ids)
        now = self._clock()
        known = self._known.get(account_id)
        if known is None or (not known.ids and now - self._looked[account_id] >= LOOKS_AGAIN):
            known = self._found(about)
            self._looked[account_id], self._known[account_id] = now, known
        return known

    def _found(self, about: About) -> Companies:
        if not about.values:
            return Companies(why=f"nothing is known that a company's {self._by} would say")
        found = self._search(self._by, about.values)
        if isinstance(found, str):
            return Companies(why=found)
        shown = " or ".join(repr(value) for value in about.values)
        if len(found) > 1:
            return Companies(why=f"several companies have the {self._by} {shown}")
        return Companies((found[0],)) if found else Companies(why=f"no company has the {self._by} {shown}")
