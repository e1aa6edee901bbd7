"""Whether an offer may still go: the same gates, asked again before its message leaves and before a yes counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from upstep.clock import from_seconds, iso
from upstep.engine.deciding.decide import Inputs, decide
from upstep.engine.deciding.explain import parsed
from upstep.engine.deciding.inputs import gather
from upstep.engine.quoting.holding import OPEN_INVOICE, holds_now, newest_facts
from upstep.offers.history import offer_history
from upstep.offers.model import OfferStatus
from upstep.tables.facts import default_as_of
from upstep.tables.lake import open_snapshot

if TYPE_CHECKING:
    import sqlalchemy as sa

    from upstep.engine.project import Project
    from upstep.offers.model import Offer

MAX_FACT_AGE = timedelta(days=3)
"""Facts older than this are asked about nothing: a charge that failed since is not in them, so no answer is safe."""

_WAITING = (OfferStatus.OPEN, OfferStatus.SHOWN, OfferStatus.CLICKED)


def stale_facts(project: Project, *, now: datetime, max_fact_age: timedelta = MAX_FACT_AGE) -> str | None:
    """Why nothing may be sent or accepted on these facts; None when they are fresh enough.

    Raises:
        SourceError: Nothing was loaded.
    """
    until = from_seconds(default_as_of(project.folder, open_snapshot(project.folder)))
    if now - until <= max_fact_age:
        return None
    return f"the facts end at {iso(until)}, more than {max_fact_age.days} days ago: run 'upstep load'"


def why_not(
    project: Project, engine: sa.Engine, offers: Sequence[Offer], *, now: datetime, to_accept: bool = False
) -> dict[str, str]:
    """Why offers may not go now, each decided afresh as of the newest facts.

    A message goes only while its step is the eligible winner of the self-serve lane. A yes counts also when another
    eligible step outranks it by now: the customer chose. An unpaid invoice stops the yes alone. ``to_accept``: somebody
    says yes; else a message is about to leave.

    Returns:
        offer_id to the reason, with the gates that hold or are unknown; an offer that may go is not in it.
    """
    reasons = {offer.offer_id: reason for offer in offers if (reason := _ended(offer, now))}
    for group in _rounds(offer for offer in offers if offer.offer_id not in reasons):
        inputs = _inputs(project, engine, {offer.offer_id for offer in group}, now=now)
        run = decide(project, accounts=[offer.account_id for offer in group], inputs=inputs)
        rows = {row["step_id"]: parsed(row) for row in run.decisions.to_pylist()}
        decided = {row["decision_id"]: row for row in rows.values()}
        for offer in group:
            reason = _reason(rows.get(offer.step_id), decided, to_accept=to_accept)
            if reason is not None:
                reasons[offer.offer_id] = reason
    standing = [offer for offer in offers if offer.offer_id not in reasons]
    return reasons | _held_since(project, standing, now=now, to_accept=to_accept)


def _held_since(project: Project, offers: Sequence[Offer], *, now: datetime, to_accept: bool) -> dict[str, str]:
    """The offers whose accounts a table holds that is newer than the facts of the decision: offer_id to the gates."""
    newest = newest_facts(project, now=now) if offers else None
    if newest is None:
        return {}
    held = holds_now(project, {offer.account_id for offer in offers}, as_of=newest, to_accept=to_accept)
    return {offer.offer_id: ", ".join(held[offer.account_id]) for offer in offers if offer.account_id in held}


def _ended(offer: Offer, now: datetime) -> str | None:
    if offer.status not in _WAITING:
        return f"the offer is {offer.status.value}"
    if offer.expires_at is not None and now >= offer.expires_at:
        return f"the offer expired at {iso(offer.expires_at)}"
    return None


def _rounds(offers: Iterable[Offer]) -> list[list[Offer]]:
    """Groups in which each account stands once: an offer is asked about without itself, but with its neighbours."""
    rounds: list[dict[str, Offer]] = []
    for offer in offers:
        free = next((group for group in rounds if offer.account_id not in group), None)
        if free is None:
            rounds.append(free := {})
        free[offer.account_id] = offer
    return [list(group.values()) for group in rounds]


def _inputs(project: Project, engine: sa.Engine, without: set[str], *, now: datetime) -> Inputs:
    """What the state tells, but for these offers themselves: an offer is not cooled down by itself."""
    inputs = gather(project, at=now)
    asked = offer_history(engine, as_of=now, without=without).rename_columns({"product_id": "to_product_id"})
    columns = inputs.tables["offer_history"].column_names
    return Inputs({**inputs.tables, "offer_history": asked.select(columns)})


def _reason(row: Mapping[str, Any] | None, decided: Mapping[str, Mapping[str, Any]], *, to_accept: bool) -> str | None:
    if row is None:
        return "nothing makes it fire any more"
    if row["path"] != "self_serve":
        # Its gates are those of an assisted sale by now, which would only distract from the reason.
        return "the step is a person's by now: a deal is open (open_deal), it has an owner, or the change is large"
    if stops := _stops(row):
        return stops
    if to_accept and row["has_open_invoice"]:
        return OPEN_INVOICE
    winner = decided.get(row["outranked_by"] or "")
    if row["outcome"] == "eligible" or (to_accept and winner is not None and winner["outcome"] == "eligible"):
        return None
    return f"outranked by {row['outranked_target']}" if row["outcome"] == "outranked" else str(row["outcome"])


def _stops(row: Mapping[str, Any]) -> str:
    """The gates that hold, else those that nobody can answer; empty when all are clear."""
    holds = ", ".join(hold["gate"] for hold in row["holds"])
    unknown = ", ".join(asked["gate"] for asked in row["unknown"])
    return holds or (f"unknown: {unknown}" if unknown else "")
