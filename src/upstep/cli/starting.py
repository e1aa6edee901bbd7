"""upstep init: a commented project folder that loads as it is, to be filled with what a company sells and knows."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from upstep.cli.options import HERE, AsJson, DryRun, ProjectFolder
from upstep.cli.terminal import counted, grid, next_command, print_json, show
from upstep.errors import ConfigError, Fault

_TEMPLATES = Path(__file__).parent / "templates"
_FROM_TEMPLATE = ("catalog.yaml", "mapping.example.yaml", "plays/README.md", "messages/README.md")
_WHAT = {
    "upstep.yaml": "currency, time zone, and what to do where nobody knows",
    "catalog.yaml": "what you sell: plans, prices, limits",
    "mapping.example.yaml": "your tables and columns -> ours; copy it to mapping.yaml",
    "data/README.md": "which files to put here when they are named as our tables",
    "plays/README.md": "your own plays",
    "messages/README.md": "your own words",
}


def init(
    *,
    project: ProjectFolder = HERE,
    company: Annotated[str | None, typer.Option(metavar="NAME", help="Default: the folder's name.")] = None,
    currency: Annotated[str, typer.Option(metavar="CODE", help="The company's currency, such as eur.")] = "usd",
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Write a project folder to start from, with a catalog that loads. Nothing is overwritten."""
    texts = _texts(project, company=company or project.resolve().name, currency=_currency(currency))
    there = [name for name in texts if (project / name).exists()]
    if there:
        advice = "Nothing was written. Name another folder with --project, or move it away."
        raise ConfigError([Fault(str(project / name), "exists.", advice) for name in there])
    if not dry_run:
        for name, text in texts.items():
            path = project / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    if as_json:
        print_json({"project": str(project), "files": list(texts), "wrote": not dry_run})
        return
    show(f"{'Would write' if dry_run else 'Wrote'} {counted(len(texts), 'file')} into {project}/", "")
    show(grid([(name, _WHAT[name]) for name in texts]), "")
    show("Describe your plans in catalog.yaml and put your tables into data/ or name them in mapping.yaml.")
    next_command("load", project=project)


def _currency(code: str) -> str:
    from upstep.errors import did_you_mean
    from upstep.money import CURRENCIES

    if code.lower() not in CURRENCIES:
        raise ConfigError(Fault("--currency", f"'{code}' is not known.", did_you_mean(code.lower(), CURRENCIES)))
    return code.lower()


def _texts(project: Path, *, company: str, currency: str) -> dict[str, str]:
    """File name to text, in reading order."""
    texts = {"upstep.yaml": _settings(project, company=company, currency=currency)}
    for name in _FROM_TEMPLATE:
        texts[name] = (_TEMPLATES / name.replace("/", "_")).read_text(encoding="utf-8").replace("CURRENCY", currency)
    texts["data/README.md"] = _tables()
    return {name: texts[name] for name in _WHAT}


def _settings(project: Path, *, company: str, currency: str) -> str:
    """upstep.yaml, with a commented setting for each question that no table in the folder answers."""
    text = (_TEMPLATES / "upstep.yaml").read_text(encoding="utf-8")
    name = re.sub(r'(["\\])', r"\\\1", company)
    text = text.replace("COMPANY", f'"{name}"').replace("CURRENCY", currency)
    return text.replace("# OPEN_QUESTIONS\n", "".join(_open_questions(_connected(project))))


def _connected(project: Path) -> set[str]:
    """Tables that lie in data/ already."""
    from upstep.tables.schema import TABLES

    folder = project / "data"
    names = {path.name.partition(".")[0] for path in folder.iterdir()} if folder.is_dir() else set()
    return names & set(TABLES)


def _open_questions(connected: set[str]) -> Iterable[str]:
    """A commented setting for each gate that would be unknown."""
    from upstep.plays.gates import GATES, Answer

    for gate in GATES.values():
        if gate.without is Answer.UNKNOWN and not connected & set(gate.tables):
            question = gate.question.replace("{name}", "the account").replace("{product_id}", "the product")
            yield f"#   # {question} Else answered by the table {' or '.join(gate.tables)}.\n"
            yield f"#   {gate.id}: {{without_data: allow, because: …}}\n"


def _tables() -> str:
    """Which files data/ may hold, from the canonical tables."""
    from upstep.tables.schema import REQUIRED_TABLES, TABLES

    lines = [
        "# Tables",
        "",
        "Put CSV, Parquet or JSON-lines files here, named as these tables (`account.csv`, `usage.parquet`, …).",
        f"Needed are {', '.join(REQUIRED_TABLES)}; every other table settles more. Times are UTC; money is in whole",
        "minor units (cents). Columns marked * are needed; others may be left out.",
        "",
    ]
    for table in TABLES.values():
        columns = ", ".join(column.name + ("*" if column.required else "") for column in table.columns)
        needed = " (needed)" if table.name in REQUIRED_TABLES else ""
        lines += [f"- **{table.name}**{needed}, one row per {table.grain}: {columns}"]
    return "\n".join(lines) + "\n"
