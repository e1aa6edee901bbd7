"""Which connector fills which table, and that every mapping that ships is one."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import pytest

from tests.tables.connectors import test_hubspot, test_salesforce, test_stripe, test_zendesk
from tests.tables.connectors.conftest import Landed
from upstep.errors import ConfigError, SourceError
from upstep.tables.connectors.connector import CONNECTORS, choose, find_connectors
from upstep.tables.mapping import read_mapping

BILLING = {
    "customer": "id name created\nacme Acme 2025-01-01\n",
    "price": "id product_id currency unit_amount recurring_interval\nm pro usd 900 month\n",
    "subscription": "id customer_id status\ns1 acme active\n",
    "subscription_item": "id subscription_id plan_id created\ni1 s1 m 2025-01-01\n",
}


def test_an_unknown_connector_is_told_with_what_may_have_been_meant() -> None:
    with pytest.raises(ConfigError) as caught:
        find_connectors(["stripe_conector", "zendesk_connector", "x"])

    assert [fault.found for fault in caught.value.faults] == [
        "connector 'stripe_conector' is not known.",
        "connector 'x' is not known.",
    ]
    assert "Did you mean 'stripe_connector'?" in caught.value.faults[0].advice


@pytest.mark.parametrize(
    "names", [(one,) for one in CONNECTORS] + list(combinations(CONNECTORS, 2)) + [tuple(CONNECTORS)]
)
@pytest.mark.parametrize("data", [None, "${WAREHOUSE_URL}"])
def test_every_mapping_that_ships_reads_as_a_mapping(tmp_path: Path, names: tuple[str, ...], data: str | None) -> None:
    landings = {one: one.landing(data, project=tmp_path) for one in find_connectors(names)}
    chosen = choose(landings, minor_units=100)
    (tmp_path / "mapping.yaml").write_text(chosen.text)

    assert set(read_mapping(tmp_path).tables) == set(chosen.tables)
    left_over = r"landed: |#: |MINOR_UNITS|ACCOUNT\(|- link:"
    assert not re.search(left_over, chosen.text)
    assert ("${WAREHOUSE_URL}" in chosen.text.replace("DATABASE", "")) is (data is not None)


def test_what_lies_in_postgres_is_read_from_the_connectors_schema(tmp_path: Path) -> None:
    stripe = CONNECTORS["stripe_connector"]
    text = choose({stripe: stripe.landing("${WAREHOUSE_URL}", project=tmp_path)}, minor_units=100).text

    assert "from: {postgres: '${WAREHOUSE_URL}', table: stripe.customer, may_lack: " in text


def test_the_first_connector_fills_a_table_and_the_other_stands_by_as_a_comment(landed: Landed) -> None:
    landed.land(company="id property_name property_createdate\nc1 Acme 2025-01-01\n", **BILLING)
    hubspot_first = landed.choose("hubspot_connector", "stripe_connector")
    stripe_first = landed.choose("stripe_connector", "hubspot_connector")

    assert (hubspot_first.tables["account"], stripe_first.tables["account"]) == (
        "hubspot_connector",
        "stripe_connector",
    )
    assert "  # HubSpot holds account too" in stripe_first.text
    assert "  # account:\n" in stripe_first.text


def test_a_stand_in_gives_way_whatever_the_order(landed: Landed) -> None:
    people = "id property_createdate property_associatedcompanyid\np1 2025-01-01 acme\n"
    landed.land(company="id property_name property_createdate\nc1 Acme 2025-01-01\n", contact=people, **BILLING)

    assert landed.choose("stripe_connector").tables["contact"] == "stripe_connector"
    assert landed.choose("stripe_connector", "hubspot_connector").tables["contact"] == "hubspot_connector"


def test_ids_are_looked_up_only_where_another_connector_holds_the_accounts(landed: Landed) -> None:
    landed.land(company="id property_name property_createdate\nc1 Acme 2025-01-01\n", **BILLING)
    alone = landed.choose("stripe_connector")
    together = landed.choose("hubspot_connector", "stripe_connector")
    landed.project.write("data/account_ids.csv", "connector,their_id,account_id\nstripe,acme,c1\n")
    landed.project.load(known=None)

    assert (alone.is_linked, together.is_linked) == (False, True)
    assert "account_ids" not in alone.text
    assert landed.rows("SELECT account_id FROM subscription_item JOIN account USING (account_key)") == [("c1",)]


@pytest.mark.slow
def test_typed_tables_of_a_database_give_the_rows_that_text_gives(tmp_path: Path) -> None:
    """Dates, numbers and flags have types there, and a column that lacks has none."""
    landings: dict[str, Callable[[Landed], None]] = {
        "stripe_connector": lambda landed: test_stripe.land(
            landed,
            coupon=test_stripe.COUPONS,
            subscription_discount="id subscription_id coupon_id end\nd1 s1 tenth 2026-05-01\n",
            plan="id product_id currency amount interval interval_count\nold pro eur 700 week 2\n",
        ),
        "zendesk_connector": test_zendesk.land,
        "hubspot_connector": test_hubspot.land,
        "salesforce_connector": test_salesforce.land,
    }
    for name, land in landings.items():
        (tmp_path / name).mkdir()
        landed = Landed(tmp_path / name)
        land(landed)
        tables = landed.choose(name).tables
        landed.project.load(known=None)
        told = {table: landed.rows(f"SELECT * FROM {table} ORDER BY ALL") for table in tables}
        landed.into_database(CONNECTORS[name].short)
        shutil.rmtree(landed.project.folder / ".upstep")
        landed.project.load(known=None)

        assert {table: landed.rows(f"SELECT * FROM {table} ORDER BY ALL") for table in tables} == told
        assert all(told.values())


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("nowhere", "there is no 'nowhere'"),
        (".", "holds no table that a connector lands for stripe"),
        ("a.txt", "no DuckDB"),
    ],
)
def test_a_place_without_landed_tables_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, found: str
) -> None:
    (tmp_path / "a.txt").write_text("not a database")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SourceError, match=found):
        CONNECTORS["stripe_connector"].landing(where, project=tmp_path)


def test_tables_are_found_under_the_names_that_exports_give_them(tmp_path: Path) -> None:
    (tmp_path / "data" / "stripe").mkdir(parents=True)
    for name in ("customer_data.csv", "stripe_invoice.parquet", "Price.jsonl.gz", "subscription_data_postgres.csv"):
        (tmp_path / "data" / "stripe" / name).touch()
    landing = CONNECTORS["stripe_connector"].landing(str(tmp_path / "data"), project=tmp_path)

    assert {table: source.patterns for table, source in landing.sources.items()} == {
        "customer": ("data/stripe/customer_data.csv",),
        "invoice": ("data/stripe/stripe_invoice.parquet",),
        "price": ("data/stripe/Price.jsonl.gz",),
    }
