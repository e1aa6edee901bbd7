"""The bridge of a month: how MRR came from its start to its end, per account, per currency and in total, exactly.

    start + new + expansion + reactivation - contraction - churn + fx = end

Queries give sums in each currency's own units, whole numbers. In the company's currency they are exact fractions: a
month's movements at the rate of its start (constant currency), and ``fx`` is what the rates' change did to its end. So
nothing is rounded before it is shown, and then by largest remainder.

``account_months`` -> ``month_lines`` (one row per cut, currency and month that something moved in) -> ``bridges``.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import accumulate
from math import floor
from typing import TYPE_CHECKING, Any, Literal

import ibis

from upstep.clock import DAY_SECONDS
from upstep.money import UNITS_PER_MINOR, round_half_up
from upstep.movements.movement import Stage, in_one
from upstep.movements.words import CATEGORIES, CAUSES
from upstep.tables.query import inner, left

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

    from upstep.revenue.months import Month
    from upstep.revenue.rates import Rates

GAINS = ("new", "expansion", "reactivation")
LOSSES = ("contraction", "churn")
LINES = ("start", *GAINS, *LOSSES, "fx", "end")
"""Lines of a bridge, in the order they are printed. Contraction and churn are positive amounts that are taken off."""

View = Literal["net", "event"]


def account_months(moved: ir.Table, days: ir.Table, *, view: View = "net", stage: Stage = in_one) -> ir.Table:
    """What each account moved in each month.

    Args:
        moved: The movement table.
        days: ``months.month_days``.
        view: ``net``: by the account's net at each instant; ``event``: each change by its own sign.
        stage: ``Program.stage``, for many accounts.

    Returns:
        One row per (account_key, currency, month) with a movement: ``GAINS`` and ``LOSSES`` (units, not negative), net
        (signed), committed_minor (of commits), is_payer (the account, in any currency, paid as the month began),
        has_lapsed (it paid nothing at some instant of the month), is_mixed (it has paid in several currencies), cohort
        (month of its first payment).
    """
    dated = _in_month(_first_month(moved, days), days, "moved_at")
    dated = dated.mutate(code=dated.net_code if view == "net" else dated.category_code)
    is_alone = ibis.coalesce(dated.previous_at, 0) < dated.month_at
    is_alone &= ibis.coalesce(dated.next_at, 2**40) >= dated.month_until
    columns = {name: _of_code(dated, name) for name in (*GAINS, *LOSSES)}
    given = dated.mutate(
        is_alone=is_alone,
        **columns,
        committed=ibis.ifelse(dated.cause_code == CAUSES.index("commit"), dated.committed_minor, 0),
    )
    together = given.filter(~given.is_alone)
    # The first instant, and in its last bit whether the account paid nothing then.
    first = (together.moved_at * 2 + ibis.ifelse(together.paying_before, 0, 1)).min()
    grouped = together.group_by("account_key", "currency_key", "month").agg(
        **{name: together[name].sum().cast("int64") for name in (*GAINS, *LOSSES)},
        net=together.units.sum().cast("int64"),
        committed_minor=together.committed.sum().cast("int64"),
        first=first,
        has_lapsed=(~together.paying_after).any(),
        is_mixed=together.is_mixed.any(),
        cohort=together.cohort.min(),
    )
    grouped = _payers(stage("account_month", grouped))
    alone = given.filter(given.is_alone).mutate(
        net=given.units, committed_minor=given.committed, is_payer=given.paying_before, has_lapsed=~given.paying_after
    )
    names = ("account_key", "currency_key", "month", *GAINS, *LOSSES, *_REST)
    currencies = moved.select("currency_key", "currency").distinct()
    told = inner(alone.select(*names).union(grouped.select(*names)), currencies, "currency_key")
    return told.select("account_key", "currency", "month", *GAINS, *LOSSES, *_REST)


_REST = ("net", "committed_minor", "is_payer", "has_lapsed", "is_mixed", "cohort")


def _of_code(dated: ir.Table, name: str) -> ir.IntegerValue:
    """What a row adds to a line; contraction and churn are told as positive amounts."""
    amount = dated.units if name in GAINS else -dated.units
    return ibis.ifelse(dated.code == CATEGORIES.index(name), amount, 0)


def _first_month(moved: ir.Table, days: ir.Table) -> ir.Table:
    """With ``cohort``, the month in which the account first paid."""
    calendar = days.select(cohort_day="day", cohort_before="month", cohort_turns="turns_at")
    dated = inner(moved.mutate(cohort_day=_day(moved.first_paid_at)), calendar, "cohort_day")
    turned = ibis.ifelse(dated.first_paid_at >= dated.cohort_turns, 1, 0)
    return dated.mutate(cohort=(dated.cohort_before + turned).cast("int32"))


def _payers(grouped: ir.Table) -> ir.Table:
    """Whether the account paid as the month began: by its first movement in it, in whatever currency that was."""
    mixed = grouped.filter(grouped.is_mixed)
    firsts = mixed.group_by("account_key", "month").agg(first_of_all=mixed["first"].min())
    both = left(grouped, firsts, ["account_key", "month"])
    return both.mutate(is_payer=ibis.coalesce(both.first_of_all, both["first"]) % 2 == 0).drop("first", "first_of_all")


def _day(instant: ir.IntegerValue) -> ir.IntegerValue:
    return ((instant - instant % DAY_SECONDS) / DAY_SECONDS).cast("int32")


def _in_month(table: ir.Table, days: ir.Table, column: str) -> ir.Table:
    """With ``month`` of an instant, ``month_at``, its first instant, and ``month_until``, its end where it is known."""
    dated = inner(table.mutate(day=_day(table[column])), days.select("day", "month", "month_at", "turns_at"), "day")
    turned = dated[column] >= dated.turns_at
    return dated.mutate(
        month=ibis.ifelse(turned, dated.month + 1, dated.month).cast("int32"),
        month_at=ibis.ifelse(turned, dated.turns_at, dated.month_at),
        # After a turn within the day the end is not at hand: nothing is held to be alone in that month.
        month_until=ibis.ifelse(turned, 2**40, dated.turns_at),
    ).drop("day", "turns_at")


def month_lines(by_account: ir.Table, cut: ir.Table | None = None) -> ir.Table:
    """Accounts' months added up.

    Args:
        by_account: ``account_months``.
        cut: Which part an account belongs to: account_key, cut. Accounts without a row have NULL. None: all in one.

    Returns:
        One row per (cut, currency, month): ``GAINS``, ``LOSSES``, net, committed_minor; of accounts that paid as the
        month began payer_net (their net) and payer_lost (what each lost, gains of others not set against it); and
        how many accounts were new, reactivated, expanded, contracted, churned.
    """
    given = by_account.mutate(cut=ibis.null("string")) if cut is None else left(by_account, cut, "account_key")
    lost = ibis.ifelse(given.is_payer & (given.net < 0), -given.net, 0)
    sums = {name: given[name].sum().cast("int64") for name in (*GAINS, *LOSSES, "net", "committed_minor")}
    counts = {f"{name}_accounts": (given[name] > 0).sum().cast("int64") for name in (*GAINS, *LOSSES)}
    return given.group_by("cut", "currency", "month").agg(
        **sums,
        payer_net=ibis.ifelse(given.is_payer, given.net, 0).sum().cast("int64"),
        payer_lost=lost.sum().cast("int64"),
        **counts,
    )


def cause_lines(moved: ir.Table, days: ir.Table, cut: ir.Table | None = None, *, view: View = "net") -> ir.Table:
    """Movements by what caused them; the sum over causes of one category is that category's line.

    Returns:
        One row per (cut, currency, month, category, cause): units (signed), committed_minor, events, accounts.
    """
    word = moved.net_category if view == "net" else moved.category
    dated = _in_month(moved.mutate(category=word), days, "moved_at")
    given = dated.mutate(cut=ibis.null("string")) if cut is None else left(dated, cut, "account_key")
    return given.group_by("cut", "currency", "month", "category", "cause").agg(
        units=given.units.sum().cast("int64"),
        committed_minor=given.committed_minor.sum().cast("int64"),
        events=given.count().cast("int64"),
        accounts=given.account_key.nunique().cast("int64"),
    )


def one_off_lines(purchases: ir.Table, days: ir.Table, cut: ir.Table | None = None) -> ir.Table:
    """One-off revenue, which is never MRR: one row per (cut, currency, month): amount_minor, purchases."""
    dated = _in_month(purchases, days, "purchased_at")
    given = dated.mutate(cut=ibis.null("string")) if cut is None else left(dated, cut, "account_key")
    return given.group_by("cut", "currency", "month").agg(
        amount_minor=given.amount_minor.sum().cast("int64"), purchases=given.count().cast("int64")
    )


def exchanges(
    moved: ir.Table, by_account: ir.Table, days: ir.Table, rates: ir.Table, cut: ir.Table | None = None
) -> ir.Table:
    """Where accounts went from one currency to another: what a total has to leave out of its gains and losses.

    Args:
        moved: The movement table; by_account: its ``account_months``; days: ``months.month_days``.
        rates: ``rates.rate_table``: rates of months' starts, whole numbers.

    Returns:
        One row per (cut, month), units of the company's currency: ``flow``, what one currency lost and another gained
        at one instant of an account that went on paying; ``lost``, the same over the whole month, for GRR by snapshot.
    """
    going_on = moved.filter(moved.is_mixed & moved.paying_before & moved.paying_after)
    flows = _netted(_in_month(going_on, days, "moved_at"), "units", ["account_key", "month", "moved_at"], rates)
    mixed = by_account.filter(by_account.is_mixed & by_account.is_payer)
    losses = _netted(mixed, "net", ["account_key", "month"], rates)
    both = flows.select("account_key", "month", flow="netted", lost=ibis.literal(0, "int64")).union(
        losses.select("account_key", "month", flow=ibis.literal(0, "int64"), lost="netted")
    )
    given = both.mutate(cut=ibis.null("string")) if cut is None else left(both, cut, "account_key")
    summed = given.group_by("cut", "month").agg(
        flow=given.flow.sum().cast("int64"), lost=given.lost.sum().cast("int64")
    )
    return summed.filter((summed.flow != 0) | (summed.lost != 0))


def _netted(table: ir.Table, column: str, keys: list[str], rates: ir.Table) -> ir.Table:
    """The smaller of what some currencies gained and the others lost, in the company's currency: ``netted``."""
    per = table.group_by(*keys, "currency").agg(change=table[column].sum().cast("int64"))
    rated = inner(per, rates, ["currency", "month"])
    gained = ibis.ifelse(rated.change > 0, exchanged_amount(rated.change, rated), 0)
    gone = ibis.ifelse(rated.change < 0, exchanged_amount(-rated.change, rated), 0)
    summed = rated.group_by(*keys).agg(gained=gained.sum().cast("int64"), gone=gone.sum().cast("int64"))
    return summed.mutate(netted=ibis.least(summed.gained, summed.gone)).filter(lambda t: t.netted > 0)


def exchanged_amount(units: ir.IntegerValue, rates: ir.Table) -> ir.IntegerValue:
    """Units at a rate of rate_units / rate_scale, whole units, rest dropped; ``units`` is not negative.

    In two limbs, so that no product leaves 64 bits; each division is of a multiple, so that it is exact in floats too.
    """
    rest = units % rates.rate_scale
    product = rest * rates.rate_units
    whole = (units - rest) / rates.rate_scale.nullif(0)
    part = (product - product % rates.rate_scale) / rates.rate_scale.nullif(0)
    return (whole.cast("int64") * rates.rate_units + part.cast("int64")).cast("int64")


@dataclass(frozen=True)
class Bridge:
    """One month of one cut. Amounts are exact, in MRR units of ``currency``; ``fx`` is zero in a currency's own bridge.

    Args:
        cut: The part; None where nothing was cut, or an account belongs to no part.
        missing: Currencies left out of a total because no rate was known: a total with any is not whole.
        accounts: How many accounts stand behind each of ``GAINS`` and ``LOSSES``.
        committed_minor: Change of committed value by commits, minor units; see ``docs/money.md``.
    """

    month: Month
    cut: str | None
    currency: str
    lines: Mapping[str, Fraction]
    committed_minor: Fraction = Fraction(0)
    accounts: Mapping[str, int] = field(default_factory=dict)
    missing: tuple[str, ...] = ()

    def __getitem__(self, line: str) -> Fraction:
        return self.lines[line]

    def minor(self) -> dict[str, int]:
        """The lines in minor units, rounded so that the printed column adds up: by largest remainder."""
        start, end = _minor(self["start"]), _minor(self["end"])
        signed = [self[name] for name in GAINS] + [-self[name] for name in LOSSES] + [self["fx"]]
        parts = shown(signed, end - start)
        names = (*GAINS, *LOSSES, "fx")
        found = {name: -part if name in LOSSES else part for name, part in zip(names, parts, strict=True)}
        return {"start": start, **found, "end": end}

    @property
    def quick_ratio(self) -> Fraction | None:
        """(new + expansion + reactivation) / (contraction + churn); None when nothing was lost."""
        lost = sum((self[name] for name in LOSSES), Fraction(0))
        return sum((self[name] for name in GAINS), Fraction(0)) / lost if lost else None


def _minor(units: Fraction) -> int:
    return shown([units])[0]


def shown(units: Sequence[Fraction | int], total_minor: int | None = None) -> list[int]:
    """Exact parts, in MRR units, as whole minor units that add up to their rounded sum or to ``total_minor``.

    As ``money.largest_remainder``, for fractions of a unit too: each part is within one minor unit of its exact amount.

    Raises:
        ValueError: No rounding of the parts, up or down, adds up to ``total_minor``.

    >>> shown([Fraction(332640, 2), Fraction(332640, 2)])
    [1, 0]
    """
    exact = [Fraction(part) / UNITS_PER_MINOR for part in units]
    whole = sum(exact, Fraction(0))
    total = round_half_up(whole.numerator, whole.denominator) if total_minor is None else total_minor
    rounded = [floor(part) for part in exact]
    missing = total - sum(rounded)
    uneven = [index for index, part in enumerate(exact) if part != rounded[index]]
    if not 0 <= missing <= len(uneven):
        message = f"parts of {whole} minor units cannot be rounded so that they add up to {total}"
        raise ValueError(message)
    for index in sorted(uneven, key=lambda index: (rounded[index] - exact[index], index))[:missing]:
        rounded[index] += 1
    return rounded


class Part:
    """The rows of one cut and currency, by month, and what it came to before each; without a row nothing moved."""

    def __init__(self, rows: Iterable[Mapping[str, Any]]) -> None:
        self._rows = {row["month"]: row for row in rows}
        self._numbers = sorted(self._rows)
        self._sums = list(accumulate((self._rows[number]["net"] for number in self._numbers), initial=0))

    def start(self, month: int) -> int:
        """MRR as a month begins, in units."""
        return int(self._sums[bisect_left(self._numbers, month)])

    def of(self, month: int, column: str) -> int:
        """A column of a month's row; 0 without one."""
        return int(self._rows[month][column]) if month in self._rows else 0


Parts = dict[str | None, dict[str, Part]]


def parts_of(lines: pa.Table) -> Parts:
    """Rows of ``month_lines`` by cut and currency, both in order; the NULL cut last."""
    found: dict[tuple[str | None, str], list[Mapping[str, Any]]] = {}
    for row in lines.to_pylist():
        found.setdefault((row["cut"], row["currency"]), []).append(row)
    parts: Parts = {}
    for cut, currency in sorted(found, key=lambda key: (key[0] is None, key[0] or "", key[1])):
        parts.setdefault(cut, {})[currency] = Part(found[cut, currency])
    return parts


def bridges(lines: pa.Table, months: Sequence[Month]) -> list[Bridge]:
    """Each currency's own bridges, in order of cut, currency and month; their ``fx`` is zero.

    Args:
        lines: Rows of ``month_lines``, of all months since the first movement.
    """
    return [
        _own(month, cut, currency, part)
        for cut, by_currency in parts_of(lines).items()
        for currency, part in by_currency.items()
        for month in months
    ]


def _own(month: Month, cut: str | None, currency: str, part: Part) -> Bridge:
    start, end = part.start(month.number), part.start(month.number + 1)
    moved = {name: part.of(month.number, name) for name in (*GAINS, *LOSSES)}
    found = {"start": start, **moved, "fx": 0, "end": end}
    return Bridge(
        month,
        cut,
        currency,
        {name: Fraction(found[name]) for name in LINES},
        Fraction(part.of(month.number, "committed_minor")),
        _accounts(month, [part]),
    )


def _accounts(month: Month, parts: Iterable[Part]) -> dict[str, int]:
    parts = list(parts)
    return {name: sum(part.of(month.number, f"{name}_accounts") for part in parts) for name in (*GAINS, *LOSSES)}


def total_bridges(
    lines: pa.Table, months: Sequence[Month], rates: Rates, *, exchanged: pa.Table | None = None
) -> list[Bridge]:
    """The bridges of all currencies together, in the company's, in order of cut and month.

    Args:
        lines: Rows of ``month_lines``, of all months since the first movement.
        exchanged: Rows of ``exchanges``: what accounts moved from one currency to another is neither gained nor lost.
    """
    netted = exchanged_parts(exchanged)
    return [
        _total(month, cut, by_currency, rates, netted.get((cut, month.number), NOTHING))
        for cut, by_currency in parts_of(lines).items()
        for month in months
    ]


@dataclass(frozen=True)
class Exchanged:
    """What a total must not count twice, units of the company's currency.

    Args:
        flow: What went from one of an account's currencies to another at one instant.
        lost: What one of them lost in the month and another gained.
    """

    flow: Fraction
    lost: Fraction


NOTHING = Exchanged(Fraction(0), Fraction(0))


def exchanged_parts(exchanged: pa.Table | None) -> dict[tuple[str | None, int], Exchanged]:
    """``exchanges`` by cut and month."""
    rows = [] if exchanged is None else exchanged.to_pylist()
    return {(row["cut"], row["month"]): Exchanged(Fraction(row["flow"]), Fraction(row["lost"])) for row in rows}


def _total(month: Month, cut: str | None, parts: Mapping[str, Part], rates: Rates, netted: Exchanged) -> Bridge:
    found = dict.fromkeys(LINES, Fraction(0))
    missing, committed = [], Fraction(0)
    for currency, part in parts.items():
        opening, closing = rates.at(currency, month.starts_at), rates.at(currency, month.ends_at)
        opening = closing if opening is None and not part.start(month.number) else opening
        start, end = part.start(month.number), part.start(month.number + 1)
        if opening is None or closing is None:
            missing += [currency] if start or end or part.of(month.number, "net") else []
            continue
        found["start"] += start * opening
        found["end"] += end * closing
        found["fx"] += end * (closing - opening)
        committed += part.of(month.number, "committed_minor") * opening
        for name in (*GAINS, *LOSSES):
            found[name] += part.of(month.number, name) * opening
    found["expansion"] -= netted.flow
    found["contraction"] -= netted.flow
    return Bridge(month, cut, rates.currency, found, committed, _accounts(month, parts.values()), tuple(missing))
