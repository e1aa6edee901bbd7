"""One process that serves: API, ingest and widget, and beside them the worker. It ends without losing anything."""

from __future__ import annotations

import contextlib
import gc
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType
from typing import TYPE_CHECKING, Protocol

import structlog
import uvicorn

from upstep import clock as clocks
from upstep.engine.project import open_project_inbox, open_project_state
from upstep.errors import ConfigError, Fault
from upstep.state.inbox import Inbox
from upstep.web.app import create_app
from upstep.web.doorway import Doorway
from upstep.web.logs import set_up_logs

if TYPE_CHECKING:
    import sqlalchemy as sa
    from fastapi import FastAPI

    from upstep.engine.project import Project

GRACE_SECONDS = 20
"""For so long requests in flight may go on after a signal to end."""

SWITCH_SECONDS = 0.0005
"""So long the worker's thread may keep the interpreter from an answer at a time; Python's own is ten times that."""

Ready = Callable[[str, int], None]
BACKLOG = 1024
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Works(Protocol):
    """What runs until it is told to stop (``engine.live.loop.Worker``)."""

    def run(self) -> None:
        """Work until stopped."""

    def stop(self) -> None:
        """End after the step at hand."""


class Beside:
    """A worker in a thread of its own."""

    def __init__(self, worker: Works) -> None:
        self._worker = worker
        self._thread = threading.Thread(target=self._run, name="upstep worker", daemon=True)
        self.is_broken = False

    def _run(self) -> None:
        try:
            self._worker.run()
        except Exception as error:  # noqa: BLE001 - /readyz says so; what arrives meanwhile waits in the inbox
            self.is_broken = True
            structlog.get_logger().error("worker stopped", error=type(error).__name__, exc_info=error)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def end(self) -> None:
        """Let it finish the step at hand."""
        self._worker.stop()
        if self._thread.ident is not None:  # it never began where the address was taken
            self._thread.join()


@dataclass(frozen=True)
class Serve:
    """How one process serves.

    Args:
        listen: Address and port; port 0 takes a free one.
        has_worker: Whether the worker runs here too.
        demo: Whether the demo's pages are there.
    """

    listen: str
    has_worker: bool = True
    demo: bool = False


class _Server(uvicorn.Server):
    """uvicorn, which ends when told to and then lets the caller put things away instead of killing the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End at a signal; at a second one at once."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self._on_signal) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, known in before.items():
                signal.signal(number, known)

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self.config.app.state.upstep.is_ending = True  # type: ignore[union-attr]
        self.force_exit = self.should_exit
        self.should_exit = True


def serve(project: Project, how: Serve, *, ready: Ready = lambda _host, _port: None) -> None:
    """Serve until a signal ends it: requests in flight are answered, the worker ends its step, the inbox is written.

    Args:
        ready: Called with address and port once requests are taken.
    """
    set_up_logs()
    state = open_project_state(project)
    inbox = open_project_inbox(project)
    beside = Beside(_worker(project, state, inbox)) if how.has_worker else None
    app = create_app(project, state=state, inbox=inbox, worker=beside, demo=how.demo)
    log = structlog.get_logger()
    try:
        with listening(how.listen) as listener:
            if beside is not None:
                sys.setswitchinterval(SWITCH_SECONDS)
                beside.start()
            host, port = listener.getsockname()[:2]
            log.info("serving", host=host, port=port, worker=how.has_worker)
            ready(host, port)
            _spare_the_collector()
            _Server(_config(app)).run([listener])
    finally:
        log.info("ending")
        if beside is not None:
            beside.end()
        inbox.close()
        state.dispose()
        log.info("ended")


def _spare_the_collector() -> None:
    """What was made at the start is never looked through again for what nobody needs: each look would delay answers.

    Looking less often belongs to it: with the rest set aside, Python would look through what is left far more often.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


def _worker(project: Project, state: sa.Engine, inbox: Inbox) -> Works:
    from upstep.engine.live.loop import Worker

    return Worker(project, state=state, inbox=inbox, clock=clocks.now)


@contextlib.contextmanager
def listening(address: str) -> Iterator[socket.socket]:
    """The socket, bound at once, so that a port that is taken is told before anything starts.

    Raises:
        ConfigError: The address is none of this machine, or its port is taken.
    """
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, int(port)))
            listener.listen(BACKLOG)
        except (OSError, OverflowError, ValueError) as error:
            advice = "Name another with --listen ADDRESS:PORT, or end what listens there."
            raise ConfigError(Fault(f"listen {address}", f"cannot be listened at ({error}).", advice)) from None
        yield listener


def _config(app: FastAPI) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=Doorway,
        loop="asyncio",
        lifespan="off",
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        timeout_keep_alive=75,
        backlog=BACKLOG,
    )
