"""upstep confirm: a person answers what no table can."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from upstep.cli.options import HERE, AsJson, DryRun, ProjectFolder, instant
from upstep.cli.terminal import grid, next_command, print_json, show
from upstep.errors import ConfigError, Fault, did_you_mean

if TYPE_CHECKING:
    from upstep.engine.project import Project
    from upstep.state.answers import Answer


def confirm(  # noqa: PLR0913 - a command's parameters are its options
    account: Annotated[str | None, typer.Argument(metavar="ACCOUNT", help="Its id, or a part of its name.")] = None,
    gate: Annotated[str | None, typer.Argument(metavar="GATE", help="The gate, such as open_issue.")] = None,
    answer: Annotated[
        str | None, typer.Argument(metavar="clear|holds", help="clear: nothing is in the way; holds: wait.")
    ] = None,
    *,
    because: Annotated[str | None, typer.Option(help="How you know.", metavar="TEXT")] = None,
    until: Annotated[str | None, typer.Option(metavar="T", help="The answer lapses then. Default: never.")] = None,
    list_all: Annotated[bool, typer.Option("--list", help="List the answers that stand.")] = False,
    project: ProjectFolder = HERE,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Answer a gate's question about one account, with the reason; or list what was answered."""
    from upstep.engine.project import Project

    opened = Project(project)
    _ = opened.settings
    if list_all:
        _list(opened, as_json=as_json)
        return
    given = _given(opened, (account, gate, answer, because), instant(until, "--until"))
    is_new = False if dry_run else _record(opened, given)
    if as_json:
        print_json({"recorded": is_new, "answer": _shape(given)})
        return
    show(f"{given.account_id}: {given.gate} is {_said(given)}, because {given.because}.")
    if dry_run:
        show("Nothing was written (--dry-run).")
    elif not is_new:
        show("That was the answer already.")
    next_command("decide", "--account", given.account_id, project=project)


def _given(
    project: Project, words: tuple[str | None, str | None, str | None, str | None], until: datetime | None
) -> Answer:
    """The answer that the words make.

    Raises:
        ConfigError: With everything that is missing or unknown.
    """
    import getpass

    from upstep.clock import now
    from upstep.engine.deciding.explain import find_account
    from upstep.plays.gates import GATES
    from upstep.state.answers import Answer, Said

    account, gate, answer, because = words
    faults = []
    if not account or not gate or not answer:
        faults.append(Fault("confirm", "needs an account, a gate and clear or holds.", _EXAMPLE))
    if gate and gate not in GATES:
        faults.append(Fault("GATE", f"'{gate}' is not known.", did_you_mean(gate, GATES)))
    if answer and answer not in (Said.CLEAR, Said.HOLDS):
        faults.append(Fault("ANSWER", f"'{answer}' is neither clear nor holds.", "clear: nothing is in the way."))
    if not because or not because.strip():
        faults.append(Fault("--because", "is missing.", "Say how you know; it stands beside the decision."))
    at = now()
    if until is not None and until <= at:
        faults.append(Fault("--until", "lies in the past, so the answer would not count.", "Name a later day."))
    if faults or not (account and gate and answer and because):
        raise ConfigError(faults)
    found = find_account(project, account)
    return Answer(found, gate, Said(answer), because.strip(), until, at, getpass.getuser())


_EXAMPLE = "For example: upstep confirm acme open_issue clear --because 'asked their admin'."


def _record(project: Project, given: Answer) -> bool:
    from upstep.engine.project import open_project_state
    from upstep.state.answers import record_answer
    from upstep.state.session import writing

    engine = open_project_state(project)
    try:
        with writing(engine) as connection:
            return record_answer(connection, given)
    finally:
        engine.dispose()


def _standing(project: Project) -> list[Answer]:
    from upstep.clock import now
    from upstep.engine.project import open_project_state
    from upstep.state.answers import answers
    from upstep.state.session import reading

    if not project.has_state:
        return []
    engine = open_project_state(project)
    try:
        with reading(engine) as connection:
            return answers(connection, at=now())
    finally:
        engine.dispose()


def _list(project: Project, *, as_json: bool) -> None:
    found = _standing(project)
    if as_json:
        print_json({"answers": [_shape(one) for one in found]})
        return
    if not found:
        show("Nothing was answered yet.")
    else:
        rows = [(one.account_id, one.gate, _said(one), one.because, one.recorded_by) for one in found]
        show(grid(rows, header=("account", "gate", "answer", "because", "by")))
    next_command("decide", project=project.folder)


def _said(one: Answer) -> str:
    return one.answer.value + (f" until {one.until:%Y-%m-%d}" if one.until else "")


def _shape(one: Answer) -> dict[str, Any]:
    from dataclasses import asdict

    from upstep.cli.shapes import plain

    shape: dict[str, Any] = plain({**asdict(one), "answer": one.answer.value})
    return shape
