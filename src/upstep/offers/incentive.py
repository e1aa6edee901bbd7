"""Incentives: what an offer may give away, and the guard that says when not. Every grant is counted in a budget.

Never more than the play's budget, never twice for an account, never below the margin, never as leverage of a renewal.
What is not used returns to the budget: the offer expired, was declined or taken back, its payment failed, or billing
gave the change without it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from upstep.billing.change import Incentive as Given
from upstep.billing.change import first_period_off
from upstep.billing.periods import term_end
from upstep.errors import Fault, InputError
from upstep.money import UNITS_PER_MINOR, format_minor, monthly_units
from upstep.state import tables
from upstep.state.session import hold
from upstep.wording import percentage

if TYPE_CHECKING:
    from upstep.billing.change import Item
    from upstep.billing.quote import Quote
    from upstep.config.measuring import Incentive

NONE = "none"
"""An arm's word for no incentive at all."""

LONG_TERM_DAYS = 180
RENEWAL_WINDOW_DAYS = 120
"""Within so many days of the end of a long term nothing is given: who haggles then learns to haggle every year."""

MOST_TRIAL_DAYS = 90
"""A quarter: who tries for longer uses it without paying."""

_MONTH_DAYS = {"day": 1, "week": 7, "month": 30, "quarter": 91, "year": 365}


class NotGrantedError(InputError):
    """Somebody else took the last of the budget, or the account was given something in this moment."""


@dataclass(frozen=True)
class Grant:
    """An incentive that an offer carries: what it costs in all, and until when it may be taken."""

    account_id: str
    play: str
    incentive: Given
    cost_minor: int
    currency: str
    expires_at: datetime
    budget_minor: int


@dataclass(frozen=True)
class Budget:
    """What a play may give away and has given. ``promised``: in offers that wait for an answer."""

    play: str
    kind: str
    budget_minor: int
    used_minor: int
    promised_minor: int
    grants: int
    returned: int

    @property
    def left_minor(self) -> int:
        """What may still be promised."""
        return self.budget_minor - self.used_minor - self.promised_minor


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
    if kind == "trial":
        if int(number) > MOST_TRIAL_DAYS:
            raise ValueError(f"{number} days are more than all trials, {MOST_TRIAL_DAYS}")
        return dataclasses.replace(base, kind=kind, trial_days=int(number))
    return dataclasses.replace(base, kind=kind, amount_minor=int(number))


def given(incentive: Incentive, currency: str) -> Given | None:
    """What billing is asked to give; None where there is nothing. Equal terms have one name, as a coupon."""
    if incentive.kind == "first_period_off":
        return first_period_off("upstep-first-period")
    if incentive.kind == "percent":
        name = f"upstep-percent-{incentive.percent}-x{incentive.periods}"
        return Given(name, percent=incentive.percent, periods=incentive.periods)
    if incentive.kind == "amount":
        name = f"upstep-amount-{incentive.amount_minor}-{currency}-x{incentive.periods}"
        return Given(name, amount_minor=incentive.amount_minor, currency=currency, periods=incentive.periods)
    if incentive.kind == "trial" and incentive.trial_days:
        return Given(f"upstep-trial-{incentive.trial_days}", trial_days=incentive.trial_days)
    return None


# The guard


def why_not_given(
    incentive: Incentive, quote: Quote, live: Sequence[Item], *, currency: str, now: datetime
) -> str | None:
    """Why a change may not be sweetened; None when it may. The budget is asked by ``reserve``.

    Args:
        quote: The change without the incentive.
        live: What the account has.
        currency: The company's, in which budgets are.
    """
    mine = [item for item in live if item.subscription_id == quote.subscription_id]
    if not mine and incentive.kind != "trial":
        return "the subscription is new: an incentive lowers the renewals of one that runs"
    if quote.currency != currency:
        return f"it is billed in {quote.currency.upper()}, and the budget is in {currency.upper()}"
    window = next((item for item in live if _in_renewal_window(item, now)), None)
    if window is not None:
        return f"its term ends on {term_end(window, now):%Y-%m-%d}: nothing is given as leverage of a renewal"
    if quote.yearly_difference_minor <= 0:
        return "the change does not grow what recurs"
    return None


def below_margin(incentive: Incentive, quote: Quote, plain: Quote) -> str | None:
    """Why the incentive is too much: the first year's price would fall below the margin; None when it does not.

    Args:
        quote: The change with the incentive; ``plain``: without.
    """
    cost = cost_minor(quote)
    listed = sum(
        _yearly(wish.list_amount_minor or wish.amount_minor, (wish.interval, wish.interval_count))
        for wish in quote.change.items
        if not wish.removes
    )
    paid = sum(_yearly(item.amount_after_minor or 0, item.every_after) for item in plain.items) - cost
    if paid * 100 >= listed * incentive.margin_percent:
        return None
    told = format_minor(max(paid, 0), quote.currency)
    floor = f"{percentage(incentive.margin_percent)} of the list price, {format_minor(listed, quote.currency)}"
    return f"the first year would cost {told}, less than {floor}"


def cost_minor(quote: Quote) -> int:
    """What the quote's incentive gives away in all; of a trial, its days of what recurs more, rounded up."""
    return -sum(line.amount_minor for line in quote.incentive_lines)


def _yearly(amount_minor: int, every: tuple[str, int] | None) -> int:
    return 0 if every is None else 12 * monthly_units(amount_minor, *every) // UNITS_PER_MINOR


def _in_renewal_window(item: Item, now: datetime) -> bool:
    interval, count = item.every
    days = _MONTH_DAYS.get(interval, 0) * count
    ends = term_end(item, now)
    is_long = days >= LONG_TERM_DAYS or ends - now >= timedelta(days=LONG_TERM_DAYS)
    is_long |= (
        item.renews_at is not None
        and item.period_start is not None
        and (item.renews_at - item.period_start >= timedelta(days=LONG_TERM_DAYS))
    )
    return is_long and ends - now <= timedelta(days=RENEWAL_WINDOW_DAYS)


# Grants


def reserve(connection: sa.Connection, offer_id: str, grant: Grant, *, at: datetime) -> None:
    """Take a grant out of its play's budget, in the transaction that opens its offer.

    Raises:
        NotGrantedError: The budget is spent, or the account has been given something.
    """
    hold(connection, f"incentive:{grant.play}")
    hold(connection, f"incentive of:{grant.account_id}")
    why = _why_not_now(connection, grant, at=at)
    if why:
        raise NotGrantedError(Fault(f"incentive of play '{grant.play}'", f"{why}."))
    row = {name: getattr(grant, name) for name in ("account_id", "play", "cost_minor", "currency", "expires_at")}
    described = {name: value for name, value in dataclasses.asdict(grant.incentive).items() if value is not None}
    table = tables.incentive_grant
    connection.execute(sa.insert(table).values(offer_id=offer_id, incentive=described, granted_at=at, **row))


def ends_at(connection: sa.Connection, offer_id: str) -> datetime | None:
    """Until when the incentive of an offer may be taken; None when it has none."""
    table = tables.incentive_grant
    found = sa.select(table.c.expires_at).where(table.c.offer_id == offer_id, table.c.returned_at.is_(None))
    return connection.execute(found).scalar()


def recount(connection: sa.Connection, offer_id: str, quote: Quote) -> None:
    """Promise what the incentive of an offer costs in another quote, in the transaction that puts it in its place.

    Nobody is refused here, for the price has been shown: what is more than was left is missing for the next offer.
    """
    table = tables.incentive_grant
    promised = (table.c.offer_id == offer_id) & table.c.used_at.is_(None)
    connection.execute(sa.update(table).where(promised).values(cost_minor=cost_minor(quote)))


def take_again(connection: sa.Connection, offer_id: str, *, budget_minor: int, at: datetime) -> None:
    """Take a grant that had returned out of its budget once more: a payment that failed is tried again.

    Args:
        budget_minor: What its play may give away in all.

    Raises:
        NotGrantedError: The budget is spent by now, or the account has been given something else.
    """
    table = tables.incentive_grant
    of_offer = table.c.offer_id == offer_id
    row = connection.execute(sa.select(table).where(of_offer, table.c.returned_at.is_not(None))).first()
    if row is None:
        return
    hold(connection, f"incentive:{row.play}")
    hold(connection, f"incentive of:{row.account_id}")
    known = {name: getattr(row, name) for name in ("account_id", "play", "cost_minor", "currency", "expires_at")}
    grant = Grant(incentive=Given(**row.incentive), budget_minor=budget_minor, **known)
    why = _why_not_now(connection, grant, at=at)
    if why:
        raise NotGrantedError(Fault(f"incentive of play '{row.play}'", f"{why}."))
    connection.execute(sa.update(table).where(of_offer).values(returned_at=None))


def _why_not_now(connection: sa.Connection, grant: Grant, *, at: datetime) -> str | None:
    table = tables.incentive_grant
    mine = _counting(sa.select(table.c.offer_id), at).where(table.c.account_id == grant.account_id)
    if connection.execute(mine).first():
        return f"account {grant.account_id} has been given an incentive before; each gets one"
    spent = _counting(sa.select(sa.func.coalesce(sa.func.sum(table.c.cost_minor), 0)), at)
    left = grant.budget_minor - int(connection.execute(spent.where(table.c.play == grant.play)).scalar_one())
    if grant.cost_minor > left:
        cost, rest = (format_minor(max(amount, 0), grant.currency) for amount in (grant.cost_minor, left))
        return f"it would cost {cost}, and {rest} of the budget is left"
    return None


def _counting(select: sa.Select[Any], at: datetime) -> sa.Select[Any]:
    """Grants that count: used, or promised in an offer that may still be taken or was accepted."""
    table, offer = tables.incentive_grant, tables.offer
    may_be_taken = (table.c.expires_at > at) | (offer.c.status == "accepted")
    return (
        select.select_from(table.join(offer, offer.c.offer_id == table.c.offer_id))
        .where(table.c.returned_at.is_(None))
        .where(table.c.used_at.is_not(None) | may_be_taken)
    )


def settle(connection: sa.Connection, offer_id: str, *, is_used: bool, at: datetime) -> None:
    """Close the grant of an offer that ended, in the transaction that ends it: used, or free again.

    What was given is used, also where it had returned: somebody applied the quote without the offer.
    """
    table = tables.incentive_grant
    is_open = (table.c.offer_id == offer_id) & table.c.used_at.is_(None)
    if is_used:
        connection.execute(sa.update(table).where(is_open).values(used_at=at, returned_at=None))
    else:
        connection.execute(sa.update(table).where(is_open, table.c.returned_at.is_(None)).values(returned_at=at))


def budgets(connection: sa.Connection, incentives: Sequence[Incentive]) -> list[Budget]:
    """What each play of the settings may give away, and has."""
    rows = list(connection.execute(sa.select(tables.incentive_grant)))
    told = []
    for one in incentives:
        mine = [row for row in rows if row.play == one.play]
        counted = [row for row in mine if row.returned_at is None]
        told.append(
            Budget(
                play=one.play,
                kind=one.kind,
                budget_minor=one.budget_minor,
                used_minor=sum(row.cost_minor for row in counted if row.used_at is not None),
                promised_minor=sum(row.cost_minor for row in counted if row.used_at is None),
                grants=len(mine),
                returned=len(mine) - len(counted),
            )
        )
    return told
