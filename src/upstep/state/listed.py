"""Rows whose key is in a list, where the list is one parameter.

A statement with a parameter for each key is made anew for each number of keys, which costs more than to run it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql

Keys = Collection[str] | Collection[int]


def listed(column: sa.ColumnElement[Any], name: str, dialect: str) -> sa.ColumnElement[bool]:
    """Whether a column's value is in the list that a parameter of this name holds (see ``as_list``)."""
    if dialect == "sqlite":
        values = sa.func.json_each(sa.bindparam(name, type_=sa.Text)).table_valued("value")
        return column.in_(sa.select(values.c.value))
    return column == sa.any_(sa.bindparam(name, type_=postgresql.ARRAY(column.type)))


def as_list(keys: Keys, dialect: str) -> Any:
    """Keys as such a parameter holds them."""
    return msgspec.json.encode(list(keys)).decode() if dialect == "sqlite" else list(keys)
