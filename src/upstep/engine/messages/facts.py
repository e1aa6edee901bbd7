"""What a message may say of a decision: its own facts, what is paid today, and what billing quoted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from upstep.billing.change import Change, Item
from upstep.catalog.model import PriceModel
from upstep.catalog.price import amount, price_for
from upstep.offers.message import IN_APP, load_message, render

if TYPE_CHECKING:
    from upstep.billing.quote import Quote
    from upstep.catalog.model import Catalog, Meter
    from upstep.engine.project import Project
    from upstep.offers.message import MessageSource, Rendered

PERIODS_COUNTED = 3
"""``overage_periods_3`` counts the last three complete periods; see ``signals.limits``."""

TAKEN_AS_THEY_ARE = {
    "used": "used",
    "limit": "limit_quantity",
    "seats_used": "used",
    "seats_paid": "limit_quantity",
    "gate_hits": "feature_gate_hits_28d",
    "questions": "questions_90d",
    "use_cases": "use_cases_28d",
    "neighbour_used": "neighbour_used_28d",
    "packages": "partner_purchases_365d",
    "new_people": "new_users_28d",
    "recurring_change": "recurring_change_minor",
    "overage_replaced": "overage_replaced_minor",
    "customer_saving": "customer_saving_minor",
}
"""Facts of a message that are those of its decision, or of its proposal, as they stand there: when one differs by now,
the message is written anew before it leaves."""


def message_facts(
    project: Project,
    row: Mapping[str, Any],
    *,
    offer_id: str,
    as_of: datetime,
    item: Item | None = None,
    change: Change | None = None,
    quote: Quote | None = None,
) -> dict[str, Any]:
    """Every fact of ``offers.facts.MessageFacts`` that is known of a decision. What is not known is left out.

    ``row`` is a decision, parsed, and ``as_of`` its instant, from which days are counted; ``item`` is what the account
    has today of the product that changes, ``change`` what is asked of billing, ``quote`` what billing answered.
    """
    catalog = project.catalog
    facts = {name: fact["value"] for name, fact in row["facts"].items()}
    peers = project.peers.of(row["account_id"], row["step_product_id"], row["to_plan_id"])
    told: dict[str, Any] = {
        "account_name": row["name"],
        "currency": row["currency"] or (item.currency if item else None),
        "recurring_change": row["recurring_change_minor"] or None,
        "overage_replaced": row["overage_replaced_minor"] or None,
        "customer_saving": row["customer_saving_minor"] or None,
        "accept_url": f"upstep:offers/{offer_id}/accept",
        "decline_url": f"upstep:offers/{offer_id}/decline",
        **_product_facts(catalog, row, facts),
        **_use_facts(catalog, row, facts, as_of=as_of),
        **_seat_facts(catalog, row, facts),
        **_occasion_facts(catalog, row, facts),
        **_price_facts(catalog, row, item, change),
        **(_quote_facts(quote) if quote else {}),
        "peers_count": peers.have if peers else None,
        "peers_percent": peers.percent if peers else None,
    }
    return {name: value for name, value in told.items() if value is not None}


def message_of(
    project: Project, row: Mapping[str, Any], facts: Mapping[str, Any], *, name: str | None = None
) -> Rendered | None:
    """The message of a decision's play, the company's own words before those shipped; None when the play has none.

    ``name``: another message than the play's, as a test's arm has it.

    Raises:
        PlayError: It prints a fact that is not known, or its words say what they may not.
    """
    source = source_of(project, row["play"], name=name)
    return None if source is None else render(source, facts)


class Sources:
    """The words of a project's plays, each read once: for the many messages of one run."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._known: dict[tuple[str, str | None], MessageSource | None] = {}

    def of(self, play: str, name: str | None = None) -> MessageSource | None:
        """See ``source_of``."""
        if (play, name) not in self._known:
            self._known[play, name] = source_of(self._project, play, name=name)
        return self._known[play, name]


def with_facts(row: Mapping[str, Any]) -> dict[str, Any]:
    """A decision's row with its facts read: all of its JSON that a message needs."""
    return {**row, "facts": msgspec.json.decode(row["facts"])}


def source_of(project: Project, play: str, *, name: str | None = None) -> MessageSource | None:
    """The words of a play's message before they are rendered; see ``message_of``."""
    known = project.playbook.play(play)
    if known is None or known.message is None:
        return None
    return load_message(name or known.message, project.folder / "messages")


def words_of(rendered: Rendered, row: Mapping[str, Any], channel: str, *, style: str | None = None) -> dict[str, Any]:
    """What a message on a channel says and stands on: the fields of ``delivery.channel.Message`` that it fills."""
    subject, text = rendered.words(channel)
    return {
        "subject": subject,
        "text": text,
        "facts": rendered.stored,
        "play": row["play"],
        "style": style if channel == IN_APP else None,
    }


def _product_facts(catalog: Catalog, row: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    """What they have, and for a cross-sell what goes with it: there the decision's product is the one not owned yet."""
    if row.get("grain") != "product" and row["motion"] != "cross_sell":
        own = catalog.products.get(row["product_id"] or "")
        return {"product_name": own.name if own else None}
    offered = row["step_product_id"]
    pairs = [pair for pair in catalog.partners if pair.then == offered]
    has = facts.get("partner_product_id") or facts.get("own_product_id") or next((pair.has for pair in pairs), None)
    own, following = catalog.products.get(has or ""), catalog.products.get(offered or "")
    return {
        "product_name": own.name if own else None,
        "product_name_next": following.name if following else None,
        "partner_reason": next((pair.because for pair in pairs if pair.has == has), None),
    }


def _use_facts(
    catalog: Catalog, row: Mapping[str, Any], facts: Mapping[str, Any], *, as_of: datetime
) -> dict[str, Any]:
    meter = catalog.meters.get(row["meter_id"] or "")
    used, limit, to_limit = facts.get("used"), facts.get("limit_quantity"), facts.get("days_to_limit")
    resets = meter is not None and meter.kind == "flow" and facts.get("days_left") is not None
    over = facts.get("overage_periods_3")
    return {
        "meter_name": meter.name if meter else None,
        "used": used,
        "limit": limit,
        "used_share_percent": used * 100 // limit if used is not None and limit else None,
        "resets_on": _later(as_of, facts["days_left"]) if resets else None,
        # At the limit there is nothing to forecast any more.
        "days_to_limit": max(1, round(to_limit)) if to_limit else None,
        "limit_reached_on": _later(as_of, to_limit) if to_limit else None,
        "periods_over": over,
        "periods_counted": PERIODS_COUNTED if over is not None else None,
        "adoption_percent": _percent(facts.get("adoption")),
        "hours_saved": _hours_saved(meter, used),
    }


def _hours_saved(meter: Meter | None, used: int | None) -> int | None:
    """Whole hours that this period's use has saved, where the catalog says what each use does and who measured it."""
    if meter is None or not meter.minutes_saved_per_use or not meter.minutes_saved_source or used is None:
        return None
    return int(used * meter.minutes_saved_per_use // 60) or None


def _later(as_of: datetime, days: float) -> datetime:
    return as_of + timedelta(seconds=round(days * 86_400))


def _percent(share: float | None) -> int | None:
    """Rounded down: a message never says more than is so. Facts have six decimals."""
    return None if share is None else round(share * 1_000_000) * 100 // 1_000_000


def _seat_facts(catalog: Catalog, row: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    meter = catalog.meters.get(row["meter_id"] or "")
    if meter is None or meter.aggregate != "seats":
        return {}
    following = row["to_quantity"] if row["motion"] in ("volume", "upsell") and row["to_plan_id"] else None
    return {"seats_paid": facts.get("limit_quantity"), "seats_used": facts.get("used"), "seats_next": following}


def _occasion_facts(catalog: Catalog, row: Mapping[str, Any], facts: Mapping[str, Any]) -> dict[str, Any]:
    """What made the play fire, where it is no limit: tries, questions, purchases, a use case, a bundle."""
    bundles = {bundle.id: bundle.name for bundle in catalog.bundles}
    case, near = facts.get("use_case_id"), facts.get("neighbour_id")
    return {
        "feature_name": catalog.feature_names.get(row.get("feature_id") or ""),
        "gate_hits": facts.get("feature_gate_hits_28d") or None,
        "questions": facts.get("questions_90d") or None,
        "use_cases": facts.get("use_cases_28d") or None,
        "use_case_name": case.replace("_", " ") if case else None,
        "neighbour_name": near.replace("_", " ") if near else None,
        "neighbour_used": facts.get("neighbour_used_28d") or None,
        "packages": facts.get("partner_purchases_365d") or None,
        "bundle_name": bundles.get(facts.get("bundle_id") or ""),
        "new_people": facts.get("new_users_28d") or None,
    }


def _price_facts(catalog: Catalog, row: Mapping[str, Any], item: Item | None, change: Change | None) -> dict[str, Any]:
    """Today's plan and price as billing has them, and the next. An add-on comes on top of the plan, which stays."""
    plan_now = catalog.plan((item.plan_id if item else row["plan_id"]) or "")
    plan_next = catalog.plan(row["to_plan_id"] or "")
    name_next = plan_next.name if plan_next else None
    told: dict[str, Any] = {
        "plan_name_now": plan_now.name if plan_now else None,
        "price_now": item.amount_minor if item and item.currency == (row["currency"] or item.currency) else None,
        "price_interval_now": _interval(*item.every) if item else None,
        "limit_next": _limit_next(catalog, row),
        "plan_name_next": name_next,
    }
    if change is None:
        return told | _once_facts(catalog, row)
    wish = change.items[0]
    told |= {"price_next": wish.amount_minor, "price_interval_next": _interval(wish.interval, wish.interval_count)}
    if wish.add_on_id and item and item.every == (wish.interval, wish.interval_count):
        count = f"{wish.quantity} x " if wish.quantity > 1 else ""
        told |= {"plan_name_next": f"{name_next} with {count}{wish.name}"}
        told |= {"price_next": item.amount_minor + wish.amount_minor}
    return told


def _once_facts(catalog: Catalog, row: Mapping[str, Any]) -> dict[str, Any]:
    """The price of what is bought once: it has no interval."""
    product = catalog.products.get(row["step_product_id"] or "")
    if product is None or not product.one_off:
        return {}
    found = price_for(product, currency=row["currency"], interval="once", on=None)
    if found is None or found.model is PriceModel.QUOTE:
        return {}
    return {"price_next": amount(found, int(row["to_quantity"] or 1))}


def _limit_next(catalog: Catalog, row: Mapping[str, Any]) -> int | None:
    """What the next plan includes of the decision's meter; for an add-on, today's whole limit and what it adds."""
    plan = catalog.plan(row["to_plan_id"] or "")
    if plan is None or not row["meter_id"]:
        return None
    quantity = int(row["to_quantity"] or 1)
    add_on = next((found for found in catalog.add_ons() if found.id == row["to_add_on_id"]), None)
    if add_on is not None:
        each = next((limit.quantity for limit in add_on.limits if limit.meter_id == row["meter_id"]), None)
        today = row["facts"].get("limit_quantity", {}).get("value")
        return today + each * quantity if each and today is not None else None
    limit = plan.limit(row["meter_id"])
    if limit is None:
        return None
    return quantity if limit.follows_quantity else limit.quantity


def _quote_facts(quote: Quote) -> dict[str, Any]:
    yearly = quote.yearly_difference_minor
    return {
        "quote_today": quote.due_now_minor or None,
        "next_invoice": quote.next_invoice_minor,
        "next_invoice_on": quote.next_invoice_at,
        "quote_expires_on": quote.expires_at,
        "yearly_saving": -yearly if yearly < 0 else None,
    }


def _interval(interval: str, count: int) -> str:
    """An interval as one says it after "a": month, quarter, 2-week period."""
    if (interval, count) == ("month", 3):
        return "quarter"
    return interval if count == 1 else f"{count}-{interval} period"
