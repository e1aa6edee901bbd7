"""The command line: parses, calls the engine, prints. Owns what a terminal shows; decides and computes nothing.

Nothing heavy is imported until a command runs, so that ``upstep --help`` answers at once. Errors become words and exit
codes here and nowhere else: 0 done, 1 the answer is no, 2 wrong use or bad input, 3 something outside failed.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from functools import cache
from typing import Annotated

import typer

from upstep.cli import (
    answering,
    arriving,
    cases,
    contacting,
    deciding,
    demo,
    diagnosing,
    experimenting,
    explaining,
    following,
    forgetting,
    giving,
    goals,
    going_live,
    keeping,
    keys,
    learning,
    loading,
    messages,
    offering,
    planning,
    plays,
    quoting,
    reporting,
    serving,
    stages,
    starting,
    working,
)
from upstep.cli.terminal import visible
from upstep.errors import InputError, UpstepError

__all__ = ["app", "main"]

# Without rich's help pages, which take longer to import than all else together.
app = typer.Typer(
    name="upstep",
    help="Finds each subscriber's next obvious step, says when to wait and why, and prices it exactly.",
    epilog="Start with: upstep demo. Then, with your own tables: upstep init.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command()(demo.demo)
app.command()(starting.init)
app.command()(loading.load)
app.command()(loading.check)
app.command()(answering.confirm)
app.command()(deciding.decide)
app.command()(explaining.explain)
app.command()(quoting.quote)
app.command()(offering.offers)
app.command()(offering.deliver)
app.command()(contacting.reply)
app.add_typer(contacting.holds, name="holds")
app.command()(contacting.consent)
app.command()(going_live.live)
app.add_typer(messages.app, name="messages")
app.command()(quoting.apply)
app.command()(reporting.report)
app.add_typer(goals.app, name="goals")
app.command()(planning.plan)
app.command()(cases.case)
app.add_typer(stages.app, name="stage")
app.add_typer(plays.app, name="plays")
app.add_typer(learning.app, name="learn")
app.add_typer(experimenting.app, name="experiments")
app.command()(giving.incentives)
app.command("follow-up")(following.follow_up)
app.command()(diagnosing.doctor)
app.command()(working.worker)
app.command()(serving.serve)
app.command()(arriving.ingest)
app.add_typer(keys.app, name="keys")
app.command()(keeping.backup)
app.command()(keeping.restore)
app.command()(forgetting.forget)
app.command()(keeping.retention)
app.command()(keeping.upgrade)


@app.callback(invoke_without_command=True)
def _version(
    *, version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False
) -> None:
    if version:
        from upstep import __version__

        typer.echo(f"upstep {__version__}")
        raise typer.Exit


@cache
def _command() -> Callable[..., object]:
    """All commands, with what each takes: read from their functions once, which takes a tenth of a second."""
    return typer.main.get_command(app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; every error ends here, as words on standard error."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a name prints a question mark instead of failing.
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
    try:
        _command()(args=list(sys.argv[1:] if arguments is None else arguments), prog_name="upstep")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0
    except UpstepError as error:
        _tell(error)
        return error.exit_code
    except Exception as error:  # noqa: BLE001 - the one place that catches broadly, so that nobody meets a traceback
        _apologise(error)
        return UpstepError.exit_code
    return 0


def _tell(error: UpstepError) -> None:
    """Every fault on its own line."""
    lines = [str(fault) for fault in error.faults] if isinstance(error, InputError) else [str(error)]
    for line in lines:
        print(visible(line), file=sys.stderr)  # noqa: T201 - standard error is where faults are told
    _trace()


def _apologise(error: Exception) -> None:
    told = " ".join(str(error).split())[:300]
    if isinstance(error, OSError) and error.strerror:
        line = f"{error.filename or 'the system'}: {error.strerror}. Mend that and run the command again."
    else:
        line = (
            f"Sorry, this should not happen: {type(error).__name__}: {told}. "
            "Run the command again with UPSTEP_DEBUG=1 before it to see where, and please report it."
        )
    print(visible(line), file=sys.stderr)  # noqa: T201 - the same
    _trace()


def _trace() -> None:
    if os.environ.get("UPSTEP_DEBUG"):
        import traceback

        traceback.print_exc()
