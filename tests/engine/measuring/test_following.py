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
from upstep.engine.deciding.decide import Run, decide
from upstep.engine.deciding.explain import explain, parsed
from upstep.engine.deciding.inputs import gather
from upstep.engine.deciding.why import why_sentence
from upstep.engine.measuring.following import follow_up, help_where_idle, level_of, read_looks, sentence
from upstep.engine.project import Project, open_project_state
from upstep.engine.quoting.use import AccountUse, MeterUse, Period
from upstep.offers import lifecycle
from upstep.offers.follow_up import Found, Level, Look, judge, keep, meter_of, unused
from upstep.offers.model import NewOffer
from upstep.state import tables
from upstep.state.session import reading, writing
from upstep.tables.sample import AS_OF, PLANTED

ACCOUNT = "lumenbrook-software"
IDLE = "gauthier-conseil"
UNUSED = "unused_purchase"
PLANTED_IDS = {planted.account_id for planted in PLANTED["postline"].values()}
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
    assert (looked.offer.offer_id, looked.look.day, looked.found) == (offer_id, 14, Found.USED)
    assert follow_up(shop, state, now=AS_OF) == []
    first, second = read_looks(shop, state)
    assert faults({"taken": 0, "queued": 0, "looks": [first, second]}, "follow-up") == []
    assert (first["found"], second["found"], second["day"]) == ("used", None, 30)
    assert "it was used:" in sentence(first)
    assert "is looked at on" in sentence(second)


def of_play(run: Run, account: str) -> list[dict[str, Any]]:
    return [row for row in run.decisions.to_pylist() if row["account_id"] == account and row["play"] == UNUSED]


@pytest.fixture
def idle(postline_run: Run) -> str:
    """An account of the sample that uses little and is not held."""
    rows = postline_run.decisions.to_pylist()
    found = [row for row in rows if row["play"] == "adoption_rescue" and row["is_winner"] and row["recipients"]]
    return next(row["account_id"] for row in found if row["outcome"] == "eligible" and row["meter_id"] == "emails")


@pytest.mark.slow
def test_what_is_not_used_becomes_an_adopt_step_whose_help_goes_out_once(shop: Project, idle: str) -> None:
    state = open_project_state(shop)
    sold(state, account=idle, limit=None)
    taken = follow_up(shop, state, now=AS_OF)
    assert [one.found for one in taken] == [Found.UNUSED]
    run = decide(shop, accounts=[idle], inputs=gather(shop, at=AS_OF))
    (step,) = of_play(run, idle)
    assert (step["lane"], step["motion"], step["outcome"], step["is_winner"]) == ("care", "adopt", "eligible", True)
    assert step["target"].startswith("adopt:")
    assert "hardly used 14 days later" in why_sentence(parsed(step), shop.catalog)
    assert [help_where_idle(shop, state, taken, now=AS_OF) for _ in range(2)] == [1, 0]
    assert (follow_up(shop, state, now=AS_OF), help_where_idle(shop, state, [], now=AS_OF)) == ([], 0)
    with reading(state) as connection:
        helps = [row for row in connection.execute(sa.select(tables.message)) if row.purpose == "care"]
    assert {row.recipient for row in helps} == set(step["recipients"])
    assert len(helps) == len(step["recipients"]) > 0
    assert all("There is nothing to buy here" in row.text for row in helps)
    assert all("Getting started" in row.subject for row in helps)
    assert "Help them use it." in sentence(read_looks(shop, state)[0])


@pytest.mark.slow
def test_the_step_is_told_of_one_account_as_of_all(shop: Project) -> None:
    state = open_project_state(shop)
    sold(state, account=IDLE, limit=None)
    follow_up(shop, state, now=AS_OF)
    inputs = gather(shop, at=AS_OF)
    many = [IDLE, ACCOUNT, *sorted(PLANTED_IDS)][:40]
    (alone,) = of_play(decide(shop, accounts=[IDLE], inputs=inputs), IDLE)
    (among,) = of_play(decide(shop, accounts=many, inputs=inputs), IDLE)
    assert alone == {**among, "rank": alone["rank"]}  # which counts over all accounts of the run
    found = explain(shop, IDLE, inputs=inputs)
    assert [one.fired for one in found.asked if one.play == UNUSED and one.values["unused_day"] == 14] == [True]


@pytest.mark.parametrize(
    ("account", "days"),
    [(ACCOUNT, 0), (IDLE, 31)],
    ids=["it is used", "the look is old"],
)
def test_what_is_used_or_was_looked_at_long_ago_makes_no_step(shop: Project, account: str, days: int) -> None:
    state = open_project_state(shop)
    sold(state, account=account, limit=40_000, at=BOUGHT - timedelta(days=days))
    follow_up(shop, state, now=AS_OF - timedelta(days=days))
    with writing(state) as connection:  # the next look is not due yet
        connection.execute(sa.delete(tables.follow_up).where(tables.follow_up.c.looked_at.is_(None)))
    run = decide(shop, accounts=[account], inputs=gather(shop, at=AS_OF))
    assert of_play(run, account) == []


def test_a_look_that_finds_it_used_later_takes_the_step_back(shop: Project) -> None:
    state = open_project_state(shop)
    offer_id = sold(state, account=IDLE, limit=None)
    follow_up(shop, state, now=AS_OF)
    look = Look(offer_id, 30, IDLE, AS_OF)
    with writing(state) as connection:
        assert [row["meter_id"] for row in unused(connection, at=AS_OF)] == ["emails"]
        assert unused(connection, at=AS_OF - timedelta(days=1)) == []
        keep(connection, look, found=Found.USED, facts={"meter_id": "emails"}, at=AS_OF + timedelta(days=10))
        assert unused(connection, at=AS_OF + timedelta(days=10)) == []


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
