"""The page of a planned quarter: the steps along its days, what each begins with, and who is left alone and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from upstep.engine.planning.planned import ACTIVITY_WORDS, KIND_WORDS, accounts_alone
from upstep.money import CURRENCIES, format_minor
from upstep.web.paper import day_words, render

Told = Mapping[str, Any]
"""A plan as ``engine.planning.planned`` gives it."""


@dataclass(frozen=True)
class Bar:
    """A step along the plan's days: where it begins and how long it lasts, in percent of them."""

    x: float
    width: float
    goes_on: bool


def render_plan(told: Told) -> str:
    """The page as text; equal input gives equal text."""
    groups = [(words, [one for one in told["left_alone"] if one["kind"] == kind]) for kind, words in KIND_WORDS.items()]
    return render(
        "plan.html",
        styles=("report.css", "plan.css"),
        told=told,
        lead=_lead(told),
        cards=_cards(told),
        steps=[(step, _bar(step, told), value_words(step, told["currency"])) for step in told["steps"]],
        months=_months(told),
        groups=[(words, mine) for words, mine in groups if mine],
        activity=ACTIVITY_WORDS,
        days=(date.fromisoformat(told["ends_on"]) - date.fromisoformat(told["begins_on"])).days,
    )


def _lead(told: Told) -> str:
    steps = told["steps"]
    if not steps:
        return "Nothing fits: below stands what each account waits for."
    accounts = len({step["account_id"] for step in steps})
    tasks = sum(step["activity"] != step["motion"] for step in steps)
    before = f", {tasks} of them tasks that must come before a sale" if tasks else ""
    rest = accounts_alone(told)
    alone = f" {rest:,} of {told['accounts']:,} accounts are left alone on purpose." if rest else ""
    hours = f"{told['planned_hours']:,} of {told['hours']:,} hours"
    return f"{hours} go to {len(steps)} steps at {accounts} accounts{before}.{alone}"


def _cards(told: Told) -> list[tuple[str, str, str]]:
    free = told["hours"] - told["planned_hours"]
    beside = "nothing more fits" if told["full"] else f"{free:,} are free"
    value = format_minor(told["value_minor"], told["currency"])
    committed = told["committed_minor"]
    more = f"; {format_minor(committed, told['currency'])} is committed for longer" if committed else ""
    worth = ("Worth a year", value, f"sales at list prices, without estimates and tasks{more}")
    if committed and not told["value_minor"]:
        longer = format_minor(committed, told["currency"])
        worth = ("Committed for longer, a year", longer, "at list prices, without estimates and tasks")
    return [
        worth,
        ("Hours planned", f"{told['planned_hours']:,} of {told['hours']:,}", beside),
        ("Left alone", f"{len(told['left_alone']):,}", "accounts or steps, each with its reason"),
    ]


def value_words(step: Told, currency: str) -> str:
    """What a step is worth a year, in whole major units; empty where nobody knows."""
    if step["value_minor"] is None:
        return ""
    whole = 10 ** CURRENCIES[currency]
    shown = format_minor((step["value_minor"] + whole // 2) // whole * whole, currency)
    shown = shown[: -CURRENCIES[currency] - 1] if CURRENCIES[currency] and shown[-1].isdigit() else shown
    return f"{'about ' if step['estimated'] else ''}{shown}"


def _bar(step: Told, told: Told) -> Bar:
    first, last = (date.fromisoformat(told[name]) for name in ("begins_on", "ends_on"))
    begins, ends = (date.fromisoformat(step[name]) for name in ("begins_on", "expected_on"))
    span = (last - first).days
    x = (begins - first).days / span * 100
    width = min((ends - begins).days / span * 100, 100 - x)
    return Bar(round(x, 2), round(max(width, 1), 2), ends > last)


def _months(told: Told) -> list[tuple[float, str]]:
    """Where each month begins within the days, and its name; the first day with its date."""
    first, last = (date.fromisoformat(told[name]) for name in ("begins_on", "ends_on"))
    span = (last - first).days
    marks = [(0.0, day_words(first.isoformat()).rpartition(" ")[0])]
    year, month = first.year, first.month
    while True:
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        begin = date(year, month, 1)
        if begin >= last:
            return marks
        place = round((begin - first).days / span * 100, 2)
        if place > 12 and place < 92:
            marks.append((place, day_words(begin.isoformat()).split()[1]))
