"""upstep load and upstep check: a company's tables become facts, and what is wrong with them is said."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from upstep.cli.options import HERE, AsJson, AsOf, DryRun, ProjectFolder, instant
from upstep.cli.terminal import counted, grid, heading, next_command, print_json, progress, show
from upstep.errors import ConfigError, Fault, did_you_mean
from upstep.wording import percentage

if TYPE_CHECKING:
    from upstep.tables.check import CheckReport, Finding
    from upstep.tables.load import LoadReport, TableLoad

_EXAMPLES = 8


def load(
    *,
    project: ProjectFolder = HERE,
    through: Annotated[
        str | None, typer.Option(metavar="T", help="Everything up to this instant is in the tables. Default: now.")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="TABLE", help="Only this table; may be repeated.")
    ] = None,
    strict: Annotated[bool, typer.Option("--strict", help="Any row fault is an error; nothing is written.")] = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Read the company's tables into facts. Rows that are wrong are counted, shown and kept aside."""
    from upstep.clock import now
    from upstep.engine.project import Project
    from upstep.tables.load import load as run

    _known_tables(only)
    opened = Project(project)
    _ = opened.settings
    with progress(quiet=as_json) as tell:
        report = run(
            project,
            now=now(),
            through=instant(through, "--through"),
            known=opened.known_ids,
            strict=strict,
            dry_run=dry_run,
            only=only,
            progress=tell,
            spoken_for=opened.spoken_for,
            told=opened.told,
        )
    if as_json:
        print_json(_load_shape(report))
        return
    _show_load(report)
    if dry_run:
        show("Nothing was written (--dry-run).")
        next_command("load", project=project)
    else:
        next_command("check", project=project, why="what is wrong, and what cannot be decided with it")


def _known_tables(only: list[str] | None) -> None:
    from upstep.tables.schema import TABLES

    unknown = [Fault("--only", f"table '{name}' is not known.", did_you_mean(name, TABLES)) for name in only or ()]
    unknown = [fault for fault, name in zip(unknown, only or (), strict=True) if name not in TABLES]
    if unknown:
        raise ConfigError(unknown)


def _show_load(report: LoadReport) -> None:
    rows = [
        (
            table.table,
            "as before" if table.is_unchanged else f"{table.read:,}",
            _some(table.added),
            _some(table.changed),
            _some(table.ended),
            _some(table.repeated),
            _some(table.rows_aside),
        )
        for table in report.tables
    ]
    header = ("table", "read", "added", "changed", "ended", "repeated", "kept aside")
    show(grid(rows, header=header, right=range(1, 7)))
    through = f"complete through {report.complete_through:%Y-%m-%d %H:%M} UTC"
    total = sum(table.added for table in report.tables)
    aside = report.rows_aside
    if not report.fault_count:
        show("", f"{counted(total, 'row')} added, nothing kept aside; {through}.")
        return
    more = f" with {counted(report.fault_count, 'fault')}" if report.fault_count > aside else ""
    show("", f"{counted(total, 'row')} added, {counted(aside, 'row')} kept aside{more}; {through}.")
    for example in report.examples[:_EXAMPLES]:
        show(f"  {Fault(example.place, example.found, example.advice)}")


def _some(count: int) -> str:
    return f"{count:,}" if count else "-"


def _load_shape(report: LoadReport) -> dict[str, Any]:
    from upstep.clock import iso

    def table(one: TableLoad) -> dict[str, Any]:
        names = ("table", "read", "added", "changed", "ended", "repeated", "is_unchanged", "rows_aside")
        return {**{name: getattr(one, name) for name in names}, "faults": dict(one.faults)}

    return {
        "wrote": report.wrote,
        "complete_through": iso(report.complete_through),
        "fault_count": report.fault_count,
        "rows_aside": report.rows_aside,
        "tables": [table(one) for one in report.tables],
        "examples": [
            {name: getattr(one, name) for name in ("table", "place", "kind", "column", "found", "advice")}
            for one in report.examples
        ],
    }


def check(*, project: ProjectFolder = HERE, as_of: AsOf = None, as_json: AsJson = False) -> None:
    """Say what is wrong and odd in the facts, and what cannot be decided. Exit code 1 when rows are faulty."""
    from upstep.engine.project import Project
    from upstep.tables.check import check as run
    from upstep.tables.query import DuckEngine

    opened = Project(project)
    opened.check_files()
    fresh_days = opened.settings.fresh_days
    with progress(quiet=as_json) as tell:
        tell("checking", 0.1)
        report = run(project, DuckEngine(), as_of=instant(as_of, "--as-of"), fresh_days=fresh_days)
    if as_json:
        print_json(_check_shape(report))
    else:
        _show_check(report)
        next_command("decide", project=project)
    if report.has_faults:
        raise typer.Exit(1)


def _show_check(report: CheckReport) -> None:
    from upstep.tables.check import Severity

    current = ", by what is known now" if report.as_of_precision == "current" else ""
    show(f"As of {report.as_of:%Y-%m-%d %H:%M} UTC{current}.", "")
    rows = [(name, f"{count:,}", f"{report.complete_through[name]:%Y-%m-%d}") for name, count in report.rows.items()]
    show(grid(rows, header=("table", "rows", "complete through"), right=(1,)))
    of = {severity: [found for found in report.findings if found.severity is severity] for severity in Severity}
    for severity, word, rest in (
        (Severity.ERROR, "WRONG", "these rows are not used"),
        (Severity.WARNING, "ODD", "used as it is; know it"),
    ):
        if of[severity]:
            show("", heading(word, rest))
            for finding in of[severity]:
                _show_finding(finding)
    notes = [found for found in of[Severity.NOTE] if found.id != "not_connected"]
    if notes:
        show("", heading("TO KNOW"))
        for finding in notes:
            _show_finding(finding)
    _show_undecidable([found for found in of[Severity.NOTE] if found.id == "not_connected"])
    counts = Counter(finding.severity for finding in report.findings if finding.id != "not_connected")
    show("", _verdict(counts[Severity.ERROR], counts[Severity.WARNING]))


def _verdict(wrong: int, odd: int) -> str:
    if not wrong and not odd:
        return "Nothing is wrong with these tables."
    parts = [f"{counted(wrong, 'thing')} wrong" if wrong else "Nothing wrong"]
    return ", ".join([*parts, f"{odd} odd"] if odd else parts) + "."


def _show_finding(finding: Finding) -> None:
    from rich.padding import Padding
    from rich.text import Text

    share = f" ({percentage(100 * finding.share, 1)})" if finding.share is not None else ""
    show(Padding(Text(f"{finding.table}: {finding.found}{share}"), (0, 0, 0, 2)))
    told = " ".join(part for part in (finding.meaning, finding.advice) if part)
    show(Padding(Text(told, style="dim"), (0, 0, 0, 6)))
    for example in finding.examples:
        show(Padding(Text(f"e.g. {example}", style="dim"), (0, 0, 0, 6)))


def _show_undecidable(findings: list[Finding]) -> None:
    """What cannot be decided here, and which table would settle it."""
    if findings:
        show("", heading("CANNOT BE DECIDED", "with what is connected; the table that would settle it"))
        show(grid([(one.table, one.meaning.removeprefix("It would settle ").rstrip(".")) for one in findings]))


def _check_shape(report: CheckReport) -> dict[str, Any]:
    from dataclasses import asdict

    from upstep.cli.shapes import plain
    from upstep.clock import iso

    return {
        "as_of": iso(report.as_of),
        "as_of_precision": report.as_of_precision,
        "has_faults": report.has_faults,
        "rows": dict(report.rows),
        "complete_through": plain(report.complete_through),
        "not_connected": list(report.not_connected),
        "findings": [plain({**asdict(one), "severity": one.severity.value}) for one in report.findings],
    }
