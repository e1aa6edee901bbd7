"""From a decision to paid: open an offer at a locked price, deliver it, accept it, apply it once, load what changed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import sqlalchemy as sa

from upstep.billing import faults
from upstep.billing import quote as quotes
from upstep.billing.change import item_from_row
from upstep.billing.provider import Applied, Declined, NeedsConfirmation, subscription_item_rows
from upstep.billing.sandbox import SandboxBiller
from upstep.clock import from_seconds, iso
from upstep.delivery import outbox
from upstep.delivery.channel import Message, Purpose
from upstep.delivery.file import FileChannel
from upstep.engine.change import NoChange, change_of, item_of
from upstep.engine.explain import parsed
from upstep.engine.message_facts import message_facts, message_of
from upstep.engine.standing import MAX_FACT_AGE, stale_facts, why_not
from upstep.errors import Fault, PlayError, QuoteError
from upstep.offers import lifecycle
from upstep.offers.facts import stored
from upstep.offers.model import NewOffer, Offer, OfferStatus
from upstep.plays.rank import SALES
from upstep.state import tables
from upstep.state.cursor import read_cursor, save_cursor
from upstep.state.session import open_state, reading
from upstep.tables.facts import open_facts
from upstep.tables.query import DuckEngine
from upstep.tables.schema import TABLES

if TYPE_CHECKING:
    from upstep.billing.provider import Provider
    from upstep.billing.quote import Quote
    from upstep.engine.decide import Run
    from upstep.engine.project import Project
    from upstep.tables.load import LoadReport

CHANNELS = ("file", "email", "in_app", "task")


@dataclass(frozen=True)
class Opened:
    """An offer that was opened, or the live one that stood already, with its locked quote."""

    offer: Offer
    quote: Quote | None
    is_new: bool


@dataclass(frozen=True)
class Refused:
    """A step that could not be offered, and why: billing refuses, a person must do it, or its message lacks a fact."""

    account_id: str
    step_id: str
    play: str
    target: str
    why: str


@dataclass(frozen=True)
class Openings(Sequence[Opened]):
    """The offers of one run, and the steps that could not be offered."""

    opened: tuple[Opened, ...]
    refused: tuple[Refused, ...]

    @overload
    def __getitem__(self, index: int) -> Opened: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Opened]: ...
    def __getitem__(self, index: int | slice) -> Opened | Sequence[Opened]:
        return self.opened[index]

    def __len__(self) -> int:
        return len(self.opened)


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


def sandbox(
    project: Project, *, as_of: datetime, accounts: Iterable[str] | None = None, path: Path | None = None
) -> SandboxBiller:
    """The embedded biller, holding what facts say of subscriptions at that instant. Seeding twice changes nothing.

    With ``accounts`` only those are seeded, which is quick; None is all of them. ``path``: another file than its own.
    """
    biller = SandboxBiller(path or project.sandbox_path)
    engine = DuckEngine()
    open_facts(project.folder, engine, as_of=as_of, account_ids=accounts)
    rows = engine.connection.sql(
        "SELECT item.* EXCLUDE (account_key), account_id FROM subscription_item item JOIN account USING (account_key)"
    ).to_arrow_table()
    biller.seed(rows.to_pylist())
    return biller


# Opening


def open_offers(
    project: Project, run: Run, *, provider: Provider, now: datetime, accounts: Iterable[str] | None = None
) -> Openings:
    """Open an offer for every eligible self-serve winner of a run. Doing it twice opens nothing more.

    What cannot be offered stops nobody else: it is among the refused, with the reason. ``accounts`` None is all.

    Raises:
        OutsideError: The provider could not be asked; what was opened before stays open.
    """
    wanted = None if accounts is None else set(accounts)
    engine = open_project_state(project)
    opened: list[Opened] = []
    refused: list[Refused] = []
    for row in run.decisions.to_pylist():
        is_live = row["is_winner"] and row["outcome"] == "eligible" and row["path"] == "self_serve"
        if not (is_live and row["lane"] == "self_serve" and (wanted is None or row["account_id"] in wanted)):
            continue
        if not channels_due(project, row):
            why = "no rung of its ladder is reached yet, so nothing is said."
            refused.append(Refused(row["account_id"], row["step_id"], row["play"], row["target"], why))
            continue
        try:
            opened.append(_open(project, engine, provider, parsed(row), run=run, now=now))
        except (QuoteError, PlayError) as error:
            why = str(error)
            refused.append(Refused(row["account_id"], row["step_id"], row["play"], row["target"], why))
    engine.dispose()
    return Openings(tuple(opened), tuple(refused))


def _open(
    project: Project, engine: sa.Engine, provider: Provider, row: Mapping[str, Any], *, run: Run, now: datetime
) -> Opened:
    live = provider.subscriptions(row["account_id"])
    change = change_of(project, live, row, on=now)
    if isinstance(change, NoChange):
        raise QuoteError(Fault(f"account {row['account_id']}", f"{change.why}."))
    item = item_of(project.catalog, live, row)
    assert not isinstance(item, NoChange), "a change has one item or none"

    def messages(offer_id: str, quote: Quote | None) -> list[Message]:
        facts = message_facts(project, row, offer_id=offer_id, as_of=run.as_of, item=item, change=change, quote=quote)
        return _messages(project, offer_id, row, facts)

    new = _new_offer(row, run, provider.preview(change, now))
    why = f"{row['play']} was eligible as of {iso(run.as_of)}"
    first = messages(new.offer_id, new.quote)
    moved = lifecycle.open_offer(engine, new, messages=first, by=lifecycle.PROGRAM, at=now, why=why)
    quote = _locked(engine, moved.offer)
    if not moved.is_changed:
        # The offer stands already: it climbs the rungs that have been reached since.
        lifecycle.add_messages(engine, moved.offer.offer_id, messages(moved.offer.offer_id, quote), at=now)
    return Opened(moved.offer, quote, moved.is_changed)


def _new_offer(row: Mapping[str, Any], run: Run, quote: Quote) -> NewOffer:
    return NewOffer(
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


def channels_due(project: Project, row: Mapping[str, Any]) -> list[str]:
    """The channels whose rung is reached; e-mail for a play without a ladder. Empty: too early to say anything."""
    play = project.playbook.play(row["play"])
    if play is None or not play.ladder:
        return ["email"]
    return [rung.channel for index, rung in enumerate(play.ladder) if (row["rungs"] or 0) >> index & 1]


def _messages(project: Project, offer_id: str, row: Mapping[str, Any], facts: Mapping[str, Any]) -> list[Message]:
    rendered = message_of(project, row, facts)
    if rendered is None:
        return []
    return [
        Message(
            idempotency_key=lifecycle.message_key(offer_id, channel, recipient),
            account_id=row["account_id"],
            purpose=Purpose.SALES if row["motion"] in SALES else Purpose.CARE,
            channel=channel,
            recipient=recipient,
            subject=rendered.subject,
            text=rendered.text,
            facts=stored(rendered.facts),
            offer_id=offer_id,
        )
        for channel in channels_due(project, row)
        for recipient in row["recipients"]
    ]


def _locked(engine: sa.Engine, offer: Offer) -> Quote | None:
    """The quote as it was locked: of an offer that stood already it is another than today's."""
    if offer.quote_id is None:
        return None
    with reading(engine) as connection:
        return quotes.read(connection, offer.quote_id)


# Delivering, accepting, reconciling


def deliver(project: Project, *, now: datetime, max_fact_age: timedelta = MAX_FACT_AGE) -> list[outbox.Delivery]:
    """Send what waits. A project in shadow writes each message to a file; holds are asked again in that instant.

    An offer of which a sales message has left counts as shown, so cool-downs begin.
    """
    engine = open_project_state(project)
    waiting = _waiting_offers(engine)
    stale = stale_facts(project, now=now, max_fact_age=max_fact_age) if _any_waiting(engine) else None
    reasons = {} if stale else why_not(project, engine, waiting, now=now)
    asked = {offer.offer_id for offer in waiting}

    def may_send(message: Message) -> str | None:
        if stale or message.purpose is not Purpose.SALES:
            return stale
        if message.offer_id not in asked:
            return "it came while others were sent; the next run asks about it"
        return reasons.get(message.offer_id)

    channel = FileChannel(project.folder / ".upstep" / "messages")
    sent = outbox.send_waiting(engine, dict.fromkeys(CHANNELS, channel), may_send=may_send, now=now)
    _show_sent(engine)
    engine.dispose()
    return sent


_UNSENT = (outbox.MessageStatus.QUEUED, outbox.MessageStatus.HELD, outbox.MessageStatus.CLAIMED)


def _any_waiting(engine: sa.Engine) -> bool:
    with reading(engine) as connection:
        found = sa.select(tables.message.c.message_id).where(tables.message.c.status.in_(_UNSENT)).limit(1)
        return connection.execute(found).first() is not None


def _waiting_offers(engine: sa.Engine) -> list[Offer]:
    """The offers of which a sales message has not left yet, oldest first."""
    offer, message = tables.offer, tables.message
    found = (
        sa.select(offer.c.offer_id)
        .where(
            offer.c.offer_id.in_(
                sa.select(message.c.offer_id).where(message.c.status.in_(_UNSENT), message.c.purpose == Purpose.SALES)
            )
        )
        .order_by(offer.c.opened_at, offer.c.offer_id)
    )
    with reading(engine) as connection:
        offer_ids = list(connection.execute(found).scalars())
    return [lifecycle.read_offer(engine, offer_id) for offer_id in offer_ids]


def _show_sent(engine: sa.Engine) -> None:
    """Mark the offers whose sales messages have left; also those that a run which was cut off has not marked."""
    offer, message = tables.offer, tables.message
    found = (
        sa.select(offer.c.offer_id, sa.func.min(message.c.sent_at).label("sent_at"))
        .join(message, message.c.offer_id == offer.c.offer_id)
        .where(offer.c.status == OfferStatus.OPEN, message.c.status == outbox.MessageStatus.SENT)
        .where(message.c.purpose == Purpose.SALES)
        .group_by(offer.c.offer_id)
        .order_by(offer.c.offer_id)
    )
    with reading(engine) as connection:
        rows = list(connection.execute(found))
    for row in rows:
        lifecycle.show(engine, row.offer_id, by=lifecycle.PROGRAM, at=row.sent_at, why="sent")


def accept_offer(
    project: Project,
    offer_id: str,
    *,
    provider: Provider,
    by: str,
    now: datetime,
    max_fact_age: timedelta = MAX_FACT_AGE,
) -> tuple[Offer, Applied | None]:
    """Say yes for a customer: the holds are asked again, then the locked quote is applied exactly once.

    Raises:
        QuoteError: As ``take_offer`` says, or the payment failed or must be confirmed first.
    """
    engine = open_project_state(project)
    taken = take_offer(project, engine, offer_id, provider=provider, by=by, now=now, max_fact_age=max_fact_age)
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
    max_fact_age: timedelta = MAX_FACT_AGE,
) -> lifecycle.Taken:
    """The same, whatever the provider answers.

    Raises:
        QuoteError: A hold is true now, something is unknown, an invoice is open, the facts are too old, or the
            subscription is another by now.
    """
    offer = lifecycle.read_offer(engine, offer_id)
    is_due = offer.expires_at is not None and now >= offer.expires_at
    if offer.status.value in ("open", "shown", "clicked") and not is_due:
        _still_stands(project, engine, offer, now=now, max_fact_age=max_fact_age)
    return lifecycle.accept_and_apply(engine, provider, offer_id=offer_id, by=by, at=now)


def _unpaid(offer: Offer, answer: Declined | NeedsConfirmation) -> Fault:
    place = f"offer {offer.offer_id}"
    if isinstance(answer, Declined):
        return Fault(place, f"the payment failed: {answer.why}", "Accept it again when the card is good.")
    found = f"the payment must be confirmed at {answer.url} before {iso(answer.expires_at)}."
    return Fault(place, found, "Nothing is changed until then.")


def _still_stands(project: Project, engine: sa.Engine, offer: Offer, *, now: datetime, max_fact_age: timedelta) -> None:
    why = stale_facts(project, now=now, max_fact_age=max_fact_age)
    why = why or why_not(project, engine, [offer], now=now, to_accept=True).get(offer.offer_id)
    if why:
        found = f"cannot be accepted now: {why}."
        raise QuoteError(Fault(f"offer {offer.offer_id}", found, f"See 'upstep explain {offer.account_id}'."))


def reconcile(project: Project, *, provider: Provider, now: datetime) -> Reconciled:
    """Finish what was cut off, read what the provider changed, load it as subscription items, convert the offers.

    Everything in it may be repeated: the second time changes nothing. Where a test may kill it (``faults.point``):
    reconcile.finished, reconcile.loaded, reconcile.converted.
    """
    from upstep.billing.apply import finish_cut_off

    engine = open_project_state(project)
    lifecycle.finish_accepted(engine, provider, now=now)
    finish_cut_off(engine, provider, now=now)
    faults.point("reconcile.finished")
    # The sandbox is read whole: it is a small file, and facts that were restored from a backup are mended by it.
    is_whole = provider.name == SandboxBiller.name
    events = provider.events_since(None if is_whole else read_cursor(engine, provider.name))
    rows = subscription_item_rows(events)
    rows += [] if is_whole else ended_by(project, rows, now=now)
    report = load_billed(project, rows, now=now) if rows else None
    faults.point("reconcile.loaded")
    converted = lifecycle.convert_applied(engine, events)
    faults.point("reconcile.converted")
    if events and not is_whole:
        save_cursor(engine, provider.name, events[-1].cursor, now=now)
    lifecycle.expire_due(engine, now=now)
    engine.dispose()
    return Reconciled(len(rows), tuple(converted), report)


def ended_by(project: Project, rows: Sequence[Mapping[str, Any]], *, now: datetime) -> list[dict[str, object]]:
    """What facts hold as open of these items from before the provider's first word on them, ended by that word.

    An export may begin an item earlier than the provider does, which would count it twice from then on.
    """
    first: dict[str, datetime] = {}
    for row in rows:
        first[row["item_id"]] = min(first.get(row["item_id"], row["valid_from"]), row["valid_from"])
    if not first:
        return []
    engine = DuckEngine()
    open_facts(project.folder, engine, as_of=now, account_ids={str(row["account_id"]) for row in rows})
    known = engine.connection.sql(
        "SELECT item.* EXCLUDE (account_key), account_id FROM subscription_item item JOIN account USING (account_key)"
    ).to_arrow_table()
    items = [item_from_row(row) for row in known.to_pylist() if row["item_id"] in first and row["valid_to"] is None]
    return [
        replace(item, valid_to=first[item.item_id]).row() for item in items if item.valid_from < first[item.item_id]
    ]


def load_billed(
    project: Project, rows: Sequence[Mapping[str, object]], *, now: datetime, table: str = "subscription_item"
) -> LoadReport:
    """What the provider told as rows of a table, beside what the company's own source says."""
    from upstep.tables.load import load
    from upstep.tables.mapping import Mapping as TableMappings
    from upstep.tables.mapping import Source, TableMapping

    path = project.billed_path.with_name(f"{table}.jsonl")
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    # What was told before stays beside it: the file says of which items the provider's word stands.
    before = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    told = [*(json.loads(line) for line in before), *(_json_row(row) for row in rows)]
    latest = {tuple(row[name] for name in TABLES[table].key): row for row in told}
    fresh.write_text("".join(json.dumps(row) + "\n" for row in latest.values()), encoding="utf-8")
    fresh.replace(path)
    pattern = str(path.relative_to(project.folder))
    source = Source("files", pattern, (pattern,))
    mapping = TableMapping(table, source, pattern, mode="append")
    return load(
        project.folder,
        now=now,
        mapping=TableMappings({table: mapping}, project.folder),
        known=project.known_ids,
        command="upstep apply",
    )


def _json_row(row: Mapping[str, object]) -> dict[str, object]:
    return {name: iso(value) if isinstance(value, datetime) else value for name, value in row.items()}


def account_movements(project: Project, account_id: str, *, as_of: datetime) -> list[dict[str, Any]]:
    """An account's MRR movements up to an instant, oldest first: minor units per month, with category and cause."""
    from upstep.money import units_to_minor
    from upstep.movements.movement import movements
    from upstep.movements.plans import plan_table
    from upstep.tables.query import Program, core_table

    engine = DuckEngine()
    open_facts(project.folder, engine, as_of=as_of, account_ids=[account_id])
    words = project.words(as_of, meter_keys={}, known={})
    small = {name: engine.load(name, words.tables[name]) for name in ("today", "interval_factor")}
    program = Program()
    select = movements(
        core_table("subscription_item"),
        factors=small["interval_factor"],
        plans=engine.load("plan", plan_table(project.catalog)),
        today=small["today"],
        stage=program.stage,
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
