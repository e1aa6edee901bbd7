"""Every gate on one company: clear, holds, unknown, not applicable, by motion and path, at its boundaries."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.company import (
    Company,
    Rows,
    account,
    company,
    contact,
    deal,
    decider,
    feedback,
    goal,
    invoice,
    item,
    moment,
    outcome,
    owner,
    seat,
    ticket,
    usage,
)
from upstep.clock import parse_instant, to_seconds
from upstep.plays.gates import GATES, Answer
from upstep.plays.rank import SALES
from upstep.tables.query import DuckEngine, Program

CLEAR, HOLDS, UNKNOWN, NOT_APPLICABLE = Answer
AS_OF = "2026-03-20"
STORAGE, AUDIENCE = "add_on:more_storage", "product:audience"
ADOPT, PRO, SCALE = "adopt:emails", "plan:pro", "plan:scale"


def sender(name: str, *more: Rows, sent: int = 7000, since: str = "2025-01-31", **columns: Any) -> Rows:
    """A Pro account whose storage is over its hard limit; ``sent`` e-mails in the last complete month.

    Two steps come of it: more storage (add_on), and Audience (cross_sell).
    """
    return [
        item(name, "pro", since=since, **columns),
        usage(name, "storage", 101, at="2026-03-01"),
        usage(name, "emails", sent, since="2026-01-31", until="2026-02-28"),
        *more,
    ]


def owned(name: str, *more: Rows, **columns: Any) -> Rows:
    """A sender with an account manager: its steps are assisted."""
    return [account(name, owner_id="ana", **columns), sender(name, *more)]


def due(at: str, **columns: Any) -> Rows:
    return invoice("", at="2026-02-20", due_at=at, **columns)


OPEN_ISSUE: Mapping[str, tuple[Rows, Answer]] = {
    "no ticket": ((), CLEAR),
    "urgent": (ticket("", at="2026-03-19", severity="urgent"), HOLDS),
    "high": (ticket("", at="2026-03-19", severity="high"), HOLDS),
    "normal": (ticket("", at="2026-03-19", severity="normal"), CLEAR),
    "escalated": (ticket("", at="2026-03-19", severity="low", escalated=True), HOLDS),
    "five days old": (ticket("", at="2026-03-15"), CLEAR),
    "a second older than five days": (ticket("", at="2026-03-14T23:59:59"), HOLDS),
    "old but closed": (ticket("", at="2026-01-01", severity="urgent", closed_at="2026-03-19"), CLEAR),
    "closed only tomorrow": (ticket("", at="2026-01-01", closed_at="2026-03-21"), HOLDS),
    "an urgent question": (ticket("", at="2026-01-01", kind="question", severity="urgent"), CLEAR),
    "an urgent request": (ticket("", at="2026-01-01", kind="feature_request", severity="urgent"), CLEAR),
    "of unknown kind": (ticket("", at="2026-03-19", kind=None, severity="high"), HOLDS),
}
PAYMENT: Mapping[str, tuple[Rows, Answer]] = {
    "no invoice": ((), CLEAR),
    "open and not due": (due("2026-04-19"), CLEAR),
    "due three days ago": (due("2026-03-17"), CLEAR),
    "due a second longer": (due("2026-03-16T23:59:59"), HOLDS),
    "due long ago and paid": (due("2026-01-01", paid_at="2026-01-02", status="paid"), CLEAR),
    "due long ago and void": (due("2026-01-01", status="void"), CLEAR),
    "failed and not due": (due("2026-04-19", last_failure_at="2026-03-19"), HOLDS),
    "due long ago and given up": (due("2026-01-01", status="uncollectible"), HOLDS),
    "of nothing": (due("2026-01-01", amount_due_minor=0), CLEAR),
    "33 days old without a due date": (invoice("", at="2026-02-15"), CLEAR),
    "a second older without a due date": (invoice("", at="2026-02-14T23:59:59"), HOLDS),
}
THREAT: Mapping[str, tuple[Rows, Answer]] = {
    "risk 90 days ago": (moment("", "renewal_risk", at="2025-12-20"), CLEAR),
    "risk a second later": (moment("", "renewal_risk", at="2025-12-20T00:00:01"), HOLDS),
    "another moment": (moment("", "funding", at="2026-03-01"), CLEAR),
    "a detractor who pays monthly": (feedback("", at="2026-03-01", score=3.0), CLEAR),
    "a missed outcome, paid monthly": (outcome("", achieved=10.0), CLEAR),
}
YEARLY: Mapping[str, tuple[Rows, Answer]] = {
    "a detractor in the window": (feedback("", at="2026-03-01", score=6.0), HOLDS),
    "a passive in the window": (feedback("", at="2026-03-01", score=7.0), CLEAR),
    "a missed outcome in the window": (outcome("", achieved=10.0), HOLDS),
    "a met outcome in the window": (outcome("", achieved=100.0), CLEAR),
}
GOALS: Mapping[str, tuple[Rows, Mapping[str, Answer]]] = {
    "no goal": ((), {"no_priority": HOLDS, "no_sponsor": NOT_APPLICABLE}),
    "a goal of another product": (
        goal("", advances=["receiving"], sponsor_contact_id="boss"),
        {"no_priority": HOLDS, "no_sponsor": NOT_APPLICABLE},
    ),
    "no sponsor": (goal("", advances=["audience"]), {"no_priority": CLEAR, "no_sponsor": HOLDS}),
    "a sponsor": (
        goal("", advances=["audience", "x"], sponsor_contact_id="kim"),
        {"no_priority": CLEAR, "no_sponsor": CLEAR},
    ),
    "a sponsor by plan": (
        goal("", advances="audience_pack", sponsor_contact_id="kim"),
        {"no_priority": CLEAR, "no_sponsor": CLEAR},
    ),
    "a sponsor who left": (
        [
            contact("", contact_id="gone", left_at="2026-02-01"),
            goal("", advances="audience", sponsor_contact_id="gone"),
        ],
        {"no_priority": CLEAR, "no_sponsor": HOLDS},
    ),
}


def renamed(rows: Rows, name: str) -> Rows:
    """The same rows for another account."""
    if isinstance(rows, (list, tuple)):
        return [renamed(row, name) for row in rows]
    ids = {key: f"{name} {value}" for key, value in rows.values.items() if key == "contact_id" and value == "gone"}
    ids |= {"sponsor_contact_id": f"{name} gone"} if rows.values.get("sponsor_contact_id") == "gone" else {}
    return type(rows)(rows.table, {**rows.values, "account_id": name, **ids})


def each(group: str, cases: Mapping[str, tuple[Rows, Any]], **columns: Any) -> list[Rows]:
    return [
        sender(f"{group}: {name}", renamed(rows, f"{group}: {name}"), **columns) for name, (rows, _) in cases.items()
    ]


WHOLE = company(
    each("issue", OPEN_ISSUE),
    each("payment", PAYMENT),
    each("threat", THREAT),
    each("yearly", YEARLY, interval="year", renews_at="2026-05-01"),
    sender("yearly: far from it", feedback("yearly: far from it", score=1.0), interval="year", renews_at="2026-06-19"),
    [owned(f"goal: {name}", renamed(rows, f"goal: {name}")) for name, (rows, _) in GOALS.items()],
    owner("ana"),
    sender("past due", status="past_due"),
    # before_first_value
    sender("sent 99", sent=99),
    sender("sent 100", sent=100),
    [item("no rule", "receiving_basic", since="2025-01-31"), usage("no rule", "receipts", 5001, at="2026-03-19")],
    # just_purchased
    sender("bought 14 days ago", since="2026-03-06"),
    sender("bought a second later", since="2026-03-06T00:00:01"),
    item("raised", "free", since="2025-01-31", until="2026-03-10"),
    sender("raised", since="2026-03-10"),
    item("renewed", "pro", since="2025-01-31", until="2026-03-10", amount_minor=1500),
    sender("renewed", since="2026-03-10"),
    item("more seats", "team", since="2025-01-31", until="2026-03-10", quantity=5),
    item("more seats", "team", since="2026-03-10", quantity=6),
    [seat("more seats", contact_id=f"p{index}") for index in range(6)],
    moment("more seats", "first_value"),
    # low_adoption
    [
        [
            item(name, "free", since="2025-01-31"),
            usage(name, "emails", sent, since="2026-01-31", until="2026-02-28"),
            usage(name, "emails", 1000, since="2026-02-28", until="2026-03-20"),
        ]
        for name, sent in (("used 40%", 400), ("used 40.1%", 401))
    ],
    # leaving
    sender("cancels", cancel_at="2026-03-31"),
    sender("will go down", pending_plan_id="free"),
    sender("will go up", pending_plan_id="scale"),
    item("lowered 60 days ago", "scale", since="2025-01-31", until="2026-01-19"),
    sender("lowered 60 days ago", since="2026-01-19"),
    item("lowered a second later", "scale", since="2025-01-31", until="2026-01-19T00:00:01"),
    sender("lowered a second later", since="2026-01-19T00:00:01"),
    # do_not_sell, open_deal
    [account("said no", do_not_sell_why="they asked"), sender("said no")],
    [
        account("said no until today", do_not_sell_why="they asked", do_not_sell_until=AS_OF),
        sender("said no until today"),
    ],
    [account("said no until tomorrow", do_not_sell_until="2026-03-21"), sender("said no until tomorrow")],
    sender("in a deal", deal("in a deal")),
    sender("deal closed", deal("deal closed", closed_at="2026-03-19", won=False)),
    # care answers to three gates only
    sender(
        "in every trouble",
        [ticket("in every trouble", severity="high"), invoice("in every trouble", last_failure_at="2026-03-01")],
        moment("in every trouble", "renewal_risk", at="2026-03-01"),
        sent=3000,
        cancel_at="2026-03-31",
    ),
    [account("full owner", owner_id="bob"), sender("full owner"), owner("bob")],
    [account("full owner, planned", owner_id="bob"), sender("full owner, planned")],
    # goals that a person typed, beside those of the company's table
    [owned(f"typed: {name}") for name in ("with sponsor", "sponsor left", "stater left")],
    [contact("typed: sponsor left", contact_id="left", left_at="2026-03-01")],
    [account("full owner, little use", owner_id="bob"), sender("full owner, little use", sent=3000)],
    sender("shown 30 days ago"),
    sender("shown a second later"),
    sender("declined 90 days ago"),
    sender("declined a second later"),
    [sender(name) for name in ("waits for an answer", "not now 14 days ago", "not now a second later", "replied")],
    [account("replied, owned", owner_id="ana"), sender("replied, owned")],
    # hygiene: the limit itself constrains work in use
    [account("owned free", owner_id="ana"), item("owned free", "free", since="2025-01-31")],
    usage("owned free", "emails", 700, since="2026-01-31", until="2026-02-28"),
    usage("owned free", "emails", 1000, since="2026-02-28", until="2026-03-20"),
    as_of=AS_OF,
)
TOLD = {
    "offer_history": [
        {
            "account_id": name,
            "to_product_id": "sending",
            "target": STORAGE,
            "shown_at": shown,
            "declined_at": declined,
            "not_now_at": not_now,
            "cools_own_step": cools,
        }
        for name, shown, declined, not_now, cools in (
            ("shown 30 days ago", "2026-02-18", None, None, True),
            ("shown a second later", "2026-02-18T00:00:01", None, None, True),
            ("declined 90 days ago", "2025-12-20", "2025-12-20", None, True),
            ("declined a second later", "2025-12-20", "2025-12-20T00:00:01", None, True),
            ("waits for an answer", "2026-03-19", None, None, False),
            ("not now 14 days ago", "2026-03-06", None, "2026-03-06", False),
            ("not now a second later", "2026-03-06", None, "2026-03-06T00:00:01", False),
        )
    ],
    "contact_hold": [
        {"account_id": name, "kind": "reply", "held_at": to_seconds(parse_instant("2026-03-18"))}
        for name in ("replied", "replied, owned", "full owner, little use")
    ],
    "owner_capacity": [{"owner_id": "bob", "is_full": True}],
    "planned_step": [{"account_id": "full owner, planned", "to_product_id": "sending", "target": STORAGE}],
    "typed_goal": [
        {
            "account_id": f"typed: {name}",
            "goal_id": f"typed_{name}",
            "contact_id": stater,
            "advances": "sending\naudience",
            "sponsor_contact_id": sponsor,
            "stated_at": 0,
        }
        for name, stater, sponsor in (
            ("with sponsor", "boss", "cfo"),
            ("sponsor left", "boss", "left"),
            ("stater left", "left", "cfo"),
        )
    ],
}
for _row in TOLD["offer_history"]:
    _instants = ("shown_at", "declined_at", "not_now_at")
    _row |= {name: to_seconds(parse_instant(_row[name])) for name in _instants if _row[name]}


class Watching(DuckEngine):
    """Keeps what the gates said of every step, with every column."""

    def __init__(self, ranking: Program) -> None:
        super().__init__(threads=1)
        self.ranking = ranking

    def run(self, program: Any, *, keep: Any = ()) -> None:
        whole = self.ranking if "decided" in program.sql("duckdb") else program
        super().run(whole, keep=[*keep, "settled"])


def gated(name: str, product: str) -> dict[str, Answer]:
    """What the gates say of a product that is owned, whether or not a step leads there."""
    engine = DuckEngine(threads=1)
    WHOLE.load_into(engine)
    for table, rows in WHOLE.words.tables.items():
        engine.load(table, rows)
    engine.run(decider(owners_connected=True).profiles, keep=["product_gates"])
    key = WHOLE.keys("account_id", "account")[name]
    found = engine.read("product_gates").to_pylist()
    (row,) = (row for row in found if (row["account_key"], row["product_id"]) == (key, product))
    return {gate: Answer(row[gate]) for gate in ("before_first_value", "just_purchased", "low_adoption")}


Settled = dict[tuple[str, str], dict[str, Any]]


def settled(of: Company, told: Mapping[str, Any]) -> Settled:
    """What every gate said, by account and target."""
    owners = bool(of.canonical["owner"]) and "owner" not in of.without
    engine = Watching(decider(of.catalog, of.settings, owners).whole_ranking)
    of.decide(engine, told=told)
    return {(row["account_id"], row["target"]): row for row in engine.read("settled").to_pylist()}


@pytest.fixture(scope="module")
def said() -> Settled:
    return settled(WHOLE, TOLD)


def answer(said: Settled, name: str, gate: str, target: str = STORAGE) -> Answer:
    return Answer(said[name, target][f"gate_{gate}"])


@pytest.mark.parametrize("case", OPEN_ISSUE)
def test_open_issue(said: Settled, case: str) -> None:
    for target in (STORAGE, AUDIENCE):
        assert answer(said, f"issue: {case}", "open_issue", target) == OPEN_ISSUE[case][1]


@pytest.mark.parametrize("case", PAYMENT)
def test_payment_trouble(said: Settled, case: str) -> None:
    assert answer(said, f"payment: {case}", "payment_trouble") == PAYMENT[case][1]


def test_a_subscription_past_due_is_payment_trouble_also_without_an_invoice(said: Settled) -> None:
    assert answer(said, "past due", "payment_trouble") == HOLDS


@pytest.mark.parametrize("case", THREAT)
def test_renewal_threat(said: Settled, case: str) -> None:
    assert answer(said, f"threat: {case}", "renewal_threat") == THREAT[case][1]


@pytest.mark.parametrize("case", YEARLY)
def test_renewal_threat_of_a_yearly_term_within_its_window(said: Settled, case: str) -> None:
    for target in (SCALE, AUDIENCE):
        assert answer(said, f"yearly: {case}", "renewal_threat", target) == YEARLY[case][1]


def test_a_renewal_in_91_days_is_not_yet_threatened_by_a_score(said: Settled) -> None:
    assert answer(said, "yearly: far from it", "renewal_threat", AUDIENCE) == CLEAR


@pytest.mark.parametrize("case", GOALS)
def test_priority_and_sponsor_of_an_assisted_cross_sell(said: Settled, case: str) -> None:
    for gate, expected in GOALS[case][1].items():
        assert answer(said, f"goal: {case}", gate, AUDIENCE) == expected


def test_priority_and_sponsor_are_asked_of_assisted_steps_only(said: Settled) -> None:
    for gate in ("no_priority", "no_sponsor"):
        assert answer(said, "issue: no ticket", gate, AUDIENCE) == NOT_APPLICABLE


def test_a_hygiene_step_needs_no_priority(said: Settled) -> None:
    row = said["owned free", PRO]
    assert (row["path"], row["motion"]) == ("assisted", "upsell")
    assert answer(said, "owned free", "no_priority", PRO) == NOT_APPLICABLE
    assert answer(said, "goal: no goal", "no_priority", STORAGE) == HOLDS


def test_first_value_is_reached_at_the_catalogs_count(said: Settled) -> None:
    assert answer(said, "sent 99", "before_first_value") == HOLDS
    assert answer(said, "sent 100", "before_first_value") == CLEAR


def test_without_a_rule_of_first_value_a_person_must_say(said: Settled) -> None:
    assert answer(said, "no rule", "before_first_value", "plan:receiving_plus") == UNKNOWN


def test_just_purchased_ends_after_14_days(said: Settled) -> None:
    assert answer(said, "bought 14 days ago", "just_purchased") == CLEAR
    assert answer(said, "bought a second later", "just_purchased") == HOLDS


@pytest.mark.slow
def test_an_upgrade_is_a_purchase_and_a_renewal_or_seats_are_not(said: Settled) -> None:
    assert answer(said, "raised", "just_purchased") == HOLDS
    assert answer(said, "renewed", "just_purchased") == CLEAR
    assert gated("more seats", "teams")["just_purchased"] == CLEAR


def test_at_40_percent_of_the_last_whole_period_nothing_is_sold(said: Settled) -> None:
    assert answer(said, "used 40%", "low_adoption", PRO) == HOLDS
    assert answer(said, "used 40.1%", "low_adoption", PRO) == CLEAR


def test_low_adoption_speaks_of_the_meter_that_is_sold(said: Settled) -> None:
    assert answer(said, "in every trouble", "low_adoption") == CLEAR


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("cancels", HOLDS),
        ("will go down", HOLDS),
        ("will go up", CLEAR),
        ("lowered 60 days ago", CLEAR),
        ("lowered a second later", HOLDS),
        ("issue: no ticket", CLEAR),
    ],
)
def test_leaving(said: Settled, name: str, expected: Answer) -> None:
    assert answer(said, name, "leaving") == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("said no", HOLDS), ("said no until today", CLEAR), ("said no until tomorrow", HOLDS), ("sent 100", CLEAR)],
)
def test_do_not_sell(said: Settled, name: str, expected: Answer) -> None:
    assert answer(said, name, "do_not_sell") == expected


def test_an_open_deal_makes_the_step_assisted_and_never_holds(said: Settled) -> None:
    assert said["in a deal", STORAGE]["path"] == "assisted"
    assert answer(said, "in a deal", "open_deal") == NOT_APPLICABLE
    assert said["deal closed", STORAGE]["path"] == "self_serve"


def test_for_a_cross_sell_only_the_first_value_of_what_they_have_counts(said: Settled) -> None:
    assert answer(said, "bought a second later", "just_purchased", AUDIENCE) == NOT_APPLICABLE
    assert answer(said, "used 40%", "low_adoption", AUDIENCE) == NOT_APPLICABLE
    assert answer(said, "issue: no ticket", "before_first_value", AUDIENCE) == CLEAR


def test_care_answers_to_open_issue_replies_asked_recently_and_capacity_only(said: Settled) -> None:
    row = said["in every trouble", ADOPT]
    assert [gate for gate in GATES if row[f"gate_{gate}"] == HOLDS] == ["open_issue"]
    assert {gate for gate in GATES if row[f"gate_{gate}"] != NOT_APPLICABLE} == {
        gate.id for gate in GATES.values() if gate.id == "open_issue" or gate.care
    }
    sale = said["in every trouble", STORAGE]
    assert [gate for gate in GATES if sale[f"gate_{gate}"] == HOLDS] == [
        "open_issue",
        "payment_trouble",
        "leaving",
        "renewal_threat",
    ]


def test_capacity_is_the_owners_and_holds_assisted_and_care(said: Settled) -> None:
    assert answer(said, "full owner", "at_capacity") == HOLDS
    assert answer(said, "full owner, little use", "at_capacity", ADOPT) == HOLDS
    assert answer(said, "goal: no goal", "at_capacity") == CLEAR
    assert answer(said, "issue: no ticket", "at_capacity") == NOT_APPLICABLE


def test_what_is_planned_is_not_held_by_the_plan(said: Settled) -> None:
    assert answer(said, "full owner, planned", "at_capacity") == CLEAR
    assert answer(said, "full owner, planned", "at_capacity", AUDIENCE) == HOLDS


def test_a_typed_goal_counts_as_one_of_the_table_does(said: Settled) -> None:
    for name, priority, sponsor in (
        ("with sponsor", CLEAR, CLEAR),
        ("sponsor left", CLEAR, HOLDS),
        ("stater left", HOLDS, NOT_APPLICABLE),
    ):
        assert answer(said, f"typed: {name}", "no_priority", AUDIENCE) == priority
        assert answer(said, f"typed: {name}", "no_sponsor", AUDIENCE) == sponsor


def test_the_cool_down_lasts_30_days_for_every_step_of_the_account(said: Settled) -> None:
    for target in (STORAGE, AUDIENCE):
        assert answer(said, "shown 30 days ago", "asked_recently", target) == CLEAR
        assert answer(said, "shown a second later", "asked_recently", target) == HOLDS


def test_a_declined_step_waits_90_days_and_no_other_does(said: Settled) -> None:
    assert answer(said, "declined 90 days ago", "asked_recently") == CLEAR
    assert answer(said, "declined a second later", "asked_recently") == HOLDS
    assert answer(said, "declined a second later", "asked_recently", AUDIENCE) == CLEAR


def test_an_offer_that_waits_for_its_answer_stands_in_the_way_of_others_not_of_itself(said: Settled) -> None:
    assert answer(said, "waits for an answer", "asked_recently") == CLEAR
    assert answer(said, "waits for an answer", "asked_recently", AUDIENCE) == HOLDS


def test_after_not_now_the_step_comes_back_in_14_days_and_no_other_within_30(said: Settled) -> None:
    assert answer(said, "not now 14 days ago", "asked_recently") == CLEAR
    assert answer(said, "not now a second later", "asked_recently") == HOLDS
    assert answer(said, "not now 14 days ago", "asked_recently", AUDIENCE) == HOLDS


def test_a_reply_holds_what_would_be_sent_to_the_account_and_no_owners_task(said: Settled) -> None:
    assert answer(said, "replied", "contact_hold") == HOLDS
    assert answer(said, "full owner, little use", "contact_hold", ADOPT) == HOLDS
    assert answer(said, "replied, owned", "contact_hold") == NOT_APPLICABLE
    assert answer(said, "issue: no ticket", "contact_hold") == CLEAR


def test_the_outcome_follows_from_the_answers(said: Settled) -> None:
    for row in said.values():
        answers = {row[f"gate_{gate}"] for gate in GATES}
        expected = "held" if HOLDS in answers else "unconfirmed" if UNKNOWN in answers else "eligible"
        assert row["outcome"] == ("unfit" if row["stays"] or row["adds_nothing"] else expected)


def test_every_gate_is_asked_of_a_sale_by_the_table_of_gates(said: Settled) -> None:
    row = said["issue: no ticket", STORAGE]
    assert row["motion"] in SALES
    not_asked = {gate for gate in GATES if row[f"gate_{gate}"] == NOT_APPLICABLE}
    assert not_asked == {"open_deal", "no_priority", "no_sponsor", "at_capacity"}


# Without tables


def test_a_table_that_is_missing_or_stale_makes_its_gate_unknown_or_clear_as_documented() -> None:
    tables = ("ticket", "invoice", "moment", "deal", "goal", "feedback", "outcome", "seat")
    bare = company(
        sender("bare"),
        sender("seen", ticket("seen", at="2026-03-19", severity="high")),
        [account("owned", owner_id="ana"), sender("owned"), owner("ana")],
        sender("new, in use", usage("new, in use", "emails", 8000, at="2026-03-19"), since="2026-03-01"),
        sender(
            "new, little use", usage("new, little use", "emails", 7999, at="2026-03-19"), since="2026-03-01", sent=0
        ),
        as_of=AS_OF,
        without=tables,
    )
    said = settled(bare, {})
    # Before the first whole period, use of four fifths is proof enough.
    assert answer(said, "new, in use", "low_adoption") == NOT_APPLICABLE
    assert answer(said, "new, little use", "low_adoption") == UNKNOWN
    row = said["bare", STORAGE]
    asked = {gate for gate in GATES if row[f"gate_{gate}"] == UNKNOWN}
    assert (
        asked
        == {"open_issue", "payment_trouble"}
        == {gate.id for gate in GATES.values() if gate.without == UNKNOWN and gate.id != "before_first_value"}
    )
    assert row["outcome"] == "unconfirmed"
    # What a stale table shows still holds; what it does not show is not known.
    assert answer(said, "seen", "open_issue") == HOLDS
    assert answer(said, "owned", "no_priority", AUDIENCE) == HOLDS


def test_the_decider_of_the_tests_asks_every_gate() -> None:
    schema = decider(owners_connected=True).ranking.stages["settled"].schema()
    assert {f"gate_{gate}" for gate in GATES} <= set(schema.names)
