"""An offer: a step put before somebody. Its statuses, the moves that are allowed, and its values."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any

from upstep.billing.quote import Quote
from upstep.offers.incentive import Grant


class OfferStatus(StrEnum):
    """Where an offer is."""

    OPEN = "open"  # its message is queued
    SHOWN = "shown"  # somebody has seen it (exposure)
    CLICKED = "clicked"  # somebody looked closer
    ACCEPTED = "accepted"  # the click that says yes
    CONVERTED = "converted"  # the money: the provider told of the change
    DECLINED = "declined"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"  # by us: a hold, a reply, a quote that no longer stands


_ENDS = {OfferStatus.DECLINED, OfferStatus.EXPIRED, OfferStatus.WITHDRAWN}
MOVES: Mapping[OfferStatus, frozenset[OfferStatus]] = {
    OfferStatus.OPEN: frozenset({OfferStatus.SHOWN, OfferStatus.CLICKED, OfferStatus.ACCEPTED, *_ENDS}),
    OfferStatus.SHOWN: frozenset({OfferStatus.CLICKED, OfferStatus.ACCEPTED, *_ENDS}),
    OfferStatus.CLICKED: frozenset({OfferStatus.ACCEPTED, *_ENDS}),
    # Who said yes cannot say no any more, but the provider may refuse what is no longer the change that was shown.
    OfferStatus.ACCEPTED: frozenset({OfferStatus.CONVERTED, OfferStatus.WITHDRAWN}),
    OfferStatus.CONVERTED: frozenset(),
    OfferStatus.DECLINED: frozenset(),
    OfferStatus.EXPIRED: frozenset(),
    OfferStatus.WITHDRAWN: frozenset(),
}
"""From each status, where it may go. Those that lead nowhere are ends."""

LIVE = tuple(status for status, targets in MOVES.items() if targets)
"""Statuses of an offer that still waits for something."""

SEEN = (OfferStatus.SHOWN, OfferStatus.CLICKED, OfferStatus.ACCEPTED, OfferStatus.DECLINED)
"""Statuses that nobody reaches without having seen the offer."""


@dataclass(frozen=True)
class NewOffer:
    """What is about to be offered. ``facts`` are those of the decision; ``quote`` None where nothing is bought.

    ``grant``: the incentive that the quote holds, which is reserved when the offer opens.
    """

    account_id: str
    step_id: str
    run_id: str
    play: str
    motion: str
    path: str
    lane: str
    target: str
    product_id: str | None = None
    decision_id: str | None = None
    quote: Quote | None = None
    expires_at: datetime | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
    grant: Grant | None = None

    @property
    def step_key(self) -> tuple[str, str]:
        """Account and step."""
        return self.account_id, self.step_id

    @cached_property
    def offer_id(self) -> str:
        """One for each account, step and run, known before the offer is opened: its message links to it."""
        key = f"{self.account_id}\n{self.step_id}\n{self.run_id}"
        return f"of_{hashlib.sha256(key.encode()).hexdigest()[:20]}"


@dataclass(frozen=True)
class Offer:
    """An offer as it stands. Each ``*_at`` is the first instant at which that happened.

    ``not_now_at``: it was declined by a "not now", so its step may come back sooner than after a "no".
    """

    offer_id: str
    account_id: str
    step_id: str
    run_id: str
    decision_id: str | None
    play: str
    motion: str
    path: str
    lane: str
    product_id: str | None
    target: str
    quote_id: str | None
    status: OfferStatus
    facts: Mapping[str, Any]
    opened_at: datetime
    expires_at: datetime | None
    shown_at: datetime | None
    clicked_at: datetime | None
    accepted_at: datetime | None
    converted_at: datetime | None
    declined_at: datetime | None
    ended_at: datetime | None
    not_now_at: datetime | None = None


@dataclass(frozen=True)
class OfferChange:
    """One change of an offer's status: who, when and why. ``from_status`` None is its opening."""

    from_status: OfferStatus | None
    to_status: OfferStatus
    who: str
    changed_at: datetime
    why: str
