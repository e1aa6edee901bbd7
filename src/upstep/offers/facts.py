"""The facts that a message may print. Every number in a message is one of these; nothing else can be printed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from enum import StrEnum
from functools import lru_cache
from typing import Annotated, Any, Self, TypedDict, get_args, get_type_hints

from upstep.clock import written_day
from upstep.errors import Fault, PlayError, did_you_mean
from upstep.money import CURRENCIES, format_minor

TEXT_LENGTH_MAX = 200


class FactKind(StrEnum):
    """How a fact is handed in, and how it is printed."""

    TEXT = "text"  # one line, at most 200 characters
    LINK = "link"  # one word: an address or a command without spaces
    WHOLE = "whole"  # an int; 46000 is printed 46,000
    MONEY = "money"  # an int in minor units of `currency`; printed with its symbol
    DATE = "date"  # a UTC instant; printed as November 1, 2026


Text = Annotated[str, FactKind.TEXT]
Link = Annotated[str, FactKind.LINK]
Whole = Annotated[int, FactKind.WHOLE]
Money = Annotated[int, FactKind.MONEY]
Date = Annotated[datetime, FactKind.DATE]


class MessageFacts(TypedDict, total=False):
    """All that a message may speak of; what is left out or None is not known, and ``{% if name %}`` is false for it.

    Money is in minor units of ``currency``. Prices are per ``price_interval_now`` and ``price_interval_next``; what
    ends in ``_change``, ``_saving`` or ``_replaced`` is per month; ``quote_today`` is what is charged at once.
    """

    account_name: Text
    contact_name: Text
    product_name: Text
    currency: Text

    meter_name: Text
    used: Whole  # in this period
    limit: Whole  # of today's plan, add-ons and overrides
    limit_next: Whole  # of what is proposed
    used_share_percent: Whole  # used / limit, rounded down: a message never says 100 before it is so
    resets_on: Date
    days_to_limit: Whole
    limit_reached_on: Date
    periods_over: Whole  # of the last `periods_counted` complete periods
    periods_counted: Whole

    plan_name_now: Text
    plan_name_next: Text
    price_now: Money
    price_next: Money
    price_interval_now: Text
    price_interval_next: Text
    recurring_change: Money  # a month; positive is more
    overage_replaced: Money  # mean of the last three periods, a month
    customer_saving: Money  # a month; what they pay less in all
    yearly_saving: Money
    quote_today: Money
    next_invoice: Money
    next_invoice_on: Date
    quote_expires_on: Date

    seats_paid: Whole
    seats_used: Whole
    seats_idle: Whole
    seats_next: Whole
    new_people: Whole  # who joined on their own in 28 days

    product_name_next: Text  # the product that complements what they own
    partner_reason: Text  # the catalog's `because`
    adoption_percent: Whole  # of what is paid for, in the last complete period
    feature_name: Text

    gate_hits: Whole  # tries of a locked feature in four weeks
    questions: Whole  # asked in three months
    use_cases: Whole  # lived in four weeks
    use_case_name: Text
    neighbour_name: Text  # the use case next to it, which they live
    neighbour_used: Whole  # in four weeks
    packages: Whole  # bought within a year
    bundle_name: Text

    peers_count: Whole  # live accounts of the same segment that have what is proposed; from ten on, else not known
    peers_percent: Whole  # of those in the segment that have the product
    hours_saved: Whole  # in this period, by the catalog's measured minutes per use

    accept_url: Link
    decline_url: Link


def _kinds() -> dict[str, FactKind]:
    hints = get_type_hints(MessageFacts, include_extras=True)
    return {name: get_args(hint)[1] for name, hint in hints.items()}


FACT_KINDS: Mapping[str, FactKind] = _kinds()
"""Every fact's kind by name."""


class Shown(int):
    """A number that compares as itself and prints as people read it."""

    text: str

    def __new__(cls, value: int, text: str) -> Self:
        """The number and how it is printed."""
        shown = super().__new__(cls, value)
        shown.text = text
        return shown

    def __str__(self) -> str:
        return self.text


class Words(str):
    r"""Text that compares as itself and prints so that no mark of Markdown in it counts.

    >>> print(Words("[Acme](https://a.example) <b> snake_case * #1"))
    \[Acme\](https://a.example) \<b> snake_case \* #1
    """

    __slots__ = ()

    def __str__(self) -> str:
        return _unmarked(str.__str__(self))


@lru_cache(maxsize=4096)
def _unmarked(text: str) -> str:
    """Names of plans, products and meters come again with every account."""
    marked = _MARKS.sub(r"\\\g<0>", text)
    # What begins a line could make a heading, a list or a quotation of it.
    return _BEGINNINGS.sub(r"\\", marked)


_MARKS = re.compile(r"[\\`*\[\]<|~]|(?<![^\W_])_|_(?![^\W_])")
_BEGINNINGS = re.compile(r"^(?=[#+\->=])")


def printable(facts: Mapping[str, Any], locale: str, *, names: Iterable[str] | None = None) -> dict[str, Any]:
    """Every fact by name, or those named, ready to be compared and printed; None where it is not known.

    Raises:
        PlayError: A name is not one of ``MessageFacts``, or a value is not of its kind; all at once.
    """
    if not _is_sound(facts):
        raise PlayError(list(_faults(facts)))
    currency = facts.get("currency") or ""
    shown: dict[str, Any] = {}
    for name in FACT_KINDS if names is None else names:
        value = facts.get(name)
        shown[name] = None if value is None else _SHOWN[name](value, currency, locale)
    shown["currency"] = currency.upper() or None
    return shown


def stored(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The same facts as JSON keeps them: instants as ISO text."""
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in facts.items()}


def _is_sound(facts: Mapping[str, Any]) -> bool:
    """Whether there is no fault, which is nearly always so: asked without making one."""
    for name, value in facts.items():
        is_of = _IS_OF.get(name)
        if is_of is None or not (value is None or is_of(value)):
            return False
    return facts.get("currency") in CURRENCIES or all(facts.get(name) is None for name in _MONEY)


def _faults(facts: Mapping[str, Any]) -> Iterator[Fault]:
    for name, value in facts.items():
        if name not in FACT_KINDS:
            yield Fault(f"fact {name}", "is not known.", did_you_mean(name, FACT_KINDS))
        elif value is not None and not _IS_OF[name](value):
            yield Fault(f"fact {name}", f"{value!r} is not {_WANTED[FACT_KINDS[name]]}.")
    has_money = any(facts.get(name) is not None for name in _MONEY)
    if has_money and facts.get("currency") not in CURRENCIES:
        yield Fault(
            "fact currency", f"{facts.get('currency')!r} is not a lower-case ISO 4217 code, and there is money."
        )


_WANTED = {
    FactKind.TEXT: f"text of at most {TEXT_LENGTH_MAX} characters",
    FactKind.LINK: "an address or a command in one word",
    FactKind.WHOLE: "a whole number",
    FactKind.MONEY: "a whole number of minor units",
    FactKind.DATE: "an instant with a time zone",
}


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= TEXT_LENGTH_MAX


def _is_link(value: object) -> bool:
    return isinstance(value, str) and len(value.split()) == 1


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_date(value: object) -> bool:
    return isinstance(value, datetime) and value.tzinfo is not None


def _text(value: str, _currency: str, _locale: str) -> Words:
    return Words(" ".join(value.split()))  # a line break in a name must not start a line of ours


def _link(value: str, _currency: str, _locale: str) -> str:
    return _UNSAFE.sub(lambda sign: f"%{ord(sign[0]):02X}", value)


def _number(value: int, _currency: str, locale: str) -> Shown:
    return Shown(value, _whole(value, locale))


def _money(value: int, currency: str, locale: str) -> Shown:
    return Shown(value, format_minor(value, currency, locale))


def _whole(value: int, locale: str) -> str:
    if locale == "en_US":
        return f"{value:,}"
    from babel.numbers import format_decimal

    return format_decimal(value, locale=locale)


def _date(value: datetime, _currency: str, locale: str) -> str:
    return _day(value.date(), locale)


@lru_cache(maxsize=4096)
def _day(day: date, locale: str) -> str:
    if locale == "en_US":
        return written_day(day)
    from babel.dates import format_date

    return format_date(day, format="long", locale=locale)


_UNSAFE = re.compile(r"[()<>\\\"'`|]")
_IS_OF_KIND: Mapping[FactKind, Callable[[object], bool]] = {
    FactKind.TEXT: _is_text,
    FactKind.LINK: _is_link,
    FactKind.WHOLE: _is_whole,
    FactKind.MONEY: _is_whole,
    FactKind.DATE: _is_date,
}
_SHOWN_AS: Mapping[FactKind, Callable[[Any, str, str], object]] = {
    FactKind.TEXT: _text,
    FactKind.LINK: _link,
    FactKind.WHOLE: _number,
    FactKind.MONEY: _money,
    FactKind.DATE: _date,
}
_IS_OF = {name: _IS_OF_KIND[kind] for name, kind in FACT_KINDS.items()}
_SHOWN = {name: _SHOWN_AS[kind] for name, kind in FACT_KINDS.items()}
_MONEY = tuple(name for name, kind in FACT_KINDS.items() if kind is FactKind.MONEY)
