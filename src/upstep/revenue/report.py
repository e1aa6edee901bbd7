"""The numbers of a report: one period's bridge, retention, causes, cuts and motions, with the twelve months up to it.

``queries`` adds up, set-based; ``told`` turns the few rows that come back into exact amounts in the company's currency.
A period of several months is worked out as one: it is not the sum of its months, for an account that left and came back
inside it is neither churn nor reactivation of the period's NRR.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import ibis

from upstep.movements.movement import Stage, movements
from upstep.movements.words import PAID_STATUSES
from upstep.revenue.attribution import CAUSE_MOTIONS, creditable
from upstep.revenue.months import Month, month_days
from upstep.revenue.mrr import (
    GAINS,
    LINES,
    LOSSES,
    Bridge,
    account_months,
    bridges,
    cause_lines,
    exchanges,
    month_lines,
    one_off_lines,
    shown,
    total_bridges,
)
from upstep.revenue.retention import Cohort, Retention, cohort_lines, cohorts, total_retentions
from upstep.tables.query import Program, core_table, left

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

    from upstep.movements.policy import Policy
    from upstep.revenue.mrr import View
    from upstep.revenue.rates import Rates

CUTS = ("segment", "plan", "cohort", "owner")
"""Parts that a period can be told by. Each account belongs to one part of each, for the whole period."""

SPANS = ("month", "period", "year")
"""What is added up: each month, the period as one, and the twelve months that end with it as one."""

SWITCH = "currency_switch"
"""The line that takes out of a total what accounts moved from one currency to another; no cause of a movement."""


def whole(months: Sequence[Month]) -> Month:
    """Consecutive months as one, under the first one's number."""
    return Month(months[0].number, months[0].starts_at, months[-1].ends_at)


def span_days(months: Sequence[Month], zone: str = "UTC") -> pa.Table:
    """``month_days`` with consecutive months as one, so that what adds up months adds up the whole of them."""
    import numpy as np
    import pyarrow as pa

    days = month_days(zone)
    number = days["month"].to_numpy()
    inside = (number >= months[0].number) & (number <= months[-1].number)
    one = whole(months)
    columns = {
        "month": (one.number, pa.int32()),
        "month_at": (one.starts_at, pa.int64()),
        "turns_at": (one.ends_at, pa.int64()),
    }
    merged = {
        name: pa.array(np.where(inside, value, days[name].to_numpy()), kind) for name, (value, kind) in columns.items()
    }
    return pa.table({"day": days["day"], **merged})


# Queries


def queries(small: Mapping[str, ir.Table], *, policy: Policy, view: View) -> Program:
    """Every query of a report.

    Args:
        small: interval_factor, plan, today, merged; per span (``SPANS``) days_SPAN and rates_SPAN; period (one row:
            starts_at, ends_at); asked_account (account_key of those that accepted an offer).
        view: ``net`` or ``event``, see ``mrr.account_months``.
    """
    program = Program()
    items = core_table("subscription_item")
    moved = movements(
        items,
        factors=small["interval_factor"],
        plans=small["plan"],
        today=small["today"],
        policy=policy,
        merged=small["merged"],
        stage=program.stage,
    )
    moved = program.stage("movement", moved)
    by_account = {}
    for span in SPANS:
        days, rates = small[f"days_{span}"], small[f"rates_{span}"]
        by = account_months(moved, days, view=view, stage=_prefixed(program, span))
        by_account[span] = program.stage(f"by_{span}", by)
        program.stage(f"lines_{span}", month_lines(by_account[span]))
        program.stage(f"exchanged_{span}", exchanges(moved, by_account[span], days, rates))
    for span in ("month", "period"):
        program.stage(f"causes_{span}", cause_lines(moved, small[f"days_{span}"], view=view))
        program.stage(f"one_off_{span}", one_off_lines(core_table("purchase"), small[f"days_{span}"]))
    again = policy.cohort_reactivation
    program.stage("cohorts", cohort_lines(by_account["month"], with_reactivation=again))
    _add_cuts(program, small, moved, by_account["period"])
    _add_motions(program, small, moved)
    return program


def _prefixed(program: Program, span: str) -> Stage:
    return lambda name, select: program.stage(f"{name}_{span}", select)


def _add_cuts(program: Program, small: Mapping[str, ir.Table], moved: ir.Table, by_account: ir.Table) -> None:
    """Bridges by part, and how many accounts paid as the period began and ended."""
    days, rates = small["days_period"], small["rates_period"]
    payers = program.stage("payer", _payers(moved, small["period"]))
    program.stage("payers_all", _counted(payers, payers.mutate(cut=ibis.null("string")).select("account_key", "cut")))
    account = core_table("account")
    parts = {
        "segment": account.select("account_key", cut=account.segment),
        "owner": account.select("account_key", cut=account.owner_id),
        "cohort": _quarters(by_account),
        "plan": _plans(core_table("subscription_item"), small),
    }
    for name in CUTS:
        cut = program.stage(f"cut_{name}", parts[name])
        program.stage(f"lines_{name}", month_lines(by_account, cut))
        program.stage(f"exchanged_{name}", exchanges(moved, by_account, days, rates, cut))
        program.stage(f"payers_{name}", _counted(payers, cut))


def _payers(moved: ir.Table, period: ir.Table) -> ir.Table:
    """One row per account that ever paid: whether it paid, in any currency, as the period began, and at its end."""
    dated = moved.cross_join(period)
    before = ibis.ifelse(dated.moved_at < dated.starts_at, dated.units, 0)
    until = ibis.ifelse(dated.moved_at < dated.ends_at, dated.units, 0)
    return dated.group_by("account_key").agg(at_start=before.sum() > 0, at_end=until.sum() > 0)


def _counted(payers: ir.Table, cut: ir.Table) -> ir.Table:
    given = left(payers, cut, "account_key")
    return given.group_by("cut").agg(
        at_start=given.at_start.sum().cast("int64"), at_end=given.at_end.sum().cast("int64")
    )


def _quarters(by_account: ir.Table) -> ir.Table:
    """The quarter in which an account first paid: 2025-Q4."""
    per = by_account.group_by("account_key").agg(cohort=by_account.cohort.min())
    month = per.cohort % 12
    year = ((per.cohort - month) / 12).cast("int32").cast("string")
    quarter = ((month - month % 3) / 3 + 1).cast("int32").cast("string")
    return per.select("account_key", cut=year + "-Q" + quarter)


def _plans(items: ir.Table, small: Mapping[str, ir.Table]) -> ir.Table:
    """The plan an account pays most for at the period's end; of one that left, what it paid for last."""
    dated = items.cross_join(small["period"])
    paid = dated.filter(
        dated.plan_id.notnull()
        & dated.status.isin(PAID_STATUSES)
        & (dated.amount_minor > 0)
        & (dated.valid_from < dated.ends_at)
    )
    rated = left(paid, small["interval_factor"], ["interval", "interval_count"])
    rated = left(rated, small["merged"], "account_key")
    rated = rated.mutate(account_key=ibis.coalesce(rated.into_account_key, rated.account_key))
    until = ibis.least(ibis.coalesce(rated.valid_to, 2**40), rated.ends_at)
    units = rated.amount_minor * ibis.coalesce(rated.units_factor, 0)
    order = [until.desc(), units.desc(), rated.plan_id]
    placed = rated.mutate(place=ibis.row_number().over(ibis.window(group_by="account_key", order_by=order)))
    return placed.filter(placed.place == 0).select("account_key", cut="plan_id")


def _add_motions(program: Program, small: Mapping[str, ir.Table], moved: ir.Table) -> None:
    """What offers may have led to: by motion and cause in the period, and row by row where one was accepted."""
    grown = creditable(moved).cross_join(small["period"])
    grown = program.stage("creditable", grown.filter(grown.moved_at < grown.ends_at))
    inside = grown.filter(grown.moved_at >= grown.starts_at)
    motion = ibis.cases(*((inside.cause == cause, motion) for cause, motion in CAUSE_MOTIONS.items()))
    inside = program.stage("creditable_inside", inside.mutate(motion=motion))
    program.stage("motion_accounts", inside.group_by("motion").agg(accounts=inside.account_key.nunique()))
    committed = ibis.ifelse(inside.cause == "commit", inside.committed_minor, 0).sum().cast("int64")
    sums = {"units": inside.units.sum().cast("int64"), "committed_minor": committed, "events": inside.count()}
    program.stage("motion_lines", inside.group_by("motion", "currency").agg(**sums))
    program.stage("creditable_asked", grown.semi_join(small["asked_account"], "account_key"))


OUTPUTS = (
    *("lines_month", "lines_period", "lines_year", "exchanged_month", "exchanged_period", "exchanged_year"),
    *("causes_month", "causes_period", "one_off_month", "one_off_period", "cohorts", "payer", "payers_all"),
    *(f"{what}_{cut}" for what in ("lines", "exchanged", "payers") for cut in CUTS),
    *("motion_accounts", "motion_lines", "creditable_asked"),
)
"""Stages of ``queries`` that are read afterwards."""


# What came back, as exact amounts


@dataclass(frozen=True)
class CauseLine:
    """Movements of one category and cause; amounts exact, in MRR units of the company's currency, signed.

    Args:
        cause: None where an account began to pay, or pays again; ``SWITCH`` for what only changed currency.
    """

    category: str
    cause: str | None
    units: Fraction
    committed_minor: Fraction
    events: int
    accounts: int


@dataclass(frozen=True)
class PartLine:
    """One part of a cut: its bridge and retention, and how many accounts paid at the start and the end."""

    part: str | None
    bridge: Bridge
    retention: Retention
    accounts_start: int
    accounts_end: int


@dataclass(frozen=True)
class MotionLine:
    """Growth by one motion: how many accounts, and what it came to, with and without an offer."""

    motion: str
    accounts: int
    events: int
    units: Fraction
    committed_minor: Fraction


@dataclass(frozen=True)
class OneOff:
    """One-off revenue of a month or period: never MRR."""

    amount_minor: Fraction
    purchases: int
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class MonthLine:
    """One month of the history."""

    bridge: Bridge
    retention: Retention
    one_off: OneOff
    expansion: tuple[CauseLine, ...]


@dataclass(frozen=True)
class Numbers:
    """Everything that is counted; see ``docs/money.md``.

    Args:
        own: Each currency's own bridge, where there are several.
        year: Retention over the twelve months that end with the period.
        history: The twelve months that end with the period, oldest first.
        causes: Of the period, by category in the order of a bridge, the largest first.
    """

    bridge: Bridge
    retention: Retention
    year: Retention
    own: tuple[Bridge, ...]
    one_off: OneOff
    history: tuple[MonthLine, ...]
    causes: tuple[CauseLine, ...]
    cuts: Mapping[str, tuple[PartLine, ...]]
    motions: tuple[MotionLine, ...]
    cohorts: tuple[Cohort, ...]
    accounts_start: int
    accounts_end: int


def told(
    found: Mapping[str, pa.Table],
    *,
    period: Sequence[Month],
    history: Sequence[Month],
    rates: Rates,
    every: Sequence[Month],
) -> Numbers:
    """The numbers of a report from the rows of ``OUTPUTS``.

    Args:
        period: The months that are told as one.
        history: The twelve months that end with them.
        every: The months since the first movement, for cohorts.
    """
    one, year = [whole(period)], [whole(history)]
    total = _only(
        total_bridges(found["lines_period"], one, rates, exchanged=found["exchanged_period"]),
        Bridge(one[0], None, rates.currency, dict.fromkeys(LINES, Fraction(0)), accounts=dict.fromkeys(_MOVES, 0)),
    )
    payers = _only(found["payers_all"].to_pylist(), {"at_start": 0, "at_end": 0})
    own = bridges(found["lines_period"], one)
    return Numbers(
        bridge=total,
        retention=_retained(found, "period", one, rates)[0],
        year=_retained(found, "year", year, rates)[0],
        own=tuple(own) if len({bridge.currency for bridge in own} | {rates.currency}) > 1 else (),
        one_off=_one_off(found["one_off_period"].to_pylist(), one[0], rates),
        history=tuple(_history(found, history, rates)),
        causes=tuple(_causes(found, "period", one[0], rates)),
        cuts={cut: tuple(_parts(found, cut, one, rates)) for cut in CUTS},
        motions=tuple(_motions(found, one[0], rates)),
        cohorts=tuple(cohorts(found["cohorts"], every, rates)) if every else (),
        accounts_start=payers["at_start"],
        accounts_end=payers["at_end"],
    )


_MOVES = (*GAINS, *LOSSES)


def _only(rows: Sequence[Any], otherwise: Any) -> Any:
    return rows[0] if rows else otherwise


def _retained(found: Mapping[str, pa.Table], span: str, months: Sequence[Month], rates: Rates) -> list[Retention]:
    zero = Fraction(0)
    nothing = [Retention(month, None, rates.currency, zero, zero, zero, zero, zero) for month in months]
    kept = total_retentions(found[f"lines_{span}"], months, rates, exchanged=found[f"exchanged_{span}"])
    return kept or nothing


def _history(found: Mapping[str, pa.Table], months: Sequence[Month], rates: Rates) -> Iterable[MonthLine]:
    empty = dict.fromkeys(LINES, Fraction(0))
    bridged = total_bridges(found["lines_month"], months, rates, exchanged=found["exchanged_month"]) or [
        Bridge(month, None, rates.currency, empty, accounts=dict.fromkeys(_MOVES, 0)) for month in months
    ]
    sold = found["one_off_month"].to_pylist()
    for month, bridge, kept in zip(months, bridged, _retained(found, "month", months, rates), strict=True):
        grown = [line for line in _causes(found, "month", month, rates) if line.category == "expansion"]
        yield MonthLine(bridge, kept, _one_off(sold, month, rates), tuple(grown))


def _one_off(rows: Iterable[Mapping[str, Any]], month: Month, rates: Rates) -> OneOff:
    """At the rate of the period's start, as movements are."""
    amount, purchases, missing = Fraction(0), 0, []
    for row in rows:
        if row["month"] != month.number:
            continue
        rate = _rate(rates, row["currency"], month)
        purchases += row["purchases"]
        missing += [row["currency"]] if rate is None else []
        amount += row["amount_minor"] * (rate or 0)
    return OneOff(amount, purchases, tuple(sorted(missing)))


def _rate(rates: Rates, currency: str, month: Month) -> Fraction | None:
    """As ``mrr`` values movements: by the rate of the start, else by that of the end."""
    opening = rates.at(currency, month.starts_at)
    return rates.at(currency, month.ends_at) if opening is None else opening


def _causes(found: Mapping[str, pa.Table], span: str, month: Month, rates: Rates) -> list[CauseLine]:
    """By category and cause, in the company's currency; they add up to the lines of the total's bridge."""
    lines: dict[tuple[str, str | None], CauseLine] = {}
    for row in found[f"causes_{span}"].to_pylist():
        rate = _rate(rates, row["currency"], month)
        if row["month"] != month.number or rate is None:
            continue
        key = (row["category"], row["cause"])
        line = lines.get(key, CauseLine(*key, Fraction(0), Fraction(0), 0, 0))
        lines[key] = replace(
            line,
            units=line.units + row["units"] * rate,
            committed_minor=line.committed_minor + row["committed_minor"] * rate,
            events=line.events + row["events"],
            accounts=line.accounts + row["accounts"],
        )
    for row in found[f"exchanged_{span}"].to_pylist():
        if row["month"] == month.number and row["flow"]:
            for category, units in (("expansion", -row["flow"]), ("contraction", row["flow"])):
                lines[category, SWITCH] = CauseLine(category, SWITCH, Fraction(units), Fraction(0), 0, 0)
    order = {category: place for place, category in enumerate(_MOVES)}
    return sorted(lines.values(), key=lambda line: (order[line.category], -abs(line.units), line.cause or ""))


def _parts(found: Mapping[str, pa.Table], cut: str, one: Sequence[Month], rates: Rates) -> list[PartLine]:
    """The parts with any MRR or movement in the period, the largest at its end first; those of no part last."""
    lines, exchanged = found[f"lines_{cut}"], found[f"exchanged_{cut}"]
    bridged = total_bridges(lines, one, rates, exchanged=exchanged)
    kept = total_retentions(lines, one, rates, exchanged=exchanged)
    counts = {row["cut"]: row for row in found[f"payers_{cut}"].to_pylist()}
    parts = [
        PartLine(bridge.cut, bridge, retained, counts[bridge.cut]["at_start"], counts[bridge.cut]["at_end"])
        for bridge, retained in zip(bridged, kept, strict=True)
        if any(bridge[name] for name in LINES) or bridge.missing
    ]
    if cut == "cohort":
        return sorted(parts, key=lambda part: part.part or "")
    return sorted(parts, key=lambda part: (part.part is None, -part.bridge["end"], part.part or ""))


def _motions(found: Mapping[str, pa.Table], month: Month, rates: Rates) -> list[MotionLine]:
    accounts = {row["motion"]: row["accounts"] for row in found["motion_accounts"].to_pylist()}
    sums: dict[str, list[Fraction]] = defaultdict(lambda: [Fraction(0)] * 3)
    for row in found["motion_lines"].to_pylist():
        rate = _rate(rates, row["currency"], month) or Fraction(0)
        added = (row["units"] * rate, row["committed_minor"] * rate, Fraction(row["events"]))
        sums[row["motion"]] = [old + new for old, new in zip(sums[row["motion"]], added, strict=True)]
    order = list(dict.fromkeys(CAUSE_MOTIONS.values()))
    return [
        MotionLine(motion, accounts[motion], int(sums[motion][2]), sums[motion][0], sums[motion][1])
        for motion in order
        if motion in accounts
    ]


def cause_minor(lines: Sequence[CauseLine], category: str, total_minor: int) -> list[int]:
    """The lines of one category in minor units, signed, rounded so that they add up to the bridge's printed line.

    Args:
        lines: All of that category.
        total_minor: The printed line; contraction and churn are positive amounts there.
    """
    sign = -1 if category in LOSSES else 1
    return shown([line.units for line in lines], sign * total_minor)


@dataclass(frozen=True)
class CohortBlock:
    """Cohorts of one quarter together: NRR by age in months, as far as all of them have come."""

    name: str
    accounts_mrr: Fraction
    shares: tuple[Fraction | None, ...]


def quarters(found: Sequence[Cohort], *, ages: int = 12) -> list[CohortBlock]:
    """Cohorts added up by quarter, oldest first; ``shares`` from age 0 (their first month's end) to ``ages``."""
    groups: dict[int, list[Cohort]] = defaultdict(list)
    for cohort in found:
        groups[cohort.cohort // 3].append(cohort)
    blocks = []
    for number, group in sorted(groups.items()):
        base = sum((cohort.mrr[0] for cohort in group), Fraction(0))
        reach = min(len(cohort.mrr) for cohort in group)
        shares = [
            sum((cohort.mrr[age] for cohort in group), Fraction(0)) / base if base and age < reach else None
            for age in range(ages + 1)
        ]
        blocks.append(CohortBlock(f"{number // 4}-Q{number % 4 + 1}", base, tuple(shares)))
    return blocks
