"""A report as it is printed: every amount in whole minor units, rounded once, so that each column adds up.

Terminal, JSON, CSV and the page all show this; none of them rounds anything again.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from upstep.clock import from_seconds, iso
from upstep.engine.deciding.telling import step_words
from upstep.engine.deciding.why import why_sentence
from upstep.engine.measuring.findings import result_shape
from upstep.money import CURRENCIES, UNITS_PER_MINOR, round_half_up
from upstep.revenue.mrr import GAINS, LINES, LOSSES, Bridge, shown
from upstep.revenue.report import SWITCH, CauseLine, Numbers, cause_minor, quarters
from upstep.spreadsheet import cell

if TYPE_CHECKING:
    from upstep.catalog.model import Catalog
    from upstep.engine.measuring.reporting import Report
    from upstep.revenue.retention import Retention

CAUSE_WORDS: Mapping[str | None, str] = {
    None: "first or renewed payment",
    "upsell": "higher plan",
    "downsell": "lower plan",
    "seats": "seats",
    "usage_commit": "committed usage",
    "add_on": "add-ons",
    "cross_sell": "another product",
    "commit": "longer term",
    "price_change": "price change",
    "discount_start": "discount begins",
    "discount_end": "discount ends",
    "pause": "pause",
    "cancel": "cancelled",
    SWITCH: "only changed currency",
}
"""Causes as people read them."""

PART_WORDS = {"segment": "no segment", "plan": "no plan", "cohort": "never paid", "owner": "nobody’s"}
"""What accounts are called that belong to no part of a cut."""


def statement(report: Report, catalog: Catalog) -> dict[str, Any]:
    """The report as ``report --json`` prints it; see docs/schemas/report.json. Shares are numbers, 1 is all."""
    numbers = report.numbers
    return {
        "company": report.company,
        "currency": report.currency,
        "period": _period(report),
        "as_of": iso(report.as_of),
        "policy": {**asdict(report.policy), "view": report.view},
        "notes": list(report.notes),
        "bridge": _bridge(numbers.bridge),
        "movements": _movements(numbers),
        "moved_accounts": {name: numbers.bridge.accounts.get(name, 0) for name in (*GAINS, *LOSSES)},
        "retention": _retention(report),
        "quick_ratio": _share(numbers.bridge.quick_ratio),
        "accounts": _accounts(numbers),
        "one_off": _one_off(numbers),
        "currencies": [{"currency": bridge.currency, **_bridge(bridge)} for bridge in numbers.own],
        "cuts": {cut: [_part(line) for line in lines] for cut, lines in numbers.cuts.items()},
        "motions": _motions(numbers),
        "credit": _credit(report),
        "experiments": [result_shape(found) for found in report.experiments],
        "follow_up": _follow_up(report),
        "conversions": _conversions(report),
        "decided_at": None if report.decided_at is None else iso(report.decided_at),
        "opportunities": [_opportunity(row, place, catalog) for place, row in enumerate(report.opportunities, start=1)],
        "months": [_month(line) for line in numbers.history],
        "cohorts": _cohorts(numbers),
    }


def _follow_up(report: Report) -> list[dict[str, Any]]:
    """Of what was bought in the period, how much is used, by the day of the look; the days that have looks."""
    told = []
    for day in sorted({look["day"] for look in report.looks}):
        found = [look["found"] for look in report.looks if look["day"] == day]
        counts = {name: found.count(name) for name in ("used", "unused", "unknown")}
        told.append({"day": day, **counts, "waiting": found.count(None)})
    return told


def _period(report: Report) -> dict[str, Any]:
    first, last = report.months[0], report.months[-1]
    return {
        "name": report.name,
        "first": first.name,
        "last": last.name,
        "starts_at": iso(from_seconds(first.starts_at)),
        "ends_at": iso(from_seconds(last.ends_at)),
        "time_zone": report.zone,
        "is_complete": report.is_complete,
    }


def _bridge(bridge: Bridge) -> dict[str, int]:
    minor = bridge.minor()
    return {f"{name}_minor": minor[name] for name in LINES}


def _movements(numbers: Numbers) -> list[dict[str, Any]]:
    """By category and cause, signed; the lines of a category add up to the bridge's."""
    minor = numbers.bridge.minor()
    found = []
    for category in (*GAINS, *LOSSES):
        lines = [line for line in numbers.causes if line.category == category]
        amounts = cause_minor(lines, category, minor[category])
        found += [_cause(line, amount) for line, amount in zip(lines, amounts, strict=True)]
    return found


def _cause(line: CauseLine, amount: int) -> dict[str, Any]:
    return {
        "category": line.category,
        "cause": line.cause,
        "amount_minor": amount,
        "committed_minor": _whole(line.committed_minor),
        "events": line.events,
        "accounts": line.accounts,
    }


def _whole(amount: Fraction) -> int:
    return round_half_up(amount.numerator, amount.denominator)


def _minor(units: Fraction) -> int:
    return shown([units])[0]


def _share(value: Fraction | None) -> float | None:
    """A share for people: six digits. Nothing is computed from it."""
    return None if value is None else float(round(value, 6))


def _kept(kept: Retention) -> dict[str, Any]:
    return {
        "net_revenue_retention": _share(kept.net_revenue_retention),
        "gross_revenue_retention": _share(kept.gross_revenue_retention),
        "gross_revenue_retention_by_flow": _share(kept.gross_revenue_retention_by_flow),
    }


def _retention(report: Report) -> dict[str, Any]:
    usage, history = report.usage, report.numbers.history
    return {
        **_kept(report.numbers.retention),
        "with_usage": _share(usage.share) if usage else None,
        "with_usage_why_not": report.usage_why or None,
        "usage_start_minor": _minor(usage.overage_start) if usage else None,
        "usage_end_minor": _minor(usage.overage_end) if usage else None,
        "newcomers_minor": _minor(newcomers(report.numbers)),
        "twelve_months": {
            "first": history[0].bridge.month.name,
            "last": history[-1].bridge.month.name,
            **_kept(report.numbers.year),
        },
    }


def newcomers(numbers: Numbers) -> Fraction:
    """What the accounts that did not pay as the period began pay at its end, at the rates of its start.

    NRR leaves them out: start x NRR + newcomers + exchange rates = end.
    """
    bridge = numbers.bridge
    return bridge["end"] - bridge["fx"] - numbers.retention.end


def _accounts(numbers: Numbers) -> dict[str, Any]:
    end = numbers.accounts_end
    return {
        "start": numbers.accounts_start,
        "end": end,
        "average_minor": _minor(numbers.bridge["end"] / end) if end else None,
    }


def _one_off(numbers: Numbers) -> dict[str, Any]:
    return {"amount_minor": _whole(numbers.one_off.amount_minor), "purchases": numbers.one_off.purchases}


def _part(line: Any) -> dict[str, Any]:
    return {
        "part": line.part,
        **_bridge(line.bridge),
        **_kept(line.retention),
        "accounts_start": line.accounts_start,
        "accounts_end": line.accounts_end,
    }


def _motions(numbers: Numbers) -> list[dict[str, Any]]:
    return [
        {
            "motion": line.motion,
            "accounts": line.accounts,
            "events": line.events,
            "amount_minor": _minor(line.units),
            "average_minor": _minor(line.units / line.accounts),
            "committed_minor": _whole(line.committed_minor),
        }
        for line in numbers.motions
    ]


def _credit(report: Report) -> dict[str, Any]:
    rest = report.unprompted
    return {
        "window_days": report.credit_days,
        "plays": [
            {
                "play": play.play,
                "motion": play.motion,
                "conversions": play.conversions,
                "accounts": play.accounts,
                "gross_minor": _minor(play.gross),
                "overage_replaced_minor": _minor(play.replaced),
                "credited_minor": _minor(play.credited),
                "committed_minor": _whole(play.committed_minor),
            }
            for play in report.credits
        ],
        "without_offer": {
            "events": rest.events,
            "amount_minor": _minor(rest.units),
            "committed_minor": _whole(rest.committed_minor),
        },
    }


def _conversions(report: Report) -> list[dict[str, Any]]:
    return [
        {
            **{name: getattr(line, name) for name in _COUNTED},
            "converted_share": _share(Fraction(line.won, line.shown)) if line.shown else None,
        }
        for line in report.conversions
    ]


_COUNTED = ("play", "trigger", "opened", "shown", "accepted", "converted", "declined")


def _opportunity(row: Mapping[str, Any], place: int, catalog: Catalog) -> dict[str, Any]:
    return {
        "place": place,
        "account_id": row["account_id"],
        "name": row["name"],
        "play": row["play"],
        "motion": row["motion"],
        "lane": row["lane"],
        "outcome": row["outcome"],
        "owner_id": row["owner_id"],
        "step": step_words(row, catalog),
        "why": why_sentence(row, catalog),
        "signal_density": row["signal_density"],
        "recurring_change_minor": row["recurring_change_minor"],
        "currency": row["currency"],
        "estimated": row["estimated"],
    }


def _month(line: Any) -> dict[str, Any]:
    minor = line.bridge.minor()
    amounts = cause_minor(line.expansion, "expansion", minor["expansion"])
    grown = zip(line.expansion, amounts, strict=True)
    return {
        "month": line.bridge.month.name,
        **_bridge(line.bridge),
        **_kept(line.retention),
        "quick_ratio": _share(line.bridge.quick_ratio),
        "one_off_minor": _whole(line.one_off.amount_minor),
        "expansion": [{"cause": cause.cause, "amount_minor": amount} for cause, amount in grown],
    }


def _cohorts(numbers: Numbers) -> list[dict[str, Any]]:
    return [
        {
            "cohort": block.name,
            "start_minor": _minor(block.accounts_mrr),
            "net_revenue_retention": [_share(share) for share in block.shares],
        }
        for block in quarters(numbers.cohorts)
    ]


def whole_units(lines: Mapping[str, Any], currency: str) -> list[int]:
    """A bridge's lines in whole units of the currency, losses negative, rounded so that the row still adds up."""
    scale = 10 ** CURRENCIES[currency]
    minor = [(-1 if name in LOSSES else 1) * lines[f"{name}_minor"] for name in LINES]
    start, end = (round_half_up(minor[place], scale) for place in (0, -1))
    moved = shown([Fraction(part * UNITS_PER_MINOR, scale) for part in minor[1:-1]], end - start)
    return [start, *moved, end]


# As a table


COLUMNS = ("table", "period", "cut", "part", "line", "cause", "amount", "currency", "count", "share")
"""Of the CSV: one figure a row, so that a spreadsheet can turn it any way."""


def as_csv(told: Mapping[str, Any]) -> str:
    """The statement as CSV, one figure a row; amounts in whole currency with its decimals, shares as numbers."""
    out = io.StringIO()
    writer = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\n")
    writer.writeheader()
    for row in _rows(told):
        currency = row.get("currency") or told["currency"]
        amount = row.pop("amount_minor", None)
        if amount is not None:
            row |= {"amount": decimal(amount, currency), "currency": currency.upper()}
        writer.writerow({name: cell(value) for name, value in row.items()})
    return out.getvalue()


def decimal(amount_minor: int, currency: str) -> str:
    """A plain decimal, as spreadsheets read it.

    >>> decimal(-123450, "usd"), decimal(5000, "jpy")
    ('-1234.50', '5000')
    """
    digits = CURRENCIES[currency]
    whole, rest = divmod(abs(amount_minor), 10**digits)
    sign = "-" if amount_minor < 0 else ""
    return f"{sign}{whole}.{rest:0{digits}d}" if digits else f"{sign}{whole}"


def _rows(told: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    period = told["period"]["name"]
    yield from _total_rows(told, period)
    yield from _cut_rows(told, period)
    yield from _play_rows(told, period)
    for month in told["months"]:
        at = {"table": "month", "period": month["month"]}
        yield from _bridge_rows(month, at)
        yield from _share_rows(month, at)


def _total_rows(told: Mapping[str, Any], period: str) -> Iterator[dict[str, Any]]:
    yield from _bridge_rows(told["bridge"], {"table": "bridge", "period": period})
    for line in told["movements"]:
        at = {"table": "movements", "period": period, "line": line["category"], "cause": line["cause"]}
        yield {**at, "amount_minor": line["amount_minor"], "count": line["events"]}
    at = {"table": "retention", "period": period}
    yield from _share_rows(told["retention"], at)
    yield {**at, "line": "quick_ratio", "share": told["quick_ratio"]}
    sold = told["one_off"]
    at = {"table": "one_off", "period": period, "line": "one_off"}
    yield {**at, "amount_minor": sold["amount_minor"], "count": sold["purchases"]}
    for own in told["currencies"]:
        yield from _bridge_rows(own, {"table": "currency", "period": period, "currency": own["currency"]})


def _cut_rows(told: Mapping[str, Any], period: str) -> Iterator[dict[str, Any]]:
    for cut, parts in told["cuts"].items():
        for part in parts:
            at = {"table": "cut", "period": period, "cut": cut, "part": part["part"]}
            yield from _bridge_rows(part, at)
            yield from _share_rows(part, at)


def _play_rows(told: Mapping[str, Any], period: str) -> Iterator[dict[str, Any]]:
    for line in told["motions"]:
        at = {"table": "motion", "period": period, "part": line["motion"]}
        yield {**at, "line": "growth", "amount_minor": line["amount_minor"], "count": line["accounts"]}
        yield {**at, "line": "committed", "amount_minor": line["committed_minor"]}
    for line in told["credit"]["plays"]:
        at = {"table": "credit", "period": period, "part": line["play"], "cause": line["motion"]}
        for name in ("gross", "overage_replaced", "credited", "committed"):
            yield {**at, "line": name, "amount_minor": line[f"{name}_minor"], "count": line["conversions"]}
    rest = told["credit"]["without_offer"]
    at = {"table": "credit", "period": period, "part": "without_offer", "line": "gross"}
    yield {**at, "amount_minor": rest["amount_minor"], "count": rest["events"]}
    for line in told["conversions"]:
        at = {"table": "conversions", "period": period, "part": line["play"], "cause": line["trigger"]}
        yield from ({**at, "line": name, "count": line[name]} for name in _COUNTED[2:])


def _bridge_rows(lines: Mapping[str, Any], at: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name in LINES:
        sign = -1 if name in LOSSES else 1
        yield {**at, "line": name, "amount_minor": sign * lines[f"{name}_minor"]}


def _share_rows(source: Mapping[str, Any], at: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    return ({**at, "line": name, "share": source[name]} for name in _SHARES if name in source)


_SHARES = ("net_revenue_retention", "gross_revenue_retention", "gross_revenue_retention_by_flow", "with_usage")
