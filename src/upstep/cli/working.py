"""upstep worker: what has arrived becomes facts, decisions, offers and messages, until it is told to end."""

from __future__ import annotations

import signal
from importlib.util import find_spec
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from upstep.cli.options import HERE, AsJson, ProjectFolder
from upstep.cli.terminal import counted, next_command, print_json, show

if TYPE_CHECKING:
    from upstep.engine.live.cycle import Cycle
    from upstep.engine.live.loop import Worker


def worker(
    *,
    once: Annotated[bool, typer.Option("--once", help="One cycle over what waits, then end.")] = False,
    project: ProjectFolder = HERE,
    as_json: AsJson = False,
) -> None:
    """Load what arrived, decide the accounts it touched, publish, open offers and send, until Ctrl-C or a SIGTERM."""
    from upstep.clock import now
    from upstep.engine.live.loop import Worker
    from upstep.engine.project import Project, open_project_inbox, open_project_state

    opened = Project(project)
    _ = opened.settings, opened.catalog, opened.playbook  # their faults come before any work
    inbox = open_project_inbox(opened)
    made = Worker(opened, state=open_project_state(opened), inbox=inbox, clock=now)
    try:
        if once:
            _tell(made.cycle(), as_json=as_json)
        else:
            _run(made)
    finally:
        inbox.close()
    if once and not as_json:
        next_command("worker", project=project, why="goes on until you end it")


def _run(made: Worker) -> None:
    _log()

    def end(_number: int, _frame: FrameType | None) -> None:
        made.stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    made.run()


def _log() -> None:
    """JSON lines where the service is installed, plain ones elsewhere; on standard error."""
    if find_spec("structlog"):
        from upstep.web.logs import set_up_logs

        set_up_logs()
        return
    import logging

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(message)s")
    logging.getLogger("upstep").setLevel(logging.INFO)


def _tell(cycle: Cycle, *, as_json: bool) -> None:
    seconds = {name: round(value, 3) for name, value in cycle.seconds.items()}
    if as_json:
        print_json({**{name: value for name, value in vars(cycle).items() if name != "seconds"}, "seconds": seconds})
        return
    decided = "every account" if cycle.accounts is None else counted(cycle.accounts, "account")
    show(
        f"{counted(cycle.events, 'event')} loaded, {decided} decided ({counted(cycle.decisions, 'decision')}).",
        f"{counted(cycle.offers, 'offer')} opened, {counted(cycle.notices, 'notice')} queued,"
        f" {counted(cycle.sent, 'message')} sent.",
        "Seconds: " + ", ".join(f"{name} {value}" for name, value in seconds.items()) + ".",
    )
