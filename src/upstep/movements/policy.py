"""Policies: the questions of MRR that two careful controllers answer in two ways, each answered by name.

A preset answers them as one tool does; ``docs/money.md`` has the table. A change of policy changes the past too: the
movements are worked out anew from the intervals.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Policy:
    """How MRR is counted.

    Args:
        discount: ``subtracted``: a discount lowers MRR while it runs, its end raises it. ``ignored``: the list amount
            counts where it is known. (The facts do not say whether a discount is to end: all are taken as finite.)
        churn_at: ``ended``: when the paid service ends (``valid_to``; an item cancelled to its period's end is live
            until then). ``requested``: from the row in which ``cancel_at`` first stands, where that row began inside
            a period; else as ``ended``, since nothing says when it was asked for.
        free: what it is when an item goes on unpaid (a free plan, a discount of all) and nothing is paid any more.
        paused: what it is when an item is paused and nothing is paid any more.
        reactivation: ``own`` category, or ``new`` again, when an account pays after a gap.
        merge_seconds: An account's changes less than this after one another, on one UTC day, are one; 0: none are.
        grr: which GRR leads: by ``snapshot`` sum(min(start, end)) / sum(start), or by ``flow``
            (start - contraction - churn) / start. Both are always reported.
        cohort_reactivation: whether a cohort's NRR counts again who had left and came back.
    """

    name: str
    discount: Literal["subtracted", "ignored"] = "subtracted"
    churn_at: Literal["ended", "requested"] = "ended"
    free: Literal["contraction", "churn"] = "contraction"
    paused: Literal["contraction", "churn"] = "contraction"
    reactivation: Literal["own", "new"] = "own"
    merge_seconds: int = 3600
    grr: Literal["snapshot", "flow"] = "snapshot"
    cohort_reactivation: bool = False


STANDARD = Policy("standard")

PRESETS = {
    "standard": STANDARD,
    # help.chartmogul.com: movements within 60 minutes are classified as one; a free plan or a discount of all is a
    # contraction unless the switch says churn; churn is told at the end of the paid period; GRR from the movements.
    "chartmogul": Policy("chartmogul", grr="flow", cohort_reactivation=True),
    # support.stripe.com: a coupon that ends leaves MRR as it is; cancel_at_period_end counts from the call on.
    "stripe": Policy("stripe", discount="ignored", churn_at="requested", free="churn", paused="churn", merge_seconds=0),
}
"""Preset name to policy; the setting names one of them."""
