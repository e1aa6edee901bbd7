"""upstep offers and deliver: an eligible step becomes an offer at a locked price, and a message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from upstep.cli.deciding import run_decide
from upstep.cli.options import HERE, AsJson, AsOf, DryRun, ProjectFolder, instant
from upstep.cli.terminal import counted, grid, heading, next_command, print_json, progress, show

if TYPE_CHECKING:
    from upstep.billing.quote import Quote
    from upstep.delivery.outbox import Delivery, Parked
    from upstep.engine.deciding.decide import Run
    from upstep.engine.offering.opening import Openings, Refused
    from upstep.engine.project import Project

At = Annotated[str | None, typer.Option("--at", metavar="T", help="As if it were then. Default: now.")]


def offers(
    *,
    project: ProjectFolder = HERE,
    account: Annotated[list[str] | None, typer.Option(metavar="A", help="Only this account; may be repeated.")] = None,
    as_of: AsOf = None,
    at: At = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Open an offer at a locked price for every eligible self-serve step; queue notices, owners' tasks and help.

    What is open or queued already stays as it is.
    """
    from upstep.engine.offering import opening
    from upstep.engine.offering.beside import queue_beside
    from upstep.engine.project import Project, open_project_state
    from upstep.engine.quoting.biller import open_biller

    opened = Project(project)
    moment = _moment(at)
    run = run_decide(opened, as_of=instant(as_of, "--as-of"), names=account, dry_run=dry_run, quiet=as_json)
    if dry_run:
        _would_open(run, opened, as_json=as_json)
        return
    with progress(quiet=as_json) as tell:
        tell("quoting", 0.5)
        found = opening.open_offers(opened, run, provider=open_biller(opened, as_of=run.as_of), now=moment)
        tell("notices, tasks and help", 0.9)
        state = open_project_state(opened)
        queued = queue_beside(opened, state, run, now=moment)
        state.dispose()
    if as_json:
        from upstep.engine.offering.shapes import opened_offer

        shapes = [opened_offer(one) for one in found]
        refused = [asdict(one) for one in found.refused]
        print_json({"run_id": run.run_id, "offers": shapes, "refused": refused, **queued, "would": None})
        return
    _show_offers(found, opened, queued)


def _moment(at: str | None) -> datetime:
    from upstep.clock import now

    return instant(at, "--at") or now()


def _would_open(run: Run, project: Project, *, as_json: bool) -> None:
    from upstep.cli.sections import step_with_price
    from upstep.engine.deciding.explain import parsed
    from upstep.engine.offering.helping import is_help
    from upstep.engine.offering.tasks import is_task

    decided = run.decisions.to_pylist()
    rows = [
        parsed(row)
        for row in decided
        if row["is_winner"] and row["outcome"] == "eligible" and row["lane"] == row["path"] == "self_serve"
    ]
    would = {"offers": len(rows), "tasks": sum(map(is_task, decided)), "help": sum(map(is_help, decided))}
    if as_json:
        nothing = {"offers": [], "refused": [], "notices": 0, "tasks": 0, "help": 0}
        print_json({"run_id": run.run_id, **nothing, "would": would})
        return
    if rows:
        show(grid([(row["name"], step_with_price(row, project.catalog)) for row in rows]), "")
    told = f"{counted(len(rows), 'offer')}, {_tasks_and_help(would)} would stand"
    show(f"{told}. Nothing was written (--dry-run).")
    next_command("offers", project=project.folder)


def _tasks_and_help(counts: Mapping[str, int]) -> str:
    return f"{counted(counts['tasks'], 'task')} for owners and {counted(counts['help'], 'offer')} of help"


def _show_offers(found: Openings, project: Project, queued: Mapping[str, int]) -> None:
    rows = [
        (
            one.offer.offer_id,
            one.offer.account_id,
            one.offer.target,
            _now_and_then(one.quote),
            "new" if one.is_new else one.offer.status.value,
        )
        for one in found
    ]
    show(heading("OFFERS", "the price of each is locked until it expires"))
    if rows:
        show(grid(rows, header=("offer", "account", "step", "now, then", "")))
    new = sum(1 for one in found if one.is_new)
    show(
        "",
        f"{counted(new, 'offer')} opened, {len(found) - new:,} stood already;"
        f" {counted(queued['notices'], 'notice')} and {_tasks_and_help(queued)} queued.",
    )
    _show_refused(found.refused)
    next_command("deliver", project=project.folder, why="writes the messages to files")


REFUSED_SHOWN = 8


def _show_refused(refused: Sequence[Refused]) -> None:
    if not refused:
        return
    more = f"; {len(refused) - REFUSED_SHOWN:,} more with --json" if len(refused) > REFUSED_SHOWN else ""
    show(heading("NOT OFFERED", f"eligible, and why nothing was said{more}"))
    rows = [(one.account_id, one.target, one.why) for one in refused[:REFUSED_SHOWN]]
    show(grid(rows, header=("account", "step", "why")))


def _now_and_then(quote: Quote | None) -> str:
    from upstep.money import format_minor

    if quote is None:
        return "-"
    then = f"{format_minor(quote.next_invoice_minor, quote.currency)} on {quote.next_invoice_at:%Y-%m-%d}"
    return f"{format_minor(quote.due_now_minor, quote.currency)}, {then}"


def deliver(
    *,
    list_parked: Annotated[
        bool, typer.Option("--parked", help="List the messages that a person must look at.")
    ] = False,
    retry: Annotated[list[int] | None, typer.Option(metavar="ID", help="Try a parked message again.")] = None,
    project: ProjectFolder = HERE,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Send the messages that wait, as files until 'upstep live'; what holds an account is asked again first."""
    from upstep.clock import now
    from upstep.engine.contacting import sending
    from upstep.engine.contacting.channels import is_live
    from upstep.engine.project import Project

    opened = Project(project)
    _ = opened.settings
    if list_parked:
        _list_parked(opened, as_json=as_json)
        return
    if retry:
        _retry(opened, retry, now=_moment(at))
    with progress(quiet=as_json) as tell:
        tell("asking again what holds", 0.3)
        sent = sending.deliver(opened, now=_moment(at), clock=None if at else now)
    if as_json:
        print_json({"deliveries": [_delivery_shape(one) for one in sent]})
        return
    if not sent:
        show("No message waits.")
        next_command("offers", project=project)
        return
    for one in sent:
        show(f"  {one.message.account_id}  {one.result.value}  {one.detail}")
    show("", f"{counted(len(sent), 'message')}; {'live' if is_live(opened) else 'nothing left this machine'}.")
    if sent[0].message.offer_id:
        next_command("apply", sent[0].message.offer_id, project=project, why="says yes for the customer")


def _list_parked(project: Project, *, as_json: bool) -> None:
    from upstep.delivery import outbox
    from upstep.engine.project import open_project_state

    engine = open_project_state(project)
    found = outbox.parked(engine)
    engine.dispose()
    if as_json:
        print_json({"parked": [_parked_shape(one) for one in found]})
        return
    if not found:
        show("No message is parked.")
        return
    rows = [
        (str(one.message_id), one.message.account_id, one.message.channel, one.message.recipient, one.why)
        for one in found
    ]
    show(grid(rows, header=("id", "account", "channel", "to", "why")))
    unsure = sum(one.is_ambiguous for one in found)
    if unsure:
        show("", f"{counted(unsure, 'message')} may have left: ask the recipient, or look at the channel, first.")
    next_command("deliver", "--retry", str(found[0].message_id), project=project.folder, why="tries it again")


def _retry(project: Project, message_ids: Sequence[int], *, now: datetime) -> None:
    import getpass

    from upstep.delivery import outbox
    from upstep.engine.project import open_project_state
    from upstep.errors import ConfigError, Fault

    engine = open_project_state(project)
    unknown = [one for one in message_ids if not outbox.retry(engine, one, by=getpass.getuser(), now=now)]
    engine.dispose()
    if unknown:
        advice = "`upstep deliver --parked` lists those that are."
        raise ConfigError([Fault(f"--retry {one}", "no such message is parked.", advice) for one in unknown])


def _parked_shape(one: Parked) -> dict[str, Any]:
    message = one.message
    return {
        "message_id": one.message_id,
        "account_id": message.account_id,
        "offer_id": message.offer_id,
        "channel": message.channel,
        "recipient": message.recipient,
        "why": one.why,
        "attempts": one.attempts,
        "may_have_left": one.is_ambiguous,
    }


def _delivery_shape(one: Delivery) -> dict[str, Any]:
    message = one.message
    return {
        "account_id": message.account_id,
        "offer_id": message.offer_id,
        "channel": message.channel,
        "recipient": message.recipient,
        "result": one.result.value,
        "detail": one.detail,
    }
