"""Rows that were kept aside: which, where they stand, what is wrong with them, what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import duckdb

    from upstep.tables.lake import Snapshot


@dataclass(frozen=True)
class KeptAside:
    """One fault of a row. ``place`` is ``file:line``; ``found`` names the column and what stands there."""

    table: str
    place: str
    kind: str
    column: str
    found: str
    advice: str


MEANINGS = {
    "null_key": "A row without its key belongs to nobody.",
    "missing_value": "A column that every row needs is empty.",
    "bad_value": "A cell is not of its column's type.",
    "fraction": "Usage and money are counted in whole units.",
    "negative": "A quantity cannot be less than nothing.",
    "too_small": "A number is below the least it can be.",
    "too_large": "Sums of such numbers do not fit.",
    "word_not_allowed": "The word has no meaning in this column.",
    "unknown_meter": "The catalog has no such meter, so nothing limits or prices it.",
    "unknown_product": "The catalog has no such product.",
    "unknown_plan": "The catalog has no such plan, so its limits and prices are not known.",
    "unknown_add_on": "The catalog has no such add-on.",
    "unknown_feature": "The catalog has no such feature.",
    "unknown_currency": "Amounts in it cannot be compared with others.",
    "ends_before_start": "It would have ended before it began.",
    "future": "It is dated after the instant up to which the load is complete; one wrong date must not move the clock.",
    "duplicate_key": "Two rows claim to be the same thing; only the first one was used.",
    "no_row": "The line cannot be read as a row.",
}
"""Kind of fault -> why such a row is not used."""


def kept_aside(
    connection: duckdb.DuckDBPyConnection, snapshot: Snapshot, *, table: str | None = None, of_each: int = 1000
) -> tuple[KeptAside, ...]:
    """What is kept aside now, at most ``of_each`` of a table and kind, in file order."""
    rows = connection.execute(
        "SELECT table_name, place, kind, column_name, found, advice FROM"
        f" (SELECT *, row_number() OVER () AS number FROM ({snapshot.select('quarantine')}))"
        " WHERE coalesce(table_name = $1, $1 IS NULL)"
        f" QUALIFY row_number() OVER (PARTITION BY table_name, kind ORDER BY number) <= {of_each:d}"
        " ORDER BY table_name, kind, number",
        [table],
    ).fetchall()
    return tuple(KeptAside(*row) for row in rows)


def shown(faults: Sequence[KeptAside]) -> tuple[str, ...]:
    """Faults as lines: ``file:line: found``."""
    return tuple(f"{fault.place}: {fault.found}" for fault in faults)
