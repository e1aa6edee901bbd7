"""Who is credited: a conversion belongs to the play whose offer led to it, net of the overage it replaced.

A movement is credited to the last offer that was accepted for it within a window; each offer and each movement once.
Only what a play can have brought about counts (``movements.words.CREDITABLE``); what customers did without an offer is
told as such. A commit is credited in committed value alone: its MRR usually falls, and the play is neither punished
nor flattered.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from upstep.clock import DAY_SECONDS, to_seconds
from upstep.money import UNITS_PER_MINOR
from upstep.movements.words import CREDITABLE
from upstep.offers.model import OfferStatus
from upstep.state import tables
from upstep.state.session import reading

if TYPE_CHECKING:
    from datetime import datetime

    import ibis.expr.types as ir

WINDOW_DAYS = 30
"""A change this long after the click still belongs to the offer; the setting ``revenue.credit_days`` says otherwise."""

_EARLY_SECONDS = 3600
"""Changes within an hour are one at the first one's instant, so that a movement may stand before its click."""

MOTION_CAUSES: Mapping[str, tuple[str, ...]] = {
    "upsell": ("upsell",),
    "volume": ("seats", "usage_commit", "add_on", "upsell"),
    "add_on": ("add_on",),
    "cross_sell": ("cross_sell",),
    "commit": ("commit",),
}
"""What an offer of each motion can bring about. More of a meter comes by seats, volume, an add-on or a higher plan."""

CAUSE_MOTIONS: Mapping[str, str] = {
    "upsell": "upsell",
    "seats": "volume",
    "usage_commit": "volume",
    "add_on": "add_on",
    "cross_sell": "cross_sell",
    "commit": "commit",
}
"""The motion that a creditable cause is told under."""


def creditable(moved: ir.Table) -> ir.Table:
    """The movements that an offer may have led to: growth by a creditable cause, and longer terms.

    Args:
        moved: The movement table, the event view.
    """
    grows = (moved.category == "expansion") & (moved.units > 0)
    commits = (moved.cause == "commit") & (moved.committed_minor > 0) & moved.category.isin(_GOING_ON)
    return moved.filter(moved.cause.isin(CREDITABLE) & (grows | commits))


_GOING_ON = ("expansion", "contraction")


@dataclass(frozen=True)
class Asked:
    """An offer as far as credit is concerned. Instants are whole seconds, None where it did not come to that.

    Args:
        account_key: After mergers, as in the movement table.
        trigger: What made its play fire, in words; see ``engine.measuring.reporting``.
        overage_replaced_minor: Metered overage a month that the step replaces (mean of the last three periods).
    """

    offer_id: str
    account_key: int
    play: str
    motion: str
    product_id: str | None
    trigger: str = ""
    overage_replaced_minor: int = 0
    opened_at: int = 0
    shown_at: int | None = None
    accepted_at: int | None = None
    converted_at: int | None = None
    declined_at: int | None = None
    is_withdrawn: bool = False


@dataclass(frozen=True)
class Credit:
    """A movement and the offer it is credited to. Amounts in MRR units of ``currency``, committed value in minor units.

    Args:
        units: What the movement did to MRR.
        credited_units: The part that the play is said to have earned: net of replaced overage, 0 for a commit.
    """

    offer: Asked
    account_key: int
    moved_at: int
    currency: str
    product_id: str
    cause: str
    units: int
    credited_units: int
    committed_minor: int


def attribute(
    moved: Iterable[Mapping[str, Any]], offers: Iterable[Asked], *, window_days: int = WINDOW_DAYS
) -> list[Credit]:
    """Credit movements to offers: the last one accepted at most ``window_days`` before, each offer at most once.

    Args:
        moved: Rows of ``creditable``, at least those of accounts with accepted offers.

    Returns:
        By account and instant; movements without an offer are not among them.
    """
    waiting: dict[int, list[Asked]] = defaultdict(list)
    for offer in offers:
        if offer.accepted_at is not None and not offer.is_withdrawn:
            waiting[offer.account_key].append(offer)
    found = []
    for row in sorted(moved, key=lambda row: (row["account_key"], row["moved_at"], row["product_id"], row["cause"])):
        led = [offer for offer in waiting[row["account_key"]] if _leads_to(offer, row, window_days)]
        if led:
            last = max(led, key=lambda offer: (offer.accepted_at, offer.offer_id))
            waiting[row["account_key"]].remove(last)
            found.append(_credit(last, row))
    return found


def _leads_to(offer: Asked, row: Mapping[str, Any], window_days: int) -> bool:
    assert offer.accepted_at is not None, "only accepted offers wait for a movement"
    after = row["moved_at"] - offer.accepted_at
    in_window = -_EARLY_SECONDS < after <= window_days * DAY_SECONDS
    same = offer.product_id in {None, row["product_id"]}
    return in_window and same and row["cause"] in MOTION_CAUSES.get(offer.motion, ())


def _credit(offer: Asked, row: Mapping[str, Any]) -> Credit:
    commits = row["cause"] == "commit"
    replaced = offer.overage_replaced_minor * UNITS_PER_MINOR
    return Credit(
        offer,
        row["account_key"],
        row["moved_at"],
        row["currency"],
        row["product_id"],
        row["cause"],
        row["units"],
        0 if commits else row["units"] - replaced,
        row["committed_minor"] if commits else 0,
    )


@dataclass(frozen=True)
class Conversions:
    """What became of a play's offers in a period, by what triggered them: each step counted when it happened.

    Args:
        won: How many of those shown in the period have converted by now, whenever they did.
    """

    play: str
    trigger: str
    opened: int
    shown: int
    accepted: int
    converted: int
    declined: int
    won: int


_STEPS = ("opened", "shown", "accepted", "converted", "declined")


def conversions(offers: Iterable[Asked], start: int, end: int) -> list[Conversions]:
    """Offers of a period by play and trigger, those that converted most first. ``end`` is not in the period."""
    groups: dict[tuple[str, str], list[Asked]] = defaultdict(list)
    for offer in offers:
        groups[offer.play, offer.trigger].append(offer)

    def count(group: Sequence[Asked], name: str) -> int:
        return sum(start <= at < end for offer in group if (at := getattr(offer, name)) is not None)

    def won(group: Sequence[Asked]) -> int:
        shown = [offer for offer in group if offer.shown_at is not None and start <= offer.shown_at < end]
        return sum(offer.converted_at is not None for offer in shown)

    found = [
        Conversions(play, trigger, **{step: count(group, f"{step}_at") for step in _STEPS}, won=won(group))
        for (play, trigger), group in groups.items()
    ]
    kept = [one for one in found if one.opened or one.shown or one.accepted or one.converted or one.declined]
    return sorted(kept, key=lambda one: (-one.converted, -one.accepted, -one.shown, one.play, one.trigger))


def offer_rows(engine: sa.Engine, *, until: datetime) -> list[dict[str, Any]]:
    """Every offer opened before an instant, oldest first, as ``Asked`` wants it; what happened later is not known yet.

    Returns:
        One mapping per offer: offer_id, account_id, step_id, run_id, decision_id, play, motion, product_id, facts,
        opened_at to declined_at (seconds or None), is_withdrawn.
    """
    table = tables.offer
    names = ("offer_id", "account_id", "step_id", "run_id", "decision_id", "play", "motion", "product_id", "facts")
    instants = ("opened_at", "shown_at", "accepted_at", "converted_at", "declined_at")
    columns = [table.c[name] for name in (*names, *instants, "status", "ended_at")]
    found = sa.select(*columns).where(table.c.opened_at < until).order_by(table.c.opened_at, table.c.offer_id)
    end = to_seconds(until)

    def seconds(value: datetime | None) -> int | None:
        at = None if value is None else to_seconds(value)
        return None if at is None or at >= end else at

    with reading(engine) as connection:
        return [
            {
                **{name: getattr(row, name) for name in names},
                **{name: seconds(getattr(row, name)) for name in instants},
                "is_withdrawn": row.status == OfferStatus.WITHDRAWN and seconds(row.ended_at) is not None,
            }
            for row in connection.execute(found)
        ]
