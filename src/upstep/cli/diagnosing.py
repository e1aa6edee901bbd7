"""upstep doctor: what this installation and this project are made of, and who writes just now."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from upstep.cli.options import HERE, AsJson, DryRun, ProjectFolder
from upstep.cli.terminal import counted, grid, next_command, print_json, show
from upstep.errors import UpstepError

if TYPE_CHECKING:
    import sqlalchemy as sa

_LIBRARIES = ("duckdb", "deltalake", "pyarrow", "ibis-framework", "sqlglot", "sqlalchemy", "numpy")


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. ``is_well`` None: nothing to say of it yet."""

    subject: str
    is_well: bool | None
    found: str


def doctor(
    *,
    repair: Annotated[bool, typer.Option("--repair", help="Put right what a kill or a full disk left behind.")] = False,
    project: ProjectFolder = HERE,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Say which versions run, what state the project is in and who writes. Exit code 1 when something is amiss."""
    mended = _repair(project) if repair and not dry_run else []
    findings = [*_looks(project), *_left_behind(project)]
    if as_json:
        shapes = [asdict(finding) for finding in findings]
        print_json({"versions": _versions(), "findings": shapes, "repaired": [asdict(one) for one in mended]})
    else:
        show(", ".join(f"{name} {version}" for name, version in _versions().items()), "")
        words = {True: "well", False: "AMISS", None: "-"}
        show(grid([(finding.subject, words[finding.is_well], finding.found) for finding in findings]), "")
        for one in mended:
            show(f"Repaired: {one.subject} ({one.found}).")
        next_command(_next(findings), project=project)
    if any(finding.is_well is False for finding in findings):
        raise typer.Exit(1)


def _repair(folder: Path) -> list[Finding]:
    import getpass

    from upstep.clock import now
    from upstep.engine.keeping.repairing import repair
    from upstep.engine.project import Project

    mended = repair(Project(folder), by=getpass.getuser(), now=now())
    return [Finding(one.what, True, f"{one.count:,}") for one in mended]  # noqa: FBT003 - well now


def _left_behind(folder: Path) -> Iterator[Finding]:
    """What ``--repair`` would put right; none of it stops the program."""
    from upstep.clock import now
    from upstep.engine.keeping.repairing import look
    from upstep.engine.project import Project

    if not (folder / ".upstep").is_dir():
        return
    try:
        for one in look(Project(folder), now=now()):
            yield Finding("left behind", None, f"{one.what}: {one.count:,}; upstep doctor --repair puts it right")
    except UpstepError as error:
        yield Finding("left behind", None, str(error).splitlines()[0])


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    from upstep import __version__

    libraries = {name: version(name) for name in _LIBRARIES}
    return {"upstep": __version__, "python": platform.python_version(), **libraries}


def _looks(folder: Path) -> Iterator[Finding]:
    looks: tuple[tuple[str, Callable[[Path], Iterator[Finding]]], ...] = (
        ("settings", _settings),
        ("catalog", _catalog),
        ("plays", _plays),
        ("facts", _facts),
        ("state", _state),
        ("keys", _keys),
        ("writer", _writer),
    )
    for subject, look in looks:
        try:
            yield from look(folder)
        except UpstepError as error:
            yield Finding(subject, False, str(error).splitlines()[0])  # noqa: FBT003 - amiss


def _settings(folder: Path) -> Iterator[Finding]:
    from upstep.config import load_settings

    settings = load_settings(folder)
    yield Finding("settings", True, f"{settings.company}, {settings.currency}, {settings.time_zone}")  # noqa: FBT003 - well
    for assumption in settings.assumptions:
        yield Finding("assumed", None, f"{assumption.gate} is clear without data: {assumption.because}")


def _catalog(folder: Path) -> Iterator[Finding]:
    from upstep.catalog.load import load_catalog

    catalog = load_catalog(folder / "catalog.yaml")
    plans = counted(len(list(catalog.plans())), "plan")
    told = f"{counted(len(catalog.products), 'product')}, {plans}, {counted(len(catalog.meters), 'meter')}"
    yield Finding("catalog", True, told)  # noqa: FBT003 - well


def _plays(folder: Path) -> Iterator[Finding]:
    from upstep.engine.project import Project

    project = Project(folder)
    off = f", {len(project.settings.plays_off)} off" if project.settings.plays_off else ""
    yield Finding("plays", True, counted(len(project.playbook.plays), "play") + off)  # noqa: FBT003 - well


def _facts(folder: Path) -> Iterator[Finding]:
    from upstep.clock import from_seconds
    from upstep.tables.lake import read_manifest
    from upstep.tables.schema import REQUIRED_TABLES

    manifest = read_manifest(folder)
    if not manifest.connected:
        yield Finding("facts", None, "nothing is loaded yet")
        return
    missing = [name for name in REQUIRED_TABLES if name not in manifest.connected]
    told = f"{counted(len(manifest.connected), 'table')}" + (
        f", needed and missing: {', '.join(missing)}" if missing else ""
    )
    yield Finding("facts", not missing, told)
    for name, connected in manifest.connected.items():
        stored = manifest.tables.get(name)
        through = from_seconds(connected.complete_through)
        kept = sum(connected.faults.values()) if connected.rows_aside is None else connected.rows_aside
        aside = f", {kept:,} kept aside" if kept else ""
        rows = counted(stored.rows if stored else 0, "row")
        yield Finding(f"  {name}", None, f"{rows}, complete through {through:%Y-%m-%d %H:%M}{aside}")


def _state(folder: Path) -> Iterator[Finding]:
    from upstep.engine.project import Project, open_project_state

    project = Project(folder)
    if not project.has_state:
        yield Finding("state", None, "no answers and no offers yet")
        return
    import sqlalchemy as sa

    from upstep.clock import now
    from upstep.state import tables
    from upstep.state.answers import answers
    from upstep.state.session import reading

    engine = open_project_state(project)
    try:
        with reading(engine) as connection:
            count = len(answers(connection, at=now()))
            status = tables.message.c.status
            by_status = sa.select(status, sa.func.count()).group_by(status)
            messages: dict[str, int] = {name: int(many) for name, many in connection.execute(by_status)}
            untied = _untied(connection) if project.settings.channels.hubspot else 0
    finally:
        engine.dispose()
    place = "Postgres" if project.settings.state else "SQLite"
    yield Finding("state", True, f"{place}: {counted(count, 'answer')} of people stand")  # noqa: FBT003 - well
    if messages:
        waiting = messages.get("queued", 0) + messages.get("held", 0)
        told = f"{messages.get('sent', 0):,} sent, {waiting:,} wait, {messages.get('parked', 0):,} parked for a person"
        yield Finding("messages", None, told)
    if untied:
        told = f"{counted(untied, 'task')} made without a company; data/account_ids.csv or company_property names it"
        yield Finding("hubspot", None, told)


def _untied(connection: sa.Connection) -> int:
    """How many tasks HubSpot took without a company."""
    import sqlalchemy as sa

    from upstep.delivery.hubspot import UNTIED
    from upstep.state import tables

    tried = tables.attempt.c
    asked = sa.select(sa.func.count()).where(tried.result == "sent", tried.detail.contains(f"; {UNTIED}"))
    return int(connection.execute(asked).scalar_one())


def _keys(folder: Path) -> Iterator[Finding]:
    """Keys of servers that pages send."""
    from upstep.cli.keys import leak
    from upstep.clock import now
    from upstep.engine.project import Project, open_project_state
    from upstep.state.keys import list_keys

    project = Project(folder)
    if not project.has_state:
        return
    engine = open_project_state(project)
    try:
        good = [one for one in list_keys(engine) if one.is_good(now())]
    finally:
        engine.dispose()
    leaked = [one for one in good if one.is_leaked]
    for one in leaked:
        yield Finding("keys", False, leak(one))  # noqa: FBT003 - amiss
    if good and not leaked:
        yield Finding("keys", True, f"{counted(len(good), 'key')}, none for servers came from a page")  # noqa: FBT003 - well


def _writer(folder: Path) -> Iterator[Finding]:
    """Asks for the lock and gives it back at once."""
    if not (folder / ".upstep").is_dir():
        yield Finding("writer", None, "nobody writes")
        return
    from upstep.clock import now
    from upstep.errors import BusyError
    from upstep.tables.lock import writer_lock

    try:
        with writer_lock(folder, command="upstep doctor", now=now()):
            yield Finding("writer", None, "nobody writes")
    except BusyError as busy:
        yield Finding("writer", None, f"{busy.holder} is writing")


def _next(findings: list[Finding]) -> str:
    by_subject = {finding.subject: finding for finding in findings}
    if by_subject["settings"].is_well is not True:
        return "init"
    facts = by_subject.get("facts")
    return "decide" if facts and facts.is_well else "load"
