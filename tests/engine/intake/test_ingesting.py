"""Events become facts: once, for the right account, beside what the company's own tables say."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.company import CATALOG
from upstep import faults
from upstep.engine.intake.arriving import read_event
from upstep.engine.intake.ingesting import OTHER, Drained, drain
from upstep.engine.project import Project, open_project_inbox
from upstep.tables import forgotten
from upstep.tables.lake import open_snapshot, read_manifest
from upstep.tables.load import load

NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
SETTINGS = """\
version: 1
company: Testco
currency: usd
ingest:
  track:
    Email Sent: {meter: emails, quantity: count}
    Mail: {meter: emails}
    Viewed Pricing Page: {moment: pricing_page_viewed}
    Gate: {moment: feature_gate_hit}
    Lost: {meter: nothing_such}
"""
ACCOUNTS = "account_id,name,created_at,industry\na1,Acme,2026-01-01,shoes\na2,Beta,2026-01-02,\n"
CONTACTS = "contact_id,account_id,name,email\nc1,a1,Ann,ann@acme.example\n"
USAGE = "event_id,account_id,meter_id,occurred_at,quantity,contact_id\ne1,a1,emails,2026-03-19T10:00:00Z,5,c1\n"


class Shop:
    """A project with an inbox."""

    def __init__(self, folder: Path) -> None:
        self.project = Project(folder)
        self.inbox = open_project_inbox(self.project)

    def own_load(self, now: datetime) -> Any:
        return load(self.project.folder, now=now, known=self.project.known_ids, told=self.project.told)

    def send(self, *events: dict[str, Any], at: datetime = NOW) -> None:
        self.inbox.add([read_event(json.dumps(one).encode(), sent_at=None, received_at=at) for one in events])

    def send_from_page(self, *events: dict[str, Any]) -> None:
        read = [read_event(json.dumps(one).encode(), sent_at=None, received_at=NOW) for one in events]
        self.inbox.add([one._replace(is_public=True) for one in read])

    def refused(self) -> dict[str, int]:
        return {one.what: one.events for one in self.inbox.refused()}

    def drain(self, now: datetime = NOW) -> Drained:
        return drain(self.project, self.inbox, now=now)

    def rows(self, table: str, columns: str, where: str = "true") -> list[tuple[Any, ...]]:
        snapshot = open_snapshot(self.project.folder)
        with duckdb.connect() as connection:
            keys = snapshot.select("account_key")
            joined = f"({snapshot.select(table)}) stored"
            if table != "account":
                joined += f" JOIN ({keys}) USING (account_key)"
            if table == "usage":
                joined += f" LEFT JOIN ({snapshot.select('contact_key')}) USING (contact_key)"
            return connection.execute(f"SELECT {columns} FROM {joined} WHERE {where} ORDER BY ALL").fetchall()

    def now_rows(self, table: str, columns: str) -> list[tuple[Any, ...]]:
        return self.rows(table, columns, "seen_to IS NULL")


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    (folder / "data").mkdir()
    (folder / "upstep.yaml").write_text(SETTINGS)
    (folder / "catalog.yaml").write_text(CATALOG)
    for name, text in (("account", ACCOUNTS), ("contact", CONTACTS), ("usage", USAGE)):
        (folder / "data" / f"{name}.csv").write_text(text)
    load(folder, now=NOW - timedelta(hours=1), known=Project(folder).known_ids)
    return folder


@pytest.fixture
def shop(tmp_path: Path, loaded: Path) -> Iterator[Shop]:
    shop = Shop(shutil.copytree(loaded, tmp_path / "shop"))
    yield shop
    shop.inbox.close()


def track(name: str = "Email Sent", *, key: str = "m1", user: str | None = "c1", **said: Any) -> dict[str, Any]:
    group = said.pop("group", None)
    at = said.pop("at", None)
    event = {"type": "track", "messageId": key, "userId": user, "event": name, "properties": said, "timestamp": at}
    return {**event, "context": {"groupId": group}} if group else event


def identify(user: str = "c1", *, key: str = "i1", anonymous: str | None = None, **traits: Any) -> dict[str, Any]:
    return {"type": "identify", "messageId": key, "userId": user, "anonymousId": anonymous, "traits": traits}


def group(account: str, user: str = "c9", *, key: str = "g1", **traits: Any) -> dict[str, Any]:
    return {"type": "group", "messageId": key, "userId": user, "groupId": account, "traits": traits}


def test_a_track_event_becomes_usage_of_the_persons_account(shop: Shop) -> None:
    shop.send(track(count=7), track("Mail", key="m2", user=None, group="a2"))
    drained = shop.drain()
    assert (drained.accounts, drained.events, drained.unknown) == ({"a1", "a2"}, 2, {})
    assert shop.rows("usage", "event_id, account_id, contact_id, quantity") == [
        ("e1", "a1", "c1", 5),
        ("m1", "a1", "c1", 7),
        ("m2", "a2", None, 1),
    ]


def test_what_is_drained_is_drained_once(shop: Shop) -> None:
    shop.send(track(count=7))
    shop.drain()
    shop.send(track(count=7))
    assert shop.drain() == Drained()
    assert read_manifest(shop.project.folder).live_through == NOW.timestamp()


def test_a_page_view_may_be_a_moment(shop: Shop) -> None:
    page = {"type": "page", "messageId": "p1", "userId": "c1", "name": "Pricing"}
    shop.send(page, track("Gate", key="m2", feature_id="sso"))
    shop.drain()
    assert shop.rows("moment", "moment_id, kind, account_id, contact_id, subject_id") == [
        ("m2", "feature_gate_hit", "a1", "c1", "sso"),
        ("p1", "pricing_page_viewed", "a1", "c1", None),
    ]


def test_names_that_no_setting_explains_are_counted(shop: Shop) -> None:
    shop.send(track("Odd", key="m1"), track("Odd", key="m2"), track("Other", key="m3"))
    assert shop.drain().unknown == {"Odd": 2, "Other": 1}
    shop.send(track("Odd", key="m4"))
    shop.drain()
    first, *_ = shop.inbox.unknown()
    assert (first.name, first.events, json.loads(first.example)["messageId"]) == ("Odd", 3, "m1")


def test_names_without_end_are_counted_together(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("upstep.engine.intake.ingesting.NAMES_MOST", 2)
    shop.send(*(track(f"Odd {n}", key=f"m{n}") for n in range(6)))
    assert shop.drain().unknown == {"Odd 0": 1, "Odd 1": 1, OTHER: 4}


def test_a_person_whose_account_nobody_told_waits_until_somebody_does(shop: Shop) -> None:
    shop.send(track(user="c9", count=3), track("Mail", key="m2", user="c9"))
    assert shop.drain().faults == {"no_account": 2}
    shop.send(group("a9", "c9", name="Nine"))
    assert shop.drain().accounts == {"a9"}
    assert shop.inbox.parked() == []
    assert shop.rows("usage", "event_id, contact_id", "account_id = 'a9'") == [("m1", "c9"), ("m2", "c9")]
    assert shop.now_rows("account", "account_id, name, industry")[-1] == ("a9", "Nine", None)
    assert shop.now_rows("contact", "contact_id, account_id") == [("c1", "a1"), ("c9", "a9")]


def test_who_is_seen_in_another_account_stays_where_he_belongs(shop: Shop) -> None:
    shop.send(track("Mail", key="m1", group="a2"), track("Mail", key="m2"))
    shop.drain()
    assert shop.rows("usage", "event_id, account_id", "event_id <> 'e1'") == [("m1", "a2"), ("m2", "a1")]
    assert shop.now_rows("contact", "contact_id, account_id") == [("c1", "a1")]
    shop.send(group("a2", "c1"), track("Mail", key="m3"))
    shop.drain()
    assert shop.rows("usage", "account_id", "event_id = 'm3'") == [("a2",)]
    assert shop.now_rows("contact", "contact_id, account_id") == [("c1", "a2")]


def test_a_stranger_belongs_where_he_was_seen(shop: Shop) -> None:
    shop.send(track("Mail", key="m1", user="c7", group="a2"))
    shop.drain()
    shop.send(track("Mail", key="m2", user="c7"))
    shop.drain()
    assert shop.rows("usage", "account_id", "event_id IN ('m1', 'm2')") == [("a2",), ("a2",)]
    assert ("c7", "a2") in shop.now_rows("contact", "contact_id, account_id")


def test_an_anonymous_visitor_who_says_who_he_is_was_that_person_before(shop: Shop) -> None:
    visit = {**track("Mail"), "userId": None, "anonymousId": "anon-1"}
    shop.send(visit)
    assert shop.drain().faults == {"no_account": 1}
    shop.send(identify("c1", anonymous="anon-1"))
    shop.drain()
    assert shop.rows("usage", "event_id, contact_id, account_id", "event_id = 'm1'") == [("m1", "c1", "a1")]


def trusting(shop: Shop) -> None:
    text = SETTINGS.replace("ingest:\n", "ingest:\n  trusted_traits: true\n")
    (shop.project.folder / "upstep.yaml").write_text(text)
    shop.project = Project(shop.project.folder)


@pytest.mark.parametrize("is_trusted", [False, True])
def test_who_may_buy_and_another_email_are_told_by_servers_only(shop: Shop, *, is_trusted: bool) -> None:
    if is_trusted:
        trusting(shop)
    powers = {"may_buy": True, "role": "budget_owner", "consents": ["sales"]}
    shop.send(identify("c1", email="evil@other.example", title="CFO", **powers))
    shop.send(identify("c7", key="i2", email="new@acme.example", mayBuy=True), group("a1", "c7"))
    shop.drain()
    shop.send(identify("c7", key="i3", email="evil@other.example"))
    shop.drain(NOW + timedelta(hours=1))
    ann, new = shop.now_rows("contact", "contact_id, email, title, role, may_buy, consents")
    if is_trusted:
        assert ann == ("c1", "evil@other.example", "CFO", "budget_owner", True, "sales")
        assert new == ("c7", "evil@other.example", None, None, True, None)
    else:
        assert ann == ("c1", "ann@acme.example", "CFO", None, None, None)
        assert new == ("c7", "new@acme.example", None, None, None, None)


def test_traits_change_what_they_say_and_nothing_else(shop: Shop) -> None:
    trusting(shop)
    shop.send(identify(title="CFO", timezone="Europe/Oslo", role="budget owner", shoe=38))
    shop.send(group("a1", "c1", employees="120"))
    shop.drain()
    columns = "name, email, title, role, time_zone, account_id"
    assert shop.now_rows("contact", columns) == [
        ("Ann", "ann@acme.example", "CFO", "budget_owner", "Europe/Oslo", "a1")
    ]
    assert shop.now_rows("account", "name, industry, employees")[0] == ("Acme", "shoes", 120)


def test_what_is_told_again_is_no_news(shop: Shop) -> None:
    shop.send(identify(title="CFO"))
    shop.drain()
    (shop.project.folder / "data" / "contact.csv").write_text(
        CONTACTS.replace("email", "email,title").replace(".example", ".example,CEO")
    )
    shop.own_load(NOW + timedelta(hours=1))
    shop.send(identify(title="CFO", key="i2"))
    assert shop.drain(NOW + timedelta(hours=2)).accounts == frozenset()
    assert shop.now_rows("contact", "title") == [("CEO",)]
    shop.send(identify(title="Chair", key="i3"))
    shop.drain(NOW + timedelta(hours=3))
    assert shop.now_rows("contact", "title") == [("Chair",)]


def test_the_companys_own_sources_are_not_read_anew_because_of_events(shop: Shop) -> None:
    shop.send(track(count=1), identify(title="CFO"), group("a9", key="g9"))
    shop.drain()
    assert all(table.is_unchanged for table in shop.own_load(NOW + timedelta(minutes=1)).tables)


def test_a_full_load_keeps_what_only_events_told(shop: Shop) -> None:
    shop.send(group("a9", name="Nine"), group("a2", key="g2", industry="tea"), track(count=2))
    shop.drain()
    (shop.project.folder / "data" / "account.csv").write_text(ACCOUNTS + "a3,Gamma,2026-02-01,\n")
    (shop.project.folder / "data" / "usage.csv").write_text(USAGE + "e2,a1,emails,2026-03-19T11:00:00Z,5,c1\n")
    shop.own_load(NOW + timedelta(minutes=1))
    assert shop.now_rows("account", "account_id, name, industry") == [
        ("a1", "Acme", "shoes"),
        ("a2", "Beta", "tea"),
        ("a3", "Gamma", None),
        ("a9", "Nine", None),
    ]
    assert [row[0] for row in shop.rows("usage", "event_id")] == ["e1", "e2", "m1"]


def test_events_that_cannot_be_facts_are_put_aside_and_the_others_go_on(shop: Shop) -> None:
    late = (NOW + timedelta(days=2)).isoformat()
    shop.send(
        track(count="many", key="m1"),
        track(count=1, key="m2", at=late),
        track("Lost", key="m3"),
        track(count=10**17, key="m4"),
        track(count=4, key="m5"),
        track(count=1, key="m6", at="0001-01-01T00:00:00Z"),
    )
    shop.inbox.add([shop.inbox.take(1) and _broken()])
    drained = shop.drain()
    assert drained.faults == {"bad_quantity": 2, "future": 1, "past": 1, "unknown_meter": 1, "unreadable": 1}
    assert [row[0] for row in shop.rows("usage", "event_id")] == ["e1", "m5"]
    assert shop.inbox.depth() == 0


def _broken() -> Any:
    good = read_event(json.dumps(track(key="m9")).encode(), sent_at=None, received_at=NOW)
    return good._replace(body=b'{"broken')


def test_an_event_that_loading_refuses_is_found_and_put_aside(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    # Nothing known gets so far; what nobody thought of must not hold up the others.
    monkeypatch.setattr("upstep.engine.intake.ingesting.whole", lambda said: said)
    shop.send(*(track(count=n, key=f"m{n}") for n in range(1, 4)), track(count=-3, key="bad"))
    assert shop.drain().faults == {"refused": 1}
    assert len(shop.rows("usage", "event_id")) == 4
    assert [one.event.message_id for one in shop.inbox.parked()] == ["bad"]


@pytest.mark.parametrize("point", ["ingest.loaded", "ingest.done"])
def test_dying_between_loading_and_noting_changes_nothing(
    shop: Shop, point: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Died(Exception):  # noqa: N818 - it is none of ours
        pass

    def die(name: str) -> None:
        if name == point:
            raise Died

    shop.send(track(count=2), track("Odd", key="m2"), identify(title="CFO"), group("a9", key="g9"))
    with monkeypatch.context() as patch:
        patch.setattr(faults, "point", die)
        with pytest.raises(Died):
            shop.drain()
    shop.drain(NOW + timedelta(seconds=5))
    assert shop.rows("usage", "event_id, quantity") == [("e1", 5), ("m1", 2)]
    assert [one.events for one in shop.inbox.unknown()] == [1]
    assert shop.now_rows("account", "account_id") == [("a1",), ("a2",), ("a9",)]
    assert shop.now_rows("contact", "contact_id, title") == [("c1", "CFO"), ("c9", None)]


def test_nothing_is_kept_of_who_was_forgotten(shop: Shop) -> None:
    told = {"account": [], "contact": [forgotten.digest("contact", "c8")]}
    (shop.project.folder / ".upstep" / "facts" / forgotten.FILE).write_text(json.dumps(told))
    shop.send(identify("c8", email="x@acme.example"), track("Odd", key="m1", user="c8"), group("a2", "c8"))
    assert shop.drain().unknown == {}
    assert shop.inbox.told("contact") == {}
    assert shop.now_rows("contact", "contact_id") == [("c1",)]


def test_an_event_that_the_company_loaded_too_counts_once_in_either_order(shop: Shop) -> None:
    shop.send(track("Mail", key="e1", at="2026-03-19T10:00:00Z"), track("Mail", key="m1"))
    shop.drain()
    assert [row[0] for row in shop.rows("usage", "event_id")] == ["e1", "m1"]
    (shop.project.folder / "data" / "usage.csv").write_text(USAGE + "m1,a1,emails,2026-03-20T12:00:00Z,5,c1\n")
    shop.own_load(NOW + timedelta(minutes=1))
    assert [row[0] for row in shop.rows("usage", "event_id")] == ["e1", "m1"]


def test_events_taken_anew_that_are_facts_count_once(shop: Shop) -> None:
    shop.send(track("Mail", key="m1"), track("Gate", key="m2"))
    shop.drain()
    assert shop.inbox.again(lambda _event: True) == 2
    shop.drain(NOW + timedelta(seconds=5))
    assert [row[0] for row in shop.rows("usage", "event_id")] == ["e1", "m1"]
    assert [row[0] for row in shop.rows("moment", "moment_id")] == ["m2"]


def test_days_of_live_events_alone_are_not_looked_through(shop: Shop) -> None:
    shop.send(track("Mail", key="m1"))
    shop.drain()
    manifest = read_manifest(shop.project.folder)
    assert (manifest.live_number, manifest.own_day) == (1, 20531)
    # The inbox knows its events by their ids; stored ones are read again only where another source may have them.
    shop.send(track("Mail", key="m2"))
    today = next(path for path in open_snapshot(shop.project.folder).files("usage") if "day=20532" in path)
    kept = Path(today).read_bytes()
    Path(today).write_bytes(b"cannot be read")
    assert shop.drain().events == 1
    Path(today).write_bytes(kept)
    assert len(shop.rows("usage", "event_id")) == 3


def test_an_inbox_of_nothing_is_answered_at_once(shop: Shop) -> None:
    assert shop.drain() == Drained()


@pytest.mark.parametrize("said", ["0001-01-01T00:00:00+11:00", "9999-12-31T23:59:59-11:00"])
def test_a_date_outside_the_calendar_is_no_trait_and_stops_nothing(shop: Shop, said: str) -> None:
    shop.send({"type": "identify", "messageId": "m1", "userId": "c9", "traits": {"createdAt": said, "name": "Zoe"}})
    shop.send({"type": "group", "messageId": "m2", "userId": "c9", "groupId": "a1"})
    assert shop.drain().faults == {}
    assert ("c9", None) in [(row[0], row[1]) for row in shop.now_rows("contact", "contact_id, stored.created_at")]


def test_an_event_whose_name_is_read_no_more_stays_put_aside(shop: Shop) -> None:
    shop.send({"type": "track", "messageId": "m1", "userId": "nobody yet", "event": "Mail"})
    assert shop.drain().faults == {"no_account": 1}
    text = (shop.project.folder / "upstep.yaml").read_text().replace("    Mail: {meter: emails}\n", "")
    (shop.project.folder / "upstep.yaml").write_text(text)
    shop.project = Project(shop.project.folder)
    shop.send({"type": "group", "messageId": "m2", "userId": "nobody yet", "groupId": "a1"})
    assert shop.drain().accounts <= {"a1"}


def test_what_nobody_is_called_is_taken_out_of_a_name(shop: Shop) -> None:
    evil = "Acme\r\nBcc: evil@other.example\x00\x1b[2J\u202e\u2028 Inc"
    shop.send(identify("c7", name=evil), group("a9", "c7", name=evil), track("Mail", key="m1", user="c7"))
    assert shop.drain().faults == {}
    told = "Acme Bcc: evil@other.example [2J Inc"
    assert shop.rows("account", "name", "account_id = 'a9' AND seen_to IS NULL") == [(told,)]
    assert ("c7", told) in shop.now_rows("contact", "contact_id, name")
