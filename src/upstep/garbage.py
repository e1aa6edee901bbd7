"""When Python looks for objects that nobody needs any more: less often while very many are made that stay."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

_COLLECTED_AFTER = 50_000


@contextmanager
def rarely_collected() -> Iterator[None]:
    """Python looks for cycles after so many new objects, not after every 700.

    Looking at all that was made so far, again and again, took a sixth of the time of opening offers and a tenth of that
    of compiling queries: neither leaves cycles behind that would be worth it. Where the threshold is higher already, or
    nothing is collected, all stays as it is.
    """
    usual = gc.get_threshold()
    if usual[0] >= _COLLECTED_AFTER or not gc.isenabled():
        yield
        return
    gc.set_threshold(_COLLECTED_AFTER, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)
