"""Lists page by page: an opaque cursor that says where the next page begins."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Any

import msgspec
from fastapi import Query

from upstep.clock import from_seconds
from upstep.web.problem import Problem

LIMIT_MOST = 200

Limit = Annotated[int, Query(ge=1, le=LIMIT_MOST, description="How many at most.")]
Cursor = Annotated[
    str | None,
    Query(max_length=1000, description="`next` of the page before. It says nothing to read.", examples=[None]),
]


def cursor_of(*place: str | int) -> str:
    """A cursor that stands for a place in the list.

    >>> place_of(cursor_of("acc_7", 3), str, int)
    ('acc_7', 3)
    """
    return base64.urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def place_of(cursor: str, *kinds: type[str | int]) -> tuple[Any, ...]:
    """The place that a cursor of ours stands for.

    Raises:
        Problem: 422: it is none of ours.
    """
    try:
        text = base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4))
        place: tuple[Any, ...] = msgspec.json.decode(text, type=tuple[kinds])  # type: ignore[valid-type]
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        raise Problem(422, "The cursor is none of ours. Begin without one.", kind="cursor") from None
    if any((isinstance(one, str) and "\0" in one) or (isinstance(one, int) and abs(one) > 2**53) for one in place):
        raise Problem(422, "The cursor is none of ours. Begin without one.", kind="cursor")
    return place


def instant_of(seconds: int) -> datetime:
    """The instant in a cursor.

    Raises:
        Problem: 422: no calendar has it.
    """
    try:
        return from_seconds(seconds)
    except OverflowError:
        raise Problem(422, "The cursor is none of ours. Begin without one.", kind="cursor") from None


def page(
    name: str, rows: Sequence[Any], *, limit: int, shape: Callable[[Any], Any], place: Callable[[Any], tuple[Any, ...]]
) -> dict[str, Any]:
    """A page, of rows that were read one further than is shown.

    Args:
        name: What the list is called.
        shape: A row as JSON.
        place: Where a row stands, for the cursor.
    """
    shown = rows[:limit]
    more = cursor_of(*place(shown[-1])) if len(rows) > limit and shown else None
    return {name: [shape(row) for row in shown], "next": more}
