"""What people and other processes wrote to the state since one looked last: the accounts to decide anew."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from upstep.offers.lifecycle import PROGRAM
from upstep.offers.model import OfferStatus
from upstep.state import tables
from upstep.state.session import reading

_OFFER, _CHANGE = tables.offer.c, tables.offer_change.c
_NUMBERED: tuple[tuple[Any, Any], ...] = (
    (
        _CHANGE.change_id,
        sa.select(_CHANGE.change_id, _OFFER.account_id)
        .join(tables.offer, _OFFER.offer_id == _CHANGE.offer_id)
        # An offer that this program opened says nothing that its decision did not.
        .where((_CHANGE.who != PROGRAM) | (_CHANGE.to_status != OfferStatus.OPEN)),
    ),
    (tables.answer.c.answer_id, sa.select(tables.answer.c.answer_id, tables.answer.c.account_id)),
    (tables.contact_hold.c.hold_id, sa.select(tables.contact_hold.c.hold_id, tables.contact_hold.c.account_id)),
)


LATE_MOST = 1_000
"""So many numbers back a row may still appear on a server: numbers are given out before a commit, in no fixed order."""


class Noticed:
    """Remembers up to where each numbered table was read, and which of its latest rows.

    Args:
        late: So many numbers back a row may still appear; None: as the database has it. SQLite has one writer at a
            time, so its numbers come in the order of their commits.
    """

    def __init__(self, state: sa.Engine, *, late: int | None = None) -> None:
        self._state = state
        self._late = late if late is not None else 0 if state.dialect.name == "sqlite" else LATE_MOST
        with reading(state) as connection:
            self._latest = [connection.execute(sa.select(sa.func.max(key))).scalar() or 0 for key, _ in _NUMBERED]
            self._seen = [
                set(connection.execute(sa.select(key).where(key > latest - self._late)).scalars())
                for (key, _), latest in zip(_NUMBERED, self._latest, strict=True)
            ]
        self._accepted: frozenset[tuple[str, str | None]] = frozenset()

    def since(self) -> set[str]:
        """Accounts of which something was written since the last call."""
        touched: set[str] = set()
        with reading(self._state) as connection:
            for place, (key, asked) in enumerate(_NUMBERED):
                asked_from = self._latest[place] - self._late
                rows = [(int(number), account) for number, account in connection.execute(asked.where(key > asked_from))]
                touched |= {str(account) for number, account in rows if number not in self._seen[place]}
                self._latest[place] = max([self._latest[place], *(number for number, _ in rows)])
                self._seen[place] = {number for number, _ in rows if number > self._latest[place] - self._late}
        return touched

    def has_accepted(self) -> bool:
        """Whether an offer was accepted since the last call, or its payment settled: its money may have come.

        A card that its owner had to confirm settles after the yes.
        """
        quote = tables.quote.c
        asked = (
            sa.select(_OFFER.offer_id, quote.status)
            .outerjoin(tables.quote, quote.quote_id == _OFFER.quote_id)
            .where(_OFFER.status == OfferStatus.ACCEPTED)
        )
        with reading(self._state) as connection:
            accepted = frozenset((row.offer_id, row.status) for row in connection.execute(asked))
        before, self._accepted = self._accepted, accepted
        return bool(accepted - before)
