"""Following up: what was bought is looked at after 14 and after 30 days; where it is not used, help is offered.

Nothing is sold here. What a look finds is told to the plays (``offers.follow_up.unused``): ``unused_purchase`` makes an
adopt step of it, which waits like any other, and that step's message is the help.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from upstep.clock import iso
from upstep.engine.deciding.decide import decide
from upstep.engine.deciding.inputs import gather
from upstep.engine.offering.helping import open_help
from upstep.engine.quoting.use import MeterUse, read_use
from upstep.errors import SourceError
from upstep.offers import follow_up as looking
from upstep.offers import lifecycle
from upstep.offers.follow_up import Found, Level, Look
from upstep.state import tables
from upstep.state.session import reading, writing

if TYPE_CHECKING:
    from upstep.engine.project import Project
    from upstep.engine.quoting.use import AccountUse
    from upstep.offers.model import Offer

PACE_DAYS = 7
"""A flow's running period tells its pace after so many days; before that the last complete one does."""

LATE = timedelta(days=7)
"""A look that facts could not answer for so long is closed as unknown."""


@dataclass(frozen=True)
class Looked:
    """A look that was taken, with its offer."""

    look: Look
    offer: Offer
    found: Found
    facts: Mapping[str, Any]


def follow_up(project: Project, state: sa.Engine, *, now: datetime) -> list[Looked]:
    """Take every look that is due and that the facts can answer. Twice is once.

    A look waits until the facts reach its day.
    """
    with writing(state) as connection:
        looking.schedule(connection)
        waiting = looking.due(connection, now=now)
    taken = []
    for look in waiting:
        offer = lifecycle.read_offer(state, look.offer_id)
        try:
            use = read_use(project, look.account_id, now=now)
        except SourceError:
            use = None
        if (use is None or use.as_of < look.due_at) and now < look.due_at + LATE:
            continue
        looked = _take(project, state, look, offer, use=use, now=now)
        taken += [looked] if looked else []
    return taken


def _take(
    project: Project, state: sa.Engine, look: Look, offer: Offer, *, use: AccountUse | None, now: datetime
) -> Looked | None:
    level = level_of(project, offer, use) if use else None
    found = looking.judge(level)
    facts = _facts(level, use)
    with writing(state) as connection:
        if not looking.keep(connection, look, found=found, facts=facts, at=now):
            return None
    return Looked(look, offer, found, facts)


def help_where_idle(project: Project, state: sa.Engine, taken: Sequence[Looked], *, now: datetime) -> int:
    """Decide anew for whom a look found idle, and open the help that is due. Twice opens nothing more.

    Returns:
        How many were opened.
    """
    idle = sorted({one.look.account_id for one in taken if one.found is Found.UNUSED})
    if not idle:
        return 0
    run = decide(project, accounts=idle, inputs=gather(project, at=now, state=state, accounts=idle))
    return open_help(project, state, run, now=now, accounts=idle)


# How much is used


def level_of(project: Project, offer: Offer, use: AccountUse) -> Level | None:
    """How much of what an offer sold is used; None: nothing measures it."""
    meter = _meter(project, offer, use)
    if meter is None or meter.used is None:
        return None
    before = looking.limit_before(offer) if looking.meter_of(offer) == meter.meter_id else None
    return Level(meter.meter_id, _level(meter, use.as_of), meter.limit_quantity, before)


def _meter(project: Project, offer: Offer, use: AccountUse) -> MeterUse | None:
    """The meter that the offer was about, else the one that the add-on raises, else the product's own."""
    mine = {each.meter_id: each for each in use.meters.values() if each.product_id == offer.product_id}
    asked = looking.meter_of(offer)
    if asked in mine:
        return mine[asked]
    word, _, name = offer.target.partition(":")
    if word == "add_on":
        add_on = next((one for one in project.catalog.add_ons() if one.id == name), None)
        raised = [limit.meter_id for limit in add_on.limits] if add_on else []
        return next((mine[meter_id] for meter_id in raised if meter_id in mine), None)
    valued = [meter_id for meter_id in mine if project.catalog.meters[meter_id].value_meter]
    return next((mine[meter_id] for meter_id in (*valued, *mine)), None)


def _level(meter: MeterUse, as_of: datetime) -> int:
    """A stock's level; of a flow what a whole period comes to at the pace of the running one."""
    used = meter.used or 0
    if meter.since is None:
        return used
    last = meter.periods[0] if meter.periods else None
    length = (last.ends_at - last.starts_at) if last else timedelta(days=30)
    elapsed = as_of - meter.since
    if elapsed < timedelta(days=PACE_DAYS) and last is not None:
        return max(used, last.used)
    return round(used * length / elapsed) if elapsed > timedelta(0) else used


def _facts(level: Level | None, use: AccountUse | None) -> dict[str, Any]:
    if level is None or use is None:
        return {}
    return {
        "meter_id": level.meter_id,
        "used": level.used,
        "limit": level.limit,
        "limit_before": level.limit_before,
        "as_of": iso(use.as_of),
    }


# Told


def read_looks(
    project: Project, state: sa.Engine | None, *, accounts: Sequence[str] | None = None
) -> list[dict[str, Any]]:
    """Every look with what was bought, oldest first, as ``upstep follow-up --json`` prints it."""
    if state is None:
        return []
    with reading(state) as connection:
        found = looking.looks(connection, accounts=accounts)
        bought = {
            row.offer_id: row
            for row in connection.execute(sa.select(tables.offer).where(tables.offer.c.converted_at.is_not(None)))
        }
    return [_told(project, look, bought[look.offer_id]) for look in found if look.offer_id in bought]


def _told(project: Project, look: Look, offer: sa.Row[Any]) -> dict[str, Any]:
    facts = look.facts or {}
    meter = project.catalog.meters.get(facts.get("meter_id") or "")
    return {
        "offer_id": look.offer_id,
        "account_id": look.account_id,
        "play": offer.play,
        "target": offer.target,
        "converted_at": iso(offer.converted_at),
        "day": look.day,
        "due_at": iso(look.due_at),
        "looked_at": iso(look.looked_at) if look.looked_at else None,
        "found": look.found.value if look.found else None,
        "meter_id": facts.get("meter_id"),
        "meter_name": meter.name if meter else None,
        "used": facts.get("used"),
        "limit": facts.get("limit"),
        "limit_before": facts.get("limit_before"),
    }


def sentence(told: Mapping[str, Any]) -> str:
    """A look in words, for people."""
    bought = f"{told['target']} was bought on {told['converted_at'][:10]}"
    if told["found"] is None:
        return f"{bought}; whether it is used is looked at on {told['due_at'][:10]} (day {told['day']})."
    if told["found"] == "unknown":
        return f"{bought}; on day {told['day']} nothing measured whether it is used."
    of = f" of {told['limit']:,}" if told["limit"] else ""
    use = f"{told['used']:,}{of} {told['meter_name']}"
    if told["found"] == "used":
        return f"{bought}; on day {told['day']} it was used: {use}."
    return f"{bought}; on day {told['day']} it was hardly used: {use}. Help them use it."
