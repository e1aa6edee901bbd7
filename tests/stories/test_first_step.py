"""One account from a usage row to paid: Lumenbrook Software sends 92% of what its plan holds."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.samples import loaded_sample
from upstep.billing.sandbox import SandboxBiller
from upstep.engine.contacting import sending
from upstep.engine.deciding.decide import Run, decide
from upstep.engine.deciding.explain import parsed
from upstep.engine.deciding.inputs import gather
from upstep.engine.deciding.ledger import history, keep
from upstep.engine.offering import opening
from upstep.engine.project import Project
from upstep.engine.quoting import accepting, reconciling
from upstep.engine.quoting.biller import sandbox
from upstep.errors import QuoteError
from upstep.tables.load import load
from upstep.tables.sample import AS_OF

ACCOUNT = "lumenbrook-software"
MORNING = AS_OF + timedelta(hours=9, minutes=30)


@dataclass
class Story:
    project: Project
    biller: SandboxBiller
    run: Run


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample company, loaded once; each story goes on from a copy."""
    return loaded_sample("postline", tmp_path_factory.mktemp("postline"), tmp_path_factory, accounts=40)


@pytest.fixture
def story(loaded: Path, tmp_path: Path) -> Story:
    shutil.copytree(loaded, tmp_path / "postline")
    project = Project(tmp_path / "postline")
    run = decide(project, accounts=[ACCOUNT])
    return Story(project, sandbox(project, as_of=AS_OF, accounts=[ACCOUNT]), run)


def append(story: Story, table: str, row: dict[str, str]) -> None:
    """One more row of a source, loaded in the morning."""
    path = story.project.folder / "data" / f"{table}.csv"
    header = path.read_text(encoding="utf-8").splitlines()[0].split(",")
    with path.open("a", encoding="utf-8") as file:
        file.write(",".join(row.get(name, "") for name in header) + "\n")
    load(story.project.folder, now=MORNING, through=MORNING, known=story.project.known_ids)


def append_usage(story: Story, quantity: int, *, at: datetime) -> None:
    """One more event, loaded in the morning."""
    path = story.project.folder / "data" / "usage.parquet"
    usage = pq.read_table(path)
    event = {"event_id": "ev_new", "account_id": ACCOUNT, "meter_id": "emails", "quantity": quantity, "occurred_at": at}
    row = pa.table({field.name: pa.array([event.get(field.name)], field.type) for field in usage.schema})
    pq.write_table(pa.concat_tables([usage, row.cast(usage.schema)]), path)
    load(story.project.folder, now=MORNING, through=MORNING, known=story.project.known_ids)


def step_of(run: Run) -> dict[str, object]:
    rows = [parsed(row) for row in run.decisions.to_pylist() if row["play"] == "limit_approaching"]
    return next(row for row in rows if row["path"] != "notice")


def test_lumenbrook_reaches_its_limit_upgrades_in_one_click_and_the_money_is_exact(story: Story) -> None:
    step = step_of(story.run)
    assert step["outcome"] == "eligible"
    assert step["facts"]["used"]["value"] == 46_000  # type: ignore[index]
    assert (step["to_plan_id"], step["recurring_change_minor"]) == ("scale", 5500)
    keep(story.project, story.run, accounts=[ACCOUNT], now=AS_OF)

    (opened,) = opening.open_offers(story.project, story.run, provider=story.biller, now=AS_OF)
    assert opened.quote is not None
    lines = [line.amount_minor for line in opened.quote.lines]
    assert sum(lines) == opened.quote.due_now_minor == 1525

    sent = sending.deliver(story.project, now=AS_OF)
    assert {delivery.result.value for delivery in sent} == {"sent"}
    text = Path(sent[0].detail).read_text(encoding="utf-8")
    assert "46,000 of the 50,000" in text
    assert "$15.25" in text

    offer, applied = accept(story, opened.offer.offer_id)
    assert offer.status == "accepted"
    assert applied is not None
    assert applied.amount_minor == 1525

    told = reconciling.reconcile(story.project, provider=story.biller, now=MORNING)
    assert [converted.offer_id for converted in told.converted] == [offer.offer_id]

    movement = reconciling.account_movements(story.project, ACCOUNT, as_of=MORNING)[-1]
    assert (movement["category"], movement["cause"], movement["change_minor"]) == ("expansion", "upsell", 5500)


def accept(story: Story, offer_id: str) -> tuple[object, object]:
    return accepting.accept_offer(story.project, offer_id, provider=story.biller, by="ana", now=MORNING)


@pytest.mark.slow
def test_every_verb_said_twice_changes_nothing_more(story: Story) -> None:
    first = opening.open_offers(story.project, story.run, provider=story.biller, now=AS_OF)
    again = opening.open_offers(story.project, story.run, provider=story.biller, now=AS_OF)
    assert [offer.is_new for offer in (*first, *again)] == [True, False]

    assert sending.deliver(story.project, now=AS_OF)
    assert sending.deliver(story.project, now=MORNING) == []

    offer_id = first[0].offer.offer_id
    assert accept(story, offer_id)[1] == accept(story, offer_id)[1]

    reconciling.reconcile(story.project, provider=story.biller, now=MORNING)
    assert reconciling.reconcile(story.project, provider=story.biller, now=MORNING).converted == ()
    upgrades = [
        m for m in reconciling.account_movements(story.project, ACCOUNT, as_of=MORNING) if m["cause"] == "upsell"
    ]
    assert len(upgrades) == 1


def test_the_ladder_says_nothing_before_its_rung_and_each_rung_once(story: Story) -> None:
    row = step_of(story.run)
    assert opening.channels_due(story.project, row) == ["email"]
    assert opening.channels_due(story.project, {**row, "rungs": 0}) == []
    opening.open_offers(story.project, story.run, provider=story.biller, now=AS_OF)
    append_usage(story, 4_000, at=AS_OF + timedelta(hours=8))

    later = decide(story.project, accounts=[ACCOUNT], as_of=MORNING)
    for _ in range(2):
        (opened,) = opening.open_offers(story.project, later, provider=story.biller, now=MORNING)
    sent = sending.deliver(story.project, now=MORNING)

    assert not opened.is_new
    assert sorted({delivery.message.channel for delivery in sent}) == ["email", "in_app"]
    assert len(sent) == len({(d.message.channel, d.message.recipient) for d in sent})


def test_after_the_upgrade_nothing_is_sold_in_that_product_for_two_weeks(story: Story) -> None:
    (opened,) = opening.open_offers(story.project, story.run, provider=story.biller, now=AS_OF)
    accept(story, opened.offer.offer_id)
    # Even a limit that is reached at once is not followed by the next sale.
    append_usage(story, 49_000, at=AS_OF + timedelta(hours=9))
    reconciling.reconcile(story.project, provider=story.biller, now=MORNING)

    after = decide(story.project, accounts=[ACCOUNT], inputs=gather(story.project, at=MORNING))

    rows = [parsed(row) for row in after.decisions.to_pylist() if row["step_product_id"] == "sending"]
    steps = [row for row in rows if row["path"] != "notice" and row["lane"] != "care"]
    assert after.as_of == MORNING
    assert steps
    assert all("just_purchased" in [hold["gate"] for hold in row["holds"]] for row in steps)
    assert all(row["outcome"] in ("held", "unfit") for row in steps)


def test_an_urgent_problem_opened_after_the_offer_stops_the_message_and_the_click(story: Story) -> None:
    (opened,) = opening.open_offers(story.project, story.run, provider=story.biller, now=AS_OF)
    problem = {"ticket_id": "t_new", "account_id": ACCOUNT, "kind": "problem", "severity": "urgent"}
    append(story, "ticket", problem | {"opened_at": "2026-11-20T08:00:00Z"})

    sent = sending.deliver(story.project, now=MORNING)

    assert {delivery.result.value for delivery in sent} == {"withheld"}
    assert all("open_issue" in delivery.detail for delivery in sent)
    with pytest.raises(QuoteError, match="open_issue"):
        accept(story, opened.offer.offer_id)
    assert story.biller.events_since(None) == []


def test_the_ledger_tells_the_story_of_the_account(story: Story) -> None:
    keep(story.project, story.run, accounts=[ACCOUNT], now=AS_OF)
    rows = history(story.project, ACCOUNT)
    assert ("limit_approaching", "eligible") in {(row["play"], row["outcome"]) for row in rows}


@pytest.mark.slow
def test_loading_an_older_export_after_the_upgrade_does_not_undo_it(story: Story) -> None:
    (opened,) = opening.open_offers(story.project, story.run, provider=story.biller, now=AS_OF)
    accept(story, opened.offer.offer_id)
    reconciling.reconcile(story.project, provider=story.biller, now=MORNING)
    items = story.project.folder / "data" / "subscription_item.csv"
    items.write_text(items.read_text(encoding="utf-8") + "\n", encoding="utf-8")

    load(
        story.project.folder,
        now=MORNING,
        through=MORNING,
        known=story.project.known_ids,
        spoken_for=story.project.spoken_for,
    )

    movement = reconciling.account_movements(story.project, ACCOUNT, as_of=MORNING)[-1]
    assert (movement["cause"], movement["mrr_after_minor"]) == ("upsell", 11_500)
