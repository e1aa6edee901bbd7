"""JSON shapes of offers, quotes and what became of them, as ``--json`` and the HTTP API give them.

Keys are never absent, they are null.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from upstep.engine.deciding.shapes import plain

if TYPE_CHECKING:
    from upstep.billing.provider import Answer
    from upstep.billing.quote import Quote
    from upstep.engine.offering.opening import Opened
    from upstep.engine.quoting.quotes import Settled
    from upstep.offers.model import Offer


def offer(one: Offer) -> dict[str, Any]:
    """An offer."""
    names = ("offer_id", "account_id", "step_id", "play", "motion", "lane", "product_id", "target")
    return {**{name: getattr(one, name) for name in names}, "status": one.status.value}


_LOCKED = (
    *("quote_id", "currency", "due_now_minor", "next_invoice_minor", "next_invoice_at"),
    *("yearly_difference_minor", "expires_at"),
)


def locked_quote(quote: Quote | None) -> dict[str, Any] | None:
    """What an offer's quote says it costs."""
    if quote is None:
        return None
    from upstep.billing.trial import free_until  # The command line names these shapes before it knows what it runs.

    return {**{name: plain(getattr(quote, name)) for name in _LOCKED}, "free_until": plain(free_until(quote))}


def opened_offer(one: Opened) -> dict[str, Any]:
    """An offer that was opened or stood already, with its quote, as ``offers --json`` prints it."""
    return {**offer(one.offer), "is_new": one.is_new, "quote": locked_quote(one.quote)}


def applied(settled: Settled, converted: list[str]) -> dict[str, Any]:
    """What became of a quote or an offer, as ``apply --json`` prints it; ``converted`` are offers."""
    return {
        "result": result_of(settled),
        "applied_before_at": plain(settled.applied_before_at),
        "quote": _quote(settled.quote),
        "offer": None if settled.offer is None else offer(settled.offer),
        "applied": _applied(settled.answer),
        "refused": _refused(settled.answer),
        "converted": converted,
    }


def result_of(settled: Settled) -> str:
    """What became of it, in one word."""
    from upstep.billing.provider import Declined, NeedsConfirmation

    if settled.answer is None:
        return "nothing"
    if isinstance(settled.answer, Declined):
        return "declined"
    if isinstance(settled.answer, NeedsConfirmation):
        return "needs_confirmation"
    if settled.applied_before_at is not None:
        return "applied_before"
    return "scheduled" if settled.quote is not None and is_later(settled.quote) else "applied"


def is_later(quote: Quote) -> bool:
    """Whether the change begins after the instant of the quote."""
    return quote.effective_at is not None and quote.effective_at > quote.at


def _quote(quote: Quote | None) -> dict[str, Any] | None:
    names = ("quote_id", "account_id", "subscription_id", "provider", "currency", "due_now_minor", "expires_at")
    return None if quote is None else {name: plain(getattr(quote, name)) for name in names}


def _applied(answer: Answer | None) -> dict[str, Any] | None:
    from upstep.billing.provider import Applied

    if not isinstance(answer, Applied):
        return None
    return {name: plain(getattr(answer, name)) for name in ("reference", "amount_minor", "effective_at", "invoice_id")}


def _refused(answer: Answer | None) -> dict[str, Any] | None:
    """A payment that failed or waits for somebody."""
    from upstep.billing.provider import Applied

    if answer is None or isinstance(answer, Applied):
        return None
    return {name: plain(getattr(answer, name, None)) for name in ("reason", "why", "amount_minor", "url", "expires_at")}
