"""What we ask of a billing provider: four verbs. Its answer is the truth; ours is an estimate until it has spoken."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from upstep.billing.change import Change, Item
from upstep.billing.quote import Quote


@dataclass(frozen=True)
class Applied:
    """What the provider did. ``reference`` is its own id, ``amount_minor`` what it charged at once."""

    reference: str
    amount_minor: int
    effective_at: datetime


@dataclass(frozen=True)
class Event:
    """One item that changed at the provider: how it was (closed by ``valid_to``) and how it is; None where it is not.

    ``cursor`` is what ``events_since`` takes to go on after this event; ``quote_id`` is the quote that was applied,
    None for a change that somebody made elsewhere.
    """

    cursor: str
    event_id: str
    occurred_at: datetime
    before: Item | None
    after: Item | None
    quote_id: str | None = None


class Provider(Protocol):
    """A billing provider. Every one passes ``tests/contracts/test_providers.py``."""

    @property
    def name(self) -> str:
        """How quotes name it."""
        ...

    def subscriptions(self, account_id: str) -> Sequence[Item]:
        """The account's live items, by subscription and item id."""
        ...

    def preview(self, change: Change, at: datetime) -> Quote:
        """What the change would cost at that instant. Changes nothing.

        Raises:
            QuoteError: It cannot be quoted; all reasons at once.
            OutsideError: The provider could not be asked.
        """
        ...

    def apply(self, quote: Quote, idempotency_key: str, *, at: datetime) -> Applied:
        """Make the change, at the quoted price, exactly once per key: the same key again returns the first answer.

        Args:
            quote: As previewed by this provider. Whether it has expired is the caller's question.
            idempotency_key: One for each acceptance.
            at: Now: from then on the items are as changed.

        Raises:
            QuoteError: The subscription is no longer the one that was quoted; nothing was changed.
            OutsideError: No answer. It may have happened: ask again with the same key.
        """
        ...

    def events_since(self, cursor: str | None) -> Sequence[Event]:
        """What changed after that event, oldest first; None: everything."""
        ...


def subscription_item_rows(events: Iterable[Event]) -> list[dict[str, object]]:
    """Events as rows of ``subscription_item``: the closed interval and the one that begins.

    One row per (item_id, valid_from); the later event's version stands, so that an interval that one event opened and
    another closed is one closed row. Loading them twice is loading them once.
    """
    rows: dict[tuple[str, datetime], dict[str, object]] = {}
    for event in events:
        for item in (event.before, event.after):
            if item is not None:
                rows[item.item_id, item.valid_from] = item.row()
    return list(rows.values())
