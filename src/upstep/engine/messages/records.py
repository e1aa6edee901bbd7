"""Where each number of a message comes from, so that whoever asks can look it up: the records behind its facts.

A record is named as decisions name theirs: ``usage?…``, ``subscription_item?…``, ``catalog?price_id=…``, ``quote?…``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from upstep.offers.facts import FACT_KINDS, FactKind

if TYPE_CHECKING:
    from upstep.billing.change import Change, Item
    from upstep.billing.quote import Quote
    from upstep.engine.project import Project

_COUNTED = {FactKind.WHOLE, FactKind.MONEY, FactKind.DATE}
_NUMBERS = {name for name, kind in FACT_KINDS.items() if kind in _COUNTED}

_OF_DECISION: Mapping[str, tuple[str, ...]] = {
    "used": ("used",),
    "limit": ("limit_quantity",),
    "used_share_percent": ("used", "limit_quantity"),
    "resets_on": ("days_left", "used"),
    "days_to_limit": ("days_to_limit",),
    "limit_reached_on": ("days_to_limit",),
    "periods_over": ("overage_periods_3",),
    "periods_counted": ("overage_periods_3",),
    "adoption_percent": ("adoption",),
    "seats_paid": ("limit_quantity",),
    "seats_used": ("used",),
    "seats_idle": ("idle_seats", "limit_quantity"),
    "new_people": ("new_users_28d",),
    "gate_hits": ("feature_gate_hits_28d",),
    "questions": ("questions_90d",),
    "use_cases": ("use_cases_28d",),
    "neighbour_used": ("neighbour_used_28d",),
    "packages": ("partner_purchases_365d",),
    "hours_saved": ("used",),
}
"""Facts that the decision stands on: each message fact and those of the decision that it is made from."""

_QUOTED = ("quote_today", "next_invoice", "next_invoice_on", "quote_expires_on", "yearly_saving")
_PRICED = ("price_next", "limit_next", "seats_next")
_WORKED_OUT = ("recurring_change", "overage_replaced", "customer_saving")


def records_of(
    project: Project,
    row: Mapping[str, Any],
    facts: Iterable[str],
    *,
    item: Item | None = None,
    change: Change | None = None,
    quote: Quote | None = None,
) -> dict[str, list[str]]:
    """The records of the numbers among ``facts``: by name, what a message that prints them stands on.

    Args:
        project: For its catalog.
        row: The decision, parsed.
        facts: Names that a message speaks of.
        item: What the account has today.
        change: What is asked of billing.
        quote: What billing answered.
    """
    held = f"subscription_item?account_id={row['account_id']}"
    found = {}
    for name in _numbers(tuple(facts)):
        if name in _QUOTED:
            given = [f"quote?quote_id={quote.quote_id}"] if quote else []
        elif name in _PRICED:
            given = _prices(project, row, change)
        elif name in _WORKED_OUT:
            given = [f"decision?decision_id={row.get('decision_id')}"]
        elif name == "price_now":
            given = [f"subscription_item?item_id={item.item_id}" if item else held]
        else:
            given = _others(project, row, name)
        found[name] = list(dict.fromkeys([*_of_decision(row, name), *given])) or [held]
    return found


@lru_cache(maxsize=1024)
def _numbers(facts: tuple[str, ...]) -> list[str]:
    """Those that are numbers, in order; a message speaks of the same ones for nearly everybody."""
    return sorted(_NUMBERS.intersection(facts))


def _others(project: Project, row: Mapping[str, Any], name: str) -> list[str]:
    if name in ("peers_count", "peers_percent"):
        return [f"subscription_item?peers_of={row['account_id']}&plan_id={row.get('to_plan_id')}"]
    if name == "hours_saved":
        return [f"catalog?meter_id={row.get('meter_id')}&hash={project.catalog.hash[:16]}"]
    return []


def _of_decision(row: Mapping[str, Any], name: str) -> list[str]:
    facts = row["facts"]
    told = (facts[source].get("records") or () for source in _OF_DECISION.get(name, ()) if source in facts)
    return [record for records in told for record in records]


def _prices(project: Project, row: Mapping[str, Any], change: Change | None) -> list[str]:
    catalog = f"hash={project.catalog.hash[:16]}"
    named = [wish.price_id for wish in change.items if wish.price_id] if change else []
    if named:
        return [f"catalog?price_id={price_id}&{catalog}" for price_id in named]
    return [f"catalog?plan_id={row.get('to_plan_id')}&{catalog}"]
