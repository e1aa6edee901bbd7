"""Segment's library for browsers, as its registry gives it, in a real browser: from a page's view to a fact."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from tests.company import CATALOG
from tests.web.serving import serving
from upstep.clock import now
from upstep.engine.intake.ingesting import drain
from upstep.engine.project import Project, open_project_inbox, open_project_state
from upstep.state.keys import make_key
from upstep.state.session import writing
from upstep.tables.current import current_rows
from upstep.tables.lake import open_snapshot
from upstep.web.app import create_app

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

LIBRARY = Path(__file__).parents[1] / "sdks" / "node_modules" / "@segment" / "analytics-next" / "dist" / "umd"
SETTINGS = """\
version: 1
company: Testco
currency: usd
ingest:
  track:
    Email Sent: {meter: emails, quantity: count}
    Viewed Pricing Page: {moment: pricing_page_viewed}
"""
HTML = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Pricing</title>
<script src="/segment/index.js"></script><script src="/app.js"></script><h1>Pricing</h1></html>"""
SCRIPT = """
window.analytics = window.AnalyticsNext.AnalyticsBrowser.load({{writeKey: "{key}", cdnURL: "{upstep}"}}, {{
  integrations: {{"Segment.io": {{deliveryStrategy: {{config: {{keepalive: true}}}}}}}}
}});
analytics.page("Pricing");
analytics.identify("ann", {{name: "Ann Lee", email: "ann@acme.example", role: "admin"}});
analytics.group("acme", {{name: "Acme", owner_id: "evil"}});
for (let n = 0; n < 5; n++) analytics.track("Email Sent", {{count: 2}});
"""


@contextmanager
def hosting(upstep: str, key: str) -> Iterator[str]:
    """A company's page with the library, under a policy that lets it speak to the service alone."""

    def page(_request: Request) -> Response:
        policy = f"default-src 'none'; script-src 'self'; connect-src {upstep}; base-uri 'none'"
        return HTMLResponse(HTML, headers={"Content-Security-Policy": policy})

    def script(_request: Request) -> Response:
        return Response(SCRIPT.format(key=key, upstep=upstep), media_type="text/javascript")

    files = Mount("/segment", StaticFiles(directory=LIBRARY))
    with serving(Starlette(routes=[Route("/", page), Route("/app.js", script), files])) as url:
        yield url


def test_a_page_with_segments_library_tells_of_its_visitor_and_leaves_the_company_alone(
    page: Page, tmp_path: Path
) -> None:
    if not LIBRARY.is_dir():
        pytest.skip("needs the client libraries: make sdks installs them")
    (tmp_path / "upstep.yaml").write_text(SETTINGS, encoding="utf-8")
    (tmp_path / "catalog.yaml").write_text(CATALOG, encoding="utf-8")
    project = Project(tmp_path)
    state, inbox = open_project_state(project), open_project_inbox(project)
    with writing(state) as connection:
        _, key = make_key(connection, "page", ["browser"], by="test", now=now())
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))

    with serving(create_app(project, state=state, inbox=inbox)) as upstep, hosting(upstep, key) as url:
        page.goto(url)
        until(lambda: inbox.depth() >= 8)
        # The last one of a visit is sent while its page goes away.
        page.evaluate("() => { analytics.track('Email Sent', {count: 5}); location.href = 'about:blank'; }")
        until(lambda: inbox.depth() >= 9)
    drained = drain(project, inbox, now=now() + timedelta(seconds=1))
    refused = {one.what for one in inbox.refused()}
    inbox.close()

    assert complaints == []
    assert (drained.accounts, drained.faults) == ({"acme"}, {})
    snapshot = open_snapshot(tmp_path)
    with duckdb.connect() as query:
        used = f"SELECT count(*), sum(quantity)::BIGINT, count(contact_key) FROM ({snapshot.select('usage')})"
        assert query.execute(used).fetchone() == (6, 15, 6)
        seen = f"SELECT kind, contact_id FROM ({snapshot.select('moment')})"
        assert query.execute(seen).fetchall() == [("pricing_page_viewed", "ann")]
    account, contact = current_rows(tmp_path, "account", ["acme"])["acme"], current_rows(tmp_path, "contact", ["ann"])
    assert (account["name"], account.get("owner_id")) == ("Acme", None)
    assert (contact["ann"]["name"], contact["ann"].get("email"), contact["ann"].get("role")) == ("Ann Lee", None, None)
    assert refused == {"account.owner_id", "contact.email", "contact.role"}


def until(is_so: Callable[[], bool]) -> None:
    """Wait until something is so; what it is not after half a minute, the assertions tell."""
    for _ in range(300):
        if is_so():
            return
        time.sleep(0.1)
