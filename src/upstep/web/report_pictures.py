"""The report's pictures as geometry: a waterfall of movements, columns by cause, lines of retention, a map of cohorts.

Widths are percent, heights pixels, as in ``pictures``. Amounts come in as whole minor units and are only compared here.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from upstep.money import CURRENCIES, format_minor
from upstep.wording import percentage

Told = Mapping[str, Any]
"""The report as ``engine.measuring.statement`` gives it."""

COLUMNS_HEIGHT = 230
LINES_HEIGHT = 190
_TOP, _FOOT = 16, 22

CAUSE_CLASSES = ("upsell", "seats", "usage_commit", "add_on", "cross_sell", "commit")
"""Causes with a colour of their own; all others share one."""


@dataclass(frozen=True)
class Fall:
    """One row of the waterfall: a bar from ``x`` of that ``width``, in percent."""

    kind: str
    x: float
    width: float


@dataclass(frozen=True)
class Waterfall:
    """Bars in the order of the amounts; ``cut_at`` is where the axis begins when that is not zero, minor units."""

    falls: tuple[Fall, ...]
    cut_at: int


def waterfall(start: int, moves: Sequence[int], end: int) -> Waterfall:
    """Start, every movement on from the last, end. The axis begins near the smallest level, so that movements show."""
    levels = [start]
    for move in moves:
        levels.append(levels[-1] + move)
    low, high = min([*levels, end]), max([*levels, end])
    room = high - low
    cut = low - room * 2 // 5 if room and low > room else 0
    top = max(high - cut, 1)

    def place(value: int) -> float:
        return round((value - cut) * 100 / top, 2)

    falls = [Fall("level", 0, place(start))]
    for before, after in itertools.pairwise(levels):
        kind = "gain" if after > before else "loss" if after < before else "none"
        x, width = place(min(before, after)), abs(place(after) - place(before))
        falls.append(Fall(kind, x, round(max(width, 0.35 if kind != "none" else 0), 2)))
    return Waterfall((*falls, Fall("level", 0, place(end))), cut)


@dataclass(frozen=True)
class Block:
    """A part of a column: pixels from the top."""

    kind: str
    y: float
    height: float
    says: str


@dataclass(frozen=True)
class Column:
    """One month: ``x`` and ``width`` in percent."""

    x: float
    width: float
    label: str
    year: str
    blocks: tuple[Block, ...]

    @property
    def middle(self) -> float:
        """Where its label stands."""
        return round(self.x + self.width / 2, 2)


@dataclass(frozen=True)
class Tick:
    """A line across with its amount."""

    y: float
    label: str


@dataclass(frozen=True)
class Columns:
    """Growth by cause above the line, what was lost below it, month by month."""

    columns: tuple[Column, ...]
    ticks: tuple[Tick, ...]
    base: float
    legend: tuple[tuple[str, str], ...]
    says: str


def growth_columns(told: Told, words: Mapping[str | None, str]) -> Columns | None:
    """Expansion by cause of each month, and what contraction and churn took. None when nothing ever moved."""
    currency, months = told["currency"], told["months"]
    gained = [sum(max(part["amount_minor"], 0) for part in month["expansion"]) for month in months]
    lost = [month["contraction_minor"] + month["churn_minor"] for month in months]
    if not any(gained) and not any(lost):
        return None
    up, down = _nice(max(gained)), _nice(max(lost))
    scale = (COLUMNS_HEIGHT - _TOP - _FOOT) / max(up + down, 1)
    base = _TOP + up * scale
    step = 100 / len(months)
    columns = tuple(
        Column(
            round(index * step + step * 0.16, 2),
            round(step * 0.68, 2),
            _month_letter(month["month"]),
            month["month"][:4] if index == 0 or month["month"].endswith("-01") else "",
            tuple(_blocks(month, lost[index], base=base, scale=scale, currency=currency, words=words)),
        )
        for index, month in enumerate(months)
    )
    kinds = [
        kind for kind in (*CAUSE_CLASSES, "other") if any(block.kind == kind for c in columns for block in c.blocks)
    ]
    legend = [(kind, words.get(kind, "prices, discounts and the rest")) for kind in kinds]
    legend += [("lost", "contraction and churn")] if any(lost) else []
    total = format_minor(sum(gained), currency)
    says = f"Expansion by cause in {len(months)} months, {total} in all; lost {format_minor(sum(lost), currency)}"
    marks = [value for value in (up, up // 2, 0, -down) if value or value == 0]
    ticks = tuple(Tick(round(base - value * scale, 1), money_short(value, currency)) for value in dict.fromkeys(marks))
    return Columns(columns, ticks, round(base, 1), tuple(legend), says)


def _blocks(
    month: Told, lost: int, *, base: float, scale: float, currency: str, words: Mapping[str | None, str]
) -> list[Block]:
    amounts: dict[str, int] = {}
    for part in month["expansion"]:
        kind = part["cause"] if part["cause"] in CAUSE_CLASSES else "other"
        amounts[kind] = amounts.get(kind, 0) + part["amount_minor"]
    blocks, y = [], base
    for kind in (*CAUSE_CLASSES, "other"):
        if amounts.get(kind, 0) > 0:
            height = amounts[kind] * scale
            y -= height
            said = words.get(kind, "the rest")
            told = f"{month['month']}, {said}: {format_minor(amounts[kind], currency)}"
            blocks.append(Block(kind, round(y, 1), round(height, 1), told))
    if lost:
        told = f"{month['month']}, contraction and churn: {format_minor(-lost, currency)}"
        blocks.append(Block("lost", round(base, 1), round(lost * scale, 1), told))
    return blocks


def _nice(value: int) -> int:
    """A round number at or above, whose half is round too."""
    if value <= 0:
        return 0
    power = int(10 ** (len(str(value)) - 1))
    return next(
        power * tenths // 10 for tenths in (10, 12, 16, 20, 30, 40, 60, 80, 100) if power * tenths // 10 >= value
    )


def money_short(amount_minor: int, currency: str) -> str:
    """An amount as short as a picture wants it.

    >>> money_short(1234500, "usd"), money_short(-95000, "usd"), money_short(250, "usd")
    ('$12.3k', '-$950', '$2.50')
    """
    sign, amount = "-" if amount_minor < 0 else "", abs(amount_minor)
    scale = 10 ** CURRENCIES[currency]
    for size, letter in ((10**9, "bn"), (10**6, "m"), (10**3, "k")):
        if amount >= size * scale:
            tenths = amount * 10 // (size * scale)
            short = f"{tenths // 10}" if tenths % 10 == 0 or tenths >= 1000 else f"{tenths // 10}.{tenths % 10}"
            return f"{sign}{_symbol(currency)}{short}{letter}"
    written = format_minor(amount, currency)
    whole = f"{_symbol(currency)}{amount // scale:,}"
    return sign + (whole if amount % scale == 0 else written)


def _symbol(currency: str) -> str:
    """What stands before a number: a sign, or the code and a space."""
    return {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥"}.get(currency, f"{currency.upper()} ")


def _month_letter(month: str) -> str:
    return ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")[int(month[5:]) - 1]


@dataclass(frozen=True)
class Point:
    """One month of a line: percent across, pixels down."""

    x: float
    y: float
    says: str


@dataclass(frozen=True)
class Line:
    """One figure over the months; months without it are left out."""

    kind: str
    label: str
    points: tuple[Point, ...]
    last: str


@dataclass(frozen=True)
class Lines:
    """NRR and GRR month by month, with a line at 100%."""

    lines: tuple[Line, ...]
    ticks: tuple[Tick, ...]
    labels: tuple[tuple[float, str, str], ...]
    whole: float
    says: str


def retention_lines(told: Told) -> Lines | None:
    """None when there is nothing to be a share of."""
    months = told["months"]
    named = (("nrr", "NRR", "net_revenue_retention"), ("grr", "GRR", "gross_revenue_retention"))
    values = [month[key] for month in months for _, _, key in named if month[key] is not None]
    if not values:
        return None
    low, high = float(min([*values, 1.0])), float(max([*values, 1.0]))
    room = max(high - low, 0.02) * 0.12
    low, high = low - room, high + room
    step = 100 / len(months)

    def down(value: float) -> float:
        return round(_TOP + (high - value) * (LINES_HEIGHT - _TOP - _FOOT) / (high - low), 1)

    lines = []
    for kind, label, key in named:
        points = [
            Point(round((index + 0.5) * step, 2), down(month[key]), f"{month['month']}: {label} {percent(month[key])}")
            for index, month in enumerate(months)
            if month[key] is not None
        ]
        known = [month[key] for month in months if month[key] is not None]
        lines.append(Line(kind, label, tuple(points), percent(known[-1]) if known else "–"))
    labels = tuple(
        (
            round((index + 0.5) * step, 2),
            _month_letter(month["month"]),
            month["month"][:4] if index == 0 or month["month"].endswith("-01") else "",
        )
        for index, month in enumerate(months)
    )
    marks = dict.fromkeys((1.0, *(value for value in (max(values), min(values)) if abs(down(value) - down(1.0)) > 14)))
    ticks = tuple(Tick(down(value), percent(value)) for value in marks)
    says = "; ".join(f"{line.label} by month, last {line.last}" for line in lines)
    return Lines(tuple(lines), ticks, labels, down(1.0), says)


def percent(share: float | None) -> str:
    """A share as people read it; a dash where there is none.

    >>> percent(1.0321), percent(None)
    ('103.2%', '–')
    """
    return "–" if share is None else percentage(share * 100, 1)


_LEVELS = ((0.6, "c0"), (0.8, "c1"), (0.95, "c2"), (1.0, "c3"), (1.05, "c4"), (1.2, "c5"))


def level(share: float) -> str:
    """The colour of a share in the map of cohorts: below, at and above what they began with.

    >>> level(0.5), level(1.0), level(1.5)
    ('c0', 'c3', 'c6')
    """
    return next((name for most, name in _LEVELS if share < most or (share == most == 1.0)), "c6")
