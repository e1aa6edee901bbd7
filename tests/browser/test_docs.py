"""docs/widget.md, followed literally from an empty folder: its files, its commands, and the paid invoice at the end."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from upstep.clock import now
from upstep.web.identity import read_token

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

PAGE = (Path(__file__).parents[2] / "docs" / "widget.md").read_text(encoding="utf-8")
FILE = re.compile(r"`([\w./]+)`[^\n`]*(?:\n[^\n`]+)*:\n\n```\w+\n(.*?)```", re.DOTALL)
COMMANDS = re.compile(r"```sh\n(.*?)```", re.DOTALL)
LIBRARIES_OF_OTHERS = ("flask_app.py", "express_app.mjs")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def bins() -> str:
    return f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"


@contextmanager
def going(command: str, folder: Path, until: str) -> Iterator[None]:
    """A terminal in which a command goes on; it is left when the block ends."""
    environment = {**os.environ, "PATH": bins()}
    with subprocess.Popen(
        ["bash", "-euc", command],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if until in line:
                break
        else:
            pytest.fail("".join(said))
        log = (folder / f"{until.partition(' ')[0]}.log").open("w")
        pump = subprocess.Popen(["cat"], stdin=process.stderr, stdout=log)
        try:
            yield
        finally:
            os.killpg(process.pid, signal.SIGINT)
            process.wait(60)
            pump.wait(10)
            log.close()


def test_the_page_followed_literally_ends_with_an_offer_that_is_taken_and_its_invoice(
    page: Page, tmp_path: Path, pictures: Path
) -> None:
    if shutil.which("curl") is None:
        pytest.skip("the page sends by curl, which is not on this machine")
    # Literally, but for the ports, which others may have taken.
    served, hosted = free_port(), free_port()
    text = PAGE.replace("8787", str(served)).replace("8000", str(hosted))
    text = text.replace("upstep serve\n```", f"upstep serve --listen 127.0.0.1:{served}\n```")
    files = {name: body for name, body in FILE.findall(text) if name not in LIBRARIES_OF_OTHERS}
    start, service, host, send, send_more = COMMANDS.findall(text)
    url = re.search(r"Open `(http://\S+)`", text)
    assert url is not None

    environment = {**os.environ, "PATH": bins()}
    subprocess.run(["bash", "-euc", start], cwd=tmp_path, env=environment, check=True)
    for name, body in files.items():
        path = tmp_path / name
        settings = path.read_text(encoding="utf-8") if name == "upstep.yaml" else ""
        path.write_text(settings + body, encoding="utf-8")
    with going(service, tmp_path, "Serving at"), going(host, tmp_path, "Uvicorn running"):
        page.set_default_timeout(60_000)
        page.goto(url[1])
        page.get_by_text("0 of 3,000").wait_for()
        subprocess.run(["bash", "-euc", f'{send}\nprintf %s "$KEY" > key'], cwd=tmp_path, env=environment, check=True)
        page.locator("upstep-offer article").wait_for()
        assert "83%" in page.locator("upstep-offer article").inner_text()
        page.get_by_text("2,500 of 3,000", exact=True).wait_for()

        # The same terminal goes on: it has the key still.
        more = ["bash", "-euc", f"KEY=$(cat key)\n{send_more}"]
        subprocess.run(more, cwd=tmp_path, env=environment, check=True)
        page.get_by_role("button", name="Change to Pro").click()
        page.get_by_role("button", name="Confirm and pay $20.00").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_text("Done. You are on Pro.").wait_for()
        told = dialog.inner_text()
        assert "$20.00 paid. Invoice in_acme_1." in told
        assert re.search(r"Pro, monthly: \w+ \d+[\w, ]* \d{4}\n\$20\.00", told)
        # The paid month begins with the second of the quote, which may be the one in which the last 500 were sent.
        page.get_by_text(re.compile(r"^(0|500) of 50,000$")).wait_for()
        page.screenshot(path=pictures / "ten-minutes.png")


def test_the_token_without_a_library_is_one_that_is_accepted(tmp_path: Path) -> None:
    if shutil.which("node") is None:
        pytest.skip("needs Node")
    secret = "a-secret-of-the-tests-that-is-long-enough"  # noqa: S105 - of the tests
    files = dict(FILE.findall(PAGE))
    (tmp_path / "token.mjs").write_text(files["token.mjs"], encoding="utf-8")
    script = 'import { upstepToken } from "./token.mjs"; console.log(upstepToken("acme", "ana"));'
    environment = {**os.environ, "UPSTEP_TOKEN_SECRET": secret}
    told = subprocess.run(
        ["node", "--input-type=module", "-e", script],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    found = read_token(told.stdout.strip(), secret=secret, now=now())
    assert (found.account_id, found.contact_id) == ("acme", "ana")
    assert datetime.fromtimestamp(found.expires_at, UTC) - now() <= timedelta(minutes=10)


def test_what_needs_others_libraries_is_at_least_well_formed(tmp_path: Path) -> None:
    files = dict(FILE.findall(PAGE))
    compile(files["flask_app.py"], "flask_app.py", "exec")
    if shutil.which("node") is not None:
        (tmp_path / "express_app.mjs").write_text(files["express_app.mjs"], encoding="utf-8")
        subprocess.run(["node", "--check", str(tmp_path / "express_app.mjs")], check=True)
