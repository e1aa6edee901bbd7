"""From proposals to decisions: steps, the gates of their motion and path, the outcome, one winner per lane."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce
from typing import TYPE_CHECKING

import ibis

from upstep.clock import DAY_SECONDS
from upstep.money import UNITS_PER_MINOR
from upstep.plays.gates import ADOPTION_PERCENT, GATES, Answer
from upstep.plays.people import with_recipients
from upstep.plays.timing import account_kinds, account_moments, at_checkout
from upstep.signals import strategy
from upstep.signals.looked_at import FOLLOW_UP
from upstep.tables.query import inner, left, union_all

if TYPE_CHECKING:
    import ibis.expr.types as ir

    from upstep.plays.play import Playbook
    from upstep.tables.query import Program

SALES = ("upsell", "volume", "add_on", "cross_sell", "commit")
OUTCOMES = ("eligible", "unconfirmed", "held", "unfit", "outranked", "held_out")
MASK_PLAYS = 60
"""Plays per whole number in the evidence masks."""

STEP = ["account_key", "to_product_id", "target"]

INPUTS: Mapping[str, Mapping[str, str]] = {
    "offer_history": {
        "account_key": "int32",
        "to_product_id": "string",
        "target": "string",
        "shown_at": "int64",
        "declined_at": "int64",
        "not_now_at": "int64",
        "cools_own_step": "boolean",
    },
    "contact_hold": {"account_key": "int32", "kind": "string", "held_at": "int64"},
    "follow_up": FOLLOW_UP,
    "confirmed": {"account_key": "int32", "gate": "string", "answer": "string"},
    "owner_capacity": {"owner_id": "string", "is_full": "boolean"},
    "planned_step": {"account_key": "int32", "to_product_id": "string", "target": "string"},
    "typed_goal": {
        "account_key": "int32",
        "goal_id": "string",
        "contact_id": "string",
        "advances": "string",
        "sponsor_contact_id": "string",
        "stated_at": "int64",
    },
    "holdout": {"account_key": "int32", "lane": "string", "experiment": "string"},
    "likelihood": {"play": "int32", "motion": "string", "segment": "string", "rate": "float64"},
    "fx": {"currency": "string", "factor": "float64"},
}
"""Input tables from outside the house of plays: what was asked, answered, planned, held out, learned; and rates."""


@dataclass(frozen=True)
class Rules:
    """The settings that decide between what could be done two ways.

    Args:
        assisted_from_minor: A yearly change above this, in company currency, makes a step assisted.
        assisted_owned: Whether an account with an owner is assisted.
        assumed: Gates whose unknown counts as clear.
        default_owner: Who gets an assisted step of an account without an owner.
    """

    assisted_from_minor: int = 1_000_000
    assisted_owned: bool = True
    cool_down_days: int = 30
    declined_days: int = 90
    not_now_days: int = 14
    assumed: frozenset[str] = field(default_factory=frozenset)
    default_owner: str | None = None


def build(playbook: Playbook, rules: Rules, tables: Mapping[str, ir.Table], program: Program) -> None:
    """Add the stages from ``proposal`` to ``decided``.

    Args:
        tables: ``proposal`` and ``INPUTS`` as loaded; the gates, goals and today as staged; core ``moment``.
    """
    rows = program.stage("proposed", _with_likelihood(tables))
    steps = program.stage("steps", merge_steps(rows, playbook))
    timed = program.stage(
        "timed",
        account_moments(
            tables["moment"],
            tables["account_gates"].semi_join(tables["proposal"], "account_key"),
            today=tables["today"],
            kinds=account_kinds(playbook),
        ),
    )
    placed = program.stage("placed", place(left(steps, timed, "account_key"), rules, tables))
    gated = program.stage("gated", answer_gates(placed, rules, playbook, tables))
    settled = program.stage("settled", settle(gated, rules, tables))
    winners = program.stage("arbitrated", arbitrate(settled, tables["holdout"]))
    program.stage("decided", with_recipients(winners, tables, default_owner=rules.default_owner))


def _with_likelihood(tables: Mapping[str, ir.Table]) -> ir.Table:
    """Proposals with the likelihood learned for play, motion and segment, else the play's prior."""
    segment = tables["account_gates"].select("account_key", "segment")
    rows = left(tables["proposal"], segment, "account_key")
    rows = rows.mutate(segment=ibis.coalesce(rows.segment, ""))
    known = left(rows, tables["likelihood"], ["play", "motion", "segment"])
    return known.mutate(likelihood=ibis.coalesce(known.rate, known.prior), is_prior=known.rate.isnull()).drop("rate")


def merge_steps(rows: ir.Table, playbook: Playbook) -> ir.Table:
    """One row per step: the likeliest play leads, the others are evidence; the largest quantity proposed wins.

    Returns:
        One row per (account_key, to_product_id, target): the columns of the leading proposal, the figures of the one
        with the largest quantity, and evidence_0, evidence_1, …: bit p of mask m says that play m x 60 + p fired.
    """
    # The subject comes before the row's number, which each engine gives in its own order.
    subject = ("product_id", "meter_id", "feature_id", "subject_add_on_id", "subject_plan_id", "source_row")
    lead_order = [rows.likelihood.desc(), rows.play.asc(), *(rows[name].asc() for name in subject)]
    size_order = [rows.quantity.desc(), *lead_order]
    placed = rows.mutate(
        lead=ibis.row_number().over(ibis.window(group_by=STEP, order_by=lead_order)),
        size=ibis.row_number().over(ibis.window(group_by=STEP, order_by=size_order)),
    )
    figures = ["quantity", "recurring_units", "overage_units", "saving_units", "committed_units", "rank_units"]
    leads = placed.filter(placed["lead"] == 0).drop("lead", "size", *figures)
    sizes = placed.filter(placed["size"] == 0).select(*STEP, *figures)
    return inner(inner(leads, sizes, STEP), _evidence(rows, playbook), STEP)


def _evidence(rows: ir.Table, playbook: Playbook) -> ir.Table:
    """Which plays fired for each step, as masks; whether one keeps a gate that another removes, or adds one."""
    distinct = rows.group_by(*STEP, "play").agg(hygiene=rows.is_hygiene.any())
    masks = {}
    for index in range(_mask_count(playbook)):
        bits = [
            (distinct.play == play, ibis.literal(1 << (play - index * MASK_PLAYS), "int64"))
            for play in range(index * MASK_PLAYS, min((index + 1) * MASK_PLAYS, len(playbook.plays)))
        ]
        masks[f"evidence_{index}"] = ibis.cases(*bits, else_=ibis.literal(0, "int64")).sum().cast("int64")
    for gate in sorted({gate for play in playbook.plays for gate in play.gates_removed}):
        removers = [index for index, play in enumerate(playbook.plays) if gate in play.gates_removed]
        masks[f"keeps_{gate}"] = (~distinct.play.isin(removers)).any()
    for gate in sorted({gate for play in playbook.plays for gate in play.gates_added}):
        adders = [index for index, play in enumerate(playbook.plays) if gate in play.gates_added]
        masks[f"adds_{gate}"] = distinct.play.isin(adders).any()
    return distinct.group_by(*STEP).agg(any_hygiene=distinct.hygiene.any(), **masks)


def _mask_count(playbook: Playbook) -> int:
    return max(1, -(-len(playbook.plays) // MASK_PLAYS))


def place(steps: ir.Table, rules: Rules, tables: Mapping[str, ir.Table]) -> ir.Table:
    """Who may act, in which list, and what the step is worth a year in company currency.

    Returns:
        The steps with path, lane, and value_year (NULL without a rate or an estimate).
    """
    account = left(steps, tables["account_gates"].drop("segment"), "account_key")
    rated = left(account, tables["fx"], "currency")
    year = 12.0 / UNITS_PER_MINOR
    # Without a rate nobody knows how large a change is, so a person looks at it.
    change_year = ibis.greatest(rated.recurring_units, rated.one_off_units).cast("float64") * year * rated.factor
    is_large = ibis.coalesce(change_year > float(rules.assisted_from_minor), rated.recurring_units != 0)
    owned = rated.has_owner if rules.assisted_owned else ibis.literal(False)
    assisted = rated.is_quote | (rated.open_deals > 0) | is_large | ibis.coalesce(owned, False)
    path = ibis.ifelse(assisted, "assisted", "self_serve")
    unpriced = rated.is_quote & (rated.rank_units == 0)
    value = rated.rank_units.cast("float64") * year * rated.factor
    return rated.mutate(
        path=path,
        lane=ibis.ifelse(rated.motion.isin(SALES), path, "care"),
        value_year=ibis.ifelse(unpriced, ibis.null("float64"), value),
    )


def answer_gates(steps: ir.Table, rules: Rules, playbook: Playbook, tables: Mapping[str, ir.Table]) -> ir.Table:
    """What every gate says of every step: columns ``gate_<id>``, and what their reasons name."""
    gates = tables["product_gates"].rename(gate_product_id="product_id")
    rows = left(steps, gates, ["account_key", "gate_product_id"])
    history, held = tables["offer_history"], tables["contact_hold"]
    rows = left(rows, _asked(rows, history, tables["follow_up"]), STEP)
    said = history.group_by(*STEP).agg(
        step_declined_at=history.declined_at.max(), step_not_now_at=history.not_now_at.max()
    )
    rows = left(rows, said, STEP)
    replied = held.group_by("account_key").agg(contact_hold_kind=held.kind.max(), contact_held_on=held.held_at.max())
    rows = left(rows, replied, "account_key")
    # What a person typed counts beside the company's own table, by the same rule.
    typed = strategy.goals(tables["typed_goal"], tables["contact"], tables["today"])
    rows = left(rows, _priorities(rows, union_all([tables["goals"], typed])), STEP)
    planned = tables["planned_step"].distinct().mutate(is_planned=ibis.literal(True))
    rows = left(rows, planned, STEP)
    full = tables["owner_capacity"].filter(tables["owner_capacity"].is_full)
    # An assisted step of an account that nobody owns is the default owner's task, and takes their hours.
    default = ibis.literal(rules.default_owner, "string")
    led_by = ibis.ifelse(rows.path == "assisted", ibis.coalesce(rows.owner_id, default), rows.owner_id)
    rows = left(rows.mutate(led_by=led_by), full.select("is_full", led_by="owner_id"), "led_by")
    rows = rows.cross_join(tables["today"].select("as_of"))
    answers = _answers(rows, rules, playbook)
    answers = {gate: _adjusted(gate, answer, rows, playbook) for gate, answer in answers.items()}
    lifts = ibis.greatest(
        ibis.coalesce(rows.asked_at + rules.cool_down_days * DAY_SECONDS, 0),
        ibis.coalesce(rows.step_declined_at + rules.declined_days * DAY_SECONDS, 0),
        ibis.coalesce(rows.step_not_now_at + rules.not_now_days * DAY_SECONDS, 0),
    )
    asked_on = ibis.coalesce(rows.asked_at, rows.step_declined_at, rows.step_not_now_at)
    return rows.mutate(
        asked_on=asked_on, asked_until=lifts, **{f"gate_{gate}": answer for gate, answer in answers.items()}
    )


def _asked(rows: ir.Table, history: ir.Table, follow_up: ir.Table) -> ir.Table:
    """When the account was last shown an offer, but for a step's own that waits for its answer or got a "not now".

    Help with what was bought does not wait for the offers before the look that found it idle: one of them sold it.
    """
    shown = history.select(
        "account_key", "shown_at", "cools_own_step", asked_product_id="to_product_id", asked_target="target"
    )
    pairs = inner(rows.select(*STEP), shown, "account_key")
    is_other = (pairs.asked_product_id != pairs.to_product_id) | (pairs.asked_target != pairs.target)
    pairs = pairs.filter(pairs.cools_own_step | ibis.coalesce(is_other, True))
    looks = follow_up.select(
        "account_key",
        "looked_at",
        to_product_id="product_id",
        target=ibis.literal("adopt:") + follow_up.meter_id,
    )
    known = left(pairs, looks, STEP)
    counted = known.filter(ibis.coalesce(known.shown_at > known.looked_at, True))
    return counted.group_by(*STEP).agg(asked_at=counted.shown_at.max())


def _priorities(rows: ir.Table, goals: ir.Table) -> ir.Table:
    """Whether a live priority names the product or plan that a step leads to, and has a sponsor."""
    wanted = rows.select(*STEP, "to_plan_id")
    pairs = inner(wanted, goals, "account_key")
    product = ibis.literal("\n") + pairs.to_product_id + "\n"
    plan = ibis.literal("\n") + pairs.to_plan_id + "\n"
    named = pairs.filter(pairs.advances.contains(product) | ibis.coalesce(pairs.advances.contains(plan), False))
    return named.group_by(*STEP).agg(
        has_priority=named.goal_id.notnull().any(), has_sponsor=named.has_sponsor.any(), goal_id=named.goal_id.min()
    )


def _answers(rows: ir.Table, rules: Rules, playbook: Playbook) -> dict[str, ir.IntegerValue]:
    """The answers by the table of gates: sales answer to all, adopt and right_size to three and to what a play adds."""
    added = {gate for play in playbook.plays for gate in play.gates_added}
    not_applicable = int(Answer.NOT_APPLICABLE)
    sale = rows.motion.isin(SALES)
    assisted = rows.path == "assisted"

    def when(gate: str, applies: ir.BooleanValue, answer: ir.IntegerValue) -> ir.IntegerValue:
        counts = applies | rows[f"adds_{gate}"] if gate in added else applies
        return ibis.ifelse(counts, answer, not_applicable).cast("int32")

    def holds(condition: ir.BooleanValue) -> ir.IntegerValue:
        return ibis.ifelse(ibis.coalesce(condition, False), int(Answer.HOLDS), int(Answer.CLEAR))

    cross = rows.motion == "cross_sell"
    low = ibis.coalesce(_adoption_of_subject(rows), rows.low_adoption, not_applicable)
    clear_use = low.isin((int(Answer.CLEAR), not_applicable))
    hygiene = rows.motion.isin(("upsell", "volume")) & rows.any_hygiene & clear_use
    needs_sponsor = assisted & sale & (rows.motion != "commit") & ~hygiene
    cooling = rows.asked_at > rows.as_of - rules.cool_down_days * DAY_SECONDS
    declined = rows.step_declined_at > rows.as_of - rules.declined_days * DAY_SECONDS
    not_now = rows.step_not_now_at > rows.as_of - rules.not_now_days * DAY_SECONDS
    # What goes to the owner alone writes to nobody at the account: the owner knows of the reply.
    writes = (rows.motion == "adopt") | (~assisted & (rows.motion != "right_size"))
    return {
        "open_issue": rows.open_issue,
        "payment_trouble": when("payment_trouble", sale, rows.payment_trouble),
        "before_first_value": when(
            "before_first_value", sale, ibis.coalesce(rows.before_first_value, int(Answer.UNKNOWN))
        ),
        "just_purchased": when(
            "just_purchased",
            sale & ~cross & ~at_checkout(rows, playbook),
            ibis.coalesce(rows.just_purchased, int(Answer.CLEAR)),
        ),
        "low_adoption": when("low_adoption", sale & ~cross, low),
        "leaving": when("leaving", sale, rows.leaving),
        "renewal_threat": when("renewal_threat", sale, rows.renewal_threat),
        # An open deal makes the step assisted (see ``place``), where it is context and never holds.
        "open_deal": ibis.literal(not_applicable, "int32"),
        "do_not_sell": when("do_not_sell", sale, rows.do_not_sell),
        "no_priority": when("no_priority", needs_sponsor, holds(~ibis.coalesce(rows.has_priority, False))),
        "no_sponsor": when(
            "no_sponsor",
            needs_sponsor & ibis.coalesce(rows.has_priority, False),
            holds(~ibis.coalesce(rows.has_sponsor, False)),
        ),
        "contact_hold": when("contact_hold", writes, holds(rows.contact_held_on.notnull())),
        "asked_recently": holds(cooling | declined | not_now).cast("int32"),
        "at_capacity": when(
            "at_capacity", assisted | ~sale, holds(rows.is_full & ~ibis.coalesce(rows.is_planned, False))
        ),
    }


def _adoption_of_subject(rows: ir.Table) -> ir.IntegerValue:
    """low_adoption speaks of the meter being sold: its own adoption where the step is about a limit, else NULL."""
    low = rows.meter_adoption * 100.0 <= float(ADOPTION_PERCENT)
    answer = ibis.ifelse(low, int(Answer.HOLDS), int(Answer.CLEAR))
    return ibis.ifelse(rows.meter_adoption.notnull(), answer, ibis.null("int32")).cast("int32")


def _adjusted(gate: str, answer: ir.IntegerValue, rows: ir.Table, playbook: Playbook) -> ir.IntegerValue:
    """A gate that every play of the step removed does not count."""
    if any(gate in play.gates_removed for play in playbook.plays):
        return ibis.ifelse(rows[f"keeps_{gate}"], answer, int(Answer.NOT_APPLICABLE)).cast("int32")
    return answer


def settle(rows: ir.Table, rules: Rules, tables: Mapping[str, ir.Table]) -> ir.Table:
    """Recorded answers settle unknowns, settings assume some; then the outcome: unfit > held > unconfirmed > eligible.

    A person's "clear" settles what no table can tell; it never overrules a hold that a table shows. A person's
    "holds" always counts.
    """
    confirmed = tables["confirmed"]
    said = {}
    for gate in GATES:
        is_gate = confirmed.gate == gate
        said[f"said_{gate}"] = ibis.cases(
            (is_gate & (confirmed.answer == "holds"), 2), (is_gate & (confirmed.answer == "clear"), 1), else_=0
        ).max()
    answered = left(rows, confirmed.group_by("account_key").agg(**said), "account_key")
    settled, assumed = {}, {}
    for gate in GATES:
        answer = answered[f"gate_{gate}"]
        word = ibis.coalesce(answered[f"said_{gate}"], 0)
        applies = answer != int(Answer.NOT_APPLICABLE)
        told = ibis.cases(
            (applies & (word == 2), int(Answer.HOLDS)),
            ((answer == int(Answer.UNKNOWN)) & (word == 1), int(Answer.CLEAR)),
            else_=answer,
        )
        if gate in rules.assumed:
            assumed[f"assumed_{gate}"] = told == int(Answer.UNKNOWN)
            told = ibis.ifelse(told == int(Answer.UNKNOWN), int(Answer.CLEAR), told)
        # An answer that no query gave is no clearance.
        settled[f"gate_{gate}"] = ibis.coalesce(told, int(Answer.UNKNOWN)).cast("int32")
    final = answered.mutate(**settled, **assumed).drop(*said)
    return final.mutate(outcome=_outcome(final), priority=_priority(final))


def _outcome(rows: ir.Table) -> ir.StringValue:
    def any_gate(answer: Answer) -> ir.BooleanValue:
        return reduce(lambda a, b: a | b, [rows[f"gate_{gate}"] == int(answer) for gate in GATES])

    return ibis.cases(
        (rows.stays | rows.adds_nothing, "unfit"),
        (any_gate(Answer.HOLDS), "held"),
        (any_gate(Answer.UNKNOWN), "unconfirmed"),
        else_="eligible",
    )


def _priority(rows: ir.Table) -> ir.FloatingValue:
    """Likelihood x value a year x (1 + 0.25 x kinds of signal) x lever; care ranks by what is at stake alone.

    Source of the form: propensity x context x value x lever, as arbitration in customer decision hubs does it.
    """
    context = 1.0 + 0.25 * rows.signal_density.cast("float64")
    sale = rows.likelihood * rows.value_year * context * rows.lever
    return ibis.ifelse(rows.lane == "care", rows.value_year, sale)


def arbitrate(rows: ir.Table, holdout: ir.Table) -> ir.Table:
    """One live step per account and lane: the best eligible one, else the best unconfirmed; then the holdout.

    Returns:
        The steps with their final outcome, is_winner and outranked_by (product and target of the winner).
    """
    competes = rows.outcome.isin(("eligible", "unconfirmed"))
    order = [
        ibis.ifelse(competes, 0, 1).asc(),
        ibis.ifelse(rows.outcome == "eligible", 0, 1).asc(),
        ibis.coalesce(rows.priority, -1.0).desc(),
        rows.saving_units.desc(),
        rows.signal_density.desc(),
        rows.to_product_id.asc(),
        rows.target.asc(),
    ]
    lane = ibis.window(group_by=["account_key", "lane"], order_by=order)
    placed = rows.mutate(
        place=ibis.row_number().over(lane),
        competes=competes,
        best_product_id=rows.to_product_id.first().over(lane),
        best_target=rows.target.first().over(lane),
    )
    first = placed.competes & (placed.place == 0)
    beaten = placed.competes & (placed.place > 0)
    marked = placed.mutate(is_winner=first, beaten=beaten)
    held_out = left(marked, holdout, ["account_key", "lane"])
    is_out = held_out.experiment.notnull() & first & (held_out.outcome == "eligible")
    return held_out.mutate(
        outcome=ibis.cases((held_out.beaten, "outranked"), (is_out, "held_out"), else_=held_out.outcome),
        outranked_product_id=ibis.ifelse(held_out.beaten, held_out.best_product_id, ibis.null("string")),
        outranked_target=ibis.ifelse(held_out.beaten, held_out.best_target, ibis.null("string")),
    ).drop("place", "beaten", "best_product_id", "best_target", "competes")
