"""Experiments as plain values, as ``upstep experiments``, the report, the page and the API tell them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from upstep.clock import iso
from upstep.engine.measuring.lifting import CONVERSION, CONVERSION_DAYS, MRR
from upstep.experiments.lift import WINDOW_DAYS
from upstep.money import format_minor

if TYPE_CHECKING:
    from upstep.engine.measuring.lifting import Result
    from upstep.engine.offering.experimenting import Membership
    from upstep.experiments.experiment import Experiment
    from upstep.experiments.lift import ArmLift, Lift
    from upstep.experiments.sequential import Difference

DAYS = {MRR: WINDOW_DAYS, CONVERSION: CONVERSION_DAYS}
WORDS = {MRR: "expansion MRR", CONVERSION: "conversions"}


def experiment_shape(one: Experiment) -> dict[str, Any]:
    """An experiment as it was begun."""
    return {
        "experiment_id": one.experiment_id,
        "name": one.name,
        "kind": one.kind,
        "scope": one.scope,
        "varies": one.varies,
        "arms": [{"name": arm.name, "share": arm.share / 10_000, "value": arm.value} for arm in one.arms],
        "salt": one.salt,
        "begins_at": iso(one.begins_at),
        "ends_at": iso(one.ends_at) if one.ends_at else None,
        "made_by": one.made_by,
    }


def result_shape(found: Result) -> dict[str, Any]:
    """An experiment with what it found. Money is minor units of ``currency`` a month, rounded."""
    balance = found.measures[MRR].balance
    names = [arm.name for arm in found.experiment.arms]
    return {
        **experiment_shape(found.experiment),
        "currency": found.currency,
        "exposed": dict(zip(names, balance.counts, strict=True)),
        "expected": {name: round(value, 1) for name, value in zip(names, balance.expected, strict=True)},
        "imbalance_chance": balance.chance,
        "is_believable": not found.is_off,
        "verdict": verdict(found),
        "measures": [_measure(name, lift) for name, lift in found.measures.items()],
    }


def member_shape(one: Membership) -> dict[str, Any]:
    """One account in one experiment."""
    return {
        "experiment_id": one.experiment.experiment_id,
        "kind": one.experiment.kind,
        "scope": one.experiment.scope,
        "varies": one.experiment.varies,
        "arm": one.arm,
        "is_held_out": one.is_held_out,
        "is_running": one.experiment.ends_at is None,
        "since": iso(one.since) if one.since else None,
        "why": one.why,
    }


def verdict(found: Result) -> str:
    """What may be concluded, in a sentence or two."""
    lead = found.measures.get(CONVERSION) or found.measures[MRR]
    name = CONVERSION if CONVERSION in found.measures else MRR
    if found.is_off:
        counts = " and ".join(f"{count:,}" for count in lead.balance.counts)
        expected = " and ".join(f"{count:,.0f}" for count in lead.balance.expected)
        return f"Do not believe it: {counts} accounts where {expected} were expected, so something drops accounts."
    if not found.exposed:
        return "Not enough data: no account has come to the point at which its arm makes a difference."
    return " ".join(_sentence(arm, lead, name, found.currency) for arm in lead.arms[1:])


def _sentence(arm: ArmLift, lift: Lift, name: str, currency: str) -> str:
    """About one arm beside the baseline."""
    assert arm.each is not None, "only the baseline has no difference"
    if arm.wait is not None:
        told = arm.wait.told
        so_far = f" So far {_amount(arm.each.estimate, name, currency)} an account." if arm.seen.count else ""
        return f"'{arm.arm}' beside '{lift.arms[0].arm}': {told}.{so_far}"
    each = f"{_amount(arm.each.estimate, name, currency)} an account ({span(arm.each, name, currency)})"
    in_all = ""
    if name == MRR and arm.total is not None:
        in_all = f", {_amount(arm.total.estimate, name, currency)} a month in all ({span(arm.total, name, currency)})"
    return f"'{arm.arm}' beside '{lift.arms[0].arm}': {each}{in_all}."


def span(of: Difference, name: str, currency: str) -> str:
    """An interval as people read it."""
    if of.low is None or of.high is None:
        return "no interval yet"
    return f"{_amount(of.low, name, currency)} to {_amount(of.high, name, currency)}"


def _amount(value: float, name: str, currency: str) -> str:
    if name == CONVERSION:
        return f"{value * 100:+.1f} points"
    minor = round(value)
    return f"{'+' if minor > 0 else ''}{format_minor(minor, currency)}"


def _measure(name: str, lift: Lift) -> dict[str, Any]:
    return {
        "measure": name,
        "days": DAYS[name],
        "arms": [_arm(arm, name) for arm in lift.arms],
    }


def _arm(arm: ArmLift, name: str) -> dict[str, Any]:
    def told(value: float | None) -> float | int | None:
        return None if value is None else round(value) if name == MRR else round(value, 6)

    each, total = arm.each, arm.total
    return {
        "arm": arm.arm,
        "counted": arm.seen.count,
        "waiting": arm.waiting,
        "mean": told(arm.seen.mean) if arm.seen.count else None,
        "difference": told(each.estimate) if each and arm.seen.count else None,
        "low": told(each.low) if each else None,
        "high": told(each.high) if each else None,
        "total": told(total.estimate) if total and arm.seen.count else None,
        "total_low": told(total.low) if total else None,
        "total_high": told(total.high) if total else None,
        "is_clear": each.is_clear if each else None,
        "weeks_more": arm.wait.weeks if arm.wait else None,
        "wait": arm.wait.told if arm.wait else None,
    }
