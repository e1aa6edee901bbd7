"""An offer with an incentive: the locked quote holds it, the message says it, it is reserved, applied and spent."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from upstep.billing.quote import read
from upstep.config.measuring import Experiments, Incentive
from upstep.engine.deciding.decide import Run
from upstep.engine.offering.giving import read_budgets
from upstep.engine.offering.opening import open_offers
from upstep.engine.project import Project, open_project_state
from upstep.engine.quoting.accepting import accept_offer
from upstep.engine.quoting.biller import sandbox
from upstep.engine.quoting.reconciling import reconcile
from upstep.offers import lifecycle
from upstep.state import tables
from upstep.state.session import reading
from upstep.tables.sample import AS_OF

ACCOUNT = "lumenbrook-software"
TEN = Incentive("limit_approaching", "percent", 100_000, percent=10, periods=2, expires_days=3)
MORNING = AS_OF + timedelta(hours=9)


@pytest.fixture
def shop(postline: Project, tmp_path: Path) -> Project:
    shutil.copytree(postline.folder, tmp_path / "postline")
    return Project(tmp_path / "postline")


def giving(project: Project, incentive: Incentive) -> Project:
    opened = Project(project.folder)
    opened.__dict__["settings"] = replace(project.settings, incentives=(incentive,), experiments=Experiments())
    return opened


@pytest.mark.slow
def test_an_incentive_goes_from_the_quote_to_the_invoice_and_out_of_the_budget(
    shop: Project, postline_run: Run
) -> None:
    project = giving(shop, TEN)
    biller = sandbox(project, as_of=AS_OF, accounts=[ACCOUNT])
    (opened,) = open_offers(project, postline_run, provider=biller, now=AS_OF, accounts=[ACCOUNT]).opened
    assert opened.quote is not None
    first, second = opened.quote.incentive_lines
    assert first.amount_minor == second.amount_minor < 0
    assert opened.offer.expires_at == AS_OF + timedelta(days=3)
    state = open_project_state(project)
    with reading(state) as connection:
        assert read(connection, opened.quote.quote_id) == opened.quote
        texts = [row.text for row in connection.execute(tables.message.select()) if row.channel == "email"]
    assert texts
    assert all(f"- {first.description}: " in text for text in texts)
    (budget,) = read_budgets(project, state)
    assert budget.promised_minor == -2 * first.amount_minor

    accept_offer(project, opened.offer.offer_id, provider=biller, by="ana", now=MORNING)
    reconcile(project, provider=biller, now=MORNING)
    biller.advance(opened.quote.next_invoice_at + timedelta(hours=1))
    assert biller.invoices(ACCOUNT)[-1].due_minor == opened.quote.next_invoice_minor
    (budget,) = read_budgets(project, state)
    assert (budget.used_minor, budget.promised_minor) == (-2 * first.amount_minor, 0)


def test_where_the_guard_says_no_the_offer_goes_without_and_its_history_says_why(
    shop: Project, postline_run: Run
) -> None:
    project = giving(shop, replace(TEN, budget_minor=1))
    biller = sandbox(project, as_of=AS_OF, accounts=[ACCOUNT])
    (opened,) = open_offers(project, postline_run, provider=biller, now=AS_OF, accounts=[ACCOUNT]).opened
    assert opened.quote is not None
    assert opened.quote.incentive_lines == ()
    state = open_project_state(project)
    (change,) = lifecycle.changes(state, opened.offer.offer_id)
    assert "without its incentive: it would cost" in change.why
    (budget,) = read_budgets(project, state)
    assert (budget.grants, budget.left_minor) == (0, 1)
    assert read_budgets(project, None)[0].left_minor == 1


FREE = Incentive("limit_approaching", "trial", 1_000_000, trial_days=5)


@pytest.mark.slow
def test_a_trial_is_free_for_its_days_then_charged_as_it_was_told(shop: Project, postline_run: Run) -> None:
    project = giving(shop, FREE)
    biller = sandbox(project, as_of=AS_OF, accounts=[ACCOUNT])
    (opened,) = open_offers(project, postline_run, provider=biller, now=AS_OF, accounts=[ACCOUNT]).opened
    quote = opened.quote
    assert quote is not None
    assert (quote.due_now_minor, quote.next_invoice_at) == (0, AS_OF + timedelta(days=5))
    state = open_project_state(project)
    with reading(state) as connection:
        texts = [row.text for row in connection.execute(tables.message.select()) if row.channel == "email"]
    assert texts
    assert all("Free for 5 days: nothing is charged for it today." in text for text in texts)
    assert not any("Today you would pay" in text for text in texts)

    offer_id = opened.offer.offer_id
    accept_offer(project, offer_id, provider=biller, by="ana", now=MORNING)
    assert reconcile(project, provider=biller, now=MORNING).converted == ()
    (budget,) = read_budgets(project, state)
    assert (budget.used_minor, budget.promised_minor) == (-quote.incentive_lines[0].amount_minor, 0)
    assert list(biller.invoices(ACCOUNT)) == []

    ends_at = quote.next_invoice_at + timedelta(hours=1)
    biller.advance(ends_at)
    assert [each.due_minor for each in biller.invoices(ACCOUNT)] == [quote.next_invoice_minor]
    assert [offer.offer_id for offer in reconcile(project, provider=biller, now=ends_at).converted] == [offer_id]


@pytest.mark.slow
def test_a_trial_that_was_left_ends_its_offer_and_is_spent_all_the_same(shop: Project, postline_run: Run) -> None:
    project = giving(shop, FREE)
    biller = sandbox(project, as_of=AS_OF, accounts=[ACCOUNT])
    (opened,) = open_offers(project, postline_run, provider=biller, now=AS_OF, accounts=[ACCOUNT]).opened
    assert opened.quote is not None
    accept_offer(project, opened.offer.offer_id, provider=biller, by="ana", now=MORNING)
    biller.cancel_schedule(opened.quote.subscription_id, "left", at=MORNING)
    later = opened.quote.next_invoice_at + lifecycle.TRIAL_GRACE
    reconcile(project, provider=biller, now=later)
    state = open_project_state(project)
    assert lifecycle.changes(state, opened.offer.offer_id)[-1].why == "its trial ended and was not kept"
    assert read_budgets(project, state)[0].used_minor == -opened.quote.incentive_lines[0].amount_minor


def test_where_billing_has_no_such_trial_the_offer_goes_without_and_says_why(shop: Project, postline_run: Run) -> None:
    project = giving(shop, replace(FREE, trial_days=80))
    biller = sandbox(project, as_of=AS_OF, accounts=[ACCOUNT])
    (opened,) = open_offers(project, postline_run, provider=biller, now=AS_OF, accounts=[ACCOUNT]).opened
    (change,) = lifecycle.changes(open_project_state(project), opened.offer.offer_id)
    assert "without its incentive: " in change.why
    assert "before a trial of 80 days would be over" in change.why
