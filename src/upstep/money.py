"""Money: integer minor units with a currency, exact monthly amounts, rounding once and at the end. Never a float."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast, overload

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Wholes = NDArray[np.int64]

_BY_EXPONENT = {
    0: "bif clp djf gnf isk jpy kmf krw pyg rwf ugx uyi vnd vuv xaf xof xpf",
    2: (
        "aed afn all amd aoa ars aud awg azn bam bbd bdt bmd bnd bob bov brl bsd btn bwp byn bzd cad cdf che chf chw"
        " cny cop cou crc cup cve czk dkk dop dzd egp ern etb eur fjd fkp gbp gel ghs gip gmd gtq gyd hkd hnl htg huf"
        " idr ils inr irr jmd kes kgs khr kpw kyd kzt lak lbp lkr lrd lsl mad mdl mga mkd mmk mnt mop mru mur mvr mwk"
        " mxn mxv myr mzn nad ngn nio nok npr nzd pab pen pgk php pkr pln qar ron rsd rub sar sbd scr sdg sek sgd shp"
        " sle sos srd ssp stn svc syp szl thb tjs tmt top try ttd twd tzs uah usd usn uyu uzs ved ves wst xad xcd xcg"
        " yer zar zmw zwg"
    ),
    3: "bhd iqd jod kwd lyd omr tnd",
    4: "clf uyw",
}

CURRENCIES: dict[str, int] = {code: exponent for exponent, codes in _BY_EXPONENT.items() for code in codes.split()}
"""ISO 4217: lower-case code -> digits of the minor unit. Codes without a minor unit (gold, SDR, XXX) are left out."""

UNITS_PER_MINOR = 12 * 27720
"""MRR is held in this many parts of a minor unit. 27720 divides by every number to 12, so that a yearly, quarterly,
weekly or daily price, for up to twelve such intervals, has an exact monthly amount."""

_UNITS_PER_INTERVAL = {
    "year": UNITS_PER_MINOR // 12,
    "quarter": UNITS_PER_MINOR // 3,
    "month": UNITS_PER_MINOR,
    "week": UNITS_PER_MINOR * 52 // 12,  # 52 weeks a year
    "day": UNITS_PER_MINOR * 365 // 12,  # 365 days a year, also in a leap year
}
_SYMBOLS = {"usd": "$", "eur": "€", "gbp": "£", "jpy": "¥"}


@overload
def monthly_units(amount_minor: int, interval: str, interval_count: int = 1) -> int: ...
@overload
def monthly_units(
    amount_minor: Wholes, interval: str | Sequence[str] | NDArray[Any], interval_count: int | Wholes = 1
) -> Wholes: ...
def monthly_units(amount_minor: Any, interval: Any, interval_count: Any = 1) -> Any:
    """The monthly-normalised amount in units of 1 / ``UNITS_PER_MINOR`` minor unit, exactly.

    year / 12, quarter / 3, week x 52/12, day x 365/12; the result over ``interval_count``. See ``docs/money.md``.

    Args:
        amount_minor: What is billed each ``interval_count`` intervals; a Python int, or an int64 array of rows.
        interval: day, week, month, quarter or year; with an array, one word or one word a row.
        interval_count: At least 1; with an array, one count or one a row.

    Raises:
        ValueError: An unknown interval, a count below 1, an amount with no exact monthly amount in these units,
            or (arrays) one that does not fit into 64 bits. All the words or amounts at fault are in the text.

    >>> monthly_units(30000, "year") == monthly_units(2500, "month")
    True
    """
    if isinstance(amount_minor, int):
        return _monthly_units_of_one(amount_minor, interval, interval_count)
    if isinstance(interval, str) and isinstance(interval_count, int):
        return _monthly_units_of_alike(amount_minor, interval, interval_count)
    return _monthly_units_of_rows(amount_minor, interval, interval_count)


def _monthly_units_of_one(amount_minor: int, interval: str, interval_count: int) -> int:
    if interval not in _UNITS_PER_INTERVAL:
        raise ValueError(_unknown_intervals([interval]))
    if interval_count < 1:
        raise ValueError(f"interval_count is {interval_count}; it counts intervals and starts at 1")
    units, left = divmod(amount_minor * _UNITS_PER_INTERVAL[interval], interval_count)
    if left:
        raise ValueError(_inexact([(amount_minor, interval, interval_count)]))
    return units


def _monthly_units_of_alike(amount_minor: Wholes, interval: str, interval_count: int) -> Wholes:
    """Rows that are billed alike; pricing asks for these a thousand times in a run."""
    import numpy as np

    amounts = _int64(amount_minor, "amount_minor")
    if not amounts.size:
        return amounts
    if interval not in _UNITS_PER_INTERVAL:
        raise ValueError(_unknown_intervals([interval]))
    if interval_count < 1:
        raise ValueError(f"interval_count is {interval_count}; it counts intervals and starts at 1")
    shared = math.gcd(_UNITS_PER_INTERVAL[interval], interval_count)
    multiplier, divisor = _UNITS_PER_INTERVAL[interval] // shared, interval_count // shared
    if divisor > 1 and (amounts % divisor).any():
        named = [(amount, interval, interval_count) for amount in amounts[amounts % divisor != 0].flat[:3]]
        raise ValueError(_inexact(named))
    whole, room = amounts // divisor, np.iinfo(np.int64).max // multiplier
    if whole.max() > room or whole.min() < -room:
        raise ValueError(
            f"an amount of {amounts[(whole > room) | (whole < -room)][0]} does not fit into 64 bits of MRR"
        )
    return whole * multiplier


def _monthly_units_of_rows(amount_minor: Wholes, interval: Any, interval_count: Any) -> Wholes:
    import numpy as np

    amounts = _int64(amount_minor, "amount_minor")
    counts = np.broadcast_to(_int64(interval_count, "interval_count"), amounts.shape)
    words, row_word = np.unique(np.asarray(interval, dtype=np.str_), return_inverse=True)
    unknown = [str(word) for word in words if str(word) not in _UNITS_PER_INTERVAL]
    if unknown and amounts.size:
        raise ValueError(_unknown_intervals(unknown))
    if amounts.size and counts.min() < 1:
        raise ValueError(f"interval_count is {counts.min()}; it counts intervals and starts at 1")
    factors = np.array([_UNITS_PER_INTERVAL.get(str(word), 1) for word in words], dtype=np.int64)
    factor = np.broadcast_to(factors[row_word.reshape(np.shape(interval))], amounts.shape)
    # Divided by what they share first: amount x factor itself might not fit into 64 bits.
    shared = np.gcd(factor, counts)
    whole, left = np.divmod(amounts, counts // shared)
    if left.any():
        named = np.broadcast_to(np.asarray(interval, dtype=np.str_), amounts.shape)
        raise ValueError(_inexact([(amounts[i], named[i], counts[i]) for i in np.flatnonzero(left)[:3]]))
    multiplier = factor // shared
    room = np.iinfo(np.int64).max // multiplier
    if ((whole > room) | (whole < -room)).any():
        raise ValueError(
            f"an amount of {amounts[(whole > room) | (whole < -room)][0]} does not fit into 64 bits of MRR"
        )
    return cast("Wholes", whole * multiplier)


def _int64(value: Any, name: str) -> Wholes:
    import numpy as np

    wholes = np.asarray(value)
    if wholes.dtype.kind not in "iu":
        raise ValueError(f"{name} holds {wholes.dtype}; money and counts are whole numbers")
    if wholes.dtype == np.uint64 and wholes.size and wholes.max() > np.iinfo(np.int64).max:
        raise ValueError(f"{name} holds {wholes.max()}, which does not fit into 64 bits")
    return wholes.astype(np.int64)


def _unknown_intervals(words: Sequence[str]) -> str:
    return f"interval {', '.join(map(repr, words))} is not known; known: {', '.join(_UNITS_PER_INTERVAL)}"


def _inexact(rows: Sequence[tuple[int, str, int]]) -> str:
    named = "; ".join(f"{amount} every {count} {interval}s" for amount, interval, count in rows)
    return f"no exact monthly amount: {named}. Bill an interval that divides into months, or map it to one that does"


def round_half_up(numerator: int, denominator: int) -> int:
    """The nearest whole number to a fraction; a half goes away from zero, so that a debit and its reverse cancel.

    Raises:
        ValueError: ``denominator`` is not positive.

    >>> round_half_up(5, 2), round_half_up(-5, 2), round_half_up(7, 3)
    (3, -3, 2)
    """
    if denominator < 1:
        raise ValueError(f"the denominator is {denominator}; it must be positive")
    magnitude = (2 * abs(numerator) + denominator) // (2 * denominator)
    return magnitude if numerator >= 0 else -magnitude


@overload
def units_to_minor(units: int) -> int: ...
@overload
def units_to_minor(units: Wholes) -> Wholes: ...
def units_to_minor(units: Any) -> Any:
    """Units of MRR as minor units, half up, to be shown. Sum the units, not what this returns.

    >>> units_to_minor(monthly_units(1000, "quarter"))
    333
    """
    if isinstance(units, int):
        return round_half_up(units, UNITS_PER_MINOR)
    import numpy as np

    whole, left = np.divmod(np.abs(units), UNITS_PER_MINOR)
    return np.sign(units) * (whole + (2 * left >= UNITS_PER_MINOR))


def largest_remainder(units: Sequence[int], total_minor: int | None = None) -> list[int]:
    """Parts in minor units that add up to their rounded sum, each within one minor unit of its exact amount.

    The parts with the largest remainders are rounded up, the earlier first among equals (Hamilton's method).

    Args:
        units: The exact parts, in units of MRR; a contraction is negative.
        total_minor: What the parts must add up to, when it is printed beside them: for the movements of a month,
            the printed end less the printed start. Default: their rounded sum.

    Raises:
        ValueError: No rounding of the parts, up or down, adds up to ``total_minor``.

    >>> largest_remainder([UNITS_PER_MINOR // 3] * 3)
    [1, 0, 0]
    """
    total = units_to_minor(sum(units)) if total_minor is None else total_minor
    parts = [divmod(part, UNITS_PER_MINOR) for part in units]
    rounded = [whole for whole, _ in parts]
    missing = total - sum(rounded)
    by_remainder = sorted((i for i, (_, left) in enumerate(parts) if left), key=lambda i: (-parts[i][1], i))
    if not 0 <= missing <= len(by_remainder):
        raise ValueError(f"parts of {sum(units)} units cannot be rounded so that they add up to {total}")
    for index in by_remainder[:missing]:
        rounded[index] += 1
    return rounded


def format_minor(amount_minor: int, currency: str, locale: str = "en_US") -> str:
    r"""An amount as people write it, with the digits that ISO 4217 gives the currency.

    Raises:
        ValueError: The currency is not in ``CURRENCIES``.

    >>> format_minor(123450, "usd"), format_minor(5000, "jpy"), format_minor(-123450, "eur", "de_DE")
    ('$1,234.50', '¥5,000', '-1.234,50\xa0€')
    """
    code = currency.lower()
    if code not in CURRENCIES:
        raise ValueError(f"currency {currency!r} is not an ISO 4217 code with a minor unit")
    if locale == "en_US" and code in _SYMBOLS:
        return _format_english(amount_minor, code)
    return _format_by_locale(amount_minor, code, locale)


def _format_english(amount_minor: int, code: str) -> str:
    """The common case without Babel, which takes longer to load than most commands to run."""
    whole, rest = divmod(abs(amount_minor), 10 ** CURRENCIES[code])
    digits = f".{rest:0{CURRENCIES[code]}d}" if CURRENCIES[code] else ""
    return f"{'-' if amount_minor < 0 else ''}{_SYMBOLS[code]}{whole:,}{digits}"


def _format_by_locale(amount_minor: int, code: str, locale: str) -> str:
    from decimal import Decimal

    from babel import Locale
    from babel.numbers import parse_pattern

    digits = CURRENCIES[code]
    pattern = parse_pattern(Locale.parse(locale).currency_formats["standard"].pattern)
    # Babel's own digits are those of CLDR, which shows no minor unit of some currencies (all, irr, lbp).
    pattern.frac_prec = (digits, digits)
    amount = Decimal(amount_minor).scaleb(-digits)
    shown: str = pattern.apply(amount, locale, currency=code.upper(), currency_digits=False)
    return shown


_MOST_USED = ("usd", "eur", "gbp", "jpy", "cny", "inr", "chf", "cad", "aud", "sek", "mxn", "brl", "krw", "sgd", "pln")
"""Whose currency a word means that several have, such as dollar."""


def meant_currency(word: str) -> str:
    """Advice for a word that is no code: the currency of that English name or symbol, or the code that looks like it.

    >>> meant_currency("dollars"), meant_currency("£")
    ("Did you mean 'usd'? Write its code of ISO 4217.", "Did you mean 'gbp'? Write its code of ISO 4217.")
    >>> meant_currency("cowries")
    'Write its code of ISO 4217, such as usd, eur or gbp.'
    """
    code = _named_currency(word.strip().lower())
    return f"Did you mean '{code}'? Write its code of ISO 4217." if code else _ANY_CODE


_ANY_CODE = "Write its code of ISO 4217, such as usd, eur or gbp."


def _named_currency(word: str) -> str | None:
    from difflib import get_close_matches

    from babel import Locale

    by_symbol = {symbol: code for code, symbol in _SYMBOLS.items()}
    if word in by_symbol:
        return by_symbol[word]
    names = Locale.parse("en").currencies
    wanted = word.removesuffix("s")
    for code in (*_MOST_USED, *CURRENCIES):
        name = names.get(code.upper(), "").lower()
        if wanted and (name.removesuffix("s") == wanted or name.removesuffix("s").endswith(f" {wanted}")):
            return code
    near = get_close_matches(word, CURRENCIES, n=1, cutoff=0.6)
    return near[0] if near else None
