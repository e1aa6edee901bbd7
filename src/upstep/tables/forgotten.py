"""Who was forgotten, as digests beside the facts: every load reads them and keeps those rows out.

State keeps the same digests (``tombstone``); this file is what loading needs of them, wherever state is.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from upstep.errors import DamagedError
from upstep.tables.lake import facts_folder, quoted
from upstep.tables.schema import TABLES

KINDS = ("account", "contact")
FILE = "forgotten.json"


@dataclass(frozen=True)
class Forgotten:
    """Digests of ids by kind."""

    account: frozenset[str] = frozenset()
    contact: frozenset[str] = frozenset()

    def has(self, kind: str, key: str | None) -> bool:
        """Whether an account or a contact of that id was forgotten."""
        known: frozenset[str] = getattr(self, kind)
        return bool(known) and key is not None and digest(kind, key) in known

    def __bool__(self) -> bool:
        return bool(self.account or self.contact)


def digest(kind: str, key: str) -> str:
    """What a tombstone keeps of an id.

    >>> digest("contact", "ann")[:12]
    '2cd25a4fbdad'
    """
    return hashlib.sha256(f"{kind}:{key}".encode()).hexdigest()


def read_forgotten(project: Path) -> Forgotten:
    """Who was forgotten in this project.

    Raises:
        DamagedError: The file is not what was written; loading without it would bring people back.
    """
    path = facts_folder(project) / FILE
    try:
        words = json.loads(path.read_text(encoding="utf-8"))
        return Forgotten(*(frozenset(words[kind]) for kind in KINDS))
    except FileNotFoundError:
        return Forgotten()
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedError(f"{path}: cannot be read ({error}). Run 'upstep doctor --repair'.") from None


def write_forgotten(project: Path, forgotten: Forgotten) -> None:
    """Replace the file in one step."""
    path = facts_folder(project) / FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f"{FILE}.new")
    with fresh.open("w", encoding="utf-8") as file:
        json.dump({kind: sorted(getattr(forgotten, kind)) for kind in KINDS}, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


def without_forgotten(
    table: str, cells: dict[str, str], where: str, forgotten: Forgotten
) -> tuple[dict[str, str], str]:
    """A source's cells and condition, such that rows of the forgotten stay out and other rows do not name them.

    Args:
        table: The canonical table.
        cells: Our column and SQL over the source's columns.
        where: SQL that a row must meet.
        forgotten: Who stays out.
    """
    if not forgotten:
        return cells, where
    conditions, kept = [f"({where})"], dict(cells)
    for name, cell in cells.items():
        kind = _kind(name)
        if kind is None or not getattr(forgotten, kind):
            continue
        is_theirs = f"coalesce({_is_one_of(kind, cell, getattr(forgotten, kind))}, false)"
        if kind == "account" or _is_needed(table, name):
            conditions.append(f"NOT {is_theirs}")
        else:
            kept[name] = f"CASE WHEN {is_theirs} THEN NULL ELSE {cell} END"
    return kept, " AND ".join(conditions)


def _kind(column: str) -> str | None:
    """What a column's values are ids of."""
    if column in ("account_id", "contact_id"):
        return column.removesuffix("_id")
    return "contact" if column.endswith("_contact_id") else None


def _is_needed(table: str, column: str) -> bool:
    found = TABLES[table].column(column)
    return found is not None and (found.required or column in TABLES[table].key)


def _is_one_of(kind: str, cell: str, digests: Collection[str]) -> str:
    return f"sha256('{kind}:' || ({cell})::VARCHAR) IN ({_listed(digests)})"


def _listed(words: Iterable[str]) -> str:
    return ", ".join(quoted(word) for word in sorted(words))
