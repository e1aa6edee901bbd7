"""upstep serve: one process that takes in events, answers the API and the widget, and works."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from upstep.cli.options import HERE, ProjectFolder
from upstep.errors import ConfigError, Fault

_EXTRA = ("fastapi", "httptools", "prometheus_client", "structlog", "uvicorn")


def serve(
    *,
    listen: Annotated[
        str | None, typer.Option(metavar="ADDRESS:PORT", help="Default: serve.listen in upstep.yaml.")
    ] = None,
    worker: Annotated[
        bool, typer.Option("--worker/--no-worker", help="Run the worker in this process too, or elsewhere.")
    ] = True,
    demo: Annotated[
        bool, typer.Option("--demo", help="A sample company in a temporary folder, with a page to try the widget on.")
    ] = False,
    project: ProjectFolder = HERE,
) -> None:
    """Run the service: events in, HTTP API, widget, and the worker, until Ctrl-C or a SIGTERM ends it."""
    if demo:
        need_extra()
        from upstep.web.demo.running import run_demo

        run_demo(listen, tell=lambda text: print(text, flush=True))  # noqa: T201
        return
    from upstep.engine.project import Project

    opened = Project(project)
    settings = opened.settings
    _ = opened.catalog, opened.playbook  # their faults come before any request
    need_extra()
    from upstep.web.serving import Serve, serve

    serve(opened, Serve(listen or settings.serving.listen, has_worker=worker), ready=_tell)


def need_extra() -> None:
    """The libraries of the service are an extra.

    Raises:
        ConfigError: One of them is not installed.
    """
    from importlib.util import find_spec

    if missing := [name for name in _EXTRA if find_spec(name) is None]:
        found = f"needs {', '.join(missing)}, which is not installed."
        raise ConfigError(Fault("serve", found, "Run: pip install 'upstep[serve]'"))


def _tell(host: str, port: int) -> None:
    shown = f"[{host}]" if ":" in host else host
    print(f"Serving at http://{shown}:{port} (Ctrl-C ends it). Next: upstep keys make", file=sys.stderr)  # noqa: T201
