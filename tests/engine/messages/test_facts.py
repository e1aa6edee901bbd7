"""What messages say: every shipped message renders for every step that wins, with the customer's own price."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.billing.seeds import AT, item_row
from upstep.billing.change import Item, item_from_row
from upstep.engine.deciding.decide import Run
from upstep.engine.deciding.explain import parsed
from upstep.engine.messages.facts import message_facts, message_of
from upstep.engine.messages.records import records_of
from upstep.engine.project import Project
from upstep.engine.quoting.biller import sandbox
from upstep.engine.quoting.change import NoChange, change_of, item_of
from upstep.offers.facts import FACT_KINDS, FactKind
from upstep.offers.message import Rendered, shipped_messages
from upstep.tables.sample import AS_OF


def winners(run: Run) -> Iterator[dict[str, Any]]:
    for row in run.decisions.to_pylist():
        if row["is_winner"] and row["outcome"] == "eligible":
            yield parsed(row)


def rendered(run: Run) -> list[tuple[dict[str, Any], dict[str, Any], Rendered]]:
    """The message of every eligible winner, its step quoted where it can be."""
    project = Project(project_folder(run))
    biller = sandbox(project, as_of=AS_OF)
    told = []
    for row in winners(run):
        live = biller.subscriptions(row["account_id"])
        item, change = item_of(project.catalog, live, row), change_of(project, live, row, on=AS_OF)
        facts = message_facts(
            project,
            row,
            offer_id="of_1",
            as_of=run.as_of,
            item=None if isinstance(item, NoChange) else item,
            change=None if isinstance(change, NoChange) else change,
            quote=None if isinstance(change, NoChange) else biller.preview(change, AS_OF),
        )
        message = message_of(project, row, facts)
        assert message is not None, row["play"]
        records = records_of(
            project,
            row,
            message.facts,
            item=None if isinstance(item, NoChange) else item,
            change=None if isinstance(change, NoChange) else change,
            quote=None if isinstance(change, NoChange) else biller.preview(change, AS_OF),
        )
        numbers = {
            name for name in message.facts if FACT_KINDS[name] in (FactKind.WHOLE, FactKind.MONEY, FactKind.DATE)
        }
        assert records.keys() == numbers
        assert all(records.values())
        told.append((row, facts, message))
    return told


def project_folder(run: Run) -> Path:
    return next(parent for parent in run.facts.snapshot.folder.parents if (parent / "upstep.yaml").is_file())


def test_every_message_renders_for_every_eligible_winner_of_every_sample(sample_runs: Mapping[str, Run]) -> None:
    told = [told for run in sample_runs.values() for told in rendered(run)]

    # Who asked for a higher plan's feature gets that play's words; no sample has looked at a purchase; what is
    # learned has its own play.
    silent = {"enterprise_fit", "lifecycle", "unused_purchase"}
    assert {row["play"] for row, _, _ in told} >= set(shipped_messages()) - silent - {"affinity"}
    for row, facts, message in told:
        assert "None" not in message.text + message.title + message.line, row["account_id"]
        assert (len(message.title) <= 80, len(message.line) <= 200) == (True, True), row["account_id"]
        if row["path"] == row["lane"] == "self_serve":
            # Who may be asked by machine is told both prices, but for a product that has none today.
            wanted = {"price_next"} if row["grain"] == "product" else {"price_now", "price_next"}
            wanted -= {"price_now", "price_next"} if row["target"].startswith(("trial:", "bundle:")) else set()
            assert wanted <= set(facts), (row["account_id"], row["play"])


ROW: dict[str, Any] = {
    "account_id": "acme",
    "name": "Acme",
    "play": "limit_approaching",
    "motion": "upsell",
    "product_id": "sending",
    "step_product_id": "sending",
    "meter_id": "emails",
    "plan_id": "pro",
    "to_plan_id": "scale",
    "to_add_on_id": None,
    "to_interval": "week",
    "to_quantity": 1,
    "currency": "usd",
    "recurring_change_minor": 5500,
    "overage_replaced_minor": 0,
    "customer_saving_minor": 0,
    "facts": {"used": {"value": 46_000}, "limit_quantity": {"value": 50_000}, "days_to_limit": {"value": 0.0}},
}


def facts_of(project: Project, item: Item, **differing: Any) -> dict[str, Any]:
    return message_facts(project, ROW | differing, offer_id="of_1", as_of=AT, item=item)


@pytest.mark.parametrize(
    ("interval", "count", "word"),
    [("week", 1, "week"), ("day", 1, "day"), ("month", 3, "quarter"), ("week", 2, "2-week period")],
)
def test_todays_price_is_the_items_own_amount_for_its_own_interval(
    postline: Project, interval: str, count: int, word: str
) -> None:
    item = item_from_row(item_row(amount_minor=777, interval=interval, interval_count=count))
    facts = facts_of(postline, item)
    assert (facts["price_now"], facts["price_interval_now"]) == (777, word)


def test_a_limit_that_is_reached_is_forecast_no_more(postline: Project) -> None:
    facts = facts_of(postline, item_from_row(item_row()))
    assert facts.keys().isdisjoint({"days_to_limit", "limit_reached_on"})


def test_a_limit_ahead_is_told_by_its_day(postline: Project) -> None:
    ahead = ROW["facts"] | {"days_to_limit": {"value": 1.5}, "days_left": {"value": 8.0}}
    facts = facts_of(postline, item_from_row(item_row()), facts=ahead)
    assert (facts["days_to_limit"], f"{facts['limit_reached_on']:%d %H}") == (2, "17 12")
    assert f"{facts['resets_on']:%d}" == "24"


def test_a_cross_sell_speaks_of_the_product_they_have_and_of_the_next(postline: Project) -> None:
    row = {"motion": "cross_sell", "product_id": "marketing", "step_product_id": "marketing", "meter_id": None}
    partner = {"partner_product_id": {"value": "sending"}}
    facts = facts_of(postline, item_from_row(item_row()), facts=partner, to_plan_id="marketing_basic", **row)
    assert (facts["product_name"], facts["product_name_next"]) == ("Transactional e-mail", "Marketing campaigns")
    assert facts["partner_reason"] == "one list and one sender reputation"
