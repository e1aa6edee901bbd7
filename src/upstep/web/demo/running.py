"""The demo running: a company in a temporary folder, the service, and Postline's own server beside it."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
import uvicorn

from upstep import clock as clocks
from upstep.engine.deciding.decide import decide
from upstep.engine.quoting.meters import MeterReader
from upstep.engine.project import open_project_state
from upstep.state import tables
from upstep.state.keys import make_key
from upstep.state.session import reading, writing
from upstep.web.demo.company import ACCOUNT, SECRET_NAME, make_company
from upstep.web.demo.site import Site
from upstep.web.serving import Serve, listening, serve

if TYPE_CHECKING:
    from starlette.applications import Starlette

DEMO_LISTEN = "127.0.0.1:8787"


def run_demo(listen: str | None, *, tell: Callable[[str], None]) -> None:
    """Make the company, serve it until a signal ends it, and take it away again.

    Args:
        listen: Where the service listens; the demo's page takes the next free port of that address.
        tell: Told what a person wants to know: that it is being made, then where the page is.

    Raises:
        ConfigError: The address is not free.
    """
    os.environ.setdefault("UPSTEP_CACHE", str(_cache_folder()))
    tell("Making a sample company …")
    tell("  15 to 30 seconds in all; the next demo is quicker where compiled queries are kept.")
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="upstep-demo-")))
        address, _, port = (listen or DEMO_LISTEN).rpartition(":")
        with listening(f"{address}:{port}") as probe:
            taken = probe.getsockname()[1]
        page = stack.enter_context(_page_socket(address, taken + 1))
        host = f"http://{address}:{page.getsockname()[1]}"
        upstep = f"http://{address}:{taken}"
        now = clocks.now()
        company = make_company(folder, now=now, upstep=upstep, host=host)
        # Its queries are compiled before anybody watches the clock.
        tell("Compiling its queries and deciding about every account …")
        decide(company.project)
        decide(company.project, accounts=[ACCOUNT])
        MeterReader(company.project).read(ACCOUNT)
        os.environ[SECRET_NAME] = secret = secrets.token_hex(32)
        state = open_project_state(company.project)
        stack.callback(state.dispose)
        with writing(state) as connection:
            _, write_key = make_key(connection, "demo", ["ingest"], by="demo", now=now)
        tell("Starting the service and the page …")
        site = Site(company, state, upstep, write_key, secret, clocks.now)
        logging.getLogger("upstep").addHandler(site.lines)
        stack.callback(logging.getLogger("upstep").removeHandler, site.lines)
        stack.enter_context(_beside(site.app(), page))

        def ready(_host: str, _port: int) -> None:
            words = f"Open {host} and drag the slider. Ctrl-C ends the demo."
            threading.Thread(target=_when_decided, args=(state, lambda: tell(words)), daemon=True).start()

        serve(company.project, Serve(f"{address}:{taken}", demo=True), ready=ready)


def _when_decided(state: sa.Engine, act: Callable[[], None]) -> None:
    """Act once the worker has decided about everybody for the first time, or after a while in any case."""
    mark = sa.select(tables.watermark.c.account_id).where(tables.watermark.c.account_id == "")
    for _ in range(300):
        with reading(state) as connection:
            if connection.execute(mark).first() is not None:
                break
        time.sleep(0.2)
    act()


def _cache_folder() -> Path:
    """Where the compiled queries of one demo are kept for the next, which then begins at once."""
    named = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    return (Path(named) if named else Path.home() / ".cache") / "upstep"


def _page_socket(address: str, port: int) -> contextlib.AbstractContextManager[socket.socket]:
    """The page's socket: the next port when it is free, else any."""
    try:
        with listening(f"{address}:{port}"):
            wanted = port
    except Exception:  # noqa: BLE001 - whatever is wrong with that port, another will do
        wanted = 0
    return listening(f"{address}:{wanted}")


@contextlib.contextmanager
def _beside(app: Starlette, listener: socket.socket) -> Iterator[None]:
    """Serve the page in a thread for as long as the block runs."""
    config = uvicorn.Config(app, lifespan="off", access_log=False, log_config=None, log_level="warning")
    config.timeout_graceful_shutdown = 1
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, args=([listener],), name="demo page", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(5)
