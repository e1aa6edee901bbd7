"""From a decision to paid: open the offer at a locked price, deliver it, accept it, apply it once, load what changed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from upstep.billing.change import Change, Item, ItemChange
from upstep.billing.provider import Applied, subscription_item_rows
from upstep.billing.sandbox import SandboxBiller
from upstep.catalog.model import Plan, Price
from upstep.catalog.price import amount, price_for
from upstep.clock import from_seconds, iso
from upstep.delivery import outbox
from upstep.delivery.channel import Message, Purpose
from upstep.delivery.file import FileChannel
from upstep.engine.decide import Inputs, decide
from upstep.engine.explain import parsed
from upstep.engine.inputs import gather
from upstep.errors import Fault, QuoteError
from upstep.offers import lifecycle
from upstep.offers.facts import stored
from upstep.offers.message import load_message, render
from upstep.offers.model import NewOffer, Offer
from upstep.state.session import open_state
from upstep.tables.facts import open_facts
from upstep.tables.query import DuckEngine

if TYPE_CHECKING:
    import sqlalchemy as sa

    from upstep.billing.provider import Provider
    from upstep.billing.quote import Quote
    from upstep.engine.decide import Run
    from upstep.engine.project import Project
    from upstep.tables.load import LoadReport

CHANNELS = ("file", "email", "in_app", "task")
SALES = ("upsell", "volume", "add_on", "cross_sell", "commit")
OFFER_LASTS = timedelta(days=7)


@dataclass(frozen=True)
class Opened:
    """An offer that was opened, or the live one that stood already. ``quote`` None where nothing is bought."""

    offer: Offer
    quote: Quote | None
    is_new: bool


@dataclass(frozen=True)
class Reconciled:
    """What the provider told: how many items changed, which offers converted, what loading them did."""

    items: int
    converted: tuple[Offer, ...]
    load: LoadReport | None


def open_project_state(project: Project) -> sa.Engine:
    """The operational database, made when it is not there yet."""
    project.state_path.parent.mkdir(parents=True, exist_ok=True)
    return open_state(project.state_path)


def sandbox(project: Project, *, as_of: datetime) -> SandboxBiller:
    """The embedded biller, holding what facts say of subscriptions at that instant. Seeding twice changes nothing."""
    biller = SandboxBiller(project.sandbox_path)
    engine = DuckEngine()
    open_facts(project.folder, engine, as_of=as_of)
    rows = engine.connection.sql(
        "SELECT item.* EXCLUDE (account_key), account_id FROM subscription_item item JOIN account USING (account_key)"
    ).to_arrow_table()
    biller.seed(rows.to_pylist())
    return biller


# Opening


def open_offers(
    project: Project, run: Run, *, provider: Provider, now: datetime, accounts: Iterable[str] | None = None
) -> list[Opened]:
    """Open an offer for every eligible self-serve winner of a run. Doing it twice opens nothing more.

    Args:
        accounts: Only these.
    """
    wanted = None if accounts is None else set(accounts)
    engine = open_project_state(project)
    opened = []
    for row in run.decisions.to_pylist():
        is_live = row["is_winner"] and row["outcome"] == "eligible" and row["path"] == "self_serve"
        if is_live and row["lane"] == "self_serve" and (wanted is None or row["account_id"] in wanted):
            opened.append(_open(project, engine, provider, parsed(row), run=run, now=now))
    engine.dispose()
    return [offer for offer in opened if offer is not None]


def _open(  # noqa: PLR0913 - each is a different subject
    project: Project, engine: sa.Engine, provider: Provider, row: Mapping[str, Any], *, run: Run, now: datetime
) -> Opened | None:
    change = change_of(project, provider.subscriptions(row["account_id"]), row, on=now)
    if change is None:
        return None
    quote = provider.preview(change, now)
    new = NewOffer(
        account_id=row["account_id"],
        step_id=row["step_id"],
        run_id=run.run_id,
        play=row["play"],
        motion=row["motion"],
        path=row["path"],
        lane=row["lane"],
        target=row["target"],
        product_id=row["step_product_id"],
        decision_id=row["decision_id"],
        quote=quote,
        expires_at=quote.expires_at,
        facts=row["facts"],
    )
    messages = _messages(project, new, row, quote)
    why = f"{row['play']} was eligible as of {iso(run.as_of)}"
    moved = lifecycle.open_offer(engine, new, messages=messages, by=lifecycle.PROGRAM, at=now, why=why)
    return Opened(moved.offer, quote, moved.is_changed)


def change_of(project: Project, live: Sequence[Item], row: Mapping[str, Any], *, on: datetime) -> Change | None:
    """What a proposal asks of billing: the item that changes, priced from the catalog.

    Returns:
        None when the proposal is nothing that can be changed by itself: a quote, a new product without a listed price.
    """
    catalog = project.catalog
    plan = catalog.plan(row["to_plan_id"]) if row["to_plan_id"] else None
    price = _price(plan, row, on=on) if plan else None
    if plan is None or price is None:
        return None
    quantity = int(row["to_quantity"] or 1)
    same = [item for item in live if item.product_id == plan.product_id and item.plan_id]
    item = max(same, key=lambda found: found.amount_minor, default=None)
    if row["to_add_on_id"]:
        return _add_on_change(project, row, item, on=on)
    wish = ItemChange(
        item_id=item.item_id if item else None,
        product_id=plan.product_id,
        quantity=quantity,
        amount_minor=amount(price, quantity),
        currency=price.currency,
        interval=price.interval,
        interval_count=price.interval_count,
        plan_id=plan.id,
        price_id=price.id,
        list_amount_minor=amount(price, quantity),
        name=plan.name,
    )
    subscription = item.subscription_id if item else f"{row['account_id']}:{plan.product_id}"
    return Change(row["account_id"], subscription, (wish,))


def _price(plan: Plan, row: Mapping[str, Any], *, on: datetime) -> Price | None:
    price = price_for(plan, currency=row["currency"], interval=row["to_interval"] or "month", on=on.date())
    return None if price is None or price.model.value == "quote" else price


def _add_on_change(project: Project, row: Mapping[str, Any], item: Item | None, *, on: datetime) -> Change | None:
    add_on = next((found for found in project.catalog.add_ons() if found.id == row["to_add_on_id"]), None)
    price = (
        price_for(add_on, currency=row["currency"], interval=row["to_interval"] or "month", on=on.date())
        if add_on
        else None
    )
    if add_on is None or price is None or item is None:
        return None
    quantity = int(row["to_quantity"] or 1)
    wish = ItemChange(
        item_id=None,
        product_id=add_on.product_id,
        quantity=quantity,
        amount_minor=amount(price, quantity),
        currency=price.currency,
        interval=price.interval,
        interval_count=price.interval_count,
        add_on_id=add_on.id,
        price_id=price.id,
        name=add_on.name,
    )
    return Change(row["account_id"], item.subscription_id, (wish,))


# What the message says


def message_facts(project: Project, row: Mapping[str, Any], quote: Quote | None, offer_id: str) -> dict[str, Any]:
    """The facts a message may print: the decision's own and the quote's. Nothing is reckoned here but shares of both."""
    catalog = project.catalog
    facts = {name: fact["value"] for name, fact in row["facts"].items()}
    plan_now = catalog.plan(facts.get("plan_id") or row["plan_id"] or "")
    plan_next = catalog.plan(row["to_plan_id"] or "")
    meter = catalog.meters.get(row["meter_id"] or "")
    used, limit = facts.get("used"), facts.get("limit_quantity")
    step_product = catalog.products.get(row["step_product_id"] or "")
    own_product = catalog.products.get(row["product_id"] or "")
    told: dict[str, Any] = {
        "account_name": row["name"],
        "product_name": own_product.name if own_product else None,
        "meter_name": meter.name if meter else None,
        "used": used,
        "limit": limit,
        "used_share_percent": used * 100 // limit if used is not None and limit else None,
        "days_to_limit": _whole_days(facts.get("days_to_limit")),
        "plan_name_now": plan_now.name if plan_now else None,
        "plan_name_next": plan_next.name if plan_next else None,
        "recurring_change": row["recurring_change_minor"] or None,
        "overage_replaced": row["overage_replaced_minor"] or None,
        "customer_saving": row["customer_saving_minor"] or None,
        "currency": row["currency"],
        "accept_url": f"upstep:offers/{offer_id}/accept",
        "decline_url": f"upstep:offers/{offer_id}/decline",
        "product_name_next": step_product.name if step_product and row["motion"] == "cross_sell" else None,
    }
    if plan_next and row["meter_id"]:
        limit_next = plan_next.limit(row["meter_id"])
        told["limit_next"] = limit_next.quantity if limit_next else None
    if quote is not None:
        told |= _quote_facts(quote, row)
    partner = next((p for p in catalog.partners if p.then == row["step_product_id"]), None)
    if row["motion"] == "cross_sell" and partner:
        told["partner_reason"] = partner.because
    return {name: value for name, value in told.items() if value is not None}


def _whole_days(days: float | None) -> int | None:
    return None if days is None else max(1, round(days))


def _quote_facts(quote: Quote, row: Mapping[str, Any]) -> dict[str, Any]:
    wish = quote.change.items[0]
    yearly = quote.yearly_difference_minor
    before = wish.amount_minor - (yearly // _PER_YEAR.get(wish.interval, 1) if row["motion"] != "commit" else 0)
    return {
        "price_now": before if row["motion"] != "commit" else None,
        "price_next": wish.amount_minor,
        "price_interval_now": wish.interval,
        "price_interval_next": wish.interval,
        "quote_today": quote.due_now_minor or None,
        "next_invoice": quote.next_invoice_minor,
        "next_invoice_on": quote.next_invoice_at,
        "quote_expires_on": quote.expires_at,
        "yearly_saving": -yearly if yearly < 0 else None,
    }


_PER_YEAR = {"month": 12, "quarter": 4, "year": 1}


def _messages(project: Project, new: NewOffer, row: Mapping[str, Any], quote: Quote | None) -> list[Message]:
    play = project.playbook.play(row["play"])
    if play is None or play.message is None:
        return []
    facts = message_facts(project, row, quote, new.offer_id)
    rendered = render(load_message(play.message, project.folder / "messages"), facts)
    return [
        Message(
            idempotency_key=lifecycle.message_key(new.offer_id, "email", recipient),
            account_id=new.account_id,
            purpose=Purpose.SALES if row["motion"] in SALES else Purpose.CARE,
            channel="email",
            recipient=recipient,
            subject=rendered.subject,
            text=rendered.text,
            facts=stored(rendered.facts),
            offer_id=new.offer_id,
        )
        for recipient in row["recipients"]
    ]


# Delivering, accepting, reconciling


def deliver(project: Project, *, now: datetime) -> list[outbox.Delivery]:
    """Send what waits. A project in shadow writes each message to a file; holds are asked again in that instant."""
    engine = open_project_state(project)
    held = held_accounts(project, now=now)
    channel = FileChannel(project.folder / ".upstep" / "messages")

    def may_send(message: Message) -> str | None:
        return held.get(message.account_id) if message.purpose is Purpose.SALES else None

    sent = outbox.send_waiting(engine, dict.fromkeys(CHANNELS, channel), may_send=may_send, now=now)
    engine.dispose()
    return sent


def held_accounts(project: Project, *, now: datetime) -> dict[str, str]:
    """Accounts that a hold stops now, with the gate: facts as of their newest common instant, decided afresh."""
    from upstep.state.tables import message

    engine = open_project_state(project)
    import sqlalchemy as sa

    with engine.connect() as connection:
        waiting = connection.execute(
            sa.select(message.c.account_id).where(message.c.status.in_(("queued", "held"))).distinct()
        ).scalars()
        accounts = sorted(waiting)
    engine.dispose()
    if not accounts:
        return {}
    run = decide(project, accounts=accounts, inputs=gather_without_offers(project, now=now))
    held = {}
    for row in run.decisions.to_pylist():
        if row["lane"] == "self_serve" and row["outcome"] == "held":
            held.setdefault(row["account_id"], ", ".join(hold["gate"] for hold in json.loads(row["holds"])))
    live = {row["account_id"] for row in run.decisions.to_pylist() if row["is_winner"] and row["outcome"] == "eligible"}
    return {account: held.get(account, "no step is eligible any more") for account in accounts if account not in live}


def gather_without_offers(project: Project, *, now: datetime) -> Inputs:
    """Answers only: an offer that waits to be sent must not be cooled down by itself."""
    inputs = gather(project, at=now)
    return Inputs({name: table for name, table in inputs.tables.items() if name != "offer_history"})


def accept_offer(
    project: Project, offer_id: str, *, provider: Provider, by: str, now: datetime
) -> tuple[Offer, Applied | None]:
    """Say yes for a customer: the holds are asked again, then the locked quote is applied exactly once.

    Raises:
        QuoteError: A hold is true now, an invoice is open, the quote expired, or the subscription is another by now.
    """
    engine = open_project_state(project)
    offer = lifecycle.read_offer(engine, offer_id)
    if offer.status.value in ("open", "shown", "clicked"):
        _still_stands(project, offer, now=now)
    taken = lifecycle.accept_and_apply(engine, provider, offer_id=offer_id, by=by, at=now)
    engine.dispose()
    return taken.offer, taken.applied


def _still_stands(project: Project, offer: Offer, *, now: datetime) -> None:
    run = decide(project, accounts=[offer.account_id], inputs=gather_without_offers(project, now=now))
    rows = [parsed(row) for row in run.decisions.to_pylist() if row["step_id"] == offer.step_id]
    row = rows[0] if rows else None
    if row is None or row["outcome"] not in ("eligible", "outranked"):
        gates = ", ".join(hold["gate"] for hold in row["holds"]) if row else "nothing makes it fire any more"
        found = f"cannot be accepted now: {gates or row['outcome'] if row else gates}."
        raise QuoteError(Fault(f"offer {offer.offer_id}", found, f"See 'upstep explain {offer.account_id}'."))
    if row["has_open_invoice"]:
        advice = "One click opens again once it is paid; the owner can still apply it."
        raise QuoteError(Fault(f"offer {offer.offer_id}", "an invoice of the account is open.", advice))


def reconcile(project: Project, *, provider: Provider, now: datetime) -> Reconciled:
    """Finish what was cut off, read what the provider changed, load it as subscription items, convert the offers.

    Everything in it may be repeated: the second time changes nothing.
    """
    from upstep.billing.apply import finish_cut_off

    engine = open_project_state(project)
    lifecycle.finish_accepted(engine, provider, now=now)
    finish_cut_off(engine, provider, now=now)
    events = provider.events_since(None)
    rows = subscription_item_rows(events)
    report = _load_items(project, rows, now=now) if rows else None
    converted = lifecycle.convert_applied(engine, events)
    lifecycle.expire_due(engine, now=now)
    engine.dispose()
    return Reconciled(len(rows), tuple(converted), report)


def _load_items(project: Project, rows: Sequence[Mapping[str, object]], *, now: datetime) -> LoadReport:
    """The provider's items as rows of ``subscription_item``, beside what the company's own source says."""
    from upstep.tables.load import load
    from upstep.tables.mapping import Mapping as TableMappings
    from upstep.tables.mapping import Source, TableMapping

    path = project.folder / ".upstep" / "billing" / "subscription_item.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text("".join(json.dumps(_json_row(row)) + "\n" for row in rows), encoding="utf-8")
    fresh.replace(path)
    pattern = str(path.relative_to(project.folder))
    source = Source("files", pattern, (pattern,))
    mapping = TableMapping("subscription_item", source, pattern, mode="append")
    return load(
        project.folder,
        now=now,
        mapping=TableMappings({"subscription_item": mapping}, project.folder),
        known=project.known_ids,
        command="upstep apply",
    )


def _json_row(row: Mapping[str, object]) -> dict[str, object]:
    return {name: iso(value) if isinstance(value, datetime) else value for name, value in row.items()}


def account_movements(project: Project, account_id: str, *, as_of: datetime) -> list[dict[str, Any]]:
    """An account's MRR movements up to an instant, oldest first: minor units per month, with category and cause."""
    from upstep.money import units_to_minor
    from upstep.movements import movements
    from upstep.tables.query import Program, core_table

    engine = DuckEngine()
    open_facts(project.folder, engine, as_of=as_of, account_ids=[account_id])
    words = project.words(as_of, meter_keys={}, known={})
    small = {name: engine.load(name, words.tables[name]) for name in ("today", "interval_factor", "catalog_plan")}
    program = Program()
    select = movements(
        core_table("subscription_item"),
        factors=small["interval_factor"],
        plans=small["catalog_plan"],
        today=small["today"],
    )
    program.stage("moved", select.order_by(["moved_at", "product_id"]))
    engine.run(program)
    rows = engine.read("moved").to_pylist()
    return [
        {
            "moved_at": iso(from_seconds(row["moved_at"])),
            "product_id": row["product_id"],
            "category": row["category"],
            "cause": row["cause"],
            "change_minor": units_to_minor(row["units"]),
            "mrr_before_minor": units_to_minor(row["mrr_before"]),
            "mrr_after_minor": units_to_minor(row["mrr_after"]),
            "currency": row["currency"],
        }
        for row in rows
    ]
