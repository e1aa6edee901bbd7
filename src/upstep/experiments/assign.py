"""Arms by a salted hash of the account: the same on every machine, and nothing has to be remembered.

The point of an account is the first 8 bytes of SHA-256 of ``salt``, a line feed and ``account_id`` in UTF-8, read as a
whole number from the big end, times 10,000, divided by 2 to the 64th, rounded down. Arms take the points from 0
upwards, in their order, each as many as its share. So a holdout that grows keeps all whom it had, and two experiments
with different salts are independent of each other. ``docs/experiments.md`` has test vectors.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

POINTS = 10_000
"""Shares are whole points of so many: one is 0.01 percent."""


def point(salt: str, account_id: str) -> int:
    """Where an account stands from 0 to 9,999 for a salt.

    >>> point("upstep", "acme"), point("upstep", "globex"), point("another", "acme")
    (4394, 4705, 6239)
    """
    return _place(hashlib.sha256(f"{salt}\n{account_id}".encode()).digest())


def points(salt: str, account_ids: Iterable[str]) -> NDArray[np.int64]:
    """The same for many accounts, in their order."""
    before, sha256 = f"{salt}\n".encode(), hashlib.sha256
    digests = b"".join([sha256(before + account_id.encode()).digest() for account_id in account_ids])
    words = np.frombuffer(digests, ">u8")[::4].astype(np.uint64)
    # 64 bits times 10,000 overflows: the high and the low half are multiplied apart.
    high, low = words >> np.uint64(32), words & np.uint64(0xFFFFFFFF)
    carried = (low * np.uint64(POINTS)) >> np.uint64(32)
    return ((high * np.uint64(POINTS) + carried) >> np.uint64(32)).astype(np.int64)


def arm_at(place: int, shares: Sequence[int]) -> int:
    """Which arm holds a point, by the arms' shares in points; their sum is 10,000.

    >>> [arm_at(place, [1000, 9000]) for place in (0, 999, 1000, 9999)]
    [0, 0, 1, 1]
    """
    end = 0
    for index, share in enumerate(shares):
        end += share
        if place < end:
            return index
    raise AssertionError("shares add up to all points")


def arms_at(places: NDArray[np.int64], shares: Sequence[int]) -> NDArray[np.int64]:
    """The same for many points."""
    return np.searchsorted(np.cumsum(shares), places, side="right").astype(np.int64)


def _place(digest: bytes) -> int:
    return int.from_bytes(digest[:8], "big") * POINTS >> 64
