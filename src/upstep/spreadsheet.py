"""What is written for spreadsheets: a cell that would be read as a formula stands as text."""

from __future__ import annotations

import re

# What Excel, LibreOffice and Google's take for the begin of a formula; a plain negative number is none.
_FORMULA = re.compile(r"[=+@\t\r\n\uff1d\uff0b\uff0d\uff20]|-(?![0-9][0-9.]*\Z)")


def cell(value: object) -> object:
    """A value as a cell of a CSV: what is called by somebody's own words never becomes code.

    >>> [cell(value) for value in ("=1+1", "-2+3", "-12.50", None, 7)]
    ["'=1+1", "'-2+3", '-12.50', '', 7]
    """
    if isinstance(value, str) and _FORMULA.match(value):
        return f"'{value}"
    return "" if value is None else value
