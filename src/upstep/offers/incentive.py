"""Incentives: what an offer may give away, and the guard that says when not. Every grant is counted in a budget.

Never more than the play's budget, never twice for an account, never below the margin, never as leverage of a renewal.
What is not used (the offer expired, was declined or taken back) returns to the budget.
"""

from __future__ import annotations

import dataclasses

from upstep.config.measuring import Incentive

NONE = "none"
"""An arm's word for no incentive at all."""


def parse_incentive(text: str, base: Incentive) -> Incentive | None:
    """An arm's incentive: ``none``, ``percent:15``, ``amount:500``, ``first_period_off``, ``trial:14``.

    The budget, the margin, the periods and the expiry are the play's.

    Raises:
        ValueError: It is none of these.
    """
    kind, _, number = text.partition(":")
    if text == NONE:
        return None
    if text == "first_period_off":
        return dataclasses.replace(base, kind=kind, periods=1)
    if kind not in ("percent", "amount", "trial") or not number.isdigit() or int(number) < 1:
        raise ValueError(f"'{text}' is no incentive")
    if kind == "percent":
        if int(number) > 100:
            raise ValueError(f"{number} percent is more than all")
        return dataclasses.replace(base, kind=kind, percent=int(number))
    if kind == "amount":
        return dataclasses.replace(base, kind=kind, amount_minor=int(number))
    return dataclasses.replace(base, kind=kind, trial_days=int(number))
