"""upstep quote and apply: the exact price of a change, locked, and the change made once."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from upstep.cli.options import HERE, AsJson, DryRun, ProjectFolder, instant
from upstep.cli.quoted import show_quote, show_settled
from upstep.cli.terminal import next_command, print_json, progress
from upstep.errors import ConfigError, Fault, did_you_mean

if TYPE_CHECKING:
    from upstep.billing.provider import Provider
    from upstep.engine.project import Project
    from upstep.engine.quoting.reconciling import Reconciled
    from upstep.engine.quoting.wish import Wish

At = Annotated[str | None, typer.Option("--at", metavar="T", help="As if it were then. Default: now.")]
NO = 1
"""The exit code of an answer that is no: declined, or somebody must confirm first."""


def quote(  # noqa: PLR0913 - each is an option of the command
    account: Annotated[str, typer.Argument(metavar="ACCOUNT", help="An id, or a part of an id or name.")],
    *,
    to: Annotated[str | None, typer.Option("--to", metavar="plan=ID", help="The plan. Default: today's.")] = None,
    interval: Annotated[
        str | None, typer.Option(metavar="WORD", help="month, quarter or year. Default: today's.")
    ] = None,
    quantity: Annotated[
        list[str] | None,
        typer.Option(metavar="METER=N", help="How many in all, of a meter or an add-on; may be repeated."),
    ] = None,
    add: Annotated[
        list[str] | None,
        typer.Option(metavar="add_on=ID", help="One more of an add-on, ID:N for more; may be repeated."),
    ] = None,
    when: Annotated[
        str | None, typer.Option(metavar="WORD", help="now or renewal. Default: up now, down at renewal.")
    ] = None,
    currency: Annotated[str | None, typer.Option(metavar="CODE", help="Default: the one they pay in.")] = None,
    subscription: Annotated[
        str | None, typer.Option(metavar="ID", help="Which one, where they have several of the product.")
    ] = None,
    by: Annotated[str | None, typer.Option(metavar="NAME", help="Who asks. Default: your user name.")] = None,
    project: ProjectFolder = HERE,
    at: At = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Price a change to the cent: today's and the new price, what is due now, and until when that is locked."""
    from upstep.engine.project import Project, open_project_state
    from upstep.engine.quoting import quotes as quoting
    from upstep.engine.quoting.biller import open_biller

    wish = _wish(to, interval, quantity or [], add or [], when=when, currency=currency, subscription=subscription)
    opened = Project(project)
    _ = opened.settings
    moment = _moment(at)
    with progress(quiet=as_json) as tell, _biller(opened, dry_run=dry_run) as path:
        tell("pricing", 0.4)

        def provider_for(account_id: str) -> Provider:
            return open_biller(opened, as_of=moment, accounts=[account_id], path=path)

        priced = quoting.ask(opened, account, wish, provider_for=provider_for, now=moment)
    if not dry_run:
        engine = open_project_state(opened)
        quoting.save(engine, priced, by=by or _user(), now=moment)
        engine.dispose()
    if as_json:
        from upstep.engine.quoting.quoted import described

        print_json({**described(priced), "is_locked": not dry_run})
        return
    show_quote(priced, opened, is_locked=not dry_run)


def apply(
    offer_or_quote: Annotated[
        str, typer.Argument(metavar="QUOTE", help="A quote's id, or an offer's, as 'quote' and 'offers' print them.")
    ],
    *,
    by: Annotated[str | None, typer.Option(metavar="NAME", help="Who said yes. Default: your user name.")] = None,
    project: ProjectFolder = HERE,
    at: At = None,
    as_json: AsJson = False,
) -> None:
    """Make the change of a quote, or say yes to an offer: what holds is asked, then it is applied exactly once."""
    from upstep.billing.provider import Applied
    from upstep.engine.project import Project, open_project_state
    from upstep.engine.quoting import quotes as quoting
    from upstep.engine.quoting.biller import open_biller

    opened = Project(project)
    _ = opened.settings
    moment = _moment(at)
    engine = open_project_state(opened)
    with progress(quiet=as_json) as tell:
        tell("applying", 0.3)
        known = quoting.find(engine, offer_or_quote)
        provider = open_biller(opened, as_of=moment, accounts=[known.account_id])
        settled = quoting.settle(opened, engine, provider, known, by=by or _user(), now=moment)
        tell("reading back", 0.7)
        is_made = isinstance(settled.answer, Applied)
        told, movements = _read_back(opened, provider, known.account_id, now=moment, is_made=is_made)
        settled = quoting.as_it_stands(engine, settled) if told else settled
    engine.dispose()
    if as_json:
        from upstep.engine.offering.shapes import applied

        print_json(applied(settled, [one.offer_id for one in told.converted] if told else []))
    else:
        show_settled(settled, movements, opened)
        when = f"{moment:%Y-%m-%dT%H:%M:%SZ}"
        if settled.answer is None or isinstance(settled.answer, Applied):
            next_command("explain", known.account_id, "--as-of", when, project=project)
        else:
            next_command("apply", offer_or_quote, project=project, why="asks again")
    if not (settled.answer is None or isinstance(settled.answer, Applied)):
        raise typer.Exit(NO)


def _read_back(
    project: Project, provider: Provider, account_id: str, *, now: datetime, is_made: bool
) -> tuple[Reconciled | None, list[dict[str, Any]]]:
    """What the provider tells of the change, as facts and movements; nothing where that cannot be read now.

    The change stands, and the worker or the next apply reads it back: an error would say otherwise.
    """
    from upstep.engine.quoting import reconciling
    from upstep.engine.quoting.settling import after_settling

    told, why = after_settling(lambda: reconciling.reconcile(project, provider=provider, now=now))
    if told is None:
        first = "The change was made. It is" if is_made else "The answer stands. It is"
        _beside(f"{first} not read back yet ({why.rstrip('.')}): 'upstep worker' or the next apply does it.")
        return None, []
    for said in told.unanswered:
        _beside(f"Not finished yet: {said}")
    movements, why = after_settling(lambda: reconciling.account_movements(project, account_id, as_of=now))
    if movements is None:
        _beside(f"Its MRR cannot be told now ({why.rstrip('.')}).")
    return told, movements or []


def _beside(line: str) -> None:
    print(line, file=sys.stderr)  # noqa: T201 - beside the answer, not in it


def _moment(at: str | None) -> datetime:
    from upstep.clock import now

    return instant(at, "--at") or now()


def _user() -> str:
    import getpass

    return getpass.getuser()


@contextmanager
def _biller(project: Project, *, dry_run: bool) -> Iterator[Path | None]:
    """Where the sandbox's file is: for a dry run a copy, since even to be asked it takes over the account's items."""
    import sqlite3
    import tempfile

    if not dry_run:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "sandbox.db"
        if project.sandbox_path.exists():
            source, target = sqlite3.connect(project.sandbox_path), sqlite3.connect(copy)
            source.backup(target)
            source.close()
            target.close()
        yield copy


# What is wanted


def _wish(
    to: str | None,
    interval: str | None,
    quantity: Sequence[str],
    add: Sequence[str],
    *,
    when: str | None,
    currency: str | None,
    subscription: str | None,
) -> Wish:
    """The options as a wish.

    Raises:
        ConfigError: An option is not as it is written; all of them at once.
    """
    from upstep.billing.change import Starts
    from upstep.engine.quoting.wish import Wish

    faults: list[Fault] = []
    plan_id = _named("--to", to, "plan", faults) if to is not None else None
    quantities = _counts("--quantity", quantity, faults)
    named = [_named("--add", each, "add_on", faults) for each in add]
    add_ons = _counts("--add", [f"{each.replace(':', '=')}" if ":" in each else f"{each}=1" for each in named], faults)
    starts = {None: None, "now": Starts.NOW, "renewal": Starts.AT_RENEWAL}
    if when not in starts:
        faults.append(Fault("--when", f"'{when}' is no word for it.", did_you_mean(str(when), ["now", "renewal"])))
    if faults:
        raise ConfigError(faults)
    return Wish(plan_id, interval, quantities, add_ons, subscription, currency, starts[when])


def _named(option: str, text: str, kind: str, faults: list[Fault]) -> str:
    """The id of ``kind=ID``; an id alone is meant so too."""
    name, found, value = text.partition("=")
    if not found:
        return text
    if name != kind or not value:
        faults.append(Fault(option, f"'{text}' is not {kind}=ID.", f"Write {option} {kind}=ID."))
    return value


def _counts(option: str, texts: Sequence[str], faults: list[Fault]) -> dict[str, int]:
    """Names and whole numbers of ``NAME=N``; a number alone has no name."""
    counts: dict[str, int] = {}
    for text in texts:
        name, _, number = text.rpartition("=")
        if not number.isdecimal() or len(number) > 12:
            faults.append(Fault(option, f"'{text}' is not NAME=N with a whole number.", f"Write {option} seats=13."))
        elif name in counts:
            faults.append(Fault(option, f"'{name}' is named twice."))
        else:
            counts[name] = int(number)
    return counts
