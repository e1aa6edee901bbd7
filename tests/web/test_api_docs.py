"""The examples of docs/api.md, run as they are printed against a service of the sample company."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.web.asking import Asker
from tests.web.serving import serving
from upstep.engine.contacting.publishing import publish
from upstep.engine.deciding.decide import decide

PAGE = Path(__file__).parents[2] / "docs" / "api.md"
ACCOUNT = "lumenbrook-software"


def printed() -> Iterator[str]:
    """The lines of the block under 'Asking', but for the two that a test sets otherwise."""
    section = PAGE.read_text(encoding="utf-8").partition("\n## Asking\n")[2].partition("\n## ")[0]
    for line in section.splitlines():
        if line.startswith("    ") and not line.startswith(("    URL=", "    KEY=")):
            yield line[4:]


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("curl"), reason="the page is written for curl")
def test_the_pages_examples_work_as_they_are_printed(service: Asker) -> None:
    key = service.keys["admin"]
    run = decide(service.project, accounts=[ACCOUNT])
    publish(service.project, service.app.state.upstep.state, run, now=service.clock(), accounts=[ACCOUNT])
    with serving(service.app) as url:
        script = "\n".join(["set -eu", 'curl() { command curl -sS --fail-with-body -w "\\n" "$@"; }', *printed()])
        environment = {"PATH": os.environ["PATH"], "URL": url, "KEY": key, "NO_PROXY": "*"}
        ran = subprocess.run(["bash", "-c", script], env=environment, capture_output=True, text=True, check=False)

    assert ran.returncode == 0, ran.stdout[-500:] + ran.stderr
    decided, offer, accepted, quote = (json.loads(line) for line in ran.stdout.splitlines())
    assert {one["account_id"] for one in (decided, offer, quote)} == {ACCOUNT}
    assert (accepted["result"], accepted["converted"]) == ("applied", [offer["offer_id"]])


def test_a_body_that_is_not_said_to_be_json_is_told_so(reader: Asker) -> None:
    answer = reader.ask("POST", "/v1/goals", scope="act", content=b"{}", headers={"content-type": "text/plain"})

    assert answer.status_code == 422
    assert answer.json()["detail"].endswith("Send the header Content-Type: application/json.")
    assert answer.json()["errors"][0]["found"] == "the body is said to be 'text/plain'"
