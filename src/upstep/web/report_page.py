"""The report's page: one self-contained file that can be read, printed and forwarded. No network, no script."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from hashlib import sha256
from importlib import resources
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

import upstep
from upstep.engine.measuring.statement import CAUSE_WORDS, PART_WORDS
from upstep.money import format_minor
from upstep.web.report_pictures import (
    COLUMNS_HEIGHT,
    LINES_HEIGHT,
    Fall,
    growth_columns,
    level,
    money_short,
    percent,
    retention_lines,
    waterfall,
)

Told = Mapping[str, Any]
"""The report as ``engine.measuring.statement`` gives it."""

_MONTHS = "January February March April May June July August September October November December".split()
_CUTS = {
    "segment": ("Segment", "As it stands in the account table now."),
    "plan": ("Plan", "The plan each account pays most for at the end, or paid for last."),
    "owner": ("Owner", "As it stands in the account table now."),
    "cohort": ("Cohort", "The quarter in which each account first paid."),
}
_PARTS_SHOWN = 12


@dataclass(frozen=True)
class BridgeRow:
    """One row of the bridge with its bar. ``is_part`` stands a cause back under its line."""

    label: str
    amount: str
    note: str
    fall: Fall
    is_total: bool = False
    is_part: bool = False


def render_report(told: Told) -> str:
    """The page as text; equal input gives equal text."""
    style = _static("page.css") + _static("report.css")
    bridge, cut_at = _bridge(told)
    text: str = (
        _environment()
        .get_template("report.html")
        .render(
            told=told,
            title=_title(told),
            lead=_lead(told),
            cards=_cards(told),
            bridge=bridge,
            cut_at=cut_at,
            growth=growth_columns(told, CAUSE_WORDS),
            lines=retention_lines(told),
            cohorts=[row for row in told["cohorts"] if row["start_minor"]][-10:],
            cuts=_cuts(told),
            counting=_counting(told),
            money=partial(_money, told["currency"]),
            signed=partial(_signed, told["currency"]),
            style=style,
            policy=_policy(style),
            version=upstep.__version__,
        )
    )
    return text


# Words


def _title(told: Told) -> str:
    first, last = told["period"]["first"], told["period"]["last"]
    if first == last:
        return month_words(first)
    if first[:4] == last[:4]:
        return f"{month_words(first).split()[0]} to {month_words(last)}"
    return f"{month_words(first)} to {month_words(last)}"


def month_words(month: str) -> str:
    """A month in words.

    >>> month_words("2026-10")
    'October 2026'
    """
    return f"{_MONTHS[int(month[5:]) - 1]} {month[:4]}"


def _money(currency: str, amount_minor: int) -> str:
    return format_minor(amount_minor, currency)


def _signed(currency: str, amount_minor: int) -> str:
    if not amount_minor:
        return "–"
    return f"{'+' if amount_minor > 0 else '−'}{format_minor(abs(amount_minor), currency)}"


def _lead(told: Told) -> str:
    """What happened, in two sentences."""
    bridge, currency = told["bridge"], told["currency"]
    start, end = bridge["start_minor"], bridge["end_minor"]
    if not start and not end:
        return "Nobody paid in this period."
    if not start:
        return f"MRR began, and reached {format_minor(end, currency)}."
    share = (end - start) / start
    verb = "grew" if end > start else "fell" if end < start else "stood"
    by = f" by {percent(abs(share))}" if end != start else ""
    first = f"MRR {verb}{by}, from {format_minor(start, currency)} to {format_minor(end, currency)}."
    kept = told["retention"]["net_revenue_retention"]
    second = "" if kept is None else f" Those who paid at the start now pay {percent(kept)} of what they did then."
    if newcomers := told["retention"]["newcomers_minor"]:
        paid = format_minor(newcomers, currency)
        second += f" Those who did not pay then pay {paid} now, which is not in it."
    return first + second


def _cards(told: Told) -> list[tuple[str, str, str]]:
    """Label, figure, what stands beside it."""
    kept, currency = told["retention"], told["currency"]
    year, accounts, sold = kept["twelve_months"], told["accounts"], told["one_off"]
    leads = "gross_revenue_retention" + ("_by_flow" if told["policy"]["grr"] == "flow" else "")
    other = "gross_revenue_retention" + ("" if told["policy"]["grr"] == "flow" else "_by_flow")
    by = {"snapshot": "by account", "flow": "by flow"}
    beside = by["snapshot" if told["policy"]["grr"] == "flow" else "flow"]
    average = accounts["average_minor"]
    quick = told["quick_ratio"]
    usage = kept["with_usage"]
    return [
        ("MRR at the end", format_minor(told["bridge"]["end_minor"], currency), _yearly(told)),
        ("NRR", percent(kept["net_revenue_retention"]), f"{percent(year['net_revenue_retention'])} over 12 months"),
        ("GRR", percent(kept[leads]), f"{percent(kept[other])} {beside}; {percent(year[leads])} over 12 months"),
        (
            "NRR with usage",
            percent(usage),
            f"overage {money_short(kept['usage_start_minor'], currency)} then, "
            f"{money_short(kept['usage_end_minor'], currency)} now"
            if usage is not None
            else kept["with_usage_why_not"] or "nobody paid at the start",
        ),
        ("Quick ratio", "–" if quick is None else f"{quick:.1f}", "gained for each that was lost"),
        (
            "Paying accounts",
            f"{accounts['end']:,}",
            f"{accounts['start']:,} at the start"
            + (f"; {format_minor(average, currency)} each" if average is not None else ""),
        ),
        ("One-off revenue", format_minor(sold["amount_minor"], currency), f"{sold['purchases']:,} sales, not in MRR"),
    ]


def _yearly(told: Told) -> str:
    return f"{money_short(told['bridge']['end_minor'] * 12, told['currency'])} a year"


# Parts


_LINES = (("new", 1), ("expansion", 1), ("reactivation", 1), ("contraction", -1), ("churn", -1))


def _bridge(told: Told) -> tuple[list[BridgeRow], int]:
    """Rows from start to end, causes in the place of their line where there is more than one."""
    bridge, currency = told["bridge"], told["currency"]
    entries: list[tuple[str, int, str, bool]] = []
    for name, sign in _LINES:
        amount = sign * bridge[f"{name}_minor"]
        causes = [line for line in told["movements"] if line["category"] == name and line["cause"]]
        who = told["moved_accounts"][name]
        if not causes:
            entries.append((name.capitalize(), amount, _accounts(who), False))
        for line in causes:
            words = f"{name.capitalize()}: {CAUSE_WORDS[line['cause']]}"
            entries.append((words, line["amount_minor"], _note(line, currency), True))
    entries.append(("Exchange rates", bridge["fx_minor"], "", False))
    drawn = waterfall(bridge["start_minor"], [amount for _, amount, _, _ in entries], bridge["end_minor"])
    first, *falls, last = drawn.falls
    rows = [BridgeRow("Start", format_minor(bridge["start_minor"], currency), "", first, is_total=True)]
    rows += [
        BridgeRow(label, _signed(currency, amount), note, fall, is_part=is_part)
        for (label, amount, note, is_part), fall in zip(entries, falls, strict=True)
    ]
    rows.append(BridgeRow("End", format_minor(bridge["end_minor"], currency), "", last, is_total=True))
    return rows, drawn.cut_at


def _accounts(count: int) -> str:
    return f"{count:,} {'account' if count == 1 else 'accounts'}" if count else ""


def _note(line: Told, currency: str) -> str:
    said = f"{line['events']:,} {'change' if line['events'] == 1 else 'changes'}"
    if line["cause"] == "commit" and line["committed_minor"]:
        said += f", {format_minor(line['committed_minor'], currency)} more committed"
    return said


def _cuts(told: Told) -> list[dict[str, Any]]:
    found = []
    for cut, (label, about) in _CUTS.items():
        parts: Sequence[Told] = told["cuts"][cut]
        kept = parts[-_PARTS_SHOWN:] if cut == "cohort" else parts[:_PARTS_SHOWN]
        rows = [
            {
                **part,
                "name": part["part"] or PART_WORDS[cut],
                "change_minor": part["end_minor"] - part["start_minor"],
            }
            for part in kept
        ]
        found.append({"name": cut, "label": label, "about": about, "rows": rows, "more": len(parts) - len(kept)})
    return found


_COUNTING = {
    "discount": (
        "A discount for a time",
        {"subtracted": "lowers MRR while it runs; its end raises it", "ignored": "does not touch MRR"},
    ),
    "churn_at": (
        "Churn counts",
        {"ended": "when the paid service ends", "requested": "when the cancellation is asked for"},
    ),
    "free": ("From paid to free", {"contraction": "is a contraction", "churn": "is churn"}),
    "paused": ("A pause of all that is paid", {"contraction": "is a contraction", "churn": "is churn"}),
    "reactivation": ("Who pays again after a gap", {"own": "is a reactivation", "new": "is new again"}),
    "grr": (
        "GRR leads",
        {"snapshot": "by account: min(start, end) / start", "flow": "by flow: what contracted or left"},
    ),
    "view": ("Changes at one instant", {"net": "count as the account's net", "event": "count one by one"}),
}


def _counting(told: Told) -> list[tuple[str, str]]:
    rows = [(label, words[told["policy"][key]]) for key, (label, words) in _COUNTING.items()]
    hour = told["policy"]["merge_seconds"]
    merged = f"within {hour // 60} minutes are one" if hour else "each stand for themselves"
    return [*rows, ("Changes of one account", merged)]


# The file


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("upstep.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "level": level, "words": lambda name: name.replace("_", " ")}
    environment.globals |= {
        "columns_height": COLUMNS_HEIGHT,
        "lines_height": LINES_HEIGHT,
        "format_minor": format_minor,
    }
    return environment


@cache
def _static(name: str) -> Markup:
    # Our own file from the package, so it may stand in the page as it is.
    return Markup((resources.files("upstep.web") / "static" / name).read_text(encoding="utf-8"))  # noqa: S704


def _policy(style: str) -> str:
    """What the browser may do with the page: apply our style, run and fetch nothing."""
    digest = b64encode(sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; style-src 'sha256-{digest}'"
