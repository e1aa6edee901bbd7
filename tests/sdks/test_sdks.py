"""The client libraries that people have already, as they are, sending to the service: what they send becomes facts."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
import uvicorn
from starlette.applications import Starlette

from tests.company import CATALOG
from upstep.clock import now
from upstep.engine.intake.ingesting import drain
from upstep.engine.project import Project, open_project_inbox, open_project_state
from upstep.state.keys import make_key
from upstep.state.session import writing
from upstep.tables.current import current_rows
from upstep.tables.lake import open_snapshot
from upstep.web.app import create_app
from upstep.web.context import Context
from upstep.web.identity import sign_token
from upstep.web.ingest import Intake, routes

pytestmark = pytest.mark.sdks

HERE = Path(__file__).parent
PYTHON = HERE.parents[1] / ".venv" / "sdks" / "bin" / "python"
SETTINGS = """\
version: 1
company: Testco
currency: usd
ingest:
  track:
    Email Sent: {meter: emails, quantity: count}
    Viewed Pricing Page: {moment: pricing_page_viewed}
"""
CLIENTS = {
    "Segment for Python": "segment_python.py",
    "RudderStack for Python": "rudder_python.py",
    "Segment for Node": "segment_node.mjs",
    "RudderStack for Node": "rudder_node.mjs",
    "Segment for browsers": "segment_browser.mjs",
    "PostHog for Node": "posthog_node.mjs",
}


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """The application on a port of its own of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join(10)


def command(script: str) -> list[str]:
    """How a client is started, where what it needs is installed."""
    if script.endswith(".py"):
        if not PYTHON.exists():
            pytest.skip("needs the client libraries: make sdks installs them")
        return [str(PYTHON), str(HERE / script)]
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs node")
    if not (HERE / "node_modules").exists():
        pytest.skip("needs the client libraries: make sdks installs them")
    return [node, str(HERE / script)]


@pytest.mark.parametrize("script", CLIENTS.values(), ids=CLIENTS)
def test_what_a_library_sends_becomes_facts(script: str, tmp_path: Path) -> None:
    asked = command(script)
    (tmp_path / "upstep.yaml").write_text(SETTINGS)
    (tmp_path / "catalog.yaml").write_text(CATALOG)
    project = Project(tmp_path)
    state, inbox = open_project_state(project), open_project_inbox(project)
    with writing(state) as connection:
        _, key = make_key(connection, "page", ["ingest"], by="test", now=now())

    with serving(create_app(project, state=state, inbox=inbox)) as address:
        ran = subprocess.run([*asked, address, key], capture_output=True, text=True, timeout=60, check=False)
        assert ran.returncode == 0, ran.stderr
        for _ in range(100):
            if inbox.depth() >= 33:
                break
            time.sleep(0.1)
    drained = drain(project, inbox, now=now() + timedelta(seconds=1))
    inbox.close()

    assert (drained.accounts, drained.faults) == ({"acme"}, {})
    snapshot = open_snapshot(tmp_path)
    with duckdb.connect() as connection:
        used = f"SELECT count(*), sum(quantity)::BIGINT, count(contact_key) FROM ({snapshot.select('usage')})"
        assert connection.execute(used).fetchone() == (30, 150, 30)
        seen = f"SELECT kind, contact_id FROM ({snapshot.select('moment')})"
        assert connection.execute(seen).fetchall() == [("pricing_page_viewed", "ann")]
    account = current_rows(tmp_path, "account", ["acme"])["acme"]
    assert (account["name"], account["employees"]) == ("Acme", 40)
    if script != "posthog_node.mjs":  # Its groups are not of a person but of each event.
        contact = current_rows(tmp_path, "contact", ["ann"])["ann"]
        assert (contact["name"], contact["email"]) == ("Ann Lee", "ann@acme.example")


def test_a_page_with_segments_library_proves_who_speaks_by_a_header(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = command("segment_browser.mjs")
    secret = "a-secret-of-the-tests-that-is-long-enough"  # noqa: S105 - of the tests
    monkeypatch.setenv("TEST_TOKEN_SECRET", secret)
    (tmp_path / "upstep.yaml").write_text(f"{SETTINGS}serve:\n  token_secret: ${{TEST_TOKEN_SECRET}}\n")
    (tmp_path / "catalog.yaml").write_text(CATALOG)
    project = Project(tmp_path)
    state, inbox = open_project_state(project), open_project_inbox(project)
    with writing(state) as connection:
        _, key = make_key(connection, "page", ["browser"], by="test", now=now())
    token = sign_token("acme", "ann", secret=secret, now=now(), lasts=timedelta(minutes=10))

    with serving(create_app(project, state=state, inbox=inbox)) as address:
        ran = subprocess.run([*asked, address, key, token], capture_output=True, text=True, timeout=60, check=False)
        assert ran.returncode == 0, ran.stderr
    found = inbox.take()
    inbox.close()

    assert len(found) == 33
    assert {(event.is_public, event.proven_account) for event in found} == {(True, "acme")}


@pytest.mark.parametrize("script", ["segment_python.py", "segment_node.mjs"])
def test_a_library_that_is_asked_to_come_back_does(
    script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = command(script)
    monkeypatch.setattr("upstep.web.ingest.RETRY_SECONDS", 1)
    (tmp_path / "upstep.yaml").write_text(SETTINGS)
    project = Project(tmp_path)
    state, inbox = open_project_state(project), open_project_inbox(project)
    with writing(state) as connection:
        _, key = make_key(connection, "page", ["ingest"], by="test", now=now())
    intake = Intake(Context(project, state, inbox, now), depth_most=0)

    with serving(Starlette(routes=routes(intake))) as address, subprocess.Popen([*asked, address, key]) as client:
        for _ in range(100):
            if intake.turned_away:
                break
            time.sleep(0.1)
        intake.depth_most = 1_000
        assert client.wait(60) == 0
    assert (intake.turned_away > 0, inbox.depth()) == (True, 33)
    inbox.close()


@pytest.mark.parametrize("script", ["segment_python.py", "rudder_python.py", "segment_node.mjs"])
def test_a_library_whose_service_is_away_says_so(script: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"http://127.0.0.1:{taken.getsockname()[1]}"
    ran = subprocess.run([*command(script), address, "key"], capture_output=True, timeout=60, check=False)
    assert ran.returncode != 0
