"""Sample companies: believable, made from a seed, with planted accounts whose right answers are known by name.

Owns names, people, usage and subscriptions that look real, and the files of a whole project folder. A company is one
module (``postline``, ``databoard``, ``loomboard``, ``northlight``) that fills a ``Book``; what all share stands in the
other modules. Nothing here reads the clock: as-of is fixed unless another one is asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from upstep.errors import Fault, InputError, did_you_mean
from upstep.tables.sample import databoard, loomboard, northlight, postline
from upstep.tables.sample.book import Book
from upstep.tables.sample.planted import Planted
from upstep.tables.sample.writing import write_folder

__all__ = ["AS_OF", "COMPANIES", "PLANTED", "Planted", "Sample", "write_sample"]

_MODULES = {"postline": postline, "databoard": databoard, "loomboard": loomboard, "northlight": northlight}

COMPANIES = tuple(_MODULES)
"""The sample companies: they grow by limits, by seats and capacity, by features, and by what is sold once."""

PLANTED: dict[str, dict[str, Planted]] = {company: module.PLANTED for company, module in _MODULES.items()}
"""The planted accounts of each company by the name of their case."""

AS_OF = datetime(2026, 11, 20, tzinfo=UTC)
"""The instant the samples are written for."""


@dataclass(frozen=True)
class Sample:
    """A sample that was written. ``planted`` holds the known answers by name, ``files`` is in order of writing."""

    company: str
    folder: Path
    as_of: datetime
    files: tuple[Path, ...]
    planted: dict[str, Planted]


def write_sample(company: str, folder: Path, *, seed: int = 7, accounts: int = 200, as_of: datetime = AS_OF) -> Sample:
    """Write a sample company as a project folder: settings, catalog, data, and the planted answers.

    The same arguments give the same bytes. Files of an earlier sample are overwritten, others are left.

    Args:
        company: One of ``COMPANIES``.
        folder: The project folder; made if it is missing.
        seed: Changes all that is random; the planted accounts keep their answers.
        accounts: How many in total; the planted ones are always among them.
        as_of: The instant up to which there are facts, aware and in UTC; stories are told from it backwards.

    Raises:
        InputError: There is no such company.
    """
    if company not in _MODULES:
        raise InputError(Fault("sample", f"there is no sample company '{company}'.", did_you_mean(company, COMPANIES)))
    module = _MODULES[company]
    book = Book(company, seed=seed, as_of=as_of.astimezone(UTC).replace(microsecond=0))
    module.fill(book, accounts=accounts)
    files = write_folder(
        book,
        folder,
        settings=module.SETTINGS,
        planted=module.PLANTED.values(),
        plays=getattr(module, "PLAYS", {}),
    )
    return Sample(company, folder, book.as_of, files, dict(module.PLANTED))
