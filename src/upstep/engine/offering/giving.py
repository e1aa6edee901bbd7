"""Incentives with offers: the guard is asked, the quote made anew with the incentive, and its cost reserved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from upstep.billing.trial import told_trial
from upstep.errors import QuoteError
from upstep.money import format_minor
from upstep.offers.incentive import (
    Budget,
    Grant,
    below_margin,
    budgets,
    cost_minor,
    given,
    parse_incentive,
    why_not_given,
)
from upstep.state.session import reading

if TYPE_CHECKING:
    import sqlalchemy as sa

    from upstep.billing.change import Item
    from upstep.billing.provider import Provider
    from upstep.billing.quote import Quote
    from upstep.config.measuring import Incentive
    from upstep.delivery.channel import Message
    from upstep.engine.project import Project

IN_APP = "in_app"


@dataclass(frozen=True)
class Sweetened:
    """A quote with the incentive that goes with it, or as it was with the reason why nothing is given."""

    quote: Quote
    grant: Grant | None = None
    why_not: str | None = None


def incentive_of(project: Project, play: str, arm: str | None = None) -> Incentive | None:
    """What an offer of a play gives; ``arm``: what a test says instead."""
    base = next((one for one in project.settings.incentives if one.play == play), None)
    if base is None or arm is None:
        return base
    return parse_incentive(arm, base)


def sweeten(
    project: Project, provider: Provider, plain: Quote, incentive: Incentive, *, live: Sequence[Item], now: datetime
) -> Sweetened:
    """The quote with the incentive, if the guard lets it pass. Nothing is written; ``offers.incentive.reserve`` does.

    Raises:
        OutsideError: The provider could not be asked.
    """
    why_not = why_not_given(incentive, plain, live, currency=project.settings.currency, now=now)
    wanted = given(incentive, plain.currency)
    if why_not or wanted is None:
        return Sweetened(plain, why_not=why_not)
    try:
        quote = provider.preview(replace(plain.change, incentive=wanted), plain.at)
    except QuoteError as error:
        return Sweetened(plain, why_not="; ".join(str(fault) for fault in error.faults))
    too_much = below_margin(incentive, quote, plain)
    if too_much or not cost_minor(quote):
        return Sweetened(plain, why_not=too_much or "it would take nothing off")
    ends = min(quote.expires_at, now + timedelta(days=incentive.expires_days))
    cost = cost_minor(quote)
    grant = Grant(quote.account_id, incentive.play, wanted, cost, quote.currency, ends, incentive.budget_minor)
    return Sweetened(quote, grant)


def read_budgets(project: Project, state: sa.Engine | None) -> list[Budget]:
    """What each play may give away, and has."""
    settings = project.settings.incentives
    if state is None:
        return [Budget(one.play, one.kind, one.budget_minor, 0, 0, 0, 0) for one in settings]
    with reading(state) as connection:
        return budgets(connection, settings)


def with_given(messages: Sequence[Message], quote: Quote | None) -> list[Message]:
    """Messages ended by what their offer gives, line by line as in the quote. The app shows the quote itself.

    A trial is told in words: that nothing is charged today, from when it is, and how much.
    """
    if quote is None or not quote.incentive_lines:
        return list(messages)
    tried = told_trial(quote)
    if tried is not None:
        return [one if one.channel == IN_APP else replace(one, text=f"{one.text}\n{tried}\n") for one in messages]
    lines = [
        f"- {line.description}: {format_minor(line.amount_minor, quote.currency)}" for line in quote.incentive_lines
    ]
    ending = "\n".join(["", "With this step:", "", *lines, ""])
    return [one if one.channel == IN_APP else replace(one, text=one.text + ending) for one in messages]
