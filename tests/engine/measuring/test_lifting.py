"""What experiments found: a planted lift through facts, movements, exposures and back, in whole."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from tests.cli.schemas import faults
from upstep.clock import iso
from upstep.engine.measuring.findings import result_shape
from upstep.engine.measuring.lifting import MRR, grown_by, results
from upstep.engine.measuring.reporting import Asking, make_report
from upstep.engine.measuring.statement import statement
from upstep.engine.project import Project, open_project_state
from upstep.experiments.experiment import Experiment, begin, holdout_arms
from upstep.experiments.exposure import Exposure, log
from upstep.state.session import writing
from upstep.tables.load import load
from upstep.web.report_page import render_report

NOW = datetime(2026, 6, 30, tzinfo=UTC)
EXPOSED = NOW - timedelta(days=100)
ACCOUNTS = 500
CATALOG = """
version: 1
business: saas
currency: usd
meters: [{id: emails, name: e-mails sent, aggregate: sum, kind: flow, period: billing_month, value_meter: true}]
products:
  - id: mail
    name: Mail
    plans:
      - {id: basic, prices: [{id: basic_month, interval: month, amount: 2000}], limits: {emails: 10000}}
      - {id: pro, prices: [{id: pro_month, interval: month, amount: 5000}], limits: {emails: 100000}}
"""


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Half of 500 accounts held out; of these 4% upgrade by themselves, of the others 20% more, and 2% leave."""
    folder = tmp_path_factory.mktemp("lifted")
    rng = np.random.default_rng(11)
    (folder / "data").mkdir()
    (folder / "upstep.yaml").write_text("version: 1\ncompany: Lifted\ncurrency: usd\n")
    (folder / "catalog.yaml").write_text(CATALOG)
    rows, seen = [], []
    names = [f"account-{index}" for index in range(ACCOUNTS)]
    holdout = Experiment(
        "holdout-all-1", "holdout-all", "holdout", "path:self_serve", holdout_arms(50), "s", EXPOSED, "x"
    )
    for name in names:
        arm = holdout.arm_of(name).name
        seen.append(Exposure("holdout-all-1", name, arm, "step", EXPOSED))
        rows += _items(name, upgrades=rng.random() < (0.04 if arm == "held_out" else 0.24), leaves=rng.random() < 0.02)
    started = iso(NOW - timedelta(days=400))
    _write(folder, "account", ["account_id,name,created_at", *(f"{name},{name},{started}" for name in names)])
    _write(folder, "usage", ["event_id,account_id,meter_id,occurred_at,quantity", f"e1,account-1,emails,{started},5"])
    columns = "item_id,subscription_id,account_id,product_id,plan_id,price_id,quantity,amount_minor,currency,interval"
    _write(folder, "subscription_item", [f"{columns},status,valid_from,valid_to", *rows])
    project = Project(folder)
    load(folder, now=NOW, through=NOW, known=project.known_ids)
    state = open_project_state(project)
    with writing(state) as connection:
        begin(connection, holdout)
        log(connection, seen)
    state.dispose()
    return project


def _items(name: str, *, upgrades: bool, leaves: bool) -> list[str]:
    begins, changes = NOW - timedelta(days=300), EXPOSED + timedelta(days=20)
    ends = iso(changes) if upgrades or leaves else ""
    basic = f"i-{name},s-{name},{name},mail,basic,basic_month,1,2000,usd,month,active,{iso(begins)},{ends}"
    pro = f"i-{name},s-{name},{name},mail,pro,pro_month,1,5000,usd,month,active,{iso(changes)},"
    return [basic, pro] if upgrades else [basic]


def _write(folder: Path, table: str, lines: list[str]) -> None:
    (folder / "data" / f"{table}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")


@pytest.mark.slow
def test_the_lift_that_was_planted_is_found_net_of_churn_and_stands_in_the_report(company: Project) -> None:
    state = open_project_state(company)
    (found,) = results(company, state, now=NOW)
    held, offered = found.measures[MRR].arms
    assert held.seen.count + offered.seen.count == found.exposed == ACCOUNTS
    assert offered.each is not None
    assert offered.each.is_clear
    assert (offered.each.low or 0) < 600 < (offered.each.high or 0)  # 20% of 30.00, in minor units
    told = result_shape(found)
    assert faults(told, "experiments-show") == []
    assert "an account (" in told["verdict"]
    assert "a month in all" in told["verdict"]
    report = statement(make_report(company, Asking()), company.catalog)
    assert faults(report, "report") == []
    assert [one["experiment_id"] for one in report["experiments"]] == ["holdout-all-1"]
    assert "What would not have happened otherwise" in render_report(report)


@pytest.mark.slow
def test_before_the_days_are_over_nothing_is_concluded(company: Project) -> None:
    state = open_project_state(company)
    with writing(state) as connection:
        early = Experiment("early", "early", "test", "", holdout_arms(50), "t", NOW, "x", varies="message")
        begin(connection, early)
        log(connection, [Exposure("early", f"account-{index}", "offered", "s", NOW) for index in range(40)])
    (found,) = results(company, state, now=NOW, only="early")
    told = result_shape(found)
    assert [arm["waiting"] for arm in told["measures"][0]["arms"]] == [0, 40]
    assert not told["is_believable"]
    assert told["verdict"].startswith("Do not believe it: 0 and 40 accounts")


def test_what_lies_outside_the_days_does_not_count() -> None:
    day = 86_400
    rows = [(-day, "expansion", 10.0), (day, "expansion", 20.0), (2 * day, "new", 5.0), (91 * day, "expansion", 40.0)]
    assert grown_by(rows, 0, until=100 * day) == 20.0
    assert grown_by(rows, 0, until=89 * day) is None
    assert grown_by([(day, "churn", -20.0)], 0, until=90 * day) == -20.0
    assert grown_by([(day, "reactivation", 20.0)], 0, until=90 * day) == 0.0
