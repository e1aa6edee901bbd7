"""From proposals to one winner per account and lane: merging, paths, outcomes, priority, arbitration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ibis
import pyarrow as pa
import pytest

from tests.company import account, company, deal, item, owner, usage
from upstep.money import UNITS_PER_MINOR
from upstep.plays.expression import parse
from upstep.plays.gates import GATES, Answer
from upstep.plays.play import Play, Playbook
from upstep.plays.rank import MASK_PLAYS, Rules, arbitrate, merge_steps, place, settle
from upstep.tables.query import DuckEngine, arrow_types, compile_select

Row = dict[str, Any]
CLEAR, HOLDS, UNKNOWN, NOT_APPLICABLE = map(int, Answer)


def table(name: str, rows: Sequence[Row], **types: pa.DataType) -> tuple[Any, pa.Table]:
    """An unbound table and its rows; ``types`` for columns that rows leave out or NULL."""
    names = {**dict.fromkeys(rows[0] if rows else ()), **types}
    columns = {column: pa.array([row.get(column) for row in rows], types.get(column)) for column in names}
    held = pa.table({name: cast(column) for name, column in columns.items()})
    return ibis.table(arrow_types(held.schema), name=name), held


def cast(column: pa.Array) -> pa.Array:
    return column.cast(pa.string()) if pa.types.is_null(column.type) else column


def answered(select: Any, **held: pa.Table) -> list[Row]:
    engine = DuckEngine(threads=1)
    for name, rows in held.items():
        engine.load(name, rows)
    return engine.connection.sql(compile_select(select, "duckdb")).to_arrow_table().to_pylist()  # type: ignore[no-any-return]


def play(name: str, **more: Any) -> Play:
    return Play(name, "", "from_proposal", "limit", parse("true", {}), "fit", **more)


# Steps


def proposal(play: int, likelihood: float = 0.1, **more: Any) -> Row:
    plain = {
        "account_key": 1,
        "to_product_id": "sending",
        "target": "plan:scale",
        "play": play,
        "likelihood": likelihood,
        "meter_id": "emails",
        "source_row": 0,
        "product_id": "sending",
        "feature_id": "",
        "subject_add_on_id": "",
        "subject_plan_id": "pro",
        "quantity": 1,
        "recurring_units": 100,
        "overage_units": 0,
        "saving_units": 0,
        "committed_units": 0,
        "rank_units": 100,
        "one_off_units": 0,
        "is_hygiene": False,
    }
    return {**plain, **more}


def merged(*rows: Row, plays: int = 4, **gates: Any) -> list[Row]:
    book = Playbook(tuple(play(f"p{index}", **gates.get(f"p{index}", {})) for index in range(plays)), "")
    unbound, held = table("rows", rows)
    return answered(merge_steps(unbound, book), rows=held)


def test_plays_that_lead_to_one_target_are_one_step_led_by_the_likeliest() -> None:
    (step,) = merged(proposal(0, 0.1), proposal(2, 0.3), proposal(3, 0.2))
    assert step["play"] == 2
    assert step["evidence_0"] == 0b1101


def test_of_equally_likely_plays_the_first_leads() -> None:
    (step,) = merged(proposal(3, 0.2), proposal(1, 0.2))
    assert step["play"] == 1


def test_the_largest_quantity_wins_with_its_own_figures() -> None:
    (step,) = merged(
        proposal(0, 0.3, quantity=2, recurring_units=200, saving_units=5),
        proposal(1, 0.1, quantity=5, recurring_units=500, saving_units=1),
    )
    assert (step["play"], step["quantity"], step["recurring_units"], step["saving_units"]) == (0, 5, 500, 1)


def test_other_targets_products_and_accounts_are_other_steps() -> None:
    others = (proposal(0, target="more:seats"), proposal(0, to_product_id="teams"), proposal(0, account_key=2))
    assert len(merged(proposal(0), *others)) == 4


def test_one_play_at_two_meters_is_one_step_and_fired_once() -> None:
    (step,) = merged(proposal(1, meter_id="storage", is_hygiene=True), proposal(1, meter_id="emails"))
    assert step["evidence_0"] == 0b10
    assert step["meter_id"] == "emails"
    assert step["any_hygiene"]


def test_more_than_sixty_plays_are_told_apart() -> None:
    (step,) = merged(proposal(0), proposal(59), proposal(60), proposal(119), plays=120)
    assert MASK_PLAYS == 60
    assert (step["evidence_0"], step["evidence_1"]) == (1 | 1 << 59, 1 | 1 << 59)


def test_a_gate_goes_only_when_every_play_of_the_step_removed_it() -> None:
    gates = {"p0": {"gates_removed": {"leaving": "x"}}, "p1": {"gates_removed": {"leaving": "x"}}}
    assert merged(proposal(0), proposal(1), **gates)[0]["keeps_leaving"] is False
    assert merged(proposal(0), proposal(2), **gates)[0]["keeps_leaving"] is True


def test_a_gate_that_one_play_adds_counts_for_the_step() -> None:
    gates = {"p0": {"gates_added": ("leaving",)}}
    assert merged(proposal(0), proposal(1), **gates)[0]["adds_leaving"] is True
    assert merged(proposal(1), proposal(2), **gates)[0]["adds_leaving"] is False


# Paths and lanes


def placed(rules: Rules | None = None, *, owner: bool = False, deals: int = 0, **step: Any) -> Row:
    minor = {name: step.pop(name) * UNITS_PER_MINOR for name in ("recurring", "ranked") if name in step}
    plain = {
        "account_key": 1,
        "currency": "usd",
        "motion": "upsell",
        "recurring_units": minor.get("recurring", 1000),
        "rank_units": minor.get("ranked", minor.get("recurring", 1000)),
        "one_off_units": 0,
        "is_quote": False,
    }
    steps, held = table("steps", [{**plain, **step}])
    gates, known = table("gates", [{"account_key": 1, "segment": "", "open_deals": deals, "has_owner": owner}])
    fx, rates = table("fx", [{"currency": "usd", "factor": 1.0}, {"currency": "eur", "factor": 2.0}])
    select = place(steps, rules or Rules(), {"account_gates": gates, "fx": fx})
    (row,) = answered(select, steps=held, gates=known, fx=rates)
    return row


def test_a_plain_step_is_self_serve() -> None:
    assert (placed()["path"], placed()["lane"]) == ("self_serve", "self_serve")


def test_a_change_whose_size_nobody_knows_is_a_persons_task() -> None:
    assert placed(currency="jpy")["path"] == "assisted"
    assert placed(currency="jpy", recurring=0)["path"] == "self_serve"


@pytest.mark.parametrize("step", [{"is_quote": True}, {"deals": 1}, {"owner": True}])
def test_a_quote_an_open_deal_or_an_owner_makes_it_assisted(step: Row) -> None:
    assert placed(**step)["path"] == "assisted"


def test_an_owner_makes_no_difference_when_the_company_says_so() -> None:
    assert placed(Rules(assisted_owned=False), owner=True)["path"] == "self_serve"


def test_a_yearly_change_above_the_limit_is_assisted_in_company_currency() -> None:
    rules = Rules(assisted_from_minor=120_000)
    assert placed(rules, recurring=10_000)["path"] == "self_serve"
    assert placed(rules, recurring=10_001)["path"] == "assisted"
    assert placed(rules, recurring=5_000, currency="eur")["path"] == "self_serve"
    assert placed(rules, recurring=5_001, currency="eur")["path"] == "assisted"


@pytest.mark.parametrize("motion", ["adopt", "right_size"])
def test_care_has_a_lane_of_its_own_whoever_acts(motion: str) -> None:
    assert placed(motion=motion)["lane"] == "care"
    assert placed(motion=motion, owner=True)["lane"] == "care"


def test_the_value_is_for_a_year_in_company_currency() -> None:
    assert placed(ranked=2000)["value_year"] == 24_000
    assert placed(ranked=2000, currency="eur")["value_year"] == 48_000


def test_without_a_rate_or_an_estimate_the_value_is_not_known() -> None:
    assert placed(currency="jpy")["value_year"] is None
    assert placed(is_quote=True, ranked=0)["value_year"] is None
    assert placed(is_quote=True, ranked=100)["value_year"] == 1200


# Outcomes


def settled_step(**changes: Any) -> Row:
    """A step whose gates are clear but for those named."""
    plain = {
        "account_key": 1,
        "stays": False,
        "adds_nothing": False,
        "likelihood": 0.2,
        "value_year": 1000.0,
        "signal_density": 2,
        "lever": 1.0,
        "lane": "self_serve",
        **{f"gate_{gate}": changes.pop(gate, CLEAR) for gate in GATES},
    }
    return {**plain, **changes}


def all_settled(steps: Sequence[Row], said: Mapping[str, str] | None = None, rules: Rules | None = None) -> list[Row]:
    rows, held = table("rows", steps, value_year=pa.float64())
    told = [{"account_key": 1, "gate": gate, "answer": answer} for gate, answer in (said or {}).items()]
    confirmed, answers = table("confirmed", told, account_key=pa.int64(), gate=pa.string(), answer=pa.string())
    return answered(settle(rows, rules or Rules(), {"confirmed": confirmed}), rows=held, confirmed=answers)


def outcome(said: Mapping[str, str] | None = None, *, rules: Rules | None = None, **changes: Any) -> Row:
    """What becomes of one step."""
    (row,) = all_settled([settled_step(**changes)], said, rules)
    return row


@pytest.mark.slow
def test_outcomes_are_the_first_that_is_true() -> None:
    assert outcome()["outcome"] == "eligible"
    assert outcome(open_issue=UNKNOWN)["outcome"] == "unconfirmed"
    assert outcome(open_issue=UNKNOWN, leaving=HOLDS)["outcome"] == "held"
    assert outcome(open_issue=UNKNOWN, leaving=HOLDS, stays=True)["outcome"] == "unfit"
    assert outcome(leaving=HOLDS, adds_nothing=True)["outcome"] == "unfit"
    assert outcome(open_issue=NOT_APPLICABLE)["outcome"] == "eligible"


def test_every_gate_can_hold_and_can_be_unknown() -> None:
    steps = [settled_step(**{gate: said, "account_key": 2}) for gate in GATES for said in (HOLDS, UNKNOWN)]
    rows = all_settled(steps)
    assert len(rows) == 2 * len(GATES)
    for row in rows:
        held = [gate for gate in GATES if row[f"gate_{gate}"] == HOLDS]
        assert row["outcome"] == ("held" if held else "unconfirmed")


def test_a_persons_clear_settles_what_is_unknown_and_overrules_no_hold() -> None:
    assert outcome({"open_issue": "clear"}, open_issue=UNKNOWN)["outcome"] == "eligible"
    assert outcome({"open_issue": "clear"}, open_issue=HOLDS)["outcome"] == "held"
    assert outcome({"leaving": "clear"}, open_issue=UNKNOWN)["outcome"] == "unconfirmed"


def test_a_persons_holds_always_counts_where_the_gate_applies() -> None:
    assert outcome({"leaving": "holds"})["outcome"] == "held"
    assert outcome({"leaving": "holds"}, leaving=NOT_APPLICABLE)["outcome"] == "eligible"


def test_an_assumed_gate_is_clear_and_listed_as_assumed() -> None:
    rules = Rules(assumed=frozenset({"open_issue"}))
    assumed = outcome(rules=rules, open_issue=UNKNOWN)
    assert (assumed["outcome"], assumed["assumed_open_issue"]) == ("eligible", True)
    known = outcome(rules=rules, open_issue=HOLDS)
    assert (known["outcome"], known["assumed_open_issue"]) == ("held", False)
    assert outcome(rules=rules)["assumed_open_issue"] is False


def test_what_a_person_said_needs_no_assumption() -> None:
    row = outcome({"open_issue": "clear"}, rules=Rules(assumed=frozenset({"open_issue"})), open_issue=UNKNOWN)
    assert (row["outcome"], row["assumed_open_issue"]) == ("eligible", False)


def test_priority_is_likelihood_times_value_times_context_times_lever() -> None:
    assert outcome(lever=2.0)["priority"] == pytest.approx(0.2 * 1000 * 1.5 * 2)


def test_care_ranks_by_what_is_at_stake_alone() -> None:
    assert outcome(lane="care")["priority"] == 1000


def test_without_a_value_there_is_no_priority() -> None:
    assert outcome(value_year=None)["priority"] is None


# One winner per account and lane


def rival(target: str, priority: float | None, outcome: str = "eligible", **more: Any) -> Row:
    plain = {
        "account_key": 1,
        "lane": "self_serve",
        "outcome": outcome,
        "priority": priority,
        "saving_units": 0,
        "signal_density": 0,
        "to_product_id": "sending",
        "target": target,
    }
    return {**plain, **more}


def arbitrated(*rows: Row, held_out: Sequence[tuple[int, str]] = ()) -> dict[str, Row]:
    steps, held = table("steps", rows, priority=pa.float64())
    experiments = [{"account_key": key, "lane": lane, "experiment": "e1"} for key, lane in held_out]
    types = {"account_key": pa.int64(), "lane": pa.string(), "experiment": pa.string()}
    holdout, out = table("holdout", experiments, **types)
    return {row["target"]: row for row in answered(arbitrate(steps, holdout), steps=held, holdout=out)}


def outcomes(rows: Mapping[str, Row]) -> dict[str, str]:
    return {target: row["outcome"] for target, row in rows.items()}


def test_the_best_eligible_step_wins_and_the_others_are_outranked_by_it() -> None:
    rows = arbitrated(rival("a", 5.0), rival("b", 9.0, to_product_id="teams"), rival("c", 7.0))
    assert outcomes(rows) == {"a": "outranked", "b": "eligible", "c": "outranked"}
    assert [target for target, row in rows.items() if row["is_winner"]] == ["b"]
    assert (rows["a"]["outranked_product_id"], rows["a"]["outranked_target"]) == ("teams", "b")
    assert rows["b"]["outranked_target"] is None


def test_an_eligible_step_wins_over_an_unconfirmed_one_worth_more() -> None:
    assert outcomes(arbitrated(rival("a", 1.0), rival("b", 9.0, "unconfirmed"))) == {"a": "eligible", "b": "outranked"}


def test_without_an_eligible_step_the_best_unconfirmed_wins() -> None:
    rows = arbitrated(rival("a", 1.0, "unconfirmed"), rival("b", 9.0, "unconfirmed"), rival("c", 99.0, "held"))
    assert outcomes(rows) == {"a": "outranked", "b": "unconfirmed", "c": "held"}
    assert rows["b"]["is_winner"]


def test_held_and_unfit_steps_never_compete() -> None:
    rows = arbitrated(rival("a", 9.0, "held"), rival("b", 9.0, "unfit"))
    assert outcomes(rows) == {"a": "held", "b": "unfit"}
    assert not any(row["is_winner"] for row in rows.values())


def test_each_lane_and_each_account_has_a_winner_of_its_own() -> None:
    rows = arbitrated(rival("a", 1.0), rival("b", 2.0, lane="care"), rival("c", 3.0, account_key=2))
    assert all(row["is_winner"] for row in rows.values())


def test_a_held_out_winner_keeps_the_lane_so_no_runner_up_slides_in() -> None:
    rows = arbitrated(rival("a", 9.0), rival("b", 1.0), rival("c", 1.0, lane="care"), held_out=[(1, "self_serve")])
    assert outcomes(rows) == {"a": "held_out", "b": "outranked", "c": "eligible"}
    assert rows["a"]["is_winner"]


def test_only_an_eligible_winner_is_held_out() -> None:
    assert outcomes(arbitrated(rival("a", 9.0, "unconfirmed"), held_out=[(1, "self_serve")])) == {"a": "unconfirmed"}


def test_ties_go_to_the_larger_saving_then_to_more_kinds_of_signal() -> None:
    assert arbitrated(rival("a", 1.0), rival("b", 1.0, saving_units=5))["b"]["is_winner"]
    assert arbitrated(rival("a", 1.0), rival("b", 1.0, signal_density=1))["b"]["is_winner"]
    assert arbitrated(rival("a", 1.0), rival("b", 1.0))["a"]["is_winner"]


def test_a_step_without_a_priority_comes_last() -> None:
    assert arbitrated(rival("a", None), rival("b", 0.0))["b"]["is_winner"]


# The whole way


@pytest.fixture(scope="module")
def decisions() -> list[Row]:
    """Accounts over their storage limit, one of them owned, one in a deal, one in yen without a rate; and others."""

    def full(name: str, **columns: Any) -> Any:
        return [
            item(name, "pro", since="2025-01-31", **columns),
            usage(name, "storage", 101, at="2026-03-01"),
            usage(name, "emails", 7000, since="2026-01-31", until="2026-02-28"),
        ]

    steady = [
        item("steady", "pro", since="2025-01-31"),
        *(
            usage("steady", "emails", 6000, since=since, until=until)
            for since, until in (
                ("2025-12-31", "2026-01-31"),
                ("2026-01-31", "2026-02-28"),
                ("2025-11-30", "2025-12-31"),
            )
        ),
    ]
    return (  # type: ignore[no-any-return]
        company(
            full("plain"),
            [account("owned", owner_id="ana"), owner("ana"), full("owned")],
            [full("dealt"), deal("dealt")],
            [account("owned free", owner_id="ana"), item("owned free", "free", since="2025-01-31")],
            usage("owned free", "emails", 700, since="2026-01-31", until="2026-02-28"),
            usage("owned free", "emails", 1000, since="2026-02-28", until="2026-03-20"),
            item("in yen", "free", since="2025-01-31", currency="jpy"),
            usage("in yen", "emails", 700, since="2026-01-31", until="2026-02-28"),
            usage("in yen", "emails", 1000, since="2026-02-28", until="2026-03-20"),
            steady,
        )
        .decide()
        .to_pylist()
    )


def step(decisions: Sequence[Row], account_id: str, target: str) -> Row:
    (row,) = (row for row in decisions if (row["account_id"], row["target"]) == (account_id, target))
    return row


def test_paths_by_owner_and_deal(decisions: list[Row]) -> None:
    target = "add_on:more_storage"
    assert {name: step(decisions, name, target)["path"] for name in ("plain", "owned", "dealt")} == {
        "plain": "self_serve",
        "owned": "assisted",
        "dealt": "assisted",
    }


def test_commit_ranks_by_what_is_committed(decisions: list[Row]) -> None:
    row = step(decisions, "steady", "term:pro@year")
    assert row["committed_minor"] == 1667
    assert row["recurring_change_minor"] == -333
    assert row["customer_saving_minor"] == 333
    context = 1 + 0.25 * row["signal_density"]
    assert row["priority"] == pytest.approx(0.12 * 20_000 * context)


def test_a_step_in_a_currency_without_a_rate_is_assisted_has_no_priority_and_is_listed_last(
    decisions: list[Row],
) -> None:
    (mine,) = (row for row in decisions if (row["account_id"], row["target"]) == ("in yen", "plan:pro"))
    assert (mine["lane"], mine["priority"]) == ("assisted", None)
    lane = [row["rank"] for row in decisions if row["is_winner"] and row["lane"] == "assisted"]
    assert len(lane) > 1
    assert mine["rank"] == max(lane)


def test_rank_counts_from_one_in_every_lane(decisions: list[Row]) -> None:
    for lane in {row["lane"] for row in decisions if row["is_winner"]}:
        ranks = sorted(row["rank"] for row in decisions if row["is_winner"] and row["lane"] == lane)
        assert ranks == list(range(1, len(ranks) + 1))
    assert all(row["rank"] is None for row in decisions if not row["is_winner"])


def test_an_outranked_step_names_the_decision_that_beat_it(decisions: list[Row]) -> None:
    by_id = {row["decision_id"]: row for row in decisions}
    beaten = [row for row in decisions if row["outcome"] == "outranked"]
    assert beaten
    for row in beaten:
        winner = by_id[row["outranked_by"]]
        assert winner["is_winner"]
        assert (winner["account_id"], winner["lane"]) == (row["account_id"], row["lane"])


def test_a_notice_has_no_lane_no_price_and_no_rank(decisions: list[Row]) -> None:
    notices = [row for row in decisions if row["path"] == "notice"]
    assert notices
    for row in notices:
        assert (row["lane"], row["rank"], row["motion"], row["recurring_change_minor"]) == (None, None, None, None)
        assert (row["outcome"], row["holds"]) == ("eligible", "[]")
