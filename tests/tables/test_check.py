"""What check finds: wrong, odd, and not decidable."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from tests.tables.project import ACCOUNTS, ITEMS, NOW, USAGE, Project
from upstep.tables.check import SETTLES, CheckReport, Finding, Severity, check
from upstep.tables.load import load
from upstep.tables.query import DuckEngine
from upstep.tables.schema import REQUIRED_TABLES, TABLES


def _check(project: Project) -> CheckReport:
    return check(project.folder, DuckEngine(threads=1))


def _found(report: CheckReport, name: str) -> Finding:
    found = [finding for finding in report.findings if finding.id == name]
    assert len(found) == 1, [finding.id for finding in report.findings]
    return found[0]


def test_a_company_without_faults_has_only_notes_of_what_is_not_connected(project: Project) -> None:
    project.write_all()
    project.load()
    report = _check(project)
    assert not report.has_faults
    assert {finding.id for finding in report.findings} == {"not_connected"}
    assert set(report.not_connected) == set(SETTLES)
    assert report.rows == {"account": 2, "subscription_item": 2, "usage": 3}


def test_every_table_that_is_not_required_says_what_it_would_settle() -> None:
    assert set(SETTLES) == set(TABLES) - set(REQUIRED_TABLES)


def test_rows_kept_aside_are_errors_with_their_count_share_and_place(project: Project) -> None:
    project.write_all()
    project.write("data/usage.csv", USAGE + "e9,a1,emails,2026-01-05,-1,\n")
    project.load()
    report = _check(project)
    finding = report.findings[0]
    assert report.has_faults
    assert (finding.severity, finding.id, finding.table, finding.count, finding.share) == (
        Severity.ERROR,
        "negative",
        "usage",
        1,
        0.25,
    )
    assert finding.examples == ("data/usage.csv:5: quantity '-1' is less than 0",)
    assert finding.meaning
    assert finding.advice


def test_a_missing_required_table_is_an_error(project: Project) -> None:
    project.write("data/account.csv", ACCOUNTS)
    project.write("data/usage.csv", USAGE)
    project.load()
    finding = _found(_check(project), "required_table_missing")
    assert (finding.table, finding.severity) == ("subscription_item", Severity.ERROR)


def test_without_any_table_that_has_the_clock_the_others_have_it_and_all_that_is_missing_is_told(
    project: Project,
) -> None:
    project.write("data/account.csv", ACCOUNTS)
    project.load(through=NOW - timedelta(days=1))
    report = _check(project)

    assert report.as_of == NOW - timedelta(days=1)
    assert [finding.table for finding in report.findings if finding.id == "required_table_missing"] == [
        "subscription_item",
        "usage",
    ]


def test_odd_facts_are_warnings_with_counts_shares_and_examples(project: Project) -> None:
    project.write("data/account.csv", ACCOUNTS + "a3,Idle,2026-01-01,usd\n")
    project.write(
        "data/subscription_item.csv",
        ITEMS
        + "i3,s3,a1,sending,pro,1,100,eur,month,active,2026-01-03,\n"
        + "i4,s4,a1,sending,pro,1,100,usd,month,active,2026-01-03,\n"
        + "i5,s5,a2,sending,pro,1,100,usd,month,canceled,2026-01-03,\n",
    )
    project.write(
        "data/usage.csv",
        USAGE + "e1,a1,emails,2026-01-07,5,c1\ne4,a2,emails,2025-12-31,5,c1\n"
        "e5,who,emails,2026-01-07,5,c1\ne5,who,emails,2026-01-07,5,\n",
    )
    project.load()
    report = _check(project)
    assert not report.has_faults
    expected = {
        "event_id_on_several_days": (1, 2 / 6, ("e1 on 2 days",)),
        "usage_before_subscription": (1, 1 / 5, ("a2",)),
        "several_live_subscriptions": (1, 1 / 2, ("a1: 3 of sending",)),
        "several_currencies_in_an_account": (1, 1 / 3, ("a1: eur, usd",)),
        "currencies_without_rates": (2, None, ("eur", "usd")),
        "canceled_without_end": (1, 1 / 5, ("i5",)),
        "unknown_account": (1, 1 / 4, ("who",)),
        "account_without_subscription": (1, 1 / 3, ("a3",)),
        "repeated_events": (1, None, ()),
        "before_account_created": (1, 1 / 4, ("a2",)),
    }
    for name, (count, share, examples) in expected.items():
        finding = _found(report, name)
        assert (finding.count, finding.share, finding.examples) == (count, share, examples), name
    assert "(3 to 3)" in _found(report, "several_live_subscriptions").found


def test_a_stale_table_is_told_with_its_days(project: Project) -> None:
    project.write_all()
    project.load()
    project.load(now=NOW + timedelta(days=5), only=("subscription_item", "usage"))
    finding = _found(_check(project), "stale")
    assert (finding.table, finding.count) == ("account", 5)


_RAVENSTACK = """\
version: 1
tables:
  account:
    from: {folder}/ravenstack_accounts.csv
    columns: {{account_id: account_id, name: account_name, created_at: signup_date}}
  subscription_item:
    from: {folder}/ravenstack_subscriptions.csv
    columns:
      item_id: subscription_id
      subscription_id: subscription_id
      account_id: account_id
      product_id: {{value: ravenstack}}
      plan_id: {{sql: lower(plan_tier)}}
      quantity: seats
      amount_minor: {{sql: "cast(mrr_amount as decimal(18, 2)) * 100"}}
      currency: {{value: usd}}
      interval: {{value: month}}
      status: {{value: active}}
      valid_from: start_date
      valid_to: end_date
  usage:
    from: {folder}/ravenstack_feature_usage.csv
    join: [{{from: {folder}/ravenstack_subscriptions.csv, on: {{subscription_id: subscription_id}}, as: bought}}]
    columns:
      event_id: usage_id
      account_id: bought.account_id
      meter_id: feature_name
      occurred_at: usage_date
      quantity: usage_count
      properties: {{sql: "'{{\\"subscription_id\\":\\"' || subscription_id || '\\"}}'"}}
"""


@pytest.mark.slow
def test_the_flaws_of_ravenstack_are_found_and_counted(tmp_path: Path, public_data: Path) -> None:
    (tmp_path / "mapping.yaml").write_text(_RAVENSTACK.format(folder=public_data / "ravenstack"), encoding="utf-8")
    load(tmp_path, now=NOW)
    report = check(tmp_path, DuckEngine(threads=1))
    counts = {finding.id: finding.count for finding in report.findings}
    assert report.rows == {"account": 500, "subscription_item": 5000, "usage": 25000}
    assert counts["event_id_on_several_days"] == 21
    assert counts["usage_before_own_subscription"] == 19142
    assert "(2 to 18)" in _found(report, "several_live_subscriptions").found
