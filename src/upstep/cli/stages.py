"""upstep stage: open a step that a person sells, move it from stage to stage, close it; who, when and why is kept."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from upstep.cli.options import HERE, AsJson, ProjectFolder, instant
from upstep.cli.terminal import counted, grid, heading, indented, next_command, print_json, show
from upstep.errors import ConfigError, Fault

if TYPE_CHECKING:
    from upstep.engine.project import Project
    from upstep.planning.stages import Deed, Opportunity, Refused

app = typer.Typer(help="The stages of what a person sells: upsell and cross-sell apart.", no_args_is_help=True)

OpportunityId = Annotated[str, typer.Argument(metavar="ID", help="The opportunity, as 'stage list' names it.")]
Because = Annotated[str, typer.Option(metavar="TEXT", help="Why; it is kept beside who and when.")]
On = Annotated[str | None, typer.Option("--on", metavar="T", help="When it happened. Default: now.")]
Amount = Annotated[
    str | None, typer.Option(metavar="N", help="A year's amount in the account's currency, as 200000 or 200000.00.")
]


@app.command("open")
def open_stage(  # noqa: PLR0913 - a command's parameters are its options
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="Its id, or a part of its name.")],
    play: Annotated[list[str], typer.Argument(metavar="PLAY", help="The play whose step it is.")],
    *,
    because: Because = "",
    owner: Annotated[str | None, typer.Option(metavar="OWNER", help="Who leads it. Default: the owner.")] = None,
    amount: Amount = None,
    on: On = None,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Open a step as an opportunity at the first stage of its motion; refused while it waits."""
    from upstep.engine.deciding.explain import find_account
    from upstep.engine.planning.selling import Wanted, open_step
    from upstep.planning.stages import Refused

    opened, deed = _open(project), _deed(because, on)
    account_id = find_account(opened, account)
    wanted = Wanted(account_id, tuple(dict.fromkeys(play)), owner, _minor(amount, opened.settings.currency))
    answer = open_step(opened, wanted, deed)
    if isinstance(answer, Refused):
        _refuse(answer, as_json=as_json)
        return
    found, is_new = answer
    if not is_new and not as_json:
        show("It is open already.")
    _told(found, project, as_json=as_json)


@app.command("move")
def move_stage(
    opportunity: OpportunityId,
    stage: Annotated[str, typer.Argument(metavar="STAGE", help="The next stage of its motion, or one before.")],
    *,
    because: Because = "",
    contact: Annotated[str | None, typer.Option(metavar="CONTACT", help="Whom the move names: the champion.")] = None,
    on: On = None,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Move an opportunity one stage ahead, or back."""
    from upstep.engine.planning.selling import move
    from upstep.planning.stages import Refused

    answer = move(_open(project), opportunity, stage, _deed(because, on, contact))
    if isinstance(answer, Refused):
        _refuse(answer, as_json=as_json)
        return
    _told(answer, project, as_json=as_json)


@app.command("close")
def close_stage(  # noqa: PLR0913 - a command's parameters are its options
    opportunity: OpportunityId,
    outcome: Annotated[str, typer.Argument(metavar="won|lost", help="How it ended.")],
    *,
    because: Because = "",
    amount: Amount = None,
    contract: Annotated[str | None, typer.Option(metavar="REF", help="What was signed; motions share none.")] = None,
    paper: Annotated[str, typer.Option(help="What it was signed on: order or amendment.")] = "order",
    on: On = None,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Close an opportunity: won at an amount a year, or lost."""
    from upstep.engine.planning.selling import close, find
    from upstep.planning.stages import Refused

    opened, deed = _open(project), _deed(because, on)
    found = find(opened, opportunity)
    _check_closing(outcome, amount, paper)
    won = _minor(amount, found.currency) if outcome == "won" else None
    answer = close(opened, opportunity, deed, won_minor=won, contract=contract, paper=paper)
    if isinstance(answer, Refused):
        _refuse(answer, as_json=as_json)
        return
    _told(answer, project, as_json=as_json)


def _check_closing(outcome: str, amount: str | None, paper: str) -> None:
    from upstep.errors import did_you_mean
    from upstep.planning.stages import PAPERS

    faults = []
    if outcome not in ("won", "lost"):
        faults.append(Fault("OUTCOME", f"'{outcome}' is neither won nor lost."))
    if outcome == "won" and amount is None:
        faults.append(Fault("--amount", "is missing.", "Say what a year of it is worth: --amount 200000."))
    if paper not in PAPERS:
        faults.append(Fault("--paper", f"'{paper}' is not known.", did_you_mean(paper, PAPERS)))
    if faults:
        raise ConfigError(faults)


@app.command("list")
def list_stages(
    *,
    account: Annotated[str | None, typer.Option(metavar="A", help="Only this account.")] = None,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """List what is open, won and lost, upsell and cross-sell apart."""
    from upstep.clock import now
    from upstep.engine.deciding.explain import find_account
    from upstep.engine.planning.selling import read_opportunities

    opened = _open(project)
    account_id = None if account is None else find_account(opened, account)
    found = read_opportunities(opened, account_id=account_id)
    if as_json:
        print_json({"opportunities": [shape(one) for one in found], "won": won(found)})
        return
    if not found:
        show("Nothing was opened yet.")
        next_command("decide", project=project)
        return
    for word, is_cross in (("UPSELL", False), ("CROSS-SELL", True)):
        mine = [one for one in found if (one.motion == "cross_sell") == is_cross]
        if mine:
            _show_motion(word, mine, now=now())
    next_command("stage", "show", found[-1].opportunity_id, project=project)


@app.command("show")
def show_stage(opportunity: OpportunityId, *, project: ProjectFolder = HERE, as_json: AsJson = False) -> None:
    """Show one opportunity with every move: who, when and why."""
    from upstep.engine.planning.selling import find

    _told(find(_open(project), opportunity), project, as_json=as_json)


def won(found: list[Opportunity]) -> list[dict[str, Any]]:
    """What was won a year, by motion and currency."""
    totals: dict[tuple[str, str], int] = {}
    for one in found:
        if one.won_minor is not None:
            key = (one.motion, one.currency)
            totals[key] = totals.get(key, 0) + one.won_minor
    return [
        {"motion": motion, "currency": currency, "won_minor": total}
        for (motion, currency), total in sorted(totals.items())
    ]


def shape(one: Opportunity) -> dict[str, Any]:
    """An opportunity as JSON."""
    from dataclasses import asdict

    from upstep.cli.shapes import plain

    told: dict[str, Any] = plain(asdict(one))
    return told


def _show_motion(word: str, mine: list[Opportunity], *, now: datetime) -> None:
    from upstep.money import format_minor

    show("", heading(word, counted(sum(one.is_open for one in mine), "open one")))
    rows = []
    for one in mine:
        amount = one.won_minor if one.won_minor is not None else one.expected_minor
        days = ((one.closed_at or now) - one.opened_at).days
        late = ", over its expected length" if one.is_open and now > one.expected_at else ""
        worth = format_minor(amount, one.currency) if amount is not None else "–"
        rows.append(
            (
                one.account_id,
                one.target,
                one.stage,
                one.owner_id or "–",
                worth,
                f"{days} days{late}",
                one.opportunity_id,
            )
        )
    show(grid(rows, header=("account", "step", "stage", "led by", "a year", "for", "id"), right=(4,)))


def _told(one: Opportunity, project: Path, *, as_json: bool) -> None:
    if as_json:
        print_json({"opportunity": shape(one), "refused": None})
        return
    show(f"{one.opportunity_id}: {one.account_id}, {one.motion} to {one.target}, at {one.stage}.")
    for step in one.moves:
        named = f" ({step.contact_id})" if step.contact_id else ""
        show(indented(f"{step.changed_at:%Y-%m-%d}  {step.to_stage}{named}: {step.why}; {step.who}", 2))
    if one.is_open:
        _next_stage(one, project)


def _next_stage(one: Opportunity, project: Path) -> None:
    from upstep.planning.stages import STAGES

    stages = list(STAGES[one.motion])
    place = stages.index(one.stage)
    show(f"  Expected by {one.expected_at:%Y-%m-%d}.")
    if place + 1 < len(stages):
        why = STAGES[one.motion][stages[place + 1]]
        next_command("stage", "move", one.opportunity_id, stages[place + 1], "--because", "…", project=project, why=why)
    else:
        next_command("stage", "close", one.opportunity_id, "won", "--amount", "…", "--because", "…", project=project)


def _refuse(answer: Refused, *, as_json: bool) -> None:
    if as_json:
        print_json({"opportunity": None, "refused": answer.why})
    else:
        show(f"Not done. {answer.why}")
    raise typer.Exit(1)


def _deed(because: str, on: str | None, contact: str | None = None) -> Deed:
    import getpass

    from upstep.clock import now
    from upstep.planning.stages import Deed

    at, present = instant(on, "--on"), now()
    if not because.strip():
        raise ConfigError(Fault("--because", "is missing.", "Say why; it is kept beside who and when."))
    if at is not None and at > present:
        raise ConfigError(Fault("--on", f"{at:%Y-%m-%d} lies ahead.", "Record it when it has happened."))
    return Deed(getpass.getuser(), at or present, because.strip(), contact)


def _minor(amount: str | None, currency: str) -> int | None:
    """A year's amount as typed, in minor units."""
    from upstep.money import CURRENCIES

    if amount is None:
        return None
    try:
        value = Decimal(amount.replace(",", "").replace("_", "")).scaleb(CURRENCIES[currency])
    except InvalidOperation:
        value = Decimal("NaN")
    if not value.is_finite() or value < 0 or value != value.to_integral_value():
        raise ConfigError(Fault("--amount", f"'{amount}' is no amount of {currency.upper()}.", "Write 200000."))
    return int(value)


def _open(folder: Path) -> Project:
    from upstep.engine.project import Project

    opened = Project(folder)
    _ = opened.settings, opened.catalog  # their faults come before any work
    return opened
