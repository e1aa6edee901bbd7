"""What a page may tell of people and accounts: its key can be read by anybody, so it fills gaps and changes nothing.

Whom a token proves to speak may change what people say of themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FILLS = {"contact": frozenset({"name", "title", "team", "time_zone", "created_at"}), "account": frozenset({"name"})}
"""Columns that a page may fill. None of them says who may buy, where mail goes, or who looks after an account."""

OWN = frozenset({"name", "title", "team", "time_zone"})
"""Columns that a proven person may change of themself. Not where mail goes, which the token does not prove, nor
consents, for which there are pages of their own, nor anything that says what they may do."""


def fill(
    table: str, key: str, said: Mapping[str, Any], *, known: Mapping[str, Any], told: Mapping[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """What of a page's words is taken, and the columns that are refused. What is known already is neither.

    Args:
        table: contact or account.
        key: Its id; an account that nobody named is called by its id.
        said: What the page says, in our columns.
        known: What facts hold.
        told: What events told before.

    >>> fill("contact", "c1", {"title": "CFO", "may_buy": True}, known={"name": "Ann"}, told={})
    ({'title': 'CFO'}, ['may_buy'])
    """
    taken: dict[str, Any] = {}
    refused: list[str] = []
    for column, value in said.items():
        before = [row[column] for row in (known, told) if row.get(column) is not None]
        if value in before:
            continue
        is_unnamed = (table, column) == ("account", "name") and set(before) == {key}
        if column in FILLS[table] and (not before or is_unnamed):
            taken[column] = value
        else:
            refused.append(column)
    return taken, refused
