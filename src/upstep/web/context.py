"""What every route is handed: the project, its state and inbox, the clock."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from starlette.requests import HTTPConnection

from upstep.web.metrics import Metrics

if TYPE_CHECKING:
    import sqlalchemy as sa

    from upstep.engine.project import Project


@dataclass
class Context:
    """One service.

    Args:
        inbox: Where events wait (``state.inbox.Inbox``); None: this service takes in none.
        worker: What works beside it in this process (``engine.live.loop.Worker``); None: it works elsewhere.
        demo: Whether the demo's pages are there.
        is_ending: Set when the process is told to end: whoever waits for news is answered at once.
    """

    project: Project
    state: sa.Engine
    inbox: Any | None
    clock: Callable[[], datetime]
    worker: Any | None = None
    demo: bool = False
    is_ending: bool = False
    metrics: Metrics = field(default_factory=Metrics)


def context_of(request: HTTPConnection) -> Context:
    """The context of the service that answers this request."""
    context: Context = request.app.state.upstep
    return context
