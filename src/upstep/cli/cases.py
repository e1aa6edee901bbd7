"""upstep case: the business case of one step, every number with its record; or what it lacks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from upstep.cli.options import HERE, AsJson, AsOf, ProjectFolder, instant
from upstep.cli.terminal import grid, heading, next_command, print_json, show

if TYPE_CHECKING:
    from upstep.planning.business_case import Case, Incomplete


def case(  # noqa: PLR0913 - a command's parameters are its options
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="Its id, or a part of its name.")],
    play: Annotated[str, typer.Argument(metavar="PLAY", help="The play whose step it is.")],
    *,
    md: Annotated[Path | None, typer.Option("--md", metavar="FILE", help="Also write it as Markdown.")] = None,
    html: Annotated[Path | None, typer.Option("--html", metavar="FILE", help="Also write it as a page.")] = None,
    pdf: Annotated[Path | None, typer.Option("--pdf", metavar="FILE", help="Also as PDF (extra 'pdf').")] = None,
    as_of: AsOf = None,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Write the business case of one step: every number with its record. Without what it needs, say what is missing."""
    from upstep.clock import now
    from upstep.engine.deciding.explain import find_account
    from upstep.engine.planning.case import write_case
    from upstep.engine.project import Project
    from upstep.planning.business_case import Incomplete

    opened = Project(project)
    _ = opened.settings, opened.catalog  # their faults come before any work
    account_id = find_account(opened, account)
    made = write_case(opened, account_id, play, as_of=instant(as_of, "--as-of"), now=now())
    if isinstance(made, Incomplete):
        _tell_missing(made, project, as_json=as_json)
        raise typer.Exit(1)
    written = _write(made, opened.settings.company, md=md, html=html, pdf=pdf)
    if as_json:
        print_json({"case": shape(made), "missing": []})
        return
    _show(made)
    for path in written:
        show(f"Written: {path.resolve().as_uri()}")
    if not written:
        next_command("case", account, play, "--html", "case.html", project=project, why="a page to bring along")


def _show(made: Case) -> None:
    """The case on the terminal; ``--md``, ``--html`` and ``--pdf`` write it for others."""
    from rich.padding import Padding
    from rich.text import Text

    from upstep.planning.business_case import how_told

    show(Text(made.title, style="bold"))
    for section in made.sections:
        show("", heading(section.heading.upper()))
        lines = [made.said(text) for text in section.paragraphs]
        lines += [f"- {made.said(text)}" for text in section.points]
        show(*(Padding(Text(line), (0, 0, 0, 2)) for line in lines))
    rows = [
        (one.label, one.text, how_told(made, one), ", ".join(one.records[:3]) or "see its parts")
        for one in made.numbers.values()
    ]
    show("", heading("EVIDENCE"), grid(rows, header=("what", "number", "how", "record")))
    show("", f"Facts as of {made.as_of}. Decision {made.decision_id}.")


def _write(made: Case, company: str, *, md: Path | None, html: Path | None, pdf: Path | None) -> list[Path]:
    from upstep.planning.business_case import as_markdown
    from upstep.web.case_page import render_case
    from upstep.web.case_pdf import render_pdf

    renders: list[tuple[Path | None, Callable[[], bytes]]] = [
        (md, lambda: as_markdown(made).encode()),
        (html, lambda: render_case(made, company).encode()),
        (pdf, lambda: render_pdf(made, company)),
    ]
    written = []
    for path, render in renders:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(render())
            written.append(path)
    return written


def _tell_missing(made: Incomplete, project: Path, *, as_json: bool) -> None:
    from dataclasses import asdict

    if as_json:
        print_json({"case": None, "missing": [asdict(one) for one in made.missing]})
        return
    show(f"No case was written for {made.account}, {made.step}: a case without these would not be believed.")
    show(grid([(one.what, one.why, one.who) for one in made.missing], header=("missing", "why", "who could say")))
    next_command("explain", made.account_id, project=project)


def shape(made: Case) -> dict[str, Any]:
    """A case as JSON, with its numbers in the text and in the evidence."""
    return {
        "account_id": made.account_id,
        "account": made.account,
        "play": made.play,
        "motion": made.motion,
        "step": made.step,
        "as_of": made.as_of,
        "decision_id": made.decision_id,
        "sections": [
            {
                "id": one.id,
                "heading": one.heading,
                "paragraphs": [made.said(text) for text in one.paragraphs],
                "points": [made.said(text) for text in one.points],
            }
            for one in made.sections
        ],
        "evidence": [
            {
                "name": one.name,
                "label": one.label,
                "value": one.value,
                "unit": one.unit,
                "text": one.text,
                "how": one.how,
                "of": list(one.of),
                "records": list(one.records),
            }
            for one in made.numbers.values()
        ],
    }
