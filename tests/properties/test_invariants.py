"""What is true of every decision, whatever the company: no sale against a reason, one live step, honest money."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.company import (
    Rows,
    account,
    company,
    contact,
    deal,
    feedback,
    goal,
    invoice,
    item,
    moment,
    override,
    owner,
    seat,
    ticket,
    usage,
)
from upstep.plays.gates import GATES

AS_OF = "2026-03-20"
MONTHS = (("2025-12-20", "2026-01-20"), ("2026-01-20", "2026-02-20"), ("2026-02-20", AS_OF))
PRODUCTS = {"sending": ("free", "pro", "scale"), "teams": ("team", "volume_team"), "receiving": ("receiving_basic",)}
STARTS = ("2024-06-20", "2025-11-20", "2026-03-01", "2026-03-10")
Row = dict[str, Any]


@st.composite
def accounts(draw: st.DrawFn, name: str) -> list[Rows]:
    """One account: one or two products, use at any share of their limits, and whatever may stand in the way."""
    pick = st.sampled_from
    rows: list[Rows] = [
        account(name, owner_id=draw(pick([None, None, "ana"])), do_not_sell_why=draw(pick([None] * 9 + ["no"])))
    ]
    for product in draw(st.sets(pick(sorted(PRODUCTS)), min_size=1, max_size=2)):
        rows += [draw(items(name, product))]
    share = draw(st.lists(pick([0.0, 0.2, 0.45, 0.7, 0.85, 1.0, 2.5]), min_size=3, max_size=3))
    for (since, until), part in zip(MONTHS, share, strict=True):
        rows.append(usage(name, "emails", round(10_000 * part), since=since, until=until))
        rows.append(usage(name, "receipts", round(5_000 * part), since=since, until=until))
    rows.append(usage(name, "storage", draw(pick([0, 50, 90, 101, 400])), at="2026-03-01"))
    rows += [seat(name, contact_id=f"{name} {index}") for index in range(draw(st.integers(0, 12)))]
    in_the_way = troubles(name)
    # Each at most once: two of one would repeat a key.
    rows += [in_the_way[place] for place in draw(st.sets(st.integers(0, len(in_the_way) - 1), max_size=2))]
    return rows


@st.composite
def items(draw: st.DrawFn, name: str, product: str) -> Rows:
    plan = draw(st.sampled_from(PRODUCTS[product]))
    yearly = plan in ("pro", "scale", "team") and draw(st.booleans())
    more: Row = {"interval": "year", "renews_at": "2026-05-01"} if yearly else {}
    more |= {"quantity": draw(st.integers(1, 14))} if product == "teams" else {}
    more |= draw(
        st.sampled_from([{}] * 6 + [{"cancel_at": "2026-04-01"}, {"status": "past_due"}, {"status": "trialing"}])
    )
    return item(name, plan, since=draw(st.sampled_from(STARTS)), **more)


def troubles(name: str) -> Sequence[Rows]:
    return (
        ticket(name, at="2026-03-19", severity="urgent"),
        ticket(name, at="2026-03-19", kind="feature_request"),
        invoice(name, at="2026-02-01", due_at="2026-02-15"),
        invoice(name, at="2026-03-01", due_at="2026-04-15"),
        deal(name),
        feedback(name, at="2026-03-01", score=2.0),
        moment(name, "renewal_risk", at="2026-03-01"),
        moment(name, "first_value"),
        goal(name, advances=["audience", "scale"], sponsor_contact_id="kim"),
        goal(name, advances=["receiving"]),
        override(name, "emails", 15_000),
        contact(name, contact_id=f"{name} buyer", may_buy=True),
    )


Made = tuple[list[Row], dict[str, int]]


@st.composite
def companies(draw: st.DrawFn) -> Made:
    """The decisions over a company of a few accounts, some tables perhaps not connected; and what each one stores."""
    rows = [draw(accounts(f"a{index}")) for index in range(draw(st.integers(4, 12)))]
    without = draw(st.sets(st.sampled_from(["ticket", "invoice", "seat", "goal"]), max_size=2))
    said = [
        {"account_id": "a0", "gate": gate, "answer": draw(st.sampled_from(["clear", "holds"]))}
        for gate in draw(st.sets(st.sampled_from(sorted(GATES)), max_size=2))
    ]
    held_out = [{"account_id": "a1", "lane": "self_serve", "experiment": "e"}] if draw(st.booleans()) else []
    told = {name: table for name, table in (("confirmed", said), ("holdout", held_out)) if table}
    made = company(rows, owner("ana"), as_of=AS_OF, without=without)
    stored = {row["account_id"]: row["quantity"] for row in made.canonical["usage"] if row["meter_id"] == "storage"}
    return made.decide(told=told).to_pylist(), stored


def parsed(rows: Sequence[Row]) -> list[Row]:
    return [{**row, **{name: json.loads(row[name]) for name in ("holds", "unknown", "facts")}} for row in rows]


@pytest.mark.slow
@given(companies())
@settings(max_examples=14)
def test_every_decision_keeps_the_promises(made: Made) -> None:
    decisions = parsed(made[0])
    nobody_is_sold_to_against_a_reason(decisions)
    one_step_lives_in_each_lane(decisions)
    ranks_are_dense(decisions)
    every_fact_has_a_record(decisions)
    money_adds_up(decisions)
    nobody_is_moved_up_for_nothing(decisions, made[1])
    ids_are_unique(decisions)


def nobody_is_sold_to_against_a_reason(decisions: Sequence[Row]) -> None:
    for row in decisions:
        if row["outcome"] in ("eligible", "held_out"):
            assert not row["holds"], row
            assert not row["unknown"], row
        if row["outcome"] == "held":
            assert row["holds"], row
        if row["outcome"] == "unconfirmed":
            assert row["unknown"], row
            assert not row["holds"], row
            assert all(asked["question"].endswith("?") for asked in row["unknown"]), row
        if row["outcome"] in ("held", "unfit", "outranked"):
            assert not row["is_winner"], row


def one_step_lives_in_each_lane(decisions: Sequence[Row]) -> None:
    winners = Counter((row["account_id"], row["lane"]) for row in decisions if row["is_winner"])
    assert set(winners.values()) <= {1}
    competing = {
        (row["account_id"], row["lane"])
        for row in decisions
        if row["path"] != "notice" and row["outcome"] in ("eligible", "unconfirmed", "held_out", "outranked")
    }
    assert competing == set(winners)
    by_id = {row["decision_id"]: row for row in decisions}
    for row in decisions:
        assert (row["outranked_by"] is not None) == (row["outcome"] == "outranked")
        if row["outranked_by"]:
            assert by_id[row["outranked_by"]]["is_winner"]


def ranks_are_dense(decisions: Sequence[Row]) -> None:
    for lane in {row["lane"] for row in decisions}:
        ranks = [row["rank"] for row in decisions if row["lane"] == lane and row["is_winner"]]
        assert sorted(ranks) == list(range(1, len(ranks) + 1))
    assert all(row["rank"] is None for row in decisions if not row["is_winner"])


def every_fact_has_a_record(decisions: Sequence[Row]) -> None:
    for row in decisions:
        assert row["facts"], row
        for name, fact in row["facts"].items():
            assert set(fact) == {"value", "unit", "records"}, name
            assert fact["records"], (name, row)
            assert all(row["account_id"] in record for record in fact["records"]), (name, row)


def money_adds_up(decisions: Sequence[Row]) -> None:
    for row in decisions:
        if row["path"] == "notice":
            continue
        assert row["customer_saving_minor"] >= 0
        # Each figure is rounded for itself.
        less = row["overage_replaced_minor"] - row["recurring_change_minor"]
        if row["overage_replaced_minor"] > 0 and row["customer_saving_minor"] > 0:
            assert abs(row["customer_saving_minor"] - less) <= 1, row
        assert row["customer_saving_minor"] <= max(less, 0) + 1, row
        if row["motion"] in ("right_size", "commit") and row["outcome"] != "unfit":
            assert row["customer_saving_minor"] > 0, row


def nobody_is_moved_up_for_nothing(decisions: Sequence[Row], stored: Mapping[str, int]) -> None:
    """From Pro, whose e-mails only cost more beyond the limit, a step up comes when its sum is at most a tenth more."""
    for row in decisions:
        forced = stored[row["account_id"]] > 50  # storage stops at 100, and a first reading may be a trend
        from_pro = row["step_product_id"] == "sending" and row["plan_id"] == "pro"
        if row["motion"] != "upsell" or row["outcome"] == "unfit" or row["estimated"] or forced or not from_pro:
            continue
        today = row["recurring_change_minor"] - PRICE[row["to_plan_id"], row["to_interval"]]
        total = -today + row["overage_replaced_minor"]
        assert PRICE[row["to_plan_id"], row["to_interval"]] * 10 <= total * 11 + 20, row


PRICE = {("scale", "month"): 9000, ("scale", "year"): 7500}
"""Minor units a month."""


def ids_are_unique(decisions: Sequence[Row]) -> None:
    for name in ("step_id", "decision_id"):
        ids = [row[name] for row in decisions]
        assert len(ids) == len(set(ids))
