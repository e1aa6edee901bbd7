"""What a Zendesk connector lands: whose ticket it is, whether it is open, how bad it is."""

from __future__ import annotations

from tests.tables.connectors.conftest import Landed

ORGANIZATIONS = "id name created_at\n10 Acme 2025-01-01\n20 Bolt 2025-01-02\n"
USERS = (
    "id name email role organization_id active created_at updated_at\n"
    "1 Ann ann@acme.test end-user 10 TRUE 2025-02-01 -\n"
    "2 Ben ben@bolt.test end-user 20 FALSE 2025-02-01 2026-01-05\n3 Cy cy@us.test agent 10 TRUE 2025-02-01 -\n"
    "4 Di di@else.test end-user - TRUE 2025-02-01 -\n"
)
TICKETS = (
    "id organization_id requester_id status type priority created_at updated_at\n"
    "t1 10 1 open incident urgent 2026-01-01 2026-01-09\n"
    "t2 - 2 closed question low 2026-01-01 2026-01-20\n"
    "t3 20 2 open task - 2026-01-01 2026-01-09\n"
    "t4 20 2 solved - normal 2026-01-01 2026-01-08\n"
    "t5 10 1 deleted problem high 2026-01-01 2026-01-02\n"
)
HISTORY = (
    "ticket_id field_name value updated\nt2 status solved 2026-01-03\nt2 status open 2026-01-04\n"
    "t2 status solved 2026-01-06\nt2 status closed 2026-01-10\nt3 status solved 2026-01-03\nt3 status open 2026-01-05\n"
    "t1 priority solved 2026-01-02\n"
)
TAGS = "ticket_id tag\nt1 Escalated\nt1 escalation\nt2 billing\n"


def land(landed: Landed, **tables: str) -> None:
    usual = {"organization": ORGANIZATIONS, "user": USERS, "ticket": TICKETS}
    landed.land(**{**usual, "ticket_field_history": HISTORY, "ticket_tag": TAGS, **tables})


def test_tickets_are_open_until_they_were_last_solved(landed: Landed) -> None:
    land(landed)
    report = landed.load("zendesk_connector")

    assert report.fault_count == 0
    assert landed.rows(
        "SELECT ticket_id, account_id, kind, severity, escalated, closed_at, contact_id FROM ticket"
        " JOIN account USING (account_key) ORDER BY 1"
    ) == [
        ("t1", "10", "problem", "urgent", True, None, "1"),
        ("t2", "20", "question", "low", False, 1767657600, "2"),  # 6 January
        ("t3", "20", "question", None, False, None, "2"),
        ("t4", "20", None, "normal", False, 1767830400, "2"),  # without a history, when it last changed
    ]


def test_end_users_of_an_organization_are_contacts(landed: Landed) -> None:
    land(landed)
    landed.load("zendesk_connector")

    assert landed.rows("SELECT contact_id, name, left_at FROM contact ORDER BY 1") == [
        ("1", "Ann", None),
        ("2", "Ben", 1767571200),
    ]


def test_a_ticket_of_nobodys_account_is_told(landed: Landed) -> None:
    land(landed, ticket=TICKETS + "t6 - 4 open problem high 2026-01-01 -\n")
    report = landed.load("zendesk_connector")

    assert [(one.place, one.kind) for one in report.examples] == [("landed/ticket.csv:7", "null_key")]


def test_another_systems_account_ids_are_looked_up_and_else_taken_as_they_are(landed: Landed) -> None:
    land(landed)
    landed.land(customer="id name created\nacme Acme 2025-01-01\n20 Bolt 2025-01-01\n")
    landed.project.write("data/account_ids.csv", "connector,their_id,account_id\nzendesk,10,acme\nhubspot,20,other\n")
    chosen = landed.choose("stripe_connector", "zendesk_connector")
    landed.project.load(known=None)

    assert chosen.is_linked
    assert landed.rows("SELECT ticket_id, account_id FROM ticket JOIN account USING (account_key) ORDER BY 1") == [
        ("t1", "acme"),
        ("t2", "20"),
        ("t3", "20"),
        ("t4", "20"),
    ]
