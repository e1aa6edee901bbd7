"""The business case for one step: what the customer's own committee would read, with a record for every number.

A number enters the text by its name alone, ``[[cost]]``, so none can stand there that is not in the evidence; and each
says how it comes from its records, so that ``committee`` recomputes it. What a case lacks, it asks for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from math import isclose, sqrt
from statistics import fmean, variance

from upstep.errors import Fault
from upstep.money import CURRENCIES, format_minor
from upstep.wording import percentage, vendor_phrases

GROUP_MIN = 10
"""Fewer customers than this on either side say nothing about a third one."""
_Z_80 = 1.2815515655446004  # of the normal distribution: 80% lie between -z and z
_NAME = re.compile(r"\[\[(\w+)\]\]")

Value = int | float | str


@dataclass(frozen=True)
class Number:
    """One number of a case.

    Args:
        label: What it is.
        unit: ``minor:usd`` (money in minor units), ``major:usd`` (a metric in whole money), ``date``, ``share``,
            ``months``, or what is counted.
        how: How it comes from its records: ``read``, or what is done with the numbers ``of``.
        records: Where it comes from.
        of: Names of the numbers it is made of.
    """

    name: str
    label: str
    value: Value
    unit: str
    how: str
    records: tuple[str, ...]
    of: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """As it is printed, which its value alone decides."""
        return value_words(self.value, self.unit)


@dataclass(frozen=True)
class Missing:
    """What a case needs and does not have: what, why, and who could say."""

    what: str
    why: str
    who: str


@dataclass(frozen=True)
class Section:
    """A heading, paragraphs with ``[[names]]`` of numbers, and points."""

    id: str
    heading: str
    paragraphs: tuple[str, ...] = ()
    points: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    """A business case. ``names``: words with digits of their own, such as a plan's name, which are no numbers."""

    account_id: str
    account: str
    play: str
    motion: str
    step: str
    as_of: str
    decision_id: str
    sections: tuple[Section, ...]
    numbers: Mapping[str, Number]
    names: tuple[str, ...]

    @property
    def title(self) -> str:
        """The case in a line."""
        return f"{self.account}: {self.step}"

    def said(self, text: str) -> str:
        """A text with its numbers in it."""
        return _NAME.sub(lambda found: self.numbers[found[1]].text, text)


@dataclass(frozen=True)
class Incomplete:
    """A case that was not written, and what it lacks."""

    account_id: str
    account: str
    play: str
    step: str
    missing: tuple[Missing, ...]


# Numbers


def value_words(value: Value, unit: str) -> str:
    """A value as people read it.

    >>> value_words(4_200_000.0, "major:usd"), value_words(0.92, "share"), value_words(400.0, "hours")
    ('$4,200,000', '92%', '400 hours')
    """
    kind, _, currency = unit.partition(":")
    if isinstance(value, str):
        day = date.fromisoformat(value)
        return f"{day.day} {day:%B} {day.year}"
    if kind == "minor":
        return format_minor(round(value), currency)
    if kind == "major":
        shown = format_minor(round(value * 10 ** CURRENCIES[currency]), currency)
        return shown.removesuffix(".00") if CURRENCIES[currency] == 2 else shown
    if kind == "share":
        return percentage(round(value * 100, 1), 0 if round(value * 100, 1).is_integer() else 1)
    rounded = round(value, 1)
    return (f"{int(rounded):,} {unit}" if rounded == int(rounded) else f"{rounded:,.1f} {unit}").rstrip()


@dataclass(frozen=True)
class Effect:
    """A difference between comparable customers with and without a step, as a share of their target: 80% interval."""

    low: float
    middle: float
    high: float


def effect(with_it: Sequence[float], without_it: Sequence[float]) -> Effect | None:
    """The difference of the means, with Welch's standard error; None where a group is smaller than ``GROUP_MIN``.

    >>> effect([1.2] * 9, [1.0] * 50) is None
    True
    """
    if min(len(with_it), len(without_it)) < GROUP_MIN:
        return None
    middle = fmean(with_it) - fmean(without_it)
    error = sqrt(variance(with_it) / len(with_it) + variance(without_it) / len(without_it))
    return Effect(middle - _Z_80 * error, middle, middle + _Z_80 * error)


def computed(number: Number, read: Callable[[str], Value], numbers: Mapping[str, Number]) -> Value:
    """What a number is by its records, read anew.

    Raises:
        LookupError: A record is not there any more.
    """
    if number.how == "read":
        return read(number.records[0])
    if number.how == "count":
        return len(number.records)
    if number.how in ("effect_low", "effect_middle", "effect_high"):
        groups = [[_share(record, read) for record in numbers[name].records] for name in number.of]
        found = effect(*groups)
        if found is None:
            raise LookupError("too few comparable customers")
        return float(getattr(found, number.how.removeprefix("effect_")))
    parts = [computed(numbers[name], read, numbers) for name in number.of]
    if number.how == "payback":
        currency = numbers[number.of[0]].unit.partition(":")[2]
        return _payback(*(float(part) for part in parts), minor_of_one=10 ** CURRENCIES[currency])
    return _OPERATIONS[number.how](*parts)


def _share(record: str, read: Callable[[str], Value]) -> float:
    return float(read(f"{record}/achieved")) / float(read(f"{record}/target"))


def _difference(one: Value, other: Value) -> Value:
    assert not isinstance(one, str)
    assert not isinstance(other, str)
    return one - other


def _ratio(one: Value, other: Value) -> float:
    return float(one) / float(other)


def _times(one: Value, other: Value) -> float:
    return float(one) * float(other)


def _payback(cost_minor: float, gain: float, days: float, *, minor_of_one: int) -> float:
    """Months until a year's gain, at the pace of the days in which the metric came about, equals a year's cost."""
    return cost_minor / minor_of_one / (gain * 365 / days) * 12


_OPERATIONS: Mapping[str, Callable[..., Value]] = {
    "difference": _difference,
    "share": _ratio,
    "product": _times,
}
HOW_WORDS = {
    "read": "as recorded",
    "count": "counted",
    "difference": "difference",
    "share": "share",
    "product": "product",
    "payback": "cost a year by gain a year, in months",
    "effect_low": "low end of the 80% interval",
    "effect_middle": "difference of the means",
    "effect_high": "high end of the 80% interval",
}


def how_words(number: Number) -> str:
    """How a number came about; a yearly amount of a monthly price is not recorded, but worked out."""
    if number.how == "read" and number.records and number.records[0].endswith("/yearly"):
        return "the price, over a year"
    return HOW_WORDS[number.how]


# The committee


def committee(case: Case, read: Callable[[str], Value]) -> list[Fault]:
    """What the customer's committee would object to.

    Returns:
        Numbers that their records do not give or that have none, digits that are no number of the evidence, and
        phrases that speak of the seller's goals.
    """
    faults = []
    for number in case.numbers.values():
        place = f"case {case.account_id}: {number.label}"
        if not number.records and not number.of:
            faults.append(Fault(place, "has no record."))
            continue
        try:
            now = computed(number, read, case.numbers)
        except (LookupError, ZeroDivisionError) as error:
            faults.append(Fault(place, f"cannot be recomputed: {error}."))
            continue
        if not _same(now, number.value):
            faults.append(Fault(place, f"says {number.value}, and its records give {now}.", "Write the case anew."))
    return faults + _loose_digits(case) + vendor_phrases(prose(case), f"case {case.account_id}")


def _same(one: Value, other: Value) -> bool:
    if not (isinstance(one, float) or isinstance(other, float)) or isinstance(one, str) or isinstance(other, str):
        return one == other
    return isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)


def _loose_digits(case: Case) -> list[Fault]:
    """Digits in the text that no number of the evidence put there."""
    faults = []
    for section in case.sections:
        for text in (*section.paragraphs, *section.points):
            bare = _NAME.sub("", text)
            for name in sorted(case.names, key=len, reverse=True):
                bare = bare.replace(name, "")
            if found := re.search(r"\S*\d\S*", bare):
                faults.append(Fault(f"case {case.account_id}: {section.heading}", f"'{found[0]}' has no record."))
    return faults


# As Markdown


def prose(case: Case) -> str:
    """What the case says, without its evidence."""
    parts = [f"# {case.title}"]
    for section in case.sections:
        parts.append(f"## {section.heading}")
        parts += [case.said(text) for text in section.paragraphs]
        if section.points:
            parts.append("\n".join(f"- {case.said(text)}" for text in section.points))
    return "\n\n".join(parts) + "\n"


def as_markdown(case: Case) -> str:
    """The case with its evidence."""
    rows = [f"| {one.label} | {one.text} | {how_told(case, one)} | {_listed(one)} |" for one in _used(case)]
    table = "\n".join(["| what | number | how | record |", "|---|---|---|---|", *rows])
    foot = f"Facts as of {case.as_of}. Decision {case.decision_id}."
    return f"{prose(case)}\n## Evidence\n\n{table}\n\n{foot}\n"


def _used(case: Case) -> Iterable[Number]:
    return case.numbers.values()


def how_told(case: Case, one: Number) -> str:
    """How a number came about, and of which others."""
    return how_words(one) + (f" of {', '.join(case.numbers[name].label for name in one.of)}" if one.of else "")


def _listed(one: Number) -> str:
    shown = ", ".join(f"`{record}`" for record in one.records[:3])
    return shown + (f" and {len(one.records) - 3} more" if len(one.records) > 3 else "") or "see its parts"
