"""What can go wrong, as one tree. Expected answers (held, declined) are values, not errors.

UpstepError
├── InputError            exit 2: the person can mend it; carries every fault found at once
│   ├── ConfigError       upstep.yaml, command-line values
│   ├── CatalogError      catalog.yaml
│   ├── MappingError      mapping.yaml
│   ├── PlayError         plays/*.yaml
│   ├── SourceError       a file or table that cannot be read as what it should be
│   └── QuoteError        a change that cannot be quoted or is no longer the one shown
└── OutsideError          exit 3: something outside failed; trying again may help
    ├── BusyError         another process writes; says which
    ├── MaybeSentError    a message may have left; nobody can tell
    └── DamagedError      a stored file is not what was written
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong: where, what was found, what to do.

    Args:
        place: ``file:line:column``, as far as known; a table name where there is no file.
        found: What stands there, with the real values.
        advice: What to do; empty when ``found`` says it.
    """

    place: str
    found: str
    advice: str = ""

    def __str__(self) -> str:
        told = f"{self.place}: {self.found}"
        if not self.advice:
            return told
        return f"{told} {self.advice}" if told.endswith((".", "!", "?", ":", ",", ";")) else f"{told}. {self.advice}"


class UpstepError(Exception):
    """Root of all errors that the command line and the web turn into words."""

    exit_code = 3


class InputError(UpstepError):
    """The person can mend it. ``faults`` holds all that were found, in file order."""

    exit_code = 2

    def __init__(self, faults: Fault | Sequence[Fault]) -> None:
        self.faults = (faults,) if isinstance(faults, Fault) else tuple(faults)
        super().__init__("\n".join(str(fault) for fault in self.faults))


class ConfigError(InputError):
    """upstep.yaml or a value on the command line."""


class CatalogError(InputError):
    """catalog.yaml."""


class MappingError(InputError):
    """mapping.yaml."""


class PlayError(InputError):
    """A play's file."""


class SourceError(InputError):
    """A file or table that cannot be read as what it should be."""


class QuoteError(InputError):
    """A change that cannot be quoted, or that is no longer the one that was shown."""


class OutsideError(UpstepError):
    """Something outside failed; trying again may help."""


class BusyError(OutsideError):
    """Another process writes here. ``holder`` says which."""

    def __init__(self, message: str, holder: str) -> None:
        self.holder = holder
        super().__init__(message)


class MaybeSentError(OutsideError):
    """A channel gave no answer after it had the message, and cannot tell by its key whether it was sent."""


class DamagedError(OutsideError):
    """A stored file is not what was written."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Advice for an unknown word: the nearest known one, then all of them (at most 12).

    >>> did_you_mean("seets", ["seats", "emails"])
    "Did you mean 'seats'? Known: emails, seats."
    """
    names = sorted(known)
    near = get_close_matches(word, names, n=1, cutoff=0.6)
    listed = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
    guess = f"Did you mean '{near[0]}'? " if near else ""
    return f"{guess}Known: {listed}." if names else f"{guess}None is known."
