"""What a Salesforce connector lands: accounts, people, owners, opportunities, cases and contracts."""

from __future__ import annotations

from tests.tables.connectors.conftest import Landed

ACCOUNTS = (
    "id name created_date is_deleted owner_id billing_country _fivetran_active\na1 Acme 2025-01-01 false u1 US true\n"
    "a2 Bolt 2025-01-02 false u2 - true\na3 Gone 2025-01-03 true u1 - true\na4 Old 2025-01-03 false u1 - false\n"
)
USERS = "id name email is_active _fivetran_deleted\nu1 Ana ana@us.test true false\nu2 Bo bo@us.test false false\n"
PEOPLE = (
    "id account_id name title department created_date is_deleted\np1 a1 Ann CTO IT 2025-02-01 false\n"
    "p2 - Ben - - 2025-02-01 false\n"
)
DEALS = (
    "id account_id stage_name amount created_date close_date is_closed is_won is_deleted\n"
    "d1 a1 Talks 99.999 2026-01-01 2026-12-31 false false false\nd2 a2 Won - 2026-01-01 2026-01-09 true true false\n"
)
CASES = (
    "id account_id created_date closed_date is_closed is_escalated priority type contact_id\n"
    "t1 a1 2026-01-01 - false true Critical Problem p1\nt2 a2 2026-01-01 2026-01-03 true false Medium Electrical -\n"
)
CONTRACTS = "id account_id start_date end_date status\nk1 a1 2025-06-01 2026-06-01 Activated\nk2 a1 - - Draft\n"


def land(landed: Landed) -> None:
    landed.land(account=ACCOUNTS, user=USERS, contact=PEOPLE, opportunity=DEALS, case=CASES, contract=CONTRACTS)


def test_accounts_owners_people_deals_cases_and_contracts(landed: Landed) -> None:
    land(landed)
    report = landed.load("salesforce_connector")

    assert report.fault_count == 0
    assert landed.rows("SELECT account_id, owner_id, country FROM account ORDER BY 1") == [
        ("a1", "u1", "US"),
        ("a2", "u2", None),
    ]
    assert landed.rows("SELECT owner_id, name FROM owner") == [("u1", "Ana")]
    assert landed.rows("SELECT contact_id, title, team FROM contact") == [("p1", "CTO", "IT")]
    assert landed.rows("SELECT deal_id, amount_minor, closed_at, won FROM deal ORDER BY 1") == [
        ("d1", 10000, None, None),
        ("d2", None, 1767916800, True),
    ]
    assert landed.rows("SELECT ticket_id, kind, severity, escalated, closed_at FROM ticket ORDER BY 1") == [
        ("t1", "problem", "urgent", True, None),
        ("t2", None, "normal", False, 1767398400),
    ]
    assert landed.rows("SELECT kind, occurred_at, detail FROM moment") == [
        ("contract_began", 1748736000, "until 2026-06-01")
    ]


def test_without_its_date_an_account_began_with_its_first_version(landed: Landed) -> None:
    landed.land(
        sf_account_data="id name\na1 Acme\n",
        sf_account_history_data="id _fivetran_start\na1 2025-03-01\na1 2025-02-01\n",
    )
    landed.load("salesforce_connector")

    assert landed.rows("SELECT account_id, created_at FROM account") == [("a1", 1738368000)]


def test_without_either_the_account_is_not_mapped_and_it_is_said_why(landed: Landed) -> None:
    landed.land(account="id name\na1 Acme\n")
    chosen = landed.choose("salesforce_connector")

    why = "Salesforce: the column account.created_date or the table account_history is not landed"
    assert ("account", why) in chosen.left
