"""What a page says whose token proves who speaks: more than a page may, less than a server."""

from __future__ import annotations

import json
from typing import Any

from tests.engine.intake.test_ingesting import (
    CONTACTS,
    NOW,
    Shop,
    group,
    identify,
    loaded,
    shop,
    track,
    trusting,
)
from upstep.engine.intake.arriving import read_event
from upstep.tables import forgotten

__all__ = ["loaded", "shop"]


def send(shop: Shop, *events: dict[str, Any], proven: str = "a1") -> None:
    """Events as the door keeps them whose token named their person and this account."""
    read = [read_event(json.dumps(one).encode(), sent_at=None, received_at=NOW) for one in events]
    shop.inbox.add([one._replace(is_public=True, proven_account=proven) for one in read])


def test_people_may_change_what_they_say_of_themselves(shop: Shop) -> None:
    shop.send(identify("c1", team="Ops", title="Clerk"))
    send(shop, identify("c1", key="i2", name="Anna", team="Sales", title="CFO", timezone="Asia/Tokyo"))
    shop.drain()
    assert shop.now_rows("contact", "name, team, title, time_zone") == [("Anna", "Sales", "CFO", "Asia/Tokyo")]
    assert shop.refused() == {}


def test_nobody_says_of_themselves_what_they_may_do_or_where_mail_goes_whatever_the_settings_say(shop: Shop) -> None:
    trusting(shop)
    powers = {"email": "evil@other.example", "may_buy": True, "role": "budget_owner", "consents": ["sales"]}
    send(shop, identify("c1", **powers), identify("c7", key="i2", **powers))
    shop.drain()
    assert shop.now_rows("contact", "contact_id, email, may_buy, role, consents") == [
        ("c1", "ann@acme.example", None, None, None),
        ("c7", None, None, None, None),
    ]
    assert shop.refused() == {f"contact.{column}": 2 for column in powers}


def test_of_the_account_a_proven_person_says_no_more_than_any_page(shop: Shop) -> None:
    traits = {"owner_id": "evil", "segment": "smb", "currency": "eur", "employees": 3}
    send(shop, group("a1", "c1", name="Evil", **traits))
    shop.drain()
    columns = "name, owner_id, segment, currency, employees"
    assert shop.rows("account", columns, "account_id = 'a1' AND seen_to IS NULL") == [("Acme", None, None, None, None)]
    assert shop.refused()["account.name"] == 1


def test_a_proven_person_is_of_the_account_of_their_token(shop: Shop) -> None:
    send(shop, identify("c7", name="Cy"), proven="a2")
    shop.drain()
    assert ("c7", "a2", "Cy") in shop.now_rows("contact", "contact_id, account_id, name")


def test_a_token_goes_before_what_any_page_said_and_not_before_a_server_or_a_table(shop: Shop) -> None:
    shop.send_from_page(group("a1", "c7", key="g1"))
    shop.send(group("a1", "c8", key="g2"))
    shop.drain()
    send(shop, *(group("a2", who, key=f"{who}-2") for who in ("c1", "c7", "c8")), proven="a2")
    shop.drain()
    homes = shop.now_rows("contact", "contact_id, account_id")
    assert homes == [("c1", "a1"), ("c7", "a2"), ("c8", "a1")], "c1 by the table, c8 by the server"
    assert shop.refused() == {"contact.account_id": 2}


def test_a_table_that_is_loaded_later_goes_before_a_token(shop: Shop) -> None:
    send(shop, identify("c7", title="Boss"), proven="a2")
    shop.drain()
    (shop.project.folder / "data" / "contact.csv").write_text(CONTACTS + "c7,a1,Cy,cy@acme.example\n")
    shop.own_load(NOW)
    send(shop, group("a2", "c7"), proven="a2")
    shop.drain()
    assert ("c7", "a1", "Cy") in shop.now_rows("contact", "contact_id, account_id, name")


def test_usage_is_of_the_account_of_the_token_wherever_its_person_belongs(shop: Shop) -> None:
    send(shop, track("Mail", key="m1"), proven="a2")
    shop.send_from_page(track("Mail", key="m2"))
    shop.drain()
    found = shop.rows("usage", "event_id, account_id, contact_id", "event_id <> 'e1'")
    assert found == [("m1", "a2", "c1"), ("m2", "a1", "c1")]


def test_usage_of_a_proven_newcomer_waits_for_nobody(shop: Shop) -> None:
    send(shop, track("Mail", key="m1", user="c9"))
    assert shop.drain().faults == {}
    assert shop.rows("usage", "account_id", "event_id = 'm1'") == [("a1",)]


def test_a_proven_person_takes_no_visitor_from_another(shop: Shop) -> None:
    shop.send(identify("c1", anonymous="anon-1"))
    send(shop, identify("c7", key="i2", anonymous="anon-1"))
    shop.drain()
    assert shop.refused() == {"alias.contact_id": 1}


def test_what_was_proven_stays_so_when_it_is_put_aside_and_taken_anew(shop: Shop) -> None:
    send(shop, track("Lost", key="m1"), proven="a2")
    assert shop.drain().faults == {"unknown_meter": 1}
    assert [one.event.proven_account for one in shop.inbox.parked()] == ["a2"]
    shop.inbox.again(lambda _event: True)
    assert [one.proven_account for one in shop.inbox.take()] == ["a2"]


def test_nothing_is_kept_of_a_forgotten_account_that_only_the_token_names(shop: Shop) -> None:
    told = {"account": [forgotten.digest("account", "a2")], "contact": []}
    (shop.project.folder / ".upstep" / "facts" / forgotten.FILE).write_text(json.dumps(told))
    send(shop, track("Mail", key="m1", user="c9"), proven="a2")
    assert shop.drain().accounts == frozenset()
    assert shop.inbox.told("contact") == {}
