"""Tables as connectors really land them: each public folder becomes a project that loads and says what it lacks."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Upstep, upstep
from upstep.engine.project import Project
from upstep.tables.query import DuckEngine

__all__ = ["upstep"]


@dataclass(frozen=True)
class Told:
    """A project of one connector: what init, load and check said."""

    folder: Path
    started: str
    loaded: dict[str, Any]
    checked: dict[str, Any]

    @property
    def added(self) -> dict[str, int]:
        return {table["table"]: table["added"] for table in self.loaded["tables"]}

    def found(self, finding: str) -> dict[str, int]:
        """Table -> count of a kind of finding."""
        return {one["table"]: one["count"] for one in self.checked["findings"] if one["id"] == finding}

    def rows(self, query: str) -> list[tuple[object, ...]]:
        from upstep.tables.facts import open_facts

        engine = DuckEngine(threads=1)
        open_facts(self.folder, engine, as_of=None)
        return engine.connection.execute(query).fetchall()


def told(upstep: Upstep, public_data: Path, folder: Path, *names: str) -> Told:
    landed = public_data / "fivetran_seeds"
    if not landed.is_dir():
        pytest.skip(
            "needs tables as connectors land them: integration_tests/seeds of github.com/fivetran/dbt_stripe,"
            " dbt_zendesk, dbt_hubspot, dbt_salesforce and dbt_mixpanel, each as a folder of its name (stripe, …) in"
            " fivetran_seeds in UPSTEP_PUBLIC_DATA"
        )
    words = [word for name in names for word in ("--from", name)]
    started = upstep("init", *words, "--data", landed, "--project", folder)
    assert started.code == 0, started.err
    loaded = json.loads(upstep("load", "--project", folder, "--json").out)
    checked = json.loads(upstep("check", "--project", folder, "--json").out)
    return Told(folder, " ".join(started.out.split()), loaded, checked)


@pytest.mark.slow
def test_stripe(upstep: Upstep, public_data: Path, tmp_path: Path) -> None:
    stripe = told(upstep, public_data, tmp_path / "p", "stripe_connector")

    # One of 12 customers is deleted, none has an address; 2 of 14 items have a subscription, and so an account.
    assert stripe.added == {"account": 11, "contact": 0, "subscription_item": 2, "invoice": 2, "fx_rate": 0}
    assert stripe.found("null_key") == {"subscription_item": 12}
    assert stripe.found("required_table_missing") == {"usage": 1}
    assert stripe.found("unknown_account") == {"account": 4}
    catalog = Project(stripe.folder).catalog
    assert len(catalog.products) == 17
    price = catalog.products["prod_BTzAZ8EnmwNUqW"].plans[0].prices[0]
    assert (price.id, price.amount_minor, price.interval, price.interval_count) == ("5gh", 150000, "month", 6)
    assert catalog.products["prod_HCqb8lm6kfYk"].one_off


@pytest.mark.slow
def test_the_values_of_stripes_items_and_invoices(upstep: Upstep, public_data: Path, tmp_path: Path) -> None:
    stripe = told(upstep, public_data, tmp_path / "p", "stripe_connector")
    # Its subscriptions are of customers that were not exported: they are accounts here to be looked at.
    accounts = "account_id,name,created_at\nsdf6547,A,2020-01-01\n123fsdf,B,2020-01-01\nsdgfs84854,C,2020-01-01\n"
    (stripe.folder / "data" / "account.csv").write_text(accounts)
    mapping = (stripe.folder / "mapping.yaml").read_text()
    begins, ends = mapping.index("  account:\n"), mapping.index("  contact:\n")
    (stripe.folder / "mapping.yaml").write_text(
        f"{mapping[:begins]}  account: {{from: data/account.csv}}\n\n{mapping[ends:]}"
    )
    upstep("load", "--project", stripe.folder)

    assert stripe.rows(
        "SELECT plan_id, price_id, quantity, amount_minor, list_amount_minor, currency, interval, interval_count,"
        " status, auto_renew FROM subscription_item ORDER BY item_id"
    ) == [
        ("prod_BUZaPcD5jIhqAG", "zb1", 1, 150000, 150000, "usd", "month", 1, "active", False),
        ("prod_BUqcov3uJTssuQ", "ab2", 2, 300000, 300000, "usd", "month", 1, "active", False),
    ]
    assert stripe.rows("SELECT invoice_id, amount_due_minor, currency, status, paid_at FROM invoice") == [
        ("ab1111", 0, "usd", "paid", None)
    ]


def test_zendesk(upstep: Upstep, public_data: Path, tmp_path: Path) -> None:
    zendesk = told(upstep, public_data, tmp_path / "p", "zendesk_connector")

    # Two of ten tickets are deleted; of one without an organization the requester's counts. One of ten users is an
    # agent.
    assert zendesk.added == {"account": 10, "contact": 9, "ticket": 8}
    assert zendesk.loaded["fault_count"] == 0
    assert zendesk.found("required_table_missing") == {"subscription_item": 1, "usage": 1}
    assert zendesk.found("unknown_account") == {"account": 14}
    assert "Nothing can be decided without subscription_item and usage" in zendesk.started


def test_hubspot(upstep: Upstep, public_data: Path, tmp_path: Path) -> None:
    hubspot = told(upstep, public_data, tmp_path / "p", "hubspot_connector")

    # Neither deals nor tickets are of the companies that their associations name, and nothing says whose people are.
    assert hubspot.added == {"account": 24, "owner": 100, "deal": 0, "ticket": 0, "moment": 0}
    assert hubspot.found("null_key") == {"deal": 44, "ticket": 25}
    assert hubspot.found("ends_before_start") == {"ticket": 1}
    assert "HubSpot: the column contact.property_associatedcompanyid is not landed" in hubspot.started


def test_salesforce(upstep: Upstep, public_data: Path, tmp_path: Path) -> None:
    salesforce = told(upstep, public_data, tmp_path / "p", "salesforce_connector")

    # All but one account and all opportunities are deleted; half of the users are; one person has no account.
    assert salesforce.added == {"account": 1, "owner": 5, "contact": 3, "deal": 0}
    assert salesforce.loaded["fault_count"] == 0
    assert "Salesforce: the table case is not landed" in salesforce.started
    assert "Salesforce: the table contract is not landed" in salesforce.started


@pytest.mark.slow
def test_mixpanel(upstep: Upstep, public_data: Path, tmp_path: Path) -> None:
    mixpanel = told(upstep, public_data, tmp_path / "p", "stripe_connector", "mixpanel_connector")

    # Its events say which person, not which account. Their names are meters.
    assert mixpanel.added["usage"] == 0
    assert mixpanel.found("null_key")["usage"] == 5
    assert "required_table_missing" not in {one["id"] for one in mixpanel.checked["findings"]}
    assert "playthrough_25" in Project(mixpanel.folder).catalog.meters


@pytest.mark.slow
def test_all_of_them_at_once(upstep: Upstep, public_data: Path, tmp_path: Path) -> None:
    names = [f"{name}_connector" for name in ("stripe", "hubspot", "zendesk", "salesforce", "mixpanel")]
    every = told(upstep, public_data, tmp_path / "p", *names)
    decided = upstep("decide", "--project", every.folder, "--json")

    assert set(every.added) == {
        *("account", "owner", "contact", "subscription_item", "usage", "ticket", "invoice", "deal", "moment", "fx_rate")
    }
    assert every.added["ticket"] == 8  # of Zendesk: HubSpot's tickets only stand in
    assert decided.code == 0
    assert json.loads(decided.out)["decisions"] == []
    assert (every.folder / "data" / "account_ids.csv").exists()
