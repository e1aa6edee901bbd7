"""upstep demo: a believable company, its next steps with reasons, and a page; in one command that asks nothing."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from upstep.cli import sections
from upstep.cli.options import AsJson
from upstep.cli.terminal import command, counted, next_command, print_json, progress, show
from upstep.errors import ConfigError, Fault

if TYPE_CHECKING:
    from upstep.cli.digest import Digest
    from upstep.engine.deciding.decide import Run
    from upstep.engine.project import Project
    from upstep.tables.check import CheckReport
    from upstep.tables.load import LoadReport

ABOUT = {
    "postline": "sends e-mail for other companies and grows by limits",
    "databoard": "a data platform that grows by seats and capacity",
}
MOST = {"self_serve": 5, "assisted": 5, "care": 3}
MARK = "planted.json"
"""The file by which a folder is known to be a demo's own."""


@dataclass(frozen=True)
class Shown:
    """All that the demo prints."""

    company: str
    project: Project
    loaded: LoadReport
    checked: CheckReport
    run: Run
    digest: Digest
    page: Path


def demo(
    *,
    company: Annotated[str, typer.Option(help="The sample company: postline or databoard.")] = "postline",
    folder: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Where it is written, anew each time. Default: demo/COMPANY.")
    ] = None,
    accounts: Annotated[int, typer.Option(min=1, max=100_000, help="How many accounts.")] = 200,
    as_json: AsJson = False,
) -> None:
    """Show a sample company's next steps, what waits and why, and write a page of them."""
    began = time.perf_counter()
    place = folder or Path("demo") / company
    shown = _make(company, place, accounts=accounts, quiet=as_json)
    if as_json:
        print_json(_shape(shown, place))
        return
    _show(shown, place)
    show(f"Page: {shown.page.resolve().as_uri()}", f"Done in {time.perf_counter() - began:.1f} s.")


def _make(company: str, place: Path, *, accounts: int, quiet: bool) -> Shown:
    """Write, load, check, decide, keep, and write the page."""
    from upstep.cli.digest import digest
    from upstep.engine.deciding.decide import decide
    from upstep.engine.deciding.ledger import keep
    from upstep.engine.project import Project
    from upstep.tables.check import check
    from upstep.tables.load import load
    from upstep.tables.query import DuckEngine
    from upstep.tables.sample import COMPANIES, write_sample
    from upstep.web.page import write_page

    if company not in COMPANIES:
        known = " or ".join(COMPANIES)
        raise ConfigError(Fault("--company", f"there is no sample company '{company}'.", f"Name {known}."))
    _clear(place)
    with progress(quiet=quiet) as tell:
        tell("writing a sample company", 0.0)
        sample = write_sample(company, place, accounts=accounts)
        project = Project(place)
        # As if it were that day: the same bytes come out whenever it runs.
        loaded = load(place, now=sample.as_of, through=sample.as_of, known=project.known_ids, command="upstep demo")
        tell("checking", 0.4)
        checked = check(place, DuckEngine(), fresh_days=project.settings.fresh_days)
        tell("deciding", 0.5)
        run = decide(project)
        keep(project, run, now=sample.as_of)
        tell("writing the page", 0.9)
        page = write_page(project, run, place / "page.html", company_note=f"A sample company: {ABOUT[company]}.")
    return Shown(company, project, loaded, checked, run, digest(run, most=MOST), page)


def _clear(place: Path) -> None:
    """Take away what an earlier demo wrote; anything else is left and refused."""
    if not place.exists() or (place.is_dir() and not any(place.iterdir())):
        return
    if not (place / MARK).is_file():
        advice = "Name another folder: upstep demo --folder DIR."
        raise ConfigError(Fault(str(place), "holds files that no demo wrote.", advice))
    shutil.rmtree(place / ".upstep", ignore_errors=True)
    shutil.rmtree(place / "data", ignore_errors=True)


def _show(shown: Shown, place: Path) -> None:
    run, found = shown.run, shown.digest
    catalog = shown.project.catalog
    rows = shown.checked.rows
    show(
        f"{shown.project.settings.company}, a sample company: {ABOUT[shown.company]}. As of {run.as_of:%Y-%m-%d}.",
        f"{counted(rows['account'], 'account')} and {counted(rows['usage'], 'usage event')} in {len(rows)} tables, "
        f"{_checked(shown.checked)}; all of it in {place}/.",
        "",
        sections.coverage_line(run.coverage) + ".",
    )
    for lane in found.lanes:
        sections.show_lane(lane, catalog)
    sections.show_held(found.held, steps=run.coverage["held"])
    sections.show_unconfirmed(found.unconfirmed, steps=run.coverage["unconfirmed"], project=place)
    sections.show_left_alone(found, catalog)
    show("")
    first = next((lane.rows[0]["account_id"] for lane in found.lanes if lane.rows), None)
    if first:
        next_command("explain", first, project=place, why="why, and why not the other plays")
    other = next(name for name in ABOUT if name != shown.company)
    show(f"Also: {command('demo', '--company', other, project=Path())}   {ABOUT[other]}")


def _checked(report: CheckReport) -> str:
    from upstep.tables.check import Severity

    wrong = sum(1 for finding in report.findings if finding.severity is Severity.ERROR)
    odd = sum(1 for finding in report.findings if finding.severity is Severity.WARNING)
    if not wrong and not odd:
        return "nothing wrong"
    return f"{counted(wrong, 'thing')} wrong" if wrong else f"nothing wrong, {odd} odd"


def _shape(shown: Shown, place: Path) -> dict[str, Any]:
    from upstep.cli import shapes
    from upstep.clock import iso

    found = shown.digest
    return {
        "company": shown.company,
        "folder": str(place),
        "as_of": iso(shown.run.as_of),
        "run_id": shown.run.run_id,
        "coverage": shown.run.coverage,
        "lanes": {lane.name: [shapes.decision(row) for row in lane.rows] for lane in found.lanes},
        "held": [shapes.held(one) for one in found.held],
        "unconfirmed": [
            {
                "account_id": row["account_id"],
                **row["unknown"][0],
                "command": sections.confirm_command(row, place),
            }
            for row in found.unconfirmed
        ],
        "left_alone": [shapes.decision(row) for row in found.left_alone],
        "page": shown.page.resolve().as_uri(),
    }
