"""What a page says: usage and moments count; of people and accounts it fills gaps, moves nobody and changes nothing."""

from __future__ import annotations

import json

from tests.engine.intake.test_ingesting import CONTACTS, NOW, Shop, group, identify, loaded, shop, track, trusting

__all__ = ["loaded", "shop"]


def test_a_page_adds_usage_and_moments(shop: Shop) -> None:
    shop.send_from_page(track(count=7), {"type": "page", "messageId": "p1", "userId": "c1", "name": "Pricing"})
    assert shop.drain().accounts == {"a1"}
    assert shop.rows("usage", "event_id, quantity", "event_id = 'm1'") == [("m1", 7)]
    assert shop.rows("moment", "kind, contact_id") == [("pricing_page_viewed", "c1")]


def test_a_page_moves_no_known_contact_to_another_account(shop: Shop) -> None:
    shop.send_from_page(group("a2", "c1"), track("Mail", key="m2"))
    shop.send_from_page(identify("c1") | {"messageId": "i9", "context": {"groupId": "a2"}})
    shop.drain()
    assert shop.now_rows("contact", "contact_id, account_id") == [("c1", "a1")]
    assert shop.rows("usage", "account_id", "event_id = 'm2'") == [("a1",)]
    assert shop.refused() == {"contact.account_id": 2}


def test_a_page_moves_nobody_whom_a_server_placed_in_the_same_minute(shop: Shop) -> None:
    shop.send(group("a1", "c7"))
    shop.send_from_page(group("a2", "c7", key="g2"))
    shop.drain()
    assert ("c7", "a1") in shop.now_rows("contact", "contact_id, account_id")
    assert shop.refused() == {"contact.account_id": 1}


def test_a_page_sets_no_column_of_an_account_but_the_name_of_an_unknown_one(shop: Shop) -> None:
    traits = {"owner_id": "evil", "segment": "smb", "industry": "tea", "employees": 3, "country": "NO"}
    shop.send_from_page(group("a2", "c1", name="Evil", **traits), group("a9", "c9", key="g2", name="Nine", **traits))
    shop.drain()
    columns = "account_id, name, owner_id, segment, industry, employees, country"
    assert shop.now_rows("account", columns) == [
        ("a1", "Acme", None, None, "shoes", None, None),
        ("a2", "Beta", None, None, None, None, None),
        ("a9", "Nine", None, None, None, None, None),
    ]
    told = shop.refused()
    assert told["account.owner_id"] == 2
    assert told["account.name"] == 1, "of the account that had one"


def test_an_account_that_is_called_by_its_id_may_be_named_by_a_page_once(shop: Shop) -> None:
    shop.send_from_page(group("a9", "c9"))
    shop.drain()
    shop.send_from_page(group("a9", "c9", key="g2", name="Nine"))
    shop.drain()
    shop.send_from_page(group("a9", "c9", key="g3", name="Ten"))
    shop.drain()
    assert shop.now_rows("account", "account_id, name")[-1] == ("a9", "Nine")
    assert shop.refused() == {"account.name": 1}


def test_a_page_fills_what_nobody_said_of_a_person_and_changes_nothing(shop: Shop) -> None:
    shop.send(identify("c1", team="Ops"))
    shop.send_from_page(identify("c1", key="i2", name="Evil", team="Evil", title="CFO"))
    shop.drain()
    shop.send_from_page(identify("c1", key="i3", title="CEO"), identify("c1", key="i4", name="Ann", title="CFO"))
    shop.drain()
    assert shop.now_rows("contact", "name, team, title") == [("Ann", "Ops", "CFO")]
    assert shop.refused() == {"contact.name": 1, "contact.team": 1, "contact.title": 1}, "what is known is not refused"


def test_a_page_never_says_who_may_buy_or_where_mail_goes_whatever_the_settings_say(shop: Shop) -> None:
    trusting(shop)
    powers = {"email": "evil@other.example", "may_buy": True, "role": "admin", "consents": ["sales"]}
    shop.send_from_page(identify("c1", **powers), identify("c7", key="i2", **powers), group("a1", "c7"))
    shop.drain()
    assert shop.now_rows("contact", "contact_id, email, may_buy, role, consents") == [
        ("c1", "ann@acme.example", None, None, None),
        ("c7", None, None, None, None),
    ]
    assert shop.refused() == {f"contact.{column}": 2 for column in powers}


def test_a_later_word_of_a_server_or_a_table_goes_before_that_of_a_page(shop: Shop) -> None:
    shop.send_from_page(identify("c7", title="Boss"), group("a2", "c7", key="g1"))
    shop.drain()
    shop.send(identify("c7", key="i2", title="Clerk"), group("a1", "c7", key="g2"))
    shop.drain()
    assert ("c7", "a1", "Clerk") in shop.now_rows("contact", "contact_id, account_id, title")


def test_where_a_server_sees_somebody_goes_before_where_a_page_put_them(shop: Shop) -> None:
    shop.send_from_page(group("a2", "c7"))
    shop.drain()
    shop.send(track("Mail", key="m1", user="c7", group="a1"), track("Mail", key="m2", user="c7"))
    shop.drain()
    assert ("c7", "a1") in shop.now_rows("contact", "contact_id, account_id")
    assert shop.rows("usage", "account_id", "event_id = 'm2'") == [("a1",)]


def test_a_load_that_moves_somebody_is_not_undone_by_a_page(shop: Shop) -> None:
    shop.send_from_page(group("a2", "c7"))
    shop.drain()
    (shop.project.folder / "data" / "contact.csv").write_text(CONTACTS + "c7,a1,Cy,cy@acme.example\n")
    shop.own_load(NOW)
    shop.send_from_page(identify("c7", title="CFO"), group("a2", "c7", key="g2"))
    shop.drain()
    assert ("c7", "a1", "CFO") in shop.now_rows("contact", "contact_id, account_id, title")


def test_a_page_gives_no_visitor_to_another_person(shop: Shop) -> None:
    shop.send(identify("c1", anonymous="anon-1"))
    shop.send_from_page(identify("c9", key="i2", anonymous="anon-1"))
    shop.send_from_page({**track("Mail", key="m2"), "userId": None, "anonymousId": "anon-1"})
    shop.drain()
    assert shop.rows("usage", "contact_id", "event_id = 'm2'") == [("c1",)]
    assert shop.refused() == {"alias.contact_id": 1}


def test_a_visitor_who_signs_up_in_a_page_is_known_with_what_came_before(shop: Shop) -> None:
    shop.send_from_page({**track("Mail"), "userId": None, "anonymousId": "anon-2"})
    assert shop.drain().faults == {"no_account": 1}
    shop.send_from_page(identify("c8", anonymous="anon-2", name="Di"), group("a8", "c8", name="Eight"))
    shop.drain()
    assert shop.rows("usage", "event_id, contact_id, account_id", "event_id = 'm1'") == [("m1", "c8", "a8")]
    assert ("c8", "Di") in shop.now_rows("contact", "contact_id, name")
    assert shop.refused() == {}


def test_what_a_page_sent_stays_a_pages_word_when_it_is_taken_anew(shop: Shop) -> None:
    shop.send_from_page(track("Mail", key="m1", user="c9"), group("a2", "c1"))
    shop.drain()
    assert [one.event.is_public for one in shop.inbox.parked()] == [True]
    shop.inbox.again(lambda _event: True)
    assert {one.is_public for one in shop.inbox.take()} == {True}
    shop.drain()
    assert shop.now_rows("contact", "contact_id, account_id") == [("c1", "a1")]
    assert json.loads(shop.inbox.refused()[0].example)["type"] == "group"
