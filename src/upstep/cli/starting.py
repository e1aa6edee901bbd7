"""upstep init: a commented project folder that loads as it is, to be filled with what a company sells and knows."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from upstep.cli.options import HERE, AsJson, DryRun, ProjectFolder
from upstep.cli.terminal import counted, grid, next_command, print_json, show
from upstep.errors import ConfigError, Fault

if TYPE_CHECKING:
    from upstep.engine.intake.connecting import Connected

_TEMPLATES = Path(__file__).parent / "templates"
_FROM_TEMPLATE = ("catalog.yaml", "mapping.example.yaml", "plays/README.md", "messages/README.md")
_WHAT = {
    "upstep.yaml": "currency, time zone, and what to do where nobody knows",
    "catalog.yaml": "what you sell: plans, prices, limits",
    "mapping.yaml": "what your connectors land -> our tables",
    "mapping.example.yaml": "your tables and columns -> ours; copy it to mapping.yaml",
    "data/account_ids.csv": "which account of yours another system's id is",
    "data/README.md": "which files to put here when they are named as our tables",
    "plays/README.md": "your own plays",
    "messages/README.md": "your own words",
}


def init(
    *,
    project: ProjectFolder = HERE,
    company: Annotated[str | None, typer.Option(metavar="NAME", help="Default: the folder's name.")] = None,
    currency: Annotated[str, typer.Option(metavar="CODE", help="The company's currency, such as eur.")] = "usd",
    from_: Annotated[
        list[str] | None,
        typer.Option(
            "--from",
            metavar="CONNECTOR",
            help="Map what this connector lands, such as stripe_connector; may be repeated, the weightiest first.",
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="WHERE", help="Where it lands: a folder, a DuckDB file, or '${NAME}' of a Postgres address."
        ),
    ] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Write a project folder to start from, with a catalog that loads. Nothing is overwritten."""
    code = _currency(currency)
    connected = _connect(from_, data=data, project=project, currency=code)
    texts = _texts(project, company=company or project.resolve().name, currency=code, connected=connected)
    there = [name for name in texts if (project / name).exists()]
    if there:
        advice = "Nothing was written. Name another folder with --project, or move them away."
        raise ConfigError(Fault(str(project), f"has {', '.join(there)} already.", advice))
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
    if connected is None:
        show("Describe your plans in catalog.yaml and put your tables into data/ or name them in mapping.yaml.")
    else:
        _show_connected(connected)
    next_command("load", project=project)


def _connect(names: list[str] | None, *, data: str | None, project: Path, currency: str) -> Connected | None:
    """What the named connectors land, or None without any."""
    if not names:
        if data is not None:
            advice = "Add --from and the connector that lands there, such as --from stripe_connector."
            raise ConfigError(Fault("--data", "goes with --from.", advice))
        return None
    from upstep.engine.intake.connecting import connect

    return connect(names, data=data, project=project, currency=currency)


def _show_connected(connected: Connected) -> None:
    """Which of our tables are filled, by whom, and what is left to a person."""
    from upstep.tables.schema import REQUIRED_TABLES

    rows = [(table, f"from {name}") for table, name in connected.tables.items()]
    show(grid([*rows, *((table, f"not filled. {why}.") for table, why in connected.left)]), "")
    missing = [table for table in REQUIRED_TABLES if table not in connected.tables]
    if missing:
        show(f"Nothing can be decided without {' and '.join(missing)}: to be added to mapping.yaml.")
    if "catalog.yaml" in connected.texts:
        show(
            "Please add to catalog.yaml what nobody has landed: limits, features, first values, what belongs together."
        )
    else:
        show("catalog.yaml is an example: describe what you sell under the ids that your billing has.")


def _currency(code: str) -> str:
    from upstep.money import CURRENCIES, meant_currency

    if code.lower() not in CURRENCIES:
        raise ConfigError(Fault("--currency", f"'{code}' is not known.", meant_currency(code)))
    return code.lower()


def _texts(project: Path, *, company: str, currency: str, connected: Connected | None) -> dict[str, str]:
    """File name to text, in reading order."""
    filled = _connected(project) | set(connected.tables if connected else ())
    texts = {"upstep.yaml": _settings(company=company, currency=currency, connected=filled)}
    for name in _FROM_TEMPLATE:
        texts[name] = (_TEMPLATES / name.replace("/", "_")).read_text(encoding="utf-8").replace("CURRENCY", currency)
    texts["data/README.md"] = _tables()
    if connected is not None:
        del texts["mapping.example.yaml"]
        texts |= connected.texts
    return {name: texts[name] for name in _WHAT if name in texts}


def _settings(*, company: str, currency: str, connected: set[str]) -> str:
    """upstep.yaml, with a commented setting for each question that no connected table answers."""
    text = (_TEMPLATES / "upstep.yaml").read_text(encoding="utf-8")
    name = re.sub(r'(["\\])', r"\\\1", company)
    text = text.replace("COMPANY", f'"{name}"').replace("CURRENCY", currency)
    return text.replace("# OPEN_QUESTIONS\n", "".join(_open_questions(connected)))


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
            question = gate.question.replace("{name}", "the account").replace("{product_name}", "the product")
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
