"""What a HubSpot connector lands: companies, people, owners, deals, meetings and tickets."""

from __future__ import annotations

from tests.tables.connectors.conftest import Landed

COMPANIES = (
    "id is_deleted property_name property_createdate property_hubspot_owner_id property_numberofemployees\n"
    "10 false Acme 2025-01-01 o1 40\n20 false Bolt 2025-01-02 - -\n30 true Gone 2025-01-03 - -\n"
)
DEALS = (
    "deal_id is_deleted deal_pipeline_id deal_pipeline_stage_id property_amount property_createdate"
    " property_closedate\nd1 false sales open 1200.50 2026-01-01 2026-03-01\n"
    "d2 false sales won 10 2026-01-10 2026-01-05\n"
    "d3 false other won 10 2026-01-01 2026-01-05\nd4 true sales open 10 2026-01-01 -\n"
)
STAGES = (
    "pipeline_id stage_id label is_closed closed_won\nsales open Talking FALSE FALSE\nsales won Won TRUE TRUE\n"
    "other won Lost TRUE FALSE\n"
)
OF_COMPANY = "deal_id company_id type_id\nd1 20 341\nd1 10 5\nd2 10 5\nd3 20 5\nd4 10 5\n"


def land(landed: Landed, **tables: str) -> None:
    usual = {"company": COMPANIES, "deal": DEALS, "deal_company": OF_COMPANY, "deal_pipeline_stage": STAGES}
    landed.land(**{**usual, **tables})


def test_companies_are_accounts_with_their_owner(landed: Landed) -> None:
    land(landed, owner="owner_id first_name last_name email\no1 Ana Lima ana@us.test\no2 Bo - -\n")
    landed.load("hubspot_connector")

    assert landed.rows("SELECT account_id, name, owner_id, employees FROM account ORDER BY 1") == [
        ("10", "Acme", "o1", 40),
        ("20", "Bolt", None, None),
    ]
    assert landed.rows("SELECT owner_id, name FROM owner ORDER BY 1") == [("o1", "Ana Lima"), ("o2", "Bo")]


def test_a_deal_is_its_primary_companys_and_closed_as_its_stage_says(landed: Landed) -> None:
    land(landed)
    landed.load("hubspot_connector")

    assert landed.rows(
        "SELECT deal_id, account_id, stage, amount_minor, closed_at, won FROM deal JOIN account USING (account_key)"
        " ORDER BY 1"
    ) == [
        ("d1", "10", "Talking", 120050, None, None),
        ("d2", "10", "Won", 1000, 1768003200, True),  # typed in on 10 January, after it was closed
        ("d3", "20", "Lost", 1000, 1767571200, False),
    ]


def test_people_need_the_column_that_says_whose_they_are(landed: Landed) -> None:
    land(landed, contact="id property_firstname property_email property_createdate\np1 Ann ann@acme.test 2025-02-01\n")
    chosen = landed.choose("hubspot_connector")

    assert "contact" not in chosen.tables
    assert ("contact", "HubSpot: the column contact.property_associatedcompanyid is not landed") in chosen.left
    assert "# contact is not mapped from HubSpot: the column contact.property_associatedcompanyid" in chosen.text


def test_people_with_a_company_are_contacts(landed: Landed) -> None:
    people = (
        "id property_firstname property_lastname property_createdate property_associatedcompanyid\n"
        "p1 Ann Lee 2025-02-01 10\np2 Ben - 2025-02-01 -\n"
    )
    land(landed, contact=people)
    landed.load("hubspot_connector")

    assert landed.rows("SELECT contact_id, name FROM contact") == [("p1", "Ann Lee")]


def test_tickets_have_kind_and_severity_where_their_words_are_known(landed: Landed) -> None:
    tickets = (
        "id is_deleted property_createdate property_closed_date property_hs_ticket_category"
        " property_hs_ticket_priority\nt1 FALSE 2026-01-01 - PRODUCT_ISSUE URGENT\n"
        "t2 FALSE 2026-01-01 2026-01-03 our_word MEDIUM\n"
    )
    land(landed, ticket=tickets, ticket_company="ticket_id company_id\nt1 10\nt2 20\n")
    landed.load("hubspot_connector")

    assert landed.rows("SELECT ticket_id, kind, severity, closed_at FROM ticket ORDER BY 1") == [
        ("t1", "problem", "urgent", None),
        ("t2", None, "normal", 1767398400),
    ]


def test_meetings_and_calls_are_moments(landed: Landed) -> None:
    land(
        landed,
        engagement="id type\ne1 MEETING\ne2 CALL\ne3 EMAIL\ne4 CALL\n",
        engagement_company="engagement_id company_id\ne1 10\ne2 20\ne3 10\n",
        engagement_meeting="engagement_id start_time\ne1 2026-01-05\n",
        engagement_call="engagement_id property_hs_timestamp\ne2 2026-01-06\n",
    )
    landed.load("hubspot_connector")

    assert landed.rows("SELECT moment_id, kind, occurred_at FROM moment ORDER BY 1") == [
        ("e1", "meeting", 1767571200),
        ("e2", "call", 1767657600),
    ]
