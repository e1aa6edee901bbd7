"""The words of a movement: its categories and causes, and which causes a play may be credited for."""

from __future__ import annotations

CATEGORIES = ("new", "expansion", "contraction", "churn", "reactivation")
"""What a movement is for the account. ``fx`` is no movement but a line of a month; see ``revenue.mrr``."""

CREDITABLE = ("upsell", "seats", "usage_commit", "add_on", "cross_sell", "commit")
"""What a play can have brought about. A price change, the end of a discount or of a pause comes by itself."""

CAUSES = (
    *("upsell", "downsell", "seats", "usage_commit", "add_on", "cross_sell", "commit", "price_change"),
    *("discount_start", "discount_end", "pause", "cancel"),
)
"""What changed. ``pause`` is a pause that begins or ends: neither a cancellation nor a new price."""

PAID_STATUSES = ("active", "past_due")
"""What counts in MRR: trials, unpaid and paused items do not. See ``docs/money.md``."""
