"""Places at which a test may kill the program, to see that what was cut off is found and finished."""

from __future__ import annotations

import os

KILLED = 70
"""The exit code of a program that was killed here."""

_VARIABLE = "UPSTEP_FAULT"


def point(name: str) -> None:
    """Nothing, unless the environment variable UPSTEP_FAULT names this point: then the process ends at once.

    No ``finally`` runs and nothing is flushed, as after a power cut.
    """
    if os.environ.get(_VARIABLE) == name:
        os._exit(KILLED)
