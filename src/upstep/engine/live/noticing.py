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


class Noticed:
    """Remembers up to where each numbered table was read."""

    def __init__(self, state: sa.Engine) -> None:
        self._state = state
        with reading(state) as connection:
            self._seen = [connection.execute(sa.select(sa.func.max(key))).scalar() or 0 for key, _ in _NUMBERED]
        self._accepted: frozenset[tuple[str, str | None]] = frozenset()

    def since(self) -> set[str]:
        """Accounts of which something was written since the last call."""
        touched: set[str] = set()
        with reading(self._state) as connection:
            for place, (key, asked) in enumerate(_NUMBERED):
                rows = [tuple(row) for row in connection.execute(asked.where(key > self._seen[place]))]
                touched |= {str(account) for _, account in rows}
                self._seen[place] = max((int(number) for number, _ in rows), default=self._seen[place])
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
