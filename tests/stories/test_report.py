"""Postline's November: the sandbox converted one offer, and the report says what it earned, to the cent."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.samples import loaded_sample
from upstep.engine.contacting import sending
from upstep.engine.deciding.decide import decide
from upstep.engine.deciding.ledger import keep
from upstep.engine.measuring.reporting import Asking, make_report
from upstep.engine.measuring.statement import statement
from upstep.engine.offering import opening
from upstep.engine.project import Project
from upstep.engine.quoting import accepting, reconciling
from upstep.engine.quoting.biller import sandbox
from upstep.tables.load import load
from upstep.tables.sample import AS_OF
from upstep.web.report_page import render_report

ACCOUNT = "lumenbrook-software"
MORNING = AS_OF + timedelta(hours=9, minutes=30)


@pytest.fixture(scope="module")
def november(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = loaded_sample("postline", tmp_path_factory.mktemp("postline"), tmp_path_factory, accounts=40)
    project = Project(folder)
    biller = sandbox(project, as_of=AS_OF, accounts=[ACCOUNT])
    run = decide(project, accounts=[ACCOUNT])
    keep(project, run, accounts=[ACCOUNT], now=AS_OF)
    (opened,) = opening.open_offers(project, run, provider=biller, now=AS_OF)
    sending.deliver(project, now=AS_OF)
    accepting.accept_offer(project, opened.offer.offer_id, provider=biller, by="ana", now=MORNING)
    reconciling.reconcile(project, provider=biller, now=MORNING)
    load(folder, now=MORNING, through=MORNING, known=project.known_ids, spoken_for=project.spoken_for)
    return statement(make_report(project, Asking("2026-11", "2026-11")), project.catalog)


def test_the_upgrade_from_35_to_90_dollars_is_in_the_bridge_and_credited_to_its_play(november: dict[str, Any]) -> None:
    upsell = [line for line in november["movements"] if (line["category"], line["cause"]) == ("expansion", "upsell")]
    (play,) = november["credit"]["plays"]
    assert upsell[0]["amount_minor"] >= 5500
    assert (play["play"], play["motion"], play["conversions"]) == ("limit_approaching", "upsell", 1)
    assert (play["gross_minor"], play["overage_replaced_minor"], play["credited_minor"]) == (5500, 0, 5500)


def test_growth_with_and_without_an_offer_is_all_growth(november: dict[str, Any]) -> None:
    growth = sum(line["amount_minor"] for line in november["motions"])
    rest = november["credit"]["without_offer"]["amount_minor"]
    assert rest + sum(play["gross_minor"] for play in november["credit"]["plays"]) == growth


def test_the_funnel_tells_the_offer_by_play_and_trigger(november: dict[str, Any]) -> None:
    (line,) = november["conversions"]
    assert (line["play"], line["trigger"]) == ("limit_approaching", "limit 90% used")
    assert [line[name] for name in ("opened", "shown", "accepted", "converted")] == [1, 1, 1, 1]
    assert line["converted_share"] == 1.0


def test_the_page_tells_it_too_and_says_that_november_is_not_over(november: dict[str, Any]) -> None:
    page = render_report(november)
    assert "November 2026" in page
    assert "2026-11 is not over" in page
    assert "limit approaching" in page
