"""Looks after what was bought: once at 14 and once at 30 days, by the facts of those days; help where it is idle."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from tests.cli.schemas import faults
from upstep.delivery.channel import Message, Purpose
from upstep.engine.measuring.following import follow_up, level_of, read_looks, sentence
from upstep.engine.project import Project, open_project_state
from upstep.engine.quoting.use import AccountUse, MeterUse, Period
from upstep.offers import lifecycle
from upstep.offers.follow_up import Found, Level, judge, meter_of
from upstep.offers.model import NewOffer
from upstep.state import tables
from upstep.state.session import reading
from upstep.tables.sample import AS_OF

ACCOUNT = "lumenbrook-software"
IDLE = "gauthier-conseil"
BOUGHT = AS_OF - timedelta(days=20)
RECORD = f"usage?account_id={ACCOUNT}&meter_id=emails&from=2026-11-01"


@pytest.fixture
def shop(postline: Project, tmp_path: Path) -> Project:
    shutil.copytree(postline.folder, tmp_path / "postline")
    return Project(tmp_path / "postline")


def sold(
    state: sa.Engine,
    *,
    account: str = ACCOUNT,
    limit: int | None = 50_000,
    motion: str = "upsell",
    at: datetime = BOUGHT,
) -> str:
    facts = {"used": {"value": 46_000, "records": [RECORD]}, "limit_quantity": {"value": limit, "records": []}}
    new = NewOffer(
        account,
        "st",
        "run",
        "limit_approaching",
        motion,
        "self_serve",
        "self_serve",
        "plan:scale",
        "sending",
        facts=facts,
    )
    key = lifecycle.message_key(new.offer_id, "email", "con_1")
    sale = Message(key, account, Purpose.SALES, "email", "con_1", "s", "t", offer_id=new.offer_id)
    lifecycle.open_offer(state, new, messages=[sale], by="upstep", at=at, why="x")
    lifecycle.accept(state, new.offer_id, by="ann", at=at)
    lifecycle.convert(state, new.offer_id, by="upstep", at=at, why="billing event")
    return new.offer_id


def test_what_was_bought_is_looked_at_once_and_where_it_is_used_nothing_is_said(shop: Project) -> None:
    state = open_project_state(shop)
    offer_id = sold(state, limit=40_000)  # they use more than that by now
    (looked,) = follow_up(shop, state, now=AS_OF)
    assert (looked.offer.offer_id, looked.look.day, looked.found, looked.messages) == (offer_id, 14, Found.USED, 0)
    assert follow_up(shop, state, now=AS_OF) == []
    first, second = read_looks(shop, state)
    assert faults({"taken": 0, "queued": 0, "looks": [first, second]}, "follow-up") == []
    assert (first["found"], second["found"], second["day"]) == ("used", None, 30)
    assert "it was used:" in sentence(first)
    assert "is looked at on" in sentence(second)


def test_where_it_is_not_used_help_is_queued_once_and_it_is_no_sales_message(shop: Project) -> None:
    state = open_project_state(shop)
    sold(state, account=IDLE, limit=None)
    (looked,) = follow_up(shop, state, now=AS_OF)
    assert (looked.found, looked.messages) == (Found.UNUSED, 1)
    assert follow_up(shop, state, now=AS_OF) == []
    with reading(state) as connection:
        rows = list(connection.execute(sa.select(tables.message)))
    (help_,) = [row for row in rows if row.purpose == "care"]
    assert help_.recipient == "con_1"
    assert "There is nothing to buy here" in help_.text
    assert f"{looked.facts['used']:,} of {looked.facts['limit']:,}" in help_.text
    assert "Help them use it." in sentence(read_looks(shop, state)[0])


def test_a_look_waits_for_facts_of_its_day_and_is_closed_as_unknown_when_they_never_come(shop: Project) -> None:
    state = open_project_state(shop)
    sold(state, at=AS_OF - timedelta(days=10))
    due = AS_OF + timedelta(days=4)
    assert follow_up(shop, state, now=AS_OF) == []
    assert follow_up(shop, state, now=due + timedelta(days=1)) == []
    (looked,) = follow_up(shop, state, now=due + timedelta(days=8))
    assert (looked.look.day, looked.look.due_at) == (14, due)


def test_a_longer_term_brings_nothing_new_to_use(shop: Project) -> None:
    state = open_project_state(shop)
    sold(state, motion="commit")
    assert follow_up(shop, state, now=AS_OF) == []
    assert read_looks(shop, state) == []
    assert read_looks(shop, None) == []


# What is looked at


@pytest.mark.parametrize(
    ("level", "found"),
    [
        (None, Found.UNKNOWN),
        (Level("m", 51, 100, 50), Found.USED),
        (Level("m", 41, 100, 50), Found.USED),
        (Level("m", 40, 100, 50), Found.UNUSED),
        (Level("m", 40, None, 50), Found.UNUSED),
        (Level("m", 51, None, 50), Found.USED),
        (Level("m", 51, None, None), Found.UNKNOWN),
        (Level("m", 0, 100, None), Found.UNUSED),
    ],
)
def test_used_is_more_than_before_or_more_than_forty_percent_of_what_is_paid_for(
    level: Level | None, found: Found
) -> None:
    assert judge(level) is found


def meter(**more: Any) -> MeterUse:
    plain: dict[str, Any] = {
        "product_id": "sending",
        "meter_id": "emails",
        "period": "billing_month",
        "limit_quantity": 100_000,
        "is_own_limit": False,
        "used": 10_000,
        "is_estimated": False,
        "since": AS_OF - timedelta(days=10),
        "periods": (Period(AS_OF - timedelta(days=40), AS_OF - timedelta(days=10), 25_000),),
    }
    return MeterUse(**{**plain, **more})


@pytest.fixture
def level(postline: Project) -> Callable[..., Level | None]:
    def of(*meters: MeterUse, facts: dict[str, Any] | None = None, target: str = "plan:scale") -> Level | None:
        use = AccountUse(ACCOUNT, "L", "usd", AS_OF, {(one.product_id, one.meter_id): one for one in meters})
        offer: Any = SimpleNamespace(facts=facts or {}, product_id="sending", target=target)
        return level_of(postline, offer, use)

    return of


def test_a_flow_is_told_by_its_pace_and_early_in_a_period_by_the_last_one(
    level: Callable[..., Level | None],
) -> None:
    assert level(meter()) == Level("emails", 30_000, 100_000, None)
    early = meter(since=AS_OF - timedelta(days=2), used=300)
    assert level(early) == Level("emails", 25_000, 100_000, None)
    assert level(meter(since=None, used=12)) == Level("emails", 12, 100_000, None)


def test_the_meter_of_the_offer_comes_before_the_products_own(level: Callable[..., Level | None]) -> None:
    facts = {
        "used": {"value": 1, "records": ["usage?account_id=a&meter_id=contacts&from=x"]},
        "limit_quantity": {"value": 7},
    }
    contacts = meter(meter_id="contacts", since=None, used=9)
    assert level(meter(), contacts, facts=facts) == Level("contacts", 9, 100_000, 7)
    assert level(meter(product_id="marketing")) is None
    assert level(meter(used=None)) is None
    assert level(meter(), target="add_on:nothing") is None
    assert meter_of(SimpleNamespace(facts={"used": {"value": 1, "records": ["ticket?x"]}})) is None  # type: ignore[arg-type]
