"""Planted accounts: written so that the right answer is known by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Planted:
    """One planted account and what must be said of it.

    Args:
        name: The planted case, unique in its company. One account may hold two cases.
        story: One sentence that says what its tables show.
        answer: The decision expected of it; only the keys that are named are promised.
            ``play``: the play that fires, as lead or as evidence.
            ``outcome``: eligible, held, unconfirmed, unfit; None when the play must not fire.
            ``lane``: self_serve, assisted, care. ``motion``: as in decisions.
            ``holds``, ``unknown``: gates that are among those that hold, or that no table answers.
            ``product_id``, ``plan_id``, ``interval``: of the proposal.
            ``notice``: the share whose notice is due.
        meter_id: The meter the story speaks of, if one.
        used: Its use in the current billing window, or its level now.
        limit: Its limit today.
    """

    account_id: str
    name: str
    story: str
    answer: dict[str, Any] = field(default_factory=dict)
    meter_id: str | None = None
    used: int | None = None
    limit: int | None = None
