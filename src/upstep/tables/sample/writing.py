"""Writing a sample company's project folder: YAML, CSV that people can read, and usage as Parquet."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from upstep.clock import iso
from upstep.tables.sample.pricelist import catalog_text
from upstep.tables.schema import TABLES

if TYPE_CHECKING:
    import pyarrow as pa

    from upstep.tables.sample.book import Book
    from upstep.tables.sample.planted import Planted
    from upstep.tables.sample.usage import Events


def write_folder(
    book: Book, folder: Path, *, settings: str, planted: Iterable[Planted], plays: Mapping[str, str]
) -> tuple[Path, ...]:
    """Write every file of the project; the same book gives the same bytes.

    Args:
        plays: The company's own plays by their id.

    Returns:
        The files, in the order they were written.
    """
    (folder / "data").mkdir(parents=True, exist_ok=True)
    answers = json.dumps([asdict(case) for case in planted], indent=2, ensure_ascii=False) + "\n"
    texts = {"upstep.yaml": settings, "catalog.yaml": catalog_text(book.company), "planted.json": answers}
    texts |= {f"plays/{play}.yaml": text for play, text in plays.items()}
    (folder / "plays").mkdir(exist_ok=True)
    files = []
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
        files.append(folder / name)
    for table, rows in book.rows.items():
        files.append(folder / "data" / f"{table}.csv")
        _write_csv(files[-1], TABLES[table].names, rows)
    files.append(folder / "data" / "usage.parquet")
    _write_usage(files[-1], book, book.usage.draw(book.generator("usage")))
    return tuple(files)


def _write_csv(path: Path, names: tuple[str, ...], rows: list[tuple[Any, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([_shown(value) for value in row] for row in rows)


def _shown(value: object) -> object:
    """A value as CSV holds it: nothing for None, UTC instants with a Z, true or false, words joined by a semicolon."""
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return ";".join(value)
    return value.isoformat() if isinstance(value, date) else value


def _write_usage(path: Path, book: Book, events: Events) -> None:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    count = len(events.seconds)
    numbers = pc.utf8_lpad(pa.array(range(1, count + 1)).cast(pa.string()), 8, padding="0")
    columns: dict[str, pa.Array] = {
        "event_id": pc.binary_join_element_wise("evt", numbers, "_"),
        "account_id": _spelled(book.account_ids, events.account),
        "meter_id": _spelled(book.meter_ids, events.meter),
        "occurred_at": pa.array(events.seconds * 1_000_000).cast(pa.timestamp("us", tz="UTC")),
        "quantity": pa.array(events.quantity),
        "contact_id": _spelled(book.contact_ids, events.contact),
        "properties": pa.nulls(count, pa.string()),
    }
    assert tuple(columns) == TABLES["usage"].names
    pq.write_table(pa.table(columns), path, compression="zstd")


def _spelled(names: list[str], index: Any) -> pa.Array:
    import numpy as np
    import pyarrow as pa

    return pa.array(names, pa.string()).take(pa.array(index, pa.int64(), mask=np.asarray(index) < 0))
