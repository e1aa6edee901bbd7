"""The cycle around one account: what stops a message or a yes, what begins a cool-down, and what cannot be offered."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from upstep.billing.sandbox import SandboxBiller
from upstep.engine.contacting import sending
from upstep.engine.deciding.decide import Run, decide
from upstep.engine.deciding.explain import parsed
from upstep.engine.deciding.inputs import gather
from upstep.engine.offering import opening
from upstep.engine.project import Project, open_project_state
from upstep.engine.quoting import accepting
from upstep.engine.quoting.biller import sandbox
from upstep.errors import QuoteError
from upstep.offers import lifecycle
from upstep.offers.model import NewOffer, Offer
from upstep.state import tables
from upstep.state.holds import record_reply
from upstep.state.session import reading, writing
from upstep.tables.load import load
from upstep.tables.sample import AS_OF

HELPED = "bluebridge-media"  # help is due (adopt:emails, lane care) beside a sale (product:marketing)
NEAR_LIMIT = "lumenbrook-software"
YESTERDAY = AS_OF - timedelta(days=1)
MORNING = AS_OF + timedelta(hours=9)


@dataclass
class Day:
    project: Project
    biller: SandboxBiller
    run: Run

    def open(self, account: str, run: Run | None = None) -> Offer:
        run = run or self.run
        (opened,) = opening.open_offers(self.project, run, provider=self.biller, now=AS_OF, accounts=[account])
        return opened.offer

    def deliver(self, now: datetime = MORNING) -> set[tuple[str, str]]:
        sent = sending.deliver(self.project, now=now)
        return {(one.result.value, one.detail if one.result != "sent" else "") for one in sent}

    def accept(self, offer: Offer, now: datetime = MORNING) -> Offer:
        taken, _ = accepting.accept_offer(self.project, offer.offer_id, provider=self.biller, by="ana", now=now)
        return taken

    def read(self, offer: Offer) -> Offer:
        return lifecycle.read_offer(open_project_state(self.project), offer.offer_id)

    def add(self, table: str, row: Mapping[str, str], *, only: bool = False) -> None:
        path = self.project.folder / "data" / f"{table}.csv"
        header = path.read_text(encoding="utf-8").splitlines()[0].split(",")
        with path.open("a", encoding="utf-8") as file:
            file.write(",".join(row.get(name, "") for name in header) + "\n")
        tables = [table] if only else None
        load(self.project.folder, now=MORNING, through=MORNING, known=self.project.known_ids, only=tables)


@pytest.fixture
def day(postline: Project, postline_run: Run, tmp_path: Path) -> Day:
    """A copy of the loaded company, decided already, with a biller that knows two of its accounts."""
    shutil.copytree(postline.folder, tmp_path / "postline")
    project = Project(tmp_path / "postline")
    return Day(project, sandbox(project, as_of=AS_OF, accounts=[HELPED, NEAR_LIMIT]), postline_run)


FAILED_CHARGE = {
    "invoice_id": "inv_failed",
    "account_id": HELPED,
    "issued_at": "2026-11-20T01:00:00Z",
    "due_at": "2026-11-20T01:00:00Z",
    "amount_due_minor": "3500",
    "currency": "usd",
    "status": "open",
    "last_failure_at": "2026-11-20T02:00:00Z",
}


def test_a_failed_charge_stops_the_sale_although_help_is_still_due(day: Day) -> None:
    offer = day.open(HELPED)
    day.add("invoice", FAILED_CHARGE)

    assert day.deliver() == {("withheld", "payment_trouble")}
    with pytest.raises(QuoteError, match="payment_trouble"):
        day.accept(offer)

    rows = decide(day.project, accounts=[HELPED]).decisions.to_pylist()
    assert ("care", "eligible") in {(row["lane"], row["outcome"]) for row in rows if row["is_winner"]}


PROBLEM = {
    "ticket_id": "ticket_new",
    "account_id": HELPED,
    "opened_at": "2026-11-20T07:00:00Z",
    "kind": "problem",
    "severity": "urgent",
}


@pytest.mark.slow
def test_a_ticket_newer_than_the_usage_stops_the_message_and_the_yes(day: Day) -> None:
    offer = day.open(HELPED)
    day.add("ticket", PROBLEM, only=True)
    assert decide(day.project, accounts=[HELPED]).as_of == AS_OF, "usage came no further"

    assert day.deliver() == {("withheld", "open_issue")}
    with pytest.raises(QuoteError, match="open_issue"):
        day.accept(offer)


def test_an_open_invoice_newer_than_the_usage_stops_the_yes_alone(day: Day) -> None:
    offer = day.open(HELPED)
    net_30 = {**FAILED_CHARGE, "invoice_id": "inv_open", "due_at": "2026-12-20T01:00:00Z", "last_failure_at": ""}
    day.add("invoice", net_30, only=True)

    assert day.deliver() == {("sent", "")}
    with pytest.raises(QuoteError, match="an invoice is open"):
        day.accept(offer)


def test_a_sent_offer_counts_as_shown_and_cools_the_account_down_but_not_itself(day: Day) -> None:
    offer = day.open(HELPED)
    assert day.deliver(AS_OF) == {("sent", "")}
    assert day.deliver(MORNING) == set()

    shown = day.read(offer)
    assert (shown.status, shown.shown_at) == ("shown", AS_OF)
    changed = lifecycle.changes(open_project_state(day.project), offer.offer_id)[-1]
    assert (changed.who, changed.why) == ("upstep", "sent")

    again = decide(day.project, accounts=[HELPED], inputs=gather(day.project, at=MORNING))
    steps = [parsed(row) for row in again.decisions.to_pylist() if row["path"] == "self_serve"]
    held = {row["step_id"]: [hold["gate"] for hold in row["holds"]] for row in steps}
    assert "asked_recently" not in held.pop(offer.step_id)
    assert held
    assert all("asked_recently" in gates for gates in held.values())

    assert day.accept(offer).status == "accepted"


def test_another_offer_shown_yesterday_stops_the_message_and_the_yes(day: Day) -> None:
    offer = day.open(HELPED)
    other = NewOffer(
        HELPED, "step_other", "run_before", "annual_commit", "commit", "self_serve", "self_serve", "term:x"
    )
    state = open_project_state(day.project)
    lifecycle.open_offer(state, other, messages=[], by="upstep", at=YESTERDAY, why="it was eligible")
    lifecycle.show(state, other.offer_id, by="upstep", at=YESTERDAY)

    assert day.deliver() == {("withheld", "asked_recently")}
    with pytest.raises(QuoteError, match="asked_recently"):
        day.accept(offer)


def test_on_facts_that_are_too_old_nothing_is_sent_or_accepted(day: Day) -> None:
    offer = day.open(HELPED)
    late = AS_OF + timedelta(days=3, seconds=1)

    ((result, why),) = day.deliver(late)
    assert result == "withheld"
    assert "2026-11-20T00:00:00Z" in why
    assert "run 'upstep load'" in why
    with pytest.raises(QuoteError, match="run 'upstep load'"):
        day.accept(offer, late)


def test_an_open_deal_hands_the_step_to_a_person(day: Day) -> None:
    offer = day.open(HELPED)
    row = {"deal_id": "deal_new", "account_id": HELPED, "opened_at": "2026-11-20T01:00:00Z", "motion": "upsell"}
    day.add("deal", row)

    ((result, why),) = day.deliver()
    assert (result, "a deal is open" in why) == ("withheld", True)
    with pytest.raises(QuoteError, match="a deal is open"):
        day.accept(offer)


def test_an_account_that_billing_refuses_stops_no_other(day: Day) -> None:
    item = day.biller.subscriptions(NEAR_LIMIT)
    day.biller = SandboxBiller(day.project.folder / "other.db")
    day.biller.seed([replace(one, status="paused").row() for one in item])

    both = opening.open_offers(day.project, day.run, provider=day.biller, now=AS_OF, accounts=[NEAR_LIMIT, HELPED])

    assert [opened.offer.account_id for opened in both] == [HELPED]
    assert [(refused.account_id, refused.target) for refused in both.refused] == [(NEAR_LIMIT, "plan:scale")]
    assert "is paused" in both.refused[0].why


def test_opening_again_tells_the_locked_quote_not_todays(day: Day) -> None:
    first = opening.open_offers(day.project, day.run, provider=day.biller, now=AS_OF, accounts=[NEAR_LIMIT])
    again = opening.open_offers(day.project, day.run, provider=day.biller, now=MORNING, accounts=[NEAR_LIMIT])
    assert [opened.quote for opened in again] == [opened.quote for opened in first]


def test_the_sandbox_seeds_only_the_accounts_that_are_asked_for(day: Day, tmp_path: Path) -> None:
    own = tmp_path / "sandbox.db"
    biller = sandbox(day.project, as_of=AS_OF, accounts=[NEAR_LIMIT], path=own)
    assert biller.subscriptions(NEAR_LIMIT)
    assert biller.subscriptions("graniteford-capital") == []
    assert sandbox(day.project, as_of=AS_OF, path=own).subscriptions("graniteford-capital")


def test_a_hold_that_comes_while_a_yes_is_thought_about_stops_it(day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    offer = day.open(NEAR_LIMIT)
    still_stands = accepting._still_stands

    def replies_meanwhile(project: Project, engine: sa.Engine, offer: Offer, *, now: datetime) -> None:
        still_stands(project, engine, offer, now=now)
        with writing(engine) as connection:
            record_reply(connection, offer.account_id, why="call me first", by="ann", now=now + timedelta(seconds=2))

    monkeypatch.setattr(accepting, "_still_stands", replies_meanwhile)
    with pytest.raises(QuoteError, match="contact_hold: call me first"):
        day.accept(offer)
    assert day.read(offer).status == offer.status
    with reading(open_project_state(day.project)) as connection:
        assert connection.execute(sa.select(tables.billing_intent)).all() == [], "nothing was asked of billing"
