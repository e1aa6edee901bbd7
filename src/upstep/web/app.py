"""The service put together: what stands before it, its routes, how errors are told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, FastAPI
from starlette.types import Receive, Scope, Send

import upstep
from upstep import clock as clocks
from upstep.engine.project import Project, open_project_state
from upstep.web import embed, health, hooks, ingest, offer_page, unsubscribe
from upstep.web.api.router import ROUTERS
from upstep.web.context import Context
from upstep.web.doorway import Shortcut
from upstep.web.guard import Guard
from upstep.web.keyring import Keyring
from upstep.web.lookup import Lookup
from upstep.web.openapi import document
from upstep.web.problem import HANDLERS

if TYPE_CHECKING:
    import sqlalchemy as sa


class Service(FastAPI):
    """FastAPI with the guard around everything, its own answers to errors included."""

    _front: Guard | None = None
    _lookup: Lookup

    def openapi(self) -> dict[str, Any]:
        """The document, made once."""
        if self.openapi_schema is None:
            self.openapi_schema = document(self)
        return self.openapi_schema

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The guard first, then the look-up, then what FastAPI knows."""
        await self._fronted()(scope, receive, send)

    def shortcut(self) -> Shortcut:
        """The shorter way of a look-up, for ``web.doorway``."""
        guard = self._fronted()
        return Shortcut(self._lookup, guard, self.state.upstep.metrics)

    def _fronted(self) -> Guard:
        if self._front is None:
            context = self.state.upstep
            self._lookup = Lookup(super().__call__, context, self.state.keyring)
            self._front = Guard(self._lookup, context=context)
        return self._front


def create_app(
    project: Project,
    *,
    state: sa.Engine | None = None,
    inbox: Any | None = None,
    clock: Callable[[], datetime] = clocks.now,
    worker: Any | None = None,
    demo: bool = False,
) -> FastAPI:
    """The application of one project.

    Args:
        project: Whose.
        state: Its operational database; None: the project's own is opened.
        inbox: Where events wait; None: none are taken in.
        clock: What time it is.
        worker: What works in this process, for ``/readyz``.
        demo: Whether the demo's pages are there.
    """
    app = Service(
        title="Upstep",
        version=upstep.__version__,
        openapi_url="/v1/openapi.json",
        # Their pages load scripts from other hosts.
        docs_url=None,
        redoc_url=None,
        exception_handlers=dict(HANDLERS),
    )
    app.state.upstep = Context(project, state or open_project_state(project), inbox, clock, worker=worker, demo=demo)
    app.state.keyring = Keyring()
    for router in _routers():
        app.include_router(router)
    if inbox is not None:
        # Last: client libraries of others choose the paths.
        app.router.routes.extend(ingest.routes(ingest.Intake(app.state.upstep)))
    return app


def _routers() -> Iterator[APIRouter]:
    """Every part of the service that is there."""
    yield health.router
    yield embed.router
    yield from ROUTERS
    yield hooks.router
    yield unsubscribe.router
    yield offer_page.router
