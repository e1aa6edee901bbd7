"""The stages of a sale that a person leads: upsell and cross-sell apart, each move with who, when and why.

They differ in kind, so they share no stage: an upsell has the same budget owner and a short way; a cross-sell finds its
own buyer. Neither is ever bundled with the other or put into a renewal.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from upstep.clock import iso
from upstep.errors import did_you_mean
from upstep.state import audit
from upstep.state.session import hold
from upstep.state.tables import opportunity, stage_change

WON, LOST = "won", "lost"
_SHORT = {
    "confirm": "the budget owner confirms that the limit or the need is real",
    "price": "a person has named the price",
    "agree": "terms are agreed and wait for a signature",
}
_LONG = {
    "discover": "whose priority it serves, and what it would change for them",
    "champion": "somebody in the buying team speaks for it",
    "evaluate": "they try it on their own work",
    "business_case": "the case with their numbers is with the sponsor",
    "decide": "their committee decides",
}
STAGES: Mapping[str, Mapping[str, str]] = {
    **dict.fromkeys(("upsell", "volume", "add_on", "commit"), _SHORT),
    "cross_sell": _LONG,
}
"""By motion: its stages in order, with what each means. Adopt and right_size are no sales and have none."""
PAPERS = ("order", "amendment", "renewal")


@dataclass(frozen=True)
class New:
    """An opportunity to open; amounts are a year's, in minor units. ``is_hygiene``: their own limit asks for it."""

    account_id: str
    play: str
    motion: str
    product_id: str
    target: str
    owner_id: str | None
    currency: str
    expected_minor: int | None
    is_hygiene: bool
    goal_id: str | None
    sponsor_contact_id: str | None
    run_id: str
    expected_at: datetime


@dataclass(frozen=True)
class Move:
    """One change of stage."""

    from_stage: str | None
    to_stage: str
    who: str
    changed_at: datetime
    why: str
    contact_id: str | None


@dataclass(frozen=True)
class Opportunity:
    """A step that a person sells, with every move so far."""

    opportunity_id: str
    account_id: str
    play: str
    motion: str
    product_id: str
    target: str
    owner_id: str | None
    stage: str
    currency: str
    expected_minor: int | None
    is_hygiene: bool
    goal_id: str | None
    sponsor_contact_id: str | None
    run_id: str
    opened_at: datetime
    expected_at: datetime
    closed_at: datetime | None
    won_minor: int | None
    contract: str | None
    moves: tuple[Move, ...]

    @property
    def is_open(self) -> bool:
        """Neither won nor lost."""
        return self.stage not in (WON, LOST)


@dataclass(frozen=True)
class Refused:
    """A move that the rules do not allow, and why."""

    why: str


@dataclass(frozen=True)
class Deed:
    """Who moves it, when and why; ``contact_id``: whom the move names, such as the champion."""

    who: str
    at: datetime
    why: str
    contact_id: str | None = None


def refuse_bundle(motions: Mapping[str, str]) -> Refused | None:
    """Upsell and cross-sell in one offer: refused. ``motions`` by what names each, such as its play."""
    kinds = {motion == "cross_sell" for motion in motions.values()}
    if len(kinds) < 2:
        return None
    listed = ", ".join(f"{name} ({motion})" for name, motion in motions.items())
    return Refused(
        f"{listed}: an upsell and a cross-sell are never bundled. They have different buyers and lengths, and together "
        "each waits for the slower one. Open them one by one."
    )


def open_opportunity(connection: sa.Connection, new: New, deed: Deed) -> tuple[Opportunity, bool] | Refused:
    """Open a step as an opportunity, in the caller's transaction.

    Returns:
        It, and whether it is new; one that is open already for the same step stays as it is.
    """
    hold(connection, f"opportunity {new.account_id}")
    if new.motion not in STAGES:
        return Refused(f"{new.motion} is not a sale, so it has no stages: plan it, and do it.")
    for known in opportunities(connection, account_id=new.account_id):
        if known.is_open and (known.product_id, known.target) == (new.product_id, new.target):
            return known, False
    first = next(iter(STAGES[new.motion]))
    parts = (new.account_id, new.product_id, new.target, iso(deed.at))
    opportunity_id = "opp_" + hashlib.blake2b("\0".join(parts).encode(), digest_size=5).hexdigest()
    row = {name: getattr(new, name) for name in New.__annotations__}
    connection.execute(
        sa.insert(opportunity).values(opportunity_id=opportunity_id, stage=first, opened_at=deed.at, **row)
    )
    _record(connection, opportunity_id, None, first, deed=deed)
    return read(connection, opportunity_id), True


def move(connection: sa.Connection, opportunity_id: str, to: str, deed: Deed) -> Opportunity | Refused:
    """Move an opportunity to another stage of its motion: one ahead, or back to any before.

    Raises:
        LookupError: There is none of that id.
    """
    hold(connection, opportunity_id)
    found = read(connection, opportunity_id)
    if refused := _cannot(found, deed) or _wrong_stage(found, to):
        return refused
    if to == "champion" and deed.contact_id is None:
        return Refused("Who is the champion? Name the contact who speaks for it in the buying team: --contact.")
    _set(connection, found, to, deed=deed)
    return read(connection, opportunity_id)


def close(
    connection: sa.Connection,
    opportunity_id: str,
    deed: Deed,
    *,
    won_minor: int | None,
    contract: str | None = None,
    paper: str = "order",
) -> Opportunity | Refused:
    """Close an opportunity: won at a year's amount, or lost (``won_minor`` None).

    Args:
        contract: What was signed; two motions never share one.
        paper: order, amendment or renewal; the last is refused.

    Raises:
        LookupError: There is none of that id.
    """
    hold(connection, opportunity_id)
    found = read(connection, opportunity_id)
    if refused := _cannot(found, deed):
        return refused
    if won_minor is not None and (refused := _cannot_win(connection, found, contract, paper)):
        return refused
    values = {"closed_at": deed.at, "won_minor": won_minor, "contract": contract}
    connection.execute(sa.update(opportunity).where(opportunity.c.opportunity_id == opportunity_id).values(**values))
    _set(connection, found, LOST if won_minor is None else WON, deed=deed)
    return read(connection, opportunity_id)


def _cannot(found: Opportunity, deed: Deed) -> Refused | None:
    last = found.moves[-1]
    if not found.is_open:
        return Refused(f"It was {found.stage} on {last.changed_at:%Y-%m-%d}; a closed one does not move.")
    if deed.at < last.changed_at:
        return Refused(
            f"{deed.at:%Y-%m-%d} lies before its last move on {last.changed_at:%Y-%m-%d}: are the dates reversed?"
        )
    return None


def _wrong_stage(found: Opportunity, to: str) -> Refused | None:
    stages = list(STAGES[found.motion])
    if to not in stages:
        other = next((motion for motion, theirs in STAGES.items() if to in theirs), None)
        if other:
            return Refused(f"'{to}' is a stage of {other}; {found.motion} has {', '.join(stages)}: they stay apart.")
        return Refused(f"'{to}' is no stage. {did_you_mean(to, stages)}")
    here, there = stages.index(found.stage), stages.index(to)
    if there == here:
        return Refused(f"It is at {to} already.")
    if there > here + 1:
        return Refused(f"From {found.stage} the next is {stages[here + 1]} ({STAGES[found.motion][stages[here + 1]]}).")
    return None


def _cannot_win(connection: sa.Connection, found: Opportunity, contract: str | None, paper: str) -> Refused | None:
    last = list(STAGES[found.motion])[-1]
    if paper == "renewal":
        return Refused(
            f"A {found.motion} is never signed inside a renewal: there it becomes a price for staying. "
            "Sign it before or after, on its own paper."
        )
    if found.stage != last and not found.is_hygiene:
        return Refused(f"It is at {found.stage}; it is won from {last} ({STAGES[found.motion][last]}).")
    for other in opportunities(connection, account_id=found.account_id):
        if contract and other.contract == contract and other.opportunity_id != found.opportunity_id:
            refused = refuse_bundle({other.opportunity_id: other.motion, found.opportunity_id: found.motion})
            if refused:
                return Refused(f"Contract '{contract}' is that of {other.opportunity_id}. {refused.why}")
    return None


def _set(connection: sa.Connection, found: Opportunity, to: str, *, deed: Deed) -> None:
    mine = opportunity.c.opportunity_id == found.opportunity_id
    connection.execute(sa.update(opportunity).where(mine).values(stage=to))
    _record(connection, found.opportunity_id, found.stage, to, deed=deed)


def _record(connection: sa.Connection, opportunity_id: str, before: str | None, to: str, *, deed: Deed) -> None:
    row = {"opportunity_id": opportunity_id, "from_stage": before, "to_stage": to, "who": deed.who}
    more = {"changed_at": deed.at, "why": deed.why, "contact_id": deed.contact_id}
    connection.execute(sa.insert(stage_change).values(**row, **more))
    details = {"from": before, "to": to}
    audit.note(connection, "stage", subject=opportunity_id, who=deed.who, at=deed.at, details=details)


# Reading


def read(connection: sa.Connection, opportunity_id: str) -> Opportunity:
    """One opportunity.

    Raises:
        LookupError: There is none of that id.
    """
    row = connection.execute(sa.select(opportunity).where(opportunity.c.opportunity_id == opportunity_id)).one_or_none()
    if row is None:
        raise LookupError(opportunity_id)
    return _opportunity(connection, row)


def opportunities(connection: sa.Connection, *, account_id: str | None = None) -> list[Opportunity]:
    """All of them, or an account's, in the order in which they were opened."""
    query = sa.select(opportunity).order_by(opportunity.c.opened_at, opportunity.c.opportunity_id)
    if account_id is not None:
        query = query.where(opportunity.c.account_id == account_id)
    return [_opportunity(connection, row) for row in connection.execute(query)]


def _opportunity(connection: sa.Connection, row: sa.Row[tuple[object, ...]]) -> Opportunity:
    changes = sa.select(stage_change).where(stage_change.c.opportunity_id == row.opportunity_id)
    moves = [
        Move(**{name: getattr(change, name) for name in Move.__annotations__})
        for change in connection.execute(changes.order_by(stage_change.c.change_id))
    ]
    named = {name: getattr(row, name) for name in Opportunity.__annotations__ if name != "moves"}
    return Opportunity(**named, moves=tuple(moves))
