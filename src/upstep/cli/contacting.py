"""upstep reply, holds and consent: what people said about being written to, and what stands in the way of writing."""

from __future__ import annotations

import getpass
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from upstep.cli.groups import listing_group
from upstep.cli.options import HERE, AsJson, DryRun, ProjectFolder, instant
from upstep.cli.terminal import grid, next_command, print_json, show
from upstep.errors import ConfigError, Fault

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from upstep.engine.project import Project
    from upstep.state.holds import Hold

Account = Annotated[str, typer.Argument(metavar="ACCOUNT", help="Its id, or a part of its name.")]
Because = Annotated[str, typer.Option(metavar="TEXT", help="What happened; it stands beside the hold.")]
Contact = Annotated[str | None, typer.Option(metavar="CONTACT", help="A contact's id.")]


def list_holds(
    *,
    account: Annotated[str | None, typer.Option(metavar="A", help="Only this account.")] = None,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """List what stands in the way of writing to accounts and people, oldest first."""
    from upstep.engine.deciding.explain import find_account

    opened = _open(project)
    accounts = None if account is None else [find_account(opened, account)]
    found = _standing(opened, accounts)
    if as_json:
        print_json({"holds": [_shape(one) for one in found]})
        return
    if not found:
        show("Nobody is held.")
        return
    rows = [
        (str(one.hold_id), one.account_id, one.contact_id or "everybody", one.kind.value, _until(one), one.why)
        for one in found
    ]
    show(grid(rows, header=("id", "account", "who", "kind", "until", "why")))
    next_command("holds", "lift", str(found[0].hold_id), project=project, why="once it has been dealt with")


def _until(one: Hold) -> str:
    return f"{one.until:%Y-%m-%d}" if one.until else "it is lifted"


holds = listing_group("What stands in the way of writing to an account or a person.", list_holds)


def reply(
    account: Account,
    *,
    because: Because = "",
    contact: Contact = None,
    project: ProjectFolder = HERE,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Somebody of the account wrote back: nothing more is sent there until the owner has acted."""
    from upstep.state.holds import HoldKind

    given = _Given(account, None, HoldKind.REPLY, f"{contact}: {because}" if contact and because else because, None)
    _hold(given, project, dry_run=dry_run, as_json=as_json)


@holds.command("add")
def add_hold(
    account: Account,
    *,
    because: Because = "",
    contact: Contact = None,
    until: Annotated[str | None, typer.Option(metavar="T", help="It ends then. Default: when it is lifted.")] = None,
    project: ProjectFolder = HERE,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Write nothing more to an account, or to one contact of it."""
    from upstep.state.holds import HoldKind

    given = _Given(account, contact, HoldKind.PERSON, because, instant(until, "--until"))
    _hold(given, project, dry_run=dry_run, as_json=as_json)


@dataclass(frozen=True)
class _Given:
    """A hold as it was typed."""

    account: str
    contact: str | None
    kind: str
    because: str
    until: datetime | None


def _hold(given: _Given, folder: Path, *, dry_run: bool, as_json: bool) -> None:
    from upstep.clock import now
    from upstep.engine.deciding.explain import find_account
    from upstep.engine.project import open_project_state
    from upstep.state.holds import record_hold
    from upstep.state.session import writing

    if not given.because.strip():
        raise ConfigError(Fault("--because", "is missing.", "Say what happened; it stands beside the hold."))
    project = _open(folder)
    account, who = find_account(project, given.account), getpass.getuser()
    why = given.because.strip()
    is_new = False
    if not dry_run:
        engine = open_project_state(project)
        with writing(engine) as connection:
            is_new = record_hold(
                connection,
                account,
                kind=given.kind,
                why=why,
                by=who,
                now=now(),
                contact_id=given.contact,
                until=given.until,
            )
        engine.dispose()
    if as_json:
        print_json({"recorded": is_new, "account_id": account, "contact_id": given.contact, "kind": given.kind})
        return
    to_whom = f"{given.contact} of {account}" if given.contact else account
    show(f"Nothing more is sent to {to_whom}, because {why}.")
    if dry_run:
        show("Nothing was written (--dry-run).")
    elif not is_new:
        show("That was so already.")
    next_command("holds", "list", project=folder, why="shows what is held, and how to lift it")


@holds.command("lift")
def lift(
    hold_id: Annotated[int, typer.Argument(metavar="ID", help="From: upstep holds list.")],
    *,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Lift a hold: it was dealt with, and the account or person may be written to again."""
    from upstep.clock import now
    from upstep.engine.project import open_project_state
    from upstep.state.holds import lift_hold
    from upstep.state.session import writing

    opened, at = _open(project), now()
    engine = open_project_state(opened)
    with writing(engine) as connection:
        found = lift_hold(connection, hold_id, by=getpass.getuser(), now=at)
    engine.dispose()
    if found is None:
        raise ConfigError(Fault(f"hold {hold_id}", "is not known here.", "`upstep holds list` lists those that stand."))
    if as_json:
        print_json({"lifted": found.stands(at), "hold": _shape(found)})
        return
    show(f"{found.account_id} may be written to again." if found.stands(at) else "That one stood no more.")
    next_command("decide", "--account", found.account_id, project=project)


def consent(
    contact: Annotated[str, typer.Argument(metavar="CONTACT", help="The contact's id.")],
    purpose: Annotated[str, typer.Argument(metavar="sales|service", help="What may be written about.")],
    answer: Annotated[str, typer.Argument(metavar="yes|no", help="What they said.")],
    *,
    source: Annotated[str, typer.Option(metavar="TEXT", help="Where they said it.")] = "",
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Record what a person said about being written to; their latest word counts."""
    from upstep.clock import now
    from upstep.engine.project import open_project_state
    from upstep.state.consents import PURPOSES, record_consent
    from upstep.state.session import writing

    opened = _open(project)
    faults = []
    if purpose not in PURPOSES:
        faults.append(Fault("PURPOSE", f"'{purpose}' is neither sales nor service.", "sales: prices; service: use."))
    if answer not in ("yes", "no"):
        faults.append(Fault("ANSWER", f"'{answer}' is neither yes nor no.", "no is what an unsubscribe says."))
    if not source.strip():
        faults.append(Fault("--source", "is missing.", "Say where they said it; it stands beside their word."))
    if faults:
        raise ConfigError(faults)
    engine = open_project_state(opened)
    with writing(engine) as connection:
        is_new = record_consent(
            connection, contact, purpose=purpose, is_given=answer == "yes", source=source.strip(), now=now()
        )
    engine.dispose()
    if as_json:
        print_json({"recorded": is_new, "contact_id": contact, "purpose": purpose, "is_given": answer == "yes"})
        return
    show(f"{contact} {'agrees' if answer == 'yes' else 'does not agree'} to {purpose} messages ({source.strip()}).")
    if not is_new:
        show("That was their word already.")


def _standing(project: Project, accounts: Sequence[str] | None) -> list[Hold]:
    from upstep.clock import now
    from upstep.engine.project import open_project_state
    from upstep.state.holds import holds_of
    from upstep.state.session import reading

    engine = open_project_state(project)
    try:
        with reading(engine) as connection:
            return holds_of(connection, accounts, now=now())
    finally:
        engine.dispose()


def _open(folder: Path) -> Project:
    from upstep.engine.project import Project

    project = Project(folder)
    _ = project.settings
    return project


def _shape(one: Hold) -> dict[str, Any]:
    from upstep.engine.deciding.shapes import plain

    return {name: plain(value) for name, value in asdict(one).items() if not name.startswith("lifted")}
