"""A customer says yes: the holds are asked again, then the locked quote is applied exactly once."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from upstep.billing.provider import Applied, Declined, NeedsConfirmation
from upstep.clock import iso
from upstep.engine.project import open_project_state
from upstep.engine.quoting.standing import MAX_FACT_AGE, stale_facts, why_not
from upstep.errors import Fault, QuoteError
from upstep.offers import lifecycle
from upstep.offers.model import Offer
from upstep.state.holds import Hold, HoldKind, holds_of
from upstep.state.session import reading

if TYPE_CHECKING:
    from upstep.billing.provider import Provider
    from upstep.engine.project import Project

_AHEAD = timedelta(minutes=10)
"""So long a yes may take to be thought about, with the difference of two clocks."""


def accept_offer(
    project: Project,
    offer_id: str,
    *,
    provider: Provider,
    by: str,
    now: datetime,
) -> tuple[Offer, Applied | None]:
    """Say yes for a customer: the holds are asked again, then the locked quote is applied exactly once.

    Raises:
        QuoteError: As ``take_offer`` says, or the payment failed or must be confirmed first.
    """
    engine = open_project_state(project)
    taken = take_offer(project, engine, offer_id, provider=provider, by=by, now=now)
    engine.dispose()
    if isinstance(taken.answer, Declined | NeedsConfirmation):
        raise QuoteError(_unpaid(taken.offer, taken.answer))
    return taken.offer, taken.applied


def take_offer(
    project: Project,
    engine: sa.Engine,
    offer_id: str,
    *,
    provider: Provider,
    by: str,
    now: datetime,
    quote_id: str | None = None,
) -> lifecycle.Taken:
    """The same, whatever the provider answers. ``quote_id``: the one whose price was shown, and no other is accepted.

    Raises:
        QuoteError: A hold is true now, something is unknown, an invoice is open, the facts are too old, the
            subscription is another by now, or the offer has another quote than ``quote_id``.
    """
    offer = lifecycle.read_offer(engine, offer_id)
    with reading(engine) as connection:
        before = {one.hold_id for one in _holds(connection, offer, now)}
    is_due = offer.expires_at is not None and now >= offer.expires_at
    if offer.status.value in ("open", "shown", "clicked") and not is_due:
        _still_stands(project, engine, offer, now=now)
    budget = next((one.budget_minor for one in project.settings.incentives if one.play == offer.play), 0)
    lifecycle.take_again(engine, offer_id, budget_minor=budget, at=now)

    def held_meanwhile(connection: sa.Connection) -> str | None:
        fresh = [one for one in _holds(connection, offer, now) if one.hold_id not in before]
        stops = [one for one in fresh if one.contact_id in (None, by) and one.kind is not HoldKind.BOUNCE]
        return f"contact_hold: {stops[0].why}" if stops else None

    return lifecycle.accept_and_apply(
        engine, provider, offer_id=offer_id, by=by, at=now, quote_id=quote_id, unless=held_meanwhile
    )


def _holds(connection: sa.Connection, offer: Offer, now: datetime) -> list[Hold]:
    """Holds that stand, also those of a machine whose clock is ahead, or that came since the yes began."""
    return holds_of(connection, [offer.account_id], now=now + _AHEAD)


def _unpaid(offer: Offer, answer: Declined | NeedsConfirmation) -> Fault:
    place = f"offer {offer.offer_id}"
    if isinstance(answer, Declined):
        return Fault(place, f"the payment failed: {answer.why}", "Accept it again when the card is good.")
    found = f"the payment must be confirmed at {answer.url} before {iso(answer.expires_at)}."
    return Fault(place, found, "Nothing is changed until then.")


def _still_stands(project: Project, engine: sa.Engine, offer: Offer, *, now: datetime) -> None:
    why = stale_facts(project, now=now, max_fact_age=MAX_FACT_AGE)
    why = why or why_not(project, engine, [offer], now=now, to_accept=True).get(offer.offer_id)
    if why:
        found = f"cannot be accepted now: {why}."
        raise QuoteError(Fault(f"offer {offer.offer_id}", found, f"See 'upstep explain {offer.account_id}'."))
