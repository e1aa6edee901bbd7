"""Good moments: what has just happened that makes now the time for a step. They raise it, and reports name the trigger.

Moments of the moment table count for four weeks. Derived ones are states of today: a limit that is reached, a feature
that was asked for, the renewal window, the second month after onboarding, an outcome that was met, a product that has
just become available, and the checkout, where somebody stands at the till.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from upstep.clock import DAY_SECONDS
from upstep.tables.query import left

if TYPE_CHECKING:
    import ibis.expr.types as ir
    from numpy.typing import NDArray

    from upstep.plays.play import Playbook

    Bits = NDArray[np.int64]

GOOD_DAYS = 28
"""For so long a moment of the moment table counts."""

AFTER_ONBOARDING_DAYS = (60, 90)
"""Sixty days after onboarding a customer knows what they have; a month later the occasion has passed."""

RELEASED_DAYS = 90
"""For so long a product has just become available."""

OF_SUBJECT = ("limit_reached", "product_released")
"""Derived moments that the row tells which made the play fire; the others are the account's."""


def account_kinds(playbook: Playbook) -> tuple[str, ...]:
    """The moments of accounts that any play waits for; the place of each is its bit."""
    kinds = {kind for play in playbook.plays for kind in play.moments if kind not in OF_SUBJECT}
    return tuple(sorted(kinds))


def account_moments(moment: ir.Table, accounts: ir.Table, *, today: ir.Table, kinds: Sequence[str]) -> ir.Table:
    """Which good moments are true of accounts.

    Args:
        moment: Core ``moment``; accounts: ``account_gates``; today: one row with as_of.
        kinds: As ``account_kinds`` gives them.

    Returns:
        One row per account_key: moment_bits (bit i: the i-th kind is true).
    """
    at = moment.cross_join(today.select("as_of")).filter(lambda t: t.occurred_at <= t.as_of)
    marks = {
        f"bit_{index}": ibis.ifelse(_recent(at, kind), 1 << index, 0).max().cast("int64")
        for index, kind in enumerate(kinds)
        if kind not in _STATES
    }
    known = left(accounts, at.group_by("account_key").agg(**marks), "account_key") if marks else accounts
    bits = [
        ibis.ifelse(_ALSO[kind](known), 1 << index, ibis.coalesce(known[f"bit_{index}"], 0))
        if kind in _ALSO
        else ibis.coalesce(known[f"bit_{index}"], 0)
        for index, kind in enumerate(kinds)
        if kind not in _STATES
    ]
    bits += [ibis.ifelse(_STATES[kind](known), 1 << index, 0) for index, kind in enumerate(kinds) if kind in _STATES]
    total = sum(bits, start=ibis.literal(0, "int64"))
    return known.select("account_key", moment_bits=total.cast("int64"))


def _recent(at: ir.Table, kind: str) -> ir.BooleanValue:
    days = (at.as_of - at.occurred_at) / float(DAY_SECONDS)
    if kind == "onboarded_60d":
        after, until = AFTER_ONBOARDING_DAYS
        return (at.kind == "onboarded") & (days >= float(after)) & (days < float(until))
    return (at.kind == kind) & (days < (1.0 if kind == "checkout" else float(GOOD_DAYS)))


_STATES: Mapping[str, Any] = {
    "renewal_window": lambda known: ibis.coalesce(known.in_renewal_window, False),
    "outcome_met": lambda known: ibis.coalesce(known.outcomes_met, 0) > 0,
    "feature_requested": lambda known: ibis.coalesce(known.feature_requests_90d, 0) > 0,
}


_ALSO: Mapping[str, Any] = {"milestone": lambda known: ibis.coalesce(known.milestones_28d, 0) > 0}
"""Moments that stand in the table or follow from use, by the catalog's rules."""


def at_checkout(rows: ir.Table, playbook: Playbook) -> ir.BooleanValue:
    """Whether somebody stands at the till and the step's play sells there."""
    kinds = account_kinds(playbook)
    sellers = [index for index, play in enumerate(playbook.plays) if "checkout" in play.moments]
    if not sellers:
        return ibis.literal(False)
    is_there = (rows.moment_bits & (1 << kinds.index("checkout"))) != 0
    return rows.play.isin(sellers) & ibis.coalesce(is_there, False)


def moments_true(moments: Sequence[str], kinds: Sequence[str], bits: Bits, subject: pa.Table) -> pa.Array:
    """Per step the moments of its play that are true now, in the play's order.

    Args:
        moments: Of the play; kinds: as ``account_kinds`` gives them; bits: ``moment_bits`` of each row.
        subject: The rows that made the play fire.
    """
    rows = subject.num_rows
    code = np.zeros(rows, np.int64)
    for place, kind in enumerate(moments):
        code |= _is_true(kind, kinds, bits, subject).astype(np.int64) << place
    found, inverse = np.unique(code, return_inverse=True)
    named = [[kind for place, kind in enumerate(moments) if value >> place & 1] for value in found.tolist()]
    return pa.array(named, pa.list_(pa.string())).take(pa.array(inverse.reshape(-1)))


def _is_true(kind: str, kinds: Sequence[str], bits: Bits, subject: pa.Table) -> NDArray[np.bool_]:
    if kind == "limit_reached" and {"used", "limit_quantity"} <= set(subject.column_names):
        return _filled(pc.greater_equal(subject["used"], subject["limit_quantity"]))
    if kind == "product_released" and "available_days" in subject.column_names:
        days = subject["available_days"]
        return _filled(pc.and_(pc.greater_equal(days, 0), pc.less(days, RELEASED_DAYS)))
    if kind in OF_SUBJECT:
        return np.zeros(subject.num_rows, np.bool_)
    return (bits >> kinds.index(kind) & 1).astype(np.bool_)


def _filled(answer: Any) -> NDArray[np.bool_]:
    truth: NDArray[np.bool_] = pc.fill_null(answer, False).to_numpy(zero_copy_only=False)
    return truth
