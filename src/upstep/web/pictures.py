"""Pictures as geometry: where bars, marks and lines lie. The templates draw them as inline SVG; colours are the page's.

Widths are percent of the picture, so that a bar fills its column at any width and its text keeps its size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from upstep.engine.deciding.naming import fact_value, percent_words
from upstep.engine.deciding.telling import product_words
from upstep.wording import percentage

if TYPE_CHECKING:
    from upstep.catalog.model import Catalog

MARKS = (80, 90, 100)
"""Percent of a limit at which people are told, written to and asked; see ``docs/sources.md``."""

_CLIP = 3.0
"""What lies beyond three limits is drawn to there, so that the limit can still be seen; its number stands beside it."""

_IN_LISTS = 1.4
"""In a list every bar ends at this many limits, so that the limits of all rows stand in one line."""

PERIODS_HEIGHT = 56
_COLUMN = 44


@dataclass(frozen=True)
class Mark:
    """A line across a bar; ``label`` is empty where there is no room for one."""

    at: float
    label: str


@dataclass(frozen=True)
class UsageBar:
    """Use beside its limit. All positions are percent of the width.

    Args:
        used: End of what was used, up to the limit.
        over: Width of what was used beyond the limit.
        ahead: Width from what was used to the forecast; 0 where there is none.
        says: The picture in words.
        key: What each colour stands for here, with its number: (class of the colour, words).
    """

    used: float
    over: float
    ahead: float
    marks: tuple[Mark, ...]
    says: str
    key: tuple[tuple[str, str], ...]

    @property
    def ends(self) -> float:
        """Where what was used ends."""
        return round(self.used + self.over, 2)


@dataclass(frozen=True)
class Column:
    """One period: ``x`` and ``height`` in pixels of a picture ``PERIODS_HEIGHT`` high."""

    x: int
    height: float
    value: str
    label: str
    is_now: bool


@dataclass(frozen=True)
class PeriodBars:
    """The last complete periods and the current one, oldest first, under the limit's line (None: no limit)."""

    columns: tuple[Column, ...]
    limit_height: float | None
    limit: str
    width: int
    says: str


@dataclass(frozen=True)
class Segment:
    """One part of a stacked bar, in percent of its width."""

    name: str
    label: str
    count: int
    x: float
    width: float


def usage_bar(row: Mapping[str, Any], catalog: Catalog, *, in_list: bool = False) -> UsageBar | None:
    """The bar of a decision: use of a limit, or the need of a plan as a share of what it holds. None without either."""
    used, limit, ahead = (fact_value(row, name) for name in ("used", "limit_quantity", "forecast_use"))
    adoption = fact_value(row, "adoption")
    if str(row["target"]).startswith("adopt:") and adoption is not None:
        # What is told here is the last complete period, not the days since it ended.
        key = _key(("used", f"{percent_words(adoption)} used of what is paid for"))
        return _bar(adoption, None, key, in_list=in_list)
    if used is not None and limit:
        meter = catalog.meters.get(row.get("meter_id") or "")
        name = f" {meter.name}" if meter else ""
        key = _key(
            ("used", f"{used:,}{name}"), ("limit", f"{limit:,} limit"), _ahead(ahead, f"{ahead or 0:,} forecast")
        )
        return _bar(used / limit, None if ahead is None else ahead / limit, key, in_list=in_list)
    peak, need = fact_value(row, "peak_share"), fact_value(row, "need_share")
    if peak is None:
        return None
    most = _ahead(need, f"{percent_words(need or 0)} highest forecast")
    key = _key(("used", f"{percent_words(peak)} peak use of {product_words(row, catalog)}"), most)
    return _bar(peak, need, key, in_list=in_list)


def _key(*entries: tuple[str, str] | None) -> tuple[tuple[str, str], ...]:
    return tuple(entry for entry in entries if entry)


def _ahead(value: float | None, words: str) -> tuple[str, str] | None:
    return None if value is None else ("ahead", words)


def _bar(used: float, ahead: float | None, key: tuple[tuple[str, str], ...], *, in_list: bool) -> UsageBar:
    end = _IN_LISTS if in_list else min(max(1.0, used, ahead or 0.0), _CLIP) * 1.04
    scale = 100 / end
    filled, shown = min(used, end), min(max(ahead or 0.0, used), end)
    # Labels of neighbouring marks touch when ten percent of the limit is a small part of the width.
    is_roomy = scale * 0.1 >= 7.5
    return UsageBar(
        used=round(min(filled, 1.0) * scale, 2),
        over=round(max(filled - 1.0, 0.0) * scale, 2),
        ahead=round(max(shown - filled, 0.0) * scale, 2),
        marks=tuple(
            Mark(round(mark * scale / 100, 2), percentage(mark) if is_roomy or mark == 100 else "") for mark in MARKS
        ),
        says=", ".join(words for _, words in key),
        key=key,
    )


def period_bars(row: Mapping[str, Any]) -> PeriodBars | None:
    """Use in the last three complete periods and now; None before the first complete one."""
    names = (("used_3", "3 ago"), ("used_2", "2 ago"), ("used_1", "last"), ("used", "now"))
    known = [(fact_value(row, name), label) for name, label in names if fact_value(row, name) is not None]
    if len(known) < 2 or fact_value(row, "used_1") is None:
        return None
    limit = fact_value(row, "limit_quantity")
    top = max([used for used, _ in known] + ([limit] if limit else [])) or 1
    columns = tuple(
        Column(index * _COLUMN, round(used * PERIODS_HEIGHT / top, 1), compact(used), label, label == "now")
        for index, (used, label) in enumerate(known)
    )
    said = ", ".join(f"{label} {used:,}" for used, label in known)
    height = round(limit * PERIODS_HEIGHT / top, 1) if limit else None
    limited = f"; the limit is {limit:,}" if limit else ""
    label = f"limit {compact(limit)}" if limit else ""
    return PeriodBars(columns, height, label, len(columns) * _COLUMN, f"Use by period: {said}{limited}")


def stacked(counts: Sequence[tuple[str, str, int]]) -> tuple[Segment, ...]:
    """Segments of a stacked bar from (name, label, count); empty ones are left out, and the widths add up to 100."""
    total = sum(count for _, _, count in counts)
    segments, before = [], 0
    for name, label, count in counts:
        if count:
            x, end = before * 100 / total, (before + count) * 100 / total
            segments.append(Segment(name, label, count, round(x, 3), round(end - x, 3)))
            before += count
    return tuple(segments)


def compact(number: int) -> str:
    """A number of at most four characters and a letter, for a label under a bar.

    >>> compact(950), compact(46_000), compact(374_424_742)
    ('950', '46k', '374M')
    """
    for size, letter in ((1_000_000_000, "B"), (1_000_000, "M"), (1_000, "k")):
        if number >= size:
            short = f"{number / size:.1f}" if number < 10 * size else f"{number // size}"
            return f"{short.removesuffix('.0')}{letter}"
    return str(number)
