"""The marks that we leave at Stripe, in metadata, so that what was done is found however late it is asked for.

Stripe forgets an idempotency key after a day. What the last calls did stays on the subscription: a change and its mark
are one request, so there is never one without the other. A mark is a quote's id and its key, or a key alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

DONE = "upstep_done"
"""On a subscription: what was done to it, oldest first. On an invoice: what it was made for."""

_LETTERS = 500  # Stripe keeps that many of a value; a mark has 31.


def mark(idempotency_key: str, quote_id: str = "") -> str:
    """What a call is known by."""
    return f"{quote_id}/{hashlib.sha256(idempotency_key.encode()).hexdigest()[:8]}"


def marks(thing: Mapping[str, Any] | None) -> list[str]:
    """What is marked, oldest first."""
    return str(((thing or {}).get("metadata") or {}).get(DONE) or "").split()


def marked_with(thing: Mapping[str, Any] | None, new: str) -> dict[str, str]:
    """Metadata that adds a mark to those that are there; the oldest go."""
    kept = [*(old for old in marks(thing) if old != new), new]
    while len(" ".join(kept)) > _LETTERS:
        kept.pop(0)
    return {DONE: " ".join(kept)}


def new_quote(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> str | None:
    """The quote that ``after`` is marked with and ``before`` was not; None: none was applied in between."""
    was, now = marks(before), marks(after)
    return now[-1].split("/")[0] or None if now and now != was else None
