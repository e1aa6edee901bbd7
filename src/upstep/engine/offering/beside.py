"""What is said of a run beside its offers: notices, owners' tasks and help."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from upstep.engine.offering.helping import open_help
from upstep.engine.offering.notices import queue_notices
from upstep.engine.offering.tasks import queue_tasks

if TYPE_CHECKING:
    import sqlalchemy as sa

    from upstep.engine.deciding.decide import Run
    from upstep.engine.project import Project


def queue_beside(
    project: Project, state: sa.Engine, run: Run, *, now: datetime, accounts: Iterable[str] | None = None
) -> dict[str, int]:
    """Queue what a run says beside its offers. Twice queues nothing more.

    Args:
        accounts: Only these; None is all.

    Returns:
        How many of each were new: notices, tasks, help.
    """
    some = None if accounts is None else sorted(set(accounts))
    return {
        "notices": queue_notices(project, state, run, now=now, accounts=some),
        "tasks": queue_tasks(project, state, run, now=now, accounts=some),
        "help": open_help(project, state, run, now=now, accounts=some),
    }
