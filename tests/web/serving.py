"""A real server for a test: any ASGI app on a free port of this machine, in a thread of its own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from time import sleep
from typing import Any

import uvicorn


@contextmanager
def serving(app: Any, **more: Any) -> Iterator[str]:
    """The app's address for as long as the block runs; ``more`` is for the server's configuration."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="error", lifespan="off", ws="none", timeout_graceful_shutdown=1, **more)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    for _ in range(500):
        if server.started:
            break
        sleep(0.01)
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        if hasattr(app.state, "upstep"):
            app.state.upstep.is_ending = True
        server.should_exit = True
        thread.join(10)
        listener.close()
