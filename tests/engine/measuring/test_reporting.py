"""The report of docs/money.md's month, to the cent, and what it says when there is little to tell."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import sqlalchemy as sa
from deltalake import write_deltalake

from upstep.engine.measuring.reporting import Asking, make_report, trigger_of
from upstep.engine.measuring.statement import as_csv, statement, whole_units
from upstep.engine.project import Project
from upstep.errors import ConfigError
from upstep.state import tables
from upstep.state.session import open_state, writing
from upstep.tables.load import load

PAGE = Path(__file__).parents[3] / "docs" / "money.md"
NOW = datetime(2026, 11, 10, tzinfo=UTC)
CATALOG = """
version: 1
business: saas
currency: usd
meters:
  - {id: emails, name: e-mails sent, aggregate: sum, kind: flow, period: billing_month, value_meter: true}
  - {id: seats, name: seats, aggregate: seats, kind: stock}
products:
  - id: mail
    name: Mail
    plans:
      - id: basic
        prices: [{id: basic_month, interval: month, amount: 2000}]
        limits: {emails: 10000}
        overage: {emails: {per: 1000, amount: 100}}
      - id: pro
        prices:
          - {id: pro_month, interval: month, amounts: {usd: 5000, eur: 5000}}
          - {id: pro_year, interval: year, amounts: {usd: 48000, eur: 48000}}
        limits: {emails: 1000000}
      - {id: scale, prices: [{id: scale_month, interval: month, amount: 30000}], limits: {emails: 9000000}}
  - id: work
    name: Work
    plans:
      - {id: team, prices: [{id: team_month, interval: month, per: seats, amount: 1000}], limits: {seats: quantity}}
"""
AMOUNTS = {"basic": 2000, "pro": 5000, "scale": 30_000, "team": 1000}
START = "2026-01-01T00:00:00Z"


def stage(account: str, plan: str, since: str, until: str = "", **more: Any) -> dict[str, Any]:
    """One interval of an account's only subscription; amounts are the catalog's."""
    quantity = more.get("quantity", 1)
    row = {
        "item_id": f"i_{account}",
        "subscription_id": f"s_{account}",
        "account_id": account,
        "product_id": "work" if plan == "team" else "mail",
        "plan_id": plan,
        "quantity": quantity,
        "amount_minor": AMOUNTS[plan] * quantity,
        "currency": "usd",
        "interval": "month",
        "status": "active",
        "valid_from": since,
        "valid_to": until,
    }
    return row | more


def october(day: int) -> str:
    return f"2026-10-{day:02}T12:00:00Z"


ITEMS = [
    stage("alder", "basic", START, october(10)),
    stage("alder", "scale", october(10)),
    stage("birch", "team", START, october(12), quantity=5),
    stage("birch", "team", october(12), october(20), quantity=8),
    stage("birch", "team", october(20), quantity=6),
    stage("cedar", "pro", START, october(20)),
    stage("dogwood", "scale", START, october(5)),
    stage("dogwood", "pro", october(5)),
    stage("elm", "pro", START, "2026-06-15T00:00:00Z"),
    stage("elm", "pro", october(15), item_id="i_elm_2", subscription_id="s_elm_2"),
    stage("fir", "basic", october(3)),
    stage("gorse", "pro", START, october(8)),
    stage("gorse", "pro", october(8), interval="year", amount_minor=48_000),
    stage("hazel", "pro", START, currency="eur"),
]
RATES = [
    {"rate_on": day, "from_currency": "eur", "to_currency": "usd", "rate": rate}
    for day, rate in (("2026-01-01", "1.10"), ("2026-10-15", "1.12"))
]
USAGE = [
    {"event_id": f"e{month}", "account_id": "alder", "meter_id": "emails", "quantity": 390_000}
    | {"occurred_at": f"2026-{month:02}-15T00:00:00Z"}
    for month in range(1, 11)
]


def written(folder: Path, items: Sequence[dict[str, Any]] = ITEMS, **others: list[dict[str, Any]]) -> Project:
    """A project folder with these rows, loaded."""
    names = sorted({row["account_id"] for row in items}) or ["nobody"]
    accounts = [{"account_id": name, "name": name.title(), "created_at": START, "segment": "small"} for name in names]
    data = {"account": accounts, "subscription_item": list(items), "usage": USAGE, "fx_rate": RATES, **others}
    (folder / "data").mkdir(parents=True)
    (folder / "upstep.yaml").write_text("version: 1\ncompany: Eight\ncurrency: usd\n", encoding="utf-8")
    (folder / "catalog.yaml").write_text(CATALOG, encoding="utf-8")
    for name, rows in data.items():
        if rows:
            header = ",".join(rows[0])
            lines = [",".join(str(value) for value in row.values()) for row in rows]
            (folder / "data" / f"{name}.csv").write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    project = Project(folder)
    load(folder, now=NOW, through=NOW, known=project.known_ids)
    return project


def told(project: Project, *words: str, **more: Any) -> dict[str, Any]:
    return statement(make_report(project, Asking(*words, **more)), project.catalog)


def offered(project: Project) -> None:
    """Alder's offer for Scale, accepted as it changed, and the decision that knew of its overage."""
    at = datetime(2026, 10, 10, 12, tzinfo=UTC)
    row = {"offer_id": "of_1", "account_id": "alder", "step_id": "st_1", "run_id": "r_1", "play": "overage_habit"}
    row |= {"motion": "upsell", "path": "self_serve", "lane": "self_serve", "product_id": "mail"}
    row |= {"target": "plan:scale", "status": "converted"}
    facts = {"used": {"value": 390_000}, "limit_quantity": {"value": 10_000}}
    instants = dict.fromkeys(("opened_at", "shown_at", "accepted_at", "converted_at"), at)
    state = open_state(project.state_path)
    with writing(state) as connection:
        connection.execute(sa.insert(tables.offer).values(**row, **instants, facts=facts))
    state.dispose()
    decision = {"as_of": 1, "sequence": 0, "step_id": "st_1", "run_id": "r_1", "overage_replaced_minor": 38_000}
    decision |= {"outcome": "ended", "is_winner": False, "lane": "self_serve", "priority": 0.0}
    write_deltalake(project.folder / ".upstep" / "decisions" / "decision", pa.Table.from_pylist([decision]))


@pytest.fixture(scope="module")
def eight(tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = written(tmp_path_factory.mktemp("eight") / "p")
    offered(project)
    return project


@pytest.fixture(scope="module")
def october_told(eight: Project) -> dict[str, Any]:
    return told(eight, "2026-10", "2026-10")


def figures_of_the_page() -> dict[str, str]:
    """The table of the worked month: figure to what is told."""
    table = PAGE.read_text(encoding="utf-8").partition("| figure | worked out | told |")[2].partition("\n\n")[0]
    return {row[0]: row[2] for line in table.splitlines()[2:] if len(row := re.split(r" *\| *", line.strip("| "))) == 3}


def dollars(minor: int) -> str:
    return f"{minor / 100:.2f}"


def test_every_figure_of_the_worked_month_is_what_the_page_says(october_told: dict[str, Any]) -> None:
    bridge, kept, credit = october_told["bridge"], october_told["retention"], october_told["credit"]
    lines = ("start", "new", "expansion", "reactivation", "contraction", "churn", "end")
    found = {name.capitalize(): dollars(bridge[f"{name}_minor"]) for name in lines}
    found["Exchange rates"] = dollars(bridge["fx_minor"])
    shares = {
        "NRR": kept["net_revenue_retention"],
        "GRR by snapshot": kept["gross_revenue_retention"],
        "GRR by flow": kept["gross_revenue_retention_by_flow"],
        "NRR with usage": kept["with_usage"],
    }
    found |= {name: f"{share:.1%}" for name, share in shares.items()}
    found["Quick ratio"] = f"{october_told['quick_ratio']:.1f}"
    (play,) = credit["plays"]
    found["Credited"] = dollars(play["credited_minor"])
    found["Without an offer"] = dollars(credit["without_offer"]["amount_minor"])
    found["Committed"] = dollars(credit["without_offer"]["committed_minor"])
    assert found == figures_of_the_page()


def test_the_bridge_and_its_causes_add_up_as_printed(october_told: dict[str, Any]) -> None:
    bridge = october_told["bridge"]
    gains = sum(bridge[f"{name}_minor"] for name in ("start", "new", "expansion", "reactivation", "fx"))
    assert gains - bridge["contraction_minor"] - bridge["churn_minor"] == bridge["end_minor"]
    causes = {(line["category"], line["cause"]): line["amount_minor"] for line in october_told["movements"]}
    assert causes["expansion", "upsell"] + causes["expansion", "seats"] == bridge["expansion_minor"]
    assert causes["contraction", "commit"] == -1000


def test_every_cut_adds_up_to_the_total(october_told: dict[str, Any]) -> None:
    for parts in october_told["cuts"].values():
        assert sum(part["end_minor"] for part in parts) == october_told["bridge"]["end_minor"]
        assert sum(part["accounts_end"] for part in parts) == october_told["accounts"]["end"] == 7


def test_the_credit_is_net_of_the_overage_and_the_funnel_knows_the_trigger(october_told: dict[str, Any]) -> None:
    (play,) = october_told["credit"]["plays"]
    assert (play["play"], play["gross_minor"], play["overage_replaced_minor"]) == ("overage_habit", 28_000, 38_000)
    (line,) = october_told["conversions"]
    assert (line["trigger"], line["shown"], line["converted"], line["converted_share"]) == ("limit reached", 1, 1, 1.0)


@pytest.mark.slow
def test_the_last_complete_month_is_told_unless_another_is_asked_for(eight: Project) -> None:
    assert told(eight)["period"]["name"] == "2026-10"


@pytest.mark.slow
def test_several_months_are_one_period(eight: Project) -> None:
    found = told(eight, "2026-06", "2026-10")
    # Elm left and came back inside: at the start it paid, and at the end.
    assert found["bridge"]["churn_minor"] == found["bridge"]["reactivation_minor"] + 5000 == 10_000
    assert found["retention"]["net_revenue_retention"] == pytest.approx((505 + 50) / (525 + 50))


@pytest.mark.slow
def test_a_month_that_is_not_over_says_so(eight: Project) -> None:
    found = told(eight, "2026-11", "2026-11")
    assert not found["period"]["is_complete"]
    assert found["notes"][0] == "2026-11 is not over: it is told up to 2026-11-09."


@pytest.mark.slow
def test_another_policy_tells_the_discounts_differently_and_is_named(eight: Project) -> None:
    found = told(eight, "2026-10", "2026-10", policy="chartmogul")
    assert (found["policy"]["name"], found["policy"]["grr"]) == ("chartmogul", "flow")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("2026-13", "2026-13"), "'2026-13' is no month"),
        (("2026-10", "2026-08"), "lies after"),
        (("2027-03", "2027-03"), "begins after 2026-11-10"),
    ],
)
def test_a_period_that_cannot_be_told_is_refused_with_advice(eight: Project, words: tuple[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        told(eight, *words)


def test_a_policy_that_does_not_exist_is_refused(eight: Project) -> None:
    with pytest.raises(ConfigError, match="Known: standard, chartmogul, stripe"):
        told(eight, policy="mine")


@pytest.mark.parametrize("words", [("2026-10",), ("2026-06", "2026-10"), ("2024-01", "2026-10")])
def test_who_paid_at_the_start_who_did_not_and_the_rates_are_all_of_the_end(
    eight: Project, words: tuple[str, ...]
) -> None:
    found = told(eight, *words)
    bridge, kept = found["bridge"], found["retention"]
    stayed = bridge["start_minor"] * (kept["net_revenue_retention"] or 0)
    assert stayed + kept["newcomers_minor"] + bridge["fx_minor"] == pytest.approx(bridge["end_minor"], abs=1)
    assert kept["newcomers_minor"] > 0


def test_a_month_before_anybody_paid_is_empty_and_says_so(eight: Project) -> None:
    found = told(eight, "2024-01", "2024-01")
    assert not any(found["bridge"].values())
    assert found["retention"]["net_revenue_retention"] is None
    assert "Nobody paid at the start or at the end of this period." in found["notes"]
    assert len(found["months"]) == 12


@pytest.mark.slow
def test_a_currency_without_a_rate_stands_by_itself_and_is_told(tmp_path: Path) -> None:
    project = written(tmp_path / "p", fx_rate=[])
    found = told(project, "2026-10", "2026-10")
    assert found["notes"][0].startswith("No rate from EUR to USD is known")
    assert found["bridge"]["start_minor"] == 47_000
    own = {line["currency"]: line["end_minor"] for line in found["currencies"]}
    assert own == {"eur": 5000, "usd": 52_000}


@pytest.mark.slow
def test_one_account_without_usage_or_sales_is_told(tmp_path: Path) -> None:
    project = written(tmp_path / "p", [stage("fir", "basic", START)], usage=[], fx_rate=[])
    found = told(project, "2026-10", "2026-10")
    assert found["bridge"]["start_minor"] == found["bridge"]["end_minor"] == 2000
    assert found["retention"]["net_revenue_retention"] == 1.0
    assert found["quick_ratio"] is None
    assert found["retention"]["with_usage_why_not"] == "usage is not connected"
    assert found["currencies"] == found["opportunities"] == found["motions"] == []
    assert "One-off sales are not connected (table purchase), so none are told." in found["notes"]


def test_the_csv_holds_every_line_once_and_its_amounts_are_plain(october_told: dict[str, Any]) -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(october_told))))
    bridge = {row["line"]: row["amount"] for row in rows if row["table"] == "bridge"}
    assert (bridge["start"], bridge["contraction"], bridge["end"]) == ("525.00", "-280.00", "576.00")
    keys = [
        tuple(row[name] for name in ("table", "period", "cut", "part", "line", "cause", "currency")) for row in rows
    ]
    assert len(set(keys)) == len(keys)


def test_a_part_that_looks_like_a_formula_is_text_in_the_csv(october_told: dict[str, Any]) -> None:
    part = {**october_told["cuts"]["segment"][0], "part": "=cmd()"}
    text = as_csv({**october_told, "cuts": {**october_told["cuts"], "segment": [part]}})
    assert ",'=cmd()," in text


def test_a_row_in_whole_units_still_adds_up() -> None:
    row = {"start": 149, "new": 149, "expansion": 149, "reactivation": 0, "contraction": 49, "churn": 0, "fx": 1}
    lines = {f"{name}_minor": value for name, value in row.items()} | {"end_minor": 399}
    start, *moved, end = whole_units(lines, "usd")
    assert start + sum(moved) == end == 4


@pytest.mark.parametrize(
    ("used", "limit", "words"),
    [
        (9, 10, "limit 90% used"),
        (10, 10, "limit reached"),
        (8, 10, "limit 80% used"),
        (7, 10, "limit under 80% used"),
    ],
)
def test_a_trigger_is_how_much_of_the_limit_was_used(used: int, limit: int, words: str) -> None:
    assert trigger_of({"used": {"value": used}, "limit_quantity": {"value": limit}}) == words
    assert trigger_of({"used": {"value": used}}) == "pattern of use"
