"""The figures of docs/ravenstack.md, from a run on RavenStack's export.

``python examples/ravenstack/page.py FOLDER``, with the folder that holds the five CSV files, writes them into the page
between its markers. ``tests/stories/test_ravenstack.py`` runs the same and fails when the page says something else.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from upstep.clock import parse_instant
from upstep.engine.deciding.decide import Run, decide
from upstep.engine.project import Project
from upstep.tables.check import CheckReport, Severity, check
from upstep.tables.facts import open_facts
from upstep.tables.load import LoadReport, load
from upstep.tables.query import DuckEngine

EXAMPLE = Path(__file__).parent
PAGE = EXAMPLE.parents[1] / "docs" / "ravenstack.md"
SETTINGS = ("upstep.yaml", "catalog.yaml", "mapping.yaml")
THROUGH = parse_instant("2025-01-01T00:00:00Z")
"""The newest date of the export is 31 December 2024, so it is complete up to the end of that day."""


@dataclass(frozen=True)
class Example:
    """What one run of the example came to."""

    project: Project
    loaded: LoadReport
    checked: CheckReport
    decided: Run


def prepare(folder: Path, data: Path) -> Project:
    """A project folder with this example's files and a link to the export."""
    for name in SETTINGS:
        shutil.copy(EXAMPLE / name, folder / name)
    (folder / "data").symlink_to(data.resolve(), target_is_directory=True)
    return Project(folder)


def run(folder: Path, data: Path) -> Example:
    """Load, check and decide, as the commands on the page do."""
    project = prepare(folder, data)
    loaded = load(folder, now=THROUGH, through=THROUGH, known=project.known_ids)
    checked = check(folder, DuckEngine())
    return Example(project, loaded, checked, decide(project))


def blocks(example: Example) -> dict[str, str]:
    """Each generated part of the page by the name in its marker."""
    return {
        "load": _loaded(example.loaded),
        "check": _checked(example.checked),
        "doubts": _doubts(example.project.folder),
        "missing": _missing(example.checked),
        "decide": _decided(example.decided),
        "steps": _steps(example.decided),
    }


def written(page: str, parts: Mapping[str, str]) -> str:
    """The page with every part in its place.

    Raises:
        KeyError: The page has a marker that no part belongs to, or lacks one.
    """
    marker = re.compile(r"(<!-- figures: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
    missing = parts.keys() - {name for _, name, _ in marker.findall(page)}
    if missing:
        raise KeyError(*missing)
    return marker.sub(lambda found: f"{found[1]}{parts[found[2]]}\n{found[3]}", page)


def _table(head: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    """A Markdown table; whole numbers stand to the right."""
    numbers = [bool(rows) and all(isinstance(row[place], int) for row in rows) for place in range(len(head))]
    cells = [tuple(f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row) for row in rows]
    ruler = tuple("---:" if number else "---" for number in numbers)
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, ruler, *cells))


def _loaded(report: LoadReport) -> str:
    rows = [(table.table, table.read, sum(table.faults.values())) for table in report.tables]
    return _table(("table", "rows read", "rows kept aside"), rows)


def _checked(report: CheckReport) -> str:
    found = [finding for finding in report.findings if finding.severity is not Severity.NOTE]
    rows = [
        (
            f"`{finding.id}`",
            finding.table,
            finding.found,
            f"{finding.share:.1%}" if finding.share else "",
            finding.examples[0],
        )
        for finding in found
    ]
    return _table(("finding", "table", "what was found", "share", "for example"), rows)


_LIVE = (
    "(SELECT items.* FROM subscription_item items, clock"
    " WHERE valid_from <= as_of AND coalesce(valid_to > as_of, true))"
)
_OF_PEOPLE = (
    "(SELECT account_key, max(quantity_latest) AS people FROM usage_day JOIN meter_key USING (meter_key)"
    " WHERE meter_id = 'people' GROUP BY account_key)"
)
_DOUBTS = {
    "tickets": "ticket",
    "tickets that are still open": "ticket, clock WHERE closed_at IS NULL OR closed_at > as_of",
    "trials that still run": f"{_LIVE} WHERE status = 'trialing'",
    "of them begun more than a year ago": (
        f"{_LIVE} items, clock WHERE status = 'trialing' AND as_of_day - valid_from // 86400 > 365"
    ),
    "subscriptions that ended on the day they began": "subscription_item WHERE valid_to = valid_from",
    "accounts flagged as churned": "account WHERE do_not_sell_why IS NOT NULL",
    "of them with a live subscription": (
        f"account SEMI JOIN {_LIVE} items USING (account_key) WHERE do_not_sell_why IS NOT NULL"
    ),
    "churn events": "moment",
    "of them on a day on which a subscription of that account ended": (
        "moment SEMI JOIN subscription_item items ON items.account_key = moment.account_key AND valid_to = occurred_at"
    ),
    "accounts": "account",
    "of them with a live, paid subscription for exactly as many seats as the accounts file says": (
        f"{_OF_PEOPLE} told SEMI JOIN {_LIVE} items"
        " ON items.account_key = told.account_key AND quantity = people AND status = 'active'"
    ),
    "of them with more seats than that in all": (
        f"{_OF_PEOPLE} told JOIN (SELECT account_key, sum(quantity) AS seats FROM {_LIVE} items GROUP BY account_key)"
        " USING (account_key) WHERE seats > people"
    ),
}


def _doubts(folder: Path) -> str:
    """What no single row betrays: counts over the loaded facts."""
    engine = DuckEngine()
    open_facts(folder, engine)
    rows = []
    for name, rows_of in _DOUBTS.items():
        found = engine.connection.execute(f"SELECT count(*) FROM {rows_of}").fetchone()
        assert found is not None
        rows.append((name, int(found[0])))
    return _table(("counted in the loaded facts", ""), rows)


def _missing(report: CheckReport) -> str:
    rows = [
        (f"`{note.table}`", note.meaning.removeprefix("It would settle "))
        for note in report.findings
        if note.id == "not_connected"
    ]
    return _table(("not in the export", "so nobody can tell here"), rows)


def _decided(decided: Run) -> str:
    rows = Counter(
        (row["play"], "notice" if row["path"] == "notice" else row["lane"], row["outcome"])
        for row in decided.decisions.to_pylist()
    )
    return _table(("play", "list", "outcome", "steps"), [(*names, count) for names, count in sorted(rows.items())])


def _steps(decided: Run) -> str:
    """The first three of each play that leads the care list."""
    winners = [row for row in decided.decisions.to_pylist() if row["is_winner"] and row["lane"] == "care"]
    shown: list[tuple[Any, ...]] = []
    for play in ("right_size", "adoption_rescue"):
        of_play = sorted((row for row in winners if row["play"] == play), key=lambda row: row["rank"])
        shown += [(row["rank"], row["account_id"], play, _told(row)) for row in of_play[:3]]
    return _table(("rank", "account", "play", "why"), shown)


def _told(row: Mapping[str, Any]) -> str:
    facts = {name: fact["value"] for name, fact in json.loads(row["facts"]).items()}
    if row["play"] == "right_size":
        return (
            f"{facts['live_subscriptions']} live subscriptions; one {row['to_plan_id']} for {row['to_quantity']} people"
            f" costs {row['customer_saving_minor'] // 100:,} USD a month less"
        )
    return f"{facts['used_1']} actions in the last complete month, {facts['limit_quantity']} people"


def main(data: Path) -> None:
    """Write the page's figures."""
    with tempfile.TemporaryDirectory() as folder:
        parts = blocks(run(Path(folder), data))
    PAGE.write_text(written(PAGE.read_text(encoding="utf-8"), parts), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
