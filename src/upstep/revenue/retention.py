"""Retention: what the accounts that paid as a period began pay at its end. NRR, GRR in two ways, cohorts.

    NRR = (MRR at b of who paid at a) / (their MRR at a)
    GRR by snapshot = sum of min(start, end) / start        GRR by flow = (start - contraction - churn) / start

In a total both instants are valued at the rates of a, so that no rate moves a retention. Who comes back after paying
nothing at a is in no NRR of the period. Every figure is an exact fraction; a share of nothing is None.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING

import ibis

from upstep.revenue.mrr import LOSSES, NOTHING, Exchanged, Part, exchanged_parts, parts_of
from upstep.tables.query import left

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

    from upstep.revenue.months import Month
    from upstep.revenue.rates import Rates


@dataclass(frozen=True)
class Retention:
    """One month of one cut; amounts exact, in MRR units of ``currency``.

    Args:
        start: MRR as the month began; end: what the accounts that paid then pay at its end.
        lost: What each of them lost, none set against another's gain.
        contraction, churn: The month's, of the bridge.
        missing: Currencies left out because no rate was known.
    """

    month: Month
    cut: str | None
    currency: str
    start: Fraction
    end: Fraction
    lost: Fraction
    contraction: Fraction
    churn: Fraction
    missing: tuple[str, ...] = ()

    @property
    def net_revenue_retention(self) -> Fraction | None:
        """NRR: end / start."""
        return self.end / self.start if self.start else None

    @property
    def gross_revenue_retention(self) -> Fraction | None:
        """GRR by account snapshot: sum(min(start, end)) / start."""
        return (self.start - self.lost) / self.start if self.start else None

    @property
    def gross_revenue_retention_by_flow(self) -> Fraction | None:
        """GRR by flow, as ChartMogul has it: what was won back within the month does not make up for a loss."""
        return (self.start - self.contraction - self.churn) / self.start if self.start else None


def retentions(lines: pa.Table, months: Sequence[Month]) -> list[Retention]:
    """Each currency by itself, in order of cut, currency and month.

    Args:
        lines: Rows of ``mrr.month_lines``, of all months since the first movement.
    """
    return [
        _retention(month, cut, currency, {currency: part}, None, NOTHING)
        for cut, by_currency in parts_of(lines).items()
        for currency, part in by_currency.items()
        for month in months
    ]


def total_retentions(
    lines: pa.Table, months: Sequence[Month], rates: Rates, *, exchanged: pa.Table | None = None
) -> list[Retention]:
    """All currencies together, in the company's, in order of cut and month. See ``mrr.total_bridges``."""
    netted = exchanged_parts(exchanged)
    return [
        _retention(month, cut, rates.currency, by_currency, rates, netted.get((cut, month.number), NOTHING))
        for cut, by_currency in parts_of(lines).items()
        for month in months
    ]


def _retention(
    month: Month, cut: str | None, currency: str, parts: Mapping[str, Part], rates: Rates | None, netted: Exchanged
) -> Retention:
    found = dict.fromkeys(("start", "end", "lost", *LOSSES), Fraction(0))
    missing = []
    for name, part in parts.items():
        rate = Fraction(1) if rates is None else rates.at(name, month.starts_at)
        start = part.start(month.number)
        if rate is None:
            missing += [name] if start else []
            continue
        found["start"] += start * rate
        found["end"] += (start + part.of(month.number, "payer_net")) * rate
        found["lost"] += part.of(month.number, "payer_lost") * rate
        for line in LOSSES:
            found[line] += part.of(month.number, line) * rate
    found["contraction"] -= netted.flow
    found["lost"] -= netted.lost
    return Retention(month, cut, currency, **found, missing=tuple(missing))


def cohort_lines(by_account: ir.Table, cut: ir.Table | None = None, *, with_reactivation: bool = False) -> ir.Table:
    """Net change of each cohort in each month: a cohort are the accounts that first paid in one month.

    Args:
        by_account: ``mrr.account_months``.
        with_reactivation: Count again who had left and came back (``Policy.cohort_reactivation``). Without, an account
            falls to zero in the month in which it first paid nothing, and stays there.

    Returns:
        One row per (cut, cohort, currency, month): net (units).
    """
    given = by_account.mutate(cut=ibis.null("string")) if cut is None else left(by_account, cut, "account_key")
    slim = given.select("account_key", "cut", "cohort", "currency", "month", "net", "has_lapsed")
    if not with_reactivation:
        slim = _first_life(slim)
    return slim.group_by("cut", "cohort", "currency", "month").agg(net=slim.net.sum().cast("int64"))


def _first_life(given: ir.Table) -> ir.Table:
    """What was before the month an account lapsed in, and in that month the same taken off again."""
    lapsed = given.filter(given.has_lapsed)
    both = left(given, lapsed.group_by("account_key").agg(lapsed_month=lapsed.month.min()), "account_key")
    before = both.filter(both.lapsed_month.isnull() | (both.month < both.lapsed_month))
    ended = before.filter(before.lapsed_month.notnull())
    return before.drop("lapsed_month").union(
        ended.mutate(month=ended.lapsed_month, net=-ended.net).drop("lapsed_month")
    )


@dataclass(frozen=True)
class Cohort:
    """The accounts that first paid in one month, and what they pay at the end of it and of each month after.

    Args:
        cohort: The month's number (year x 12 + month - 1).
        mrr: At the end of the cohort's month, then of the months after it; exact, in MRR units of ``currency``.
    """

    cohort: int
    cut: str | None
    currency: str
    mrr: tuple[Fraction, ...]
    missing: tuple[str, ...] = ()

    @property
    def net_revenue_retention(self) -> tuple[Fraction | None, ...]:
        """Each month's MRR as a share of the first one's."""
        return tuple(part / self.mrr[0] if self.mrr[0] else None for part in self.mrr)


def cohorts(lines: pa.Table, months: Sequence[Month], rates: Rates) -> list[Cohort]:
    """Cohort NRR in the company's currency, oldest cohort first: those that began within ``months``.

    A cohort is valued at the rate of its own first month's end throughout, so that it shows what its accounts did.

    Args:
        lines: Rows of ``cohort_lines``.
        months: Consecutive; the last is the last one told.
    """
    found: dict[tuple[str | None, int], dict[str, dict[int, int]]] = {}
    for row in lines.to_pylist():
        by_currency = found.setdefault((row["cut"], row["cohort"]), {})
        by_currency.setdefault(row["currency"], {})[row["month"]] = row["net"]
    told = {month.number: month for month in months}
    order = sorted(found, key=lambda key: (key[0] is None, key[0] or "", key[1]))
    return [
        _cohort(told[cohort], months[-1].number, cut, found[cut, cohort], rates)
        for cut, cohort in order
        if cohort in told
    ]


def _cohort(first: Month, last: int, cut: str | None, nets: Mapping[str, Mapping[int, int]], rates: Rates) -> Cohort:
    known = {currency: rates.at(currency, first.ends_at) for currency in nets}
    missing = tuple(sorted(currency for currency, rate in known.items() if rate is None))
    level, mrr = Fraction(0), []
    for number in range(first.number, last + 1):
        level += sum(
            (nets[currency].get(number, 0) * rate for currency, rate in known.items() if rate is not None), Fraction(0)
        )
        mrr.append(level)
    return Cohort(first.number, cut, rates.currency, tuple(mrr), missing)
